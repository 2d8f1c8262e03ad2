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
/// Who is on call at a moment, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The role asked for, or the first one.
    pub role: Option<crate::domain::Name>,
    /// The people.
    pub users: Vec<crate::domain::Name>,
    /// Since when, if it is known.
    pub since: Option<crate::domain::Timestamp>,
    /// Until when.
    pub until: Option<crate::domain::Timestamp>,
    /// Whether an override acts.
    pub overridden: bool,
}

impl Schedule {
    /// A schedule from its definition.
    pub const fn new(spec: ScheduleSpec) -> Self {
        Self { spec }
    }

    /// The definition.
    pub const fn spec(&self) -> &ScheduleSpec {
        &self.spec
    }
}
