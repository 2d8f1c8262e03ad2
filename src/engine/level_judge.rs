//! Judging service levels from their histories: when, by which rules, and what becomes of a rule that holds.
//!
//! A level is judged at the end of each minute: at once when samples of it came, else [`limits::EVALUATION_WAIT`] later, since windows
//! slide on without samples too. A level at rest without bad events in its longest window costs one comparison. What holds becomes an
//! event and goes the way of all events: deduplication, silences, maintenance, priority, routes, escalation.
//!
//! Judging goes forward only (decision 16 of the SLO semantics): late samples change windows from now on, and no verdict is taken back.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::judge::Judge;
use super::level_absence::{self, is_absence};
use super::level_budget;
use super::level_event::{self, DEPLETION};
use super::level_index::{Level, LevelIndex};
use super::levels::{LevelAlerts, LevelKey, Levels, Scope};
use super::limits;
use super::policy::{PolicyCondition, Slo};
use super::state::{Alert, Status};
use super::transition::{Suppressor, Transition};
use crate::domain::{
    Fingerprint, Name, Ratio, SampleBatch, Seq, Source, Span, Timestamp, WindowCounts, minute_end, minute_over,
};
use crate::rules::burn_rate::{BurnPair, Tier};
use crate::rules::{Because, RuleEnd, RuleKind};
use crate::slo::burn::AlertState;
use crate::slo::{Account, WindowSum};

/// Which levels are to be judged. Derived: after a restart everything is judged at the next minute.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// Levels of which samples came; sums over all environments after their parts, so that they find the parts' incidents.
    fresh: BTreeSet<(bool, u32)>,
    fresh_since: Timestamp,
    /// The minute for which each level was judged last.
    judged: Vec<i64>,
    /// The minute for which all were.
    done: i64,
    /// The minute in which maintenance was looked at last.
    excluded: i64,
    /// The minute for which all are being judged, and the next level.
    under_way: Option<(i64, usize)>,
}

impl Round {
    /// When something is to be judged; `None` when there is nothing to judge.
    pub fn due(&self, levels: &Levels) -> Option<Timestamp> {
        if levels.index.levels.is_empty() {
            return None;
        }
        if !self.fresh.is_empty() {
            return Some(self.fresh_since);
        }
        let minute = self.under_way.map_or(self.done + 1, |(minute, _)| minute);
        Some(minute_end(minute).plus(limits::EVALUATION_WAIT))
    }
}

/// A rule whose state changed, or that is to be told again.
pub(super) struct Change {
    pub rule: Name,
    pub tier: Tier,
    pub before: AlertState,
    pub after: AlertState,
    pub long: WindowCounts,
    pub short: WindowCounts,
    pub because: Because,
    pub end: RuleEnd,
    /// It fires anew although it was firing: its snooze is over.
    pub again: bool,
}

/// Sums of one level at one instant, each window added up once.
struct Sums<'l> {
    level: &'l Level,
    levels: &'l Levels,
    at: Timestamp,
    objective: Ratio,
    known: Vec<(Span, WindowSum)>,
}

impl Sums<'_> {
    fn over(&mut self, window: Span) -> WindowSum {
        if let Some((_, sum)) = self.known.iter().find(|(known, _)| *known == window) {
            return *sum;
        }
        let sum = self.level.sum(self.levels, self.at, window);
        self.known.push((window, sum));
        sum
    }

    /// Whether enough minutes of a window are known for a rule over it.
    fn is_covered(&mut self, window: Span) -> bool {
        let Some(least) = self.level.slo.min_coverage else { return true };
        let minutes = self.over(window).minutes;
        self.level.coverage(self.levels, self.at, window, minutes) >= least
    }
}

impl Judge<'_> {
    /// Adds samples to their series; their levels are judged in the next tick.
    pub(super) fn samples(&mut self, input: Seq, batch: &SampleBatch) {
        self.record(Transition::SamplesTaken { input });
        self.fresh(batch);
    }

    /// Samples were added: their levels are to be judged.
    pub(super) fn fresh(&mut self, batch: &SampleBatch) {
        let now = self.now();
        let over = minute_over(now);
        let levels = &self.engine.state.levels;
        let round = &mut self.engine.round;
        if round.fresh.is_empty() {
            round.fresh_since = now;
        }
        for row in batch.rows.iter().filter(|row| row.minute <= over) {
            let series = levels.directory.series_of.get(&row.feed);
            let of_series = series.and_then(|series| levels.index.of_series.get(series));
            for number in of_series.into_iter().flatten() {
                let is_sum =
                    levels.index.levels.get(*number as usize).is_some_and(|level| level.key.scope == Scope::All);
                round.fresh.insert((is_sum, *number));
            }
        }
    }

    /// Judges levels that are due at `now`, a bounded number of them.
    pub(super) fn levels_due(&mut self, now: Timestamp) {
        let minute = minute_over(now);
        if self.engine.round.excluded != minute && !self.engine.state.levels.index.levels.is_empty() {
            self.engine.round.excluded = minute;
            self.exclude_maintenance(now);
        }
        let index = Arc::clone(&self.engine.state.levels.index);
        let count = index.levels.len();
        if count == 0 {
            return;
        }
        self.engine.round.judged.resize(count, i64::MIN);
        if !self.engine.round.fresh.is_empty() {
            for _ in 0..limits::LEVELS_PER_TICK {
                let Some((_, number)) = self.engine.round.fresh.pop_first() else { return };
                self.level(&index, number as usize, minute_over(now), now);
            }
            return;
        }
        let target = minute_over(now.minus(limits::EVALUATION_WAIT));
        let fresh_round = (target > self.engine.round.done).then_some((target, 0));
        let Some((minute, from)) = self.engine.round.under_way.or(fresh_round) else { return };
        let to = (from + limits::LEVELS_PER_TICK).min(count);
        for number in from..to {
            if self.engine.round.judged[number] < minute {
                self.level(&index, number, minute, now);
            }
        }
        self.engine.round.under_way = (to < count).then_some((minute, to));
        if to == count {
            self.engine.round.done = minute;
        }
    }

    /// Judges one level as of the end of `minute`.
    fn level(&mut self, index: &LevelIndex, number: usize, minute: i64, now: Timestamp) {
        let Some(level) = index.levels.get(number) else { return };
        self.engine.round.judged[number] = minute;
        let at = minute_end(minute);
        let levels = &self.engine.state.levels;
        let alerts = levels.alerts.get(&level.key).cloned();
        if alerts.is_none() {
            let since = at.minus(level.longest);
            let may_fire = level.last_bad(levels).is_some_and(|last| minute_end(last) > since);
            if !may_fire && !level.slo.watches_absence() {
                return;
            }
        }
        let alerts = alerts.unwrap_or_default();
        let changes = self.changes(level, &alerts, at);
        let page_over = changes.iter().any(|c| c.tier == Tier::Page && c.before.is_firing() && !c.after.is_firing());
        for change in &changes {
            self.clock(now);
            self.change(level, change, at);
        }
        self.hear_again(level, &alerts, page_over, now);
    }

    /// What changed of the rules of a level, pages first, so that they mute tickets of the same minute.
    fn changes(&self, level: &Level, alerts: &LevelAlerts, at: Timestamp) -> Vec<Change> {
        let levels = &self.engine.state.levels;
        let mut sums = Sums { level, levels, at, objective: level.objective(levels, at), known: Vec::new() };
        let mut changes = Vec::new();
        for tier in [Tier::Page, Tier::Ticket] {
            for pair in level.slo.burn.iter().filter(|pair| pair.tier == tier) {
                let before = alerts.get(&pair.name).copied().unwrap_or_default();
                changes.extend(pair_change(pair, &level.slo, before, &mut sums));
            }
            if tier == Tier::Page {
                let before = alerts.get(DEPLETION).copied().unwrap_or_default();
                let quiet = self.engine.state.scopes.get(&level_event::scope(level)).and_then(|s| s.snoozed.as_ref());
                let snoozed = quiet.is_some_and(|(since, until, _)| *since <= at && at < *until);
                changes.extend(depletion_change(&level.slo, before, snoozed, &mut sums));
            }
        }
        if level.slo.watches_absence() {
            changes.extend(level_absence::changes(level, levels, alerts, at));
        }
        if let Some(policy) = &level.slo.policy {
            changes.extend(level_budget::policy_changes(level, levels, policy, alerts, at));
        }
        changes
    }

    /// Performs a change of a rule, with what comes of it.
    fn change(&mut self, level: &Level, change: &Change, at: Timestamp) {
        if change.before != change.after {
            let (level, rule) = (level.key.clone(), change.rule.clone());
            self.record(Transition::RuleStateChanged { level, rule, state: change.after });
        }
        match (change.before.is_firing(), change.after.is_firing()) {
            (false, true) => self.breach(level, change, at),
            (true, true) if change.again => self.breach(level, change, at),
            (true, false) => {
                self.rule_over(level, &change.rule, change.tier, change.end);
                if let (Tier::Page, AlertState::Firing { since, .. }) = (change.tier, change.before)
                    && !is_absence(&change.rule)
                    && self.firing_page(&level.key).is_none()
                {
                    self.episode_over(level, since.minus(change.short.length), at);
                }
            }
            _ => {}
        }
    }

    /// A rule holds: it becomes an event.
    fn breach(&mut self, level: &Level, change: &Change, at: Timestamp) {
        let account = level.account(&self.engine.state.levels, at);
        let facts =
            level_event::Facts { rule: &change.rule, tier: change.tier, at, long: change.long, short: change.short };
        let coverage = coverage_told(level, &self.engine.state.levels, change, at);
        let priority = if is_absence(facts.rule) { None } else { self.priority_from_budget(level, &account) };
        let event = Arc::new(level_event::event(level, &facts, account, priority, coverage.as_deref()));
        // Whoever hears of it is no part of its identity.
        let fingerprint = level_event::fingerprint(level, &change.rule, change.tier);
        let from = self.lines();
        let kind = match change.rule.as_str() {
            DEPLETION => RuleKind::Timeliness,
            rule if is_absence(rule) => RuleKind::Slo,
            _ => RuleKind::BurnRate,
        };
        self.say(None, kind, change.because.clone());
        self.record(Transition::BreachFound { fingerprint, event });
        self.judge_firing(fingerprint);
        self.attribute(from, fingerprint);
    }

    /// The priority that the budget gives, where neither the SLO nor a person does.
    fn priority_from_budget(&self, level: &Level, account: &Account) -> Option<Name> {
        if level.slo.priority.is_some() {
            return None;
        }
        let row = level_budget::priority_row(level, &self.engine.state.levels, account)?;
        let mut by_rank: Vec<_> = self.engine.policy.priorities.iter().collect();
        by_rank.sort_by_key(|(_, priority)| priority.rank);
        by_rank.get(usize::from(row) - 1).map(|(name, _)| (*name).clone())
    }

    fn rule_over(&mut self, level: &Level, rule: &Name, tier: Tier, reason: RuleEnd) {
        let fingerprint = level_event::fingerprint(level, rule, tier);
        let from = self.lines();
        self.say(None, RuleKind::BurnRate, Because::RuleOver { rule: rule.clone(), reason });
        let known = self.engine.state.alerts.get(&fingerprint).is_some_and(|alert| alert.firing);
        if known {
            self.end_alert(fingerprint);
        }
        self.attribute(from, fingerprint);
    }

    /// Rules that go on firing and that nobody hears of any more: tickets whose page is over, and those whose incident a person resolved
    /// although it goes on.
    fn hear_again(&mut self, level: &Level, alerts: &LevelAlerts, page_over: bool, now: Timestamp) {
        for (rule, state) in alerts {
            if !state.is_firing() || !self.engine.state.levels.rule(&level.key, rule).is_firing() {
                continue;
            }
            let tier = tier_of(&level.slo, rule);
            let fingerprint = level_event::fingerprint(level, rule, tier);
            let Some(alert) = self.engine.state.alerts.get(&fingerprint) else { continue };
            let was_muted = page_over && alert.suppressed.as_deref() == Some(&Suppressor::Page);
            // What is missing goes on until it comes; who resolved that knows.
            if was_muted || (!is_absence(rule) && self.was_resolved_long_ago(alert, now)) {
                self.clock(now);
                self.record(Transition::AlertSuppressed { fingerprint, by: None });
                self.firing(fingerprint);
            }
        }
    }

    fn was_resolved_long_ago(&self, alert: &Alert, now: Timestamp) -> bool {
        let incident = alert.incident.and_then(|id| self.engine.state.incidents.get(&id));
        incident.is_some_and(|incident| match incident.status {
            Status::Resolved { at, .. } => {
                now >= at.plus(self.reopen_window(self.engine.policy.teams.get(&incident.team).map(AsRef::as_ref)))
            }
            _ => false,
        })
    }

    /// The page that fires for a level, if one does.
    pub(super) fn firing_page(&self, key: &LevelKey) -> Option<Name> {
        let levels = &self.engine.state.levels;
        let number = levels.index.numbers.get(key)?;
        let slo = &levels.index.levels[*number as usize].slo;
        let mut rules = levels.alerts.get(key)?.iter();
        rules
            .find(|(rule, state)| state.is_firing() && !is_absence(rule) && tier_of(slo, rule) == Tier::Page)
            .map(|(rule, _)| rule.clone())
    }

    /// Records objectives that are new or changed, and ends rules that the configuration does not have any more.
    pub(super) fn objectives(&mut self) {
        let (policy, now) = (self.policy(), self.now());
        for (service, known) in &policy.services {
            for slo in known.slos.iter().chain(known.default_slos.values()) {
                let key = (service.clone(), slo.name.clone());
                let known = self.engine.state.levels.objectives.get(&key).map(Vec::as_slice).unwrap_or_default();
                let Some(at) = in_force_from(slo, known, now) else { continue };
                let before = known.last().map(|(_, objective)| *objective);
                let (service, name, objective) = (service.clone(), slo.name.clone(), slo.objective);
                self.record(Transition::ObjectiveSet { service, slo: name.clone(), objective, at });
                self.say(
                    None,
                    RuleKind::Slo,
                    if at > now {
                        Because::SloToChange { slo: name, before, objective, at }
                    } else {
                        Because::SloChanged { slo: name, before, objective }
                    },
                );
            }
        }
        self.end_gone_rules();
    }

    /// Ends rules that the configuration does not have any more. Rare, hence the scan.
    fn end_gone_rules(&mut self) {
        let index = Arc::clone(&self.engine.state.levels.index);
        let is_there = |key: &LevelKey, rule: &str| {
            let level = index.numbers.get(key).and_then(|number| index.levels.get(*number as usize));
            level.is_some_and(|level| has_rule(&level.slo, rule))
        };
        for (key, alerts) in self.engine.state.levels.alerts.clone() {
            for rule in alerts.keys().filter(|rule| !is_there(&key, rule)) {
                let (level, rule, state) = (key.clone(), rule.clone(), AlertState::Inactive);
                self.record(Transition::RuleStateChanged { level, rule, state });
            }
        }
        let alerts = self.engine.state.alerts.iter().filter(|(_, alert)| alert.firing);
        let gone: Vec<(Fingerprint, Name)> = alerts
            .filter(|(_, alert)| alert.event.source == Source::Samples)
            .filter_map(|(fingerprint, alert)| {
                let rule = alert.event.labels.get(level_event::RULE_LABEL)?;
                let level = level_event::level_of(&alert.event)?;
                (!is_there(&level, rule)).then(|| (*fingerprint, Name::from(rule)))
            })
            .collect();
        for (fingerprint, rule) in gone {
            let from = self.lines();
            self.say(None, RuleKind::BurnRate, Because::RuleOver { rule, reason: RuleEnd::Gone });
            self.end_alert(fingerprint);
            self.attribute(from, fingerprint);
        }
    }
}

/// `58 of 60 minutes`, where not all of the long window is known.
fn coverage_told(level: &Level, levels: &Levels, change: &Change, at: Timestamp) -> Option<String> {
    if is_absence(&change.rule) {
        return None;
    }
    let known = level.sum(levels, at, change.long.length).minutes;
    let expected = level.expected_minutes(levels, at.minus(change.long.length), at);
    (known < expected).then(|| format!("{known} of {expected} minutes"))
}

/// From when on an objective is in force, where that is news; `known` are those before.
fn in_force_from(slo: &Slo, known: &[(Timestamp, Ratio)], now: Timestamp) -> Option<Timestamp> {
    let Some((since, newest)) = known.last().copied() else { return Some(now) };
    let waits = slo.from_next_period && slo.period.is_calendar();
    if newest == slo.objective {
        // It is known; should it still be to come, it is in force at once where nothing says that it waits.
        return (since > now && !waits).then_some(now);
    }
    let today = known.iter().rev().find(|(since, _)| *since <= now).map(|(_, objective)| *objective);
    // Back to what holds today: the change that was to come does not.
    let goes_back = since > now && today == Some(slo.objective);
    Some(if waits && !goes_back { slo.period.bounds(now.plus(Span::from_millis(1))).1 } else { now })
}

/// What a pair's state becomes, if it changes.
fn pair_change(pair: &BurnPair, slo: &Slo, before: AlertState, sums: &mut Sums<'_>) -> Option<Change> {
    // Periods of the calendar are not all as long, and a share of their budget is another factor then.
    let of_period;
    let pair = if pair.share.is_some() && slo.period.is_calendar() {
        of_period = pair.for_period(slo.period.length(sums.at));
        &of_period
    } else {
        pair
    };
    let short = sums.over(pair.short);
    // Most levels burn slowly: then the long window need not be added up.
    let long = if pair.holds(short, short, sums.objective) || before != AlertState::Inactive || pair.has_floor() {
        sums.over(pair.long)
    } else {
        WindowSum::default()
    };
    let holds = pair.holds(long, short, sums.objective) && sums.is_covered(pair.long);
    let after = before.after(holds, sums.at, pair.hold, pair.keep);
    if after == before {
        return None;
    }
    let objective = sums.objective;
    let burn = |sum: WindowSum| sum.burn(objective).unwrap_or(Ratio::ZERO);
    let (long_counts, short_counts) = (counts(long, pair.long), counts(short, pair.short));
    let because = Because::WindowsBurn {
        rule: pair.name.clone(),
        factor: pair.factor,
        at_least: pair.at_least,
        long: long_counts,
        long_burn: burn(long),
        short: short_counts,
        short_burn: burn(short),
        known_minutes: long.minutes,
    };
    let (rule, tier) = (pair.name.clone(), pair.tier);
    let end = why_over(short);
    Some(Change { rule, tier, before, after, long: long_counts, short: short_counts, because, end, again: false })
}

/// What becomes of the depletion rule of table 9.10, which is evaluated at every multiple of `every` and snoozed after firing.
fn depletion_change(slo: &Slo, before: AlertState, snoozed: bool, sums: &mut Sums<'_>) -> Option<Change> {
    let rule = slo.alert.as_ref()?;
    let every = (rule.every.as_millis() / 60_000).max(1);
    if minute_over(sums.at) % every != 0 || (snoozed && !before.is_firing()) {
        return None;
    }
    let sum = sums.over(rule.window);
    let counts = counts(sum, rule.window);
    let (holds, because) = rule.judge(Some(&counts), sums.objective);
    let holds = holds && sums.is_covered(rule.window);
    let after = before.after(holds, sums.at, Span::ZERO, Span::ZERO);
    let again = before.is_firing() && holds && !snoozed;
    if after == before && !again {
        return None;
    }
    let (rule, end) = (Name::const_new(DEPLETION), why_over(sum));
    Some(Change { rule, tier: Tier::Page, before, after, long: counts, short: counts, because, end, again })
}

pub(super) const fn counts(sum: WindowSum, length: Span) -> WindowCounts {
    WindowCounts { length, good: sum.total.saturating_sub(sum.bad), total: sum.total }
}

const fn why_over(short: WindowSum) -> RuleEnd {
    match short {
        WindowSum { minutes: 0, .. } => RuleEnd::NoData,
        WindowSum { total: 0, .. } => RuleEnd::NoTraffic,
        _ => RuleEnd::Recovered,
    }
}

fn tier_of(slo: &Slo, rule: &str) -> Tier {
    if conditions(slo).any(|condition| condition.rule == rule) {
        return Tier::Ticket;
    }
    if let Some(absence) = slo.absence(rule) {
        return absence.tier;
    }
    slo.burn.iter().find(|pair| pair.name == rule).map_or(Tier::Page, |pair| pair.tier)
}

fn conditions(slo: &Slo) -> impl Iterator<Item = &PolicyCondition> {
    slo.policy.iter().flat_map(|policy| &policy.conditions)
}

fn has_rule(slo: &Slo, rule: &str) -> bool {
    (rule == DEPLETION && slo.alert.is_some())
        || slo.absence(rule).is_some()
        || slo.burn.iter().any(|pair| pair.name == rule)
        || conditions(slo).any(|condition| condition.rule == rule)
}
