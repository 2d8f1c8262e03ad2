//! What every journal must do, whatever it is kept in. `open` opens the same journal again each time it is called.

use std::sync::Arc;

use super::{Entry, Journal, JournalError, Position, Room};
use crate::domain::{Name, Seq, Timestamp};
use crate::engine::{Decision, Input, State, Transition};
use crate::journal::{Record, RecordBody};

/// An input that can be told from others by `n`, of roughly `bytes`.
pub fn input(n: u64, bytes: usize) -> Entry {
    let text = format!("{n}:{}", "x".repeat(bytes));
    let input = Input::Alarm { key: Name::from(format!("key-{n}")), text };
    Entry::new(Timestamp::from_millis(1_000 + i64::try_from(n).unwrap()), RecordBody::Input(Arc::new(input)))
}

/// A decision about the input at `n`.
pub fn decision(n: u64) -> Entry {
    let decision = Decision { transitions: vec![Transition::Judged { input: Seq(n) }], ..Decision::default() };
    Entry::new(Timestamp::from_millis(2_000 + i64::try_from(n).unwrap()), RecordBody::Decision(Arc::new(decision)))
}

/// The record that `entry` becomes at `seq`.
pub fn record(seq: u64, entry: &Entry) -> Record {
    Record { seq: Seq(seq), at: entry.at, body: entry.body.clone() }
}

/// Everything from `from` on.
pub fn read_all(journal: &dyn Journal, from: Seq) -> Result<Vec<Record>, JournalError> {
    journal.reader().read_from(from).map(|item| item.map(|(_, record)| record)).collect()
}

/// Runs all of them.
pub fn journal(open: &dyn Fn(&str) -> Box<dyn Journal>) {
    what_is_committed_is_read_back_in_order(open("order").as_mut());
    what_is_committed_is_there_after_reopening(&|| open("reopen"));
    a_reader_goes_on_with_what_is_committed_later(open("follow").as_mut());
    single_records_are_found(open("single").as_mut());
    two_snapshots_are_kept(open("snapshots").as_ref());
    trimming_stops_behind_the_older_snapshot(open("trim").as_mut());
    recovery_gives_every_record_once(&|| open("recover"));
}

fn what_is_committed_is_read_back_in_order(journal: &mut dyn Journal) {
    assert_eq!(journal.next_seq(), Seq(1));
    assert_eq!(journal.commit(&[], Room::Ordinary).unwrap(), Seq(1)..Seq(1));
    let entries: Vec<Entry> = (1..=50).map(|n| if n % 3 == 0 { decision(n) } else { input(n, 40) }).collect();
    let mut next = 1;
    for batch in [&entries[..1], &entries[1..4], &entries[4..50]] {
        let range = journal.commit(batch, Room::Ordinary).unwrap();
        assert_eq!(range, Seq(next)..Seq(next + batch.len() as u64));
        next = range.end.0;
    }
    assert_eq!(journal.reader().committed(), Seq(50));
    let expected: Vec<Record> = (1..).zip(&entries).map(|(seq, entry)| record(seq, entry)).collect();
    for from in [1, 2, 5, 33, 50] {
        let from_index = usize::try_from(from).unwrap() - 1;
        assert_eq!(read_all(journal, Seq(from)).unwrap(), expected[from_index..], "from {from}");
    }
    assert_eq!(read_all(journal, Seq(0)).unwrap(), expected);
    assert_eq!(read_all(journal, Seq(51)).unwrap(), []);
}

fn what_is_committed_is_there_after_reopening(open: &dyn Fn() -> Box<dyn Journal>) {
    for round in 0..5 {
        let mut journal = open();
        assert_eq!(journal.next_seq(), Seq(round * 2 + 1));
        journal.commit(&[input(round * 2 + 1, 10), decision(round)], Room::Ordinary).unwrap();
    }
    assert_eq!(read_all(open().as_ref(), Seq(1)).unwrap().len(), 10);
}

fn a_reader_goes_on_with_what_is_committed_later(journal: &mut dyn Journal) {
    let mut records = journal.reader().read_from(Seq(1));
    assert!(records.next().is_none());
    for n in 1..=30 {
        journal.commit(&[input(n, 10)], Room::Ordinary).unwrap();
        assert_eq!(records.next().unwrap().unwrap().1, record(n, &input(n, 10)));
        assert!(records.next().is_none());
    }
}

fn single_records_are_found(journal: &mut dyn Journal) {
    for n in 0..20 {
        journal.commit(&[input(n * 2 + 1, 10), input(n * 2 + 2, 10)], Room::Ordinary).unwrap();
    }
    let reader = journal.reader();
    let positions: Vec<Position> = reader.read_from(Seq(1)).map(|item| item.unwrap().0).collect();
    assert_eq!(positions.len(), 40);
    for position in positions.into_iter().rev() {
        let expected = record(position.seq.0, &input(position.seq.0, 10));
        assert_eq!(reader.record_at(position).unwrap().unwrap(), expected);
        assert_eq!(reader.record(position.seq).unwrap().unwrap(), expected);
    }
    assert_eq!(reader.record(Seq(41)).unwrap(), None);
    assert_eq!(reader.record(Seq(0)).unwrap(), None);
}

fn two_snapshots_are_kept(journal: &dyn Journal) {
    let snapshots = journal.snapshots();
    assert!(snapshots.load().unwrap().is_none());
    for applied in [3, 7, 9] {
        snapshots.save(Seq(applied), &State { last_incident: applied, ..State::default() }).unwrap();
    }
    assert_eq!(snapshots.kept(), [Seq(7), Seq(9)]);
    let (applied, state) = snapshots.load().unwrap().unwrap();
    assert_eq!((applied, state.last_incident), (Seq(9), 9));
}

fn trimming_stops_behind_the_older_snapshot(journal: &mut dyn Journal) {
    for n in 1..=60 {
        journal.commit(&[input(n, 200)], Room::Ordinary).unwrap();
    }
    assert_eq!(journal.trim(Seq(50)).unwrap(), Seq(1), "nothing goes without two snapshots");
    let snapshots = journal.snapshots();
    snapshots.save(Seq(40), &State::default()).unwrap();
    snapshots.save(Seq(55), &State::default()).unwrap();
    let first = journal.trim(Seq(60)).unwrap();
    assert!(first > Seq(1) && first <= Seq(41), "{first}");
    let reader = journal.reader();
    assert_eq!(reader.first_seq(), first);
    assert_eq!(read_all(journal, first).unwrap().len() as u64, 61 - first.0);
    assert!(matches!(reader.read_from(Seq(1)).next(), Some(Err(JournalError::Trimmed { .. }))));
    assert_eq!(reader.record(Seq(1)).unwrap(), None);
}

fn recovery_gives_every_record_once(open: &dyn Fn() -> Box<dyn Journal>) {
    {
        let mut journal = open();
        for n in 1..=10 {
            journal.commit(&[input(n, 10)], Room::Ordinary).unwrap();
        }
        journal.snapshots().save(Seq(6), &State { last_incident: 77, ..State::default() }).unwrap();
    }
    let journal = open();
    let begin = |state: State| (state.last_incident, Vec::new());
    let ((last_incident, seen), recovery) =
        super::recover(journal.as_ref(), begin, |engine, record| engine.1.push(record.seq.0)).unwrap();
    assert_eq!((last_incident, seen), (77, vec![7, 8, 9, 10]));
    assert_eq!((recovery.snapshot, recovery.records, recovery.next), (Some(Seq(6)), 4, Seq(11)));
}
