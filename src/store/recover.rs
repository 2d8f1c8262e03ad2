//! From what is stored to a running state: the newest whole snapshot, then the records behind it. Knows no record's meaning.

use super::{Journal, JournalError};
use crate::domain::Seq;
use crate::engine::State;
use crate::journal::Record;

/// What recovery found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recovery {
    /// Last record that the snapshot holds; `None` when there was no snapshot.
    pub snapshot: Option<Seq>,
    /// Records performed after it.
    pub records: u64,
    /// Position of the next record to come.
    pub next: Seq,
}

/// Brings back what was committed. `begin` makes the engine of the snapshot's state (or of an empty one), `accept` performs one record:
/// an input goes to the inbox, a decision's transitions change the state.
///
/// # Errors
/// When a snapshot is missing whose records are gone, or a record can't be read. Nothing is skipped.
pub fn recover<E>(
    journal: &dyn Journal,
    begin: impl FnOnce(State) -> E,
    mut accept: impl FnMut(&mut E, Record),
) -> Result<(E, Recovery), JournalError> {
    let reader = journal.reader();
    let first = reader.first_seq();
    let (snapshot, state) = match journal.snapshots().load()? {
        Some((applied, state)) => (Some(applied), state),
        None => (None, State::default()),
    };
    let applied = snapshot.unwrap_or_default();
    let next = journal.next_seq();
    if applied.0 + 1 < first.0 {
        return Err(JournalError::SnapshotMissing { first, snapshot });
    }
    if applied >= next {
        return Err(JournalError::SnapshotAhead { snapshot: applied, last: Seq(next.0 - 1) });
    }
    let mut engine = begin(state);
    let mut records = 0;
    for record in reader.read_from(Seq(applied.0 + 1)) {
        let (_, record) = record?;
        accept(&mut engine, record);
        records += 1;
    }
    Ok((engine, Recovery { snapshot, records, next }))
}
