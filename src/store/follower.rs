//! Keeps the index behind the journal: a thread that reads committed records and never holds up a commit.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Index, IndexError, JournalReader, SledIndex};
use crate::domain::Seq;

/// How it follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FollowerOptions {
    /// Records that it may be behind while the shard is busy; beyond that it works all the same, at a quarter of the time.
    pub lag_max: u64,
    /// Days that are kept besides the newest.
    pub keep_days: u32,
    /// Records between two checkpoints.
    pub checkpoint_every: u64,
}

impl Default for FollowerOptions {
    /// Two million records behind, 90 days, a checkpoint each 50,000 records.
    fn default() -> Self {
        Self { lag_max: 2_000_000, keep_days: 90, checkpoint_every: 50_000 }
    }
}

/// Records that are added at once: some tens of milliseconds of work.
const BATCH: usize = 1_024;
const REST: Duration = Duration::from_millis(30);
const IDLE: Duration = Duration::from_secs(5);

/// The thread, and the index that it keeps.
#[derive(Debug)]
pub struct IndexFollower {
    pub(super) index: Arc<SledIndex>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    committed: AtomicU64,
    applied: AtomicU64,
    stop: AtomicBool,
}

impl IndexFollower {
    /// Opens the index in `dir` and starts following `journal`. `busy` says whether the shard has better use for the machine right now.
    ///
    /// # Errors
    /// When the directory can't be used at all, or no thread can be started.
    pub fn start(
        dir: &Path,
        journal: Arc<dyn JournalReader>,
        options: FollowerOptions,
        busy: impl Fn() -> bool + Send + 'static,
    ) -> Result<Self, IndexError> {
        let index = Arc::new(SledIndex::open(dir, journal.as_ref())?);
        let shared = Arc::new(Shared::default());
        shared.committed.store(journal.committed().0, Ordering::Release);
        shared.applied.store(index.applied().0, Ordering::Release);
        let worker = Worker { index: Arc::clone(&index), shared: Arc::clone(&shared), journal, options, since: 0 };
        let thread = std::thread::Builder::new()
            .name("index".to_owned())
            .spawn(move || worker.run(&busy))
            .map_err(|error| IndexError::Database { doing: "start its thread", source: error.into() })?;
        Ok(Self { index, shared, thread: Some(thread) })
    }

    /// Says that the journal was committed up to `seq`. Cheap enough for every commit.
    pub fn committed(&self, seq: Seq) {
        let before = self.shared.committed.swap(seq.0, Ordering::AcqRel);
        // Woken only when it had nothing to do; otherwise it looks by itself.
        if before <= self.shared.applied.load(Ordering::Acquire)
            && let Some(thread) = &self.thread
        {
            thread.thread().unpark();
        }
    }

    /// Last record that look-ups know of.
    #[must_use]
    pub fn complete_to(&self) -> Seq {
        Seq(self.shared.applied.load(Ordering::Acquire))
    }

    /// For look-ups.
    #[must_use]
    pub fn index(&self) -> Arc<dyn Index> {
        Arc::clone(&self.index) as Arc<dyn Index>
    }

    /// Ends the thread and closes the index, so that it need not be built again. Takes as long as one batch and a checkpoint.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.stop.store(true, Ordering::Release);
        thread.thread().unpark();
        if thread.join().is_err() {
            tracing::error!("the index's thread panicked; the index is built again at the next start");
        }
    }
}

impl Drop for IndexFollower {
    fn drop(&mut self) {
        self.end();
    }
}

struct Worker {
    index: Arc<SledIndex>,
    shared: Arc<Shared>,
    journal: Arc<dyn JournalReader>,
    options: FollowerOptions,
    /// Records since the last checkpoint.
    since: u64,
}

impl Worker {
    fn run(mut self, busy: &dyn Fn() -> bool) {
        while !self.stopped() {
            if let Err(error) = self.follow(busy) {
                tracing::warn!(error = %error, cause = ?error, "the index is built again from record {}", self.index.applied().0 + 1);
                self.rest(IDLE);
            }
        }
        if let Err(error) = self.index.close() {
            tracing::warn!(error = %error, "the index could not be closed; its newest day is built again");
        }
    }

    fn stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Acquire)
    }

    fn lag(&self) -> u64 {
        let committed = self.shared.committed.load(Ordering::Acquire);
        committed.saturating_sub(self.shared.applied.load(Ordering::Acquire))
    }

    /// Sleeps unless something happens.
    fn rest(&self, time: Duration) {
        if !self.stopped() {
            std::thread::park_timeout(time);
        }
    }

    /// Reads on from where the index stands until something goes wrong, or it is stopped.
    fn follow(&mut self, busy: &dyn Fn() -> bool) -> Result<(), IndexError> {
        let applied = self.index.resume();
        self.shared.applied.store(applied.0, Ordering::Release);
        // What was trimmed can't be found again, and places in it would lead nowhere.
        let from = Seq(applied.0 + 1).max(self.journal.first_seq());
        let lag = self.journal.committed().0.saturating_sub(applied.0);
        if lag > self.options.lag_max {
            tracing::info!(from = from.0, records = lag, "the index is far behind the journal and catches up");
        }
        let mut records = self.journal.read_from(from);
        let mut batch = Vec::with_capacity(BATCH);
        while !self.stopped() {
            if self.index.has_gap() {
                // A look-up found a day unsound and removed it with all later ones.
                return Ok(());
            }
            let lag = self.lag();
            if lag == 0 {
                self.checkpoint()?;
                self.rest(IDLE);
                continue;
            }
            let throttled = busy();
            if throttled && lag < self.options.lag_max {
                self.rest(REST);
                continue;
            }
            batch.clear();
            for record in records.by_ref().take(BATCH) {
                batch.push(record?);
            }
            if batch.is_empty() {
                self.rest(REST);
                continue;
            }
            self.index.apply(&batch)?;
            if let Some((position, _)) = batch.last() {
                self.shared.applied.store(position.seq.0, Ordering::Release);
            }
            self.since += batch.len() as u64;
            if self.since >= self.options.checkpoint_every {
                self.checkpoint()?;
            }
            if throttled {
                self.rest(REST);
            }
        }
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<(), IndexError> {
        if self.since == 0 {
            return Ok(());
        }
        self.since = 0;
        self.index.checkpoint()?;
        self.index.forget_old(self.options.keep_days)
    }
}
