//! The audit: who did what, when, and what came of it.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::App;
use super::incidents::unreadable;
use super::openapi::{Content, Kind, Operation, Param};
use super::params::{Params, bad};
use super::problem::Failure;
use crate::domain::{Seq, Span, Timestamp};
use crate::projection::{AuditAsked, AuditRow};

/// For `/openapi.json`.
pub const DESCRIBED: &[Operation] = &[Operation::new("GET", "/v1/audit", "Who did what, the oldest first")
    .query(&[
        Param("from", Kind::Time, "default a day ago"),
        Param("to", Kind::Time, "default now"),
        Param("limit", Kind::Rows(AUDIT_ROWS_MAX), "rows of a page; default 100"),
        Param("cursor", Kind::Text, "where the page before ended"),
    ])
    .answers(&[(200, Content::Json("Audit"))])
    .refuses(&[400])];

/// Rows of a page of the audit unless said otherwise.
const PAGE_ROWS: usize = 100;
/// Rows of a page of the audit at most. Beyond: 400.
pub const AUDIT_ROWS_MAX: usize = 1_000;
/// How far back the audit is shown unless said otherwise.
const SHOWN: Span = Span::from_hours(24);

/// A page of the audit.
#[derive(Debug, Serialize)]
pub struct AuditView {
    acts: Vec<AuditRow>,
    next_cursor: Option<String>,
}

/// `GET /v1/audit?from=&to=&limit=&cursor=`: the oldest first, of the last day unless said otherwise.
pub async fn list(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Result<Response, Failure> {
    let params = Params::of(query, &["from", "to", "limit", "cursor"])?;
    let now = app.handle().now();
    let cursor = params.get("cursor").map(read_cursor).transpose()?;
    let (from, after) = match cursor {
        Some(cursor) => cursor,
        None => (params.time("from")?.unwrap_or_else(|| now.minus(SHOWN)), Seq(0)),
    };
    let to = params.time("to")?.unwrap_or_else(|| now.plus(Span::from_seconds(1)));
    let limit = params.limit(PAGE_ROWS, AUDIT_ROWS_MAX)?;
    let page = app.handle().audit(AuditAsked { from, to, after, limit }).await.map_err(unreadable)?;
    let next_cursor = page.next.map(|(at, seq)| URL_SAFE_NO_PAD.encode(format!("a{}.{}", at.as_millis(), seq.0)));
    Ok(Json(AuditView { acts: page.rows, next_cursor }).into_response())
}

fn read_cursor(text: &str) -> Result<(Timestamp, Seq), Failure> {
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (at, seq) = text.strip_prefix('a')?.split_once('.')?;
        Some((Timestamp::from_millis(at.parse().ok()?), Seq(seq.parse().ok()?)))
    };
    read().ok_or_else(|| bad("cursor", "it is not one that a page ended with"))
}
