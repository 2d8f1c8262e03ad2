//! The suite that every kind of channel passes: retries, rate limits, too long texts, bad certificates, deadlines that bind, and
//! no secret in any output.

use std::time::{Duration, Instant};

use callout::channel::{Channel, Sending};
use callout::config::{ChannelSettings, Common, HttpSettings};
use callout::domain::ChannelKind;
use serde_json::{Value, json};

use super::fixtures::{self as f, block_on, send};
use crate::support::Sinks;

/// What must not occur in any text that a channel gives away.
const SECRETS: [&str; 4] = ["s3cret", "sinks-token", "sinks-sig", "sinks-password"];

/// A kind over HTTP: how to point it at a server, and where its faults are set.
struct Kind {
    name: &'static str,
    endpoint: &'static str,
    address: &'static str,
    make: fn(base: &str, common: Common, sinks: &Sinks) -> Box<dyn Channel>,
}

const KINDS: &[Kind] = &[
    Kind { name: "slack", endpoint: "slack.*", address: "#ops", make: slack },
    Kind { name: "teams", endpoint: "teams", address: "", make: teams },
    Kind { name: "webhook", endpoint: "webhook.*", address: "", make: webhook },
    Kind { name: "http", endpoint: "n.*", address: "ana-phone", make: http },
];

fn slack(base: &str, common: Common, sinks: &Sinks) -> Box<dyn Channel> {
    let settings = f::slack_settings(&format!("{base}/slack/api"), common);
    f::build(ChannelKind::Slack, &settings, &[("SLACK_TOKEN", sinks.at("slack_token"))])
}

fn teams(base: &str, common: Common, _: &Sinks) -> Box<dyn Channel> {
    let path = "teams/workflows/flow-ops/triggers/manual/paths/invoke?api-version=1&sig=sinks-sig";
    f::build(ChannelKind::Teams, &f::teams_settings(&format!("{base}/{path}"), common), &[])
}

fn webhook(base: &str, common: Common, _: &Sinks) -> Box<dyn Channel> {
    let settings = ChannelSettings::Webhook(f::webhook_settings(&format!("{base}/webhook/s3cret"), 1, common));
    f::build(ChannelKind::Webhook, &settings, &[])
}

/// A description of one's own, with a secret in path, header and body.
fn http(base: &str, common: Common, _: &Sinks) -> Box<dyn Channel> {
    let text = format!(
        r#"[organisation]
name = "acme"
[channels.http.main]
url = "{base}/n/mattermost"
address = "text"
secrets = {{ token_env = "TOKEN" }}
headers = {{ Authorization = "Bearer {{{{ secrets.token }}}}" }}
[channels.http.main.send]
path = "/hooks/{{{{ secrets.token }}}}"
json = '{{"text": "{{{{ title }}}} {{{{ secrets.token }}}}"}}'
"#
    );
    let report = callout::config::load_texts([("callout.toml", text.as_str())], f::at("2026-11-20T20:18:00Z"));
    let loaded = report.loaded.clone().unwrap_or_else(|| panic!("{}", report.render(false)));
    let Some(ChannelSettings::Http(settings)) = loaded.settings.channels.values().next().cloned() else { panic!() };
    let settings = ChannelSettings::Http(HttpSettings { common, ..settings });
    f::build(ChannelKind::Http, &settings, &[("TOKEN", "sinks-token-s3cret")])
}

/// Sends the page to a kind at `base`.
fn attempt(kind: &Kind, sinks: &Sinks, base: &str, common: Common) -> Sending {
    let channel = (kind.make)(sinks.at(base), common, sinks);
    let sending = block_on(send(&*channel, kind.address, &f::page("U0ANN")));
    for text in [format!("{sending:?}"), format!("{channel:?}")] {
        let address = sinks.at(base).rsplit('/').next().unwrap_or_default().to_owned();
        for secret in SECRETS.into_iter().chain([address.as_str(), "127.0.0.1"]) {
            assert!(!text.contains(secret), "{}: {secret} in {text}", kind.name);
        }
    }
    sending
}

fn error(sending: &Sending) -> &str {
    match sending {
        Sending::Delivered { .. } => "",
        Sending::Retry { error, .. } | Sending::Failed { error } => error,
    }
}

#[test]
fn delivered_over_plain_http_and_tls() {
    let sinks = Sinks::start();
    for kind in KINDS {
        for base in ["http", "https"] {
            let sending = attempt(kind, &sinks, base, f::trusting(&sinks, 3_000));
            assert!(matches!(sending, Sending::Delivered { .. }), "{} {base}: {sending:?}", kind.name);
        }
    }
    sinks.expect_no_complaints();
}

#[test]
fn statuses_are_judged_alike() {
    let sinks = Sinks::start();
    for kind in KINDS {
        for (status, again) in
            [(429, true), (500, true), (503, true), (408, true), (400, false), (404, false), (410, false)]
        {
            sinks.fault(
                &json!({"endpoint": kind.endpoint, "kind": "status", "status": status, "times": 1, "retry_after": 7}),
            );
            let sending = attempt(kind, &sinks, "http", f::common(3_000));
            let is_again = matches!(sending, Sending::Retry { .. });
            assert!(
                is_again == again && !matches!(sending, Sending::Delivered { .. }),
                "{} {status}: {sending:?}",
                kind.name
            );
            if [429, 503].contains(&status) {
                let Sending::Retry { after, whole_destination, .. } = sending else { panic!() };
                assert_eq!(after, Some(Duration::from_secs(7)), "{} {status}", kind.name);
                assert!(whole_destination, "{} {status}", kind.name);
            }
        }
    }
}

#[test]
fn connections_that_fail_are_tried_again() {
    let sinks = Sinks::start();
    let faults: [(Value, &str); 3] = [
        (json!({"kind": "reset"}), "unknown"),
        (json!({"kind": "lost_reply"}), "unknown"),
        (json!({"kind": "hang"}), "timed out"),
    ];
    for kind in KINDS {
        for (fault, word) in &faults {
            let mut rule = fault.clone();
            rule["endpoint"] = json!(kind.endpoint);
            rule["times"] = json!(1);
            sinks.fault(&rule);
            let sending = attempt(kind, &sinks, "http", f::common(700));
            assert!(matches!(sending, Sending::Retry { .. }), "{} {fault}: {sending:?}", kind.name);
            assert!(error(&sending).contains(word), "{} {fault}: {sending:?}", kind.name);
            sinks.heal();
        }
        let sending = attempt(kind, &sinks, "refused", f::common(700));
        assert!(matches!(sending, Sending::Retry { whole_destination: true, .. }), "{}: {sending:?}", kind.name);
        assert_eq!(error(&sending), "connection refused", "{}", kind.name);
    }
}

#[test]
fn redirects_are_not_followed() {
    let sinks = Sinks::start();
    for kind in KINDS {
        let location = format!("{}/webhook/elsewhere", sinks.at("http"));
        sinks.fault(&json!({"endpoint": kind.endpoint, "kind": "redirect", "location": location, "times": 1}));
        let sending = attempt(kind, &sinks, "http", f::common(3_000));
        assert!(matches!(sending, Sending::Failed { .. }), "{}: {sending:?}", kind.name);
    }
    assert!(sinks.attempts("webhook.elsewhere").is_empty());
}

#[test]
fn certificates_are_checked_and_the_fault_is_named() {
    let sinks = Sinks::start();
    for kind in KINDS {
        for (base, words) in
            [("https_untrusted", "not trusted"), ("https_expired", "expired"), ("https_wrong_name", "another name")]
        {
            let sending = attempt(kind, &sinks, base, f::trusting(&sinks, 3_000));
            assert!(matches!(sending, Sending::Failed { .. }), "{} {base}: {sending:?}", kind.name);
            assert!(error(&sending).contains(words), "{} {base}: {sending:?}", kind.name);
        }
        let sending = attempt(kind, &sinks, "https", f::common(3_000));
        assert!(error(&sending).contains("not trusted"), "{} without the authority: {sending:?}", kind.name);
    }
}

#[test]
fn deadlines_bind() {
    let sinks = Sinks::start();
    for kind in KINDS {
        let began = Instant::now();
        let sending = attempt(kind, &sinks, "silent", f::common(400));
        assert_eq!(error(&sending), "timed out", "{}: {sending:?}", kind.name);
        sinks.fault(&json!({"endpoint": kind.endpoint, "kind": "slow", "seconds": 9, "times": 1}));
        let sending = attempt(kind, &sinks, "http", f::common(400));
        assert_eq!(error(&sending), "timed out", "{}: {sending:?}", kind.name);
        assert!(began.elapsed() < Duration::from_secs(3), "{} took {:?}", kind.name, began.elapsed());
        sinks.heal();
    }
}

#[test]
fn answers_of_the_wrong_kind_are_not_taken_for_success_where_the_body_counts() {
    let sinks = Sinks::start();
    for fault in ["garbage", "truncate"] {
        sinks.fault(&json!({"endpoint": "slack.*", "kind": fault, "times": 1}));
        let sending = attempt(&KINDS[0], &sinks, "http", f::common(3_000));
        assert!(matches!(sending, Sending::Retry { .. }), "{fault}: {sending:?}");
        sinks.heal();
    }
}
