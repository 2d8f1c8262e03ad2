//! The organisation in which the stories happen: two teams, three people, every kind of channel.

use serde_json::{Value, json};

use super::{Service, Sinks};

/// Stories want to see every message; `storm.rs` is about what happens otherwise.
pub const CALM: &str = "[digest]\nsingles = 30\n";

/// `callout.toml`: channels lead to the stand-ins.
pub fn organisation(sinks: &Sinks) -> String {
    let ca = sinks.at("ca");
    let smtp = sinks.at("smtp").replace("127.0.0.1", "localhost");
    format!(
        r#"[organisation]
name = "acme"
timezone = "Europe/Berlin"
url = "http://{{address}}"
fallback = "operations"

[priorities.P1]
meaning = "no log-on to any application"
hotfix = true
[priorities.P2]
meaning = "one application cannot be used"
[priorities.P3]
meaning = "inconvenient"

[environments]
prod-eu = {{ region = "eu" }}
prod-us = {{ region = "us" }}

[channels.slack.main]
token_env = "TEST_SLACK_TOKEN"
api_url = "{slack}"
allow_private = true
interval = "20ms"

[channels.teams.eu]
url_env = "TEST_TEAMS_URL"
allow_private = true
interval = "20ms"

[channels.email.default]
smtp = "smtp://{smtp}"
user = "{user}"
password_env = "TEST_SMTP_PASSWORD"
from = "callout@acme.example"
ca_file = "{ca}"
allow_private = true
interval = "20ms"

[channels.webhook.ops]
url = "{http}/webhook/ops"
allow_private = true

{CALM}"#,
        slack = sinks.at("slack_api"),
        user = sinks.at("smtp_user"),
        http = sinks.at("http"),
    )
}

/// `teams/checkout.toml`. `steps` is the TOML of the escalation's steps.
pub fn checkout(steps: &str) -> String {
    format!(
        r#"[people]
ann = {{ name = "Ann Ruiz", email = "ann@example.com", slack = "U0ANN", timezone = "Europe/Madrid" }}
bob = {{ name = "Bob Lindqvist", email = "bob@example.com", slack = "U0BOB" }}

[teams.checkout]
members = ["ann", "bob"]
manager = "bob"
escalation = "checkout"

[[teams.checkout.routes]]
region = "eu"
tell = ["slack:main/#ops", "teams:eu", "email:checkout@example.com"]
[[teams.checkout.routes]]
tell = ["webhook:ops"]

[services.data-api]
team = "checkout"
environments = ["prod-eu", "prod-us"]
runbook = "https://wiki.acme.example/runbooks/data-api"
depends_on = ["users"]

[[services.data-api.slo]]
name = "Availability of get data API"
endpoint = "GET /api/data/{{tenant}}"
sli = "availability"
objective = "99.7%"
priority = "P2"
reason = "the app is unusable without it, but a workaround exists"
alert = {{ depletion = "200%", window = "60m", every = "5m", snooze = "120m" }}

[services.users]
team = "checkout"

[schedules.checkout]
team = "checkout"
roles = ["main", "backup"]
users = ["ann", "bob"]
rotate = "weekly"
start = 2026-01-05T09:00:00

[escalations.checkout]
repeat = 1
steps = [
{steps}
]
"#
    )
}

/// `teams/operations.toml`: the fallback team.
pub const OPERATIONS: &str = r#"[people]
cat = { name = "Cat Okafor", email = "cat@example.com", slack = "U0CAT" }

[teams.operations]
members = ["cat"]
escalation = "operations"
[[teams.operations.routes]]
tell = ["slack:main/#payments-alerts"]

[escalations.operations]
steps = [{ notify = ["person:cat"], wait = "60m" }]
"#;

/// Main at once, backup after an hour: for stories in which nobody waits that long.
pub const STEPS: &str = r#"  { notify = ["person:ann"], wait = "60m" },
  { notify = ["person:bob"], wait = "60m" },"#;

/// Main at once, backup after a second.
pub const QUICK_STEPS: &str = r#"  { notify = ["person:ann"], wait = "1s" },
  { notify = ["person:bob"], wait = "60m" },"#;

/// A service in this organisation, not started yet.
pub fn prepare(sinks: &Sinks, steps: &str) -> Service {
    prepare_with(sinks, &organisation(sinks), steps)
}

/// The same with another `callout.toml`.
pub fn prepare_with(sinks: &Sinks, organisation: &str, steps: &str) -> Service {
    let service = Service::prepare(&[
        ("callout.toml", organisation),
        ("teams/checkout.toml", &checkout(steps)),
        ("teams/operations.toml", OPERATIONS),
    ]);
    service
        .env("TEST_SLACK_TOKEN", sinks.at("slack_token"))
        .env("TEST_TEAMS_URL", sinks.at("teams"))
        .env("TEST_SMTP_PASSWORD", sinks.at("smtp_password"))
}

/// A running service in this organisation.
#[track_caller]
pub fn start(sinks: &Sinks, steps: &str) -> Service {
    prepare(sinks, steps).start()
}

/// The worked breach: 1.5 % of requests failed where 0.6 % may.
pub fn breach() -> Value {
    json!({
        "service": "data-api",
        "endpoint": "GET /api/data/{tenant}",
        "sli": "availability",
        "objective": "99.7",
        "environment": "prod-eu",
        "window": {"length": "60m", "good": 98471, "total": 100_000},
        "budget": {"remaining_percent": "41.5", "period": "28d"},
        "context": {"neighbours": 20, "memory_percent": 95, "cpu_percent": 90, "logs": "https://logs.acme.example/data-api"},
        "dependencies": [{"service": "users", "availability": "99.2", "budget_remaining_percent": "12"}],
        "deployments": [{"version": "2026.11.20-3", "at": "2026-11-20T19:58:00Z", "url": "https://ci.acme.example/4711"}],
        "links": {"dashboard": "https://grafana.acme.example/d/data-api"}
    })
}

/// The breach with some fields replaced.
pub fn breach_with(changes: &Value) -> Value {
    let mut breach = breach();
    for (name, value) in changes.as_object().expect("changes are an object") {
        breach[name] = value.clone();
    }
    breach
}

/// An alert as a Prometheus posts it; `endsAt` some minutes ahead.
pub fn alert(labels: &Value) -> Value {
    json!({"labels": labels, "annotations": {"summary": "CPU above 90 % for ten minutes"}, "generatorURL": "http://prometheus.acme.example/graph"})
}
