//! `examples/monitoring`: the alert rules under promtool, and that rules and dashboard name only metrics that callout has.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::service::run;
use crate::support::{Sinks, world};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/monitoring")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn promtool(arguments: &[&str]) -> String {
    let output = run(Command::new("promtool").args(arguments).current_dir(folder()));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "promtool {arguments:?}:\n{said}");
    said
}

#[test]
fn the_rules_fire_when_they_should_and_only_then() {
    promtool(&["check", "rules", "callout.rules.yml"]);
    let said = promtool(&["test", "rules", "callout.rules.test.yml"]);
    assert!(said.contains("SUCCESS"), "{said}");
    // Each alert is tried, both ways where it can be.
    let (rules, tests) = (read("callout.rules.yml"), read("callout.rules.test.yml"));
    for alert in rules.lines().filter_map(|l| l.trim().strip_prefix("- alert: ")) {
        assert!(tests.matches(&format!("alertname: {alert}")).count() >= 2, "{alert} is not tested");
    }
}

/// Names of metrics in a text, without what a histogram adds.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words
        .filter(|word| word.starts_with("callout_"))
        .map(|word| {
            let stem = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| word.strip_suffix(suffix));
            stem.unwrap_or(word).to_owned()
        })
        .collect()
}

fn expressions(panels: &Value, into: &mut String) {
    for panel in panels.as_array().into_iter().flatten() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            into.push_str(target["expr"].as_str().expect("a target has an expression"));
            into.push('\n');
        }
        expressions(&panel["panels"], into);
    }
}

#[test]
fn rules_dashboard_and_handbook_name_only_metrics_that_there_are() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, world::STEPS);
    service.post("/v1/breaches", &json!([world::breach(), {"servise": "x"}])).expect_status(202);
    // A family shows once it has a member: a refusal, too.
    service.request("POST", "/v1/breaches", &[("content-type", "application/json")], b"{").expect_status(400);
    service.post("/v1/samples", &json!({})).expect_status(422);
    service.wait_incidents(1);
    let metrics = service.get("/metrics").text();
    let there: BTreeSet<String> =
        metrics.lines().filter_map(|l| l.strip_prefix("# TYPE ")?.split(' ').next().map(str::to_owned)).collect();

    let dashboard: Value = serde_json::from_str(&read("callout-dashboard.json")).expect("the dashboard is JSON");
    let mut shown = String::new();
    expressions(&dashboard["panels"], &mut shown);
    let handbook = std::fs::read_to_string(folder().join("../../docs/operations.md")).expect("the handbook is there");
    for (where_, text) in [("rules", &read("callout.rules.yml")), ("dashboard", &shown), ("handbook", &handbook)] {
        let missing: Vec<_> = named(text).into_iter().filter(|name| !there.contains(name)).collect();
        assert!(missing.is_empty(), "{where_}: no such metric: {missing:?}\nthere are {there:?}");
    }
    // And the other way round: what callout counts is shown.
    let shown = named(&shown);
    let unseen: Vec<_> = there.iter().filter(|name| !shown.contains(*name)).collect();
    assert!(unseen.is_empty(), "not on the dashboard: {unseen:?}");
}

#[test]
fn every_expression_of_the_dashboard_is_one() {
    let dashboard: Value = serde_json::from_str(&read("callout-dashboard.json")).expect("the dashboard is JSON");
    let mut shown = String::new();
    expressions(&dashboard["panels"], &mut shown);
    let mut rules = String::from("groups:\n  - name: dashboard\n    rules:\n");
    for (number, expression) in shown.lines().enumerate() {
        let expression = expression.replace("$__rate_interval", "5m");
        let _ = write!(rules, "      - record: dashboard:{number}\n        expr: {}\n", json!(expression));
    }
    let dir = crate::support::TempDir::new("dashboard");
    let file = dir.path().join("rules.yml");
    std::fs::write(&file, rules).expect("the rules can be written");
    promtool(&["check", "rules", &file.to_string_lossy()]);
}
