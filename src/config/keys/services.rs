//! Keys of services and their service levels.

use super::{ANY, LINE, RAISE, SPAN, URL, ZONE, named, text};
use crate::config::shape::{Format, Key, Many, Map, Names, Noun, Shape, Table};

/// A service.
pub static SERVICE: Table = Table {
    about: "a service",
    keys: &[
        Key::required("team", named(Noun::Team), "the owning team"),
        Key::new("environments", list!(named(Noun::Environment)), "environments it runs in"),
        Key::new("depends_on", list!(LINE), "services it calls"),
        BAD_STATUS,
        Key::new("budget_policy", named(Noun::BudgetPolicy), "what follows when its error budgets go"),
        Key::new("runbook", URL, "runbook"),
        Key::new("dashboard", URL, "dashboard"),
        Key::new("logs", URL, "logs"),
        Key::new("links", map!(free URL), "further links by title"),
        Key::new(
            "default_slo",
            map!(free Shape::Table(&DEFAULT_SLO)),
            "SLO by SLI, for endpoints without one of their own",
        ),
        Key::new("slo", list!(Shape::Table(&SLO)), "explicit SLOs"),
    ],
};

/// For services and teams.
pub(super) const BAD_STATUS: Key = Key::new(
    "bad_status",
    list!(either!(text(Format::Status), Shape::Whole { least: 100, most: 599 }), 1),
    "which statuses of requests are bad, for example `5xx` or 429; default 5xx",
);

const OBJECTIVE: Key = Key::required("objective", text(Format::Objective), "share of good events, for example 99.7%");
const THRESHOLD: Key = Key::new("threshold", SPAN, "latency below which an event is good");
const PERIOD: Key = Key::new(
    "period",
    text(Format::Period),
    "error budget period: a length, rolling, or a calendar `week`, `month` or `quarter`; default 28d",
);
const PERIOD_FROM: Key = Key::new(
    "period_from",
    Shape::Date,
    "periods of that length follow one another from this day on, rather than being rolling",
);
const PERIOD_ZONE: Key =
    Key::new("timezone", ZONE, "zone in which periods of the calendar begin; default: the organisation's");
const EFFECTIVE: Key = Key::new(
    "effective",
    text(Format::Word(&["at_once", "next_period"])),
    "when a new objective comes into force; default at_once, for all that is known",
);
const SLICE_KEY: Key = Key::new("slice", Shape::Table(&SLICE), "slices of time are counted rather than events");
const MIN_COVERAGE: Key = Key::new(
    "min_coverage",
    text(Format::Percent),
    "share of a window's minutes that must be known before a rule over it fires; default: none",
);
const NO_DATA: Key = Key::new("no_data", Shape::Table(&ABSENCE), "what is told when there are no samples");
const NO_TRAFFIC: Key =
    Key::new("no_traffic", Shape::Table(&ABSENCE), "what is told when there are samples, but of no events");
const SLO_PRIORITY: Key = Key::new("priority", named(Noun::Priority), "priority of its breaches");
const EXPECTED: Key = Key::new(
    "expected_per_day",
    Shape::Whole { least: 1, most: 1_000_000_000_000 },
    "events expected on a day; they make the budget that a period grants",
);
const REASON: Key = Key::new("reason", ANY, "why it has this priority");
const ALERT: Key = Key::new("alert", Shape::Table(&ALERT_TABLE), "when a breach becomes an alert");
const BURN_REF: Key = Key::new("burn", named(Noun::Burn), "pack of burn-rate rules, for example workbook");
const RAISES: Key = Key::new("raise", list!(Shape::Table(&RAISE)), "priority raised by repetition");
const LINKS: Key = Key::new("links", map!(free URL), "links of this SLO, before the service's");

/// A service level objective.
pub static SLO: Table = Table {
    about: "a service level objective",
    keys: &[
        Key::required("name", LINE, "its name"),
        Key::new(
            "endpoint",
            LINE,
            "endpoint, for example GET /api/data/{tenant}; default: all without one of their own",
        ),
        Key::required(
            "sli",
            LINE,
            "availability, latency, quality, throughput, correctness, freshness, durability or your own",
        ),
        OBJECTIVE,
        THRESHOLD,
        PERIOD,
        PERIOD_FROM,
        PERIOD_ZONE,
        EFFECTIVE,
        SLICE_KEY,
        EXPECTED,
        SLO_PRIORITY,
        REASON,
        ALERT,
        BURN_REF,
        MIN_COVERAGE,
        NO_DATA,
        NO_TRAFFIC,
        RAISES,
        LINKS,
    ],
};

/// A default SLO of a service.
pub static DEFAULT_SLO: Table = Table {
    about: "a default SLO of a service",
    keys: &[
        OBJECTIVE,
        THRESHOLD,
        PERIOD,
        PERIOD_FROM,
        PERIOD_ZONE,
        EFFECTIVE,
        SLICE_KEY,
        EXPECTED,
        SLO_PRIORITY,
        REASON,
        ALERT,
        BURN_REF,
        MIN_COVERAGE,
        NO_DATA,
        NO_TRAFFIC,
        RAISES,
        LINKS,
    ],
};

/// Timeliness: an alert fires when more than `depletion` of the window's budget was spent.
pub static ALERT_TABLE: Table = Table {
    about: "timeliness: an alert fires when more than `depletion` of the window's budget was spent",
    keys: &[
        Key::required(
            "depletion",
            text(Format::Percent),
            "share of the window's budget that must be exceeded, for example 200%",
        ),
        Key::required("window", SPAN, "length of the window"),
        Key::new("every", SPAN, "evaluated at most this often; default 5m"),
        Key::new("snooze", SPAN, "how long it stays quiet after firing"),
    ],
};

/// Slices of time: each is good when enough of its events are, and then slices are counted.
pub static SLICE: Table = Table {
    about: "slices of time: each is good when enough of its events are, and then slices are counted",
    keys: &[
        Key::required("length", SPAN, "length of a slice, for example 5m; an hour must be made of whole ones"),
        Key::required("target", text(Format::Percent), "share of good events that a good slice has, for example 95%"),
    ],
};

/// A rule about what is not there.
pub static ABSENCE: Table = Table {
    about: "a rule about what is not there",
    keys: &[
        Key::new("for", SPAN, "it must be missing for so long; default 10m"),
        Key::new("priority", named(Noun::Priority), "priority of the alert; default: none"),
        Key::new("ticket", Shape::Truth, "tells the team's channels and pages nobody"),
        Key::new("team", named(Noun::Team), "team that hears of it; default: the service's"),
    ],
};
