//! Counts by the minute, and their sums over windows.
//!
//! A bucket of one minute is stamped at its end: minute `m` counts `(m - 1, m]`. A window at `t` holds the buckets stamped in
//! `(t - w, t]`, so that five minutes are five buckets (decision 3 of the SLO semantics). Missing minutes add nothing and nothing is
//! filled in for them (decisions 11 and 12).
//!
//! Sums are differences of running totals: a window of 30 days costs the same as one of 5 minutes. A late bucket changes the totals
//! after it, at most [`LATENESS_MINUTES_MAX`] of them.
//!
//! Absent on purpose: clocks, sources (one series is one source or a sum that somebody else made), counters (deltas only).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::exceeds;
use crate::domain::{MINUTE_TOTAL_MAX, Ratio, Span, Timestamp, minute_over};

const MINUTE_MILLIS: i64 = 60_000;
/// A bucket may arrive this many minutes after a newer one; beyond, it is refused (decision 16).
pub const LATENESS_MINUTES_MAX: i64 = 10;
/// Longest history, 400 days.
pub const KEPT_MINUTES_MAX: i64 = 400 * 1_440;

/// Events of one minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Bad events; never more than `total`.
    pub bad: u64,
    /// Valid events.
    pub total: u64,
}

/// Sums over a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WindowSum {
    /// Bad events.
    pub bad: u64,
    /// Valid events; zero is *no traffic* where there are buckets and *no data* where there are none.
    pub total: u64,
    /// Minutes that have a bucket.
    pub minutes: u64,
}

impl WindowSum {
    /// (bad / total) / (1 - objective); `None` without traffic or without a budget.
    #[must_use]
    pub fn burn(&self, objective: Ratio) -> Option<Ratio> {
        Ratio::new(self.bad, self.total)?.over(objective.complement())
    }

    /// Whether it burns strictly faster than `factor`. Without traffic it never does.
    #[must_use]
    pub fn burns_above(&self, factor: Ratio, objective: Ratio) -> bool {
        exceeds(self.bad, self.total, factor, objective.complement())
    }
}

/// Why a bucket was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BucketError {
    /// More bad events than events.
    #[error("{bad} of {total} events are bad, which is more than all")]
    MoreBadThanTotal { bad: u64, total: u64 },
    /// No service has so many.
    #[error("{0} events in one minute are more than {MINUTE_TOTAL_MAX}")]
    TooMany(u64),
    /// Older than the newest bucket by too much.
    #[error("the minute is {late_minutes} minutes older than the newest one; at most {LATENESS_MINUTES_MAX} are taken")]
    TooLate { late_minutes: i64 },
}

/// Running totals up to and including a minute.
#[derive(Debug, Clone, Copy, Default)]
struct Running {
    bad: u64,
    total: u64,
    minutes: u64,
}

impl Running {
    const fn minus(self, earlier: Self) -> WindowSum {
        WindowSum {
            bad: self.bad.wrapping_sub(earlier.bad),
            total: self.total.wrapping_sub(earlier.total),
            minutes: self.minutes.wrapping_sub(earlier.minutes),
        }
    }
}

/// The history of one series, by the minute.
#[derive(Debug, Clone)]
pub struct Minutes {
    /// Totals before the first entry of `running`; they wrap, and only differences count.
    base: Running,
    /// Number of the first entry's minute.
    first: i64,
    running: VecDeque<Running>,
    keep: i64,
}

impl Minutes {
    /// A history that can answer windows up to `longest` (at most [`KEPT_MINUTES_MAX`]) at any instant not older than the lateness.
    #[must_use]
    pub fn new(longest: Span) -> Self {
        let minutes = (longest.as_millis() / MINUTE_MILLIS + 1).min(KEPT_MINUTES_MAX);
        Self { base: Running::default(), first: 0, running: VecDeque::new(), keep: minutes + LATENESS_MINUTES_MAX }
    }

    /// Number of the newest minute that has a bucket.
    #[must_use]
    pub fn newest(&self) -> Option<i64> {
        (!self.running.is_empty()).then(|| self.end() - 1)
    }

    /// The number after the last entry's minute.
    fn end(&self) -> i64 {
        self.first.saturating_add(i64::try_from(self.running.len()).unwrap_or(i64::MAX))
    }

    /// Puts the bucket of a minute, in place of what was there before.
    ///
    /// # Errors
    /// When the counts cannot be, or the minute is too old. Nothing changes then.
    pub fn put(&mut self, minute: i64, counts: Counts) -> Result<(), BucketError> {
        let Counts { bad, total } = counts;
        if bad > total {
            return Err(BucketError::MoreBadThanTotal { bad, total });
        }
        if total > MINUTE_TOTAL_MAX {
            return Err(BucketError::TooMany(total));
        }
        if let Some(newest) = self.newest() {
            let late_minutes = newest.saturating_sub(minute);
            if late_minutes > LATENESS_MINUTES_MAX {
                return Err(BucketError::TooLate { late_minutes });
            }
        }
        self.make_room(minute);
        let there = self.at(minute).minus(self.at(minute - 1));
        let from = usize::try_from(minute - self.first).unwrap_or(0);
        for running in self.running.iter_mut().skip(from) {
            running.bad = running.bad.wrapping_add(bad).wrapping_sub(there.bad);
            running.total = running.total.wrapping_add(total).wrapping_sub(there.total);
            running.minutes = running.minutes.wrapping_add(1).wrapping_sub(there.minutes);
        }
        Ok(())
    }

    /// Makes an entry for `minute` and all between it and those that there are; forgets what is older than is kept.
    fn make_room(&mut self, minute: i64) {
        let is_far = self.newest().is_none_or(|newest| minute.saturating_sub(newest) >= self.keep);
        if is_far {
            self.base = self.running.back().copied().unwrap_or(self.base);
            self.running.clear();
            self.first = minute;
        }
        while minute < self.first {
            self.running.push_front(self.base);
            self.first -= 1;
        }
        let last = self.running.back().copied().unwrap_or(self.base);
        while self.end() <= minute {
            self.running.push_back(last);
        }
        while self.end() - self.first > self.keep {
            self.base = self.running.pop_front().unwrap_or(self.base);
            self.first += 1;
        }
    }

    /// Totals up to and including a minute.
    fn at(&self, minute: i64) -> Running {
        if minute < self.first {
            return self.base;
        }
        let index = usize::try_from(minute - self.first).unwrap_or(usize::MAX);
        self.running.get(index).or(self.running.back()).copied().unwrap_or(self.base)
    }

    /// The sums over `(at - window, at]`.
    #[must_use]
    pub fn sum(&self, at: Timestamp, window: Span) -> WindowSum {
        self.at(minute_over(at)).minus(self.at(minute_over(at.minus(window))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_seconds(minute * 60)
    }

    fn counts(bad: u64, total: u64) -> Counts {
        Counts { bad, total }
    }

    fn sum(minutes: &Minutes, minute: i64, window: i64) -> (u64, u64, u64) {
        let sum = minutes.sum(at(minute), Span::from_minutes(window));
        (sum.bad, sum.total, sum.minutes)
    }

    /// Numbers that are the same in every run.
    fn numbers(mut seed: u64) -> impl FnMut(u64) -> u64 {
        move |below| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        }
    }

    #[test]
    fn a_window_holds_exactly_its_minutes() {
        let mut minutes = Minutes::new(Span::from_minutes(60));
        for minute in 1..=10 {
            minutes.put(minute, counts(1, 10)).unwrap();
        }
        assert_eq!(sum(&minutes, 10, 5), (5, 50, 5));
        assert_eq!(sum(&minutes, 12, 5), (3, 30, 3));
        assert_eq!(sum(&minutes, 3, 5), (3, 30, 3), "nothing is filled in before the start");
        assert_eq!(sum(&minutes, 0, 5), (0, 0, 0));
        assert_eq!(sum(&minutes, 99, 5), (0, 0, 0));
        // Between two stamps the window reaches back to the middle of a minute, whose stamp is inside.
        let half = Timestamp::from_seconds(10 * 60 + 30);
        assert_eq!(minutes.sum(half, Span::from_minutes(5)).minutes, 5);
    }

    #[test]
    fn gaps_and_replacements() {
        let mut minutes = Minutes::new(Span::from_minutes(60));
        minutes.put(1, counts(1, 10)).unwrap();
        minutes.put(5, counts(2, 10)).unwrap();
        assert_eq!(sum(&minutes, 5, 5), (3, 20, 2));
        minutes.put(5, counts(0, 7)).unwrap();
        assert_eq!(sum(&minutes, 5, 5), (1, 17, 2));
        minutes.put(3, counts(0, 0)).unwrap();
        assert_eq!(sum(&minutes, 5, 5), (1, 17, 3));
        minutes.put(0, counts(5, 5)).unwrap();
        assert_eq!(sum(&minutes, 5, 6), (6, 22, 4), "late, and before the first");
        minutes.put(5_000, counts(1, 1)).unwrap();
        assert_eq!(sum(&minutes, 5_000, 60), (1, 1, 1), "after a long silence");
        assert!(minutes.running.len() <= 80);
    }

    #[test]
    fn impossible_and_late_buckets_change_nothing() {
        let mut minutes = Minutes::new(Span::from_minutes(60));
        minutes.put(100, counts(1, 10)).unwrap();
        let before = sum(&minutes, 100, 60);
        assert_eq!(minutes.put(100, counts(2, 1)), Err(BucketError::MoreBadThanTotal { bad: 2, total: 1 }));
        assert_eq!(minutes.put(89, counts(1, 1)), Err(BucketError::TooLate { late_minutes: 11 }));
        assert!(matches!(minutes.put(100, counts(0, u64::MAX)), Err(BucketError::TooMany(_))));
        assert_eq!(sum(&minutes, 100, 60), before);
        minutes.put(90, counts(1, 1)).unwrap();
    }

    #[test]
    fn the_order_of_late_buckets_does_not_matter() {
        for seed in 0..20 {
            let mut number = numbers(seed);
            let mut arrivals: Vec<(i64, i64, Counts)> = (0..600)
                .filter(|minute| minute % 7 != 3)
                .map(|minute| {
                    let total = number(100);
                    let delay = i64::try_from(number(10)).unwrap();
                    (minute + delay, minute, counts(number(total + 1), total))
                })
                .collect();
            let mut sorted = Minutes::new(Span::from_minutes(120));
            for (_, minute, counts) in &arrivals {
                sorted.put(*minute, *counts).unwrap();
            }
            arrivals.sort_by_key(|(arrival, ..)| *arrival);
            let mut late = Minutes::new(Span::from_minutes(120));
            for (_, minute, counts) in &arrivals {
                late.put(*minute, *counts).unwrap();
            }
            for window in [1, 5, 60, 120] {
                assert_eq!(sum(&late, 599, window), sum(&sorted, 599, window), "seed {seed}, {window} minutes");
            }
        }
    }

    #[test]
    fn sums_agree_with_adding_up() {
        let mut number = numbers(42);
        let mut minutes = Minutes::new(Span::from_minutes(300));
        let mut plain: Vec<Option<Counts>> = Vec::new();
        for minute in 0..1_000_i64 {
            let there = number(10) > 1;
            let total = number(1 << 40);
            let bucket = there.then(|| counts(number(total + 1), total));
            if let Some(bucket) = bucket {
                minutes.put(minute, bucket).unwrap();
            }
            plain.push(bucket);
            for window in [1, 5, 30, 300] {
                let from = usize::try_from((minute - window + 1).max(0)).unwrap();
                let held = plain[from..].iter().flatten();
                let expected = held.fold((0, 0, 0), |(b, t, n), c| (b + c.bad, t + c.total, n + 1));
                assert_eq!(sum(&minutes, minute, window), expected);
            }
        }
    }
}
