//! Who is on call, as rows for people and programs: the same for `callout who` from the files and for `GET /v1/oncall`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::domain::{Name, Timestamp};
use crate::engine::Policy;
use crate::engine::policy::Target;
use crate::engine::stand_in::Rota;
use crate::schedule::is_away;

/// Who has a role of a schedule at an instant, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnCallRow {
    /// Schedule.
    pub schedule: Name,
    /// Role; absent in a schedule without roles.
    pub role: Option<Name>,
    /// The people; maybe nobody.
    pub users: Vec<PersonRow>,
    /// The layer that had somebody.
    pub layer: Option<Name>,
    /// RFC 3339, UTC.
    pub since: Option<String>,
    /// RFC 3339, UTC.
    pub until: Option<String>,
    /// Whether an override made it so, or the absence of somebody.
    pub overridden: bool,
    /// Those of them who are away, as their calendars say.
    pub absent: Vec<Name>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonRow {
    /// Id.
    pub id: Name,
    /// Name for people.
    pub name: String,
}

/// People by their ids.
#[must_use]
pub fn people(policy: &Policy, ids: &[Name]) -> Vec<PersonRow> {
    let name = |id: &Name| policy.people.get(id).map_or_else(|| id.to_string(), |person| person.name.clone());
    ids.iter().map(|id| PersonRow { id: id.clone(), name: name(id) }).collect()
}

/// Who is on call in `schedules` at `at`; only in `role`, where one is given. `rota` knows what people changed; from files alone it is empty.
#[must_use]
pub fn on_call<'a>(
    policy: &Policy,
    rota: &Rota,
    schedules: impl IntoIterator<Item = &'a Name>,
    role: Option<&str>,
    at: Timestamp,
) -> Vec<OnCallRow> {
    let mut rows = Vec::new();
    for name in schedules {
        let Some(schedule) = rota.schedule(policy, name) else { continue };
        let answers = schedule.explain(at).into_iter().filter(|a| role.is_none_or(|r| a.role.as_deref() == Some(r)));
        rows.extend(answers.map(|answer| OnCallRow {
            schedule: name.clone(),
            role: answer.role,
            users: people(policy, &answer.users),
            layer: answer.layer,
            since: answer.since.map(|t| t.to_string()),
            until: answer.until.map(|t| t.to_string()),
            overridden: answer.overridden,
            absent: answer.users.iter().filter(|person| is_away(rota.away(), person, at)).cloned().collect(),
        }));
    }
    rows
}

/// The schedules that a team's escalation policy asks, and the one of the team's own name; `None` for an unknown team.
#[must_use]
pub fn schedules_of<'a>(policy: &'a Policy, team: &str) -> Option<BTreeSet<&'a Name>> {
    let found = policy.teams.get(team)?;
    let steps = found.escalation.as_ref().and_then(|name| policy.escalations.get(name)).map(|e| e.steps.as_slice());
    let targets = steps.unwrap_or_default().iter().flat_map(|step| &step.notify);
    let asked = targets.filter_map(|target| match target {
        Target::Schedule { schedule, .. } => Some(schedule.as_str()),
        _ => None,
    });
    Some(asked.chain([team]).filter_map(|name| policy.schedules.get_key_value(name)).map(|(name, _)| name).collect())
}
