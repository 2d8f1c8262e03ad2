//! Slack: what is said, changed in place, answered in the thread, and done when Slack says no.

use callout::channel::slack::blocks::{self, Buttons};
use callout::channel::slack::modal;
use callout::channel::{Channel, Message, Sending};
use callout::config::{ChannelSettings, HttpTarget, SlackSettings};
use callout::domain::ChannelKind;
use serde_json::json;

use super::fixtures::{self as f, block_on, send};
use crate::support::Sinks;

fn slack(sinks: &Sinks) -> Box<dyn Channel> {
    let settings = f::slack_settings(sinks.at("slack_api"), f::common(3_000));
    f::build(ChannelKind::Slack, &settings, &[("SLACK_TOKEN", sinks.at("slack_token"))])
}

fn incoming(sinks: &Sinks) -> Box<dyn Channel> {
    let settings = ChannelSettings::Slack(SlackSettings {
        token: None,
        webhook: Some(HttpTarget::Plain(sinks.at("slack_webhook").into())),
        api_url: "https://slack.com/api/".into(),
        signing_secret: None,
        pictures: false,
        previous_signing_secret: None,
        act: callout::config::WhoActs::default(),
        rooms: None,
        common: f::common(3_000),
    });
    f::build(ChannelKind::Slack, &settings, &[])
}

fn receipt(sending: Sending) -> callout::engine::Receipt {
    match sending {
        Sending::Delivered { receipt: Some(receipt) } => receipt,
        other => panic!("no receipt: {other:?}"),
    }
}

#[test]
fn every_sample_is_posted_without_complaint() {
    let sinks = Sinks::start();
    let slack = slack(&sinks);
    block_on(async {
        for (name, message) in f::samples() {
            let sending = send(&*slack, "#ops", &message).await;
            assert!(matches!(sending, Sending::Delivered { receipt: Some(_) }), "{name}: {sending:?}");
        }
    });
    assert_eq!(sinks.received("slack.chat.postMessage").len(), f::samples().len());
    sinks.expect_no_complaints();
}

#[test]
fn a_picture_that_slack_cannot_fetch_costs_the_picture_alone() {
    let sinks = Sinks::start();
    let slack = slack(&sinks);
    sinks.fault(
        &json!({"endpoint": "slack.chat.postMessage", "kind": "slack_error", "error": "invalid_blocks", "times": 1}),
    );
    block_on(async {
        let sending = send(&*slack, "U0ANN", &f::chart()).await;
        assert!(matches!(sending, Sending::Delivered { .. }), "{sending:?}");
    });
    let posted = sinks.attempts("slack.chat.postMessage");
    assert_eq!(posted.len(), 2);
    let types = |at: usize| posted[at].body()["blocks"].to_string();
    assert!(types(0).contains("ch4rt-t0ken.png") && types(0).contains("\"alt_text\":\"Chart of what failed"));
    assert!(!types(1).contains("\"image\"") && types(1).contains("\"actions\""), "{}", types(1));
}

#[test]
fn a_page_goes_to_the_person() {
    let sinks = Sinks::start();
    let slack = slack(&sinks);
    block_on(send(&*slack, "U0ANN", &f::page("U0ANN")));
    let posted = &sinks.wait_for("slack.chat.postMessage", 1)[0];
    assert_eq!(posted.body()["channel"], "U0ANN");
    assert_eq!(posted.key(), "acme-D17");
    assert!(posted.text().contains("Ana Ruiz is paged: step 1 of 4 of checkout: main on call"), "{}", posted.text());
    sinks.expect_no_complaints();
}

#[test]
fn a_follow_up_changes_the_message_and_answers_in_its_thread() {
    let sinks = Sinks::start();
    let slack = slack(&sinks);
    block_on(async {
        let first =
            receipt(send(&*slack, "#ops", &f::message(callout::engine::state::Purpose::Alert, f::breach())).await);
        for message in [f::acknowledged(), f::reopened(), f::resolved()] {
            let message = Message { follows: Some(first.clone()), ..message };
            assert_eq!(
                receipt(send(&*slack, "#ops", &message).await),
                first,
                "later follow-ups belong to the first too"
            );
        }
        let messages = sinks.slack_state()["messages"].as_array().unwrap().clone();
        assert_eq!(messages.len(), 4, "one message and three answers");
        let root = messages.iter().find(|m| m["ts"] == json!(first.message.as_str())).unwrap();
        assert!(root["text"].as_str().unwrap().starts_with("✅ P2 resolved: availability"), "{root}");
        let threads = messages.iter().filter(|m| m["thread_ts"] == json!(first.message.as_str())).count();
        assert_eq!(threads, 3);
        assert!(messages.iter().any(|m| m["text"].as_str().unwrap().starts_with("*Resolved by Ana Ruiz after 51m*")));
    });
    sinks.expect_no_complaints();
}

#[test]
fn a_message_that_is_gone_is_told_anew() {
    let sinks = Sinks::start();
    let slack = slack(&sinks);
    block_on(async {
        let mut first = receipt(send(&*slack, "#ops", &f::page("U0ANN")).await);
        first.message = "1.000001".into();
        let again = send(&*slack, "#ops", &Message { follows: Some(first.clone()), ..f::resolved() }).await;
        assert_ne!(receipt(again), first);
    });
}

#[test]
fn blocks_that_slack_refuses_go_as_text() {
    for error in ["invalid_blocks", "msg_blocks_too_long"] {
        let sinks = Sinks::start();
        sinks.fault(&json!({"endpoint": "slack.chat.postMessage", "kind": "slack_error", "error": error, "times": 1}));
        let slack = slack(&sinks);
        let sending = block_on(send(&*slack, "#ops", &f::page("U0ANN")));
        assert!(matches!(sending, Sending::Delivered { receipt: Some(_) }), "{sending:?}");
        let posted = sinks.wait_for("slack.chat.postMessage", 1);
        let body = posted.last().unwrap().body();
        assert!(body.get("blocks").is_none());
        let text = body["text"].as_str().unwrap();
        for words in ["1.5% failed in 1h", "Budget left: 41.5% of 28d", "|Acknowledge>", "|Runbook>"] {
            assert!(text.contains(words), "{words} is not in {text}");
        }
        sinks.expect_no_complaints();
    }
}

#[test]
fn a_no_with_status_200_is_read() {
    let sinks = Sinks::start();
    let slack = slack(&sinks);
    block_on(async {
        for room in ["#nowhere", "C0OLD", "C0PRIV"] {
            let sending = send(&*slack, room, &f::page("U0ANN")).await;
            assert!(matches!(sending, Sending::Failed { .. }), "{room}: {sending:?}");
        }
        for error in ["internal_error", "fatal_error", "service_unavailable", "ratelimited"] {
            sinks.fault(
                &json!({"endpoint": "slack.chat.postMessage", "kind": "slack_error", "error": error, "times": 1}),
            );
            let sending = send(&*slack, "#ops", &f::page("U0ANN")).await;
            let Sending::Retry { error: text, .. } = sending else { panic!("{error}: {sending:?}") };
            assert_eq!(text, format!("Slack answered {error}"));
        }
    });
}

#[test]
fn the_rooms_rate_is_honoured_as_slack_asks() {
    let sinks = Sinks::start_with(&json!({"slack": {"rate_limit": {"rate": 0.2, "burst": 1}}}));
    let slack = slack(&sinks);
    assert_eq!(slack.lane_interval(), std::time::Duration::from_secs(1));
    assert_ne!(slack.lane("#ops"), slack.lane("#pay"));
    block_on(async {
        assert!(matches!(send(&*slack, "#ops", &f::page("U0ANN")).await, Sending::Delivered { .. }));
        let Sending::Retry { after: Some(after), .. } = send(&*slack, "#ops", &f::page("U0ANN")).await else {
            panic!("not limited")
        };
        assert!(after.as_secs() >= 1);
    });
}

#[test]
fn an_incoming_webhook_posts_follow_ups_as_short_messages() {
    let sinks = Sinks::start();
    let hook = incoming(&sinks);
    block_on(async {
        for (name, message) in f::samples() {
            let sending = send(&*hook, "", &message).await;
            assert_eq!(sending, Sending::Delivered { receipt: None }, "{name}");
        }
    });
    let posted = sinks.wait_for("slack.webhook", f::samples().len());
    let resolved = posted.iter().find(|p| p.text().contains("Resolved by Ana Ruiz after 51m")).unwrap();
    assert_eq!(resolved.body()["blocks"].as_array().unwrap().len(), 1);
    sinks.expect_no_complaints();
}

#[test]
fn an_incoming_webhook_that_refuses_blocks_gets_text() {
    let sinks = Sinks::start();
    sinks.fault(
        &json!({"endpoint": "slack.webhook", "kind": "status", "status": 400, "body": "invalid_blocks", "times": 1}),
    );
    let hook = incoming(&sinks);
    let sending = block_on(send(&*hook, "", &f::page("U0ANN")));
    assert_eq!(sending, Sending::Delivered { receipt: None });
    assert!(sinks.wait_for("slack.webhook", 1).last().unwrap().body().get("blocks").is_none());
}

#[test]
fn alert_text_mentions_nobody() {
    let rendered = blocks::render(&f::nasty(), Buttons::Links);
    let all = format!("{}{}{}", rendered.text, json!(rendered.blocks), blocks::text_only(&f::nasty()));
    for forbidden in ["<!", "<@", "<#", "<https://evil", "<javascript", "<data:"] {
        assert!(!all.contains(forbidden), "{forbidden} in {all}");
    }
}

#[test]
fn messages_whose_buttons_act_and_forms_are_as_agreed() {
    let samples = f::samples();
    for name in ["page", "urgent", "acknowledged", "snoozed", "resolved", "drill", "digest"] {
        let Some((_, message)) = samples.iter().find(|(known, _)| *known == name) else { panic!("no sample {name}") };
        let rendered = blocks::render(message, Buttons::Here);
        let body = json!({"channel": "C0OPS", "text": rendered.text, "blocks": rendered.blocks});
        super::golden::check(&format!("slack/slack-here-{name}.json"), &format!("{body:#}\n"));
    }
    let names =
        |names: &[&'static str]| names.iter().map(|name| callout::domain::Name::from(*name)).collect::<Vec<_>>();
    let (services, priorities) = (names(&["data-api", "users"]), names(&["P1", "P2", "P3"]));
    let (services, priorities): (Vec<_>, Vec<_>) = (services.iter().collect(), priorities.iter().collect());
    let many: Vec<callout::domain::Name> = (0..200).map(|n| format!("service-{n}").into()).collect();
    for (name, view) in [
        ("reassign", modal::reassign(callout::domain::IncidentId(4711))),
        ("open", modal::open(&services, &priorities, "log-on is down for <everybody> & all", "C0OPS/1.1")),
        ("open-many", modal::open(&many.iter().collect::<Vec<_>>(), &[], "", "")),
        ("said", modal::said("Incident", "You opened #17 (data-api: all is slow). Team checkout hears of it.")),
    ] {
        super::golden::check(&format!("slack/slack-view-{name}.json"), &format!("{view:#}\n"));
    }
}

#[test]
fn rendered_messages_are_as_agreed() {
    for (name, message) in f::samples() {
        let rendered = match name {
            "acknowledged" | "snoozed" | "resolved" => {
                vec![blocks::render(&message, Buttons::Links), blocks::short(&message)]
            }
            _ => vec![blocks::render(&message, Buttons::Links)],
        };
        for (rendered, suffix) in rendered.into_iter().zip(["", "-reply"]) {
            let body = json!({"channel": "C0OPS", "text": rendered.text, "blocks": rendered.blocks});
            super::golden::check(&format!("slack/slack-{name}{suffix}.json"), &format!("{body:#}\n"));
        }
    }
}
