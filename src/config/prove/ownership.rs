//! What nobody owns, nobody hears of, or nobody uses. Looked at only when there are no errors, since a mistake elsewhere makes
//! things look missing.

use std::collections::BTreeSet;

use super::{Subject, items};
use crate::config::diagnostic::{Diagnostic, Findings, nearest, quotable};
use crate::domain::Name;
use crate::engine::policy::Target;

pub(super) fn prove(subject: &Subject<'_>, findings: &mut Findings) {
    fallback(subject, findings);
    teams(subject, findings);
    dependencies(subject, findings);
    empty_targets(subject, findings);
    unused(subject, findings);
}

fn fallback(subject: &Subject<'_>, findings: &mut Findings) {
    let policy = subject.policy;
    if policy.organisation.fallback.is_some() {
        return;
    }
    let place = subject.root.entries().iter().find(|e| e.key == "organisation").map(|e| e.key_place);
    let example = policy.teams.keys().next().map_or("TEAM", Name::as_str);
    findings.push(
        Diagnostic::warning("no-fallback", place, "there is no fallback team")
            .note("an event that no team owns is kept and shown, but nobody is told of it, nor of callout's own alarms")
            .hint(format!("add `fallback = \"{example}\"` to `[organisation]`")),
    );
}

fn teams(subject: &Subject<'_>, findings: &mut Findings) {
    let policy = subject.policy;
    for (name, team) in &policy.teams {
        let owned: Vec<&str> =
            policy.services.iter().filter(|(_, s)| s.team == *name).map(|(n, _)| n.as_str()).collect();
        let is_fallback = policy.organisation.fallback.as_ref() == Some(name);
        if owned.is_empty() && !is_fallback {
            continue;
        }
        let place = subject.name_place("teams", name);
        match (team.escalation.is_none(), team.routes.is_empty()) {
            (true, true) => findings.push(
                Diagnostic::warning("nobody-hears", place, format!("nobody hears of alerts of team `{name}`"))
                    .note("it has neither an escalation policy nor routes")
                    .hint("add `escalation = \"…\"`, and routes as `[[teams.NAME.routes]]`"),
            ),
            (true, false) => findings.push(
                Diagnostic::warning("nobody-paged", place, format!("nobody is paged for team `{name}`"))
                    .note("it has routes to channels, but no escalation policy")
                    .hint("add `escalation = \"…\"`"),
            ),
            (false, true) => findings.push(
                Diagnostic::remark("no-routes", place, format!("team `{name}` has no routes"))
                    .note("people are paged, but no channel hears of its alerts"),
            ),
            (false, false) => {}
        }
    }
}

fn dependencies(subject: &Subject<'_>, findings: &mut Findings) {
    let services = &subject.policy.services;
    for name in services.keys() {
        for item in items(subject.value("services", name, "depends_on")) {
            let Some(other) = item.text() else { continue };
            if other == name.as_str() {
                findings.push(Diagnostic::warning(
                    "depends-on-itself",
                    item.place,
                    format!("service `{}` depends on itself", quotable(other)),
                ));
            } else if !services.contains_key(other) {
                let finding = Diagnostic::warning(
                    "unknown-service",
                    item.place,
                    format!("there is no service `{}`", quotable(other)),
                );
                findings.push(match nearest(other, services.keys().map(Name::as_str)) {
                    Some(near) => finding.hint(format!("did you mean `{near}`?")),
                    None => finding
                        .note("its state is shown in alerts only when the sender sends it along")
                        .hint(format!("define it: `[services.{}]`", quotable(other))),
                });
            }
        }
    }
}

/// Steps that tell a team or group without people.
fn empty_targets(subject: &Subject<'_>, findings: &mut Findings) {
    let policy = subject.policy;
    for (name, escalation) in &policy.escalations {
        let steps = items(subject.value("escalations", name, "steps"));
        for (step, node) in escalation.steps.iter().zip(steps) {
            for target in &step.notify {
                let empty = match target {
                    Target::Team(team) => policy.teams.get(team).is_some_and(|t| t.members.is_empty()),
                    Target::Group(group) => policy.groups.get(group).is_some_and(Vec::is_empty),
                    _ => false,
                };
                if !empty {
                    continue;
                }
                let text = target.to_string();
                let place = items(node.get("notify")).iter().find(|n| n.text() == Some(&text)).map(|n| n.place);
                findings.push(
                    Diagnostic::warning("nobody-there", place, format!("`{text}` has no members"))
                        .note("a step that finds nobody is skipped at once")
                        .hint("add `members = [\"…\"]`"),
                );
            }
        }
    }
}

/// Policies, schedules and people that nothing refers to.
fn unused(subject: &Subject<'_>, findings: &mut Findings) {
    let policy = subject.policy;
    let mut schedules: BTreeSet<&Name> = BTreeSet::new();
    let mut people: BTreeSet<&Name> = BTreeSet::new();
    for target in policy.escalations.values().flat_map(|e| e.steps.iter().flat_map(|s| &s.notify)) {
        match target {
            Target::Schedule { schedule, .. } => {
                schedules.insert(schedule);
            }
            Target::Person(person) => {
                people.insert(person);
            }
            _ => {}
        }
    }
    for team in policy.teams.values() {
        people.extend(team.members.iter().chain(&team.manager));
    }
    people.extend(policy.groups.values().flatten());
    for schedule in policy.schedules.values() {
        people.extend(schedule.spec().layers.iter().flat_map(|l| l.turns.iter().flatten()));
    }
    let escalations: BTreeSet<&Name> = policy.teams.values().filter_map(|t| t.escalation.as_ref()).collect();
    let mut report = |table: &str, what: &str, name: &Name, note: &str| {
        let place = subject.name_place(table, name);
        findings.push(Diagnostic::remark("unused", place, format!("{what} `{name}` is not used")).note(note));
    };
    for name in policy.escalations.keys().filter(|n| !escalations.contains(n)) {
        report("escalations", "escalation policy", name, "no team names it");
    }
    for name in policy.schedules.keys().filter(|n| !schedules.contains(n)) {
        report("schedules", "schedule", name, "no escalation policy tells it; it can still be asked who is on call");
    }
    for name in policy.people.keys().filter(|n| !people.contains(n)) {
        report("people", "person", name, "in no team, group, schedule or escalation policy");
    }
}
