//! A storm: very many distinct alerts at once. People and rooms get a few messages with the right counts, programs get every alert, and a
//! page that is more urgent than the storm goes out at once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::http;
use crate::support::sinks::Received;
use crate::support::world::{self, STEPS};
use crate::support::{Service, Sinks};

/// Distinct alerts of the burst, unless `CALLOUT_STORM` says how many; the long run has 200,000.
const BURST: usize = 20_000;
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
/// Alerts in one request.
const BATCH: usize = 1_000;

/// The organisation of the other stories, with a digest after five seconds, so that nobody waits for a minute.
fn stormy(sinks: &Sinks) -> Service {
    let organisation = world::organisation(sinks).replace(world::CALM, "");
    let digest = "[digest]\nsingles = 5\nwithin = \"8s\"\nevery = \"15s\"\n";
    world::prepare_with(sinks, &format!("{organisation}\n{digest}"), STEPS).start()
}

/// A resource alert of its own; the room hears of it through the route of `prod-eu`, which leads to Slack, Teams and mail.
fn alert(n: usize, priority: &str, environment: &str) -> Value {
    json!({
        "labels": {"alertname": "DiskFull", "service": "data-api", "host": format!("host-{n}"), "priority": priority, "environment": environment},
        "annotations": {"summary": "the disk is full"},
    })
}

fn size() -> usize {
    std::env::var("CALLOUT_STORM").map_or(BURST, |text| text.parse().expect("CALLOUT_STORM is a number"))
}

/// Most memory that the service ever held, in MiB.
fn peak_mib(service: &Service) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kib| kib / 1024)
}

fn burst(service: &Service, numbers: std::ops::Range<usize>, environment: &str) {
    let all: Vec<usize> = numbers.collect();
    for part in all.chunks(BATCH) {
        let body: Vec<Value> = part.iter().map(|n| alert(*n, "P3", environment)).collect();
        service.post("/api/v2/alerts", &Value::Array(body)).expect_status(200);
    }
}

/// The first number in a text like `🔶 1,234 incidents: all not acknowledged`, when that is a digest's.
fn counted(text: &str) -> Option<u64> {
    let at = text.find(" incidents: ").or_else(|| text.find(" incident: "))?;
    let digits = text[..at].rsplit(' ').next()?.replace(',', "");
    digits.parse().ok()
}

/// Whom a message is for, where it is counted: a room, a person, a mailbox.
fn recipient(message: &Received) -> String {
    match message.endpoint() {
        "teams" => "teams".to_owned(),
        "smtp.data" => message.0["rcpt_tos"][0].as_str().unwrap_or_default().to_owned(),
        _ => message.body()["channel"].as_str().unwrap_or_default().to_owned(),
    }
}

fn first_text(message: &Received) -> String {
    match message.endpoint() {
        "smtp.data" => message.mail()["subject"].as_str().unwrap_or_default().to_owned(),
        "teams" => message.body()["attachments"][0]["content"]["fallbackText"].as_str().unwrap_or_default().to_owned(),
        _ => message.body()["text"].as_str().unwrap_or_default().to_owned(),
    }
}

/// Messages to `to` so far: those about one incident, and the counts of digests.
fn told(all: &[Received], to: &str) -> (usize, Vec<u64>) {
    let mine: Vec<String> = all.iter().filter(|m| recipient(m).contains(to)).map(first_text).collect();
    let digests: Vec<u64> = mine.iter().filter_map(|text| counted(text)).collect();
    (mine.len() - digests.len(), digests)
}

#[test]
fn a_storm_reaches_people_as_a_few_messages_and_the_urgent_page_at_once() {
    let sinks = Sinks::start();
    let service = stormy(&sinks);
    let size = size();
    let started = Instant::now();
    burst(&service, 0..size / 2, "prod-eu");
    // In the middle of it, what nobody can wait for. It is timed from its own request on, which waits its turn among the others.
    let posted = Instant::now();
    service.post("/api/v2/alerts", &json!([alert(999_999, "P1", "prod-eu")])).expect_status(200);
    sinks.wait_until("slack.chat.postMessage", "the page of P1", |all| {
        all.iter().any(|m| recipient(m) == "U0ANN" && first_text(m).contains("P1"))
    });
    let page_took = posted.elapsed();
    burst(&service, size / 2..size, "prod-eu");
    let burst_took = started.elapsed();
    let recipients = ["U0ANN", "#ops", "teams", "checkout@example.com"];
    let everything = |all: &[Received], to: &str| {
        let (singles, digests) = told(all, to);
        singles as u64 + digests.iter().sum::<u64>()
    };
    let total = size as u64 + 1;
    let deadline = Instant::now() + Duration::from_mins(2) + burst_took;
    loop {
        let all = sinks.received("*");
        if recipients.iter().all(|to| everything(&all, to) >= total) {
            break;
        }
        let so_far: Vec<_> = recipients.iter().map(|to| (*to, told(&all, to))).collect();
        assert!(Instant::now() < deadline, "not everything was told in time: {so_far:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
    let all = sinks.received("*");
    for to in recipients {
        let (singles, digests) = told(&all, to);
        assert_eq!(
            singles as u64 + digests.iter().sum::<u64>(),
            total,
            "{to}: each is told once: {singles} and {digests:?}"
        );
        // Five of P3 and the P1 go out singly; a digest for each quarter of a minute that the burst took.
        let most = 3 + burst_took.as_secs() / 15;
        assert!(singles <= 6 && digests.len() as u64 <= most, "{to}: {singles} messages and {digests:?} digests");
    }
    // The page of P1 is behind nothing but the request before its own, in an unoptimised build on a busy machine.
    assert!(page_took < Duration::from_secs(5), "the page of P1 took {page_took:?}");
    let all_took = started.elapsed();
    println!(
        "storm: {size} alerts taken in {burst_took:?}, told in {all_took:?} by {} messages; the page of P1 took {page_took:?}; at most {} MiB",
        all.len(),
        peak_mib(&service)
    );
    sinks.expect_no_complaints();

    // One press acknowledges everything that Ann heard by a digest.
    let digest = all.iter().rfind(|m| recipient(m) == "U0ANN" && counted(&first_text(m)).is_some()).unwrap();
    let link = digest.links("/d/").into_iter().next().expect("a digest has a link to its list");
    let page = http::get(&link).expect_status(200).text();
    assert!(page.contains("Acknowledge all"), "{page}");
    let pressed = http::request("POST", &link, &[FORM], b"do=acknowledge").expect_status(200).text();
    assert!(pressed.contains("acknowledged"), "{pressed}");
    let over = |page: &str| page.contains("None of them waits for anybody");
    let deadline = Instant::now() + Duration::from_mins(1);
    while !over(&http::get(&link).expect_status(200).text()) {
        assert!(Instant::now() < deadline, "they are not acknowledged within a minute");
        std::thread::sleep(Duration::from_millis(200));
    }
    sinks.wait_until("slack.chat.postMessage", "the room hears that they are acknowledged", |all| {
        all.iter().any(|m| recipient(m) == "#ops" && first_text(m).contains(" incidents: all acknowledged"))
    });
}

#[test]
fn what_is_folded_survives_a_kill_and_is_told_once() {
    let sinks = Sinks::start();
    let mut service = stormy(&sinks);
    burst(&service, 0..200, "prod-eu");
    service.wait_incidents(200);
    sinks.wait_until("slack.chat.postMessage", "the first pages", |all| told(all, "U0ANN").0 >= 5);
    service.kill_9();
    service.restart();
    let all = sinks.wait_until("slack.chat.postMessage", "the digests", |all| {
        ["U0ANN", "#ops"].iter().all(|to| !told(all, to).1.is_empty())
    });
    for to in ["U0ANN", "#ops"] {
        let (_, digests) = told(&all, to);
        assert_eq!(digests, [195], "{to}");
    }
    let why = service.get("/v1/incidents/200/explain").expect_status(200).text();
    assert!(why.contains("waits for digest G"), "{why}");
    sinks.expect_no_complaints();
}

#[test]
fn programs_get_every_alert_of_a_storm() {
    let sinks = Sinks::start();
    let service = stormy(&sinks);
    // The second route, for other regions, leads to a webhook.
    burst(&service, 0..500, "prod-us");
    let all = sinks.wait_until("webhook.ops", "every alert", |all| all.len() >= 500);
    let incidents: BTreeSet<u64> = all.iter().filter_map(|m| m.body()["data"]["incident"]["id"].as_u64()).collect();
    assert_eq!((all.len(), incidents.len()), (500, 500));
}
