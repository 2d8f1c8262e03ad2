//! Ways in: one file per dialect turns bytes into events and answers in that dialect's own shape.
//!
//! Absent on purpose: sockets, authentication, the journal. A dialect sees the body, the time, and what is already known.

pub mod alertmanager;
mod json;
#[cfg(test)]
mod limit_tests;
pub mod limits;
pub mod metrics;
pub mod native;
pub mod problem;
pub mod samples;

use std::collections::BTreeMap;

use crate::domain::{EventId, Fingerprint, Name, Source, Timestamp};
use crate::engine::state::Alert;
use crate::runtime::Incoming;
use problem::Problem;

/// A way in.
#[derive(Debug)]
pub struct Dialect {
    /// The word in metrics.
    pub name: &'static str,
    /// Its name in the documentation.
    pub title: &'static str,
    /// What its events say they came by.
    pub source: Source,
    /// Where it listens, by POST.
    pub path: &'static str,
    /// Bytes to events.
    pub parse: fn(&str, &Context<'_>) -> Result<Parsed, Refusal>,
    /// The answer once events are stored; `kept` has one entry for each of [`Parsed::taken`], in order.
    pub answer: fn(&Parsed, &[Kept]) -> Answer,
    /// The answer when nothing was stored.
    pub refuse: fn(&Refusal) -> Answer,
}

/// All dialects. A new one is a file and a line here.
pub static DIALECTS: &[Dialect] = &[native::DIALECT, alertmanager::DIALECT];

/// What is already known, for recognising what was sent before.
pub trait Known {
    /// Calls `look` once with the sources by identity, and whether inputs wait to be judged.
    fn look(&self, look: &mut dyn FnMut(&BTreeMap<Fingerprint, Alert>, bool));
}

/// Whether the sender may speak for what has this team and service.
pub type MayIngest<'a> = dyn Fn(Option<&str>, Option<&str>) -> bool + 'a;

/// What a dialect is told beside the body.
pub struct Context<'a> {
    /// The shell's clock.
    pub now: Timestamp,
    /// The organisation that is served.
    pub organisation: &'a str,
    /// Sources by identity.
    pub known: &'a dyn Known,
    /// Whether the sender may speak for what has this team and service; absent: for all.
    pub may: Option<&'a MayIngest<'a>>,
}

impl Context<'_> {
    /// Refuses what belongs to a team that the sender may not speak for.
    fn check_team(&self, team: Option<&str>, service: Option<&str>) -> Result<(), Rejection> {
        match self.may {
            Some(may) if !may(team, service) => Err(Rejection::new(
                &problem::OTHER_TEAM,
                match (team, service) {
                    (Some(team), _) => format!("the token may not send events of team `{team}`"),
                    (None, Some(service)) => format!("the token may not send events of service `{service}`"),
                    (None, None) => "the token may not send events without a team".to_owned(),
                },
            )),
            _ => Ok(()),
        }
    }
}

/// What became of a body.
#[derive(Debug, Default)]
pub struct Parsed {
    /// To be stored, in order of the request.
    pub taken: Vec<Incoming>,
    /// Position in the request of each of `taken`, from 0.
    pub items: Vec<u32>,
    /// Identity of each of `taken`, where the dialect answers with it.
    pub keys: Vec<Name>,
    /// Not to be stored.
    pub rejected: Vec<Rejection>,
    /// Resolutions of what is not known, which mean nothing.
    pub ignored: u32,
}

/// Why one event was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Position in the request, from 0.
    pub index: usize,
    /// What kind of mistake.
    pub problem: &'static Problem,
    /// Which field, what was wrong with it.
    pub detail: String,
}

impl Rejection {
    /// A rejection of an item whose position the caller fills in.
    fn new(problem: &'static Problem, detail: impl Into<String>) -> Self {
        Self { index: 0, problem, detail: detail.into() }
    }

    /// The same at `index`.
    fn at(self, index: usize) -> Self {
        Self { index, ..self }
    }
}

/// Why the whole request was refused; nothing of it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of mistake.
    pub problem: &'static Problem,
    /// What exactly.
    pub detail: String,
}

impl Refusal {
    /// A refusal.
    #[must_use]
    pub fn new(problem: &'static Problem, detail: impl Into<String>) -> Self {
        Self { problem, detail: detail.into() }
    }

    /// Of JSON that cannot be read, with its place.
    fn json(error: &serde_json::Error) -> Self {
        Self::new(&problem::MALFORMED_JSON, error.to_string())
    }
}

/// An event that is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Its id.
    pub event: EventId,
    /// Whether its idempotency key was seen before.
    pub repeated: bool,
}

/// An answer in a dialect's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Content type; none for an empty body.
    pub content_type: Option<&'static str>,
    /// Body.
    pub body: Vec<u8>,
}

/// Checks that a body is UTF-8.
///
/// # Errors
/// With the position of the first bad byte.
pub fn utf8(body: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(body).map_err(|e| {
        Refusal::new(
            &problem::INVALID_UTF8,
            format!("byte {} (counted from 0) does not continue a UTF-8 text", e.valid_up_to()),
        )
    })
}
