//! Security of the real program: tokens and their rotation, the audit.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::http;
use crate::support::service::{callout, run, stdout_of};
use crate::support::{Service, TempDir};

const CONFIG: &str = r#"[organisation]
name = "acme"
fallback = "ops"
[people]
ann = { name = "Ann Ruiz", email = "ann@acme.example" }
[teams.ops]
members = ["ann"]
[[teams.ops.routes]]
tell = ["webhook:sink"]
[channels.webhook.sink]
url = "http://127.0.0.1:9/"
allow_private = true
"#;

pub fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn with_token(service: &Service, name: &str, path: &str) -> u16 {
    http::request("GET", &service.url(path), &[("authorization", &format!("Bearer {name}"))], b"").status
}

/// Runs the client with the administrator's token.
fn admin(service: &Service, arguments: &[&str]) -> String {
    stdout_of(callout().args(arguments).args(["--url", &service.url("")]).env("CALLOUT_TOKEN", "cot_chief"))
}

/// The configuration with the administrator's token and one for Prometheus, which has these secrets.
fn config(secrets: &[&str]) -> String {
    let hashes: Vec<String> = secrets.iter().map(|text| format!("\"{}\"", sha256(text))).collect();
    format!(
        "{CONFIG}[tokens.chief]\nsha256 = \"{}\"\nscopes = [\"admin\"]\n[tokens.prometheus]\nsha256 = [{}]\nscopes = [\"read\"]\n",
        sha256("cot_chief"),
        hashes.join(", ")
    )
}

#[test]
fn a_token_is_rotated_without_a_gap_and_the_old_secret_shows_when_it_is_idle() {
    let mut service = Service::prepare(&[("callout.toml", &config(&["cot_old"]))]).start();
    assert_eq!(with_token(&service, "cot_old", "/v1/incidents"), 200);
    // The new secret beside the old one: both are good.
    service.write_config("callout.toml", &config(&["cot_new", "cot_old"]));
    assert!(admin(&service, &["token", "list"]).contains("never"), "the chief's first request is this one");
    reload(&service);
    for token in ["cot_old", "cot_new", "cot_new"] {
        assert_eq!(with_token(&service, token, "/v1/incidents"), 200, "{token}");
    }
    // What is known of the use outlives a restart, also an unfriendly one after the file was written.
    service.signal("TERM");
    service.wait_end(Duration::from_secs(20));
    service.restart();
    let list: Value = serde_json::from_str(&admin(&service, &["token", "list", "--output", "json"])).unwrap();
    let prometheus = list["tokens"].as_array().unwrap().iter().find(|t| t["name"] == "prometheus").unwrap();
    let secrets = prometheus["secrets"].as_array().unwrap();
    let of = |text: &str| {
        secrets.iter().find(|s| sha256(text).starts_with(s["sha256"].as_str().unwrap())).expect("it is listed")
    };
    assert_eq!((&of("cot_old")["requests"], &of("cot_new")["requests"]), (&json!(2), &json!(2)));
    assert!(of("cot_old")["last_used_at"].as_str().unwrap().ends_with('Z'));
    // The old one goes.
    service.write_config("callout.toml", &config(&["cot_new"]));
    reload(&service);
    assert_eq!(with_token(&service, "cot_old", "/v1/incidents"), 401);
    assert_eq!(with_token(&service, "cot_new", "/v1/incidents"), 200);
    let file = std::fs::read_to_string(service.data().join("tokens.json")).unwrap();
    assert!(!file.contains("cot_"), "{file}");

    // All of it is in the audit, also over the restart.
    let audit = admin(&service, &["audit"]);
    assert_eq!(audit.matches("POST /-/reload").count(), 2, "{audit}");
    assert!(audit.contains("token chief") && audit.contains("GET /v1/tokens"), "{audit}");
}

#[test]
fn a_third_secret_of_a_token_is_a_mistake() {
    let dir = TempDir::new("secrets");
    dir.write("callout.toml", &config(&["cot_a", "cot_b", "cot_c"]));
    let said = run(callout().arg("check").arg(dir.path()));
    let said = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    assert!(said.contains("at most 2 secrets of a token are good at once"), "{said}");
}

#[test]
fn a_reload_by_signal_is_in_the_audit_whether_it_was_refused_or_not() {
    let service = Service::prepare(&[("callout.toml", &config(&["cot_old"]))]).start();
    service.write_config("callout.toml", "this is no TOML");
    service.signal("HUP");
    let acts = |service: &Service| -> Vec<Value> {
        let audit: Value = serde_json::from_str(&admin(service, &["audit", "--output", "json"])).unwrap();
        let acts = audit["acts"].as_array().unwrap();
        acts.iter().filter(|act| act["what"] == "SIGHUP").cloned().collect()
    };
    wait(|| acts(&service).len() == 1);
    service.write_config("callout.toml", &config(&["cot_new"]));
    service.signal("HUP");
    wait(|| acts(&service).len() == 2);
    let acts = acts(&service);
    assert_eq!((&acts[0]["outcome"], &acts[1]["outcome"]), (&json!("refused"), &json!("done")));
    assert_eq!(acts[0]["by"], "somebody on this machine");
    assert!(!acts[0]["detail"].as_str().unwrap().contains("TOML"), "the audit quotes nothing of a file");
    assert!(service.log().contains("SIGHUP"), "acts are in the log as well");
}

fn reload(service: &Service) {
    let headers = [("authorization", "Bearer cot_chief")];
    http::request("POST", &service.url("/-/reload"), &headers, b"").expect_status(200);
}

#[track_caller]
fn wait(done: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(15);
    while !done() {
        assert!(std::time::Instant::now() < deadline, "it does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}
