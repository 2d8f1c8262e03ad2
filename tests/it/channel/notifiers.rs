//! The descriptions that come with the program, each against a stand-in that holds requests to what its service documents.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use callout::channel::{self, Channel, Message, Sending};
use callout::config::{self, SecretRef};
use callout::domain::Timestamp;
use callout::engine::input::Receipt;
use serde_json::{Value, json};

use super::fixtures::{self as f, block_on, send};
use crate::support::Sinks;

/// A description, how a channel uses it, and an address where it has some. `{n}` is where the stand-ins are.
pub const USED: &[(&str, &str, &str)] = &[
    ("ntfy", "url = \"{n}/ntfy\"\nsecrets = { token_env = \"ntfy\" }", "ana-phone"),
    ("telegram", "url = \"{n}/telegram\"\nsecrets = { token_env = \"telegram\" }", "-100123"),
    ("mattermost", "url = \"{n}/mattermost/hooks/secret\"", ""),
    ("discord", "url = \"{n}/discord/1/secret\"", ""),
    ("google-chat", "url = \"{n}/google-chat/v1/spaces/AAA/messages?key=k&token=sinks-chat-secret\"", ""),
    ("matrix", "url = \"{n}/matrix\"\nsecrets = { token_env = \"matrix\" }", "!ops:acme.example"),
    (
        "twilio-sms",
        "url = \"{n}/twilio\"\nsecrets = { token_env = \"twilio\" }\nvalues = { account = \"AC00000000000000000000000000000000\", from = \"+15005550006\" }",
        "+4915112345678",
    ),
    (
        "twilio-voice",
        "url = \"{n}/twilio\"\nsecrets = { token_env = \"twilio\" }\nvalues = { account = \"AC00000000000000000000000000000000\", from = \"+15005550006\" }",
        "+4915112345678",
    ),
    ("pushover", "url = \"{n}/pushover\"\nsecrets = { token_env = \"pushover\" }", "uQiRzpo4DXghDmr9QzzfQu27cmVRsG"),
    ("pagerduty", "url = \"{n}/pagerduty\"\nsecrets = { routing_key_env = \"pagerduty\" }", ""),
    ("opsgenie", "url = \"{n}/opsgenie\"\nsecrets = { key_env = \"opsgenie\" }", ""),
    (
        "jira",
        "url = \"{n}/jira\"\nsecrets = { token_env = \"jira\" }\nvalues = { project = \"OPS\", user = \"callout@acme.example\", doing = \"21\", done = \"31\", again = \"11\" }",
        "",
    ),
    (
        "azure-devops",
        "url = \"{n}/azure/acme/shop\"\nsecrets = { token_env = \"azure\" }\nvalues = { doing = \"Doing\", done = \"Done\" }",
        "",
    ),
];

/// The name by which the stand-in of a description goes.
fn stand_in(name: &str) -> &str {
    match name {
        "twilio-sms" | "twilio-voice" => "twilio",
        "azure-devops" => "azure",
        name => name,
    }
}

/// Channels of a configuration whose channels are these tables.
pub fn channels(sinks: &Sinks, tables: &[(String, String)]) -> BTreeMap<String, Arc<dyn Channel>> {
    let mut text = "[organisation]\nname = \"acme\"\n[priorities.P1]\n[priorities.P2]\n".to_owned();
    for (name, table) in tables {
        let n = format!("{}/n", sinks.at("http"));
        let _ = write!(
            text,
            "[channels.http.{name}]\nallow_private = true\ninterval = \"0s\"\n{}\n",
            table.replace("{n}", &n)
        );
    }
    let report = config::load_texts([("callout.toml", text.as_str())], Timestamp::from_seconds(0));
    let loaded = report.loaded.clone().unwrap_or_else(|| panic!("{}", report.render(false)));
    let secrets = |secret: &SecretRef| match secret {
        SecretRef::Env(name) => Ok(sinks.ready["services"][name.as_str()].as_str().unwrap().to_owned().into()),
        SecretRef::File(_) => panic!("no files here"),
    };
    let (made, errors) = channel::build_all(&loaded.settings, &secrets);
    assert!(errors.is_empty(), "{errors:?}");
    made.into_iter().map(|(reference, channel)| (reference.name.to_string(), Arc::from(channel))).collect()
}

fn shipped(sinks: &Sinks) -> BTreeMap<String, Arc<dyn Channel>> {
    let tables = USED.iter().map(|(name, table, _)| ((*name).to_owned(), format!("use = \"{name}\"\n{table}")));
    channels(sinks, &tables.collect::<Vec<_>>())
}

fn receipt(sending: &Sending) -> Option<Receipt> {
    match sending {
        Sending::Delivered { receipt } => receipt.clone(),
        other => panic!("{other:?}"),
    }
}

/// No secret of any service in what a channel gives away.
fn no_secret(sinks: &Sinks, text: &str) {
    for secret in sinks.ready["services"].as_object().unwrap().values() {
        assert!(!text.contains(secret.as_str().unwrap()), "{secret} in {text}");
    }
    assert!(!text.contains("127.0.0.1") && !text.contains("sinks-chat-secret"), "{text}");
}

fn kept(sinks: &Sinks, service: &str) -> Vec<Value> {
    let all = crate::support::http::get(&format!("{}/services", sinks.at("control"))).json();
    let kept = all["kept"].as_array().cloned().unwrap_or_default();
    kept.into_iter().filter(|one| one["service"] == service).collect()
}

#[test]
fn every_service_takes_every_kind_of_message_as_it_documents() {
    let sinks = Sinks::start();
    let shipped = shipped(&sinks);
    assert_eq!(shipped.len(), 13);
    for (name, _, address) in USED {
        let channel = &shipped[*name];
        no_secret(&sinks, &format!("{channel:?}"));
        let first = block_on(send(&**channel, address, &f::page(address)));
        let first = receipt(&first);
        for (what, message) in f::samples() {
            for follows in [None, first.clone()] {
                let message = Message { follows, ..message.clone() };
                let sending = block_on(send(&**channel, address, &message));
                assert!(
                    matches!(sending, Sending::Delivered { .. }),
                    "{name}, {what}: {sending:?} {:?}",
                    sinks.complaints()
                );
                // The link to a work item is meant to be known, and leads to the stand-in here.
                no_secret(&sinks, &format!("{sending:?}").replace(sinks.at("http"), ""));
            }
        }
        let keeps = !matches!(
            *name,
            "mattermost" | "google-chat" | "twilio-sms" | "twilio-voice" | "pagerduty" | "opsgenie" | "pushover"
        );
        assert_eq!(first.is_some(), keeps, "{name}");
    }
    sinks.expect_no_complaints();

    // What the other side has in the end.
    let alerts = kept(&sinks, "pagerduty");
    let actions = &alerts.iter().find(|k| k["id"] == "acme-4711").unwrap()["actions"];
    let actions: Vec<&str> = actions.as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
    assert_eq!((actions[0], actions.contains(&"acknowledge"), actions.contains(&"resolve")), ("trigger", true, true));
    let actions = kept(&sinks, "opsgenie").iter().find(|k| k["id"] == "acme-4711").unwrap()["actions"].to_string();
    assert!(actions.contains("create") && actions.contains("acknowledge") && actions.contains("close"), "{actions}");
    let issues = kept(&sinks, "jira");
    let of_incident: Vec<&Value> =
        issues.iter().filter(|i| i["labels"].to_string().contains("callout-acme-4711")).collect();
    assert_eq!(of_incident.len(), 1, "one issue for the incident, whatever was sent: {issues:?}");
    let transitions = of_incident[0]["transitions"].to_string();
    assert!(transitions.contains("21") && transitions.contains("31") && transitions.contains("11"), "{transitions}");
    assert!(of_incident[0]["comments"].to_string().contains("Resolved by Ana Ruiz"), "{}", of_incident[0]);
    let items = kept(&sinks, "azure");
    let of_incident: Vec<&Value> =
        items.iter().filter(|i| i["System.Tags"].to_string().contains("(callout acme-4711)")).collect();
    assert_eq!(of_incident.len(), 1, "{items:?}");
    assert!(of_incident[0]["states"].to_string().contains("Doing"), "{}", of_incident[0]);
}

#[test]
fn an_emergency_rings_until_somebody_is_on_it_and_links_lead_to_what_was_made() {
    let sinks = Sinks::start();
    let shipped = shipped(&sinks);
    let pushover = &shipped["pushover"];
    let sent = receipt(&block_on(send(&**pushover, USED[8].2, &f::urgent()))).unwrap();
    assert_eq!(kept(&sinks, "pushover")[0]["ringing"], true);
    block_on(send(&**pushover, USED[8].2, &Message { follows: Some(sent), ..f::acknowledged() }));
    assert_eq!(kept(&sinks, "pushover")[0]["ringing"], false);

    for (name, end) in [("jira", "/n/jira/browse/OPS-"), ("azure-devops", "/n/azure/acme/shop/_workitems/edit/")] {
        let sent = receipt(&block_on(send(&*shipped[name], "", &f::page("")))).unwrap();
        assert!(sent.place.contains(end) && sent.place.ends_with(sent.message.as_str()), "{sent:?}");
    }
    sinks.expect_no_complaints();
}

#[test]
fn refusals_are_told_apart() {
    let sinks = Sinks::start();
    let shipped = shipped(&sinks);
    let attempt = |name: &str, address: &str| {
        let sending = block_on(send(&*shipped[name], address, &f::page(address)));
        no_secret(&sinks, &format!("{sending:?}"));
        sending
    };
    for (name, _, address) in USED {
        let endpoint = format!("n.{}", stand_in(name));
        for (fault, again) in [
            (json!({"kind": "status", "status": 429, "retry_after": 7}), true),
            (json!({"kind": "status", "status": 503}), true),
            (json!({"kind": "reset"}), true),
            (json!({"kind": "status", "status": 400, "body": {"errors": "Fake secrets: sinks-chat-secret"}}), false),
            (json!({"kind": "redirect", "location": "http://127.0.0.1:1/"}), false),
        ] {
            let mut rule = fault.clone();
            (rule["endpoint"], rule["times"]) = (json!(endpoint), json!(1));
            sinks.fault(&rule);
            match attempt(name, address) {
                Sending::Retry { after, .. } if again => {
                    assert!(fault["status"] != 429 || after.is_some_and(|a| a.as_secs() == 7), "{name}: {after:?}");
                }
                Sending::Failed { .. } if !again => {}
                other => panic!("{name} {fault}: {other:?}"),
            }
            sinks.heal();
        }
    }
    // Said in the body, in each service's own way.
    for (name, status, body, want) in [
        (
            "telegram",
            429,
            json!({"ok": false, "error_code": 429, "parameters": {"retry_after": 35}}),
            "Retry { error: \"HTTP 429: 429\", after: Some(35s)",
        ),
        ("telegram", 200, json!({"ok": false, "error_code": 400}), "Failed { error: \"HTTP 200: 400\""),
        (
            "discord",
            429,
            json!({"message": "limited", "retry_after": 1.5}),
            "Retry { error: \"HTTP 429\", after: Some(1.5s)",
        ),
        ("discord", 404, json!({"code": 10015, "message": "Unknown Webhook"}), "Failed { error: \"HTTP 404: 10015\""),
        (
            "google-chat",
            429,
            json!({"error": {"status": "RESOURCE_EXHAUSTED"}}),
            "Retry { error: \"HTTP 429: RESOURCE_EXHAUSTED\"",
        ),
        ("google-chat", 200, json!({"error": {"status": "UNAVAILABLE"}}), "Retry { error: \"HTTP 200: UNAVAILABLE\""),
        ("matrix", 403, json!({"errcode": "M_FORBIDDEN"}), "Failed { error: \"HTTP 403: M_FORBIDDEN\""),
        ("twilio-sms", 400, json!({"code": 20429}), "Retry { error: \"HTTP 400: 20429\""),
        ("twilio-sms", 400, json!({"code": 21211}), "Failed { error: \"HTTP 400: 21211\""),
        ("pushover", 200, json!({"status": 0}), "Failed { error: \"HTTP 200, but it says no\""),
        ("pagerduty", 202, json!({"status": "invalid event"}), "Failed { error: \"HTTP 202, but it says no\""),
        ("azure-devops", 203, json!("<html>Sign In"), "Failed { error: \"HTTP 203, but it says no\""),
    ] {
        let address = USED.iter().find(|(of, ..)| *of == name).unwrap().2;
        let endpoint = format!("n.{}", stand_in(name));
        sinks.fault(&json!({"endpoint": endpoint, "kind": "status", "status": status, "body": body, "times": 1}));
        let sending = format!("{:?}", attempt(name, address));
        assert!(sending.starts_with(want), "{name}: {sending}");
        sinks.heal();
    }
    assert!(format!("{:?}", attempt("telegram", "-404")).starts_with("Failed { error: \"HTTP 400: 400\""));
}

#[test]
fn a_lost_reply_makes_no_second_work_item() {
    let sinks = Sinks::start();
    let shipped = shipped(&sinks);
    for (name, service, last) in [("jira", "jira", "issue"), ("azure-devops", "azure", "$Issue")] {
        let message = f::message(callout::engine::state::Purpose::Alert, f::breach());
        // Made there, and the answer is lost: callout does not know, and sends again.
        sinks.fault(
            &json!({"endpoint": format!("n.{service}"), "kind": "lost_reply", "match": {"last": last}, "times": 1}),
        );
        let lost = block_on(send(&*shipped[name], "", &message));
        assert!(matches!(lost, Sending::Retry { .. }), "{lost:?}");
        let again = receipt(&block_on(send(&*shipped[name], "", &message))).unwrap();
        let items = kept(&sinks, service);
        assert_eq!(items.len(), 1, "{items:?}");
        assert_eq!(items[0]["id"], again.message.as_str());
        sinks.heal();
    }
    sinks.expect_no_complaints();
}

#[test]
fn a_description_of_ones_own_is_as_good_and_stays_behind_its_address() {
    let sinks = Sinks::start();
    let own = r#"url = "{n}/ntfy"
address = "text"
headers = { "X-Who" = "{{ person_name }} {{ labels.evil | default('') }}" }
[channels.http.own.send]
path = "/{{ address }}"
form = { text = "{{ headline }}&evil=1", empty = "{{ event }}" }
"#;
    let all = channels(&sinks, &[("own".to_owned(), own.to_owned())]);
    // The stand-in refuses it as ntfy; what came is what counts.
    for (address, path) in [("a/b?c#d", "/n/ntfy/a/b?c#d"), ("é", "/n/ntfy/é")] {
        let mut message = f::page(address);
        message.content.as_mut().unwrap().labels.push(("evil".into(), "1\r\nX-Evil: 1".into()));
        let sending = block_on(send(&*all["own"], address, &message));
        assert!(!matches!(sending, Sending::Delivered { .. }));
        let got = sinks.attempts("n.ntfy").pop().unwrap().0;
        assert_eq!(got["path"], path, "{got}");
        assert_eq!(got["headers"]["x-who"], "Ana Ruiz 1 X-Evil: 1");
        assert!(got["headers"]["x-evil"].is_null() && got["body"]["evil"].is_null(), "{got}");
        assert!(got["body"]["text"][0].as_str().unwrap().contains("&evil=1"));
    }
    let count = sinks.attempts("n.ntfy").len();
    for address in ["..", "."] {
        let mut message = f::page(address);
        message.content.as_mut().unwrap().labels.push(("evil".into(), "1".into()));
        let sending = block_on(send(&*all["own"], address, &message));
        assert_eq!(sending, Sending::Failed { error: "the path of the request leads elsewhere".to_owned() });
    }
    assert_eq!(sinks.attempts("n.ntfy").len(), count);
}
