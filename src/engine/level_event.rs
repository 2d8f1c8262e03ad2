//! The event that a rule over samples makes of a service level, as a sender would have posted it, with all that was compared.

use super::level_index::Level;
use super::levels::{LevelKey, Levels, Scope};
use super::state::ScopeKey;
use crate::domain::{
    BudgetLeft, Event, EventDetail, EventKind, EventStatus, Fingerprint, Labels, LabelsBuilder, Name, Source, Span,
    Timestamp, WindowCounts, minute_end,
};
use crate::rules::burn_rate::Tier;
use crate::slo::Account;

/// Name of the depletion rule among the rules of a level.
pub const DEPLETION: &str = "depletion";
/// Label with the name of the rule.
pub const RULE_LABEL: &str = "rule";
/// Label with the tier, `page` or `ticket`.
pub const TIER_LABEL: &str = "tier";
/// Label of what was added up over all environments, `all`.
pub const SCOPE_LABEL: &str = "scope";
const ALL: &str = "all";
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
        let period = self.slo.period;
        let start = at.minus(period);
        let first = self.first(levels).map_or(at, |minute| minute_end(minute - 1));
        Account {
            start,
            end: at,
            known_since: first.max(start).min(at),
            at,
            sum: self.between(levels, start, at),
            objective: self.slo.objective,
            period,
            expected: self.slo.expected_per_day.map(|each| {
                each.saturating_mul(period.as_millis().unsigned_abs() / Span::from_hours(24).as_millis().unsigned_abs())
            }),
        }
    }
}

/// The event.
pub(super) fn event(level: &Level, facts: &Facts<'_>, account: Account, priority: Option<Name>) -> Event {
    let mut event = skeleton(&level.key, facts.rule, facts.tier);
    event.at = facts.at;
    event.sli = Some(level.slo.sli.clone());
    event.objective = Some(level.slo.objective);
    event.window = Some(facts.long);
    let mut detail = EventDetail::default();
    if facts.short.length != facts.long.length {
        detail.more_windows.push(facts.short);
    }
    if let Some(budget) = account.budget() {
        let remaining = budget.remaining_percent(2);
        let remaining_percent = Name::from(remaining.trim_end_matches('%'));
        detail.budget = Some(BudgetLeft { remaining_percent, period: Some(account.period) });
    }
    let burn = facts.long.bad_ratio().and_then(|bad| bad.over(level.slo.objective.complement()));
    if let Some(lasts) = burn.and_then(|burn| account.lasts(burn)) {
        detail.context = labels(&[("budget_gone_in", &rounded(lasts).to_string())]);
    }
    event.detail = Some(Box::new(detail));
    if let Some(priority) = priority {
        event.annotations = labels(&[(PRIORITY, &priority)]);
    }
    event
}

/// The priority that the budget gave to an event of ours, and what is left in percent.
pub(super) fn priority_of(event: &Event) -> Option<(Name, Name)> {
    let priority = event.annotations.get(PRIORITY).filter(|_| event.source == Source::Samples)?;
    let budget = event.detail.as_ref()?.budget.as_ref()?;
    Some((Name::from(priority), budget.remaining_percent.clone()))
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

/// What a ticket's incident is kept apart by: each condition of the policy is told by itself.
pub(super) fn ticket_suffix(event: &Event) -> &str {
    let rule = event.labels.get(RULE_LABEL).unwrap_or_default();
    if rule.starts_with(POLICY_PREFIX) { rule } else { Tier::Ticket.as_str() }
}

/// Whether an event of ours comes of the depletion rule.
pub(super) fn is_depletion(event: &Event) -> bool {
    event.source == Source::Samples && event.labels.get(RULE_LABEL) == Some(DEPLETION)
}
