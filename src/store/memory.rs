//! A journal in memory, for tests and simulations. It holds encoded records, so that what could not be read back from a disk is noticed.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Entry, Journal, JournalError, JournalReader, Position, Records, Room, Snapshots};
use crate::domain::Seq;
use crate::engine::State;
use crate::journal::{self, Record};

/// A journal in memory. Clones share their content, so that a "restart" is a clone.
#[derive(Debug, Clone, Default)]
pub struct MemoryJournal {
    shared: Arc<Mutex<Content>>,
}

#[derive(Debug, Default)]
struct Content {
    /// Records before the first kept one.
    trimmed: u64,
    records: Vec<Vec<u8>>,
    /// Two newest, oldest first.
    snapshots: Vec<(Seq, Arc<State>)>,
    /// Commits fail as if the disk were full: with ordinary room only, or with every room.
    full: Option<Room>,
}

impl Content {
    fn next(&self) -> Seq {
        Seq(self.trimmed + self.records.len() as u64 + 1)
    }

    fn bytes(&self, seq: Seq) -> Option<&Vec<u8>> {
        let index = seq.0.checked_sub(self.trimmed + 1)?;
        self.records.get(usize::try_from(index).ok()?)
    }
}

impl MemoryJournal {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on commits fail for want of room: `Some(Room::Ordinary)` leaves the reserve, `Some(Room::Reserve)` leaves nothing,
    /// `None` makes room again.
    pub fn set_full(&self, full: Option<Room>) {
        self.with(|content| content.full = full);
    }

    fn with<R>(&self, f: impl FnOnce(&mut Content) -> R) -> R {
        f(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn read(&self, seq: Seq) -> Result<Option<Record>, JournalError> {
        self.with(|content| content.bytes(seq).map(|bytes| journal::decode(seq, bytes)).transpose()).map_err(Into::into)
    }
}

impl Journal for MemoryJournal {
    fn next_seq(&self) -> Seq {
        self.with(|content| content.next())
    }

    fn commit(&mut self, batch: &[Entry], room: Room) -> Result<Range<Seq>, JournalError> {
        self.with(|content| {
            if content.full == Some(Room::Reserve) || (content.full.is_some() && room == Room::Ordinary) {
                return Err(JournalError::Full { path: "memory".into() });
            }
            let first = content.next();
            let mut encoded = Vec::with_capacity(batch.len());
            for (seq, entry) in (first.0..).zip(batch) {
                let mut bytes = Vec::new();
                journal::encode_into(&mut bytes, Seq(seq), entry.at, &entry.body)?;
                encoded.push(bytes);
            }
            content.records.append(&mut encoded);
            Ok(first..content.next())
        })
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        Arc::new(self.clone())
    }

    fn snapshots(&self) -> Arc<dyn Snapshots> {
        Arc::new(self.clone())
    }

    fn trim(&mut self, before: Seq) -> Result<Seq, JournalError> {
        self.with(|content| {
            let limit = match content.snapshots.as_slice() {
                [older, _] => Seq(older.0.0 + 1),
                _ => Seq(1),
            };
            let gone = before.min(limit).0.saturating_sub(content.trimmed + 1).min(content.records.len() as u64);
            content.records.drain(..usize::try_from(gone).unwrap_or(0));
            content.trimmed += gone;
            Ok(Seq(content.trimmed + 1))
        })
    }
}

impl JournalReader for MemoryJournal {
    fn first_seq(&self) -> Seq {
        self.with(|content| Seq(content.trimmed + 1))
    }

    fn committed(&self) -> Seq {
        self.with(|content| Seq(content.next().0 - 1))
    }

    fn read_from(&self, from: Seq) -> Records {
        Box::new(Reading { journal: self.clone(), next: from.max(Seq(1)), failed: false })
    }

    fn record(&self, seq: Seq) -> Result<Option<Record>, JournalError> {
        self.read(seq)
    }

    fn record_at(&self, position: Position) -> Result<Option<Record>, JournalError> {
        self.read(position.seq)
    }
}

struct Reading {
    journal: MemoryJournal,
    next: Seq,
    failed: bool,
}

impl Iterator for Reading {
    type Item = Result<(Position, Record), JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let first = self.journal.first_seq();
        let read = if self.next < first {
            Err(JournalError::Trimmed { seq: self.next, first })
        } else {
            self.journal.read(self.next)
        };
        self.failed = read.is_err();
        let position = Position { seq: self.next, segment: Seq(1), offset: 0 };
        self.next = Seq(self.next.0 + 1);
        let item = read.map(|record| record.map(|record| (position, record))).transpose();
        if item.is_none() {
            self.next = position.seq;
        }
        item
    }
}

impl Snapshots for MemoryJournal {
    fn save(&self, applied: Seq, state: &State) -> Result<(), JournalError> {
        let state = Arc::new(state.clone());
        self.with(|content| {
            content.snapshots.retain(|(seq, _)| *seq != applied);
            content.snapshots.push((applied, state));
            content.snapshots.sort_by_key(|(seq, _)| *seq);
            let surplus = content.snapshots.len().saturating_sub(2);
            content.snapshots.drain(..surplus);
        });
        Ok(())
    }

    fn load(&self) -> Result<Option<(Seq, State)>, JournalError> {
        Ok(self.with(|content| content.snapshots.last().map(|(seq, state)| (*seq, State::clone(state)))))
    }

    fn kept(&self) -> Vec<Seq> {
        self.with(|content| content.snapshots.iter().map(|(seq, _)| *seq).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn memory_conforms() {
        let journals = RefCell::new(BTreeMap::<String, MemoryJournal>::new());
        crate::store::conformance::journal(&|name| {
            Box::new(journals.borrow_mut().entry(name.to_owned()).or_default().clone())
        });
    }
}
