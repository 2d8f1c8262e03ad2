//! OpenSLO v1 documents out: the services and SLOs of a configuration, with their alert rules.
//!
//! What OpenSLO has no word for stands in annotations that `openslo::import` understands, or is a line of the report.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{Report, promql, strict};
use crate::config::metrics::{MetricRule, MetricRules, Template};
use crate::domain::{Name, Ratio, Span};
use crate::engine::Policy;
use crate::engine::policy::{Service, Slo};
use crate::slo::{Period, Unit};

/// Longest name of a document, as the specification has it from DNS. Beyond: it is cut.
const NAME_MAX: usize = 63;

/// The documents, in order, and what they leave out.
#[must_use]
pub fn openslo(policy: &Policy, rules: &MetricRules) -> (Vec<Value>, Report) {
    let mut out = Writer { rules, documents: Vec::new(), report: Report::default(), conditions: BTreeMap::new() };
    for (name, service) in &policy.services {
        out.service(name, service);
    }
    let conditions = out.conditions.into_values();
    out.documents.splice(0..0, conditions);
    (out.documents, out.report)
}

/// Documents as a text of YAML.
///
/// # Errors
/// When a value has no YAML, which no document of [`openslo`] does.
pub fn yaml(documents: &[Value]) -> Result<String, String> {
    let mut out = String::new();
    for document in documents {
        let text = serde_saphyr::to_string(document).map_err(|error| error.to_string())?;
        // Writing into a string does not fail.
        let _ = write!(out, "---\n{}\n", text.trim_start_matches("---\n").trim_end());
    }
    Ok(out)
}

struct Writer<'a> {
    rules: &'a MetricRules,
    documents: Vec<Value>,
    report: Report,
    conditions: BTreeMap<String, Value>,
}

/// A name that DNS would take: small letters, digits and hyphens.
fn slug(text: &str) -> String {
    let lower: String = strict(text).to_ascii_lowercase().replace(['.', '_'], "-");
    let cut: String = lower.chars().take(NAME_MAX).collect();
    let cut = cut.trim_matches('-');
    if cut.is_empty() { "unnamed".to_owned() } else { cut.to_owned() }
}

fn document(kind: &str, name: &str, title: &str, annotations: Map<String, Value>, spec: &Value) -> Value {
    let mut metadata = json!({ "name": name });
    if name != title {
        metadata["displayName"] = json!(title);
    }
    if !annotations.is_empty() {
        metadata["annotations"] = Value::Object(annotations);
    }
    json!({ "apiVersion": "openslo/v1", "kind": kind, "metadata": metadata, "spec": spec })
}

impl Writer<'_> {
    fn service(&mut self, name: &Name, service: &Service) {
        let mut annotations = Map::new();
        annotations.insert("callout/team".into(), json!(service.team));
        let named = document("Service", name, name, annotations, &json!({}));
        self.documents.push(named);
        if slug(name) != name.as_str() {
            self.report.changed(format!("service `{name}`"), "its name is kept, though it is none that DNS would take");
        }
        self.report.equal(format!("service `{name}`"), "Service");
        let defaults = service
            .default_slos
            .values()
            .filter(|slo| !service.slos.iter().any(|s| s.sli == slo.sli && s.endpoint.is_none()));
        let defaults: Vec<_> = defaults.collect();
        for slo in &service.slos {
            self.slo(name, slo);
        }
        for slo in defaults {
            self.report.changed(
                format!("default SLO of `{name}` for {}", slo.sli),
                "what holds for each endpoint without an SLO of its own became an SLO of the whole service",
            );
            self.slo(name, slo);
        }
    }

    fn slo(&mut self, service: &Name, slo: &Slo) {
        let what = format!("SLO `{}` of `{service}`", slo.name);
        let name = slug(&format!("{service}-{}", slo.name));
        let mut annotations = Map::new();
        annotations.insert("callout/sli".into(), json!(slo.sli));
        if let Some(endpoint) = &slo.endpoint {
            annotations.insert("callout/endpoint".into(), json!(endpoint));
        }
        if let Some(threshold) = slo.threshold {
            annotations.insert("callout/threshold".into(), json!(threshold.to_string()));
        }
        let indicator = json!({ "metadata": { "name": slug(&format!("{service}-{}", slo.sli)) }, "spec": { "ratioMetric": self.ratio(service, slo, &what) } });
        let mut spec = json!({
            "service": service,
            "indicator": indicator,
            "timeWindow": [time_window(&slo.period)],
            "budgetingMethod": "Occurrences",
            "objectives": [{ "displayName": slo.name, "target": share(slo.objective) }],
        });
        if let Some(slice) = slo.slice {
            spec["budgetingMethod"] = json!("Timeslices");
            spec["objectives"][0]["timeSliceTarget"] = share(slice.target);
            spec["objectives"][0]["timeSliceWindow"] = json!(shorthand(slice.length()));
        }
        let policies: Vec<Value> = slo.burn.iter().map(|pair| json!({ "alertPolicyRef": self.policy(pair) })).collect();
        if !policies.is_empty() {
            spec["alertPolicies"] = Value::Array(policies);
        }
        self.documents.push(document("SLO", &name, &slo.name, annotations, &spec));
        self.report.equal(&what, "SLO");
        for (is_there, part, why) in [
            (slo.alert.is_some(), "the timeliness rule", "OpenSLO knows burn rates only"),
            (slo.priority.is_some() || slo.reason.is_some(), "the priority", "OpenSLO has none"),
            (!slo.raise.is_empty(), "the raises by repetition", "OpenSLO has none"),
            (!slo.links.is_empty(), "the links", "OpenSLO has none"),
            (slo.min_coverage.is_some(), "the coverage that rules need", "OpenSLO has none"),
            (slo.no_data.is_some() || slo.no_traffic.is_some(), "the rules about what is missing", "OpenSLO has none"),
        ] {
            if is_there {
                self.report.left_out(format!("{part} of {what}"), why);
            }
        }
    }

    fn ratio(&mut self, service: &Name, slo: &Slo, what: &str) -> Value {
        let source = |query: String| json!({ "metricSource": { "type": "Prometheus", "spec": { "query": query } } });
        if let Some(rule) = self.rule(service, slo) {
            let (total, is_good, part) = promql::queries(&rule.measure, self.rules.bad_status(service));
            let word = if is_good { "good" } else { "bad" };
            return json!({ "counter": true, word: source(part), "total": source(total) });
        }
        self.report.changed(
            format!("indicator of {what}"),
            "no rule for metrics counts for it alone, so its source is callout itself",
        );
        let own = |events: &str| json!({ "metricSource": { "type": "callout", "spec": { "events": events } } });
        json!({ "counter": true, "good": own("good"), "total": own("total") })
    }

    /// The rule that counts for this SLO and nothing else.
    fn rule(&self, service: &Name, slo: &Slo) -> Option<&MetricRule> {
        let literal = |template: &Option<Template>| template.as_ref().map(|t| t.literal().cloned());
        let mut fitting = self.rules.all().iter().filter(|rule| {
            rule.service.literal() == Some(service)
                && rule.sli == slo.sli
                && literal(&rule.endpoint) == slo.endpoint.clone().map(Some)
        });
        let rule = fitting.next()?;
        fitting.next().is_none().then_some(rule)
    }

    /// The policy for a pair of windows, whose condition is made once for all SLOs.
    fn policy(&mut self, pair: &crate::rules::burn_rate::BurnPair) -> String {
        let factor = decimal(pair.factor);
        let name = slug(&format!("{}-{factor}-over-{}-and-{}", pair.name, pair.long, pair.short));
        let mut own = Map::from_iter([("callout/pair".to_owned(), json!(pair.name))]);
        for (key, span, is_there) in [
            ("callout/short", pair.short, pair.short < pair.long && !pair.short.is_zero()),
            ("callout/keep", pair.keep, !pair.keep.is_zero()),
        ] {
            if is_there {
                own.insert(key.to_owned(), json!(span.to_string()));
            }
        }
        let mut condition = json!({
            "kind": "burnrate", "op": if pair.at_least { "gte" } else { "gt" },
            "threshold": number(&factor), "lookbackWindow": shorthand(pair.long),
        });
        if !pair.hold.is_zero() {
            condition["alertAfter"] = json!(shorthand(pair.hold));
        }
        let condition = json!({ "severity": pair.tier.as_str(), "condition": condition });
        if pair.min_bad > 1 || pair.min_total > 1 {
            self.report.left_out(format!("floors of the pair `{}`", pair.name), "OpenSLO has none");
        }
        let policy = json!({
            "alertWhenBreaching": true,
            "alertWhenResolved": true,
            "alertWhenNoData": false,
            "conditions": [{ "conditionRef": name }],
            "notificationTargets": [],
        });
        let condition = document("AlertCondition", &name, &pair.name, own, &condition);
        self.conditions.insert(format!("{name}/a"), condition);
        self.conditions.insert(format!("{name}/b"), document("AlertPolicy", &name, &pair.name, Map::new(), &policy));
        name
    }
}

/// A period as OpenSLO writes it. One of the calendar begins at a time of its zone.
fn time_window(period: &Period) -> Value {
    let calendar = match period {
        Period::Rolling(length) => return json!({ "duration": shorthand(*length), "isRolling": true }),
        Period::Calendar(calendar) => calendar,
    };
    let (unit, zone) = calendar.unit();
    let (duration, (year, month, day)) = match unit {
        Unit::Days(days, from) => (format!("{days}d"), from),
        Unit::Week => ("1w".to_owned(), (2000, 1, 3)),
        Unit::Month => ("1M".to_owned(), (2000, 1, 1)),
        Unit::Quarter => ("1Q".to_owned(), (2000, 1, 1)),
    };
    let start = format!("{year}-{month:02}-{day:02} 00:00:00");
    json!({ "duration": duration, "isRolling": false, "calendar": { "startTime": start, "timeZone": zone } })
}

/// A length as OpenSLO writes it: one number and one unit.
fn shorthand(span: Span) -> String {
    let minutes = span.as_millis() / 60_000;
    match minutes {
        m if m > 0 && m % 1_440 == 0 => format!("{}d", m / 1_440),
        m if m > 0 && m % 60 == 0 => format!("{}h", m / 60),
        m => format!("{}m", m.max(1)),
    }
}

/// A ratio as a decimal number, at most twelve digits behind the point.
fn decimal(ratio: Ratio) -> String {
    let scaled = u128::from(ratio.num()) * 1_000_000_000_000 / u128::from(ratio.den());
    let (whole, fraction) = (scaled / 1_000_000_000_000, scaled % 1_000_000_000_000);
    let fraction = format!("{fraction:012}");
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") }
}

/// A decimal number as JSON has it. Twelve digits survive the way there and back.
fn number(decimal: &str) -> Value {
    decimal.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map_or(Value::Null, Value::Number)
}

fn share(objective: Ratio) -> Value {
    number(&decimal(objective))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_as_dns_has_it() {
        assert_eq!(slug(&"x".repeat(NAME_MAX)).len(), NAME_MAX);
        assert_eq!(slug(&"x".repeat(NAME_MAX + 1)).len(), NAME_MAX);
    }
}
