//! The limits of one native event and of one request, at the edge and one past it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::limits::*;
use super::{Context, Kept, Known, Parsed, native};
use crate::domain::{EventId, Fingerprint, Timestamp};
use crate::engine::state::Alert;

struct Nothing;

impl Known for Nothing {
    fn look(&self, _: &mut dyn FnMut(&BTreeMap<Fingerprint, Alert>, bool)) {}
}

/// The clock says 2027-01-15T08:00:00Z.
fn read(body: &str) -> Result<Parsed, super::Refusal> {
    let now = Timestamp::from_seconds(1_800_000_000);
    (native::DIALECT.parse)(body, &Context { now, organisation: "acme", known: &Nothing, may: None })
}

/// An alert with one field more.
fn with(field: &str, value: impl Into<Value>) -> String {
    let mut event = json!({"kind": "resource", "service": "api"});
    event[field] = value.into();
    event.to_string()
}

/// A breach with windows of these lengths.
fn windows(lengths: impl IntoIterator<Item = String>) -> String {
    let all: Vec<Value> = lengths.into_iter().map(|length| json!({"length": length, "good": 1, "total": 2})).collect();
    json!({"service": "api", "sli": "availability", "windows": all}).to_string()
}

/// So many pairs with values of `bytes` bytes.
fn pairs(count: usize, bytes: usize) -> Value {
    (0..count).map(|n| (format!("n{n:03}"), json!("v".repeat(bytes)))).collect::<Map<_, _>>().into()
}

fn links(count: usize, bytes: usize) -> Value {
    let link = |_| json!(format!("https://a.example/{}", "x".repeat(bytes - 18)));
    (0..count).map(|n| (format!("n{n}"), link(n))).collect::<Map<_, _>>().into()
}

/// An event of so many bytes.
fn event_of(bytes: usize) -> String {
    let event = with("region", "eu");
    format!("{}{}}}", event.trim_end_matches('}'), " ".repeat(bytes - event.len()))
}

#[test]
fn each_limit_of_an_event_holds_at_its_edge_and_one_past_it() {
    let text = |bytes: usize| "x".repeat(bytes);
    let named = |bytes: usize| json!({ text(bytes): "v" });
    // Names of four bytes, so that the last pair of the set decides.
    let (full, set) = (LABEL_VALUE_BYTES_MAX - 4, LABEL_SET_BYTES_MAX / LABEL_VALUE_BYTES_MAX);
    let mut past = pairs(set, full);
    past["n000"] = json!(text(full + 1));
    let annotated = LABEL_SET_BYTES_MAX / ANNOTATION_VALUE_BYTES_MAX;
    let mut more = pairs(annotated, ANNOTATION_VALUE_BYTES_MAX - 4);
    more["n000"] = json!(text(ANNOTATION_VALUE_BYTES_MAX - 3));
    let mut cases = vec![
        (with("labels", pairs(LABELS_MAX, 1)), with("labels", pairs(LABELS_MAX + 1, 1)), "too-many"),
        (
            with("annotations", pairs(ANNOTATIONS_MAX, 1)),
            with("annotations", pairs(ANNOTATIONS_MAX + 1, 1)),
            "too-many",
        ),
        (with("labels", named(LABEL_NAME_BYTES_MAX)), with("labels", named(LABEL_NAME_BYTES_MAX + 1)), "too-long"),
        (
            with("labels", pairs(1, LABEL_VALUE_BYTES_MAX)),
            with("labels", pairs(1, LABEL_VALUE_BYTES_MAX + 1)),
            "too-long",
        ),
        (
            with("annotations", pairs(1, ANNOTATION_VALUE_BYTES_MAX)),
            with("annotations", pairs(1, ANNOTATION_VALUE_BYTES_MAX + 1)),
            "too-long",
        ),
        (with("labels", pairs(set, full)), with("labels", past), "too-long"),
        (with("annotations", pairs(annotated, ANNOTATION_VALUE_BYTES_MAX - 4)), with("annotations", more), "too-long"),
        (with("id", text(ID_BYTES_MAX)), with("id", text(ID_BYTES_MAX + 1)), "too-long"),
        (with("links", links(1, URL_BYTES_MAX)), with("links", links(1, URL_BYTES_MAX + 1)), "too-long"),
        (with("links", links(LIST_MAX, 30)), with("links", links(LIST_MAX + 1, 30)), "too-many"),
        (
            windows((1..=MORE_WINDOWS_MAX).map(|n| format!("{n}m"))),
            windows((1..=MORE_WINDOWS_MAX + 1).map(|n| format!("{n}m"))),
            "too-many",
        ),
        (windows(["144000m".to_owned()]), windows(["144001m".to_owned()]), "bad-window"),
        (with("at", "2027-01-15T08:02:00Z"), with("at", "2027-01-15T08:02:00.001Z"), "time-in-future"),
        (with("at", "2027-01-08T08:00:00Z"), with("at", "2027-01-08T07:59:59.999Z"), "time-in-past"),
        (event_of(ITEM_BYTES_MAX), event_of(ITEM_BYTES_MAX + 1), "too-long"),
    ];
    for field in ["team", "service", "endpoint", "sli", "slo", "environment", "region"] {
        cases.push((with(field, text(FIELD_BYTES_MAX)), with(field, text(FIELD_BYTES_MAX + 1)), "too-long"));
    }
    for (edge, past, slug) in cases {
        let taken = read(&edge).unwrap();
        assert!(taken.rejected.is_empty(), "at the edge: {edge:.100}: {:?}", taken.rejected);
        let refused = read(&past).unwrap();
        let found: Vec<&str> = refused.rejected.iter().map(|r| r.problem.slug).collect();
        assert_eq!((refused.taken.len(), found), (0, vec![slug]), "past the edge: {past:.100}");
    }
}

#[test]
fn a_request_holds_so_many_events_and_an_answer_lists_so_many_rejections() {
    let bodies = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    assert_eq!(read(&bodies(EVENTS_MAX)).unwrap().rejected.len(), EVENTS_MAX);
    for count in [EVENTS_MAX + 1, ITEMS_READ_MAX, ITEMS_READ_MAX + 1] {
        assert_eq!(read(&bodies(count)).unwrap_err().problem.slug, "too-many-events", "{count}");
    }
    for (count, unlisted) in [(REJECTIONS_LISTED_MAX, Value::Null), (REJECTIONS_LISTED_MAX + 1, json!(1))] {
        let answer =
            (native::DIALECT.answer)(&read(&bodies(count)).unwrap(), &[Kept { event: EventId(1), repeated: false }]);
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        let listed = body["rejected"].as_array().map(Vec::len);
        assert_eq!((listed, &body["rejected_unlisted"]), (Some(REJECTIONS_LISTED_MAX), &unlisted));
    }
}

/// Knows that there is nothing.
struct Empty;

impl Known for Empty {
    fn look(&self, look: &mut dyn FnMut(&BTreeMap<Fingerprint, Alert>, bool)) {
        look(&BTreeMap::new(), false);
    }
}

#[test]
fn an_alert_without_an_end_lasts_for_its_time() {
    let now = Timestamp::from_seconds(1_800_000_000);
    let context = Context { now, organisation: "acme", known: &Nothing, may: None };
    let parsed = (super::alertmanager::DIALECT.parse)(r#"[{"labels":{"a":"b"}}]"#, &context).unwrap();
    // Nobody looked at what is known, so nothing is taken without that.
    assert!(parsed.taken.is_empty());
    let context = Context { known: &Empty, ..context };
    let parsed = (super::alertmanager::DIALECT.parse)(r#"[{"labels":{"a":"b"}}]"#, &context).unwrap();
    let crate::runtime::Incoming::New(event) = &parsed.taken[0] else { panic!("it is new") };
    assert_eq!(event.ends_at, Some(now.plus(RESOLVE_TIMEOUT)));
}
