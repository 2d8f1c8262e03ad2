//! What must not page anybody (again): small breaches, duplicates, snooze, silences, maintenance.

use serde_json::{Value, json};

use crate::support::service::{callout, incidents, run};
use crate::support::world::{self, STEPS};
use crate::support::{Service, Sinks};

#[track_caller]
fn only_incident(service: &Service) -> Value {
    service.wait_incidents(1).remove(0)
}

fn id_of(incident: &Value) -> String {
    incident["id"].as_str().map_or_else(|| incident["id"].to_string(), str::to_owned)
}

/// A resource alert: no alert rule stands between it and its incident.
fn disk(host: &str) -> Value {
    json!({"kind": "resource", "service": "data-api", "environment": "prod-us", "labels": {"alertname": "DiskFull", "host": host}})
}

/// Posts an event that opens an incident of its own, and waits for it: whatever was posted before has been judged then.
#[track_caller]
fn flush(service: &Service, host: &str) {
    service.post("/v1/breaches", &disk(host)).expect_status(202);
    service.wait_json("/v1/incidents?status=all&limit=500", "judged", |v| {
        incidents(v).iter().any(|i| i.to_string().contains(host))
    });
}

#[test]
fn six_tenths_of_a_percent_are_not_more_than_six_tenths() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    let within = world::breach_with(&json!({"window": {"length": "60m", "good": 99_400, "total": 100_000}}));
    let answer = service.post("/v1/breaches", &within).expect_status(202).json();
    flush(&service, "marker");
    assert_eq!(service.wait_incidents(1).len(), 1, "only the marker's");
    let event = answer["accepted"][0]["event"].as_str().unwrap().to_owned();
    let why = service.get(&format!("/v1/events/{event}/explain")).expect_status(200).text();
    assert!(why.contains("0.6%"), "{why}");
}

#[test]
fn duplicates_only_count() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    service.post("/v1/breaches", &disk("h1")).expect_status(202);
    let incident = only_incident(&service);
    for n in 0..4 {
        let mut again = disk("h1");
        again["context"] = json!({"load": n});
        service.post("/v1/breaches", &again).expect_status(202);
    }
    service.wait_incident(&id_of(&incident), "deduplicated four times", |i| i["duplicates"] == 4);
    flush(&service, "marker");
    sinks.wait_for("webhook.ops", 2);
    let told: Vec<_> =
        sinks.received("webhook.ops").iter().filter(|m| m.text().contains("h1")).map(|m| m.key().to_owned()).collect();
    assert_eq!(told.len(), 1, "the team heard of it once: {told:?}");
    let pages = sinks.received("slack.chat.postMessage");
    assert_eq!(pages.iter().filter(|m| m.text().contains("h1")).count(), 1, "ann was paged once");
}

#[test]
fn the_same_id_is_the_same_event() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    let mut event = disk("h1");
    event["id"] = json!("delivery-1");
    let first = service.post("/v1/breaches", &event).expect_status(202).json();
    let second = service.post("/v1/breaches", &event).expect_status(202).json();
    assert_eq!(first["accepted"][0]["event"], second["accepted"][0]["event"]);
    flush(&service, "marker");
    let all = service.wait_incidents(2);
    let of_h1 = all.iter().find(|i| i.to_string().contains("h1")).unwrap();
    assert_eq!(of_h1["duplicates"], 0, "{of_h1}");
}

#[test]
fn a_snoozed_incident_stays_quiet_over_a_restart_and_wakes_up() {
    let sinks = Sinks::start();
    let mut service = world::start(&sinks, STEPS);
    service.post("/v1/breaches", &disk("h1")).expect_status(202);
    let id = id_of(&only_incident(&service));
    sinks.wait_until("slack.chat.postMessage", "ann's page", |all| !all.is_empty());
    service.post(&format!("/v1/incidents/{id}/snooze"), &json!({"for": "4s"})).expect_status(200);
    let snoozed = service.wait_incident(&id, "snoozed", |i| i["status"] == "snoozed");
    service.restart();
    let after = service.get(&format!("/v1/incidents/{id}")).expect_status(200).json();
    assert_eq!(after["status"], "snoozed", "before {snoozed}, after {after}");
    service.wait_incident(&id, "awake again", |i| i["status"] == "triggered");
    sinks.wait_until("slack.chat.postMessage", "a second page after the snooze", |all| {
        all.iter().filter(|m| m.body()["channel"] == "U0ANN").count() >= 2
    });
}

#[test]
fn after_firing_an_alert_is_snoozed_also_over_a_restart() {
    let sinks = Sinks::start();
    let mut service = world::start(&sinks, STEPS);
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    let id = id_of(&only_incident(&service));
    service.post(&format!("/v1/incidents/{id}/resolve"), &json!({})).expect_status(200);
    service.restart();
    let answer = service.post("/v1/breaches", &world::breach()).expect_status(202).json();
    flush(&service, "marker");
    let event = answer["accepted"][0]["event"].as_str().unwrap().to_owned();
    let why = service.get(&format!("/v1/events/{event}/explain")).expect_status(200).text();
    assert!(why.contains("snooze"), "{why}");
    assert_eq!(service.get(&format!("/v1/incidents/{id}")).json()["status"], "resolved", "{why}");
}

#[test]
fn what_comes_back_soon_is_the_same_incident() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    service.post("/v1/breaches", &disk("h1")).expect_status(202);
    let id = id_of(&only_incident(&service));
    service.post(&format!("/v1/incidents/{id}/resolve"), &json!({})).expect_status(200);
    service.post("/v1/breaches", &disk("h1")).expect_status(202);
    let again = service.wait_incident(&id, "open again", |i| i["status"] == "triggered");
    assert_eq!(again["reopened"], 1, "{again}");
    assert_eq!(service.wait_incidents(1).len(), 1);
}

#[test]
fn a_silence_made_by_the_api_holds_until_it_is_expired() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    let silence = json!({
        "matchers": ["host=~\"h[0-9]\"", "alertname=DiskFull"], "for": "1h", "author": "ann", "comment": "disks are being swapped"
    });
    let made = service.post("/v1/silences", &silence);
    assert!(matches!(made.status, 200 | 201), "{} {}", made.status, made.text());
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let answer = service.post("/v1/breaches", &disk("h1")).expect_status(202).json();
    flush(&service, "marker");
    assert_eq!(service.wait_incidents(1).len(), 1, "only the marker's");
    let event = answer["accepted"][0]["event"].as_str().unwrap().to_owned();
    let why = service.get(&format!("/v1/events/{event}/explain")).expect_status(200).text();
    assert!(why.contains("silence") && why.contains("ann"), "{why}");

    service.delete(&format!("/v1/silences/{id}"));
    service.post("/v1/breaches", &disk("h1")).expect_status(202);
    service.wait_incidents(2);
}

#[test]
fn silences_are_made_listed_and_expired_on_the_command_line() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    let added = service.client(&["silence", "add", "host=h1", "--for", "1h", "--comment", "disks are being swapped"]);
    let id = added.split_whitespace().find(|w| w.len() == 36 && w.contains('-')).unwrap_or_else(|| panic!("{added}"));
    assert!(service.client(&["silence", "list"]).contains(id));
    service.post("/v1/breaches", &disk("h1")).expect_status(202);
    flush(&service, "marker");
    assert_eq!(service.wait_incidents(1).len(), 1, "only the marker's");
    service.client(&["silence", "expire", id]);
    service.post("/v1/breaches", &disk("h1")).expect_status(202);
    service.wait_incidents(2);
    let bad = run(callout().args(["silence", "add", "host=~[", "--for", "1h", "--url", &service.url("")]));
    assert!(!bad.status.success(), "a broken matcher is refused");
}

#[test]
fn maintenance_keeps_a_service_quiet() {
    let sinks = Sinks::start();
    let service = world::prepare(&sinks, STEPS);
    service.write_config(
        "rules/maintenance.toml",
        "[[maintenance]]\nname = \"always\"\ncron = \"* * * * *\"\ntimezone = \"Europe/Berlin\"\nduration = \"5m\"\nservices = [\"users\"]\n",
    );
    let service = service.start();
    let mut quiet = disk("h1");
    quiet["service"] = json!("users");
    let answer = service.post("/v1/breaches", &quiet).expect_status(202).json();
    flush(&service, "marker");
    assert_eq!(service.wait_incidents(1).len(), 1, "only the marker's");
    let event = answer["accepted"][0]["event"].as_str().unwrap().to_owned();
    let why = service.get(&format!("/v1/events/{event}/explain")).expect_status(200).text();
    assert!(why.contains("maintenance") && why.contains("always"), "{why}");
}
