//! A breach that callout judges from samples, told by Teams, mail and Slack with its figures and chart, and acted on by the links in these
//! messages alone: each thing once.

use serde_json::{Value, json};

use crate::support::sinks::Received;
use crate::support::world;
use crate::support::{Service, Sinks, http};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
/// Where the links in messages lead; the test asks the service itself for what is behind them.
const OUTSIDE: &str = "https://callout.acme.example";
const DKIM_PUBLIC: &str = include_str!("../data/dkim/rsa.txt");

const TEAM: &str = r#"[people]
ann = { name = "Ann Ruiz", email = "ann@example.com", teams = "ann@acme.example", contact = ["teams", "email"], timezone = "Europe/Madrid" }
bob = { name = "Bob Lindqvist", email = "bob@example.com" }

[teams.checkout]
members = ["ann", "bob"]
escalation = "checkout"
[[teams.checkout.routes]]
tell = ["email:checkout@example.com", "slack:main/#ops", "webhook:ops"]
[teams.checkout.templates]
details = "{{ measured.rule }}: {{ measured.burn }}x over {{ measured.factor }}x in {{ measured.window }}, {{ measured.budget_left_percent }}% left for {{ measured.budget_gone_in }}"

[services.data-api]
team = "checkout"
[[services.data-api.slo]]
name = "Availability of get data API"
endpoint = "GET /api/data/{tenant}"
sli = "availability"
objective = "99.7%"
priority = "P2"
burn = "workbook"

[escalations.checkout]
steps = [{ notify = ["person:ann"], wait = "60m" }, { notify = ["person:bob"], wait = "60m" }]
"#;

fn start(sinks: &Sinks) -> Service {
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/dkim/rsa.pem");
    let organisation = world::organisation(sinks)
        .replace("http://{address}", OUTSIDE)
        .replace("[channels.slack.main]", "[channels.slack.main]\npictures = true")
        .replace("[channels.teams.eu]", "[channels.teams.eu]\npictures = true")
        .replace(
            "[channels.email.default]",
            &format!("[channels.email.default]\ndkim = {{ selector = \"callout\", key_file = \"{key}\" }}"),
        );
    let service = Service::prepare(&[
        ("callout.toml", &organisation),
        ("teams/checkout.toml", TEAM),
        ("teams/operations.toml", world::OPERATIONS),
    ]);
    service
        .env("TEST_SLACK_TOKEN", sinks.at("slack_token"))
        .env("TEST_TEAMS_URL", sinks.at("teams"))
        .env("TEST_SMTP_PASSWORD", sinks.at("smtp_password"))
        .start()
}

/// Counts of each of the last three hours' minutes: all is well until a quarter of an hour ago, then everything fails.
fn samples() -> Value {
    let now = jiff::Timestamp::now().as_second() / 60;
    let minute = |minute: i64| {
        let total = 9_000 + (minute % 7) * 100;
        let good = if now - minute < 15 { 0 } else { total - minute % 5 };
        let at = jiff::Timestamp::from_second(minute * 60).unwrap().to_string();
        json!({
            "service": "data-api", "endpoint": "GET /api/data/{tenant}", "sli": "availability", "environment": "prod-eu",
            "source": "api-1", "minute": at, "good": good, "total": total,
        })
    };
    (now - 180..=now).map(minute).collect()
}

/// A link of a message, as it leads to the service under test.
fn inside(service: &Service, link: &str) -> String {
    service.url(link.strip_prefix(OUTSIDE).unwrap_or_else(|| panic!("{link} leads elsewhere")))
}

#[track_caller]
fn link(service: &Service, message: &Received, action: &str) -> String {
    let links = message.action_links();
    let found = links.iter().find(|link| link.ends_with(&format!("?do={action}")));
    inside(service, found.unwrap_or_else(|| panic!("no link to {action} among {links:#?}")))
}

fn press(link: &str, act: &str) -> http::Reply {
    http::request("POST", link, &[FORM], format!("do={act}").as_bytes())
}

#[track_caller]
fn expect_words(what: &str, text: &str, words: &[&str]) {
    for words in words {
        assert!(text.contains(words), "{what} lacks {words:?}:\n{text}");
    }
}

#[test]
fn a_breach_of_samples_is_told_with_its_figures_and_chart_and_done_by_link() {
    let dns = json!({"callout._domainkey.acme.example": DKIM_PUBLIC.trim()});
    let sinks = Sinks::start_with(&json!({"smtp": {"dkim": dns}}));
    let service = start(&sinks);
    service.post("/v1/samples", &samples()).expect_status(202);
    let incident = service.wait_incidents(1).remove(0);
    let id = incident["id"].to_string();

    // All of it is in each message: both rates with the factor, both counts, what is left and for how long.
    let facts = [
        "x the budget in ",
        ", both above ",
        " failed in ",
        "0.3% allowed; ",
        "% of 28d, ",
        "gone in ",
        "at this pace",
    ];
    let card = sinks.wait_for("teams", 1).remove(0);
    let mails = sinks.wait_for("smtp.data", 1);
    let post = sinks.wait_for("slack.chat.postMessage", 1).remove(0);
    let hook = sinks.wait_for("webhook.ops", 1).remove(0);
    for (what, message) in [("Teams", &card), ("mail", &mails[0]), ("Slack", &post)] {
        expect_words(what, &message.text().replace(['\\', '\n'], ""), &facts);
        expect_words(what, &message.text(), &["Chart of what failed, every ", "highest 100%"]);
    }
    let measured = &hook.body()["data"]["incident"]["measured"];
    assert!(measured["rule"].as_str().unwrap().starts_with("page_"), "{measured}");
    assert_eq!(measured["windows"].as_array().unwrap().len(), 2, "{measured}");
    let words = hook.body()["data"]["incident"]["summary"].as_str().unwrap().to_owned();
    assert!(words.starts_with("page_") && words.contains("x over ") && words.contains("% left for "), "{words}");

    // The person on call is mentioned by their sign-in name, and the details are behind a toggle.
    expect_words("Teams", &card.body().to_string(), &["\"id\":\"ann@acme.example\"", "Action.ToggleVisibility"]);
    assert_eq!(card.0["shown"], true, "{}", card.0);
    // The mail is one for one recipient, signed, made by a machine, of its team's list, and carries the chart itself.
    let mail = &mails[0];
    assert_eq!(mail.0["rcpt_tos"], json!(["checkout@example.com"]));
    assert_eq!(mail.mail()["dkim"], "pass", "{}", mail.mail());
    assert_eq!(mail.mail()["auto_submitted"], "auto-generated");
    expect_words("mail", &mail.mail()["headers"].to_string(), &["<checkout.callout.acme.example>"]);
    assert_eq!(mail.mail()["attachments"][0]["type"], "image/png", "{}", mail.mail());

    // Slack and Teams fetch the picture by a link of its own, which does nothing else.
    for (what, message) in [("Slack", &post), ("Teams", &card)] {
        let picture = message.links("/c/").pop().unwrap_or_else(|| panic!("{what} has no picture: {}", message.text()));
        let reply = http::get(&inside(&service, &picture)).expect_status(200);
        assert!(reply.body.starts_with(b"\x89PNG"), "{what}");
    }

    // Acknowledged by the link in the card, as the person who was paged; a second time says who did it and when.
    let acknowledge = link(&service, &card, "acknowledge");
    expect_words(
        "page",
        &http::get(&acknowledge).text(),
        &["You act as Ann Ruiz", "<svg class=\"chart\"", "value=\"escalate\""],
    );
    press(&acknowledge, "acknowledge").expect_status(200);
    service.wait_incident(&id, "acknowledged by ann", |i| i["status"] == "acknowledged" && i["status_by"] == "ann");
    let again = press(&acknowledge, "acknowledge");
    assert_eq!(again.status, 409);
    expect_words("page", &again.text(), &["That was done already", "Acknowledged by Ann Ruiz at "]);
    sinks.wait_for_text("smtp.data", "Acknowledged by Ann Ruiz");

    // Snoozed and raised by the link in the mail of the team, then resolved by it; the card and the thread follow.
    let of_mail = link(&service, mail, "snooze");
    press(&of_mail, "snooze-30m").expect_status(200);
    service.wait_incident(&id, "snoozed", |i| i["status"] == "snoozed");
    press(&of_mail, "priority-P1").expect_status(200);
    service.wait_incident(&id, "raised", |i| i["priority"] == "P1");
    assert_eq!(press(&of_mail, "snooze-4h").status, 409, "the link of a message snoozes once");
    press(&of_mail, "resolve").expect_status(200);
    service.wait_incident(&id, "resolved", |i| i["status"] == "resolved");
    let over = sinks.wait_until("smtp.data", "the all-clear in the thread", |all| {
        all.iter().any(|m| m.text().contains("Resolved by somebody in the channel"))
    });
    let over = over.iter().find(|m| m.text().contains("Resolved by somebody in the channel")).unwrap();
    assert_eq!(over.mail()["in_reply_to"], mail.mail()["message_id"]);
    assert_eq!((&over.mail()["dkim"], &over.mail()["attachments"]), (&json!("pass"), &json!([])));
    sinks.wait_until("teams", "a card that it is over", |all| all.iter().any(|m| m.text().contains("Resolved by")));
    let late = press(&acknowledge, "resolve");
    assert_eq!(late.status, 409);
    expect_words("page", &late.text(), &["Nothing was left to do", "Resolved by somebody in the channel"]);
    sinks.expect_no_complaints();
}
