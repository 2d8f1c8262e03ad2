//! Every key of the configuration, described once: for the reader, for hints and for the JSON Schema.

mod budget;

pub use budget::{BUDGET_POLICY, POLICY_EXHAUSTED, POLICY_SHARE};

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

/// The whole configuration.
pub static ROOT: Table = Table {
    about: "configuration of callout",
    keys: &[
        Key::required("organisation", Shape::Table(&ORGANISATION), "organisation-wide settings"),
        Key::new("priorities", map!(Shape::Table(&PRIORITY)), "incident priorities; their names sort by urgency"),
        Key::new("environments", map!(free Shape::Table(&ENVIRONMENT)), "where services are deployed"),
        Key::new("channels", Shape::Folder(&CHANNELS), "ways out"),
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
        Key::new("overrides", list!(Shape::Table(&OVERRIDE)), "stand-ins, swaps and other changes to schedules"),
        Key::new("escalations", map!(Shape::Table(&ESCALATION)), "chains of whom to tell"),
        Key::new("groups", map!(Shape::Table(&GROUP)), "groups of people or stakeholders across teams"),
        Key::new("rings", Shape::Table(&RINGS), "the order in which stakeholders are told"),
        Key::new("maintenance", list!(Shape::Table(&MAINTENANCE)), "planned, repeated quiet times"),
        Key::new("burn", map!(Shape::Table(&BURN)), "packs of burn-rate rules"),
        Key::new("metrics", map!(Shape::Table(&METRIC)), "rules that make samples of metrics"),
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
        Key::new("update_every", SPAN, "interval of status updates"),
    ],
};

/// A deployment target.
pub static ENVIRONMENT: Table =
    Table { about: "a deployment target", keys: &[Key::new("region", LINE, "its region, for routing")] };

/// Ways out, by kind and name.
pub static CHANNELS: Table = Table {
    about: "ways out, by kind and name",
    keys: &[
        Key::new("slack", map!(Shape::Table(&SLACK)), "Slack workspaces"),
        Key::new("teams", map!(Shape::Table(&TEAMS)), "Microsoft Teams flows"),
        Key::new("email", map!(Shape::Table(&EMAIL)), "mail servers"),
        Key::new("webhook", map!(Shape::Table(&WEBHOOK)), "signed generic webhooks"),
    ],
};

const CA_FILE: Key = Key::new("ca_file", PATH, "PEM file of further trusted certificates");
const ALLOW_PRIVATE: Key =
    Key::new("allow_private", Shape::Truth, "whether private, loopback and link-local addresses may be contacted");
const TIMEOUT: Key = Key::new("timeout", SPAN, "deadline of one attempt, all in; default 10s");
const GIVE_UP: Key = Key::new("give_up", SPAN, "a page that keeps failing for so long failed for good; default 10m");
const INTERVAL: Key = Key::new("interval", text(Format::SpanOrNone), "least time between two messages to one address");
const FALLBACK: Key = Key::new("fallback", DESTINATION, "where messages go that failed for good");
const FOLLOW_UP: Key =
    Key::new("follow_up", Shape::Truth, "whether it hears of acknowledgement and resolution; default true");
const DIGESTED: Key = Key::new(
    "digest",
    Shape::Truth,
    "whether messages are gathered into one when too many go to one recipient; default true",
);
const TOKEN_ENV: Key = Key::new("token_env", VARIABLE, "environment variable with the token");
const TOKEN_FILE: Key = Key::new("token_file", PATH, "file with the token");
const URL_ENV: Key = Key::new("url_env", VARIABLE, "environment variable with the address");
const URL_FILE: Key = Key::new("url_file", PATH, "file with the address");

/// A Slack workspace: a bot token, or the poor alternative of an incoming webhook.
pub static SLACK: Table = Table {
    about: "a Slack workspace: a bot token, or the poor alternative of an incoming webhook",
    keys: &[
        TOKEN_ENV,
        TOKEN_FILE,
        Key::new("webhook_url", URL, "incoming webhook; it is a secret, so prefer the next two"),
        Key::new("webhook_url_env", VARIABLE, "environment variable with the incoming webhook"),
        Key::new("webhook_url_file", PATH, "file with the incoming webhook"),
        Key::new("api_url", URL, "base of the Web API; default https://slack.com/api/"),
        Key::new("signing_secret_env", VARIABLE, "environment variable with the signing secret, for buttons"),
        Key::new("signing_secret_file", PATH, "file with the signing secret, for buttons"),
        CA_FILE,
        ALLOW_PRIVATE,
        TIMEOUT,
        GIVE_UP,
        INTERVAL,
        FALLBACK,
        FOLLOW_UP,
        DIGESTED,
    ],
};

/// A Microsoft Teams flow (Workflows webhook).
pub static TEAMS: Table = Table {
    about: "a Microsoft Teams flow (Workflows webhook)",
    keys: &[
        Key::new("url", URL, "the flow's address; it is a secret, so prefer the next two"),
        URL_ENV,
        URL_FILE,
        CA_FILE,
        ALLOW_PRIVATE,
        TIMEOUT,
        GIVE_UP,
        INTERVAL,
        FALLBACK,
        FOLLOW_UP,
        DIGESTED,
    ],
};

/// A mail server.
pub static EMAIL: Table = Table {
    about: "a mail server",
    keys: &[
        Key::required(
            "smtp",
            text(Format::Smtp),
            "smtps://host:465 (TLS), smtp://host:587 (STARTTLS) or smtp+plain://host:25",
        ),
        Key::required("from", text(Format::Mailbox), "the sender, for example callout@acme.example"),
        Key::new("user", LINE, "user for authentication"),
        Key::new("password_env", VARIABLE, "environment variable with the password"),
        Key::new("password_file", PATH, "file with the password"),
        CA_FILE,
        ALLOW_PRIVATE,
        TIMEOUT,
        GIVE_UP,
        INTERVAL,
        FALLBACK,
        FOLLOW_UP,
        DIGESTED,
    ],
};

/// A generic webhook, signed as Standard Webhooks says.
pub static WEBHOOK: Table = Table {
    about: "a generic webhook, signed as Standard Webhooks says",
    keys: &[
        Key::new("url", URL, "where to post"),
        URL_ENV,
        URL_FILE,
        Key::new("secret_env", VARIABLE, "environment variable with the signing secret (whsec_…)"),
        Key::new("secret_file", PATH, "file with the signing secret (whsec_…)"),
        TOKEN_ENV,
        TOKEN_FILE,
        Key::new("batch", Shape::Whole { least: 1, most: 10_000 }, "messages that one request may carry; default 1"),
        Key::new("concurrency", Shape::Whole { least: 1, most: 256 }, "requests under way at once; default 4"),
        CA_FILE,
        ALLOW_PRIVATE,
        TIMEOUT,
        GIVE_UP,
        INTERVAL,
        FALLBACK,
        FOLLOW_UP,
    ],
};

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

/// A person.
pub static PERSON: Table = Table {
    about: "a person",
    keys: &[
        Key::new("name", LINE, "name in messages; default: the id"),
        Key::new("email", text(Format::Email), "mail address"),
        Key::new("slack", text(Format::SlackMember), "Slack member id, for example U01ANA"),
        Key::new("teams", text(Format::Email), "user principal name in Microsoft Teams"),
        Key::new("timezone", ZONE, "zone in which times are shown to this person"),
        Key::new(
            "contact",
            list!(text(Format::Contact), 1),
            "ways to reach them, the preferred first; default slack, teams, email",
        ),
    ],
};

const DEDUP: Shape = either!(list!(LINE), text(Format::Pattern));

/// A team.
pub static TEAM: Table = Table {
    about: "a team",
    keys: &[
        Key::new("members", list!(named(Noun::Person)), "its people"),
        Key::new("manager", named(Noun::Person), "the engineering manager"),
        Key::new("escalation", named(Noun::Escalation), "escalation policy of its incidents"),
        Key::new(
            "dedup",
            DEDUP,
            "fields, or a pattern such as `CPU on {host}`, that make the deduplication key of breaches",
        ),
        Key::new("dedup_resource", DEDUP, "the same for resource alerts; default: all labels"),
        Key::new("reopen", text(Format::SpanOrNone), "re-open window instead of the organisation's"),
        Key::new("raise", list!(Shape::Table(&RAISE)), "priority raised by repetition"),
        Key::new("templates", Shape::Table(&TEMPLATES), "texts of its messages, before the organisation's"),
        Key::new("routes", list!(Shape::Table(&ROUTE)), "channels that hear of alerts; the first that matches wins"),
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

const ROTATION_KEYS: [Key; 10] = [
    Key::new(
        "users",
        list!(either!(named(Noun::Person), list!(named(Noun::Person))), 1),
        "turns in order: a person, people together, or [] for nobody",
    ),
    Key::new("rotate", text(Format::Rotate), "hourly, daily, weekly, monthly, none, or for example `2 weeks`"),
    Key::new("on", list!(text(Format::Weekday), 1), "weekdays on which a daily rotation hands over"),
    Key::new("handoff_cron", text(Format::Cron), "handoffs by cron, instead of rotate"),
    Key::new("start", Shape::Civil, "civil time at which it begins"),
    Key::new("anchor", Shape::Civil, "civil time of the first turn, not after start; default: start"),
    Key::new("end", Shape::Civil, "civil time from which it is over"),
    Key::new(
        "hours",
        list!(text(Format::Hours), 1),
        "hours of the week in which it counts, for example `Mon-Fri 08:00-16:00`",
    ),
    Key::new("off", list!(either!(text(Format::Holidays), Shape::Date), 1), "days off: holidays.NAME or dates"),
    Key::new(
        "only",
        list!(either!(text(Format::Holidays), Shape::Date), 1),
        "the only days on: holidays.NAME or dates",
    ),
];

/// A schedule: simple with users, or made of layers.
pub static SCHEDULE: Table = Table {
    about: "a schedule: simple with users, or made of layers",
    keys: &[
        Key::new("team", named(Noun::Team), "the team it belongs to"),
        Key::new("timezone", ZONE, "zone of its civil times; default: the organisation's"),
        Key::new("roles", list!(LINE, 1), "roles in order; people move up one role per turn"),
        ROTATION_KEYS[0],
        ROTATION_KEYS[1],
        ROTATION_KEYS[2],
        ROTATION_KEYS[3],
        ROTATION_KEYS[4],
        ROTATION_KEYS[5],
        ROTATION_KEYS[6],
        ROTATION_KEYS[7],
        ROTATION_KEYS[8],
        ROTATION_KEYS[9],
        Key::new(
            "holes_allowed",
            Shape::Truth,
            "whether times with nobody on call are meant, so that nothing is said of them",
        ),
        Key::new("layers", list!(Shape::Table(&LAYER), 1), "bottom first; a later layer wins where it has somebody"),
    ],
};

/// A layer of a schedule.
pub static LAYER: Table = Table {
    about: "a layer of a schedule",
    keys: &[
        Key::new("name", LINE, "its name, for explanations"),
        Key::new("timezone", ZONE, "zone instead of the schedule's"),
        Key::new("roles", list!(LINE, 1), "roles that this layer fills; default: all"),
        ROTATION_KEYS[0],
        ROTATION_KEYS[1],
        ROTATION_KEYS[2],
        ROTATION_KEYS[3],
        ROTATION_KEYS[4],
        ROTATION_KEYS[5],
        ROTATION_KEYS[6],
        ROTATION_KEYS[7],
        ROTATION_KEYS[8],
        ROTATION_KEYS[9],
    ],
};

/// A calendar of days off.
pub static HOLIDAYS: Table =
    Table { about: "a calendar of days off", keys: &[Key::required("dates", list!(Shape::Date), "the days")] };

/// A change to a schedule for a while: for + who, who, add, remove or swap.
pub static OVERRIDE: Table = Table {
    about: "a change to a schedule for a while: for + who, who, add, remove or swap",
    keys: &[
        Key::required("schedule", named(Noun::Schedule), "the schedule"),
        Key::required("from", Shape::Moment, "begin, in the schedule's zone or with an offset"),
        Key::required("to", Shape::Moment, "end, exclusive"),
        Key::new("for", named(Noun::Person), "who steps out; who steps in for them while they are on call"),
        Key::new(
            "who",
            either!(named(Noun::Person), list!(named(Noun::Person), 1)),
            "who steps in; without `for`: whoever was there",
        ),
        Key::new("add", either!(named(Noun::Person), list!(named(Noun::Person), 1)), "people who are on call too"),
        Key::new("remove", named(Noun::Person), "who is not on call; may leave a hole"),
        Key::new("swap", list!(named(Noun::Person), 2), "two people who exchange places"),
        Key::new("role", LINE, "only this role"),
    ],
};

/// An escalation policy.
pub static ESCALATION: Table = Table {
    about: "an escalation policy",
    keys: &[
        Key::new(
            "repeat",
            either!(Shape::Whole { least: 0, most: 1000 }, text(Format::Word(&["forever"]))),
            "further rounds after the first, or \"forever\"; default 0",
        ),
        Key::new("ack_timeout", SPAN, "an acknowledgement is good for so long"),
        Key::required("steps", list!(Shape::Table(&STEP), 1), "steps in order"),
    ],
};

/// A step: who is told, and how long to wait for an acknowledgement.
pub static STEP: Table = Table {
    about: "a step: who is told, and how long to wait for an acknowledgement",
    keys: &[
        Key::required(
            "notify",
            list!(text(Format::Target), 1),
            "schedule:NAME/ROLE, person:ID, team:NAME, group:NAME, manager:TEAM or a channel",
        ),
        Key::required("wait", SPAN, "wait after this step"),
    ],
};

/// A group of people across teams, or of stakeholders.
pub static GROUP: Table = Table {
    about: "a group of people across teams, or of stakeholders",
    keys: &[
        Key::new("members", list!(named(Noun::Person)), "people, for escalation steps"),
        Key::new("email", list!(text(Format::Email)), "addresses of stakeholders"),
        Key::new("products", list!(LINE), "products that it is about"),
        Key::new("environments", list!(named(Noun::Environment)), "environments that it is about"),
        Key::new("open", Shape::Truth, "anybody inside may subscribe"),
        Key::new("approval", Shape::Truth, "a person must release what is sent to it"),
    ],
};

/// Notification rings.
pub static RINGS: Table = Table {
    about: "notification rings",
    keys: &[
        Key::new("when", Shape::Table(&RING_WHEN), "what makes the first ring due"),
        Key::required("ring", list!(Shape::Table(&RING), 1), "rings in order"),
    ],
};

/// What makes the first ring due.
pub static RING_WHEN: Table = Table {
    about: "what makes the first ring due",
    keys: &[
        Key::new("priority", list!(named(Noun::Priority), 1), "priorities"),
        Key::new("severity", list!(text(Format::Word(&["critical", "error", "warning"])), 1), "severities"),
        Key::new("open_for", text(Format::SpanOrNone), "open for at least so long"),
    ],
};

/// A ring.
pub static RING: Table = Table {
    about: "a ring",
    keys: &[
        Key::required("groups", list!(named(Noun::Group), 1), "groups that are told"),
        Key::required("after", text(Format::After), "time since the announcement, or \"manual\""),
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
    ],
};

/// A pack of burn-rate rules.
pub static BURN: Table = Table {
    about: "a pack of burn-rate rules",
    keys: &[
        Key::new("about", ANY, "what it is for"),
        Key::required(
            "pairs",
            list!(Shape::Table(&BURN_PAIR), 1),
            "pairs of windows that must both burn faster than the factor",
        ),
    ],
};

/// A pair of windows.
pub static BURN_PAIR: Table = Table {
    about: "a pair of windows",
    keys: &[
        Key::required("name", LINE, "its name, for example page_fast"),
        Key::new("factor", Shape::Decimal, "burn rate that both windows must exceed, for example 14.4"),
        Key::new("share", text(Format::Percent), "instead of a factor: share of the period's budget, for example 2%"),
        Key::new(
            "within",
            SPAN,
            "time in which the share goes at the pace of the long window; default: the long window",
        ),
        Key::required("long", SPAN, "long window"),
        Key::new("short", SPAN, "short window; default: none"),
        Key::new("ticket", Shape::Truth, "tells the team's channels and pages nobody"),
        Key::new("at_least", Shape::Truth, "the factor itself is enough"),
        Key::new("for", SPAN, "the condition must hold for so long; default: not at all"),
        Key::new("keep", SPAN, "goes on until the condition did not hold for so long; default: not at all"),
        Key::new(
            "min_bad",
            Shape::Whole { least: 0, most: 1_000_000_000 },
            "bad events that the long window must have; default 1",
        ),
        Key::new(
            "min_total",
            Shape::Whole { least: 0, most: 1_000_000_000 },
            "events that the long window must have; default 1",
        ),
    ],
};

const SELECTOR: Shape = text(Format::Selector);
const TEMPLATE: Shape = text(Format::Template);

/// A rule that makes samples of metrics.
pub static METRIC: Table = Table {
    about: "a rule that makes samples of metrics: `total` with `good` or `bad`, or `histogram` with `threshold`",
    keys: &[
        Key::new("total", SELECTOR, "counters of all events, for example http_requests_total{job=\"api\"}"),
        Key::new("good", SELECTOR, "counters of the good events among them"),
        Key::new("bad", SELECTOR, "counters of the bad events among them"),
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
