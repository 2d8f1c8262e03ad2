//! Calendars to subscribe to: private addresses, given out and revoked, and what is behind them.
//!
//! An address is signed and says whose calendar it is and which generation of addresses it belongs to; revoking counts the generation up.
//! Nothing has to be kept to give one out, and the same one is given until it is revoked.

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;

use super::App;
use super::incidents::{actor, may_act};
use super::openapi::{Content, Operation};
use super::params::command;
use super::problem::{BAD_COMMAND, CONFLICT, Failure, GONE};
use crate::auth::Principal;
use crate::auth::link::calendar_path;
use crate::domain::Name;
use crate::engine::calendar::CalendarOf;
use crate::engine::stand_in::team_of;
use crate::engine::{Command, Policy, Verb};
use crate::ical;
use crate::projection;

/// For `/openapi.json`.
pub const DESCRIBED: &[Operation] = &[
    Operation::new("POST", "/v1/calendars", "The private address of a calendar")
        .body("CalendarOf")
        .answers(&[(200, Content::Json("Calendar"))])
        .refuses(&[409, 422]),
    Operation::new("POST", "/v1/calendars/revoke", "Addresses of a calendar that were given out are not good any more")
        .body("CalendarOf")
        .answers(&[(204, Content::Nothing)])
        .refuses(&[422]),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    person: Option<Name>,
    schedule: Option<Name>,
    team: Option<Name>,
}

impl Body {
    /// Whose calendar, if there is such a thing and the token may have it.
    fn read(self, policy: &Policy, principal: &Principal) -> Result<CalendarOf, Failure> {
        let wrong = |what: String| Failure::new(&BAD_COMMAND, what);
        let (of, teams): (CalendarOf, Vec<&Name>) = match (self.person, self.schedule, self.team) {
            (Some(person), None, None) => {
                if !policy.people.contains_key(&person) {
                    return Err(wrong(format!("there is no person `{person}` in the configuration")));
                }
                let of_team = |t: &crate::engine::policy::Team| {
                    t.members.contains(&person) || t.manager.as_ref() == Some(&person)
                };
                let teams = policy.teams.iter().filter(|(_, t)| of_team(t)).map(|(name, _)| name).collect();
                (CalendarOf::Person(person), teams)
            }
            (None, Some(schedule), None) => {
                if !policy.schedules.contains_key(&schedule) {
                    return Err(wrong(format!("there is no schedule `{schedule}` in the configuration")));
                }
                let teams = team_of(policy, &schedule).into_iter().collect();
                (CalendarOf::Schedule(schedule), teams)
            }
            (None, None, Some(team)) => match policy.teams.get_key_value(&team) {
                Some((name, _)) => (CalendarOf::Team(team), vec![name]),
                None => return Err(wrong(format!("there is no team `{team}` in the configuration"))),
            },
            _ => return Err(wrong("say either `person`, `schedule` or `team`".to_owned())),
        };
        if teams.iter().any(|team| may_act(principal, Some(team)).is_ok()) {
            return Ok(of);
        }
        may_act(principal, teams.first().map(|team| team.as_str()))?;
        Ok(of)
    }
}

/// `POST /v1/calendars`
pub async fn url(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Failure> {
    let body: Body = command(request).await?;
    let policy = app.handle().policy();
    let of = body.read(&policy, &principal)?;
    let Some(base) = policy.organisation.url.as_deref() else {
        let why = "the configuration does not say where callout is reached: set `url` below `[organisation]`";
        return Err(Failure::new(&CONFLICT, why));
    };
    let generation = app.handle().read(|state| state.calendars.get(&of).copied().unwrap_or_default());
    let token = app.link_key().sign_calendar(&of, generation);
    let answer = json!({ "of": of.kind(), "name": of.name(), "url": format!("{base}{}", calendar_path(&token)) });
    let headers = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((headers, Json(answer)).into_response())
}

/// `POST /v1/calendars/revoke`
pub async fn revoke(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Failure> {
    let body: Body = command(request).await?;
    let of = body.read(&app.handle().policy(), &principal)?;
    app.handle().command(Command { by: actor(&principal), verb: Verb::RevokeCalendar { of } }).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /calendars/{token}`, with `.ics` behind the token.
pub async fn feed(State(app): State<App>, Path(file): Path<String>, headers: HeaderMap) -> Result<Response, Failure> {
    let unknown = || Failure::not_found("such calendar; ask for its address with `callout calendar url`");
    let token = file.strip_suffix(".ics").unwrap_or(&file);
    let (of, generation) = app.link_key().verify_calendar(token).map_err(|_| unknown())?;
    let current = app.handle().read(|state| state.calendars.get(&of).copied().unwrap_or_default());
    if generation != current {
        return Err(Failure::new(&GONE, "this address was revoked; `callout calendar url` gives the new one"));
    }
    let (policy, now) = (app.handle().policy(), app.handle().now());
    // What the calendar rests on is copied, so that nobody waits while a year of shifts is resolved.
    let (rota, stand_ins) = app.handle().read(|state| (state.rota.clone(), state.stand_ins.clone()));
    let state = crate::engine::State { stand_ins, rota, ..Default::default() };
    let calendar = projection::calendar(&state, &policy, &of, now).ok_or_else(unknown)?;
    let text = ical::write(&calendar);
    let tag = format!("\"{:032x}\"", xxhash_rust::xxh3::xxh3_128(text.as_bytes()));
    let tag = HeaderValue::from_str(&tag).unwrap_or_else(|_| HeaderValue::from_static("\"\""));
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known
        .flat_map(|value| value.split(','))
        .map(|one| one.trim().trim_start_matches("W/"))
        .any(|one| one == "*" || tag == one);
    let caching = [
        (header::ETAG, tag),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=300")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let kind = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/calendar; charset=utf-8")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("inline; filename=\"on-call.ics\"")),
    ];
    Ok((caching, kind, text).into_response())
}
