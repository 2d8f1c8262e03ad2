//! Drills: a page that goes the whole way, marked as such, and what became of it.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;

use super::App;
use super::guard::Outcome;
use super::incidents::{actor, may_act, unreadable};
use super::openapi::{Content, Operation};
use super::params::command;
use super::problem::{BAD_COMMAND, CONFLICT, Failure, INTERNAL};
use crate::auth::Principal;
use crate::domain::{Event, EventId, EventKind, EventStatus, LabelsBuilder, Name, Source, Span, Timestamp};
use crate::engine::state::Incident;
use crate::engine::{Policy, State as EngineState};
use crate::runtime::Incoming;

/// For `/openapi.json`.
pub const DESCRIBED: &[Operation] = &[
    Operation::new("POST", "/v1/drill", "Pages whoever is on call, marked as a drill")
        .body("NewDrill")
        .answers(&[(202, Content::Json("Drill"))])
        .refuses(&[409, 422]),
    Operation::new("GET", "/v1/drill/{event}", "What became of a drill, hop by hop")
        .answers(&[(200, Content::Json("DrillReport"))])
        .refuses(&[404]),
];

/// Drills that may be open at once. Beyond: 409, since somebody pages people in a loop.
const DRILLS_OPEN_MAX: usize = 20;
/// A drill is over by itself after so long, unless said otherwise.
const LASTS: Span = Span::from_minutes(10);
/// The longest drill. Beyond: 422.
const LASTS_MAX: Span = Span::from_hours(1);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    route: String,
    service: Option<Name>,
    environment: Option<Name>,
    priority: Option<Name>,
    r#for: Option<String>,
}

/// `POST /v1/drill`: begins one. `202` once it is on disk.
pub async fn begin(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Failure> {
    let body: Body = command(request).await?;
    let (policy, now) = (app.handle().policy(), app.handle().now());
    let by = actor(&principal).label();
    let event = event(&body, &by, &policy, now)?;
    may_act(&principal, event.team.as_deref())?;
    if app.handle().read(open_drills) >= DRILLS_OPEN_MAX {
        return Err(Failure::new(&CONFLICT, format!("{DRILLS_OPEN_MAX} drills are open; wait until they are over")));
    }
    let ends_at = event.ends_at.map(|at| at.to_string());
    let accepted = app.handle().accept(vec![Incoming::New(Arc::new(event))]).await?;
    let Some(event) = accepted.first().map(|accepted| accepted.event) else {
        return Err(Failure::new(&INTERNAL, "the drill was taken and has no id"));
    };
    let report = format!("/v1/drill/{event}");
    let outcome = Outcome(format!("drill {event} of {}", short(&body.route)));
    let body = json!({ "event": event.to_string(), "report": report, "ends_at": ends_at });
    let mut response = (StatusCode::ACCEPTED, [(header::LOCATION, report)], Json(body)).into_response();
    response.extensions_mut().insert(outcome);
    Ok(response)
}

/// `GET /v1/drill/{event}`: what became of it so far.
pub async fn report(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Failure> {
    let unknown = || Failure::not_found(format!("drill `{}`", id.chars().take(64).collect::<String>()));
    let event: EventId = id.parse().map_err(|_| unknown())?;
    let found = app.handle().drill(event).await.map_err(unreadable)?;
    Ok(Json(found.ok_or_else(unknown)?).into_response())
}

fn open_drills(state: &EngineState) -> usize {
    let keys = Incident::DRILL_KEYS;
    let drills = state.by_key.range(Name::const_new(keys)..).take_while(|(key, _)| key.starts_with(keys));
    let open = drills.filter(|(_, id)| {
        state.incidents.get(id).is_some_and(|incident| incident.is_drill() && incident.status.is_open())
    });
    open.count()
}

/// The event of a drill; everything that it names must exist, for a drill of nothing shows nothing.
fn event(body: &Body, by: &str, policy: &Policy, now: Timestamp) -> Result<Event, Failure> {
    let wrong = |detail: String| Failure::new(&BAD_COMMAND, detail);
    let unknown = |what: &str, name: &str| wrong(format!("there is no {what} `{}` in the configuration", short(name)));
    let (team, region) = match body.route.split_once('/') {
        Some((team, region)) => (Name::from(team), Some(Name::from(region))),
        None => (Name::from(body.route.as_str()), None),
    };
    if !policy.teams.contains_key(&team) {
        return Err(unknown("team", &team));
    }
    if let Some(region) =
        region.as_ref().filter(|r| !policy.environments.values().any(|e| e.region.as_ref() == Some(*r)))
    {
        return Err(unknown("region", region));
    }
    if let Some(service) = body.service.as_ref().filter(|s| !policy.services.contains_key(*s)) {
        return Err(unknown("service", service));
    }
    if let Some(environment) = body.environment.as_ref().filter(|e| !policy.environments.contains_key(*e)) {
        return Err(unknown("environment", environment));
    }
    if let Some(priority) = body.priority.as_ref().filter(|p| !policy.priorities.contains_key(*p)) {
        return Err(unknown("priority", priority));
    }
    let lasts = body.r#for.as_deref().map_or(Ok(LASTS), Span::parse).map_err(|e| wrong(format!("`for`: {e}")))?;
    if lasts < Span::from_seconds(1) || lasts > LASTS_MAX {
        return Err(wrong(format!("`for`: a drill lasts from 1s to {LASTS_MAX}")));
    }
    let mut number = [0_u8; 8];
    getrandom::fill(&mut number).map_err(|_| Failure::new(&INTERNAL, "the system gives no randomness"))?;
    let mut labels = vec![
        ("alertname", Name::const_new("Drill")),
        ("drill", compact_str::format_compact!("{:016x}", u64::from_be_bytes(number))),
    ];
    labels.extend(body.priority.clone().map(|priority| ("priority", priority)));
    let summary = "Somebody tries whether messages arrive. Acknowledge it if you can; there is nothing else to do.";
    let annotations = [("summary", Name::const_new(summary)), ("started_by", Name::from(by))];
    Ok(Event {
        kind: EventKind::Resource,
        status: EventStatus::Firing,
        source: Source::Drill,
        at: now,
        ends_at: Some(now.plus(lasts)),
        idempotency: None,
        team: Some(team),
        service: body.service.clone(),
        endpoint: None,
        sli: None,
        slo: None,
        objective: None,
        environment: body.environment.clone(),
        region,
        window: None,
        labels: named(labels),
        annotations: named(annotations),
        detail: None,
    })
}

fn named(pairs: impl IntoIterator<Item = (&'static str, Name)>) -> crate::domain::Labels {
    let mut labels = LabelsBuilder::with_capacity(4);
    for (name, value) in pairs {
        labels.push(name, value);
    }
    labels.build().unwrap_or_default()
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}
