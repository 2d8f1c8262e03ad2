//! The first line, the subject, and the sentences below it.
//!
//! Absent on purpose: numbers in the subject. Mail clients tie a thread to its subject, so it stays the same from the first page to
//! the all-clear.

use super::words::{bad, factor, percent};
use super::{HEADLINE_MAX, SUBJECT_MAX, SUMMARY_MAX, View};
use crate::channel::text::{cut, lines, one_line, short};
use crate::domain::{Event, Ratio};
use crate::engine::policy::Slo;

/// Annotations that say what is wrong, the shortest first.
const SUMMARIES: [&str; 3] = ["summary", "message", "description"];
/// Labels that name an alert, the usual one first.
const ALERT_NAMES: [&str; 3] = ["alertname", "alert", "name"];

/// What broke and by how much: `availability of GET /api/data/{tenant} in prod-eu: 1.53% failed in 1h, 5.1x the budget`.
pub fn headline(view: &View<'_>) -> String {
    if view.incident.is_drill() {
        return drill(view);
    }
    let event = view.event;
    let said = || said(event).map(|(_, text)| one_line(text).into_owned()).filter(|text| !text.is_empty());
    let line = match slo_subject(event, view.slo) {
        Some(what) => match measured(event, view.slo).or_else(said) {
            Some(how_much) => format!("{what}: {how_much}"),
            None => match objective(event, view.slo) {
                Some(objective) => format!("{what} is below {}", objective.percent(8)),
                None => format!("{what} is broken"),
            },
        },
        None => match said() {
            // The sender's words, with the service in front where they don't name it.
            Some(text) => match event.service.as_deref() {
                Some(service) if !text.contains(service) => format!("{service}: {text}"),
                _ => text,
            },
            None => alert_subject(view),
        },
    };
    short(&line, HEADLINE_MAX)
}

/// `DRILL, nothing is broken: callout tries the way to team checkout in region eu`. The mark stands first, wherever it is shown or cut.
fn drill(view: &View<'_>) -> String {
    let team = &view.incident.team;
    let of = view.event.service.as_deref().map(|service| format!(" for {service}")).unwrap_or_default();
    short(
        &format!("DRILL, nothing is broken: callout tries the way to team {team}{of}{}", place(view.event)),
        HEADLINE_MAX,
    )
}

/// The headline without what changes over the life of the incident. Who shows it adds the incident's number.
pub fn subject(view: &View<'_>) -> String {
    if view.incident.is_drill() {
        return drill(view);
    }
    let event = &view.incident.event;
    let what = slo_subject(event, view.slo).unwrap_or_else(|| alert_subject(view));
    short(&what, SUBJECT_MAX)
}

/// The sender's own words below the headline: what the headline does not say already.
pub fn summary(event: &Event, headline: &str) -> Option<String> {
    let texts = SUMMARIES.into_iter().filter_map(|name| event.annotations.get(name));
    let new = texts.map(lines).filter(|text| !text.is_empty() && !headline.contains(&*one_line(text)));
    let mut out = String::new();
    for text in new {
        if out.contains(&text) {
            continue;
        }
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&text);
    }
    (!out.is_empty()).then(|| cut(&out, SUMMARY_MAX).into_owned())
}

/// The annotation that says best what is wrong.
pub fn said(event: &Event) -> Option<(&'static str, &str)> {
    SUMMARIES.into_iter().find_map(|name| Some((name, event.annotations.get(name)?)))
}

/// Whether a label or annotation is said by headline and summary already.
pub fn is_said(name: &str) -> bool {
    SUMMARIES.contains(&name) || ALERT_NAMES.contains(&name)
}

/// `availability of GET /api/data/{tenant} in prod-eu`; `None` for an event that is about no SLO.
fn slo_subject(event: &Event, slo: Option<&Slo>) -> Option<String> {
    let sli = event.sli.as_deref().or_else(|| slo.map(|s| s.sli.as_str())).or(event.slo.as_deref())?;
    let what = event.endpoint.as_deref().or(event.service.as_deref())?;
    Some(format!("{sli} of {what}{}", place(event)))
}

/// `HighErrorRate on data-api in prod-eu`.
fn alert_subject(view: &View<'_>) -> String {
    let event = &view.incident.event;
    let name = ALERT_NAMES.into_iter().find_map(|name| event.labels.get(name));
    match (name, event.service.as_deref()) {
        (Some(name), Some(service)) => format!("{name} on {service}{}", place(event)),
        (Some(name), None) => match event.labels.get("instance").or_else(|| event.labels.get("host")) {
            Some(at) => format!("{name} on {at}{}", place(event)),
            None => format!("{name}{}", place(event)),
        },
        (None, Some(service)) => format!("trouble with {service}{}", place(event)),
        (None, None) => format!("trouble: {}", view.incident.key),
    }
}

/// ` in prod-eu`, ` in region eu`, or nothing.
fn place(event: &Event) -> String {
    match (event.environment.as_deref(), event.region.as_deref()) {
        (Some(environment), _) => format!(" in {environment}"),
        (None, Some(region)) => format!(" in region {region}"),
        (None, None) => String::new(),
    }
}

/// The objective: the sender's, which the numbers are about, or the catalogue's.
pub fn objective(event: &Event, slo: Option<&Slo>) -> Option<Ratio> {
    event.objective.or_else(|| slo.map(|s| s.objective))
}

/// `1.53% failed in 1h, 5.1x the budget`; `None` without traffic or counts.
fn measured(event: &Event, slo: Option<&Slo>) -> Option<String> {
    let window = event.window.as_ref()?;
    let spent = window.bad_ratio()?;
    let how = how_bad(event, slo);
    let share = format!("{} {how} in {}", percent(spent), window.length);
    Some(match objective(event, slo).and_then(|objective| spent.over(objective.complement())) {
        Some(times) => format!("{share}, {}x the budget", factor(times)),
        None => share,
    })
}

/// The word for bad events, with the threshold of a latency SLO: `failed`, `over 1s`.
pub fn how_bad(event: &Event, slo: Option<&Slo>) -> String {
    match slo.and_then(|slo| slo.threshold) {
        Some(threshold) => format!("over {threshold}"),
        None => bad(event.sli.as_deref().or_else(|| slo.map(|s| s.sli.as_str())).unwrap_or_default()).to_owned(),
    }
}
