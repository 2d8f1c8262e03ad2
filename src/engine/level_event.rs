//! The event that a rule over samples makes of a service level, as a sender would have posted it, with all that was compared.

use super::level_absence::is_absence;
use super::level_index::Level;
use super::levels::{LevelKey, Levels, Scope};
use super::policy::{Absence, Slo};
use super::state::ScopeKey;
use crate::domain::{
    BudgetLeft, Event, EventDetail, EventKind, EventStatus, Fingerprint, Labels, LabelsBuilder, Name, Ratio, Source,
    Span, Timestamp, WindowCounts, minute_end,
};
use crate::rules::burn_rate::Tier;
use crate::slo::Account;
use crate::slo::history::DAYS_MAX;

/// Name of the depletion rule among the rules of a level.
pub const DEPLETION: &str = "depletion";
/// Label with the name of the rule.
pub const RULE_LABEL: &str = "rule";
/// Label with the tier, `page` or `ticket`.
pub const TIER_LABEL: &str = "tier";
/// Label of what was added up over all environments, `all`.
pub const SCOPE_LABEL: &str = "scope";
const ALL: &str = "all";
const DAY: Span = Span::from_hours(24);
/// Annotation with the priority that the budget gives.
const PRIORITY: &str = "priority";
/// How the names of the error budget policy's conditions begin.
pub const POLICY_PREFIX: &str = "policy_";

/// What the snooze of a level's depletion rule is kept under.
pub(super) fn scope(level: &Level) -> ScopeKey {
    let mut event = skeleton(&level.key, DEPLETION, Tier::Page);
    event.sli = Some(level.slo.sli.clone());
    super::judge::scope_key(&event, &level.slo)
}

/// What a rule saw.
pub(super) struct Facts<'a> {
    pub rule: &'a str,
    pub tier: Tier,
    pub at: Timestamp,
    pub long: WindowCounts,
    pub short: WindowCounts,
}

impl Level {
    /// The account of its budget period at `at`.
    #[must_use]
    pub fn account(&self, levels: &Levels, at: Timestamp) -> Account {
        let (start, end) = self.slo.period.bounds(at);
        let first = self.first(levels).map_or(at, |minute| minute_end(minute - 1));
        Account {
            start,
            end,
            known_since: first.max(start).min(at),
            at,
            sum: self.between(levels, start, at),
            objective: self.objective(levels, at),
            period: end.since(start),
            expected: self.expected(levels, (start, end), first),
        }
    }

    /// How many events a period has: all slices of it, what is declared, or, of the calendar, what the last one had.
    fn expected(&self, levels: &Levels, (start, end): (Timestamp, Timestamp), first: Timestamp) -> Option<u64> {
        let length = end.since(start);
        let times = |each: u64, of: Span| {
            let whole = u128::from(each) * u128::from(length.as_millis().unsigned_abs());
            u64::try_from(whole / u128::from(of.as_millis().unsigned_abs())).unwrap_or(u64::MAX)
        };
        if let Some(slice) = self.slo.slice {
            return Some(times(1, slice.length()));
        }
        if let Some(each) = self.slo.expected_per_day {
            return Some(times(each, DAY));
        }
        if !self.slo.period.is_calendar() {
            return None;
        }
        let (before, _) = self.slo.period.bounds(start);
        let is_known = first <= before && end.since(before) <= Span::from_hours(24 * DAYS_MAX);
        let total = is_known.then(|| self.between(levels, before, start).total).filter(|total| *total > 0)?;
        // Months are not all as long.
        let length_before = start.since(before).as_millis().unsigned_abs();
        let whole = u128::from(total) * u128::from(length.as_millis().unsigned_abs());
        Some(u64::try_from(whole / u128::from(length_before.max(1))).unwrap_or(u64::MAX))
    }

    /// The objective in force at `at`. A change is for all that is known, unless it waits for the next period of the calendar.
    #[must_use]
    pub fn objective(&self, levels: &Levels, at: Timestamp) -> Ratio {
        if !self.slo.from_next_period {
            return self.slo.objective;
        }
        levels.objective_at(&self.key, at).unwrap_or(self.slo.objective)
    }
}

/// The event.
pub(super) fn event(
    level: &Level,
    facts: &Facts<'_>,
    account: Account,
    priority: Option<Name>,
    coverage: Option<&str>,
) -> Event {
    let mut event = skeleton(&level.key, facts.rule, facts.tier);
    event.at = facts.at;
    event.sli = Some(level.slo.sli.clone());
    event.team = level.slo.absence(facts.rule).and_then(|absence| absence.team.clone());
    event.objective = Some(account.objective);
    event.window = Some(facts.long);
    let mut detail = EventDetail::default();
    if facts.short.length != facts.long.length {
        detail.more_windows.push(facts.short);
    }
    if let Some(budget) = account.budget() {
        let remaining = budget.remaining_percent(2);
        let remaining_percent = Name::from(remaining.trim_end_matches('%'));
        detail.budget = Some(BudgetLeft { remaining_percent, period: Some(whole_days(account.period)) });
    }
    let burn = facts.long.bad_ratio().and_then(|bad| bad.over(account.objective.complement()));
    let lasts = burn.and_then(|burn| account.lasts(burn)).map(|lasts| rounded(lasts).to_string());
    let consequence = consequence(&level.slo, facts.rule);
    let context = [("budget_gone_in", lasts.as_deref()), ("consequence", consequence), ("coverage", coverage)];
    let context: Vec<(&str, &str)> = context.into_iter().filter_map(|(name, text)| Some((name, text?))).collect();
    if !context.is_empty() {
        detail.context = labels(&context);
    }
    event.detail = Some(Box::new(detail));
    if let Some(priority) = priority {
        event.annotations = labels(&[(PRIORITY, &priority)]);
    }
    event
}

/// What follows from a condition of the error budget policy.
fn consequence<'s>(slo: &'s Slo, rule: &str) -> Option<&'s str> {
    let conditions = slo.policy.iter().flat_map(|policy| &policy.conditions);
    let mut of_rule = conditions.filter(|condition| condition.rule == rule && !condition.consequence.is_empty());
    of_rule.next().map(|condition| condition.consequence.as_str())
}

/// What follows from what an event of ours tells of, as it was when it was told.
pub(super) fn consequence_of(event: &Event) -> Option<&str> {
    event.detail.as_ref().filter(|_| event.source == Source::Samples)?.context.get("consequence")
}

/// The priority that the budget gave to an event of ours, and what is left in percent.
pub(super) fn priority_of(event: &Event) -> Option<(Name, Name)> {
    let priority = event.annotations.get(PRIORITY).filter(|_| event.source == Source::Samples)?;
    let budget = event.detail.as_ref()?.budget.as_ref()?;
    Some((Name::from(priority), budget.remaining_percent.clone()))
}

/// A month with a change of clocks is as many days long as the calendar says.
#[must_use]
pub fn whole_days(period: Span) -> Span {
    let days = (period.as_millis() + DAY.as_millis() / 2) / DAY.as_millis();
    if days < 2 { period } else { Span::from_hours(24 * days) }
}

/// Days and hours where it is long, hours and minutes where it is not: nobody reacts to more digits.
fn rounded(span: Span) -> Span {
    let unit = if span >= Span::from_hours(48) { 3_600_000 } else { 60_000 };
    Span::from_millis(span.as_millis() / unit * unit)
}

/// Identity of a rule's source.
pub(super) fn fingerprint(level: &Level, rule: &str, tier: Tier) -> Fingerprint {
    let mut event = skeleton(&level.key, rule, tier);
    event.sli = Some(level.slo.sli.clone());
    event.fingerprint()
}

/// Identity of the source of a rule of the same tier and SLI as `event` in a part of its level.
pub(super) fn part_fingerprint(event: &Event, part: &LevelKey, rule: &str) -> Fingerprint {
    let tier = if is_ticket(event) { Tier::Ticket } else { Tier::Page };
    let mut other = skeleton(part, rule, tier);
    other.sli.clone_from(&event.sli);
    other.fingerprint()
}

fn skeleton(key: &LevelKey, rule: &str, tier: Tier) -> Event {
    let (environment, region) = match &key.scope {
        Scope::One { environment, region } => (environment.clone(), region.clone()),
        Scope::All => (None, None),
    };
    let mut pairs = vec![(RULE_LABEL, rule), (TIER_LABEL, tier.as_str())];
    if key.scope == Scope::All {
        pairs.push((SCOPE_LABEL, ALL));
    }
    Event {
        kind: EventKind::Breach,
        status: EventStatus::Firing,
        source: Source::Samples,
        at: Timestamp::default(),
        ends_at: None,
        idempotency: None,
        team: None,
        service: Some(key.service.clone()),
        endpoint: key.endpoint.clone(),
        sli: None,
        slo: Some(key.slo.clone()),
        objective: None,
        environment,
        region,
        window: None,
        labels: labels(&pairs),
        annotations: Labels::default(),
        detail: None,
    }
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    let mut builder = LabelsBuilder::with_capacity(pairs.len());
    for (name, value) in pairs {
        builder.push(*name, *value);
    }
    // Names are ours and differ.
    builder.build().unwrap_or_default()
}

/// The level that an event of ours is about.
#[must_use]
pub fn level_of(event: &Event) -> Option<LevelKey> {
    let scope = if event.labels.get(SCOPE_LABEL) == Some(ALL) {
        Scope::All
    } else {
        Scope::One { environment: event.environment.clone(), region: event.region.clone() }
    };
    let (service, slo) = (event.service.clone()?, event.slo.clone()?);
    Some(LevelKey { service, slo, endpoint: event.endpoint.clone(), scope })
}

/// Whether an event of ours only wants a ticket.
pub(super) fn is_ticket(event: &Event) -> bool {
    event.source == Source::Samples && event.labels.get(TIER_LABEL) == Some(Tier::Ticket.as_str())
}

/// What an incident is kept apart by: tickets from pages, and each condition of the policy and what is missing by itself.
pub(super) fn suffix(event: &Event) -> Option<&str> {
    let rule = event.labels.get(RULE_LABEL).filter(|_| event.source == Source::Samples)?;
    if rule.starts_with(POLICY_PREFIX) || is_absence(rule) {
        return Some(rule);
    }
    is_ticket(event).then_some(Tier::Ticket.as_str())
}

/// The rule about what is missing that an event of ours comes of.
pub(super) fn absence_of<'s>(event: &Event, slo: &'s Slo) -> Option<&'s Absence> {
    let rule = event.labels.get(RULE_LABEL).filter(|_| event.source == Source::Samples)?;
    slo.absence(rule)
}

/// Whether an event of ours comes of the depletion rule.
pub(super) fn is_depletion(event: &Event) -> bool {
    event.source == Source::Samples && event.labels.get(RULE_LABEL) == Some(DEPLETION)
}
