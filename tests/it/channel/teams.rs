//! Teams: cards that are worth showing, since a flow never says when one is not.

use callout::channel::teams::card;
use callout::channel::{Content, Message, PersonName, Sending};
use callout::domain::ChannelKind;
use callout::engine::state::Purpose;
use serde_json::Value;

use super::fixtures::{self as f, block_on, send};
use crate::support::Sinks;

#[test]
fn every_sample_would_be_shown() {
    let sinks = Sinks::start();
    let teams = f::build(ChannelKind::Teams, &f::teams_settings(sinks.at("teams"), f::common(3_000)), &[]);
    block_on(async {
        for (name, message) in f::samples() {
            let sending = send(&*teams, "", &message).await;
            assert_eq!(sending, Sending::Delivered { receipt: None }, "{name}");
        }
    });
    for (posted, (name, _)) in sinks.wait_for("teams", f::samples().len()).iter().zip(f::samples()) {
        assert_eq!(posted.0["shown"], true, "{name}: {:?}", posted.complaints());
    }
    sinks.expect_no_complaints();
}

#[test]
fn the_person_on_call_is_mentioned() {
    let message = f::page("ana@acme.example");
    let body: Value = serde_json::from_str(&card::body(&message)).unwrap();
    let card = &body["attachments"][0]["content"];
    assert_eq!(card["msteams"]["entities"][0]["mentioned"]["id"], "ana@acme.example");
    assert_eq!(card["msteams"]["entities"][0]["text"], "<at>Ana Ruiz</at>");
    assert!(card.to_string().contains("<at>Ana Ruiz</at> is paged: step 1 of 4"));
}

#[test]
fn a_name_cannot_mention_somebody_else() {
    let person = PersonName { id: "x".into(), name: "<at>Bob</at>".into(), address: "x@acme.example".into() };
    let body = card::body(&Message { person: Some(person), ..f::page("") });
    assert!(body.contains("<at>atBob/at</at>"), "{body}");
}

#[test]
fn what_is_too_large_gives_up_details_first_and_never_fails() {
    let sized = |facts: usize, value: &str, details: usize| {
        let many = |n: usize| f::facts(&vec![("name", value); n]);
        let content = Content { facts: many(facts), details: many(details), ..f::breach() };
        card::body(&f::message(Purpose::Alert, content))
    };
    let small = sized(4, "value", 4);
    assert!(small.contains("\"details\""));
    let wide = "\u{1f525}".repeat(200);
    let large = sized(10, &wide, 400);
    assert!(
        large.len() <= card::BODY_MAX && !large.contains("\"details\"") && large.contains("FactSet"),
        "{}",
        large.len()
    );
    let larger = sized(400, &wide, 400);
    assert!(larger.len() <= card::BODY_MAX && larger.contains("5.1 times the budget"));
    assert!(card::body(&f::nasty()).len() <= card::BODY_MAX);
}

#[test]
fn rendered_cards_are_as_agreed() {
    for (name, message) in f::samples() {
        let message = if name == "page" { f::page("ana@acme.example") } else { message };
        let body: Value = serde_json::from_str(&card::body(&message)).unwrap();
        super::golden::check(&format!("teams/teams-{name}.json"), &format!("{body:#}\n"));
    }
}

#[test]
fn an_alarm_that_is_longer_than_a_title_is_told_in_full() {
    let message = Message { why: format!("{} the end", "word ".repeat(400)), ..f::alarm() };
    let body = card::body(&message);
    assert!(body.contains("word the end"), "{body}");
}
