//! The language in which `keys.rs` describes the configuration. One description serves the reader (unknown keys, types, formats,
//! references), the hints and the JSON Schema, so that they can't drift apart.

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// A string in some format.
    Text(Format),
    /// An integer within bounds, both inside.
    Whole {
        /// Least.
        least: i64,
        /// Most.
        most: i64,
    },
    /// A decimal number above zero, as a number or in quotes.
    Decimal,
    /// `true` or `false`.
    Truth,
    /// A civil time: a local date-time, or a date for its midnight.
    Civil,
    /// An instant: a civil time, or a date-time with an offset.
    Moment,
    /// A date.
    Date,
    /// A list.
    List(&'static Many),
    /// A table with known keys.
    Table(&'static Table),
    /// A table with known keys that may be spread over files.
    Folder(&'static Table),
    /// A table whose keys are names.
    Map(&'static Map),
    /// One of several, told apart by the type of the value.
    Either(&'static [Shape]),
}

/// A list.
#[derive(Debug, Clone, Copy)]
pub struct Many {
    /// What its items are.
    pub of: Shape,
    /// Fewest items.
    pub least: usize,
}

/// A table with known keys.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// What it is, for the schema.
    pub about: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

/// A table whose keys are names.
#[derive(Debug, Clone, Copy)]
pub struct Map {
    /// What a name stands for.
    pub names: Names,
    /// What the values are.
    pub of: Shape,
}

/// Which names are allowed as keys of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Letters, digits, `.`, `_` and `-`: names that are used within references.
    Strict,
    /// Any text of one line, as senders may use it.
    Free,
}

/// A key of a table.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// What its value is.
    pub shape: Shape,
    /// What it is for, for editors.
    pub about: &'static str,
    /// Whether it must be there.
    pub required: bool,
}

impl Key {
    /// An optional key.
    pub const fn new(name: &'static str, shape: Shape, about: &'static str) -> Self {
        Self { name, shape, about, required: false }
    }

    /// A key that must be there.
    pub const fn required(name: &'static str, shape: Shape, about: &'static str) -> Self {
        Self { name, shape, about, required: true }
    }
}

impl Table {
    /// The key called `name`.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|k| k.name == name)
    }
}

/// What can be referred to by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Noun {
    /// `[priorities]`
    Priority,
    /// `[environments]`
    Environment,
    /// The regions of the environments.
    Region,
    /// `[people]`
    Person,
    /// `[teams]`
    Team,
    /// `[services]`
    Service,
    /// `[schedules]`
    Schedule,
    /// `[escalations]`
    Escalation,
    /// `[holidays]`
    Holidays,
    /// `[groups]`
    Group,
    /// `[burn]`
    Burn,
    /// `[budget_policies]`
    BudgetPolicy,
    /// `[notifiers]`
    Notifier,
}

impl Noun {
    /// The word in sentences.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Priority => "priority",
            Self::Environment => "environment",
            Self::Region => "region",
            Self::Person => "person",
            Self::Team => "team",
            Self::Service => "service",
            Self::Schedule => "schedule",
            Self::Escalation => "escalation policy",
            Self::Holidays => "holidays",
            Self::Group => "group",
            Self::Burn => "burn-rate pack",
            Self::BudgetPolicy => "error budget policy",
            Self::Notifier => "description of a notifier",
        }
    }

    /// The table in which it is defined.
    pub const fn table(self) -> &'static str {
        match self {
            Self::Priority => "priorities",
            Self::Environment | Self::Region => "environments",
            Self::Person => "people",
            Self::Team => "teams",
            Self::Service => "services",
            Self::Schedule => "schedules",
            Self::Escalation => "escalations",
            Self::Holidays => "holidays",
            Self::Group => "groups",
            Self::Burn => "burn",
            Self::BudgetPolicy => "budget_policies",
            Self::Notifier => "notifiers",
        }
    }
}

/// Formats of strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Anything but nothing, one line or several.
    Any,
    /// Anything, also nothing.
    Whole,
    /// One line that is not empty, at most 128 bytes.
    Line,
    /// A name of something defined elsewhere.
    Ref(Noun),
    /// A length of time above zero: `60m`.
    Span,
    /// A length of time, maybe none: `0m`.
    SpanOrNone,
    /// An error budget period: `28d`, `month`.
    Period,
    /// A status of requests: `5xx`, `429`.
    Status,
    /// A percentage: `99.7%`.
    Percent,
    /// An objective: a percentage from 0 to below 100.
    Objective,
    /// An address of mail.
    Email,
    /// An address of mail, maybe with a name before it.
    Mailbox,
    /// A name of an IANA time zone.
    Zone,
    /// A cron expression of five fields.
    Cron,
    /// An `http` or `https` address.
    Url,
    /// Where a mail server listens: `smtps://host:465`.
    Smtp,
    /// A channel and an address in it: `slack:main/#room`.
    Destination,
    /// Whom a step tells: `schedule:checkout/main`.
    Target,
    /// A way to reach a person: `slack` or `slack:main`.
    Contact,
    /// A way to reach a person, or a wait between two: `slack`, `5m`.
    ChainItem,
    /// A number of E.164: `+4915112345678`.
    Phone,
    /// A JSON pointer (RFC 6901): `/result/id`.
    Pointer,
    /// A Slack member id.
    SlackMember,
    /// Name of an environment variable.
    Variable,
    /// A path.
    Path,
    /// Hours of the week: `Mon-Fri 08:00-16:00`.
    Hours,
    /// A weekday: `Mon`.
    Weekday,
    /// How turns follow each other: `weekly`, `2 weeks`.
    Rotate,
    /// Dates off: `holidays.de`.
    Holidays,
    /// 64 hexadecimal digits.
    Sha256,
    /// What a token may do: `ingest:checkout`.
    Scope,
    /// A text with fields of the event in braces.
    Pattern,
    /// Time since the announcement, or `manual`.
    After,
    /// Series of a metric: `http_requests_total{job="api"}`.
    Selector,
    /// A text with labels of a series in braces.
    Template,
    /// One of these words.
    Word(&'static [&'static str]),
}
