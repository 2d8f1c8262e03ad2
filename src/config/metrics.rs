//! Rules that make samples of metrics: which series count, and what they count for.
//!
//! The matchers are those of silences and routes; a selector is written as in PromQL. Absent on purpose: functions. Whatever is computed from
//! counters (rates, sums, quantiles) is computed here, from the counters themselves.

use std::collections::BTreeMap;

use super::levels::BadStatus;
use crate::domain::{Name, Span};
use crate::rules::matcher::{MatchOp, Matcher};

/// Rules at most, since each series is held against all rules for its metric. Beyond: a mistake of the configuration.
pub const METRIC_RULES_MAX: usize = 1_000;
/// Bytes of a selector or template at most. Beyond: a mistake of the configuration.
pub const SELECTOR_BYTES_MAX: usize = 4_096;

const NO_METRIC: &str = "it names no metric";

/// All rules, found by the name of the metric.
#[derive(Debug, Clone, Default)]
pub struct MetricRules {
    rules: Vec<MetricRule>,
    by_metric: BTreeMap<Name, Vec<usize>>,
    /// Rules whose metric is an expression.
    any: Vec<usize>,
    /// Which statuses are bad, by service; others have the default.
    bad_status: BTreeMap<Name, BadStatus>,
    /// For services without their own.
    default_status: BadStatus,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricRule {
    /// Its name; also the source of its samples unless `source` says otherwise.
    pub name: Name,
    /// What is counted.
    pub measure: Measure,
    /// Service.
    pub service: Template,
    /// SLI.
    pub sli: Name,
    /// Endpoint; absent: the service as a whole.
    pub endpoint: Option<Template>,
    /// Environment.
    pub environment: Option<Template>,
    /// Region.
    pub region: Option<Template>,
    /// Who counts, where several count the same.
    pub source: Option<Template>,
}

/// Which counters make the counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measure {
    /// All events, and the good ones of them.
    Good { total: Selector, good: Selector },
    /// All events, and the bad ones of them.
    Bad { total: Selector, bad: Selector },
    /// All events, by the label with their status; which statuses are bad is a matter of the service.
    Status { total: Selector, label: Name },
    /// A histogram of durations: good is what took at most `threshold`, which must be a bound of it.
    Histogram { histogram: Selector, threshold: Span },
}

/// Which series are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// The metric's name, unless it is an expression.
    pub metric: Option<Name>,
    /// What its labels must be.
    pub matchers: Vec<Matcher>,
}

/// A text with labels in braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Name),
    Label(Name),
}

impl MetricRules {
    /// In the given order.
    #[must_use]
    pub fn new(rules: Vec<MetricRule>) -> Self {
        let mut all = Self { rules, ..Self::default() };
        for (at, rule) in all.rules.iter().enumerate() {
            let mut metrics = Vec::new();
            let mut any = false;
            for selector in rule.measure.selectors() {
                match &selector.metric {
                    None => any = true,
                    Some(metric) => metrics.push(metric.clone()),
                }
            }
            if let Measure::Histogram { .. } = rule.measure {
                // A classic histogram of Prometheus is several metrics.
                let classic: Vec<Name> =
                    metrics.iter().flat_map(|m| ["_bucket", "_count"].map(|end| format!("{m}{end}").into())).collect();
                metrics.extend(classic);
            }
            if any {
                all.any.push(at);
                continue;
            }
            for metric in metrics {
                let rules = all.by_metric.entry(metric).or_default();
                if rules.last() != Some(&at) {
                    rules.push(at);
                }
            }
        }
        all
    }

    /// The rules that may want a series of this metric.
    pub fn of(&self, metric: &str) -> impl Iterator<Item = &MetricRule> {
        let by_metric = self.by_metric.get(metric).map(Vec::as_slice).unwrap_or_default();
        by_metric.iter().chain(&self.any).filter_map(|at| self.rules.get(*at))
    }

    /// The same, with which statuses are bad by service.
    #[must_use]
    pub fn with_status(self, bad_status: BTreeMap<Name, BadStatus>) -> Self {
        Self { bad_status, ..self }
    }

    /// Which statuses are bad for a service.
    #[must_use]
    pub fn bad_status(&self, service: &str) -> &BadStatus {
        self.bad_status.get(service).unwrap_or(&self.default_status)
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[MetricRule] {
        &self.rules
    }
}

impl Measure {
    /// Its selectors.
    pub fn selectors(&self) -> impl Iterator<Item = &Selector> {
        match self {
            Self::Good { total, good: part } | Self::Bad { total, bad: part } => vec![total, part].into_iter(),
            Self::Status { total: one, .. } | Self::Histogram { histogram: one, .. } => vec![one].into_iter(),
        }
    }
}

impl Selector {
    /// Reads `http_requests_total{job="api", code=~"5.."}`.
    ///
    /// # Errors
    /// In words, when it is none, or names no metric.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > SELECTOR_BYTES_MAX {
            return Err(format!("it is longer than {SELECTOR_BYTES_MAX} bytes"));
        }
        let text = text.trim();
        let (metric, braces) = text.split_at(text.find('{').unwrap_or(text.len()));
        let metric = metric.trim();
        if !is_plain(metric) {
            return Err("it is not a plain series; functions such as `rate` and `sum` are left out".to_owned());
        }
        let mut matchers = if braces.is_empty() || braces.trim() == "{}" {
            Vec::new()
        } else {
            Matcher::parse_all(braces).map_err(|error| error.to_string())?
        };
        if !metric.is_empty() {
            return Ok(Self { metric: Some(metric.into()), matchers });
        }
        let name = matchers.iter().position(|m| m.name == "__name__" && m.op == MatchOp::Equal);
        if let Some(at) = name {
            let metric = matchers.remove(at).value;
            return if metric.is_empty() {
                Err(NO_METRIC.to_owned())
            } else {
                Ok(Self { metric: Some(metric), matchers })
            };
        }
        if matchers.iter().any(|m| m.name == "__name__" && !m.matches_empty()) {
            return Ok(Self { metric: None, matchers });
        }
        Err(NO_METRIC.to_owned())
    }

    /// Whether a series with these labels is meant; `metric` is its name without the ending of a part of a histogram.
    pub fn matches<'a>(&self, metric: &str, label: impl Fn(&str) -> Option<&'a str> + Copy) -> bool {
        self.metric.as_ref().is_none_or(|m| m == metric) && self.matchers.iter().all(|m| m.matches(label))
    }
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let metric = self.metric.as_deref().unwrap_or_default();
        // A name that would be taken for syntax is written as a matcher.
        let named =
            if is_plain(metric) { None } else { Matcher::new("__name__".into(), MatchOp::Equal, metric.into()).ok() };
        if named.is_none() {
            f.write_str(metric)?;
        }
        let mut open = "{";
        for matcher in named.iter().chain(&self.matchers) {
            write!(f, "{open}{matcher}")?;
            open = ",";
        }
        if open == "{" { Ok(()) } else { f.write_str("}") }
    }
}

/// Whether a metric's name can stand before the braces.
fn is_plain(metric: &str) -> bool {
    !metric.contains(|c: char| c.is_whitespace() || "(){}[]=!~,\"'".contains(c))
}

impl Template {
    /// Reads `GET {handler}`; `{{` and `}}` are braces.
    ///
    /// # Errors
    /// In words.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > SELECTOR_BYTES_MAX {
            return Err(format!("it is longer than {SELECTOR_BYTES_MAX} bytes"));
        }
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}")) {
                plain.push_str(&rest[..1]);
                rest = after;
                continue;
            }
            let label = rest.strip_prefix('{').ok_or("a brace closes nothing; write `}}` for the character itself")?;
            let (label, after) = label.split_once('}').ok_or("a brace is not closed")?;
            if label.is_empty() || label.contains(|c: char| c.is_whitespace() || c == '{') {
                return Err(format!("`{{{label}}}` names no label; write for example `{{job}}`"));
            }
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain).into()));
            }
            pieces.push(Piece::Label(label.into()));
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain.into()));
        }
        if pieces.is_empty() {
            return Err("it is empty".to_owned());
        }
        Ok(Self(pieces))
    }

    /// The text when there is no label in it.
    #[must_use]
    pub fn literal(&self) -> Option<&Name> {
        match self.0.as_slice() {
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text with the labels' values, or the label that is not there.
    ///
    /// # Errors
    /// The name of the label that has no value.
    pub fn render<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> Result<Name, &Name> {
        let mut out = Name::default();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Label(name) => out.push_str(label(name).filter(|v| !v.is_empty()).ok_or(name)?),
            }
        }
        Ok(out)
    }
}

impl std::fmt::Display for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}"))?,
                Piece::Label(label) => write!(f, "{{{label}}}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read_as_in_promql() {
        for (text, shown) in [
            ("up", "up"),
            ("up{}", "up"),
            (r#"http_requests_total{job="api",code=~"5.."}"#, r#"http_requests_total{job="api",code=~"5.."}"#),
            (
                r#" http.server.request.duration { service.name = "api" } "#,
                r#"http.server.request.duration{service.name="api"}"#,
            ),
            (r#"{__name__="up",job="x"}"#, r#"up{job="x"}"#),
            (r#"{__name__="a b{",job="x"}"#, r#"{__name__="a b{",job="x"}"#),
            (r#"{__name__=~"http_.+_total"}"#, r#"{__name__=~"http_.+_total"}"#),
        ] {
            assert_eq!(Selector::parse(text).unwrap().to_string(), shown, "{text}");
        }
        for bad in [
            "",
            "{}",
            r#"{__name__=""}"#,
            r#"{job="x"}"#,
            r#"{__name__!="x"}"#,
            "rate(up[5m])",
            "up{job=",
            "up{a=~\"(\"}",
            "a b",
        ] {
            assert!(Selector::parse(bad).is_err(), "{bad}");
        }
        assert!(Selector::parse(&"x".repeat(SELECTOR_BYTES_MAX)).is_ok());
        assert!(Selector::parse(&"x".repeat(SELECTOR_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn templates_take_labels() {
        let label = |name: &str| match name {
            "method" => Some("GET"),
            "handler" => Some("/x/{id}"),
            "empty" => Some(""),
            _ => None,
        };
        let render = |text: &str| Template::parse(text).unwrap().render(label).map_err(ToString::to_string);
        assert_eq!(render("{method} {handler}").unwrap(), "GET /x/{id}");
        assert_eq!(render("plain").unwrap(), "plain");
        assert_eq!(render("{{x}} {method}").unwrap(), "{x} GET");
        assert_eq!(render("{empty}"), Err("empty".into()));
        assert_eq!(render("{none}"), Err("none".into()));
        for bad in ["", "{", "}", "{}", "{a b}", "{a{b}}"] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
        for text in ["{method} {handler}", "{{x}} {method}", "plain"] {
            assert_eq!(Template::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn rules_are_found_by_the_parts_of_a_histogram() {
        let rule = |name: &str, measure| MetricRule {
            name: name.into(),
            measure,
            service: Template::parse("x").unwrap(),
            sli: "latency".into(),
            endpoint: None,
            environment: None,
            region: None,
            source: None,
        };
        let selector = |text| Selector::parse(text).unwrap();
        let rules = MetricRules::new(vec![
            rule("a", Measure::Histogram { histogram: selector("h"), threshold: Span::from_seconds(1) }),
            rule("b", Measure::Good { total: selector("t"), good: selector("t{code=\"200\"}") }),
            rule("c", Measure::Good { total: selector("{__name__=~\"t|u\"}"), good: selector("t") }),
        ]);
        let found = |metric: &str| rules.of(metric).map(|r| r.name.as_str()).collect::<Vec<_>>();
        assert_eq!(found("h"), ["a", "c"]);
        assert_eq!(found("h_bucket"), ["a", "c"]);
        assert_eq!(found("t"), ["b", "c"]);
        assert_eq!(found("z"), ["c"]);
    }
}
