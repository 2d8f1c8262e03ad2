//! Answers that say what went wrong: RFC 9457 problem documents, or a bare JSON text on Alertmanager's paths.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::auth::Denied;
use crate::ingest::problem::{INGEST_PROBLEMS, Problem};
use crate::ingest::{Answer, Refusal, alertmanager};
use crate::runtime::Refused;

macro_rules! problems {
    ($($name:ident = $slug:literal, $status:literal, $title:literal, $help:literal;)*) => {
        $(#[doc = $title] pub static $name: Problem = Problem { slug: $slug, title: $title, status: $status, help: $help };)*
        static HTTP_PROBLEMS: &[&Problem] = &[$(&$name),*];
    };
}

problems! {
    UNAUTHENTICATED = "unauthenticated", 401, "A valid token is required",
        "Send `Authorization: Bearer cot_…`. `callout token new` makes a token.";
    UNSIGNED = "unsigned", 401, "The request was not signed by Slack, or not lately",
        "Check the signing secret of the channel and callout's clock. Slack signs with the secret that the app's page shows.";
    FORBIDDEN = "forbidden", 403, "The request is not allowed",
        "The detail names the scope that is missing, or why only this machine is served.";
    TOO_MANY_FAILURES = "too-many-failures", 429, "Too many wrong tokens or links came from this address",
        "Present the right one: it is let through at any time. A wrong one is looked at again after the seconds that `Retry-After` names.";
    NOT_FOUND = "not-found", 404, "There is no such thing",
        "The detail names what was looked for.";
    METHOD_NOT_ALLOWED = "method-not-allowed", 405, "The route does not know this method",
        "The header `Allow` lists those that it knows.";
    CONFLICT = "conflict", 409, "It is not in a state for this",
        "The detail says why. Read it again; somebody may have been faster.";
    GONE = "gone", 410, "It is not there any more",
        "For an interface, use the one that the detail names. For a link that has expired, newer messages carry fresh ones.";
    BAD_QUERY = "bad-query", 400, "The query cannot be read",
        "The detail names the parameter and what it may be.";
    BAD_COMMAND = "bad-command", 422, "The command cannot be carried out as it was written",
        "The detail names the field and what it may be.";
    BAD_SILENCE = "bad-silence", 400, "The silence cannot be",
        "The detail says why. Alertmanager's clients see it as a bare text.";
    BAD_CONFIGURATION = "bad-configuration", 422, "The configuration has mistakes",
        "The detail is what `callout check` prints. The configuration in force stays.";
    TIMED_OUT = "timed-out", 503, "The request took too long",
        "It may have been carried out all the same; events with an `id` can be sent again without harm.";
    FULL = "full", 503, "Memory holds as much as it may",
        "There are as many sources, incidents or undelivered messages as callout keeps. Resolve what is over, look at channels that do not deliver, and send again; re-fires and ends are taken all the time.";
    BUSY = "busy", 503, "Too much waits to be written",
        "Nothing of the request was stored. Send it again after the seconds that `Retry-After` names.";
    NOT_WRITABLE = "journal-not-writable", 503, "The journal cannot be written",
        "Nothing of the request was stored. The operator must look at the disk. Send it again later.";
    STOPPING = "stopping", 503, "The service is stopping",
        "Nothing of the request was stored. Send it again.";
    INTERNAL = "internal", 500, "A mistake of callout's own",
        "It was logged and counted. Please report it.";
}

/// All problems, in the order of the documentation.
pub fn all() -> impl Iterator<Item = &'static Problem> {
    INGEST_PROBLEMS.iter().chain(HTTP_PROBLEMS).copied()
}

/// Seconds after which a sender should try again when memory holds as much as it may.
const FULL_RETRY_AFTER_S: u32 = 30;
/// Seconds after which a sender should try again when the journal fails or the service stops.
const RETRY_AFTER_S: u32 = 5;

/// A request that came to nothing.
#[derive(Debug, Clone)]
pub struct Failure {
    problem: &'static Problem,
    detail: String,
    retry_after_s: Option<u32>,
}

impl Failure {
    /// With what went wrong exactly.
    pub fn new(problem: &'static Problem, detail: impl Into<String>) -> Self {
        Self { problem, detail: detail.into(), retry_after_s: None }
    }

    /// Something does not exist.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(&NOT_FOUND, format!("there is no {what}"))
    }

    /// What went wrong exactly.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The answer on Alertmanager's paths.
    #[must_use]
    pub fn into_alertmanager(self) -> Response {
        let answer = alertmanager::plain(self.problem.status, &self.detail);
        self.with_headers(respond(answer))
    }

    fn with_headers(&self, mut response: Response) -> Response {
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.problem == &UNAUTHENTICATED {
            let challenge = HeaderValue::from_static("Bearer realm=\"callout\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = json!({
            "type": self.problem.uri(), "title": self.problem.title, "status": self.problem.status, "detail": self.detail,
        });
        let content_type = [(header::CONTENT_TYPE, "application/problem+json")];
        self.with_headers((self.status(), content_type, body.to_string()).into_response())
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let detail = refused.to_string();
        let (problem, seconds) = match refused {
            Refused::Busy { retry_after_s } => (&BUSY, retry_after_s),
            Refused::Full { .. } => (&FULL, FULL_RETRY_AFTER_S),
            Refused::Journal(_) => (&NOT_WRITABLE, RETRY_AFTER_S),
            Refused::Stopping => (&STOPPING, RETRY_AFTER_S),
        };
        Self { problem, detail, retry_after_s: Some(seconds) }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.problem, refusal.detail)
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        let (problem, retry_after_s) = match denied {
            Denied::Unauthenticated => (&UNAUTHENTICATED, None),
            Denied::TooMany { retry_after_s } => (&TOO_MANY_FAILURES, Some(retry_after_s)),
            Denied::Scope(_) | Denied::NotLocal | Denied::Foreign(_) => (&FORBIDDEN, None),
        };
        Self { problem, detail: denied.to_string(), retry_after_s }
    }
}

/// A dialect's answer as a response.
pub fn respond(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(content_type) = answer.content_type {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_listed_once() {
        let mut slugs: Vec<&str> = all().map(|p| p.slug).collect();
        slugs.sort_unstable();
        assert!(slugs.windows(2).all(|pair| pair[0] != pair[1]), "{slugs:?}");
    }

    #[test]
    fn senders_are_told_when_to_come_again() {
        for (refused, seconds) in [
            (Refused::Full { what: "silences", most: 1 }, FULL_RETRY_AFTER_S),
            (Refused::Journal("the disk".to_owned()), RETRY_AFTER_S),
            (Refused::Stopping, RETRY_AFTER_S),
            (Refused::Busy { retry_after_s: 1 }, 1),
        ] {
            let response = Failure::from(refused).into_response();
            assert_eq!(response.status(), 503);
            assert_eq!(response.headers()[header::RETRY_AFTER], seconds.to_string());
        }
    }
}
