//! What the engine knows of service levels: which series there are, from which sources, what was counted, and which rules hold.
//!
//! A part of a minute (one source, one minute, one number) is remembered by itself for as long as samples may be late, so that a repeat
//! is known as one and a correction replaces exactly what it corrects. The state after any order of the same samples is the same.
//!
//! Absent on purpose: judgement of a sample's time. Whoever makes it durable decides by [`Levels::place`]; what is in a batch counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::level_exclusion::Exclusion;
use super::level_index::LevelIndex;
use super::level_slices::Sliced;
use super::limits;
use super::policy::Policy;
use crate::domain::{Feed, Name, Ratio, SampleBatch, SampleRow, SeriesKey, Timestamp, minute_over};
use crate::slo::burn::AlertState;
use crate::slo::{Counts, History};

/// All series. Big parts are behind `Arc`, so that a copy for a snapshot is cheap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Levels {
    /// Numbers of feeds and series.
    pub directory: Arc<Directory>,
    /// Histories by number of the series.
    pub series: BTreeMap<u32, Arc<Series>>,
    /// Rules that hold, or held lately, by level. A level without an entry is at rest.
    pub alerts: BTreeMap<LevelKey, Arc<LevelAlerts>>,
    /// Objectives by service and SLO: when each came into force, oldest first.
    pub objectives: BTreeMap<(Name, Name), Vec<(Timestamp, Ratio)>>,
    /// Outages that are over, by level, oldest first.
    pub episodes: BTreeMap<LevelKey, Vec<Episode>>,
    /// Slices of the levels whose SLO counts them.
    pub slices: BTreeMap<LevelKey, Arc<Sliced>>,
    /// Minutes that are left out, in order of their beginnings.
    pub excluded: Arc<Vec<Exclusion>>,
    /// Bytes of all histories, roughly.
    pub bytes: u64,
    /// Which series each SLO is judged by; derived from the policy, and built anew with it.
    #[serde(skip)]
    pub index: Arc<LevelIndex>,
}

/// An outage of a level: while its pages fired, from the beginning of the window by which it was found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Episode {
    /// Beginning.
    pub from: Timestamp,
    /// End.
    pub to: Timestamp,
    /// Share of the period's grant that it cost.
    pub spent: Ratio,
    /// A service that this one depends on and that was broken meanwhile.
    pub through: Option<Name>,
}

/// An SLO in one scope: what is judged by itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct LevelKey {
    /// Service.
    pub service: Name,
    /// Name of the SLO.
    pub slo: Name,
    /// Endpoint; absent: the service as a whole.
    pub endpoint: Option<Name>,
    /// Where.
    pub scope: Scope,
}

/// Where a service level is judged.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Scope {
    /// In one environment and region.
    One {
        /// The environment, where samples name it.
        environment: Option<Name>,
        /// The region, of the samples or the environment.
        region: Option<Name>,
    },
    /// All of them added up.
    All,
}

impl LevelKey {
    /// The least key of a service.
    #[must_use]
    pub fn first_of(service: &Name) -> Self {
        let scope = Scope::One { environment: None, region: None };
        Self { service: service.clone(), slo: Name::default(), endpoint: None, scope }
    }

    /// Stable id, for addresses.
    #[must_use]
    pub fn id(&self) -> u64 {
        let scope = match &self.scope {
            Scope::One { environment, region } => {
                [environment.as_deref().unwrap_or_default(), region.as_deref().unwrap_or_default(), ""]
            }
            Scope::All => ["", "", "all"],
        };
        let parts = [self.service.as_str(), self.slo.as_str(), self.endpoint.as_deref().unwrap_or_default()];
        let text = parts.iter().chain(&scope).fold(String::new(), |text, part| text + part + "\u{1f}");
        xxhash_rust::xxh3::xxh3_64(text.as_bytes())
    }
}

/// What the rules of a level remember, by the rule's name.
pub type LevelAlerts = BTreeMap<Name, AlertState>;

/// Which number is whose. Numbers are never used again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// Number of the newest feed.
    pub last_feed: u32,
    /// Number of the newest series.
    pub last_series: u32,
    /// Numbers of feeds.
    pub feeds: BTreeMap<Arc<Feed>, u32>,
    /// Numbers of series.
    pub series: BTreeMap<SeriesKey, u32>,
    /// The series of a feed.
    pub series_of: BTreeMap<u32, u32>,
}

/// One series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// What is measured.
    pub key: SeriesKey,
    /// Newest minute of each feed.
    pub newest: BTreeMap<u32, i64>,
    /// Parts that can still be repeated or corrected, in order of minute, feed and number.
    pub recent: Vec<Part>,
    /// What was counted, of all feeds together.
    pub history: History,
    /// What was counted in minutes that are left out.
    pub left_out: History,
}

/// One part of a minute as it was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The minute.
    pub minute: i64,
    /// The feed.
    pub feed: u32,
    /// The sender's number.
    pub part: Option<u32>,
    /// What was counted.
    pub counts: Counts,
}

/// What is known of the place that a sample would take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing is there yet.
    Free,
    /// These counts are.
    Taken(Counts),
    /// It is older than what can be told apart from a repeat.
    Gone,
}

impl Levels {
    /// What is known of a feed's part of a minute. `now` decides what is late: a late part is free only where the source goes on from
    /// what it sent last, since a repeat could not be told from a new one.
    #[must_use]
    pub fn place(&self, feed: u32, minute: i64, part: Option<u32>, now: Timestamp) -> Place {
        let known = self.directory.series_of.get(&feed).and_then(|series| self.series.get(series));
        if let Some(series) = known
            && let Ok(at) = series.find(minute, feed, part)
        {
            return Place::Taken(series.recent[at].counts);
        }
        let newest = known.and_then(|series| series.newest.get(&feed));
        let is_late = minute < minute_over(now.minus(limits::SAMPLE_LATENESS));
        let is_backlog = newest.is_none_or(|newest| minute > *newest);
        let is_kept = minute >= minute_over(now.minus(limits::BACKLOG_KEPT));
        if !is_late || (is_backlog && is_kept) { Place::Free } else { Place::Gone }
    }

    /// Number of a feed, where it is known.
    #[must_use]
    pub fn feed(&self, feed: &Feed) -> Option<u32> {
        self.directory.feeds.get(feed).copied()
    }

    /// How many feeds a series has.
    #[must_use]
    pub fn feeds_of(&self, series: &SeriesKey) -> usize {
        let number = self.directory.series.get(series);
        number.and_then(|number| self.series.get(number)).map_or(0, |series| series.newest.len())
    }

    /// Adds what is in a batch. Total: a row of an unknown feed adds nothing.
    pub(super) fn take(&mut self, batch: &SampleBatch, now: Timestamp, policy: &Policy) {
        if !batch.new_feeds.is_empty() {
            let levels = self.index.levels.len();
            let directory = Arc::make_mut(&mut self.directory);
            for (number, feed) in &batch.new_feeds {
                let (series, is_new) = directory.register(*number, feed);
                if is_new {
                    self.series.insert(series, Arc::new(Series::new(feed.series.clone())));
                    Arc::make_mut(&mut self.index).attach(series, &feed.series, policy);
                }
            }
            if self.index.has_slices && self.index.levels.len() > levels {
                // A sum over all environments begins with what is known of its parts.
                let index = Arc::clone(&self.index);
                self.slices_by(&index);
            }
        }
        let has_exclusions = !self.excluded.is_empty();
        for row in &batch.rows {
            let is_excluded = has_exclusions && self.is_row_excluded(row);
            let series = self.directory.series_of.get(&row.feed).and_then(|series| self.series.get_mut(series));
            if let Some(series) = series {
                let series = Arc::make_mut(series);
                let before = series.history.bytes_of_days();
                series.take(row, is_excluded, now);
                let after = series.history.bytes_of_days();
                // A day was packed: the time to see whether its minutes can be afforded.
                if after != before {
                    self.bytes = self.bytes.saturating_add(after).saturating_sub(before);
                    if self.bytes > limits::HISTORY_BYTES_MAX {
                        series.history.roll_up();
                        let rolled = series.history.bytes_of_days();
                        self.bytes = self.bytes.saturating_add(rolled).saturating_sub(after);
                    }
                }
            }
        }
        self.count_slices(&batch.rows);
    }

    fn is_row_excluded(&self, row: &SampleRow) -> bool {
        let series = self.directory.series_of.get(&row.feed).and_then(|series| self.series.get(series));
        series.is_some_and(|series| self.is_excluded(&series.key, row.minute))
    }

    /// Derives from the policy which series each SLO is judged by, and counts slices whose rule is new.
    pub(super) fn index_by(&mut self, policy: &Policy) {
        let index = Arc::new(LevelIndex::build(self, policy));
        self.slices_by(&index);
        self.index = index;
    }

    /// Performs a change of a rule's state; a level at rest takes no room.
    pub(super) fn set_rule(&mut self, level: &LevelKey, rule: &Name, state: AlertState) {
        if state == AlertState::Inactive {
            let Some(alerts) = self.alerts.get_mut(level) else { return };
            Arc::make_mut(alerts).remove(rule);
            if alerts.is_empty() {
                self.alerts.remove(level);
            }
        } else {
            let alerts = self.alerts.entry(level.clone()).or_default();
            Arc::make_mut(alerts).insert(rule.clone(), state);
        }
    }

    /// The objective of an SLO in force in the period of a minute that is stamped `at`; before the first known one, that.
    #[must_use]
    pub fn objective_at(&self, level: &LevelKey, at: Timestamp) -> Option<Ratio> {
        let known = self.objectives.get(&(level.service.clone(), level.slo.clone()))?;
        let in_force = known.iter().rev().find(|(since, _)| *since < at).or(known.first());
        in_force.map(|(_, objective)| *objective)
    }

    /// An objective is in force from `at`, and what was to come after that is not; the newest [`limits::OBJECTIVES_KEPT`] are remembered.
    pub(super) fn set_objective(&mut self, service: &Name, slo: &Name, objective: Ratio, at: Timestamp) {
        let known = self.objectives.entry((service.clone(), slo.clone())).or_default();
        known.retain(|(since, _)| *since < at);
        if known.len() >= limits::OBJECTIVES_KEPT {
            known.remove(0);
        }
        known.push((at, objective));
    }

    /// An outage is over, or the last one goes on to here.
    pub(super) fn end_episode(&mut self, level: &LevelKey, episode: &Episode, merged: bool) {
        let known = self.episodes.entry(level.clone()).or_default();
        if merged {
            known.pop();
        }
        known.retain(|old| episode.to.since(old.to) <= limits::EPISODES_KEPT);
        if known.len() >= limits::EPISODES_MAX {
            known.remove(0);
        }
        known.push(episode.clone());
    }

    /// The levels of a service that are not at rest.
    pub fn of_service<'a>(&'a self, service: &'a Name) -> impl Iterator<Item = &'a LevelKey> {
        self.alerts
            .range(LevelKey::first_of(service)..)
            .map(|(key, _)| key)
            .take_while(move |key| key.service == *service)
    }

    /// Outages of a service that are over.
    pub fn episodes_of<'a>(&'a self, service: &'a Name) -> impl Iterator<Item = &'a Episode> {
        let range =
            self.episodes.range(LevelKey::first_of(service)..).take_while(move |(key, _)| key.service == *service);
        range.flat_map(|(_, episodes)| episodes)
    }

    /// Where a rule of a level stands.
    #[must_use]
    pub fn rule(&self, level: &LevelKey, rule: &str) -> AlertState {
        self.alerts.get(level).and_then(|alerts| alerts.get(rule)).copied().unwrap_or_default()
    }
}

impl Directory {
    /// Makes a feed known; gives the number of its series, and whether that is new.
    fn register(&mut self, number: u32, feed: &Arc<Feed>) -> (u32, bool) {
        self.last_feed = self.last_feed.max(number);
        let next = self.last_series + 1;
        let series = *self.series.entry(feed.series.clone()).or_insert(next);
        self.last_series = self.last_series.max(series);
        self.feeds.insert(Arc::clone(feed), number);
        self.series_of.insert(number, series);
        (series, series == next)
    }
}

impl Series {
    /// One that nothing was counted of yet.
    #[must_use]
    pub fn new(key: SeriesKey) -> Self {
        Self {
            key,
            newest: BTreeMap::new(),
            recent: Vec::new(),
            history: History::default(),
            left_out: History::default(),
        }
    }

    fn find(&self, minute: i64, feed: u32, part: Option<u32>) -> Result<usize, usize> {
        self.recent.binary_search_by(|known| (known.minute, known.feed, known.part).cmp(&(minute, feed, part)))
    }

    fn take(&mut self, row: &SampleRow, is_excluded: bool, now: Timestamp) {
        let counts = Counts { bad: row.bad, total: row.total };
        match self.find(row.minute, row.feed, row.part) {
            Ok(at) => {
                self.put(is_excluded, row.minute, self.recent[at].counts, counts);
                self.recent[at].counts = counts;
            }
            Err(at) => {
                self.put(is_excluded, row.minute, Counts::default(), counts);
                let part = Part { minute: row.minute, feed: row.feed, part: row.part, counts };
                self.recent.insert(at, part);
            }
        }
        let newest = self.newest.entry(row.feed).or_insert(row.minute);
        *newest = row.minute.max(*newest);
        self.forget(now);
    }

    /// Parts beyond the lateness are forgotten, but for the newest minute of each feed, which tells repeats of a backlog.
    fn forget(&mut self, now: Timestamp) {
        // A little longer than samples may be late, since time goes on between taking one in and judging it.
        let oldest = minute_over(now.minus(limits::SAMPLE_LATENESS)) - 2;
        if self.recent.first().is_some_and(|part| part.minute < oldest) {
            let newest = &self.newest;
            self.recent.retain(|part| part.minute >= oldest || newest.get(&part.feed) == Some(&part.minute));
        }
    }
}
