//! HTTP notifiers: services that are told by requests which the configuration describes, a shipped one (`rules/channels/`) or somebody's own.
//!
//! A notifier is steps of requests for each occasion, made of templates; how an answer is judged; and what of it is kept for later. Nothing a
//! sender wrote can leave the place in which a template puts it: `text` escapes by where it stands. Absent on purpose: sending (the channel's).

pub mod callback;
pub mod request;
mod samples;
pub mod text;
mod values;

use std::collections::BTreeMap;

pub use samples::{Sample, samples};
pub use values::{Scalar, Values};

use crate::domain::Name;
use crate::engine::state::Purpose;

/// Steps of one occasion. Beyond: a mistake of the configuration.
pub const STEPS_MAX: usize = 8;
/// Bytes of an id that is kept from an answer. Beyond: it is not kept.
pub const RECEIPT_BYTES_MAX: usize = 255;

/// Whether and how messages within a notifier are addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Addresses {
    /// It is one place.
    #[default]
    None,
    /// By a text: a topic, a room, a key.
    Text,
    /// By a number of E.164: `+4915112345678`.
    Phone,
}

impl Addresses {
    /// The words in TOML.
    pub const WORDS: &'static [&'static str] = &["none", "text", "phone"];

    /// Reads a word of [`Self::WORDS`].
    #[must_use]
    pub fn read(word: &str) -> Self {
        match word {
            "text" => Self::Text,
            "phone" => Self::Phone,
            _ => Self::None,
        }
    }
}

/// What steps are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Occasion {
    /// A first message.
    Send,
    /// One message about many incidents.
    Digest,
    /// Any change that has no steps of its own.
    Update,
    /// Somebody is on it.
    Acknowledged,
    /// Nobody is on it any more.
    Unacknowledged,
    /// It is quiet for a while.
    Snoozed,
    /// It is over.
    Resolved,
    /// It goes on.
    Reopened,
    /// Priority, severity or owner changed.
    Changed,
}

impl Occasion {
    /// All, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::Send,
        Self::Digest,
        Self::Update,
        Self::Acknowledged,
        Self::Unacknowledged,
        Self::Snoozed,
        Self::Resolved,
        Self::Reopened,
        Self::Changed,
    ];

    /// The word in TOML.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Digest => "digest_of",
            Self::Update => "update",
            Self::Acknowledged => "acknowledged",
            Self::Unacknowledged => "unacknowledged",
            Self::Snoozed => "snoozed",
            Self::Resolved => "resolved",
            Self::Reopened => "reopened",
            Self::Changed => "changed",
        }
    }

    /// Occasions whose steps fit a purpose, the best first.
    const fn of(purpose: Purpose) -> &'static [Self] {
        match purpose {
            Purpose::Digest => &[Self::Digest, Self::Send],
            Purpose::Acknowledged => &[Self::Acknowledged, Self::Update, Self::Send],
            Purpose::Unacknowledged => &[Self::Unacknowledged, Self::Update, Self::Send],
            Purpose::Snoozed => &[Self::Snoozed, Self::Update, Self::Send],
            Purpose::Resolved => &[Self::Resolved, Self::Update, Self::Send],
            Purpose::Reopened => &[Self::Reopened, Self::Update, Self::Send],
            Purpose::Changed => &[Self::Changed, Self::Update, Self::Send],
            Purpose::Update => &[Self::Update, Self::Send],
            _ => &[Self::Send],
        }
    }
}

/// A service as the configuration describes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notifier {
    /// How it is addressed.
    pub addresses: Addresses,
    /// User and password of `Authorization: Basic`, as templates.
    pub login: Option<(String, String)>,
    /// Headers of every request: names and templates.
    pub headers: Vec<(String, String)>,
    /// Its own words for urgency, by priority or by `high`, `normal` and `over`.
    pub urgency: BTreeMap<Name, Scalar>,
    /// What stands for characters that mean something to it, in foreign text.
    pub replace: BTreeMap<char, String>,
    /// What is done when.
    pub steps: BTreeMap<Occasion, Steps>,
    /// Where people find what was made, as a template of a URL.
    pub link: Option<String>,
    /// What it may ask callout for.
    pub callback: Option<callback::Callback>,
    /// Secrets that may be left out; they are empty then.
    pub optional: Vec<String>,
}

/// Requests made one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Steps {
    /// In order; none: nothing is done.
    pub requests: Vec<Step>,
    /// Whether they speak of a stored id.
    pub need_receipt: bool,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// `GET`, `POST` …
    pub method: String,
    /// Template of path and query, behind the notifier's URL.
    pub path: String,
    /// Headers: names and templates.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
    /// Content type instead of the body's usual one.
    pub content_type: Option<String>,
    /// Expression: whether it is made at all.
    pub when: Option<String>,
    /// Pointer to the id that later messages need.
    pub receipt: Option<String>,
    /// Pointers to what later steps need.
    pub keep: Vec<(String, String)>,
    /// Longest texts, by pointer or by name of a field.
    pub cut: Vec<(String, Cut)>,
    /// How the answer is judged.
    pub answer: Answer,
    /// Whether it does not matter when it is refused.
    pub may_fail: bool,
}

/// A body, as templates.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Body {
    /// None.
    #[default]
    None,
    /// JSON.
    Json(String),
    /// Fields of a form.
    Form(Vec<(String, String)>),
    /// Text.
    Text(String),
}

/// A longest text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// So many characters.
    Characters(usize),
    /// So many bytes.
    Bytes(usize),
}

/// How an answer is judged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Statuses of success; none: 2xx.
    pub ok: Vec<u16>,
    /// What must be at these pointers, for services that say no with 200.
    pub must: Vec<(String, Scalar)>,
    /// Pointers at which something must be.
    pub has: Vec<String>,
    /// Pointer to the name or number of an error.
    pub error: Option<String>,
    /// Pointer to the seconds to wait.
    pub retry_after: Option<String>,
    /// Statuses and names of errors that are final.
    pub permanent: Vec<Scalar>,
    /// Statuses and names of errors that are worth another try.
    pub transient: Vec<Scalar>,
}

impl Notifier {
    /// What is done for a purpose, given whether the id of an earlier message is known.
    #[must_use]
    pub fn steps(&self, purpose: Purpose, receipt: bool) -> &[Step] {
        let fitting = Occasion::of(purpose).iter().filter_map(|occasion| self.steps.get(occasion));
        fitting
            .filter(|steps| receipt || !steps.need_receipt)
            .map(|steps| &steps.requests[..])
            .next()
            .unwrap_or_default()
    }
}
