//! The civil clock of a zone: which wall time it is at an instant, and which instant a wall time means.
//!
//! One reading of civil time everywhere (RFC 5545, section 3.3.5; jiff's "compatible"): a time that occurs twice means the first one,
//! a time that is skipped is read with the offset before the gap. So readings are not monotone: in a gap 02:30 is read as a *later* instant than
//! 03:15. What follows from that is handled here, once, for turns, windows and cron alike.
//!
//! Offsets between 1970 and 2100 come from a table made at construction, because `on_call` reads many of them; outside of it jiff is asked.
//! Both give the same answers.

use std::sync::Arc;

use jiff::civil::{DateTime, Weekday};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use crate::domain::Timestamp;

/// Milliseconds of a civil day without a change of the clock.
pub(crate) const DAY: i64 = 86_400_000;

/// A wall time, in milliseconds, held as if it were UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wall(pub i64);

impl Wall {
    /// The wall time of a civil date and time; finer digits than milliseconds are cut off.
    pub fn from_civil(civil: DateTime) -> Self {
        let edge = if civil.year() < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        Self(Offset::UTC.to_timestamp(civil).unwrap_or(edge).as_millisecond())
    }

    /// As civil date and time; beyond what jiff can hold it is cut to the edge.
    pub fn to_civil(self) -> DateTime {
        Offset::UTC.to_datetime(Timestamp::from_millis(self.0).to_jiff())
    }

    /// Days since 1970.
    pub const fn day(self) -> i64 {
        self.0.div_euclid(DAY)
    }
}

/// Days from 1970-01-01 to the first of a month (1 to 12) of the Gregorian calendar.
pub(crate) fn first_of_month(year: i32, month: i32) -> i64 {
    // Years that begin in March end with the leap day, so that it moves nothing within a year.
    let (year, months) = if month > 2 { (i64::from(year), month - 3) } else { (i64::from(year) - 1, month + 9) };
    let before_month = i64::from((153 * months + 2) / 5);
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + before_month - 719_468
}

/// Number of a weekday, Monday 0.
pub(crate) fn weekday_of(day: i64) -> u32 {
    // 1970 began on a Thursday.
    u32::try_from((day + 3).rem_euclid(7)).unwrap_or(0)
}

/// A set of weekdays as bits, Monday lowest.
pub(crate) fn weekday_bits(days: &[Weekday]) -> u8 {
    days.iter().fold(0, |bits, day| bits | 1 << day.to_monday_zero_offset())
}

/// A change of the offset from UTC. Offsets in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Step {
    at: i64,
    before: i64,
    after: i64,
}

impl Step {
    /// The first wall time that is read with the offset `after`.
    const fn wall_from(self) -> i64 {
        self.at + if self.before > self.after { self.before } else { self.after }
    }
}

/// An interval `[since, until)` around an instant, in milliseconds since 1970, in which an answer cannot change. It may be shorter than it could be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Steady {
    pub since: i64,
    pub until: i64,
}

impl Steady {
    /// All of time.
    pub const ALWAYS: Self = Self { since: i64::MIN, until: i64::MAX };

    /// Both.
    pub fn and(self, other: Self) -> Self {
        Self { since: self.since.max(other.since), until: self.until.min(other.until) }
    }
}

/// What a wall time means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The instant, in milliseconds since 1970.
    pub at: i64,
    /// The offset it was read with, in milliseconds.
    pub offset: i64,
}

/// The civil clock of one zone.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    tz: TimeZone,
    /// Changes inside the table's span, in order.
    steps: Arc<[Step]>,
    /// The offset at the beginning of the table.
    first: i64,
    /// The table holds for instants and walls in this span, in milliseconds; empty: there is no table.
    from: i64,
    to: i64,
    /// No two offsets within the table differ by more.
    swing: i64,
}

/// 1970 to 2100 with months to spare on both sides, so that whatever is read around an instant of those years is inside.
const TABLE_FROM: i64 = -90 * DAY;
const TABLE_TO: i64 = 4_133_980_800_000 + 90 * DAY;
/// Room at both ends of the table for differences between wall and instant, and for the longest window.
const TABLE_MARGIN: i64 = 30 * DAY;
/// No two offsets of any zone differ by more than this (the largest jump on record is a day, Samoa's). Beyond: impossible, the time library
/// has no such offsets.
const SWING_MAX: i64 = 52 * 3_600_000;

fn millis(offset: Offset) -> i64 {
    i64::from(offset.seconds()) * 1000
}

fn jiff_at(at: i64) -> jiff::Timestamp {
    Timestamp::from_millis(at).to_jiff()
}

impl Clock {
    /// A clock without a table: every question goes to jiff. For questions that are asked seldom.
    pub fn bare(tz: &TimeZone) -> Self {
        Self { tz: tz.clone(), steps: Arc::new([]), first: 0, from: 0, to: 0, swing: SWING_MAX }
    }

    /// A clock with a table of 1970 to 2100.
    pub fn new(tz: &TimeZone) -> Self {
        let first = millis(tz.to_offset(jiff_at(TABLE_FROM)));
        let mut before = first;
        let mut steps = Vec::new();
        for transition in tz.following(jiff_at(TABLE_FROM)) {
            let at = transition.timestamp().as_millisecond();
            if at >= TABLE_TO {
                break;
            }
            let after = millis(transition.offset());
            if after != before {
                steps.push(Step { at, before, after });
            }
            before = after;
        }
        // The look-up by wall needs changes that do not overlap on the wall. All known zones are like that; any other is left to jiff.
        if !steps.is_sorted_by(|a, b| a.wall_from() < b.at + b.before.min(b.after)) {
            return Self::bare(tz);
        }
        let (low, high) =
            steps.iter().fold((first, first), |(low, high), step| (low.min(step.after), high.max(step.after)));
        Self { tz: tz.clone(), steps: steps.into(), first, from: TABLE_FROM, to: TABLE_TO, swing: high - low }
    }

    const fn in_table(&self, millis: i64) -> bool {
        millis >= self.from + TABLE_MARGIN && millis < self.to - TABLE_MARGIN
    }

    /// How far wall times read around `at` can be apart from their instants' distance, in milliseconds.
    pub const fn swing(&self, at: i64) -> i64 {
        if self.in_table(at) { self.swing } else { SWING_MAX }
    }

    /// The wall time at an instant.
    pub fn wall(&self, at: i64) -> Wall {
        if !self.in_table(at) {
            return Wall(at + millis(self.tz.to_offset(jiff_at(at))));
        }
        match self.steps.partition_point(|step| step.at <= at) {
            0 => Wall(at + self.first),
            n => Wall(at + self.steps[n - 1].after),
        }
    }

    /// The latest wall time that was read at or before `at`: the wall time itself, but the end of the repeated hour while it is repeated.
    pub fn reach(&self, at: i64) -> Wall {
        let step = if self.in_table(at) {
            match self.steps.partition_point(|step| step.at <= at) {
                0 => return Wall(at + self.first),
                n => self.steps[n - 1],
            }
        } else {
            let wall = self.wall(at);
            match self.ambiguity(wall) {
                AmbiguousOffset::Fold { before, after } if wall.0 - millis(after) == at => {
                    self.step_before(at, before, after)
                }
                _ => return wall,
            }
        };
        if at < step.at + (step.before - step.after) { Wall(step.at + step.before - 1) } else { Wall(at + step.after) }
    }

    /// The instant that a wall time means.
    pub fn read(&self, wall: Wall) -> Reading {
        let offset = if self.in_table(wall.0) {
            match self.steps.partition_point(|step| step.wall_from() <= wall.0) {
                0 => self.first,
                n => self.steps[n - 1].after,
            }
        } else {
            match self.ambiguity(wall) {
                AmbiguousOffset::Unambiguous { offset } => millis(offset),
                AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => millis(before),
            }
        };
        Reading { at: wall.0 - offset, offset }
    }

    /// The instant that a wall time means, in milliseconds since 1970.
    pub fn instant(&self, wall: Wall) -> i64 {
        self.read(wall).at
    }

    /// The first wall time after the gap that `wall` is in; `None` when it was not skipped.
    pub fn gap_end(&self, wall: Wall) -> Option<Wall> {
        self.gap(wall).map(|step| Wall(step.at + step.after))
    }

    /// Whether the zone skipped the whole day (days since 1970), as Samoa did on 2011-12-30.
    pub fn skipped_day(&self, day: i64) -> bool {
        self.swing(day * DAY) >= DAY && self.gap_end(Wall(day * DAY)).is_some_and(|end| end >= Wall((day + 1) * DAY))
    }

    /// The last change of the offset at or before `at` that set the clock forward, as its gap: first and last skipped wall, offset before.
    /// Only changes within the last `SWING_MAX` count.
    fn recent_gap(&self, at: i64) -> Option<(Wall, Wall, i64)> {
        let (step_at, before, after) = if self.in_table(at) {
            let n = self.steps.partition_point(|step| step.at <= at);
            let step = self.steps[n.checked_sub(1)?];
            (step.at, step.before, step.after)
        } else {
            let change = self.tz.preceding(jiff_at(at + 1)).next()?.timestamp();
            let step_at = change.as_millisecond();
            (step_at, millis(self.tz.to_offset(jiff_at(step_at - 1))), millis(self.tz.to_offset(change)))
        };
        (after > before && at - step_at < SWING_MAX).then_some((
            Wall(step_at + before),
            Wall(step_at + after - 1),
            before,
        ))
    }

    fn gap(&self, wall: Wall) -> Option<Step> {
        if self.in_table(wall.0) {
            let n = self.steps.partition_point(|step| step.wall_from() <= wall.0);
            let step = *self.steps.get(n)?;
            return (step.after > step.before && wall.0 >= step.at + step.before).then_some(step);
        }
        match self.ambiguity(wall) {
            AmbiguousOffset::Gap { before, after } => Some(self.step_before(wall.0 - millis(before), before, after)),
            _ => None,
        }
    }

    fn ambiguity(&self, wall: Wall) -> AmbiguousOffset {
        self.tz.to_ambiguous_timestamp(wall.to_civil()).offset()
    }

    /// The change from `before` to `after` that was the last at or before `at`.
    fn step_before(&self, at: i64, before: Offset, after: Offset) -> Step {
        let change = self.tz.preceding(jiff_at(at + 1)).next().map_or(at, |t| t.timestamp().as_millisecond());
        Step { at: change, before: millis(before), after: millis(after) }
    }
}

/// Something that happens at wall times: handoffs of a rotation, matches of a cron expression.
pub(crate) trait Labels {
    /// The latest label at or before `wall`; `None` when there is none.
    fn latest(&self, wall: Wall) -> Option<Wall>;
    /// The first label after `wall`; `None` when there is none.
    fn following(&self, wall: Wall) -> Option<Wall>;
}

/// The latest label whose instant is at or before `at`.
pub(crate) fn label_at(clock: &Clock, labels: &impl Labels, at: i64) -> Option<Wall> {
    let mut label = labels.latest(clock.reach(at))?;
    loop {
        let reading = clock.read(label);
        if reading.at <= at {
            return Some(label);
        }
        // Skipped, and read as later than now: of the skipped ones only those count that the old clock has reached.
        label = labels.latest(Wall(at + reading.offset))?;
    }
}

/// The first instant at which a label after `label` happens. `label` is the result of [`label_at`], or any wall time outside of gaps.
pub(crate) fn next_after_label(clock: &Clock, labels: &impl Labels, label: Wall) -> Option<i64> {
    let next = labels.following(label)?;
    let at = clock.instant(next);
    // One behind the gap may come before one inside.
    let Some(end) = clock.gap_end(next) else { return Some(at) };
    Some(labels.following(Wall(end.0 - 1)).map_or(at, |behind| at.min(clock.instant(behind))))
}

/// The latest instant at or before `at` at which any label happened.
pub(crate) fn last_happening(clock: &Clock, labels: &impl Labels, at: i64) -> Option<i64> {
    let last = label_at(clock, labels, at).map(|label| clock.instant(label));
    // A skipped label is lower than those right after the gap, but may happen later.
    let skipped = clock.recent_gap(at).and_then(|(first, end, before)| {
        let label = labels.latest(Wall((at + before).min(end.0)))?;
        (label >= first).then(|| clock.instant(label))
    });
    last.max(skipped)
}

/// The first instant after `at` at which any label happens.
pub(crate) fn next_happening(clock: &Clock, labels: &impl Labels, at: i64) -> Option<i64> {
    let reached = clock.reach(at);
    let next = next_after_label(clock, labels, reached);
    let skipped = clock.recent_gap(at).and_then(|(first, end, before)| {
        let label = labels.following(Wall((at + before).max(first.0 - 1)))?;
        (label <= end).then(|| clock.instant(label))
    });
    match (next, skipped) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
