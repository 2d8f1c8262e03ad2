//! Which series each SLO is judged by. Derived from the policy and the series that there are; never stored.
//!
//! An SLO of an endpoint covers that endpoint, one without an endpoint the sum of all endpoints that have none of their own, a default
//! SLO each such endpoint by itself. Each is judged in every environment and region alone, and, where there are several, added up
//! (decision 23 of the SLO semantics): the sum alone would hide a small region that is down.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::levels::{LevelKey, Levels, Scope, Series};
use super::policy::{Policy, Service, Slo};
use crate::domain::{Name, Ratio, SeriesKey, Span, Timestamp, minute_over};
use crate::slo::WindowSum;

/// All levels, by number and by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LevelIndex {
    /// Levels by number.
    pub levels: Vec<Level>,
    /// Numbers of levels.
    pub numbers: BTreeMap<LevelKey, u32>,
    /// Numbers of levels by their ids.
    pub ids: BTreeMap<u64, u32>,
    /// Whether any SLO counts slices of time.
    pub has_slices: bool,
    /// The levels that a series belongs to.
    pub of_series: BTreeMap<u32, Vec<u32>>,
}

/// One level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// What it is.
    pub key: LevelKey,
    /// Its SLO.
    pub slo: Arc<Slo>,
    /// The series that are added up, by number.
    pub series: Vec<u32>,
    /// Longest window of its rules.
    pub longest: Span,
}

impl Level {
    /// Its histories.
    pub fn histories<'l>(&'l self, levels: &'l Levels) -> impl Iterator<Item = &'l Arc<Series>> {
        self.series.iter().filter_map(|number| levels.series.get(number))
    }

    /// The sums over `(at - window, at]`.
    #[must_use]
    pub fn sum(&self, levels: &Levels, at: Timestamp, window: Span) -> WindowSum {
        self.between(levels, at.minus(window), at)
    }

    /// The sums over `(after, upto]` of what the SLO counts: events, or slices of time.
    #[must_use]
    pub fn between(&self, levels: &Levels, after: Timestamp, upto: Timestamp) -> WindowSum {
        let Some(slice) = self.slo.slice else { return self.events(levels, after, upto) };
        let sum = levels.slices.get(&self.key).map(|sliced| sliced.history.between(after, upto)).unwrap_or_default();
        WindowSum { minutes: sum.minutes.saturating_mul(slice.minutes.unsigned_abs()), ..sum }
    }

    /// The sums over `(after, upto]` of events. Minutes are those of the series that has most: they say how much of the window is known.
    #[must_use]
    pub fn events(&self, levels: &Levels, after: Timestamp, upto: Timestamp) -> WindowSum {
        let mut all = WindowSum::default();
        for series in self.histories(levels) {
            let sum = series.history.between(after, upto);
            all.bad = all.bad.saturating_add(sum.bad);
            all.total = all.total.saturating_add(sum.total);
            all.minutes = all.minutes.max(sum.minutes);
        }
        all
    }

    /// How many minutes of `(after, upto]` could be known: those that are not left out.
    #[must_use]
    pub fn expected_minutes(&self, levels: &Levels, after: Timestamp, upto: Timestamp) -> u64 {
        let all = (minute_over(upto) - minute_over(after)).max(0).unsigned_abs();
        all.saturating_sub(self.excluded_minutes(levels, after, upto))
    }

    /// How many minutes of `(after, upto]` are left out of all of its series.
    #[must_use]
    pub fn excluded_minutes(&self, levels: &Levels, after: Timestamp, upto: Timestamp) -> u64 {
        if levels.excluded.is_empty() {
            return 0;
        }
        let of = self.histories(levels).map(|series| levels.excluded_minutes(&series.key, after, upto));
        of.min().unwrap_or(0)
    }

    /// The share of the minutes of a window that is known, of those that are not left out. `minutes` are the known ones.
    #[must_use]
    pub fn coverage(&self, levels: &Levels, at: Timestamp, window: Span, minutes: u64) -> Ratio {
        let expected = self.expected_minutes(levels, at.minus(window), at);
        Ratio::new(minutes.min(expected), expected).unwrap_or(Ratio::ONE)
    }

    /// The newest minute in which something was bad.
    #[must_use]
    pub fn last_bad(&self, levels: &Levels) -> Option<i64> {
        if self.slo.slice.is_some() {
            return levels.slices.get(&self.key).and_then(|sliced| sliced.history.last_bad());
        }
        self.histories(levels).filter_map(|series| series.history.last_bad()).max()
    }

    /// The newest minute with counts.
    #[must_use]
    pub fn newest(&self, levels: &Levels) -> Option<i64> {
        self.histories(levels).flat_map(|series| series.newest.values().copied()).max()
    }

    /// The oldest minute that ever had counts.
    #[must_use]
    pub fn first(&self, levels: &Levels) -> Option<i64> {
        self.histories(levels).filter_map(|series| series.history.first()).min()
    }
}

impl LevelIndex {
    /// Derives everything.
    #[must_use]
    pub fn build(levels: &Levels, policy: &Policy) -> Self {
        let mut index = Self::default();
        for (number, series) in &levels.series {
            index.attach(*number, &series.key, policy);
        }
        index
    }

    /// Makes a series part of the levels that it belongs to.
    pub fn attach(&mut self, number: u32, key: &SeriesKey, policy: &Policy) {
        let Some(service) = policy.services.get(&key.service) else { return };
        let environment = key.environment.as_ref().and_then(|name| policy.environments.get(name));
        let region = key.region.clone().or_else(|| environment.and_then(|e| e.region.clone()));
        for (slo, each_endpoint) in slos(service, key) {
            let endpoint = if each_endpoint { key.endpoint.clone() } else { slo.endpoint.clone() };
            let scope = Scope::One { environment: key.environment.clone(), region: region.clone() };
            let one = LevelKey { service: key.service.clone(), slo: slo.name.clone(), endpoint, scope };
            let all = LevelKey { scope: Scope::All, ..one.clone() };
            let siblings: Vec<u32> = self.siblings(&one).filter(|(known, _)| **known != one).map(|(_, n)| n).collect();
            self.join(one, slo, number);
            if !siblings.is_empty() {
                if !self.numbers.contains_key(&all) {
                    let others: Vec<u32> =
                        siblings.iter().flat_map(|level| self.levels[*level as usize].series.clone()).collect();
                    for other in others {
                        self.join(all.clone(), slo, other);
                    }
                }
                self.join(all, slo, number);
            }
        }
    }

    /// Levels of the same SLO and endpoint in single environments.
    pub fn siblings<'a>(&'a self, key: &'a LevelKey) -> impl Iterator<Item = (&'a LevelKey, u32)> {
        let first = LevelKey { scope: Scope::One { environment: None, region: None }, ..key.clone() };
        self.numbers
            .range(first..)
            .take_while(|(known, _)| {
                (&known.service, &known.slo, &known.endpoint) == (&key.service, &key.slo, &key.endpoint)
            })
            .filter(|(known, _)| known.scope != Scope::All)
            .map(|(known, number)| (known, *number))
    }

    /// The level with this id.
    #[must_use]
    pub fn by_id(&self, id: u64) -> Option<&Level> {
        self.ids.get(&id).and_then(|number| self.levels.get(*number as usize))
    }

    /// Levels of a service.
    pub fn of_service<'a>(&'a self, service: &'a Name) -> impl Iterator<Item = &'a Level> {
        let of_service =
            self.numbers.range(LevelKey::first_of(service)..).take_while(move |(key, _)| key.service == *service);
        of_service.filter_map(|(_, number)| self.levels.get(*number as usize))
    }

    fn join(&mut self, key: LevelKey, slo: &Arc<Slo>, series: u32) {
        let next = u32::try_from(self.levels.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(key.clone()).or_insert(next);
        if number == next {
            let longest = slo.longest_window();
            self.ids.insert(key.id(), number);
            self.has_slices |= slo.slice.is_some();
            self.levels.push(Level { key, slo: Arc::clone(slo), series: Vec::new(), longest });
        }
        let level = &mut self.levels[number as usize];
        if !level.series.contains(&series) {
            level.series.push(series);
            self.of_series.entry(series).or_default().push(number);
        }
    }
}

/// The SLOs of a series, and whether each endpoint is judged by itself.
fn slos<'p>(service: &'p Service, key: &SeriesKey) -> Vec<(&'p Arc<Slo>, bool)> {
    let fits = |slo: &Slo| slo.sli == key.sli && (key.threshold.is_none() || slo.threshold == key.threshold);
    let explicit = || service.slos.iter().filter(|slo| fits(slo));
    if key.endpoint.is_some() {
        let own: Vec<_> = explicit().filter(|slo| slo.endpoint == key.endpoint).map(|slo| (slo, false)).collect();
        if !own.is_empty() {
            return own;
        }
    }
    let whole: Vec<_> = explicit().filter(|slo| slo.endpoint.is_none()).map(|slo| (slo, false)).collect();
    if !whole.is_empty() {
        return whole;
    }
    service.default_slos.get(&key.sli).filter(|slo| fits(slo)).map(|slo| (slo, true)).into_iter().collect()
}
