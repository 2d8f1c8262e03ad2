//! What a message says: the incident as it stands, looked up in event, policy and state, and put into words.
//!
//! The first line must be enough to decide whether to get up. Every text that came from outside is made one line (summaries keep
//! their lines), stripped of characters that are not seen, and cut at a named limit. Escaping is each channel's own.
//!
//! Absent on purpose: waiting. Nothing here asks another service, so a page is never late for its decoration; what senders look up
//! they send along. Also absent: the reader. Who reads decides only the zone of the times.

mod code;
mod dependencies;
mod deployments;
mod digest;
mod facts;
mod handoff;
mod headline;
mod links;
mod measured;
mod picture;
mod told;
mod words;

#[cfg(test)]
mod limit_tests;
#[cfg(test)]
mod tests;

pub use code::code;
pub use digest::Gathering;
pub use handoff::{Found, NAMED_MAX as HANDOFF_NAMED_MAX, handoff, handoff_link};
pub use links::work_items;
pub use picture::chart;

use jiff::tz::TimeZone;

use crate::channel::text::short;
use crate::channel::{ActionLinks, Choices, Content, Urgency, wording};
use crate::domain::{Event, EventStatus, Labels, Timestamp};
use crate::engine::policy::{Service, Slo};
use crate::engine::state::{Archive, Incident, Status};
use crate::engine::{Actor, Policy, State};

/// Characters of a name: a service, a person, a version. Beyond, it is cut.
const NAME_MAX: usize = 120;
/// Characters of a value in a fact. Beyond, it is cut.
const VALUE_MAX: usize = 300;
/// Characters of a headline. Beyond, it is cut.
const HEADLINE_MAX: usize = 240;
/// Characters of a subject, without the incident's number. Beyond, it is cut.
const SUBJECT_MAX: usize = 120;
/// Characters of a summary. Beyond, it is cut.
const SUMMARY_MAX: usize = 1_000;
/// Details shown. Beyond: left out; the incident's page has them.
const DETAILS_MAX: usize = 40;
/// Deployments shown, newest first. Beyond: left out.
const DEPLOYMENTS_MAX: usize = 5;
/// Dependencies shown. Beyond: left out.
const DEPENDENCIES_MAX: usize = 10;
/// Links shown. Beyond: left out.
const LINKS_MAX: usize = 10;
/// Bytes of a URL. Beyond: left out, since half a link leads nowhere.
const URL_MAX: usize = 2_000;
/// People and channels named as told. Beyond: left out.
const TOLD_MAX: usize = 50;
/// Labels and annotations passed on to programs, each. Beyond: left out.
const LABELS_MAX: usize = 128;
/// Characters of a label's or annotation's value that is passed on to programs. Beyond: it is cut.
const LABEL_VALUE_MAX: usize = 4_096;

/// What all parts of a message look at.
struct View<'a> {
    incident: &'a Incident,
    /// The newest event that says how bad it is: not the one that says that it is over.
    event: &'a Event,
    policy: &'a Policy,
    service: Option<&'a Service>,
    slo: Option<&'a Slo>,
    /// The service level, where callout has samples of it.
    standing: Option<measured::Standing<'a>>,
    zone: TimeZone,
    /// Engine time.
    now: Timestamp,
}

/// The content of a message about `incident`, with times in the organisation's zone. `links` are those to act, if any can be made.
#[must_use]
pub fn content(incident: &Incident, policy: &Policy, links: Option<ActionLinks>, state: &State) -> Content {
    content_in_zone(incident, policy, links, state, &policy.organisation.timezone, state.now)
}

/// The same with times in another zone (IANA), such as that of the person who is paged, as of `now`, which may be a little later than the
/// state. An unknown zone reads as UTC.
#[must_use]
pub fn content_in_zone(
    incident: &Incident,
    policy: &Policy,
    links: Option<ActionLinks>,
    state: &State,
    timezone: &str,
    now: Timestamp,
) -> Content {
    let view = View::in_state(incident, policy, wording::zone(timezone), state, now);
    let event = view.event;
    let headline = headline::headline(&view);
    let priority = incident.priority.as_ref();
    Content {
        incident: incident.id,
        key: short(&incident.key, VALUE_MAX),
        status: incident.status.clone(),
        status_by: actor(&incident.status).map(|by| person_name(policy, by)),
        priority: priority.map(|p| short(p, NAME_MAX)),
        priority_meaning: priority
            .and_then(|p| policy.priorities.get(p)?.meaning.as_deref())
            .map(|meaning| short(meaning, VALUE_MAX)),
        urgency: urgency(incident),
        severity: incident.severity.as_ref().map(|s| short(s, NAME_MAX)),
        subject: headline::subject(&view),
        summary: headline::summary(event, &headline),
        headline,
        team: short(&incident.team, NAME_MAX),
        unowned: incident.unowned,
        drill: incident.is_drill(),
        service: event.service.as_ref().map(|s| short(s, NAME_MAX)),
        measured: measured::measured(&view),
        picture: None,
        facts: facts::facts(&view),
        details: facts::details(&view),
        deployments: deployments::deployments(&view),
        dependencies: dependencies::dependencies(&view),
        told: told::told(&view, state),
        links: links::links(&view),
        actions: links,
        opened_at: incident.opened_at,
        resolved_at: match &incident.status {
            Status::Resolved { at, .. } => Some(*at),
            _ => None,
        },
        merged_into: incident.merged_into().map(|into| into.0),
        timezone: timezone.to_owned(),
        labels: for_programs(&event.labels),
        annotations: for_programs(&event.annotations),
        choices: choices(incident, policy),
    }
}

/// The priorities beside its own, and where its escalation stands.
fn choices(incident: &Incident, policy: &Policy) -> Choices {
    let mut names: Vec<_> = policy.priorities.iter().collect();
    names.sort_by_key(|(_, priority)| priority.rank);
    let less = names.iter().find(|(_, priority)| priority.rank > incident.rank);
    let more = names.iter().rev().find(|(_, priority)| priority.rank < incident.rank);
    Choices {
        raise: more.map(|(name, _)| (*name).clone()),
        lower: less.map(|(name, _)| (*name).clone()),
        escalation: incident.escalation.as_ref().map(|escalation| (escalation.pass, escalation.step)),
        room: incident.room.as_deref().filter(|room| room.archive != Archive::Done).map(|room| room.receipt.clone()),
    }
}

/// The headline alone, for lists.
#[must_use]
pub fn headline(incident: &Incident, policy: &Policy) -> String {
    headline::headline(&View::new(incident, policy, TimeZone::UTC, incident.updated_at))
}

impl<'a> View<'a> {
    fn new(incident: &'a Incident, policy: &'a Policy, zone: TimeZone, now: Timestamp) -> Self {
        let latest = incident.latest.as_deref().filter(|event| event.status == EventStatus::Firing);
        let event = latest.unwrap_or(&incident.event);
        let service = event.service.as_ref().and_then(|name| policy.services.get(name));
        let slo = service.zip(incident.slo.as_ref()).and_then(|(service, name)| {
            let mut all = service.slos.iter().chain(service.default_slos.values());
            all.find(|slo| slo.name == *name).map(|slo| &**slo)
        });
        Self { incident, event, policy, service, slo, standing: None, zone, now }
    }

    /// With what is known of the service level at `now`.
    fn in_state(incident: &'a Incident, policy: &'a Policy, zone: TimeZone, state: &'a State, now: Timestamp) -> Self {
        let standing = measured::Standing::of(incident, state, now);
        Self { standing, ..Self::new(incident, policy, zone, now) }
    }

    /// An instant for people, local and in UTC.
    fn moment(&self, at: Timestamp) -> String {
        wording::moment(at, &self.zone, self.now)
    }
}

const fn urgency(incident: &Incident) -> Urgency {
    if !incident.status.is_open() {
        Urgency::Over
    } else if incident.rank == 0 {
        Urgency::High
    } else {
        Urgency::Normal
    }
}

const fn actor(status: &Status) -> Option<&Actor> {
    match status {
        Status::Triggered => None,
        Status::Acknowledged { by, .. } | Status::Snoozed { by, .. } | Status::Resolved { by, .. } => Some(by),
    }
}

/// A person by name, anybody else by what is known of them.
fn person_name(policy: &Policy, by: &Actor) -> String {
    match by {
        Actor::Person(id) | Actor::Link(id) => match policy.people.get(id) {
            Some(person) => short(&person.name, NAME_MAX),
            None => short(id, NAME_MAX),
        },
        other => short(&other.label(), NAME_MAX),
    }
}

/// Labels as they were sent, but for lengths and characters that are not seen.
fn for_programs(labels: &Labels) -> Vec<(String, String)> {
    let clean = |text: &str| words::plain_lines(text, LABEL_VALUE_MAX).into_owned();
    labels.iter().take(LABELS_MAX).map(|(name, value)| (clean(name), clean(value))).collect()
}
