//! A night on call, once in Slack and once by Teams and mail alone: a breach at ten past two, nobody answers, the backup takes it and snoozes it, the
//! shift ends, it gets worse, and it is resolved by a link in a mail. In the end the night is a postmortem.

use serde_json::{Value, json};

use crate::slack::{Chat, is_ok};
use crate::support::sinks::Received;
use crate::support::{Service, Sinks, http, world};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A zone in which it is about ten past two.
fn where_it_is_night() -> String {
    let utc = i64::from(jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC).hour());
    match (utc - 2).rem_euclid(24) {
        behind @ 1..=12 => format!("Etc/GMT+{behind}"),
        0 => "Etc/GMT".to_owned(),
        behind => format!("Etc/GMT-{}", 24 - behind),
    }
}

/// Ann is main and is paged by a chain of her own at night, bob is backup, cat takes over in the middle. More than three of the same
/// within an hour are a P1, which asks for a postmortem.
fn checkout(ways: [&str; 3], chain: &str) -> String {
    let zone = where_it_is_night();
    let [ann, bob, cat] = ways;
    let steps = r#"  { notify = ["schedule:checkout/main"], wait = "4s" },
  { notify = ["schedule:checkout/backup"], wait = "60m" },"#;
    let text = world::checkout(steps);
    let (people, schedule) = (text.find("[teams.checkout]").unwrap(), text.find("[schedules.checkout]").unwrap());
    let team = text[people..].replace(
        "escalation = \"checkout\"",
        "escalation = \"checkout\"\nraise = [{ more_than = 3, within = \"1h\", priority = \"P1\" }]",
    );
    let schedule = schedule - people + team.len() - text[people..].len();
    format!(
        r#"
[people.ann]
name = "Ann Ruiz"
{ann}
timezone = "{zone}"
rules = [{{ hours = "22:00-07:00", chain = {chain} }}]
[people.bob]
name = "Bob Lindqvist"
{bob}
[people.cat]
name = "Cat Okafor"
{cat}

{team}
[schedules.checkout]
team = "checkout"
roles = ["main", "backup"]
users = ["ann", "bob"]
rotate = "none"
start = 2026-01-05T09:00:00
handoff = {{ tell = ["webhook:ops"] }}

{escalation}"#,
        team = &team[..schedule],
        escalation = &text[text.find("[escalations.checkout]").unwrap()..],
    )
}

const OPERATIONS: &str = r#"[teams.operations]
members = ["cat"]
escalation = "operations"
[[teams.operations.routes]]
tell = ["webhook:ops"]

[escalations.operations]
steps = [{ notify = ["person:cat"], wait = "60m" }]
"#;

fn start(sinks: &Sinks, organisation: &str, team: &str) -> Service {
    let organisation = organisation.replace(
        "meaning = \"no log-on to any application\"",
        "meaning = \"no log-on to any application\"\npostmortem = true",
    );
    let service = world::prepare_with(sinks, &organisation, world::STEPS)
        .env("TEST_SLACK_SIGNING", sinks.at("slack_signing_secret"));
    service.write_config("teams/checkout.toml", team);
    service.write_config("teams/operations.toml", OPERATIONS);
    service.start()
}

/// The same breach with other figures.
fn worse(n: u64) -> Value {
    world::breach_with(&json!({"window": {"length": "60m", "good": 98_000 - n * 1000, "total": 100_000}}))
}

/// Cat takes over from ann: she is told what is open.
fn shift_ends(service: &Service) {
    let now = jiff::Timestamp::now();
    let until = now.checked_add(jiff::SignedDuration::from_hours(3)).unwrap();
    let change = json!({"from": now.to_string(), "to": until.to_string(), "for": "ann", "who": "cat"});
    service.post("/v1/schedules/checkout/overrides", &change).expect_status(201);
}

/// Four more of the same within the hour: it is a P1 now, which breaks the snooze.
fn gets_worse(service: &Service) {
    for n in 1..=4 {
        service.post("/v1/breaches", &worse(n)).expect_status(202);
    }
    service.wait_incident("1", "more urgent and not snoozed", |i| i["priority"] == "P1" && i["status"] == "triggered");
}

/// What the night came to: who was told and who did what, in the order in which it happened.
fn is_written_down(service: &Service, in_order: &[&str]) {
    let text = service.client(&["postmortem", "1"]);
    let mut rest = text.as_str();
    for words in in_order {
        let at = rest.find(words).unwrap_or_else(|| panic!("{words:?} does not follow in\n{text}"));
        rest = &rest[at..];
    }
    assert!(text.contains("| Priority | P1"), "{text}");
    let open = service.get("/v1/postmortems").expect_status(200).json();
    assert_eq!(open["postmortems"][0]["incident"], 1, "the priority asks for it: {open}");
}

/// The newest mail to an address that offers links to act.
fn mail_to(sinks: &Sinks, address: &str) -> Received {
    let is_for = |m: &Received| m.0["rcpt_tos"] == json!([address]) && !m.action_links().is_empty();
    sinks.wait_until("smtp.data", address, |all| all.iter().any(is_for)).into_iter().rfind(is_for).unwrap()
}

fn link(message: &Received, action: &str) -> String {
    let links = message.action_links();
    let found = links.iter().find(|link| link.ends_with(&format!("?do={action}")));
    found.unwrap_or_else(|| panic!("no link to {action} among {links:#?}")).clone()
}

fn press(link: &str, act: &str) -> http::Reply {
    http::request("POST", link, &[FORM], format!("do={act}").as_bytes())
}

#[test]
fn a_night_in_slack() {
    let sinks = Sinks::start();
    let signed = "token_env = \"TEST_SLACK_TOKEN\"\nsigning_secret_env = \"TEST_SLACK_SIGNING\"\n";
    let organisation = world::organisation(&sinks).replace("token_env = \"TEST_SLACK_TOKEN\"\n", signed);
    let ways = [
        "email = \"ann@example.com\"\nslack = \"U0ANN\"",
        "email = \"bob@example.com\"\nslack = \"U0BOB\"",
        "email = \"cat@example.com\"\nslack = \"U0CAT\"",
    ];
    let service = start(&sinks, &organisation, &checkout(ways, "[\"email\", \"1s\", \"slack\"]"));
    let chat = Chat { sinks: &sinks, service: &service };

    // Ten past two: ann's mail, then her Slack; she sleeps on, and bob is next.
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    mail_to(&sinks, "ann@example.com");
    let paged = |who: &str| {
        sinks.wait_until("slack.chat.postMessage", who, |all| all.iter().any(|m| m.body()["channel"] == who));
    };
    paged("U0ANN");
    paged("U0BOB");

    // He takes it where he is. Ann, who woke up at last, learns that he was faster; the stranger learns nothing.
    is_ok(&chat.click("U0BOB", "acknowledge", None));
    chat.room_shows("acknowledged by Bob Lindqvist");
    is_ok(&chat.press("U0ANN", "1 acknowledge"));
    chat.told_so(1, "Somebody was faster");
    is_ok(&chat.press("U0EVE", "1 resolve"));
    chat.told_so(2, "callout does not know you yet");
    is_ok(&chat.click("U0BOB", "snooze", Some("1h")));
    chat.room_shows("snoozed by Bob Lindqvist until");

    // The shift ends: cat hears what is open. Then it gets worse, and she is the one who is paged.
    shift_ends(&service);
    let told = sinks.wait_for_text("slack.chat.postMessage", "You are on call as main");
    assert!(
        told.body()["channel"] == "U0CAT" && told.text().contains("Open incidents of team checkout: 1"),
        "{}",
        told.text()
    );
    gets_worse(&service);
    sinks.wait_until("slack.chat.postMessage", "cat's page", |all| {
        all.iter().any(|m| m.body()["channel"] == "U0CAT" && m.text().contains("P1"))
    });
    chat.room_shows("P1: ");

    // She resolves it by the link in the team's mail. Looking changes nothing, a second time says so, and so does Slack.
    let resolve = link(&mail_to(&sinks, "checkout@example.com"), "resolve");
    http::get(&resolve).expect_status(200);
    assert_eq!(service.get("/v1/incidents/1").json()["status"], "triggered");
    press(&resolve, "resolve").expect_status(200);
    service.wait_incident("1", "over", |i| i["status"] == "resolved");
    assert_eq!(press(&resolve, "resolve").status, 409);
    chat.room_shows("resolved by");
    is_ok(&chat.press("U0BOB", "1 acknowledge"));
    chat.told_so(3, "was resolved by");
    sinks.wait_until("smtp.data", "the all-clear in the thread", |all| {
        all.iter().any(|m| m.text().contains("Resolved by") && m.0["rcpt_tos"] == json!(["checkout@example.com"]))
    });

    is_written_down(
        &service,
        &[
            "| ann | page",
            "(by email:default)",
            "| ann | page",
            "(by slack:main)",
            "| bob | page",
            "| bob | acknowledged",
            "| bob | snoozed it until",
            "| cat | page",
            "resolved",
        ],
    );
    sinks.expect_no_complaints();
}

#[test]
fn a_night_by_teams_and_mail_alone() {
    let sinks = Sinks::start();
    let ways = [
        "email = \"ann@example.com\"\nteams = \"ann@acme.example\"\ncontact = [\"teams\", \"email\"]",
        "email = \"bob@example.com\"",
        "email = \"cat@example.com\"",
    ];
    let team = checkout(ways, "[\"teams\", \"1s\", \"email\"]").replace("\"slack:main/#ops\", ", "");
    let service = start(&sinks, &world::organisation(&sinks), &team);
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    sinks
        .wait_until("teams", "ann's card", |all| all.iter().any(|m| m.body().to_string().contains("ann@acme.example")));
    let anns = mail_to(&sinks, "ann@example.com");
    let bobs = mail_to(&sinks, "bob@example.com");

    press(&link(&bobs, "acknowledge"), "acknowledge").expect_status(200);
    service.wait_incident("1", "taken by bob", |i| i["status"] == "acknowledged" && i["status_by"] == "bob");
    let late = press(&link(&anns, "acknowledge"), "acknowledge");
    assert!(late.status == 409 && late.text().contains("Bob Lindqvist"), "{}", late.text());
    press(&link(&bobs, "snooze"), "snooze-1h").expect_status(200);
    service.wait_incident("1", "snoozed", |i| i["status"] == "snoozed");

    shift_ends(&service);
    sinks.wait_until("smtp.data", "cat's notice", |all| {
        all.iter().any(|m| m.0["rcpt_tos"] == json!(["cat@example.com"]) && m.text().contains("on call as main"))
    });
    gets_worse(&service);
    let cats = mail_to(&sinks, "cat@example.com");
    press(&link(&cats, "resolve"), "resolve").expect_status(200);
    service.wait_incident("1", "over", |i| i["status"] == "resolved" && i["status_by"] == "cat");
    for told in ["teams", "smtp.data"] {
        sinks
            .wait_until(told, "that it is over", |all| all.iter().any(|m| m.text().contains("Resolved by Cat Okafor")));
    }
    // A card or a mail that is acted on after the end says kindly that there is nothing left to do.
    let after = press(&link(&anns, "acknowledge"), "acknowledge");
    assert!(after.status == 409 && after.text().contains("Cat Okafor"), "{}", after.text());

    is_written_down(
        &service,
        &[
            "| ann | page",
            "| bob | page",
            "| bob | acknowledged",
            "| bob | snoozed it until",
            "| cat | page",
            "| cat | resolved",
        ],
    );
    assert!(sinks.received("slack.chat.postMessage").is_empty(), "nothing of it went to Slack");
    sinks.expect_no_complaints();
}
