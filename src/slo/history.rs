//! The history of one series: counts by the minute, exact sums over any window, few bytes.
//!
//! A bucket of one minute is stamped at its end: minute `m` holds `(m - 1, m]`. A window at `t` holds the buckets stamped in
//! `(t - w, t]`, so that five minutes are five buckets (decision 3 of the SLO semantics). Missing minutes add nothing and nothing is
//! filled in for them (decisions 11 and 12).
//!
//! Minutes are packed by the hour, hours of a finished day by the day; each level has its sum, so that a window of 30 days adds up some
//! thirty days, the hours of two, and the minutes of two hours. Days are shared: a copy of a history copies pointers.
//!
//! How far back single minutes are known: [`MINUTE_DAYS_MIN`] days always; beyond that as long as nobody calls [`History::roll_up`],
//! but never more than [`HOUR_DAYS`]; that far hours are known, and days for [`DAYS_MAX`]. Where a window begins within an hour (a day)
//! whose minutes (hours) are not known any more, the whole of it counts if its beginning is inside.
//!
//! Absent on purpose: clocks, sources, counters, and what is late: whoever adds counts decides.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::packed::{self, MINUTES, Plain, put_varint, take_varint};
use super::{Counts, WindowSum};
use crate::domain::{Span, Timestamp, minute_over};

/// Single minutes are known for so many days at least: three days, the longest window of a pair, and the day that is under way.
pub const MINUTE_DAYS_MIN: i64 = 4;
/// Hours are known for so many days, enough for a calendar month.
pub const HOUR_DAYS: i64 = 33;
/// Sums of whole days are known for so many days, enough for a quarter: the longest error budget period. Beyond: they are forgotten.
pub const DAYS_MAX: i64 = 93;

const HOUR: i64 = 60;
const HOURS: usize = 24;
const DAY_HOURS: i64 = 24;
const DAY: i64 = 1_440;

/// Counts of one series over time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Days of which only the sum is left, oldest first.
    old: Arc<Vec<(i64, WindowSum)>>,
    /// Finished days, oldest first.
    days: Vec<Arc<Day>>,
    /// Hours of the day under way and of the last one that is not packed yet, oldest first.
    hours: Vec<Hour>,
    /// The oldest minute that ever had counts.
    first: Option<i64>,
    /// The newest minute with bad events.
    last_bad: Option<i64>,
    /// See [`History::bytes_of_days`].
    day_bytes: u64,
}

/// One hour, its minutes packed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Hour {
    number: i64,
    sum: WindowSum,
    packed: Box<[u8]>,
}

/// One day, its hours packed: 24 offsets of two bytes, then for each hour its sum and its minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Day {
    number: i64,
    sum: WindowSum,
    packed: Box<[u8]>,
}

impl WindowSum {
    const fn add(&mut self, other: Self) {
        self.bad = self.bad.wrapping_add(other.bad);
        self.total = self.total.wrapping_add(other.total);
        self.minutes += other.minutes;
    }
}

impl History {
    /// Counts of a minute change: what one of its parts said `before` (nothing: zero) is now `after`.
    pub fn put(&mut self, minute: i64, before: Counts, after: Counts) {
        let index = minute.saturating_sub(1);
        let number = index.div_euclid(HOUR);
        self.make_room(number.div_euclid(DAY_HOURS));
        self.first = Some(self.first.map_or(minute, |first| first.min(minute)));
        if after.bad > 0 {
            self.last_bad = Some(self.last_bad.map_or(minute, |last| last.max(minute)));
        }
        let is_open = self.days.last().is_none_or(|day| day.number < number.div_euclid(DAY_HOURS));
        if !is_open {
            self.put_in_day(number, slot(index), before, after);
            return;
        }
        let at = self.hours.binary_search_by_key(&number, |hour| hour.number).unwrap_or_else(|at| {
            self.hours.insert(at, Hour { number, sum: WindowSum::default(), packed: Box::default() });
            at
        });
        self.hours[at].put(slot(index), before, after);
    }

    /// Packs finished days and forgets what is older than is kept, when the first minute of a new day comes.
    fn make_room(&mut self, day: i64) {
        let newest = self.hours.last().map(|hour| hour.number.div_euclid(DAY_HOURS));
        if newest.is_none_or(|newest| day <= newest) {
            return;
        }
        while let Some(first) = self.hours.first().map(|hour| hour.number.div_euclid(DAY_HOURS)) {
            let count = self.hours.iter().take_while(|hour| hour.number.div_euclid(DAY_HOURS) == first).count();
            let hours: Vec<Hour> = self.hours.drain(..count).collect();
            self.days.push(Arc::new(Day::pack(first, &hours)));
        }
        let gone = self.days.iter().take_while(|known| day - known.number > HOUR_DAYS).count();
        if gone > 0 || self.old.first().is_some_and(|(first, _)| day - first > DAYS_MAX) {
            let old = Arc::make_mut(&mut self.old);
            old.extend(self.days.drain(..gone).map(|known| (known.number, known.sum)));
            old.retain(|(known, _)| day - known <= DAYS_MAX);
        }
        self.measure();
    }

    /// A minute of a finished day, or of one before all that are known.
    fn put_in_day(&mut self, hour: i64, slot: usize, before: Counts, after: Counts) {
        let day = hour.div_euclid(DAY_HOURS);
        match self.days.binary_search_by_key(&day, |known| known.number) {
            Ok(at) => self.days[at] = Arc::new(self.days[at].with(hour, slot, before, after)),
            Err(at) if self.old.last().is_none_or(|(newest, _)| *newest < day) => {
                let empty = Day { number: day, sum: WindowSum::default(), packed: Box::default() };
                self.days.insert(at, Arc::new(empty.with(hour, slot, before, after)));
            }
            Err(_) => {
                let old = Arc::make_mut(&mut self.old);
                let at = old.binary_search_by_key(&day, |(known, _)| *known).unwrap_or_else(|at| {
                    old.insert(at, (day, WindowSum::default()));
                    at
                });
                replace(&mut old[at].1, before, after, true);
            }
        }
    }

    /// The sums over `(at - window, at]`.
    #[must_use]
    pub fn sum(&self, at: Timestamp, window: Span) -> WindowSum {
        self.between(at.minus(window), at)
    }

    /// The sums over `(after, upto]`.
    #[must_use]
    pub fn between(&self, after: Timestamp, upto: Timestamp) -> WindowSum {
        // Minute m is number m - 1 here, so that hours and days begin at multiples of their lengths.
        let (from, to) = (minute_over(after), minute_over(upto));
        let mut sum = WindowSum::default();
        if from >= to {
            return sum;
        }
        if self.old.last().is_some_and(|(newest, _)| (newest + 1) * DAY > from) {
            for (day, known) in self.old.iter().filter(|(day, _)| day * DAY >= from && day * DAY < to) {
                debug_assert!(*day * DAY >= from);
                sum.add(*known);
            }
        }
        let first = self.days.partition_point(|day| (day.number + 1) * DAY <= from);
        for day in self.days[first..].iter().take_while(|day| day.number * DAY < to) {
            let start = day.number * DAY;
            if from <= start && start + DAY <= to { sum.add(day.sum) } else { day.add_part(from, to, &mut sum) }
        }
        let first = self.hours.partition_point(|hour| (hour.number + 1) * HOUR <= from);
        for hour in self.hours[first..].iter().take_while(|hour| hour.number * HOUR < to) {
            add_hour(hour.number, hour.sum, &hour.packed, from, to, &mut sum);
        }
        sum
    }

    /// The newest minute with bad events: a window that begins after it has none.
    #[must_use]
    pub const fn last_bad(&self) -> Option<i64> {
        self.last_bad
    }

    /// The newest minute with counts.
    #[must_use]
    pub fn newest(&self) -> Option<i64> {
        let of_hour = |number: i64, packed: &[u8]| {
            let plain = Plain::unpack(packed);
            (0..MINUTES).rev().find(|slot| plain.get(*slot).is_some()).map(|slot| number * HOUR + index(slot) + 1)
        };
        let last = self.hours.last().and_then(|hour| of_hour(hour.number, &hour.packed));
        last.or_else(|| {
            let day = self.days.last()?;
            day.hours().filter_map(|(number, _, packed)| of_hour(number, packed)).last()
        })
    }

    /// The oldest minute that ever had counts, even where it is forgotten by now.
    #[must_use]
    pub const fn first(&self) -> Option<i64> {
        self.first
    }

    /// Gives up single minutes of finished days older than [`MINUTE_DAYS_MIN`] days; their hours stay.
    pub fn roll_up(&mut self) {
        let Some(newest) = self.days.last().map(|day| day.number) else { return };
        for day in &mut self.days {
            if newest - day.number >= MINUTE_DAYS_MIN && day.has_minutes() {
                *day = Arc::new(day.rolled_up());
            }
        }
        self.measure();
    }

    /// Bytes that finished days take in memory, roughly. Changes only when a day is packed, rolled up or forgotten.
    #[must_use]
    pub const fn bytes_of_days(&self) -> u64 {
        self.day_bytes
    }

    fn measure(&mut self) {
        const OVERHEAD: usize = size_of::<Day>() + 48;
        let days: usize = self.days.iter().map(|day| day.packed.len() + OVERHEAD).sum();
        self.day_bytes = (days + self.old.len() * size_of::<(i64, WindowSum)>()) as u64;
    }
}

/// Place of a minute within its hour.
fn slot(index: i64) -> usize {
    usize::try_from(index.rem_euclid(HOUR)).unwrap_or(0)
}

fn index(slot: usize) -> i64 {
    i64::try_from(slot).unwrap_or(0)
}

fn replace(sum: &mut WindowSum, before: Counts, after: Counts, is_new: bool) {
    sum.bad = sum.bad.wrapping_add(after.bad).wrapping_sub(before.bad);
    sum.total = sum.total.wrapping_add(after.total).wrapping_sub(before.total);
    sum.minutes += u64::from(is_new);
}

/// Adds the part of an hour that is within `[from, to)`.
fn add_hour(number: i64, all: WindowSum, minutes: &[u8], from: i64, to: i64, sum: &mut WindowSum) {
    let start = number * HOUR;
    let (first, end) = ((from - start).max(0), (to - start).min(HOUR));
    if first >= end {
        return;
    }
    if first == 0 && end == HOUR {
        sum.add(all);
    } else if minutes.is_empty() {
        // Only the sum is known: it counts where the hour begins.
        if first == 0 {
            sum.add(all);
        }
    } else {
        sum.add(packed::sum(minutes, slot(first), usize::try_from(end).unwrap_or(MINUTES)));
    }
}

impl Hour {
    fn put(&mut self, slot: usize, before: Counts, after: Counts) {
        let mut plain = Plain::unpack(&self.packed);
        let there = plain.get(slot);
        let mut counts = there.unwrap_or_default();
        counts.bad = counts.bad.wrapping_add(after.bad).wrapping_sub(before.bad);
        counts.total = counts.total.wrapping_add(after.total).wrapping_sub(before.total);
        plain.set(slot, counts);
        replace(&mut self.sum, before, after, there.is_none());
        self.packed = plain.pack();
    }
}

impl Day {
    fn pack(number: i64, hours: &[Hour]) -> Self {
        let mut sum = WindowSum::default();
        let mut body = Vec::with_capacity(2_048);
        let mut offsets = [0_u8; HOURS * 2];
        let mut next = hours.iter().peekable();
        for place in 0..HOURS {
            let hour = next.next_if(|hour| hour.number == number * DAY_HOURS + index(place));
            if let Some(hour) = hour {
                sum.add(hour.sum);
                put_varint(&mut body, hour.sum.bad);
                put_varint(&mut body, hour.sum.total);
                put_varint(&mut body, hour.sum.minutes);
                body.extend_from_slice(&hour.packed);
            }
            let end = u16::try_from(body.len()).unwrap_or(u16::MAX).to_le_bytes();
            offsets[place * 2..place * 2 + 2].copy_from_slice(&end);
        }
        let packed: Vec<u8> = offsets.into_iter().chain(body).collect();
        Self { number, sum, packed: packed.into_boxed_slice() }
    }

    /// Number, sum and packed minutes of each hour that has any.
    fn hours(&self) -> impl Iterator<Item = (i64, WindowSum, &[u8])> {
        let (offsets, body) = self.packed.split_at_checked(HOURS * 2).unwrap_or_default();
        let end = |place: usize| usize::from(u16::from_le_bytes([offsets[place * 2], offsets[place * 2 + 1]]));
        let known = if offsets.is_empty() { 0 } else { HOURS };
        (0..known).filter_map(move |place| {
            let start = if place == 0 { 0 } else { end(place - 1) };
            let mut rest = body.get(start..end(place)).filter(|hour| !hour.is_empty())?;
            let bad = take_varint(&mut rest)?;
            let total = take_varint(&mut rest)?;
            let minutes = take_varint(&mut rest)?;
            Some((self.number * DAY_HOURS + index(place), WindowSum { bad, total, minutes }, rest))
        })
    }

    fn unpack(&self) -> Vec<Hour> {
        self.hours().map(|(number, sum, packed)| Hour { number, sum, packed: packed.into() }).collect()
    }

    fn with(&self, number: i64, slot: usize, before: Counts, after: Counts) -> Self {
        let mut hours = self.unpack();
        let at = hours.binary_search_by_key(&number, |hour| hour.number).unwrap_or_else(|at| {
            hours.insert(at, Hour { number, sum: WindowSum::default(), packed: Box::default() });
            at
        });
        let hour = &mut hours[at];
        if hour.packed.is_empty() && hour.sum.minutes > 0 {
            // Rolled up: the minutes are not known any more, and so is whether this one is new.
            replace(&mut hour.sum, before, after, before == Counts::default());
        } else {
            hour.put(slot, before, after);
        }
        Self::pack(self.number, &hours)
    }

    fn add_part(&self, from: i64, to: i64, sum: &mut WindowSum) {
        for (number, all, minutes) in self.hours() {
            add_hour(number, all, minutes, from, to, sum);
        }
    }

    fn has_minutes(&self) -> bool {
        self.hours().any(|(_, _, minutes)| !minutes.is_empty())
    }

    fn rolled_up(&self) -> Self {
        let mut hours = self.unpack();
        for hour in &mut hours {
            hour.packed = Box::default();
        }
        Self::pack(self.number, &hours)
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
