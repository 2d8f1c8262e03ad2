//! Answers for people, derived from records and state; disposable.

use serde::Serialize;

/// The chain of decisions about an incident or an event, in order of time.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// What is explained: `incident 4711`, `event E1042`.
    pub subject: String,
    /// The lines.
    pub lines: Vec<ExplanationLine>,
}

/// One line of an explanation.
#[derive(Debug, Clone, Serialize)]
pub struct ExplanationLine {
    /// RFC 3339, UTC.
    pub at: String,
    /// Which rule spoke.
    pub rule: String,
    /// What it saw and answered, in a sentence.
    pub because: String,
}
