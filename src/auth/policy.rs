//! One table of every route and what it needs. The router is built along it; a route that is not here is served to nobody.

use super::token::{Teams, authenticate};
use super::{Asking, Denied, Principal, local};
use crate::config::Settings;
use crate::domain::Timestamp;

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: probes and explanations of errors.
    Nothing,
    /// The path itself is the key (signed links).
    Link,
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
    /// Method; a route for GET answers HEAD too.
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
pub static ROUTES: &[Route] =
    &[route("POST", "/v1/breaches", Need::Ingest), route("POST", "/api/v2/alerts", Need::Ingest)];

/// A route of the table; `None` when it is not there.
#[must_use]
pub fn find(method: &str, path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|r| r.method == method && r.path == path)
}

/// Decides about a request. Without configured tokens this machine may do everything and nobody else anything.
///
/// # Errors
/// Why not.
pub fn decide(need: Need, asking: &Asking<'_>, settings: &Settings, now: Timestamp) -> Result<Principal, Denied> {
    if matches!(need, Need::Nothing | Need::Link) {
        return Ok(Principal::Anybody);
    }
    if settings.tokens.is_empty() {
        return local(asking);
    }
    let principal = authenticate(asking.authorization, settings, now)?;
    let Principal::Token { grants, .. } = &principal else { return Ok(principal) };
    let (may, scope) = match need {
        Need::Nothing | Need::Link => (true, ""),
        Need::Ingest => (grants.ingest() != Teams::None, "ingest"),
        Need::Read => (grants.read(), "read"),
        Need::Act => (grants.act() != Teams::None, "act"),
        Need::Admin => (grants.admin(), "admin"),
    };
    if may { Ok(principal) } else { Err(Denied::Scope(scope)) }
}
