//! Snapshots of the engine's state: one file each, written under a temporary name, synced, renamed, the directory synced.
//!
//! ```text
//! 0   magic       8 bytes   "CALLOUTS"
//! 8   layout      u32       1
//! 12  checksum    u32       CRC-32C over bytes 16..64
//! 16  applied     u64       last record in it
//! 24  length      u64       bytes of the state
//! 32  hash        u64       XXH3 over the state
//! 40  written by  24 bytes  version of callout, padded with zeros
//! 64  state                 postcard
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::{Access, Disk, DiskFile, io_error};
use crate::domain::Seq;
use crate::engine::State;
use crate::store::{JournalError, Snapshots};

const MAGIC: [u8; 8] = *b"CALLOUTS";
const LAYOUT: u32 = 1;
const HEADER: usize = 64;
const PIECE: usize = 1 << 20;
/// How many are kept: the older one is the way back when the newer one turns out to be damaged.
const KEPT: usize = 2;

/// The snapshots of a data directory.
#[derive(Debug)]
pub struct SnapshotDir {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
}

/// Position in a file name; `None` for other files.
pub(super) fn parse_name(name: &str) -> Option<Seq> {
    let digits = name.strip_suffix(".snap").filter(|d| d.len() == 20 && d.bytes().all(|b| b.is_ascii_digit()))?;
    digits.parse().ok().map(Seq)
}

/// Positions of the snapshots in a directory, oldest first.
pub(super) fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<Seq>, JournalError> {
    let names = disk.list(dir).map_err(io_error("list", dir))?;
    let mut found: Vec<Seq> = names.iter().filter_map(|name| parse_name(name)).collect();
    found.sort_unstable();
    Ok(found)
}

/// Path of the snapshot that stands at `applied`.
pub(super) fn path(dir: &Path, applied: Seq) -> PathBuf {
    dir.join(format!("{:020}.snap", applied.0))
}

impl SnapshotDir {
    /// The snapshots in `dir`.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, dir: PathBuf) -> Self {
        Self { disk, dir }
    }

    /// Writes a snapshot under a temporary name and makes it durable.
    fn write(&self, temporary: &Path, applied: Seq, state: &State) -> Result<(), JournalError> {
        let file = self.disk.open(temporary, Access::Create).map_err(io_error("create", temporary))?;
        let mut out = Streaming::new(file.as_ref());
        let serialised = state.serialize(&mut postcard::Serializer { output: &mut out });
        if let Some(error) = out.error.take() {
            return Err(io_error("write", temporary)(error));
        }
        serialised.map_err(|source| JournalError::Snapshot { path: temporary.to_owned(), source })?;
        let (length, hash) = out.finish().map_err(io_error("write", temporary))?;
        let header = Header { applied, length, hash }.to_bytes();
        file.write_at(&header, 0).map_err(io_error("write", temporary))?;
        file.sync_data().map_err(io_error("sync", temporary))
    }

    /// Removes all but the newest ones, and half-written ones.
    fn remove_old(&self) -> Result<(), JournalError> {
        let found = list(self.disk.as_ref(), &self.dir)?;
        for applied in found.iter().rev().skip(KEPT) {
            let path = path(&self.dir, *applied);
            self.disk.remove(&path).map_err(io_error("remove", &path))?;
        }
        Ok(())
    }
}

impl Snapshots for SnapshotDir {
    fn save(&self, applied: Seq, state: &State) -> Result<(), JournalError> {
        let path = path(&self.dir, applied);
        let temporary = path.with_extension("tmp");
        let written = self.write(&temporary, applied, state).and_then(|()| {
            self.disk.rename(&temporary, &path).map_err(io_error("rename", &temporary))?;
            self.disk.sync_dir(&self.dir).map_err(io_error("sync", &self.dir))
        });
        if written.is_err() {
            // Its room may be what is missing. If it can't be removed, the next save writes over it.
            let _ = self.disk.remove(&temporary);
        }
        written.and_then(|()| self.remove_old())
    }

    fn load(&self) -> Result<Option<(Seq, State)>, JournalError> {
        let mut newest_error = None;
        for applied in list(self.disk.as_ref(), &self.dir)?.into_iter().rev() {
            let path = path(&self.dir, applied);
            match read(self.disk.as_ref(), &path, applied) {
                Ok(state) => return Ok(Some((applied, state))),
                // A later version wrote it, and so probably the journal too.
                Err(error @ JournalError::Layout { .. }) => return Err(error),
                Err(error) => {
                    tracing::error!(path = %path.display(), error = %error, "a snapshot cannot be read; the one before it is tried");
                    newest_error = newest_error.or(Some(error));
                }
            }
        }
        newest_error.map_or(Ok(None), Err)
    }

    fn kept(&self) -> Vec<Seq> {
        list(self.disk.as_ref(), &self.dir).unwrap_or_default()
    }
}

/// Reads and checks one snapshot.
pub(super) fn read(disk: &dyn Disk, path: &Path, applied: Seq) -> Result<State, JournalError> {
    let bytes = payload(disk, path)?;
    let mut state = decode(&bytes, path, applied)?;
    drop(bytes);
    share_events(&mut state);
    Ok(state)
}

/// The state in the bytes of a snapshot, whose place is named in errors.
///
/// # Errors
/// When it is damaged, of another version, or stands at another record.
pub fn decode(bytes: &[u8], path: &Path, applied: Seq) -> Result<State, JournalError> {
    check(bytes, path, applied)?;
    postcard::from_bytes(&bytes[HEADER..]).map_err(|source| JournalError::Snapshot { path: path.to_owned(), source })
}

/// The bytes of a snapshot around those of a state.
#[must_use]
pub fn sealed(state: &[u8], applied: Seq) -> Vec<u8> {
    let header = Header { applied, length: state.len() as u64, hash: xxh3_64(state) };
    [&header.to_bytes()[..], state].concat()
}

/// The whole file.
fn payload(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, JournalError> {
    let damaged = |what: &str| JournalError::SnapshotDamaged { path: path.to_owned(), what: what.to_owned() };
    let file = disk.open(path, Access::Read).map_err(io_error("open", path))?;
    let length = file.length().map_err(io_error("read", path))?;
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| damaged("it is too large"))?];
    let read = file.read_at(&mut bytes, 0).map_err(io_error("read", path))?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Verifies its checksums.
fn check(bytes: &[u8], path: &Path, applied: Seq) -> Result<(), JournalError> {
    let damaged = |what: &str| JournalError::SnapshotDamaged { path: path.to_owned(), what: what.to_owned() };
    let header = Header::read(bytes, path)?;
    if header.applied != applied {
        return Err(damaged("by its header it stands at another record than by its name"));
    }
    if header.length != (bytes.len() - HEADER) as u64 {
        return Err(damaged("its length is wrong"));
    }
    if xxh3_64(&bytes[HEADER..]) != header.hash {
        return Err(damaged("its checksum is wrong"));
    }
    Ok(())
}

/// Events that a source and its incident share are stored with each; in memory they become one again.
fn share_events(state: &mut State) {
    for alert in state.alerts.values_mut() {
        let Some(incident) = alert.incident.and_then(|id| state.incidents.get(&id)) else { continue };
        let events = std::iter::once(&incident.event).chain(&incident.latest);
        if let Some(event) = events.into_iter().find(|event| **event == alert.event) {
            alert.event = Arc::clone(event);
        }
    }
}

struct Header {
    applied: Seq,
    length: u64,
    hash: u64,
}

impl Header {
    fn to_bytes(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&LAYOUT.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.applied.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.length.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.hash.to_le_bytes());
        for (to, from) in bytes[40..].iter_mut().zip(env!("CARGO_PKG_VERSION").bytes()) {
            *to = from;
        }
        let sum = crc32c::crc32c(&bytes[16..]);
        bytes[12..16].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8], path: &Path) -> Result<Self, JournalError> {
        let damaged = |what: &str| JournalError::SnapshotDamaged { path: path.to_owned(), what: what.to_owned() };
        let Some(header) = bytes.first_chunk::<HEADER>().filter(|header| header[..8] == MAGIC) else {
            return Err(damaged("this is no snapshot"));
        };
        let u32_at = |at: usize| header[at..].first_chunk().map_or(0, |b| u32::from_le_bytes(*b));
        let u64_at = |at: usize| header[at..].first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
        if u32_at(8) != LAYOUT {
            return Err(JournalError::Layout { path: path.to_owned(), layout: u32_at(8), known: LAYOUT });
        }
        if crc32c::crc32c(&header[16..]) != u32_at(12) {
            return Err(damaged("the checksum of its header is wrong"));
        }
        Ok(Self { applied: Seq(u64_at(16)), length: u64_at(24), hash: u64_at(32) })
    }
}

/// Lets postcard write to a file piece by piece: the state as bytes is never in memory as a whole.
struct Streaming<'a> {
    file: &'a dyn DiskFile,
    piece: Vec<u8>,
    written: u64,
    hash: Xxh3,
    error: Option<io::Error>,
}

impl<'a> Streaming<'a> {
    fn new(file: &'a dyn DiskFile) -> Self {
        Self { file, piece: Vec::with_capacity(PIECE), written: 0, hash: Xxh3::new(), error: None }
    }

    fn write_piece(&mut self) -> io::Result<()> {
        self.file.write_at(&self.piece, HEADER as u64 + self.written)?;
        self.hash.update(&self.piece);
        self.written += self.piece.len() as u64;
        self.piece.clear();
        Ok(())
    }

    fn make_room(&mut self, bytes: usize) -> postcard::Result<()> {
        if self.piece.len() + bytes <= PIECE {
            return Ok(());
        }
        self.write_piece().map_err(|error| {
            self.error = Some(error);
            postcard::Error::SerializeBufferFull
        })
    }

    fn finish(mut self) -> io::Result<(u64, u64)> {
        self.write_piece()?;
        Ok((self.written, self.hash.digest()))
    }
}

impl postcard::ser_flavors::Flavor for &mut Streaming<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.make_room(1)?;
        self.piece.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.make_room(bytes.len())?;
        self.piece.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}
