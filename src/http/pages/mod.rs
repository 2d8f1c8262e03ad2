//! Pages for people: the page behind an action link, and the incidents with their timelines. No script; readable on a phone.
//!
//! A GET never acts. Whoever opens a link sees where the incident stands; only the buttons, which POST, change anything.

mod action;
mod chart;
mod contact;
mod digest;
mod incidents;
mod quiet;
mod swap;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

pub use action::{act, show, snooze_until};
pub use chart::chart;
pub use contact::{act as act_on_contact, show as show_contact};
pub use digest::{act as act_on_digest, show as show_digest};
pub use incidents::{incident, list};
pub use quiet::show as quiet;
pub use swap::{act as act_on_swap, show as show_swap};

use super::App;
use super::problem::{Failure, INTERNAL};
use crate::channel::wording;
use crate::channel::{Content, Urgency};
use crate::domain::Timestamp;
use crate::engine::state::Incident;
use crate::enrich;

/// Nothing but our own style sheet and forms to ourselves.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// `GET /style.css`
pub async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, include_str!("style.css")).into_response()
}

/// A rendered page with the headers that every page has.
fn page(status: StatusCode, template: &impl Template) -> Response {
    let Ok(html) = template.render() else {
        return Failure::new(&INTERNAL, "the page could not be rendered").into_response();
    };
    let mut response = (status, Html(html)).into_response();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// An incident in words, as the top of both kinds of pages shows it.
struct Shown {
    c: Content,
    /// As SVG, from our own pen.
    chart: Option<String>,
    status_class: &'static str,
    status_word: &'static str,
    status_line: String,
    priority: String,
    urgent: bool,
    urgency_class: &'static str,
    since: String,
    owner: String,
}

impl Shown {
    fn of(app: &App, incident: &Incident, timezone: Option<&str>, now: Timestamp) -> Self {
        let policy = app.handle().policy();
        let timezone = timezone.unwrap_or(&policy.organisation.timezone);
        let (c, chart) = app.handle().read(|state| {
            let content = enrich::content_in_zone(incident, &policy, None, state, timezone, now);
            (content, enrich::chart(incident, &policy, state, timezone, now))
        });
        let chart = chart.map(|chart| chart.svg());
        let word = incident.status.as_str();
        Self {
            status_class: word,
            status_word: word,
            status_line: wording::status(&c, now),
            priority: wording::priority(&c),
            urgent: c.urgency == Urgency::High,
            urgency_class: match c.urgency {
                Urgency::High => "high",
                Urgency::Normal => "normal",
                Urgency::Over => "over",
            },
            since: wording::since(&c, now),
            owner: wording::owner(&c),
            c,
            chart,
        }
    }
}

/// A page that says one thing.
#[derive(Template)]
#[template(path = "message.html", config = "src/http/pages/askama.toml")]
struct MessagePage<'a> {
    organisation: &'a str,
    class: &'a str,
    title: &'a str,
    text: String,
    back: Option<String>,
}
