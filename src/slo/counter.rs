//! Counters that only grow, read now and then: what was counted between two readings.
//!
//! The rules are those of Prometheus (decision 14 of the SLO semantics): a value below the one before means that the counter began again at
//! zero, and the first reading of a counter says nothing, unless it says itself when it began and that is not long ago.

use serde::{Deserialize, Serialize};

use crate::domain::{Reading, Span, Timestamp};

/// What is remembered of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// When it was read last.
    pub at: Timestamp,
    /// What it stood at then.
    pub value: u64,
}

/// What a reading adds to what was known; `None` for one that is not newer, which is a repeat. A counter that was never read counts from
/// its beginning if that was at most `young` before the reading.
#[must_use]
pub fn added(last: Option<Counter>, reading: &Reading, young: Span) -> Option<u64> {
    let Reading { at, since, value, added, .. } = *reading;
    match last {
        Some(last) if at <= last.at => None,
        _ if added => Some(value),
        Some(last) if value < last.value || since.is_some_and(|since| since > last.at) => Some(value),
        Some(last) => Some(value - last.value),
        None => Some(since.filter(|since| *since <= at && at.since(*since) <= young).map_or(0, |_| value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Role;

    fn reading(at: i64, since: Option<i64>, value: u64, added: bool) -> Reading {
        let (at, since) = (Timestamp::from_seconds(at), since.map(Timestamp::from_seconds));
        Reading { counter: 1, at, since, value, added, role: Role::Total }
    }

    #[test]
    fn each_rule_of_differences() {
        let last = |at, value| Some(Counter { at: Timestamp::from_seconds(at), value });
        for (what, known, reading, expected) in [
            ("the first says nothing", None, reading(100, None, 7, false), Some(0)),
            ("the first of a young counter says all", None, reading(100, Some(90), 7, false), Some(7)),
            ("exactly so young", None, reading(700, Some(100), 7, false), Some(7)),
            ("not so young any more", None, reading(701, Some(100), 7, false), Some(0)),
            ("a beginning after the reading is none", None, reading(100, Some(101), 7, false), Some(0)),
            ("growth", last(100, 7), reading(101, None, 9, false), Some(2)),
            ("no growth", last(100, 7), reading(101, None, 7, false), Some(0)),
            ("less is a reset", last(100, 7), reading(101, None, 3, false), Some(3)),
            ("a reset that is only seen by its beginning", last(100, 7), reading(110, Some(101), 9, false), Some(9)),
            ("a beginning before the last reading", last(100, 7), reading(110, Some(100), 9, false), Some(2)),
            ("a repeat", last(100, 7), reading(100, None, 7, false), None),
            ("an older one", last(100, 7), reading(99, None, 6, false), None),
            ("a difference", last(100, 0), reading(101, None, 9, true), Some(9)),
            ("the first difference", None, reading(101, None, 9, true), Some(9)),
            ("a difference sent again", last(101, 0), reading(101, None, 9, true), None),
        ] {
            assert_eq!(added(known, &reading, Span::from_minutes(10)), expected, "{what}");
        }
    }
}
