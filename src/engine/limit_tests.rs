//! What one incident, one recipient and the engine's own tables keep, at the edge and one past it.

use std::sync::Arc;

use super::input::{DeliveryReport, Input, Outcome, Verb};
use super::levels::{Episode, LevelKey, Levels, Scope};
use super::limits;
use super::policy::Contact;
use super::state::{Delivery, Purpose, Quarantined, Recipient};
use super::tests::{World, minute, policy, resource, silence};
use super::transition::Transition;
use crate::domain::*;
use crate::rules::dedup::DedupRule;
use crate::rules::priority::RaiseRule;

#[test]
fn the_oldest_uses_of_links_are_forgotten_beyond_their_limit() {
    let mut world = World::new(policy());
    world.event(minute(0), resource("a"));
    let incident = IncidentId(1);
    let note = |message: usize| Verb::ByLink {
        message: DeliveryId(message as u64),
        verb: Box::new(Verb::Note { incident, text: "x".into() }),
    };
    for message in 1..=limits::LINK_USES_MAX + 1 {
        world.does(minute(1), "ana", note(message));
    }
    let used = |world: &World, message| world.incident(1).link_use(DeliveryId(message), "note").is_some();
    assert_eq!(world.incident(1).links_used.len(), limits::LINK_USES_MAX);
    assert!(!used(&world, 1) && used(&world, 2));
    let notes = world.incident(1).notes.len();
    world.does(minute(2), "ana", note(2));
    assert_eq!(world.incident(1).notes.len(), notes, "what is remembered is not done again");
}

#[test]
fn the_oldest_notes_are_forgotten() {
    let mut world = World::new(policy());
    world.event(minute(0), resource("a"));
    let note = |n: usize| Verb::Note { incident: IncidentId(1), text: format!("note {n}") };
    let first = |world: &World| world.incident(1).notes[0].text.clone();
    for n in 0..limits::NOTES_MAX {
        world.does(minute(1), "ana", note(n));
    }
    assert_eq!((world.incident(1).notes.len(), first(&world).as_str()), (limits::NOTES_MAX, "note 0"));
    world.does(minute(1), "ana", note(limits::NOTES_MAX));
    assert_eq!((world.incident(1).notes.len(), first(&world).as_str()), (limits::NOTES_MAX, "note 1"));
}

/// One incident for all hosts, and a rule that counts how often it occurs.
fn one_for_all() -> World {
    let mut policy = policy();
    let team = Arc::make_mut(policy.teams.get_mut("checkout").unwrap());
    team.dedup.resource = DedupRule::Fields(vec!["alertname".into()]);
    team.raise = vec![RaiseRule { more_than: 60, within: Span::from_hours(1), priority: "P1".into() }];
    World::new(policy)
}

#[test]
fn the_oldest_occurrences_are_forgotten_and_sources_beyond_the_limit_only_counted() {
    let mut world = one_for_all();
    for n in 0..=limits::SOURCES_MAX {
        let at = minute(0).plus(Span::from_millis(i64::try_from(n).unwrap()));
        world.event(at, resource(&format!("h{n}")));
        let incident = world.incident(1);
        assert_eq!(incident.firing.len(), (n + 1).min(limits::SOURCES_MAX));
        assert_eq!(incident.occurrences.len(), (n + 1).min(limits::OCCURRENCES_MAX));
        let forgotten = (n + 1).saturating_sub(limits::OCCURRENCES_MAX);
        let oldest = minute(0).plus(Span::from_millis(i64::try_from(forgotten).unwrap()));
        assert_eq!(incident.occurrences[0], oldest, "{n}");
    }
    assert_eq!((world.count(), world.incident(1).duplicates), (1, u32::try_from(limits::SOURCES_MAX).unwrap()));
}

#[test]
fn alarms_beyond_the_limit_become_one() {
    let mut world = World::new(policy());
    let mut raise = |n: usize| {
        let alarm = Input::Alarm { key: Name::from(format!("k{n}")), text: "something".to_owned() };
        world.input(minute(0), alarm);
        world.engine.state().alarms.clone()
    };
    for n in 0..limits::ALARMS_MAX {
        assert_eq!(raise(n).len(), n + 1);
    }
    for n in 0..3 {
        let alarms = raise(limits::ALARMS_MAX + n);
        assert_eq!(alarms.len(), limits::ALARMS_MAX + 1);
        assert!(alarms.contains_key("further-alarms"));
    }
}

#[test]
fn the_oldest_of_the_quarantine_are_forgotten() {
    let mut world = World::new(policy());
    let of = Quarantined { at: minute(0), panic: "no".into(), text: "x".to_owned() };
    for n in 1..=limits::QUARANTINE_MAX as u64 + 1 {
        world.engine.evolve(&Transition::InputQuarantined { input: Seq(n), quarantined: Box::new(of.clone()) });
        let kept = &world.engine.state().quarantine;
        let oldest = n.saturating_sub(limits::QUARANTINE_MAX as u64) + 1;
        assert_eq!(kept.first_key_value().map(|(seq, _)| seq.0), Some(oldest.min(n).max(1)), "{n}");
        assert!(kept.len() <= limits::QUARANTINE_MAX);
    }
}

#[test]
fn a_tenth_of_the_idempotency_keys_is_forgotten_beyond_the_limit() {
    let mut world = World::new(policy());
    let key = |n: usize| Event { idempotency: Some(Name::from(format!("key {n}"))), ..resource("a") };
    for n in 0..limits::IDEMPOTENCY_MAX - 1 {
        let at = minute(0).plus(Span::from_millis(i64::try_from(n / 10).unwrap()));
        world.engine.state.idempotency.insert(n as u128, (EventId(1), at));
        world.engine.idempotency_by_age.insert((at, n as u128));
    }
    let later = minute(10).plus(Span::from_hours(1));
    world.event(later, key(0));
    assert_eq!(world.engine.state().idempotency.len(), limits::IDEMPOTENCY_MAX);
    world.event(later, key(1));
    let kept = world.engine.state().idempotency.len();
    assert_eq!(kept, world.engine.idempotency_by_age.len());
    assert_eq!(kept, limits::IDEMPOTENCY_MAX + 1 - limits::IDEMPOTENCY_MAX / 10);
    assert!(world.engine.known_idempotency(Source::Native, "key 1").is_some());
}

#[test]
fn changes_of_an_objective_and_outages_are_remembered_up_to_their_limits() {
    let mut levels = Levels::default();
    let (service, slo): (Name, Name) = ("api".into(), "answers".into());
    let day = |n: usize| minute(0).plus(Span::from_hours(24 * i64::try_from(n).unwrap()));
    for n in 0..=limits::OBJECTIVES_KEPT {
        levels.set_objective(&service, &slo, Ratio::ZERO, day(n));
    }
    let known = &levels.objectives[&(service.clone(), slo.clone())];
    assert_eq!((known.len(), known[0].0), (limits::OBJECTIVES_KEPT, day(1)));
    let level = LevelKey { service, slo, endpoint: None, scope: Scope::All };
    let outage = |at: Timestamp| Episode { from: at, to: at, spent: Ratio::ZERO, through: None };
    for n in 0..=limits::EPISODES_MAX {
        levels.end_episode(&level, &outage(day(n)), false);
    }
    let known = &levels.episodes[&level];
    assert_eq!((known.len(), known[0].to), (limits::EPISODES_MAX, day(1)));
    let last = day(limits::EPISODES_MAX).plus(limits::EPISODES_KEPT);
    levels.end_episode(&level, &outage(last), false);
    assert_eq!(levels.episodes[&level].len(), 2, "at the edge of the time it is still known");
    levels.end_episode(&level, &outage(last.plus(Span::from_millis(1))), false);
    assert_eq!(levels.episodes[&level].len(), 2, "and beyond it is not");
}

#[test]
fn what_is_over_is_kept_for_its_time_and_no_longer() {
    let just_before = |at: Timestamp| at.minus(Span::from_millis(1));
    // Lasts on without an end, its incident resolved by hand; the other says its end.
    let mut world = World::new(policy());
    world.event(minute(0), Event { idempotency: Some("k".into()), ..resource("a") });
    world.event(minute(0), Event { ends_at: Some(minute(5)), ..resource("b") });
    world.does(minute(1), "ana", Verb::Resolve { incident: IncidentId(1) });
    let ended = minute(5).plus(limits::ENDED_ALERT_KEPT);
    for (at, sources) in [(just_before(ended), 2), (ended, 1)] {
        world.until(at);
        assert_eq!(world.engine.state().alerts.len(), sources, "{at}");
    }
    let unended = minute(0).plus(limits::UNENDED_ALERT_KEPT);
    for (at, sources) in [(just_before(unended), 1), (unended, 0)] {
        world.until(at);
        assert_eq!(world.engine.state().alerts.len(), sources, "{at}");
    }
    let mut world = World::new(policy());
    world.event(minute(0), Event { idempotency: Some("k".into()), ..resource("a") });
    let forgotten = minute(0).plus(limits::IDEMPOTENCY_KEPT);
    for (at, keys) in [(just_before(forgotten), 1), (forgotten.plus(Span::from_millis(1)), 0)] {
        world.until(at);
        assert_eq!(world.engine.state().idempotency.len(), keys, "{at}");
    }
    let mut world = World::new(policy());
    world.event(minute(0), resource("a"));
    world.does(minute(1), "ana", Verb::Resolve { incident: IncidentId(1) });
    let resolved = minute(1).plus(limits::RESOLVED_KEPT);
    for (at, incidents) in [(just_before(resolved), 1), (resolved, 0)] {
        world.until(at);
        assert_eq!(world.engine.state().incidents.len(), incidents, "{at}");
    }
    let mut world = World::new(policy());
    world.does(minute(1), "ana", Verb::AddSilence(silence(60)));
    let gone = minute(60).plus(limits::SILENCE_KEPT);
    for (at, silences) in [(just_before(gone), 1), (gone, 0)] {
        world.until(at);
        assert_eq!(world.engine.state().silences.len(), silences, "{at}");
    }
}

#[test]
fn so_many_other_ways_are_tried() {
    let mut policy = policy();
    let channel = |n: usize| ChannelRef { kind: ChannelKind::Slack, name: Name::from(format!("way {n}")) };
    let ways = limits::FALLBACKS_MAX as usize + 3;
    policy.people.get_mut("ana").unwrap().contacts =
        (0..ways).map(|n| Contact { channel: channel(n), address: "U0ANA".into() }).collect();
    let mut world = World::new(policy);
    world.event(minute(0), resource("a"));
    for tried in 1.. {
        let pages = |row: &Delivery| row.purpose == Purpose::Page;
        let row = world.engine.state().outbox.values().find(|row| pages(row)).cloned().unwrap();
        if row.to != (Recipient::Person { person: "ana".into(), channel: channel(tried - 1) }) {
            assert_eq!(tried - 2, limits::FALLBACKS_MAX as usize, "the next person's turn: {}", row.to);
            break;
        }
        let outcome = Outcome::Failed { error: "gone".into() };
        let report = DeliveryReport { delivery: row.id, attempt: 1, at: minute(1), outcome };
        world.input(minute(1), Input::Reports(vec![report]));
    }
}

/// A message about an incident to a room.
fn to_room(number: u64, incident: u64, room: usize) -> Delivery {
    Delivery {
        id: DeliveryId(number),
        incident: Some(IncidentId(incident)),
        to: Recipient::Channel(format!("slack:main/#room-{room}").parse().unwrap()),
        purpose: Purpose::Alert,
        rank: 1,
        ordered_at: minute(0),
        expires_at: None,
        attempts: 0,
        text: String::new(),
        follows: None,
        fallbacks: 0,
    }
}

#[test]
fn so_many_messages_and_digests_of_one_incident_are_remembered() {
    let mut world = World::new(policy());
    world.event(minute(0), resource("a"));
    world.deliver(minute(0));
    for n in world.incident(1).sent.len() + 1..=limits::SENT_MAX + 1 {
        let row = to_room(1_000 + n as u64, 1, n);
        let outcome = Outcome::Delivered { receipt: None };
        let reported = Transition::DeliveryReported { delivery: row.id, attempt: 1, outcome };
        world.engine.evolve(&Transition::DeliveryOrdered(Arc::new(row)));
        world.engine.evolve(&reported);
        assert_eq!(world.incident(1).sent.len(), n.min(limits::SENT_MAX));
    }
    for n in 1..=limits::DIGESTS_MAX as u64 + 1 {
        let (digest, to, due) = (DigestId(n), to_room(0, 1, 0).to, minute(60));
        world.engine.evolve(&Transition::DigestOpened { digest, to, due });
        let folded = Transition::Folded { digest, incident: IncidentId(1), purpose: Purpose::Alert, due, storm: None };
        world.engine.evolve(&folded);
        let known = &world.incident(1).digests;
        let forgotten = n.saturating_sub(limits::DIGESTS_MAX as u64);
        assert_eq!((known.len() as u64, known[0]), (n - forgotten, DigestId(forgotten + 1)));
        let first = &world.engine.state().digests[&DigestId(1)];
        assert_eq!(first.entries.len() as u64, 1 - forgotten, "it is taken out of what it is forgotten of");
    }
}

#[test]
fn recipients_who_were_told_nothing_for_long_are_forgotten_beyond_the_limit() {
    let first = minute(0).plus(limits::FLOW_KEPT);
    for (now, known) in [(first.minus(Span::from_millis(1)), limits::FLOWS_MAX + 1), (first, 1)] {
        let mut world = World::new(policy());
        world.event(minute(0), resource("a"));
        world.engine.state.flows.clear();
        for n in 0..=limits::FLOWS_MAX {
            if n == limits::FLOWS_MAX {
                assert_eq!(world.engine.state().flows.len(), n);
                world.engine.state.now = now;
            }
            let row = to_room(1_000 + n as u64, 1, n);
            world.engine.evolve(&Transition::DeliveryOrdered(Arc::new(row)));
        }
        assert_eq!(world.engine.state().flows.len(), known);
    }
}

#[test]
fn the_same_alarm_is_raised_again_after_its_time() {
    let mut world = World::new(policy());
    let mut raised = |at: Timestamp| {
        let before = world.engine.state().last_delivery;
        world.input(at, Input::Alarm { key: "k".into(), text: "something".to_owned() });
        world.engine.state().last_delivery - before
    };
    let again = minute(0).plus(limits::ALARM_QUIET);
    assert_eq!([raised(minute(0)), raised(again.minus(Span::from_millis(1))), raised(again)], [1, 0, 1]);
}

#[test]
fn a_notice_is_worth_sending_for_its_time_and_a_page_for_ever() {
    let mut world = World::new(policy());
    world.event(minute(0), resource("a"));
    for row in world.engine.state().outbox.values() {
        let ends = (row.purpose != Purpose::Page).then(|| minute(0).plus(limits::NOTICE_WORTH));
        assert_eq!(row.expires_at, ends, "{}", row.to);
    }
}

#[test]
fn a_round_waits_at_least_so_long_and_a_step_as_it_says() {
    for (seconds, least) in [(1, 60), (59, 60), (60, 60), (61, 61)] {
        let mut policy = policy();
        let chain = Arc::make_mut(policy.escalations.get_mut("checkout").unwrap());
        for step in &mut chain.steps {
            step.wait = Span::from_seconds(seconds);
        }
        let mut world = World::new(policy);
        world.event(minute(0), resource("a"));
        let due = |world: &World| world.incident(1).escalation.as_ref().unwrap().due.unwrap();
        assert_eq!(due(&world), minute(0).plus(Span::from_seconds(seconds)), "the first of two steps");
        let last = due(&world);
        world.until(last);
        assert_eq!(due(&world), last.plus(Span::from_seconds(least)), "the last");
        assert_eq!(limits::ROUND_WAIT_MIN, Span::from_seconds(60));
    }
}

#[test]
fn what_a_rule_remembers_is_forgotten_after_its_time() {
    let mut world = World::new(policy());
    world.event(minute(0), super::tests::breach(1));
    assert_eq!(world.engine.state().scopes.len(), 1);
    let gone = minute(0).plus(limits::SCOPE_KEPT);
    for (at, scopes) in [(gone.minus(Span::from_millis(1)), 1), (gone, 0)] {
        world.until(at);
        assert_eq!(world.engine.state().scopes.len(), scopes, "{at}");
    }
}

#[test]
fn a_condition_of_the_policy_is_over_when_it_did_not_hold_for_its_time() {
    use super::level_budget::POLICY_KEPT;
    let after = |state: crate::slo::burn::AlertState, holds, at| state.after(holds, at, Span::ZERO, POLICY_KEPT);
    let firing = after(crate::slo::burn::AlertState::Inactive, true, minute(0));
    let clear = after(firing, false, minute(10));
    let over = minute(10).plus(POLICY_KEPT);
    assert!(after(clear, false, over.minus(Span::from_millis(1))).is_firing());
    assert!(!after(clear, false, over).is_firing());
}

#[test]
fn minutes_older_than_four_days_are_given_up_beyond_the_limit_of_memory() {
    let policy = policy();
    let feed = |n: u32| {
        let series = SeriesKey {
            service: "data-api".into(),
            sli: "availability".into(),
            endpoint: None,
            environment: None,
            region: None,
            threshold: None,
        };
        vec![(n, Arc::new(Feed { series, source: "a".into() }))]
    };
    // Of a day with other counts in each minute, which is packed when a much later one comes.
    let day = |held: u64| {
        let mut levels = Levels { bytes: held, ..Levels::default() };
        let first = minute_of(minute(0)).div_euclid(1_440) * 1_440;
        let row = |minute: i64| SampleRow {
            feed: 1,
            minute,
            part: None,
            bad: u64::try_from(minute * 7 % 13).unwrap(),
            total: u64::try_from(1_000 + minute * 31 % 977).unwrap(),
        };
        let mut rows: Vec<SampleRow> = (first..first + 1_440).map(row).collect();
        rows.extend((1..=10).map(|day| row(first + day * 1_440)));
        for row in rows {
            let new_feeds = if row.minute == first { feed(1) } else { Vec::new() };
            let at = minute_end(row.minute);
            levels.take(&SampleBatch { new_feeds, rows: vec![row] }, at, &policy);
        }
        levels.bytes - held
    };
    let whole = day(0);
    assert!(whole > 1_440, "{whole}");
    assert_eq!(day(limits::HISTORY_BYTES_MAX - whole), whole, "at the edge");
    assert!(day(limits::HISTORY_BYTES_MAX - whole + 1) < whole, "past it");
}
