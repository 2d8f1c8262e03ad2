//! How heavy it is to be on call, week by week, added up for a team. JSON, or CSV when asked.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::App;
use super::openapi::{Content, Kind, Operation, Param};
use super::params::{Params, bad};
use super::problem::Failure;
use super::slos::{csv, wants_csv};
use crate::projection::load::{LoadRow, load_of};

/// Weeks of one answer: as long as it is known. Beyond: 400.
pub const WEEKS_MAX: u32 = 13;

/// For `/openapi.json`.
pub const DESCRIBED: &[Operation] =
    &[Operation::new("GET", "/v1/indicators/load", "Pages to those on call by week and at night, added up for teams")
        .query(&[
            Param("team", Kind::Text, "of this team; default all"),
            Param("weeks", Kind::Rows(WEEKS_MAX as usize), "the last weeks, this one included; default 4"),
            Param("format", Kind::Word(&["json", "csv"]), "default json"),
        ])
        .answers(&[(200, Content::JsonOrCsv("Load"))])
        .refuses(&[400, 404])];

/// `GET /v1/indicators/load?team=&weeks=&format=`
pub async fn load(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Result<Response, Failure> {
    let params = Params::of(query, &["team", "weeks", "format"])?;
    let as_csv = wants_csv(&params)?;
    let weeks = match params.get("weeks").map(str::parse::<u32>) {
        None => 4,
        Some(Ok(weeks)) if (1..=WEEKS_MAX).contains(&weeks) => weeks,
        Some(_) => return Err(bad("weeks", format!("a number from 1 to {WEEKS_MAX}"))),
    };
    let policy = app.handle().policy();
    // A copy of pointers.
    let (known, rota) = app.handle().read(|state| (state.load.clone(), Arc::clone(&state.rota)));
    let now = app.handle().now();
    let mut rows: Vec<LoadRow> = Vec::new();
    match params.get("team") {
        Some(team) => {
            let found = load_of(&policy, &rota, &known, team, now, weeks);
            rows.extend(found.ok_or_else(|| Failure::not_found(format!("team `{team}`")))?);
        }
        None => rows
            .extend(policy.teams.keys().filter_map(|team| load_of(&policy, &rota, &known, team, now, weeks)).flatten()),
    }
    Ok(if as_csv { csv(&rows) } else { Json(json!({ "load": rows })).into_response() })
}
