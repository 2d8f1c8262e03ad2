//! `/s/{token}`: a shift that somebody offers, with buttons to take it or to decline.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::action::message;
use super::page;
use crate::auth::link::{LinkError, SwapLink, swap_path};
use crate::channel::wording::{moment, zone};
use crate::domain::{Name, Timestamp};
use crate::engine::Actor;
use crate::engine::stand_in::{Refusal, Swap, SwapStatus};
use crate::http::App;
use crate::http::stand_ins::{self, NotDone};

#[derive(Template)]
#[template(path = "swap.html", config = "src/http/pages/askama.toml")]
struct SwapPage<'a> {
    organisation: &'a str,
    heading: String,
    shift: String,
    when: String,
    in_return: Option<String>,
    why: &'a str,
    state: String,
    can_answer: bool,
    path: String,
    name: String,
}

/// What a button posts.
#[derive(Deserialize)]
pub struct Press {
    r#do: String,
}

/// `GET /s/{token}`: shows, and does nothing.
pub async fn show(State(app): State<App>, Path(token): Path<String>) -> Response {
    let (link, swap) = match open(&app, &token) {
        Ok(found) => found,
        Err(response) => return *response,
    };
    let (policy, now) = (app.handle().policy(), app.handle().now());
    let known = policy.people.get(&link.person);
    let zone = zone(known.and_then(|p| p.timezone.as_deref()).unwrap_or(&policy.organisation.timezone));
    let name = |id: &Name| policy.people.get(id).map_or_else(|| id.to_string(), |person| person.name.clone());
    let offer = &swap.offer;
    let between = |from, to| format!("{} to {}", moment(from, &zone, now), moment(to, &zone, now));
    let role = offer.role.as_ref().map(|role| format!(" as {role}")).unwrap_or_default();
    let template = SwapPage {
        organisation: &policy.organisation.name,
        heading: format!("{} offers a shift", name(&offer.person)),
        shift: format!("{}{role}", offer.schedule),
        when: between(offer.start, offer.end),
        in_return: offer
            .in_return
            .map(|(from, to)| format!("{} takes yours, {}", name(&offer.person), between(from, to))),
        why: &offer.why,
        state: match &swap.status {
            SwapStatus::Offered => format!("on offer until {}", moment(offer.expires_at, &zone, now)),
            SwapStatus::Accepted { by, at, .. } => format!("{} took it, {}", name(by), moment(*at, &zone, now)),
            SwapStatus::Declined { by, at } => format!("{} declined, {}", name(by), moment(*at, &zone, now)),
            SwapStatus::Withdrawn { by, at } => format!("{} took it back, {}", name(by), moment(*at, &zone, now)),
            SwapStatus::Expired { at } => format!("nobody took it; the offer ended {}", moment(*at, &zone, now)),
        },
        can_answer: swap.is_open() && now < offer.expires_at && !swap.declined.contains(&link.person),
        path: swap_path(&token),
        name: name(&link.person),
    };
    page(StatusCode::OK, &template)
}

/// `POST /s/{token}`: answers.
pub async fn act(State(app): State<App>, Path(token): Path<String>, Form(press): Form<Press>) -> Response {
    let (link, swap) = match open(&app, &token) {
        Ok(found) => found,
        Err(response) => return *response,
    };
    let by = Actor::Link(link.person.clone());
    let (answer, title, text) = match press.r#do.as_str() {
        "accept" => {
            let text = "It is in the schedule from now on, and whoever offered it has been told.";
            (stand_ins::take(&app, by, swap.id, link.person).await, "The shift is yours", text)
        }
        "decline" => {
            let text = "Nothing changes for you. Whoever offered it is told when nobody is left to take it.";
            (stand_ins::refuse(&app, by, swap.id, link.person).await, "Declined", text)
        }
        _ => return message(&app, StatusCode::FORBIDDEN, "high", "This link can't do that", String::new(), None),
    };
    match answer {
        Ok(_) => message(&app, StatusCode::OK, "over", title, text.to_owned(), None),
        Err(NotDone::Refused(refusal)) => {
            let title = match &refusal {
                Refusal::Forbidden(_) => "It is not yours to answer",
                _ => "Nothing was left to do",
            };
            let status = match &refusal {
                Refusal::Forbidden(_) => StatusCode::FORBIDDEN,
                _ => StatusCode::CONFLICT,
            };
            message(&app, status, "normal", title, sentence(refusal.why()), None)
        }
        Err(NotDone::Failed(failure)) => {
            let text = "callout could not write it down, so nothing was done. Please try again in a moment.";
            message(&app, failure.status(), "high", "That did not work", text.to_owned(), None)
        }
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// The link and its request, or the page that says why not.
fn open(app: &App, token: &str) -> Result<(SwapLink, Arc<Swap>), Box<Response>> {
    let fail = |status, title, text: &str| Box::new(message(app, status, "normal", title, text.to_owned(), None));
    let now: Timestamp = app.handle().now();
    let link = app.link_key().verify_swap(token, now).map_err(|error| match error {
        LinkError::ExpiredSwap | LinkError::ExpiredDigest | LinkError::Expired { .. } => {
            fail(StatusCode::GONE, "This link has expired", "`callout swap list` shows what is on offer.")
        }
        LinkError::Invalid => fail(
            StatusCode::NOT_FOUND,
            "This link is not valid",
            "It was not made by this callout, or it was damaged on the way. Copy it once more from the message.",
        ),
    })?;
    let swap = app
        .handle()
        .read(|state| state.stand_ins.swaps.get(&link.swap).cloned())
        .ok_or_else(|| fail(StatusCode::GONE, "It is over", "This swap request was settled some time ago."))?;
    Ok((link, swap))
}
