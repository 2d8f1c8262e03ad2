//! A record as bytes: `format` (1 byte), `kind` (1 byte), position (varint), time (zigzag varint), then the body in postcard.
//!
//! postcard does not describe itself, so any change to the shape of a stored type other than a new variant at the end of an enum needs
//! a new format number and an upcaster from the old one. `tests/data/journal/` keeps a journal of each released format to notice.
//! Deliberately absent: a checksum. Frames have one, over many records.

use std::sync::Arc;

use serde::Serialize;

use super::{Record, RecordBody};
use crate::domain::{Seq, Timestamp};
use crate::engine::{Decision, Input};

/// The format that this version writes.
pub const FORMAT: u8 = 1;

const KIND_INPUT: u8 = 1;
const KIND_DECISION: u8 = 2;

/// Why a record can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Written by a later version.
    #[error(
        "record {seq} has format {format}, and this version of callout knows formats up to {FORMAT}; start the version that wrote it, or a later one"
    )]
    Format { seq: Seq, format: u8 },
    /// Written by a later version.
    #[error(
        "record {seq} is of kind {kind}, which this version of callout does not know; start the version that wrote it, or a later one"
    )]
    Kind { seq: Seq, kind: u8 },
    /// Whole by its checksum, and still not what this version writes.
    #[error("record {seq} cannot be read; start the version of callout that wrote it, or a later one")]
    Body {
        seq: Seq,
        #[source]
        source: postcard::Error,
    },
    /// Another record is where this one should be.
    #[error("record {found} is where record {seq} should be; see `callout verify --data DIR`")]
    Misplaced { seq: Seq, found: Seq },
    /// A value that can't be stored.
    #[error("record {seq} cannot be written")]
    Encode {
        seq: Seq,
        #[source]
        source: postcard::Error,
    },
}

/// Appends the bytes of one record to `out`.
///
/// # Errors
/// When a value can't be stored; `out` is then as long as before.
pub fn encode_into(out: &mut Vec<u8>, seq: Seq, at: Timestamp, body: &RecordBody) -> Result<(), CodecError> {
    let start = out.len();
    let written = match body {
        RecordBody::Input(input) => append(out, KIND_INPUT, seq, at, input.as_ref()),
        RecordBody::Decision(decision) => append(out, KIND_DECISION, seq, at, decision.as_ref()),
    };
    written.map_err(|source| {
        out.truncate(start);
        CodecError::Encode { seq, source }
    })
}

fn append<T: Serialize>(out: &mut Vec<u8>, kind: u8, seq: Seq, at: Timestamp, body: &T) -> Result<(), postcard::Error> {
    let mut serializer = postcard::Serializer { output: Appending(out) };
    (FORMAT, kind, seq, at).serialize(&mut serializer)?;
    body.serialize(&mut serializer)
}

/// Lets postcard write straight to the end of a vector that is used again and again.
struct Appending<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Appending<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Reads one record. `seq` is the position that it must have, for the error's sake too.
///
/// # Errors
/// When the format or the kind is unknown, the body can't be read, bytes are left over, or another position is in it.
/// Nothing is ever skipped: a record that is not understood could be a page.
pub fn decode(seq: Seq, bytes: &[u8]) -> Result<Record, CodecError> {
    let body_error = |source| CodecError::Body { seq, source };
    let short = || body_error(postcard::Error::DeserializeUnexpectedEnd);
    let (&format, rest) = bytes.split_first().ok_or_else(short)?;
    if format != FORMAT {
        return Err(CodecError::Format { seq, format });
    }
    let (&kind, rest) = rest.split_first().ok_or_else(short)?;
    let ((found, at), rest) = postcard::take_from_bytes::<(Seq, Timestamp)>(rest).map_err(body_error)?;
    if found != seq {
        return Err(CodecError::Misplaced { seq, found });
    }
    let (body, rest) = match kind {
        KIND_INPUT => {
            let (input, rest) = postcard::take_from_bytes::<Input>(rest).map_err(body_error)?;
            (RecordBody::Input(Arc::new(input)), rest)
        }
        KIND_DECISION => {
            let (decision, rest) = postcard::take_from_bytes::<Decision>(rest).map_err(body_error)?;
            (RecordBody::Decision(Arc::new(decision)), rest)
        }
        kind => return Err(CodecError::Kind { seq, kind }),
    };
    if rest.is_empty() {
        Ok(Record { seq, at, body })
    } else {
        Err(body_error(postcard::Error::DeserializeBadEncoding))
    }
}
