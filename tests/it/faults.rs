//! Receivers that fail, stall and lie. A page may come late or twice, never not at all, and never because another receiver is slow.

use serde_json::json;

use crate::support::sinks::Received;
use crate::support::world::{self, STEPS};
use crate::support::{Service, Sinks};

/// Tells one webhook only.
fn webhook_world(sinks: &Sinks, more: &str) -> Service {
    let toml = format!(
        r#"[organisation]
name = "acme"
timezone = "UTC"
fallback = "ops"

[channels.webhook.ops]
url = "{http}/webhook/ops"
allow_private = true
timeout = "1s"
{more}

[channels.webhook.second]
url = "{http}/webhook/second"
allow_private = true

[teams.ops]
[[teams.ops.routes]]
tell = ["webhook:ops"]
[services.api]
team = "ops"
"#,
        http = sinks.at("http")
    );
    Service::prepare(&[("callout.toml", &toml)])
}

fn event(name: &str) -> serde_json::Value {
    json!({"kind": "resource", "service": "api", "labels": {"alertname": name}})
}

#[track_caller]
fn post(service: &Service, name: &str) {
    service.post("/v1/breaches", &event(name)).expect_status(202);
}

fn keys(received: &[Received]) -> Vec<String> {
    received.iter().map(|r| r.key().to_owned()).collect()
}

#[test]
fn retry_after_is_honoured() {
    let sinks = Sinks::start();
    let service = webhook_world(&sinks, "").start();
    sinks.fault(&json!({"endpoint": "webhook.ops", "kind": "status", "status": 429, "retry_after": 2, "times": 1}));
    post(&service, "a");
    sinks.wait_for("webhook.ops", 1);
    let attempts = sinks.attempts("webhook.ops");
    assert_eq!(attempts.len(), 2, "one refused, one taken");
    let waited = attempts[1].mono() - attempts[0].mono();
    assert!((2.0..6.0).contains(&waited), "waited {waited} s where 2 were asked for");
}

#[test]
fn slack_is_not_pressed_when_it_asks_to_wait() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    sinks.fault(
        &json!({"endpoint": "slack.chat.postMessage", "kind": "status", "status": 429, "retry_after": 2, "times": 1}),
    );
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    sinks.wait_for("slack.chat.postMessage", 2);
    let attempts = sinks.attempts("slack.chat.postMessage");
    let refused = attempts.iter().find(|a| a.0["accepted"] == false).expect("one was refused");
    let same = attempts
        .iter()
        .find(|a| a.0["accepted"] == true && a.body()["channel"] == refused.body()["channel"])
        .expect("it came through later");
    let waited = same.mono() - refused.mono();
    assert!(waited >= 2.0, "waited {waited} s where 2 were asked for");
    sinks.expect_no_complaints();
}

#[test]
fn an_outage_is_waited_out() {
    let sinks = Sinks::start();
    let service = webhook_world(&sinks, "").start();
    sinks.fault(&json!({"endpoint": "webhook.ops", "kind": "status", "status": 503, "for_s": 3}));
    for n in 0..20 {
        post(&service, &format!("a{n}"));
    }
    let received = sinks.wait_for("webhook.ops", 20);
    let mut distinct = keys(&received);
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 20, "each once");
    let attempts = sinks.attempts("webhook.ops").len();
    assert!(attempts < 20 * 6, "{attempts} attempts: an outage is no reason to hammer");
}

#[test]
fn cut_connections_are_tried_again() {
    let sinks = Sinks::start();
    let service = webhook_world(&sinks, "").start();
    sinks.fault(&json!({"endpoint": "webhook.ops", "kind": "reset", "times": 2}));
    post(&service, "a");
    sinks.wait_for("webhook.ops", 1);
    sinks.fault(&json!({"endpoint": "webhook.ops", "kind": "truncate", "times": 1}));
    post(&service, "b");
    sinks.wait_for_text("webhook.ops", "b");
}

#[test]
fn a_lost_reply_makes_a_repeat_that_can_be_recognised() {
    let sinks = Sinks::start();
    let service = webhook_world(&sinks, "").start();
    sinks.fault(&json!({"endpoint": "webhook.ops", "kind": "lost_reply", "times": 1}));
    post(&service, "a");
    let received = sinks.wait_for("webhook.ops", 2);
    let keys = keys(&received);
    assert!(!keys[0].is_empty() && keys[0] == keys[1], "{keys:?}");
}

#[test]
fn a_receiver_that_never_answers_delays_nobody_else() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    sinks.fault(&json!({"endpoint": "smtp.data", "kind": "hang"}));
    sinks.fault(&json!({"endpoint": "teams", "kind": "hang"}));
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    let pages = sinks.wait_for("slack.chat.postMessage", 2);
    assert_eq!(pages.len(), 2);
}

#[test]
fn a_slow_mail_server_is_bounded_and_tried_again() {
    let sinks = Sinks::start();
    let service = world::prepare(&sinks, STEPS);
    let toml = world::organisation(&sinks)
        .replace("from = \"callout@acme.example\"", "from = \"callout@acme.example\"\ntimeout = \"1s\"");
    service.write_config("callout.toml", &toml);
    let service = service.start();
    sinks.fault(&json!({"endpoint": "smtp.data", "kind": "hang", "times": 1}));
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    let mail = sinks.wait_for("smtp.data", 1);
    assert!(mail[0].text().contains("data-api"));
}

#[test]
fn a_mail_refused_for_now_is_sent_later_and_one_refused_for_good_is_not() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    sinks.fault(
        &json!({"endpoint": "smtp.rcpt", "kind": "smtp_reply", "code": 451, "text": "4.7.1 greylisted", "times": 1}),
    );
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    sinks.wait_for("smtp.data", 1);
}

#[test]
fn what_fails_for_good_takes_another_channel() {
    let sinks = Sinks::start();
    let service = webhook_world(&sinks, "fallback = \"webhook:second\"").start();
    sinks.fault(&json!({"endpoint": "webhook.ops", "kind": "status", "status": 404}));
    post(&service, "a");
    sinks.wait_for_text("webhook.second", "a");
    assert_eq!(sinks.attempts("webhook.ops").len(), 1, "404 is final");
    let explained =
        service.wait_json("/v1/incidents/1/explain", "explained", |v| v.to_string().contains("webhook:second"));
    assert!(explained.to_string().contains("404"), "{explained:#}");
}

#[test]
fn what_keeps_failing_takes_another_channel_after_a_while() {
    let sinks = Sinks::start();
    let service = webhook_world(&sinks, "fallback = \"webhook:second\"\ngive_up = \"2s\"").start();
    sinks.fault(&json!({"endpoint": "webhook.ops", "kind": "status", "status": 500}));
    post(&service, "a");
    sinks.wait_for_text("webhook.second", "a");
}

#[test]
fn an_untrusted_certificate_is_refused() {
    let sinks = Sinks::start();
    for bad in ["https_untrusted", "https_expired", "https_wrong_name"] {
        let service = webhook_world(&sinks, &format!("ca_file = \"{}\"", sinks.at("ca")));
        let toml = std::fs::read_to_string(service.config().join("callout.toml")).unwrap();
        let plain = format!("{}/webhook/ops", sinks.at("http"));
        service.write_config("callout.toml", &toml.replace(&plain, &format!("{}/webhook/ops", sinks.at(bad))));
        let service = service.start();
        post(&service, "a");
        service
            .wait_json("/v1/incidents/1/explain", "the certificate refused", |v| v.to_string().contains("certificate"));
        assert!(sinks.attempts("webhook.ops").is_empty(), "{bad}");
    }
}

#[test]
fn a_trusted_certificate_of_ones_own_is_taken() {
    let sinks = Sinks::start();
    let service = webhook_world(&sinks, &format!("ca_file = \"{}\"", sinks.at("ca")));
    let toml = std::fs::read_to_string(service.config().join("callout.toml")).unwrap();
    let plain = format!("{}/webhook/ops", sinks.at("http"));
    service.write_config("callout.toml", &toml.replace(&plain, &format!("{}/webhook/ops", sinks.at("https"))));
    let service = service.start();
    post(&service, "a");
    sinks.wait_for("webhook.ops", 1);
}

#[test]
fn webhooks_are_signed() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let sinks = Sinks::start_with(&json!({"webhook": {"secret": secret}}));
    let service = webhook_world(&sinks, "secret_env = \"TEST_SECRET\"").env("TEST_SECRET", secret).start();
    post(&service, "a");
    let received = sinks.wait_for("webhook.ops", 1);
    assert!(received[0].complaints().is_empty(), "{:?}", received[0].complaints());
}

#[test]
fn a_private_address_is_refused_unless_it_is_allowed() {
    let sinks = Sinks::start();
    let mut service = webhook_world(&sinks, "");
    let toml = std::fs::read_to_string(service.config().join("callout.toml")).unwrap();
    service.write_config("callout.toml", &toml.replacen("allow_private = true\n", "", 1));
    service.spawn();
    let status = service.wait_end(std::time::Duration::from_secs(20));
    assert_eq!(status.code(), Some(1), "{}", service.log());
    for words in ["webhook:ops", "private", "allow_private"] {
        assert!(service.log().contains(words), "{words:?} is missing:\n{}", service.log());
    }
}
