//! User groups that hold whoever is on call.

use serde_json::json;

use super::{members, start};
use crate::support::{Service, Sinks, world};

/// The people of the group once they are as wanted.
#[track_caller]
fn group_holds(sinks: &Sinks, people: &[&str]) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let state = sinks.slack_state();
        let now = &state["usergroups"]["S0PAY"]["users"];
        if *now == json!(people) {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "the group holds {now}, not {people:?}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// A schedule whose only layer is `users`, with the group.
fn configure(service: &Service, users: &str, more: &str) {
    let text = super::checkout().replace(
        "roles = [\"main\", \"backup\"]\nusers = [\"ann\", \"bob\"]\nrotate = \"weekly\"",
        &format!("slack_group = \"main/S0PAY\"\nusers = {users}\n{more}"),
    );
    assert!(text.contains("slack_group"), "{text}");
    service.write_config("teams/checkout.toml", &text);
}

#[test]
fn a_group_follows_the_rotation_and_is_never_emptied() {
    let sinks = Sinks::start_with(&members());
    sinks.fault(&json!({"endpoint": "slack.usergroups.users.update", "kind": "status", "status": 503, "times": 1}));
    let service = world::prepare_with(&sinks, &super::organisation(&sinks, ""), world::STEPS)
        .env("TEST_SLACK_SIGNING", sinks.at("slack_signing_secret"));
    configure(&service, "[\"bob\"]", "");
    let service = service.start();
    // The first try failed; there is another.
    group_holds(&sinks, &["U0BOB"]);
    // A reload, and a person who is known to Slack by mail address alone.
    configure(&service, "[[\"dan\", \"ann\"]]", "");
    service.post("/-/reload", &json!({})).expect_status(200);
    group_holds(&sinks, &["U0ANN", "U0DAN"]);
    // A handoff a second from now, told to nobody.
    let at = jiff::Timestamp::now() + jiff::Span::new().seconds(2);
    let at = at.to_zoned(jiff::tz::TimeZone::get("Europe/Berlin").unwrap()).strftime("%Y-%m-%dT%H:%M:%S").to_string();
    configure(&service, "[\"bob\"]", "");
    let text = std::fs::read_to_string(service.config().join("teams/checkout.toml")).unwrap();
    let over = format!(
        "{text}\n[[overrides]]\nschedule = \"checkout\"\nfrom = {at}\nto = 2099-01-01T00:00:00\nfor = \"bob\"\nwho = \"ann\"\n"
    );
    service.write_config("teams/checkout.toml", &over);
    service.post("/-/reload", &json!({})).expect_status(200);
    group_holds(&sinks, &["U0BOB"]);
    group_holds(&sinks, &["U0ANN"]);
    // A hole keeps the last people, and is seen.
    let holes = format!(
        "{text}\n[[overrides]]\nschedule = \"checkout\"\nfrom = 2026-01-06T00:00:00\nto = 2099-01-01T00:00:00\nremove = \"bob\"\n"
    );
    service.write_config("teams/checkout.toml", &holes.replace("slack_group", "holes_allowed = true\nslack_group"));
    service.post("/-/reload", &json!({})).expect_status(200);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let metrics = || service.get("/metrics").text();
    while !metrics().contains("callout_slack_groups_total{outcome=\"kept\"} 1\n") {
        assert!(std::time::Instant::now() < deadline, "{}", metrics());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    group_holds(&sinks, &["U0ANN"]);
    // Somebody stands in, said in chat.
    let chat = super::Chat { sinks: &sinks, service: &service };
    let said = chat.types("U0ANN", "override checkout @bob 1h");
    assert!(said.contains("Bob Lindqvist stands in"), "{said}");
    group_holds(&sinks, &["U0BOB"]);
    let metrics = metrics();
    for line in ["callout_slack_groups_total{outcome=\"updated\"} 5\n", "callout_slack_groups_behind 0\n"] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    assert!(service.log().contains("the group keeps its last people"), "{}", service.log());
    let updates = sinks.received("slack.usergroups.users.update");
    assert_eq!(updates.len(), 5, "nothing is sent that is so already: {updates:#?}");
    drop(service);
    sinks.expect_no_complaints();
}

#[test]
fn a_group_that_slack_refuses_is_an_alarm() {
    let sinks = Sinks::start_with(&members());
    sinks.fault(&json!({"endpoint": "slack.usergroups.users.update", "kind": "slack_error", "error": "missing_scope"}));
    let service = start(&sinks, "");
    configure(&service, "[\"bob\"]", "");
    service.post("/-/reload", &json!({})).expect_status(200);
    sinks.wait_for_text("slack.chat.postMessage", "S0PAY of schedule `checkout` could not be set");
    assert!(service.get("/metrics").text().contains("callout_slack_groups_behind 1\n"));
}
