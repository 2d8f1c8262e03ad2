//! Rooms of incidents, and wishes that are made twice, in simulated time.

use super::input::Verb;
use super::limits;
use super::policy::{Policy, RoomRule};
use super::state::{Archive, Purpose};
use super::tests::{World, breach, minute, policy, resource, says, slack};
use crate::domain::{IncidentId, Span};
use crate::rules::{Because, RuleKind};

/// The policy with rooms for P2, archived after an hour.
fn policy_with_rooms() -> Policy {
    let mut policy = policy();
    let rule = RoomRule { priorities: vec!["P2".into()], teams: vec![], archive_after: Some(Span::from_hours(1)) };
    policy.channels.get_mut(&slack()).unwrap().rooms = Some(rule);
    policy
}

/// Rows of rooms that wait.
fn room_rows(world: &World) -> Vec<String> {
    let rows = world.engine.state().outbox.values();
    rows.filter(|row| row.purpose == Purpose::Room).map(|row| row.text.clone()).collect()
}

#[test]
fn a_room_is_made_once_kept_in_step_and_archived() {
    let mut world = World::new(policy_with_rooms());
    world.event(minute(0), breach(15));
    assert_eq!(room_rows(&world), ["triggered P2 - 1 open"]);
    world.deliver(minute(0));
    assert_eq!(world.incident(1).room.as_ref().unwrap().receipt.place, "C");
    assert_eq!(
        world.deliver(minute(0)),
        [(Purpose::Alert, "slack:main/C".to_owned())],
        "a new room gets the incident's message, and nothing else is to be done"
    );
    world.does(minute(1), "ana", Verb::Acknowledge { incident: IncidentId(1) });
    world.does(minute(1), "ana", Verb::SetPriority { incident: IncidentId(1), priority: Some("P1".into()) });
    assert_eq!(room_rows(&world).len(), 1, "what waits will show all of it");
    world.deliver(minute(1));
    assert_eq!(room_rows(&world), ["acknowledged P1 - 1 open"], "what changed meanwhile is brought up to date");
    world.deliver(minute(1));
    assert_eq!(room_rows(&world), [""; 0]);
    world.does(minute(2), "ana", Verb::Resolve { incident: IncidentId(1) });
    world.deliver(minute(2));
    world.until(minute(61));
    assert_eq!(room_rows(&world), [""; 0]);
    world.until(minute(62));
    assert_eq!(room_rows(&world), ["resolved P1 - 1 archive"]);
    world.deliver(minute(62));
    assert_eq!(world.incident(1).room.as_ref().unwrap().archive, Archive::Done);
    assert_eq!(room_rows(&world), [""; 0]);
    world.does(minute(70), "ana", Verb::SetPriority { incident: IncidentId(1), priority: Some("P2".into()) });
    assert_eq!(room_rows(&world), [""; 0], "nothing is done to a resolved incident");
    world.does(minute(70), "ana", Verb::Reopen { incident: IncidentId(1) });
    assert_eq!(room_rows(&world), [""; 0], "its priority is none that gets a room");
    world.until(minute(70 + 24 * 60 + 2));
}

#[test]
fn who_escalates_twice_from_the_same_message_escalates_once() {
    let mut world = World::new(policy());
    world.event(minute(0), breach(15));
    let incident = IncidentId(1);
    world.does(minute(1), "ana", Verb::Acknowledge { incident });
    world.deliver(minute(1));
    world.does(minute(2), "ana", Verb::EscalateFrom { incident, round: 0, step: 0 });
    let again = world.does(minute(2), "bo", Verb::EscalateFrom { incident, round: 0, step: 0 });
    assert!(matches!(says(&again, RuleKind::Person), Because::NothingToDo { .. }), "{again:?}");
    assert_eq!(world.incident(1).escalation.as_ref().unwrap().step, 1);
    let changed = world.deliver(minute(2)).iter().filter(|(purpose, _)| *purpose == Purpose::Changed).count();
    assert!(changed >= 2, "whoever read that somebody is on it hears that nobody is: {changed}");
}

#[test]
fn no_more_incidents_get_a_room_than_may() {
    let mut policy = policy_with_rooms();
    let rule = policy.channels.get_mut(&slack()).unwrap().rooms.as_mut().unwrap();
    rule.priorities = vec!["P1".into()];
    let mut world = World::new(policy);
    for number in 0..=limits::ROOMS_MAX {
        world.event(minute(0), resource(&number.to_string()));
        let incident = IncidentId(number as u64 + 1);
        world.does(minute(0), "ana", Verb::SetPriority { incident, priority: Some("P1".into()) });
    }
    assert_eq!((room_rows(&world).len(), world.engine.state().rooms.len()), (limits::ROOMS_MAX, limits::ROOMS_MAX));
    world.does(minute(1), "ana", Verb::Resolve { incident: IncidentId(1) });
    world.does(
        minute(2),
        "ana",
        Verb::SetSeverity { incident: IncidentId(limits::ROOMS_MAX as u64 + 1), severity: None },
    );
    assert!(world.engine.state().rooms.contains(&IncidentId(limits::ROOMS_MAX as u64 + 1)), "there is room again");
}
