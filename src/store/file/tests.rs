//! What only files do: segments, damage, full disks, locks.

use std::path::PathBuf;

use super::*;
use crate::domain::Seq;
use crate::store::conformance::{self, input, read_all, record};
use crate::store::{Journal, JournalReader, Room};

/// Small, so that a few records make several segments.
const SMALL: Options = Options { segment_bytes: 8192, reserve_bytes: 8192, spare: false };

/// A directory of its own, removed at the end.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("callout-store-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn files_conform() {
    for spare in [false, true] {
        let dir = Dir::new(if spare { "conform-spare" } else { "conform" });
        conformance::journal(&|name| Box::new(open(&dir.0.join(name), Options { spare, ..SMALL }).unwrap()));
    }
}

#[test]
fn files_of_usual_size_conform_where_size_does_not_matter() {
    let dir = Dir::new("usual");
    let mut journal = open(&dir.0, Options::default()).unwrap();
    journal.commit(&[input(1, 100)], Room::Ordinary).unwrap();
    drop(journal);
    let journal = open(&dir.0, Options::default()).unwrap();
    assert_eq!(read_all(&journal, Seq(1)).unwrap(), [record(1, &input(1, 100))]);
}

#[test]
fn a_second_process_is_refused() {
    let dir = Dir::new("lock");
    let _first = open(&dir.0, SMALL).unwrap();
    let error = open(&dir.0, SMALL).unwrap_err().to_string();
    assert!(error.contains("in use by another callout") && error.contains(&std::process::id().to_string()), "{error}");
}

#[test]
fn nobody_else_may_look_into_the_directory() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Dir::new("mode");
    let mut journal = open(&dir.0, SMALL).unwrap();
    journal.commit(&[input(1, 10)], Room::Ordinary).unwrap();
    let layout = Layout::new(&dir.0);
    for path in [&layout.root, &layout.journal, &layout.snapshot, &layout.index] {
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o700);
    }
    let segment = segment::path(&layout.journal, Seq(1));
    assert_eq!(std::fs::metadata(segment).unwrap().permissions().mode() & 0o777, 0o600);
}

/// A journal of three segments or more, closed.
fn filled(dir: &Dir) -> Vec<PathBuf> {
    let mut journal = open(&dir.0, SMALL).unwrap();
    for n in 1..=30 {
        journal.commit(&[input(n, 300)], Room::Ordinary).unwrap();
    }
    let journal_dir = Layout::new(&dir.0).journal;
    let segments = list_segments(&OsDisk, &journal_dir).unwrap();
    assert!(segments.len() >= 3);
    segments.into_iter().map(|first| segment::path(&journal_dir, first)).collect()
}

fn flip(path: &Path, offset: u64) {
    let file = OsDisk.open(path, Access::Write).unwrap();
    let mut byte = [0];
    file.read_at(&mut byte, offset).unwrap();
    file.write_at(&[byte[0] ^ 0x10], offset).unwrap();
}

#[test]
fn a_bad_frame_with_good_ones_behind_it_is_never_cut() {
    let dir = Dir::new("damage-last");
    let segments = filled(&dir);
    flip(segments.last().unwrap(), segment::FRAMES_AT + 40);
    let error = open(&dir.0, SMALL).unwrap_err();
    assert!(matches!(error, JournalError::Damaged { offset: segment::FRAMES_AT, .. }), "{error:?}");
    assert!(error.to_string().contains("verify --data DIR --repair"), "{error}");
}

#[test]
fn damage_in_an_older_segment_stops_recovery_and_is_named() {
    let dir = Dir::new("damage-older");
    let segments = filled(&dir);
    let end = OsDisk.open(&segments[0], Access::Read).unwrap().length().unwrap();
    // The last frame of the first segment: nothing follows it there.
    flip(&segments[0], end - 20);
    let journal = open(&dir.0, SMALL).unwrap();
    let error = read_all(&journal, Seq(1)).unwrap_err();
    let JournalError::Damaged { path, safe_to, .. } = &error else { panic!("{error:?}") };
    assert_eq!(path, &segments[0]);
    let second = segment::parse_name(segments[1].file_name().unwrap().to_str().unwrap()).unwrap();
    assert_eq!(safe_to.0, second.0 - 2);
}

#[test]
fn a_missing_segment_is_noticed() {
    let dir = Dir::new("hole");
    let segments = filled(&dir);
    std::fs::remove_file(&segments[1]).unwrap();
    let journal = open(&dir.0, SMALL).unwrap();
    assert!(matches!(read_all(&journal, Seq(1)), Err(JournalError::Damaged { .. })));
}

#[test]
fn a_commit_that_was_cut_off_is_removed() {
    let dir = Dir::new("torn");
    let segments = filled(&dir);
    let last = segments.last().unwrap();
    let file = OsDisk.open(last, Access::Write).unwrap();
    let header = segment::Header::read(file.as_ref(), last, last_first(last)).unwrap();
    let mut frames = Vec::new();
    segment::scan(file.as_ref(), last, &header, None, |offset, head| frames.push((offset, head))).unwrap();
    let (offset, head) = *frames.last().unwrap();
    for cut in [0, 4, frame::HEADER as u64, 100] {
        file.write_at(&vec![0; usize::try_from(head.span() - cut).unwrap()], offset + cut).unwrap();
        let mut journal = open(&dir.0, SMALL).unwrap();
        assert_eq!(journal.next_seq(), head.first, "cut at {cut}");
        journal.commit(&[input(head.first.0, 300)], Room::Ordinary).unwrap();
        assert_eq!(read_all(&journal, Seq(1)).unwrap().len() as u64, head.first.0);
    }
}

fn last_first(path: &Path) -> Seq {
    segment::parse_name(path.file_name().unwrap().to_str().unwrap()).unwrap()
}

#[test]
fn the_older_snapshot_serves_when_the_newer_is_damaged() {
    let dir = Dir::new("snapshot");
    let mut journal = open(&dir.0, SMALL).unwrap();
    for n in 1..=9 {
        journal.commit(&[input(n, 10)], Room::Ordinary).unwrap();
    }
    let snapshots = journal.snapshots();
    for applied in [4, 8] {
        let state = crate::engine::State { last_incident: applied, ..Default::default() };
        snapshots.save(Seq(applied), &state).unwrap();
    }
    let path = |applied| snapshot::path(&Layout::new(&dir.0).snapshot, Seq(applied));
    flip(&path(8), 66);
    assert_eq!(snapshots.load().unwrap().unwrap().0, Seq(4));
    flip(&path(4), 66);
    let error = snapshots.load().unwrap_err().to_string();
    assert!(error.contains("its checksum is wrong"), "{error}");
}

#[test]
fn a_frame_larger_than_a_segment_gets_one_of_its_own() {
    let dir = Dir::new("large");
    let mut journal = open(&dir.0, SMALL).unwrap();
    for n in 1..=4 {
        journal.commit(&[input(n, if n == 2 { 50_000 } else { 10 })], Room::Ordinary).unwrap();
    }
    drop(journal);
    assert_eq!(read_all(&open(&dir.0, SMALL).unwrap(), Seq(1)).unwrap().len(), 4);
}

#[test]
fn a_reader_without_a_writer_sees_what_is_whole() {
    let dir = Dir::new("foreign");
    let mut journal = open(&dir.0, SMALL).unwrap();
    let reader = Reader::open(&dir.0);
    assert_eq!(reader.committed(), Seq(0));
    let mut records = reader.read_from(Seq(1));
    for n in 1..=30 {
        journal.commit(&[input(n, 300)], Room::Ordinary).unwrap();
        assert_eq!(records.next().unwrap().unwrap().1, record(n, &input(n, 300)));
        assert!(records.next().is_none());
    }
    assert_eq!(reader.committed(), Seq(30));
}

#[test]
fn a_sound_directory_is_found_sound() {
    let dir = Dir::new("verify-sound");
    filled(&dir);
    let report = verify(&dir.0).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.records, report.last, report.safe_to), (30, Seq(30), Seq(30)));
    let (_, done) = repair(&dir.0).unwrap();
    assert!(done.moved.is_empty() && done.lost.is_empty());
}

#[test]
fn repair_keeps_every_whole_record_and_tells_people_of_the_others() {
    for (name, harm) in [("first", 0), ("middle", 1), ("last", 2)] {
        let dir = Dir::new(&format!("repair-{name}"));
        let segments = filled(&dir);
        let segment = &segments[harm * (segments.len() - 1) / 2];
        flip(segment, segment::FRAMES_AT + 40);
        let lost = last_first(segment);
        let report = verify(&dir.0).unwrap();
        assert_eq!((report.records, report.findings.len(), report.safe_to), (29, 1, Seq(lost.0 - 1)), "{report:?}");
        assert!(report.findings[0].what.contains(&format!("record {lost} is lost")), "{report:?}");
        let (_, done) = repair(&dir.0).unwrap();
        assert_eq!(done.lost, [(lost, Seq(lost.0 + 1))]);
        assert!(done.moved[0].1.exists());
        assert!(verify(&dir.0).unwrap().is_sound());
        let mut journal = open(&dir.0, SMALL).unwrap();
        for found in read_all(&journal, Seq(1)).unwrap() {
            if found.seq == lost {
                assert_eq!(
                    found.body,
                    crate::journal::RecordBody::Decision(Arc::default()),
                    "nothing that could be judged"
                );
            } else if found.seq == Seq(31) {
                assert!(format!("{:?}", found.body).contains("are lost"));
            } else {
                assert_eq!(found, record(found.seq.0, &input(found.seq.0, 300)));
            }
        }
        assert_eq!(journal.commit(&[input(32, 300)], Room::Ordinary).unwrap().start, Seq(32), "behind the alarm");
    }
}

#[test]
fn repair_fills_the_place_of_a_missing_segment() {
    let dir = Dir::new("repair-missing");
    let segments = filled(&dir);
    std::fs::remove_file(&segments[1]).unwrap();
    let (report, done) = repair(&dir.0).unwrap();
    assert!(!report.is_sound());
    assert_eq!(done.lost, [(last_first(&segments[1]), last_first(&segments[2]))]);
    assert_eq!(read_all(&open(&dir.0, SMALL).unwrap(), Seq(1)).unwrap().len(), 31, "and an alarm");
}

#[test]
fn a_damaged_header_costs_no_record() {
    let dir = Dir::new("repair-header");
    let segments = filled(&dir);
    flip(&segments[1], 20);
    assert_eq!(verify(&dir.0).unwrap().records, 30);
    let (_, done) = repair(&dir.0).unwrap();
    assert_eq!(done.lost, []);
    let journal = open(&dir.0, SMALL).unwrap();
    assert_eq!(read_all(&journal, Seq(1)).unwrap(), (1..=30).map(|n| record(n, &input(n, 300))).collect::<Vec<_>>());
}

#[test]
fn a_damaged_snapshot_and_one_ahead_of_the_journal_are_moved_aside() {
    let dir = Dir::new("repair-snapshot");
    filled(&dir);
    let layout = Layout::new(&dir.0);
    let snapshots = SnapshotDir::new(Arc::new(OsDisk), layout.snapshot.clone());
    for applied in [20, 99] {
        crate::store::Snapshots::save(&snapshots, Seq(applied), &crate::engine::State::default()).unwrap();
    }
    flip(&snapshot::path(&layout.snapshot, Seq(20)), 66);
    assert_eq!(verify(&dir.0).unwrap().findings.len(), 2);
    let (_, done) = repair(&dir.0).unwrap();
    assert_eq!(done.moved.len(), 2);
    assert!(verify(&dir.0).unwrap().is_sound());
}

#[test]
fn repair_refuses_a_directory_in_use() {
    let dir = Dir::new("repair-locked");
    let _journal = open(&dir.0, SMALL).unwrap();
    assert!(matches!(repair(&dir.0), Err(JournalError::Locked { .. })));
    assert!(verify(&dir.0).unwrap().is_sound());
}

#[test]
fn a_flipped_bit_in_the_last_commit_is_told_from_one_that_was_cut_off() {
    for (name, sectors, harm, changed) in
        [("flipped-small", 1, 40_usize, true), ("flipped-large", 6, 1_500, true), ("cut", 6, usize::MAX, false)]
    {
        let dir = Dir::new(name);
        let mut journal = open(&dir.0, SMALL).unwrap();
        journal.commit(&[input(1, 100)], Room::Ordinary).unwrap();
        journal.commit(&[input(2, 512 * sectors - 200)], Room::Ordinary).unwrap();
        drop(journal);
        let path = segment::path(&Layout::new(&dir.0).journal, Seq(1));
        let mut bytes = std::fs::read(&path).unwrap();
        let last = bytes.windows(4).rposition(|four| four == b"CFRM").unwrap();
        if harm == usize::MAX {
            // A sector in the midst of it never got to the disk.
            let at = (last + 1_024).next_multiple_of(512);
            bytes[at..at + 512].fill(0);
        } else {
            bytes[last + harm] ^= 1;
        }
        std::fs::write(&path, bytes).unwrap();
        let report = verify(&dir.0).unwrap();
        assert_eq!((report.segments[0].unfinished, report.segments[0].changed), (true, changed), "{name}");
        let journal = open(&dir.0, SMALL).unwrap();
        assert_eq!(journal.next_seq(), Seq(2), "{name}: it is removed");
    }
}
