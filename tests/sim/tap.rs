//! The journal with a tap on it: what was confirmed and what was only tried, for comparison with what is there after a crash.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callout::domain::Seq;
use callout::engine::State;
use callout::store::file::FileJournal;
use callout::store::{Entry, Journal, JournalError, JournalReader, Room, Snapshots};

use crate::defects::Defect;

/// What passed through.
#[derive(Debug, Default)]
pub struct Passed {
    /// Confirmed commits, in order; the first record has position 1.
    pub confirmed: Vec<Entry>,
    /// Commits that failed since the last confirmed one. One of them may turn out to be there after a crash, as a whole.
    pub doubtful: Vec<Vec<Entry>>,
    /// Failed commits in all.
    pub failures: u64,
}

/// What passed through, shared with the simulation.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Passed>>);

impl Log {
    pub fn lock(&self) -> MutexGuard<'_, Passed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A journal that notes what passes through it.
#[derive(Debug)]
pub struct Tap {
    pub inner: FileJournal,
    pub log: Log,
    pub defect: Option<Defect>,
    /// Confirmed to the shard and not handed on: the defect of answering before the sync.
    pub held: Vec<Entry>,
}

impl Tap {
    fn hand_on(&mut self, batch: &[Entry], room: Room) -> Result<Range<Seq>, JournalError> {
        let result = self.inner.commit(batch, room);
        let mut passed = self.log.lock();
        if result.is_ok() {
            passed.confirmed.extend_from_slice(batch);
            passed.doubtful.clear();
        } else {
            passed.doubtful.push(batch.to_vec());
            passed.failures += 1;
        }
        result
    }
}

impl Journal for Tap {
    fn next_seq(&self) -> Seq {
        Seq(self.inner.next_seq().0 + self.held.len() as u64)
    }

    fn commit(&mut self, batch: &[Entry], room: Room) -> Result<Range<Seq>, JournalError> {
        match self.defect {
            Some(Defect::AnswerBeforeSync) => {
                let first = self.next_seq();
                let held = std::mem::replace(&mut self.held, batch.to_vec());
                self.hand_on(&held, room)?;
                Ok(first..self.next_seq())
            }
            Some(Defect::IgnoreFailedCommit) => {
                let first = self.next_seq();
                // What failed is forgotten, and the next commit takes its place.
                let _ = self.hand_on(batch, room);
                Ok(first..Seq(first.0 + batch.len() as u64))
            }
            _ => self.hand_on(batch, room),
        }
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        self.inner.reader()
    }

    fn snapshots(&self) -> Arc<dyn Snapshots> {
        let inner = self.inner.snapshots();
        if self.defect == Some(Defect::SnapshotWithoutOutbox) { Arc::new(Poor(inner)) } else { inner }
    }

    fn trim(&mut self, before: Seq) -> Result<Seq, JournalError> {
        self.inner.trim(before)
    }
}

/// Snapshots that lack the outbox: a defect.
#[derive(Debug)]
struct Poor(Arc<dyn Snapshots>);

impl Snapshots for Poor {
    fn save(&self, applied: Seq, state: &State) -> Result<(), JournalError> {
        let mut poor = state.clone();
        poor.outbox.clear();
        self.0.save(applied, &poor)
    }

    fn load(&self) -> Result<Option<(Seq, State)>, JournalError> {
        self.0.load()
    }

    fn kept(&self) -> Vec<Seq> {
        self.0.kept()
    }
}
