//! One table of every route and what it needs. The router is built along it; a route that is not here is served to nobody.

use super::token::Teams;
use super::{Denied, Principal};

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: probes and explanations of errors.
    Nothing,
    /// The path itself is the key (signed links).
    Link,
    /// A signature over the body, which the handler checks.
    Signature,
    /// `ingest`, or `ingest:TEAM`; which team is checked event by event.
    Ingest,
    /// `read`, which `act` and `admin` include.
    Read,
    /// `act`, or `act:TEAM`; which team is checked by the handler.
    Act,
    /// `admin`.
    Admin,
}

/// A route of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Method; a route for GET answers HEAD too. `*`: every method.
    pub method: &'static str,
    /// Path as the router writes it.
    pub path: &'static str,
    /// What it needs.
    pub need: Need,
}

const fn route(method: &'static str, path: &'static str, need: Need) -> Route {
    Route { method, path, need }
}

/// Every route.
pub static ROUTES: &[Route] = &[
    route("POST", "/v1/breaches", Need::Ingest),
    route("POST", "/api/v2/alerts", Need::Ingest),
    route("POST", "/v1/samples", Need::Ingest),
    route("POST", "/v1/metrics", Need::Ingest),
    route("POST", "/api/v1/write", Need::Ingest),
    route("GET", "/v1/incidents", Need::Read),
    route("GET", "/v1/incidents/{id}", Need::Read),
    route("GET", "/v1/incidents/{id}/explain", Need::Read),
    route("POST", "/v1/incidents/{id}/acknowledge", Need::Act),
    route("POST", "/v1/incidents/{id}/unacknowledge", Need::Act),
    route("POST", "/v1/incidents/{id}/snooze", Need::Act),
    route("POST", "/v1/incidents/{id}/resolve", Need::Act),
    route("POST", "/v1/incidents/{id}/reopen", Need::Act),
    route("POST", "/v1/incidents/{id}/priority", Need::Act),
    route("POST", "/v1/incidents/{id}/severity", Need::Act),
    route("POST", "/v1/incidents/{id}/note", Need::Act),
    route("POST", "/v1/incidents/{id}/reassign", Need::Act),
    route("POST", "/v1/incidents/{id}/escalate", Need::Act),
    route("POST", "/v1/incidents/{id}/merge", Need::Act),
    route("POST", "/v1/incidents/{id}/update", Need::Act),
    route("POST", "/v1/incidents/{id}/role", Need::Act),
    route("GET", "/v1/incidents/{id}/timeline", Need::Read),
    route("GET", "/v1/incidents/{id}/postmortem", Need::Read),
    route("POST", "/v1/incidents/{id}/postmortem", Need::Act),
    route("GET", "/v1/postmortems", Need::Read),
    route("GET", "/v1/events/{id}", Need::Read),
    route("GET", "/v1/events/{id}/explain", Need::Read),
    route("GET", "/v1/explain", Need::Read),
    route("GET", "/v1/oncall", Need::Read),
    route("GET", "/v1/schedules/{name}/shifts", Need::Read),
    route("GET", "/v1/schedules/{name}/overrides", Need::Read),
    route("POST", "/v1/schedules/{name}/overrides", Need::Act),
    route("DELETE", "/v1/schedules/{name}/overrides/{id}", Need::Act),
    route("GET", "/v1/swaps", Need::Read),
    route("POST", "/v1/swaps", Need::Act),
    route("GET", "/v1/swaps/{id}", Need::Read),
    route("POST", "/v1/swaps/{id}/accept", Need::Act),
    route("POST", "/v1/swaps/{id}/decline", Need::Act),
    route("GET", "/v1/silences", Need::Read),
    route("POST", "/v1/silences", Need::Act),
    route("POST", "/v1/silences/preview", Need::Read),
    route("GET", "/v1/silences/{id}", Need::Read),
    route("DELETE", "/v1/silences/{id}", Need::Act),
    route("GET", "/v1/maintenance", Need::Read),
    route("GET", "/v1/slos", Need::Read),
    route("GET", "/v1/slos/{id}/budget", Need::Read),
    route("GET", "/v1/slos/{id}/periods", Need::Read),
    route("GET", "/v1/indicators/adherence", Need::Read),
    route("GET", "/v1/indicators/exhaustion", Need::Read),
    route("GET", "/v1/indicators/depletion", Need::Read),
    route("GET", "/v1/indicators/speeds", Need::Read),
    route("GET", "/v1/indicators/endpoints", Need::Read),
    route("GET", "/v1/gate/{service}", Need::Read),
    route("GET", "/v1/indicators/rotations", Need::Read),
    route("GET", "/v1/indicators/load", Need::Read),
    route("GET", "/v1/gate/{service}/silver-bullets", Need::Read),
    route("POST", "/v1/gate/{service}/silver-bullets", Need::Act),
    route("GET", "/v1/people/{person}/contacts", Need::Read),
    route("POST", "/v1/people/{person}/contacts/{channel}/code", Need::Act),
    route("POST", "/v1/people/{person}/contacts/{channel}/verify", Need::Act),
    route("GET", "/v/{token}", Need::Link),
    route("POST", "/v/{token}", Need::Link),
    route("POST", "/v1/drill", Need::Act),
    route("GET", "/v1/drill/{event}", Need::Read),
    route("GET", "/api/v2/alerts", Need::Read),
    route("GET", "/api/v2/alerts/groups", Need::Read),
    route("GET", "/api/v2/silences", Need::Read),
    route("POST", "/api/v2/silences", Need::Act),
    route("GET", "/api/v2/silence/{id}", Need::Read),
    route("DELETE", "/api/v2/silence/{id}", Need::Act),
    route("GET", "/api/v2/status", Need::Read),
    route("GET", "/api/v2/receivers", Need::Read),
    route("*", "/api/v1/{*rest}", Need::Nothing),
    route("GET", "/a/{token}", Need::Link),
    route("POST", "/a/{token}", Need::Link),
    route("GET", "/d/{token}", Need::Link),
    route("POST", "/d/{token}", Need::Link),
    route("POST", "/v1/calendars", Need::Act),
    route("POST", "/v1/calendars/revoke", Need::Act),
    route("GET", "/calendars/{token}", Need::Link),
    route("GET", "/quiet", Need::Read),
    route("GET", "/s/{token}", Need::Link),
    route("POST", "/s/{token}", Need::Link),
    route("GET", "/c/{file}", Need::Link),
    route("POST", "/hooks/slack/{channel}/interactions", Need::Signature),
    route("POST", "/hooks/slack/{channel}/commands", Need::Signature),
    route("POST", "/hooks/slack/{channel}/events", Need::Signature),
    route("POST", "/k/{channel}/{token}", Need::Link),
    route("GET", "/", Need::Read),
    route("GET", "/incidents", Need::Read),
    route("GET", "/incidents/{id}", Need::Read),
    route("GET", "/style.css", Need::Nothing),
    route("GET", "/-/healthy", Need::Nothing),
    route("GET", "/-/ready", Need::Nothing),
    route("POST", "/-/reload", Need::Admin),
    route("GET", "/v1/audit", Need::Admin),
    route("GET", "/v1/quarantine", Need::Read),
    route("GET", "/v1/tokens", Need::Admin),
    route("GET", "/metrics", Need::Read),
    route("GET", "/openapi.json", Need::Nothing),
    route("GET", "/problems", Need::Nothing),
    route("GET", "/problems/{slug}", Need::Nothing),
];

/// A route of the table; `None` when it is not there.
#[must_use]
pub fn find(method: &str, path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|r| r.method == method && r.path == path)
}

/// Whether the holder of a token may use a route.
///
/// # Errors
/// The scope that is missing.
pub fn permit(need: Need, principal: &Principal) -> Result<(), Denied> {
    let Principal::Token { grants, .. } = principal else { return Ok(()) };
    let (may, scope) = match need {
        Need::Nothing | Need::Link | Need::Signature => (true, ""),
        Need::Ingest => (grants.ingest() != Teams::None, "ingest"),
        Need::Read => (grants.read(), "read"),
        Need::Act => (grants.act() != Teams::None, "act"),
        Need::Admin => (grants.admin(), "admin"),
    };
    if may { Ok(()) } else { Err(Denied::Scope(scope)) }
}
