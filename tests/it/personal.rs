//! A night by personal rules: a breach at two in the morning, local time, goes by the chain of whoever is on call; whoever wants quiet is left
//! alone and told in the morning; what is not urgent is gathered; handoffs are told; and the load of it all is shown.

use serde_json::{Value, json};

use crate::support::service::{callout, incidents, stdout_of};
use crate::support::sinks::Received;
use crate::support::world;
use crate::support::{Service, Sinks};

/// A zone in which it is about 02:10 now.
fn where_it_is_night() -> String {
    let utc = i64::from(jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC).hour());
    // Zones of this name go by the hours that they are behind.
    match (utc - 2).rem_euclid(24) {
        behind @ 1..=12 => format!("Etc/GMT+{behind}"),
        0 => "Etc/GMT".to_owned(),
        behind => format!("Etc/GMT-{}", 24 - behind),
    }
}

/// Ann is main and wakes up for that; bob is backup and does not; cat gathers what is not urgent.
fn checkout(zone: &str) -> String {
    let steps = r#"  { notify = ["schedule:checkout/main"], wait = "5s" },
  { notify = ["person:bob"], wait = "60m" },
  { notify = ["person:cat"], wait = "60m" },"#;
    let text = world::checkout(steps);
    let people = text.find("[teams.checkout]").expect("the people come first");
    let schedule = text.find("[schedules.checkout]").expect("there is a schedule");
    let escalation = text.find("[escalations.checkout]").expect("there is an escalation policy");
    format!(
        r#"
[people.ann]
name = "Ann Ruiz"
email = "ann@example.com"
slack = "U0ANN"
timezone = "{zone}"
quiet = {{ hours = "22:00-07:00", unless_on_call = "main" }}
rules = [
  {{ hours = "22:00-07:00", chain = ["email", "1s", "slack"] }},
  {{ chain = ["slack"] }},
]

[people.bob]
name = "Bob Lindqvist"
email = "bob@example.com"
slack = "U0BOB"
timezone = "{zone}"
quiet = {{ hours = "22:00-07:00", unless_priority = "P1" }}

{teams}
[schedules.checkout]
team = "checkout"
roles = ["main"]
users = ["ann"]
rotate = "none"
start = 2026-01-05T09:00:00
handoff = {{ before = "24h", tell = ["webhook:ops"], check = ["is the certificate good for the week?"] }}

{escalation}"#,
        teams = &text[people..schedule],
        escalation = &text[escalation..],
    )
}

const OPERATIONS: &str = r#"[people.cat]
name = "Cat Okafor"
email = "cat@example.com"
slack = "U0CAT"
rules = [{ priority = "P3", bundle = "2s" }]

[teams.operations]
members = ["cat"]
escalation = "operations"
[[teams.operations.routes]]
tell = ["slack:main/#payments-alerts"]

[escalations.operations]
steps = [{ notify = ["person:cat"], wait = "60m" }]

[services.ledger]
team = "operations"
"#;

/// What went to a person by Slack.
fn by_slack(sinks: &Sinks, who: &str, words: &str) -> Vec<Received> {
    let all = sinks.received("slack.chat.postMessage");
    all.into_iter().filter(|m| m.body()["channel"] == who && m.text().contains(words)).collect()
}

fn alert(service: &str, host: &str, priority: &str) -> Value {
    json!({"kind": "resource", "service": service, "environment": "prod-us",
           "labels": {"alertname": "DiskFull", "host": host, "priority": priority}})
}

fn explained(service: &Service, id: &str) -> String {
    service.client(&["explain", id])
}

fn id_of(service: &Service, words: &str) -> String {
    let list = service.wait_json("/v1/incidents?status=all&limit=500", "the incident", |list| {
        incidents(list).iter().any(|incident| incident.to_string().contains(words))
    });
    let all = incidents(&list);
    let one = all.iter().find(|incident| incident.to_string().contains(words)).unwrap();
    one["id"].as_str().map_or_else(|| one["id"].to_string(), str::to_owned)
}

#[test]
fn a_night_goes_by_the_rules_of_everybody() {
    let zone = where_it_is_night();
    let sinks = Sinks::start();
    let service = world::prepare_with(&sinks, &world::organisation(&sinks), world::STEPS);
    service.write_config("teams/checkout.toml", &checkout(&zone));
    service.write_config("teams/operations.toml", OPERATIONS);
    let service = service.start();

    // The breach: ann is main, so her quiet hours do not count; by night her mail comes first, then Slack.
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    let breach = id_of(&service, "data-api");
    let mail = sinks.wait_until("smtp.data", "ann's mail", |all| all.iter().any(|m| m.0.to_string().contains("ann@")));
    let mail = mail.iter().find(|m| m.0.to_string().contains("ann@")).unwrap().mono();
    let slack = sinks.wait_until("slack.chat.postMessage", "ann's second way", |all| {
        all.iter().any(|m| m.body()["channel"] == "U0ANN")
    });
    let slack = slack.iter().find(|m| m.body()["channel"] == "U0ANN").unwrap().mono();
    assert!(slack - mail > 0.5, "the second way came {:.1} s after the first", slack - mail);

    // She does not answer; bob wants quiet, so cat is told at once.
    let cats = sinks
        .wait_until("slack.chat.postMessage", "cat's page", |all| all.iter().any(|m| m.body()["channel"] == "U0CAT"));
    assert!(cats.iter().any(|m| m.body()["channel"] == "U0CAT" && m.text().contains("step 3 of 3")));
    let why = explained(&service, &breach);
    for words in [
        "being main of checkout breaks the quiet hours of ann",
        "rule 1 of ann: email:default, after 1s slack:main",
        "way 2 of 2 of ann: slack:main",
        &format!("quiet hours of bob until 07:00 in {zone}: held"),
        "step 2 of 3 skipped: quiet hours for bob",
    ] {
        assert!(why.contains(words), "`{words}` is not in\n{why}");
    }

    // Cat takes it: nothing follows. Bob hears in the morning only of what nobody took.
    service.post(&format!("/v1/incidents/{breach}/acknowledge"), &json!({})).expect_status(200);
    assert!(by_slack(&sinks, "U0BOB", "").is_empty());

    // The most urgent breaks his quiet hours.
    service.post("/v1/breaches", &alert("data-api", "h-urgent", "P1")).expect_status(202);
    let urgent = id_of(&service, "h-urgent");
    service.post(&format!("/v1/incidents/{urgent}/escalate"), &json!({})).expect_status(200);
    sinks.wait_until("slack.chat.postMessage", "bob's page", |all| {
        all.iter().any(|m| m.body()["channel"] == "U0BOB" && m.text().contains("h-urgent"))
    });
    service.post(&format!("/v1/incidents/{urgent}/resolve"), &json!({})).expect_status(200);

    // Three that are not urgent are one message to cat.
    for host in ["h1", "h2", "h3"] {
        service.post("/v1/breaches", &alert("ledger", host, "P3")).expect_status(202);
    }
    sinks.wait_until("slack.chat.postMessage", "one message about three", |all| {
        all.iter().any(|m| m.body()["channel"] == "U0CAT" && m.text().contains("3 incidents"))
    });
    assert!(by_slack(&sinks, "U0CAT", "h1").iter().all(|m| m.text().contains("3 incidents")));

    handoff(&sinks, &service);
    load(&service);
    sinks.expect_no_complaints();
}

/// Bob takes over now: he is asleep, so only the room hears of it; then cat does, who is not.
fn handoff(sinks: &Sinks, service: &Service) {
    let now = jiff::Timestamp::now();
    let until = now.checked_add(jiff::SignedDuration::from_hours(3)).unwrap();
    for (who, room) in [("bob", "Bob Lindqvist as main"), ("cat", "Cat Okafor as main")] {
        let change = json!({"from": now.to_string(), "to": until.to_string(), "who": who});
        service.post("/v1/schedules/checkout/overrides", &change).expect_status(201);
        sinks.wait_for_text("webhook.ops", room);
    }
    let told = sinks.wait_until("slack.chat.postMessage", "cat's notice", |all| {
        all.iter()
            .any(|m| m.body()["channel"] == "U0CAT" && m.text().contains("You are on call as main in checkout now"))
    });
    let notice = told.iter().rfind(|m| m.text().contains("You are on call as main")).unwrap().text();
    for words in [
        "Open incidents of team checkout: 1",
        "acknowledged by",
        "is the certificate good for the week?",
        "You were paged",
    ] {
        assert!(notice.contains(words), "`{words}` is not in\n{notice}");
    }
    assert!(by_slack(sinks, "U0BOB", "You are on call").is_empty(), "bob sleeps");
}

/// What the night came to.
fn load(service: &Service) {
    let answer = service.get("/v1/indicators/load?team=checkout&weeks=2").expect_status(200).json();
    let week = answer["load"].as_array().unwrap().last().unwrap().clone();
    // Ann twice and bob once, both at night; cat once, in the zone of the organisation.
    assert!(week["pages"].as_u64().unwrap() >= 4, "{week}");
    assert!(week["at_night"].as_u64().unwrap() >= 3, "{week}");
    let text = service.client(&["load", "--team", "checkout"]);
    assert!(text.contains("AT NIGHT") && text.contains("checkout"), "{text}");
    let csv = service.get("/v1/indicators/load?format=csv").expect_status(200).text();
    assert!(csv.starts_with("at_night,at_night_per_person,disturbed_nights,monday,pages"), "{csv}");
    assert!(!csv.contains("ann"), "nobody is named: {csv}");
}

/// A code by Slack is entered on the command line, one by mail by its link; nobody learns an address or a code on the way.
#[test]
fn ways_are_verified_by_codes_that_come_back() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, world::STEPS);
    let listed =
        |service: &Service| service.get("/v1/people/ann/contacts").expect_status(200).json()["contacts"].clone();
    assert!(listed(&service).as_array().unwrap().iter().all(|way| way["verified"] == false));

    let said = service.client(&["contact", "code", "ann", "slack"]);
    assert!(said.contains("a code is on its way by slack:main"), "{said}");
    let code = code_in(&sinks.wait_for_text("slack.chat.postMessage", "Your code for callout is").text());
    let wrong = json!({"code": if code == "000000" { "000001" } else { "000000" }});
    let no = service.post("/v1/people/ann/contacts/slack/verify", &wrong).expect_status(409).text();
    assert!(no.contains("4 tries are left"), "{no}");
    let said = service.client(&["contact", "verify", "ann", "slack:main", &code]);
    assert!(said.contains("slack:main of ann is verified"), "{said}");
    let again = service.post("/v1/people/ann/contacts/slack/verify", &json!({"code": code})).expect_status(409).text();
    assert!(again.contains("no code is under way"), "{again}");

    service.post("/v1/people/ann/contacts/email/code", &json!({})).expect_status(202);
    let mail = sinks.wait_for_text("smtp.data", "Your code for callout is");
    let link = mail.links("/v/").first().expect("a link in the mail").clone();
    let page = crate::support::http::get(&link).expect_status(200).text();
    assert!(page.contains("Is this yours?") && page.contains("Ann Ruiz"), "{page}");
    let mail_code = code_in(&mail.text());
    assert!(!page.contains(&mail_code), "the page does not say the code");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let done = crate::support::http::request("POST", &link, &[form], b"").expect_status(200).text();
    assert!(done.contains("Verified"), "{done}");
    crate::support::http::request("POST", &link, &[form], b"").expect_status(410);
    assert!(listed(&service).as_array().unwrap().iter().all(|way| way["verified"] == true), "{}", listed(&service));

    // Codes and addresses are in no record and no log.
    let exported = stdout_of(callout().args(["export", "--data"]).arg(service.data()));
    for secret in [&code, &mail_code] {
        // As a word: the digits alone may come up in a hash.
        for word in [format!("\"{secret}\""), format!("is {secret}"), format!(" {secret} ")] {
            assert!(!exported.contains(&word) && !service.log().contains(&word), "{word}");
        }
    }
    assert!(!exported.contains("ann@example.com"));
}

fn code_in(text: &str) -> String {
    let at = text.find("Your code for callout is ").expect("a code") + "Your code for callout is ".len();
    text[at..].chars().take(6).collect()
}
