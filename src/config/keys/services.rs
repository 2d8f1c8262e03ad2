//! Keys of services and their service levels.

use super::{ANY, LINE, RAISE, SPAN, URL, named, text};
use crate::config::shape::{Format, Key, Many, Map, Names, Noun, Shape, Table};

/// A service.
pub static SERVICE: Table = Table {
    about: "a service",
    keys: &[
        Key::required("team", named(Noun::Team), "the owning team"),
        Key::new("environments", list!(named(Noun::Environment)), "environments it runs in"),
        Key::new("depends_on", list!(LINE), "services it calls"),
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

const OBJECTIVE: Key = Key::required("objective", text(Format::Objective), "share of good events, for example 99.7%");
const THRESHOLD: Key = Key::new("threshold", SPAN, "latency below which an event is good");
const PERIOD: Key = Key::new("period", SPAN, "error budget period; default 28d");
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
        EXPECTED,
        SLO_PRIORITY,
        REASON,
        ALERT,
        BURN_REF,
        RAISES,
        LINKS,
    ],
};

/// A default SLO of a service.
pub static DEFAULT_SLO: Table = Table {
    about: "a default SLO of a service",
    keys: &[OBJECTIVE, THRESHOLD, PERIOD, EXPECTED, SLO_PRIORITY, REASON, ALERT, BURN_REF, RAISES, LINKS],
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
