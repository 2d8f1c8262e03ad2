//! Every key of the configuration, described once: for the reader, for hints and for the JSON Schema.

macro_rules! list {
    ($of:expr) => {
        list!($of, 0)
    };
    ($of:expr, $least:expr) => {
        Shape::List(const { &Many { of: $of, least: $least } })
    };
}

macro_rules! map {
    ($of:expr) => {
        Shape::Map(const { &Map { names: Names::Strict, of: $of } })
    };
    (free $of:expr) => {
        Shape::Map(const { &Map { names: Names::Free, of: $of } })
    };
}

macro_rules! either {
    ($($of:expr),+) => { Shape::Either(const { &[$($of),+] }) };
}

mod budget;
mod burn;
mod channels;
mod metrics;
mod notifiers;
mod people;
mod schedules;
mod services;
mod stakeholders;

pub use budget::*;
pub use burn::*;
pub use channels::*;
pub use metrics::*;
pub use notifiers::*;
pub use people::*;
pub use schedules::*;
pub use services::*;
pub use stakeholders::*;

use super::shape::{Format, Key, Many, Map, Names, Noun, Shape, Table};

const fn text(format: Format) -> Shape {
    Shape::Text(format)
}

const fn named(noun: Noun) -> Shape {
    Shape::Text(Format::Ref(noun))
}

const LINE: Shape = text(Format::Line);
const ANY: Shape = text(Format::Any);
const SPAN: Shape = text(Format::Span);
const ZONE: Shape = text(Format::Zone);
const URL: Shape = text(Format::Url);
const VARIABLE: Shape = text(Format::Variable);
const PATH: Shape = text(Format::Path);
const DESTINATION: Shape = text(Format::Destination);

const CA_FILE: Key = Key::new("ca_file", PATH, "PEM file of further trusted certificates");
const ALLOW_PRIVATE: Key =
    Key::new("allow_private", Shape::Truth, "whether private, loopback and link-local addresses may be contacted");
const TIMEOUT: Key = Key::new("timeout", SPAN, "deadline of one attempt, all in; default 10s");
const URL_ENV: Key = Key::new("url_env", VARIABLE, "environment variable with the address");
const URL_FILE: Key = Key::new("url_file", PATH, "file with the address");

/// The whole configuration.
pub static ROOT: Table = Table {
    about: "configuration of callout",
    keys: &[
        Key::required("organisation", Shape::Table(&ORGANISATION), "organisation-wide settings"),
        Key::new("priorities", map!(Shape::Table(&PRIORITY)), "incident priorities; their names sort by urgency"),
        Key::new("environments", map!(free Shape::Table(&ENVIRONMENT)), "where services are deployed"),
        Key::new("channels", Shape::Folder(&CHANNELS), "ways out"),
        Key::new("notifiers", map!(Shape::Table(&NOTIFIER)), "descriptions of services, for channels over HTTP"),
        Key::new("digest", Shape::Table(&DIGEST), "when messages to one recipient are gathered into one"),
        Key::new("templates", Shape::Table(&TEMPLATES), "texts of messages, written by template"),
        Key::new("tokens", map!(Shape::Table(&TOKEN)), "API tokens, by the hash of their text"),
        Key::new("heartbeat", Shape::Table(&HEARTBEAT), "sign of life to a monitor that is independent of callout"),
        Key::new("health", Shape::Table(&HEALTH), "when callout counts as stuck"),
        Key::new("people", map!(Shape::Table(&PERSON)), "people by a short id"),
        Key::new("teams", map!(Shape::Table(&TEAM)), "teams"),
        Key::new("services", map!(free Shape::Table(&SERVICE)), "services and their SLOs"),
        Key::new("schedules", map!(Shape::Table(&SCHEDULE)), "who is on call"),
        Key::new("holidays", map!(Shape::Table(&HOLIDAYS)), "calendars of days off"),
        Key::new("calendars", Shape::Table(&CALENDARS), "how calendars of absences and holidays are read"),
        Key::new("overrides", list!(Shape::Table(&OVERRIDE)), "stand-ins, swaps and other changes to schedules"),
        Key::new("escalations", map!(Shape::Table(&ESCALATION)), "chains of whom to tell"),
        Key::new("groups", map!(Shape::Table(&GROUP)), "groups of people or stakeholders across teams"),
        Key::new("rings", Shape::Table(&RINGS), "the order in which stakeholders are told"),
        Key::new("maintenance", list!(Shape::Table(&MAINTENANCE)), "planned, repeated quiet times"),
        Key::new("burn", map!(Shape::Table(&BURN)), "packs of burn-rate rules"),
        Key::new("metrics", map!(Shape::Table(&METRIC)), "rules that make samples of metrics"),
        Key::new("severities", Shape::Table(&SEVERITIES), "roles that each severity calls in"),
        Key::new("roles", map!(text(Format::Target)), "where the person for a role in the response comes from"),
        Key::new("budget_policies", map!(Shape::Table(&BUDGET_POLICY)), "what follows when error budgets go"),
    ],
};

/// Organisation-wide settings.
pub static ORGANISATION: Table = Table {
    about: "organisation-wide settings",
    keys: &[
        Key::required("name", LINE, "name, as senders give it"),
        Key::new("timezone", ZONE, "zone in which times are shown; default UTC"),
        Key::new("url", URL, "base of the links in messages"),
        Key::new("fallback", named(Noun::Team), "team that is told of what nobody owns and of callout's own alarms"),
        Key::new(
            "reopen",
            text(Format::SpanOrNone),
            "re-fires this soon after the resolution re-open the same incident; default 30m",
        ),
        Key::new(
            "require_verified",
            Shape::Truth,
            "whether ways of people that are not verified are passed over; default false",
        ),
        Key::new("link_key_env", VARIABLE, "environment variable with the key that signs action links"),
        Key::new("link_key_file", PATH, "file with the key that signs action links; default: made once and kept"),
    ],
};

/// Texts of messages, written by template.
pub static TEMPLATES: Table = Table {
    about: "texts of messages, written by template",
    keys: &[
        Key::new("headline", ANY, "the first line, for example `{{ priority }} {{ service }}: {{ headline }}`"),
        Key::new("details", ANY, "the paragraph below it"),
    ],
};

/// When messages to one recipient are gathered into one.
pub static DIGEST: Table = Table {
    about: "when messages to one recipient are gathered into one",
    keys: &[
        Key::new(
            "singles",
            Shape::Whole { least: 1, most: crate::engine::limits::SINGLES_MAX as i64 },
            "messages to one recipient that go out one by one within that time; default 5",
        ),
        Key::new("within", SPAN, "that time, and how long the first digest gathers; default 1m"),
        Key::new("every", SPAN, "while it goes on, there is a digest this often; default 5m"),
    ],
};

/// An incident priority with its criteria.
pub static PRIORITY: Table = Table {
    about: "an incident priority with its criteria",
    keys: &[
        Key::new("meaning", ANY, "what it means, in words"),
        Key::new("hotfix", Shape::Truth, "a hotfix is wanted"),
        Key::new("postmortem", Shape::Truth, "a postmortem is wanted"),
        Key::new("tell_management", Shape::Truth, "management is told"),
        Key::new("tell_stakeholders", Shape::Truth, "stakeholders are told"),
        Key::new("update_every", SPAN, "interval of status updates; whoever should give one is reminded"),
        Key::new("postmortem_within", SPAN, "time for the postmortem, from the end of the incident; default 5d"),
    ],
};

/// Roles that each severity calls in.
pub static SEVERITIES: Table = Table {
    about: "roles that each severity calls in, for example [\"coordinator\", \"communicator\", \"expert\"]",
    keys: &[
        Key::new("critical", list!(LINE), "roles that are called in when people set the severity `critical`"),
        Key::new("error", list!(LINE), "the same for `error`"),
        Key::new("warning", list!(LINE), "the same for `warning`"),
    ],
};

/// A deployment target.
pub static ENVIRONMENT: Table =
    Table { about: "a deployment target", keys: &[Key::new("region", LINE, "its region, for routing")] };

/// Sign of life to a monitor that is independent of callout.
pub static HEARTBEAT: Table = Table {
    about: "sign of life to a monitor that is independent of callout; it stops when callout is stuck",
    keys: &[
        Key::new("url", URL, "where to; it is often a secret, so prefer the next two"),
        URL_ENV,
        URL_FILE,
        Key::new("every", SPAN, "time between two beats; default 1m"),
        Key::new(
            "method",
            text(Format::Word(&["POST", "GET", "HEAD"])),
            "how it is sent; POST, the default, has a body",
        ),
        TIMEOUT,
        CA_FILE,
        ALLOW_PRIVATE,
    ],
};

/// When callout counts as stuck.
pub static HEALTH: Table = Table {
    about: "when callout counts as stuck: `/-/ready` turns red and the heartbeat stops",
    keys: &[
        Key::new("unjudged", SPAN, "the oldest input that is not judged may be so old; default 15s"),
        Key::new("undelivered", SPAN, "the oldest page that is not delivered may be so old; default 3m"),
    ],
};

/// An API token.
pub static TOKEN: Table = Table {
    about: "an API token",
    keys: &[
        Key::required(
            "sha256",
            either!(text(Format::Sha256), list!(text(Format::Sha256), 1)),
            "SHA-256 of the token's text, in hexadecimal; two while a new secret takes the place of the old one",
        ),
        Key::required(
            "scopes",
            list!(text(Format::Scope), 1),
            "what it may do: ingest, ingest:TEAM, read, act, act:TEAM, admin",
        ),
        Key::new("expires", Shape::Moment, "not valid from here on"),
    ],
};

/// More than so many occurrences within a time raise the priority.
pub static RAISE: Table = Table {
    about: "more than so many occurrences within a time raise the priority",
    keys: &[
        Key::required("more_than", Shape::Whole { least: 1, most: 100_000 }, "occurrences that must be exceeded"),
        Key::required("within", SPAN, "window of the count"),
        Key::required("priority", named(Noun::Priority), "priority from then on, if it is higher"),
    ],
};

/// A route: which alerts, and who hears of them.
pub static ROUTE: Table = Table {
    about: "a route: which alerts, and who hears of them",
    keys: &[
        Key::new("region", either!(named(Noun::Region), list!(named(Noun::Region), 1)), "region or regions"),
        Key::new("regions", list!(named(Noun::Region), 1), "regions"),
        Key::new(
            "environment",
            either!(named(Noun::Environment), list!(named(Noun::Environment), 1)),
            "environment or environments",
        ),
        Key::new("environments", list!(named(Noun::Environment), 1), "environments"),
        Key::new("service", either!(named(Noun::Service), list!(named(Noun::Service), 1)), "service or services"),
        Key::new("services", list!(named(Noun::Service), 1), "services"),
        Key::new("priority", either!(named(Noun::Priority), list!(named(Noun::Priority), 1)), "priority or priorities"),
        Key::new("priorities", list!(named(Noun::Priority), 1), "priorities"),
        Key::required("tell", list!(DESTINATION, 1), "channels that are told"),
        Key::new("continue", Shape::Truth, "whether later routes are looked at too; default false"),
    ],
};

/// A planned, repeated quiet time.
pub static MAINTENANCE: Table = Table {
    about: "a planned, repeated quiet time",
    keys: &[
        Key::required("name", LINE, "its name"),
        Key::required("cron", text(Format::Cron), "when it begins: minute hour day month weekday"),
        Key::new("timezone", ZONE, "zone of the cron expression; default: the organisation's"),
        Key::required("duration", SPAN, "how long it lasts, at most 7d"),
        Key::new("services", list!(named(Noun::Service), 1), "services it covers; default: all"),
        Key::new("environments", list!(named(Noun::Environment), 1), "environments it covers; default: all"),
        Key::new(
            "excluded_because",
            LINE,
            "why its minutes leave error budgets and burn rates; default: they count, and alerts are quiet",
        ),
    ],
};
