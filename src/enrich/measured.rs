//! What was measured, once for people and once for programs: burn rates with the factor of the rule that fired, counts, what is left of
//! the budget, and how long it lasts.
//!
//! Of a breach that callout judged from samples everything is known, and what is left is looked up anew, as it stands. Of one that a
//! sender measured, what it sent is told, and what it left out is left out here too.

use super::headline::objective;
use super::words::{factor, length, percent};
use super::{NAME_MAX, View};
use crate::channel::text::short;
use crate::channel::{Measure, Measured};
use crate::domain::{EventStatus, Ratio, Source, Span, Timestamp, WindowCounts, minute_end, minute_over};
use crate::engine::level_event::{DEPLETION, POLICY_PREFIX, RULE_LABEL, whole_days};
use crate::engine::level_index::Level;
use crate::engine::levels::{LevelKey, Levels, Scope};
use crate::engine::state::Incident;
use crate::engine::{State, level_event};
use crate::slo::{Account, Budget, WindowSum};

/// The clock may be ahead of the measurement by so much before what burns now is told apart from it.
const SAME_TIME: Span = Span::from_minutes(3);

/// The rule that fired, as far as it compares burn rates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub name: String,
    pub factor: Ratio,
    pub at_least: bool,
    pub long: Span,
    pub short: Span,
}

/// A service level as it stands.
#[derive(Clone, Copy)]
pub struct Standing<'a> {
    pub level: &'a Level,
    pub levels: &'a Levels,
    /// The end of the last minute.
    pub at: Timestamp,
    /// The account of its budget period then.
    pub account: Account,
}

impl<'a> Standing<'a> {
    /// The level that an incident is about, where callout has samples of it.
    pub fn of(incident: &Incident, state: &'a State, now: Timestamp) -> Option<Self> {
        let event = &incident.event;
        let index = &state.levels.index;
        if index.levels.is_empty() {
            return None;
        }
        let key = match event.source {
            Source::Samples => level_event::level_of(event)?,
            _ => LevelKey {
                service: event.service.clone()?,
                slo: incident.slo.clone()?,
                endpoint: event.endpoint.clone(),
                scope: Scope::One {
                    environment: event.environment.clone(),
                    region: event.region.clone().or_else(|| incident.region.clone()),
                },
            },
        };
        let level = index.levels.get(*index.numbers.get(&key)? as usize)?;
        let at = minute_end(minute_over(now));
        Some(Self { level, levels: &state.levels, at, account: level.account(&state.levels, at) })
    }

    pub fn sum(&self, window: Span) -> WindowSum {
        self.level.sum(self.levels, self.at, window)
    }
}

/// The rule that fired: the one that is named, else the first pair of the SLO that the sender's windows exceed, else the depletion rule.
pub fn rule(view: &View<'_>) -> Option<Rule> {
    let slo = view.slo?;
    let named = view.event.labels.get(RULE_LABEL).filter(|_| view.event.source == Source::Samples);
    let windows = windows(view);
    let sum = |length: Span| {
        let window = windows.iter().find(|window| window.length == length)?;
        Some(WindowSum { bad: window.bad(), total: window.total, minutes: 0 })
    };
    let budget = objective(view.event, view.slo)?;
    let pair = slo.burn.iter().find(|pair| match named {
        Some(name) => pair.name == name,
        None => sum(pair.long).zip(sum(pair.short)).is_some_and(|(long, short)| pair.holds(long, short, budget)),
    });
    if let Some(pair) = pair {
        let (name, factor) = (short(&pair.name, NAME_MAX), pair.factor);
        return Some(Rule { name, factor, at_least: pair.at_least, long: pair.long, short: pair.short });
    }
    let rule = slo.alert.as_ref().filter(|rule| match named {
        Some(name) => name == DEPLETION,
        None => windows.first().is_some_and(|window| window.length == rule.window),
    })?;
    let (name, factor) = (DEPLETION.to_owned(), rule.depletion);
    Some(Rule { name, factor, at_least: false, long: rule.window, short: rule.window })
}

/// Whether it is a condition of the error budget policy that holds, which looks at shares of the budget and not at its pace.
pub fn is_policy(view: &View<'_>) -> bool {
    let rule = view.event.labels.get(RULE_LABEL).filter(|_| view.event.source == Source::Samples);
    rule.is_some_and(|rule| rule.starts_with(POLICY_PREFIX))
}

/// All windows that were measured, the rule's own first: the long one, then the short one.
pub fn windows<'a>(view: &View<'a>) -> Vec<&'a WindowCounts> {
    let more = view.event.detail.as_deref().map(|detail| detail.more_windows.as_slice()).unwrap_or_default();
    view.event.window.iter().chain(more).collect()
}

/// The windows that facts speak of: those of the rule where both were measured, else the main one.
pub fn told<'a>(view: &View<'a>) -> Vec<&'a WindowCounts> {
    let windows = windows(view);
    let find = |length: Span| windows.iter().copied().find(|window| window.length == length);
    match rule(view).map(|rule| (find(rule.long), find(rule.short))) {
        Some((Some(long), Some(short))) if long.length != short.length => vec![long, short],
        Some((Some(long), _)) => vec![long],
        _ => windows.into_iter().take(1).collect(),
    }
}

/// `15.2x the budget in 1h and 18x in 5m, both above 14.4x (page_fast)`.
pub fn burn_rate(view: &View<'_>) -> Option<String> {
    if is_policy(view) {
        return None;
    }
    let objective = objective(view.event, view.slo)?;
    let rates = told(view).into_iter().filter_map(|window| Some((burn(window, objective)?, window.length)));
    let rates: Vec<String> = rates
        .enumerate()
        .map(|(n, (rate, window))| {
            let of = if n == 0 { " the budget" } else { "" };
            format!("{}x{of} in {window}", factor(rate))
        })
        .collect();
    if rates.is_empty() {
        return None;
    }
    let both = if rates.len() > 1 { "both " } else { "" };
    let rule = rule(view).map(|rule| {
        let limit = factor_of_rule(rule.factor);
        let name = rule.name;
        if rule.at_least {
            format!(", {both}at {limit}x or more ({name})")
        } else {
            format!(", {both}above {limit}x ({name})")
        }
    });
    Some(format!("{}{}", rates.join(" and "), rule.unwrap_or_default()))
}

/// `0.2x in 1h and none in 5m`, where time went on since it was measured.
pub fn burns_now(view: &View<'_>) -> Option<String> {
    let standing = view.standing.as_ref()?;
    if view.now.since(view.event.at) <= SAME_TIME || is_policy(view) || !view.incident.status.is_open() {
        return None;
    }
    let objective = standing.account.objective;
    let windows = told(view);
    let rates = windows.iter().map(|window| match standing.sum(window.length).burn(objective) {
        Some(rate) => format!("{}x in {}", factor(rate), window.length),
        None => format!("no traffic in {}", window.length),
    });
    let rates: Vec<String> = rates.collect();
    (!rates.is_empty()).then(|| rates.join(" and "))
}

/// What is left of the budget in percent with sign, and of which period.
pub fn left(view: &View<'_>) -> Option<(String, Option<Span>)> {
    if let Some(standing) = &view.standing {
        let left = standing.account.budget()?.remaining_percent(2);
        return Some((left.trim_end_matches('%').to_owned(), Some(whole_days(standing.account.period))));
    }
    let budget = view.event.detail.as_deref()?.budget.as_ref()?;
    Some((budget.remaining_percent.to_string(), budget.period))
}

/// How long the rest of the budget lasts at the pace of the longest window that was measured; `None` where it lasts for the whole period,
/// nothing is left, or it is over.
pub fn gone_in(view: &View<'_>) -> Option<Span> {
    if !view.incident.status.is_open() || view.event.status == EventStatus::Resolved {
        return None;
    }
    // A condition of the policy looks at the whole period, whose pace says little of how it goes on.
    let window = told(view).first().filter(|_| !is_policy(view)).map(|window| (window.length, **window));
    if let Some(standing) = &view.standing {
        let length = window.map_or(Span::from_hours(1), |(length, _)| length);
        let rate = standing.sum(length).burn(standing.account.objective).filter(|rate| *rate > Ratio::ONE)?;
        return standing.account.lasts(rate);
    }
    let budget = view.event.detail.as_deref()?.budget.as_ref()?;
    let rate = burn(&window?.1, objective(view.event, view.slo)?).filter(|rate| *rate > Ratio::ONE)?;
    let left = Budget::from_remaining_percent(&budget.remaining_percent)?.spent().complement();
    let period = budget.period.or_else(|| view.slo.map(|slo| slo.period.length(view.now)))?;
    let millis = left.times(Ratio::new(period.as_millis().unsigned_abs(), 1)?).over(rate)?;
    let lasts = Span::from_millis(i64::try_from(millis.num() / millis.den()).unwrap_or(i64::MAX));
    (!lasts.is_zero()).then_some(lasts)
}

/// `gone in 2 d 3 h at this pace`.
pub fn gone_in_words(view: &View<'_>) -> Option<String> {
    gone_in(view).map(|lasts| format!("gone in {} at this pace", length(lasts)))
}

/// A factor as the rule has it: `14.4`, `0.9333`.
pub fn factor_of_rule(factor: Ratio) -> String {
    factor.decimal(4)
}

/// Everything for programs and templates; `None` where nothing was measured.
pub fn measured(view: &View<'_>) -> Option<Box<Measured>> {
    let objective = objective(view.event, view.slo);
    let rule = rule(view);
    let told = told(view);
    let others = windows(view).into_iter().filter(|window| !told.contains(window));
    let windows = told.iter().copied().chain(others).map(|window| Measure {
        length: window.length.to_string(),
        bad: window.bad(),
        total: window.total,
        failed_percent: window.bad_ratio().map(|share| percent(share).trim_end_matches('%').to_owned()),
        burn: objective.and_then(|objective| burn(window, objective)).map(|rate| rate.decimal(4)),
    });
    let windows: Vec<Measure> = windows.collect();
    let left = left(view);
    if windows.is_empty() && left.is_none() {
        return None;
    }
    Some(Box::new(Measured {
        rule: rule.as_ref().map(|rule| rule.name.clone()),
        factor: rule.as_ref().map(|rule| factor_of_rule(rule.factor)),
        objective_percent: objective.map(|objective| objective.percent(8).trim_end_matches('%').to_owned()),
        windows,
        budget_remaining_percent: left.as_ref().map(|(left, _)| short(left, 24)),
        budget_period: left.and_then(|(_, period)| period).map(|period| period.to_string()),
        budget_gone_in: gone_in(view).map(|lasts| Span::from_millis(lasts.as_millis() / 60_000 * 60_000).to_string()),
    }))
}

fn burn(window: &WindowCounts, objective: Ratio) -> Option<Ratio> {
    window.bad_ratio()?.over(objective.complement())
}

/// Names that are facts of their own here, so that the sender's context need not repeat them.
pub fn is_said(name: &str, view: &View<'_>) -> bool {
    view.event.source == Source::Samples && name == "budget_gone_in"
}
