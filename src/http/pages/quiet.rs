//! `/quiet`: what is silent now or will be, and why.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::page;
use crate::channel::wording::{moment, zone};
use crate::http::App;
use crate::http::view::silence_state;

/// Silences on the page. Beyond: they are counted; `GET /v1/silences` lists all.
const SILENCES_SHOWN_MAX: usize = 200;

#[derive(Template)]
#[template(path = "quiet.html", config = "src/http/pages/askama.toml")]
struct QuietPage<'a> {
    organisation: &'a str,
    silences: Vec<Row>,
    more: usize,
    windows: Vec<Row>,
}

struct Row {
    state: &'static str,
    class: &'static str,
    what: String,
    when: String,
    by: String,
    comment: String,
    incident: Option<u64>,
}

/// `GET /quiet`
pub async fn show(State(app): State<App>) -> Response {
    let (policy, now) = (app.handle().policy(), app.handle().now());
    let zone = zone(&policy.organisation.timezone);
    let (mut silences, bonds): (Vec<_>, _) = app.handle().read(|state| {
        let open = state.silences.values().filter(|silence| silence.ends_at > now).cloned();
        (open.collect(), state.bonds.clone())
    });
    silences.sort_unstable_by_key(|silence| (silence.starts_at > now, silence.ends_at, silence.id));
    let more = silences.len().saturating_sub(SILENCES_SHOWN_MAX);
    let class = |active: bool| if active { "snoozed" } else { "" };
    let rows = silences.iter().take(SILENCES_SHOWN_MAX).map(|silence| {
        let state = silence_state(silence, now);
        let matchers: Vec<String> = silence.matchers.iter().map(ToString::to_string).collect();
        let end = moment(silence.ends_at, &zone, now);
        let when = if state == "active" {
            format!("until {end}")
        } else {
            format!("{} to {end}", moment(silence.starts_at, &zone, now))
        };
        let by = policy.people.get(&silence.author).map_or_else(|| silence.author.to_string(), |p| p.name.clone());
        let incident = bonds.get(&silence.id).and_then(|bond| bond.incident).map(|id| id.0);
        let (what, comment) = (matchers.join(" "), silence.comment.clone());
        Row { state, class: class(state == "active"), what, when, by, comment, incident }
    });
    let windows = policy.maintenance.iter().map(|window| {
        let began = window.cron.last_at_or_before(now, &window.timezone.tz);
        let until = began.map(|began| began.plus(window.duration)).filter(|end| now < *end);
        let next = window.cron.first_after(now, &window.timezone.tz);
        let when = match (until, next) {
            (Some(until), _) => format!("until {}", moment(until, &zone, now)),
            (None, Some(next)) => format!("next {}, for {}", moment(next, &zone, now), window.duration),
            (None, None) => "never again".to_owned(),
        };
        let names: Vec<&str> =
            window.services.iter().chain(&window.environments).map(compact_str::CompactString::as_str).collect();
        let what = if names.is_empty() { "everything".to_owned() } else { names.join(" ") };
        let state = if until.is_some() { "active" } else { "planned" };
        let comment = window.name.to_string();
        Row { state, class: class(until.is_some()), what, when, by: String::new(), comment, incident: None }
    });
    let template = QuietPage {
        organisation: &policy.organisation.name,
        silences: rows.collect(),
        more,
        windows: windows.collect(),
    };
    page(StatusCode::OK, &template)
}
