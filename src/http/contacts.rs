//! Ways of people, and whether they are verified: a code is sent by the way, and comes back here.
//!
//! Addresses are said nowhere: whoever asks learns which channels a person has, not where.

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::App;
use super::incidents::{actor, may_act};
use super::openapi::{Content, Operation};
use super::params::command;
use super::problem::{BAD_COMMAND, CONFLICT, Failure};
use super::stand_ins::request_number;
use crate::auth::Principal;
use crate::domain::{ChannelRef, Name};
use crate::engine::contact::{Standing, Way};
use crate::engine::policy::Person;
use crate::engine::{Actor, Command, Policy, Verb, limits};

/// For `/openapi.json`.
pub const DESCRIBED: &[Operation] = &[
    Operation::new("GET", "/v1/people/{person}/contacts", "Ways of a person, and which are verified")
        .answers(&[(200, Content::Json("Contacts"))])
        .refuses(&[404]),
    Operation::new("POST", "/v1/people/{person}/contacts/{channel}/code", "Sends a code by a way of a person")
        .answers(&[(202, Content::Json("Contact"))])
        .refuses(&[403, 404, 409]),
    Operation::new("POST", "/v1/people/{person}/contacts/{channel}/verify", "The code came back")
        .body("Code")
        .answers(&[(200, Content::Json("Contact"))])
        .refuses(&[403, 404, 409, 422]),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entered {
    code: String,
}

/// `GET /v1/people/{person}/contacts`
pub async fn list(State(app): State<App>, Path(person): Path<String>) -> Result<Response, Failure> {
    let policy = app.handle().policy();
    let (id, known) = find(&policy, &person)?;
    let rows: Vec<Value> = known.ways().map(|way| row(&app, &policy, &(id.clone(), way.channel.clone()))).collect();
    Ok(Json(json!({ "person": id, "contacts": rows })).into_response())
}

/// `POST /v1/people/{person}/contacts/{channel}/code`
pub async fn send(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Path((person, channel)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let policy = app.handle().policy();
    permit(&policy, &principal, find(&policy, &person)?.0)?;
    let way = way(&policy, &person, &channel)?;
    let address = policy.contact(&way.0, &way.1).map(|contact| contact.address.clone()).unwrap_or_default();
    let nonce = request_number()?;
    let key = app.link_key();
    let code = key.code(&way, &address, nonce);
    let verb = Verb::SendCode {
        person: way.0.clone(),
        channel: way.1.clone(),
        mark: key.mark(&way, &address),
        code: key.code_mark(&way, nonce, &code),
        nonce,
    };
    app.handle().command(Command { by: actor(&principal), verb }).await?;
    let standing = standing(&app, &way);
    if standing.pending.as_ref().is_none_or(|pending| pending.nonce != nonce) {
        let text = format!("{} codes were sent there within {}; wait a while", limits::CODES_MAX, limits::CODES_WITHIN);
        return Err(Failure::new(&CONFLICT, text));
    }
    Ok((StatusCode::ACCEPTED, Json(row(&app, &policy, &way))).into_response())
}

/// `POST /v1/people/{person}/contacts/{channel}/verify`
pub async fn verify(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Path((person, channel)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Failure> {
    let policy = app.handle().policy();
    permit(&policy, &principal, find(&policy, &person)?.0)?;
    let way = way(&policy, &person, &channel)?;
    let entered: Entered = command(request).await?;
    let digits: String = entered.code.chars().filter(char::is_ascii_digit).collect();
    if digits.len() != crate::auth::code::DIGITS || entered.code.len() > 32 {
        return Err(Failure::new(&BAD_COMMAND, format!("a code has {} digits", crate::auth::code::DIGITS)));
    }
    enter(&app, actor(&principal), &way, &digits).await?;
    Ok(Json(row(&app, &policy, &way)).into_response())
}

/// Hands a code to the engine. `Err` says kindly why it did not count.
pub async fn enter(app: &App, by: Actor, way: &Way, digits: &str) -> Result<(), Failure> {
    let now = app.handle().now();
    let before = standing(app, way);
    let Some(open) = before.open(now) else {
        let text = "no code is under way there, or it is not good any more; have a new one sent";
        return Err(Failure::new(&CONFLICT, text));
    };
    let code = app.link_key().code_mark(way, open.nonce, digits);
    let verb = Verb::EnterCode { person: way.0.clone(), channel: way.1.clone(), code };
    app.handle().command(Command { by, verb }).await?;
    let after = standing(app, way);
    if after.pending.is_none() && after.verified.is_some() {
        return Ok(());
    }
    let wrong = after.pending.as_ref().map_or(limits::CODE_TRIES_MAX, |pending| pending.wrong);
    let left = limits::CODE_TRIES_MAX.saturating_sub(wrong);
    Err(Failure::new(
        &CONFLICT,
        match left {
            0 => "that is not the code, and there were too many tries; have a new one sent".to_owned(),
            1 => "that is not the code; one try is left".to_owned(),
            left => format!("that is not the code; {left} tries are left"),
        },
    ))
}

fn find<'a>(policy: &'a Policy, person: &str) -> Result<(&'a Name, &'a Person), Failure> {
    policy.people.get_key_value(person).ok_or_else(|| Failure::not_found("such person"))
}

fn way(policy: &Policy, person: &str, channel: &str) -> Result<Way, Failure> {
    let (id, known) = find(policy, person)?;
    let wanted = |channel_ref: &ChannelRef| channel_ref.to_string() == channel || channel_ref.kind.as_str() == channel;
    let found = known.ways().find(|way| wanted(&way.channel));
    let found = found.ok_or_else(|| Failure::not_found(format!("such way of {id}")))?;
    Ok((id.clone(), found.channel.clone()))
}

/// A token for one team acts for its people.
fn permit(policy: &Policy, principal: &Principal, person: &Name) -> Result<(), Failure> {
    let teams = policy.teams.iter().filter(|(_, team)| team.members.contains(person));
    if teams.clone().any(|(team, _)| may_act(principal, Some(team)).is_ok()) {
        return Ok(());
    }
    may_act(principal, None)
}

fn standing(app: &App, way: &Way) -> Standing {
    app.handle().read(|state| state.contacts.get(way).map(|known| (**known).clone())).unwrap_or_default()
}

fn row(app: &App, policy: &Policy, way: &Way) -> Value {
    let (known, now) = (standing(app, way), app.handle().now());
    let mark = policy.marks.get(way).copied();
    let verified = known.verified.filter(|(of, _)| mark == Some(*of)).map(|(_, at)| at.to_string());
    let changed = known.verified.is_some() && verified.is_none();
    json!({
        "channel": way.1.to_string(), "verified": verified.is_some(), "verified_at": verified, "address_changed": changed,
        "code_expires_at": known.open(now).map(|open| open.expires_at.to_string()),
    })
}
