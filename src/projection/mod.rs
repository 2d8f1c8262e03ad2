//! Answers for people, derived from records and state; disposable.

mod explain;
mod history;

pub use explain::{Explanation, ExplanationLine};
pub use history::{History, HistoryError};
