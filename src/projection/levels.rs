//! What service levels say to people and programs: figures of a level, its budget over time, and whether a service may be released.
//! Computed when somebody asks, from the counts that are kept; figures are rounded once, here.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::{Name, Ratio, Span, Timestamp, minute_end};
use crate::engine::Policy;
use crate::engine::level_index::Level;
use crate::engine::levels::{LevelKey, Levels, Scope};
use crate::slo::forecast::{mean_and_highest, speed_by_hour};
use crate::slo::{Account, WindowSum};

/// Windows whose burn rates are always told.
const WINDOWS: [Span; 4] = [Span::from_hours(1), Span::from_hours(6), Span::from_hours(24), Span::from_hours(72)];
/// Points of a budget over time.
const POINTS: i64 = 56;
/// Periods that are looked back on at most. Beyond: older ones are not told.
pub(super) const PERIODS_MAX: i64 = 12;

/// A level in figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LevelRow {
    /// Stable id of the level, for `/v1/slos/{id}/…`.
    pub id: String,
    /// Service.
    pub service: Name,
    /// Team that owns it.
    pub team: Option<Name>,
    /// Name of the SLO.
    pub slo: Name,
    /// SLI.
    pub sli: Name,
    /// Endpoint; absent: the service as a whole.
    pub endpoint: Option<Name>,
    /// Environment, where it is judged in one.
    pub environment: Option<Name>,
    /// Region, where it is judged in one.
    pub region: Option<Name>,
    /// `one`, or `all` for the sum over environments and regions.
    pub scope: &'static str,
    /// Objective in percent.
    pub objective: String,
    /// Error budget period.
    pub period: String,
    /// Good events of the period in percent; absent without traffic.
    pub sli_percent: Option<String>,
    /// Valid events of the period.
    pub total: u64,
    /// Bad events of the period.
    pub bad: u64,
    /// `healthy`, `depleting`, `endangered`, `exhausted`; absent where the objective leaves no budget.
    pub status: Option<&'static str>,
    /// What is left of the period's grant in percent, below zero when overspent.
    pub remaining_percent: Option<String>,
    /// The same against the events so far, as a query over a metrics database shows it.
    pub remaining_so_far_percent: Option<String>,
    /// Burn rate by window; absent windows have no traffic.
    pub burn: BTreeMap<String, String>,
    /// How long the rest lasts at the pace of the last hour; absent when nothing burns or nothing is left.
    pub gone_in: Option<String>,
    /// Since when counts are known.
    pub known_since: Option<String>,
    /// Newest minute with counts.
    pub newest: Option<String>,
    /// Rules that fire.
    pub firing: Vec<Name>,
}

/// One point of a budget over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BudgetPoint {
    /// When.
    pub at: String,
    /// What was left then, in percent of the period's grant.
    pub remaining_percent: String,
}

/// A period that is over, or the one under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeriodRow {
    /// Beginning, inside.
    pub start: String,
    /// End, outside.
    pub end: String,
    /// Objective in force at its end, in percent.
    pub objective: String,
    /// Good events in percent.
    pub sli_percent: Option<String>,
    /// Share of the budget that was spent, in percent.
    pub spent_percent: Option<String>,
    /// Whether the objective was kept; absent without traffic.
    pub fulfilled: Option<bool>,
    /// When nothing was left, before the end.
    pub exhausted_at: Option<String>,
}

/// Whether a service may be released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gate {
    /// Service.
    pub service: Name,
    /// The answer.
    pub may_release: bool,
    /// Why not, in sentences.
    pub reasons: Vec<String>,
    /// How many levels were looked at.
    pub levels: usize,
}

/// Stable id of a level.
#[must_use]
pub fn level_id(key: &LevelKey) -> String {
    let scope = match &key.scope {
        Scope::One { environment, region } => {
            [environment.as_deref().unwrap_or_default(), region.as_deref().unwrap_or_default(), ""]
        }
        Scope::All => ["", "", "all"],
    };
    let parts = [key.service.as_str(), key.slo.as_str(), key.endpoint.as_deref().unwrap_or_default()];
    let text = parts.iter().chain(&scope).fold(String::new(), |text, part| text + part + "\u{1f}");
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
}

/// The figures of a level at `at`.
#[must_use]
pub fn level_row(level: &Level, levels: &Levels, policy: &Policy, at: Timestamp) -> LevelRow {
    let account = level.account(levels, at);
    let key = &level.key;
    let (environment, region) = match &key.scope {
        Scope::One { environment, region } => (environment.clone(), region.clone()),
        Scope::All => (None, None),
    };
    let mut burn = BTreeMap::new();
    for window in windows(level) {
        if let Some(rate) = level.sum(levels, at, window).burn(level.slo.objective) {
            burn.insert(window.to_string(), rate.decimal(4));
        }
    }
    let hour = level.sum(levels, at, WINDOWS[0]).burn(level.slo.objective);
    let gone_in = hour.and_then(|rate| account.lasts(rate)).map(|span| whole_minutes(span).to_string());
    let alerts = levels.alerts.get(key);
    let rules = alerts.into_iter().flat_map(|alerts| alerts.iter());
    LevelRow {
        id: level_id(key),
        service: key.service.clone(),
        team: policy.services.get(&key.service).map(|service| service.team.clone()),
        slo: key.slo.clone(),
        sli: level.slo.sli.clone(),
        endpoint: key.endpoint.clone(),
        environment,
        region,
        scope: if key.scope == Scope::All { "all" } else { "one" },
        objective: level.slo.objective.percent(9),
        period: level.slo.period.to_string(),
        sli_percent: good_percent(account.sum),
        total: account.sum.total,
        bad: account.sum.bad,
        status: account.budget().map(|budget| budget.status().as_str()),
        remaining_percent: account.budget().map(|budget| plain(&budget.remaining_percent(2))),
        remaining_so_far_percent: account
            .spent_so_far()
            .map(|spent| plain(&crate::slo::Budget::from_spent(spent).remaining_percent(2))),
        burn,
        gone_in,
        known_since: level.first(levels).map(|minute| minute_end(minute - 1).to_string()),
        newest: level.newest(levels).map(|minute| minute_end(minute).to_string()),
        firing: rules.filter(|(_, state)| state.is_firing()).map(|(rule, _)| rule.clone()).collect(),
    }
}

fn windows(level: &Level) -> Vec<Span> {
    let pairs = level.slo.burn.iter().flat_map(|pair| [pair.long, pair.short]);
    let mut all: Vec<Span> = pairs.chain(level.slo.alert.as_ref().map(|rule| rule.window)).chain(WINDOWS).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// What was left of the grant of the period that ends at `at`, from its beginning on.
#[must_use]
pub fn budget_over_time(level: &Level, levels: &Levels, at: Timestamp) -> Vec<BudgetPoint> {
    let account = level.account(levels, at);
    let length = at.since(account.start).as_millis();
    let mut points = Vec::new();
    for n in 0..=POINTS {
        let then = account.start.plus(Span::from_millis(length * n / POINTS));
        let remaining = spent_by(level, levels, &account, then)
            .map(|spent| plain(&crate::slo::Budget::from_spent(spent).remaining_percent(2)));
        if let Some(remaining_percent) = remaining {
            points.push(BudgetPoint { at: then.to_string(), remaining_percent });
        }
    }
    points
}

/// The share of a period's grant that was spent by `then`: bad events by then over what the whole period grants.
fn spent_by(level: &Level, levels: &Levels, account: &Account, then: Timestamp) -> Option<Ratio> {
    let bad = level.between(levels, account.start, then).bad;
    let whole = account.spent()?;
    if account.sum.bad == 0 {
        return Some(Ratio::ZERO);
    }
    Some(whole.times(Ratio::new(bad, account.sum.bad)?))
}

/// The period under way and those before it that are still known, newest first. Rolling periods are taken one after the other back from
/// `at`. A period before the first counts is left out.
#[must_use]
pub fn periods(level: &Level, levels: &Levels, at: Timestamp) -> Vec<PeriodRow> {
    let mut rows = Vec::new();
    let first = level.first(levels).map(|minute| minute_end(minute - 1));
    let objectives = levels.objectives.get(&(level.key.service.clone(), level.key.slo.clone()));
    for n in 0..PERIODS_MAX {
        let end = at.minus(Span::from_millis(level.slo.period.as_millis() * n));
        let start = end.minus(level.slo.period);
        if first.is_none_or(|first| first >= end)
            || at.since(start) > Span::from_hours(24 * crate::slo::history::DAYS_MAX)
        {
            break;
        }
        let in_force = objectives.and_then(|known| known.iter().rev().find(|(since, _)| *since <= end));
        let objective = in_force.map_or(level.slo.objective, |(_, objective)| *objective);
        let sum = level.between(levels, start, end);
        let account = Account {
            start,
            end,
            known_since: first.unwrap_or(start).max(start),
            at: end,
            sum,
            objective,
            period: level.slo.period,
            expected: None,
        };
        rows.push(PeriodRow {
            start: start.to_string(),
            end: end.to_string(),
            objective: objective.percent(9),
            sli_percent: good_percent(sum),
            spent_percent: account.spent().map(|spent| plain(&spent.percent(2))),
            fulfilled: sum.burn(objective).map(|burn| burn <= Ratio::ONE),
            exhausted_at: exhausted_at(level, levels, &account).map(|at| at.to_string()),
        });
    }
    rows
}

/// The first minute of a period by which its whole grant was spent, by halving; `None` when it never was, or only at the very end.
#[must_use]
pub fn exhausted_at(level: &Level, levels: &Levels, account: &Account) -> Option<Timestamp> {
    let is_gone = |then| spent_by(level, levels, account, then).is_some_and(|spent| spent >= Ratio::ONE);
    if !is_gone(account.at) {
        return None;
    }
    let minute = |at: Timestamp| at.as_millis().div_euclid(60_000);
    let (mut low, mut high) = (minute(account.start), minute(account.at));
    while low < high {
        let middle = low + (high - low) / 2;
        if is_gone(minute_end(middle)) { high = middle } else { low = middle + 1 }
    }
    Some(minute_end(low)).filter(|at| *at < account.end || account.end == account.at)
}

/// Whether a service may be released: not while a condition that freezes holds, or nothing is left of a budget without a policy.
#[must_use]
pub fn gate<'l>(service: &Name, of_service: impl Iterator<Item = &'l Level>, levels: &Levels, at: Timestamp) -> Gate {
    let mut gate = Gate { service: service.clone(), may_release: true, reasons: Vec::new(), levels: 0 };
    for level in of_service {
        gate.levels += 1;
        let Some(reason) = closed(level, levels, at) else { continue };
        gate.may_release = false;
        let place = match &level.key.scope {
            Scope::One { environment: Some(place), .. } | Scope::One { region: Some(place), .. } => {
                format!(" in {place}")
            }
            Scope::One { .. } => String::new(),
            Scope::All => " over all environments".to_owned(),
        };
        let endpoint = level.key.endpoint.as_ref().map(|endpoint| format!(" for `{endpoint}`")).unwrap_or_default();
        gate.reasons.push(format!("`{}`{endpoint}{place}: {reason}", level.key.slo));
    }
    gate
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

/// Depletion speeds of a level's outages in the period: share of the budget by hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Speeds {
    /// Each outage, oldest first.
    pub outages: Vec<OutageRow>,
    /// Unweighted mean of their speeds, in percent of the budget by hour; rounded once.
    pub average_percent_per_hour: Option<String>,
    /// The highest.
    pub highest_percent_per_hour: Option<String>,
}

/// An outage and what it cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutageRow {
    /// Beginning.
    pub from: String,
    /// End.
    pub to: String,
    /// Share of the budget in percent.
    pub spent_percent: String,
    /// Percent of the budget by hour; absent over no time at all.
    pub percent_per_hour: Option<String>,
    /// A service that this one depends on and that was broken meanwhile.
    pub through: Option<Name>,
}

/// The outages of the period that ends at `at`.
#[must_use]
pub fn speeds(level: &Level, levels: &Levels, at: Timestamp) -> Speeds {
    let start = at.minus(level.slo.period);
    let episodes = levels.episodes.get(&level.key).map(Vec::as_slice).unwrap_or_default();
    let in_period: Vec<_> = episodes.iter().filter(|episode| episode.to > start).collect();
    let speed = |episode: &crate::engine::levels::Episode| speed_by_hour(episode.spent, episode.to.since(episode.from));
    let all: Vec<Ratio> = in_period.iter().filter_map(|episode| speed(episode)).collect();
    let (average, highest) = mean_and_highest(&all).unzip();
    let text = |speed: Option<Ratio>| speed.map(|speed| plain(&speed.percent(1)));
    let row = |episode: &&crate::engine::levels::Episode| OutageRow {
        from: episode.from.to_string(),
        to: episode.to.to_string(),
        spent_percent: plain(&episode.spent.percent(2)),
        percent_per_hour: text(speed(episode)),
        through: episode.through.clone(),
    };
    Speeds {
        outages: in_period.iter().map(row).collect(),
        average_percent_per_hour: text(average),
        highest_percent_per_hour: text(highest),
    }
}

fn good_percent(sum: WindowSum) -> Option<String> {
    Ratio::new(sum.total.saturating_sub(sum.bad), sum.total).map(|good| plain(&good.percent(6)))
}

/// Without the sign: numbers in JSON and CSV carry their unit in the name.
fn plain(percent: &str) -> String {
    percent.trim_end_matches('%').to_owned()
}

fn whole_minutes(span: Span) -> Span {
    Span::from_millis(span.as_millis() / 60_000 * 60_000)
}
