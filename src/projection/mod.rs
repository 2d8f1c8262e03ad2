//! Answers for people, derived from records and state; disposable.

mod explain;

pub use explain::{Explanation, ExplanationLine, explain_event, explain_incident, explain_page};
