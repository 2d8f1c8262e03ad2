//! Secrets stay secret: the real program is started with a marked secret in every place that takes one, does everything, well and badly, with
//! all logging on; then everything that it wrote or answered is searched for the marks, plain and in the forms in which they travel.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::security::sha256;
use crate::support::http;
use crate::support::service::{callout, run};
use crate::support::world::{breach_with, checkout};
use crate::support::{Service, Sinks};

const WEBHOOK_KEY: &str = "mark-whsec-7f3a-0123456789abcdef";

/// Everything that must not be seen, by what it is.
fn secrets(sinks: &Sinks) -> BTreeMap<&'static str, String> {
    let whsec = STANDARD.encode(WEBHOOK_KEY);
    BTreeMap::from([
        ("slack token", "xoxb-mark-slack-7f3a".to_owned()),
        ("slack signing secret", "mark-signing-7f3a".to_owned()),
        ("teams address", sinks.at("teams").to_owned()),
        ("teams signature", "mark-sig-7f3a".to_owned()),
        ("mail password", "mark-smtp-7f3a".to_owned()),
        ("webhook address", format!("{}/webhook/mark-url-7f3a", sinks.at("http"))),
        ("webhook path", "mark-url-7f3a".to_owned()),
        ("webhook secret", whsec),
        ("webhook token", "mark-bearer-7f3a".to_owned()),
        ("heartbeat address", "mark-beat-7f3a".to_owned()),
        ("link key", "mark-linkkey-7f3a".to_owned()),
        ("token of the chief", "cot_mark_chief_7f3a".to_owned()),
        ("token of the sender", "cot_mark_sender_7f3a".to_owned()),
        ("a wrong token", "cot_mark_wrong_7f3a".to_owned()),
        ("a secret in the wrong place", "mark-inline-7f3a".to_owned()),
    ])
}

/// The forms in which a secret could turn up: plain, percent-encoded, in hexadecimal, and in base64 wherever it begins.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.as_bytes().to_vec()];
    let hex: Vec<String> = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    forms.push(hex.concat().into_bytes());
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        for before in 0..3 {
            let text = engine.encode([&vec![b' '; before], secret.as_bytes()].concat());
            // The ends depend on what is beside the secret.
            let (from, to) = ([0, 2, 3][before], text.len() - 2);
            forms.push(text.as_bytes()[from..to].to_vec());
        }
    }
    forms
}

fn config(sinks: &Sinks) -> String {
    let smtp = sinks.at("smtp").replace("127.0.0.1", "localhost");
    format!(
        r#"[organisation]
name = "acme"
url = "http://{{address}}"
fallback = "checkout"
link_key_env = "TEST_LINK_KEY"
[priorities.P1]
[priorities.P2]
[environments]
prod-eu = {{ region = "eu" }}
prod-us = {{ region = "us" }}
[channels.slack.main]
token_env = "TEST_SLACK_TOKEN"
signing_secret_env = "TEST_SLACK_SIGNING"
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
password_file = "smtp.secret"
from = "callout@acme.example"
ca_file = "{ca}"
allow_private = true
interval = "20ms"
[channels.webhook.ops]
url_file = "webhook.secret"
secret_env = "TEST_WEBHOOK_SECRET"
token_env = "TEST_WEBHOOK_TOKEN"
allow_private = true
[heartbeat]
url_env = "TEST_BEAT_URL"
every = "10s"
allow_private = true
[tokens.chief]
sha256 = "{chief}"
scopes = ["admin"]
[tokens.sender]
sha256 = "{sender}"
scopes = ["ingest"]
"#,
        slack = sinks.at("slack_api"),
        user = sinks.at("smtp_user"),
        ca = sinks.at("ca"),
        chief = sha256("cot_mark_chief_7f3a"),
        sender = sha256("cot_mark_sender_7f3a"),
    )
}

/// Adds every file below `folder` to `found`, by its name.
fn collect(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            let mut bytes = std::fs::read(&path).unwrap_or_default();
            // Segments are zeros up to their full size.
            bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
            found.push((path.display().to_string(), bytes));
        }
    }
}

/// Finds any of these in one pass; there are megabytes of log.
fn any_of(needles: impl Iterator<Item = Vec<u8>>) -> regex::bytes::Regex {
    let escaped = |needle: Vec<u8>| needle.iter().map(|byte| format!("\\x{byte:02x}")).collect::<Vec<_>>().concat();
    let pattern: Vec<String> = needles.map(escaped).collect();
    regex::bytes::Regex::new(&format!("(?-u:{})", pattern.join("|"))).unwrap()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn no_secret_is_in_anything_that_is_written_or_answered() {
    let sinks = Sinks::start_with(&json!({
        "slack": {"token": "xoxb-mark-slack-7f3a", "signing_secret": "mark-signing-7f3a"},
        "teams": {"sig": "mark-sig-7f3a"},
        "smtp": {"password": "mark-smtp-7f3a"},
        "webhook": {"secret": format!("whsec_{}", STANDARD.encode(WEBHOOK_KEY))},
    }));
    let good = config(&sinks);
    let steps = "  { notify = [\"person:ann\", \"webhook:ops\"], wait = \"60m\" },";
    let service = Service::prepare(&[
        ("callout.toml", &good),
        ("teams/checkout.toml", &checkout(steps)),
        ("smtp.secret", "mark-smtp-7f3a\n"),
        ("webhook.secret", &format!("{}/webhook/mark-url-7f3a\n", sinks.at("http"))),
    ]);
    let mut service = service
        .env("TEST_LINK_KEY", "mark-linkkey-7f3a")
        .env("TEST_SLACK_TOKEN", "xoxb-mark-slack-7f3a")
        .env("TEST_SLACK_SIGNING", "mark-signing-7f3a")
        .env("TEST_TEAMS_URL", sinks.at("teams"))
        .env("TEST_WEBHOOK_SECRET", &format!("whsec_{}", STANDARD.encode(WEBHOOK_KEY)))
        .env("TEST_WEBHOOK_TOKEN", "mark-bearer-7f3a")
        .env("TEST_BEAT_URL", &format!("{}/webhook/mark-beat-7f3a", sinks.at("http")))
        .env("CALLOUT_LOG", "trace")
        .start();
    let mut said: Vec<(String, Vec<u8>)> = Vec::new();
    let ask = |method: &str, path: &str, token: &str, body: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let reply = http::request(method, &service.url(path), &headers, body.as_bytes());
        let head = format!("{:?}\n", reply.headers).into_bytes();
        (reply.status, (format!("answer to {method} {path}"), [head, reply.body].concat()))
    };
    let (chief, sender) = ("cot_mark_chief_7f3a", "cot_mark_sender_7f3a");

    // First everything fails in several ways, then it goes well.
    for endpoint in ["slack.*", "teams", "smtp.*", "webhook.*"] {
        for kind in ["status", "reset"] {
            sinks.fault(&json!({"endpoint": endpoint, "kind": kind, "status": 500, "times": 1}));
        }
    }
    let breach = breach_with(&json!({"links": {"dashboard": "https://grafana.acme.example/d/1"}}));
    assert_eq!(ask("POST", "/v1/breaches", sender, &breach.to_string()).0, 202);
    for endpoint in ["slack.chat.postMessage", "teams", "smtp.data", "webhook.mark-url-7f3a"] {
        sinks.wait_for(endpoint, 1);
    }
    // Refused for good.
    let before = sinks.attempts("webhook.mark-url-7f3a").len();
    sinks.fault(&json!({"endpoint": "webhook.*", "kind": "status", "status": 403, "times": 9}));
    let other = breach_with(&json!({"environment": "prod-us", "team": "checkout"}));
    assert_eq!(ask("POST", "/v1/breaches", sender, &other.to_string()).0, 202);
    let deadline = Instant::now() + Duration::from_secs(20);
    while sinks.attempts("webhook.mark-url-7f3a").len() == before {
        assert!(Instant::now() < deadline, "nothing was tried");
        std::thread::sleep(Duration::from_millis(50));
    }
    sinks.heal();
    // Somebody acts by a link; others try with what is no link and no token.
    let link = sinks.received("slack.*").iter().flat_map(crate::support::sinks::Received::action_links).next().unwrap();
    let link = link.split('?').next().unwrap().to_owned();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    http::request("POST", &link, &form, b"do=acknowledge").expect_status(200);
    for (method, path) in
        [("GET", "/v1/incidents"), ("POST", "/v1/breaches"), ("POST", "/api/v2/alerts"), ("GET", "/metrics")]
    {
        let (status, answer) = ask(method, path, "cot_mark_wrong_7f3a", "[]");
        assert_eq!(status, 401);
        said.push(answer);
    }
    for (path, body) in [("/v1/silences", "{\"comment\": 1}"), ("/v1/incidents/1/note", "{"), ("/v1/breaches", "[{}]")]
    {
        said.push(ask("POST", path, chief, body).1);
    }
    // A secret where none belongs: in the configuration itself.
    for bad in
        ["[channels.slack.main]\ntoken = \"mark-inline-7f3a\"\n", "[channels.slack.main]\ntoken = mark-inline-7f3a\n"]
    {
        service.write_config("callout.toml", bad);
        let (status, answer) = ask("POST", "/-/reload", chief, "");
        assert_eq!(status, 422);
        said.push(answer);
        let check = run(callout().arg("check").arg(service.config()));
        said.push(("check".to_owned(), [check.stdout, check.stderr].concat()));
        service.signal("HUP");
    }
    service.write_config("callout.toml", &good);
    assert_eq!(ask("POST", "/-/reload", chief, "").0, 200);
    for path in [
        "/v1/incidents?status=all",
        "/v1/incidents/1",
        "/v1/incidents/1/explain",
        "/v1/oncall",
        "/v1/silences",
        "/v1/maintenance",
        "/v1/audit",
        "/v1/tokens",
        "/api/v2/alerts",
        "/api/v2/status",
        "/api/v2/receivers",
        "/incidents",
        "/incidents/1",
        "/metrics",
        "/openapi.json",
        "/problems",
        "/-/ready",
        "/nowhere",
        "/v1/incidents?mark=x",
    ] {
        said.push(ask("GET", path, chief, "").1);
    }
    for arguments in [&["token", "list"][..], &["audit"], &["explain", "1"], &["ack", "99"]] {
        let output = run(callout().args(arguments).args(["--url", &service.url("")]).env("CALLOUT_TOKEN", chief));
        said.push((format!("callout {arguments:?}"), [output.stdout, output.stderr].concat()));
    }
    service.signal("TERM");
    service.wait_end(Duration::from_secs(30));
    let export = run(callout().arg("export").arg("--data").arg(service.data()));
    assert!(export.status.success() && export.stdout.len() > 1_000);
    said.push(("export".to_owned(), [export.stdout, export.stderr].concat()));
    let verify = run(callout().arg("verify").arg("--data").arg(service.data()));
    said.push(("verify".to_owned(), [verify.stdout, verify.stderr].concat()));
    let log = service.log().into_bytes();
    assert!(contains(&log, b"TRACE") && contains(&log, b"DEBUG"), "all of the log is on");
    said.push(("log".to_owned(), log));
    collect(service.data(), &mut said);

    let mut leaks = Vec::new();
    let all = secrets(&sinks);
    let any = any_of(all.values().flat_map(|secret| forms(secret)));
    for (place, text) in &said {
        for found in any.find_iter(text) {
            let of = all.iter().find(|(_, secret)| forms(secret).iter().any(|form| form == found.as_bytes()));
            let around = &text[found.start().saturating_sub(160)..(found.end() + 40).min(text.len())];
            let around = String::from_utf8_lossy(around).escape_debug().to_string();
            leaks.push(format!("the {} is in the {place}: …{around}…", of.map_or("", |(name, _)| name)));
        }
    }
    // A link lets whoever has it act, so it is a secret too; only the page behind it may show it.
    let link = link.rsplit('/').next().unwrap().as_bytes().to_vec();
    leaks.extend(
        said.iter().filter(|(_, text)| contains(text, &link)).map(|(place, _)| format!("a link is in the {place}")),
    );
    leaks.sort();
    leaks.dedup();
    assert!(leaks.is_empty(), "{} leaks\n{}", leaks.len(), leaks.join("\n"));
    assert!(said.len() > 30, "only {} places searched", said.len());
}

#[test]
fn the_search_finds_what_is_hidden() {
    let secret = "mark-smtp-7f3a";
    for before in ["", "a", "ab", "\0callout\0"] {
        let sent = STANDARD.encode(format!("{before}{secret}\n"));
        assert!(forms(secret).iter().any(|form| contains(sent.as_bytes(), form)), "{before:?}");
    }
    assert!(!forms(secret).iter().any(|form| contains(STANDARD.encode("something else").as_bytes(), form)));
}
