//! Turns: which turn it is, and when the next begins.
//!
//! Turns are counted by their civil label from the anchor, never stored and never in elapsed time. A turn whose label falls on the same instant
//! as the next one's (inside a gap, on a date that the zone skipped) has no length, and its person is passed over.

use std::sync::Arc;

use jiff::civil::{Date, DateTime};

use super::clock::{Clock, DAY, Labels, Steady, Wall, label_at, next_after_label, weekday_bits, weekday_of};
use super::cron::{CivilCron, year_of};
use super::spec::{Rotation, RotationUnit};

const HOUR: i64 = 3_600_000;

/// The handoffs of a layer. Labels are the wall times at which turns begin, turn 0 at the anchor.
#[derive(Clone, Debug)]
pub(crate) struct Turns {
    anchor: Wall,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Turn 0 for ever.
    One,
    /// A turn every so many milliseconds of the wall clock: hours, days, weeks.
    Even(i64),
    /// A turn on every n-th of these weekdays after the anchor, at its time of day.
    On { weekdays: u8, every: i64 },
    /// A turn every n months of the calendar.
    Months { first: DateTime, every: i64 },
    /// A turn at every match after the anchor.
    Cron(Matches),
}

/// Matches of a cron expression after an anchor, with a table of how many there are before each year.
#[derive(Clone, Debug)]
struct Matches {
    cron: CivilCron,
    anchor: Wall,
    first_year: i32,
    /// Matches after the anchor and before the beginning of the first year, the next one, and so on.
    before: Arc<[i64]>,
}

/// The table of matches goes so far.
const LAST_YEAR: i32 = 2100;

impl Matches {
    fn new(cron: CivilCron, anchor: Wall) -> Self {
        let first_year = year_of(anchor);
        let years = first_year..=LAST_YEAR.max(first_year);
        let before = years
            .scan(-cron.count_from_new_year(anchor), |count, year| {
                let before = *count;
                *count += cron.count_in_year(year);
                Some(before)
            })
            .collect();
        Self { cron, anchor, first_year, before }
    }

    /// How many there are up to `wall`, inclusive.
    fn count(&self, wall: Wall) -> i64 {
        let years = usize::try_from(year_of(wall) - self.first_year);
        match years.ok().and_then(|years| self.before.get(years)) {
            Some(before) => before + self.cron.count_from_new_year(wall),
            None => self.cron.count(self.anchor, wall),
        }
    }
}

/// A turn that is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Counted from 0 at the anchor.
    pub number: i64,
    /// The wall time at which it began.
    label: Wall,
}

impl Turns {
    /// A cron expression that can't be read hands over never; `config` has refused it before.
    pub fn new(rotation: &Rotation, anchor: DateTime) -> Self {
        let kind = match rotation {
            Rotation::None => Kind::One,
            Rotation::Every { unit: RotationUnit::Day, every, on } if !on.is_empty() => {
                Kind::On { weekdays: weekday_bits(on), every: i64::from(*every).max(1) }
            }
            Rotation::Every { unit, every, .. } => {
                let every = i64::from(*every).max(1);
                match unit {
                    RotationUnit::Hour => Kind::Even(every * HOUR),
                    RotationUnit::Day => Kind::Even(every * DAY),
                    RotationUnit::Week => Kind::Even(every * 7 * DAY),
                    RotationUnit::Month => Kind::Months { first: anchor, every },
                }
            }
            Rotation::Cron(text) => CivilCron::parse(text)
                .map_or(Kind::One, |cron| Kind::Cron(Matches::new(cron, Wall::from_civil(anchor)))),
        };
        Self { anchor: Wall::from_civil(anchor), kind }
    }

    /// The turn at an instant: the largest whose label has happened.
    pub fn at(&self, clock: &Clock, at: i64) -> Turn {
        if matches!(self.kind, Kind::One) {
            return Turn { number: 0, label: self.anchor };
        }
        let label = label_at(clock, self, at).unwrap_or(self.anchor);
        Turn { number: self.number(label), label }
    }

    /// While a turn runs: from its label to the next one that happens.
    pub fn span(&self, clock: &Clock, turn: Turn) -> Steady {
        let until = next_after_label(clock, self, turn.label).unwrap_or(i64::MAX);
        Steady { since: clock.instant(turn.label), until }
    }

    /// The number of the latest turn whose label is at or before `wall`, from 0.
    fn number(&self, wall: Wall) -> i64 {
        let since = wall.0 - self.anchor.0;
        if since < 0 {
            return 0;
        }
        match &self.kind {
            Kind::One => 0,
            Kind::Even(step) => since / step,
            // The last label of a day is at the anchor's time of day, so whole days since the anchor are what counts.
            Kind::On { weekdays, every } => days_on(*weekdays, self.anchor.day(), since / DAY) / every,
            Kind::Months { first, every } => {
                let number = months_between(*first, wall.to_civil()) / every;
                if month_label(*first, number * every).is_some_and(|label| label <= wall) { number } else { number - 1 }
            }
            Kind::Cron(matches) => matches.count(wall),
        }
    }

    /// The label of a turn from 1 on; not for cron, whose labels are found and not computed.
    fn label(&self, number: i64) -> Option<Wall> {
        match &self.kind {
            Kind::One | Kind::Cron(_) => (number == 0).then_some(self.anchor),
            Kind::Even(step) => Some(Wall(self.anchor.0.checked_add(number.checked_mul(*step)?)?)),
            Kind::On { weekdays, every } => {
                Some(Wall(self.anchor.0 + nth_day_on(*weekdays, self.anchor.day(), number * every) * DAY))
            }
            Kind::Months { first, every } => month_label(*first, number.checked_mul(*every)?),
        }
    }
}

impl Labels for Turns {
    fn latest(&self, wall: Wall) -> Option<Wall> {
        if wall < self.anchor {
            return None;
        }
        match &self.kind {
            Kind::Cron(matches) => matches.cron.latest(wall).map(|label| label.max(self.anchor)),
            _ => self.label(self.number(wall)),
        }
    }

    fn following(&self, wall: Wall) -> Option<Wall> {
        if wall < self.anchor {
            return Some(self.anchor);
        }
        match &self.kind {
            Kind::Cron(matches) => matches.cron.following(wall),
            _ => self.label(self.number(wall) + 1),
        }
    }
}

/// How many of the `days` days after `anchor` (a day since 1970) are among the weekdays.
fn days_on(weekdays: u8, anchor: i64, days: i64) -> i64 {
    let rest = (1..=days % 7).filter(|day| weekdays & 1 << weekday_of(anchor + day) != 0).count();
    days / 7 * i64::from(weekdays.count_ones()) + i64::try_from(rest).unwrap_or(0)
}

/// How many days after `anchor` the n-th of the weekdays comes; 0 for n = 0.
fn nth_day_on(weekdays: u8, anchor: i64, n: i64) -> i64 {
    if n <= 0 {
        return 0;
    }
    let per_week = i64::from(weekdays.count_ones()).max(1);
    let (weeks, rest) = ((n - 1) / per_week, (n - 1) % per_week);
    let rest = usize::try_from(rest).unwrap_or(0);
    let day = (1..=7).filter(|day| weekdays & 1 << weekday_of(anchor + day) != 0).nth(rest).unwrap_or(7);
    weeks * 7 + day
}

fn months_between(first: DateTime, civil: DateTime) -> i64 {
    let years = i64::from(civil.year()) - i64::from(first.year());
    years * 12 + i64::from(civil.month()) - i64::from(first.month())
}

/// `months` months after `first` on the calendar; the last day of a month that is too short.
fn month_label(first: DateTime, months: i64) -> Option<Wall> {
    let total = i64::from(first.year()) * 12 + i64::from(first.month()) - 1 + months;
    let year = i16::try_from(total.div_euclid(12)).ok()?;
    let month = Date::new(year, i8::try_from(total.rem_euclid(12) + 1).ok()?, 1).ok()?;
    let day = first.day().min(month.days_in_month());
    let date = Date::new(year, month.month(), day).ok()?;
    Some(Wall::from_civil(date.to_datetime(first.time())))
}
