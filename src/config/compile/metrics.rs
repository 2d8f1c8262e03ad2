//! `[metrics]`: rules that make samples of metrics.

use std::collections::BTreeMap;

use super::Compiler;
use crate::config::diagnostic::{Diagnostic, listed, nearest, quotable};
use crate::config::keys;
use crate::config::levels::BadStatus;
use crate::config::metrics::{METRIC_RULES_MAX, Measure, MetricRule, MetricRules, Selector, Template};
use crate::config::shape::Noun;
use crate::config::tree::{Entry, Value};
use crate::config::view::View;
use crate::domain::Name;

impl Compiler<'_> {
    pub(super) fn metrics(&mut self) -> MetricRules {
        let entries: Vec<&Entry> = self.things("metrics").collect();
        if let Some(entry) = entries.get(METRIC_RULES_MAX) {
            self.error(
                "too-many",
                entry.key_place,
                format!("there are more than {METRIC_RULES_MAX} rules for metrics"),
            );
        }
        let bad_status = self.bad_status();
        MetricRules::new(entries.into_iter().filter_map(|entry| self.metric_rule(entry)).collect())
            .with_status(bad_status)
    }

    /// Which statuses are bad, by service: its own, else its team's.
    fn bad_status(&self) -> BTreeMap<Name, BadStatus> {
        let of = |view: &View<'_>| {
            let patterns = view.items("bad_status").iter().map(|node| match &node.value {
                Value::Whole(code) => code.to_string(),
                _ => node.text().unwrap_or_default().to_owned(),
            });
            let patterns: Vec<String> = patterns.collect();
            (!patterns.is_empty()).then(|| BadStatus::new(patterns.iter().map(String::as_str)))
        };
        let teams: BTreeMap<&str, BadStatus> = self
            .things("teams")
            .filter_map(|entry| Some((entry.key.as_str(), of(&View::entry(entry, &keys::TEAM))?)))
            .collect();
        let services = self.things("services").filter_map(|entry| {
            let view = View::entry(entry, &keys::SERVICE);
            let bad = of(&view).or_else(|| teams.get(view.text("team")?).cloned())?;
            Some((Name::from(entry.key.as_str()), bad))
        });
        services.collect()
    }

    fn metric_rule(&mut self, entry: &Entry) -> Option<MetricRule> {
        let view = View::entry(entry, &keys::METRIC);
        let measure = self.measure(&view)?;
        let template = |key| view.text(key).and_then(|text| Template::parse(text).ok());
        let rule = MetricRule {
            name: entry.key.as_str().into(),
            measure,
            service: template("service")?,
            sli: view.name("sli")?,
            endpoint: template("endpoint"),
            environment: template("environment"),
            region: template("region"),
            source: template("source"),
        };
        self.must_exist(&view, "service", Some(&rule.service), Noun::Service);
        self.must_exist(&view, "environment", rule.environment.as_ref(), Noun::Environment);
        Some(rule)
    }

    /// A name that is written out must be one of the configuration; one made of labels shows when series come.
    fn must_exist(&mut self, view: &View<'_>, key: &'static str, template: Option<&Template>, noun: Noun) {
        let Some(name) = template.and_then(Template::literal) else { return };
        if self.defined.of(noun).any(|n| n == name.as_str()) || self.defined.may_be_in_broken_file(name) {
            return;
        }
        let known: Vec<&str> = self.defined.of(noun).collect();
        let what = format!("there is no {} `{}`", noun.as_str(), quotable(name));
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("define it as `[{}.{}]`", noun.table(), quotable(name)),
            None => format!("use {}, or a label such as `{{{key}}}`", listed(&known, 5).replace(" and ", " or ")),
        };
        self.findings.push(Diagnostic::error("unknown-name", view.place_of(key), what).hint(hint));
    }

    fn measure(&mut self, view: &View<'_>) -> Option<Measure> {
        let selector = |key| view.text(key).and_then(|text| Selector::parse(text).ok());
        let has = |key| view.get(key).is_some();
        if has("status") {
            if !has("total") || has("good") || has("bad") || has("histogram") {
                self.findings.push(
                    Diagnostic::error("bad-rule", view.place_of("status"), "`status` goes with `total` alone")
                        .hint("the status says which of the events are bad; drop `good`, `bad` and `histogram`"),
                );
                return None;
            }
            return Some(Measure::Status { total: selector("total")?, label: view.name("status")? });
        }
        match (has("total"), has("good"), has("bad"), has("histogram")) {
            (true, true, false, false) => Some(Measure::Good { total: selector("total")?, good: selector("good")? }),
            (true, false, true, false) => Some(Measure::Bad { total: selector("total")?, bad: selector("bad")? }),
            (false, false, false, true) => {
                let Some(threshold) = view.span("threshold") else {
                    self.findings.push(
                        Diagnostic::error("missing-key", view.place_of("histogram"), "`threshold` is missing")
                            .note("an event is good when it took at most so long; it must be a bound of the histogram")
                            .hint("write for example `threshold = \"300ms\"`"),
                    );
                    return None;
                };
                Some(Measure::Histogram { histogram: selector("histogram")?, threshold })
            }
            _ => {
                self.findings.push(
                    Diagnostic::error("bad-rule", view.place, "it is not clear what this rule counts")
                        .hint("write `total` with `good`, `bad` or `status`, or `histogram` with `threshold`"),
                );
                None
            }
        }
    }
}
