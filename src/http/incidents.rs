//! Incidents: the list, one of them, why, and what people do to them.

use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::openapi::{Content, Kind, Operation, Param};
use super::params::{Params, bad, command};
use super::problem::{BAD_COMMAND, CONFLICT, FORBIDDEN, Failure, INTERNAL};
use super::view::{IncidentView, TEXT_BYTES_MAX};
use super::{App, record};
use crate::auth::Principal;
use crate::domain::{IncidentId, Name, Span, Timestamp};
use crate::engine::state::{Incident, Status};
use crate::engine::{Actor, Command, Policy, Verb};
use crate::projection::Explanation;

/// Rows of a page unless said otherwise.
pub const PAGE_ROWS: usize = 50;
/// Rows of a page at most. Beyond: 400.
pub const PAGE_ROWS_MAX: usize = 500;
/// Rows looked at while the state is held; the shard waits meanwhile.
const CHUNK_ROWS: usize = 2_048;
/// Rows looked at for one page. Beyond: the page ends short, with a cursor to go on.
pub const SCAN_ROWS_MAX: usize = 200_000;
/// The longest snooze. Beyond: 422.
pub const SNOOZE_MAX: Span = Span::from_hours(24 * 30);
/// People that an incident may be handed to at once. Beyond: 422.
pub const REASSIGN_MAX: usize = 50;

/// For `/openapi.json`.
pub const DESCRIBED: &[Operation] = &[
    Operation::new("GET", "/v1/incidents", "Incidents, newest first")
        .query(&[
            Param(
                "status",
                Kind::Word(&["open", "triggered", "acknowledged", "snoozed", "resolved", "all"]),
                "default: open",
            ),
            Param("team", Kind::Text, "of this team"),
            Param("service", Kind::Text, "of this service"),
            Param("priority", Kind::Text, "of this priority; `unset`: of none"),
            Param("unowned", Kind::Flag, "whether nobody owns them"),
            Param("drill", Kind::Flag, "drills, which are left out otherwise; default false"),
            Param("limit", Kind::Rows(PAGE_ROWS_MAX), "rows of a page; default 50"),
            Param("cursor", Kind::Text, "where the page before ended"),
        ])
        .answers(&[(200, Content::Json("Incidents"))])
        .refuses(&[400]),
    Operation::new("GET", "/v1/incidents/{id}", "One incident").answers(CHANGED).refuses(&[404]),
    Operation::new("GET", "/v1/incidents/{id}/explain", "The chain of decisions about an incident")
        .answers(&[(200, Content::JsonOrText("Explanation"))])
        .refuses(&[404]),
    Operation::new("POST", "/v1/incidents/{id}/acknowledge", "Somebody is on it; the escalation stops")
        .answers(CHANGED)
        .refuses(PLAIN),
    Operation::new("POST", "/v1/incidents/{id}/unacknowledge", "Nobody is on it after all")
        .answers(CHANGED)
        .refuses(PLAIN),
    Operation::new("POST", "/v1/incidents/{id}/snooze", "Quiet for a while")
        .body("Snooze")
        .answers(CHANGED)
        .refuses(COMMAND),
    Operation::new("POST", "/v1/incidents/{id}/resolve", "Over").answers(CHANGED).refuses(PLAIN),
    Operation::new("POST", "/v1/incidents/{id}/reopen", "Not over after all").answers(CHANGED).refuses(PLAIN),
    Operation::new("POST", "/v1/incidents/{id}/priority", "Another urgency, or none")
        .body("Priority")
        .answers(CHANGED)
        .refuses(COMMAND),
    Operation::new("POST", "/v1/incidents/{id}/severity", "Another way to respond, or none")
        .body("Severity")
        .answers(CHANGED)
        .refuses(COMMAND),
    Operation::new("POST", "/v1/incidents/{id}/note", "A remark for the timeline")
        .body("Note")
        .answers(CHANGED)
        .refuses(COMMAND),
    Operation::new("POST", "/v1/incidents/{id}/reassign", "To other people, or another policy")
        .body("Reassign")
        .answers(CHANGED)
        .refuses(COMMAND),
    Operation::new("POST", "/v1/incidents/{id}/escalate", "The next step at once").answers(CHANGED).refuses(PLAIN),
    Operation::new("POST", "/v1/incidents/{id}/merge", "It goes on in another incident")
        .body("Merge")
        .answers(CHANGED)
        .refuses(COMMAND),
    Operation::new("POST", "/v1/incidents/{id}/update", "How it stands, for whoever was told of it")
        .body("Note")
        .answers(CHANGED)
        .refuses(COMMAND),
    Operation::new("POST", "/v1/incidents/{id}/role", "Who has a role in the response, or that nobody has it")
        .body("Role")
        .answers(CHANGED)
        .refuses(COMMAND),
];
const CHANGED: &[(u16, Content)] = &[(200, Content::Json("Incident"))];
/// A body is read where there is one, also of a command that needs none.
const PLAIN: &[u16] = &[400, 404, 408, 409, 413, 415, 422];
const COMMAND: &[u16] = &[404, 409, 422];

/// Which incidents are wanted.
#[derive(Debug, Default)]
pub struct Filter {
    team: Option<String>,
    service: Option<String>,
    priority: Option<String>,
    unowned: Option<bool>,
    /// Drills are no incidents: they are shown alone, or not at all.
    drill: bool,
    status: Wanted,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    #[default]
    Open,
    All,
    Only(&'static str),
}

impl Filter {
    /// From the parameters `team`, `service`, `priority`, `unowned`, `drill` and `status`.
    pub fn of(params: &Params) -> Result<Self, Failure> {
        let status = match params.get("status") {
            None | Some("open") => Wanted::Open,
            Some("all") => Wanted::All,
            Some(word) => ["triggered", "acknowledged", "snoozed", "resolved"]
                .into_iter()
                .find(|known| *known == word)
                .map(Wanted::Only)
                .ok_or_else(|| bad("status", "write open, triggered, acknowledged, snoozed, resolved or all"))?,
        };
        let owned = |name: &str| params.get(name).map(str::to_owned);
        Ok(Self {
            team: owned("team"),
            service: owned("service"),
            priority: owned("priority"),
            unowned: if params.get("unowned").is_some() { Some(params.flag("unowned", false)?) } else { None },
            drill: params.flag("drill", false)?,
            status,
        })
    }

    fn wants(&self, incident: &Incident) -> bool {
        let status = match self.status {
            Wanted::Open => incident.status.is_open(),
            Wanted::All => true,
            Wanted::Only(word) => incident.status.as_str() == word,
        };
        status
            && self.team.as_ref().is_none_or(|t| *t == incident.team)
            && self.service.as_ref().is_none_or(|s| incident.event.service.as_ref().is_some_and(|i| i == s))
            && self.priority.as_ref().is_none_or(|p| incident.priority.as_deref().unwrap_or("unset") == p)
            && self.unowned.is_none_or(|u| u == incident.unowned)
            && self.drill == incident.is_drill()
    }
}

/// A page of incidents, newest first.
pub struct Page {
    /// The rows.
    pub incidents: Vec<Arc<Incident>>,
    /// Where the next page begins (exclusive); `None` at the end.
    pub next: Option<IncidentId>,
}

/// Collects a page. The state is held for [`CHUNK_ROWS`] rows at a time.
pub fn page(app: &App, filter: &Filter, before: Option<IncidentId>, limit: usize) -> Page {
    let mut incidents: Vec<Arc<Incident>> = Vec::with_capacity(limit.min(PAGE_ROWS_MAX));
    let mut before = before.unwrap_or(IncidentId(u64::MAX));
    let mut scanned = 0;
    loop {
        let done = app.handle().read(|state| {
            let mut rows = state.incidents.range(..before).rev();
            for _ in 0..CHUNK_ROWS {
                let Some((id, incident)) = rows.next() else { return true };
                before = *id;
                scanned += 1;
                if filter.wants(incident) {
                    incidents.push(Arc::clone(incident));
                    if incidents.len() == limit {
                        return rows.next().is_none();
                    }
                }
            }
            false
        });
        if done || incidents.len() == limit || scanned >= SCAN_ROWS_MAX {
            return Page { incidents, next: (!done).then_some(before) };
        }
    }
}

/// An opaque cursor.
pub fn cursor(at: IncidentId) -> String {
    URL_SAFE_NO_PAD.encode(format!("i{at}"))
}

/// Reads a cursor.
pub fn read_cursor(text: &str) -> Result<IncidentId, Failure> {
    URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| text.strip_prefix('i').and_then(|id| id.parse().ok()))
        .ok_or_else(|| bad("cursor", "it is not one that a page ended with"))
}

#[derive(Serialize)]
struct ListView<'a> {
    incidents: Vec<IncidentView<'a>>,
    next_cursor: Option<String>,
}

/// `GET /v1/incidents`
pub async fn list(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Result<Response, Failure> {
    let known = ["limit", "cursor", "team", "status", "priority", "service", "unowned", "drill"];
    let params = Params::of(query, &known)?;
    let filter = Filter::of(&params)?;
    let before = params.get("cursor").map(read_cursor).transpose()?;
    let page = page(&app, &filter, before, params.limit(PAGE_ROWS, PAGE_ROWS_MAX)?);
    let policy = app.handle().policy();
    let incidents = page.incidents.iter().map(|i| IncidentView::of(i, &policy)).collect();
    Ok(Json(ListView { incidents, next_cursor: page.next.map(cursor) }).into_response())
}

/// The incident, or why there is none.
pub fn find(app: &App, id: &str) -> Result<Arc<Incident>, Failure> {
    let id: IncidentId = id.parse().map_err(|_| Failure::not_found(format!("incident `{}`", short(id))))?;
    app.handle().read(|state| state.incidents.get(&id).cloned()).ok_or_else(|| {
        Failure::not_found(format!("incident {id} in memory; what was resolved long ago is in its explanation"))
    })
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

/// `GET /v1/incidents/{id}`
pub async fn get(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Failure> {
    let incident = find(&app, &id)?;
    Ok(Json(IncidentView::of(&incident, &app.handle().policy())).into_response())
}

/// `GET /v1/incidents/{id}/explain`
pub async fn explain(State(app): State<App>, Path(id): Path<String>, headers: HeaderMap) -> Result<Response, Failure> {
    let unknown = || Failure::not_found(format!("incident `{}`", short(&id)));
    let number: IncidentId = id.parse().map_err(|_| unknown())?;
    let found = why(&app, number).await?;
    Ok(explanation(&found.ok_or_else(unknown)?, &headers))
}

/// The explanation of an incident.
pub async fn why(app: &App, incident: IncidentId) -> Result<Option<Explanation>, Failure> {
    app.handle().explain_incident(incident).await.map_err(unreadable)
}

/// The journal or the index cannot be read.
pub fn unreadable(reason: impl std::fmt::Display) -> Failure {
    Failure::new(&INTERNAL, reason.to_string())
}

/// An explanation, as text where the reader asks for text.
pub fn explanation(explanation: &Explanation, headers: &HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !accept.contains("text/plain") {
        return Json(explanation).into_response();
    }
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], explanation.to_text()).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SnoozeBody {
    r#for: Option<String>,
    until: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriorityBody {
    #[serde(deserialize_with = "said")]
    priority: Option<Name>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeverityBody {
    #[serde(deserialize_with = "said")]
    severity: Option<Name>,
}

/// A value or `null`, which must be there: a forgotten body must not unset anything.
fn said<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Name>, D::Error> {
    Option::deserialize(deserializer)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoteBody {
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReassignBody {
    people: Option<Vec<Name>>,
    policy: Option<Name>,
}

/// The words after `/v1/incidents/{id}/` that a POST may have.
pub const VERBS: [(&str, &str); 13] = [
    ("acknowledge", "/v1/incidents/{id}/acknowledge"),
    ("unacknowledge", "/v1/incidents/{id}/unacknowledge"),
    ("snooze", "/v1/incidents/{id}/snooze"),
    ("resolve", "/v1/incidents/{id}/resolve"),
    ("reopen", "/v1/incidents/{id}/reopen"),
    ("priority", "/v1/incidents/{id}/priority"),
    ("severity", "/v1/incidents/{id}/severity"),
    ("note", "/v1/incidents/{id}/note"),
    ("reassign", "/v1/incidents/{id}/reassign"),
    ("escalate", "/v1/incidents/{id}/escalate"),
    ("merge", "/v1/incidents/{id}/merge"),
    ("update", "/v1/incidents/{id}/update"),
    ("role", "/v1/incidents/{id}/role"),
];

/// `POST /v1/incidents/{id}/{verb}`: answers with the incident after the command.
pub async fn act(
    verb: &'static str,
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let incident = find(&app, &id)?;
    let verb = read_verb(&app, verb, incident.id, request).await?;
    may_act(&principal, Some(&incident.team))?;
    if let Verb::Merge { into, .. } = &verb {
        let other = find(&app, &into.to_string())?;
        may_act(&principal, Some(&other.team))?;
        record::check_merge(&incident, &other)?;
    }
    check_state(&incident, &verb)?;
    app.handle().command(Command { by: actor(&principal), verb }).await?;
    get(State(app), Path(id)).await
}

/// Who a request acts as.
pub fn actor(principal: &Principal) -> Actor {
    match principal {
        Principal::Token { name, .. } => Actor::Token(name.clone()),
        Principal::Local | Principal::Anybody => Actor::Local,
    }
}

/// Whether the request may act for `team`; `None`: for everybody.
pub fn may_act(principal: &Principal, team: Option<&str>) -> Result<(), Failure> {
    use crate::auth::token::Teams;
    let Principal::Token { grants, .. } = principal else { return Ok(()) };
    let teams = grants.act();
    if teams == Teams::All || team.is_some_and(|team| teams.include(team)) {
        return Ok(());
    }
    let of = team.map_or_else(|| "act".to_owned(), |team| format!("act:{team}"));
    Err(Failure::new(&FORBIDDEN, format!("the token does not have the scope `{of}`")))
}

async fn read_verb(app: &App, verb: &str, incident: IncidentId, request: Request) -> Result<Verb, Failure> {
    let (policy, now) = (app.handle().policy(), app.handle().now());
    let wrong = |detail: String| Failure::new(&BAD_COMMAND, detail);
    Ok(match verb {
        "snooze" => {
            let until = snooze_until(&command(request).await?, now).map_err(wrong)?;
            Verb::Snooze { incident, until }
        }
        "priority" => {
            let PriorityBody { priority } = command(request).await?;
            if let Some(priority) = priority.as_ref().filter(|p| !policy.priorities.contains_key(*p)) {
                return Err(wrong(format!("priority `{priority}` is not one of {}", names(policy.priorities.keys()))));
            }
            Verb::SetPriority { incident, priority }
        }
        "severity" => {
            let SeverityBody { severity } = command(request).await?;
            let known = ["critical", "error", "warning"];
            if let Some(severity) = severity.as_ref().filter(|s| !known.contains(&s.as_str())) {
                return Err(wrong(format!("severity `{severity}` is not one of critical, error, warning")));
            }
            Verb::SetSeverity { incident, severity }
        }
        "note" => {
            let NoteBody { text } = command(request).await?;
            if text.trim().is_empty() || text.len() > TEXT_BYTES_MAX {
                return Err(wrong(format!("`text` must say something, in at most {TEXT_BYTES_MAX} bytes")));
            }
            Verb::Note { incident, text }
        }
        "merge" | "update" | "role" => record::read(verb, request, incident, &policy).await?,
        "reassign" => reassign(command(request).await?, incident, &policy).map_err(wrong)?,
        other => {
            let Nothing {} = command(request).await?;
            match other {
                "acknowledge" => Verb::Acknowledge { incident },
                "unacknowledge" => Verb::Unacknowledge { incident },
                "resolve" => Verb::Resolve { incident },
                "reopen" => Verb::Reopen { incident },
                _ => Verb::Escalate { incident },
            }
        }
    })
}

fn snooze_until(body: &SnoozeBody, now: Timestamp) -> Result<Timestamp, String> {
    let until = match (&body.r#for, &body.until) {
        (Some(span), None) => now.plus(Span::parse(span).map_err(|e| format!("`for`: {e}"))?),
        (None, Some(until)) => Timestamp::parse(until).map_err(|e| format!("`until`: {e}"))?,
        _ => return Err("say either `for`, such as \"2h\", or `until`, an RFC 3339 time".to_owned()),
    };
    if until <= now || until.since(now) > SNOOZE_MAX {
        return Err(format!("a snooze ends in the future, at most {SNOOZE_MAX} ahead"));
    }
    Ok(until)
}

fn reassign(body: ReassignBody, incident: IncidentId, policy: &Policy) -> Result<Verb, String> {
    match (body.people, body.policy) {
        (Some(people), None) => {
            if people.is_empty() || people.len() > REASSIGN_MAX {
                return Err(format!("`people` holds 1 to {REASSIGN_MAX} ids"));
            }
            match people.iter().find(|p| !policy.people.contains_key(*p)) {
                Some(unknown) => Err(format!("there is no person `{unknown}` in the configuration")),
                None => Ok(Verb::ReassignPeople { incident, people }),
            }
        }
        (None, Some(name)) if policy.escalations.contains_key(&name) => {
            Ok(Verb::ReassignPolicy { incident, policy: name })
        }
        (None, Some(name)) => Err(format!("there is no escalation policy `{name}` in the configuration")),
        _ => Err("say either `people` or `policy`".to_owned()),
    }
}

fn names<'a>(names: impl Iterator<Item = &'a Name>) -> String {
    names.map(Name::as_str).collect::<Vec<_>>().join(", ")
}

/// Whether the incident is in a state for the command.
pub fn check_state(incident: &Incident, verb: &Verb) -> Result<(), Failure> {
    let conflict = |why: String| Err(Failure::new(&CONFLICT, why));
    let id = incident.id;
    match (verb, &incident.status) {
        (Verb::Note { .. } | Verb::SetSeverity { .. }, _) => Ok(()),
        (Verb::Reopen { .. }, Status::Resolved { .. }) if incident.merged_into().is_none() => Ok(()),
        (Verb::Reopen { .. }, status) if status.is_open() => conflict(format!("incident {id} is open")),
        (_, Status::Resolved { by, at }) if incident.merged_into().is_some() => {
            let into = incident.merged_into().unwrap_or(id);
            conflict(format!("incident {id} was merged into incident {into} by {} at {at}", by.label()))
        }
        (_, Status::Resolved { by, at }) => conflict(format!("incident {id} was resolved by {} at {at}", by.label())),
        (Verb::Unacknowledge { .. }, Status::Triggered) => {
            conflict(format!("nobody has acknowledged or snoozed incident {id}"))
        }
        (Verb::Acknowledge { .. }, Status::Acknowledged { by, at, .. }) => {
            conflict(format!("incident {id} was acknowledged by {} at {at}", by.label()))
        }
        _ => Ok(()),
    }
}
