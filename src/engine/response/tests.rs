//! Roles, updates, merging and postmortems, in simulated time.

use std::sync::Arc;

use super::{Dimension, Settlement};
use crate::domain::{IncidentId, Name, Span};
use crate::engine::input::Verb;
use crate::engine::policy::{Policy, Priority, Target};
use crate::engine::state::{Purpose, Status};
use crate::engine::tests::{World, breach, minute, policy, resource, silence};
use crate::engine::{Engine, limits};
use crate::rules::Because;

const FIRST: IncidentId = IncidentId(1);
const SECOND: IncidentId = IncidentId(2);

/// P2 wants an update every 4 hours and a postmortem; severity `critical` calls in two roles.
fn organised() -> Policy {
    let mut policy = policy();
    let wanted = Priority {
        rank: 1,
        postmortem: true,
        update_every: Some(Span::from_hours(4)),
        postmortem_within: Some(Span::from_hours(48)),
        ..Priority::default()
    };
    policy.priorities.insert("P2".into(), wanted);
    policy.severities.insert("critical".into(), vec!["coordinator".into(), "communicator".into()]);
    policy.roles.insert("coordinator".into(), Target::Person("ana".into()));
    policy.roles.insert("communicator".into(), Target::Person("bo".into()));
    policy
}

fn severity(name: &str) -> Verb {
    Verb::SetSeverity { incident: FIRST, severity: Some(name.into()) }
}

fn ordered(world: &World, purpose: Purpose) -> Vec<String> {
    let rows = world.engine.state().outbox.values();
    rows.filter(|row| row.purpose == purpose).map(|row| format!("{}: {}", row.to, row.text)).collect()
}

#[test]
fn a_severity_calls_in_its_roles_and_whoever_sets_it_is_not_told_what_they_know() {
    let mut world = World::new(organised());
    world.event(minute(0), breach(15));
    world.deliver(minute(0));
    world.does(minute(1), "ana", severity("critical"));
    let incident = world.incident(1);
    assert_eq!(incident.role("coordinator").map(Name::as_str), Some("ana"));
    assert_eq!(incident.role("communicator").map(Name::as_str), Some("bo"));
    assert_eq!(ordered(&world, Purpose::CalledIn), ["bo by slack:main: communicator; severity critical"]);
    // An acknowledgement does not take the call back: the roles are what is needed now.
    world.does(minute(2), "ana", Verb::Acknowledge { incident: FIRST });
    assert_eq!(ordered(&world, Purpose::CalledIn).len(), 1);
    // The same again calls nobody twice.
    world.deliver(minute(2));
    world.does(minute(3), "ana", severity("error"));
    world.does(minute(4), "ana", severity("critical"));
    assert_eq!(ordered(&world, Purpose::CalledIn), [""; 0]);
}

#[test]
fn a_role_can_be_handed_over_and_given_up() {
    let mut world = World::new(organised());
    world.event(minute(0), breach(15));
    let role = |person: Option<&str>| Verb::AssignRole {
        incident: FIRST,
        role: "coordinator".into(),
        person: person.map(Name::from),
    };
    world.does(minute(1), "ana", role(Some("ana")));
    world.does(minute(2), "ana", role(Some("bo")));
    assert_eq!(world.incident(1).role("coordinator").map(Name::as_str), Some("bo"));
    assert_eq!(world.incident(1).response.as_ref().unwrap().roles.len(), 1);
    world.does(minute(3), "bo", role(None));
    assert_eq!(world.incident(1).role("coordinator"), None);
}

#[test]
fn a_role_that_nobody_can_fill_is_said_in_the_trace() {
    let mut policy = organised();
    policy.roles.remove("communicator");
    let mut world = World::new(policy);
    world.event(minute(0), breach(15));
    let decision = world.does(minute(1), "ana", severity("critical"));
    let said = decision.trace.lines.iter().any(|line| matches!(line.because, Because::RoleUnfilled { .. }));
    assert!(said, "{decision:?}");
}

#[test]
fn whoever_should_tell_how_it_stands_is_reminded_until_it_is_over() {
    let mut world = World::new(organised());
    world.event(minute(0), breach(15));
    world.deliver(minute(0));
    assert_eq!(world.incident(1).update_due, Some(minute(240)));
    world.does(minute(10), "ana", Verb::Acknowledge { incident: FIRST });
    world.deliver(minute(10));
    world.until(minute(239));
    assert_eq!(ordered(&world, Purpose::Reminder), [""; 0]);
    world.until(minute(240));
    let text = "a status update is due: nothing was said of it for 4h";
    assert_eq!(ordered(&world, Purpose::Reminder), [format!("ana by slack:main: {text}")]);
    // A word moves the next one on, and whoever was told of the incident hears it.
    world.deliver(minute(240));
    let update = Verb::StatusUpdate { incident: FIRST, text: "the database is being restored".into() };
    world.does(minute(250), "ana", update);
    assert_eq!(world.incident(1).update_due, Some(minute(490)));
    let told = ordered(&world, Purpose::Update);
    assert!(told.contains(&"slack:main/#checkout: the database is being restored".to_owned()), "{told:?}");
    // The communicator is the one to ask, once there is one.
    world.does(minute(251), "ana", severity("critical"));
    world.deliver(minute(251));
    world.until(minute(490));
    assert_eq!(ordered(&world, Purpose::Reminder), [format!("bo by slack:main: {text}")]);
    world.does(minute(491), "ana", Verb::Resolve { incident: FIRST });
    world.deliver(minute(491));
    world.until(minute(491 + 500));
    assert_eq!(ordered(&world, Purpose::Reminder), [""; 0]);
}

#[test]
fn nobody_is_reminded_of_an_update_while_nobody_is_on_it() {
    let mut world = World::new(organised());
    world.event(minute(0), breach(15));
    world.until(minute(600));
    assert_eq!(ordered(&world, Purpose::Reminder), [""; 0]);
}

#[test]
fn the_priority_decides_when_the_next_word_is_due() {
    let mut world = World::new(organised());
    world.event(minute(0), breach(15));
    world.does(minute(5), "ana", Verb::SetPriority { incident: FIRST, priority: Some("P4".into()) });
    assert_eq!(world.incident(1).update_due, None);
    world.does(minute(6), "ana", Verb::SetPriority { incident: FIRST, priority: Some("P2".into()) });
    assert_eq!(world.incident(1).update_due, Some(minute(246)));
    let changes = &world.incident(1).response.as_ref().unwrap().changes;
    let seen: Vec<_> = changes.iter().map(|c| (c.of, c.from.as_deref(), c.to.as_deref())).collect();
    let of = Dimension::Priority;
    assert_eq!(seen, [(of, Some("P2"), Some("P4")), (of, Some("P4"), Some("P2"))]);
}

#[test]
fn a_merged_incident_goes_on_in_the_other() {
    let mut world = World::new(organised());
    world.event(minute(0), resource("a"));
    world.event(minute(0), resource("b"));
    world.deliver(minute(0));
    world.does(minute(1), "ana", Verb::Merge { incident: FIRST, into: SECOND });
    assert!(matches!(world.incident(1).status, Status::Resolved { .. }));
    assert_eq!(world.incident(1).merged_into(), Some(SECOND));
    assert_eq!(world.incident(2).firing.len(), 2, "its source keeps the other open");
    // Whoever heard of the first hears that it is merged; nobody is paged for it any more.
    let told = ordered(&world, Purpose::Resolved);
    assert!(!told.is_empty());
    world.deliver(minute(1));
    world.until(minute(120));
    let pages = world.engine.state().outbox.values().filter(|row| row.purpose == Purpose::Page);
    assert!(pages.map(|row| row.incident).all(|id| id == Some(SECOND)));
    // The same cause again counts there and opens nothing.
    world.event(minute(130), resource("a"));
    assert_eq!(world.count(), 2);
    // The end of one source does not end it, that of both does.
    let mut over = resource("b");
    over.status = crate::domain::EventStatus::Resolved;
    world.event(minute(131), over);
    assert!(world.incident(2).status.is_open());
    let mut over = resource("a");
    over.status = crate::domain::EventStatus::Resolved;
    world.event(minute(132), over);
    assert!(!world.incident(2).status.is_open());
    // Within the time of re-opening it is the second that goes on.
    world.event(minute(140), resource("a"));
    assert_eq!((world.count(), world.incident(2).reopened), (2, 1));
    // A snapshot changes nothing of it.
    let state = world.engine.state().clone();
    let engine = Engine::from_state(state.clone(), Arc::new(organised()));
    assert_eq!(engine.state().by_key, state.by_key);
}

#[test]
fn merging_takes_the_more_urgent_priority_along_and_refuses_what_makes_no_sense() {
    let mut world = World::new(organised());
    world.event(minute(0), breach(15));
    world.event(minute(0), resource("b"));
    assert_eq!((world.incident(1).rank, world.incident(2).rank), (1, 255));
    for (incident, into) in [(FIRST, FIRST), (FIRST, IncidentId(99))] {
        world.does(minute(1), "ana", Verb::Merge { incident, into });
        assert!(world.incident(1).status.is_open());
    }
    world.does(minute(2), "ana", Verb::Merge { incident: FIRST, into: SECOND });
    assert_eq!(world.incident(2).priority.as_deref(), Some("P2"));
    world.does(minute(3), "ana", Verb::Reopen { incident: FIRST });
    assert!(!world.incident(1).status.is_open(), "it goes on in the other");
    world.does(minute(4), "ana", Verb::Resolve { incident: SECOND });
    world.until(minute(5 * 24 * 60));
    assert!(world.engine.state().by_key.is_empty(), "keys leave with the incident that has them");
}

#[test]
fn a_postmortem_is_asked_for_until_it_is_settled() {
    let mut world = World::new(organised());
    world.event(minute(0), breach(15));
    world.deliver(minute(0));
    world.does(minute(10), "ana", Verb::Resolve { incident: FIRST });
    world.deliver(minute(10));
    let due = |world: &World| world.engine.state().postmortems.get(&FIRST).map(|known| known.due);
    let first = minute(10).plus(Span::from_hours(48));
    assert_eq!(due(&world), Some(first));
    world.until(first);
    let asked = ordered(&world, Purpose::Notice);
    assert!(asked[0].starts_with("slack:main/#checkout: the postmortem of incident 1"), "{asked:?}");
    assert_eq!(due(&world), Some(first.plus(limits::POSTMORTEM_ASKED_EVERY)));
    // The incident left the memory; the postmortem did not, and can be settled.
    assert!(!world.engine.state().incidents.contains_key(&FIRST));
    let how = Settlement::Written { url: "https://wiki.acme.example/pm/1".into() };
    let at = first.plus(Span::from_hours(1));
    world.deliver(at);
    world.does(at, "ana", Verb::SettlePostmortem { incident: FIRST, how });
    world.deliver(at);
    world.until(at.plus(limits::POSTMORTEM_KEPT));
    assert_eq!(ordered(&world, Purpose::Notice), [""; 0]);
    assert_eq!(due(&world), None, "it left the list in the end");
}

#[test]
fn a_postmortem_is_due_after_some_days_where_nothing_else_is_said() {
    let mut policy = organised();
    policy.priorities.values_mut().for_each(|priority| priority.postmortem_within = None);
    let mut world = World::new(policy);
    world.event(minute(0), breach(15));
    world.does(minute(10), "ana", Verb::Resolve { incident: FIRST });
    let due = world.engine.state().postmortems.get(&FIRST).map(|known| known.due);
    assert_eq!(due, Some(minute(10).plus(limits::POSTMORTEM_WITHIN)));
}

#[test]
fn a_postmortem_is_asked_for_a_few_times_and_then_only_listed() {
    let mut world = World::new(organised());
    world.event(minute(0), breach(15));
    world.does(minute(10), "ana", Verb::Resolve { incident: FIRST });
    let mut asked = 0;
    let mut at = minute(10);
    for _ in 0..80 {
        at = at.plus(Span::from_hours(24));
        world.until(at);
        asked += world
            .deliver(at)
            .iter()
            .filter(|(purpose, to)| *purpose == Purpose::Notice && to.starts_with("slack:"))
            .count();
    }
    assert_eq!(asked, limits::POSTMORTEM_ASKED_MAX as usize);
    assert!(world.engine.state().postmortems.contains_key(&FIRST));
}

#[test]
fn an_incident_that_goes_on_waits_with_its_postmortem() {
    let mut world = World::new(organised());
    world.event(minute(0), breach(15));
    world.does(minute(10), "ana", Verb::Resolve { incident: FIRST });
    assert!(world.engine.state().postmortems.contains_key(&FIRST));
    world.does(minute(11), "ana", Verb::Reopen { incident: FIRST });
    assert!(world.engine.state().postmortems.is_empty());
    world.does(minute(12), "ana", Verb::Resolve { incident: FIRST });
    let how = Settlement::Waived { reason: "known cause".into() };
    world.does(minute(13), "ana", Verb::SettlePostmortem { incident: FIRST, how });
    world.does(minute(14), "ana", Verb::Reopen { incident: FIRST });
    world.does(minute(15), "ana", Verb::Resolve { incident: FIRST });
    let settled = world.engine.state().postmortems[&FIRST].settled.is_some();
    assert!(settled, "what was settled stays so");
}

#[test]
fn lists_of_the_response_are_bounded() {
    let mut world = World::new(organised());
    world.event(minute(0), breach(15));
    for n in 0..=limits::CHANGES_MAX {
        let priority = Some(if n % 2 == 0 { "P1".into() } else { "P4".into() });
        world.does(minute(1), "ana", Verb::SetPriority { incident: FIRST, priority });
    }
    for n in 0..=limits::UPDATES_MAX {
        world.does(minute(1), "ana", Verb::StatusUpdate { incident: FIRST, text: format!("{n}") });
    }
    for n in 0..=limits::ROLES_MAX {
        let (role, person) = (compact_str::format_compact!("role-{n}"), Some("ana".into()));
        world.does(minute(1), "ana", Verb::AssignRole { incident: FIRST, role, person });
    }
    let response = world.incident(1).response.as_ref().unwrap();
    assert_eq!(response.changes.len(), limits::CHANGES_MAX);
    assert_eq!(response.updates.len(), limits::UPDATES_MAX);
    assert_eq!(response.updates[0].text, "1", "the oldest went");
    assert_eq!(response.roles.len(), limits::ROLES_MAX);
}

#[test]
fn the_list_of_postmortems_is_bounded() {
    let mut world = World::new(organised());
    for n in 0..=limits::POSTMORTEMS_MAX {
        let id = IncidentId(n as u64 + 1);
        let wanted = super::Postmortem {
            incident: id,
            team: "checkout".into(),
            priority: "P2".into(),
            key: "k".into(),
            resolved_at: minute(0),
            due: minute(1),
            asked: 0,
            settled: None,
        };
        let change = super::ResponseChange::PostmortemWanted(Box::new(wanted));
        world.engine.evolve(&crate::engine::Transition::Responded { incident: id, change });
    }
    assert_eq!(world.engine.state().postmortems.len(), limits::POSTMORTEMS_MAX);
    assert!(!world.engine.state().postmortems.contains_key(&FIRST), "the oldest went");
}

/// A silence of the merged source still holds it back: nothing of the way changed.
#[test]
fn silences_see_a_merged_source_as_before() {
    let mut world = World::new(organised());
    world.event(minute(0), resource("a"));
    world.event(minute(0), resource("b"));
    world.does(minute(1), "ana", Verb::Merge { incident: FIRST, into: SECOND });
    world.does(minute(2), "ana", Verb::AddSilence(silence(600)));
    world.event(minute(3), resource("a"));
    assert_eq!(world.count(), 2);
}

#[test]
fn what_was_merged_does_not_change_what_an_incident_is_about() {
    let mut world = World::new(organised());
    world.event(minute(0), breach(15));
    world.event(minute(0), resource("b"));
    world.does(minute(1), "ana", Verb::Merge { incident: SECOND, into: FIRST });
    world.event(minute(2), resource("b"));
    assert_eq!(world.incident(1).latest, None);
    world.event(minute(3), breach(20));
    assert!(world.incident(1).latest.is_some(), "news of its own source still count");
}
