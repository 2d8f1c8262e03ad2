//! Indicators of the process that are about no service level: rotations by team. JSON, or CSV when asked.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::App;
use super::oncall::SHIFTS_MAX;
use super::openapi::{Content, Kind, Operation, Param};
use super::params::{Params, bad};
use super::problem::Failure;
use super::slos::{FORMAT, csv, wants_csv};
use crate::domain::Span;
use crate::projection::rotations::rotations as rotations_of;

/// For `/openapi.json`.
pub const DESCRIBED: &[Operation] = &[Operation::new("GET", "/v1/indicators/rotations", "Rotations by team")
    .query(&[
        Param("team", Kind::Text, "of this team"),
        Param("from", Kind::Time, "default 28 days before `to`"),
        Param("to", Kind::Time, "default now; at most 366 days after `from`"),
        FORMAT,
    ])
    .answers(&[(200, Content::JsonOrCsv("Rotations"))])
    .refuses(&[400, 404])];

/// Periods of all rotations of an answer together. Beyond: 400, narrow the question.
pub const PERIODS_MAX: u64 = 50_000;

/// `GET /v1/indicators/rotations?team=&from=&to=&format=`
pub async fn rotations(
    State(app): State<App>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let params = Params::of(query, &["team", "from", "to", "format"])?;
    let as_csv = wants_csv(&params)?;
    let policy = app.handle().policy();
    let team = params.get("team");
    if let Some(team) = team.filter(|team| !policy.teams.contains_key(*team)) {
        return Err(Failure::not_found(format!("team `{}`", team.chars().take(64).collect::<String>())));
    }
    let to = params.time("to")?.unwrap_or_else(|| app.handle().now());
    let from = params.time("from")?.unwrap_or_else(|| to.minus(Span::from_hours(28 * 24)));
    if to <= from || to.since(from) > SHIFTS_MAX {
        return Err(bad("to", format!("it is after `from`, by at most {SHIFTS_MAX}")));
    }
    let rota = app.handle().read(|state| Arc::clone(&state.rota));
    let rows = rotations_of(&policy, &rota, team, from, to, PERIODS_MAX)
        .ok_or_else(|| bad("to", format!("the rotations have more than {PERIODS_MAX} periods; ask for less time")))?;
    Ok(if as_csv {
        csv(&rows)
    } else {
        Json(json!({ "from": from.to_string(), "to": to.to_string(), "rotations": rows })).into_response()
    })
}
