//! Indicators of service levels, over all levels that are asked for: adherence by period, depletion over time, its speed, premature
//! exhaustion, the worst endpoints. JSON, or CSV when asked.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::App;
use super::openapi::{Content, Kind, Operation, Param};
use super::params::{Params, bad};
use super::problem::Failure;
use super::slos::{AT, FORMAT, PERIOD, asked, csv, fits, last_minute, sorted_by_sli, wants_csv};
use crate::domain::Timestamp;
use crate::engine::Policy;
use crate::engine::level_index::{Level, LevelIndex};
use crate::engine::levels::{Episode, Levels};
use crate::projection::budgets::{
    Asked, OutageRow, Row, Subject, budget_over_time, mean_and_highest_speed, outages, period, periods,
};

/// Levels of one answer. Beyond: 400, narrow the question.
pub const INDICATOR_LEVELS_MAX: usize = 2_000;
/// Levels that are computed under one hold of the state.
const HOLD: usize = 16;

const TEAM: Param = Param("team", Kind::Text, "of this team");
const SERVICE: Param = Param("service", Kind::Text, "of this service");
const SLI: Param = Param("sli", Kind::Text, "of this SLI");
const SLO: Param = Param("slo", Kind::Text, "of this SLO");
const ENDPOINT: Param = Param("endpoint", Kind::Text, "of this endpoint");
const ENVIRONMENT: Param = Param("environment", Kind::Text, "in this environment");
const REGION: Param = Param("region", Kind::Text, "in this region");
const SCOPE: Param =
    Param("scope", Kind::Word(&["one", "all"]), "of one environment and region, or over all; default one");
const QUERY: &[Param] = &[TEAM, SERVICE, SLI, SLO, ENDPOINT, ENVIRONMENT, REGION, SCOPE, PERIOD, AT, FORMAT];
const FILTERS: [&str; 11] =
    ["team", "service", "sli", "slo", "endpoint", "environment", "region", "scope", "period", "at", "format"];

/// For `/openapi.json`.
pub const DESCRIBED: &[Operation] = &[
    Operation::new("GET", "/v1/indicators/adherence", "Whether objectives were kept, period by period")
        .query(QUERY)
        .answers(&[(200, Content::JsonOrCsv("Adherence"))])
        .refuses(&[400]),
    Operation::new("GET", "/v1/indicators/exhaustion", "Periods whose budget was gone before they were over")
        .query(QUERY)
        .answers(&[(200, Content::JsonOrCsv("Adherence"))])
        .refuses(&[400]),
    Operation::new("GET", "/v1/indicators/depletion", "Error budgets over time")
        .query(QUERY)
        .answers(&[(200, Content::JsonOrCsv("Depletion"))])
        .refuses(&[400]),
    Operation::new("GET", "/v1/indicators/speeds", "How fast outages spent error budgets")
        .query(QUERY)
        .answers(&[(200, Content::JsonOrCsv("Speeds"))])
        .refuses(&[400]),
    Operation::new("GET", "/v1/indicators/endpoints", "The least available endpoints, or the slowest, worst first")
        .query(QUERY)
        .answers(&[(200, Content::JsonOrCsv("Endpoints"))])
        .refuses(&[400]),
];

/// What an indicator looks at.
struct Question {
    policy: Arc<Policy>,
    index: Arc<LevelIndex>,
    wanted: Vec<u32>,
    asked: Option<Asked>,
    now: Timestamp,
    as_csv: bool,
}

impl Question {
    fn of(app: &App, query: Vec<(String, String)>, also: impl Fn(&Level) -> bool) -> Result<Self, Failure> {
        let params = Params::of(query, &FILTERS)?;
        if params.get("scope").is_some_and(|scope| !["one", "all"].contains(&scope)) {
            return Err(bad("scope", "write `one` or `all`"));
        }
        let (as_csv, asked) = (wants_csv(&params)?, asked(&params)?);
        let policy = app.handle().policy();
        let index = app.handle().read(|state| Arc::clone(&state.levels.index));
        // An outage must not count twice, once by itself and once in the sum.
        let is_wanted = |level: &Level| {
            let scope = if level.key.scope == crate::engine::levels::Scope::All { "all" } else { "one" };
            fits(level, &params, &policy) && scope == params.get("scope").unwrap_or("one") && also(level)
        };
        let numbers = index.numbers.values().copied();
        let wanted: Vec<u32> =
            numbers.filter(|number| index.levels.get(*number as usize).is_some_and(is_wanted)).collect();
        if wanted.len() > INDICATOR_LEVELS_MAX {
            let many = wanted.len();
            return Err(bad(
                "service",
                format!("{many} levels fit; at most {INDICATOR_LEVELS_MAX} are answered at once"),
            ));
        }
        Ok(Self { policy, index, wanted, asked, now: last_minute(app), as_csv })
    }

    /// Looks at each level as of the period that is asked for; the state is held for a few at a time.
    fn each<T>(&self, app: &App, mut look: impl FnMut(&Level, &Levels, Timestamp) -> Vec<T>) -> Vec<T> {
        let mut all = Vec::new();
        for chunk in self.wanted.chunks(HOLD) {
            app.handle().read(|state| {
                for level in chunk.iter().filter_map(|number| self.index.levels.get(*number as usize)) {
                    let at = self.asked.unwrap_or(Asked::Current).at(level, self.now);
                    all.extend(look(level, &state.levels, at));
                }
            });
        }
        all
    }

    fn row<T>(&self, level: &Level, of: T) -> Row<T> {
        Row { subject: Subject::of(level, &self.policy), of }
    }

    fn answer<T: serde::Serialize>(&self, name: &str, rows: &[T]) -> Response {
        if self.as_csv { csv(rows) } else { Json(json!({ "at": self.now.to_string(), name: rows })).into_response() }
    }
}

type Asking = Query<Vec<(String, String)>>;

/// `GET /v1/indicators/adherence`: each period that is known, or the one that is asked for.
pub async fn adherence(State(app): State<App>, Query(query): Asking) -> Result<Response, Failure> {
    let question = Question::of(&app, query, |_| true)?;
    let rows = question.each(&app, |level, levels, at| {
        let rows = match question.asked {
            None => periods(level, levels, at),
            Some(_) => period(level, levels, at).into_iter().collect(),
        };
        rows.into_iter().map(|row| question.row(level, row)).collect()
    });
    Ok(question.answer("periods", &rows))
}

/// `GET /v1/indicators/exhaustion`: the same, of those periods alone whose budget was gone before their end.
pub async fn exhaustion(State(app): State<App>, Query(query): Asking) -> Result<Response, Failure> {
    let question = Question::of(&app, query, |_| true)?;
    let rows = question.each(&app, |level, levels, at| {
        let rows = match question.asked {
            None => periods(level, levels, at),
            Some(_) => period(level, levels, at).into_iter().collect(),
        };
        let early = rows.into_iter().filter(|row| row.exhausted_at.is_some());
        early.map(|row| question.row(level, row)).collect()
    });
    Ok(question.answer("periods", &rows))
}

/// `GET /v1/indicators/depletion`
pub async fn depletion(State(app): State<App>, Query(query): Asking) -> Result<Response, Failure> {
    let question = Question::of(&app, query, |_| true)?;
    let rows = question.each(&app, |level, levels, at| {
        budget_over_time(level, levels, at).into_iter().map(|point| question.row(level, point)).collect()
    });
    Ok(question.answer("points", &rows))
}

/// `GET /v1/indicators/speeds`
pub async fn speeds(State(app): State<App>, Query(query): Asking) -> Result<Response, Failure> {
    let question = Question::of(&app, query, |_| true)?;
    let found: Vec<(Row<OutageRow>, Episode)> = question.each(&app, |level, levels, at| {
        let row = |episode: &Episode| (question.row(level, OutageRow::of(episode)), episode.clone());
        outages(level, levels, at).map(row).collect()
    });
    let (average, highest) = mean_and_highest_speed(found.iter().map(|(_, episode)| episode));
    let rows: Vec<Row<OutageRow>> = found.into_iter().map(|(row, _)| row).collect();
    if question.as_csv {
        return Ok(csv(&rows));
    }
    let body = json!({
        "at": question.now.to_string(), "outages": rows, "average_percent_per_hour": average,
        "highest_percent_per_hour": highest,
    });
    Ok(Json(body).into_response())
}

/// `GET /v1/indicators/endpoints`: the lowest share of good events first; of latency, the slowest.
pub async fn endpoints(State(app): State<App>, Query(query): Asking) -> Result<Response, Failure> {
    let mut query = query;
    if !query.iter().any(|(name, value)| name == "sli" && !value.is_empty()) {
        query.push(("sli".to_owned(), "availability".to_owned()));
    }
    let question = Question::of(&app, query, |level| level.key.endpoint.is_some())?;
    let policy = Arc::clone(&question.policy);
    let mut rows =
        question.each(&app, |level, levels, at| vec![crate::projection::levels::level_row(level, levels, &policy, at)]);
    sorted_by_sli(&mut rows);
    Ok(question.answer("endpoints", &rows))
}
