//! Counters that others keep, and the minutes that become samples of their differences.
//!
//! A reading is folded into the minute in which it was read. A minute is handed over to its series when it is over and [`limits::MINUTE_HOLD`]
//! has passed, since the counters of one scrape arrive in several requests: an error that comes before its request would look like an
//! outage. What comes still later replaces the minute.
//!
//! What a counter stood at is state like any other: after a restart the next difference is as exact as if there had been none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::levels::{Levels, Place};
use super::limits;
use crate::domain::{
    MINUTE_TOTAL_MAX, Reading, ReadingBatch, SampleBatch, SampleRow, Timestamp, minute_end, minute_of,
};
use crate::slo::Counts;
use crate::slo::counter::{Counter, added};

/// All counters. Big parts are behind `Arc`, so that a copy for a snapshot is cheap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// By the number of the feed that they count for.
    pub groups: BTreeMap<u32, Arc<Group>>,
    /// Which groups have minutes to hand over, by when that is due.
    pub due: BTreeMap<Timestamp, BTreeSet<u32>>,
    /// How many counters there are.
    pub known: usize,
    /// When counters were forgotten last.
    pub swept_at: Timestamp,
}

/// Counters that count for one feed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// What each stood at.
    pub counters: BTreeMap<u64, Counter>,
    /// Minutes that something may still be added to, the oldest first.
    pub cells: Vec<Cell>,
}

/// A minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Which, by the stamp of its end.
    pub minute: i64,
    /// Good events so far; below zero when bad ones arrived before their events.
    pub good: i64,
    /// Events so far.
    pub total: u64,
    /// What was handed over already.
    pub handed: Option<Counts>,
    /// How often something was handed over beside the first time.
    pub parts: u32,
    /// When it is to be handed over.
    pub due: Option<Timestamp>,
    /// When something was added last.
    pub touched: Timestamp,
}

impl Cell {
    fn counts(&self) -> Counts {
        let total = self.total.min(MINUTE_TOTAL_MAX);
        let good = u64::try_from(self.good).unwrap_or(0).min(total);
        Counts { bad: total - good, total }
    }
}

impl Counters {
    /// Whether a further counter of this feed can be remembered.
    #[must_use]
    pub fn has_room(&self, feed: u32, counter: u64) -> bool {
        match self.groups.get(&feed) {
            Some(group) if group.counters.contains_key(&counter) => true,
            Some(group) => group.counters.len() < limits::COUNTERS_PER_FEED_MAX && self.known < limits::COUNTERS_MAX,
            None => self.known < limits::COUNTERS_MAX,
        }
    }

    /// When the next minute is to be handed over.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.keys().next().copied()
    }

    /// Adds readings. Total: those of counters for which there is no room are left out.
    pub(super) fn take(&mut self, batch: &ReadingBatch, now: Timestamp) {
        for group in &batch.groups {
            for reading in &group.readings {
                self.read(group.feed, reading, now);
            }
        }
    }

    fn read(&mut self, feed: u32, reading: &Reading, now: Timestamp) {
        if !self.has_room(feed, reading.counter) {
            return;
        }
        let group = self.groups.entry(feed).or_default();
        let group = Arc::make_mut(group);
        let last = group.counters.get(&reading.counter).copied();
        let Some(added) = added(last, reading, limits::SAMPLE_LATENESS) else { return };
        self.known += usize::from(last.is_none());
        group.counters.insert(reading.counter, Counter { at: reading.at, value: reading.value });
        let is_alone = reading.role.needs_partner() && !group.counters.contains_key(&(reading.counter ^ 1));
        let (good, total) = reading.role.counts(added);
        // A minute without traffic is a minute all the same: no traffic is not no data.
        if is_alone || (last.is_none() && added == 0) {
            return;
        }
        let cell = group.cell(minute_of(reading.at));
        cell.good = cell.good.saturating_add(good);
        cell.total = cell.total.saturating_add(total);
        cell.touched = now;
        let is_new = good != 0 || total != 0 || cell.handed.is_none();
        if is_new && cell.due.is_none() {
            let due = now.max(minute_end(cell.minute)).plus(limits::MINUTE_HOLD);
            cell.due = Some(due);
            self.due.entry(due).or_default().insert(feed);
        }
    }

    /// The minutes that are due at `now`, of at most `most` feeds, as samples for `levels`. Gives the number of feeds looked at.
    #[must_use]
    pub(super) fn hand_over(&self, levels: &Levels, now: Timestamp, most: usize) -> (u32, SampleBatch) {
        let mut batch = SampleBatch::default();
        let mut feeds = 0;
        let due = self.due.range(..=now).flat_map(|(at, feeds)| feeds.iter().map(move |feed| (*at, *feed)));
        for (at, feed) in due.take(most) {
            feeds += 1;
            let Some(group) = self.groups.get(&feed) else { continue };
            let cells = group.cells.iter().filter(|cell| cell.due == Some(at));
            batch.rows.extend(cells.filter_map(|cell| cell.row(feed, levels, now)));
        }
        (feeds, batch)
    }

    /// The minutes of the first `feeds` feeds that are due at `now` were handed over.
    pub(super) fn handed_over(&mut self, feeds: u32, now: Timestamp) {
        for _ in 0..feeds {
            let Some(mut entry) = self.due.first_entry().filter(|entry| *entry.key() <= now) else { return };
            let at = *entry.key();
            let feed = entry.get_mut().pop_first();
            if entry.get().is_empty() {
                entry.remove();
            }
            let Some(group) = feed.and_then(|feed| self.groups.get_mut(&feed)) else { continue };
            let group = Arc::make_mut(group);
            for cell in group.cells.iter_mut().filter(|cell| cell.due == Some(at)) {
                cell.parts += u32::from(cell.handed.is_some());
                cell.handed = Some(cell.counts());
                cell.due = None;
            }
            let kept = now.minus(limits::SAMPLE_LATENESS);
            group.cells.retain(|cell| cell.due.is_some() || cell.touched >= kept);
        }
    }

    /// Whether it is time to forget counters that were not read for long.
    #[must_use]
    pub(super) fn is_sweep_due(&self, now: Timestamp) -> bool {
        !self.groups.is_empty() && now.since(self.swept_at) >= limits::COUNTERS_SWEPT_EVERY
    }

    /// Forgets counters that were read before `before` last, and groups without counters.
    pub(super) fn forget(&mut self, before: Timestamp, now: Timestamp) {
        let mut known = 0;
        self.groups.retain(|_, group| {
            if group.counters.values().any(|counter| counter.at < before) {
                Arc::make_mut(group).counters.retain(|_, counter| counter.at >= before);
            }
            known += group.counters.len();
            !group.counters.is_empty() || group.cells.iter().any(|cell| cell.due.is_some())
        });
        self.known = known;
        self.swept_at = now;
    }
}

impl Group {
    fn cell(&mut self, minute: i64) -> &mut Cell {
        let at = match self.cells.binary_search_by_key(&minute, |cell| cell.minute) {
            Ok(at) => at,
            Err(at) => {
                let (good, total, touched) = (0, 0, Timestamp::MIN);
                self.cells.insert(at, Cell { minute, good, total, handed: None, parts: 0, due: None, touched });
                at
            }
        };
        &mut self.cells[at]
    }
}

impl Cell {
    /// The whole minute where the series can still replace what it has of it; else what was added since, as a further part.
    fn row(&self, feed: u32, levels: &Levels, now: Timestamp) -> Option<SampleRow> {
        let whole = self.counts();
        let (part, counts) = match (levels.place(feed, self.minute, None, now), self.handed) {
            (Place::Taken(_), _) | (Place::Free, None) => (None, whole),
            (_, handed) => {
                let handed = handed.unwrap_or_default();
                let total = whole.total.saturating_sub(handed.total);
                let bad = whole.bad.saturating_sub(handed.bad).min(total);
                (Some(self.parts + 1), Counts { bad, total })
            }
        };
        // A part that adds nothing is none; a minute without traffic is one.
        (part.is_none() || counts.total > 0).then_some(SampleRow {
            feed,
            minute: self.minute,
            part,
            bad: counts.bad,
            total: counts.total,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Feed, ReadingGroup, Role, SeriesKey, Span};

    const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn at(seconds: i64) -> Timestamp {
        START.plus(Span::from_seconds(seconds))
    }

    fn reading(counter: u64, seconds: i64, value: u64, role: Role) -> Reading {
        Reading { counter, at: at(seconds), since: None, value, added: false, role }
    }

    /// Counters with their levels; feed 1 is known.
    struct World {
        counters: Counters,
        levels: Levels,
        policy: Arc<crate::engine::Policy>,
    }

    impl World {
        fn new() -> Self {
            let series = SeriesKey {
                service: "api".into(),
                sli: "availability".into(),
                endpoint: None,
                environment: None,
                region: None,
                threshold: None,
            };
            let new_feeds = vec![(1, Arc::new(Feed { series, source: "m".into() }))];
            let text =
                "[organisation]\nname = \"acme\"\nfallback = \"ops\"\n[teams.ops]\n[services.api]\nteam = \"ops\"\n";
            let policy = crate::config::load_texts([("callout.toml", text)], START).loaded.unwrap().policy;
            let mut levels = Levels::default();
            levels.take(&SampleBatch { new_feeds, rows: Vec::new() }, START, &policy);
            Self { counters: Counters::default(), levels, policy }
        }

        fn read(&mut self, now: i64, readings: &[Reading]) {
            let batch = ReadingBatch { groups: vec![ReadingGroup { feed: 1, readings: readings.to_vec() }] };
            self.counters.take(&batch, at(now));
        }

        /// What is handed over at this time: minute since the start, part, bad, total.
        fn hand_over(&mut self, now: i64) -> Vec<(i64, Option<u32>, u64, u64)> {
            let (feeds, batch) = self.counters.hand_over(&self.levels, at(now), 100);
            self.counters.handed_over(feeds, at(now));
            self.levels.take(&batch, at(now), &self.policy);
            batch.rows.iter().map(|r| (r.minute - minute_of(START), r.part, r.bad, r.total)).collect()
        }
    }

    #[test]
    fn a_minute_is_handed_over_when_its_hold_has_passed() {
        let mut world = World::new();
        world.read(5, &[reading(1, 5, 100, Role::GoodTotal), reading(2, 5, 10, Role::Total)]);
        assert_eq!(world.counters.next_due(), None, "the first readings say nothing");
        world.read(20, &[reading(1, 20, 190, Role::GoodTotal), reading(2, 20, 20, Role::Total)]);
        world.read(60, &[reading(1, 60, 200, Role::GoodTotal)]);
        world.read(61, &[reading(1, 61, 300, Role::GoodTotal)]);
        assert_eq!(world.counters.next_due(), Some(at(75)));
        assert_eq!(world.hand_over(74), []);
        assert_eq!(world.hand_over(75), [(1, None, 10, 110)]);
        assert_eq!(world.hand_over(76), []);
        assert_eq!(world.hand_over(135), [(2, None, 0, 100)]);
    }

    #[test]
    fn no_traffic_is_a_minute_and_no_reading_is_none() {
        let mut world = World::new();
        for second in [0, 60, 120] {
            world.read(second, &[reading(1, second, 7, Role::GoodTotal)]);
        }
        assert_eq!(world.hand_over(500), [(1, None, 0, 0), (2, None, 0, 0)]);
    }

    #[test]
    fn what_comes_late_replaces_the_minute() {
        let mut world = World::new();
        world.read(0, &[reading(1, 0, 0, Role::Total), reading(2, 0, 0, Role::Good)]);
        world.read(30, &[reading(1, 30, 100, Role::Total)]);
        assert_eq!(world.hand_over(75), [(1, None, 100, 100)]);
        world.read(80, &[reading(2, 30, 99, Role::Good)]);
        assert_eq!(world.hand_over(94), []);
        assert_eq!(world.hand_over(95), [(1, None, 1, 100)]);
    }

    #[test]
    fn bad_ones_that_come_before_their_events_wait_for_them() {
        let mut world = World::new();
        world.read(0, &[reading(1, 0, 0, Role::GoodTotal), reading(2, 0, 0, Role::Bad)]);
        world.read(30, &[reading(2, 30, 5, Role::Bad)]);
        assert_eq!(world.hand_over(75), [(1, None, 0, 0)], "five bad ones of no events are nothing yet");
        world.read(80, &[reading(1, 30, 50, Role::GoodTotal)]);
        assert_eq!(world.hand_over(95), [(1, None, 5, 50)]);
    }

    #[test]
    fn a_histogram_counts_once_both_of_its_counters_are_known() {
        let mut world = World::new();
        world.read(0, &[reading(2, 0, 100, Role::HistogramTotal)]);
        world.read(15, &[reading(2, 15, 200, Role::HistogramTotal)]);
        assert_eq!(world.counters.next_due(), None, "without its good ones it would all be bad");
        world.read(15, &[reading(3, 15, 190, Role::HistogramGood)]);
        world.read(30, &[reading(2, 30, 300, Role::HistogramTotal), reading(3, 30, 289, Role::HistogramGood)]);
        assert_eq!(world.hand_over(75), [(1, None, 1, 100)]);
    }

    #[test]
    fn a_backlog_counts_in_its_minutes_and_adds_where_it_cannot_replace() {
        let mut world = World::new();
        // An hour of readings arrives at once, of one counter first, of the other later.
        let of = |counter, role| (0..=60).map(move |m| reading(counter, m * 60, 10 * m.unsigned_abs(), role));
        let now = 3_700;
        world.read(now, &of(1, Role::GoodTotal).collect::<Vec<_>>());
        let rows = world.hand_over(now + 15);
        assert_eq!(rows.len(), 60);
        assert!(rows.iter().all(|row| (row.1, row.2, row.3) == (None, 0, 10)), "{rows:?}");
        world.read(now + 20, &of(2, Role::Total).collect::<Vec<_>>());
        let rows = world.hand_over(now + 35);
        assert_eq!(rows.len(), 60);
        let old = |minute| (minute, Some(1), 10, 10);
        assert_eq!(rows[..48], (1..=48).map(old).collect::<Vec<_>>());
        // What is young enough is replaced as a whole.
        assert_eq!(rows[59], (60, None, 10, 20));
    }

    #[test]
    fn repeats_change_nothing_and_resets_count_from_zero() {
        let mut world = World::new();
        let scrape = [reading(1, 0, 50, Role::GoodTotal), reading(1, 15, 60, Role::GoodTotal)];
        world.read(16, &scrape);
        let before = world.counters.clone();
        world.read(17, &scrape);
        assert_eq!(world.counters, before);
        world.read(31, &[reading(1, 30, 3, Role::GoodTotal)]);
        assert_eq!(world.hand_over(75), [(1, None, 0, 13)]);
    }

    #[test]
    fn counters_are_forgotten_and_minutes_with_them() {
        let mut world = World::new();
        world.read(0, &[reading(1, 0, 1, Role::GoodTotal)]);
        world.read(3_600, &[reading(2, 3_600, 1, Role::GoodTotal), reading(2, 3_601, 2, Role::GoodTotal)]);
        assert_eq!(world.counters.known, 2);
        assert!(world.counters.is_sweep_due(at(3_600)));
        world.counters.forget(at(1), at(3_601));
        assert_eq!(world.counters.known, 1);
        assert!(!world.counters.is_sweep_due(at(3_602)));
        world.counters.forget(at(9_999), at(10_000));
        assert_eq!((world.counters.known, world.counters.groups.len()), (0, 1), "a minute waits to be handed over");
        assert_eq!(world.hand_over(10_001), [(61, None, 0, 1)]);
        // Older minutes leave once nothing is added to them any more.
        world.read(20_000, &[reading(3, 20_000, 1, Role::GoodTotal), reading(3, 20_001, 2, Role::GoodTotal)]);
        assert_eq!(world.hand_over(30_000).len(), 1);
        assert!(world.counters.groups[&1].cells.len() <= 1);
    }

    #[test]
    fn there_is_a_limit_to_counters_of_one_feed() {
        let mut world = World::new();
        let many: Vec<Reading> =
            (0..=limits::COUNTERS_PER_FEED_MAX as u64).map(|n| reading(n, 0, 1, Role::GoodTotal)).collect();
        world.read(0, &many);
        assert_eq!(world.counters.known, limits::COUNTERS_PER_FEED_MAX);
        assert!(
            world.counters.has_room(1, 0) && !world.counters.has_room(1, u64::MAX) && world.counters.has_room(2, 0)
        );
    }

    #[test]
    fn counters_are_bounded_in_all_and_swept_in_time() {
        let mut world = World::new();
        world.counters.known = limits::COUNTERS_MAX - 1;
        assert!(world.counters.has_room(1, 7));
        world.counters.known = limits::COUNTERS_MAX;
        assert!(!world.counters.has_room(1, 7) && !world.counters.has_room(2, 7));

        let mut world = World::new();
        world.read(0, &[reading(1, 0, 1, Role::GoodTotal)]);
        let swept = at(0).plus(limits::COUNTERS_SWEPT_EVERY);
        world.counters.forget(at(0).minus(limits::COUNTER_KEPT), at(0));
        let just_before = |at: Timestamp| at.minus(Span::from_millis(1));
        assert!(!world.counters.is_sweep_due(just_before(swept)) && world.counters.is_sweep_due(swept));
        let kept = at(0).plus(limits::COUNTER_KEPT);
        for (now, known) in [(kept, 1), (kept.plus(Span::from_millis(1)), 0)] {
            world.counters.forget(now.minus(limits::COUNTER_KEPT), now);
            assert_eq!(world.counters.known, known, "{now}");
        }
    }
}
