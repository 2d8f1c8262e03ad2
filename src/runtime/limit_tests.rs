//! Rounds, words of the quarantine, health: each limit at its edge and one past it.

use std::sync::Arc;

use super::commit::{ROUND_BYTES_MAX, ROUND_EVENTS_MAX, Round};
use super::handle::{Health, Request};
use super::shard::quarantine::QUOTED_CHARS_MAX;
use super::tests::{bodies, event, policy, running, simple};
use super::*;
use crate::domain::{LabelsBuilder, Span};
use crate::engine::{Input, State, limits};
use crate::journal::RecordBody;
use crate::store::MemoryJournal;

fn round(events: Vec<Incoming>) -> Round {
    let core = simple(State::default(), Arc::new(policy("one")));
    let mut round = Round::default();
    let (reply, _) = tokio::sync::oneshot::channel();
    round.add(Request::Accept { events, sent: Sent::default(), reply }, &*core);
    round
}

/// An event of so many bytes, as a round counts them.
fn sized(bytes: usize) -> Incoming {
    let Incoming::New(mut of) = event(None) else { panic!("it is new") };
    let value = "x".repeat(bytes - 128 - 4 - 1);
    Arc::make_mut(&mut of).annotations =
        [("a", value.as_str())].into_iter().collect::<LabelsBuilder>().build().unwrap();
    Incoming::New(of)
}

#[test]
fn a_round_takes_in_so_much() {
    let events = |count: usize| (0..count).map(|_| event(None)).collect::<Vec<_>>();
    assert!(!round(events(ROUND_EVENTS_MAX - 1)).is_full());
    assert!(round(events(ROUND_EVENTS_MAX)).is_full());
    let part = ROUND_BYTES_MAX / 8;
    let bytes = |last: usize| (0..7).map(|_| sized(part)).chain([sized(last)]).collect::<Vec<_>>();
    assert!(!round(bytes(part - 1)).is_full());
    assert!(round(bytes(part)).is_full());
}

#[tokio::test]
async fn the_words_of_a_poisonous_input_are_cut_where_they_are_kept_and_told() {
    for (sent, kept, told) in [
        (QUOTED_CHARS_MAX, QUOTED_CHARS_MAX, QUOTED_CHARS_MAX),
        (QUOTED_CHARS_MAX + 1, QUOTED_CHARS_MAX + 1, QUOTED_CHARS_MAX),
        (limits::QUARANTINED_CHARS_MAX, limits::QUARANTINED_CHARS_MAX, QUOTED_CHARS_MAX),
        (limits::QUARANTINED_CHARS_MAX + 1, limits::QUARANTINED_CHARS_MAX, QUOTED_CHARS_MAX),
    ] {
        let journal = MemoryJournal::new();
        let (handle, running, _) = running(&journal);
        let body = bytes::Bytes::from("é".repeat(sent));
        handle.accept_sent(vec![event(Some("poison"))], Sent { body, items: vec![0] }).await.unwrap();
        running.stop().await.unwrap();
        let text = handle.read(|state| state.quarantine.values().next().unwrap().text.clone());
        assert_eq!(text.chars().count(), kept);
        let alarms: Vec<String> = bodies(&journal)
            .iter()
            .filter_map(|body| match body {
                RecordBody::Input(input) => match input.as_ref() {
                    Input::Alarm { text, .. } => Some(text.clone()),
                    _ => None,
                },
                RecordBody::Decision(_) => None,
            })
            .collect();
        assert_eq!(alarms.iter().map(|text| text.matches('é').count()).collect::<Vec<_>>(), [told]);
    }
}

#[tokio::test]
async fn what_is_late_is_trouble_past_its_limit() {
    let journal = MemoryJournal::new();
    let (handle, running, _) = running(&journal);
    let ms = |span: Span| span.as_millis().unsigned_abs();
    let fine = || Health { running: true, ..Health::default() };
    let at = |unjudged: u64, page: u64| Health { oldest_unjudged_ms: unjudged, oldest_page_ms: page, ..fine() };
    let (unjudged, page) = (handle.settings().health.unjudged, handle.settings().health.undelivered);
    for (health, turn, troubles) in [
        (fine(), vitals::TURN_AGE_MAX, 0),
        (fine(), Span::from_millis(vitals::TURN_AGE_MAX.as_millis() + 1), 1),
        (at(ms(unjudged), 0), Span::ZERO, 0),
        (at(ms(unjudged) + 1, 0), Span::ZERO, 1),
        (at(0, ms(page)), Span::ZERO, 0),
        (at(0, ms(page) + 1), Span::ZERO, 1),
    ] {
        let mut reasons = Vec::new();
        handle.reasons(&health, turn, &mut reasons);
        assert_eq!(reasons.len(), troubles, "{reasons:?}");
    }
    running.stop().await.unwrap();
}
