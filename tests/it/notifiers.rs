//! Services that are told over HTTP, with the real program: phones, chats, others that page, work items, and a call that is answered.

use serde_json::{Value, json};

use crate::support::service::{callout, run};
use crate::support::world::{CALM, breach, breach_with};
use crate::support::{Service, Sinks, http};

const ACCOUNT: &str = "AC00000000000000000000000000000000";

/// The organisation with channels over HTTP; Ann has a push, Bob a push and a telephone.
fn start(sinks: &Sinks) -> Service {
    let n = format!("{}/n", sinks.at("http"));
    let common = "allow_private = true\ninterval = \"0s\"";
    let main = format!(
        r#"[organisation]
name = "acme"
url = "http://{{address}}"
fallback = "checkout"
[priorities.P1]
[priorities.P2]
[environments]
prod-eu = {{ region = "eu" }}
prod-us = {{ region = "us" }}

[channels.http.ntfy]
use = "ntfy"
url = "{n}/ntfy"
secrets = {{ token_env = "ntfy" }}
{common}
[channels.http.telegram]
use = "telegram"
url = "{n}/telegram"
secrets = {{ token_env = "telegram" }}
{common}
[channels.http.pagerduty]
use = "pagerduty"
url = "{n}/pagerduty"
secrets = {{ routing_key_env = "pagerduty" }}
{common}
[channels.http.voice]
use = "twilio-voice"
url = "{n}/twilio"
values = {{ account = "{ACCOUNT}", from = "+15005550006" }}
secrets = {{ token_env = "twilio" }}
{common}
[channels.http.jira]
use = "jira"
url = "{n}/jira"
values = {{ project = "OPS", user = "callout@acme.example", doing = "21", done = "31" }}
secrets = {{ token_env = "jira" }}
from = "P1"
{common}

{CALM}"#
    );
    let team = r#"[people]
ann = { name = "Ann Ruiz", addresses = { ntfy = "ann-phone" } }
bob = { name = "Bob Lindqvist", phone = "+4915112345678", addresses = { ntfy = "bob-phone" }, contact = ["http:ntfy", "http:voice"] }
[teams.checkout]
members = ["ann", "bob"]
escalation = "checkout"
dedup = ["service", "environment"]
[[teams.checkout.routes]]
environment = "prod-eu"
tell = ["http:telegram/-100123", "http:pagerduty", "http:jira"]
[services.data-api]
team = "checkout"
environments = ["prod-eu", "prod-us"]
[[services.data-api.slo]]
name = "Availability"
endpoint = "GET /api/data/{tenant}"
sli = "availability"
objective = "99.7%"
priority = "P2"
[escalations.checkout]
steps = [{ notify = ["person:ann"], wait = "60m" }, { notify = ["person:bob"], wait = "60m" }]
"#;
    let mut service = Service::prepare(&[("callout.toml", &main), ("teams/checkout.toml", team)]);
    for (name, secret) in sinks.ready["services"].as_object().unwrap() {
        service = service.env(name, secret.as_str().unwrap());
    }
    service.start()
}

fn services(sinks: &Sinks) -> Value {
    http::get(&format!("{}/services", sinks.at("control"))).json()
}

fn kept(sinks: &Sinks, service: &str) -> Value {
    let all = services(sinks);
    let one = all["kept"].as_array().unwrap().iter().find(|one| one["service"] == service);
    one.cloned().unwrap_or(Value::Null)
}

/// As Twilio in a call.
fn call(sinks: &Sinks, request: &Value) -> Value {
    http::post(&format!("{}/services/call", sinks.at("control")), request).expect_status(200).json()
}

#[test]
fn pushes_chats_and_work_items_follow_an_incident_and_a_call_is_answered_by_a_key() {
    let sinks = Sinks::start();
    let service = start(&sinks);

    // One service is busy at first, and is told when it wants to be.
    sinks.fault(&json!({"endpoint": "n.telegram", "kind": "status", "status": 429, "times": 1,
        "body": {"ok": false, "error_code": 429, "parameters": {"retry_after": 1}}}));
    service.post("/v1/breaches", &breach()).expect_status(202);
    let push = &sinks.wait_for("n.ntfy", 1)[0];
    let understood = &push.0["understood"];
    assert_eq!((&understood["topic"], &understood["priority"]), (&json!("ann-phone"), &json!(4)), "{understood}");
    assert!(push.text().contains("P2: availability of GET /api/data/{tenant} in prod-eu"), "{}", push.text());
    let room = sinks.wait_for("n.telegram", 1).remove(0);
    let waited = room.mono() - sinks.attempts("n.telegram")[0].mono();
    assert!((1.0..9.0).contains(&waited), "it was asked to wait for a second, and came after {waited}");
    sinks.wait_for("n.pagerduty", 1);
    assert!(sinks.attempts("n.jira").is_empty(), "work items are for P1 alone");

    // More urgent: now there is a work item, once, and it is linked.
    service.post("/v1/incidents/1/priority", &json!({"priority": "P1"})).expect_status(200);
    let incident = service.wait_incident("1", "linked to its work item", |i| i["work_items"][0]["id"].is_string());
    let item = &incident["work_items"][0];
    assert_eq!(item["channel"], "http:jira");
    let url = item["url"].as_str().unwrap();
    assert!(url.contains("/n/jira/browse/OPS-"), "{url}");
    assert!(service.get("/incidents/1").text().contains(url), "the page links to it");
    service.post("/v1/incidents/1/priority", &json!({"priority": "P1"})).expect_status(200);

    // The phone acknowledges by the button of the push, as the person who was pushed.
    let action = &understood["actions"][0];
    let press = http::request(
        action["method"].as_str().unwrap(),
        action["url"].as_str().unwrap(),
        &[("content-type", action["headers"]["Content-Type"].as_str().unwrap())],
        action["body"].as_str().unwrap().as_bytes(),
    );
    assert_eq!(press.status, 200, "{}", press.text());
    let incident = service.wait_incident("1", "acknowledged", |i| i["status"] == "acknowledged");
    assert_eq!(incident["status_by"], "ann");
    sinks.wait_until("n.telegram", "the message changed in its place", |all| {
        all.iter().any(|r| {
            r.0["path"].as_str().unwrap().ends_with("/editMessageText") && r.text().contains("Acknowledged by Ann Ruiz")
        })
    });
    sinks.wait_until("n.pagerduty", "the alert acknowledged", |all| {
        all.iter().any(|r| r.text().contains("acknowledge\n"))
    });

    service.post("/v1/incidents/1/resolve", &json!({})).expect_status(200);
    sinks.wait_until("n.jira", "the item done", |all| all.iter().any(|r| r.text().contains("Resolved by")));
    let issue = kept(&sinks, "jira");
    assert_eq!(issue["transitions"], json!(["21", "31"]), "{issue}");
    sinks.wait_until("n.pagerduty", "the alert resolved", |all| all.iter().any(|r| r.text().contains("resolve\n")));
    assert_eq!(kept(&sinks, "pagerduty")["actions"].as_array().unwrap().last().unwrap(), "resolve");

    // A push that is refused for good: the next way is a call, which reads the incident, and a key takes it.
    service.post("/v1/breaches", &breach_with(&json!({"environment": "prod-us"}))).expect_status(202);
    sinks.wait_for_text("n.ntfy", "in prod-us");
    sinks.fault(&json!({"endpoint": "n.ntfy", "kind": "status", "status": 403, "times": 1}));
    service.post("/v1/incidents/2/escalate", &json!({})).expect_status(200);
    sinks.wait_for("n.twilio", 1);
    let url = services(&sinks)["calls"][0]["Url"].as_str().unwrap().to_owned();
    assert!(url.starts_with(&service.url("/k/voice/")), "{url}");

    let spoken = call(&sinks, &json!({"target": url}));
    assert_eq!((&spoken["status"], &spoken["problems"]), (&json!(200), &json!([])), "{spoken}");
    let words = spoken["body"].as_str().unwrap();
    assert!(words.contains("<Gather") && words.contains("for Bob Lindqvist. P2: availability of"), "{words}");
    // Strangers, and what was changed on the way.
    for wrong in [
        json!({"target": url, "secret": "guessed", "fields": {"Digits": "4"}}),
        json!({"target": url, "added": {"Digits": "4"}}),
    ] {
        assert_eq!(call(&sinks, &wrong)["status"], 403);
    }
    assert_eq!(http::request("GET", &url, &[], b"").status, 405);
    let unknown = call(&sinks, &json!({"target": service.url("/k/voice/AQcA"), "fields": {"Digits": "4"}}));
    assert!(unknown["body"].as_str().unwrap().contains("not known here. Nothing was done"), "{unknown}");
    assert_eq!(call(&sinks, &json!({"target": service.url("/k/ntfy/AQcA")}))["status"], 404);
    let nothing = call(&sinks, &json!({"target": url, "fields": {"Digits": "7"}}));
    assert!(nothing["body"].as_str().unwrap().contains("This key means nothing"), "{nothing}");
    assert_eq!(service.get("/v1/incidents/2").json()["status"], "triggered");

    let taken = call(&sinks, &json!({"target": url, "fields": {"Digits": "4"}}));
    assert!(taken["body"].as_str().unwrap().contains("Incident 2 is acknowledged. It is yours."), "{taken}");
    let incident = service.wait_incident("2", "acknowledged", |i| i["status"] == "acknowledged");
    assert_eq!(incident["status_by"], "bob");
    for again in [json!({"target": url, "fields": {"Digits": "4"}}), json!({"target": url})] {
        let again = call(&sinks, &again);
        assert!(again["body"].as_str().unwrap().contains("Incident 2 was acknowledged by Bob Lindqvist."), "{again}");
        assert_eq!(again["problems"], json!([]));
    }

    sinks.expect_no_complaints();
    let told = service.log() + &service.get("/v1/incidents/2/explain").text() + &service.get("/metrics").text();
    for secret in sinks.ready["services"].as_object().unwrap().values() {
        assert!(!told.contains(secret.as_str().unwrap()), "{secret} is told");
    }
}

#[test]
fn a_channel_is_tried_by_a_drill() {
    let sinks = Sinks::start();
    let service = start(&sinks);
    let output = run(callout().args(["drill", "--route", "checkout/eu", "--url", &service.url("")]));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let push = sinks.wait_for("n.ntfy", 1).remove(0);
    assert!(push.text().contains("DRILL, nothing is broken"), "{}", push.text());
    assert!(sinks.attempts("n.jira").is_empty(), "a drill without a priority makes no work item");
    sinks.expect_no_complaints();
}

#[test]
fn the_check_names_what_is_wrong_with_a_channel() {
    let cases: [(&str, &[&str]); 12] = [
        ("use = \"ntfi\"", &["there is no description of a notifier `ntfi`", "did you mean `ntfy`?"]),
        ("use = \"telegram\"", &["the secret `token` is missing: the bot's token", "secrets = { token_env"]),
        (
            "use = \"jira\"\nsecrets = { token_env = \"T\" }\nurl = \"https://x.example\"",
            &["the value `project` is missing: key of the project"],
        ),
        ("use = \"ntfy\"\nsecrets = { tokn_env = \"T\" }", &["the description has no secret `tokn_env`"]),
        ("use = \"ntfy\"\nvalues = { topic = \"x\" }", &["the description has no value `topic`"]),
        ("use = \"ntfy\"\nsecrets = { token = \"tk_s3cret\" }", &["use `token_env` or `token_file`"]),
        ("use = \"ntfy\"\nurgency = { P9 = 5 }", &["there is no priority `P9`"]),
        ("use = \"mattermost\"", &["this channel has no address"]),
        ("url = \"https://x.example\"", &["says nothing of what to send", "add `use"]),
        (
            "url = \"https://x.example\"\nsend = { json = '{\"a\": {{ titel }}}' }",
            &["`send` asks for `titel`, which there is not"],
        ),
        (
            "url = \"https://x.example\"\nsend = { json = '{\"a\": {{ title }}' }",
            &["`send` cannot be made for a page: its body: it is no JSON"],
        ),
        (
            "url = \"https://x.example\"\nsend = { text = \"{{ labels.rack }}\" }",
            &["cannot be made for a page: its body: line 1: undefined value"],
        ),
    ];
    for (table, wanted) in cases {
        let dir = crate::support::TempDir::new("notifier");
        dir.write(
            "callout.toml",
            &format!("[organisation]\nname = \"acme\"\n[priorities.P1]\n[channels.http.x]\n{table}\n"),
        );
        let output = run(callout().arg("check").arg(dir.path()));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!output.status.success(), "{table}: {said}");
        for words in wanted {
            assert!(said.contains(words), "{table}: no {words:?} in\n{said}");
        }
        assert!(!said.contains("panicked"));
    }
    let many = |count: usize| format!("url = \"https://x.example\"\nsend = [{}]", "{ text = \"x\" }, ".repeat(count));
    for (count, fine) in [(8, true), (9, false)] {
        let dir = crate::support::TempDir::new("steps");
        dir.write("callout.toml", &format!("[organisation]\nname = \"acme\"\n[channels.http.x]\n{}\n", many(count)));
        let output = run(callout().arg("check").arg(dir.path()));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.success(), fine, "{said}");
        assert!(fine || said.contains("`send` has more than 8 requests"), "{said}");
    }
    let dir = crate::support::TempDir::new("addresses");
    dir.write(
        "callout.toml",
        "[organisation]\nname = \"acme\"\n[channels.http.ntfy]\nuse = \"ntfy\"\n[people]\nana = { phone = \"0151 1234\", addresses = { ntfy = \"a b\", gone = \"x\" }, contact = [\"http:ntfy\", \"http\"] }\n",
    );
    let output = run(callout().arg("check").arg(dir.path()));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for words in ["`0151 1234` is not a telephone number", "name the channel, for example `http:ntfy`"] {
        assert!(said.contains(words), "no {words:?} in\n{said}");
    }
    dir.write(
        "callout.toml",
        "[organisation]\nname = \"acme\"\n[channels.http.ntfy]\nuse = \"ntfy\"\n[people]\nana = { addresses = { ntfy = \"a b\", gone = \"x\" }, contact = [\"http:ntfy\"] }\n",
    );
    let said = String::from_utf8_lossy(&run(callout().arg("check").arg(dir.path())).stdout).into_owned();
    for words in ["names an address that does not fit", "it must look like", "there is no channel `http:gone`"] {
        assert!(said.contains(words), "no {words:?} in\n{said}");
    }
}
