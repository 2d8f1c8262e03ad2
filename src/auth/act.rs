//! What a person may do who comes by chat: there is no token, only who they are.
//!
//! Whom an incident concerns may act on it: members and manager of its team, whoever was paged, and whoever its escalation would
//! reach now. What is not about an incident belongs to a team, whose members and manager may do it.

use crate::config::WhoActs;
use crate::domain::Timestamp;
use crate::engine::Policy;
use crate::engine::policy::Target;
use crate::engine::stand_in::Rota;
use crate::engine::state::Incident;

/// Whether `person` may act on `incident`.
#[must_use]
pub fn may_act(who: WhoActs, person: &str, incident: &Incident, policy: &Policy, rota: &Rota, now: Timestamp) -> bool {
    if !policy.people.contains_key(person) {
        return false;
    }
    who == WhoActs::Everybody
        || belongs(person, &incident.team, policy)
        || incident.paged.iter().any(|paged| paged == person)
        || incident.escalation.as_ref().is_some_and(|escalation| {
            escalation.policy.steps.iter().flat_map(|step| &step.notify).any(|t| reaches(t, person, policy, rota, now))
        })
}

/// Whether `person` may do what belongs to `team`.
#[must_use]
pub fn may_act_for(who: WhoActs, person: &str, team: &str, policy: &Policy) -> bool {
    policy.people.contains_key(person) && (who == WhoActs::Everybody || belongs(person, team, policy))
}

fn belongs(person: &str, team: &str, policy: &Policy) -> bool {
    policy.teams.get(team).is_some_and(|team| {
        team.members.iter().any(|member| member == person) || team.manager.as_deref() == Some(person)
    })
}

fn reaches(target: &Target, person: &str, policy: &Policy, rota: &Rota, now: Timestamp) -> bool {
    match target {
        Target::Schedule { schedule, role } => rota
            .schedule(policy, schedule)
            .is_some_and(|schedule| schedule.answer(role.as_deref(), now).users.iter().any(|user| user == person)),
        Target::Person(named) => named == person,
        Target::Team(team) => belongs(person, team, policy),
        Target::Group(group) => policy.groups.get(group).is_some_and(|all| all.iter().any(|member| member == person)),
        Target::Manager(team) => policy.teams.get(team).is_some_and(|team| team.manager.as_deref() == Some(person)),
        Target::Channel(_) => false,
    }
}
