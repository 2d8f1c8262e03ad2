//! Who is on call, now or at another time, and the shifts of a schedule.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::App;
use super::openapi::{Content, Kind, Operation, Param};
use super::params::{Params, bad};
use super::problem::Failure;
use crate::domain::{Name, Span, Timestamp};
use crate::engine::Policy;
use crate::projection::{self, people};

/// The longest time for which shifts are listed at once. Beyond: 400.
pub const SHIFTS_MAX: Span = Span::from_hours(24 * 366);
/// Shifts of one answer. Beyond: the list ends there, and says where to go on.
pub const SHIFTS_ROWS_MAX: usize = 2_000;

/// For `/openapi.json`.
pub const DESCRIBED: &[Operation] = &[
    Operation::new("GET", "/v1/oncall", "Who is on call")
        .query(&[
            Param("team", Kind::Text, "in the schedules of this team"),
            Param("schedule", Kind::Text, "in this schedule; not together with `team`"),
            Param("role", Kind::Text, "in this role"),
            Param("at", Kind::Time, "when; default now"),
        ])
        .answers(&[(200, Content::Json("OnCall"))])
        .refuses(&[400, 404]),
    Operation::new("GET", "/v1/schedules/{name}/shifts", "The shifts of a schedule")
        .query(&[
            Param("from", Kind::Time, "default now"),
            Param("to", Kind::Time, "default a week later, at most 366 days"),
        ])
        .answers(&[(200, Content::Json("Shifts"))])
        .refuses(&[400, 404]),
];

/// `GET /v1/oncall?team=&schedule=&role=&at=`
pub async fn now(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Result<Response, Failure> {
    let params = Params::of(query, &["team", "schedule", "role", "at"])?;
    let policy = app.handle().policy();
    let at = params.time("at")?.unwrap_or_else(|| app.handle().now());
    let schedules: BTreeSet<&Name> = match (params.get("schedule"), params.get("team")) {
        (Some(name), None) => {
            let known = policy.schedules.get_key_value(name);
            [known.ok_or_else(|| Failure::not_found(format!("schedule `{name}`")))?.0].into()
        }
        (None, Some(team)) => schedules_of(&policy, team)?,
        (None, None) => policy.schedules.keys().collect(),
        (Some(_), Some(_)) => return Err(bad("team", "say either `team` or `schedule`")),
    };
    let rows = projection::on_call(
        &policy,
        &app.handle().read(|state| Arc::clone(&state.rota)),
        schedules,
        params.get("role"),
        at,
    );
    Ok(Json(json!({ "at": at.to_string(), "on_call": rows })).into_response())
}

/// The schedules that a team's escalation policy asks; and the one of the team's own name.
fn schedules_of<'a>(policy: &'a Policy, team: &str) -> Result<BTreeSet<&'a Name>, Failure> {
    projection::schedules_of(policy, team).ok_or_else(|| Failure::not_found(format!("team `{team}`")))
}

/// `GET /v1/schedules/{name}/shifts?from=&to=`
pub async fn shifts(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let params = Params::of(query, &["from", "to"])?;
    let policy = app.handle().policy();
    let rota = app.handle().read(|state| Arc::clone(&state.rota));
    let schedule = rota.schedule(&policy, &name).ok_or_else(|| Failure::not_found("such schedule"))?;
    let from = params.time("from")?.unwrap_or_else(|| app.handle().now());
    let to = params.time("to")?.unwrap_or_else(|| from.plus(Span::from_hours(24 * 7)));
    if to <= from || to.since(from) > SHIFTS_MAX {
        return Err(bad("to", format!("it is after `from`, by at most {SHIFTS_MAX}")));
    }
    let mut rows = Vec::new();
    let mut end: Timestamp = to;
    for shift in schedule.timeline(from, to) {
        if rows.len() == SHIFTS_ROWS_MAX {
            end = shift.start;
            break;
        }
        let roles: Vec<Value> = shift
            .on_call
            .by_role()
            .map(|(role, users)| json!({ "role": role, "users": people(&policy, users) }))
            .collect();
        rows.push(json!({ "start": shift.start.to_string(), "end": shift.end.to_string(), "roles": roles }));
    }
    Ok(Json(json!({ "schedule": name, "from": from.to_string(), "to": end.to_string(), "shifts": rows }))
        .into_response())
}
