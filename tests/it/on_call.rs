//! Who stands in for whom, over the real program: overrides, swap requests with their links, and calendars as programs of others read them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::world::{self, STEPS};
use crate::support::{Service, Sinks, http};

/// What two parsers and our own rules say of a calendar.
fn judged(text: &[u8]) -> Value {
    let root = env!("CARGO_MANIFEST_DIR");
    let cache = std::env::var("CALLOUT_SINKS_CACHE").unwrap_or_else(|_| {
        let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| format!("{root}/target"));
        format!("{target}/sinks-cache")
    });
    let mut child = Command::new(format!("{cache}/venv/bin/python"))
        .arg(format!("{root}/tests/sinks/icsrules.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the judge failed on\n{}", String::from_utf8_lossy(text));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The events of a calendar, in which both parsers find the same and nobody a fault.
#[track_caller]
fn events(service: &Service, of: &[&str]) -> (String, Vec<Value>) {
    let url = service.client(&[&["calendar", "url"], of].concat());
    let reply = http::get(url.trim()).expect_status(200);
    assert_eq!(reply.header("content-type"), Some("text/calendar; charset=utf-8"));
    let said = judged(reply.text().as_bytes());
    assert_eq!(said["problems"], json!([]), "{}", reply.text());
    assert_eq!(said["icalendar"], said["ics"]);
    (url.trim().to_owned(), said["icalendar"].as_array().unwrap().clone())
}

/// A service whose schedule has turns by the week, main and backup; a team with an empty schedule beside it.
fn service(sinks: &Sinks) -> Service {
    let service = world::prepare(sinks, STEPS);
    let empty =
        "[schedules.nobody]\nteam = \"operations\"\nholes_allowed = true\nusers = [[]]\nstart = 2026-01-05T09:00:00\n";
    service.write_config("teams/operations.toml", &format!("{}\n{empty}", world::OPERATIONS));
    service.start()
}

fn day(service: &Service, role: &str, at: &str) -> String {
    let at = at.replace('+', "%2B");
    let row = service.get(&format!("/v1/oncall?schedule=checkout&role={role}&at={at}")).expect_status(200).json();
    row["on_call"][0]["users"][0]["id"].as_str().unwrap_or("nobody").to_owned()
}

/// The Mondays, 09:00 in Berlin, of two weeks from `weeks` weeks ahead on, as civil times, in the first of which ann is main.
fn weeks_of(service: &Service, weeks: i64) -> [String; 4] {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::get("Europe/Berlin").unwrap());
    let monday =
        now.date().checked_sub(jiff::Span::new().days(i64::from(now.date().weekday().to_monday_zero_offset())));
    let monday = monday.unwrap().at(9, 0, 0, 0);
    let week = |n: i64| monday.checked_add(jiff::Span::new().weeks(n)).unwrap();
    let noon = |n: i64| week(n).to_zoned(now.time_zone().clone()).unwrap().timestamp() + jiff::Span::new().hours(3);
    let first = if day(service, "main", &noon(weeks).to_string()) == "ann" { weeks } else { weeks + 1 };
    [0, 1, 2, 3].map(|n| week(first + n).to_string())
}

#[test]
fn a_shift_changes_hands_by_the_link_in_a_message_and_every_calendar_shows_it() {
    let sinks = Sinks::start();
    let mut service = service(&sinks);
    let [first, second, third, _] = weeks_of(&service, 3);
    let (url, before) = events(&service, &["--person", "ann"]);
    assert!(before.len() > 50, "a year ahead: {}", before.len());
    // Ann offers her week, bob's next in return. He is asked by Slack, with a link.
    let offer = ["swap", "offer", "checkout", "--person", "ann", "--role", "main", "--from", &first, "--to", &second];
    let returned = ["--ask", "bob", "--return-from", &second, "--return-to", &third, "--why", "a wedding, far; away"];
    assert_eq!(service.client(&[&offer[..], &returned[..]].concat()).trim(), "S1");
    let asked = sinks.wait_for_text("slack.chat.postMessage", "asks whether you take the shift");
    assert!(asked.text().contains("Ann Ruiz") && asked.text().contains("In return"), "{}", asked.text());
    let link = asked.links("/s/").first().cloned().unwrap_or_else(|| panic!("{}", asked.text()));
    // Only bob's link answers for him; opening it changes nothing.
    assert!(http::get(&link).expect_status(200).text().contains("Take it"));
    let press = |what: &str| {
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        http::request("POST", &link, &kind, format!("do={what}").as_bytes())
    };
    assert!(press("accept").expect_status(200).text().contains("The shift is yours"));
    assert!(press("accept").expect_status(409).text().contains("Bob took it already"));
    sinks.wait_for_text("slack.chat.postMessage", "Bob Lindqvist takes the shift");
    // They exchanged places in both weeks; it survives a crash.
    service.kill_9();
    service.restart();
    let noon = |civil: &str| {
        let civil: jiff::civil::DateTime = civil.parse().unwrap();
        let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
        (civil.to_zoned(zone).unwrap().timestamp() + jiff::Span::new().hours(3)).to_string()
    };
    for (week, main, backup) in [(&first, "bob", "ann"), (&second, "ann", "bob")] {
        assert_eq!(
            (day(&service, "main", &noon(week)), day(&service, "backup", &noon(week))),
            (main.into(), backup.into())
        );
    }
    let shown = service.client(&["override", "list", "checkout"]);
    assert!(shown.contains("O1") && shown.contains("O2") && shown.contains("a wedding"), "{shown}");
    let (_, after) = events(&service, &["--person", "ann"]);
    assert_ne!(before, after);
    let raw = http::get(&url).text().replace("\r\n ", "");
    assert!(
        raw.contains("DESCRIPTION:Override O1 by bob (ann and bob exchange places): a wedding\\, far\\; away"),
        "{raw}"
    );
    assert!(raw.contains("LAST-MODIFIED:") && raw.contains("SEQUENCE:1"), "{raw}");
    // What did not change kept its UID; the untouched first event is the same.
    let uid = |events: &[Value]| events[0][3].as_str().unwrap().to_owned();
    assert_eq!(uid(&before), uid(&after));
    sinks.expect_no_complaints();
}

#[test]
fn calendars_are_private_conditional_and_valid_even_when_empty() {
    let sinks = Sinks::start();
    let service = service(&sinks);
    let (url, of_schedule) = events(&service, &["--schedule", "checkout"]);
    assert!(of_schedule.iter().any(|e| e[2].as_str().unwrap() == "Ann Ruiz: checkout (main)"), "{of_schedule:?}");
    let (_, of_team) = events(&service, &["--team", "checkout"]);
    assert_eq!(of_schedule, of_team);
    let (_, nobody) = events(&service, &["--schedule", "nobody"]);
    assert_eq!(nobody, [] as [Value; 0]);
    // Read again without a change, nothing is sent.
    let reply = http::get(&url).expect_status(200);
    let tag = reply.header("etag").unwrap().to_owned();
    let again = http::request("GET", &url, &[("if-none-match", &tag)], b"");
    assert_eq!((again.status, again.text()), (304, String::new()));
    let body = json!({"from": "2099-01-01T00:00:00Z"});
    service.post("/v1/calendars", &body).expect_status(422);
    // Revoked, the address is dead, another one is given, and other calendars go on.
    let (person, _) = events(&service, &["--person", "ann"]);
    service.client(&["calendar", "revoke", "--schedule", "checkout"]);
    http::get(&url).expect_status(410);
    let (fresh, _) = events(&service, &["--schedule", "checkout"]);
    assert_ne!(fresh, url);
    http::get(&person).expect_status(200);
    let mut guess = url.clone();
    guess.replace_range(url.len() - 8..url.len() - 4, "AAAA");
    http::get(&guess).expect_status(404);
    let token = url.rsplit('/').next().unwrap().trim_end_matches(".ics");
    assert!(!service.log().contains(token), "the log tells no private address");
}

/// A calendar behind an address, as a calendar server gives it: with an ETag, and nothing when it is known. It can be changed and break.
struct CalendarServer {
    address: String,
    text: Arc<Mutex<Option<String>>>,
    unchanged: Arc<AtomicUsize>,
}

impl CalendarServer {
    fn start(text: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let text = Arc::new(Mutex::new(Some(text)));
        let unchanged = Arc::new(AtomicUsize::new(0));
        let (shared, counted) = (Arc::clone(&text), Arc::clone(&unchanged));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut head = String::new();
                let mut lines = BufReader::new(stream.try_clone().unwrap());
                while lines.read_line(&mut head).unwrap_or(0) > 2 {}
                let text = shared.lock().unwrap().clone();
                let answer = match text {
                    None => "HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned(),
                    Some(text) => {
                        let tag = format!("\"{}\"", text.len());
                        if head.contains(&tag) {
                            counted.fetch_add(1, Ordering::SeqCst);
                            "HTTP/1.1 304 Not Modified\r\nconnection: close\r\n\r\n".to_owned()
                        } else {
                            format!(
                                "HTTP/1.1 200 OK\r\netag: {tag}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
                                text.len()
                            )
                        }
                    }
                };
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { address, text, unchanged }
    }

    fn say(&self, text: Option<String>) {
        *self.text.lock().unwrap() = text;
    }
}

/// A calendar of one event of whole days, from so many days ahead on.
fn days_off(ahead: i64, count: i64) -> String {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let day = |n: i64| today.checked_add(jiff::Span::new().days(n)).unwrap().strftime("%Y%m%d").to_string();
    let (first, behind) = (day(ahead), day(ahead + count));
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nBEGIN:VEVENT\r\nUID:{first}\r\nDTSTAMP:20260101T000000Z\r\n\
         DTSTART;VALUE=DATE:{first}\r\nDTEND;VALUE=DATE:{behind}\r\nSUMMARY:away\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

#[test]
fn calendars_of_others_are_read_kept_in_the_journal_and_told_of() {
    let sinks = Sinks::start();
    let absences = CalendarServer::start(days_off(2, 8));
    let service = world::prepare(&sinks, STEPS);
    let toml = world::checkout(STEPS);
    let toml = toml.replace("ann = {", &format!("ann = {{ absences_url = \"http://{}/ann.ics\",", absences.address));
    let toml =
        toml.replace("[schedules.checkout]", "[schedules.checkout]\noff = [\"holidays.de\"]\nholes_allowed = true");
    let calendars = "\n[calendars]\nevery = \"1s\"\nallow_private = true\n[holidays.de]\nical_file = \"de.ics\"\n";
    service.write_config("teams/checkout.toml", &format!("{toml}{calendars}"));
    service.write_config("de.ics", &days_off(5, 1));
    let mut service = service.start();
    // She is on call in two days, in whatever role, and she and the team hear of it; the day off is off.
    let told = sinks.wait_for_text("slack.chat.postMessage", "Ann Ruiz is on call in checkout");
    assert!(told.text().contains("while away"), "{}", told.text());
    let noon = |ahead: i64| {
        let day =
            jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().checked_add(jiff::Span::new().days(ahead));
        format!("{}T12:00:00Z", day.unwrap())
    };
    let row = |service: &Service, ahead: i64| {
        let path = format!("/v1/oncall?schedule=checkout&at={}", noon(ahead));
        service.wait_json(&path, "read", |v| v["on_call"].as_array().is_some_and(|rows| !rows.is_empty()))["on_call"]
            .clone()
    };
    let is_away = |rows: &Value| rows.as_array().unwrap().iter().any(|row| row["absent"] == json!(["ann"]));
    assert!(is_away(&row(&service, 3)) && !is_away(&row(&service, 1)));
    let nobody = |rows: &Value| rows.as_array().unwrap().iter().all(|row| row["users"] == json!([]));
    service.wait_json(&format!("/v1/oncall?schedule=checkout&at={}", noon(5)), "off", |v| nobody(&v["on_call"]));
    assert!(service.client(&["who", "--schedule", "checkout", "--at", &noon(3)]).contains("(away: ann)"));
    // It is asked for again with what it was known by, and what it said stays in force when it breaks and over a restart.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while absences.unchanged.load(Ordering::SeqCst) == 0 && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(absences.unchanged.load(Ordering::SeqCst) > 0, "304 was understood");
    absences.say(None);
    let failed = |service: &Service| {
        service.get("/metrics").text().contains("callout_calendar_reads_total{outcome=\"failed\"} 0")
    };
    while failed(&service) && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    service.kill_9();
    service.restart();
    assert!(is_away(&row(&service, 3)));
    // Better again, it says something else: that shows at once, too.
    absences.say(Some(days_off(30, 10)));
    service.wait_json(&format!("/v1/oncall?schedule=checkout&at={}", noon(3)), "back", |v| !is_away(&v["on_call"]));
}
