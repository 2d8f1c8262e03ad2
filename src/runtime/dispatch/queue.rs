//! The messages of one channel that wait: in lanes, each in order of urgency, with the lane's pace and its circuit breaker.
//! Plain data over a given `now`; the worker does the sending.
//!
//! A lane whose destination fails as a whole sends one call at a time, after growing waits; from [`BREAKER_FAILURES`] such failures on it is
//! *open*: single messages probe it and the rest waits, until one gets through or the messages are given up.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::retry;
use crate::domain::{IncidentId, Name};
use crate::engine::state::Delivery;

/// A destination that failed so often in a row, as a whole, is only probed.
pub const BREAKER_FAILURES: u32 = 5;
/// Notices are tried so many times longer than pages before they are given up.
pub const NOTICE_PATIENCE: u32 = 6;
/// Rows looked at for one batch, times its size: those for other addresses and of incidents under way are passed over.
const LOOK_FACTOR: usize = 4;

/// A message that waits.
#[derive(Debug, Clone)]
pub struct Row {
    pub delivery: Arc<Delivery>,
    /// Where to, within the channel.
    pub address: Name,
    /// Attempts so far.
    pub attempts: u32,
    queued_at: Instant,
    first_failed: Option<Instant>,
}

/// Order of sending: urgency of the incident, pages before notices, then age.
type Key = (u8, bool, u64);

impl Row {
    pub fn new(delivery: Arc<Delivery>, address: Name, now: Instant) -> Self {
        let attempts = delivery.attempts;
        Self { delivery, address, attempts, queued_at: now, first_failed: None }
    }

    fn key(&self) -> Key {
        (self.delivery.rank, !self.delivery.is_page(), self.delivery.id.0)
    }
}

/// How a channel wants to be used.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub batch_max: usize,
    pub interval: Duration,
    /// Pages that kept failing for so long failed for good.
    pub give_up: Duration,
}

impl Pace {
    fn patience(&self, row: &Row) -> Duration {
        if row.delivery.is_page() { self.give_up } else { self.give_up * NOTICE_PATIENCE }
    }
}

/// Messages to send in one call, all to the same address.
#[derive(Debug, Clone)]
pub struct Call {
    pub lane: String,
    pub rows: Vec<Row>,
}

/// What became of a row in a call.
#[derive(Debug)]
pub enum Fate {
    /// It is done with: delivered, failed for good, or not wanted any more.
    Done,
    /// Again, after what the other side asked for.
    Again { after: Option<Duration>, whole: bool },
}

/// What the queue decided about a row that failed.
#[derive(Debug)]
pub enum Next {
    /// Tried again in so long.
    Wait(Row, Duration),
    /// Given up; how long it was tried.
    GivenUp(Row, Duration),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Out,
    Ready(Key),
    Waiting(Instant),
}

#[derive(Debug)]
struct Lane {
    rows: BTreeMap<Key, Row>,
    calls: usize,
    under_way: HashSet<IncidentId>,
    not_before: Option<Instant>,
    failures: u32,
    failing_since: Option<Instant>,
    /// Every row that may go concerns an incident that is under way.
    blocked: bool,
    slot: Slot,
}

/// All lanes of a channel.
#[derive(Debug)]
pub struct Queue {
    pace: Pace,
    lanes: BTreeMap<String, Lane>,
    ready: BTreeSet<(Key, String)>,
    waiting: BTreeSet<(Instant, String)>,
    /// Single messages that wait for another try.
    delayed: BTreeMap<(Instant, u64), (String, Row)>,
}

impl Queue {
    pub fn new(pace: Pace) -> Self {
        Self {
            pace,
            lanes: BTreeMap::new(),
            ready: BTreeSet::new(),
            waiting: BTreeSet::new(),
            delayed: BTreeMap::new(),
        }
    }

    pub fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// Takes a message in.
    pub fn push(&mut self, lane: &str, row: Row, now: Instant) {
        let known = self.lanes.entry(lane.to_owned()).or_insert_with(|| Lane {
            rows: BTreeMap::new(),
            calls: 0,
            under_way: HashSet::new(),
            not_before: None,
            failures: 0,
            failing_since: None,
            blocked: false,
            slot: Slot::Out,
        });
        known.blocked = false;
        known.rows.insert(row.key(), row);
        self.place(lane, now);
    }

    /// Everything that waits, taken out.
    pub fn drain(&mut self) -> Vec<Row> {
        let mut rows: Vec<Row> =
            self.lanes.values_mut().flat_map(|lane| std::mem::take(&mut lane.rows).into_values()).collect();
        rows.extend(std::mem::take(&mut self.delayed).into_values().map(|(_, row)| row));
        self.ready.clear();
        self.waiting.clear();
        self.lanes.values_mut().for_each(|lane| lane.slot = Slot::Out);
        rows
    }

    /// When `next` may have something that it does not have now.
    pub fn wake_at(&self) -> Option<Instant> {
        let lane = self.waiting.first().map(|(at, _)| *at);
        let row = self.delayed.first_key_value().map(|((at, _), _)| *at);
        lane.into_iter().chain(row).min()
    }

    /// The most urgent call that may be made now.
    pub fn next(&mut self, now: Instant) -> Option<Call> {
        while let Some(entry) = self.delayed.first_entry().filter(|entry| entry.key().0 <= now) {
            let (lane, row) = entry.remove();
            self.push(&lane, row, now);
        }
        while let Some((at, name)) = self.waiting.first().filter(|(at, _)| *at <= now).cloned() {
            self.waiting.remove(&(at, name.clone()));
            if let Some(lane) = self.lanes.get_mut(&name) {
                lane.slot = Slot::Out;
            }
            self.place(&name, now);
        }
        while let Some((_, name)) = self.ready.first().cloned() {
            let rows = self.batch(&name);
            if let Some(lane) = self.lanes.get_mut(&name) {
                if rows.is_empty() {
                    lane.blocked = true;
                } else {
                    lane.calls += 1;
                }
            }
            self.place(&name, now);
            if !rows.is_empty() {
                return Some(Call { lane: name, rows });
            }
        }
        None
    }

    /// The most urgent row of a lane, and others for the same address behind it.
    fn batch(&mut self, name: &str) -> Vec<Row> {
        let Some(lane) = self.lanes.get_mut(name) else { return Vec::new() };
        let most = if lane.failures >= BREAKER_FAILURES { 1 } else { self.pace.batch_max.max(1) };
        let mut keys = Vec::new();
        let mut address: Option<&Name> = None;
        for (key, row) in lane.rows.iter().take(most.saturating_mul(LOOK_FACTOR).max(64)) {
            let free = row.delivery.incident.is_none_or(|incident| !lane.under_way.contains(&incident));
            if free && address.is_none_or(|address| *address == row.address) {
                address = Some(&row.address);
                keys.push(*key);
                if keys.len() == most {
                    break;
                }
            }
        }
        let rows: Vec<Row> = keys.iter().filter_map(|key| lane.rows.remove(key)).collect();
        lane.under_way.extend(rows.iter().filter_map(|row| row.delivery.incident));
        rows
    }

    /// A call ended; `fates` are those of its rows, in order. Gives what happens to the rows that are not done.
    /// `chance` is drawn for this call.
    pub fn done(&mut self, call: Call, fates: &[Fate], now: Instant, chance: u32) -> Vec<Next> {
        let Call { lane: name, rows } = call;
        let pace = self.pace;
        let Some(lane) = self.lanes.get_mut(&name) else { return Vec::new() };
        lane.calls = lane.calls.saturating_sub(1);
        lane.blocked = false;
        for incident in rows.iter().filter_map(|row| row.delivery.incident) {
            lane.under_way.remove(&incident);
        }
        let whole = fates.iter().find_map(|fate| match fate {
            Fate::Again { after, whole: true } => Some(*after),
            _ => None,
        });
        let mut pause = (!pace.interval.is_zero()).then_some(pace.interval);
        if let Some(after) = whole {
            lane.failures = lane.failures.saturating_add(1);
            lane.failing_since.get_or_insert(now);
            let wait = retry::wait(lane.failures, chance, pace.give_up, after);
            pause = pause.max(Some(wait));
        } else if fates.iter().any(|fate| matches!(fate, Fate::Done)) {
            lane.failures = 0;
            lane.failing_since = None;
        }
        lane.not_before = pause.map(|pause| now + pause);
        let mut next = Vec::new();
        for (mut row, fate) in rows.into_iter().zip(fates) {
            let Fate::Again { after, whole } = fate else { continue };
            row.attempts += 1;
            // Waiting for a failing destination counts as trying.
            let failing = lane.failing_since.filter(|_| *whole).map_or(now, |since| since.max(row.queued_at));
            let since = *row.first_failed.get_or_insert(failing);
            let tried = now - since;
            let wait = match pause {
                Some(pause) if *whole => pause,
                _ => retry::wait(row.attempts, chance, pace.give_up, *after),
            };
            if tried + wait > pace.patience(&row) {
                next.push(Next::GivenUp(row, tried));
                continue;
            }
            next.push(Next::Wait(row.clone(), wait));
            if *whole {
                lane.rows.insert(row.key(), row);
            } else {
                self.delayed.insert((now + wait, row.delivery.id.0), (name.clone(), row));
            }
        }
        if whole.is_some() {
            next.extend(lane.overdue(pace, now).into_iter().map(|(row, tried)| Next::GivenUp(row, tried)));
        }
        self.place(&name, now);
        next
    }

    /// Rows of a call that are not sent at all. `whole`: no row of the call is, so it is over, and costs the lane no time.
    pub fn unsent(&mut self, call: &Call, whole: bool, now: Instant) {
        let Some(lane) = self.lanes.get_mut(&call.lane) else { return };
        for incident in call.rows.iter().filter_map(|row| row.delivery.incident) {
            lane.under_way.remove(&incident);
        }
        lane.blocked = false;
        if whole {
            lane.calls = lane.calls.saturating_sub(1);
            self.place(&call.lane, now);
        }
    }

    /// Puts a lane where it belongs: among the ready, the waiting, or out.
    fn place(&mut self, name: &str, now: Instant) {
        let Some(lane) = self.lanes.get_mut(name) else { return };
        match lane.slot {
            Slot::Ready(key) => drop(self.ready.remove(&(key, name.to_owned()))),
            Slot::Waiting(at) => drop(self.waiting.remove(&(at, name.to_owned()))),
            Slot::Out => {}
        }
        lane.slot = Slot::Out;
        // Lanes with a name or a pace go one call after the other; so does one whose destination is in trouble.
        let single = !name.is_empty() || !self.pace.interval.is_zero() || lane.failures > 0;
        let busy = lane.blocked || (single && lane.calls > 0);
        match lane.rows.first_key_value() {
            None => {
                let idle = lane.calls == 0 && lane.failures == 0 && lane.not_before.is_none_or(|at| at <= now);
                if idle {
                    self.lanes.remove(name);
                }
            }
            Some(_) if busy => {}
            Some((key, _)) => {
                lane.slot = match lane.not_before.filter(|at| *at > now) {
                    Some(at) => Slot::Waiting(at),
                    None => Slot::Ready(*key),
                };
                match lane.slot {
                    Slot::Waiting(at) => drop(self.waiting.insert((at, name.to_owned()))),
                    Slot::Ready(key) => drop(self.ready.insert((key, name.to_owned()))),
                    Slot::Out => {}
                }
            }
        }
    }
}

impl Lane {
    /// Rows that waited for a failing destination too long, taken out.
    fn overdue(&mut self, pace: Pace, now: Instant) -> Vec<(Row, Duration)> {
        let failing = self.failing_since;
        let age = |row: &Row| {
            let since = row.first_failed.or_else(|| failing.map(|since| since.max(row.queued_at)));
            since.map_or(Duration::ZERO, |since| now - since)
        };
        let late: Vec<Key> =
            self.rows.iter().filter(|(_, row)| age(row) >= pace.patience(row)).map(|(key, _)| *key).collect();
        late.iter().filter_map(|key| self.rows.remove(key)).map(|row| (row.clone(), age(&row))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::DeliveryId;
    use crate::engine::state::Purpose;
    use crate::runtime::tests::row as delivery;

    fn row(id: u64, rank: u8, purpose: Purpose, incident: Option<u64>, now: Instant) -> Row {
        let mut delivery = delivery(DeliveryId(id));
        (delivery.rank, delivery.purpose, delivery.incident) = (rank, purpose, incident.map(IncidentId));
        Row::new(Arc::new(delivery), Name::default(), now)
    }

    fn queue(batch_max: usize) -> Queue {
        Queue::new(Pace { batch_max, interval: Duration::ZERO, give_up: Duration::from_mins(10) })
    }

    fn ids(call: &Call) -> Vec<u64> {
        call.rows.iter().map(|row| row.delivery.id.0).collect()
    }

    fn fail(after: Option<Duration>, whole: bool) -> Fate {
        Fate::Again { after, whole }
    }

    #[tokio::test(start_paused = true)]
    async fn urgency_then_pages_then_age_decide_the_order() {
        let (mut queue, now) = (queue(8), Instant::now());
        for (id, rank, purpose) in [
            (1, 255, Purpose::Page),
            (2, 0, Purpose::Alert),
            (3, 1, Purpose::Page),
            (4, 0, Purpose::Page),
            (5, 0, Purpose::Page),
        ] {
            queue.push("", row(id, rank, purpose, None, now), now);
        }
        assert_eq!(queue.next(now).map(|call| ids(&call)), Some(vec![4, 5, 2, 3, 1]));
        assert!(queue.next(now).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_named_lane_sends_one_after_the_other_at_its_pace() {
        let now = Instant::now();
        let mut queue =
            Queue::new(Pace { batch_max: 1, interval: Duration::from_secs(1), give_up: Duration::from_mins(10) });
        queue.push("#ops", row(1, 0, Purpose::Page, None, now), now);
        queue.push("#ops", row(2, 0, Purpose::Page, None, now), now);
        queue.push("#dev", row(3, 0, Purpose::Page, None, now), now);
        let first = queue.next(now).unwrap();
        assert_eq!(ids(&first), [1]);
        assert_eq!(queue.next(now).map(|call| ids(&call)), Some(vec![3]), "another lane does not wait");
        assert!(queue.next(now).is_none());
        queue.done(first, &[Fate::Done], now, 0);
        assert!(queue.next(now).is_none());
        let later = queue.wake_at().unwrap();
        assert_eq!(later, now + Duration::from_secs(1));
        assert_eq!(queue.next(later).map(|call| ids(&call)), Some(vec![2]));
    }

    #[tokio::test(start_paused = true)]
    async fn messages_about_one_incident_never_overtake_each_other() {
        let (mut queue, now) = (queue(1), Instant::now());
        queue.push("", row(1, 0, Purpose::Alert, Some(7), now), now);
        queue.push("", row(2, 0, Purpose::Resolved, Some(7), now), now);
        let first = queue.next(now).unwrap();
        assert!(queue.next(now).is_none());
        queue.done(first, &[Fate::Done], now, 0);
        assert_eq!(queue.next(now).map(|call| ids(&call)), Some(vec![2]));
    }

    #[tokio::test(start_paused = true)]
    async fn one_bad_message_waits_alone() {
        let (mut queue, now) = (queue(1), Instant::now());
        queue.push("", row(1, 0, Purpose::Page, None, now), now);
        queue.push("", row(2, 0, Purpose::Page, None, now), now);
        let call = queue.next(now).unwrap();
        queue.done(call, &[fail(None, false)], now, u32::MAX);
        assert_eq!(queue.next(now).map(|call| ids(&call)), Some(vec![2]));
        let again = queue.wake_at().unwrap();
        assert_eq!(again - now, Duration::from_secs(1));
        let call = queue.next(again).unwrap();
        assert_eq!((ids(&call), call.rows[0].attempts), (vec![1], 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failing_destination_is_probed_one_by_one_and_its_messages_wait() {
        let (mut queue, mut now) = (queue(4), Instant::now());
        for id in 1..=8 {
            queue.push("", row(id, 0, Purpose::Page, None, now), now);
        }
        for failures in 1..=BREAKER_FAILURES {
            let call = queue.next(now).unwrap();
            assert_eq!(call.rows.len(), 4);
            assert!(failures == 1 || queue.next(now).is_none(), "one call at a time after the first failure");
            let fates: Vec<Fate> = call.rows.iter().map(|_| fail(None, true)).collect();
            queue.done(call, &fates, now, 0);
            now = queue.wake_at().unwrap();
        }
        let probe = queue.next(now).unwrap();
        assert_eq!(ids(&probe), [1], "open: a single probe");
        queue.done(probe, &[Fate::Done], now, 0);
        assert_eq!(queue.next(now).map(|call| call.rows.len()), Some(4), "closed by its success, without a wait");
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_longer_than_the_patience_gives_up_pages_and_keeps_notices() {
        let (mut queue, start) = (queue(1), Instant::now());
        for (id, purpose) in [(1, Purpose::Page), (2, Purpose::Page), (3, Purpose::Alert)] {
            queue.push("", row(id, 0, purpose, None, start), start);
        }
        let mut now = start;
        let mut given_up = Vec::new();
        while now - start < Duration::from_secs(700) {
            let Some(call) = queue.next(now) else { break };
            for next in queue.done(call, &[fail(None, true)], now, 7) {
                if let Next::GivenUp(row, _) = next {
                    given_up.push(row.delivery.id.0);
                }
            }
            now = queue.wake_at().unwrap();
        }
        given_up.sort_unstable();
        assert_eq!(given_up, [1, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_holds_the_whole_lane() {
        let (mut queue, now) = (queue(1), Instant::now());
        queue.push("#ops", row(1, 0, Purpose::Page, None, now), now);
        queue.push("#ops", row(2, 0, Purpose::Page, None, now), now);
        let call = queue.next(now).unwrap();
        queue.done(call, &[fail(Some(Duration::from_secs(30)), true)], now, 0);
        assert_eq!(queue.wake_at(), Some(now + Duration::from_secs(30)));
        assert!(queue.next(now + Duration::from_secs(29)).is_none());
    }
}
