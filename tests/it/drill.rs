//! Drills: a page that goes the whole way, marked as one, told hop by hop, and no incident.

use std::process::Output;

use serde_json::{Value, json};

use crate::support::service::{callout, incidents, run};
use crate::support::world::{self, QUICK_STEPS, STEPS};
use crate::support::{Service, Sinks};

fn drill(service: &Service, arguments: &[&str]) -> (Output, Value) {
    let output = run(callout().arg("drill").args(arguments).args(["--output", "json", "--url", &service.url("")]));
    let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output, report)
}

/// The hops of a report by name: verdicts.
fn verdicts(report: &Value, hop: &str) -> Vec<String> {
    let hops = report["hops"].as_array().cloned().unwrap_or_default();
    hops.iter().filter(|h| h["hop"] == hop).map(|h| h["verdict"].as_str().unwrap_or_default().to_owned()).collect()
}

fn metric(service: &Service, name: &str) -> String {
    let metrics = service.get("/metrics").text();
    metrics.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned)).unwrap_or_default()
}

#[test]
fn a_drill_goes_the_whole_way_is_marked_and_is_no_incident() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    let (output, report) = drill(&service, &["--route", "checkout/eu"]);
    assert!(output.status.success(), "{report:#} {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(report["passed"], true);
    let report = &report["drills"][0]["report"];
    // Slack room, Teams, mail of the team, and ann's page.
    for (hop, times) in [("accepted", 1), ("judged", 1), ("route", 1), ("who", 1), ("ordered", 4), ("delivered", 4)] {
        assert_eq!(verdicts(report, hop), vec!["passed"; times], "{hop}: {report:#}");
    }
    assert_eq!(verdicts(report, "acknowledged"), ["waiting"]);
    assert!(report["hops"].as_array().unwrap().iter().all(|h| h["hop"] == "acknowledged" || h["at"].is_string()));

    for endpoint in ["slack.chat.postMessage", "teams", "smtp.data"] {
        for message in sinks.wait_for(endpoint, 1) {
            let words = message.text() + &message.mail()["subject"].to_string();
            assert!(
                words.contains("DRILL, nothing is broken") && words.contains("team checkout"),
                "{endpoint}: {words}"
            );
            assert!(words.contains("🧪"), "{endpoint}: {words}");
            assert_eq!(message.complaints(), Vec::<String>::new(), "{endpoint}");
        }
    }

    for status in ["open", "all"] {
        let list = service.get(&format!("/v1/incidents?status={status}")).json();
        assert_eq!(incidents(&list).len(), 0, "{list}");
    }
    let list = service.get("/v1/incidents?drill=true").json();
    assert_eq!(incidents(&list)[0]["drill"], true, "{list}");
    assert!(service.get("/incidents").text().matches("DRILL").count() == 0);
    assert_eq!(metric(&service, "callout_incidents_open"), "0");
    assert_eq!(service.get("/api/v2/alerts").json(), json!([]));

    // Acknowledged in the usual way, and the report says so.
    let id = report["incident"].as_u64().unwrap();
    service.post(&format!("/v1/incidents/{id}/acknowledge"), &json!({})).expect_status(200);
    let path = format!("/v1/drill/{}", report["event"].as_str().unwrap());
    service.wait_json(&path, "acknowledged", |r| verdicts(r, "acknowledged") == ["passed"] && r["verdict"] == "passed");
    sinks.wait_for("slack.chat.update", 1);
    let updated = &sinks.received("slack.chat.update")[0].text();
    assert!(updated.contains("🧪 Acknowledged: DRILL, nothing is broken"), "{updated}");
    let text = service.client(&["explain", &id.to_string()]);
    assert!(text.contains("Drill in eu, received as"), "{text}");
}

#[test]
fn a_drill_is_over_by_itself_and_goes_no_further_than_the_first_step() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, QUICK_STEPS);
    let answer = service.post("/v1/drill", &json!({"route": "checkout", "for": "3s"})).expect_status(202);
    let answer = answer.json();
    let path = answer["report"].as_str().unwrap();
    let report = service.wait_json(path, "over", |r| verdicts(r, "acknowledged") == ["skipped"]);
    assert_eq!(report["verdict"], "passed", "{report:#}");
    assert!(report["ends_at"].is_string());
    let id = report["incident"].as_u64().unwrap();
    let incident = service.get(&format!("/v1/incidents/{id}")).json();
    assert_eq!((&incident["paged"], &incident["status"]), (&json!(["ann"]), &json!("resolved")), "{incident}");
    let why = service.client(&["explain", &id.to_string()]);
    assert!(why.contains("a drill goes no further than its first step"), "{why}");
    // Without a region the second route: the webhook, with its own mark.
    let told = sinks.wait_for("webhook.ops", 1);
    assert_eq!(told[0].body().pointer("/data/incident/drill"), Some(&json!(true)), "{}", told[0].body());
}

#[test]
fn a_drill_names_the_hop_that_failed() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    sinks.fault(&json!({"endpoint": "slack.*", "kind": "status", "status": 403}));
    let (output, report) = drill(&service, &["--route", "checkout/eu"]);
    assert_eq!(output.status.code(), Some(1), "{report:#}");
    let hops = report["drills"][0]["report"]["hops"].as_array().cloned().unwrap();
    let failed: Vec<_> = hops.iter().filter(|h| h["verdict"] == "failed").collect();
    assert!(!failed.is_empty() && failed.iter().all(|h| h["hop"] == "delivered"), "{hops:#?}");
    assert!(failed[0]["to"].as_str().unwrap().contains("slack:main"), "{hops:#?}");
    assert!(failed[0]["detail"].as_str().unwrap().contains("403"), "{hops:#?}");

    // A silence holds it back, and the report says which rule did.
    let silence = json!({"matchers": ["team=\"operations\""], "for": "1h", "comment": "quiet"});
    service.post("/v1/silences", &silence).expect_status(201);
    let (output, report) = drill(&service, &["--route", "operations", "--wait", "15s"]);
    assert_eq!(output.status.code(), Some(1));
    let report = &report["drills"][0]["report"];
    assert_eq!(verdicts(report, "judged"), ["failed"], "{report:#}");
    assert!(report["hops"][1]["detail"].as_str().unwrap().contains("silence"), "{report:#}");

    // Nobody acknowledges in time.
    sinks.heal();
    let text = run(callout().args([
        "drill",
        "--route",
        "checkout",
        "--acknowledged",
        "--wait",
        "2s",
        "--url",
        &service.url(""),
    ]));
    assert_eq!(text.status.code(), Some(1));
    let said = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(said.contains("drill of checkout: not acknowledged in time"), "{said}");
}

#[test]
fn a_drill_of_nothing_is_refused() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    for (body, words) in [
        (json!({"route": "chekout"}), "there is no team `chekout`"),
        (json!({"route": "checkout/mars"}), "there is no region `mars`"),
        (json!({"route": "checkout", "service": "x"}), "there is no service `x`"),
        (json!({"route": "checkout", "environment": "x"}), "there is no environment `x`"),
        (json!({"route": "checkout", "priority": "P9"}), "there is no priority `P9`"),
        (json!({"route": "checkout", "for": "2h"}), "a drill lasts from 1s to 1h"),
        (json!({"route": "checkout", "fro": "2h"}), "fro"),
        (json!({}), "route"),
    ] {
        let reply = service.post("/v1/drill", &body).expect_status(422);
        assert!(reply.text().contains(words), "{body}: {}", reply.text());
    }
    for id in ["E1", "E999999", "7", "x"] {
        service.get(&format!("/v1/drill/{id}")).expect_status(404);
    }
    // What is posted as an event can't pass for a drill.
    let event = json!({"kind": "resource", "service": "data-api", "labels": {"alertname": "Drill", "drill": "1"}});
    service.post("/v1/breaches", &event).expect_status(202);
    assert_eq!(service.wait_incidents(1)[0]["drill"], false);
    for _ in 0..20 {
        service.post("/v1/drill", &json!({"route": "operations"})).expect_status(202);
    }
    service.wait_json("/v1/incidents?drill=true&limit=50", "twenty drills", |v| incidents(v).len() == 20);
    service.post("/v1/drill", &json!({"route": "operations"})).expect_status(409);
}
