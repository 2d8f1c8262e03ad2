//! The data directory of one node: journal, snapshots, lock.
//!
//! ```text
//! data/
//!   journal/   00000000000000000001.seg …   frames of records; `reserve` is room for a full disk, `spare` the next segment
//!   snapshot/  00000000000000012345.snap    the engine's state after that record; two are kept
//!   index/     2026-11-20/ …                look-ups, disposable
//!   lock
//! ```

mod disk;
#[cfg(test)]
mod fault;
pub mod frame;
#[cfg(test)]
mod golden;
mod lock;
#[cfg(test)]
mod power;
mod reader;
mod repair;
mod segment;
pub mod snapshot;
mod spare;
#[cfg(test)]
mod tests;
mod verify;
mod window;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::Seq;
use crate::store::JournalError;

pub use disk::{Access, Disk, DiskFile, OsDisk};
pub use lock::Lock;
pub use reader::Reader;
pub use repair::{Repair, repair};
pub use snapshot::SnapshotDir;
pub use verify::{Finding, Gap, Report, SegmentReport, SnapshotReport, verify};
pub use writer::{FileJournal, Options};

/// Where things are in a data directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    /// The directory itself.
    pub root: PathBuf,
    /// Segments.
    pub journal: PathBuf,
    /// Snapshots.
    pub snapshot: PathBuf,
    /// Look-ups.
    pub index: PathBuf,
    /// The lock.
    pub lock: PathBuf,
}

impl Layout {
    /// The layout of the directory at `root`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            journal: root.join("journal"),
            snapshot: root.join("snapshot"),
            index: root.join("index"),
            lock: root.join("lock"),
        }
    }

    /// Makes the directories, for their owner alone.
    fn create(&self, disk: &dyn Disk) -> Result<(), JournalError> {
        for dir in [&self.root, &self.journal, &self.snapshot, &self.index] {
            disk.create_dir(dir).map_err(io_error("create", dir))?;
        }
        Ok(())
    }
}

/// What the writer shares with readers in the same process.
#[derive(Debug, Default)]
struct Shared {
    /// Last committed record.
    committed: AtomicU64,
    /// First positions of the segments, in order.
    segments: RwLock<Vec<Seq>>,
}

impl Shared {
    fn committed(&self) -> Seq {
        Seq(self.committed.load(Ordering::Acquire))
    }

    fn set_committed(&self, seq: Seq) {
        self.committed.store(seq.0, Ordering::Release);
    }

    fn segments(&self) -> Vec<Seq> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change_segments(&self, change: impl FnOnce(&mut Vec<Seq>)) {
        change(&mut self.segments.write().unwrap_or_else(PoisonError::into_inner));
    }
}

/// First positions of the segments in a directory, in order.
fn list_segments(disk: &dyn Disk, dir: &Path) -> Result<Vec<Seq>, JournalError> {
    let names = disk.list(dir).map_err(io_error("list", dir))?;
    let mut segments: Vec<Seq> = names.iter().filter_map(|name| segment::parse_name(name)).collect();
    segments.sort_unstable();
    Ok(segments)
}

/// What to say of an error of the disk; a full one is told apart.
fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => JournalError::Full { path: path.to_owned() },
        _ => JournalError::Io { doing, path: path.to_owned(), source },
    }
}

/// A journal in a data directory, ready to append to, for the life of this process.
///
/// # Errors
/// When another process has the directory, or it is damaged. A commit that was cut off is no damage: it is removed.
pub fn open(root: &Path, options: Options) -> Result<FileJournal, JournalError> {
    let layout = Layout::new(root);
    let disk: Arc<dyn Disk> = Arc::new(OsDisk);
    layout.create(disk.as_ref())?;
    let lock = Lock::take(&layout.lock)?;
    FileJournal::open(disk, &layout, options, Some(lock))
}
