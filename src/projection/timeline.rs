//! The record of an incident: what happened, who did what, who was told by what and with which outcome, in order of time.
//!
//! Everything comes from the journal. Nothing is judged again: the recorded decisions are performed once more, on a state that holds
//! nothing else, so an incident is known here for as long as the journal keeps its records.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::domain::{DeliveryId, EventStatus, IncidentId, Seq, Timestamp};
use crate::engine::response::ResponseChange;
use crate::engine::state::{Delivery, Incident, Recipient};
use crate::engine::{Decision, Engine, Input, Outcome, Policy, State, Transition};
use crate::journal::{Record, RecordBody};
use crate::rules::{Because, RuleKind};

/// The record of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// Which.
    pub incident: u64,
    /// What happened, in order.
    pub entries: Vec<Entry>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// RFC 3339, UTC.
    pub at: String,
    /// What sort of thing: `event` (something came in), `action` (somebody did something), `message` (somebody was told), `rule`.
    pub kind: Kind,
    /// Who did it: a person's id, `token ci`, `callout`.
    pub by: Option<String>,
    /// Whom a message told: a person's id, or a channel such as `slack:main/#ops`.
    pub to: Option<String>,
    /// Through what a message went: `slack:main`.
    pub through: Option<String>,
    /// What happened, in a sentence.
    pub text: String,
    /// What became of a message: `waiting`, `delivered`, `failed` or `dropped`.
    pub outcome: Option<&'static str>,
    /// When that was.
    pub outcome_at: Option<String>,
    /// Attempts that it took so far.
    pub attempts: Option<u32>,
}

/// What sort of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Something came in.
    Event,
    /// Somebody did something.
    Action,
    /// Somebody was told.
    Message,
    /// A rule spoke.
    Rule,
}

impl Kind {
    /// `event`, `action`, `message`, `rule`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Action => "action",
            Self::Message => "message",
            Self::Rule => "rule",
        }
    }
}

impl Entry {
    fn new(at: Timestamp, kind: Kind, text: impl Into<String>) -> Self {
        let text = text.into();
        let at = at.to_string();
        Self { at, kind, by: None, to: None, through: None, text, outcome: None, outcome_at: None, attempts: None }
    }
}

impl Timeline {
    /// What the records say of an incident.
    #[must_use]
    pub fn of(incident: IncidentId, records: &[Record]) -> Self {
        let mut telling = Telling { incident, entries: Vec::new(), messages: BTreeMap::new() };
        for record in records {
            match &record.body {
                RecordBody::Input(input) => telling.received(record.at, record.seq, input),
                RecordBody::Decision(decision) => telling.decided(record.at, decision),
            }
        }
        Self { incident: incident.0, entries: telling.entries }
    }
}

/// A timeline as it is told.
struct Telling {
    incident: IncidentId,
    entries: Vec<Entry>,
    /// Where the entry of each message is.
    messages: BTreeMap<DeliveryId, usize>,
}

impl Telling {
    fn received(&mut self, at: Timestamp, seq: Seq, input: &Input) {
        let Input::Event(event) = input else { return };
        let what = if event.status == EventStatus::Resolved { "said to be over" } else { "received" };
        self.entries.push(Entry::new(at, Kind::Event, format!("{what}, as E{seq}")));
    }

    fn decided(&mut self, at: Timestamp, decision: &Decision) {
        for line in decision.trace.lines.iter().filter(|line| line.incident == Some(self.incident)) {
            match &line.because {
                // Told in full by the transitions below.
                Because::Ordered { .. }
                | Because::Delivered { .. }
                | Because::Retry { .. }
                | Because::GaveUp { .. }
                | Because::Dropped { .. } => {}
                Because::Did { who, what } if line.rule == RuleKind::Person => {
                    if !is_told_by_its_text(what) {
                        let entry = Entry { by: Some(who.to_string()), ..Entry::new(at, Kind::Action, what.as_str()) };
                        self.entries.push(entry);
                    }
                }
                because => self.entries.push(Entry::new(at, Kind::Rule, because.to_string())),
            }
        }
        decision.transitions.iter().for_each(|transition| self.changed(at, transition));
    }

    fn changed(&mut self, at: Timestamp, transition: &Transition) {
        match transition {
            Transition::NoteAdded { incident, by, text } if *incident == self.incident => {
                let text = format!("noted: {text}");
                self.entries.push(Entry { by: Some(by.label()), ..Entry::new(at, Kind::Action, text) });
            }
            Transition::Responded { incident, change: ResponseChange::UpdateAdded { by, text } }
                if *incident == self.incident =>
            {
                let text = format!("told how it stands: {text}");
                self.entries.push(Entry { by: Some(by.label()), ..Entry::new(at, Kind::Action, text) });
            }
            Transition::DeliveryOrdered(delivery) if delivery.incident == Some(self.incident) => {
                self.messages.insert(delivery.id, self.entries.len());
                self.entries.push(message(at, delivery));
            }
            Transition::DeliveryReported { delivery, attempt, outcome } => {
                let Some(entry) = self.messages.get(delivery).and_then(|at| self.entries.get_mut(*at)) else { return };
                entry.attempts = Some(*attempt);
                match outcome {
                    Outcome::Retry { .. } => {}
                    Outcome::Delivered { .. } => settle(entry, "delivered", at),
                    Outcome::Failed { error } => {
                        entry.text = format!("{} ({error})", entry.text);
                        settle(entry, "failed", at);
                    }
                }
            }
            Transition::DeliveryDropped { delivery } => {
                if let Some(entry) = self.messages.get(delivery).and_then(|at| self.entries.get_mut(*at)) {
                    settle(entry, "dropped", at);
                }
            }
            _ => {}
        }
    }
}

/// Acts whose words follow in an entry of their own.
fn is_told_by_its_text(what: &str) -> bool {
    matches!(what, "added a note" | "told how it stands")
}

fn message(at: Timestamp, delivery: &Delivery) -> Entry {
    let (to, through) = match &delivery.to {
        Recipient::Person { person, channel } => (person.to_string(), channel.to_string()),
        Recipient::Channel(destination) => (destination.to_string(), destination.channel.to_string()),
    };
    let what = delivery.purpose.as_str();
    let text = if delivery.text.is_empty() { what.to_owned() } else { format!("{what}: {}", delivery.text) };
    Entry {
        to: Some(to),
        through: Some(through),
        outcome: Some("waiting"),
        attempts: Some(0),
        ..Entry::new(at, Kind::Message, text)
    }
}

fn settle(entry: &mut Entry, outcome: &'static str, at: Timestamp) {
    entry.outcome = Some(outcome);
    entry.outcome_at = Some(at.to_string());
}

/// An incident as its records make it, with a state that holds what belongs to it. `None` when its beginning is not among them.
#[must_use]
pub fn performed_again(id: IncidentId, records: &[Record], policy: &Arc<Policy>) -> Option<(Arc<Incident>, State)> {
    let mut engine = Engine::new(Arc::clone(policy));
    for record in records {
        match &record.body {
            RecordBody::Input(input) => engine.accept(record.seq, record.at, Arc::clone(input)),
            RecordBody::Decision(decision) => {
                let kept =
                    |t: &&Transition| !matches!(t, Transition::IncidentForgotten { incident } if *incident == id);
                decision.transitions.iter().filter(kept).for_each(|transition| engine.evolve(transition));
            }
        }
    }
    let state = engine.state().clone();
    let incident = state.incidents.get(&id).cloned()?;
    Some((incident, state))
}
