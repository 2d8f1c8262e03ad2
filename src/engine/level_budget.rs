//! What is judged of the budget itself: the conditions of the error budget policy, outages with their share of the budget, and the
//! priority that follows from what is left.
//!
//! Source: *Establishing SRE Foundations*, tables 9.5, 9.6 and 10.2; section 2 of the SLO semantics. A rolling period has no end, so
//! that "before the period's end" is asked of the time of one period from now on.
//!
//! Absent on purpose: shares that a person attributes. What an outage cost is what was bad while a page of its level fired, from the
//! beginning of the short window by which it was found; what it cost through a dependency is what it cost while one of that fired, too.

use super::judge::Judge;
use super::level_index::Level;
use super::level_judge::{Change, counts};
use super::levels::{Episode, LevelAlerts, LevelKey, Levels};
use super::policy::{BudgetPolicy, ConditionKind, PolicyCondition};
use super::transition::Transition;
use crate::domain::{Name, Ratio, Span, Timestamp};
use crate::rules::burn_rate::Tier;
use crate::rules::{Because, RuleEnd};
use crate::slo::burn::AlertState;
use crate::slo::forecast::{Trend, row_by_velocity};
use crate::slo::{Account, WindowSum};

/// A condition of the policy goes on until it did not hold for so long, since windows that slide go to and fro at the border. Beyond: it is
/// over.
pub const POLICY_KEPT: Span = Span::from_hours(1);
/// The share of an outage, or of a dependency, is told for so long after its end.
pub const EPISODE_TOLD: Span = Span::from_hours(24);
/// Window of the trend by which a priority follows from what is left (the book says "current trend").
pub const TREND: Span = Span::from_hours(24);

const DAY: Span = Span::from_hours(24);
const WEEK: Span = Span::from_hours(7 * 24);

/// Changes of the policy's conditions of a level.
pub(super) fn policy_changes(
    level: &Level,
    levels: &Levels,
    policy: &BudgetPolicy,
    alerts: &LevelAlerts,
    at: Timestamp,
) -> Vec<Change> {
    let account = level.account(levels, at);
    let changes = policy.conditions.iter().filter_map(|condition| {
        let (window, sum) = looked_at(level, levels, &account, condition.kind, at);
        let used = used(level, levels, &account, condition.kind, sum, at).unwrap_or(Ratio::ZERO);
        // At the very end of a period nothing is too early any more.
        let too_late =
            condition.kind == ConditionKind::Exhausted && level.slo.period.is_calendar() && at >= account.end;
        let holds = used > Ratio::ZERO && used >= condition.share && !too_late;
        let before = alerts.get(&condition.rule).copied().unwrap_or_default();
        let after = before.after(holds, at, Span::ZERO, kept(level, before, account.start));
        let counts = counts(sum, window);
        (after != before).then(|| Change {
            rule: condition.rule.clone(),
            tier: Tier::Ticket,
            before,
            after,
            long: counts,
            short: counts,
            because: because(policy, condition, used, window),
            end: if sum.total == 0 { RuleEnd::NoTraffic } else { RuleEnd::Recovered },
            again: false,
        })
    });
    changes.collect()
}

/// How long a condition goes on without holding. A new period of the calendar begins with nothing held against it.
fn kept(level: &Level, before: AlertState, start: Timestamp) -> Span {
    match before {
        AlertState::Firing { since, .. } if level.slo.period.is_calendar() && since <= start => Span::ZERO,
        _ => POLICY_KEPT,
    }
}

fn because(policy: &BudgetPolicy, condition: &PolicyCondition, used: Ratio, window: Span) -> Because {
    Because::BudgetUsed {
        rule: condition.rule.clone(),
        policy: policy.name.clone(),
        used,
        limit: condition.share,
        window,
        consequence: condition.consequence.clone(),
    }
}

/// The window of a condition, clipped to the period, and what was counted in it.
fn looked_at(
    level: &Level,
    levels: &Levels,
    account: &Account,
    kind: ConditionKind,
    at: Timestamp,
) -> (Span, WindowSum) {
    let window = match kind {
        ConditionKind::UsedFast => DAY.min(at.since(account.start)),
        ConditionKind::UsedSlowly => WEEK.min(at.since(account.start)),
        _ => return (at.since(account.start), account.sum),
    };
    (window, level.sum(levels, at, window))
}

/// The share of the period's grant that a condition looks at.
fn used(
    level: &Level,
    levels: &Levels,
    account: &Account,
    kind: ConditionKind,
    sum: WindowSum,
    at: Timestamp,
) -> Option<Ratio> {
    let episodes = levels.episodes.get(&level.key).map(Vec::as_slice).unwrap_or_default();
    let told = |episode: &&Episode| at.since(episode.to) < EPISODE_TOLD;
    match kind {
        ConditionKind::Exhausted | ConditionKind::Used => account.spent(),
        ConditionKind::UsedFast | ConditionKind::UsedSlowly => account.share(sum.bad),
        ConditionKind::ByIncident => episodes.iter().filter(told).map(|episode| episode.spent).max(),
        ConditionKind::ByDependency => {
            let through: Vec<&Name> = episodes.iter().filter(told).filter_map(|e| e.through.as_ref()).collect();
            let of = |name: &Name| {
                let its = episodes.iter().filter(|e| e.from >= account.start && e.through.as_ref() == Some(name));
                its.fold(Ratio::ZERO, |sum, episode| sum.plus(episode.spent))
            };
            through.into_iter().map(of).max()
        }
    }
}

/// The priority that follows from the budget: the more urgent of what is left with the trend (table 9.5) and velocity (table 9.6), as a
/// row from 1.
pub(super) fn priority_row(level: &Level, levels: &Levels, account: &Account) -> Option<u8> {
    let (at, budget) = (account.at, account.budget()?);
    let lately = if level.slo.period.is_calendar() { TREND.min(at.since(account.start)) } else { TREND };
    let spent_lately = account.share(level.sum(levels, at, lately).bad)?;
    // A rolling period has no end: it is asked whether one from now on would be over before the budget is.
    let elapsed = if level.slo.period.is_calendar() { at.since(account.start) } else { Span::ZERO };
    let trend = Trend { budget, elapsed, period: account.period, spent_lately, window: lately };
    let budget_events = account.budget_events()?;
    let velocity = row_by_velocity(|window| level.sum(levels, at, window).bad, budget_events);
    trend.row_by_left().into_iter().chain(velocity).min()
}

impl Judge<'_> {
    /// The last page of a level is over: what it cost is written down. Outages that touch are one.
    pub(super) fn episode_over(&mut self, level: &Level, from: Timestamp, to: Timestamp) {
        let levels = &self.engine.state.levels;
        let last = levels.episodes.get(&level.key).and_then(|known| known.last());
        let merged = last.filter(|last| last.to >= from);
        let from = merged.map_or(from, |last| last.from.min(from));
        let bad = level.between(levels, from, to).bad;
        let Some(spent) = level.account(levels, to).share(bad) else { return };
        let through = self.broken_dependency(&level.key, from);
        let through = through.or_else(|| merged.and_then(|last| last.through.clone()));
        let episode = Episode { from, to, spent, through };
        let merged = merged.is_some();
        self.record(Transition::EpisodeEnded { level: level.key.clone(), episode, merged });
    }

    /// A service that this one depends on and that was broken at some time since `from`.
    fn broken_dependency(&self, key: &LevelKey, from: Timestamp) -> Option<Name> {
        let service = self.engine.policy.services.get(&key.service)?;
        let levels = &self.engine.state.levels;
        let is_broken = |name: &&Name| {
            let fires = levels.of_service(name).any(|key| self.firing_page(key).is_some());
            fires || levels.episodes_of(name).any(|episode| episode.to > from)
        };
        service.depends_on.iter().find(is_broken).cloned()
    }
}
