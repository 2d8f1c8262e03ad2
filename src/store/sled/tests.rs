//! The index finds what the journal holds, and comes back by itself from whatever happens to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::domain::{ChannelKind, ChannelRef, Name};
use crate::engine::state::{Delivery, Purpose, Recipient};
use crate::engine::{Actor, Command, Decision, DeliveryReport, Input, Outcome, Trace, Transition, Verb};
use crate::journal::RecordBody;
use crate::rules::{Because, RuleKind};
use crate::store::{Entry, FollowerOptions, IndexFollower, Journal, MemoryJournal, Room};

struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("callout-index-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn time(day: u32, minute: u32) -> Timestamp {
    Timestamp::parse(&format!("2026-11-{day:02}T12:{minute:02}:00Z")).unwrap()
}

fn decision(at: Timestamp, transitions: Vec<Transition>) -> Entry {
    Entry::new(at, RecordBody::Decision(Arc::new(Decision { transitions, ..Decision::default() })))
}

fn command(at: Timestamp, incident: u64) -> Entry {
    let verb = Verb::Acknowledge { incident: IncidentId(incident) };
    Entry::new(at, RecordBody::Input(Arc::new(Input::Command(Command { by: Actor::Local, verb }))))
}

fn report(at: Timestamp, delivery: u64) -> Entry {
    let outcome = Outcome::Delivered { receipt: None };
    let report = DeliveryReport { delivery: DeliveryId(delivery), attempt: 1, at, outcome };
    Entry::new(at, RecordBody::Input(Arc::new(Input::Reports(vec![report]))))
}

fn ordered(at: Timestamp, delivery: u64, incident: u64) -> Transition {
    Transition::DeliveryOrdered(Arc::new(Delivery {
        id: DeliveryId(delivery),
        incident: Some(IncidentId(incident)),
        to: Recipient::Person {
            person: Name::from("ana"),
            channel: ChannelRef { kind: ChannelKind::Slack, name: Name::from("main") },
        },
        purpose: Purpose::Page,
        rank: 0,
        ordered_at: at,
        expires_at: None,
        attempts: 0,
        text: String::new(),
        follows: None,
        fallbacks: 0,
    }))
}

/// Three days: on each an incident is opened, `ana` is paged, the delivery is reported; the first is acknowledged on the last day.
fn story() -> Vec<Entry> {
    let mut entries = Vec::new();
    for n in 1..=3_u64 {
        let day = 18 + u32::try_from(n).unwrap();
        let (incident, people) = (IncidentId(n), vec![Name::from("ana")]);
        entries.push(command(time(day, 0), 900 + n));
        entries.push(decision(
            time(day, 1),
            vec![
                Transition::Judged { input: Seq(entries.len() as u64) },
                ordered(time(day, 1), n, n),
                Transition::PeoplePaged { incident, people },
            ],
        ));
        entries.push(report(time(day, 2), n));
    }
    entries.push(command(time(21, 30), 1));
    entries
}

fn journal(entries: &[Entry]) -> MemoryJournal {
    let mut journal = MemoryJournal::new();
    for entry in entries {
        journal.commit(std::slice::from_ref(entry), Room::Ordinary).unwrap();
    }
    journal
}

fn follow(dir: &Dir, journal: &MemoryJournal) -> IndexFollower {
    follow_in(&dir.0, journal)
}

fn follow_in(dir: &Path, journal: &MemoryJournal) -> IndexFollower {
    let follower = IndexFollower::start(dir, journal.reader(), FollowerOptions::default(), || false).unwrap();
    let committed = journal.reader().committed();
    while follower.complete_to() < committed {
        std::thread::yield_now();
    }
    follower
}

fn seqs(positions: Vec<Position>) -> Vec<u64> {
    positions.into_iter().map(|position| position.seq.0).collect()
}

fn check(index: &dyn Index) {
    assert_eq!(seqs(index.incident_positions(IncidentId(1)).unwrap()), [2, 3, 10]);
    assert_eq!(seqs(index.incident_positions(IncidentId(3)).unwrap()), [8, 9]);
    assert_eq!(seqs(index.incident_positions(IncidentId(4)).unwrap()), [0; 0]);
    assert_eq!(index.delivery_incident(DeliveryId(2)).unwrap(), Some(IncidentId(2)));
    assert_eq!(index.delivery_incident(DeliveryId(4)).unwrap(), None);
    for (event, seq) in [(1, 2), (4, 5), (7, 8)] {
        assert_eq!(index.event_position(EventId(event)).unwrap().map(|position| position.seq.0), Some(seq));
    }
    let paged = |from, to| seqs(index.person_positions("ana", from, to, 10).unwrap());
    assert_eq!(paged(time(19, 0), time(21, 1)), [2, 5], "the end is exclusive");
    assert_eq!(paged(time(19, 1), time(21, 2)), [2, 5, 8], "the beginning is inclusive");
    assert_eq!(seqs(index.person_positions("ana", time(1, 0), time(30, 0), 2).unwrap()), [2, 5]);
    assert_eq!(seqs(index.person_positions("an", time(1, 0), time(30, 0), 9).unwrap()), [0; 0]);
}

#[test]
fn what_happened_is_found_by_incident_event_person_and_delivery() {
    let dir = Dir::new("find");
    let journal = journal(&story());
    let follower = follow(&dir, &journal);
    check(follower.index().as_ref());
    assert_eq!(day::names(&dir.0).unwrap(), ["2026-11-19", "2026-11-20", "2026-11-21"]);
}

#[test]
fn what_people_did_is_found_by_time_and_place() {
    let dir = Dir::new("acts");
    let acted = |day, minute| {
        let mut trace = Trace::default();
        trace.say(None, RuleKind::Person, Because::NothingToDo { why: Name::const_new("x") });
        Entry::new(time(day, minute), RecordBody::Decision(Arc::new(Decision { transitions: Vec::new(), trace })))
    };
    let entries = [acted(19, 1), decision(time(19, 2), Vec::new()), acted(19, 3), acted(19, 3), acted(20, 0)];
    let journal = journal(&entries);
    let follower = follow(&dir, &journal);
    let index = follower.index();
    let found = |from, to, after, limit| seqs(index.act_positions(from, to, Seq(after), limit).unwrap());
    assert_eq!(found(time(19, 0), time(30, 0), 0, 10), [1, 3, 4, 5]);
    assert_eq!(found(time(19, 0), time(30, 0), 0, 2), [1, 3]);
    assert_eq!(found(time(19, 3), time(30, 0), 3, 10), [4, 5], "behind a record of the same time");
    assert_eq!(found(time(19, 2), time(19, 3), 0, 10), [0; 0], "the end is exclusive");
}

#[test]
fn it_goes_on_where_it_was_closed() {
    let dir = Dir::new("reopen");
    let entries = story();
    let mut short = journal(&entries[..6]);
    follow(&dir, &short).stop();
    assert_eq!(SledIndex::open(&dir.0, short.reader().as_ref()).unwrap().applied(), Seq(6));
    for entry in &entries[6..] {
        short.commit(std::slice::from_ref(entry), Room::Ordinary).unwrap();
    }
    let follower = follow(&dir, &short);
    check(follower.index().as_ref());
    follower.stop();
}

#[test]
fn it_is_told_of_commits() {
    let dir = Dir::new("told");
    let entries = story();
    let mut journal = journal(&entries[..1]);
    let follower = follow(&dir, &journal);
    for entry in &entries[1..] {
        let range = journal.commit(std::slice::from_ref(entry), Room::Ordinary).unwrap();
        follower.committed(Seq(range.end.0 - 1));
    }
    while follower.complete_to() < Seq(10) {
        std::thread::yield_now();
    }
    check(follower.index().as_ref());
}

#[test]
fn a_busy_shard_is_left_alone_until_the_index_is_too_far_behind() {
    let dir = Dir::new("busy");
    let journal = journal(&story());
    let options = FollowerOptions { lag_max: 11, ..FollowerOptions::default() };
    let asked = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&asked);
    let busy = move || counter.fetch_add(1, Ordering::Relaxed) < u64::MAX;
    let follower = IndexFollower::start(&dir.0, journal.reader(), options, busy).unwrap();
    while asked.load(Ordering::Relaxed) < 3 {
        std::thread::yield_now();
    }
    assert_eq!(follower.complete_to(), Seq(0));
    follower.stop();
    let options = FollowerOptions { lag_max: 10, ..options };
    let follower = IndexFollower::start(&dir.0, journal.reader(), options, || true).unwrap();
    while follower.complete_to() < Seq(10) {
        std::thread::yield_now();
    }
}

/// Does something to a finished index, and expects it to be whole again.
fn comes_back(name: &str, harm: impl Fn(&Path)) {
    let dir = Dir::new(name);
    let journal = journal(&story());
    follow(&dir, &journal).stop();
    harm(&dir.0);
    let follower = follow(&dir, &journal);
    check(follower.index().as_ref());
}

#[test]
fn a_day_that_another_boot_left_open_is_built_again() {
    comes_back("boot", |dir| {
        let day = dir.join("2026-11-21");
        fs::rename(day.join("day.json"), day.join("open")).unwrap();
        fs::write(dir.join("2026-11-21/db"), b"rubbish").unwrap();
    });
}

#[test]
fn a_day_that_was_never_closed_is_built_again() {
    comes_back("unclosed", |dir| fs::remove_file(dir.join("2026-11-20/day.json")).unwrap());
}

#[test]
fn a_day_that_a_killed_process_left_open_goes_on() {
    comes_back("kill", |dir| {
        let day = dir.join("2026-11-21");
        fs::remove_file(day.join("day.json")).unwrap();
        fs::write(day.join("open"), fs::read("/proc/sys/kernel/random/boot_id").unwrap()).unwrap();
    });
}

#[test]
fn an_index_ahead_of_the_journal_is_built_again() {
    let dir = Dir::new("ahead");
    let entries = story();
    follow(&dir, &journal(&entries)).stop();
    let shorter = journal(&entries[..5]);
    let index = SledIndex::open(&dir.0, shorter.reader().as_ref()).unwrap();
    assert_eq!(index.applied(), Seq(3), "the days that are not ahead stay");
}

#[test]
fn damage_that_a_look_up_finds_is_repaired() {
    let dir = Dir::new("rubbish");
    let journal = journal(&story());
    follow(&dir, &journal).stop();
    let db = dir.0.join("2026-11-20/db");
    let length = usize::try_from(fs::metadata(&db).unwrap().len()).unwrap();
    fs::write(&db, vec![0xa5; length]).unwrap();
    let follower = follow(&dir, &journal);
    assert!(follower.index().incident_positions(IncidentId(2)).is_err());
    // The follower may be at work on it already, so only the end is looked at.
    while follower.index.has_gap() || follower.complete_to() < Seq(10) {
        follower.committed(Seq(10));
        std::thread::yield_now();
    }
    check(follower.index().as_ref());
}

/// The answers to some questions, as [`check`] asks them.
fn answers(index: &dyn Index) -> Result<Vec<Vec<u64>>, crate::store::IndexError> {
    let mut all = Vec::new();
    for incident in [1, 2, 3, 4] {
        all.push(seqs(index.incident_positions(IncidentId(incident))?));
    }
    for event in [1, 4, 7] {
        all.push(index.event_position(EventId(event))?.into_iter().map(|position| position.seq.0).collect());
    }
    for delivery in [1, 2, 3] {
        all.push(index.delivery_incident(DeliveryId(delivery))?.into_iter().map(|incident| incident.0).collect());
    }
    all.push(seqs(index.person_positions("ana", time(1, 0), time(30, 0), 10)?));
    Ok(all)
}

/// After some harm a look-up fails, or a day is removed meanwhile and it is made again, or it is right, never wrong; and in the end it is right.
fn heals(journal: &MemoryJournal, right: &[Vec<u64>], dir: &Path, what: &str) {
    let follower = follow_in(dir, journal);
    let committed = journal.reader().committed();
    // The follower's own count lags behind a removal for a moment; the index knows at once.
    let whole = || {
        let index = &follower.index;
        !index.has_gap() && index.applied() == committed && follower.complete_to() == committed
    };
    let deadline = std::time::Duration::from_secs(20);
    let begin = std::thread::spawn(move || std::thread::sleep(deadline));
    loop {
        let (before, removals) = (whole(), follower.index().removals());
        let found = answers(follower.index().as_ref());
        match found {
            Ok(found) if before && whole() && follower.index().removals() == removals => {
                assert_eq!(found, right, "{what}: a wrong answer");
                return;
            }
            _ => follower.committed(committed),
        }
        assert!(!begin.is_finished(), "{what}: the index is not built again");
        std::thread::yield_now();
    }
}

fn files_below(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        if entry.path().is_dir() { all.extend(files_below(&entry.path())) } else { all.push(entry.path()) }
    }
    all.sort();
    all
}

#[test]
fn flipped_bits_cut_files_and_missing_files_never_give_a_wrong_answer() {
    let journal = journal(&story());
    let dir = Dir::new("harm");
    follow(&dir, &journal).stop();
    let follower = follow(&dir, &journal);
    let right = answers(follower.index().as_ref()).unwrap();
    follower.stop();
    let whole: Vec<_> = files_below(&dir.0).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    let put_back = || {
        let _ = fs::remove_dir_all(&dir.0);
        for (path, bytes) in &whole {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    };
    let mut cases = 0;
    for (path, bytes) in &whole {
        // Mostly zeros: bits are flipped where something was written.
        let written: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        let harms = [0, 1, 2, 3, 4].map(|fifth| written.get(written.len() * fifth / 5).copied());
        let flips = harms.into_iter().flatten().map(|at| {
            let mut harmed = bytes.clone();
            harmed[at] ^= 1 << (at % 8);
            (format!("bit of byte {at}"), Some(harmed))
        });
        let cuts = [0, bytes.len() / 2].map(|length| (format!("cut to {length}"), Some(bytes[..length].to_vec())));
        for (what, harmed) in flips.chain(cuts).chain([("gone".to_owned(), None)]) {
            put_back();
            match harmed {
                Some(harmed) => fs::write(path, harmed).unwrap(),
                None => fs::remove_file(path).unwrap(),
            }
            heals(&journal, &right, &dir.0, &format!("{}, {what}", path.strip_prefix(&dir.0).unwrap().display()));
            cases += 1;
        }
    }
    eprintln!("{cases} harms to {} files", whole.len());
    assert!(cases > 30);
}

#[test]
fn a_survey_tells_days_that_are_sound_open_ahead_and_damaged_apart() {
    let dir = Dir::new("survey");
    let journal = journal(&story());
    assert_eq!(super::survey(&dir.0.join("none"), Seq(10)).unwrap(), []);
    let follower = follow(&dir, &journal);
    let states = |committed| -> Vec<DayState> {
        super::survey(&dir.0, Seq(committed)).unwrap().iter().map(|day| day.state).collect()
    };
    assert_eq!(states(10).last(), Some(&DayState::Open));
    follower.stop();
    let days = super::survey(&dir.0, Seq(10)).unwrap();
    assert!(days.iter().all(|day| day.state == DayState::Closed), "{days:?}");
    assert_eq!(days.last().unwrap().last, Some(Seq(10)));
    assert_eq!(states(5).last(), Some(&DayState::Ahead));
    let first = dir.0.join(&days[0].day).join("day.json");
    let mut bytes = fs::read(&first).unwrap();
    bytes[5] ^= 1;
    fs::write(first, bytes).unwrap();
    assert_eq!(states(10)[0], DayState::Unsound);
}

#[test]
fn old_days_are_forgotten() {
    let dir = Dir::new("old");
    let journal = journal(&story());
    let follower = follow(&dir, &journal);
    follower.index.forget_old(1).unwrap();
    assert_eq!(day::names(&dir.0).unwrap(), ["2026-11-20", "2026-11-21"]);
    assert_eq!(seqs(follower.index().incident_positions(IncidentId(1)).unwrap()), [10]);
}

#[test]
fn so_many_deliveries_are_remembered_until_they_are_reported() {
    let dir = Dir::new("on-their-way");
    let number = ON_THEIR_WAY_MAX as u64 + 10;
    let at = time(19, 1);
    let journal =
        journal(&[decision(at, vec![ordered(at, number, 1)]), decision(at, vec![ordered(at, number + 1, 1)])]);
    let reader = journal.reader();
    let index = SledIndex::open(&dir.0, &*reader).unwrap();
    index.inner().on_their_way = (1..ON_THEIR_WAY_MAX as u64).map(|n| (DeliveryId(n), IncidentId(n))).collect();
    for (seq, oldest) in [(1, 1), (2, 2)] {
        let position = Position { seq: Seq(seq), segment: Seq(1), offset: seq };
        let record = reader.record(Seq(seq)).unwrap().unwrap();
        index.apply(&[(position, record)]).unwrap();
        let known = &index.inner().on_their_way;
        assert_eq!((known.len(), known.keys().next()), (ON_THEIR_WAY_MAX, Some(&DeliveryId(oldest))));
    }
}
