//! The signed webhook: body, signature, batches.

use callout::channel::{Message, Sending};
use callout::config::{ChannelSettings, HttpTarget, WebhookSettings};
use callout::domain::{ChannelKind, DeliveryId, Timestamp};
use serde_json::{Value, json};

use super::fixtures::{self as f, block_on, send};
use crate::support::Sinks;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap())
}

#[test]
fn a_message_carries_all_that_is_known() {
    let sinks = Sinks::start();
    let settings = ChannelSettings::Webhook(f::webhook_settings(sinks.at("webhook"), 1, f::common(3_000)));
    let hook = f::build(ChannelKind::Webhook, &settings, &[]);
    block_on(async {
        for (name, message) in f::samples() {
            let sending = send(&*hook, "", &message).await;
            assert_eq!(sending, Sending::Delivered { receipt: None }, "{name}");
        }
    });
    let posted = sinks.wait_for("webhook.any", f::samples().len());
    for ((name, message), posted) in f::samples().into_iter().zip(posted) {
        assert_eq!(posted.key(), message.idempotency_key);
        if !name.ends_with("nasty") {
            super::golden::check(&format!("webhook/{name}.json"), &format!("{:#}\n", posted.body()));
        }
    }
}

#[test]
fn a_request_is_signed() {
    let sinks = Sinks::start_with(&json!({"webhook": {"secret": SECRET}}));
    let settings = ChannelSettings::Webhook(WebhookSettings {
        secret: Some(f::env("SECRET")),
        token: Some(f::env("TOKEN")),
        ..f::webhook_settings(sinks.at("webhook"), 1, f::common(3_000))
    });
    let hook = f::build(ChannelKind::Webhook, &settings, &[("SECRET", SECRET), ("TOKEN", "t0ken")]);
    let message = Message { now: now(), ..f::page("") };
    assert_eq!(block_on(send(&*hook, "", &message)), Sending::Delivered { receipt: None });
    // The stand-in checks the signature against its own copy of the secret; it keeps no tokens.
    assert_eq!(sinks.wait_for("webhook.any", 1)[0].0["signature"], "ok");
    sinks.expect_no_complaints();
}

#[test]
fn a_batch_is_one_request_and_one_outcome() {
    let sinks = Sinks::start();
    let url = sinks.at("webhook");
    let settings = ChannelSettings::Webhook(f::webhook_settings(url, 64, f::common(3_000)));
    let hook = f::build(ChannelKind::Webhook, &settings, &[]);
    assert_eq!(hook.batch_max(), 64);
    let messages: Vec<Message> = (1..=64)
        .map(|n| Message { delivery: DeliveryId(n), idempotency_key: format!("acme-D{n}"), ..f::page("") })
        .collect();
    block_on(async {
        let delivered = hook.send("", &messages).await;
        assert_eq!(delivered, vec![Sending::Delivered { receipt: None }; 64]);
        // A batch of one keeps the shape, so that the receiver needs to know one only.
        hook.send("", &messages[..1]).await;
        sinks.fault(&json!({"endpoint": "webhook.*", "kind": "status", "status": 503, "retry_after": 2, "times": 1}));
        let retried = hook.send("", &messages).await;
        assert_eq!(retried.len(), 64);
        assert!(retried.iter().all(|s| matches!(s, Sending::Retry { after: Some(_), whole_destination: true, .. })));
    });
    let posted = sinks.wait_for("webhook.any", 2);
    let ids = |body: &Value| -> Vec<String> {
        body["messages"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(posted[0].body()).len(), 64);
    assert_eq!(ids(posted[1].body()), ["acme-D1"]);
}

#[test]
fn a_secret_url_is_read_by_reference() {
    let sinks = Sinks::start();
    let settings = ChannelSettings::Webhook(WebhookSettings {
        url: HttpTarget::Secret(f::env("URL")),
        ..f::webhook_settings("", 1, f::common(3_000))
    });
    let hook = f::build(ChannelKind::Webhook, &settings, &[("URL", sinks.at("webhook"))]);
    assert_eq!(block_on(send(&*hook, "", &f::page(""))), Sending::Delivered { receipt: None });
}
