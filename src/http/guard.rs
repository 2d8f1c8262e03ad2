//! What stands before every handler: who is asking, whether they may, how long it may take, and what is measured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use super::incidents::actor;
use super::problem::{self, Failure};
use super::{App, Peer};
use crate::auth::Asking;
use crate::auth::policy::{Need, Route};
use crate::engine::{Act, Actor};
use crate::telemetry::metrics::{ResponseLabels, RouteLabels};

/// All of a request, body included. Beyond: 503 `timed-out`.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The guard of one route; what it needs and counts is looked up once, when the router is built.
#[derive(Debug)]
pub struct Guard {
    app: App,
    route: Route,
    duration: Histogram,
    responses: [Counter; 4],
}

/// What came of an act, for the audit: an extension of the answer. Requests to routes for administrators are in the audit without it; what needs
/// `act` and is no [`Command`](crate::engine::Command), which the audit knows already, gets there by it.
#[derive(Debug, Clone)]
pub struct Outcome(pub String);

const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

impl Guard {
    /// The guard of `route`.
    pub fn new(app: App, route: Route) -> Arc<Self> {
        let Route { method, path: pattern, .. } = route;
        let metrics = app.metrics();
        let duration =
            metrics.http_request_duration_seconds.get_or_create_owned(&RouteLabels { method, route: pattern });
        let responses = CLASSES
            .map(|class| metrics.http_responses.get_or_create_owned(&ResponseLabels { method, route: pattern, class }));
        Arc::new(Self { app, route, duration, responses })
    }

    fn observe(&self, response: &Response, started: Instant) {
        self.duration.observe(started.elapsed().as_secs_f64());
        let class = usize::from(response.status().as_u16() / 100).clamp(2, 5) - 2;
        self.responses[class].inc();
    }
}

/// Lets a request through to its handler, with the [`Principal`](crate::auth::Principal) as an extension, or answers why not.
pub async fn guard(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let started = guard.app.handle().clock().instant();
    let peer = request.extensions().get::<Peer>().map(|p| p.0);
    let decision = {
        let handle = guard.app.handle();
        let asking = asking(peer, request.headers(), request.uri().authority().map(axum::http::uri::Authority::as_str));
        match guard.route.need {
            Need::Nothing | Need::Link | Need::Signature => Ok(crate::auth::Principal::Anybody),
            need => guard.app.gate().decide(need, &asking, &handle.settings(), handle.now()),
        }
    };
    let response = match decision {
        Ok(principal) => {
            let by = matches!(guard.route.need, Need::Admin | Need::Act).then(|| actor(&principal));
            request.extensions_mut().insert(principal);
            let response = tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await.unwrap_or_else(|_| {
                let limit = REQUEST_TIMEOUT.as_secs();
                guard.fail(Failure::new(&problem::TIMED_OUT, format!("not done within {limit} seconds")))
            });
            let is_act = guard.route.need == Need::Admin || response.extensions().get::<Outcome>().is_some();
            if let Some(by) = by.filter(|_| is_act) {
                let act = guard.act(by, &response);
                guard.record(act).await;
            }
            guard.links(peer, response)
        }
        Err(denied) => guard.fail(denied.into()),
    };
    guard.observe(&response, started);
    response
}

impl Guard {
    /// What an administrator did, for the audit.
    fn act(&self, by: Actor, response: &Response) -> Act {
        let status = response.status();
        let Route { method, path, .. } = self.route;
        let outcome = match response.extensions().get::<Outcome>() {
            Some(Outcome(text)) => text.clone(),
            None => format!("answered {}", status.as_u16()),
        };
        Act { by, what: format!("{method} {path}").into(), done: status.is_success(), outcome }
    }

    /// The act is done by now, so a record that cannot be written is only logged.
    async fn record(&self, act: Act) {
        if let Err(refused) = self.app.handle().record_act(act).await {
            tracing::warn!(error = %refused, "an administrative act is not in the audit");
        }
    }

    /// Links that were not made here, and signatures that do not fit, are counted like wrong tokens.
    fn links(&self, peer: Option<SocketAddr>, response: Response) -> Response {
        let (gate, ip, now) = (self.app.gate(), peer.map(|peer| peer.ip()), self.app.handle().now());
        let counted = match (self.route.need, response.status()) {
            (Need::Link, StatusCode::NOT_FOUND) => gate.wrong_link(ip, now),
            (Need::Signature, StatusCode::UNAUTHORIZED) => gate.wrong_signature(ip, now),
            _ => return response,
        };
        match counted {
            Ok(()) => response,
            Err(denied) => self.fail(denied.into()),
        }
    }

    /// In the shape of the route's dialect.
    fn fail(&self, failure: Failure) -> Response {
        if self.route.path.starts_with("/api/v2/") { failure.into_alertmanager() } else { failure.into_response() }
    }
}

fn asking<'a>(peer: Option<SocketAddr>, headers: &'a HeaderMap, authority: Option<&'a str>) -> Asking<'a> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    Asking {
        peer,
        authorization: text(header::AUTHORIZATION),
        host: text(header::HOST).or(authority),
        origin: text(header::ORIGIN),
        forwarded: headers.contains_key(header::FORWARDED) || headers.contains_key("x-forwarded-for"),
    }
}
