//! `/v/{token}`: the link that came with a code, with a button that says that the way leads to its reader.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use askama::Template;

use super::action::message;
use super::page;
use crate::auth::link::contact_path;
use crate::engine::Actor;
use crate::engine::contact::Way;
use crate::http::App;
use crate::http::contacts::enter;

#[derive(Template)]
#[template(path = "contact.html", config = "src/http/pages/askama.toml")]
struct ContactPage<'a> {
    organisation: &'a str,
    name: &'a str,
    channel: String,
    path: String,
}

/// `GET /v/{token}`: shows, and does nothing.
pub async fn show(State(app): State<App>, Path(token): Path<String>) -> Response {
    let (way, _) = match open(&app, &token) {
        Ok(found) => found,
        Err(response) => return *response,
    };
    let policy = app.handle().policy();
    let name = policy.people.get(&way.0).map_or(way.0.as_str(), |person| person.name.as_str());
    let organisation = policy.organisation.name.as_str();
    page(StatusCode::OK, &ContactPage { organisation, name, channel: way.1.to_string(), path: contact_path(&token) })
}

/// `POST /v/{token}`: the way is verified.
pub async fn act(State(app): State<App>, Path(token): Path<String>) -> Response {
    let (way, code) = match open(&app, &token) {
        Ok(found) => found,
        Err(response) => return *response,
    };
    match enter(&app, Actor::Link(way.0.clone()), &way, &code).await {
        Ok(()) => {
            let text = format!("callout knows now that it reaches you by {}.", way.1);
            message(&app, StatusCode::OK, "over", "Verified", text, None)
        }
        Err(failure) => {
            let text =
                "The code is not good any more, or callout could not write it down. Have a new one sent.".to_owned();
            message(&app, failure.status(), "normal", "Nothing was done", text, None)
        }
    }
}

/// The way and the code behind a link, or the page that says why not.
fn open(app: &App, token: &str) -> Result<(Way, String), Box<Response>> {
    let fail = |status, title, text: &str| Box::new(message(app, status, "normal", title, text.to_owned(), None));
    let (key, now, policy) = (app.link_key(), app.handle().now(), app.handle().policy());
    let Some((person, nonce)) = key.verify_contact(token, now) else {
        let text = "It is not valid, or it has expired. `callout contact code` has a new one sent.";
        return Err(fail(StatusCode::NOT_FOUND, "This link does nothing", text));
    };
    let ways: Vec<Way> = policy
        .people
        .get(&person)
        .map_or_else(Vec::new, |known| known.ways().map(|contact| (person.clone(), contact.channel.clone())).collect());
    let found = app.handle().read(|state| {
        let open = |way: &&Way| state.contacts.get(*way).is_some_and(|s| s.open(now).is_some_and(|p| p.nonce == nonce));
        ways.iter().find(open).cloned()
    });
    let Some(way) = found else {
        let text = "It was used already, or a newer code was sent.";
        return Err(fail(StatusCode::GONE, "This link is used up", text));
    };
    let address = policy.contact(&way.0, &way.1).map(|contact| contact.address.clone()).unwrap_or_default();
    let code = key.code(&way, &address, nonce);
    Ok((way, code))
}
