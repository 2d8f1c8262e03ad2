//! Time-slice objectives: first each slice of time is good or bad, then slices are counted.
//!
//! Source: decision 22 of the SLO semantics. Absent on purpose: the mean of the slices' ratios, which is another thing.

use super::WindowSum;
use crate::domain::Ratio;

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
