//! What a notice of a handoff says: who comes when, what is open, what is to be looked after by hand, and to the person their own load.

use std::sync::Arc;

use super::headline;
use crate::channel::text::short;
use crate::channel::wording::{moment, zone};
use crate::domain::Timestamp;
use crate::engine::Policy;
use crate::engine::handoff::{HandoffRule, Notice as Handoff, Post};
use crate::engine::policy::ConditionKind;
use crate::engine::state::{Incident, Status};

/// Open incidents named one by one, the most urgent first. Beyond: they are counted.
pub const NAMED_MAX: usize = 10;
/// Characters of an incident's line. Beyond: it is cut, with an ellipsis.
const LINE_MAX: usize = 160;

/// What is looked up for a notice.
#[derive(Debug, Default)]
pub struct Found {
    /// The most urgent open incidents of the team.
    pub open: Vec<Arc<Incident>>,
    /// How many are open.
    pub count: usize,
    /// Pages of the person in the last four weeks, and how many of them at night.
    pub load: Option<(u64, u64)>,
}

/// Puts a handoff into words: the first line is enough, what follows helps. Times are in the zone `at`.
#[must_use]
pub fn handoff(notice: &Handoff, policy: &Policy, found: &Found, at: &str, now: Timestamp) -> String {
    let rule = policy.handoffs.get(&notice.schedule);
    let tz = zone(at);
    let from = moment(notice.begins, &tz, now);
    let mut lines = vec![title(notice, policy)];
    lines.push(match notice.ends {
        Some(ends) => format!("From {from} until {}.", moment(ends, &tz, now)),
        None => format!("From {from} on."),
    });
    open_incidents(policy, found, rule, &mut lines);
    let check = rule.map(|rule| by_hand(policy, rule)).unwrap_or_default();
    if !check.is_empty() {
        lines.push("To look after by hand:".to_owned());
        lines.extend(check.iter().map(|line| format!("• {line}")));
    }
    if let Some((pages, at_night)) = found.load {
        let often = often(pages);
        lines.push(format!(
            "You were paged {often} in the last four weeks, at night (22:00 to 07:00): {at_night}. Only you are told this."
        ));
    }
    lines.join("\n")
}

/// Where the open incidents of a schedule's team are listed.
#[must_use]
pub fn handoff_link(notice: &Handoff, policy: &Policy) -> Option<String> {
    let base = policy.organisation.url.as_deref()?;
    let team = policy.handoffs.get(&notice.schedule).and_then(|rule| rule.team.as_deref());
    Some(team.map_or_else(|| format!("{base}/incidents"), |team| format!("{base}/incidents?team={team}")))
}

/// `You are on call as main of checkout now`, `Ana Ruiz will be main of checkout`.
fn title(notice: &Handoff, policy: &Policy) -> String {
    let schedule = short(&notice.schedule, super::NAME_MAX);
    if notice.person.is_some() {
        let roles: Vec<&str> = notice.posts.iter().filter_map(|post| post.role.as_deref()).collect();
        let role = if roles.is_empty() { String::new() } else { format!(" as {}", roles.join(" and ")) };
        return if notice.before {
            format!("Your turn on call{role} in {schedule} is coming")
        } else {
            format!("You are on call{role} in {schedule} now")
        };
    }
    let name = |post: &Post| {
        let person = policy.people.get(&post.person);
        let name = person.map_or_else(|| post.person.to_string(), |person| short(&person.name, super::NAME_MAX));
        post.role.as_ref().map_or_else(|| name.clone(), |role| format!("{name} as {role}"))
    };
    let names: Vec<String> = notice.posts.iter().map(name).collect();
    let when = if notice.before { "coming on call" } else { "on call now" };
    format!("{schedule}: {when}: {}", names.join(", "))
}

fn open_incidents(policy: &Policy, found: &Found, rule: Option<&HandoffRule>, lines: &mut Vec<String>) {
    let Some(team) = rule.and_then(|rule| rule.team.as_deref()) else { return };
    if found.count == 0 {
        lines.push(format!("Team {team} has no open incident."));
        return;
    }
    lines.push(format!("Open incidents of team {team}: {}", found.count));
    for incident in &found.open {
        let priority = incident.priority.as_deref().map(|name| format!("{name}, ")).unwrap_or_default();
        let status = match &incident.status {
            Status::Triggered => "not acknowledged".to_owned(),
            Status::Acknowledged { by, .. } => format!("acknowledged by {}", by.label()),
            Status::Snoozed { by, .. } => format!("snoozed by {}", by.label()),
            Status::Resolved { .. } => "resolved".to_owned(),
        };
        let what = short(&headline(incident, policy), LINE_MAX);
        lines.push(format!("• #{} ({priority}{status}): {what}", incident.id));
    }
    if found.count > found.open.len() {
        lines.push(format!("and {} more", found.count - found.open.len()));
    }
}

/// What the schedule names, and the conditions of error budget policies of which a person must say whose fault it was.
fn by_hand(policy: &Policy, rule: &HandoffRule) -> Vec<String> {
    let mut lines = rule.check.clone();
    let Some(team) = &rule.team else { return lines };
    for (name, service) in policy.services.iter().filter(|(_, service)| service.team == *team) {
        let mut slos = service.slos.iter().chain(service.default_slos.values());
        let Some(budget) = slos.find_map(|slo| slo.policy.as_ref()) else { continue };
        for condition in &budget.conditions {
            let what = match condition.kind {
                ConditionKind::ByIncident => "one outage",
                ConditionKind::ByDependency => "a dependency",
                _ => continue,
            };
            let share = condition.share.percent(2);
            let line = format!("{name}: did {what} take {share} of an error budget? Then {}", condition.consequence);
            lines.push(line);
        }
    }
    lines
}

fn often(n: u64) -> String {
    match n {
        0 => "not once".to_owned(),
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{n} times"),
    }
}
