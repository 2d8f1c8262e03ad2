//! Values of the domain: ids, labels, events, ratios, times. Constructors validate; nothing here judges.
//!
//! Absent on purpose: clocks, I/O, randomness, floating point, hash maps (iteration order). See `docs/architecture.md`.

mod destination;
mod event;
mod id;
mod label;
mod ratio;
mod reading;
mod sample;
mod time;

pub use destination::{ChannelKind, ChannelRef, Destination, DestinationError};
pub use event::{BudgetLeft, Dependency, Deployment, Event, EventDetail, EventKind, EventStatus, Source, WindowCounts};
pub use id::{DeliveryId, DigestId, EventId, Fingerprint, IdError, IncidentId, OverrideId, Seq, SilenceId, SwapId};
pub use label::{Labels, LabelsBuilder, LabelsError};
pub use ratio::{Ratio, RatioError};
pub use reading::{FeedReadings, Reading, ReadingBatch, ReadingGroup, Role};
pub use sample::{
    Feed, MINUTE_TOTAL_MAX, Sample, SampleBatch, SampleRow, SeriesKey, minute_end, minute_of, minute_over,
};
pub use time::{Span, SpanError, Timestamp, TimestampError};

/// A short identifier out of the configuration or an event: a team, a person, a service. 24 bytes, no heap up to 24 bytes of text.
pub type Name = compact_str::CompactString;
