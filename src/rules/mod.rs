//! Rule kinds, one file each. A rule looks at facts and answers with a [`Because`], which goes into the trace as it is.
//!
//! Absent on purpose: clocks, state of their own (what a rule must remember is engine state), logging, `Result`s.

pub mod burn_rate;
pub mod dedup;
pub mod expression;
pub mod maintenance;
pub mod matcher;
pub mod priority;
pub mod route;
pub mod silence;
pub mod snooze;
pub mod timeliness;
mod verdict;
mod wording;
mod wording_personal;
mod wording_response;
mod wording_slo;

pub use verdict::{Because, RuleEnd, RuleKind};
