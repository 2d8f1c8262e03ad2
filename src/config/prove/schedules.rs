//! Holes in schedules, people in two roles at once, people who never serve.

use jiff::tz::TimeZone;

use super::{Subject, items};
use crate::config::diagnostic::{Diagnostic, Findings, listed, quotable};
use crate::config::source::Place;
use crate::config::tree::{Node, Value};
use crate::domain::{Name, Span, Timestamp};
use crate::engine::policy::Target;
use crate::schedule::coverage::{Hole, double_booked, holes, never_serves};
use crate::schedule::{Layer, OverrideKind, Rotation, Schedule};

/// How far ahead schedules must be covered.
const COVERED: Span = Span::from_hours(90 * 24);
/// Within how long everybody should serve.
const SERVED: Span = Span::from_hours(365 * 24);
/// Most holes that are listed one by one. Beyond: they are counted.
const LISTED_MAX: usize = 5;

pub(super) fn prove(subject: &Subject<'_>, findings: &mut Findings) {
    for (name, schedule) in &subject.policy.schedules {
        uncovered(subject, name, schedule, findings);
        doubled(subject, name, schedule, findings);
        idle(subject, name, schedule, findings);
    }
}

/// Where the schedule says who is in it: `users`, or the header of its first layer.
fn place_of(subject: &Subject<'_>, name: &str) -> Option<Place> {
    subject.name_place("schedules", name)
}

fn uncovered(subject: &Subject<'_>, name: &Name, schedule: &Schedule, findings: &mut Findings) {
    let allowed = subject.value("schedules", name, "holes_allowed").map(|n| &n.value);
    if matches!(allowed, Some(Value::Truth(true))) {
        return;
    }
    let zone = &schedule.spec().timezone;
    let all = holes(schedule, subject.now, subject.now.plus(COVERED));
    let (nobody, first_role): (Vec<Hole>, Vec<Hole>) = all.into_iter().partition(|h| h.role.is_none());
    let place = place_of(subject, name);
    let told = used_by(subject, name);
    for holes in [nobody, first_role] {
        let Some(first) = holes.first() else { continue };
        let message = match &first.role {
            None => format!("nobody is on call in schedule `{name}` for {} of the next 90 days", total(&holes)),
            Some(role) => format!("nobody is `{role}` in schedule `{name}` for {} of the next 90 days", total(&holes)),
        };
        let code = if first.role.is_none() { "hole" } else { "hole-in-role" };
        let mut finding = Diagnostic::warning(code, place, message);
        for hole in holes.iter().take(LISTED_MAX) {
            finding = finding.note(interval(hole.start, hole.end, &zone.tz, &zone.name));
        }
        if holes.len() > LISTED_MAX {
            finding = finding.note(format!("and {} more", holes.len() - LISTED_MAX));
        }
        for cause in schedule.spec().layers.iter().enumerate().filter_map(|(i, l)| cause(i, l, schedule, first.start)) {
            finding = finding.note(cause);
        }
        if !told.is_empty() {
            finding =
                finding.note(format!("told by {}: a step that finds nobody is skipped at once", listed(&told, 3)));
        }
        findings
            .push(finding.hint("add a layer below for the rest of the time, or `holes_allowed = true` if it is meant"));
    }
}

/// Escalation policies that tell a schedule.
fn used_by<'a>(subject: &Subject<'a>, schedule: &str) -> Vec<&'a str> {
    let tells = |target: &Target| matches!(target, Target::Schedule { schedule: s, .. } if s == schedule);
    let policies = subject.policy.escalations.iter();
    policies.filter(|(_, e)| e.steps.iter().any(|s| s.notify.iter().any(tells))).map(|(n, _)| n.as_str()).collect()
}

/// Why a layer has nobody at `at`, in words.
fn cause(number: usize, layer: &Layer, schedule: &Schedule, at: Timestamp) -> Option<String> {
    let zone = layer.timezone.as_ref().unwrap_or(&schedule.spec().timezone);
    let local = at.to_jiff().to_zoned(zone.tz.clone()).datetime();
    let name = if layer.name.is_empty() {
        format!("layer {}", number + 1)
    } else {
        format!("layer `{}`", quotable(&layer.name))
    };
    let single = schedule.spec().layers.len() == 1 && layer.name.is_empty();
    let name = if single { "the schedule".to_owned() } else { name };
    let reason = if local < layer.start {
        format!("begins only at {}", layer.start.strftime("%Y-%m-%d %H:%M"))
    } else if layer.end.is_some_and(|end| local >= end) {
        format!("is over since {}", layer.end?.strftime("%Y-%m-%d %H:%M"))
    } else if layer.exclude_dates.contains(&local.date()) {
        format!("is off on {}", local.date())
    } else if layer.only_dates.as_ref().is_some_and(|only| !only.contains(&local.date())) {
        format!("is on only on certain days, not on {}", local.date())
    } else if !layer.restrictions.is_empty() {
        "counts only inside its `hours`".to_owned()
    } else if layer.turns.iter().any(Vec::is_empty) {
        "has turns with nobody".to_owned()
    } else {
        return None;
    };
    Some(format!("{name} {reason}"))
}

fn doubled(subject: &Subject<'_>, name: &Name, schedule: &Schedule, findings: &mut Findings) {
    let zone = &schedule.spec().timezone;
    let all = double_booked(schedule, subject.now, subject.now.plus(COVERED));
    let Some(first) = all.first() else { return };
    let mut finding = Diagnostic::warning(
        "double-booked",
        place_of(subject, name),
        format!("`{}` is {} at once in schedule `{name}`", first.person, listed(&first.roles, 4)),
    );
    if let Some(place) = override_at(subject, schedule, first.start) {
        finding = finding.also(place, "because of this override");
    }
    for booked in all.iter().take(LISTED_MAX) {
        let when = interval(booked.start, booked.end, &zone.tz, &zone.name);
        finding = finding.note(format!("`{}` is {}: {when}", booked.person, listed(&booked.roles, 4)));
    }
    if all.len() > LISTED_MAX {
        finding = finding.note(format!("and {} more", all.len() - LISTED_MAX));
    }
    findings.push(finding.note("whoever does not answer as one would not answer as the other"));
}

/// Where the override stands that puts somebody on call at `at`, if it is one.
fn override_at(subject: &Subject<'_>, schedule: &Schedule, at: Timestamp) -> Option<Place> {
    let spec = schedule.spec();
    let nodes: Vec<&Node> = items(subject.root.get("overrides"))
        .iter()
        .filter(|n| n.get("schedule").and_then(Node::text) == Some(spec.name.as_str()))
        .collect();
    let acts =
        |o: &crate::schedule::Override| o.start <= at && at < o.end && !matches!(o.kind, OverrideKind::Remove(_));
    let index = spec.overrides.iter().position(acts)?;
    // Without errors every entry became an override, in order.
    nodes.get(index).filter(|_| nodes.len() == spec.overrides.len()).map(|n| n.get("who").map_or(n.place, |w| w.place))
}

fn idle(subject: &Subject<'_>, name: &Name, schedule: &Schedule, findings: &mut Findings) {
    let idle: Vec<Name> = never_serves(schedule, subject.now, subject.now.plus(SERVED)).into_iter().collect();
    if idle.is_empty() {
        return;
    }
    let stuck = schedule.spec().layers.iter().any(|l| l.rotation == Rotation::None && l.turns.len() > 1);
    let (cause, hint) = if stuck {
        (
            "`rotate = \"none\"` is one turn for ever",
            "for people who are on call together, write `users = [[\"ana\", \"bo\"]]`",
        )
    } else {
        (
            "their turns always fall into times in which the schedule or their layer is off, or others come first",
            "where a daily rotation skips days, list the weekdays of its handoffs with `on`",
        )
    };
    let verb = if idle.len() == 1 { "serves" } else { "serve" };
    findings.push(
        Diagnostic::warning(
            "never-serves",
            place_of(subject, name),
            format!("{} never {verb} within a year in schedule `{name}`", listed(&idle, 6)),
        )
        .note(cause)
        .hint(hint),
    );
}

/// An interval in local time and in UTC.
fn interval(start: Timestamp, end: Timestamp, tz: &TimeZone, zone: &str) -> String {
    let text = |tz: &TimeZone| {
        let (from, to) = (start.to_jiff().to_zoned(tz.clone()), end.to_jiff().to_zoned(tz.clone()));
        let to = if from.date() == to.date() { to.strftime("%H:%M") } else { to.strftime("%a %Y-%m-%d %H:%M") };
        format!("{} to {to}", from.strftime("%a %Y-%m-%d %H:%M"))
    };
    let utc = text(&TimeZone::UTC);
    if zone == "UTC" { format!("{utc} UTC") } else { format!("{} {zone} ({utc} UTC)", text(tz)) }
}

/// The time in all holes, in the two largest units.
fn total(holes: &[Hole]) -> String {
    let millis: i64 = holes.iter().map(|h| h.end.since(h.start).as_millis()).sum();
    let minutes = (millis / 60_000).max(1);
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, m) => format!("{m}m"),
        (0, h, 0) => format!("{h}h"),
        (0, h, m) => format!("{h}h{m}m"),
        (d, 0, _) => format!("{d}d"),
        (d, h, _) => format!("{d}d{h}h"),
    }
}
