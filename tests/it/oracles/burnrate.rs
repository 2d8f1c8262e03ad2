//! Burn rates, budgets and the book's tables: three kinds of file in one folder, told apart by their schema.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use callout::domain::{Name, Ratio, Span, Timestamp, WindowCounts};
use callout::engine;
use callout::engine::levels::LevelKey;
use callout::rules::timeliness::Timeliness;
use callout::rules::{Because, snooze};
use callout::slo::forecast::{Trend, is_red, is_yellow, mean_and_highest, row_by_velocity, share_spent, speed_by_hour};
use callout::slo::policy::{Condition, Limits, Used, conditions};
use callout::slo::{Budget, BudgetStatus, Counts, History, WindowSum, burn, count_slices};

use super::production::{self, Production};

type Outcome = Result<(), String>;

const RULES: [(&str, &str, &str, &str); 4] = [
    ("page_fast", "1h", "5m", "14.4"),
    ("page_slow", "6h", "30m", "6"),
    ("ticket_fast", "1d", "2h", "3"),
    ("ticket_slow", "3d", "6h", "1"),
];

#[test]
fn burn_rate_and_budget_cases() {
    super::judge("burnrate", |case| match text(&case["schema"]) {
        "burnrate-case/1" => scenario(case),
        "book-rules/1" => book(case),
        "for-keepfiring/1" => for_keep_firing(case),
        other => Err(format!("unknown schema `{other}`")),
    });
}

// Reading.

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn whole(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("a whole number is expected: {value}"))
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("a count is expected: {value}"))
}

/// A number, written as text or not.
fn ratio(value: &Value) -> Ratio {
    let written = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ratio::parse(&written).unwrap_or_else(|e| panic!("{e}"))
}

/// The same of a hundred.
fn percent(value: &Value) -> Ratio {
    ratio(value).over(Ratio::new(100, 1).unwrap()).unwrap()
}

fn span(text: &str) -> Span {
    Span::parse(text).unwrap()
}

fn minutes(value: &Value) -> Span {
    Span::from_minutes(whole(value))
}

fn days(value: &Value) -> Span {
    Span::from_hours(24 * whole(value))
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, want: &T) -> Outcome {
    if got == want { Ok(()) } else { Err(format!("{what}: {got:?} instead of {want:?}")) }
}

/// A ratio with a fixed number of digits after the point.
fn fixed(value: Ratio, decimals: u32) -> String {
    let short = value.decimal(decimals);
    let (head, tail) = short.split_once('.').unwrap_or((&short, ""));
    format!("{head}.{tail:0<width$}", width = decimals as usize)
}

/// Compares with a text that may be absent, at the precision in which it is written.
fn same_figure(what: &str, got: Option<Ratio>, want: &Value) -> Outcome {
    let decimals = text(want).split_once('.').map_or(0, |(_, tail)| u32::try_from(tail.len()).unwrap());
    same(what, &got.map(|figure| fixed(figure, decimals)).as_deref(), &want.as_str())
}

// Scenarios.

/// Samples of a run-length coded list, from minute 1.
fn unrolled(runs: &Value) -> Vec<Option<u64>> {
    let repeat = |run: &Value| std::iter::repeat_n(run[1].as_u64(), usize::try_from(whole(&run[0])).unwrap());
    list(runs).iter().flat_map(repeat).collect()
}

/// What one scope of a scenario did.
#[derive(Default)]
struct Seen {
    active: BTreeMap<&'static str, Vec<i64>>,
    holds: Vec<i64>,
    fires: Vec<i64>,
    /// Sums by minute and window.
    sums: BTreeMap<(i64, String), WindowSum>,
}

struct Scope<'a> {
    level: LevelKey,
    expected: &'a Value,
    /// Minutes at which sums are asked for.
    at: BTreeSet<i64>,
    seen: Seen,
}

/// Drives the engine through a scenario, minute by minute, and compares with what a real Prometheus saw.
fn scenario(case: &Value) -> Outcome {
    let base = Timestamp::from_seconds(whole(&case["clock"]["base_unix"]));
    let objective = percent(&case["slo"]["objective_percent"]);
    same("budget", &objective.complement(), &ratio(&case["slo"]["budget_ratio"]))?;
    let rule = &case["depletion_rule"];
    let depletion = timeliness(rule);
    let every = whole(&rule["evaluate_every_minutes"]);
    let policy = production::policy(objective, &RULES, depletion.clone(), minutes(&rule["snooze_minutes"]));
    let mut production = Production::new(policy);
    let series: Vec<_> = list(&case["series"])
        .iter()
        .map(|series| {
            let feed = production::feed(series["labels"]["region"].as_str());
            let samples: Vec<_> = unrolled(&series["total"]).into_iter().zip(unrolled(&series["bad"])).collect();
            (feed, samples)
        })
        .collect();
    let expected = case["expected"].as_object().ok_or("no expectations")?;
    let mut scopes: Vec<(&String, Scope<'_>)> = expected
        .iter()
        .map(|(name, expected)| {
            let region = name.split_once('=').map(|(_, region)| region);
            let is_one = region.is_some() || series.len() == 1;
            let scope = if is_one { production::one(region) } else { engine::levels::Scope::All };
            let at = list(&expected["burn"]["at"]).iter().map(whole).collect();
            (name, Scope { level: production::level(scope), expected, at, seen: Seen::default() })
        })
        .collect();
    for minute in 1..=whole(&case["clock"]["minutes"]) {
        let end = base.plus(Span::from_minutes(minute));
        let index = usize::try_from(minute - 1).unwrap();
        let samples: Vec<_> = series
            .iter()
            .filter_map(|(feed, samples)| match samples.get(index)? {
                (Some(total), Some(bad)) => Some((feed, *bad, *total)),
                _ => None,
            })
            .collect();
        production.minute(end, &samples);
        for (_, scope) in &mut scopes {
            scope.look(&production, minute, end, objective, (&depletion, every));
        }
    }
    for (name, scope) in &scopes {
        scope.compare(objective, every).map_err(|reason| format!("{name}: {reason}"))?;
    }
    Ok(())
}

impl Scope<'_> {
    fn look(&mut self, engine: &Production, minute: i64, end: Timestamp, objective: Ratio, rule: (&Timeliness, i64)) {
        for (name, ..) in RULES {
            if engine.is_firing(&self.level, name) {
                self.seen.active.entry(name).or_default().push(minute);
            }
        }
        let (depletion, every) = rule;
        if minute % every == 0 {
            let sum = engine.sum(&self.level, end, depletion.window);
            if depletion.judge(Some(&window_counts(sum, depletion.window)), objective).0 {
                self.seen.holds.push(minute);
            }
        }
        if engine.depletion_fired(&self.level) == Some(end) {
            self.seen.fires.push(minute);
        }
        if self.at.contains(&minute) {
            let windows = self.expected["burn"].as_object().into_iter().flatten().filter(|(name, _)| *name != "at");
            for (window, _) in windows {
                let sum = engine.sum(&self.level, end, span(window));
                self.seen.sums.insert((minute, window.clone()), sum);
            }
        }
    }

    fn compare(&self, objective: Ratio, every: i64) -> Outcome {
        for (name, ..) in RULES {
            let active = self.seen.active.get(name).cloned().unwrap_or_default();
            same(name, &intervals(active.into_iter(), 1), &pairs(&self.expected["alerts"][name]))?;
        }
        let depletion = &self.expected["depletion"];
        let holds = intervals(self.seen.holds.iter().copied(), every);
        same("condition", &holds, &pairs(&depletion["condition_true"]))?;
        same("fires", &self.seen.fires, &list(&depletion["fires_at"]).iter().map(whole).collect())?;
        burns(&self.seen, objective, &self.expected["burn"])
    }
}

/// Joins instants that are `step` apart to intervals `[from, to)`.
fn intervals(instants: impl Iterator<Item = i64>, step: i64) -> Vec<(i64, i64)> {
    let mut out: Vec<(i64, i64)> = Vec::new();
    for at in instants {
        match out.last_mut() {
            Some((_, to)) if *to == at => *to = at + step,
            _ => out.push((at, at + step)),
        }
    }
    out
}

fn pairs(value: &Value) -> Vec<(i64, i64)> {
    list(value).iter().map(|pair| (whole(&pair[0]), whole(&pair[1]))).collect()
}

fn timeliness(rule: &Value) -> Timeliness {
    Timeliness {
        depletion: percent(&rule["threshold_percent"]),
        window: minutes(&rule["window_minutes"]),
        every: rule.get("evaluate_every_minutes").map_or(Span::ZERO, minutes),
    }
}

/// The counts of a rule's window, as a breach would carry them.
fn window_counts(sum: WindowSum, length: Span) -> WindowCounts {
    WindowCounts { length, good: sum.total - sum.bad, total: sum.total }
}

/// Evaluates a rule every so often and snoozes it after firing: the instants at which it holds, and at which it fires.
fn run_depletion(
    rule: &Value,
    objective: Ratio,
    length: i64,
    at: impl Fn(i64) -> Timestamp,
    sum: impl Fn(Timestamp, Span) -> WindowSum,
) -> (Vec<i64>, Vec<i64>) {
    let timeliness = timeliness(rule);
    let every = timeliness.every.as_millis() / 60_000;
    let quiet = minutes(&rule["snooze_minutes"]);
    let (mut holds, mut fires) = (Vec::new(), Vec::new());
    let mut snoozed: Option<(Timestamp, Timestamp, Option<Name>)> = None;
    for minute in (1..=length).filter(|minute| minute % every == 0) {
        let now = at(minute);
        let counts = window_counts(sum(now, timeliness.window), timeliness.window);
        let (is_above, because) = timeliness.judge(Some(&counts), objective);
        assert_eq!(counts.total == 0, matches!(because, Because::NoTraffic { .. }));
        if !is_above {
            continue;
        }
        holds.push(minute);
        if snooze::judge(snoozed.as_ref(), now, 255, 255, None).0 {
            fires.push(minute);
            snoozed = Some((now, now.plus(quiet), None));
        }
    }
    (holds, fires)
}

#[expect(clippy::cast_precision_loss, reason = "the cases give ten significant digits and say how close to come")]
fn burns(seen: &Seen, objective: Ratio, expected: &Value) -> Outcome {
    let instants = list(&expected["at"]);
    let windows = expected.as_object().ok_or("no burn rates")?.iter().filter(|(name, _)| *name != "at");
    for (window, figures) in windows {
        for (minute, want) in instants.iter().zip(list(figures)) {
            let sum = seen.sums[&(whole(minute), window.clone())];
            let what = format!("burn over {window} at {minute}");
            match (sum.burn(objective), want.as_f64()) {
                (Some(got), Some(want)) => {
                    let got = got.num() as f64 / got.den() as f64;
                    if (got - want).abs() > 1e-9 * want.abs() {
                        return Err(format!("{what}: {got} instead of {want}"));
                    }
                }
                (None, None) => {
                    let word = if sum.minutes == 0 { Value::Null } else { "no_traffic".into() };
                    same(&what, &word, want)?;
                }
                (got, _) => return Err(format!("{what}: {got:?} instead of {want}")),
            }
        }
    }
    Ok(())
}

// `for` and `keep_firing_for`.

fn for_keep_firing(file: &Value) -> Outcome {
    for case in list(&file["cases"]) {
        let seconds = |name: &str| Span::from_seconds(whole(&case[name]));
        let (hold, keep) = (seconds("for_seconds"), seconds("keep_firing_for_seconds"));
        let interval = seconds("evaluation_interval_seconds");
        let mut now = Timestamp::from_seconds(0);
        let mut state = burn::AlertState::default();
        let mut states = String::new();
        for condition in text(&case["condition"]).chars() {
            state = state.after(condition == '1', now, hold, keep);
            states.push(match state {
                burn::AlertState::Inactive => 'i',
                burn::AlertState::Pending { .. } => 'p',
                burn::AlertState::Firing { .. } => 'f',
            });
            now = now.plus(interval);
        }
        same(text(&case["id"]), &states.as_str(), &text(&case["expected"]))?;
    }
    Ok(())
}

// The book's tables.

/// How a section of the book's tables is judged, row by row.
type Section = (&'static str, fn(&Value) -> Outcome);

const SECTIONS: [Section; 12] = [
    ("depletion_instant", depletion_instant),
    ("depletion_timeline", depletion_timeline),
    ("priority_by_left", priority_by_left),
    ("priority_by_velocity", priority_by_velocity),
    ("speed", speed),
    ("policy_conditions", policy_conditions),
    ("budget_remaining", budget_remaining),
    ("yellow_red", yellow_red),
    ("burn_factor", burn_factor),
    ("reachable", reachable),
    ("budget_minutes", budget_minutes),
    ("time_slices", time_slices),
];

fn book(file: &Value) -> Outcome {
    let mut failures = Vec::new();
    let sections = file.as_object().ok_or("no sections")?.iter().filter(|(_, rows)| rows.is_array());
    for (name, rows) in sections {
        let Some((_, judge)) = SECTIONS.iter().find(|(section, _)| section == name) else {
            failures.push(format!("unknown section `{name}`"));
            continue;
        };
        for (number, row) in list(rows).iter().enumerate() {
            failures.extend(judge(row).err().map(|reason| format!("{name}[{number}]: {reason}")));
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
}

fn depletion_instant(row: &Value) -> Outcome {
    let (rule, objective) = (timeliness(row), percent(&row["objective_percent"]));
    let sum = WindowSum { bad: count(&row["bad"]), total: count(&row["total"]), minutes: 1 };
    let (fires, _) = rule.judge(Some(&window_counts(sum, rule.window)), objective);
    same("fire", &fires, &row["fire"].as_bool().unwrap())?;
    let hundred = Ratio::new(100, 1).unwrap();
    same_figure("depletion", sum.burn(objective).map(|burn| burn.times(hundred)), &row["depletion_percent"])
}

/// Bad events by minute (from 1) of inclusive runs; later runs override.
fn bad_by_minute(row: &Value) -> Vec<u64> {
    let mut bad = vec![0; usize::try_from(whole(&row["minutes"])).unwrap() + 1];
    for run in list(&row["bad_runs"]) {
        let (first, last) = (usize::try_from(whole(&run[0])).unwrap(), usize::try_from(whole(&run[1])).unwrap());
        bad[first..=last].fill(count(&run[2]));
    }
    bad
}

fn even_traffic(row: &Value) -> History {
    let total = count(&row["total_per_minute"]);
    let mut history = History::default();
    for (minute, bad) in (0..).zip(bad_by_minute(row)).skip(1) {
        history.put(minute, Counts::default(), Counts { bad, total });
    }
    history
}

fn depletion_timeline(row: &Value) -> Outcome {
    let history = even_traffic(row);
    let at = |minute: i64| Timestamp::from_seconds(60 * minute);
    let objective = percent(&row["objective_percent"]);
    let (_, fires) = run_depletion(row, objective, whole(&row["minutes"]), at, |at, window| history.sum(at, window));
    same("fires", &fires, &list(&row["fires_at"]).iter().map(whole).collect())
}

fn priority_name(row: Option<u8>) -> Option<String> {
    row.map(|row| format!("P{row}"))
}

fn priority_by_left(row: &Value) -> Outcome {
    let left = ratio(&row["budget_left"]).times(Ratio::new(100, 1).unwrap()).decimal(12);
    let trend = Trend {
        budget: Budget::from_remaining_percent(&left).ok_or("no budget")?,
        elapsed: Span::from_hours(whole(&row["elapsed_hours"])),
        period: Span::from_hours(whole(&row["period_hours"])),
        spent_lately: ratio(&row["depleted_in_trend_window"]),
        window: Span::from_hours(whole(&row["trend_window_hours"])),
    };
    same_figure("exhaustion", trend.exhausted_after_hours(), &row["projected_exhaustion_hours"])?;
    same("priority", &priority_name(trend.row_by_left()).as_deref(), &row["priority"].as_str())
}

fn priority_by_velocity(row: &Value) -> Outcome {
    let history = even_traffic(row);
    let objective = percent(&row["objective_percent"]);
    let expected_total = count(&row["total_per_minute"]) * u64::try_from(whole(&row["period_days"])).unwrap() * 1_440;
    let budget_events = objective.complement().times(Ratio::new(expected_total, 1).unwrap());
    same_figure("budget", Some(budget_events), &row["budget_events"])?;
    let mut changes: Vec<(i64, Option<String>)> = Vec::new();
    let mut before = None;
    for minute in 1..=whole(&row["minutes"]) {
        let at = Timestamp::from_seconds(60 * minute);
        let priority = priority_name(row_by_velocity(|window| history.sum(at, window).bad, budget_events));
        if priority != before {
            changes.push((minute, priority.clone()));
            before = priority;
        }
    }
    let want = list(&row["priority_changes"]).iter();
    same("changes", &changes, &want.map(|c| (whole(&c[0]), c[1].as_str().map(str::to_owned))).collect())
}

fn speed(row: &Value) -> Outcome {
    let of = |incident: &Value| speed_by_hour(ratio(&incident[1]), Span::from_hours(whole(&incident[2])));
    let speeds: Vec<Ratio> = list(&row["incidents"]).iter().filter_map(of).collect();
    let figures = [("speed_exact", 6), ("speed_1dp", 1)];
    for (field, decimals) in figures {
        let got: Vec<String> = speeds.iter().map(|speed| fixed(*speed, decimals)).collect();
        same(field, &got, &list(&row[field]).iter().map(|v| text(v).to_owned()).collect())?;
    }
    let (mean, highest) = mean_and_highest(&speeds).ok_or("no speeds")?;
    same_figure("average", Some(mean), &row["average_exact"])?;
    same_figure("highest", Some(highest), &row["highest_exact"])?;
    same_figure("average, rounded once", Some(mean), &row["average_1dp_from_exact"])?;
    let rounded: Vec<Ratio> = speeds.iter().map(|s| Ratio::parse(&fixed(*s, 1)).unwrap()).collect();
    same_figure(
        "average of rounded figures",
        mean_and_highest(&rounded).map(|(mean, _)| mean),
        &row["average_1dp_from_rounded"],
    )
}

fn policy_conditions(row: &Value) -> Outcome {
    let bad: Vec<u64> = list(&row["bad_per_day"]).iter().map(count).collect();
    let period_days = u64::try_from(whole(&row["period_days"])).unwrap();
    let expected_total = Ratio::new(count(&row["total_per_day"]) * period_days, 1).unwrap();
    let budget_events = percent(&row["objective_percent"]).complement().times(expected_total);
    same_figure("budget", Some(budget_events), &row["budget_events"])?;
    let share = |days: usize| {
        let bad = bad.iter().rev().take(days).sum();
        Ratio::new(bad, 1).unwrap().over(budget_events).unwrap()
    };
    let used = Used { in_period: share(bad.len()), in_24h: share(1), in_7d: share(7) };
    let limits = Limits {
        in_period: percent(&row["b_percent"]),
        in_24h: percent(&row["e_percent"]),
        in_7d: percent(&row["f_percent"]),
    };
    let expect = &row["expect"];
    let hundred = Ratio::new(100, 1).unwrap();
    same_figure("depleted", Some(used.in_period.times(hundred)), &expect["depleted"])?;
    same_figure("last 24 h", Some(used.in_24h.times(hundred)), &expect["last_24h"])?;
    same_figure("last 7 d", Some(used.in_7d.times(hundred)), &expect["last_7d"])?;
    let names = [
        (Condition::ExhaustedEarly, "A"),
        (Condition::Used, "B"),
        (Condition::UsedFast, "E"),
        (Condition::UsedSlowly, "F"),
    ];
    let want = names.into_iter().filter(|(_, name)| expect[name].as_bool().unwrap()).map(|(condition, _)| condition);
    same("conditions", &conditions(used, limits, bad.len() as u64 >= period_days), &want.collect())
}

fn budget_remaining(row: &Value) -> Outcome {
    let budget = Budget::of_sli(percent(&row["sli"]), percent(&row["slo_target"])).ok_or("no budget")?;
    let got = budget.remaining_percent(4);
    let number = got.trim_end_matches('%');
    let (sign, size) = number.strip_prefix('-').map_or(("", number), |size| ("-", size));
    let got = format!("{sign}{}", fixed(Ratio::parse(size).unwrap(), 4));
    same("remaining", &got.as_str(), &text(&row["remaining_percent"]))?;
    let words = [
        (BudgetStatus::Healthy, "Healthy"),
        (BudgetStatus::Depleting, "Depleting"),
        (BudgetStatus::Endangered, "Endangered"),
        (BudgetStatus::Exhausted, "Exhausted"),
    ];
    let word = words.into_iter().find(|(status, _)| *status == budget.status()).map(|(_, word)| word);
    same("status", &word, &row["status"].as_str())
}

fn yellow_red(row: &Value) -> Outcome {
    let period = days(&row["period_days"]);
    let (hour, two) = (ratio(&row["burn_1h"]), ratio(&row["burn_2h"]));
    let percent = share_spent(hour, Span::from_hours(24), period).map(|s| s.times(Ratio::new(100, 1).unwrap()));
    same_figure("share of a day", percent, &row["percent_of_budget_if_1h_rate_lasts_24h"])?;
    let period_days = Ratio::new(u64::try_from(whole(&row["period_days"])).unwrap(), 1).unwrap();
    same_figure("days", period_days.over(two), &row["days_to_spend_whole_budget_at_2h_rate"])?;
    same("yellow", &is_yellow(hour, period), &row["yellow"].as_bool().unwrap())?;
    same("red", &is_red(two, period), &row["red"].as_bool().unwrap())
}

fn burn_factor(row: &Value) -> Outcome {
    let long = Span::from_hours(whole(&row["long_window_hours"]));
    let factor = burn::factor_of_share(percent(&row["budget_percent"]), days(&row["period_days"]), long);
    same_figure("factor", factor, &row["burn_rate"])
}

fn reachable(row: &Value) -> Outcome {
    let objective = percent(&row["objective_percent"]);
    same_figure("fastest", burn::fastest(objective), &row["max_possible_burn"])?;
    same("reachable", &burn::can_fire(ratio(&row["burn_rate"]), objective), &row["can_fire"].as_bool().unwrap())
}

fn budget_minutes(row: &Value) -> Outcome {
    let minutes = Budget::outage_minutes(percent(&row["objective_percent"]), days(&row["period_days"]));
    same_figure("minutes", Some(minutes), &row["full_outage_minutes"])
}

fn time_slices(row: &Value) -> Outcome {
    let slices = list(&row["slices"]).iter().map(|slice| (count(&slice[0]), count(&slice[1])));
    let sum = count_slices(slices, ratio(&row["slice_target"]));
    same("good", &(sum.total - sum.bad), &count(&row["good_slices"]))?;
    same("bad", &sum.bad, &count(&row["bad_slices"]))?;
    same_figure("burn", sum.burn(percent(&row["objective_percent"])), &row["burn"])
}
