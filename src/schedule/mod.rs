//! Who is on call. Pure: the answer is a function of the definition and the instant.
//!
//! `on_call(t)`, `shifts(window)` and `next_change(t)` come from the same code. The rules of reading civil time, turns, restrictions,
//! layers, roles and overrides are stated, with numbers, in `tests/data/oracles/schedules/README.md`.
//!
//! Absent on purpose: zone look-ups (the definition carries resolved zones), clocks, stored positions in a rotation.

mod clock;
mod cron;
mod spec;

pub use cron::{CivilCron, CronError};
pub use spec::{Layer, Override, OverrideKind, Restriction, Rotation, RotationUnit, ScheduleSpec, Weekday, Zone};

/// A schedule that can be asked.
#[derive(Debug, Clone)]
pub struct Schedule {
    spec: ScheduleSpec,
}
