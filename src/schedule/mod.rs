//! Who is on call. Pure: the answer is a function of the definition and the instant.
//!
//! `on_call(t)`, `shifts(window)` and `next_change(t)` come from the same code (`resolve.rs`). The rules of reading civil time, turns, restrictions,
//! layers, roles and overrides are stated, with numbers, in `tests/data/oracles/schedules/README.md`.
//!
//! Absent on purpose: zone look-ups (the definition carries resolved zones), clocks, stored positions in a rotation.

mod absences;
mod calendar;
mod clock;
pub mod coverage;
mod cron;
mod hours;
mod layer;
mod merge;
mod overrides;
mod people;
mod resolve;
mod rotation;
mod spec;
mod week;

pub use absences::{Away, is_away};
pub use cron::{CivilCron, CronError};
pub use merge::{merged, supersedes};
pub use people::{Answer, OnCall, Shift};
pub use resolve::Schedule;
pub use spec::{
    Layer, Live, Override, OverrideKind, Restriction, Rotation, RotationUnit, ScheduleSpec, Weekday, WhenAbsent, Zone,
};
pub use week::{LocalTime, WeekHours};

#[cfg(test)]
mod tests;
