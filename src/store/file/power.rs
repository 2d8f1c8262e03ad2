//! Power cuts, kills, failing and full disks, at any moment of anything that the journal does; a short story with every combination of
//! what a disk may keep, long ones by chance. `CALLOUT_SEED` repeats one seed, `CALLOUT_CUTS` sets how many stories are told.

use std::sync::Arc;

use super::fault::{Chance, Fates, FaultDisk};
use super::*;
use crate::domain::Seq;
use crate::engine::State;
use crate::store::conformance::{input, read_all, record};
use crate::store::{Entry, Journal, JournalError, Room};

const SMALL: Options = Options { segment_bytes: 8192, reserve_bytes: 8192, spare: false };
const SEEDS: u64 = 160;
const LIVES: u64 = 6;

fn open_on(disk: &FaultDisk) -> Result<FileJournal, JournalError> {
    FileJournal::open(Arc::new(disk.clone()), &Layout::new(Path::new("/data")), SMALL, None)
}

/// What must be true of the journal.
#[derive(Clone, Default)]
struct Truth {
    /// Confirmed, in order.
    committed: Vec<Entry>,
    /// Tried since the last confirmed commit and not confirmed: at most one of them may turn out to be there, as a whole.
    doubtful: Vec<Vec<Entry>>,
    /// Confirmed snapshots, oldest first, and those that were not confirmed since.
    snapshots: Vec<Seq>,
    doubtful_snapshots: Vec<Seq>,
    number: u64,
    cuts: u64,
}

impl Truth {
    fn batch(&mut self, chance: &mut Chance) -> Vec<Entry> {
        let bytes = [10, 100, 700, 3000][usize::try_from(chance.below(4)).unwrap()];
        let entry = |_| {
            self.number += 1;
            input(self.number, bytes)
        };
        (0..=chance.below(4)).map(entry).collect()
    }

    /// Compares with what recovery found, and takes over what turned out to be there.
    fn check(&mut self, journal: &dyn Journal) {
        let first = journal.reader().first_seq();
        let found = read_all(journal, first).expect("recovery must not find damage");
        let skip = usize::try_from(first.0 - 1).unwrap();
        let end = skip + found.len();
        assert_eq!(journal.next_seq(), Seq(end as u64 + 1), "next position");
        assert!(end >= self.committed.len(), "lost: {} of {} are there", end, self.committed.len());
        if end > self.committed.len() {
            let more = &found[self.committed.len() - skip..];
            let batch = self.doubtful.iter().find(|batch| {
                let seqs = self.committed.len() as u64 + 1..;
                batch.len() == more.len() && seqs.zip(*batch).zip(more).all(|((seq, e), r)| record(seq, e) == *r)
            });
            self.committed.extend(batch.expect("invented or torn records").clone());
        }
        for (seq, (entry, record_found)) in (first.0..).zip(self.committed[skip..].iter().zip(&found)) {
            assert_eq!(record(seq, entry), *record_found);
        }
        self.doubtful.clear();
        self.check_snapshots(journal, first);
    }

    fn check_snapshots(&mut self, journal: &dyn Journal, first: Seq) {
        let loaded = journal.snapshots().load().expect("a snapshot must be readable");
        let applied = loaded.as_ref().map(|(seq, _)| *seq);
        let newest = self.snapshots.last().copied();
        let doubtful = applied.is_some_and(|applied| self.doubtful_snapshots.contains(&applied));
        assert!(applied == newest || doubtful, "snapshot {applied:?}, not {newest:?}");
        if let Some((seq, state)) = loaded {
            assert_eq!(state.last_incident, seq.0);
            if newest != Some(seq) {
                self.snapshots.push(seq);
            }
        }
        self.doubtful_snapshots.clear();
        assert!(first.0 <= applied.unwrap_or_default().0 + 1, "trimmed beyond the snapshot");
    }

    fn act(&mut self, journal: &mut FileJournal, chance: &mut Chance) -> Result<(), JournalError> {
        match chance.below(12) {
            0 => {
                let applied = Seq(self.committed.len() as u64);
                if self.snapshots.last().is_none_or(|last| *last < applied) {
                    self.doubtful_snapshots.push(applied);
                    journal.snapshots().save(applied, &State { last_incident: applied.0, ..State::default() })?;
                    self.snapshots.push(applied);
                    self.doubtful_snapshots.clear();
                }
            }
            1 => {
                journal.trim(Seq(self.committed.len() as u64))?;
            }
            _ => {
                let batch = self.batch(chance);
                let room = if chance.one_in(3) { Room::Reserve } else { Room::Ordinary };
                self.doubtful.push(batch.clone());
                let range = journal.commit(&batch, room)?;
                assert_eq!(range.start, Seq(self.committed.len() as u64 + 1));
                self.committed.extend(batch);
                self.doubtful.clear();
            }
        }
        Ok(())
    }
}

/// One disk through several lives of the process.
fn story(seed: u64, faults: bool) -> u64 {
    let mut chance = Chance(seed);
    let disk = FaultDisk::new(chance.next());
    let mut truth = Truth::default();
    for _ in 0..LIVES {
        let journal = open_on(&disk).expect("opening after a cut must not be refused");
        truth.check(&journal);
        live(&disk, journal, &mut truth, &mut chance, faults);
        disk.fail_one_in(0);
        disk.set_full(false);
        if faults && chance.one_in(3) {
            disk.restart_after_kill();
        } else {
            disk.restart_after_power_cut();
            truth.cuts += 1;
        }
        // Recovery itself is cut off, too.
        if chance.one_in(2) {
            disk.cut_after(chance.below(6));
            drop(open_on(&disk));
            disk.restart_after_power_cut();
            truth.cuts += 1;
        }
    }
    let journal = open_on(&disk).expect("opening must not be refused");
    truth.check(&journal);
    truth.cuts
}

fn live(disk: &FaultDisk, mut journal: FileJournal, truth: &mut Truth, chance: &mut Chance, faults: bool) {
    let cut_after = chance.below(60);
    disk.cut_after(cut_after);
    for _ in 0..80 {
        if faults {
            disk.fail_one_in(if chance.one_in(3) { 4 } else { 0 });
            disk.set_full(chance.one_in(4));
        }
        if truth.act(&mut journal, chance).is_err() && !faults {
            return;
        }
    }
}

fn seeds() -> std::ops::Range<u64> {
    match std::env::var("CALLOUT_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None => 0..std::env::var("CALLOUT_CUTS").ok().and_then(|stories| stories.parse().ok()).unwrap_or(SEEDS),
    }
}

fn run(faults: bool) {
    let mut cuts = 0;
    for seed in seeds() {
        let told = std::panic::catch_unwind(|| story(seed, faults));
        match told {
            Ok(n) => cuts += n,
            Err(panic) => {
                eprintln!("failed with CALLOUT_SEED={seed}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    eprintln!("{cuts} power cuts");
    assert!(seeds().end - seeds().start < SEEDS || cuts >= 1_000);
}

#[test]
fn power_cuts_lose_nothing_that_was_confirmed() {
    run(false);
}

#[test]
fn power_cuts_kills_and_failing_disks_lose_nothing_that_was_confirmed() {
    run(true);
}

/// A few commits over the edge of a segment, two snapshots, a trim, a start in between.
fn short_story(disk: &FaultDisk, truth: &mut Truth) -> Result<(), JournalError> {
    let mut journal = open_on(disk)?;
    truth.commit(&mut journal, &[10])?;
    truth.commit(&mut journal, &[700, 10])?;
    truth.save(&journal)?;
    drop(journal);
    let mut journal = open_on(disk)?;
    // Over the edge: a segment is 8 KiB, half of it headers.
    for _ in 0..3 {
        truth.commit(&mut journal, &[1_400])?;
    }
    truth.save(&journal)?;
    journal.trim(Seq(truth.committed.len() as u64))?;
    truth.commit(&mut journal, &[10])
}

impl Truth {
    fn commit(&mut self, journal: &mut FileJournal, bytes: &[usize]) -> Result<(), JournalError> {
        let batch: Vec<Entry> = bytes
            .iter()
            .map(|bytes| {
                self.number += 1;
                input(self.number, *bytes)
            })
            .collect();
        self.doubtful = vec![batch.clone()];
        journal.commit(&batch, Room::Ordinary)?;
        self.committed.extend(batch);
        self.doubtful.clear();
        Ok(())
    }

    fn save(&mut self, journal: &FileJournal) -> Result<(), JournalError> {
        let applied = Seq(self.committed.len() as u64);
        self.doubtful_snapshots.push(applied);
        journal.snapshots().save(applied, &State { last_incident: applied.0, ..State::default() })?;
        self.snapshots.push(applied);
        self.doubtful_snapshots.clear();
        Ok(())
    }
}

#[test]
fn whatever_a_disk_keeps_of_a_short_story_nothing_confirmed_is_lost() {
    let (mut moments, mut cuts, mut most) = (0, 0_u64, 0_u64);
    for moment in 0.. {
        let (disk, mut truth) = (FaultDisk::new(7), Truth::default());
        disk.cut_after(moment);
        let ended = short_story(&disk, &mut truth).is_ok();
        let mut fates = Fates::default();
        let mut here = 0;
        loop {
            let left = disk.after_power_cut(&mut fates);
            let journal = open_on(&left).unwrap_or_else(|e| panic!("moment {moment}, {fates:?}: refused: {e}"));
            truth.clone().check(&journal);
            here += 1;
            if !fates.advance() {
                break;
            }
        }
        (moments, cuts, most) = (moments + 1, cuts + here, most.max(here));
        if ended {
            break;
        }
    }
    eprintln!("{cuts} power cuts: every combination at each of {moments} moments, at most {most} at one");
    assert!(moments > 20 && cuts > 1_000);
}
