//! Maintenance windows: planned intervals on services and environments.

use crate::domain::{Name, Span};
use crate::schedule::Zone;

/// A planned, repeated interval.
#[derive(Debug, Clone, PartialEq)]
pub struct Maintenance {
    /// Its name.
    pub name: Name,
    /// Five-field cron over the civil clock of `timezone`: when it begins.
    pub cron: String,
    /// Zone of the cron expression.
    pub timezone: Zone,
    /// How long it lasts, at most 7 days.
    pub duration: Span,
    /// Services it covers; empty: all.
    pub services: Vec<Name>,
    /// Environments it covers; empty: all.
    pub environments: Vec<Name>,
}
