//! Where records, snapshots and look-ups are kept, behind two traits: [`Journal`] (the truth) and [`Index`] (disposable).
//!
//! Absent on purpose: judgement, clocks, and anything that knows what a record means. Times come in as arguments.

mod concern;
#[cfg(test)]
mod conformance;
pub mod file;
mod follower;
mod memory;
mod recover;
mod sled;

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::domain::{DeliveryId, EventId, IncidentId, Seq, Timestamp};
use crate::engine::State;
use crate::journal::{CodecError, Record, RecordBody};

pub use self::sled::{DayState, IndexDay, SledIndex, survey as survey_index};
pub use follower::{FollowerOptions, IndexFollower};
pub use memory::MemoryJournal;
pub use recover::{Recovery, recover};

/// One record to be appended; its position is given by [`Journal::commit`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The shell's clock when it is appended (inputs: *received at*), or engine time (decisions).
    pub at: Timestamp,
    /// What happened.
    pub body: RecordBody,
}

impl Entry {
    /// A record to be appended.
    #[must_use]
    pub const fn new(at: Timestamp, body: RecordBody) -> Self {
        Self { at, body }
    }
}

/// Which room on the disk a commit may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Room {
    /// What everything may use. Gives [`JournalError::Full`] when the disk is full, and goes on by itself once there is room.
    Ordinary,
    /// The reserve too: for alarms, acknowledgements and reports of deliveries while the disk is full.
    Reserve,
}

/// Records with their places, from the oldest asked for. Ends at the last committed one; asked again later, it goes on with what was committed
/// meanwhile. After an error it ends for good.
pub type Records = Box<dyn Iterator<Item = Result<(Position, Record), JournalError>> + Send>;

/// The truth of one shard. One writer; everything else reads through [`Journal::reader`].
pub trait Journal: Send {
    /// Position of the next record.
    fn next_seq(&self) -> Seq;

    /// Appends `batch` as one frame: all of it is durable when this returns, or none of it counts. Positions are given in order.
    /// An empty batch does nothing.
    ///
    /// # Errors
    /// [`JournalError::Full`] without room, [`JournalError::Io`] when the disk fails. Nothing was committed for this writer then (after
    /// a crash right behind it the batch may still turn out to be there, as a whole); the same call can be made again later in this process.
    fn commit(&mut self, batch: &[Entry], room: Room) -> Result<Range<Seq>, JournalError>;

    /// For reading from any thread, while the writer runs.
    fn reader(&self) -> Arc<dyn JournalReader>;

    /// For saving and loading snapshots from any thread.
    fn snapshots(&self) -> Arc<dyn Snapshots>;

    /// Forgets records before `before`, as far as whole segments allow, never beyond the older of the kept snapshots.
    /// Gives the position of the first record that is left.
    ///
    /// # Errors
    /// When files can't be removed.
    fn trim(&mut self, before: Seq) -> Result<Seq, JournalError>;
}

/// Reads committed records.
pub trait JournalReader: Send + Sync + fmt::Debug {
    /// Position of the oldest record that is kept; that of the next one to come when there is none.
    fn first_seq(&self) -> Seq;

    /// Position of the last committed record; 0 when there is none.
    fn committed(&self) -> Seq;

    /// Records from `from` on, in order, in bounded memory. A position that was trimmed is an error.
    fn read_from(&self, from: Seq) -> Records;

    /// One record; `None` when it was trimmed or is not committed yet.
    ///
    /// # Errors
    /// When it can't be read.
    fn record(&self, seq: Seq) -> Result<Option<Record>, JournalError>;

    /// One record whose place is known, without a search; `None` when its segment was trimmed.
    ///
    /// # Errors
    /// When it can't be read, or something else is there.
    fn record_at(&self, position: Position) -> Result<Option<Record>, JournalError>;
}

/// Keeps the two newest snapshots of the state.
pub trait Snapshots: Send + Sync + fmt::Debug {
    /// Saves the state as it is after the record at `applied`. Durable when this returns; the third-newest is removed.
    ///
    /// # Errors
    /// When it can't be written; earlier snapshots stay.
    fn save(&self, applied: Seq, state: &State) -> Result<(), JournalError>;

    /// The newest snapshot that is whole, with the position of the last record in it. `None` when there is none.
    ///
    /// # Errors
    /// When there are snapshots and none of them can be read.
    fn load(&self) -> Result<Option<(Seq, State)>, JournalError>;

    /// Positions of the snapshots that are kept, oldest first.
    fn kept(&self) -> Vec<Seq>;
}

/// Where a record is: its position, the first position of its segment, and the offset of its frame there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position {
    /// The record.
    pub seq: Seq,
    /// First record of its segment.
    pub segment: Seq,
    /// Offset of its frame in bytes.
    pub offset: u64,
}

/// Look-ups for people. Disposable: everything in it comes from the journal.
pub trait Index: Send + Sync {
    /// Adds what `records` say; they come in order, each with its place.
    ///
    /// # Errors
    /// When it can't be written; the index is to be rebuilt then.
    fn apply(&self, records: &[(Position, Record)]) -> Result<(), IndexError>;

    /// Position of the last record in it; 0 when it is empty.
    fn applied(&self) -> Seq;

    /// How often something that was not sound was removed since the start. Where this differs before and after several look-ups, they do
    /// not belong together, and are to be made again.
    fn removals(&self) -> u64 {
        0
    }

    /// Records that concern an incident, in order.
    ///
    /// # Errors
    /// When the index can't be read.
    fn incident_positions(&self, incident: IncidentId) -> Result<Vec<Position>, IndexError>;

    /// Where the decision about an event is, or a place shortly before it; read on from there. `None` when nothing is known.
    ///
    /// # Errors
    /// When the index can't be read.
    fn event_position(&self, event: EventId) -> Result<Option<Position>, IndexError>;

    /// Decisions that paged a person within `[from, to)`, in order, at most `limit`.
    ///
    /// # Errors
    /// When the index can't be read.
    fn person_positions(
        &self,
        person: &str,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<Position>, IndexError>;

    /// Decisions about what somebody did, in order, at most `limit`: those of `from` behind record `after`, and later ones before `to`.
    ///
    /// # Errors
    /// When the index can't be read.
    fn act_positions(
        &self,
        from: Timestamp,
        to: Timestamp,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Position>, IndexError>;

    /// The incident that a delivery belongs to; `None` when it is unknown or an alarm of callout's own.
    ///
    /// # Errors
    /// When the index can't be read.
    fn delivery_incident(&self, delivery: DeliveryId) -> Result<Option<IncidentId>, IndexError>;
}

/// Why the journal could not do something.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// There is no room on the disk.
    #[error("the disk that holds `{path}` is full")]
    Full { path: PathBuf },
    /// The disk failed.
    #[error("could not {doing} `{path}`")]
    Io {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Another process has the directory.
    #[error("`{path}` is in use by another callout{}; stop it first, or give this one another --data", holder(.pid.as_ref()))]
    Locked { path: PathBuf, pid: Option<u32> },
    /// Something is there that was never written so.
    #[error(
        "`{path}` is damaged at byte {offset}: {what}; everything up to record {safe_to} is whole. Keep a copy of the directory, then see \
         `callout verify --data DIR` and, to go on with what is whole, `callout verify --data DIR --repair`"
    )]
    Damaged { path: PathBuf, offset: u64, safe_to: Seq, what: String },
    /// A file of a later version.
    #[error(
        "`{path}` has layout {layout}, and this version of callout knows layouts up to {known}; start the version that wrote it, or a later one"
    )]
    Layout { path: PathBuf, layout: u32, known: u32 },
    /// A snapshot is not what was written.
    #[error("the snapshot `{path}` is damaged: {what}; see `callout verify --data DIR`")]
    SnapshotDamaged { path: PathBuf, what: String },
    /// A snapshot is whole by its checksum, and still not what this version writes.
    #[error("the snapshot `{path}` cannot be written or read by this version of callout")]
    Snapshot {
        path: PathBuf,
        #[source]
        source: postcard::Error,
    },
    /// A snapshot stands for records that the journal does not have.
    #[error(
        "the snapshot stands at record {snapshot} and the journal ends at {last}; records are missing. Restore `journal/` from a backup, or see \
         `callout verify --data DIR`"
    )]
    SnapshotAhead { snapshot: Seq, last: Seq },
    /// A snapshot is missing or damaged and the records that it stands for are gone.
    #[error(
        "the journal begins at record {first} and no snapshot reaches that far{}; restore `snapshot/` from a backup, or see `callout verify --data DIR`",
        newest(.snapshot.as_ref())
    )]
    SnapshotMissing { first: Seq, snapshot: Option<Seq> },
    /// A record was asked for that retention removed.
    #[error("record {seq} was removed by retention; the journal begins at {first}")]
    Trimmed { seq: Seq, first: Seq },
    /// A batch is larger than a frame can be.
    #[error("a batch of {bytes} bytes is larger than the limit of {limit_bytes}")]
    TooLarge { bytes: u64, limit_bytes: u64 },
    /// A record can't be written or read in any form that this version knows.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

impl JournalError {
    /// Whether the cause is a full disk, so that [`Room::Reserve`] may still work.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }
}

fn holder(pid: Option<&u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

fn newest(seq: Option<&Seq>) -> String {
    seq.map(|seq| format!(" (the newest whole one stands at {seq})")).unwrap_or_default()
}

/// Why the index could not do something. The remedy is always the same: wipe it and build it again from the journal.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The database under it failed.
    #[error("the index could not {doing}")]
    Database {
        doing: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It holds something that was never written so.
    #[error("the index is damaged: {0}")]
    Damaged(String),
    /// The journal that it follows could not be read.
    #[error("the index could not read the journal")]
    Journal(#[from] JournalError),
}
