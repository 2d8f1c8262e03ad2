//! Alert rules that can't fire. A rule fires when the share of bad events exceeds factor x budget, strictly; that share is never
//! above 100 %, so factor x budget must be below 1. Source: SRE workbook, chapter 5; decision 7 of the SLO semantics.

use super::{Subject, items};
use crate::config::diagnostic::{Diagnostic, Findings, quotable};
use crate::config::source::Place;
use crate::config::tree::Node;
use crate::domain::{Ratio, Span};
use crate::engine::policy::Slo;
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
    single_failure(slo, place(node, "burn"), place(node, "expected_per_day"), findings);
}

/// Pairs that page for one failed request at the traffic that is expected: a burn of hundreds for a few minutes, and nothing to react to.
fn single_failure(slo: &Slo, at: Place, traffic: Place, findings: &mut Findings) {
    let Some(per_day) = slo.expected_per_day else { return };
    let budget = slo.objective.complement();
    let events = |window: Span| per_day.saturating_mul(window.as_millis().unsigned_abs()) / 86_400_000;
    let fires = |pair: &&BurnPair| {
        let alone = |window| exceeds(1, events(window).max(1), pair.factor, budget);
        pair.min_bad <= 1 && pair.min_total <= events(pair.long) && alone(pair.long) && alone(pair.short)
    };
    let nervous: Vec<&BurnPair> = slo.burn.iter().filter(fires).collect();
    if nervous.is_empty() {
        return;
    }
    let mut finding = Diagnostic::warning(
        "single-failure",
        at,
        format!("one failed request alone fires rules of `{}`", quotable(&slo.name)),
    )
    .also(traffic, "the traffic");
    for pair in nervous {
        let seen = events(pair.long).max(1);
        let burn = Ratio::new(1, seen).and_then(|bad| bad.over(budget)).unwrap_or(Ratio::ZERO);
        finding = finding.note(format!(
            "`{}`: about {seen} requests in {}, so one failure is {} times the budget; it fires above {} times",
            quotable(&pair.name),
            pair.long,
            burn.decimal(1),
            pair.factor.decimal(4)
        ));
    }
    findings.push(finding.hint("use the pack `low-traffic`, or set `min_bad` to 2 or 3"));
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
