//! The command line as people and scripts use it: output, exit codes, the same answers from files and from a running service.

use serde_json::Value;

use crate::support::service::{callout, run, stdout_of};
use crate::support::world::{self, STEPS};
use crate::support::{Sinks, TempDir};

fn both(command: &mut std::process::Command) -> (Option<i32>, String) {
    let output = run(command);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), text)
}

const BROKEN: &str = r#"[organisation]
name = "acme"
timezone = "Europe/Berln"
fallback = "ops"

[teams.ops]
membrs = ["ann"]
escalation = "opps"

[people]
ann = { name = "Ann", email = "ann@example.com" }

[escalations.ops]
steps = [{ notify = ["schedule:nights"], wait = "ten minutes" }]
"#;

#[test]
fn check_reports_every_mistake_at_once_with_place_and_hint() {
    let dir = TempDir::new("broken");
    dir.write("callout.toml", BROKEN);
    let (code, said) = both(callout().arg("check").arg(dir.path()));
    assert_eq!(code, Some(1), "{said}");
    for words in [
        "Europe/Berlin",
        "membrs",
        "members",
        "opps",
        "ops",
        "nights",
        "ten minutes",
        "callout.toml:3",
        "callout.toml:7",
    ] {
        assert!(said.contains(words), "{words:?} is missing in\n{said}");
    }
    let (code, json) = both(callout().args(["check", "--output", "json"]).arg(dir.path()));
    assert_eq!(code, Some(1), "{json}");
    let parsed: Value = serde_json::from_str(json.trim()).unwrap_or_else(|e| panic!("{e}: {json}"));
    assert!(parsed.to_string().contains("membrs"), "{parsed}");
}

#[test]
fn check_is_content_with_what_is_right() {
    let dir = TempDir::new("right");
    dir.write("callout.toml", "[organisation]\nname = \"acme\"\nfallback = \"ops\"\n[teams.ops]\n");
    let (code, said) = both(callout().arg("check").arg(dir.path()));
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [&["serv"][..], &["check"], &["check", "--output", "xml", "."], &["serve", "--listen", "nowhere"]]
    {
        let (code, said) = both(callout().args(arguments));
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
    }
    let (code, said) = both(callout().args(["check", "/nonexistent/folder"]));
    assert!(matches!(code, Some(1 | 2)), "{said}");
}

#[test]
fn who_answers_alike_from_files_and_from_a_service() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    for at in ["2026-11-16T12:00:00Z", "2026-11-23T12:00:00Z", "2027-03-28T01:30:00Z"] {
        let ask = |more: &[&str]| {
            let mut command = callout();
            command
                .args(["who", "--schedule", "checkout", "--role", "main", "--at", at, "--output", "json"])
                .args(more);
            let text = stdout_of(&mut command);
            let answer: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
            answer
        };
        let config = service.config();
        let from_files = ask(&["--config", config.to_str().unwrap()]);
        let from_service = ask(&["--url", &service.url("")]);
        assert_eq!(from_files, from_service, "at {at}");
        assert!(from_files.to_string().contains("ann") || from_files.to_string().contains("bob"), "{from_files}");
    }
    let config = service.config();
    let text =
        stdout_of(callout().args(["who", "--team", "checkout", "--for", "14d", "--config", config.to_str().unwrap()]));
    assert!(text.contains("ann") && text.contains("bob"), "both serve within two weeks:\n{text}");
    let oncall = service.get("/v1/oncall").expect_status(200).text();
    assert!(oncall.contains("checkout"), "{oncall}");
}

#[test]
fn the_client_sends_acknowledges_snoozes_and_resolves() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    let dir = TempDir::new("send");
    dir.write("breach.json", &world::breach().to_string());
    let file = dir.path().join("breach.json");
    service.client(&["send", file.to_str().unwrap()]);
    let incident = service.wait_incidents(1).remove(0);
    let id = incident["id"].to_string();
    service.client(&["ack", &id]);
    service.wait_incident(&id, "acknowledged", |i| i["status"] == "acknowledged");
    service.client(&["snooze", &id, "--for", "1h"]);
    service.wait_incident(&id, "snoozed", |i| i["status"] == "snoozed");
    service.client(&["resolve", &id]);
    service.wait_incident(&id, "resolved", |i| i["status"] == "resolved");
    let (code, said) = both(callout().args(["ack", &id, "--url", &service.url("")]));
    assert_eq!(code, Some(1), "a resolved incident cannot be acknowledged: {said}");
    let (code, said) = both(callout().args(["ack", "1", "--url", "http://127.0.0.1:1"]));
    assert_eq!(code, Some(1), "{said}");
}

#[test]
fn explain_answers_for_people_too() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    sinks.wait_for("slack.chat.postMessage", 2);
    let at = service.wait_incidents(1).remove(0)["opened_at"].as_str().unwrap().to_owned();
    let text = service.client(&["explain", "--person", "ann", "--at", &at]);
    assert!(text.contains("ann") && text.contains("step 1"), "{text}");
}

#[test]
fn editors_and_shells_get_what_they_need() {
    let schema: Value = serde_json::from_str(&stdout_of(callout().arg("schema"))).unwrap();
    assert!(schema["properties"]["organisation"].is_object(), "{schema}");
    for shell in ["bash", "zsh", "fish"] {
        assert!(stdout_of(callout().args(["completions", shell])).contains("callout"));
    }
    assert!(stdout_of(callout().arg("man")).contains(".TH"));
    for command in ["demo", "serve", "check", "who", "explain", "send", "ack", "resolve", "snooze", "silence", "schema"]
    {
        stdout_of(callout().args([command, "--help"]));
    }
}

#[test]
fn shifts_are_listed_by_the_api() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    let shifts = service.get("/v1/schedules/checkout/shifts").expect_status(200).text();
    assert!(shifts.contains("ann") && shifts.contains("bob"), "{shifts}");
    let missing = service.get("/v1/schedules/nights/shifts");
    assert_eq!(missing.status, 404, "{}", missing.text());
}

#[test]
fn a_new_token_is_shown_once_and_its_table_can_be_pasted() {
    let output =
        run(callout().args(["token", "new", "ci", "--scope", "ingest", "--scope", "read", "--expires-in", "90d"]));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let shown = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.starts_with("cot_") && text.len() > 40, "{text}");
    assert!(!shown.contains(&text), "only the hash goes into the configuration");
    let (_, table) = shown.split_once("[tokens.ci]").expect("the table is shown");
    let dir = TempDir::new("token");
    std::fs::write(dir.path().join("callout.toml"), format!("{MINIMAL}\n[tokens.ci]{table}")).expect("it is written");
    let (code, checked) = both(callout().arg("check").arg(dir.path()));
    assert_eq!(code, Some(0), "{checked}");
    let (code, refused) = both(callout().args(["token", "new", "ci", "--scope", "everything"]));
    assert_eq!(code, Some(1), "{refused}");
}

const MINIMAL: &str = "[organisation]\nname = \"acme\"\ntimezone = \"UTC\"\n";
