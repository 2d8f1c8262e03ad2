//! Answers for people, derived from records and state; disposable.

mod audit;
mod drill;
mod explain;
mod history;
pub mod levels;
#[cfg(test)]
mod limit_tests;
pub mod load;
mod oncall;
pub mod rotations;

pub use audit::{AuditAsked, AuditPage, AuditRow};
pub use drill::{DrillReport, Hop, Verdict};
pub use explain::{Explanation, ExplanationLine};
pub use history::{History, HistoryError};
pub use oncall::{OnCallRow, PersonRow, on_call, people, schedules_of};
