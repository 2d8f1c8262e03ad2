//! Time-slice objectives: first each slice of time is good or bad, then slices are counted.
//!
//! A slice is a longer minute: it is stamped at its end, slices follow one another without gaps from 1970 on, and a window holds those
//! that end in it. A slice that is not over is in no window yet.
//!
//! Source: decision 22 of the SLO semantics. Absent on purpose: the mean of the slices' ratios, which is another thing.

use serde::{Deserialize, Serialize};

use super::{Counts, WindowSum};
use crate::domain::{Ratio, Span};

/// What makes a slice of time good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// Minutes of a slice; from 1 to 60, and an hour is a multiple of it.
    pub minutes: i64,
    /// Share of good events that it must reach.
    pub target: Ratio,
}

impl Slice {
    /// The last minute of the slice that a minute is in.
    #[must_use]
    pub const fn end_of(self, minute: i64) -> i64 {
        let minutes = if self.minutes < 1 { 1 } else { self.minutes };
        (minute - 1).div_euclid(minutes) * minutes + minutes
    }

    /// Its length.
    #[must_use]
    pub const fn length(self) -> Span {
        Span::from_minutes(self.minutes)
    }

    /// What a slice counts for: one that is good or bad, or nothing where nobody asked for anything.
    #[must_use]
    pub fn count(self, sum: WindowSum) -> Counts {
        let sum = count_slices([(sum.total.saturating_sub(sum.bad), sum.total)], self.target);
        Counts { bad: sum.bad, total: sum.total }
    }
}

/// Counts slices of `(good, total)` events: a slice is good when good / total is at or above `target`. Empty slices count neither way.
#[must_use]
pub fn count_slices(slices: impl IntoIterator<Item = (u64, u64)>, target: Ratio) -> WindowSum {
    let mut sum = WindowSum::default();
    for (good, total) in slices {
        let Some(share) = Ratio::new(good, total) else { continue };
        sum.total += 1;
        sum.minutes += 1;
        sum.bad += u64::from(share < target);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_stamped_at_their_ends() {
        let five = Slice { minutes: 5, target: Ratio::parse_percent("95").unwrap() };
        for (minute, end) in [(0, 0), (1, 5), (5, 5), (6, 10), (-4, 0), (-5, -5)] {
            assert_eq!(five.end_of(minute), end, "{minute}");
        }
        let one = Slice { minutes: 1, ..five };
        assert_eq!(one.end_of(7), 7);
    }

    #[test]
    fn the_target_itself_is_good_and_nothing_is_neither() {
        let slice = Slice { minutes: 5, target: Ratio::parse_percent("95").unwrap() };
        for (bad, total, counts) in [(5, 100, (0, 1)), (6, 100, (1, 1)), (0, 0, (0, 0)), (1, 1, (1, 1))] {
            let Counts { bad: got, total: of } = slice.count(WindowSum { bad, total, minutes: 5 });
            assert_eq!((got, of), counts, "{bad} of {total}");
        }
    }
}
