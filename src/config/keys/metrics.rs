//! Keys of the rules that make samples of metrics.

use super::{LINE, SPAN, text};
use crate::config::shape::{Format, Key, Shape, Table};

const SELECTOR: Shape = text(Format::Selector);
const TEMPLATE: Shape = text(Format::Template);

/// A rule that makes samples of metrics.
pub static METRIC: Table = Table {
    about: "a rule that makes samples of metrics: `total` with `good`, `bad` or `status`, or `histogram` with `threshold`",
    keys: &[
        Key::new("total", SELECTOR, "counters of all events, for example http_requests_total{job=\"api\"}"),
        Key::new("good", SELECTOR, "counters of the good events among them"),
        Key::new("bad", SELECTOR, "counters of the bad events among them"),
        Key::new(
            "status",
            LINE,
            "instead of `good` or `bad`: the label with the status; which are bad, the service or its team says",
        ),
        Key::new("histogram", SELECTOR, "histogram of durations, without _bucket or _count"),
        Key::new("threshold", SPAN, "an event is good when it took at most so long; must be a bound of the histogram"),
        Key::required("service", TEMPLATE, "service, or labels that name it: {job}"),
        Key::required("sli", LINE, "SLI, for example availability or latency"),
        Key::new("endpoint", TEMPLATE, "endpoint, for example {method} {handler}; default: the service as a whole"),
        Key::new("environment", TEMPLATE, "environment"),
        Key::new("region", TEMPLATE, "region; default: that of the environment"),
        Key::new("source", TEMPLATE, "who counts, where several count the same; default: the rule"),
    ],
};
