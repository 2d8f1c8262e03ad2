//! Samples: how many events of a minute were good, from one source, for one SLI. They are counts, never ratios or quantiles: only
//! counts can be added up over sources, regions and windows.
//!
//! Absent on purpose: counters (whoever reads them makes differences first), and sums over sources (the engine adds).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Name, Span, Timestamp};

const MINUTE_MILLIS: i64 = 60_000;
/// Most events in one minute, 2^44; beyond, a sample is refused. Sums over years then fit 64 bits.
pub const MINUTE_TOTAL_MAX: u64 = 1 << 44;

/// What is measured, and where: the unit of which histories are kept.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SeriesKey {
    /// Service.
    pub service: Name,
    /// SLI, for example `availability`.
    pub sli: Name,
    /// Endpoint, for example `GET /api/data/{tenant}`; absent: the service as a whole.
    pub endpoint: Option<Name>,
    /// Environment, for example `prod-eu`.
    pub environment: Option<Name>,
    /// Region; found from the environment where absent.
    pub region: Option<Name>,
    /// Latency: the threshold under which an event was counted as good, where the sender says it.
    pub threshold: Option<Span>,
}

/// One source's part of a series: an instance, a cluster's Prometheus. Parts are added up.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Feed {
    /// What it is a part of.
    pub series: SeriesKey,
    /// Who counts; may be empty where there is only one.
    pub source: Name,
}

/// Counts of one minute from one source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sample {
    /// Of what, from whom.
    pub feed: Arc<Feed>,
    /// The minute, by the stamp of its end; see [`minute_of`].
    pub minute: i64,
    /// Sender's number of a part of the minute, where it sends several that are to be added up. Without it a minute has one part, and
    /// sending it again replaces it.
    pub part: Option<u32>,
    /// Good events; never more than `total`.
    pub good: u64,
    /// Valid events.
    pub total: u64,
    /// Replaces a part that was sent before with other counts.
    pub correction: bool,
}

/// Samples as the journal keeps them, one row for each source, minute and part. Feeds are named once and then go by their numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SampleBatch {
    /// Feeds that were not known before, with the numbers that they have from now on.
    pub new_feeds: Vec<(u32, Arc<Feed>)>,
    /// The counts.
    pub rows: Vec<SampleRow>,
}

/// One row of a batch. Where the same feed, minute and part has counts already, these take their place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SampleRow {
    /// Number of the feed.
    pub feed: u32,
    /// The minute, by the stamp of its end.
    pub minute: i64,
    /// Part of the minute.
    pub part: Option<u32>,
    /// Bad events.
    pub bad: u64,
    /// Valid events.
    pub total: u64,
}

/// The minute into which an event at `at` falls, as the stamp of its end in minutes since 1970: minute `m` holds `(m - 1, m]`.
#[must_use]
pub const fn minute_of(at: Timestamp) -> i64 {
    let millis = at.as_millis();
    millis.div_euclid(MINUTE_MILLIS) + if millis.rem_euclid(MINUTE_MILLIS) > 0 { 1 } else { 0 }
}

/// The last minute that was over at `at`.
#[must_use]
pub const fn minute_over(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(MINUTE_MILLIS)
}

/// The instant at which a minute ends.
#[must_use]
pub const fn minute_end(minute: i64) -> Timestamp {
    Timestamp::from_millis(minute.saturating_mul(MINUTE_MILLIS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_belongs_to_the_minute_that_ends_at_or_after_it() {
        for (millis, minute) in [(0, 0), (1, 1), (60_000, 1), (60_001, 2), (-1, 0), (-60_000, -1)] {
            assert_eq!(minute_of(Timestamp::from_millis(millis)), minute, "{millis}");
        }
        assert_eq!(minute_over(Timestamp::from_millis(60_001)), 1);
        assert_eq!(minute_of(minute_end(29_000_000)), 29_000_000);
    }
}
