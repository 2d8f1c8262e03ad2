//! One day of the index: a folder with a sled database, and beside it `day.json` (closed) or `open` (being written).

use std::fs::{self, File};
use std::io;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::concern::Concern;
use super::super::{IndexError, Position};
use crate::domain::{DeliveryId, EventId, IncidentId, Seq, Timestamp};

/// Format of keys and values; another one is built again.
const FORMAT: u32 = 3;
const CACHE_TO_WRITE_BYTES: u64 = 12 << 20;
const CACHE_TO_READ_BYTES: u64 = 4 << 20;
const CLOSED: &str = "day.json";
const OPEN: &str = "open";

/// Least and greatest of some numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Range(Option<(u64, u64)>);

impl Range {
    /// Makes it hold `number`.
    pub fn add(&mut self, number: u64) {
        self.0 = Some(self.0.map_or((number, number), |(least, most)| (least.min(number), most.max(number))));
    }

    /// Whether `number` is not outside.
    pub fn holds(self, number: u64) -> bool {
        self.0.is_some_and(|(least, most)| (least..=most).contains(&number))
    }

    /// The least.
    pub fn least(self) -> Option<u64> {
        self.0.map(|(least, _)| least)
    }
}

/// Earliest and latest of some times, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Times(Option<(i64, i64)>);

impl Times {
    fn add(&mut self, millis: i64) {
        self.0 = Some(self.0.map_or((millis, millis), |(least, most)| (least.min(millis), most.max(millis))));
    }

    /// Whether it meets `[from, to)`.
    pub fn meets(self, from: i64, to: i64) -> bool {
        self.0.is_some_and(|(least, most)| least < to && from <= most)
    }
}

/// How a day of the index looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DayState {
    /// It was finished, and is as it was written.
    Closed,
    /// A process writes it, or was killed while it did.
    Open,
    /// It goes further than the journal: that one was put back.
    Ahead,
    /// It cannot be used.
    Unsound,
}

/// What a day holds.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct DayInfo {
    format: u32,
    /// Last record that was looked at.
    pub last: Seq,
    /// Incidents that are named.
    pub incidents: Range,
    /// Deliveries that were ordered.
    pub deliveries: Range,
    /// Inputs that were judged first in their frames.
    pub judged: Range,
    /// Times of its records.
    pub times: Times,
}

/// Changes of a day. Each can be made twice without harm; what was looked at is written after all of them, so a batch that is cut off is
/// made again.
///
/// Not a batch of sled's: that one keeps every page that it replaces in memory for good, about 3 kB for each key (measured with 0.34.7:
/// 1.1 GB for 400,000 keys, against 63 MB for single insertions, which are no slower).
#[derive(Debug, Default)]
pub struct Batch {
    changes: Vec<(::sled::IVec, ::sled::IVec)>,
    info: DayInfo,
    /// Frame whose first judged input is already noted.
    frame: Option<(Seq, u64)>,
}

impl Batch {
    fn put(&mut self, key: &[u8], value: &[u8]) {
        self.changes.push((key.into(), value.into()));
    }

    /// Adds what a record is about.
    pub fn add(&mut self, position: Position, at: Timestamp, concern: &Concern) {
        self.info.last = position.seq;
        self.info.times.add(at.as_millis());
        let value = place(position);
        for incident in &concern.incidents {
            self.info.incidents.add(incident.0);
            self.put(&key(b'i', incident.0, position.seq), &value);
        }
        for person in &concern.people {
            self.put(&person_key(person, at.as_millis(), position.seq.0), &value);
        }
        if concern.act {
            self.put(&key(b'o', ordered(at.as_millis()), position.seq), &value);
        }
        for (delivery, incident) in &concern.ordered {
            self.info.deliveries.add(delivery.0);
            self.put(&short_key(b'd', delivery.0), &incident.0.to_be_bytes());
        }
        let frame = (position.segment, position.offset);
        if let Some(judged) = concern.judged.filter(|_| self.frame != Some(frame)) {
            self.frame = Some(frame);
            self.info.judged.add(judged.0);
            self.put(&short_key(b'j', judged.0), &judged_value(position));
        }
    }
}

/// A day whose database is open.
#[derive(Debug)]
pub struct OpenDay {
    /// `2026-11-20`
    pub name: String,
    path: PathBuf,
    db: ::sled::Db,
    info: DayInfo,
}

impl OpenDay {
    /// Opens a day to add to it; `info` is what [`inspect`] found, `None` for a new day.
    pub fn open_to_write(path: &Path, name: &str, info: Option<DayInfo>) -> Result<Self, IndexError> {
        fs::create_dir_all(path).map_err(io("make a day"))?;
        let boot = boot().unwrap_or_default();
        fs::write(path.join(OPEN), boot).map_err(io("mark a day as open"))?;
        match fs::remove_file(path.join(CLOSED)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io("mark a day as open")(error)),
            _ => {}
        }
        sync(path)?;
        let db = database(path, CACHE_TO_WRITE_BYTES)?;
        let day = Self { name: name.to_owned(), path: path.to_owned(), db, info: info.unwrap_or_default() };
        day.check()
    }

    /// Opens a day that was closed, to look something up.
    pub fn open_to_read(path: &Path, name: &str, info: DayInfo) -> Result<Self, IndexError> {
        let db = database(path, CACHE_TO_READ_BYTES)?;
        Self { name: name.to_owned(), path: path.to_owned(), db, info }.check()
    }

    /// Refuses a database that lost something: sled takes some damage for the end of its log.
    fn check(self) -> Result<Self, IndexError> {
        let stored = self.stored_info()?.unwrap_or_default();
        if stored.last == self.info.last {
            Ok(self)
        } else {
            Err(IndexError::Damaged(format!("{} ends at record {}, not {}", self.name, stored.last, self.info.last)))
        }
    }

    fn stored_info(&self) -> Result<Option<DayInfo>, IndexError> {
        let bytes = guarded("read", || self.db.get(b"a"))?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Applies a batch, and gives what the day holds then.
    pub fn write(&mut self, batch: Batch) -> Result<DayInfo, IndexError> {
        let Batch { changes, info, .. } = batch;
        let info = self.info.with(&info);
        let bytes = serde_json::to_vec(&info).map_err(|error| IndexError::Damaged(error.to_string()))?;
        guarded("write", || {
            for (key, value) in changes {
                self.db.insert(key, value)?;
            }
            self.db.insert(b"a".as_slice(), bytes)
        })?;
        self.info = info.clone();
        Ok(info)
    }

    /// Writes everything; and since sled's own flush does not sync on Linux, its file is synced through a second handle.
    pub fn checkpoint(&mut self) -> Result<(), IndexError> {
        guarded("flush", || self.db.flush())?;
        let file = File::open(self.path.join("db")).map_err(io("sync"))?;
        file.sync_all().map_err(io("sync"))
    }

    /// Makes the day durable and marks it as closed.
    pub fn close(mut self) -> Result<(), IndexError> {
        self.checkpoint()?;
        let Self { path, db, info, .. } = self;
        guarded("close", || {
            drop(db);
            Ok(())
        })?;
        // Closing writes, too.
        File::open(path.join("db")).and_then(|file| file.sync_all()).map_err(io("sync"))?;
        let mut bytes = serde_json::to_vec(&info).map_err(|error| IndexError::Damaged(error.to_string()))?;
        let sum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(format!("\n{sum:08x}").as_bytes());
        let temporary = path.join("day.tmp");
        fs::write(&temporary, bytes).map_err(io("mark a day as closed"))?;
        File::open(&temporary).and_then(|file| file.sync_all()).map_err(io("mark a day as closed"))?;
        fs::rename(&temporary, path.join(CLOSED)).map_err(io("mark a day as closed"))?;
        sync(&path)?;
        fs::remove_file(path.join(OPEN)).map_err(io("mark a day as closed"))
    }

    /// Places of an incident's records.
    pub fn incident(&self, incident: IncidentId) -> Result<Vec<Position>, IndexError> {
        let range = key(b'i', incident.0, Seq(0))..=key(b'i', incident.0, Seq(u64::MAX));
        self.places(range, usize::MAX)
    }

    /// Places of decisions that paged a person within `[from, to)`.
    pub fn person(
        &self,
        person: &str,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<Position>, IndexError> {
        let from = person_key(person, from.as_millis(), 0);
        let to = person_key(person, to.as_millis().saturating_sub(1), u64::MAX);
        if from > to {
            return Ok(Vec::new());
        }
        self.places(from..=to, limit)
    }

    /// Places of decisions about what somebody did, from `from` and behind record `after`, before `to`.
    pub fn acts(&self, from: Timestamp, to: Timestamp, after: Seq, limit: usize) -> Result<Vec<Position>, IndexError> {
        let from = key(b'o', ordered(from.as_millis()), Seq(after.0.saturating_add(1)));
        let to = key(b'o', ordered(to.as_millis().saturating_sub(1)), Seq(u64::MAX));
        if from > to { Ok(Vec::new()) } else { self.places(from..=to, limit) }
    }

    fn places<K: AsRef<[u8]>>(&self, range: RangeInclusive<K>, limit: usize) -> Result<Vec<Position>, IndexError> {
        let found = guarded("read", || self.db.range(range).take(limit).collect::<Result<Vec<_>, _>>())?;
        found.iter().map(|(key, value)| read_place(key, value)).collect()
    }

    /// Place of the frame that judged an input.
    pub fn judged(&self, event: EventId) -> Result<Option<Position>, IndexError> {
        let range = short_key(b'j', 0)..=short_key(b'j', event.0);
        let found = guarded("read", || self.db.range(range).next_back().transpose())?;
        found.map(|(_, value)| read_judged(&value)).transpose()
    }

    /// The incident of a delivery.
    pub fn delivery(&self, delivery: DeliveryId) -> Result<Option<IncidentId>, IndexError> {
        let found = guarded("read", || self.db.get(short_key(b'd', delivery.0)))?;
        Ok(found.and_then(|value| value.first_chunk().map(|bytes| IncidentId(u64::from_be_bytes(*bytes)))))
    }
}

impl DayInfo {
    /// This and what was added.
    fn with(&self, added: &Self) -> Self {
        let mut sum = self.clone();
        sum.format = FORMAT;
        sum.last = sum.last.max(added.last);
        let ranges = [
            (&mut sum.incidents, added.incidents),
            (&mut sum.deliveries, added.deliveries),
            (&mut sum.judged, added.judged),
        ];
        for (to, from) in ranges {
            if let Some((least, most)) = from.0 {
                to.add(least);
                to.add(most);
            }
        }
        if let Some((least, most)) = added.times.0 {
            sum.times.add(least);
            sum.times.add(most);
        }
        sum
    }
}

/// What a day's folder holds; `None` when it is not sound.
pub fn inspect(path: &Path) -> Option<DayInfo> {
    if let Ok(bytes) = fs::read(path.join(CLOSED)) {
        return closed(&bytes);
    }
    if !left_open_by_this_boot(path) {
        return None;
    }
    let db = database(path, CACHE_TO_READ_BYTES).ok()?;
    let day = OpenDay { name: String::new(), path: path.to_owned(), db, info: DayInfo::default() };
    day.stored_info().ok().flatten().filter(|info| info.format == FORMAT)
}

/// What `day.json` says, if it is as it was written: JSON, and its CRC-32C in the next line.
fn closed(bytes: &[u8]) -> Option<DayInfo> {
    let at = bytes.iter().rposition(|byte| *byte == b'\n')?;
    let (json, sum) = (&bytes[..at], std::str::from_utf8(&bytes[at + 1..]).ok()?);
    if u32::from_str_radix(sum, 16).ok()? != crc32c::crc32c(json) {
        return None;
    }
    serde_json::from_slice(json).ok().filter(|info: &DayInfo| info.format == FORMAT)
}

/// The process was killed; what it wrote is in the page cache, unless the machine went down as well.
fn left_open_by_this_boot(path: &Path) -> bool {
    fs::read_to_string(path.join(OPEN)).is_ok_and(|marked| !marked.is_empty() && Some(marked) == boot())
}

/// How a day's folder looks from outside, without opening its database: somebody else may be writing it.
pub fn survey(path: &Path) -> (DayState, Option<DayInfo>) {
    match fs::read(path.join(CLOSED)) {
        Ok(bytes) => closed(&bytes).map_or((DayState::Unsound, None), |info| (DayState::Closed, Some(info))),
        Err(_) if left_open_by_this_boot(path) => (DayState::Open, None),
        Err(_) => (DayState::Unsound, None),
    }
}

/// Names of the days in a directory, in order.
pub fn names(dir: &Path) -> Result<Vec<String>, IndexError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(io("read its directory"))? {
        let name = entry.map_err(io("read its directory"))?.file_name().to_string_lossy().into_owned();
        if start(&name).is_some() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Name of the day, in UTC, that an instant lies in.
pub fn name(at: Timestamp) -> String {
    at.to_jiff().to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}

/// When a day begins; `None` when this is no name of a day.
pub fn start(name: &str) -> Option<Timestamp> {
    (name.len() == 10).then(|| Timestamp::parse(&format!("{name}T00:00:00Z")).ok())?
}

/// Identity of the machine's present run.
fn boot() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()
}

fn database(path: &Path, cache_bytes: u64) -> Result<::sled::Db, IndexError> {
    let config = ::sled::Config::new().path(path).cache_capacity(cache_bytes).flush_every_ms(None);
    guarded("open", || config.open())
}

/// Runs something of sled's, which answers some kinds of damage with a panic.
fn guarded<R>(doing: &'static str, f: impl FnOnce() -> ::sled::Result<R>) -> Result<R, IndexError> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(IndexError::Database { doing, source: error.into() }),
        Err(_) => Err(IndexError::Database { doing, source: "the database panicked".into() }),
    }
}

/// What to say of an error of the file system.
pub fn io(doing: &'static str) -> impl FnOnce(io::Error) -> IndexError {
    move |error| IndexError::Database { doing, source: error.into() }
}

fn sync(dir: &Path) -> Result<(), IndexError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io("sync a day"))
}

fn short_key(kind: u8, number: u64) -> [u8; 9] {
    let mut key = [kind; 9];
    key[1..].copy_from_slice(&number.to_be_bytes());
    key
}

fn key(kind: u8, number: u64, seq: Seq) -> [u8; 17] {
    let mut key = [kind; 17];
    key[1..9].copy_from_slice(&number.to_be_bytes());
    key[9..].copy_from_slice(&seq.0.to_be_bytes());
    key
}

fn person_key(person: &str, millis: i64, seq: u64) -> Vec<u8> {
    [b"p", person.as_bytes(), b"\0", &ordered(millis).to_be_bytes(), &seq.to_be_bytes()].concat()
}

/// Flipping the sign's bit makes the order of bytes that of numbers.
const fn ordered(millis: i64) -> u64 {
    millis.cast_unsigned() ^ (1 << 63)
}

/// A place but for the position, which is the end of the key.
fn place(position: Position) -> [u8; 16] {
    let mut value = [0; 16];
    value[..8].copy_from_slice(&position.segment.0.to_be_bytes());
    value[8..].copy_from_slice(&position.offset.to_be_bytes());
    value
}

fn judged_value(position: Position) -> [u8; 24] {
    let mut value = [0; 24];
    value[..8].copy_from_slice(&position.seq.0.to_be_bytes());
    value[8..].copy_from_slice(&place(position));
    value
}

fn read_place(key: &[u8], value: &[u8]) -> Result<Position, IndexError> {
    let seq = key.last_chunk().map(|bytes| Seq(u64::from_be_bytes(*bytes)));
    let segment = value.first_chunk().map(|bytes| Seq(u64::from_be_bytes(*bytes)));
    let offset = value.last_chunk().map(|bytes| u64::from_be_bytes(*bytes));
    match (seq, segment, offset) {
        (Some(seq), Some(segment), Some(offset)) if value.len() == 16 => Ok(Position { seq, segment, offset }),
        _ => Err(IndexError::Damaged("a place is cut off".to_owned())),
    }
}

fn read_judged(value: &[u8]) -> Result<Position, IndexError> {
    match value.split_at_checked(8) {
        Some((seq, place)) => read_place(seq, place),
        None => Err(IndexError::Damaged("a place is cut off".to_owned())),
    }
}
