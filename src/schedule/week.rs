//! Hours of the week in one zone: whether a moment is inside of them, and until when that stays so.

use std::sync::Arc;

use jiff::civil::{DateTime, Weekday};

use super::clock::{Clock, DAY};
use super::hours::Hours;
use super::spec::{Restriction, Zone};
use crate::domain::{Name, Timestamp};

/// Time in a zone, with its rules read once. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LocalTime {
    name: Name,
    clock: Arc<Clock>,
}

/// Hours that follow each other without a gap for so long have no end, since a week has no more.
const UNBROKEN: i64 = 9 * DAY;

impl LocalTime {
    /// Reads the rules of a zone.
    #[must_use]
    pub fn new(zone: &Zone) -> Self {
        Self { name: zone.name.clone(), clock: Arc::new(Clock::new(&zone.tz)) }
    }

    /// IANA name of the zone.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// What a clock on the wall shows.
    #[must_use]
    pub fn civil(&self, at: Timestamp) -> DateTime {
        self.clock.wall(at.as_millis()).to_civil()
    }

    /// The same for people: `07:00`, with the weekday where it is not that of `now`.
    #[must_use]
    pub fn short(&self, at: Timestamp, now: Timestamp) -> String {
        let (then, now) = (self.civil(at), self.civil(now));
        let time = format!("{:02}:{:02}", then.hour(), then.minute());
        if then.date() == now.date() || then.date() == now.date().tomorrow().unwrap_or(now.date()) {
            return time;
        }
        format!("{} {time}", weekday(then.weekday()))
    }
}

impl PartialEq for LocalTime {
    /// Zones of one name have the same rules within one process.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for LocalTime {}

/// Some hours of the week.
#[derive(Clone, Debug)]
pub struct WeekHours {
    windows: Vec<Restriction>,
    hours: Hours,
    local: LocalTime,
}

impl WeekHours {
    /// These windows in a zone; without windows, always.
    #[must_use]
    pub fn new(windows: Vec<Restriction>, local: LocalTime) -> Self {
        Self { hours: Hours::new(&windows), windows, local }
    }

    /// Their zone.
    #[must_use]
    pub const fn local(&self) -> &LocalTime {
        &self.local
    }

    /// Whether a moment is inside.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.hours.look::<false>(&self.local.clock, at.as_millis()).0
    }

    /// From a moment inside to the first one that is not; `None` outside, and where it never ends.
    #[must_use]
    pub fn end_of(&self, at: Timestamp) -> Option<Timestamp> {
        let mut until = at.as_millis();
        // One window may begin where another ends.
        while until - at.as_millis() < UNBROKEN {
            match self.hours.look::<true>(&self.local.clock, until) {
                (true, steady) if steady.until != i64::MAX => until = steady.until,
                (true, _) => return None,
                (false, _) => return (until > at.as_millis()).then(|| Timestamp::from_millis(until)),
            }
        }
        None
    }

    /// From a moment outside to the first one that is inside; the moment itself inside.
    #[must_use]
    pub fn begin_after(&self, at: Timestamp) -> Option<Timestamp> {
        match self.hours.look::<true>(&self.local.clock, at.as_millis()) {
            (true, _) => Some(at),
            (false, steady) => (steady.until != i64::MAX).then(|| Timestamp::from_millis(steady.until)),
        }
    }
}

impl PartialEq for WeekHours {
    fn eq(&self, other: &Self) -> bool {
        self.windows == other.windows && self.local == other.local
    }
}

impl Eq for WeekHours {}

const fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;

    use super::*;

    fn local(name: &str) -> LocalTime {
        let tz = jiff::tz::TimeZoneDatabase::bundled().get(name).unwrap();
        LocalTime::new(&Zone { name: name.into(), tz })
    }

    fn daily(days: &[Weekday], from: i8, to: i8) -> Restriction {
        let to = (to < 24).then(|| time(to, 0, 0, 0));
        Restriction::Daily { days: days.to_vec(), from: time(from, 0, 0, 0), to }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    /// Nights in Madrid, and whole weekends: from Friday night on they are one.
    #[test]
    fn hours_end_where_no_other_window_goes_on() {
        let weekend = daily(&[Weekday::Saturday, Weekday::Sunday], 0, 24);
        let quiet = WeekHours::new(vec![daily(&[], 22, 7), weekend], local("Europe/Madrid"));
        for (moment, end) in [
            ("2026-11-26T12:00:00Z", None),
            ("2026-11-26T20:59:59Z", None),
            ("2026-11-26T21:00:00Z", Some("2026-11-27T06:00:00Z")),
            ("2026-11-27T05:59:59Z", Some("2026-11-27T06:00:00Z")),
            ("2026-11-27T06:00:00Z", None),
            ("2026-11-27T21:00:00Z", Some("2026-11-30T06:00:00Z")),
            // The clock is set back on that Sunday: the night is an hour longer.
            ("2026-10-24T23:30:00Z", Some("2026-10-26T06:00:00Z")),
            // And forward: shorter.
            ("2026-03-26T22:00:00Z", Some("2026-03-27T06:00:00Z")),
            ("2026-03-30T22:00:00Z", Some("2026-03-31T05:00:00Z")),
        ] {
            assert_eq!(quiet.end_of(at(moment)), end.map(at), "{moment}");
            assert_eq!(quiet.contains(at(moment)), end.is_some(), "{moment}");
        }
        assert_eq!(quiet.begin_after(at("2026-11-26T12:00:00Z")), Some(at("2026-11-26T21:00:00Z")));
    }

    #[test]
    fn hours_without_an_end_have_none() {
        let always = WeekHours::new(vec![daily(&[], 0, 24)], local("UTC"));
        assert_eq!(always.end_of(at("2026-11-26T12:00:00Z")), None);
        assert!(always.contains(at("2026-11-26T12:00:00Z")));
    }

    #[test]
    fn times_are_short_and_local() {
        let madrid = local("Europe/Madrid");
        assert_eq!(madrid.short(at("2026-11-27T06:00:00Z"), at("2026-11-26T22:00:00Z")), "07:00");
        assert_eq!(madrid.short(at("2026-11-30T06:00:00Z"), at("2026-11-26T22:00:00Z")), "Mon 07:00");
    }
}
