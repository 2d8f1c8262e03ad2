//! How much comes in, so that work which can wait leaves the machine to the shard.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::domain::{Span, Timestamp};

/// From so many events a second on, the index waits.
pub const HEAVY_EVENTS_PER_SECOND: u64 = 8_000;
/// Over so long events are counted before it is said whether they were many.
const COUNTED_OVER: Span = Span::from_millis(50);
/// A heavy load counts as going on for so long after it was seen.
const AFTERWARDS: Span = Span::from_millis(250);

/// A count of events over a short while. Written by the shard alone.
#[derive(Debug, Default)]
pub(super) struct Load {
    since: AtomicI64,
    events: AtomicU64,
    heavy_until: AtomicI64,
}

impl Load {
    /// Adds events that came at `now`.
    pub fn add(&self, events: u64, now: Timestamp) {
        let (since, now) = (self.since.load(Ordering::Relaxed), now.as_millis());
        let counted = self.events.load(Ordering::Relaxed).saturating_add(events);
        let passed = now.saturating_sub(since);
        if passed < COUNTED_OVER.as_millis() {
            self.events.store(counted, Ordering::Relaxed);
            return;
        }
        if counted.saturating_mul(1_000) / passed.unsigned_abs() >= HEAVY_EVENTS_PER_SECOND {
            self.heavy_until.store(now.saturating_add(AFTERWARDS.as_millis()), Ordering::Relaxed);
        }
        self.since.store(now, Ordering::Relaxed);
        self.events.store(0, Ordering::Relaxed);
    }

    /// Whether much came lately.
    pub fn is_heavy(&self, now: Timestamp) -> bool {
        now.as_millis() < self.heavy_until.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + millis)
    }

    #[test]
    fn many_events_are_a_heavy_load_for_a_while() {
        let load = Load::default();
        load.add(1, at(0));
        assert!(!load.is_heavy(at(0)));
        for turn in 0..10 {
            load.add(80, at(turn * 10));
        }
        assert!(load.is_heavy(at(90)) && load.is_heavy(at(299)));
        assert!(!load.is_heavy(at(400)), "it is over some time after the last event");
    }

    #[test]
    fn a_single_large_request_after_a_rest_is_none() {
        let load = Load::default();
        load.add(5, at(0));
        load.add(500, at(10_000));
        assert!(!load.is_heavy(at(10_000)));
    }
}
