//! What service levels say to people and programs: the figures of a level. Computed when somebody asks, from the counts that are kept;
//! figures are rounded once, here.

use std::collections::BTreeMap;

use serde::Serialize;

use super::budgets::Subject;
use crate::domain::{Name, Ratio, Span, Timestamp, minute_end};
use crate::engine::Policy;
use crate::engine::level_index::Level;
use crate::engine::levels::Levels;
use crate::slo::{Budget, WindowSum};

/// Windows whose burn rates are always told.
const WINDOWS: [Span; 4] = [Span::from_hours(1), Span::from_hours(6), Span::from_hours(24), Span::from_hours(72)];

/// A level in figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LevelRow {
    /// Which level.
    #[serde(flatten)]
    pub subject: Subject,
    /// Objective in percent.
    pub objective: String,
    /// Error budget period.
    pub period: String,
    /// When it began.
    pub period_start: String,
    /// When it ends; a rolling one ends now.
    pub period_end: String,
    /// Length and target of a slice, where slices of time are counted: `5m at 95%`.
    pub slice: Option<String>,
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
    /// Share of its minutes that is known, by window, in percent. Minutes that are left out are none of it.
    pub coverage_percent: BTreeMap<String, String>,
    /// Below this share, rules over a window do not fire.
    pub min_coverage_percent: Option<String>,
    /// Minutes of the period that are left out.
    pub excluded_minutes: u64,
    /// How long the rest lasts at the pace of the last hour; absent when nothing burns or nothing is left.
    pub gone_in: Option<String>,
    /// Since when counts are known.
    pub known_since: Option<String>,
    /// Newest minute with counts.
    pub newest: Option<String>,
    /// Rules that fire now.
    pub firing: Vec<Name>,
}

/// Minutes that are left out of a level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExclusionRow {
    /// What they are under.
    pub name: Name,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub by: String,
    /// From here on.
    pub from: String,
    /// Up to here.
    pub to: String,
}

/// The figures of a level at `at`.
#[must_use]
pub fn level_row(level: &Level, levels: &Levels, policy: &Policy, at: Timestamp) -> LevelRow {
    let account = level.account(levels, at);
    let (mut burn, mut coverage_percent) = (BTreeMap::new(), BTreeMap::new());
    for window in windows(level) {
        let sum = level.sum(levels, at, window);
        if let Some(rate) = sum.burn(account.objective) {
            burn.insert(window.to_string(), rate.decimal(4));
        }
        let coverage = level.coverage(levels, at, window, sum.minutes);
        coverage_percent.insert(window.to_string(), plain(&coverage.percent(1)));
    }
    let hour = level.sum(levels, at, WINDOWS[0]).burn(account.objective);
    let gone_in = hour.and_then(|rate| account.lasts(rate)).map(|span| whole_minutes(span).to_string());
    let alerts = levels.alerts.get(&level.key);
    let rules = alerts.into_iter().flat_map(|alerts| alerts.iter());
    LevelRow {
        subject: Subject::of(level, policy),
        objective: account.objective.percent(9),
        period: level.slo.period.to_string(),
        period_start: account.start.to_string(),
        period_end: account.end.to_string(),
        slice: level.slo.slice.map(|slice| format!("{} at {}", slice.length(), slice.target.percent(9))),
        sli_percent: good_percent(account.sum),
        total: account.sum.total,
        bad: account.sum.bad,
        status: account.budget().map(|budget| budget.status().as_str()),
        remaining_percent: account.budget().map(|budget| plain(&budget.remaining_percent(2))),
        remaining_so_far_percent: account
            .spent_so_far()
            .map(|spent| plain(&Budget::from_spent(spent).remaining_percent(2))),
        burn,
        coverage_percent,
        min_coverage_percent: level.slo.min_coverage.map(|share| plain(&share.percent(9))),
        excluded_minutes: level.excluded_minutes(levels, account.start, at),
        gone_in,
        known_since: level.first(levels).map(|minute| minute_end(minute - 1).to_string()),
        newest: level.newest(levels).map(|minute| minute_end(minute).to_string()),
        firing: rules.filter(|(_, state)| state.is_firing()).map(|(rule, _)| rule.clone()).collect(),
    }
}

/// What is left out of a level in the period that ends at `at`, or is under way then.
#[must_use]
pub fn exclusions(level: &Level, levels: &Levels, at: Timestamp) -> Vec<ExclusionRow> {
    let (start, end) = level.slo.period.bounds(at);
    let keys: Vec<_> = level.histories(levels).map(|series| &series.key).collect();
    let of_period = levels.excluded.iter().filter(|known| known.to > start && known.from < end);
    let of_level = of_period.filter(|known| keys.iter().any(|key| known.covers(key)));
    let row = |known: &crate::engine::level_exclusion::Exclusion| ExclusionRow {
        name: known.name.clone(),
        reason: known.reason.clone(),
        by: known.by.label(),
        from: known.from.to_string(),
        to: known.to.to_string(),
    };
    of_level.map(row).collect()
}

fn windows(level: &Level) -> Vec<Span> {
    let pairs = level.slo.burn.iter().flat_map(|pair| [pair.long, pair.short]);
    let mut all: Vec<Span> = pairs.chain(level.slo.alert.as_ref().map(|rule| rule.window)).chain(WINDOWS).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Good events in percent; `None` without traffic.
pub(super) fn good_percent(sum: WindowSum) -> Option<String> {
    Ratio::new(sum.total.saturating_sub(sum.bad), sum.total).map(|good| plain(&good.percent(6)))
}

/// Without the sign: numbers in JSON and CSV carry their unit in the name.
pub(super) fn plain(percent: &str) -> String {
    percent.trim_end_matches('%').to_owned()
}

fn whole_minutes(span: Span) -> Span {
    Span::from_millis(span.as_millis() / 60_000 * 60_000)
}
