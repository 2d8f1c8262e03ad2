//! Why something is refused: stable types of RFC 9457 problem documents. `docs/problems.md` lists them all.

/// One type of problem. Its URI is `/problems/<slug>`; the service answers there with the explanation.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    /// Last part of the type's URI. Never renamed.
    pub slug: &'static str,
    /// Short and the same every time.
    pub title: &'static str,
    /// HTTP status when it is about the whole request.
    pub status: u16,
    /// What it means and what to do.
    pub help: &'static str,
}

impl Problem {
    /// The `type` of a problem document.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("/problems/{}", self.slug)
    }
}

macro_rules! problems {
    ($($name:ident = $slug:literal, $status:literal, $title:literal, $help:literal;)*) => {
        $(#[doc = $title] pub static $name: Problem = Problem { slug: $slug, title: $title, status: $status, help: $help };)*
        /// All problems that ingest knows, in the order of the documentation.
        pub static INGEST_PROBLEMS: &[&Problem] = &[$(&$name),*];
    };
}

problems! {
    MALFORMED_JSON = "malformed-json", 400, "The body is not JSON",
        "The detail names line and column. Nothing of the request was stored.";
    INVALID_UTF8 = "invalid-utf8", 400, "The body is not UTF-8",
        "The detail names the first bad byte. Nothing of the request was stored.";
    WRONG_SHAPE = "wrong-shape", 400, "The body is JSON, but not what this route takes",
        "Send one object, or an array of objects. Nothing of the request was stored.";
    BODY_TOO_SLOW = "body-too-slow", 408, "The body did not arrive in time",
        "The detail names the limit. Nothing of the request was stored. Send smaller batches, or compress them.";
    BODY_TOO_LARGE = "body-too-large", 413, "The body is too large",
        "The detail names the limit, before and after decompression. Send smaller batches.";
    TOO_MANY_EVENTS = "too-many-events", 413, "Too many events in one request",
        "The detail names the limit. Send smaller batches. Nothing of the request was stored.";
    UNSUPPORTED_ENCODING = "unsupported-encoding", 415, "The content encoding is not supported",
        "Send the body plain or with `Content-Encoding: gzip`; remote write with `snappy`.";
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type", 415, "The content type is not supported",
        "Send JSON with `Content-Type: application/json`; metrics as protocol buffers with `application/x-protobuf`.";
    BAD_COMPRESSION = "bad-compression", 400, "The body cannot be decompressed",
        "The gzip or snappy data is cut off or damaged. Nothing of the request was stored.";
    MALFORMED_PROTOBUF = "malformed-protobuf", 400, "The body is not the message that it should be",
        "The detail says what is wrong. Nothing of the request was stored.";
    TOO_MANY_SERIES = "too-many-series", 413, "Too many series or points in one request",
        "The detail names the limit. Send smaller batches. Nothing of the request was stored.";
    REJECTED_POINTS = "rejected-points", 400, "Some points could not be used",
        "The detail says why, and how many. All others were stored. Sending the same again changes nothing.";
    ALL_REJECTED = "all-rejected", 422, "No event of the request could be accepted",
        "`rejected` lists each with its own type and detail. Nothing was stored.";
    WRONG_TYPE = "wrong-type", 422, "A field has the wrong type",
        "The detail names the field, what was expected and what was found.";
    UNKNOWN_FIELD = "unknown-field", 422, "A field is not known",
        "The detail names it and the nearest known name. Further data of your own belongs under `context` or `labels`.";
    MISSING_FIELD = "missing-field", 422, "A required field is missing",
        "A breach needs `service`, `sli` and a measurement (`window`, `windows` or `budget`); a resource alert needs `service` or a label.";
    DUPLICATE_NAME = "duplicate-name", 422, "A name occurs twice in one object",
        "JSON does not say which of the two counts, so neither does.";
    DUPLICATE_ID = "duplicate-id", 422, "Two events of one request have the same id",
        "`id` is the idempotency key of one event. The first of the two was judged on its own; this one was not taken.";
    BAD_VALUE = "bad-value", 422, "A value cannot be what it is meant to be",
        "The detail names the field and the reason.";
    BAD_COUNTS = "bad-counts", 422, "The counts contradict each other",
        "`good` events are a part of `total`; both are whole numbers, zero or more.";
    BAD_WINDOW = "bad-window", 422, "The window is not usable",
        "`length` is a span such as `60m`, more than nothing and at most 100 days; no length occurs twice.";
    TOO_LONG = "too-long", 422, "A text is too long",
        "The detail names the field and the limit in bytes.";
    TOO_MANY = "too-many", 422, "A list or map has too many entries",
        "The detail names the field and the limit.";
    TIME_IN_FUTURE = "time-in-future", 422, "The event's time is in the future",
        "The sender's clock is ahead of callout's by more than the tolerated skew, which the detail names.";
    TIME_IN_PAST = "time-in-past", 422, "The event's time is too long ago",
        "Older events are history, not alerts. The detail names the limit.";
    UNKNOWN_SERVICE = "unknown-service", 422, "The service is not in the configuration",
        "Samples are kept for services that have an owner. Add the service to the configuration, or correct its name.";
    CONFLICTING_SAMPLE = "conflicting-sample", 409, "The same part of a minute was sent with other counts",
        "Send it with `\"correction\": true` to replace what was sent before, or with another `part` to add to it.";
    LIMIT_REACHED = "limit-reached", 422, "So many are kept already",
        "The detail names the limit. A source or series that comes and goes makes a new one each time; name fewer.";
    OTHER_ORGANISATION = "other-organisation", 422, "The event belongs to another organisation",
        "Leave `organisation` out, or name the one that this installation serves.";
    OTHER_TEAM = "other-team", 403, "The token may not speak for this team",
        "The token's scope is `ingest:TEAM`, and the event belongs to another team.";
}
