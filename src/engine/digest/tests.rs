//! Storms in simulated time: what goes out one by one, what is folded, and that nothing is forgotten or told twice.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{DigestRule, Flow, Stage};
use crate::domain::*;
use crate::engine::input::{Actor, Command, DeliveryReport, Input, Outcome, Verb};
use crate::engine::state::{Purpose, Recipient, Status};
use crate::engine::tests::{World, bytes, minute, policy, resource};
use crate::engine::transition::Transition;
use crate::engine::{Engine, Policy};

/// Five a minute, then every five minutes; the default.
fn rule() -> DigestRule {
    DigestRule::default()
}

fn stormy() -> Policy {
    let mut policy = policy();
    policy.organisation.digest = Some(rule());
    policy
}

fn second(n: i64) -> Timestamp {
    minute(0).plus(Span::from_seconds(n))
}

/// An alert of its own, with a priority.
fn alert(n: usize, priority: &str) -> Event {
    let name = format!("h{n}");
    let labels: LabelsBuilder =
        [("alertname", "CPU"), ("host", name.as_str()), ("priority", priority)].into_iter().collect();
    Event { labels: labels.build().unwrap(), ..resource("x") }
}

fn burst(world: &mut World, at: Timestamp, numbers: std::ops::Range<usize>, priority: &str) {
    for n in numbers {
        world.event(at, alert(n, priority));
    }
}

/// What waits in the outbox for a recipient.
fn rows(world: &World, to: &str) -> Vec<Purpose> {
    world.engine.state().outbox.values().filter(|row| row.to.to_string() == to).map(|row| row.purpose).collect()
}

const ANA: &str = "ana by slack:main";
const ROOM: &str = "slack:main/#checkout";

#[test]
fn five_go_out_one_by_one_and_the_rest_as_one_message() {
    let mut world = World::new(stormy());
    burst(&mut world, second(0), 0..1_000, "P2");
    assert_eq!(rows(&world, ANA), [Purpose::Page; 5]);
    assert_eq!(rows(&world, ROOM), [Purpose::Alert; 5]);
    world.deliver(second(1));
    world.until(second(59));
    assert!(world.engine.state().outbox.is_empty());
    world.until(second(60));
    assert_eq!(rows(&world, ANA), [Purpose::Digest]);
    assert_eq!(rows(&world, ROOM), [Purpose::Digest]);
    let told: BTreeSet<IncidentId> = world
        .engine
        .state()
        .digests
        .values()
        .filter(|digest| digest.to.to_string() == ANA)
        .flat_map(|digest| digest.entries.keys().copied())
        .collect();
    assert_eq!(told, (6..=1_000).map(IncidentId).collect(), "each incident that was not told singly is in it, once");
}

#[test]
fn a_storm_that_goes_on_is_told_every_five_minutes_and_ends() {
    let mut world = World::new(stormy());
    let mut messages = Vec::new();
    for (at, n) in (0..1_800).zip((0..).step_by(3)) {
        world.until(second(at));
        burst(&mut world, second(at), n..n + 3, "P2");
        messages.extend(world.deliver(second(at)).into_iter().filter(|(_, to)| to == ANA).map(|(what, _)| (at, what)));
    }
    let digests: Vec<i64> = messages.iter().filter(|(_, what)| *what == Purpose::Digest).map(|(at, _)| *at).collect();
    assert_eq!(digests, [61, 361, 661, 961, 1_261, 1_561], "5,400 incidents in half an hour");
    assert_eq!(messages.iter().filter(|(_, what)| *what == Purpose::Page).count(), 5);
    world.until(second(1_870));
    world.deliver(second(1_870));
    world.until(second(2_500));
    world.event(second(2_500), alert(9_999, "P2"));
    assert_eq!(rows(&world, ANA), [Purpose::Page], "it is over: messages go out one by one again");
}

#[test]
fn what_is_more_urgent_than_the_storm_goes_out_at_once() {
    let mut world = World::new(stormy());
    burst(&mut world, second(0), 0..500, "P4");
    world.deliver(second(0));
    burst(&mut world, second(10), 500..507, "P1");
    assert_eq!(rows(&world, ANA), [Purpose::Page; 5], "five of seven; P1 has a budget of its own");
    world.event(second(11), alert(507, "P4"));
    burst(&mut world, second(71), 508..510, "P1");
    assert_eq!(
        rows(&world, ANA).iter().filter(|what| **what == Purpose::Page).count(),
        5,
        "P1 is a storm itself by now"
    );
    let state = world.engine.state();
    let of_ana = state.digests.values().filter(|digest| digest.to.to_string() == ANA);
    assert_eq!(of_ana.map(|digest| digest.entries.len()).sum::<usize>(), 500, "all but the five of each priority");
}

#[test]
fn raising_the_priority_of_a_folded_page_sends_it_at_once() {
    let mut world = World::new(stormy());
    burst(&mut world, second(0), 0..20, "P4");
    world.deliver(second(0));
    let incident = IncidentId(20);
    world.does(second(5), "bo", Verb::SetPriority { incident, priority: Some("P1".into()) });
    let waiting: Vec<_> =
        world.engine.state().outbox.values().filter(|row| row.purpose == Purpose::Page).cloned().collect();
    assert_eq!((waiting.len(), waiting[0].incident), (1, Some(incident)));
    world.until(second(60));
    let digests = &world.engine.state().digests;
    assert!(digests.values().all(|digest| digest.to.to_string() != ANA || !digest.entries.contains_key(&incident)));
}

#[test]
fn what_is_taken_before_the_digest_goes_out_is_not_in_it() {
    let mut world = World::new(stormy());
    burst(&mut world, second(0), 0..8, "P2");
    world.deliver(second(0));
    world.does(second(5), "ana", Verb::Acknowledge { incident: IncidentId(6) });
    world.does(second(6), "ana", Verb::Resolve { incident: IncidentId(7) });
    world.until(second(60));
    let state = world.engine.state();
    let digest = state.digests.values().find(|digest| digest.to.to_string() == ANA).unwrap();
    assert_eq!(digest.entries.keys().copied().collect::<Vec<_>>(), [IncidentId(8)]);
    // The last one is taken while the message waits: it is not sent at all.
    world.does(second(61), "ana", Verb::Acknowledge { incident: IncidentId(8) });
    assert!(rows(&world, ANA).is_empty());
}

#[test]
fn whoever_heard_by_a_digest_hears_the_end_by_a_digest() {
    let mut world = World::new(stormy());
    burst(&mut world, second(0), 0..100, "P2");
    world.deliver(second(0));
    world.until(second(60));
    world.deliver(second(61));
    for n in 1..=100 {
        world.does(second(90), "bo", Verb::Resolve { incident: IncidentId(n) });
    }
    let singles = world.deliver(second(90));
    let of_ana: Vec<_> = singles.iter().filter(|(_, to)| to == ANA).collect();
    assert_eq!(of_ana.len(), 5, "in place, the five messages that went out by themselves: {of_ana:?}");
    world.until(second(600));
    let ends: Vec<_> =
        world.engine.state().digests.values().filter(|d| d.to.to_string() == ANA && !d.pages()).collect();
    assert_eq!(ends.len(), 1);
    assert_eq!(ends[0].entries.len(), 95);
    assert_eq!(rows(&world, ANA), [Purpose::Digest]);
}

#[test]
fn acknowledging_a_digest_takes_everything_in_it() {
    let mut world = World::new(stormy());
    burst(&mut world, second(0), 0..1_000, "P2");
    world.deliver(second(0));
    world.until(second(60));
    world.deliver(second(61));
    let digest = world.engine.state().digests.values().find(|d| d.to.to_string() == ANA).unwrap().id;
    let by = Actor::Link("ana".into());
    let first = world.input(second(70), Input::Command(Command { by, verb: Verb::AcknowledgeDigest { digest } }));
    assert!(first.transitions.len() < 10, "one press is one small decision");
    world.until(second(75));
    let state = world.engine.state();
    let taken = state.incidents.values().filter(|i| matches!(i.status, Status::Acknowledged { .. })).count();
    assert_eq!(taken, 995);
    assert!(state.digests[&digest].work.is_none());
    let largest = world.decisions.iter().map(|(_, _, decision)| decision.transitions.len()).max().unwrap();
    assert!(largest < 1_500, "the work is done in parts; the largest decision has {largest} transitions");
}

#[test]
fn a_digest_that_cannot_be_delivered_goes_another_way_and_at_last_escalates() {
    let mut world = World::new(stormy());
    burst(&mut world, second(0), 0..7, "P2");
    world.deliver(second(0));
    world.until(second(60));
    let fail = |world: &mut World, at| {
        let row = world.engine.state().outbox.values().find(|r| r.to.to_string().starts_with("ana")).cloned().unwrap();
        let outcome = Outcome::Failed { error: "account_inactive".into() };
        world.input(at, Input::Reports(vec![DeliveryReport { delivery: row.id, attempt: 1, at, outcome }]));
        row.to.to_string()
    };
    assert_eq!(fail(&mut world, second(61)), ANA);
    assert_eq!(fail(&mut world, second(62)), "ana by email:default");
    world.until(second(63));
    assert!(world.engine.state().digests.values().any(|d| d.stage == Stage::Failed && d.entries.len() == 2));
    let paged: Vec<_> = world
        .engine
        .state()
        .outbox
        .values()
        .filter(|row| row.purpose == Purpose::Page)
        .map(|row| row.to.clone())
        .collect();
    let bo = Recipient::Person { person: "bo".into(), channel: "slack:main".parse::<Destination>().unwrap().channel };
    assert_eq!(paged, [bo.clone(), bo], "nobody heard, so the next step is now");
}

#[test]
fn a_short_step_does_not_pass_before_its_digest() {
    let mut policy = stormy();
    let chain = Arc::make_mut(policy.escalations.get_mut("checkout").unwrap());
    chain.steps[0].wait = Span::from_seconds(40);
    let mut world = World::new(policy);
    burst(&mut world, second(0), 0..7, "P2");
    world.deliver(second(0));
    world.until(second(20));
    assert_eq!(rows(&world, ANA), [Purpose::Digest]);
    assert!(rows(&world, "bo by slack:main").is_empty());
}

#[test]
fn programs_hear_every_alert_and_so_do_channels_that_ask_for_it() {
    let mut policy = stormy();
    Arc::make_mut(policy.teams.get_mut("checkout").unwrap()).routes[0].tell =
        vec!["webhook:ops".parse().unwrap(), "email:tickets@acme.example".parse().unwrap()];
    let email = policy.channels.keys().find(|c| c.kind == ChannelKind::Email).cloned().unwrap();
    policy.channels.get_mut(&email).unwrap().digest = false;
    let mut world = World::new(policy);
    burst(&mut world, second(0), 0..300, "P2");
    assert_eq!(rows(&world, "webhook:ops").len(), 300);
    assert_eq!(rows(&world, "email:tickets@acme.example").len(), 300);
}

#[test]
fn a_crash_at_any_moment_of_a_storm_forgets_nothing() {
    let mut world = World::new(stormy());
    burst(&mut world, second(0), 0..40, "P2");
    world.deliver(second(30));
    world.until(second(60));
    let mut copy = Engine::new(Arc::new(stormy()));
    for (at, input, decision) in &world.decisions {
        if let Some((seq, input)) = input {
            copy.accept(*seq, *at, Arc::clone(input));
        }
        decision.transitions.iter().for_each(|transition| copy.evolve(transition));
        // A snapshot here, and a start from it, goes on as if nothing had been.
        copy = Engine::from_state(copy.state().clone(), Arc::new(stormy()));
    }
    assert_eq!(bytes(copy.state()), bytes(world.engine.state()));
    let folds = world.decisions.iter().flat_map(|(_, _, d)| &d.transitions);
    let folded = folds.filter(|t| matches!(t, Transition::Folded { purpose: Purpose::Page, .. })).count();
    assert_eq!(folded, 35);
}

/// What the state of a storm weighs, so that a change that makes it grow is noticed: a folded incident costs a few bytes, not a message.
#[test]
fn a_folded_incident_adds_little_to_the_state() {
    let weigh = |policy: Policy| {
        let mut world = World::new(policy);
        burst(&mut world, second(0), 0..5_000, "P2");
        bytes(world.engine.state()).len()
    };
    let mut singles = stormy();
    singles.organisation.digest = None;
    let (folded, single) = (weigh(stormy()), weigh(singles));
    assert!(folded * 4 < single * 3, "{folded} bytes folded, {single} bytes one by one");
}

#[test]
fn the_oldest_messages_to_one_recipient_are_forgotten() {
    use crate::engine::limits::SINGLES_KEPT_MAX;
    let mut flow = Flow::default();
    for n in 0..=SINGLES_KEPT_MAX {
        flow.count(minute(i64::try_from(n).unwrap()), 1);
        assert_eq!(flow.singles.len(), (n + 1).min(SINGLES_KEPT_MAX));
    }
    assert_eq!(flow.singles[0].0, minute(1));
}
