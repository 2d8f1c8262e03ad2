//! Snapshots beside the running loop: the loop makes a cheap copy of the state, a thread writes it and finds out what can be forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use crate::domain::{Seq, Span, Timestamp};
use crate::engine::State;
use crate::store::{JournalError, JournalReader, Snapshots};

/// A snapshot is due after so many records, even under load.
pub const RECORDS_BETWEEN: u64 = 400_000;
/// And not before there are so many for each source in the state: a new source makes two, so a state that only grows is not written over
/// and over while it does, and what is replayed after a crash stays in proportion to what would be loaded.
pub const RECORDS_BETWEEN_PER_SOURCE: u64 = 3;
/// And after so many when nothing else is to do.
pub const RECORDS_BETWEEN_IDLE: u64 = 20_000;
/// Records are kept so long for explanations and back-tests.
pub const RETENTION: Span = Span::from_hours(7 * 24);

/// How often snapshots are made, and what is forgotten behind them.
#[derive(Debug, Clone, Copy)]
pub struct SnapshotPace {
    /// A snapshot is due after so many records, even under load.
    pub records: u64,
    /// And not before so many for each source in the state.
    pub records_per_source: u64,
    /// But after so many when nothing else is to do.
    pub records_idle: u64,
    /// Records are kept so long.
    pub retention: Span,
    /// Whether a thread writes it beside the loop; else the loop does, which only a simulator wants.
    pub beside: bool,
}

impl Default for SnapshotPace {
    fn default() -> Self {
        Self {
            records: RECORDS_BETWEEN,
            records_per_source: RECORDS_BETWEEN_PER_SOURCE,
            records_idle: RECORDS_BETWEEN_IDLE,
            retention: RETENTION,
            beside: true,
        }
    }
}

/// Makes snapshots, one at a time.
#[derive(Debug)]
pub(super) struct Snapshotter {
    store: Arc<dyn Snapshots>,
    journal: Arc<dyn JournalReader>,
    pace: SnapshotPace,
    /// Last record of the newest snapshot.
    last: Seq,
    busy: Arc<AtomicBool>,
    saved: Arc<AtomicU64>,
    /// First record that is still wanted; 0 when nothing is to be forgotten.
    trim_to: Arc<AtomicU64>,
    worker: Option<JoinHandle<()>>,
}

impl Snapshotter {
    pub fn new(store: Arc<dyn Snapshots>, journal: Arc<dyn JournalReader>, pace: SnapshotPace) -> Self {
        let last = store.kept().last().copied().unwrap_or_default();
        Self {
            store,
            journal,
            pace,
            last,
            busy: Arc::default(),
            saved: Arc::default(),
            trim_to: Arc::default(),
            worker: None,
        }
    }

    /// Whether the state after `committed`, with so many sources in it, should be saved.
    pub fn is_due(&self, committed: Seq, sources: usize, idle: bool) -> bool {
        let pace = &self.pace;
        let between = if idle { pace.records_idle } else { pace.records.max(pace.records_per_source * sources as u64) };
        committed.0.saturating_sub(self.last.0) >= between && !self.busy.load(Ordering::Acquire)
    }

    /// Saves `state`, which is as it is after `applied`, on a thread of its own.
    pub fn begin(&mut self, applied: Seq, state: State, now: Timestamp) {
        self.last = applied;
        self.busy.store(true, Ordering::Release);
        let (store, journal) = (Arc::clone(&self.store), Arc::clone(&self.journal));
        let (busy, saved, trim_to) = (Arc::clone(&self.busy), Arc::clone(&self.saved), Arc::clone(&self.trim_to));
        let retention = self.pace.retention;
        let work = move || {
            match store.save(applied, &state) {
                Ok(()) => {
                    saved.fetch_add(1, Ordering::Relaxed);
                    tracing::debug!(journal.position = applied.0, "saved a snapshot");
                    trim_to.store(first_wanted(&*journal, now.minus(retention)).0, Ordering::Release);
                }
                Err(error) => {
                    tracing::error!(error = chain(&error), "could not save a snapshot; the journal keeps everything");
                }
            }
            busy.store(false, Ordering::Release);
        };
        if !self.pace.beside {
            work();
            return;
        }
        match std::thread::Builder::new().name("callout-snapshot".to_owned()).spawn(work) {
            Ok(worker) => self.worker = Some(worker),
            Err(error) => {
                tracing::error!(error = %error, "could not start a thread for a snapshot");
                self.busy.store(false, Ordering::Release);
            }
        }
    }

    /// Saves `state` and waits until that is done, after the one under way.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn finish(mut self, applied: Seq, state: &State) -> Result<(), JournalError> {
        if let Some(worker) = self.worker.take() {
            // A panic in there was logged by the thread itself; the snapshot below does not depend on it.
            let _ = worker.join();
        }
        if applied == self.last && self.store.kept().contains(&applied) {
            return Ok(());
        }
        self.store.save(applied, state)
    }

    /// First record to keep, once for each snapshot; `None` when there is nothing to forget.
    pub fn take_trim(&self) -> Option<Seq> {
        let seq = self.trim_to.swap(0, Ordering::AcqRel);
        (seq > 1).then_some(Seq(seq))
    }

    /// Snapshots saved since this was last asked.
    pub fn take_saved(&self) -> u64 {
        self.saved.swap(0, Ordering::Relaxed)
    }
}

/// The first record at or after `since`, by halving: times of records only grow.
fn first_wanted(journal: &dyn JournalReader, since: Timestamp) -> Seq {
    let (mut low, mut high) = (journal.first_seq().0, journal.committed().0 + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        match journal.record(Seq(middle)) {
            Ok(Some(record)) if record.at >= since => high = middle,
            Ok(Some(_)) => low = middle + 1,
            // Trimmed meanwhile, or unreadable: keep what is there.
            Ok(None) | Err(_) => return journal.first_seq(),
        }
    }
    Seq(low)
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
