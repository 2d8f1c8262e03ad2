//! A frame: what one commit wrote. Whole by its checksum, or nothing.
//!
//! ```text
//! 0  magic       u32   "CFRM"
//! 4  length      u32   bytes of the records
//! 8  first       u64   position of the first record
//! 16 count       u32   number of records, at least 1
//! 20 checksum    u32   CRC-32C over the segment's salt, bytes 0..20 and the records
//! 24 records           each a length (u32) and its bytes
//!    padding           zeros to a multiple of 8
//! ```
//! Numbers are little-endian. The salt differs by segment, so that neither a frame of another segment nor a payload that looks like
//! a frame is taken for one.

use std::ops::Range;

use crate::domain::Seq;
use crate::journal::{self, CodecError, Record};
use crate::store::Entry;

/// Bytes before the records.
pub const HEADER: usize = 24;
/// Frames begin at multiples of this.
pub const ALIGN: u64 = 8;
/// Largest frame: half of what its length field could say. Beyond: the commit is refused before anything is written; rounds are far smaller.
pub const MAX_BYTES: u64 = 1 << 31;

const MAGIC: [u8; 4] = *b"CFRM";

/// The head of a frame, not yet checked against its checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// Bytes of the records.
    pub length: u32,
    /// Position of the first record.
    pub first: Seq,
    /// Number of records.
    pub count: u32,
    checksum: u32,
}

impl Head {
    /// Reads a head; `None` when these bytes are none.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<HEADER>()?;
        let (magic, rest) = bytes.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (first, rest) = rest.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let checksum = rest.first_chunk()?;
        let head = Self {
            length: u32::from_le_bytes(*length),
            first: Seq(u64::from_le_bytes(*first)),
            count: u32::from_le_bytes(*count),
            checksum: u32::from_le_bytes(*checksum),
        };
        let plausible = head.count > 0 && head.first.0 > 0 && head.first.0.checked_add(head.count.into()).is_some();
        (*magic == MAGIC && plausible).then_some(head)
    }

    /// Bytes from the beginning of this frame to that of the next.
    #[must_use]
    pub fn span(&self) -> u64 {
        (HEADER as u64 + u64::from(self.length)).next_multiple_of(ALIGN)
    }

    /// Position behind the last record.
    #[must_use]
    pub fn end(&self) -> Seq {
        Seq(self.first.0 + u64::from(self.count))
    }

    /// Whether `frame` (head and records) is what was written.
    #[must_use]
    pub fn is_whole(&self, salt: u64, frame: &[u8]) -> bool {
        HEADER
            .checked_add(self.length as usize)
            .and_then(|end| frame.get(..end))
            .is_some_and(|frame| checksum(salt, frame) == self.checksum)
    }
}

fn checksum(salt: u64, frame: &[u8]) -> u32 {
    let sum = crc32c::crc32c(&salt.to_le_bytes());
    let sum = crc32c::crc32c_append(sum, &frame[..HEADER - 4]);
    crc32c::crc32c_append(sum, &frame[HEADER..])
}

/// Puts a frame of `batch` into `out`, replacing what was there; [`seal`] completes it.
///
/// # Errors
/// When a record can't be stored.
pub fn encode(out: &mut Vec<u8>, first: Seq, batch: &[Entry]) -> Result<(), CodecError> {
    out.clear();
    out.resize(HEADER, 0);
    for (seq, entry) in (first.0..).zip(batch) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        journal::encode_into(out, Seq(seq), entry.at, &entry.body)?;
        // More than MAX_BYTES is refused before anything is written, so a length that does not fit is never used.
        let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
        out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }
    Ok(())
}

/// Writes head, checksum and padding of an encoded frame, at most [`MAX_BYTES`] long, for a segment's salt.
pub fn seal(frame: &mut Vec<u8>, salt: u64, first: Seq, count: u32) {
    let length = u32::try_from(frame.len() - HEADER).unwrap_or(u32::MAX);
    frame[..4].copy_from_slice(&MAGIC);
    frame[4..8].copy_from_slice(&length.to_le_bytes());
    frame[8..16].copy_from_slice(&first.0.to_le_bytes());
    frame[16..20].copy_from_slice(&count.to_le_bytes());
    let sum = checksum(salt, frame);
    frame[20..24].copy_from_slice(&sum.to_le_bytes());
    frame.resize(frame.len().next_multiple_of(8), 0);
}

/// Where the record is whose length stands at `at` in `frame` (head and records, nothing behind); `None` at the end.
#[must_use]
pub fn record_range(frame: &[u8], at: usize) -> Option<Range<usize>> {
    let length = frame.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))?;
    let start = at + 4;
    let end = start.checked_add(length as usize)?;
    (end <= frame.len()).then_some(start..end)
}

/// Reads one record of a whole frame; `None` when the frame does not hold it.
///
/// # Errors
/// When this version can't read it.
pub fn record(frame: &[u8], head: Head, seq: Seq) -> Result<Option<Record>, CodecError> {
    if seq < head.first || seq >= head.end() {
        return Ok(None);
    }
    let mut at = HEADER;
    for _ in head.first.0..seq.0 {
        let Some(range) = record_range(frame, at) else { return Ok(None) };
        at = range.end;
    }
    record_range(frame, at).map(|range| journal::decode(seq, &frame[range])).transpose()
}
