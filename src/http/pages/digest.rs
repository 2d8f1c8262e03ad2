//! `/d/{token}`: everything that a digest told of, with a button to acknowledge all of it.

use std::ops::Bound;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::action::message;
use super::incidents::Row;
use super::page;
use crate::auth::link::{DigestLink, Holder, Link, LinkError, Verbs, path};
use crate::channel::digest as wording;
use crate::channel::wording::{moment, zone};
use crate::domain::IncidentId;
use crate::engine::digest::{Digest, Task};
use crate::engine::state::{Incident, Status};
use crate::engine::{Actor, Command, Verb};
use crate::http::App;
use crate::http::problem::Failure;

/// Incidents on one page of a digest's list. Beyond: a link leads to the next page.
const LISTED_MAX: usize = 100;
/// Incidents counted while the state is held; the shard waits meanwhile.
const CHUNK_ROWS: usize = 4_096;

#[derive(Template)]
#[template(path = "digest.html", config = "src/http/pages/askama.toml")]
struct DigestPage<'a> {
    organisation: &'a str,
    heading: String,
    text: String,
    path: String,
    rows: Vec<Listed>,
    can_acknowledge: bool,
    button: String,
    holder: String,
    next: Option<String>,
}

struct Listed {
    row: Row,
    url: String,
}

/// Where the page begins.
#[derive(Deserialize)]
pub struct From {
    from: Option<u64>,
}

/// What a button posts.
#[derive(Deserialize)]
pub struct Press {
    r#do: String,
}

/// `GET /d/{token}`: shows, and does nothing.
pub async fn show(State(app): State<App>, Path(token): Path<String>, Query(from): Query<From>) -> Response {
    let (link, digest) = match open(&app, &token) {
        Ok(found) => found,
        Err(response) => return *response,
    };
    let (policy, now) = (app.handle().policy(), app.handle().now());
    let person = match &link.holder {
        Holder::Person(id) => policy.people.get(id),
        Holder::Channel => None,
    };
    let zone = zone(person.and_then(|p| p.timezone.as_deref()).unwrap_or(&policy.organisation.timezone));
    let waiting = waiting(&app, &digest);
    let (incidents, next) = part(&app, &digest, IncidentId(from.from.unwrap_or(0)));
    let rows = incidents.iter().map(|incident| {
        let own = Link {
            incident: incident.id,
            verbs: Verbs::ALL,
            holder: link.holder.clone(),
            message: link.message,
            expires_at: link.expires_at,
        };
        Listed { row: Row::of(incident, &policy, &zone, now), url: path(&app.link_key().sign(&own), "") }
    });
    let under_way = matches!(digest.work.as_ref().map(|work| &work.what), Some(Task::Acknowledge { .. }));
    let template = DigestPage {
        organisation: &policy.organisation.name,
        heading: wording::incidents(digest.entries.len() as u64),
        text: match (waiting, under_way) {
            (_, true) => "They are being acknowledged.".to_owned(),
            (0, _) => "None of them waits for anybody.".to_owned(),
            (n, _) => {
                let since = moment(digest.opened_at, &zone, now);
                format!("Gathered since {since}. Nobody is on {} of them yet.", wording::number(n))
            }
        },
        path: format!("/d/{token}"),
        rows: rows.collect(),
        can_acknowledge: waiting > 0 && !under_way,
        button: format!("Acknowledge all {}", wording::number(waiting)),
        holder: match (&link.holder, person) {
            (Holder::Person(_), Some(person)) => format!("You act as {}.", person.name),
            (Holder::Person(id), None) => format!("You act as {id}."),
            (Holder::Channel, _) => "You act as somebody in the channel.".to_owned(),
        },
        next: next.map(|IncidentId(from)| format!("/d/{token}?from={from}")),
    };
    page(StatusCode::OK, &template)
}

/// `POST /d/{token}`: acknowledges everything in it. It is recorded at once and done within moments, whatever happens meanwhile.
pub async fn act(State(app): State<App>, Path(token): Path<String>, Form(press): Form<Press>) -> Response {
    let (link, digest) = match open(&app, &token) {
        Ok(found) => found,
        Err(response) => return *response,
    };
    if press.r#do != "acknowledge" {
        return message(&app, StatusCode::FORBIDDEN, "high", "This link can't do that", String::new(), None);
    }
    let waiting = waiting(&app, &digest);
    if waiting == 0 {
        let text = "None of these incidents waits for anybody any more.".to_owned();
        return message(&app, StatusCode::CONFLICT, "normal", "Nothing was left to do", text, None);
    }
    let by = match &link.holder {
        Holder::Person(id) => Actor::Person(id.clone()),
        Holder::Channel => Actor::ChannelLink,
    };
    match app.handle().command(Command { by, verb: Verb::AcknowledgeDigest { digest: link.digest } }).await {
        Ok(()) => {
            let title = format!("{} acknowledged", wording::incidents(waiting));
            let text = "Their escalations stop. They stay open until they are resolved.".to_owned();
            message(&app, StatusCode::OK, "over", &title, text, None)
        }
        Err(refused) => {
            let failure = Failure::from(refused);
            let text = "callout could not write it down, so nothing was done. Please try again in a moment.";
            message(&app, failure.status(), "high", "That did not work", text.to_owned(), None)
        }
    }
}

/// The link and its digest, or the page that says why not.
fn open(app: &App, token: &str) -> Result<(DigestLink, Arc<Digest>), Box<Response>> {
    let fail = |status, title, text: &str| Box::new(message(app, status, "normal", title, text.to_owned(), None));
    let link = app.link_key().verify_digest(token, app.handle().now()).map_err(|error| match error {
        LinkError::ExpiredDigest | LinkError::ExpiredSwap | LinkError::Expired { .. } => {
            fail(StatusCode::GONE, "This link has expired", "Newer messages carry fresh links.")
        }
        LinkError::Invalid => fail(
            StatusCode::NOT_FOUND,
            "This link is not valid",
            "It was not made by this callout, or it was damaged on the way. Copy it once more from the message.",
        ),
    })?;
    let digest = app.handle().read(|state| state.digests.get(&link.digest).cloned()).ok_or_else(|| {
        fail(StatusCode::GONE, "It is over", "All incidents of this message were resolved some time ago.")
    })?;
    Ok((link, digest))
}

/// Incidents of the digest that nobody is on.
fn waiting(app: &App, digest: &Digest) -> u64 {
    let ids: Vec<IncidentId> = digest.entries.keys().copied().collect();
    let waits = |incident: Option<&Arc<Incident>>| incident.is_some_and(|i| i.status == Status::Triggered);
    ids.chunks(CHUNK_ROWS)
        .map(|part| app.handle().read(|state| part.iter().filter(|id| waits(state.incidents.get(id))).count() as u64))
        .sum()
}

/// The incidents of one page, and where the next begins.
fn part(app: &App, digest: &Digest, from: IncidentId) -> (Vec<Arc<Incident>>, Option<IncidentId>) {
    let mut ids = digest.entries.range((Bound::Included(from), Bound::Unbounded)).map(|(id, _)| *id);
    let listed: Vec<IncidentId> = ids.by_ref().take(LISTED_MAX).collect();
    let found = app.handle().read(|state| listed.iter().filter_map(|id| state.incidents.get(id).cloned()).collect());
    (found, ids.next())
}
