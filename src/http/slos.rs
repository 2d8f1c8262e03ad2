//! Service levels: where they stand, and their budgets. JSON, or CSV when asked.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::App;
use super::openapi::{Content, Kind, Operation, Param};
use super::params::{Params, bad};
use super::problem::Failure;
use crate::domain::{Name, Timestamp, minute_end, minute_over};
use crate::engine::level_index::{Level, LevelIndex};
use crate::engine::levels::Scope;
use crate::engine::{Policy, State as EngineState};
use crate::projection::budgets::{Asked, budget_over_time, exhausted_at, periods, speeds};
use crate::projection::levels::{LevelRow, exclusions, level_row};

/// For `/openapi.json`.
pub const DESCRIBED: &[Operation] = &[
    Operation::new("GET", "/v1/slos", "Where each service level stands")
        .query(&[
            Param("team", Kind::Text, "of this team"),
            Param("service", Kind::Text, "of this service"),
            Param("sli", Kind::Text, "of this SLI"),
            Param("slo", Kind::Text, "of this SLO"),
            Param("endpoint", Kind::Text, "of this endpoint"),
            Param("environment", Kind::Text, "in this environment"),
            Param("region", Kind::Text, "in this region"),
            Param("scope", Kind::Word(&["one", "all"]), "of one environment and region, or over all"),
            PERIOD,
            AT,
            Param("sort", Kind::Word(&["budget", "sli"]), "the worst first; without a further page"),
            Param("limit", Kind::Rows(LEVELS_MAX), "rows of a page; default 50"),
            Param("cursor", Kind::Text, "where the page before ended"),
            FORMAT,
        ])
        .answers(&[(200, Content::JsonOrCsv("Slos"))])
        .refuses(&[400]),
    Operation::new("GET", "/v1/slos/{id}/budget", "The budget of a service level over its period")
        .query(&[PERIOD, AT, FORMAT])
        .answers(&[(200, Content::JsonOrCsv("Budget"))])
        .refuses(&[400, 404]),
    Operation::new("GET", "/v1/slos/{id}/periods", "Whether the objective was kept, period by period")
        .query(&[FORMAT])
        .answers(&[(200, Content::JsonOrCsv("Periods"))])
        .refuses(&[400, 404]),
];
pub(super) const FORMAT: Param = Param("format", Kind::Word(&["json", "csv"]), "default json");
pub(super) const PERIOD: Param = Param("period", Kind::Word(&["current", "previous"]), "which period; default current");
pub(super) const AT: Param =
    Param("at", Kind::Time, "the period that holds this instant, or the rolling one that ends then");

/// Levels of one answer. Beyond: 400.
pub const LEVELS_MAX: usize = 500;
/// Levels that are put in order by a figure. Beyond: 400, narrow the question.
pub const SORTED_MAX: usize = 20_000;
/// Levels that are computed under one hold of the state.
const HOLD: usize = 64;

const FILTERS: [&str; 14] = [
    "team",
    "service",
    "sli",
    "slo",
    "endpoint",
    "environment",
    "region",
    "scope",
    "period",
    "at",
    "sort",
    "limit",
    "cursor",
    "format",
];

/// `GET /v1/slos?team=&service=&sli=&slo=&endpoint=&environment=&region=&scope=&period=&at=&sort=&limit=&cursor=&format=`
pub async fn list(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Result<Response, Failure> {
    let params = Params::of(query, &FILTERS)?;
    let limit = params.limit(50, LEVELS_MAX)?;
    if params.get("scope").is_some_and(|scope| !["one", "all"].contains(&scope)) {
        return Err(bad("scope", "write `one` or `all`"));
    }
    let cursor: usize =
        params.get("cursor").map_or(Ok(0), str::parse).map_err(|_| bad("cursor", "use the one given"))?;
    let as_csv = wants_csv(&params)?;
    let asked = asked(&params)?.unwrap_or(Asked::Current);
    let (policy, now) = (app.handle().policy(), last_minute(&app));
    let index = app.handle().read(|state| Arc::clone(&state.levels.index));
    let wanted: Vec<u32> = index
        .numbers
        .values()
        .copied()
        .filter(|number| index.levels.get(*number as usize).is_some_and(|level| fits(level, &params, &policy)))
        .collect();
    let (rows, next) = match params.get("sort") {
        None => {
            let page: Vec<u32> = wanted.iter().skip(cursor).take(limit).copied().collect();
            let next = (cursor + page.len() < wanted.len()).then(|| cursor + page.len());
            (rows(&app, &index, &page, &policy, (asked, now)), next)
        }
        Some(by) => (sorted(&app, &index, &wanted, &policy, (asked, now), by)?.into_iter().take(limit).collect(), None),
    };
    if as_csv {
        return Ok(csv(&rows));
    }
    let next = next.map(|next| next.to_string());
    Ok(Json(json!({ "at": now.to_string(), "slos": rows, "total": wanted.len(), "next_cursor": next })).into_response())
}

fn check_sortable(levels: usize) -> Result<(), Failure> {
    if levels > SORTED_MAX {
        return Err(bad("sort", format!("{levels} levels fit; at most {SORTED_MAX} can be put in order")));
    }
    Ok(())
}

/// All that is asked for, the worst first.
fn sorted(
    app: &App,
    index: &LevelIndex,
    wanted: &[u32],
    policy: &Policy,
    when: (Asked, Timestamp),
    by: &str,
) -> Result<Vec<LevelRow>, Failure> {
    if !["budget", "sli"].contains(&by) {
        return Err(bad("sort", "write `budget` (least left first) or `sli` (least available or slowest first)"));
    }
    check_sortable(wanted.len())?;
    let mut all = rows(app, index, wanted, policy, when);
    if by == "sli" {
        sorted_by_sli(&mut all);
        return Ok(all);
    }
    // What has no traffic has no figure and comes last.
    all.sort_by_cached_key(|row| {
        let figure = row.remaining_percent.as_deref().map(decimal);
        (figure.is_none(), figure, row.subject.id.clone())
    });
    Ok(all)
}

/// The lowest share of good events first, what has no traffic last.
pub(super) fn sorted_by_sli(rows: &mut [LevelRow]) {
    rows.sort_by_cached_key(|row| {
        let figure = row.sli_percent.as_deref().map(decimal);
        (figure.is_none(), figure, row.subject.id.clone())
    });
}

/// A decimal number of at most six digits after the point, in millionths.
fn decimal(text: &str) -> i128 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let number: i128 = format!("{whole}{fraction:0<6}").parse().unwrap_or(0);
    sign * number
}

fn rows(
    app: &App,
    index: &LevelIndex,
    numbers: &[u32],
    policy: &Policy,
    (asked, now): (Asked, Timestamp),
) -> Vec<LevelRow> {
    let mut rows = Vec::with_capacity(numbers.len());
    for chunk in numbers.chunks(HOLD) {
        let levels = chunk.iter().filter_map(|number| index.levels.get(*number as usize));
        app.handle().read(|state| {
            rows.extend(levels.map(|level| level_row(level, &state.levels, policy, asked.at(level, now))));
        });
    }
    rows
}

pub(super) fn fits(level: &Level, params: &Params, policy: &Policy) -> bool {
    let key = &level.key;
    let (environment, region, scope) = match &key.scope {
        Scope::One { environment, region } => (environment.as_ref(), region.as_ref(), "one"),
        Scope::All => (None, None, "all"),
    };
    let is =
        |name: &str, value: Option<&Name>| params.get(name).is_none_or(|wanted| value.is_some_and(|v| v == wanted));
    is("service", Some(&key.service))
        && is("slo", Some(&key.slo))
        && is("sli", Some(&level.slo.sli))
        && is("endpoint", key.endpoint.as_ref())
        && is("environment", environment)
        && is("region", region)
        && params.get("scope").is_none_or(|wanted| wanted == scope)
        && is("team", policy.services.get(&key.service).map(|service| &service.team))
}

/// `GET /v1/slos/{id}/budget?period=&at=&format=`: the figures, the budget over the period, and when it was gone.
pub async fn budget(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let params = Params::of(query, &["period", "at", "format"])?;
    let (as_csv, asked) = (wants_csv(&params)?, asked(&params)?.unwrap_or(Asked::Current));
    let (policy, now) = (app.handle().policy(), last_minute(&app));
    app.handle().read(|state| {
        let level = find(state, &id)?;
        let levels = &state.levels;
        let at = asked.at(level, now);
        let over_time = budget_over_time(level, levels, at);
        if as_csv {
            return Ok(csv(&over_time));
        }
        let gone = exhausted_at(level, levels, &level.account(levels, at)).map(|at| at.to_string());
        let row = level_row(level, levels, &policy, at);
        let body = json!({
            "at": at.to_string(), "slo": row, "exhausted_at": gone, "speeds": speeds(level, levels, at),
            "excluded": exclusions(level, levels, at), "over_time": over_time,
        });
        Ok(Json(body).into_response())
    })
}

/// `GET /v1/slos/{id}/periods?format=`: whether the objective was kept, period by period.
pub async fn by_period(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let as_csv = wants_csv(&Params::of(query, &["format"])?)?;
    let now = last_minute(&app);
    app.handle().read(|state| {
        let rows = periods(find(state, &id)?, &state.levels, now);
        Ok(if as_csv { csv(&rows) } else { Json(json!({ "id": id, "periods": rows })).into_response() })
    })
}

/// The end of the last minute: what is told is what was judged.
pub(super) fn last_minute(app: &App) -> Timestamp {
    minute_end(minute_over(app.handle().now()))
}

fn find<'s>(state: &'s EngineState, id: &str) -> Result<&'s Level, Failure> {
    let found = u64::from_str_radix(id, 16).ok().and_then(|id| state.levels.index.by_id(id));
    found.ok_or_else(|| Failure::not_found(format!("SLO with the id `{}`", id.chars().take(64).collect::<String>())))
}

/// The period that is asked for.
pub(super) fn asked(params: &Params) -> Result<Option<Asked>, Failure> {
    let word = match params.get("period") {
        None => None,
        Some("current") => Some(Asked::Current),
        Some("previous") => Some(Asked::Previous),
        Some(_) => return Err(bad("period", "write `current` or `previous`, or `at` with a time")),
    };
    Ok(params.time("at")?.map(Asked::At).or(word))
}

pub(super) fn wants_csv(params: &Params) -> Result<bool, Failure> {
    match params.get("format") {
        None | Some("json") => Ok(false),
        Some("csv") => Ok(true),
        Some(_) => Err(bad("format", "write `json` or `csv`")),
    }
}

/// Rows as RFC 4180; nested values are JSON texts.
pub(super) fn csv<T: serde::Serialize>(rows: &[T]) -> Response {
    let mut out = String::new();
    for (number, row) in rows.iter().enumerate() {
        let Ok(Value::Object(fields)) = serde_json::to_value(row) else { continue };
        if number == 0 {
            line(&mut out, fields.keys().cloned());
        }
        line(
            &mut out,
            fields.values().map(|value| match value {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            }),
        );
    }
    ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], out).into_response()
}

fn line(out: &mut String, cells: impl Iterator<Item = String>) {
    for (number, cell) in cells.enumerate() {
        if number > 0 {
            out.push(',');
        }
        // A cell that a spreadsheet would take for a formula is kept from being one.
        let cell = if cell.starts_with(['=', '+', '@', '\t', '\r']) { format!("'{cell}") } else { cell };
        if cell.contains(['"', ',', '\n', '\r']) {
            out.push('"');
            out.push_str(&cell.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(&cell);
        }
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_levels_can_be_put_in_order() {
        assert!(check_sortable(SORTED_MAX).is_ok() && check_sortable(SORTED_MAX + 1).is_err());
    }
}
