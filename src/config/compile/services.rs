//! `[services]` and their SLOs, and the packs of burn-rate rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Compiler;
use super::teams::raises;
use crate::config::diagnostic::{Diagnostic, quotable};
use crate::config::format;
use crate::config::keys;
use crate::config::shape::Table;
use crate::config::source::Place;
use crate::config::tree::{Entry, Node, Value};
use crate::config::view::View;
use crate::domain::{Name, Ratio, Span};
use crate::engine::level_event::POLICY_PREFIX;
use crate::engine::policy::{BudgetPolicy, ConditionKind, PolicyCondition, Service, Slo};
use crate::rules::burn_rate::{BurnPair, Share, Tier};
use crate::rules::timeliness::Timeliness;

/// Error budget period where none is set: four weeks.
const PERIOD_DEFAULT: Span = Span::from_hours(28 * 24);
/// How often timeliness is evaluated where it is not said.
const EVERY_DEFAULT: Span = Span::from_minutes(5);

/// Keys of a budget policy's conditions, in order of the table.
const CONDITIONS: [(&str, ConditionKind); 6] = [
    ("exhausted", ConditionKind::Exhausted),
    ("used", ConditionKind::Used),
    ("by_incident", ConditionKind::ByIncident),
    ("used_24h", ConditionKind::UsedFast),
    ("used_7d", ConditionKind::UsedSlowly),
    ("by_dependency", ConditionKind::ByDependency),
];

impl Compiler<'_> {
    pub(super) fn services(&mut self) -> BTreeMap<Name, Service> {
        let packs = self.packs();
        let policies = self.budget_policies();
        let entries: Vec<&Entry> = self.things("services").collect();
        entries
            .into_iter()
            .filter_map(|entry| Some((Name::from(entry.key.as_str()), self.service(entry, &packs, &policies)?)))
            .collect()
    }

    fn budget_policies(&self) -> BTreeMap<Name, Arc<BudgetPolicy>> {
        let read = |entry: &Entry| {
            let view = View::entry(entry, &keys::BUDGET_POLICY);
            let condition = |(key, kind): (&'static str, ConditionKind)| {
                let node = view.get(key)?;
                let known =
                    if kind == ConditionKind::Exhausted { &keys::POLICY_EXHAUSTED } else { &keys::POLICY_SHARE };
                let view = View::item(node, known);
                let share = match kind {
                    ConditionKind::Exhausted => Ratio::ONE,
                    _ => format::percent(view.text("share")?).ok()?,
                };
                Some(PolicyCondition {
                    rule: Name::from(format!("{POLICY_PREFIX}{key}")),
                    kind,
                    share,
                    consequence: view.name("consequence").unwrap_or_default(),
                    freeze: view.truth("freeze", false),
                })
            };
            let name = Name::from(entry.key.as_str());
            let conditions = CONDITIONS.into_iter().filter_map(condition).collect();
            (name.clone(), Arc::new(BudgetPolicy { name, conditions }))
        };
        self.things("budget_policies").map(read).collect()
    }

    fn packs(&mut self) -> BTreeMap<Name, Vec<BurnPair>> {
        let mut packs = BTreeMap::new();
        for entry in self.things("burn") {
            let pairs = View::entry(entry, &keys::BURN).items("pairs").iter();
            let mut read: Vec<BurnPair> = Vec::new();
            for item in pairs {
                let view = View::item(item, &keys::BURN_PAIR);
                self.factor_or_share(&view);
                let Some(pair) = burn_pair(&view) else { continue };
                if pair.short >= pair.long && view.get("short").is_some() {
                    self.findings.push(
                        Diagnostic::error(
                            "bad-pair",
                            view.place_of("short"),
                            format!(
                                "the short window ({}) is not shorter than the long one ({})",
                                pair.short, pair.long
                            ),
                        )
                        .also(view.place_of("long"), "the long one"),
                    );
                }
                if read.iter().any(|p| p.name == pair.name) {
                    self.error(
                        "defined-twice",
                        view.place_of("name"),
                        format!("this pack has two pairs called `{}`", quotable(&pair.name)),
                    );
                }
                read.push(pair);
            }
            packs.insert(Name::from(entry.key.as_str()), read);
        }
        packs
    }

    /// A pair has a factor or a share, and not both.
    fn factor_or_share(&mut self, view: &View<'_>) {
        let finding = match (view.get("factor"), view.get("share")) {
            (Some(_), Some(_)) => {
                Diagnostic::error("two-of-one", view.place_of("share"), "both `factor` and `share` are set")
                    .also(view.place_of("factor"), "the other one")
                    .hint("keep one of the two")
            }
            (None, None) => Diagnostic::error("missing-key", view.place, "a pair needs `factor` or `share`")
                .hint("write `factor = 14.4`, or `share = \"2%\"` to have the factor follow the period"),
            _ => return,
        };
        self.findings.push(finding);
    }

    fn service(
        &mut self,
        entry: &Entry,
        packs: &BTreeMap<Name, Vec<BurnPair>>,
        policies: &BTreeMap<Name, Arc<BudgetPolicy>>,
    ) -> Option<Service> {
        let view = View::entry(entry, &keys::SERVICE);
        let policy = view.text("budget_policy").and_then(|name| policies.get(name));
        let mut links = links(&view);
        for title in ["runbook", "dashboard", "logs"] {
            if let Some(url) = view.string(title)
                && links.insert(title.into(), url).is_some()
            {
                self.findings.push(
                    Diagnostic::error(
                        "defined-twice",
                        view.place_of(title),
                        format!("the link `{title}` is defined twice"),
                    )
                    .hint("it is in `links` too; keep one of the two"),
                );
            }
        }
        let mut slos = Vec::new();
        let mut names: BTreeMap<Name, Place> = BTreeMap::new();
        let mut subjects: BTreeMap<(Option<Name>, Name), Place> = BTreeMap::new();
        for item in view.items("slo") {
            let view = View::item(item, &keys::SLO);
            let (Some(name), Some(sli)) = (view.name("name"), view.name("sli")) else { continue };
            let place = view.place_of("name");
            if let Some(first) = names.insert(name.clone(), place) {
                self.findings.push(
                    Diagnostic::error(
                        "defined-twice",
                        place,
                        format!("two SLOs of this service are called `{}`", quotable(&name)),
                    )
                    .also(first, "the other one"),
                );
            }
            let endpoint = view.name("endpoint");
            if let Some(first) = subjects.insert((endpoint.clone(), sli.clone()), place) {
                self.findings.push(
                    Diagnostic::warning("same-subject", place, "two SLOs have the same endpoint and SLI")
                        .also(first, "the other one")
                        .note("a breach that does not name its SLO goes to the first"),
                );
            }
            slos.extend(slo(&view, name, endpoint, sli, packs, policy).map(Arc::new));
        }
        let defaults = view.get("default_slo").map(Node::entries).unwrap_or_default();
        let default_slos = defaults.iter().filter_map(|e| {
            let sli = Name::from(e.key.as_str());
            let name = Name::from(format!("default {sli} of {}", entry.key));
            let shape: &'static Table = &keys::DEFAULT_SLO;
            Some((sli.clone(), Arc::new(slo(&View::entry(e, shape), name, None, sli, packs, policy)?)))
        });
        Some(Service {
            team: view.name("team")?,
            environments: view.names("environments"),
            depends_on: view.names("depends_on"),
            links,
            slos,
            default_slos: default_slos.collect(),
        })
    }
}

fn links(view: &View<'_>) -> BTreeMap<Name, String> {
    let entries = view.get("links").map(Node::entries).unwrap_or_default();
    entries.iter().filter_map(|e| Some((Name::from(e.key.as_str()), e.node.text()?.to_owned()))).collect()
}

fn slo(
    view: &View<'_>,
    name: Name,
    endpoint: Option<Name>,
    sli: Name,
    packs: &BTreeMap<Name, Vec<BurnPair>>,
    policy: Option<&Arc<BudgetPolicy>>,
) -> Option<Slo> {
    let alert = view.get("alert").map(|node| View::item(node, &keys::ALERT_TABLE));
    let snooze = alert.and_then(|a| a.span("snooze"));
    let timeliness = alert.and_then(|a| {
        Some(Timeliness {
            depletion: format::percent(a.text("depletion")?).ok()?,
            window: a.span("window")?,
            every: a.span("every").unwrap_or(EVERY_DEFAULT),
        })
    });
    let period = view.span("period").unwrap_or(PERIOD_DEFAULT);
    let pack = view.text("burn").and_then(|pack| packs.get(pack)).map(Vec::as_slice).unwrap_or_default();
    Some(Slo {
        name,
        endpoint,
        sli,
        objective: format::objective(view.text("objective")?).ok()?,
        threshold: view.span("threshold"),
        period,
        priority: view.name("priority"),
        reason: view.string("reason"),
        alert: timeliness,
        snooze,
        burn: pack.iter().map(|pair| pair.for_period(period)).collect(),
        raise: raises(view),
        links: links(view),
        expected_per_day: view.count("expected_per_day"),
        policy: policy.cloned(),
    })
}

fn burn_pair(view: &View<'_>) -> Option<BurnPair> {
    let factor = view.get("factor").and_then(|node| match &node.value {
        Value::Text(text) | Value::Number(text) => format::decimal(text).ok(),
        Value::Whole(number) => format::decimal(&number.to_string()).ok(),
        _ => None,
    });
    let long = view.span("long")?;
    let share = view.text("share").and_then(|text| format::percent(text).ok());
    let share = share.map(|of_budget| Share { of_budget, within: view.span("within").unwrap_or(long) });
    let pair = BurnPair::new(
        view.name("name")?,
        factor.or(share.map(|_| Ratio::ZERO))?,
        long,
        view.span("short").unwrap_or(long),
    );
    let count = |key| view.number(key).map_or(0, u64::from);
    Some(BurnPair {
        share,
        at_least: view.truth("at_least", false),
        tier: if view.truth("ticket", false) { Tier::Ticket } else { Tier::Page },
        hold: view.span("for").unwrap_or(Span::ZERO),
        keep: view.span("keep").unwrap_or(Span::ZERO),
        min_bad: count("min_bad"),
        min_total: count("min_total"),
        ..pair
    })
}
