//! The chart of an incident: the share that failed over the last window or so, interval by interval, with the rule's threshold; or, where
//! a condition of the error budget policy holds, what was left of the budget over its period. Only where callout has the samples itself.
//!
//! Absent on purpose: the present. A chart shows what was known at an instant that the caller names, so that a picture that is fetched
//! later is that of the message.

use super::headline::{how_bad, objective};
use super::measured::{self, Standing, factor_of_rule};
use super::words::length;
use super::{View, wording};
use crate::chart::{Chart, POINTS_MAX, percent};
use crate::domain::{Ratio, Span, Timestamp, minute_end, minute_over};
use crate::engine::state::Incident;
use crate::engine::{Policy, State};

/// Sums over intervals that a chart may take: intervals times series. Beyond: fewer, longer intervals, down to [`POINTS_MIN`].
const LOOKUPS_MAX: usize = 4_000;
/// Intervals of a chart at least. Beyond [`LOOKUPS_MAX`] with these: no chart is made.
const POINTS_MIN: usize = 12;
/// A chart goes back to before the beginning of the incident, but shows so many long windows at most. Beyond: the beginning is left out.
const WINDOWS_MAX: i64 = 6;
/// From so long a chart on, its ends have a day.
const DAYS: Span = Span::from_hours(20);

/// The chart of `incident` as known at `at`; `None` where there are no samples, or too many series to add up.
#[must_use]
pub fn chart(incident: &Incident, policy: &Policy, state: &State, timezone: &str, at: Timestamp) -> Option<Chart> {
    let view = View::in_state(incident, policy, wording::zone(timezone), state, at);
    let standing = view.standing?;
    let points = points(standing.level.series.len())?;
    if measured::is_policy(&view) { budget(&view, &standing, points) } else { failures(&view, &standing, points) }
}

/// How many intervals a chart of so many series may have.
fn points(series: usize) -> Option<i64> {
    let points = POINTS_MAX.min(LOOKUPS_MAX / series.max(1));
    if points < POINTS_MIN { None } else { i64::try_from(points).ok() }
}

/// Where a chart with this end begins, that of an incident with this beginning.
fn beginning(opened_at: Timestamp, end: Timestamp, window: Span) -> Timestamp {
    let longest = Span::from_millis(window.as_millis().saturating_mul(WINDOWS_MAX));
    opened_at.minus(window).min(end.minus(window)).max(end.minus(longest))
}

/// Share of bad events by interval.
fn failures(view: &View<'_>, standing: &Standing<'_>, points: i64) -> Option<Chart> {
    let rule = measured::rule(view);
    let window = rule.as_ref().map(|rule| rule.long).or(view.event.window.map(|window| window.length));
    let window = window.unwrap_or(Span::from_hours(1)).max(Span::from_minutes(10));
    let over = view.incident.resolved_at().map(|at| at.plus(Span::from_millis(window.as_millis() / 4)));
    let end = whole_minute(over.map_or(standing.at, |over| over.min(standing.at)));
    let first = minute_end(standing.level.first(standing.levels)? - 1);
    let from = beginning(view.incident.opened_at, end, window).max(first);
    let minutes = end.since(from).as_millis() / 60_000;
    if minutes < 1 {
        return None;
    }
    let step = Span::from_minutes((minutes + points - 1) / points);
    let count = (minutes * 60_000 + step.as_millis() - 1) / step.as_millis();
    let from = end.minus(Span::from_millis(step.as_millis() * count));
    let sums = (0..count).map(|n| {
        let after = from.plus(Span::from_millis(step.as_millis() * n));
        standing.level.between(standing.levels, after, after.plus(step))
    });
    let shares: Vec<Option<i32>> = sums.map(|sum| Ratio::new(sum.bad, sum.total).map(millionths)).collect();
    let budget = objective(view.event, view.slo).unwrap_or(standing.account.objective).complement();
    let threshold = match &rule {
        Some(rule) => {
            let share = rule.factor.times(budget).min(Ratio::ONE);
            (millionths(share), format!("{} = {}x the budget", share.percent(3), factor_of_rule(rule.factor)))
        }
        None => (millionths(budget), format!("{} is the budget", budget.percent(3))),
    };
    let bad = how_bad(view.event, view.slo);
    let title = format!("{bad}, every {}", length(step));
    let highest = shares.iter().flatten().max().copied()?;
    let newest = shares.iter().rev().flatten().next().copied()?;
    let ends = ends(view, from, end);
    let alt = format!(
        "Chart of what {bad}, every {}, from {} to {}: highest {}, lastly {}; the line is at {}.",
        length(step),
        ends.0,
        ends.1,
        percent(highest),
        percent(newest),
        threshold.1
    );
    let mark = Some(view.incident.opened_at).filter(|at| *at >= from && *at <= end);
    Some(Chart { title, from, to: end, points: shares, threshold: Some(threshold), mark, ends, alt })
}

/// What was left of the period's budget.
fn budget(view: &View<'_>, standing: &Standing<'_>, points: i64) -> Option<Chart> {
    let account = standing.account;
    let (from, end) = (account.start.max(account.known_since), account.at);
    let length = end.since(from).as_millis();
    if length <= 0 {
        return None;
    }
    let left = |n: i64| {
        let then = from.plus(Span::from_millis(length * n / points));
        let bad = standing.level.between(standing.levels, account.start, then).bad;
        let spent = account.share(bad)?;
        Some(1_000_000_i32.saturating_sub(millionths(spent)))
    };
    let remaining: Vec<Option<i32>> = (1..=points).map(left).collect();
    let rule = view.event.labels.get(crate::engine::level_event::RULE_LABEL)?;
    let conditions = standing.level.slo.policy.iter().flat_map(|policy| &policy.conditions);
    let limit = conditions.clone().find(|condition| condition.rule == rule).map(|condition| {
        let at = 1_000_000_i32.saturating_sub(millionths(condition.share));
        (at, format!("{} left", percent(at)))
    });
    let newest = remaining.iter().rev().flatten().next().copied()?;
    let ends = ends(view, from, end);
    let alt = format!("Chart of the error budget from {} to {}: {} of it is left.", ends.0, ends.1, percent(newest));
    let mark = Some(view.incident.opened_at).filter(|at| *at >= from && *at <= end);
    let title = "error budget left".to_owned();
    Some(Chart { title, from, to: end, points: remaining, threshold: limit, mark, ends, alt })
}

/// A share in millionths, rounded; more than a picture can show is as much as it can.
fn millionths(share: Ratio) -> i32 {
    let (num, den) = (u128::from(share.num()), u128::from(share.den().max(1)));
    i32::try_from((num * 1_000_000 + den / 2) / den).unwrap_or(i32::MAX)
}

fn whole_minute(at: Timestamp) -> Timestamp {
    minute_end(minute_over(at))
}

/// Both ends on the reader's clock, with the day where they are far apart; the zone is said once.
fn ends(view: &View<'_>, from: Timestamp, to: Timestamp) -> (String, String) {
    let form = if to.since(from) >= DAYS { "%-d %b %H:%M" } else { "%H:%M" };
    let shown = |at: Timestamp, zone: &str| {
        at.to_jiff().to_zoned(view.zone.clone()).strftime(&format!("{form}{zone}")).to_string()
    };
    (shown(from, ""), shown(to, " %Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_adds_up_so_much_and_goes_back_so_far() {
        let least = LOOKUPS_MAX / POINTS_MIN;
        assert_eq!((points(least), points(least + 1)), (i64::try_from(POINTS_MIN).ok(), None));
        assert_eq!(points(1), i64::try_from(POINTS_MAX).ok());
        let (end, window) = (Timestamp::from_seconds(1_800_000_000), Span::from_hours(1));
        let before = |windows: i64, millis: i64| end.minus(Span::from_millis(windows * window.as_millis() + millis));
        assert_eq!(beginning(before(WINDOWS_MAX - 1, 0), end, window), before(WINDOWS_MAX, 0));
        assert_eq!(
            beginning(before(WINDOWS_MAX - 1, 1), end, window),
            before(WINDOWS_MAX, 0),
            "the beginning is left out"
        );
    }
}
