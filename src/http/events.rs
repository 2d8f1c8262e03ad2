//! Events: what became of each, and why.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::App;
use super::incidents::{explanation, unreadable};
use super::openapi::{Content, Kind, Operation, Param};
use super::params::{Params, bad};
use super::problem::Failure;
use crate::domain::{EventId, Seq};
use crate::projection::Explanation;

/// For `/openapi.json`.
pub const DESCRIBED: &[Operation] = &[
    Operation::new("GET", "/v1/events/{id}", "What became of an event")
        .answers(&[(200, Content::Json("Event"))])
        .refuses(&[404]),
    Operation::new("GET", "/v1/events/{id}/explain", "The chain of decisions about an event")
        .answers(&[(200, Content::JsonOrText("Explanation"))])
        .refuses(&[404]),
    Operation::new("GET", "/v1/explain", "The page that a person got at a time, or shortly before")
        .query(&[Param("person", Kind::Required, "whose page"), Param("at", Kind::Time, "when; default now")])
        .answers(&[(200, Content::JsonOrText("Explanation"))])
        .refuses(&[400, 404]),
];

async fn find(app: &App, id: &str) -> Result<(EventId, Explanation), Failure> {
    let unknown = || Failure::not_found(format!("event `{}`", id.chars().take(64).collect::<String>()));
    let event: EventId = id.parse().map_err(|_| unknown())?;
    let explanation = app.handle().explain_event(event).await.map_err(unreadable)?;
    Ok((event, explanation.ok_or_else(unknown)?))
}

/// `GET /v1/events/{id}`
pub async fn get(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Failure> {
    let (event, explanation) = find(&app, &id).await?;
    let waits = app.handle().read(|state| state.inbox.contains_key(&Seq(event.0)));
    let body = json!({ "event": event.to_string(), "judged": !waits, "explanation": explanation });
    Ok(Json(body).into_response())
}

/// `GET /v1/events/{id}/explain`
pub async fn explain(State(app): State<App>, Path(id): Path<String>, headers: HeaderMap) -> Result<Response, Failure> {
    let (_, found) = find(&app, &id).await?;
    Ok(explanation(&found, &headers))
}

/// `GET /v1/explain?person=&at=`: the page that a person got at, or shortly before, a time.
pub async fn page(
    State(app): State<App>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let params = Params::of(query, &["person", "at"])?;
    let person = params.get("person").ok_or_else(|| bad("person", "say whose page"))?.to_owned();
    let at = params.time("at")?.unwrap_or_else(|| app.handle().now());
    let found = app.handle().explain_page(person, at).await.map_err(unreadable)?;
    let found = found.ok_or_else(|| Failure::not_found("a page to that person within the twelve hours before"))?;
    Ok(explanation(&found, &headers))
}
