//! What the runtime counts since its start, for metrics. Plain atomics: nobody waits for anybody.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::domain::{ChannelKind, Span, Timestamp};

/// One number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Adds a length of time, in microseconds.
    pub fn add_time(&self, time: Duration) {
        self.add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// The number now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Something that is said once in a while.
#[derive(Debug, Default)]
pub struct Seldom(AtomicI64);

impl Seldom {
    /// How often at most.
    const EVERY: Span = Span::from_minutes(5);

    /// Whether it is time to say it, and if so, not again for a while.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        let last = self.0.load(Ordering::Relaxed);
        let due = last == 0 || now.as_millis().saturating_sub(last) >= Self::EVERY.as_millis();
        due && self.0.compare_exchange(last, now.as_millis(), Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct Counters {
    /// Events made durable, re-fires among them.
    pub events: Counter,
    /// Events whose idempotency key was known.
    pub repeated: Counter,
    /// Samples made durable, or known before.
    pub samples: Counter,
    /// Samples refused by themselves.
    pub samples_refused: Counter,
    /// Requests refused since too much waited.
    pub busy: Counter,
    /// Requests refused since the state holds as much as it may.
    pub full: Counter,
    /// Requests refused since the journal could not be written.
    pub unwritten: Counter,
    /// Commits of the journal, with all records of a round each.
    pub commits: Counter,
    /// Time spent in them, microseconds.
    pub commit_micros: Counter,
    /// Inputs judged.
    pub judged: Counter,
    /// Time spent judging, microseconds.
    pub judge_micros: Counter,
    /// Inputs whose judgement panicked.
    pub panics: Counter,
    /// Snapshots saved.
    pub snapshots: Counter,
    /// Configurations activated by a reload.
    pub reloads: Counter,
    /// Configurations refused at a reload.
    pub reload_failures: Counter,
    /// Signs of life to the monitor outside.
    pub heartbeats: Heartbeats,
    /// Looks at calendars of absences and holidays.
    pub calendars: Calendars,
    /// Templates that failed, so that the built-in text went out.
    pub templates_failed: Counter,
    /// Says when people should hear of it again.
    pub template_alarm: Seldom,
    /// Messages by kind of channel.
    pub deliveries: [Deliveries; ChannelKind::ALL.len()],
}

/// Looks at calendars, by what came of them.
#[derive(Debug, Default)]
pub struct Calendars {
    /// It said something new.
    pub new: Counter,
    /// It said the same.
    pub same: Counter,
    /// It could not be read.
    pub failed: Counter,
}

/// What became of signs of life.
#[derive(Debug, Default)]
pub struct Heartbeats {
    /// Arrived.
    pub sent: Counter,
    /// Did not arrive.
    pub failed: Counter,
    /// Not sent, since callout did not do its work.
    pub withheld: Counter,
}

/// What became of attempts through one kind of channel.
#[derive(Debug, Default)]
pub struct Deliveries {
    /// Taken by the other side.
    pub delivered: Counter,
    /// To be tried again.
    pub retried: Counter,
    /// Failed for good.
    pub failed: Counter,
    /// Left unsent, since they were no longer wanted.
    pub dropped: Counter,
}

impl Counters {
    /// Those of one kind of channel.
    #[must_use]
    pub fn deliveries(&self, kind: ChannelKind) -> &Deliveries {
        &self.deliveries[kind as usize]
    }
}
