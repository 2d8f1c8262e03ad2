//! Facts in order of use, and details for whoever digs further.
//!
//! Absent on purpose: what every message shows anyway (priority, status, owner, since when).

use super::headline::{how_bad, is_said, objective};
use super::words::{factor, number, percent, times};
use super::{DETAILS_MAX, NAME_MAX, VALUE_MAX, View, links, measured};
use crate::channel::Fact;
use crate::channel::text::{one_line, short};
use crate::domain::{Span, WindowCounts};
use crate::engine::state::{Escalation, Status};
use crate::slo::Budget;

/// The sender's clock and ours may differ by this much before the time of the breach is shown apart from the incident's beginning.
const SAME_TIME: Span = Span::from_minutes(2);
/// Labels that are facts of their own.
const SHOWN_LABELS: [&str; 8] = ["team", "service", "endpoint", "sli", "slo", "environment", "region", "priority"];

/// A fact from our own words and values that were made short already.
fn fact(name: &str, value: String) -> Fact {
    Fact { name: name.to_owned(), value }
}

/// What a person needs to judge how bad it is and what happens next.
pub fn facts(view: &View<'_>) -> Vec<Fact> {
    let event = view.event;
    let facts = [
        event.service.as_deref().map(|service| fact("Service", short(service, NAME_MAX))),
        objective_fact(view),
        broken_by(view),
        measured::burn_rate(view).map(|rates| fact("Burn rate", rates)),
        measured::burns_now(view).map(|rates| fact("Burning now", rates)),
        budget_left(view),
        place(view),
        broke_at(view),
        Some(deduplicated(view)),
        snooze(view),
        view.incident.escalation.as_ref().and_then(|escalation| next_step(view, escalation)),
        wanted(view),
        roles(view),
        view.slo.and_then(|slo| slo.reason.as_deref()).map(|reason| fact("Why it matters", short(reason, VALUE_MAX))),
    ];
    facts.into_iter().flatten().collect()
}

/// `99.7% over 28d: Availability of get data API`.
fn objective_fact(view: &View<'_>) -> Option<Fact> {
    let objective = objective(view.event, view.slo)?.percent(8);
    let period = view.slo.map(|slo| format!(" over {}", slo.period)).unwrap_or_default();
    let name = view.slo.map(|slo| &slo.name).or(view.event.slo.as_ref());
    let name = name.map(|name| format!(": {}", short(name, NAME_MAX))).unwrap_or_default();
    let sent = view.event.objective.zip(view.slo).filter(|(sent, slo)| *sent != slo.objective);
    let sent = sent.map(|(_, slo)| format!(" (the catalogue says {})", slo.objective.percent(8))).unwrap_or_default();
    Some(fact("Objective", format!("{objective}{sent}{period}{name}")))
}

/// `510% of the budget: 1,529 of 100,000 failed in 1h, 0.3% allowed; 180 of 8,300 in 5m`.
fn broken_by(view: &View<'_>) -> Option<Fact> {
    let mut told = measured::told(view).into_iter();
    let window = told.next()?;
    let further =
        |window: &WindowCounts| format!("; {} of {} in {}", number(window.bad()), number(window.total), window.length);
    let further: String = told.map(further).collect();
    let counts = counts(view, window);
    let budget = objective(view.event, view.slo).map(crate::domain::Ratio::complement);
    let value = match budget.and_then(|b| Some((window.bad_ratio()?.over(b)?, b))) {
        Some((spent, budget)) => {
            format!("{} of the budget: {counts}, {} allowed{further}", spent.percent(0), budget.percent(8))
        }
        None => format!("{counts}{further}"),
    };
    Some(fact("Broken by", value))
}

/// `1,529 of 100,000 failed in 1h`.
fn counts(view: &View<'_>, window: &WindowCounts) -> String {
    if window.total == 0 {
        return format!("no traffic in {}", window.length);
    }
    let how = how_bad(view.event, view.slo);
    format!("{} of {} {how} in {}", number(window.bad()), number(window.total), window.length)
}

/// `41.5% of 28d, depleting; gone in 2 d 3 h at this pace`.
fn budget_left(view: &View<'_>) -> Option<Fact> {
    let (remaining, period) = measured::left(view)?;
    let period = period.map(|period| format!(" of {period}")).unwrap_or_default();
    let gone = measured::gone_in_words(view).map(|gone| format!("; {gone}")).unwrap_or_default();
    Some(fact("Budget left", format!("{}{period}{}{gone}", percent_text(&remaining), status_word(&remaining))))
}

/// A percentage as sent, with one sign behind it.
pub fn percent_text(text: &str) -> String {
    format!("{}%", short(text.trim_end_matches('%').trim_end(), 24))
}

/// `, depleting`, or nothing where the text is no number.
pub fn status_word(remaining_percent: &str) -> String {
    let budget = Budget::from_remaining_percent(remaining_percent);
    budget.map(|budget| format!(", {}", budget.status())).unwrap_or_default()
}

/// `prod-eu, region eu`.
fn place(view: &View<'_>) -> Option<Fact> {
    let environment = view.event.environment.as_deref();
    let region = view.event.region.as_deref().or(view.incident.region.as_deref());
    let value = match (environment, region) {
        (Some(environment), Some(region)) => format!("{environment}, region {region}"),
        (Some(environment), None) => environment.to_owned(),
        (None, Some(region)) => format!("region {region}"),
        (None, None) => return None,
    };
    Some(fact("Where", short(&value, VALUE_MAX)))
}

/// When it broke by the sender's clock, where that is not when the incident began.
fn broke_at(view: &View<'_>) -> Option<Fact> {
    let (at, opened) = (view.incident.event.at, view.incident.opened_at);
    let apart = at.since(opened).max(opened.since(at));
    (apart > SAME_TIME).then(|| fact("Broke at", view.moment(at)))
}

/// `12 times, twice while snoozed; last seen 21:40 CET (20:40 UTC)`.
fn deduplicated(view: &View<'_>) -> Fact {
    let incident = view.incident;
    let mut value = match incident.duplicates {
        0 => "no repeats so far".to_owned(),
        n => {
            let snoozed = match incident.duplicates_snoozed {
                0 => String::new(),
                m => format!(", {} while snoozed", times(m)),
            };
            format!("{}{snoozed}; last seen {}", times(n), view.moment(incident.last_seen))
        }
    };
    if incident.reopened > 0 {
        value.push_str("; reopened ");
        value.push_str(&times(incident.reopened));
    }
    fact("Deduplicated", value)
}

/// How long alerts of this kind stay quiet.
fn snooze(view: &View<'_>) -> Option<Fact> {
    let until = view.incident.alert_snoozed_until.filter(|until| *until > view.now)?;
    Some(fact("Alert snooze", format!("alerts of this kind stay quiet until {}", view.moment(until))))
}

/// `policy checkout, step 1 of 4; the next at 22:15 CET (21:15 UTC) unless acknowledged`.
fn next_step(view: &View<'_>, escalation: &Escalation) -> Option<Fact> {
    if !view.incident.status.is_open() {
        return None;
    }
    let policy = short(&escalation.policy.name, NAME_MAX);
    if escalation.exhausted {
        return Some(fact("Escalation", format!("policy {policy} has run out: nobody acknowledged")));
    }
    let (step, steps) = (escalation.step + 1, escalation.policy.steps.len());
    let round = if escalation.pass > 0 { format!(", round {}", escalation.pass + 1) } else { String::new() };
    let is_last = step as usize == steps && escalation.policy.repeat.is_some_and(|repeat| escalation.pass >= repeat);
    let next = match (&view.incident.status, escalation.due) {
        (Status::Triggered, Some(_)) if is_last => "; the last one".to_owned(),
        (Status::Triggered, Some(due)) => format!("; the next at {} unless acknowledged", view.moment(due)),
        _ => String::new(),
    };
    Some(fact("Escalation", format!("policy {policy}, step {step} of {steps}{round}{next}")))
}

/// `coordinator Ana Ruiz, communicator Bo Lindqvist`.
fn roles(view: &View<'_>) -> Option<Fact> {
    let holders = view.incident.response.as_ref().map(|response| &response.roles)?;
    let words: Vec<String> = holders
        .iter()
        .map(|holder| {
            let known = view.policy.people.get(&holder.person);
            format!("{} {}", holder.role, known.map_or(holder.person.as_str(), |known| known.name.as_str()))
        })
        .collect();
    (!words.is_empty()).then(|| fact("Roles", short(&words.join(", "), VALUE_MAX)))
}

/// What the organisation wants for this priority: `postmortem, status update every 4h`.
fn wanted(view: &View<'_>) -> Option<Fact> {
    let priority = view.policy.priorities.get(view.incident.priority.as_ref()?)?;
    let words = [
        (priority.hotfix, "hotfix"),
        (priority.postmortem, "postmortem"),
        (priority.tell_management, "tell management"),
        (priority.tell_stakeholders, "tell stakeholders"),
    ];
    let mut wanted: Vec<String> = words.into_iter().filter(|(yes, _)| *yes).map(|(_, word)| word.to_owned()).collect();
    wanted.extend(priority.update_every.map(|every| format!("status update every {every}")));
    (!wanted.is_empty()).then(|| fact("Wanted", wanted.join(", ")))
}

/// The sender's context, further windows, labels and annotations that are said nowhere else.
pub fn details(view: &View<'_>) -> Vec<Fact> {
    let event = view.event;
    let detail = event.detail.as_deref();
    let context = detail.iter().flat_map(|d| d.context.iter()).filter(|(_, value)| links::web_url(value).is_none());
    let context = context.filter(|(name, _)| !measured::is_said(name, view));
    let told = measured::told(view);
    let windows = measured::windows(view).into_iter().skip(1).filter(|window| !told.contains(window));
    let windows = windows.map(|window| further_window(view, window));
    let labels = event.labels.iter().filter(|(name, _)| !SHOWN_LABELS.contains(name) && !is_said(name));
    let annotations = event.annotations.iter().filter(|(name, _)| !is_said(name) && !name.ends_with("_url"));
    let mut details: Vec<Fact> = context.map(|(name, value)| context_fact(name, value)).collect();
    details.extend(windows);
    details.extend(
        labels
            .chain(annotations)
            .map(|(name, value)| Fact { name: short(name, NAME_MAX), value: short(value, VALUE_MAX) }),
    );
    details.truncate(DETAILS_MAX);
    details
}

/// `memory_percent = 95` reads `memory: 95%`.
fn context_fact(name: &str, value: &str) -> Fact {
    let (name, sign) = name.strip_suffix("_percent").map_or((name, ""), |stem| (stem, "%"));
    let value = short(value, VALUE_MAX);
    let sign = if value.ends_with('%') { "" } else { sign };
    Fact { name: short(&one_line(name).replace('_', " "), NAME_MAX), value: format!("{value}{sign}") }
}

/// `last 5m: 3.2% failed, 11x the budget`.
fn further_window(view: &View<'_>, window: &WindowCounts) -> Fact {
    let value = match window.bad_ratio() {
        None => "no traffic".to_owned(),
        Some(spent) => {
            let share = format!("{} {}", percent(spent), how_bad(view.event, view.slo));
            match objective(view.event, view.slo).and_then(|o| spent.over(o.complement())) {
                Some(burn) => format!("{share}, {}x the budget", factor(burn)),
                None => share,
            }
        }
    };
    fact(&format!("last {}", window.length), value)
}
