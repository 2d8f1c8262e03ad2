//! Quiet times in callout's own shape: silences, and the maintenance windows of the configuration.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;

use super::App;
use super::incidents::{actor, find as find_incident, may_act, unreadable};
use super::openapi::{Content, Kind, Operation, Param};
use super::params::{Params, bad, command};
use super::problem::{BAD_COMMAND, CONFLICT, Failure, INTERNAL};
use super::view::{SilenceView, check_silence, silence_state, silence_team};
use crate::auth::Principal;
use crate::domain::{EventKind, Name, SilenceId, Span, Timestamp};
use crate::engine::input::{MatcherSpec, SilenceSpec};
use crate::engine::limits::SILENCES_MAX;
use crate::engine::quiet::Bond;
use crate::engine::state::Incident;
use crate::engine::{Command, Verb};
use crate::rules::matcher::Matcher;

/// For `/openapi.json`.
pub const DESCRIBED: &[Operation] = &[
    Operation::new("GET", "/v1/silences", "Silences, those that end last first")
        .query(&[
            Param("state", Kind::Word(&["pending", "active", "expired", "all"]), "default: those that are not expired"),
            Param("limit", Kind::Rows(LIST_MAX), "rows; default 1,000"),
        ])
        .answers(&[(200, Content::Json("Silences"))])
        .refuses(&[400]),
    Operation::new("POST", "/v1/silences", "Makes a silence")
        .body("NewSilence")
        .answers(&[(201, Content::Json("Silence"))])
        .refuses(&[404, 409, 422]),
    Operation::new("POST", "/v1/silences/preview", "What such a silence would have kept quiet in the last 7 days")
        .body("PreviewedSilence")
        .answers(&[(200, Content::Json("Preview"))])
        .refuses(&[404, 422]),
    Operation::new("GET", "/v1/silences/{id}", "One silence")
        .answers(&[(200, Content::Json("Silence"))])
        .refuses(&[404]),
    Operation::new("DELETE", "/v1/silences/{id}", "Ends a silence now")
        .answers(&[(204, Content::Nothing)])
        .refuses(&[404]),
    Operation::new("GET", "/v1/maintenance", "Maintenance windows of the configuration")
        .answers(&[(200, Content::Json("Maintenance"))]),
];

/// A preview looks back so long.
const PREVIEWED: Span = Span::from_hours(24 * 7);
/// Silences of one answer at most. Beyond: 400.
const LIST_MAX: usize = 20_000;

/// A fresh silence id: a random UUID, because Alertmanager's clients expect one.
pub fn fresh_id() -> Result<SilenceId, Failure> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| Failure::new(&INTERNAL, "the system gives no randomness"))?;
    Ok(SilenceId(uuid::Builder::from_random_bytes(bytes).into_uuid().as_u128()))
}

/// `GET /v1/silences`: those that end last first, expired ones only when asked for.
pub async fn list(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Result<Response, Failure> {
    let params = Params::of(query, &["state", "limit"])?;
    let wanted = params.get("state");
    if wanted.is_some_and(|w| !["pending", "active", "expired", "all"].contains(&w)) {
        return Err(bad("state", "write pending, active, expired or all"));
    }
    let limit = params.limit(1_000, LIST_MAX)?;
    let now = app.handle().now();
    let mut all: Vec<_> = app.handle().read(|state| state.silences.values().cloned().collect());
    all.retain(|s| {
        let state = silence_state(s, now);
        wanted.map_or(state != "expired", |wanted| wanted == "all" || wanted == state)
    });
    all.sort_unstable_by_key(|s| (std::cmp::Reverse(s.ends_at), s.id));
    let total = all.len();
    let bonds: BTreeMap<SilenceId, Bond> = app.handle().read(|state| state.bonds.clone());
    let silences = all.iter().take(limit).map(|s| SilenceView::with(s, bonds.get(&s.id), now)).collect::<Vec<_>>();
    Ok(Json(json!({ "silences": silences, "total": total })).into_response())
}

/// `GET /v1/silences/{id}`
pub async fn get(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Failure> {
    let silence = find(&app, &id)?;
    let bond = app.handle().read(|state| state.bonds.get(&silence.id).cloned());
    Ok(Json(SilenceView::with(&silence, bond.as_ref(), app.handle().now())).into_response())
}

/// The silence, or why there is none.
pub fn find(app: &App, id: &str) -> Result<std::sync::Arc<SilenceSpec>, Failure> {
    id.parse::<SilenceId>()
        .ok()
        .and_then(|id| app.handle().read(|state| state.silences.get(&id).cloned()))
        .ok_or_else(|| Failure::not_found(format!("silence `{}`", id.chars().take(64).collect::<String>())))
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Matchers {
    One(String),
    Many(Vec<String>),
}

impl Matchers {
    fn texts(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PreviewBody {
    matchers: Option<Matchers>,
    incident: Option<u64>,
}

/// `POST /v1/silences/preview`: what such a silence would have kept quiet within the last days. Nothing is made.
pub async fn preview(State(app): State<App>, request: Request) -> Result<Response, Failure> {
    let body: PreviewBody = command(request).await?;
    let wrong = |e: String| Failure::new(&BAD_COMMAND, e);
    let matchers = match (&body.matchers, body.incident) {
        (Some(matchers), None) => parse(matchers.texts()).map_err(wrong)?,
        (None, Some(id)) => {
            let specs = matchers_of(&*find_incident(&app, &id.to_string())?);
            specs.iter().filter_map(|spec| Matcher::from_spec(spec).ok()).collect()
        }
        _ => return Err(wrong("say either `matchers` or `incident`".to_owned())),
    };
    if matchers.is_empty() || matchers.iter().all(Matcher::matches_empty) {
        return Err(wrong(
            "at least one matcher must not match the empty text, or everything would be silent".to_owned(),
        ));
    }
    let now = app.handle().now();
    let preview = app.handle().preview(matchers, now.minus(PREVIEWED), now).await.map_err(unreadable)?;
    Ok(Json(preview).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    matchers: Option<Matchers>,
    /// The incident it belongs to: it ends when that is resolved, and says what it is about where no matchers do.
    incident: Option<u64>,
    starts_at: Option<String>,
    ends_at: Option<String>,
    r#for: Option<String>,
    author: Option<String>,
    comment: String,
}

/// `POST /v1/silences`
pub async fn create(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Failure> {
    let body: Body = command(request).await?;
    let now = app.handle().now();
    let by = actor(&principal);
    let author = body.author.clone().unwrap_or_else(|| by.label());
    let incident = body.incident.map(|id| find_incident(&app, &id.to_string())).transpose()?;
    let silence = read(&body, incident.as_deref(), author.into(), now).map_err(|e| Failure::new(&BAD_COMMAND, e))?;
    let silence = SilenceSpec { id: fresh_id()?, ..silence };
    may_act(&principal, silence_team(&silence.matchers))?;
    room_for_silence(&app).map_err(|e| Failure::new(&BAD_COMMAND, e))?;
    let (mut view, id) = (SilenceView::of(&silence, now), silence.id);
    let verb = match &incident {
        None => Verb::AddSilence(silence),
        Some(incident) if !incident.status.is_open() => {
            return Err(Failure::new(&CONFLICT, format!("incident {} is resolved", incident.id)));
        }
        Some(incident) => Verb::AddSilenceOf { silence: Box::new(silence), incident: incident.id },
    };
    app.handle().command(Command { by, verb }).await?;
    if !app.handle().read(|state| state.silences.contains_key(&id)) {
        return Err(Failure::new(&CONFLICT, "the incident was resolved meanwhile, so the silence was not made"));
    }
    view.incident = incident.map(|incident| incident.id.0);
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

/// Whether one more silence may be made.
pub(super) fn room_for_silence(app: &App) -> Result<(), String> {
    room_beside(app.handle().read(|state| state.silences.len()))
}

fn room_beside(known: usize) -> Result<(), String> {
    if known < SILENCES_MAX {
        return Ok(());
    }
    Err(format!("there are {known} silences, as many as callout keeps; ended ones are forgotten after some days"))
}

/// Matchers for the same thing as an incident is about: of a breach its fields, of anything else all of its labels.
fn matchers_of(incident: &Incident) -> Vec<MatcherSpec> {
    let event = &incident.event;
    let equal = |name: &str, value: &str| MatcherSpec {
        name: name.into(),
        value: value.into(),
        is_regex: false,
        is_equal: true,
    };
    let fields = [
        ("team", event.team.as_deref()),
        ("service", event.service.as_deref()),
        ("endpoint", event.endpoint.as_deref()),
        ("sli", event.sli.as_deref()),
        ("environment", event.environment.as_deref()),
    ];
    let mut matchers: Vec<_> = fields.into_iter().filter_map(|(name, v)| Some(equal(name, v?))).collect();
    if event.kind == EventKind::Resource {
        matchers.extend(event.labels.iter().map(|(name, value)| equal(name, value)));
    }
    matchers
}

/// Matchers as they are written.
fn parse(texts: &[String]) -> Result<Vec<Matcher>, String> {
    let mut matchers = Vec::new();
    for text in texts {
        matchers.extend(Matcher::parse_all(text).map_err(|e| format!("`matchers`: {e}"))?);
    }
    Ok(matchers)
}

fn read(body: &Body, incident: Option<&Incident>, author: Name, now: Timestamp) -> Result<SilenceSpec, String> {
    let time = |name: &str, text: &Option<String>| {
        text.as_ref().map(|t| Timestamp::parse(t).map_err(|e| format!("`{name}`: {e}"))).transpose()
    };
    let starts_at = time("starts_at", &body.starts_at)?.unwrap_or(now).max(now);
    let ends_at = match (time("ends_at", &body.ends_at)?, &body.r#for) {
        (Some(end), None) => end,
        (None, Some(span)) => starts_at.plus(Span::parse(span).map_err(|e| format!("`for`: {e}"))?),
        _ => return Err("say either `for`, such as \"2h\", or `ends_at`, an RFC 3339 time".to_owned()),
    };
    let matchers = match (&body.matchers, incident) {
        (Some(matchers), _) => parse(matchers.texts())?.iter().map(Matcher::to_spec).collect(),
        (None, Some(incident)) => matchers_of(incident),
        (None, None) => return Err("say `matchers`, or the `incident` it belongs to".to_owned()),
    };
    let silence = SilenceSpec {
        id: SilenceId(0),
        matchers,
        starts_at,
        ends_at,
        author,
        comment: body.comment.clone(),
        updated_at: now,
    };
    check_silence(&silence, now)?;
    Ok(silence)
}

/// A silence as a person wishes for it in chat, from now on. Its id is still to be given.
pub(super) fn of_person(
    matchers: &str,
    lasts: Span,
    comment: String,
    author: Name,
    now: Timestamp,
) -> Result<SilenceSpec, String> {
    let matchers = Some(Matchers::One(matchers.to_owned()));
    let r#for = Some(lasts.to_string());
    let body = Body { matchers, incident: None, starts_at: None, ends_at: None, r#for, author: None, comment };
    read(&body, None, author, now)
}

/// `DELETE /v1/silences/{id}`: it ends now. One that has ended is left alone.
pub async fn expire(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let silence = find(&app, &id)?;
    may_act(&principal, silence_team(&silence.matchers))?;
    if silence.ends_at > app.handle().now() {
        let verb = Verb::ExpireSilence { silence: silence.id };
        app.handle().command(Command { by: actor(&principal), verb }).await?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /v1/maintenance`: the windows of the configuration.
pub async fn maintenance(State(app): State<App>) -> Response {
    let policy = app.handle().policy();
    let now = app.handle().now();
    let windows: Vec<_> = policy
        .maintenance
        .iter()
        .map(|m| {
            let last = m.cron.last_at_or_before(now, &m.timezone.tz);
            let active_until = last.map(|began| began.plus(m.duration)).filter(|end| now < *end);
            json!({
                "name": m.name, "timezone": m.timezone.name, "duration": m.duration.to_string(),
                "services": m.services, "environments": m.environments,
                "active_until": active_until.map(|at| at.to_string()),
                "next_at": m.cron.first_after(now, &m.timezone.tz).map(|at| at.to_string()),
                "excluded_because": m.excluded_because,
            })
        })
        .collect();
    Json(json!({ "maintenance": windows })).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_limit_to_silences() {
        assert_eq!(room_beside(SILENCES_MAX - 1), Ok(()));
        assert!(room_beside(SILENCES_MAX).is_err_and(|why| why.contains("10000")));
    }
}
