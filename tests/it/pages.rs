//! From a posted breach to the person on call, and back by acknowledgement: the main job.

use serde_json::{Value, json};

use crate::support::world::{self, QUICK_STEPS, STEPS};
use crate::support::{Service, Sinks, http};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Posts the worked breach and gives the incident's number.
#[track_caller]
fn open(service: &Service) -> String {
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    let incident = service.wait_incidents(1).remove(0);
    incident["id"].as_str().map_or_else(|| incident["id"].to_string(), str::to_owned)
}

/// The link in a message that leads to a page which offers `action`.
#[track_caller]
fn link(received: &crate::support::sinks::Received, action: &str) -> String {
    let links = received.action_links();
    links
        .iter()
        .find(|l| {
            let page = http::get(l);
            page.status == 200 && page.text().contains(&format!("value=\"{action}\" class=\"first\""))
        })
        .unwrap_or_else(|| panic!("no link to {action} among {links:#?}"))
        .clone()
}

#[test]
fn a_breach_reaches_team_channels_and_the_person_on_call_by_every_channel() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    let answer = service.post("/v1/breaches", &world::breach()).expect_status(202).json();
    assert_eq!(answer["accepted"].as_array().map(Vec::len), Some(1), "{answer}");
    assert_eq!(answer["rejected"], json!([]), "{answer}");

    let room = sinks.wait_until("slack.chat.postMessage", "a message in #ops and a page", |all| {
        all.iter().any(|m| m.body()["channel"] == "#ops") && all.iter().any(|m| m.body()["channel"] == "U0ANN")
    });
    let card = sinks.wait_for("teams", 1).remove(0);
    let mail = sinks.wait_for("smtp.data", 1).remove(0);

    let page = room.iter().find(|m| m.body()["channel"] == "U0ANN").unwrap();
    for (what, message) in [("Slack", &room[0]), ("page", page), ("Teams", &card), ("mail", &mail)] {
        // Cards carry Markdown, in which a point may be escaped.
        let text = message.text().replace('\\', "");
        // What broke, by how much, budget left, where, links, deployment, dependency.
        for words in ["GET /api/data/{tenant}", "prod-eu", "41.5", "runbooks/data-api", "2026.11.20-3", "users", "P2"] {
            assert!(text.contains(words), "{what} lacks {words:?}:\n{text}");
        }
        assert!(text.contains("1.5"), "{what} does not say how much failed:\n{text}");
        assert!(!message.action_links().is_empty(), "{what} has no link to act:\n{text}");
    }
    assert_eq!(card.0["shown"], true, "{}", card.0);
    assert!(mail.mail()["to"].as_str().unwrap().contains("checkout@example.com"));
    assert!(mail.mail()["text"].is_string() && mail.mail()["html"].is_string());
    sinks.expect_no_complaints();
}

#[test]
fn acknowledging_by_link_takes_a_post_and_is_told_everywhere() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    let id = open(&service);
    let mail = sinks.wait_for("smtp.data", 1).remove(0);
    sinks.wait_for("slack.chat.postMessage", 2);
    sinks.wait_for("teams", 1);

    let acknowledge = link(&mail, "acknowledge");
    // A link scanner opens every link, also with HEAD; neither acts.
    for found in mail.action_links() {
        http::get(&found).expect_status(200);
        http::request("HEAD", &found, &[], b"").expect_status(200);
    }
    assert_eq!(service.get(&format!("/v1/incidents/{id}")).json()["status"], "triggered");

    let done = http::request("POST", &acknowledge, &[FORM], b"do=acknowledge");
    assert!(matches!(done.status, 200 | 303), "{} {}", done.status, done.text());
    service.wait_incident(&id, "acknowledged", |i| i["status"] == "acknowledged");

    sinks.wait_for("slack.chat.update", 1);
    let answer = sinks
        .wait_until("smtp.data", "an answer in the thread", |all| {
            all.iter().any(|m| m.mail()["in_reply_to"] == mail.mail()["message_id"])
        })
        .pop()
        .unwrap();
    assert!(answer.text().to_lowercase().contains("acknowledged"), "{}", answer.text());
    let state = sinks.slack_state().to_string();
    assert!(state.to_lowercase().contains("acknowledged"), "{state}");

    // A link that was altered acts on nothing.
    let mut forged = acknowledge.clone();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'B' } else { 'A' });
    let refused = http::request("POST", &forged, &[FORM], b"do=acknowledge");
    assert!(matches!(refused.status, 400..=410), "{} {}", refused.status, refused.text());
    sinks.expect_no_complaints();
}

#[test]
fn resolving_updates_the_slack_message_in_place_and_answers_the_mail() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    let id = open(&service);
    sinks.wait_for("slack.chat.postMessage", 2);
    let mail = sinks.wait_for("smtp.data", 1).remove(0);
    sinks.wait_for("teams", 1);
    service.post(&format!("/v1/incidents/{id}/resolve"), &json!({})).expect_status(200);

    sinks.wait_for("slack.chat.update", 1);
    sinks.wait_until("smtp.data", "an answer in the thread", |all| {
        all.iter().any(|m| m.mail()["in_reply_to"] == mail.mail()["message_id"])
    });
    sinks.wait_for("teams", 2);
    let incident = service.get(&format!("/v1/incidents/{id}")).expect_status(200).json();
    assert_eq!(incident["status"], "resolved", "{incident}");
    sinks.expect_no_complaints();
}

#[test]
fn an_alert_that_ends_resolves_its_incident() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    let id = open(&service);
    service.post("/v1/breaches", &world::breach_with(&json!({"status": "resolved"}))).expect_status(202);
    service.wait_incident(&id, "resolved", |i| i["status"] == "resolved");
}

#[test]
fn without_acknowledgement_the_backup_is_paged() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, QUICK_STEPS);
    open(&service);
    let pages = sinks.wait_until("slack.chat.postMessage", "a page to bob", |all| {
        all.iter().any(|m| m.body()["channel"] == "U0BOB")
    });
    let to = |who: &str| pages.iter().position(|m| m.body()["channel"] == who);
    assert!(to("U0ANN") < to("U0BOB"), "ann first, then bob");
    sinks.expect_no_complaints();
}

#[test]
fn an_acknowledgement_stops_the_escalation() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, QUICK_STEPS);
    let id = open(&service);
    service.post(&format!("/v1/incidents/{id}/acknowledge"), &json!({})).expect_status(200);
    // Something that comes later than bob's page would have come: a second incident that runs through both steps.
    service.post("/v1/breaches", &world::breach_with(&json!({"environment": "prod-us"}))).expect_status(202);
    sinks.wait_until("slack.chat.postMessage", "bob's page for the second incident", |all| {
        all.iter().any(|m| m.body()["channel"] == "U0BOB")
    });
    let pages = sinks.received("slack.chat.postMessage");
    let about_first =
        |m: &&crate::support::sinks::Received| m.body()["channel"] == "U0BOB" && m.text().contains("prod-eu");
    assert_eq!(pages.iter().filter(about_first).count(), 0, "bob was paged after the acknowledgement");
}

#[test]
fn what_nobody_owns_goes_to_the_fallback_team() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    let stray = json!({"kind": "resource", "service": "ghost", "labels": {"alertname": "disk full", "host": "h1"}});
    service.post("/v1/breaches", &stray).expect_status(202);
    let incident = service.wait_incidents(1).remove(0);
    assert_eq!(incident["team"], "operations", "{incident}");
    assert_eq!(incident["unowned"], true, "{incident}");
    sinks.wait_until("slack.chat.postMessage", "the fallback's room and cat's page", |all| {
        all.iter().any(|m| m.body()["channel"] == "#payments-alerts")
            && all.iter().any(|m| m.body()["channel"] == "U0CAT")
    });
    sinks.expect_no_complaints();
}

#[test]
fn routes_follow_the_region() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    service.post("/v1/breaches", &world::breach_with(&json!({"environment": "prod-us"}))).expect_status(202);
    sinks.wait_for("webhook.ops", 1);
    sinks.wait_until("slack.chat.postMessage", "ann's page", |all| all.iter().any(|m| m.body()["channel"] == "U0ANN"));
    let room = sinks.received("slack.chat.postMessage");
    assert!(room.iter().all(|m| m.body()["channel"] != "#ops"), "the European room heard of an American breach");
    assert!(sinks.received("teams").is_empty());
}

#[test]
fn a_hostile_alert_cannot_shout_or_forge() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    let hostile = "<!channel> @everyone <https://evil.example|runbook> *bold* </a><script>alert(1)</script>\r\nBcc: x@evil.example";
    let breach = world::breach_with(&json!({
        "labels": {"cluster": hostile},
        "context": {"note": hostile, "logs": "javascript:alert(1)"},
        "deployments": [{"version": hostile, "at": "2026-11-20T19:58:00Z"}]
    }));
    service.post("/v1/breaches", &breach).expect_status(202);
    let mail = sinks.wait_for("smtp.data", 1).remove(0);
    let card = sinks.wait_for("teams", 1).remove(0).body().to_string();
    for words in ["](javascript:", "](https://evil.example", "\"url\":\"javascript:"] {
        assert!(!card.contains(words), "{words} in {card}");
    }
    let messages = sinks.wait_for("slack.chat.postMessage", 2);
    for message in &messages {
        let raw = message.body().to_string();
        for words in ["<!channel>", "<https://evil.example|", "<javascript:", "\"url\":\"javascript:"] {
            assert!(!raw.contains(words), "{words} in {raw}");
        }
    }
    let headers: Vec<String> = mail.mail()["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|h| h[0].as_str().unwrap_or_default().to_ascii_lowercase())
        .collect();
    assert!(!headers.contains(&"bcc".to_owned()), "{headers:?}");
    assert_eq!(mail.0["rcpt_tos"].as_array().map_or(1, Vec::len), 1);
    assert!(!mail.mail()["html"].as_str().unwrap_or_default().contains("<script"));
    sinks.expect_no_complaints();
}

#[test]
fn the_explanation_tells_the_whole_chain() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    let id = open(&service);
    sinks.wait_for("slack.chat.postMessage", 2);
    let path = format!("/v1/incidents/{id}/explain");
    let explained = service.wait_json(&path, "explained up to the delivery", |v| v.to_string().contains("accepted"));
    let text = explained.to_string();
    for words in ["1.5", "0.6%", "1h", "no open incident", "P2", "step 1 of 2", "ann"] {
        assert!(text.contains(words), "{words:?} is missing in {explained:#}");
    }
    let printed = service.client(&["explain", &id]);
    for words in ["timeliness", "dedup", "silence", "priority", "escalation", "delivery"] {
        assert!(printed.contains(words), "{words:?} is missing in\n{printed}");
    }
}

#[test]
fn priorities_and_notes_are_set_by_people() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    let id = open(&service);
    let act = |verb: &str, body: Value| service.post(&format!("/v1/incidents/{id}/{verb}"), &body);
    act("priority", json!({"priority": "P1"})).expect_status(200);
    act("severity", json!({"severity": "critical"})).expect_status(200);
    act("note", json!({"text": "rolling back 2026.11.20-3"})).expect_status(200);
    let incident = service.get(&format!("/v1/incidents/{id}")).json();
    assert_eq!(incident["priority"], "P1", "{incident}");
    assert_eq!(incident["severity"], "critical", "{incident}");
    assert!(incident.to_string().contains("rolling back"), "{incident}");
    let refused = act("priority", json!({"priority": "P9"}));
    assert_eq!(refused.status, 422, "{}", refused.text());
    act("reassign", json!({"people": ["bob"]})).expect_status(200);
    sinks.wait_until("slack.chat.postMessage", "a page to bob", |all| {
        all.iter().any(|m| m.body()["channel"] == "U0BOB")
    });
}
