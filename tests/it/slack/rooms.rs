//! Rooms of incidents.

use serde_json::{Value, json};

use super::{Chat, is_ok, members, start};
use crate::support::{Sinks, world};

const ROOMS: &str = "rooms = { priorities = [\"P2\"], archive_after = \"1s\" }\n";

/// The room of that name once it satisfies `enough`.
#[track_caller]
fn room(sinks: &Sinks, name: &str, what: &str, enough: impl Fn(&Value) -> bool) -> (String, Value) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(15);
    loop {
        let state = sinks.slack_state();
        let all = state["channels"].as_object().unwrap();
        if let Some((id, room)) = all.iter().find(|(_, room)| room["name"] == name && enough(room)) {
            return (id.clone(), room.clone());
        }
        assert!(std::time::Instant::now() < deadline, "no room {name} is {what}: {all:#?}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn an_incident_gets_one_room_that_is_kept_in_step_over_faults_and_restarts() {
    let sinks = Sinks::start_with(&members());
    // The room is made, and nobody hears of it: the answer is lost.
    sinks.fault(&json!({"endpoint": "slack.conversations.create", "kind": "lost_reply", "times": 1}));
    let mut service = start(&sinks, ROOMS);
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    let (id, made) = room(&sinks, "inc-1-data-api", "with ann", |room| room["members"] == json!(["U0ANN"]));
    assert!(made["topic"].as_str().unwrap().starts_with("🔶 P2 · not acknowledged · availability of"), "{made}");
    // The message in it has buttons that act, and the first message leads to it.
    let chat = Chat { sinks: &sinks, service: &service };
    sinks.wait_until("slack.chat.postMessage", "the message in the room", |all| {
        all.iter().any(|m| m.body()["channel"] == json!(id))
    });
    is_ok(&chat.click("U0BOB", "acknowledge", None));
    chat.room_shows(&format!("Room: <#{id}>"));
    room(&sinks, "inc-1-data-api", "with bob", |room| {
        room["members"].as_array().unwrap().contains(&json!("U0BOB"))
            && room["topic"].as_str().unwrap().contains("acknowledged by Bob Lindqvist")
    });
    service.restart();
    let chat = Chat { sinks: &sinks, service: &service };
    is_ok(&chat.press("U0ANN", "1 priority P1"));
    room(&sinks, "inc-1-data-api", "of P1", |room| room["topic"].as_str().unwrap().contains(" P1 · "));
    is_ok(&chat.press("U0ANN", "1 resolve"));
    room(&sinks, "inc-1-data-api", "archived", |room| room["is_archived"] == true);
    let state = sinks.slack_state();
    let rooms = state["channels"]
        .as_object()
        .unwrap()
        .values()
        .filter(|room| room["name"].as_str().unwrap().starts_with("inc-"));
    assert_eq!(rooms.count(), 1, "{state:#?}");
    sinks.expect_no_complaints();
}

#[test]
fn a_room_that_cannot_be_made_is_an_alarm_and_pages_go_out_all_the_same() {
    let sinks = Sinks::start_with(&members());
    sinks.fault(&json!({"endpoint": "slack.conversations.create", "kind": "slack_error", "error": "missing_scope"}));
    let service = start(&sinks, ROOMS);
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    sinks.wait_until("slack.chat.postMessage", "ann's page", |all| all.iter().any(|m| m.body()["channel"] == "U0ANN"));
    let alarm = sinks.wait_for_text("slack.chat.postMessage", "the room of incident 1 could not be made");
    assert!(alarm.text().contains("missing_scope"), "{}", alarm.text());
}
