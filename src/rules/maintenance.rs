//! Maintenance windows: planned intervals on services and environments.

use crate::domain::{Name, Span, Timestamp};
use crate::schedule::{CivilCron, Zone};

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

impl Maintenance {
    /// Until when it covers the service and environment at `now`, if it does.
    #[must_use]
    pub fn covers(&self, service: Option<&str>, environment: Option<&str>, now: Timestamp) -> Option<Timestamp> {
        let listed =
            |list: &[Name], value: Option<&str>| list.is_empty() || list.iter().any(|n| Some(n.as_str()) == value);
        if !listed(&self.services, service) || !listed(&self.environments, environment) {
            return None;
        }
        let cron = CivilCron::parse(&self.cron).ok()?;
        let until = cron.last_at_or_before(now, &self.timezone.tz)?.plus(self.duration);
        (until > now).then_some(until)
    }
}
