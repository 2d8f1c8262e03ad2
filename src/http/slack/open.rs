//! An incident opened by hand: an event like any other, which finds its team, its people and its rooms by the rules of all events.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::act::Person;
use super::{Said, say};
use crate::auth::slack::{mark, mark_name};
use crate::channel::slack::modal;
use crate::channel::text::one_line;
use crate::domain::{Event, EventId, EventKind, EventStatus, Fingerprint, IncidentId, LabelsBuilder, Name, Source};
use crate::http::App;
use crate::runtime::Incoming;
use crate::runtime::slack::Workspace;

/// The incident that comes of an event is waited for so long. Beyond: it is said that it is written down.
const OPENED_WITHIN: Duration = Duration::from_millis(800);
/// How often it is looked for.
const LOOKED: Duration = Duration::from_millis(10);

/// What is wrong, as a person says it.
pub struct Report {
    /// Service.
    pub service: Name,
    /// In a sentence.
    pub summary: String,
    /// Priority, where they chose one.
    pub priority: Option<Name>,
    /// What makes the same wish twice one: Slack's name for it.
    pub once: String,
}

/// From the form. Its id is the same however often it is sent.
pub async fn by_form(app: &App, workspace: &Workspace, person: &Person, view: &Value) -> Result<Said, Said> {
    let policy = app.handle().policy();
    let Some(service) = modal::field(view, "service").map(Name::from) else {
        return Err(Said::Wrong("service", "Say which service it is.".to_owned()));
    };
    if !policy.services.contains_key(&service) {
        let near = nearest(&service, policy.services.keys());
        return Err(Said::Wrong("service", format!("There is no service `{service}`.{near}")));
    }
    let Some(summary) = modal::field(view, "summary") else {
        return Err(Said::Wrong("summary", "Say what is wrong.".to_owned()));
    };
    let priority = modal::field(view, "priority").map(Name::from).filter(|p| policy.priorities.contains_key(p));
    let once = format!("{}/{}", workspace.name, view["id"].as_str().unwrap_or_default());
    let said = open(app, person, Report { service, summary, priority, once }).await?;
    Ok(match said {
        Said::Text(text) => Said::View(modal::said("Incident", &text)),
        other => other,
    })
}

/// Opens it. The same wish again answers with the same incident.
pub async fn open(app: &App, person: &Person, report: Report) -> Result<Said, Said> {
    let event = event(app, person, &report);
    let fingerprint = event.fingerprint();
    let accepted = app.handle().accept(vec![Incoming::New(Arc::new(event))]).await;
    let Ok(accepted) = accepted else { return Err(Said::Failed(say::NOT_WRITTEN.to_owned())) };
    let Some(id) = accepted.first().map(|accepted| accepted.event) else { return Ok(Said::Quiet) };
    let policy = app.handle().policy();
    Ok(Said::Text(match incident_of(app, fingerprint, id).await {
        Some(incident) => {
            let incident = super::act::find(app, incident)?;
            let name = say::name(&incident, &policy);
            if incident.event_id == id {
                format!("You opened {name}. Team {} hears of it.", say::typed(&incident.team))
            } else {
                format!("It is part of {name}, which is open already.")
            }
        }
        None => format!(
            "It is written down as {id}. No incident has come of it yet: a silence, a maintenance window, or a moment's patience."
        ),
    }))
}

fn event(app: &App, person: &Person, report: &Report) -> Event {
    let summary = one_line(&report.summary).into_owned();
    let mut labels = LabelsBuilder::with_capacity(4);
    labels.push("alertname", "Reported by a person");
    // Two reports of the same in other words are two incidents; the same words again are the same.
    labels.push("report", mark_name(&mark("report", &summary)));
    if let Some(priority) = &report.priority {
        labels.push("priority", priority.clone());
    }
    let mut annotations = LabelsBuilder::with_capacity(2);
    annotations.push("summary", summary);
    annotations.push("reported_by", person.id.clone());
    Event {
        kind: EventKind::Resource,
        status: EventStatus::Firing,
        source: Source::Manual,
        at: app.handle().now(),
        ends_at: None,
        idempotency: Some(compact_str::format_compact!("slack/{}", mark_name(&mark("open", &report.once)))),
        team: None,
        service: Some(report.service.clone()),
        endpoint: None,
        sli: None,
        slo: None,
        objective: None,
        environment: None,
        region: None,
        window: None,
        labels: labels.build().unwrap_or_default(),
        annotations: annotations.build().unwrap_or_default(),
        detail: None,
    }
}

/// The incident that an event opened or became part of, once it was judged.
async fn incident_of(app: &App, source: Fingerprint, event: EventId) -> Option<IncidentId> {
    let found = || {
        app.handle().read(|state| {
            let judged = state.alerts.get(&source).filter(|alert| alert.event_id.0 >= event.0);
            judged.and_then(|alert| alert.incident)
        })
    };
    let deadline = app.handle().clock().instant() + OPENED_WITHIN;
    loop {
        if let Some(id) = found() {
            return Some(id);
        }
        if app.handle().clock().instant() >= deadline {
            return None;
        }
        tokio::time::sleep(LOOKED).await;
    }
}

/// ` Did you mean …?`, where something is near.
pub fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a Name>) -> String {
    let near = crate::config::nearest(text, names.map(Name::as_str));
    near.map_or_else(String::new, |near| format!(" Did you mean `{near}`?"))
}
