//! Slack's own libraries as judges: what callout accepts, they accept; what it refuses, they refuse; what it sends is of their types.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::{Chat, members, start};
use crate::support::http;
use crate::support::service::run;
use crate::support::{Sinks, world};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn judge(arguments: &[&str]) -> Command {
    let mut command = Command::new(root().join("tests/sinks/slack/run.sh"));
    command.args(arguments);
    command
}

/// A receiver by Slack's own framework, as long as this lives.
struct Bolt {
    child: Child,
    url: String,
}

impl Bolt {
    fn start(secret: &str) -> Self {
        let mut child =
            judge(&["bolt", secret]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("run.sh starts");
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        assert!(port.trim().parse::<u16>().is_ok(), "run tests/setup.sh; bolt said {port:?}");
        Self { child, url: format!("http://127.0.0.1:{}/", port.trim()) }
    }
}

impl Drop for Bolt {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// What the verifier of `slack_sdk` says of requests.
fn sdk(secret: &str, requests: &[Value]) -> Vec<bool> {
    let mut child =
        judge(&["sdk", secret]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("run.sh starts");
    child.stdin.take().unwrap().write_all(json!(requests).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).expect("a list of verdicts")
}

#[test]
fn callout_accepts_and_refuses_what_slacks_own_libraries_do() {
    let sinks = Sinks::start_with(&members());
    let service = start(&sinks, "");
    let chat = Chat { sinks: &sinks, service: &service };
    let secret = sinks.at("slack_signing_secret");
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    sinks.wait_for("slack.chat.postMessage", 2);
    let cases = [
        json!({}),
        json!({"skew_s": -290}),
        json!({"skew_s": -303}),
        json!({"corrupt": "signature"}),
        json!({"corrupt": "body"}),
        json!({"signing_secret": "another"}),
        json!({"drop_headers": ["X-Slack-Signature"]}),
        json!({"drop_headers": ["X-Slack-Request-Timestamp"]}),
        json!({"headers": {"X-Slack-Signature": "v0="}}),
        json!({"headers": {"X-Slack-Request-Timestamp": "soon"}}),
    ];
    let mut requests: Vec<(&str, Value)> = Vec::new();
    for case in &cases {
        let mut more = case.clone();
        more["sign_only"] = json!(true);
        requests.push(("interactions", chat.press_with("U0ANN", "1 acknowledge", &more)));
        more["target"] = json!(chat.target("commands"));
        more["user"] = json!("U0ANN");
        more["text"] = json!("status");
        requests.push(("commands", sinks.slack_sends("slash", &more)));
    }
    let bolt = Bolt::start(secret);
    let signed: Vec<Value> = requests.iter().map(|(_, request)| request.clone()).collect();
    let verdicts = sdk(secret, &signed);
    let mut accepted = 0;
    for ((what, request), by_sdk) in requests.iter().zip(verdicts) {
        let headers: BTreeMap<String, String> = serde_json::from_value(request["headers"].clone()).unwrap();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let body = request["body"].as_str().unwrap().as_bytes();
        let by_callout = http::request("POST", &chat.target(what), &headers, body).status;
        let by_bolt = http::request("POST", &bolt.url, &headers, body).status;
        let good = |status: u16| match status {
            200 => true,
            401 => false,
            other => panic!("{other} for {request}"),
        };
        assert_eq!((good(by_callout), good(by_bolt)), (by_sdk, by_sdk), "{what}: {request}");
        accepted += usize::from(by_sdk);
    }
    assert_eq!(accepted, 4);
}

#[test]
fn what_is_sent_is_of_slacks_own_types() {
    let folder = root().join("tests/data/channel/slack");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).collect();
    files.sort();
    assert!(files.iter().filter(|file| file.to_string_lossy().contains("slack-here-")).count() >= 5, "{files:?}");
    assert!(files.iter().any(|file| file.to_string_lossy().contains("slack-view-")), "{files:?}");
    let output = run(judge(&["types"]).args(&files));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    // And the types do refuse something.
    let bad = crate::support::TempDir::new("types");
    bad.write(
        "slack-bad.json",
        r#"{"text": "x", "blocks": [{"type": "actions", "elements": [{"type": "button", "style": "red"}]}]}"#,
    );
    let output = run(judge(&["types"]).arg(bad.path().join("slack-bad.json")));
    assert!(!output.status.success());
}

/// The app's manifest names what callout serves and asks for the scopes of what it calls.
#[test]
fn the_manifest_of_the_app_fits() {
    let text = std::fs::read_to_string(root().join("examples/slack/manifest.yml")).unwrap();
    let manifest: Value = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
    let address = "https://callout.acme.example/hooks/slack/main/";
    let settings = &manifest["settings"];
    assert_eq!(settings["interactivity"]["request_url"], format!("{address}interactions"));
    assert_eq!(settings["event_subscriptions"]["request_url"], format!("{address}events"));
    let command = &manifest["features"]["slash_commands"][0];
    assert_eq!((&command["command"], &command["url"]), (&json!("/callout"), &json!(format!("{address}commands"))));
    assert_eq!(command["should_escape"], true, "mentions come with their ids");
    assert!(command["description"].as_str().unwrap().chars().count() <= 2_000);
    for shortcut in manifest["features"]["shortcuts"].as_array().unwrap() {
        assert_eq!(shortcut["callback_id"], callout::channel::slack::modal::OPEN);
        assert!(shortcut["name"].as_str().unwrap().chars().count() <= 24);
    }
    let scopes: Vec<&str> =
        manifest["oauth_config"]["scopes"]["bot"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
    let page = std::fs::read_to_string(root().join("docs/channels.md")).unwrap();
    for scope in &scopes {
        assert!(page.contains(&format!("`{scope}`")), "{scope} is not explained");
    }
    for scope in ["chat:write", "im:write", "commands", "users:read.email", "usergroups:write", "channels:manage"] {
        assert!(scopes.contains(&scope), "{scope} is missing");
    }
}
