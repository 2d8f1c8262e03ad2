//! Readings of counters: what somebody else's counter stood at. The engine makes differences of them and samples of those.
//!
//! A counter's identity is a hash of the rule that wants it and of all its labels, so that differences are made for each instance by
//! itself and only then added up.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Feed, Timestamp};

/// Readings that count for one feed, as they come in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FeedReadings {
    /// What they count for.
    pub feed: Arc<Feed>,
    /// In order of time for each counter.
    pub readings: Vec<Reading>,
}

/// Readings as the journal keeps them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ReadingBatch {
    /// Readings by what they count for; a feed may occur more than once.
    pub groups: Vec<ReadingGroup>,
}

/// Readings that count for one feed, which has a number by then.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReadingGroup {
    /// Number of the feed.
    pub feed: u32,
    /// In order of time for each counter.
    pub readings: Vec<Reading>,
}

/// One reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reading {
    /// Which counter.
    pub counter: u64,
    /// When it was read.
    pub at: Timestamp,
    /// When it began to count, where that is known.
    pub since: Option<Timestamp>,
    /// What it stood at; or what was counted since the reading before, if `added`.
    pub value: u64,
    /// Whether `value` is a difference already.
    pub added: bool,
    /// What it counts.
    pub role: Role,
}

/// What a counter counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Role {
    /// Events.
    Total,
    /// Good ones of the events that another counter counts.
    Good,
    /// Events, all of which are good unless a third counter says that they are bad.
    GoodTotal,
    /// Bad ones of the events that other counters take for good.
    Bad,
    /// Events of a histogram; they only count once its good ones are counted too. The partner's identity differs in the last bit.
    HistogramTotal,
    /// Good events of a histogram.
    HistogramGood,
}

impl Role {
    /// What one more in this counter means: good events, which may be taken back, and all events.
    #[must_use]
    pub const fn counts(self, added: u64) -> (i64, u64) {
        let signed = if added > i64::MAX as u64 { i64::MAX } else { added.cast_signed() };
        match self {
            Self::Total | Self::HistogramTotal => (0, added),
            Self::Good | Self::HistogramGood => (signed, 0),
            Self::GoodTotal => (signed, added),
            Self::Bad => (-signed, 0),
        }
    }

    /// Whether it only counts beside a partner.
    #[must_use]
    pub const fn needs_partner(self) -> bool {
        matches!(self, Self::HistogramTotal | Self::HistogramGood)
    }
}
