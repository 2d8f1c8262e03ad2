//! Stand-ins: overrides of schedules, and shifts that one person offers and another takes.
//!
//! What fits is said by `engine::stand_in::check`, asked here first, so that a refusal reaches whoever asked, and again by the engine.

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::App;
use super::incidents::{actor, may_act};
use super::openapi::{Content, Kind, Operation, Param};
use super::params::{Params, bad, command};
use super::problem::{BAD_COMMAND, CONFLICT, FORBIDDEN, Failure, INTERNAL, NOT_FOUND};
use crate::auth::Principal;
use crate::domain::{Name, OverrideId, SwapId, Timestamp};
use crate::engine::input::{NewOverride, Offer};
use crate::engine::stand_in::{self, MadeOverride, Refusal, Swap, SwapStatus};
use crate::engine::{Actor, Command, Policy, Verb, limits};
use crate::schedule::{Override, OverrideKind, Zone};

/// For `/openapi.json`.
pub const DESCRIBED: &[Operation] = &[
    Operation::new("GET", "/v1/schedules/{name}/overrides", "Overrides of a schedule, in the order in which they act")
        .query(&[Param("state", Kind::Word(&["pending", "active", "over", "all"]), "default: those that are not over")])
        .answers(&[(200, Content::Json("Overrides"))])
        .refuses(&[400, 404]),
    Operation::new("POST", "/v1/schedules/{name}/overrides", "Changes a schedule for a while")
        .body("NewOverride")
        .answers(&[(201, Content::Json("Override"))])
        .refuses(&[403, 404, 409, 422]),
    Operation::new("DELETE", "/v1/schedules/{name}/overrides/{id}", "Ends an override now, or takes it back")
        .answers(&[(204, Content::Nothing)])
        .refuses(&[404, 409]),
    Operation::new("GET", "/v1/swaps", "Shifts that were offered, the newest first")
        .query(&[
            Param("state", Kind::Word(&["offered", "all"]), "default: those that are on offer"),
            Param("schedule", Kind::Text, "of this schedule"),
            Param("person", Kind::Text, "that this person offers or is asked to take"),
        ])
        .answers(&[(200, Content::Json("Swaps"))])
        .refuses(&[400]),
    Operation::new("POST", "/v1/swaps", "Offers a shift, or a part of one")
        .body("NewSwap")
        .answers(&[(201, Content::Json("Swap"))])
        .refuses(&[403, 404, 409, 422]),
    Operation::new("GET", "/v1/swaps/{id}", "One swap request")
        .answers(&[(200, Content::Json("Swap"))])
        .refuses(&[404]),
    Operation::new("POST", "/v1/swaps/{id}/accept", "A person takes the shift")
        .body("SwapAnswer")
        .answers(&[(200, Content::Json("Swap"))])
        .refuses(&[403, 404, 409, 422]),
    Operation::new("POST", "/v1/swaps/{id}/decline", "A person does not take it, or keeps their own")
        .body("SwapAnswer")
        .answers(&[(200, Content::Json("Swap"))])
        .refuses(&[403, 404, 409, 422]),
];

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let problem = match &refusal {
            Refusal::Invalid(_) => &BAD_COMMAND,
            Refusal::Unknown(_) => &NOT_FOUND,
            Refusal::Forbidden(_) => &FORBIDDEN,
            Refusal::Conflict(_) => &CONFLICT,
        };
        Self::new(problem, refusal.why())
    }
}

/// Why a command of a person about stand-ins was not carried out.
pub enum NotDone {
    /// It does not fit; the sentence is for the person.
    Refused(Refusal),
    /// It could not be written down.
    Failed(Failure),
}

impl From<NotDone> for Failure {
    fn from(not_done: NotDone) -> Self {
        match not_done {
            NotDone::Refused(refusal) => refusal.into(),
            NotDone::Failed(failure) => failure,
        }
    }
}

/// Carries a command about stand-ins out. Where somebody was faster, the engine refuses it; `done` looks whether it did not, and the
/// refusal is then found by asking again.
pub async fn attempt<T>(
    app: &App,
    by: Actor,
    verb: Verb,
    done: impl Fn(&crate::engine::State) -> Option<T>,
) -> Result<T, NotDone> {
    let handle = app.handle();
    let fits = || {
        let (policy, now) = (handle.policy(), handle.now());
        handle.read(|state| stand_in::check(state, &policy, &by, &verb, now)).map_err(NotDone::Refused)
    };
    fits()?;
    let command = Command { by: by.clone(), verb: verb.clone() };
    handle.command(command).await.map_err(|refused| NotDone::Failed(refused.into()))?;
    if let Some(found) = handle.read(done) {
        return Ok(found);
    }
    fits()?;
    Err(NotDone::Failed(Failure::new(&CONFLICT, "it did not fit any more when it was looked at; please try again")))
}

/// A number by which a request is found again in the state.
pub fn request_number() -> Result<u64, Failure> {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).map_err(|_| Failure::new(&INTERNAL, "the system gives no randomness"))?;
    Ok(u64::from_le_bytes(bytes))
}

/// Whether the token may act for the team of a schedule, and who acts: the person who is named, or the token itself.
fn acting(
    app: &App,
    principal: &Principal,
    schedule: &str,
    person: Option<&Name>,
) -> Result<(std::sync::Arc<Policy>, Actor), Failure> {
    let policy = app.handle().policy();
    let team = stand_in::team_of(&policy, schedule);
    may_act(principal, team.map(Name::as_str))?;
    if let Some(person) = person.filter(|person| !policy.people.contains_key(*person)) {
        return Err(Failure::new(&BAD_COMMAND, format!("there is no person `{person}` in the configuration")));
    }
    let by = person.map_or_else(|| actor(principal), |person| Actor::Person(person.clone()));
    Ok((policy, by))
}

/// A moment as people write it: RFC 3339, or a civil time in the schedule's zone.
pub(super) fn moment(name: &str, text: &str, zone: &Zone) -> Result<Timestamp, Failure> {
    if let Ok(at) = Timestamp::parse(text) {
        return Ok(at);
    }
    let civil: Result<jiff::civil::DateTime, _> = text.parse();
    civil.and_then(|civil| zone.tz.to_timestamp(civil)).map(Timestamp::from_jiff).map_err(|_| {
        let example = "2026-12-24T09:00 in the schedule's zone, or 2026-12-24T09:00:00+01:00";
        Failure::new(&BAD_COMMAND, format!("`{name}`: write {example}"))
    })
}

#[derive(Deserialize)]
#[serde(untagged)]
enum People {
    One(Name),
    Many(Vec<Name>),
}

impl People {
    fn list(self) -> Vec<Name> {
        match self {
            Self::One(name) => vec![name],
            Self::Many(names) => names,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OverrideBody {
    from: String,
    to: String,
    r#for: Option<Name>,
    who: Option<People>,
    add: Option<People>,
    remove: Option<Name>,
    swap: Option<(Name, Name)>,
    role: Option<Name>,
    #[serde(default)]
    why: String,
    /// The person who does it.
    r#as: Option<Name>,
}

impl OverrideBody {
    fn kind(self) -> Result<OverrideKind, Failure> {
        Ok(match (self.r#for, self.who, self.add, self.remove, self.swap) {
            (Some(user), Some(who), None, None, None) => match <[Name; 1]>::try_from(who.list()) {
                Ok([with]) => OverrideKind::Replace { user, with },
                Err(_) => return Err(Failure::new(&BAD_COMMAND, "`who`: one person steps in for one")),
            },
            (None, Some(who), None, None, None) => OverrideKind::Set(who.list()),
            (None, None, Some(add), None, None) => OverrideKind::Add(add.list()),
            (None, None, None, Some(user), None) => OverrideKind::Remove(user),
            (None, None, None, None, Some((a, b))) => OverrideKind::Swap(a, b),
            _ => {
                let what = "say `for` and `who`, `who` alone, `add`, `remove`, or `swap`";
                return Err(Failure::new(&BAD_COMMAND, what));
            }
        })
    }
}

/// `POST /v1/schedules/{name}/overrides`
pub async fn add(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Path(schedule): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let body: OverrideBody = command(request).await?;
    let (policy, by) = acting(&app, &principal, &schedule, body.r#as.as_ref())?;
    let zone = zone_of(&policy, &schedule)?;
    let (start, end) = (moment("from", &body.from, zone)?, moment("to", &body.to, zone)?);
    let (role, why) = (body.role.clone(), body.why.clone());
    let change = Override { start, end, role, kind: body.kind()? };
    let request = request_number()?;
    let new = NewOverride { request, schedule: schedule.as_str().into(), change, why };
    let verb = Verb::AddOverride(Box::new(new));
    let made = attempt(&app, by, verb, |state| state.stand_ins.override_of(request).cloned()).await?;
    let now = app.handle().now();
    let notes = app.handle().read(|state| stand_in::notes(state, &policy, &made));
    Ok((StatusCode::CREATED, Json(override_view(&made, &notes, now))).into_response())
}

fn zone_of<'a>(policy: &'a Policy, schedule: &str) -> Result<&'a Zone, Failure> {
    let unknown = || Failure::not_found(format!("schedule `{}`", schedule.chars().take(64).collect::<String>()));
    policy.schedules.get(schedule).map(|s| &s.spec().timezone).ok_or_else(unknown)
}

/// `GET /v1/schedules/{name}/overrides`: those of the configuration, then those that people made, as they act one after another.
pub async fn overrides(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let params = Params::of(query, &["state"])?;
    let wanted = params.get("state");
    if wanted.is_some_and(|w| !["pending", "active", "over", "all"].contains(&w)) {
        return Err(bad("state", "write pending, active, over or all"));
    }
    let (policy, now) = (app.handle().policy(), app.handle().now());
    zone_of(&policy, &name)?;
    let written = policy.schedules.get(name.as_str()).map(|s| s.spec().overrides.as_slice()).unwrap_or_default();
    let mut rows: Vec<Value> = written.iter().map(|change| written_view(&name, change, now)).collect();
    let made: Vec<_> = app.handle().read(|state| state.stand_ins.of(&name).cloned().collect());
    rows.extend(made.iter().map(|made| override_view(made, &[], now)));
    rows.retain(|row| {
        let state = row["state"].as_str().unwrap_or_default();
        wanted.map_or(state != "over", |wanted| wanted == "all" || wanted == state)
    });
    Ok(Json(json!({ "schedule": name, "overrides": rows })).into_response())
}

/// `DELETE /v1/schedules/{name}/overrides/{id}`
pub async fn remove(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Path((schedule, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let (_, by) = acting(&app, &principal, &schedule, None)?;
    let unknown = || Failure::not_found(format!("override `{}`", id.chars().take(64).collect::<String>()));
    let id: OverrideId = id.parse().map_err(|_| unknown())?;
    let of_schedule = |made: &MadeOverride| made.asked.schedule == schedule;
    if !app.handle().read(|state| state.stand_ins.overrides.get(&id).is_some_and(|made| of_schedule(made))) {
        return Err(unknown());
    }
    let now = app.handle().now();
    let gone = |state: &crate::engine::State| {
        state.stand_ins.overrides.get(&id).is_none_or(|made| made.asked.change.end <= now.max(state.now)).then_some(())
    };
    attempt(&app, by, Verb::RemoveOverride { id }, gone).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn state_of(start: Timestamp, end: Timestamp, now: Timestamp) -> &'static str {
    if end <= now {
        "over"
    } else if start <= now {
        "active"
    } else {
        "pending"
    }
}

fn change_view(schedule: &str, change: &Override, now: Timestamp) -> Value {
    json!({
        "schedule": schedule, "role": change.role, "from": change.start.to_string(), "to": change.end.to_string(),
        "state": state_of(change.start, change.end, now), "what": stand_in::said(&change.kind),
        "steps_out": match &change.kind {
            OverrideKind::Replace { user, .. } | OverrideKind::Remove(user) => Some(user),
            _ => None,
        },
        "steps_in": match &change.kind {
            OverrideKind::Set(users) | OverrideKind::Add(users) => users.clone(),
            OverrideKind::Replace { with, .. } => vec![with.clone()],
            OverrideKind::Remove(_) => Vec::new(),
            OverrideKind::Swap(a, b) => vec![a.clone(), b.clone()],
        },
    })
}

/// An override of the configuration.
fn written_view(schedule: &str, change: &Override, now: Timestamp) -> Value {
    let mut row = change_view(schedule, change, now);
    for field in ["id", "by", "made_at", "swap"] {
        row[field] = Value::Null;
    }
    row["source"] = json!("configuration");
    row["why"] = json!("");
    row["notes"] = json!([]);
    row
}

/// An override that somebody made.
fn override_view(made: &MadeOverride, notes: &[String], now: Timestamp) -> Value {
    let mut row = change_view(&made.asked.schedule, &made.asked.change, now);
    row["id"] = json!(made.id.to_string());
    row["source"] = json!("person");
    row["by"] = json!(made.by.label());
    row["made_at"] = json!(made.made_at.to_string());
    row["swap"] = json!(made.swap.map(|id| id.to_string()));
    row["why"] = json!(made.asked.why);
    row["notes"] = json!(notes);
    row
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Interval {
    from: String,
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SwapBody {
    schedule: Name,
    role: Option<Name>,
    from: String,
    to: String,
    person: Name,
    ask: Option<Name>,
    in_return: Option<Interval>,
    #[serde(default)]
    why: String,
    until: Option<String>,
}

/// `POST /v1/swaps`
pub async fn offer(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Failure> {
    let body: SwapBody = command(request).await?;
    let (policy, by) = acting(&app, &principal, &body.schedule, Some(&body.person))?;
    let zone = zone_of(&policy, &body.schedule)?;
    let (start, end) = (moment("from", &body.from, zone)?, moment("to", &body.to, zone)?);
    let in_return = match &body.in_return {
        Some(given) => Some((moment("in_return.from", &given.from, zone)?, moment("in_return.to", &given.to, zone)?)),
        None => None,
    };
    let until = body.until.as_ref().map(|text| moment("until", text, zone)).transpose()?;
    let expires_at = until.unwrap_or_else(|| app.handle().now().plus(limits::SWAP_OFFERED_FOR).min(end));
    let request = request_number()?;
    let offer = Offer {
        request,
        schedule: body.schedule,
        role: body.role,
        start,
        end,
        person: body.person,
        to: body.ask,
        in_return,
        why: body.why,
        expires_at,
    };
    let verb = Verb::OfferSwap(Box::new(offer));
    let swap = attempt(&app, by, verb, |state| state.stand_ins.swap_of(request).cloned()).await?;
    Ok((StatusCode::CREATED, Json(swap_view(&swap))).into_response())
}

/// `GET /v1/swaps`
pub async fn list(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Result<Response, Failure> {
    let params = Params::of(query, &["state", "schedule", "person"])?;
    let all = match params.get("state") {
        None | Some("offered") => false,
        Some("all") => true,
        Some(_) => return Err(bad("state", "write offered or all")),
    };
    let mut found: Vec<_> = app.handle().read(|state| state.stand_ins.swaps.values().rev().cloned().collect());
    found.retain(|swap| {
        let offer = &swap.offer;
        let concerns = |person: &str| offer.person == person || offer.to.as_ref().is_none_or(|to| to == person);
        (all || swap.is_open())
            && params.get("schedule").is_none_or(|name| offer.schedule == name)
            && params.get("person").is_none_or(concerns)
    });
    let rows: Vec<Value> = found.iter().map(|swap| swap_view(swap)).collect();
    Ok(Json(json!({ "swaps": rows })).into_response())
}

/// `GET /v1/swaps/{id}`
pub async fn get(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Failure> {
    Ok(Json(swap_view(&*find(&app, &id)?)).into_response())
}

fn find(app: &App, id: &str) -> Result<std::sync::Arc<Swap>, Failure> {
    id.parse::<SwapId>()
        .ok()
        .and_then(|id| app.handle().read(|state| state.stand_ins.swaps.get(&id).cloned()))
        .ok_or_else(|| Failure::not_found(format!("swap request `{}`", id.chars().take(64).collect::<String>())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerBody {
    person: Name,
}

/// `POST /v1/swaps/{id}/accept`
pub async fn accept(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let AnswerBody { person } = command(request).await?;
    let swap = find(&app, &id)?;
    let (_, by) = acting(&app, &principal, &swap.offer.schedule, Some(&person))?;
    Ok(Json(swap_view(&*take(&app, by, swap.id, person).await?)).into_response())
}

/// A person takes a shift.
pub async fn take(app: &App, by: Actor, swap: SwapId, person: Name) -> Result<std::sync::Arc<Swap>, NotDone> {
    let verb = Verb::AcceptSwap { swap, person: person.clone() };
    attempt(app, by, verb, |state| {
        let swap = state.stand_ins.swaps.get(&swap)?;
        matches!(&swap.status, SwapStatus::Accepted { by, .. } if *by == person).then(|| swap.clone())
    })
    .await
}

/// `POST /v1/swaps/{id}/decline`
pub async fn decline(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let AnswerBody { person } = command(request).await?;
    let swap = find(&app, &id)?;
    let (_, by) = acting(&app, &principal, &swap.offer.schedule, Some(&person))?;
    Ok(Json(swap_view(&*refuse(&app, by, swap.id, person).await?)).into_response())
}

/// A person does not take a shift.
pub async fn refuse(app: &App, by: Actor, swap: SwapId, person: Name) -> Result<std::sync::Arc<Swap>, NotDone> {
    let verb = Verb::DeclineSwap { swap, person: person.clone() };
    attempt(app, by, verb, |state| {
        let swap = state.stand_ins.swaps.get(&swap)?;
        let settled = match &swap.status {
            SwapStatus::Declined { by, .. } | SwapStatus::Withdrawn { by, .. } => *by == person,
            _ => swap.declined.contains(&person),
        };
        settled.then(|| swap.clone())
    })
    .await
}

fn swap_view(swap: &Swap) -> Value {
    let offer = &swap.offer;
    let (by, at, overrides) = match &swap.status {
        SwapStatus::Offered => (None, None, Vec::new()),
        SwapStatus::Accepted { by, at, overrides } => (Some(by), Some(*at), overrides.clone()),
        SwapStatus::Declined { by, at } | SwapStatus::Withdrawn { by, at } => (Some(by), Some(*at), Vec::new()),
        SwapStatus::Expired { at } => (None, Some(*at), Vec::new()),
    };
    json!({
        "id": swap.id.to_string(), "state": swap.status.as_str(), "schedule": offer.schedule, "role": offer.role,
        "from": offer.start.to_string(), "to": offer.end.to_string(), "person": offer.person, "ask": offer.to,
        "in_return": offer.in_return.map(|(from, to)| json!({ "from": from.to_string(), "to": to.to_string() })),
        "why": offer.why, "by": swap.by.label(), "made_at": swap.made_at.to_string(),
        "until": offer.expires_at.to_string(), "declined": swap.declined, "settled_by": by,
        "settled_at": at.map(|at| at.to_string()),
        "overrides": overrides.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
