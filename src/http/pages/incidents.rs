//! The incidents that are open, and one of them with its timeline.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::tz::TimeZone;

use super::{Shown, page};
use crate::channel::wording;
use crate::domain::Timestamp;
use crate::engine::response::Settlement;
use crate::engine::state::{Incident, Note, Status};
use crate::engine::{Actor, Policy};
use crate::enrich;
use crate::http::App;
use crate::http::incidents::{Filter, PAGE_ROWS, cursor, find, page as incidents_page, read_cursor, why};
use crate::http::params::Params;
use crate::http::problem::Failure;

#[derive(Template)]
#[template(path = "incidents.html", config = "src/http/pages/askama.toml")]
struct ListPage<'a> {
    organisation: &'a str,
    heading: &'static str,
    rows: Vec<Row>,
    all: bool,
    next: Option<String>,
}

/// An incident in a list.
pub(super) struct Row {
    pub id: u64,
    pub status: &'static str,
    pub by: Option<String>,
    pub priority: String,
    pub urgent: bool,
    pub headline: String,
    pub team: String,
    pub since: String,
    pub duplicates: u32,
}

impl Row {
    /// As it stands.
    pub fn of(incident: &Incident, policy: &Policy, zone: &TimeZone, now: Timestamp) -> Self {
        Self {
            id: incident.id.0,
            status: incident.status.as_str(),
            by: by(&incident.status, policy),
            priority: incident.priority.as_ref().map_or_else(|| "no priority set".to_owned(), ToString::to_string),
            urgent: incident.rank == 0 && incident.status.is_open(),
            headline: enrich::headline(incident, policy),
            team: incident.team.to_string(),
            since: wording::moment(incident.opened_at, zone, now),
            duplicates: incident.duplicates,
        }
    }
}

/// `GET /incidents`
pub async fn list(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Result<Response, Failure> {
    let params = Params::of(query, &["cursor", "status", "team"])?;
    let before = params.get("cursor").map(read_cursor).transpose()?;
    let all = params.get("status") == Some("all");
    let filter = Filter::of(&params)?;
    let found = incidents_page(&app, &filter, before, PAGE_ROWS);
    let (policy, now) = (app.handle().policy(), app.handle().now());
    let zone = wording::zone(&policy.organisation.timezone);
    let rows = found.incidents.iter().map(|incident| Row::of(incident, &policy, &zone, now));
    let suffix = if all { "&status=all" } else { "" };
    let template = ListPage {
        organisation: &policy.organisation.name,
        heading: if all { "Incidents" } else { "Open incidents" },
        rows: rows.collect(),
        all,
        next: found.next.map(|at| format!("/incidents?cursor={}{suffix}", cursor(at))),
    };
    Ok(page(StatusCode::OK, &template))
}

/// Who is on it, by name.
fn by(status: &Status, policy: &Policy) -> Option<String> {
    match status {
        Status::Acknowledged { by, .. } => Some(name(by, policy)),
        _ => None,
    }
}

pub(super) fn name(by: &Actor, policy: &Policy) -> String {
    match by {
        Actor::Person(id) | Actor::Link(id) => policy.people.get(id).map_or_else(|| id.to_string(), |p| p.name.clone()),
        other => other.label(),
    }
}

#[derive(Template)]
#[template(path = "incident.html", config = "src/http/pages/askama.toml")]
struct IncidentPage<'a> {
    organisation: &'a str,
    shown: Shown,
    notes: Vec<(String, String, String)>,
    response: Vec<(String, String)>,
    updates: Vec<(String, String, String)>,
    timeline: Vec<Line>,
}

struct Line {
    /// Only where it differs from the line before.
    at: Option<String>,
    rule: String,
    because: String,
}

/// `GET /incidents/{id}`
pub async fn incident(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Failure> {
    let incident = find(&app, &id)?;
    let explanation = why(&app, incident.id).await?;
    let (policy, now) = (app.handle().policy(), app.handle().now());
    let zone = wording::zone(&policy.organisation.timezone);
    let mut last = String::new();
    let timeline = explanation
        .map(|e| e.lines)
        .unwrap_or_default()
        .into_iter()
        .map(|line| {
            // Lines of one minute share a heading.
            let shown = Timestamp::parse(&line.at).map_or(line.at, |at| wording::moment(at, &zone, now));
            let at = (shown != last).then(|| shown.clone());
            last = shown;
            Line { at, rule: line.rule, because: line.because }
        })
        .collect();
    let template = IncidentPage {
        organisation: &policy.organisation.name,
        shown: Shown::of(&app, &incident, None, now),
        notes: notes(&incident.notes, &policy, &zone, now),
        response: response(&app, &incident, &policy, &zone, now),
        updates: notes(incident.response.as_deref().map_or(&[], |r| &r.updates), &policy, &zone, now),
        timeline,
    };
    Ok(page(StatusCode::OK, &template))
}

fn notes(notes: &[Note], policy: &Policy, zone: &TimeZone, now: Timestamp) -> Vec<(String, String, String)> {
    notes.iter().map(|n| (wording::moment(n.at, zone, now), name(&n.by, policy), n.text.clone())).collect()
}

/// How people work on it: roles, what was changed, what was merged, and its postmortem.
fn response(app: &App, incident: &Incident, policy: &Policy, zone: &TimeZone, now: Timestamp) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let known =
        |person: &crate::domain::Name| policy.people.get(person).map_or_else(|| person.to_string(), |p| p.name.clone());
    if let Some(response) = incident.response.as_deref() {
        for holder in &response.roles {
            rows.push((holder.role.to_string(), known(&holder.person)));
        }
        for change in &response.changes {
            let value = |value: &Option<crate::domain::Name>| value.as_deref().unwrap_or("unset").to_owned();
            let (from, to, by) = (value(&change.from), value(&change.to), name(&change.by, policy));
            let at = wording::moment(change.at, zone, now);
            rows.push((change.of.as_str().to_owned(), format!("{from} to {to} by {by}, {at}")));
        }
        if let Some(into) = response.merged_into {
            rows.push(("merged".to_owned(), format!("goes on in incident {into}")));
        }
        for (id, _) in &response.merged {
            rows.push(("merged".to_owned(), format!("incident {id} goes on here")));
        }
    }
    if let Some(due) = incident.update_due.filter(|_| incident.status.is_open()) {
        rows.push(("next update".to_owned(), format!("due {}", wording::moment(due, zone, now))));
    }
    if let Some(known) = app.handle().read(|state| state.postmortems.get(&incident.id).cloned()) {
        let text = match known.settled.as_ref().map(|settled| &settled.how) {
            Some(Settlement::Written { url }) => format!("written: {url}"),
            Some(Settlement::Waived { reason }) => format!("waived: {reason}"),
            None => format!("due {}", wording::moment(known.due, zone, now)),
        };
        rows.push(("postmortem".to_owned(), text));
    }
    rows
}
