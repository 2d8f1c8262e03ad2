//! Service levels, packs of burn-rate rules and error budget policies.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Compiler;
use super::teams::raises;
use crate::config::diagnostic::{Diagnostic, quotable};
use crate::config::format;
use crate::config::keys;
use crate::config::levels::{PeriodText, period};
use crate::config::tree::{Node, Value};
use crate::config::view::View;
use crate::domain::{Name, Ratio, Span};
use crate::engine::level_event::POLICY_PREFIX;
use crate::engine::policy::{Absence, BudgetPolicy, ConditionKind, PolicyCondition, SilverBullets, Slo};
use crate::rules::burn_rate::{BurnPair, Share, Tier};
use crate::rules::timeliness::Timeliness;
use crate::slo::{Period, Slice};

/// How long something must be missing where it is not said: as long as a fast page needs, and a restart of the source takes.
const ABSENCE_DEFAULT: Span = Span::from_minutes(10);
/// How long a silver bullet opens the gate where it is not said.
const BULLET_DEFAULT: Span = Span::from_hours(24);
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
    pub(super) fn budget_policies(&mut self) -> BTreeMap<Name, Arc<BudgetPolicy>> {
        let mut policies = BTreeMap::new();
        for entry in self.things("budget_policies") {
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
            let silver_bullets = view.get("silver_bullets").and_then(|node| self.silver_bullets(node));
            policies.insert(name.clone(), Arc::new(BudgetPolicy { name, conditions, silver_bullets }));
        }
        policies
    }

    fn silver_bullets(&mut self, node: &Node) -> Option<SilverBullets> {
        let view = View::item(node, &keys::SILVER_BULLETS);
        let written = view.text("per").map_or(Some(PeriodText::Quarter), |text| period(text).ok())?;
        let zone = self.zone.clone();
        Some(SilverBullets {
            most: view.number("most")?,
            period: self.period_in(written, &zone),
            lasts: view.span("lasts").unwrap_or(BULLET_DEFAULT),
        })
    }

    pub(super) fn packs(&mut self) -> BTreeMap<Name, Vec<BurnPair>> {
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

    /// An SLO; `None` when what it needs has mistakes.
    pub(super) fn slo(
        &mut self,
        view: &View<'_>,
        subject: (Name, Option<Name>, Name),
        packs: &BTreeMap<Name, Vec<BurnPair>>,
        policy: Option<&Arc<BudgetPolicy>>,
    ) -> Option<Slo> {
        let (name, endpoint, sli) = subject;
        let alert = view.get("alert").map(|node| View::item(node, &keys::ALERT_TABLE));
        let snooze = alert.and_then(|a| a.span("snooze"));
        let timeliness = alert.and_then(|a| {
            Some(Timeliness {
                depletion: format::percent(a.text("depletion")?).ok()?,
                window: a.span("window")?,
                every: a.span("every").unwrap_or(EVERY_DEFAULT),
            })
        });
        let period = self.period(view);
        let pack = view.text("burn").and_then(|pack| packs.get(pack)).map(Vec::as_slice).unwrap_or_default();
        let objective = format::objective(view.text("objective")?).ok()?;
        let slo = Slo {
            endpoint,
            threshold: view.span("threshold"),
            from_next_period: self.waits_for_period(view, &period),
            slice: self.slice(view),
            priority: view.name("priority"),
            reason: view.string("reason"),
            alert: timeliness,
            snooze,
            burn: pack.iter().map(|pair| pair.for_period(period.longest())).collect(),
            raise: raises(view),
            links: links(view),
            expected_per_day: view.count("expected_per_day"),
            policy: policy.cloned(),
            min_coverage: self.min_coverage(view),
            no_data: view.get("no_data").map(absence),
            no_traffic: view.get("no_traffic").map(absence),
            period,
            ..Slo::new(name, sli, objective)
        };
        self.windows_hold_slices(view, &slo);
        Some(slo)
    }

    fn waits_for_period(&mut self, view: &View<'_>, period: &Period) -> bool {
        let wanted = view.text("effective") == Some("next_period");
        if wanted && !period.is_calendar() {
            self.findings.push(
                Diagnostic::error("bad-period", view.place_of("effective"), "a rolling period has no next one")
                    .hint("drop `effective`, or use a period of the calendar: `period = \"month\"`"),
            );
        }
        wanted
    }

    fn slice(&mut self, view: &View<'_>) -> Option<Slice> {
        let view = View::item(view.get("slice")?, &keys::SLICE);
        let target = format::percent(view.text("target")?).ok()?;
        let length = view.span("length")?;
        let minutes = length.as_millis() / 60_000;
        if Span::from_minutes(minutes) != length || minutes < 1 || 60 % minutes != 0 {
            self.findings.push(
                Diagnostic::error(
                    "bad-slice",
                    view.place_of("length"),
                    format!("an hour is not made of slices of {length}"),
                )
                .hint("write 1m, 2m, 3m, 4m, 5m, 6m, 10m, 12m, 15m, 20m, 30m or 1h"),
            );
            return None;
        }
        if target > Ratio::ONE {
            self.error("out-of-range", view.place_of("target"), "no slice can be better than 100%");
            return None;
        }
        Some(Slice { minutes, target })
    }

    /// A window that is shorter than a slice holds one only now and then.
    fn windows_hold_slices(&mut self, view: &View<'_>, slo: &Slo) {
        let Some(slice) = slo.slice else { return };
        let short = slo.burn.iter().find(|pair| pair.short < slice.length());
        if let Some(pair) = short {
            self.findings.push(
                Diagnostic::error(
                    "bad-slice",
                    view.place_of("burn"),
                    format!(
                        "the short window of `{}`, {}, is shorter than a slice of {}",
                        quotable(&pair.name),
                        pair.short,
                        slice.length()
                    ),
                )
                .also(view.place_of("slice"), "the slice")
                .note("slices count at their ends, so that the window is empty most of the time")
                .hint("take shorter slices, or a pack with longer windows"),
            );
        }
    }

    fn min_coverage(&mut self, view: &View<'_>) -> Option<Ratio> {
        let share = format::percent(view.text("min_coverage")?).ok()?;
        if share > Ratio::ONE {
            self.error("out-of-range", view.place_of("min_coverage"), "no more than 100% of the minutes can be known");
            return None;
        }
        Some(share)
    }
}

pub(super) fn links(view: &View<'_>) -> BTreeMap<Name, String> {
    let entries = view.get("links").map(Node::entries).unwrap_or_default();
    entries.iter().filter_map(|e| Some((Name::from(e.key.as_str()), e.node.text()?.to_owned()))).collect()
}

/// A rule about what is not there.
fn absence(node: &Node) -> Absence {
    let view = View::item(node, &keys::ABSENCE);
    Absence {
        after: view.span("for").unwrap_or(ABSENCE_DEFAULT),
        priority: view.name("priority"),
        tier: if view.truth("ticket", false) { Tier::Ticket } else { Tier::Page },
        team: view.name("team"),
    }
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
