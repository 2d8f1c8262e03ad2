//! Every limit of what comes in, with a number, a unit, a name, and what happens beyond it.

use crate::domain::Span;

/// Bytes of a request's body as it travels when it is compressed. Beyond: 413 `body-too-large`.
pub const COMPRESSED_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of a request's body as it is read: sent plain, or after decompression. Beyond: 413 `body-too-large`.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Events in one request. Beyond: 413 `too-many-events`.
pub const EVENTS_MAX: usize = 10_000;

/// Items of one array that are looked at, whatever the route takes. Beyond: 413 `too-many-events`.
pub const ITEMS_READ_MAX: usize = 50_001;

/// Bytes of JSON of one native event. Beyond: the item is rejected, `too-long`.
pub const ITEM_BYTES_MAX: usize = 256 * 1024;

/// Labels of one event. Beyond: the item is rejected, `too-many`.
pub const LABELS_MAX: usize = 64;

/// Annotations of one event, and scalars in its context. Beyond: the item is rejected, `too-many`.
pub const ANNOTATIONS_MAX: usize = 64;

/// Bytes of a name of a label or annotation. Beyond: the item is rejected, `too-long`.
pub const LABEL_NAME_BYTES_MAX: usize = 256;

/// Bytes of a label's value. Beyond: the item is rejected, `too-long`.
pub const LABEL_VALUE_BYTES_MAX: usize = 2048;

/// Bytes of an annotation's value. Beyond: the item is rejected, `too-long`.
pub const ANNOTATION_VALUE_BYTES_MAX: usize = 16 * 1024;

/// Bytes of all labels of one event together, names and values; the same for its annotations. Beyond: the item is rejected, `too-long`.
pub const LABEL_SET_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a named field: team, service, endpoint, SLI, SLO, environment, region. Beyond: the item is rejected, `too-long`.
pub const FIELD_BYTES_MAX: usize = 512;

/// Bytes of a sender's idempotency key. Beyond: the item is rejected, `too-long`.
pub const ID_BYTES_MAX: usize = 255;

/// Bytes of a link. Beyond: the item is rejected, `too-long`.
pub const URL_BYTES_MAX: usize = 2048;

/// Dependencies, deployments and links of one event, each. Beyond: the item is rejected, `too-many`.
pub const LIST_MAX: usize = 32;

/// Windows beside the main one. Beyond: the item is rejected, `too-many`.
pub const MORE_WINDOWS_MAX: usize = 8;

/// The longest window that counts may be over. Beyond: the item is rejected, `bad-window`.
pub const WINDOW_MAX: Span = Span::from_hours(24 * 100);

/// How far a native event's time may be ahead of callout's clock. Beyond: the item is rejected, `time-in-future`.
/// An Alertmanager alert that starts later than that is taken as starting now: its sender would not come back with a better one.
pub const FUTURE_SKEW: Span = Span::from_minutes(2);

/// How old a native event may be. Beyond: the item is rejected, `time-in-past`. Alertmanager alerts may have fired for months.
pub const PAST_MAX: Span = Span::from_hours(7 * 24);

/// How long an Alertmanager alert without an end lasts without a further word. Beyond: it counts as over.
pub const RESOLVE_TIMEOUT: Span = Span::from_minutes(5);

/// Rejected items that an answer lists in full. Beyond: they are counted.
pub const REJECTIONS_LISTED_MAX: usize = 1_000;

/// Series in one request of metrics, wanted or not. Beyond: 413 `too-many-series`.
pub const SERIES_MAX: usize = 50_000;

/// Points in one request of metrics, wanted or not. Beyond: 413 `too-many-series`.
pub const POINTS_MAX: usize = 100_000;

/// Texts in the table of one request of remote write 2.0. Beyond: 413 `too-many-series`.
pub const SYMBOLS_MAX: usize = 200_000;

/// Buckets of one histogram. Beyond: its points are refused.
pub const HISTOGRAM_BUCKETS_MAX: usize = 1_000;

/// Different reasons that an answer to metrics lists. Beyond: they are counted together.
pub const REASONS_MAX: usize = 20;
