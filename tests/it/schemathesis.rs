//! `/openapi.json` against the running service: Schemathesis makes requests out of it, right and wrong ones, and looks at the answers.

use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use crate::support::service::run;
use crate::support::{Service, TempDir};

const CONFIG: &str = r#"[organisation]
name = "acme"
timezone = "Europe/Berlin"
fallback = "ops"
[priorities.P1]
[priorities.P2]
[environments]
prod-eu = { region = "eu" }
[channels.webhook.sink]
url = "http://127.0.0.1:9/"
allow_private = true
[channels.email.main]
smtp = "smtp+plain://127.0.0.1:9"
from = "callout@acme.example"
allow_private = true
[people]
ann = { name = "Ann Ruiz", email = "ann@acme.example" }
[teams.ops]
members = ["ann"]
escalation = "ops"
[[teams.ops.routes]]
tell = ["webhook:sink"]
[services.data-api]
team = "ops"
[schedules.ops]
team = "ops"
users = ["ann"]
rotate = "weekly"
start = 2026-01-05T09:00:00
[escalations.ops]
steps = [{ notify = ["schedule:ops"], wait = "60m" }]
[[maintenance]]
name = "patches"
cron = "0 2 * * SUN"
duration = "2h"
[tokens.chief]
scopes = ["admin"]
"#;

#[test]
fn every_answer_is_as_it_is_described() {
    let config = format!("{CONFIG}sha256 = \"{}\"\n", crate::security::sha256("cot_chief"));
    let mut service = Service::prepare(&[("callout.toml", &config)]).start();
    service.token = Some("cot_chief".to_owned());
    let breach = json!({"service": "data-api", "sli": "availability", "budget": {"remaining_percent": 1}});
    let event = service.post("/v1/breaches", &breach).expect_status(202).json();
    let silence = json!({"matchers": "host=db7", "for": "2h", "comment": "disks"});
    let silence = service.post("/v1/silences", &silence).expect_status(201).json();
    service.wait_incidents(1);

    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis");
    let settings = std::fs::read_to_string(folder.join("schemathesis.toml")).unwrap();
    let settings = settings
        .replace("@event@", event["accepted"][0]["event"].as_str().unwrap())
        .replace("@silence@", silence["id"].as_str().unwrap());
    let dir = TempDir::new("schemathesis");
    dir.write("schemathesis.toml", &settings);
    let output = run(Command::new(folder.join("run.sh"))
        .current_dir(dir.path())
        .args(["--config-file", "schemathesis.toml", "run", &service.url("/openapi.json")])
        .args(["--header", "Authorization: Bearer cot_chief", "--checks", "all", "--no-color"])
        .args(["--phases", "coverage,fuzzing", "--max-examples", "2", "--continue-on-failure"])
        .args(["--request-timeout", "20"]));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    let line = |words: &str| said.lines().find(|line| line.contains(words)).map_or("", str::trim).to_owned();
    println!("schemathesis: {}; {}", line("generated"), line("Tested:"));
    assert!(!service.log().contains("panicked"), "{}", service.log());
}
