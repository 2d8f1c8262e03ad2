//! Records of the journal: what is stored, in which form.

mod codec;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{Seq, Timestamp};
use crate::engine::{Decision, Input};

pub use codec::{CodecError, FORMAT, decode, encode_into};

/// One record. Positions run from 1 without holes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Its position.
    pub seq: Seq,
    /// The shell's clock when it was appended (inputs: *received at*), or engine time (decisions).
    pub at: Timestamp,
    /// What happened.
    pub body: RecordBody,
}

/// What a record holds. New kinds go to the end; a variant's number is a promise to every stored byte.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum RecordBody {
    /// An input, accepted and durable, not yet judged.
    Input(Arc<Input>),
    /// What was decided.
    Decision(Arc<Decision>),
}
