//! The record of an incident: its timeline, its postmortem, and what people do about the response.

use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::incidents::{actor, may_act, unreadable};
use super::openapi::{Content, Kind, Operation, Param};
use super::params::{Params, bad, command};
use super::problem::{BAD_COMMAND, CONFLICT, Failure};
use super::view::TEXT_BYTES_MAX;
use super::{App, postmortem as page};
use crate::auth::Principal;
use crate::channel::text::web_url;
use crate::domain::{IncidentId, Name, Timestamp};
use crate::engine::response::{Postmortem, Settlement};
use crate::engine::state::Incident;
use crate::engine::{Command, Policy, Verb};
use crate::ingest::limits::URL_BYTES_MAX;
use crate::journal::Record;
use crate::projection::{Timeline, performed_again};

/// For `/openapi.json`.
pub const DESCRIBED: &[Operation] = &[
    Operation::new("GET", "/v1/incidents/{id}/timeline", "What happened, who did what and who was told, in order")
        .answers(&[(200, Content::Json("Timeline"))])
        .refuses(&[404]),
    Operation::new("GET", "/v1/incidents/{id}/postmortem", "The postmortem with what is known filled in, as Markdown")
        .answers(&[(200, Content::Markdown)])
        .refuses(&[404]),
    Operation::new("POST", "/v1/incidents/{id}/postmortem", "The postmortem is written, or there will be none")
        .body("Settlement")
        .answers(&[(200, Content::Json("Postmortem"))])
        .refuses(&[404, 409, 422]),
    Operation::new("GET", "/v1/postmortems", "Postmortems that priorities ask for, the longest due first")
        .query(&[
            Param("team", Kind::Text, "of this team"),
            Param("status", Kind::Word(&["open", "overdue", "settled", "all"]), "default: open"),
        ])
        .answers(&[(200, Content::Json("Postmortems"))])
        .refuses(&[400]),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MergeBody {
    into: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateBody {
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleBody {
    role: Name,
    /// Must be there, so that a forgotten one takes nobody's role away.
    #[serde(deserialize_with = "Option::deserialize")]
    person: Option<Name>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettleBody {
    url: Option<String>,
    waived: Option<String>,
}

/// Reads `merge`, `update` or `role`.
pub async fn read(verb: &str, request: Request, incident: IncidentId, policy: &Policy) -> Result<Verb, Failure> {
    let wrong = |detail: String| Failure::new(&BAD_COMMAND, detail);
    match verb {
        "merge" => {
            let MergeBody { into } = command(request).await?;
            Ok(Verb::Merge { incident, into: IncidentId(into) })
        }
        "update" => {
            let UpdateBody { text } = command(request).await?;
            check_text("text", &text).map_err(wrong)?;
            Ok(Verb::StatusUpdate { incident, text })
        }
        _ => {
            let RoleBody { role, person } = command(request).await?;
            let known = roles(policy);
            if !known.contains(&role) {
                let known: Vec<&str> = known.iter().map(Name::as_str).collect();
                return Err(wrong(format!("there is no role `{role}`; there are: {}", known.join(", "))));
            }
            if let Some(person) = person.as_ref().filter(|person| !policy.people.contains_key(*person)) {
                return Err(wrong(format!("there is no person `{person}` in the configuration")));
            }
            Ok(Verb::AssignRole { incident, role, person })
        }
    }
}

fn check_text(name: &str, text: &str) -> Result<(), String> {
    let fits = !text.trim().is_empty() && text.len() <= TEXT_BYTES_MAX;
    if fits { Ok(()) } else { Err(format!("`{name}` must say something, in at most {TEXT_BYTES_MAX} bytes")) }
}

/// Roles that anybody may have: those of the book, and those of the configuration.
fn roles(policy: &Policy) -> Vec<Name> {
    let of_teams = policy.teams.values().flat_map(|team| team.roles.keys());
    let all = policy.roles.keys().chain(of_teams).cloned();
    let mut all: Vec<Name> = ["coordinator", "communicator", "expert"].into_iter().map(Name::from).chain(all).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Whether one incident may go on in the other.
pub fn check_merge(incident: &Incident, other: &Incident) -> Result<(), Failure> {
    let (id, into) = (incident.id, other.id);
    if id == into {
        return Err(Failure::new(&BAD_COMMAND, format!("incident {id} cannot be merged into itself")));
    }
    if let Some(further) = other.merged_into() {
        let text = format!("incident {into} was itself merged into incident {further}; merge into that one");
        return Err(Failure::new(&CONFLICT, text));
    }
    if !other.status.is_open() {
        return Err(Failure::new(&CONFLICT, format!("incident {into} is resolved; reopen it, or merge the other way")));
    }
    Ok(())
}

/// The records of an incident, or that there are none.
async fn records(app: &App, id: &str) -> Result<(IncidentId, Vec<Record>), Failure> {
    let unknown =
        || Failure::not_found(format!("incident `{}` in the journal", id.chars().take(64).collect::<String>()));
    let id: IncidentId = id.parse().map_err(|_| unknown())?;
    let records = app.handle().records(id).await.map_err(unreadable)?;
    if records.is_empty() { Err(unknown()) } else { Ok((id, records)) }
}

/// `GET /v1/incidents/{id}/timeline`
pub async fn timeline(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Failure> {
    let (id, records) = records(&app, &id).await?;
    Ok(Json(Timeline::of(id, &records)).into_response())
}

/// `GET /v1/incidents/{id}/postmortem`
pub async fn postmortem(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Failure> {
    let (id, records) = records(&app, &id).await?;
    let policy = app.handle().policy();
    let found = performed_again(id, &records, &policy);
    let beginning = "the beginning of the incident, which the journal does not keep any more";
    let (incident, state) = found.ok_or_else(|| Failure::not_found(beginning))?;
    let incident = app.handle().read(|live| live.incidents.get(&id).cloned()).unwrap_or(incident);
    let text = page::markdown(&incident, &state, &policy, &Timeline::of(id, &records));
    Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], text).into_response())
}

/// `POST /v1/incidents/{id}/postmortem`
pub async fn settle(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let none = || Failure::not_found("postmortem that this incident asks for");
    let id: IncidentId = id.parse().map_err(|_| none())?;
    if let Some(incident) = app.handle().read(|state| state.incidents.get(&id).cloned()) {
        may_act(&principal, Some(&incident.team))?;
    }
    let known = find(&app, id).ok_or_else(none)?;
    may_act(&principal, Some(&known.team))?;
    let how = settlement(command(request).await?).map_err(|text| Failure::new(&BAD_COMMAND, text))?;
    if let Some(settled) = &known.settled {
        let text = format!("the postmortem of incident {id} was settled by {} at {}", settled.by.label(), settled.at);
        return Err(Failure::new(&CONFLICT, text));
    }
    let verb = Verb::SettlePostmortem { incident: id, how };
    app.handle().command(Command { by: actor(&principal), verb }).await?;
    let known = find(&app, id).ok_or_else(none)?;
    Ok(Json(PostmortemView::of(&known, app.handle().now())).into_response())
}

fn settlement(body: SettleBody) -> Result<Settlement, String> {
    match (body.url, body.waived) {
        (Some(url), None) => match web_url(&url, URL_BYTES_MAX) {
            Some(url) => Ok(Settlement::Written { url }),
            None => Err(format!("`url` is an http or https address of at most {URL_BYTES_MAX} bytes")),
        },
        (None, Some(reason)) => check_text("waived", &reason).map(|()| Settlement::Waived { reason }),
        _ => Err("say either `url`, where it was written, or `waived`, why there will be none".to_owned()),
    }
}

fn find(app: &App, id: IncidentId) -> Option<Arc<Postmortem>> {
    app.handle().read(|state| state.postmortems.get(&id).cloned())
}

#[derive(Serialize)]
struct PostmortemView {
    incident: u64,
    team: String,
    priority: String,
    key: String,
    resolved_at: String,
    due_at: String,
    overdue: bool,
    settled: Option<serde_json::Value>,
}

impl PostmortemView {
    fn of(known: &Postmortem, now: Timestamp) -> Self {
        let settled = known.settled.as_ref().map(|settled| {
            let (url, waived) = match &settled.how {
                Settlement::Written { url } => (Some(url), None),
                Settlement::Waived { reason } => (None, Some(reason)),
            };
            json!({ "at": settled.at.to_string(), "by": settled.by.label(), "url": url, "waived": waived })
        });
        Self {
            incident: known.incident.0,
            team: known.team.to_string(),
            priority: known.priority.to_string(),
            key: known.key.to_string(),
            resolved_at: known.resolved_at.to_string(),
            due_at: known.due.to_string(),
            overdue: is_overdue(known, now),
            settled,
        }
    }
}

fn is_overdue(known: &Postmortem, now: Timestamp) -> bool {
    known.settled.is_none() && (known.asked > 0 || known.due <= now)
}

/// `GET /v1/postmortems`
pub async fn postmortems(
    State(app): State<App>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let params = Params::of(query, &["team", "status"])?;
    let status = params.get("status").unwrap_or("open");
    if !["open", "overdue", "settled", "all"].contains(&status) {
        return Err(bad("status", "write open, overdue, settled or all"));
    }
    let (team, now) = (params.get("team"), app.handle().now());
    let mut found: Vec<Arc<Postmortem>> = app.handle().read(|state| state.postmortems.values().cloned().collect());
    found.retain(|known| {
        let wanted = match status {
            "open" => known.settled.is_none(),
            "overdue" => is_overdue(known, now),
            "settled" => known.settled.is_some(),
            _ => true,
        };
        wanted && team.is_none_or(|team| known.team == team)
    });
    found.sort_by_key(|known| (known.settled.is_some(), known.due));
    let rows: Vec<PostmortemView> = found.iter().map(|known| PostmortemView::of(known, now)).collect();
    Ok(Json(json!({ "postmortems": rows })).into_response())
}
