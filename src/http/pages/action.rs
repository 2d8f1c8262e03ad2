//! `/a/{token}`: the page behind a signed link.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::ToSpan as _;
use serde::Deserialize;

use super::incidents::name;
use super::{MessagePage, Shown, page};
use crate::auth::link::{Holder, Link, LinkError, Verbs};
use crate::channel::wording;
use crate::domain::{Name, Span, Timestamp};
use crate::engine::state::{Incident, LinkUse, Status};
use crate::engine::{Actor, Command, Policy, Verb};
use crate::http::App;
use crate::http::incidents::check_state;
use crate::http::problem::Failure;

#[derive(Template)]
#[template(path = "action.html", config = "src/http/pages/askama.toml")]
#[expect(clippy::struct_excessive_bools, reason = "each button is there or not, whatever the others are")]
struct ActionPage<'a> {
    organisation: &'a str,
    shown: Shown,
    path: String,
    can_acknowledge: bool,
    can_snooze: bool,
    can_escalate: bool,
    can_resolve: bool,
    /// Names of the next more and the next less urgent priority.
    raise: Option<Name>,
    lower: Option<Name>,
    /// What this link was used for.
    used: Vec<String>,
    /// Which button is drawn as the first choice.
    first: &'static str,
    holder: String,
}

/// What buttons that set a priority begin with; its name follows.
const PRIORITY: &str = "priority-";

/// What a link asks the page to emphasise.
#[derive(Deserialize)]
pub struct Wish {
    r#do: Option<String>,
}

/// What a button posts.
#[derive(Deserialize)]
pub struct Press {
    r#do: String,
}

/// `GET /a/{token}`: shows, and does nothing.
pub async fn show(State(app): State<App>, Path(token): Path<String>, Query(wish): Query<Wish>) -> Response {
    let (link, incident) = match open(&app, &token) {
        Ok(found) => found,
        Err(response) => return *response,
    };
    let now = app.handle().now();
    let policy = app.handle().policy();
    let person = match &link.holder {
        Holder::Person(id) => policy.people.get(id),
        Holder::Channel => None,
    };
    let may = |verb: Verbs, act: &str| link.verbs.allow(verb) && incident.link_use(link.message, act).is_none();
    let can_acknowledge =
        may(Verbs::ACKNOWLEDGE, "acknowledge") && matches!(incident.status, Status::Triggered | Status::Snoozed { .. });
    let can_resolve = may(Verbs::RESOLVE, "resolve");
    let first = match wish.r#do.as_deref() {
        Some("snooze") => "snooze",
        Some("resolve") => "resolve",
        _ if can_acknowledge => "acknowledge",
        _ => "resolve",
    };
    let (raise, lower) = if may(Verbs::PRIORITY, "priority") { neighbours(&policy, &incident) } else { (None, None) };
    let zone = zone(&policy, person.and_then(|person| person.timezone.as_deref()));
    let used = incident.links_used.iter().filter(|used| used.message == link.message);
    let template = ActionPage {
        organisation: &policy.organisation.name,
        shown: Shown::of(&app, &incident, person.and_then(|p| p.timezone.as_deref()), now),
        path: format!("/a/{token}"),
        can_acknowledge,
        can_snooze: may(Verbs::SNOOZE, "snooze"),
        can_escalate: may(Verbs::ESCALATE, "escalate") && incident.escalation.is_some(),
        can_resolve,
        raise,
        lower,
        used: used.map(|used| use_of(used, &policy, &zone, now)).collect(),
        first,
        holder: match (&link.holder, person) {
            (Holder::Person(_), Some(person)) => format!("You act as {}.", person.name),
            (Holder::Person(id), None) => format!("You act as {id}."),
            (Holder::Channel, _) => "You act as somebody in the channel.".to_owned(),
        },
    };
    page(StatusCode::OK, &template)
}

/// `POST /a/{token}`: acts, each kind of act once.
pub async fn act(State(app): State<App>, Path(token): Path<String>, Form(press): Form<Press>) -> Response {
    let (link, incident) = match open(&app, &token) {
        Ok(found) => found,
        Err(response) => return *response,
    };
    let by = match &link.holder {
        Holder::Person(id) => Actor::Person(id.clone()),
        Holder::Channel => Actor::ChannelLink,
    };
    let Some((verb, done)) = verb(&app, &link, &press.r#do) else {
        return message(&app, StatusCode::FORBIDDEN, "high", "This link can't do that", String::new(), Some(&token));
    };
    let (policy, now) = (app.handle().policy(), app.handle().now());
    let shown = || Shown::of(&app, &incident, None, now);
    if let Some(used) = incident.link_use(link.message, verb.as_str()) {
        let used = use_of(used, &policy, &zone(&policy, None), now);
        // Where nothing happened since, the status says the same.
        let stands = Some(sentence(&shown().status_line)).filter(|stands| *stands != used).unwrap_or_default();
        let text = format!("{used} A link does each thing once. {stands}");
        return message(&app, StatusCode::CONFLICT, "normal", "That was done already", text, Some(&token));
    }
    if let Err(failure) = check_state(&incident, &verb) {
        let title = match &incident.status {
            Status::Acknowledged { .. } => "Somebody was faster",
            _ => "Nothing was left to do",
        };
        return message(&app, failure.status(), "normal", title, sentence(&shown().status_line), Some(&token));
    }
    let verb = Verb::ByLink { message: link.message, verb: Box::new(verb) };
    match app.handle().command(Command { by, verb }).await {
        Ok(()) => message(&app, StatusCode::OK, "over", done.0, done.1, Some(&token)),
        Err(refused) => {
            let failure = Failure::from(refused);
            let text = "callout could not write it down, so nothing was done. Please try again in a moment.";
            message(&app, failure.status(), "high", "That did not work", text.to_owned(), Some(&token))
        }
    }
}

/// The zone in which the reader thinks.
fn zone(policy: &Policy, own: Option<&str>) -> jiff::tz::TimeZone {
    wording::zone(own.unwrap_or(&policy.organisation.timezone))
}

/// `Acknowledged by Ana Ruiz at 21:18 CET (20:18 UTC).`
fn use_of(used: &LinkUse, policy: &Policy, zone: &jiff::tz::TimeZone, now: Timestamp) -> String {
    let done = match used.act.as_str() {
        "acknowledge" => "Acknowledged",
        "snooze" => "Snoozed",
        "resolve" => "Resolved",
        "escalate" => "Escalated",
        _ => "Changed in priority",
    };
    format!("{done} by {} at {}.", name(&used.by, policy), wording::moment(used.at, zone, now))
}

/// The next more and the next less urgent priority than that of the incident. One without a priority can be given the least urgent.
fn neighbours(policy: &Policy, incident: &Incident) -> (Option<Name>, Option<Name>) {
    let rank = policy.rank(incident.priority.as_deref());
    let more = policy.priorities.iter().filter(|(_, priority)| priority.rank < rank).max_by_key(|(_, p)| p.rank);
    let less = policy.priorities.iter().filter(|(_, priority)| priority.rank > rank).min_by_key(|(_, p)| p.rank);
    (more.map(|(name, _)| name.clone()), less.map(|(name, _)| name.clone()))
}

/// The link and its incident, or the page that says why not.
fn open(app: &App, token: &str) -> Result<(Link, Arc<Incident>), Box<Response>> {
    let fail = |status, title, text: &str| Box::new(message(app, status, "normal", title, text.to_owned(), None));
    let link = app.link_key().verify(token, app.handle().now()).map_err(|error| match error {
        LinkError::Expired { incident } => fail(
            StatusCode::GONE,
            "This link has expired",
            &format!("It was about incident {incident}. Newer messages carry fresh links."),
        ),
        LinkError::Invalid | LinkError::ExpiredDigest | LinkError::ExpiredSwap => fail(
            StatusCode::NOT_FOUND,
            "This link is not valid",
            "It was not made by this callout, or it was damaged on the way. Copy it once more from the message.",
        ),
    })?;
    let incident = app.handle().read(|state| state.incidents.get(&link.incident).cloned()).ok_or_else(|| {
        fail(StatusCode::GONE, "It is over", &format!("Incident {} was resolved some time ago.", link.incident))
    })?;
    Ok((link, incident))
}

/// What a button means, and what the page says once it is done.
fn verb(app: &App, link: &Link, word: &str) -> Option<(Verb, (&'static str, String))> {
    let incident = link.incident;
    let now = app.handle().now();
    let (needs, verb, title, text) = match word {
        "acknowledge" => {
            let text = "The escalation stops. The incident stays open until it is resolved.".to_owned();
            (Verbs::ACKNOWLEDGE, Verb::Acknowledge { incident }, "Acknowledged", text)
        }
        "resolve" => (
            Verbs::RESOLVE,
            Verb::Resolve { incident },
            "Resolved",
            "Everybody who was told hears that it is over.".to_owned(),
        ),
        "escalate" => {
            let text = "Whoever is next is told now.".to_owned();
            (Verbs::ESCALATE, Verb::Escalate { incident }, "Escalated", text)
        }
        word if word.starts_with(PRIORITY) => {
            let policy = app.handle().policy();
            let (priority, _) = policy.priorities.get_key_value(word.trim_start_matches(PRIORITY))?;
            let text = format!("It is {priority} now.");
            let verb = Verb::SetPriority { incident, priority: Some(priority.clone()) };
            (Verbs::PRIORITY, verb, "Priority changed", text)
        }
        word => {
            let (until, zone) = snooze(app, link, word, now)?;
            let text = format!("It stays quiet until {}.", wording::moment(until, &zone, now));
            (Verbs::SNOOZE, Verb::Snooze { incident, until }, "Snoozed", text)
        }
    };
    link.verbs.allow(needs).then_some((verb, (title, text)))
}

/// Until when, and in which zone the reader thinks. "Tomorrow" is the next 9 o'clock that is at least an hour away.
fn snooze(app: &App, link: &Link, word: &str, now: Timestamp) -> Option<(Timestamp, jiff::tz::TimeZone)> {
    let policy = app.handle().policy();
    let own = match &link.holder {
        Holder::Person(id) => policy.people.get(id).and_then(|p| p.timezone.clone()),
        Holder::Channel => None,
    };
    let zone = zone(&policy, own.as_deref());
    let until = snooze_until(word.strip_prefix("snooze-")?, &zone, now)?;
    Some((until, zone))
}

/// Until when a snooze lasts that is offered by a word.
pub fn snooze_until(word: &str, zone: &jiff::tz::TimeZone, now: Timestamp) -> Option<Timestamp> {
    Some(match word {
        "30m" => now.plus(Span::from_minutes(30)),
        "1h" => now.plus(Span::from_hours(1)),
        "4h" => now.plus(Span::from_hours(4)),
        "12h" => now.plus(Span::from_hours(12)),
        "tomorrow" => nine(now.plus(Span::from_hours(1)), zone)?,
        _ => return None,
    })
}

/// The first 9:00 on the clock of `zone` at or after `at`.
fn nine(at: Timestamp, zone: &jiff::tz::TimeZone) -> Option<Timestamp> {
    let local = at.to_jiff().to_zoned(zone.clone());
    let today = local.date().at(9, 0, 0, 0).to_zoned(zone.clone()).ok()?;
    let next = if today.timestamp() >= at.to_jiff() {
        today
    } else {
        local.date().checked_add(1.day()).ok()?.at(9, 0, 0, 0).to_zoned(zone.clone()).ok()?
    };
    Some(Timestamp::from_jiff(next.timestamp()))
}

pub(super) fn message(
    app: &App,
    status: StatusCode,
    class: &str,
    title: &str,
    text: String,
    token: Option<&str>,
) -> Response {
    let policy = app.handle().policy();
    let back = token.map(|token| format!("/a/{token}"));
    page(status, &MessagePage { organisation: &policy.organisation.name, class, title, text, back })
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tomorrow_is_the_next_nine_on_the_readers_clock() {
        let berlin = wording::zone("Europe/Berlin");
        for (at, nine_at) in [
            ("2026-11-20T20:15:00Z", "2026-11-21T08:00:00Z"),
            ("2026-11-20T03:00:00Z", "2026-11-20T08:00:00Z"),
            ("2026-11-20T08:00:00Z", "2026-11-20T08:00:00Z"),
            // The clocks go forward in the night.
            ("2027-03-27T22:00:00Z", "2027-03-28T07:00:00Z"),
        ] {
            let at = Timestamp::parse(at).unwrap();
            assert_eq!(nine(at, &berlin), Timestamp::parse(nine_at).ok(), "{at}");
        }
    }
}
