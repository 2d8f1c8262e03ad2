//! Ids are positions: assigned in order by the journal or by the engine, never random. What must be unguessable is made at the edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not {1}")]
pub struct IdError(String, &'static str);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix($prefix)
                    .filter(|digits| digits.chars().all(|c| c.is_ascii_digit()))
                    .and_then(|digits| digits.parse().ok())
                    .map(Self)
                    .ok_or_else(|| IdError(text.chars().take(64).collect(), $what))
            }
        }
    };
}

id!(
    /// Position of a record in the journal, from 1, without holes.
    Seq, "", "a journal position such as `1042`"
);
id!(
    /// An accepted event; the number is the position of its input record. Written `E1042`.
    EventId, "E", "an event id such as `E1042`"
);
id!(
    /// An incident, numbered from 1 in order of opening. Written as the plain number, `4711`.
    IncidentId, "", "an incident number such as `4711`"
);
id!(
    /// A row of the outbox, numbered from 1. Written `D17`. Also the receiver's idempotency key.
    DeliveryId, "D", "a delivery id such as `D17`"
);

id!(
    /// A digest: one message about many incidents, numbered from 1 in order of opening. Written `G12`.
    DigestId, "G", "a digest id such as `G12`"
);

id!(
    /// An override that somebody made while callout runs, numbered from 1. Written `O12`.
    OverrideId, "O", "the number of an override such as `O12`"
);
id!(
    /// A shift that somebody offered, numbered from 1. Written `S3`.
    SwapId, "S", "the number of a swap request such as `S3`"
);

/// Identity of a label set: 128 bits of XXH3 over its length-prefixed fields. Stable across versions, stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Fingerprint(pub u128);

impl Fingerprint {
    /// Identity of pairs that are sorted by name, names unique: the same as [`Labels::fingerprint`](super::Labels::fingerprint) of the set.
    /// `scratch` is overwritten; whoever computes many keeps one buffer for all.
    #[must_use]
    pub fn of_sorted<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>, scratch: &mut Vec<u8>) -> Self {
        scratch.clear();
        for (name, value) in pairs {
            for text in [name, value] {
                scratch.extend_from_slice(&(text.len() as u64).to_le_bytes());
                scratch.extend_from_slice(text.as_bytes());
            }
        }
        Self(xxhash_rust::xxh3::xxh3_128(scratch))
    }
}

impl fmt::Display for Fingerprint {
    /// 16 hexadecimal digits, as Alertmanager writes a fingerprint (the upper half of ours).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0 >> 64)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A silence: a UUID, because Alertmanager's clients expect one. Made at the edge and carried in the command.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SilenceId(pub u128);

impl fmt::Display for SilenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_u128(self.0).hyphenated().fmt(f)
    }
}

impl fmt::Debug for SilenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SilenceId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        uuid::Uuid::parse_str(text)
            .map(|u| Self(u.as_u128()))
            .map_err(|_| IdError(text.chars().take(64).collect(), "a silence id (a UUID)"))
    }
}
