//! Alert rules that can't fire. A rule fires when the share of bad events exceeds factor x budget, strictly; that share is never
//! above 100 %, so factor x budget must be below 1. Source: SRE workbook, chapter 5; decision 7 of the SLO semantics.

use super::{Subject, items};
use crate::config::diagnostic::{Diagnostic, Findings, quotable};
use crate::config::source::Place;
use crate::config::tree::Node;
use crate::domain::{Ratio, Span};
use crate::engine::level_absence::ABSENCE_TOLD;
use crate::engine::policy::{ConditionKind, Slo};
use crate::rules::burn_rate::BurnPair;
use crate::slo::exceeds;

pub(super) fn prove(subject: &Subject<'_>, findings: &mut Findings) {
    for (name, service) in &subject.policy.services {
        let explicit = items(subject.value("services", name, "slo"));
        for slo in &service.slos {
            let node = explicit.iter().find(|n| n.get("name").and_then(Node::text) == Some(slo.name.as_str()));
            if let Some(node) = node {
                check(slo, node, findings);
            }
        }
        for (sli, slo) in &service.default_slos {
            if let Some(node) = subject.value("services", name, "default_slo").and_then(|d| d.get(sli)) {
                check(slo, node, findings);
            }
        }
    }
}

fn check(slo: &Slo, node: &Node, findings: &mut Findings) {
    let place = |node: &Node, key: &str| node.get(key).map_or(node.place, |n| n.place);
    let objective = place(node, "objective");
    if let (Some(rule), Some(alert)) = (&slo.alert, node.get("alert")) {
        timeliness(slo, rule.depletion, place(alert, "depletion"), objective, findings);
        if rule.every > rule.window {
            findings.push(
                Diagnostic::warning(
                    "unseen-time",
                    place(alert, "every"),
                    format!("evaluated every {} over a window of {}", rule.every, rule.window),
                )
                .also(place(alert, "window"), "the window")
                .note("what happens between two windows is never looked at"),
            );
        }
    }
    burn(slo, place(node, "burn"), objective, findings);
    absence(slo, place(node, "no_data"), findings);
    budget_policy(slo, objective, findings);
    let traffic = if slo.slice.is_some() { "slice" } else { "expected_per_day" };
    single_failure(slo, place(node, "burn"), place(node, traffic), findings);
}

/// Pairs that page for one failed request at the traffic that is expected: a burn of hundreds for a few minutes, and nothing to react to.
fn single_failure(slo: &Slo, at: Place, traffic: Place, findings: &mut Findings) {
    let budget = slo.objective.complement();
    let (per_day, one, many) = match (slo.slice, slo.expected_per_day) {
        (Some(slice), _) => (86_400_000 / slice.length().as_millis().unsigned_abs().max(1), "bad slice", "slices"),
        (None, Some(per_day)) => (per_day, "failed request", "requests"),
        (None, None) => return,
    };
    let events = |window: Span| per_day.saturating_mul(window.as_millis().unsigned_abs()) / 86_400_000;
    let fires = |pair: &&BurnPair| {
        let alone = |window| exceeds(1, events(window).max(1), pair.factor, budget);
        pair.min_bad <= 1 && pair.min_total <= events(pair.long) && alone(pair.long) && alone(pair.short)
    };
    let nervous: Vec<&BurnPair> = slo.burn.iter().filter(fires).collect();
    if nervous.is_empty() {
        return;
    }
    let mut finding =
        Diagnostic::warning("single-failure", at, format!("one {one} alone fires rules of `{}`", quotable(&slo.name)))
            .also(traffic, if slo.slice.is_some() { "the slices" } else { "the traffic" });
    for pair in nervous {
        let seen = events(pair.long).max(1);
        let burn = Ratio::new(1, seen).and_then(|bad| bad.over(budget)).unwrap_or(Ratio::ZERO);
        finding = finding.note(format!(
            "`{}`: about {seen} {many} in {}, so one {one} is {} times the budget; it fires {} {} times",
            quotable(&pair.name),
            pair.long,
            burn.decimal(1),
            if pair.at_least { "at" } else { "above" },
            pair.factor.decimal(4)
        ));
    }
    findings.push(if slo.slice.is_some() {
        finding.hint("take shorter slices or a lower objective, or set `min_bad` to 2 or 3")
    } else {
        finding.hint("use the pack `low-traffic`, or set `min_bad` to 2 or 3")
    });
}

/// A source that is silent for a week is taken as gone, before a longer time is over.
fn absence(slo: &Slo, at: Place, findings: &mut Findings) {
    if slo.no_data.as_ref().is_some_and(|rule| rule.after >= ABSENCE_TOLD) {
        findings.push(
            Diagnostic::error(
                "never-fires",
                at,
                format!("the rule `no_data` of `{}` can never fire", quotable(&slo.name)),
            )
            .note(format!("a source that is silent for {ABSENCE_TOLD} is taken as gone"))
            .hint("write for example `for = \"1h\"`"),
        );
    }
}

/// Conditions of the error budget policy that no outage can reach, since a window of total failure spends less.
fn budget_policy(slo: &Slo, at: Place, findings: &mut Findings) {
    let Some(policy) = &slo.policy else { return };
    let period = slo.period.longest();
    for condition in &policy.conditions {
        let window = match condition.kind {
            ConditionKind::UsedFast => Span::from_hours(24),
            ConditionKind::UsedSlowly => Span::from_hours(7 * 24),
            _ => continue,
        };
        let share = Ratio::new(window.min(period).as_millis().unsigned_abs(), period.as_millis().unsigned_abs());
        let most = share.and_then(|share| share.over(slo.objective.complement()));
        let Some(most) = most.filter(|most| *most < condition.share) else { continue };
        findings.push(
            Diagnostic::warning(
                "never-fires",
                at,
                format!(
                    "`{}` of the policy `{}` can never hold for `{}`",
                    condition.rule,
                    quotable(&policy.name),
                    quotable(&slo.name)
                ),
            )
            .note(format!(
                "with everything failing for {window}, {} of the budget of {} goes, and it wants {}",
                most.percent(1),
                slo.period,
                condition.share.percent(4)
            ))
            .hint("such an objective is met with days of outage; set a higher one, or a lower share"),
        );
    }
}

fn timeliness(slo: &Slo, depletion: Ratio, at: Place, objective: Place, findings: &mut Findings) {
    let budget = slo.objective.complement();
    let limit = budget.times(depletion);
    if limit < Ratio::ONE {
        return;
    }
    let most = Ratio::ONE.over(budget).unwrap_or(Ratio::ONE);
    findings.push(
        Diagnostic::error("never-fires", at, format!("the alert of `{}` can never fire", quotable(&slo.name)))
            .also(objective, "the objective")
            .note(format!(
                "{} of the {} budget is {}, and no more than 100% of requests can fail",
                depletion.percent(4),
                budget.percent(4),
                limit.percent(4)
            ))
            .hint(format!("set `depletion` below {}", most.percent(2))),
    );
}

fn burn(slo: &Slo, at: Place, objective: Place, findings: &mut Findings) {
    let budget = slo.objective.complement();
    let dead: Vec<_> = slo.burn.iter().filter(|pair| pair.factor.times(budget) >= Ratio::ONE).collect();
    let Some(worst) = dead.iter().map(|pair| pair.factor).max() else { return };
    let all = dead.len() == slo.burn.len();
    let name = quotable(&slo.name);
    let mut finding = if all {
        Diagnostic::error("never-fires", at, format!("no burn-rate rule of `{name}` can ever fire"))
    } else {
        let (dead, all) = (dead.len(), slo.burn.len());
        Diagnostic::warning("never-fires", at, format!("{dead} of {all} burn-rate rules of `{name}` can never fire"))
    };
    finding = finding.also(objective, "the objective");
    for pair in &dead {
        finding = finding.note(format!(
            "`{}`: {} x the {} budget is {}, and no more than 100% of requests can fail",
            quotable(&pair.name),
            pair.factor.decimal(4),
            budget.percent(4),
            budget.times(pair.factor).percent(4)
        ));
    }
    let least = Ratio::ONE.over(worst).unwrap_or(Ratio::ONE).complement();
    findings.push(finding.hint(format!(
        "a factor of {} needs an objective above {}; use a pack with lower factors",
        worst.decimal(4),
        least.percent(2)
    )));
}
