//! Doing what a person in Slack wants, if they may and it still makes sense; and the sentence that says what came of it.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::{Said, say};
use crate::auth::act::{may_act, may_act_for};
use crate::channel::wording;
use crate::domain::{DigestId, IncidentId, Name, Timestamp};
use crate::engine::state::{Incident, Status};
use crate::engine::{Actor, Command, Verb};
use crate::http::App;
use crate::http::incidents::check_state;
use crate::runtime::slack::Workspace;

/// Whoever acts.
#[derive(Debug, Clone)]
pub struct Person {
    /// Their id.
    pub id: Name,
    /// The zone in which they read times.
    pub zone: TimeZone,
}

/// Who a Slack member is, or the words for a stranger.
pub async fn person(app: &App, workspace: &Workspace, user: &str, is_guest: bool) -> Result<Person, Said> {
    let (settings, policy) = (app.handle().settings(), app.handle().policy());
    let found = workspace.person(user, is_guest, &settings.directory, app.handle().now()).await;
    let id = found.map_err(|why| Said::Text(say::stranger(user, why)))?;
    let own = policy.people.get(&id).and_then(|person| person.timezone.clone());
    let zone = wording::zone(own.as_deref().unwrap_or(&policy.organisation.timezone));
    Ok(Person { id, zone })
}

/// An incident by number, or the words for none.
pub fn find(app: &App, id: IncidentId) -> Result<Arc<Incident>, Said> {
    app.handle().read(|state| state.incidents.get(&id).cloned()).ok_or_else(|| {
        Said::Text(format!(
            "There is no incident #{id} any more, or there never was; what is over is forgotten after a day."
        ))
    })
}

/// Whether a person may act on an incident.
pub fn permit(app: &App, workspace: &Workspace, person: &Person, incident: &Incident) -> Result<(), Said> {
    let (policy, now) = (app.handle().policy(), app.handle().now());
    let rota = app.handle().read(|state| Arc::clone(&state.rota));
    if may_act(workspace.act, &person.id, incident, &policy, &rota, now) {
        return Ok(());
    }
    Err(Said::Text(say::not_yours(incident, &policy)))
}

/// Does it. The answer says what everybody can see only if `aloud`.
pub async fn act(app: &App, workspace: &Workspace, person: &Person, verb: Verb, aloud: bool) -> Result<Said, Said> {
    let Some(id) = verb.incident() else { return Ok(Said::Quiet) };
    let before = find(app, id)?;
    permit(app, workspace, person, &before)?;
    let stands = |incident: &Incident| say::stands(incident, &app.handle().policy(), &person.zone, app.handle().now());
    if check_state(&before, &verb).is_err() {
        let again = already(&before, &verb, &person.id);
        return Err(Said::Text(format!("{again}{}", stands(&before))));
    }
    if let Some(why) = moved_on(&before, &verb) {
        return Err(Said::Text(why));
    }
    let by = Actor::Person(person.id.clone());
    if app.handle().command(Command { by, verb: verb.clone() }).await.is_err() {
        return Err(Said::Failed(say::NOT_WRITTEN.to_owned()));
    }
    let after = find(app, id)?;
    // Of two who were at it at once, one was first; the other hears so.
    if !came_true(&after, &verb, &person.id) {
        return Ok(Said::Text(format!("Somebody was faster. {}", stands(&after))));
    }
    let seen = matches!(
        verb,
        Verb::Acknowledge { .. } | Verb::Snooze { .. } | Verb::Resolve { .. } | Verb::SetPriority { .. }
    );
    Ok(if seen && !aloud { Said::Quiet } else { Said::Text(done(app, &after, &verb, person)) })
}

/// Acknowledges everything in a digest.
pub async fn acknowledge_digest(
    app: &App,
    workspace: &Workspace,
    person: &Person,
    digest: DigestId,
) -> Result<Said, Said> {
    let policy = app.handle().policy();
    let Some(known) = app.handle().read(|state| state.digests.get(&digest).cloned()) else {
        return Err(Said::Text("Everything in this message is over since some time.".to_owned()));
    };
    let ids: Vec<IncidentId> = known.entries.keys().copied().collect();
    for part in ids.chunks(1_024) {
        let found: Vec<Arc<Incident>> =
            app.handle().read(|state| part.iter().filter_map(|id| state.incidents.get(id).cloned()).collect());
        let foreign = found.iter().find(|incident| {
            !may_act_for(workspace.act, &person.id, &incident.team, &policy) && !incident.paged.contains(&person.id)
        });
        if let Some(foreign) = foreign {
            let why = say::not_yours(foreign, &policy);
            return Err(Said::Text(format!("{why} Acknowledge yours one by one.")));
        }
    }
    let by = Actor::Person(person.id.clone());
    match app.handle().command(Command { by, verb: Verb::AcknowledgeDigest { digest } }).await {
        Ok(()) => Ok(Said::Text("You are on everything in this message that waited.".to_owned())),
        Err(_) => Err(Said::Failed(say::NOT_WRITTEN.to_owned())),
    }
}

/// Before where it stands: that the same person did the same before.
fn already(incident: &Incident, verb: &Verb, person: &Name) -> &'static str {
    let by = match (&incident.status, verb) {
        (Status::Acknowledged { by, .. }, Verb::Acknowledge { .. }) | (Status::Resolved { by, .. }, _) => Some(by),
        _ => None,
    };
    match by {
        Some(Actor::Person(id) | Actor::Link(id)) if id == person => "You did that already. ",
        Some(_) => "Somebody was faster. ",
        None => "There is nothing to do. ",
    }
}

/// Why a wish that was for a certain moment comes too late.
fn moved_on(incident: &Incident, verb: &Verb) -> Option<String> {
    match (verb, incident.escalation.as_ref()) {
        (Verb::EscalateFrom { .. }, None) => {
            Some(format!("#{} has no escalation policy, so there is no next step.", incident.id))
        }
        (Verb::EscalateFrom { round, step, .. }, Some(stands)) if (stands.pass, stands.step) != (*round, *step) => {
            Some(format!(
                "#{} was escalated already: step {} of {} was told. Press again in the newest message to go further.",
                incident.id,
                stands.step + 1,
                stands.policy.steps.len()
            ))
        }
        (Verb::SetPriority { priority, .. }, _) if incident.priority == *priority => Some(format!(
            "#{} has priority {} already.",
            incident.id,
            say::typed(priority.as_deref().unwrap_or("none"))
        )),
        _ => None,
    }
}

fn came_true(incident: &Incident, verb: &Verb, person: &Name) -> bool {
    let is_by = |by: &Actor| *by == Actor::Person(person.clone());
    match (verb, &incident.status) {
        (Verb::Acknowledge { .. }, Status::Acknowledged { by, .. })
        | (Verb::Snooze { .. }, Status::Snoozed { by, .. })
        | (Verb::Resolve { .. }, Status::Resolved { by, .. }) => is_by(by),
        (Verb::Acknowledge { .. } | Verb::Snooze { .. } | Verb::Resolve { .. }, _) => false,
        (Verb::SetPriority { priority, .. }, _) => incident.priority == *priority,
        (Verb::EscalateFrom { round, step, .. }, _) => {
            incident.escalation.as_ref().is_none_or(|stands| (stands.pass, stands.step) != (*round, *step))
        }
        _ => true,
    }
}

fn done(app: &App, incident: &Incident, verb: &Verb, person: &Person) -> String {
    let (policy, now) = (app.handle().policy(), app.handle().now());
    let name = say::name(incident, &policy);
    match verb {
        Verb::Acknowledge { .. } => {
            format!("You are on {name}. The escalation stops; it stays open until it is resolved.")
        }
        Verb::Unacknowledge { .. } => format!("You gave {name} back. The escalation begins again."),
        Verb::Snooze { until, .. } => {
            format!("{name} stays quiet until {}.", wording::moment(*until, &person.zone, now))
        }
        Verb::Resolve { .. } => format!("{name} is resolved. Everybody who was told hears of it."),
        Verb::Reopen { .. } => format!("{name} is open again."),
        Verb::SetPriority { priority, .. } => {
            format!("{name} has priority {} now.", say::typed(priority.as_deref().unwrap_or("none")))
        }
        Verb::Note { .. } => format!("Your note is with {name}."),
        Verb::ReassignPeople { people, .. } => {
            format!("{name} went to {}, who are paged now.", say::people_names(&policy, people))
        }
        Verb::Escalate { .. } | Verb::EscalateFrom { .. } => {
            let step = incident.escalation.as_ref().map(|stands| (stands.step + 1, stands.policy.steps.len()));
            match step {
                Some((step, steps)) => format!("{name} was escalated: step {step} of {steps} is told now."),
                None => format!("{name} was escalated."),
            }
        }
        _ => format!("Done: {name}."),
    }
}

/// Until when a word of the snooze menu lasts.
pub fn until(word: &str, person: &Person, now: Timestamp) -> Option<Timestamp> {
    crate::http::pages::snooze_until(word, &person.zone, now)
}
