//! Indicators of service levels: adherence by period, depletion over time and its speed, premature exhaustion, the worst endpoints.
//! Computed when somebody asks, from the counts that are kept; figures are rounded once, here.
//!
//! Source: *Establishing SRE Foundations*, chapter 11. Absent on purpose: people. Indicators are about processes.

use serde::Serialize;

use super::levels::{good_percent, plain};
use crate::domain::{Name, Ratio, Span, Timestamp, minute_end};
use crate::engine::Policy;
use crate::engine::level_index::Level;
use crate::engine::levels::{Episode, LevelKey, Levels, Scope};
use crate::slo::forecast::{mean_and_highest, speed_by_hour};
use crate::slo::history::DAYS_MAX;
use crate::slo::{Account, Budget};

/// Points of a budget over time.
const POINTS: i64 = 56;
/// Periods that are looked back on at most. Beyond: older ones are not told.
pub(super) const PERIODS_MAX: i64 = 12;

/// Which period is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The one under way; a rolling one ends now.
    Current,
    /// The one before.
    Previous,
    /// The one of the calendar that holds this instant; a rolling one ends with it.
    At(Timestamp),
}

impl Asked {
    /// As of when a level is looked at: not later than `now`, the end of the last minute.
    #[must_use]
    pub fn at(self, level: &Level, now: Timestamp) -> Timestamp {
        let period = &level.slo.period;
        match self {
            Self::Current => now,
            Self::Previous => period.bounds(now).0,
            Self::At(at) if period.is_calendar() => period.bounds(at.plus(Span::from_millis(1))).1.min(now),
            Self::At(at) => at.min(now),
        }
    }
}

/// Which level a figure is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subject {
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
}

impl Subject {
    /// Of a level.
    #[must_use]
    pub fn of(level: &Level, policy: &Policy) -> Self {
        let key = &level.key;
        let (environment, region, scope) = match &key.scope {
            Scope::One { environment, region } => (environment.clone(), region.clone(), "one"),
            Scope::All => (None, None, "all"),
        };
        Self {
            id: level_id(key),
            service: key.service.clone(),
            team: policy.services.get(&key.service).map(|service| service.team.clone()),
            slo: key.slo.clone(),
            sli: level.slo.sli.clone(),
            endpoint: key.endpoint.clone(),
            environment,
            region,
            scope,
        }
    }
}

/// Stable id of a level.
#[must_use]
pub fn level_id(key: &LevelKey) -> String {
    format!("{:016x}", key.id())
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
    /// Whether it is over; a rolling one always ends now.
    pub is_over: bool,
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
    /// Minutes that were left out.
    pub excluded_minutes: u64,
}

/// Something of a level, with which one it is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row<T> {
    /// Which level.
    #[serde(flatten)]
    pub subject: Subject,
    /// What of it.
    #[serde(flatten)]
    pub of: T,
}

/// What was left of the grant of the period that `at` is in, from its beginning on.
#[must_use]
pub fn budget_over_time(level: &Level, levels: &Levels, at: Timestamp) -> Vec<BudgetPoint> {
    let account = level.account(levels, at);
    let length = at.since(account.start).as_millis();
    let mut points = Vec::new();
    for n in 0..=POINTS {
        let then = account.start.plus(Span::from_millis(length * n / POINTS));
        let remaining =
            spent_by(level, levels, &account, then).map(|spent| plain(&Budget::from_spent(spent).remaining_percent(2)));
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
    let mut upto = at;
    for _ in 0..PERIODS_MAX {
        let account = in_force(level, levels, level.account(levels, upto));
        let is_kept = at.since(account.start) <= Span::from_hours(24 * DAYS_MAX);
        if first.is_none_or(|first| first >= upto) || !is_kept {
            break;
        }
        upto = account.start;
        rows.push(period_row(level, levels, &account));
    }
    rows
}

/// The period of a level that ends at `at`, or is under way then; `None` where nothing of it is known.
#[must_use]
pub fn period(level: &Level, levels: &Levels, at: Timestamp) -> Option<PeriodRow> {
    let first = level.first(levels).map(|minute| minute_end(minute - 1))?;
    (first < at).then(|| period_row(level, levels, &in_force(level, levels, level.account(levels, at))))
}

/// The account by the objective that was in force at its end.
fn in_force(level: &Level, levels: &Levels, account: Account) -> Account {
    let objective = levels.objective_at(&level.key, account.at).unwrap_or(account.objective);
    Account { objective, ..account }
}

fn period_row(level: &Level, levels: &Levels, account: &Account) -> PeriodRow {
    PeriodRow {
        start: account.start.to_string(),
        end: account.end.to_string(),
        is_over: account.at >= account.end,
        objective: account.objective.percent(9),
        sli_percent: good_percent(account.sum),
        spent_percent: account.spent().map(|spent| plain(&spent.percent(2))),
        fulfilled: account.sum.burn(account.objective).map(|burn| burn <= Ratio::ONE),
        exhausted_at: exhausted_at(level, levels, account).map(|at| at.to_string()),
        excluded_minutes: level.excluded_minutes(levels, account.start, account.at),
    }
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
    Some(minute_end(low)).filter(|at| *at < account.end || !level.slo.period.is_calendar())
}

/// Depletion speeds of outages: share of the budget by hour.
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

impl OutageRow {
    /// For answers.
    #[must_use]
    pub fn of(episode: &Episode) -> Self {
        Self {
            from: episode.from.to_string(),
            to: episode.to.to_string(),
            spent_percent: plain(&episode.spent.percent(2)),
            percent_per_hour: speed(episode).map(speed_text),
            through: episode.through.clone(),
        }
    }
}

fn speed(episode: &Episode) -> Option<Ratio> {
    speed_by_hour(episode.spent, episode.to.since(episode.from))
}

fn speed_text(speed: Ratio) -> String {
    plain(&speed.percent(1))
}

/// The outages of a level in the period that ends at `at`, or is under way then.
pub fn outages<'l>(level: &Level, levels: &'l Levels, at: Timestamp) -> impl Iterator<Item = &'l Episode> + use<'l> {
    let (start, end) = level.slo.period.bounds(at);
    let episodes = levels.episodes.get(&level.key).map(Vec::as_slice).unwrap_or_default();
    episodes.iter().filter(move |episode| episode.to > start && episode.from < end)
}

/// The unweighted mean and the highest speed of outages, in percent of the budget by hour.
#[must_use]
pub fn mean_and_highest_speed<'e>(episodes: impl IntoIterator<Item = &'e Episode>) -> (Option<String>, Option<String>) {
    let all: Vec<Ratio> = episodes.into_iter().filter_map(speed).collect();
    mean_and_highest(&all).map(|(mean, highest)| (speed_text(mean), speed_text(highest))).unzip()
}

/// The outages of the period that ends at `at`, with their speeds.
#[must_use]
pub fn speeds(level: &Level, levels: &Levels, at: Timestamp) -> Speeds {
    let episodes: Vec<&Episode> = outages(level, levels, at).collect();
    let (average_percent_per_hour, highest_percent_per_hour) = mean_and_highest_speed(episodes.iter().copied());
    Speeds {
        outages: episodes.into_iter().map(OutageRow::of).collect(),
        average_percent_per_hour,
        highest_percent_per_hour,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn episode(percent: &str, hours: i64) -> Episode {
        let from = Timestamp::from_seconds(1_800_000_000);
        Episode {
            from,
            to: from.plus(Span::from_hours(hours)),
            spent: Ratio::parse_percent(percent).unwrap(),
            through: None,
        }
    }

    #[test]
    fn speeds_are_those_of_the_book() {
        // Table 11.3: 70 % in 52 hours, 50 % in 26, 25 % in 70; the average is over the outages, not over hours.
        let outages = [episode("70", 52), episode("50", 26), episode("25", 70)];
        let each: Vec<_> = outages.iter().map(|e| OutageRow::of(e).percent_per_hour.unwrap()).collect();
        assert_eq!(each, ["1.3", "1.9", "0.4"]);
        assert_eq!(mean_and_highest_speed(&outages), (Some("1.2".into()), Some("1.9".into())));
        assert_eq!(mean_and_highest_speed(&[]), (None, None));
        let sudden = episode("5", 0);
        assert_eq!(OutageRow::of(&sudden).percent_per_hour, None, "over no time at all it is undefined");
    }
}
