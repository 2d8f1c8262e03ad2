//! Answers for people, derived from records and state; disposable.

mod audit;
pub mod budgets;
mod calendar;
mod drill;
mod explain;
pub mod gate;
mod history;
pub mod levels;
#[cfg(test)]
mod limit_tests;
pub mod load;
mod oncall;
mod preview;
pub mod rotations;
mod timeline;

pub use audit::{AuditAsked, AuditPage, AuditRow};
pub use calendar::{CALENDAR_EVENTS_MAX, calendar};
pub use drill::{DrillReport, Hop, Verdict};
pub use explain::{Explanation, ExplanationLine};
pub use history::{History, HistoryError};
pub use oncall::{OnCallRow, PersonRow, on_call, people, schedules_of};
pub use preview::{PREVIEW_RECORDS_MAX, Preview};
pub use timeline::{Entry, Kind, Timeline, performed_again};
