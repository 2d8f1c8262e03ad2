//! People who can't be reached though somebody counts on them.

use std::collections::BTreeMap;

use super::{Subject, items};
use crate::config::diagnostic::{Diagnostic, Findings, listed};
use crate::config::source::Place;
use crate::domain::{ChannelKind, Name};
use crate::engine::policy::Target;
use crate::schedule::OverrideKind;

/// Where a person is counted on, in words, and whether nobody else stands in.
#[derive(Debug)]
struct Duty {
    what: String,
    place: Option<Place>,
    alone: bool,
}

pub(super) fn prove(subject: &Subject<'_>, findings: &mut Findings) {
    let duties = duties(subject);
    for (id, person) in &subject.policy.people {
        if !person.contacts.is_empty() {
            continue;
        }
        let Some(duties) = duties.get(id) else { continue };
        let Some(duty) = duties.iter().find(|d| d.alone).or(duties.first()) else { continue };
        let place = subject.name_place("people", id);
        let message = format!("`{id}` can't be reached, but {}", duty.what);
        let mut finding = if duty.alone {
            Diagnostic::error("unreachable", place, message)
        } else {
            Diagnostic::warning("unreachable", place, message)
        };
        if let Some(place) = duty.place {
            finding = finding.also(place, "here");
        }
        let unused: Vec<&str> = [ChannelKind::Slack, ChannelKind::Teams, ChannelKind::Email]
            .into_iter()
            .filter(|kind| subject.value("people", id, kind.as_str()).is_some())
            .map(ChannelKind::as_str)
            .collect();
        findings.push(if unused.is_empty() {
            finding.hint("add `email`, `slack` or `teams` with their address")
        } else {
            finding
                .note(format!("there is an address for {}, but no such channel is configured", listed(&unused, 3)))
                .hint(format!("define a channel, for example `[channels.{}.main]`", unused[0]))
        });
    }
    repeated_members(subject, findings);
}

/// Where each person is counted on.
fn duties<'a>(subject: &Subject<'a>) -> BTreeMap<&'a Name, Vec<Duty>> {
    let mut duties: BTreeMap<&Name, Vec<Duty>> = BTreeMap::new();
    let policy = subject.policy;
    for (name, schedule) in &policy.schedules {
        for user in schedule.spec().layers.iter().flat_map(|l| l.turns.iter().flatten()) {
            let place = subject.place("schedules", name, "users");
            let what = format!("is on call in schedule `{name}`");
            duties.entry(user).or_default().push(Duty { what, place, alone: true });
        }
        for change in &schedule.spec().overrides {
            let users = match &change.kind {
                OverrideKind::Set(users) | OverrideKind::Add(users) => users.as_slice(),
                OverrideKind::Replace { with, .. } => std::slice::from_ref(with),
                OverrideKind::Remove(_) | OverrideKind::Swap(..) => &[],
            };
            for user in users {
                let what = format!("stands in in schedule `{name}`");
                duties.entry(user).or_default().push(Duty { what, place: None, alone: true });
            }
        }
    }
    for (name, escalation) in &policy.escalations {
        let steps = items(subject.value("escalations", name, "steps"));
        for target in escalation.steps.iter().flat_map(|s| &s.notify) {
            let (people, alone): (Vec<&Name>, bool) = match target {
                Target::Person(person) => (vec![person], true),
                Target::Manager(team) => {
                    (policy.teams.get(team).and_then(|t| t.manager.as_ref()).into_iter().collect(), true)
                }
                Target::Team(team) => (policy.teams.get(team).into_iter().flat_map(|t| &t.members).collect(), false),
                Target::Group(group) => (policy.groups.get(group).into_iter().flatten().collect(), false),
                Target::Schedule { .. } | Target::Channel(_) => (Vec::new(), false),
            };
            let written = target.to_string();
            let notify = steps.iter().flat_map(|step| items(step.get("notify")));
            let place = notify.filter(|n| n.text() == Some(&written)).map(|n| n.place).next();
            for person in people {
                let what = format!("escalation policy `{name}` tells them as `{target}`");
                duties.entry(person).or_default().push(Duty { what, place, alone });
            }
        }
    }
    duties
}

/// Somebody listed twice in one team.
fn repeated_members(subject: &Subject<'_>, findings: &mut Findings) {
    for table in ["teams", "groups"] {
        for entry in subject.root.get(table).map(crate::config::tree::Node::entries).unwrap_or_default() {
            let mut seen: BTreeMap<&str, Place> = BTreeMap::new();
            for item in items(entry.node.get("members")) {
                let Some(id) = item.text() else { continue };
                if let Some(first) = seen.insert(id, item.place) {
                    findings.push(
                        Diagnostic::warning(
                            "repeated",
                            item.place,
                            format!("`{}` is listed twice", crate::config::diagnostic::quotable(id)),
                        )
                        .also(first, "first here"),
                    );
                }
            }
        }
    }
}
