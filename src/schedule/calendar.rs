//! Local dates as instants: holidays on which a layer is off, or the only dates on which it is on.
//!
//! What counts is the local date of the moment itself. Where a clock is set back over midnight, a date has two parts.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::clock::{DAY, Steady, Wall};
use crate::domain::Timestamp;

/// A set of local dates of one zone, as disjoint half-open intervals in order.
#[derive(Clone, Debug)]
pub(crate) struct Dates(Vec<(i64, i64)>);

/// No zone is further from UTC. Beyond: impossible, the time library has no such offset.
const OFFSET_MAX: i64 = 26 * 3_600_000;

impl Dates {
    pub fn new(dates: &[Date], tz: &TimeZone) -> Self {
        let mut parts: Vec<(i64, i64)> = dates.iter().flat_map(|date| parts_of(*date, tz)).collect();
        parts.sort_unstable();
        let mut merged: Vec<(i64, i64)> = Vec::with_capacity(parts.len());
        for (start, end) in parts {
            match merged.last_mut() {
                Some(last) if last.1 >= start => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        Self(merged)
    }

    /// Whether the local date at `at` is one of them, and while that stays so.
    pub fn look(&self, at: i64) -> (bool, Steady) {
        let next = self.0.partition_point(|(_, end)| *end <= at);
        let passed = next.checked_sub(1).map_or(i64::MIN, |last| self.0[last].1);
        match self.0.get(next) {
            Some((start, end)) if *start <= at => (true, Steady { since: *start, until: *end }),
            Some((start, _)) => (false, Steady { since: passed, until: *start }),
            None => (false, Steady { since: passed, until: i64::MAX }),
        }
    }
}

/// The intervals in which a zone's clock shows a date: one as a rule, none for a skipped date.
fn parts_of(date: Date, tz: &TimeZone) -> Vec<(i64, i64)> {
    let midnight = Wall::from_civil(date.into()).0;
    let (from, to) = (midnight - OFFSET_MAX, midnight + DAY + OFFSET_MAX);
    let begin = Timestamp::from_millis(from).to_jiff();
    let changes = tz.following(begin).map(|change| (change.timestamp().as_millisecond(), change.offset()));
    let mut parts = Vec::new();
    let (mut start, mut offset) = (from, tz.to_offset(begin));
    for (end, next) in changes.take_while(|(end, _)| *end < to).chain([(to, offset)]) {
        let shown = midnight - i64::from(offset.seconds()) * 1000;
        let part = (shown.max(start), (shown + DAY).min(end));
        if part.0 < part.1 {
            parts.push(part);
        }
        (start, offset) = (end, next);
    }
    parts
}
