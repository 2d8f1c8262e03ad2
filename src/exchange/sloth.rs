//! Sloth specs in: `prometheus/v1` files and the `PrometheusServiceLevel` of Kubernetes.
//!
//! Source: the documentation of Sloth, v0.12, read in November 2026. Its alerts are those of the SRE workbook for 30 days, which are the built-in
//! pack `workbook`; a spec that switches one severity off gets a pack without it.

use serde_json::Value;

use super::yaml::{at, documents, items, number, text};
use super::{Catalogue, Imported, Level, Pair, Report, Rule, Unreadable, own_sli, promql, strict, write};
use crate::domain::Ratio;

/// Period of a budget, which Sloth sets for all at once on its command line.
const PERIOD: &str = "30d";

/// Factor, long and short window of Sloth's alerts: two that page, two that make tickets.
const PAGES: [(&str, &str, &str, &str); 2] = [("page_fast", "14.4", "1h", "5m"), ("page_slow", "6", "6h", "30m")];
const TICKETS: [(&str, &str, &str, &str); 2] = [("ticket_fast", "3", "1d", "2h"), ("ticket_slow", "1", "3d", "6h")];

fn pairs(all: &[(&str, &str, &str, &str)]) -> Vec<Pair> {
    all.iter()
        .map(|(name, factor, long, short)| Pair {
            name: (*name).to_owned(),
            factor: (*factor).to_owned(),
            long: (*long).to_owned(),
            short: Some((*short).to_owned()),
            ticket: name.starts_with("ticket"),
            ..Pair::default()
        })
        .collect()
}

/// The pairs of the built-in pack: Sloth's, but pages go on for a while and tickets wait for one.
pub(super) fn workbook() -> Vec<Pair> {
    let mut all = pairs(&[PAGES, TICKETS].concat());
    for pair in &mut all {
        if pair.ticket {
            pair.hold = Some("10m".to_owned());
        } else {
            pair.keep = Some("30m".to_owned());
        }
    }
    all
}

/// Reads specs; `team` owns the services whose spec has no label `owner` or `team`.
///
/// # Errors
/// When a text is no YAML, or too large.
pub fn import<'a>(texts: impl IntoIterator<Item = &'a str>, team: &str) -> Result<Imported, Unreadable> {
    let (mut catalogue, mut report) = (Catalogue::default(), Report::default());
    for file in texts {
        for document in documents(file)? {
            let spec = match (text(&document, &["version"]), text(&document, &["apiVersion"])) {
                (Some("prometheus/v1"), _) => &document,
                (_, Some("sloth.slok.dev/v1")) => document.get("spec").unwrap_or(&Value::Null),
                _ => {
                    report.left_out(
                        "a document",
                        "it is no spec of Sloth: neither `version: prometheus/v1` nor `apiVersion: sloth.slok.dev/v1`",
                    );
                    continue;
                }
            };
            read(spec, &mut catalogue, &mut report);
        }
    }
    Ok(Imported { toml: write::toml(&catalogue, team), report })
}

fn read(spec: &Value, catalogue: &mut Catalogue, report: &mut Report) {
    let Some(service) = text(spec, &["service"]) else {
        return report.left_out("a spec", "it names no service");
    };
    let owner = ["owner", "team"].into_iter().find_map(|label| text(spec, &["labels", label]));
    let entry = catalogue.service(service);
    entry.team = owner.map(|owner| strict(owner).into()).or(entry.team.take());
    let how = owner.map_or_else(|| "with the team that was given".to_owned(), |o| format!("of team `{}`", strict(o)));
    report.equal(format!("service `{service}`"), how);
    for slo in items(spec, &["slos"]) {
        let name = text(slo, &["name"]).unwrap_or("unnamed");
        let what = format!("SLO `{name}` of `{service}`");
        let Some(objective) =
            number(slo, &["objective"]).map(|n| format!("{n}%")).filter(|percent| is_objective(percent))
        else {
            report.left_out(what, "its objective is no percentage below 100");
            continue;
        };
        let rule = match rule(slo) {
            Ok(rule) => Some(rule),
            Err(why) => {
                report.left_out(
                    format!("indicator of {what}"),
                    format!("{why}; write a rule below `[metrics]`, or send samples"),
                );
                None
            }
        };
        let burn = burn(slo, &what, catalogue, report);
        let (sli, threshold) = match &rule {
            Some(Rule::Histogram { threshold, .. }) => ("latency", Some(threshold.clone())),
            _ => ("availability", None),
        };
        let entry = catalogue.service(service);
        let own = own_sli(entry, sli, None, &strict(name));
        if own != sli {
            let how = format!("its SLI is called `{own}`, since counts of the same SLI would be added up");
            report.changed(format!("indicator of {what}"), how);
        }
        report.equal(what, format!("{objective} over {PERIOD}"));
        entry.levels.push(Level {
            name: name.to_owned(),
            sli: own,
            endpoint: None,
            objective,
            period: PERIOD.to_owned(),
            threshold,
            more: Vec::new(),
            burn,
            rule,
        });
    }
}

fn is_objective(percent: &str) -> bool {
    Ratio::parse_percent(percent).is_ok_and(|r| r < Ratio::ONE)
}

fn rule(slo: &Value) -> Result<Rule, String> {
    let events = at(slo, &["sli", "events"]);
    let query = |snake: &str, camel: &str| events.and_then(|e| text(e, &[snake]).or_else(|| text(e, &[camel])));
    if let (Some(bad), Some(total)) = (query("error_query", "errorQuery"), query("total_query", "totalQuery")) {
        return promql::bad(total, bad);
    }
    Err(if at(slo, &["sli", "raw"]).is_some() {
        "the indicator is a ratio that was computed before, and ratios cannot be added up"
    } else if at(slo, &["sli", "plugin"]).is_some() {
        "the indicator is made by a plugin"
    } else {
        "there is no query of errors and of all events"
    }
    .to_owned())
}

fn burn(slo: &Value, what: &str, catalogue: &mut Catalogue, report: &mut Report) -> Option<String> {
    let alerting = slo.get("alerting").unwrap_or(&Value::Null);
    let alert =
        |snake: &str, camel: &str| alerting.get(snake).or_else(|| alerting.get(camel)).unwrap_or(&Value::Null).clone();
    let (page, ticket) = (alert("page_alert", "pageAlert"), alert("ticket_alert", "ticketAlert"));
    for (name, value) in [("alerting", alerting), ("the page alert", &page), ("the ticket alert", &ticket)] {
        if value.get("labels").is_some() || value.get("annotations").is_some() {
            report.left_out(
                format!("labels and annotations of {name} of {what}"),
                "priority, routes and links are set in the configuration",
            );
        }
    }
    let is_off = |alert: &Value| alert.get("disable") == Some(&Value::Bool(true));
    match (is_off(&page), is_off(&ticket)) {
        (false, false) => {
            report.changed(
                format!("alerts of {what}"),
                "the built-in pack `workbook`: the same windows and factors; pages go on until it was quiet for 30m, tickets wait for 10m",
            );
            Some("workbook".to_owned())
        }
        (false, true) => {
            report.equal(format!("alerts of {what}"), "the pages of the workbook, without its tickets");
            Some(catalogue.pack("workbook-pages", "SRE workbook, 30 days: what pages", pairs(&PAGES)))
        }
        (true, false) => {
            report.equal(format!("alerts of {what}"), "the tickets of the workbook, without its pages");
            Some(catalogue.pack("workbook-tickets", "SRE workbook, 30 days: what makes tickets", pairs(&TICKETS)))
        }
        (true, true) => {
            report.equal(format!("alerts of {what}"), "none");
            None
        }
    }
}
