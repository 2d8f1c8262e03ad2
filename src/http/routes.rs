//! The router. Every route is registered here with its handler, and in `auth::policy` with what it needs; a test compares the two.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, any, delete, get, post};
use tower_http::catch_panic::CatchPanicLayer;

use super::App;
use super::guard::{Guard, guard};
use super::problem::{self, Failure};
use super::receive::receive;
use super::{
    alertmanager, audit, budgets, calendars, callback, contacts, drill, events, gate, incidents, indicators, load,
    oncall, openapi, ops, pages, quarantine, record, samples, silences, slack, slos, stand_ins, tokens,
};
use crate::auth::policy;
use crate::ingest::DIALECTS;

/// A handler and where it is found.
type Registered = (&'static str, &'static str, MethodRouter<App>);

/// All routes with their handlers.
fn registered() -> Vec<Registered> {
    let mut all: Vec<Registered> = Vec::new();
    for (position, dialect) in DIALECTS.iter().enumerate() {
        let handler = move |app: State<App>, principal, request: Request| receive(position, app, principal, request);
        all.push(("POST", dialect.path, post(handler)));
    }
    for (verb, path) in incidents::VERBS {
        let handler = move |app: State<App>, principal, path, request: Request| {
            incidents::act(verb, app, principal, path, request)
        };
        all.push(("POST", path, post(handler)));
    }
    all.extend([
        ("GET", "/v1/people/{person}/contacts", get(contacts::list)),
        ("POST", "/v1/people/{person}/contacts/{channel}/code", post(contacts::send)),
        ("POST", "/v1/people/{person}/contacts/{channel}/verify", post(contacts::verify)),
        ("GET", "/v/{token}", get(pages::show_contact)),
        ("POST", "/v/{token}", post(pages::act_on_contact)),
    ]);
    all.extend([
        ("POST", "/v1/samples", post(samples::native)),
        ("POST", "/v1/metrics", post(samples::otlp)),
        ("POST", "/api/v1/write", post(samples::remote_write)),
        ("GET", "/v1/incidents", get(incidents::list)),
        ("GET", "/v1/incidents/{id}", get(incidents::get)),
        ("GET", "/v1/incidents/{id}/explain", get(incidents::explain)),
        ("GET", "/v1/incidents/{id}/timeline", get(record::timeline)),
        ("GET", "/v1/incidents/{id}/postmortem", get(record::postmortem)),
        ("POST", "/v1/incidents/{id}/postmortem", post(record::settle)),
        ("GET", "/v1/postmortems", get(record::postmortems)),
        ("GET", "/v1/events/{id}", get(events::get)),
        ("GET", "/v1/events/{id}/explain", get(events::explain)),
        ("GET", "/v1/explain", get(events::page)),
        ("GET", "/v1/silences", get(silences::list)),
        ("POST", "/v1/silences", post(silences::create)),
        ("POST", "/v1/silences/preview", post(silences::preview)),
        ("GET", "/v1/silences/{id}", get(silences::get)),
        ("DELETE", "/v1/silences/{id}", delete(silences::expire)),
        ("GET", "/v1/maintenance", get(silences::maintenance)),
        ("GET", "/v1/indicators/rotations", get(indicators::rotations)),
        ("GET", "/v1/indicators/load", get(load::load)),
    ]);
    all.extend([
        ("POST", "/v1/drill", post(drill::begin)),
        ("GET", "/v1/drill/{event}", get(drill::report)),
        ("GET", "/api/v2/alerts", get(alertmanager::alerts)),
        ("GET", "/api/v2/alerts/groups", get(alertmanager::groups)),
        ("GET", "/api/v2/silences", get(alertmanager::silences)),
        ("POST", "/api/v2/silences", post(alertmanager::post_silence)),
        ("GET", "/api/v2/silence/{id}", get(alertmanager::silence)),
        ("DELETE", "/api/v2/silence/{id}", delete(alertmanager::delete_silence)),
        ("GET", "/api/v2/status", get(alertmanager::status)),
        ("GET", "/api/v2/receivers", get(alertmanager::receivers)),
        ("*", "/api/v1/{*rest}", any(alertmanager::v1)),
        ("GET", "/a/{token}", get(pages::show)),
        ("POST", "/a/{token}", post(pages::act)),
        ("GET", "/d/{token}", get(pages::show_digest)),
        ("POST", "/d/{token}", post(pages::act_on_digest)),
        ("GET", "/c/{file}", get(pages::chart)),
        ("POST", "/hooks/slack/{channel}/interactions", post(slack::interactions)),
        ("POST", "/hooks/slack/{channel}/commands", post(slack::commands)),
        ("POST", "/hooks/slack/{channel}/events", post(slack::events)),
        ("POST", "/k/{channel}/{token}", post(callback::ask)),
        ("GET", "/", get(pages::list)),
        ("GET", "/incidents", get(pages::list)),
        ("GET", "/incidents/{id}", get(pages::incident)),
        ("GET", "/style.css", get(pages::style)),
        ("GET", "/-/healthy", get(ops::healthy)),
        ("GET", "/-/ready", get(ops::ready)),
        ("POST", "/-/reload", post(ops::reload)),
        ("GET", "/v1/audit", get(audit::list)),
        ("GET", "/v1/quarantine", get(quarantine::list)),
        ("GET", "/v1/tokens", get(tokens::list)),
        ("GET", "/metrics", get(ops::metrics)),
        ("GET", "/openapi.json", get(openapi::serve)),
        ("GET", "/problems", get(ops::problems)),
        ("GET", "/problems/{slug}", get(ops::explain_problem)),
    ]);
    all.extend(of_schedules());
    all.extend(service_levels());
    all
}

/// Those about service levels.
fn service_levels() -> Vec<Registered> {
    vec![
        ("GET", "/v1/slos", get(slos::list)),
        ("GET", "/v1/slos/{id}/budget", get(slos::budget)),
        ("GET", "/v1/slos/{id}/periods", get(slos::by_period)),
        ("GET", "/v1/indicators/adherence", get(budgets::adherence)),
        ("GET", "/v1/indicators/exhaustion", get(budgets::exhaustion)),
        ("GET", "/v1/indicators/depletion", get(budgets::depletion)),
        ("GET", "/v1/indicators/speeds", get(budgets::speeds)),
        ("GET", "/v1/indicators/endpoints", get(budgets::endpoints)),
        ("GET", "/v1/gate/{service}", get(gate::gate)),
        ("GET", "/v1/gate/{service}/silver-bullets", get(gate::bullets)),
        ("POST", "/v1/gate/{service}/silver-bullets", post(gate::fire)),
    ]
}

/// Those about who is on call.
fn of_schedules() -> Vec<Registered> {
    vec![
        ("GET", "/v1/oncall", get(oncall::now)),
        ("GET", "/v1/schedules/{name}/shifts", get(oncall::shifts)),
        ("GET", "/v1/schedules/{name}/overrides", get(stand_ins::overrides)),
        ("POST", "/v1/schedules/{name}/overrides", post(stand_ins::add)),
        ("DELETE", "/v1/schedules/{name}/overrides/{id}", delete(stand_ins::remove)),
        ("GET", "/v1/swaps", get(stand_ins::list)),
        ("POST", "/v1/swaps", post(stand_ins::offer)),
        ("GET", "/v1/swaps/{id}", get(stand_ins::get)),
        ("POST", "/v1/swaps/{id}/accept", post(stand_ins::accept)),
        ("POST", "/v1/swaps/{id}/decline", post(stand_ins::decline)),
        ("POST", "/v1/calendars", post(calendars::url)),
        ("POST", "/v1/calendars/revoke", post(calendars::revoke)),
        ("GET", "/calendars/{token}", get(calendars::feed)),
        ("GET", "/quiet", get(pages::quiet)),
        ("GET", "/s/{token}", get(pages::show_swap)),
        ("POST", "/s/{token}", post(pages::act_on_swap)),
    ]
}

/// The service as one tower service. Every route is behind its guard; what is not in the policy table is not served.
pub fn router(app: App) -> Router {
    let mut router = Router::new();
    for (method, path, handler) in registered() {
        if let Some(route) = policy::find(method, path) {
            let layer = from_fn_with_state(Guard::new(app.clone(), *route), guard);
            // A handler for every method is what axum calls a fallback; `route_layer` leaves these out.
            let guarded = if method == "*" { handler.layer(layer) } else { handler.route_layer(layer) };
            router = router.route(path, guarded);
        }
    }
    let metrics = app.clone();
    // A panic is our mistake: counted, logged by the panic hook, answered, and nobody else's connection.
    let panics = CatchPanicLayer::custom(move |_: Box<dyn std::any::Any + Send>| {
        metrics.metrics().http_panics.inc();
        Failure::new(&problem::INTERNAL, "the request ran into a mistake of callout's own").into_response()
    });
    let router = router.layer(panics);
    router.fallback(not_found).method_not_allowed_fallback(method_not_allowed).with_state(app)
}

async fn not_found(uri: Uri) -> Response {
    let failure = Failure::new(&problem::NOT_FOUND, "there is no such route");
    if uri.path().starts_with("/api/v2/") { failure.into_alertmanager() } else { failure.into_response() }
}

async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    let failure = Failure::new(&problem::METHOD_NOT_ALLOWED, format!("the route does not know {method}"));
    if uri.path().starts_with("/api/v2/") { failure.into_alertmanager() } else { failure.into_response() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_in_the_policy_table_and_nothing_else_is() {
        let mut handled: Vec<(&str, &str)> = registered().iter().map(|(method, path, _)| (*method, *path)).collect();
        let mut listed: Vec<(&str, &str)> = policy::ROUTES.iter().map(|r| (r.method, r.path)).collect();
        handled.sort_unstable();
        listed.sort_unstable();
        assert_eq!(handled, listed);
        assert!(listed.windows(2).all(|pair| pair[0] != pair[1]), "a route is listed twice");
    }
}
