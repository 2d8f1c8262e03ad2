//! The words for people who act in Slack: exact, kind, and escaped.

use crate::channel::slack::escape::line;
use crate::channel::wording;
use crate::domain::{Name, Timestamp};
use crate::engine::Policy;
use crate::engine::state::{Incident, Status};
use crate::enrich;
use crate::runtime::slack::Unknown;

/// Characters of a headline in an answer. Beyond: it is cut, with an ellipsis.
const HEADLINE_MAX: usize = 200;
/// Characters of what somebody typed, repeated. Beyond: it is cut, with an ellipsis.
const TYPED_MAX: usize = 80;

/// When it could not be written down.
pub const NOT_WRITTEN: &str = "callout could not write it down, so nothing was done. Please try again in a moment.";

/// Why whoever asks may not, since it is not known who they are.
pub fn stranger(id: &str, why: Unknown) -> String {
    match why {
        Unknown::Stranger => format!(
            "Sorry, callout does not know you yet, so nothing was done. Ask whoever keeps its configuration to add `slack = \"{}\"` to you in `[people]`.",
            line(id, TYPED_MAX)
        ),
        Unknown::Unanswered => {
            "callout could not ask Slack who you are, so nothing was done. Please try again in a moment.".to_owned()
        }
    }
}

/// Why a person may not act on an incident.
pub fn not_yours(incident: &Incident, policy: &Policy) -> String {
    format!(
        "Sorry, {} belongs to team {}, and you are neither in it nor on call for it, so nothing was done. {}",
        name(incident, policy),
        line(&incident.team, TYPED_MAX),
        whom_to_ask(incident, policy)
    )
}

fn whom_to_ask(incident: &Incident, policy: &Policy) -> String {
    match incident.paged.last() {
        Some(person) => format!("{} was paged last.", person_name(policy, person)),
        None => "Nobody was paged for it.".to_owned(),
    }
}

/// `#17 (data-api: everything is slow)`
pub fn name(incident: &Incident, policy: &Policy) -> String {
    format!("#{} ({})", incident.id, line(&enrich::headline(incident, policy), HEADLINE_MAX))
}

/// A person's name for people.
pub fn person_name(policy: &Policy, id: &str) -> String {
    line(policy.people.get(id).map_or(id, |person| person.name.as_str()), TYPED_MAX)
}

/// Several people's names.
pub fn people_names(policy: &Policy, ids: &[Name]) -> String {
    ids.iter().map(|id| person_name(policy, id)).collect::<Vec<_>>().join(", ")
}

/// What somebody typed.
pub fn typed(text: &str) -> String {
    line(text, TYPED_MAX)
}

/// Where an incident stands, in a sentence: `#17 (…) was acknowledged by Ana Ruiz at 21:18 CET (20:18 UTC).`
pub fn stands(incident: &Incident, policy: &Policy, zone: &jiff::tz::TimeZone, now: Timestamp) -> String {
    let name = name(incident, policy);
    let at = |at: Timestamp| wording::moment(at, zone, now);
    let who = |by: &crate::engine::Actor| match by {
        crate::engine::Actor::Person(id) | crate::engine::Actor::Link(id) => person_name(policy, id),
        other => line(&other.label(), TYPED_MAX),
    };
    match &incident.status {
        Status::Triggered => format!("{name} is open, and nobody is on it."),
        Status::Acknowledged { by, at: when, .. } => {
            format!("{name} was acknowledged by {} at {}.", who(by), at(*when))
        }
        Status::Snoozed { by, until, .. } => format!("{name} was snoozed by {} until {}.", who(by), at(*until)),
        Status::Resolved { by, at: when } => format!("{name} was resolved by {} at {}.", who(by), at(*when)),
    }
}
