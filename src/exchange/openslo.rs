//! OpenSLO v1 documents in: Service, SLO, SLI, AlertPolicy, AlertCondition.
//!
//! Source: the OpenSLO specification, v1, read in November 2026. A name that is referred to may stand in any document of any file.

use std::collections::BTreeMap;

use serde_json::Value;

use super::yaml::{at, documents, items, number, text};
use super::{
    Catalogue, Imported, Level, Pair, Report, Rule, Unreadable, own_sli, percent_of_share, promql, strict, write,
};
use crate::config::levels::PERIOD_MAX;
use crate::domain::Span;

/// Annotations by which an exported document says what OpenSLO has no word for.
pub const ANNOTATIONS: [&str; 7] = [
    "callout/sli",
    "callout/endpoint",
    "callout/threshold",
    "callout/team",
    "callout/pair",
    "callout/short",
    "callout/keep",
];

/// Reads documents; `team` owns the services that name no team.
///
/// # Errors
/// When a text is no YAML, or too large.
pub fn import<'a>(texts: impl IntoIterator<Item = &'a str>, team: &str) -> Result<Imported, Unreadable> {
    let mut all = Vec::new();
    for text in texts {
        all.extend(documents(text)?);
    }
    let mut reader =
        Reader { catalogue: Catalogue::default(), report: Report::default(), known: BTreeMap::new(), used: Vec::new() };
    for document in &all {
        reader.register(document);
    }
    for document in &all {
        reader.document(document);
    }
    Ok(Imported { toml: write::toml(&reader.catalogue, team), report: reader.report })
}

struct Reader<'a> {
    catalogue: Catalogue,
    report: Report,
    /// Documents by kind and name.
    known: BTreeMap<(&'a str, &'a str), &'a Value>,
    /// Policies and conditions that some SLO uses.
    used: Vec<(&'static str, String)>,
}

fn name(document: &Value) -> &str {
    text(document, &["metadata", "name"]).unwrap_or("unnamed")
}

fn annotation<'a>(document: &'a Value, name: &str) -> Option<&'a str> {
    at(document, &["metadata", "annotations"])?.get(name)?.as_str()
}

impl<'a> Reader<'a> {
    fn register(&mut self, document: &'a Value) {
        if let (Some(kind), Some(name)) = (text(document, &["kind"]), text(document, &["metadata", "name"])) {
            let twice = self.known.insert((kind, name), document).is_some();
            if twice {
                self.report.changed(
                    format!("{kind} `{name}`"),
                    "it is there twice; the last one counts where it is referred to",
                );
            }
        }
    }

    fn document(&mut self, document: &'a Value) {
        let kind = text(document, &["kind"]).unwrap_or("nothing");
        let what = format!("{kind} `{}`", name(document));
        match text(document, &["apiVersion"]) {
            Some("openslo/v1") => {}
            Some(other) => {
                return self.report.left_out(what, format!("its version is `{other}`; only `openslo/v1` is read"));
            }
            None => return self.report.left_out(what, "it is no OpenSLO document: there is no `apiVersion`"),
        }
        match kind {
            "Service" => self.service(document, &what),
            "SLO" => self.slo(document, &what),
            // These are told where they are used.
            "SLI" | "AlertPolicy" | "AlertCondition" => {}
            "DataSource" => self
                .report
                .left_out(what, "where metrics come from is said to Prometheus or the collector, which send them"),
            "AlertNotificationTarget" => {
                self.report.left_out(what, "who is told is a matter of the team's routes and escalation");
            }
            _ => self.report.left_out(what, "this kind is not known"),
        }
    }

    fn service(&mut self, document: &'a Value, what: &str) {
        let service = name(document).to_owned();
        let team = annotation(document, "callout/team")
            .or_else(|| text(document, &["metadata", "labels", "team"]))
            .map(Into::into);
        let known = team.is_some();
        self.catalogue.service(&service).team = team;
        let how = if known { "with its team" } else { "with the team that was given" };
        self.report.equal(what, format!("service `{service}`, {how}"));
    }

    fn slo(&mut self, document: &'a Value, what: &str) {
        let Some(service) = text(document, &["spec", "service"]) else {
            return self.report.left_out(what, "it names no service");
        };
        let method = text(document, &["spec", "budgetingMethod"]).unwrap_or("Occurrences");
        if !["Occurrences", "Timeslices"].contains(&method) {
            let why = format!("its budget is counted by `{method}`; only `Occurrences` and `Timeslices` are read");
            return self.report.left_out(what, why);
        }
        let objectives = items(document, &["spec", "objectives"]);
        if objectives.is_empty() {
            return self.report.left_out(what, "it has no objective");
        }
        if objectives.iter().any(|o| o.get("indicator").is_some() || o.get("indicatorRef").is_some()) {
            return self.report.left_out(what, "it is composed of several indicators; write an SLO for each");
        }
        let Some(indicator) = self.indicator(document) else {
            return self.report.left_out(what, "its indicator is not in any of the documents");
        };
        let rule = match rule(indicator) {
            Ok(rule) => rule,
            Err(Why::Never(why)) => return self.report.left_out(what, why),
            Err(Why::ByHand(why)) => {
                self.report.left_out(
                    format!("indicator of {what}"),
                    format!("{why}; write a rule below `[metrics]`, or send samples"),
                );
                None
            }
        };
        let (period, in_zone) = self.period(document, what);
        let burn = self.burn(document, what);
        let wants_data = items(document, &["spec", "alertPolicies"])
            .iter()
            .filter_map(|item| self.referred(item, "alertPolicyRef", "AlertPolicy"))
            .any(|policy| at(policy, &["spec", "alertWhenNoData"]) == Some(&Value::Bool(true)));
        let no_data = wants_data.then(|| "no_data = {}".to_owned());
        let title = text(document, &["metadata", "displayName"]).unwrap_or_else(|| name(document));
        for (n, objective) in objectives.iter().enumerate() {
            let part = text(objective, &["displayName"]).map_or_else(|| (n + 1).to_string(), str::to_owned);
            let name = if objectives.len() == 1 { title.to_owned() } else { format!("{title}: {part}") };
            let slices = slice(objective);
            let Some(objective) = share(objective) else {
                self.report
                    .left_out(format!("objective {} of {what}", n + 1), "its target is no share from 0 to below 1");
                continue;
            };
            let slice = match (method, slices) {
                ("Timeslices", None) => {
                    self.report.left_out(
                        format!("objective {} of {what}", n + 1),
                        "it lacks `timeSliceTarget`, or an hour is not made of its `timeSliceWindow`",
                    );
                    continue;
                }
                ("Timeslices", slice) => slice,
                _ => None,
            };
            let level = Level {
                more: in_zone.iter().cloned().chain(slice).chain(no_data.clone()).collect(),
                name: name.clone(),
                sli: annotation(document, "callout/sli")
                    .map_or_else(|| guessed(rule.as_ref()).to_owned(), str::to_owned),
                endpoint: annotation(document, "callout/endpoint").map(str::to_owned),
                objective: objective.clone(),
                period: period.clone(),
                threshold: annotation(document, "callout/threshold")
                    .map(str::to_owned)
                    .or_else(|| threshold(rule.as_ref())),
                burn: burn.clone(),
                rule: rule.clone(),
            };
            let said = annotation(document, "callout/sli").is_some();
            self.add(service, level, &strict(name_of(indicator).unwrap_or(title)), said, what);
            self.report.equal(what, format!("`{name}` of `{service}`: {objective} over {period}"));
        }
    }

    fn add(&mut self, service: &str, mut level: Level, fallback: &str, said: bool, what: &str) {
        let service = self.catalogue.service(service);
        // Two objectives for the same counts need the counts only once.
        let counted =
            |other: &&Level| other.rule.is_some() && other.rule == level.rule && other.endpoint == level.endpoint;
        if let Some(other) = service.levels.iter().find(counted) {
            level.sli.clone_from(&other.sli);
            level.rule = None;
            service.levels.push(level);
            return;
        }
        let same = service.levels.iter().find(|other| other.sli == level.sli && other.endpoint == level.endpoint);
        match same {
            Some(other) if other.rule == level.rule => {}
            Some(_) if !said => {
                level.sli = own_sli(service, &level.sli, level.endpoint.as_deref(), fallback);
                let how = format!("its SLI is called `{}`, since counts of the same SLI would be added up", level.sli);
                self.report.changed(format!("indicator of {what}"), how);
            }
            _ => {}
        }
        service.levels.push(level);
    }

    fn indicator(&self, document: &'a Value) -> Option<&'a Value> {
        match text(document, &["spec", "indicatorRef"]) {
            Some(name) => self.known.get(&("SLI", name)).copied(),
            None => at(document, &["spec", "indicator"]),
        }
    }

    /// The period, and further keys for one of the calendar.
    fn period(&mut self, document: &Value, what: &str) -> (String, Vec<String>) {
        let window = items(document, &["spec", "timeWindow"]).first();
        let of = format!("time window of {what}");
        let default = || ("28d".to_owned(), Vec::new());
        let Some(window) = window else {
            self.report.changed(of, "there is none; 28 days are the default");
            return default();
        };
        let written = text(window, &["duration"]).unwrap_or("28d");
        let Some((period, exact)) = duration(written) else {
            self.report.changed(of, format!("`{written}` is no length of time; 28 days were taken"));
            return default();
        };
        let period = if Span::parse(&period).is_ok_and(|length| length > PERIOD_MAX) {
            self.report.changed(&of, format!("`{written}` is longer than {PERIOD_MAX}, for which counts are kept"));
            PERIOD_MAX.to_string()
        } else {
            period
        };
        if let Some(start) = text(window, &["calendar", "startTime"]) {
            let zone = text(window, &["calendar", "timeZone"]).unwrap_or("UTC");
            if let Some(found) = calendar(written, start, zone) {
                return found;
            }
        }
        let calendar = window.get("calendar").is_some() || window.get("isRolling") == Some(&Value::Bool(false));
        if calendar {
            self.report.changed(of, format!("a calendar period of `{written}` became a rolling one of {period}"));
        } else if !exact {
            self.report.changed(of, format!("`{written}` became {period}"));
        }
        (period, Vec::new())
    }

    /// The pack of burn-rate rules for the alert policies of an SLO.
    fn burn(&mut self, document: &'a Value, what: &str) -> Option<String> {
        let mut pairs: Vec<Pair> = Vec::new();
        let mut first = None;
        for item in items(document, &["spec", "alertPolicies"]) {
            let Some(policy) = self.referred(item, "alertPolicyRef", "AlertPolicy") else {
                self.report.left_out(format!("alert policy of {what}"), "it is not in any of the documents");
                continue;
            };
            first.get_or_insert_with(|| name(policy).to_owned());
            for item in items(policy, &["spec", "conditions"]) {
                let Some(condition) = self.referred(item, "conditionRef", "AlertCondition") else {
                    self.report.left_out(
                        format!("condition of AlertPolicy `{}`", name(policy)),
                        "it is not in any of the documents",
                    );
                    continue;
                };
                if let Some(pair) = self.pair(condition)
                    && !pairs.iter().any(|p| p.name == pair.name)
                {
                    pairs.push(pair);
                }
            }
        }
        if pairs.is_empty() {
            return None;
        }
        let wanted = first.unwrap_or_default();
        Some(self.catalogue.pack(&wanted, &format!("the alert policies of OpenSLO, beginning with {wanted}"), pairs))
    }

    fn referred(&self, item: &'a Value, reference: &str, kind: &'static str) -> Option<&'a Value> {
        match text(item, &[reference]) {
            Some(name) => self.known.get(&(kind, name)).copied(),
            None => item.get("spec").map(|_| item),
        }
    }

    fn pair(&mut self, condition: &'a Value) -> Option<Pair> {
        let called = name(condition).to_owned();
        let what = format!("AlertCondition `{called}`");
        // A condition that several SLOs use is told once.
        let is_new = !self.used.contains(&("AlertCondition", called.clone()));
        self.used.push(("AlertCondition", called.clone()));
        let mut report = Report::default();
        let pair = pair(condition, &called, &what, &mut report);
        if is_new {
            self.report.lines.append(&mut report.lines);
        }
        pair
    }
}

/// Why an indicator is no rule.
enum Why {
    /// The SLO cannot be kept either.
    Never(String),
    /// The SLO can be; its counts must come another way.
    ByHand(String),
}

fn rule(indicator: &Value) -> Result<Option<Rule>, Why> {
    if at(indicator, &["spec", "thresholdMetric"]).is_some() {
        return Err(Why::Never(
            "its indicator compares a measurement with a threshold; count the events under the threshold as good instead".to_owned(),
        ));
    }
    let Some(ratio) = at(indicator, &["spec", "ratioMetric"]) else {
        return Err(Why::ByHand("the indicator is neither a ratio nor a threshold".to_owned()));
    };
    if ratio.get("raw").is_some() {
        return Err(Why::ByHand(
            "the indicator is a ratio that was computed before, and ratios cannot be added up".to_owned(),
        ));
    }
    let kind = |part: &str| text(ratio, &[part, "metricSource", "type"]).unwrap_or("Prometheus").to_ascii_lowercase();
    if kind("total") == "callout" {
        return Ok(None);
    }
    let query = |part: &str| match kind(part).as_str() {
        "prometheus" => text(ratio, &[part, "metricSource", "spec", "query"])
            .ok_or_else(|| Why::ByHand(format!("`{part}` has no query"))),
        other => Err(Why::ByHand(format!("`{part}` asks `{}`", strict(other)))),
    };
    let total = query("total")?;
    let made = if ratio.get("good").is_some() {
        promql::good(total, query("good")?)
    } else {
        promql::bad(total, query("bad")?)
    };
    made.map(Some).map_err(Why::ByHand)
}

fn name_of(indicator: &Value) -> Option<&str> {
    text(indicator, &["metadata", "name"])
}

fn guessed(rule: Option<&Rule>) -> &'static str {
    if matches!(rule, Some(Rule::Histogram { .. })) { "latency" } else { "availability" }
}

fn threshold(rule: Option<&Rule>) -> Option<String> {
    match rule {
        Some(Rule::Histogram { threshold, .. }) => Some(threshold.clone()),
        _ => None,
    }
}

/// An objective as a percentage with sign.
fn share(objective: &Value) -> Option<String> {
    let percent = match (number(objective, &["target"]), number(objective, &["targetPercent"])) {
        (Some(share), None) => percent_of_share(&share)?,
        (None, Some(percent)) => format!("{percent}%"),
        _ => return None,
    };
    crate::domain::Ratio::parse_percent(&percent).ok().filter(|r| *r < crate::domain::Ratio::ONE).map(|_| percent)
}

/// A period of the calendar with its further keys; `None` where callout has none that begins like that.
fn calendar(written: &str, start: &str, zone: &str) -> Option<(String, Vec<String>)> {
    let date: jiff::civil::Date = start.get(..10)?.parse().ok()?;
    let at_midnight = start[10..].trim_start_matches([' ', 'T']).trim_end_matches('Z');
    if !matches!(at_midnight, "" | "00:00" | "00:00:00") {
        return None;
    }
    let zone = format!("timezone = {}", write::text(zone));
    let is_first = date.day() == 1;
    let word = match written {
        "1w" if date.weekday() == jiff::civil::Weekday::Monday => "week",
        "1M" if is_first => "month",
        "1Q" | "3M" if is_first && (date.month() - 1) % 3 == 0 => "quarter",
        _ => {
            let (length, _) = duration(written).filter(|(_, is_exact)| *is_exact)?;
            let days = Span::parse(&length).ok().filter(|length| length.as_millis() % 86_400_000 == 0)?;
            return Some((days.to_string(), vec![format!("period_from = {date}"), zone]));
        }
    };
    Some((word.to_owned(), vec![zone]))
}

/// The slices of an objective as a key.
fn slice(objective: &Value) -> Option<String> {
    let target = percent_of_share(&number(objective, &["timeSliceTarget"])?)?;
    let length = text(objective, &["timeSliceWindow"]).map_or(Some("1m".to_owned()), |written| {
        duration(written).filter(|(_, is_exact)| *is_exact).map(|(length, _)| length)
    })?;
    let minutes = Span::parse(&length).ok()?.as_millis() / 60_000;
    (minutes > 0 && 60 % minutes == 0).then(|| format!("slice = {{ length = \"{length}\", target = \"{target}\" }}"))
}

/// A length of time of OpenSLO, and whether it is exact: months, quarters and years are not all as long.
fn duration(text: &str) -> Option<(String, bool)> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let count: i64 = text[..digits].parse().ok().filter(|n| (1..100_000).contains(n))?;
    let (hours, exact) = match &text[digits..] {
        "m" => return Some((Span::from_minutes(count).to_string(), true)),
        "h" => (count, true),
        "d" => (count * 24, true),
        "w" => (count * 7 * 24, true),
        "M" => (count * 30 * 24, false),
        "Q" => (count * 90 * 24, false),
        "Y" => (count * 365 * 24, false),
        _ => return None,
    };
    Some((Span::from_hours(hours).to_string(), exact))
}

fn pair(condition: &Value, called: &str, what: &str, report: &mut Report) -> Option<Pair> {
    let spec = |field: &str| text(condition, &["spec", "condition", field]);
    if spec("kind").is_some_and(|kind| kind != "burnrate") {
        report.left_out(what, "only burn rates are read");
        return None;
    }
    match spec("op") {
        Some("gt" | "gte") => {}
        Some(op) => {
            report.left_out(what, format!("its operator is `{op}`, and an alert on a low burn rate makes no sense"));
            return None;
        }
        None => report.changed(what, "it has no operator; `more than` was taken"),
    }
    let factor = number(condition, &["spec", "condition", "threshold"]);
    let factor = factor.map(|f| f.strip_suffix(".0").map_or(f.clone(), str::to_owned));
    let factor = factor.filter(|f| crate::domain::Ratio::parse(f).is_ok_and(|r| r > crate::domain::Ratio::ZERO));
    let long = spec("lookbackWindow").and_then(duration).and_then(|(long, _)| Span::parse(&long).ok());
    let (Some(factor), Some(long)) = (factor, long) else {
        report.left_out(what, "its threshold or its window cannot be read");
        return None;
    };
    let noted = |name: &str| annotation(condition, name).and_then(|span| Span::parse(span).ok());
    let short = noted("callout/short").filter(|short| *short < long);
    let after = spec("alertAfter").and_then(duration).map(|(after, _)| after).filter(|after| after != "0s");
    let windows = short.map_or_else(|| long.to_string(), |short| format!("{long} and {short}"));
    let waits = after.as_ref().map_or_else(String::new, |after| format!(", for {after}"));
    report.equal(what, format!("burn rate above {factor} over {windows}{waits}"));
    Some(Pair {
        name: annotation(condition, "callout/pair").unwrap_or(called).to_owned(),
        factor,
        at_least: spec("op") == Some("gte"),
        long: long.to_string(),
        short: short.map(|short| short.to_string()),
        ticket: text(condition, &["spec", "severity"]) == Some("ticket"),
        hold: after,
        keep: noted("callout/keep").map(|keep| keep.to_string()),
    })
}
