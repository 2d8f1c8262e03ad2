//! Whether a service may be released: not while a condition of its error budget policy freezes, unless a silver bullet was used.

use serde::Serialize;

use crate::domain::{Name, Ratio, Timestamp};
use crate::engine::level_index::Level;
use crate::engine::levels::{Levels, Scope};
use crate::engine::silver_bullet::SilverBullet;
use crate::engine::{Policy, State};

/// Whether a service may be released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gate {
    /// Service.
    pub service: Name,
    /// The answer.
    pub may_release: bool,
    /// What speaks against it, in sentences; also where a silver bullet outweighs it.
    pub reasons: Vec<String>,
    /// How many levels were looked at.
    pub levels: usize,
    /// The exception by which it may be released all the same.
    pub silver_bullet: Option<BulletRow>,
    /// What is left of the exceptions; absent where the policy allows none.
    pub silver_bullets: Option<BulletsRow>,
}

/// An exception that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BulletRow {
    /// When.
    pub at: String,
    /// It opens the gate until then.
    pub until: String,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Only there; absent: everywhere.
    pub environment: Option<Name>,
}

/// What is left of a service's exceptions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BulletsRow {
    /// Used in the period.
    pub used: u32,
    /// Allowed in the period.
    pub most: u32,
    /// When the period ends; absent for a rolling one.
    pub until: Option<String>,
}

impl BulletRow {
    /// For answers.
    #[must_use]
    pub fn of(bullet: &SilverBullet) -> Self {
        Self {
            at: bullet.at.to_string(),
            until: bullet.until.to_string(),
            by: bullet.by.label(),
            reason: bullet.reason.clone(),
            environment: bullet.environment.clone(),
        }
    }
}

/// What is left of a service's exceptions at `now`.
#[must_use]
pub fn bullets_left(state: &State, policy: &Policy, service: &Name, now: Timestamp) -> Option<BulletsRow> {
    let left = state.bullets_left(policy, service, now)?;
    Some(BulletsRow { used: left.used, most: left.most, until: left.until.map(|at| at.to_string()) })
}

/// Whether a service may be released, everywhere or to one environment: not while a condition that freezes holds, or nothing is left of a
/// budget without a policy. `at` is the last minute that was judged.
#[must_use]
pub fn gate(
    service: &Name,
    environment: Option<&str>,
    (state, policy): (&State, &Policy),
    (at, now): (Timestamp, Timestamp),
) -> Gate {
    let levels = &state.levels;
    let bullets = state.bullets.get(service).map(Vec::as_slice).unwrap_or_default();
    let mut gate = Gate {
        service: service.clone(),
        may_release: true,
        reasons: Vec::new(),
        levels: 0,
        silver_bullet: None,
        silver_bullets: bullets_left(state, policy, service, now),
    };
    for level in levels.index.of_service(service).filter(|level| is_in(level, environment)) {
        gate.levels += 1;
        let Some(reason) = closed(level, levels, at) else { continue };
        gate.reasons.push(format!("{}: {reason}", place_of(level)));
        match bullets.iter().rev().find(|bullet| bullet.until > now && opens(bullet, level)) {
            Some(bullet) => gate.silver_bullet = Some(BulletRow::of(bullet)),
            None => gate.may_release = false,
        }
    }
    if !gate.may_release {
        gate.silver_bullet = None;
    }
    gate
}

/// Whether a level is looked at for a release to one environment.
fn is_in(level: &Level, wanted: Option<&str>) -> bool {
    match (&level.key.scope, wanted) {
        (Scope::One { environment, .. }, Some(wanted)) => environment.as_deref() == Some(wanted),
        (Scope::All, Some(_)) => false,
        (_, None) => true,
    }
}

/// Whether an exception is one for a level.
fn opens(bullet: &SilverBullet, level: &Level) -> bool {
    let Some(only) = &bullet.environment else { return true };
    matches!(&level.key.scope, Scope::One { environment: Some(environment), .. } if environment == only)
}

/// The SLO, its endpoint and where it is judged.
fn place_of(level: &Level) -> String {
    let place = match &level.key.scope {
        Scope::One { environment: Some(place), .. } | Scope::One { region: Some(place), .. } => format!(" in {place}"),
        Scope::One { .. } => String::new(),
        Scope::All => " over all environments".to_owned(),
    };
    let endpoint = level.key.endpoint.as_ref().map(|endpoint| format!(" for `{endpoint}`")).unwrap_or_default();
    format!("`{}`{endpoint}{place}", level.key.slo)
}

/// Why a level closes the gate: a condition of its policy that freezes holds, or, where it has no policy, nothing is left.
fn closed(level: &Level, levels: &Levels, at: Timestamp) -> Option<String> {
    let Some(policy) = &level.slo.policy else {
        let budget = level.account(levels, at).budget().filter(|budget| budget.spent() >= Ratio::ONE)?;
        let left = budget.remaining_percent(2);
        return Some(format!("the error budget is exhausted, {left} is left of {}", level.slo.period));
    };
    let firing = |rule: &Name| levels.rule(&level.key, rule).is_firing();
    let condition = policy.conditions.iter().find(|condition| condition.freeze && firing(&condition.rule))?;
    let what = if condition.consequence.is_empty() { "no releases" } else { condition.consequence.as_str() };
    Some(format!(
        "{} of the policy {} holds ({} or more): {what}",
        condition.rule,
        policy.name,
        condition.share.percent(2)
    ))
}
