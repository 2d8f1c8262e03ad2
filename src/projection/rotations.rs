//! The indicator *rotations by team*: which rotations a team has, for which services, who takes part, and how much of a time they cover.
//!
//! It is about the process alone. Absent on purpose: how much anybody did, how fast, or how often somebody was paged.

use std::collections::BTreeSet;

use serde::Serialize;

use super::oncall::{PersonRow, people, schedules_of};
use crate::domain::{Name, Timestamp};
use crate::engine::Policy;
use crate::engine::stand_in::Rota;

/// Holes that a row names. Beyond: they are only counted.
pub const HOLES_NAMED_MAX: usize = 20;

/// A rotation of a team; a team without any has a row without a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RotationRow {
    /// Team.
    pub team: Name,
    /// Schedule.
    pub schedule: Option<Name>,
    /// Its roles.
    pub roles: Vec<Name>,
    /// The services of the team, for which it is there.
    pub services: Vec<Name>,
    /// Who takes part in it in this time.
    pub people: Vec<PersonRow>,
    /// Periods of duty: times with the same people in the same roles.
    pub periods: u64,
    /// How much of the time somebody is on call, in percent.
    pub covered_percent: String,
    /// Times in which nobody is.
    pub holes: u64,
    /// The first of these.
    pub first_holes: Vec<HoleRow>,
}

/// A time in which nobody is on call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HoleRow {
    /// Beginning.
    pub from: String,
    /// End.
    pub to: String,
}

/// The rotations of `team`, or of all teams, in `[from, to)`, with what people changed; `None` where they have more than `most` periods.
#[must_use]
pub fn rotations(
    policy: &Policy,
    rota: &Rota,
    team: Option<&str>,
    from: Timestamp,
    to: Timestamp,
    most: u64,
) -> Option<Vec<RotationRow>> {
    let mut rows = Vec::new();
    let mut left = most;
    for name in policy.teams.keys().filter(|name| team.is_none_or(|team| team == name.as_str())) {
        let of_team = policy.services.iter().filter(|(_, service)| service.team == *name);
        let services: Vec<Name> = of_team.map(|(service, _)| service.clone()).collect();
        let schedules = schedules_of(policy, name).unwrap_or_default();
        if schedules.is_empty() {
            rows.push(empty(name, services.clone()));
        }
        for schedule in schedules {
            let row = row(policy, rota, name, schedule, services.clone(), (from, to), left)?;
            left -= row.periods + row.holes;
            rows.push(row);
        }
    }
    Some(rows)
}

fn empty(team: &Name, services: Vec<Name>) -> RotationRow {
    RotationRow {
        team: team.clone(),
        schedule: None,
        roles: Vec::new(),
        services,
        people: Vec::new(),
        periods: 0,
        covered_percent: "0".to_owned(),
        holes: 0,
        first_holes: Vec::new(),
    }
}

fn row(
    policy: &Policy,
    rota: &Rota,
    team: &Name,
    name: &Name,
    services: Vec<Name>,
    (from, to): (Timestamp, Timestamp),
    most: u64,
) -> Option<RotationRow> {
    let schedule = rota.schedule(policy, name)?;
    let (mut periods, mut holes, mut covered) = (0, 0, 0_u64);
    let mut who: BTreeSet<Name> = BTreeSet::new();
    let mut first_holes = Vec::new();
    for shift in schedule.timeline(from, to) {
        if periods + holes >= most {
            return None;
        }
        if shift.on_call.is_empty() {
            holes += 1;
            if first_holes.len() < HOLES_NAMED_MAX {
                first_holes.push(HoleRow { from: shift.start.to_string(), to: shift.end.to_string() });
            }
        } else {
            periods += 1;
            covered += shift.end.since(shift.start).as_millis().unsigned_abs();
            who.extend(shift.on_call.users());
        }
    }
    let whole = to.since(from).as_millis().unsigned_abs();
    let who: Vec<Name> = who.into_iter().collect();
    Some(RotationRow {
        team: team.clone(),
        schedule: Some(name.clone()),
        roles: schedule.spec().roles.clone(),
        services,
        people: people(policy, &who),
        periods,
        covered_percent: crate::domain::Ratio::new(covered, whole)
            .map(|share| share.percent(2).trim_end_matches('%').to_owned())
            .unwrap_or_default(),
        holes,
        first_holes,
    })
}
