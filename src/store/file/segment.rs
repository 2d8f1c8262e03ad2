//! A segment: a file of frames, named by the position of its first record.
//!
//! ```text
//! 0   magic       8 bytes   "CALLOUTJ"
//! 8   layout      u32       1
//! 12  checksum    u32       CRC-32C over bytes 16..512
//! 16  first       u64       position of its first record
//! 24  salt        u64       goes into the checksum of each frame
//! 32  written by  32 bytes  version of callout that began it, padded with zeros
//! 2048 all of the above once more, so that damage there does not cost the salt
//! 4096 frames, then zeros
//! ```
//!
//! **Where a segment ends**: at the first position of the next segment. What follows there is void (a commit that failed; its writer
//! went on in a fresh segment). The last segment ends behind its last whole frame.

use std::path::{Path, PathBuf};

use super::frame::{self, Head};
use super::window::Window;
use super::{DiskFile, io_error};
use crate::domain::Seq;
use crate::store::JournalError;

/// Offset of the first frame.
pub const FRAMES_AT: u64 = 4096;
/// Offset of the second copy of the header.
const COPY_AT: usize = 2048;
const HEADER: usize = 512;

const MAGIC: [u8; 8] = *b"CALLOUTJ";
const LAYOUT: u32 = 1;

/// What the header says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// Position of its first record.
    pub first: Seq,
    /// Goes into the checksum of each frame.
    pub salt: u64,
    /// Version of callout that began it.
    pub written_by: String,
}

/// File name of a segment: 20 digits, `.seg`.
#[must_use]
pub fn file_name(first: Seq) -> String {
    format!("{:020}.seg", first.0)
}

/// The position in a file name; `None` for other files.
#[must_use]
pub fn parse_name(name: &str) -> Option<Seq> {
    let digits = name.strip_suffix(".seg").filter(|d| d.len() == 20 && d.bytes().all(|b| b.is_ascii_digit()))?;
    digits.parse().ok().map(Seq).filter(|seq| seq.0 > 0)
}

impl Header {
    /// The header of a segment that this version begins.
    #[must_use]
    pub fn new(first: Seq, salt: u64) -> Self {
        Self { first, salt, written_by: env!("CARGO_PKG_VERSION").to_owned() }
    }

    /// Everything before the first frame.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let copy = self.copy();
        let mut bytes = vec![0; usize::try_from(FRAMES_AT).unwrap_or_default()];
        bytes[..HEADER].copy_from_slice(&copy);
        bytes[COPY_AT..COPY_AT + HEADER].copy_from_slice(&copy);
        bytes
    }

    fn copy(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&LAYOUT.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.salt.to_le_bytes());
        for (to, from) in bytes[32..64].iter_mut().zip(self.written_by.bytes()) {
            *to = from;
        }
        let sum = crc32c::crc32c(&bytes[16..]);
        bytes[12..16].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Reads the header of the segment at `path`, which must begin at `first`.
    ///
    /// # Errors
    /// When it can't be read, is damaged, or of a later layout.
    pub fn read(file: &dyn DiskFile, path: &Path, first: Seq) -> Result<Self, JournalError> {
        Self::read_copy(file, path, first, 0)
    }

    /// Reads the second copy, where the first is damaged.
    ///
    /// # Errors
    /// As for [`Header::read`].
    pub fn read_second(file: &dyn DiskFile, path: &Path, first: Seq) -> Result<Self, JournalError> {
        Self::read_copy(file, path, first, COPY_AT as u64)
    }

    fn read_copy(file: &dyn DiskFile, path: &Path, first: Seq, offset: u64) -> Result<Self, JournalError> {
        let mut bytes = [0; HEADER];
        let read = file.read_at(&mut bytes, offset).map_err(io_error("read", path))?;
        let damaged =
            |what: String| JournalError::Damaged { path: path.to_owned(), offset, safe_to: Seq(first.0 - 1), what };
        let u32_at = |at: usize| bytes[at..].first_chunk().map_or(0, |b| u32::from_le_bytes(*b));
        let u64_at = |at: usize| bytes[at..].first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
        if read < bytes.len() || bytes[..8] != MAGIC {
            return Err(damaged("this is no segment of a journal".to_owned()));
        }
        let layout = u32_at(8);
        if layout != LAYOUT {
            return Err(JournalError::Layout { path: path.to_owned(), layout, known: LAYOUT });
        }
        if crc32c::crc32c(&bytes[16..]) != u32_at(12) {
            return Err(damaged("the checksum of the header is wrong".to_owned()));
        }
        if u64_at(16) != first.0 {
            return Err(damaged(format!("by its header it begins at record {}", u64_at(16))));
        }
        let by = bytes[32..64].split(|b| *b == 0).next().unwrap_or_default();
        Ok(Self { first, salt: u64_at(24), written_by: String::from_utf8_lossy(by).into_owned() })
    }
}

/// What is at an offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// A whole frame that begins with the expected record.
    Frame(Head),
    /// Zeros, or the end of the file.
    Nothing,
    /// Something else; what is wrong with it.
    Bad(&'static str),
}

/// Looks at `offset` for the frame that begins with `expected`. With `check` its checksum is computed, else only the head is read.
///
/// # Errors
/// When the file can't be read.
pub fn look(
    file: &dyn DiskFile,
    window: &mut Window,
    salt: u64,
    offset: u64,
    expected: Seq,
    check: bool,
) -> std::io::Result<Found> {
    let bytes = window.get(file, offset, frame::HEADER)?;
    if bytes.iter().all(|b| *b == 0) {
        return Ok(Found::Nothing);
    }
    let Some(head) = Head::read(bytes) else { return Ok(Found::Bad("no frame begins here")) };
    if head.first != expected {
        return Ok(Found::Bad("the frame here begins with another record than the one expected"));
    }
    if check {
        let frame = window.get(file, offset, frame::HEADER + head.length as usize)?;
        if !head.is_whole(salt, frame) {
            return Ok(Found::Bad(if is_complete(offset, head, frame) { CHANGED } else { CUT_OFF }));
        }
    }
    Ok(Found::Frame(head))
}

/// A frame of which a part is not there: a commit that was cut off leaves this, and so may damage.
const CUT_OFF: &str = "the checksum of the frame here is wrong";
/// A frame that is there from end to end: hardly what a power cut leaves, for a segment is zeros before it is written, and what did not get
/// to the disk goes missing by whole sectors.
pub const CHANGED: &str = "the checksum of the frame here is wrong, although every sector of it was written";

/// Bytes that a disk writes as one.
const SECTOR: u64 = 512;

/// Whether no sector of a frame is blank.
fn is_complete(offset: u64, head: Head, frame: &[u8]) -> bool {
    let mut at = offset;
    let mut rest = frame;
    while !rest.is_empty() {
        let length = usize::try_from(SECTOR - at % SECTOR).unwrap_or_default().min(rest.len());
        let (sector, behind) = rest.split_at(length);
        if is_blank(sector) {
            return false;
        }
        (at, rest) = (at + length as u64, behind);
    }
    frame.len() == frame::HEADER + head.length as usize
}

/// How a segment ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct End {
    /// Position of the record that would come next.
    pub next: Seq,
    /// Offset behind the last whole frame.
    pub offset: u64,
    /// Whether anything but zeros follows: a commit that was cut off.
    pub torn: bool,
    /// A whole frame of this segment beyond `offset`, which no cut-off commit explains: damage lies between.
    pub beyond: Option<(u64, Seq)>,
    /// What is wrong at `offset`, if anything is.
    pub what: &'static str,
}

/// Checks every frame up to `until` (the first position of the next segment; `None`: the last one) and finds the end.
/// `each` sees the offset and head of each whole frame.
///
/// # Errors
/// When the file can't be read.
pub fn scan(
    file: &dyn DiskFile,
    path: &Path,
    header: &Header,
    until: Option<Seq>,
    mut each: impl FnMut(u64, Head),
) -> Result<End, JournalError> {
    let length = file.length().map_err(io_error("read", path))?;
    let mut window = Window::default();
    let mut offset = FRAMES_AT;
    let mut next = header.first;
    let mut what = "";
    while until.is_none_or(|until| next < until) {
        match look(file, &mut window, header.salt, offset, next, true).map_err(io_error("read", path))? {
            Found::Frame(head) => {
                each(offset, head);
                offset += head.span();
                next = head.end();
            }
            Found::Nothing => break,
            Found::Bad(reason) => {
                what = reason;
                break;
            }
        }
    }
    if until.is_some() {
        return Ok(End { next, offset, torn: !what.is_empty(), beyond: None, what });
    }
    let rest = Rest { offset, at_least: next, below: None, length };
    let (torn, beyond) = rest.search(file, &mut window, header.salt).map_err(io_error("read", path))?;
    Ok(End { next, offset, torn, beyond: beyond.map(|(offset, head)| (offset, head.first)), what })
}

/// What follows a place where no whole frame is.
#[derive(Clone, Copy, Debug)]
pub struct Rest {
    /// Where it begins; a multiple of [`frame::ALIGN`].
    pub offset: u64,
    /// Only frames from this position on are of interest,
    pub at_least: Seq,
    /// and only those that end here or earlier.
    pub below: Option<Seq>,
    /// Length of the file.
    pub length: u64,
}

impl Rest {
    /// Whether it holds anything but zeros, and its first whole frame.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn search(
        mut self,
        file: &dyn DiskFile,
        window: &mut Window,
        salt: u64,
    ) -> std::io::Result<(bool, Option<(u64, Head)>)> {
        const STEP: usize = 64 * 1024;
        let mut content = false;
        while self.offset < self.length {
            let empty = is_blank(window.get(file, self.offset, STEP)?);
            content |= !empty;
            let steps = if empty { 0 } else { STEP as u64 };
            for at in (self.offset..self.offset + steps).step_by(8) {
                let Some(head) = Head::read(window.get(file, at, frame::HEADER)?) else { continue };
                let wanted = head.first >= self.at_least && self.below.is_none_or(|below| head.end() <= below);
                if wanted
                    && at + head.span() <= self.length
                    && head.is_whole(salt, window.get(file, at, frame::HEADER + head.length as usize)?)
                {
                    return Ok((true, Some((at, head))));
                }
            }
            self.offset += STEP as u64;
        }
        Ok((content, None))
    }
}

/// Whether there are only zeros, compared by the block: a preallocated segment is looked through at every start.
fn is_blank(bytes: &[u8]) -> bool {
    const ZEROS: [u8; 4096] = [0; 4096];
    bytes.chunks(ZEROS.len()).all(|block| *block == ZEROS[..block.len()])
}

/// What to say when whole frames follow a bad one.
#[must_use]
pub fn damaged_between(path: &Path, end: &End, offset: u64, seq: Seq) -> JournalError {
    let reason = if end.what.is_empty() { "there is nothing where a frame should be" } else { end.what };
    let what = format!("{reason}, and a whole frame with record {seq} follows at byte {offset}");
    JournalError::Damaged { path: path.to_owned(), offset: end.offset, safe_to: Seq(end.next.0 - 1), what }
}

/// What to say when a segment ends before the next one begins.
#[must_use]
pub fn damaged_before(path: &Path, end: &End, until: Seq) -> JournalError {
    let reason = if end.what.is_empty() { "there is nothing where a frame should be" } else { end.what };
    let what = format!("{reason}, and the next segment begins with record {until}");
    JournalError::Damaged { path: path.to_owned(), offset: end.offset, safe_to: Seq(end.next.0 - 1), what }
}

/// Path of the segment that begins at `first`.
#[must_use]
pub fn path(dir: &Path, first: Seq) -> PathBuf {
    dir.join(file_name(first))
}
