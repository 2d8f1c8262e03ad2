//! Error budget periods: rolling ones of a length, and those of the calendar, whose boundaries are data.
//!
//! A minute is stamped at its end and belongs to the period that holds it, so that a period is `(start, end]` for stamps and
//! `[start, end)` for the clock: what is judged at the very end is judged in the period that ends. Burn-rate windows know no
//! periods; they cross boundaries (decision 20 of the SLO semantics).
//!
//! Absent on purpose: zones and dates. Whoever compiles a configuration resolves them once, for a century.

use std::fmt;
use std::sync::Arc;

use crate::domain::{Name, Span, Timestamp};

/// The period that a budget is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Period {
    /// The last so much time, at any moment.
    Rolling(Span),
    /// From one boundary to the next; the budget begins anew at each.
    Calendar(Arc<Calendar>),
}

/// What periods of a calendar are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// So many days, counted from a date: year, month, day.
    Days(i64, (i16, i8, i8)),
    /// From Monday to Sunday.
    Week,
    /// A month.
    Month,
    /// Three months, from January on.
    Quarter,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days, (year, month, day)) => write!(f, "{days}d from {year}-{month:02}-{day:02}"),
            Self::Week => f.write_str("calendar week"),
            Self::Month => f.write_str("calendar month"),
            Self::Quarter => f.write_str("calendar quarter"),
        }
    }
}

/// Periods of a calendar.
#[derive(PartialEq, Eq)]
pub struct Calendar {
    /// What it counts.
    unit: Unit,
    /// The zone whose days they are, by name.
    zone: Name,
    /// Where a period ends and the next begins, in order.
    boundaries: Vec<Timestamp>,
    /// Length of the longest.
    longest: Span,
}

impl Calendar {
    /// From boundaries in order; at least two. `None` for fewer, or when they are out of order.
    #[must_use]
    pub fn new(unit: Unit, zone: Name, boundaries: Vec<Timestamp>) -> Option<Self> {
        let lengths = boundaries.windows(2).map(|pair| pair[1].since(pair[0]));
        let longest = lengths.clone().max()?;
        let in_order = lengths.min().is_some_and(|least| !least.is_zero());
        in_order.then_some(Self { unit, zone, boundaries, longest })
    }

    /// What its periods are, and the zone whose days they are.
    #[must_use]
    pub const fn unit(&self) -> (Unit, &Name) {
        (self.unit, &self.zone)
    }

    /// The period of a minute that is stamped `at`: `(start, end]`. Outside of the boundaries, which nobody lives to see, it is the
    /// time of the longest period before `at`.
    fn bounds(&self, at: Timestamp) -> (Timestamp, Timestamp) {
        let next = self.boundaries.partition_point(|boundary| *boundary < at);
        match (next.checked_sub(1).and_then(|last| self.boundaries.get(last)), self.boundaries.get(next)) {
            (Some(start), Some(end)) => (*start, *end),
            _ => (at.minus(self.longest), at),
        }
    }
}

impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Calendar {
    /// `calendar month in Europe/Berlin`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.unit, self.zone)
    }
}

impl Period {
    /// Where the period of a minute that is stamped `at` begins and ends; a rolling one ends now.
    #[must_use]
    pub fn bounds(&self, at: Timestamp) -> (Timestamp, Timestamp) {
        match self {
            Self::Rolling(length) => (at.minus(*length), at),
            Self::Calendar(calendar) => calendar.bounds(at),
        }
    }

    /// Its length at `at`; months are not all as long.
    #[must_use]
    pub fn length(&self, at: Timestamp) -> Span {
        match self {
            Self::Rolling(length) => *length,
            Self::Calendar(calendar) => {
                let (start, end) = calendar.bounds(at);
                end.since(start)
            }
        }
    }

    /// The longest that it can be.
    #[must_use]
    pub fn longest(&self) -> Span {
        match self {
            Self::Rolling(length) => *length,
            Self::Calendar(calendar) => calendar.longest,
        }
    }

    /// Whether it has boundaries.
    #[must_use]
    pub const fn is_calendar(&self) -> bool {
        matches!(self, Self::Calendar(_))
    }
}

impl fmt::Display for Period {
    /// `28d`, `calendar month in Europe/Berlin`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rolling(length) => length.fmt(f),
            Self::Calendar(calendar) => calendar.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn the_minute_that_ends_at_a_boundary_is_the_last_of_its_period() {
        // Months in Berlin, whose clocks go forward in March: it has an hour less.
        let boundaries = ["2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z", "2026-04-30T22:00:00Z"].map(at).to_vec();
        let months =
            Period::Calendar(Arc::new(Calendar::new(Unit::Month, "Europe/Berlin".into(), boundaries.clone()).unwrap()));
        let (march, april) = ((boundaries[0], boundaries[1]), (boundaries[1], boundaries[2]));
        for (stamp, expected) in [
            ("2026-02-28T23:01:00Z", march),
            ("2026-03-31T22:00:00Z", march),
            ("2026-03-31T22:00:00.001Z", april),
            ("2026-03-31T22:01:00Z", april),
            ("2026-04-30T22:00:00Z", april),
        ] {
            assert_eq!(months.bounds(at(stamp)), expected, "{stamp}");
        }
        assert_eq!(months.length(at("2026-03-10T00:00:00Z")), Span::from_hours(31 * 24 - 1));
        assert_eq!(months.longest(), Span::from_hours(31 * 24 - 1));
        // Beyond the table there is still an answer.
        for outside in ["2026-02-28T23:00:00Z", "2026-05-01T00:00:00Z"] {
            assert_eq!(months.bounds(at(outside)), (at(outside).minus(months.longest()), at(outside)), "{outside}");
        }
    }

    #[test]
    fn a_rolling_period_ends_now() {
        let period = Period::Rolling(Span::from_hours(24));
        assert_eq!(period.bounds(at("2026-03-02T00:00:00Z")).0, at("2026-03-01T00:00:00Z"));
        assert_eq!((period.to_string().as_str(), period.is_calendar()), ("1d", false));
    }

    #[test]
    fn boundaries_out_of_order_are_no_calendar() {
        let (a, b) = (at("2026-03-01T00:00:00Z"), at("2026-04-01T00:00:00Z"));
        for wrong in [vec![], vec![a], vec![a, a], vec![b, a]] {
            assert_eq!(Calendar::new(Unit::Week, "UTC".into(), wrong), None);
        }
    }
}
