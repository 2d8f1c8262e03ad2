//! Events coming in: body, dialect, shard, answer. The same for all dialects.

use std::collections::BTreeMap;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use prometheus_client::metrics::counter::Counter;

use super::App;
use super::body::read_json;
use super::openapi::{Content, Operation};
use super::problem::{Failure, respond};
use crate::auth::Principal;
use crate::auth::token::Teams;
use crate::domain::{Fingerprint, Source};
use crate::engine::state::Alert;
use crate::ingest::{self, Context, DIALECTS, Dialect, Kept, Known, Parsed, Refusal};
use crate::runtime::{Handle, Incoming, Sent};
use crate::telemetry::Metrics;
use crate::telemetry::metrics::{EventLabels, ReasonLabels};

/// For `/openapi.json`: the routes of the dialects.
pub const DESCRIBED: &[Operation] = &[
    Operation::new("POST", "/v1/breaches", "Events in callout's own shape; durable when answered")
        .body("Breaches")
        .answers(&[(202, Content::Json("Accepted")), (422, Content::Problem("AllRejected"))]),
    Operation::new("POST", "/api/v2/alerts", "Alerts in Alertmanager's shape; durable when answered")
        .body("AlertmanagerAlerts")
        .answers(&[(200, Content::Nothing)]),
];

/// Counters of one dialect.
#[derive(Debug)]
pub struct Counters {
    accepted: Counter,
    refired: Counter,
    repeated: Counter,
    rejected: Counter,
    ignored: Counter,
}

impl Counters {
    /// Of all dialects, in order of the register.
    pub fn all(metrics: &Metrics) -> Vec<Self> {
        let counter = |dialect, outcome| metrics.ingest_events.get_or_create_owned(&EventLabels { dialect, outcome });
        DIALECTS
            .iter()
            .map(|d| Self {
                accepted: counter(d.name, "accepted"),
                refired: counter(d.name, "refired"),
                repeated: counter(d.name, "repeated"),
                rejected: counter(d.name, "rejected"),
                ignored: counter(d.name, "ignored"),
            })
            .collect()
    }
}

/// What the shard knows, for dialects.
struct Sources<'a>(&'a Handle);

impl Known for Sources<'_> {
    fn look(&self, look: &mut dyn FnMut(&BTreeMap<Fingerprint, Alert>, bool)) {
        // In this order, so that what was answered before is either judged or counts as waiting.
        let waiting = self.0.has_unjudged();
        self.0.read(|state| look(&state.alerts, waiting));
    }
}

/// The handler of the dialect at this position of the register.
pub async fn receive(
    dialect: usize,
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Response {
    let (dialect, counters) = (&DIALECTS[dialect], &app.0.dialects[dialect]);
    let (parts, body) = request.into_parts();
    let parsed = match read_json(&parts.headers, body).await {
        Ok(bytes) => ingest::utf8(&bytes).and_then(|text| parse(&app, dialect, &principal, text)).map(|p| (p, bytes)),
        Err(refusal) => Err(refusal),
    };
    match parsed {
        Ok((parsed, body)) => store(&app, dialect, counters, parsed, body).await,
        Err(refusal) => {
            let reason = ReasonLabels { dialect: dialect.name, reason: refusal.problem.slug };
            app.metrics().ingest_refusals.get_or_create(&reason).inc();
            respond((dialect.refuse)(&refusal))
        }
    }
}

fn parse(app: &App, dialect: &Dialect, principal: &Principal, text: &str) -> Result<Parsed, Refusal> {
    let handle = app.handle();
    let policy = handle.policy();
    let teams = teams(principal);
    let may = |team: Option<&str>, service: Option<&str>| {
        let owner = service.and_then(|s| policy.services.get(s)).map(|s| s.team.as_str());
        team.or(owner).is_some_and(|team| teams.include(team))
    };
    let context = Context {
        now: handle.now(),
        organisation: &policy.organisation.name,
        known: &Sources(handle),
        may: if teams == Teams::All { None } else { Some(&may) },
    };
    (dialect.parse)(text, &context)
}

/// The teams that somebody may send for.
pub(super) fn teams(principal: &Principal) -> Teams<'_> {
    match principal {
        Principal::Token { grants, .. } => grants.ingest(),
        Principal::Local => Teams::All,
        Principal::Anybody => Teams::None,
    }
}

/// Makes what was taken durable and answers; never before it is on disk.
async fn store(app: &App, dialect: &Dialect, counters: &Counters, mut parsed: Parsed, body: Bytes) -> Response {
    counters.ignored.inc_by(parsed.ignored.into());
    if !parsed.rejected.is_empty() {
        counters.rejected.inc_by(parsed.rejected.len() as u64);
        for rejection in &parsed.rejected {
            let reason = ReasonLabels { dialect: dialect.name, reason: rejection.problem.slug };
            app.metrics().ingest_rejections.get_or_create(&reason).inc();
        }
    }
    let taken = std::mem::take(&mut parsed.taken);
    let sent = Sent { body, items: std::mem::take(&mut parsed.items) };
    if taken.is_empty() {
        return respond((dialect.answer)(&parsed, &[]));
    }
    let refires = taken.iter().filter(|t| matches!(t, Incoming::Refire(_))).count() as u64;
    match app.handle().accept_sent(taken, sent).await {
        Ok(accepted) => {
            let kept: Vec<Kept> = accepted.iter().map(|a| Kept { event: a.event, repeated: a.repeated }).collect();
            let repeats = kept.iter().filter(|k| k.repeated).count() as u64;
            counters.refired.inc_by(refires);
            counters.repeated.inc_by(repeats);
            counters.accepted.inc_by((kept.len() as u64).saturating_sub(refires + repeats));
            respond((dialect.answer)(&parsed, &kept))
        }
        Err(refused) => {
            let failure = Failure::from(refused);
            if dialect.source == Source::Alertmanager { failure.into_alertmanager() } else { failure.into_response() }
        }
    }
}
