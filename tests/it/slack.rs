//! What people do inside Slack: buttons, forms, commands and shortcuts, by members, colleagues and strangers, once and twice.

use serde_json::{Value, json};

use crate::support::{Service, Sinks, world};

mod commands;
mod groups;
mod judges;
mod rooms;

/// The organisation, with buttons that act. `more` goes below `[channels.slack.main]`.
fn organisation(sinks: &Sinks, more: &str) -> String {
    let lines = format!("token_env = \"TEST_SLACK_TOKEN\"\nsigning_secret_env = \"TEST_SLACK_SIGNING\"\n{more}");
    world::organisation(sinks).replace("token_env = \"TEST_SLACK_TOKEN\"\n", &lines)
}

/// People who are in Slack beside the usual three: dan, whom only his mail address makes known, and eve, whom nobody knows.
fn members() -> Value {
    json!({"slack": {"users": {
        "U0DAN": {"name": "dan", "email": "Dan@Example.com"},
        "U0EVE": {"name": "eve", "email": "eve@evil.example"},
        "U0FAY": {"name": "fay", "email": "dan@example.com", "is_stranger": true},
    }}})
}

/// The team of checkout, with dan.
fn checkout() -> String {
    world::checkout(world::STEPS)
        .replace(
            "[teams.checkout]\nmembers = [\"ann\", \"bob\"]",
            "[teams.checkout]\nmembers = [\"ann\", \"bob\", \"dan\"]",
        )
        .replace("bob = {", "dan = { name = \"Dan Ohm\", email = \"dan@example.com\" }\nbob = {")
}

/// A running service whose buttons act.
fn start(sinks: &Sinks, more: &str) -> Service {
    let service = world::prepare_with(sinks, &organisation(sinks, more), world::STEPS)
        .env("TEST_SLACK_SIGNING", sinks.at("slack_signing_secret"))
        .env("TEST_SLACK_OLD", "the-old-secret");
    service.write_config("teams/checkout.toml", &checkout());
    service.start()
}

/// Slack and callout, and what is asked of them.
pub(crate) struct Chat<'a> {
    pub sinks: &'a Sinks,
    pub service: &'a Service,
}

impl Chat<'_> {
    fn target(&self, what: &str) -> String {
        self.service.url(&format!("/hooks/slack/main/{what}"))
    }

    /// Somebody presses something of the newest message that has it.
    pub fn click(&self, user: &str, action: &str, option: Option<&str>) -> Value {
        let request =
            json!({"target": self.target("interactions"), "user": user, "action_id": action, "option": option});
        self.sinks.slack_sends("click", &request)
    }

    /// Somebody presses a button that says `value`, of a message that may be old.
    pub fn press(&self, user: &str, value: &str) -> Value {
        self.press_with(user, value, &json!({}))
    }

    fn press_with(&self, user: &str, value: &str, more: &Value) -> Value {
        let payload =
            json!({"type": "block_actions", "actions": [{"type": "button", "action_id": "x", "value": value}]});
        let mut request = json!({"target": self.target("interactions"), "user": user, "payload": payload});
        for (name, value) in more.as_object().unwrap() {
            request[name] = value.clone();
        }
        self.sinks.slack_sends("interact", &request)
    }

    /// Somebody types `/callout …`; the answer's text.
    fn types(&self, user: &str, text: &str) -> String {
        let answer =
            self.sinks.slack_sends("slash", &json!({"target": self.target("commands"), "user": user, "text": text}));
        assert_eq!(answer["status"], 200, "{answer}");
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["response_type"], "ephemeral");
        body["text"].as_str().unwrap().to_owned()
    }

    /// What only whoever acted was told, in order.
    fn told(&self) -> Vec<String> {
        let all = self.sinks.received("slack.response_url");
        all.iter().map(|one| one.body()["text"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The newest of these, once there are `count`.
    #[track_caller]
    pub fn told_so(&self, count: usize, words: &str) {
        self.sinks.wait_until("slack.response_url", words, |all| all.len() >= count);
        let told = self.told();
        assert!(told[count - 1].contains(words), "{words:?} is not in {told:#?}");
        assert_eq!(told.len(), count, "{told:#?}");
    }

    fn incident(&self) -> Value {
        self.service.get("/v1/incidents/1").expect_status(200).json()
    }

    /// The message in the room as it stands, once it contains `words`.
    #[track_caller]
    pub fn room_shows(&self, words: &str) -> Value {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        loop {
            let state = self.sinks.slack_state();
            let messages = state["messages"].as_array().unwrap();
            let first = messages.iter().find(|m| m["channel"] == "C0OPS" && m["thread_ts"].is_null()).cloned();
            if let Some(first) = first.filter(|m| m.to_string().contains(words)) {
                return first;
            }
            assert!(std::time::Instant::now() < deadline, "{words:?} is not shown: {messages:#?}");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

#[track_caller]
pub(crate) fn is_ok(answer: &Value) {
    assert!(answer["status"] == 200 && answer["within_3s"] == true && answer["body"] == "", "{answer}");
}

/// The action ids of a message, in order.
fn actions(message: &Value) -> Vec<String> {
    let blocks = message["blocks"].as_array().unwrap();
    let of = blocks.iter().filter(|block| block["type"] == "actions").flat_map(|b| b["elements"].as_array().unwrap());
    of.map(|element| element["action_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn buttons_act_inside_slack_for_those_whom_it_concerns() {
    let sinks = Sinks::start_with(&members());
    let service = start(&sinks, "");
    let chat = Chat { sinks: &sinks, service: &service };
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    sinks.wait_for("slack.chat.postMessage", 2);
    let message = chat.room_shows("P2");
    assert_eq!(actions(&message), ["acknowledge", "snooze", "resolve", "more", "open"]);

    // Whoever is not known, or not concerned, changes nothing and is told so kindly, alone.
    is_ok(&chat.click("U0EVE", "acknowledge", None));
    chat.told_so(1, "callout does not know you yet, so nothing was done");
    is_ok(&chat.click("U0FAY", "acknowledge", None));
    chat.told_so(2, "callout does not know you yet");
    is_ok(&chat.press_with("U0DAN", "1 acknowledge", &json!({"user_team": "T0OTHER"})));
    chat.told_so(3, "callout does not know you yet");
    is_ok(&chat.click("U0CAT", "acknowledge", None));
    chat.told_so(4, "belongs to team checkout, and you are neither in it nor on call for it");
    assert_eq!(chat.incident()["status"], "triggered");

    // Dan is known by his mail address alone.
    is_ok(&chat.click("U0DAN", "acknowledge", None));
    assert_eq!(chat.incident()["status_by"], "dan", "what was answered is done");
    let shown = chat.room_shows("acknowledged by Dan Ohm");
    assert_eq!(actions(&shown), ["snooze", "resolve", "more", "open"]);
    sinks.wait_for_text("slack.chat.postMessage", "Acknowledged by Dan Ohm");

    // Twice, and by another who was slower.
    is_ok(&chat.press("U0DAN", "1 acknowledge"));
    chat.told_so(5, "You did that already. #1 (");
    is_ok(&chat.press("U0ANN", "1 acknowledge"));
    chat.told_so(6, "Somebody was faster. #1 (");
    assert_eq!(chat.incident()["status_by"], "dan");

    // Everything else that the message offers.
    is_ok(&chat.click("U0ANN", "more", Some("P1")));
    assert_eq!(chat.incident()["priority"], "P1");
    chat.room_shows("P1 acknowledged");
    is_ok(&chat.press("U0ANN", "1 priority P1"));
    chat.told_so(7, "#1 has priority P1 already");
    is_ok(&chat.press("U0ANN", "1 priority P9"));
    chat.told_so(8, "There is no priority P9 any more");
    is_ok(&chat.click("U0ANN", "snooze", Some("1h")));
    assert_eq!(chat.incident()["status"], "snoozed");
    chat.room_shows("snoozed by Ann Ruiz until");
    is_ok(&chat.click("U0BOB", "more", Some("escalate 0 0")));
    chat.told_so(9, "was escalated: step 2 of 2 is told now");
    assert_eq!(chat.incident()["status"], "triggered");
    chat.room_shows("not acknowledged");
    is_ok(&chat.press("U0ANN", "1 escalate 0 0"));
    chat.told_so(10, "was escalated already: step 2 of 2");
    assert_eq!(chat.incident()["escalation"]["step"], 2);

    // The confirmed end, and after it.
    is_ok(&chat.click("U0ANN", "resolve", None));
    assert_eq!(chat.incident()["status"], "resolved");
    assert_eq!(actions(&chat.room_shows("resolved by Ann Ruiz")), ["open"]);
    for value in ["1 resolve", "1 snooze 4h", "1 escalate 0 1", "1 priority P2"] {
        is_ok(&chat.press("U0BOB", value));
    }
    chat.told_so(14, "was resolved by Ann Ruiz");
    is_ok(&chat.press("U0BOB", "99 acknowledge"));
    chat.told_so(15, "There is no incident #99 any more");
    // Links that were opened, and what nobody knows, are taken note of and nothing else.
    is_ok(&chat.press("U0ANN", "open"));
    is_ok(&chat.press("U0ANN", "1 explode"));
    assert_eq!(chat.told().len(), 15);
    sinks.expect_no_complaints();

    let audit = service.get("/v1/audit").json();
    let acts: Vec<(String, String)> = audit["acts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|act| act["incident"] == 1)
        .map(|act| (act["by"].as_str().unwrap().into(), act["what"].as_str().unwrap().into()))
        .collect();
    let acted = |by: &str, what: &str| acts.contains(&(by.to_owned(), what.to_owned()));
    assert!(acted("dan", "acknowledge") && acted("bob", "escalate") && acted("ann", "resolve"), "{acts:#?}");
}

#[test]
fn what_slack_did_not_sign_lately_is_refused_and_what_came_before_does_nothing() {
    let sinks = Sinks::start_with(&members());
    let service = start(&sinks, "previous_signing_secret_env = \"TEST_SLACK_OLD\"\n");
    let chat = Chat { sinks: &sinks, service: &service };
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    sinks.wait_for("slack.chat.postMessage", 2);
    for (more, status) in [
        (json!({"corrupt": "signature"}), 401),
        (json!({"corrupt": "body"}), 401),
        (json!({"skew_s": -302}), 401),
        (json!({"skew_s": 302}), 401),
        (json!({"signing_secret": "another"}), 401),
        (json!({"drop_headers": ["X-Slack-Signature"]}), 401),
        (json!({"drop_headers": ["X-Slack-Request-Timestamp"]}), 401),
        (json!({"target": service.url("/hooks/slack/other/interactions")}), 404),
    ] {
        let answer = chat.press_with("U0ANN", "1 acknowledge", &more);
        assert_eq!(answer["status"], status, "{more}: {answer}");
    }
    assert_eq!(chat.incident()["status"], "triggered");
    assert!(service.get("/metrics").text().contains("callout_auth_rejections_total{reason=\"signature\"} 7\n"));

    // What is signed and senseless is refused without harm; what is too large is not read to its end.
    let event = |event: Value| json!({"target": chat.target("events"), "event": event});
    let challenge = sinks.slack_sends("event", &event(json!({"type": "url_verification", "challenge": "c-17"})));
    assert_eq!(challenge["body"], r#"{"challenge":"c-17"}"#, "{challenge}");
    let message = sinks.slack_sends("event", &event(json!({"type": "event_callback", "event": {"type": "message"}})));
    assert_eq!((&message["status"], &message["body"]), (&json!(200), &json!("")));
    let large = sinks.slack_sends("event", &event(json!({"type": "x".repeat(600 * 1024)})));
    assert_eq!(large["status"], 413, "{large}");
    let senseless = json!({"target": chat.target("interactions"), "event": {"type": "block_actions"}});
    assert_eq!(sinks.slack_sends("event", &senseless)["status"], 400);

    // The same bytes three times, the same press signed anew, the old secret, and almost five minutes of delay.
    let more = json!({"repeat": 3, "signing_secret": "the-old-secret", "skew_s": -290});
    let replies = chat.press_with("U0BOB", "1 acknowledge", &more);
    assert!(replies["replies"].as_array().unwrap().iter().all(|r| r["status"] == 200), "{replies}");
    assert_eq!(chat.incident()["status_by"], "bob");
    let anew = chat.press_with("U0BOB", "1 escalate 0 0", &json!({"anew": 3}));
    assert!(anew["replies"].as_array().unwrap().iter().all(|r| r["status"] == 200), "{anew}");
    assert_eq!(chat.incident()["escalation"]["step"], 2, "one press is one step");
    chat.told_so(1, "was escalated: step 2 of 2");
}

#[test]
fn forms_hand_over_and_open() {
    let sinks = Sinks::start_with(&members());
    let service = start(&sinks, "");
    let chat = Chat { sinks: &sinks, service: &service };
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    sinks.wait_for("slack.chat.postMessage", 2);
    is_ok(&chat.click("U0EVE", "more", Some("reassign")));
    chat.told_so(1, "callout does not know you yet");
    assert!(sinks.received("slack.views.open").is_empty());
    is_ok(&chat.click("U0ANN", "more", Some("reassign")));
    let submit = |user: &str, values: Value| {
        let request = json!({"target": chat.target("interactions"), "user": user, "values": values});
        let answer = sinks.slack_sends("submit", &request);
        assert_eq!(answer["status"], 200, "{answer}");
        serde_json::from_str::<Value>(answer["body"].as_str().unwrap()).unwrap()
    };
    let refused = submit("U0ANN", json!({"people": ["U0EVE", "U0BOB"]}));
    assert_eq!(refused["response_action"], "errors");
    assert!(refused["errors"]["people"].as_str().unwrap().contains("does not know one of them"), "{refused}");
    let nobody = submit("U0ANN", json!({"people": []}));
    assert_eq!(nobody["errors"]["people"], "Choose at least one person.");
    let done = submit("U0ANN", json!({"people": ["U0BOB"]}));
    assert!(done.to_string().contains("went to Bob Lindqvist, who are paged now"), "{done}");
    sinks.wait_until("slack.chat.postMessage", "bob's page", |all| all.iter().any(|m| m.body()["channel"] == "U0BOB"));

    // A message becomes an incident.
    let message = json!({"ts": "1.1", "text": "log-on is down for <everybody> & all"});
    let request = |user: &str| json!({"target": chat.target("interactions"), "user": user, "callback_id": "callout_open", "message": message});
    is_ok(&sinks.slack_sends("shortcut", &request("U0EVE")));
    chat.told_so(2, "callout does not know you yet");
    is_ok(&sinks.slack_sends("shortcut", &request("U0CAT")));
    let open = |values: Value, more: &Value| {
        let mut request = json!({"target": chat.target("interactions"), "user": "U0CAT", "values": values});
        request["anew"] = more.clone();
        sinks.slack_sends("submit", &request)
    };
    let empty = open(json!({"service": "users", "summary": " "}), &Value::Null);
    assert!(empty["body"].as_str().unwrap().contains("Say what is wrong."), "{empty}");
    let twice = open(json!({"service": "users", "priority": "P1"}), &json!(2));
    let first = twice["replies"][0]["body"].as_str().unwrap();
    assert!(first.contains("You opened #2 (") && first.contains("Team checkout hears of it."), "{first}");
    service.wait_incidents(2);
    let opened = service.get("/v1/incidents/2").json();
    assert_eq!(
        (&opened["service"], &opened["priority"], &opened["team"]),
        (&json!("users"), &json!("P1"), &json!("checkout"))
    );
    assert!(opened["headline"].as_str().unwrap().contains("log-on is down for <everybody> & all"));
    sinks.wait_until("slack.chat.postMessage", "ann's page", |all| {
        all.iter().filter(|m| m.body()["channel"] == "U0ANN").count() == 2
    });
    sinks.expect_no_complaints();
}

#[test]
fn slack_is_answered_in_time_when_nothing_can_be_written_and_hears_later_what_came_of_it() {
    let sinks = Sinks::start_with(&members());
    let service = start(&sinks, "");
    let chat = Chat { sinks: &sinks, service: &service };
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    sinks.wait_for("slack.chat.postMessage", 2);
    let Some(frozen) = crate::support::freeze::Frozen::shard(&service) else { return };
    let pressed = chat.press("U0ANN", "1 resolve");
    assert!(pressed["status"] == 503 && pressed["within_3s"] == true, "{pressed}");
    let typed =
        sinks.slack_sends("slash", &json!({"target": chat.target("commands"), "user": "U0ANN", "text": "ack 1"}));
    assert!(typed["status"] == 200 && typed["within_3s"] == true, "{typed}");
    assert!(typed["body"].as_str().unwrap().contains("may not be written down yet"), "{typed}");
    assert_eq!(chat.told(), [""; 0]);
    drop(frozen);
    // A press that everybody sees needs no words; the command came after it, and is told so.
    sinks.wait_for_text("slack.response_url", "was resolved by Ann Ruiz");
    assert_eq!(chat.incident()["status"], "resolved");
}
