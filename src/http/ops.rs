//! Operations: probes, metrics, reload, and the explanation of problems.

use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::App;
use super::guard::Outcome;
use super::openapi::{Content, Operation};
use super::problem::{self, BAD_CONFIGURATION, Failure};
use crate::auth::gate::Reason;
use crate::domain::{ChannelKind, IncidentId};
use crate::telemetry::metrics::{DeliveryLabels, OutcomeLabels, RejectionLabels};

/// For `/openapi.json`.
pub const DESCRIBED: &[Operation] = &[
    Operation::new("GET", "/-/healthy", "The process answers").answers(&[(200, Content::Text)]),
    Operation::new("GET", "/-/ready", "Work flows; otherwise why not")
        .answers(&[(200, Content::Text), (503, Content::Json("Unready"))]),
    Operation::new("POST", "/-/reload", "Reads the configuration again")
        .answers(&[(200, Content::Json("Reloaded"))])
        .refuses(&[422]),
    Operation::new("GET", "/metrics", "For Prometheus").answers(&[(200, Content::Text)]),
    Operation::new("GET", "/problems", "All types of problems").answers(&[(200, Content::Json("Problems"))]),
    Operation::new("GET", "/problems/{slug}", "One type of problem, in words")
        .answers(&[(200, Content::Text)])
        .refuses(&[404]),
    Operation::new("GET", "/openapi.json", "This document").answers(&[(200, Content::Json("OpenApi"))]),
];

/// Incidents counted while the state is held; the shard waits meanwhile.
const CHUNK_ROWS: usize = 4_096;

/// `GET /-/healthy`: the process answers.
pub async fn healthy() -> Response {
    "callout is healthy\n".into_response()
}

/// `GET /-/ready`: it takes events, judges them in time and delivers pages; otherwise 503 and why not.
pub async fn ready(State(app): State<App>) -> Response {
    let reasons = app.handle().vitals().await.trouble;
    if reasons.is_empty() {
        return "callout is ready\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ready": false, "reasons": reasons }))).into_response()
}

/// `POST /-/reload`: reads, checks and activates the configuration; a bad one is refused with its diagnostics and the old one stays.
pub async fn reload(State(app): State<App>) -> Result<Response, Failure> {
    match app.handle().reload().await {
        Ok(summary) => {
            let mut response = Json(json!({ "activated": true, "summary": summary })).into_response();
            response.extensions_mut().insert(Outcome(summary));
            Ok(response)
        }
        Err(diagnostics) => Err(Failure::new(&BAD_CONFIGURATION, diagnostics)),
    }
}

/// `GET /metrics`
pub async fn metrics(State(app): State<App>) -> Response {
    gauge(&app);
    take_over(&app);
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (content_type, app.metrics().render()).into_response()
}

/// Takes over what the shard counts by itself. Both only grow, so the later look wins.
fn take_over(app: &App) {
    let (counters, metrics) = (app.handle().counters(), app.metrics());
    let micros = |n: u64| std::time::Duration::from_micros(n).as_secs_f64().to_bits();
    for (metric, counter) in [
        (&metrics.journal_commits, &counters.commits),
        (&metrics.judged_inputs, &counters.judged),
        (&metrics.judge_panics, &counters.panics),
        (&metrics.snapshots, &counters.snapshots),
        (&metrics.samples, &counters.samples),
        (&metrics.samples_refused, &counters.samples_refused),
        (&metrics.reloads, &counters.reloads),
        (&metrics.reload_failures, &counters.reload_failures),
        (&metrics.busy_refusals, &counters.busy),
        (&metrics.full_refusals, &counters.full),
        (&metrics.templates_failed, &counters.templates_failed),
        (&metrics.unwritten_refusals, &counters.unwritten),
    ] {
        metric.inner().store(counter.get(), Ordering::Relaxed);
    }
    metrics.journal_commit_seconds.inner().store(micros(counters.commit_micros.get()), Ordering::Relaxed);
    metrics.judge_seconds.inner().store(micros(counters.judge_micros.get()), Ordering::Relaxed);
    let beats = &counters.heartbeats;
    for (outcome, counter) in [("sent", &beats.sent), ("failed", &beats.failed), ("withheld", &beats.withheld)] {
        let metric = metrics.heartbeats.get_or_create_owned(&OutcomeLabels { outcome });
        metric.inner().store(counter.get(), Ordering::Relaxed);
    }
    let groups = app.workspaces().groups();
    for (outcome, counter) in [("updated", &groups.updated), ("failed", &groups.failed), ("kept", &groups.kept)] {
        let metric = metrics.slack_groups.get_or_create_owned(&OutcomeLabels { outcome });
        metric.inner().store(counter.get(), Ordering::Relaxed);
    }
    metrics.slack_groups_behind.set(i64::try_from(groups.behind()).unwrap_or(i64::MAX));
    let reads = &counters.calendars;
    for (outcome, counter) in [("new", &reads.new), ("same", &reads.same), ("failed", &reads.failed)] {
        let metric = metrics.calendar_reads.get_or_create_owned(&OutcomeLabels { outcome });
        metric.inner().store(counter.get(), Ordering::Relaxed);
    }
    for reason in Reason::ALL {
        let metric = metrics.auth_rejections.get_or_create_owned(&RejectionLabels { reason: reason.as_str() });
        metric.inner().store(app.gate().rejected(reason), Ordering::Relaxed);
    }
    for kind in ChannelKind::ALL {
        let (channel, row) = (kind.as_str(), counters.deliveries(kind));
        for (outcome, counter) in
            [("delivered", &row.delivered), ("retry", &row.retried), ("failed", &row.failed), ("dropped", &row.dropped)]
        {
            let metric = metrics.deliveries.get_or_create_owned(&DeliveryLabels { channel, outcome });
            metric.inner().store(counter.get(), Ordering::Relaxed);
        }
    }
}

/// Brings gauges of the engine up to date; they are read so rarely that nobody keeps them otherwise.
fn gauge(app: &App) {
    let (handle, metrics) = (app.handle(), app.metrics());
    let health = handle.health();
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    handle.read(|state| {
        metrics.alerts_known.set(number(state.alerts.len()));
        metrics.outbox_messages.set(number(state.outbox.len()));
        metrics.silences.set(number(state.silences.len()));
        metrics.inbox_inputs.set(number(state.inbox.len()));
        metrics.quarantined_inputs.set(number(state.quarantine.len()));
        metrics.deadlines_set_aside.set(number(state.set_aside.len()));
        metrics.digests_waiting.set(number(state.digests.values().filter(|digest| digest.is_on_its_way()).count()));
    });
    let (mut open, mut after, mut done) = (0, None, false);
    while !done {
        let from = after.map_or(IncidentId(0), |IncidentId(id)| IncidentId(id + 1));
        handle.read(|state| {
            let mut seen = 0;
            for (id, incident) in state.incidents.range(from..).take(CHUNK_ROWS) {
                seen += 1;
                after = Some(*id);
                open += usize::from(incident.status.is_open() && !incident.is_drill());
            }
            done = seen < CHUNK_ROWS;
        });
    }
    metrics.incidents_open.set(number(open));
    metrics.unjudged_age_seconds.set(seconds(health.oldest_unjudged_ms));
    metrics.undelivered_page_age_seconds.set(seconds(health.oldest_page_ms));
    metrics.journal_failing.set(i64::from(health.journal_error.is_some()));
}

fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}

/// `GET /problems`: all types of problems.
pub async fn problems() -> Response {
    let all: Vec<_> = problem::all()
        .map(|p| json!({ "type": p.uri(), "title": p.title, "status": p.status, "help": p.help }))
        .collect();
    Json(json!({ "problems": all })).into_response()
}

/// `GET /problems/{slug}`: where the `type` of a problem document leads.
pub async fn explain_problem(Path(slug): Path<String>) -> Result<Response, Failure> {
    let known = problem::all().find(|p| p.slug == slug).ok_or_else(|| Failure::not_found("such type of problem"))?;
    Ok(format!("{} ({})\n\n{}\n", known.title, known.status, known.help).into_response())
}
