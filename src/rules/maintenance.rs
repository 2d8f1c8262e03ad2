//! Maintenance windows: planned intervals on services and environments.
//!
//! A window begins by the civil clock of its zone and lasts `duration` of elapsed time, so one over a change of clocks is neither
//! shorter nor longer. A beginning that the clocks skip happens right after the gap; one that they show twice happens once.
//!
//! Absent on purpose: memory of the last answer, and windows that a person opens by hand (those are silences).

use crate::domain::{Name, Span, Timestamp};
use crate::schedule::{CivilCron, Zone};

/// A planned, repeated interval.
#[derive(Debug, Clone, PartialEq)]
pub struct Maintenance {
    /// Its name.
    pub name: Name,
    /// When it begins, over the civil clock of `timezone`.
    pub cron: CivilCron,
    /// Zone of the cron expression.
    pub timezone: Zone,
    /// How long it lasts, more than nothing and at most 7 days.
    pub duration: Span,
    /// Services it covers; empty: all.
    pub services: Vec<Name>,
    /// Environments it covers; empty: all.
    pub environments: Vec<Name>,
    /// Why its minutes leave budgets and burn rates; absent: they count, and it only keeps alerts quiet.
    pub excluded_because: Option<String>,
}

impl Maintenance {
    /// Until when (exclusive) this window covers an event at `now`; `None` when it does not.
    ///
    /// Intervals are `[begin, begin + duration)`; where they overlap, the last one that began says the end. An event without a
    /// service or environment is covered only by windows that do not ask for one.
    #[must_use]
    pub fn covers(&self, event_service: Option<&str>, environment: Option<&str>, now: Timestamp) -> Option<Timestamp> {
        let allows = |names: &[Name], value: Option<&str>| {
            names.is_empty() || value.is_some_and(|value| names.iter().any(|name| name == value))
        };
        // The cheap questions first: most events are about something else.
        if !allows(&self.services, event_service) || !allows(&self.environments, environment) {
            return None;
        }
        let began = self.cron.last_at_or_before(now, &self.timezone.tz)?;
        let until = began.plus(self.duration);
        (now < until).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn window(cron: &str, duration: &str) -> Maintenance {
        Maintenance {
            name: "database patch window".into(),
            cron: CivilCron::parse(cron).unwrap(),
            timezone: Zone { name: "Europe/Berlin".into(), tz: jiff::tz::TimeZone::get("Europe/Berlin").unwrap() },
            duration: Span::parse(duration).unwrap(),
            services: vec!["data-api".into()],
            environments: Vec::new(),
            excluded_because: None,
        }
    }

    fn until(window: &Maintenance, now: &str) -> Option<String> {
        window.covers(Some("data-api"), None, at(now)).map(|t| t.to_string())
    }

    #[test]
    fn a_window_is_half_open() {
        let sunday = window("0 2 * * SUN", "2h");
        let cases = [
            ("2026-11-22T00:59:59Z", None),
            ("2026-11-22T01:00:00Z", Some("2026-11-22T03:00:00Z")),
            ("2026-11-22T02:59:59Z", Some("2026-11-22T03:00:00Z")),
            ("2026-11-22T03:00:00Z", None),
            ("2026-11-23T01:30:00Z", None),
        ];
        for (now, end) in cases {
            assert_eq!(until(&sunday, now).as_deref(), end, "{now}");
        }
    }

    #[test]
    fn it_lasts_as_long_over_a_change_of_clocks() {
        // 29 March 2026, 02:00 to 03:00 is skipped in Berlin: the window begins at 03:00 CEST, 01:00 UTC.
        let sunday = window("0 2 * * SUN", "2h");
        assert_eq!(until(&sunday, "2026-03-29T00:59:59Z"), None);
        assert_eq!(until(&sunday, "2026-03-29T01:00:00Z").as_deref(), Some("2026-03-29T03:00:00Z"));
        // 25 October 2026, 02:00 to 03:00 happens twice: the window begins at the first.
        assert_eq!(until(&sunday, "2026-10-25T00:00:00Z").as_deref(), Some("2026-10-25T02:00:00Z"));
        assert_eq!(until(&sunday, "2026-10-25T01:30:00Z").as_deref(), Some("2026-10-25T02:00:00Z"));
        assert_eq!(until(&sunday, "2026-10-25T02:00:00Z"), None);
        // A window that begins before the change and ends after it.
        let night = window("30 0 * * *", "3h");
        assert_eq!(until(&night, "2026-03-29T02:00:00Z").as_deref(), Some("2026-03-29T02:30:00Z"));
        assert_eq!(until(&night, "2026-10-25T01:00:00Z").as_deref(), Some("2026-10-25T01:30:00Z"));
    }

    #[test]
    fn a_window_that_began_days_ago_still_covers() {
        let long = window("0 22 * * FRI", "7d");
        assert_eq!(until(&long, "2026-11-26T12:00:00Z").as_deref(), Some("2026-11-27T21:00:00Z"));
    }

    #[test]
    fn windows_that_overlap_end_with_the_last() {
        let often = window("0 * * * *", "90m");
        assert_eq!(until(&often, "2026-11-22T01:10:00Z").as_deref(), Some("2026-11-22T02:30:00Z"));
    }

    #[test]
    fn only_what_is_named_is_covered() {
        let mut sunday = window("0 2 * * SUN", "2h");
        let now = at("2026-11-22T01:00:00Z");
        assert!(sunday.covers(Some("users"), None, now).is_none());
        assert!(sunday.covers(None, None, now).is_none());
        sunday.environments = vec!["prod-eu".into()];
        assert!(sunday.covers(Some("data-api"), Some("prod-us"), now).is_none());
        assert!(sunday.covers(Some("data-api"), None, now).is_none());
        assert!(sunday.covers(Some("data-api"), Some("prod-eu"), now).is_some());
        sunday.services.clear();
        assert!(sunday.covers(None, Some("prod-eu"), now).is_some());
    }
}
