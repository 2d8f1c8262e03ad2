//! Slices of time of the levels whose SLO counts them: each slice is judged by what was counted in it, and then it is one event.
//!
//! Kept as a history like that of a series, so that windows and budgets are added up in the same way. A slice is counted anew whenever one
//! of its minutes changes, so that late samples and corrections count as for any other SLO. What makes a slice good may be changed by the
//! configuration; then all slices are counted anew from the minutes that are known.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::level_index::{Level, LevelIndex};
use super::levels::Levels;
use crate::domain::{SampleRow, minute_end};
use crate::slo::history::DAYS_MAX;
use crate::slo::{History, Slice};

/// The slices of a level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sliced {
    /// By which rule they were counted.
    pub slice: Slice,
    /// One event for each slice, stamped at its end.
    pub history: History,
}

impl Levels {
    /// Counts the slices anew that the minutes of these rows are in.
    pub(super) fn count_slices(&mut self, rows: &[SampleRow]) {
        if !self.index.has_slices {
            return;
        }
        let series = |row: &SampleRow| Some((*self.directory.series_of.get(&row.feed)?, row.minute));
        let changed: Vec<(u32, i64)> = rows.iter().filter_map(series).collect();
        self.recount(&changed);
    }

    /// Counts the slices anew that these minutes of these series are in.
    pub(super) fn recount(&mut self, moved: &[(u32, i64)]) {
        let index = Arc::clone(&self.index);
        if !index.has_slices {
            return;
        }
        let mut touched: BTreeSet<(u32, i64)> = BTreeSet::new();
        for (series, minute) in moved {
            for number in index.of_series.get(series).into_iter().flatten() {
                let slice = index.levels.get(*number as usize).and_then(|level| level.slo.slice);
                touched.extend(slice.map(|slice| (*number, slice.end_of(*minute))));
            }
        }
        for (number, end) in touched {
            if let Some(level) = index.levels.get(number as usize) {
                self.count_slice(level, end);
            }
        }
    }

    /// Counts one slice of a level anew.
    fn count_slice(&mut self, level: &Level, end: i64) {
        let Some(slice) = level.slo.slice else { return };
        let sum = level.events(self, minute_end(end - slice.minutes), minute_end(end));
        if sum.minutes == 0 {
            return;
        }
        let counts = slice.count(sum);
        let known = self.slices.entry(level.key.clone()).or_insert_with(|| Arc::new(Sliced::new(slice)));
        let known = Arc::make_mut(known);
        let before = known.history.between(minute_end(end - 1), minute_end(end));
        known.history.put(end, crate::slo::Counts { bad: before.bad, total: before.total }, counts);
    }

    /// Forgets slices of levels that are no more, and counts those anew of which the rule is new.
    pub(super) fn slices_by(&mut self, index: &LevelIndex) {
        self.slices.retain(|key, sliced| {
            let level = index.numbers.get(key).and_then(|number| index.levels.get(*number as usize));
            level.is_some_and(|level| level.slo.slice == Some(sliced.slice))
        });
        if !index.has_slices {
            return;
        }
        for level in index.levels.iter().filter(|level| level.slo.slice.is_some()) {
            if !self.slices.contains_key(&level.key) {
                self.count_all_slices(level);
            }
        }
    }

    /// Counts all slices of a level from the minutes that are known.
    fn count_all_slices(&mut self, level: &Level) {
        let (Some(slice), Some(first), Some(newest)) = (level.slo.slice, level.first(self), level.newest(self)) else {
            return;
        };
        let oldest = first.max(newest - DAYS_MAX * 1_440);
        let mut end = slice.end_of(oldest);
        while end < slice.end_of(newest) + slice.minutes {
            self.count_slice(level, end);
            end += slice.minutes.max(1);
        }
    }
}

impl Sliced {
    fn new(slice: Slice) -> Self {
        Self { slice, history: History::default() }
    }
}
