//! Handoffs in simulated time: who is told of which shift, once.

use std::sync::Arc;

use jiff::civil::time;

use super::HandoffRule;
use crate::domain::*;
use crate::engine::Engine;
use crate::engine::input::{DeliveryReport, Input, Outcome};
use crate::engine::notice::About;
use crate::engine::personal::{Quiet, Unless};
use crate::engine::policy::Policy;
use crate::engine::state::Purpose;
use crate::engine::tests::{World, policy};
use crate::schedule::{
    Layer, LocalTime, Override, OverrideKind, Restriction, Rotation, RotationUnit, Schedule, ScheduleSpec, WeekHours,
    Zone,
};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn zone() -> Zone {
    Zone { name: "UTC".into(), tz: jiff::tz::TimeZone::UTC }
}

/// Ana and bo by turns, a week each from Monday, 9:00; with these overrides.
fn rota(roles: &[&str], overrides: Vec<Override>) -> Schedule {
    let layer = Layer {
        name: Name::default(),
        turns: vec![vec!["ana".into()], vec!["bo".into()]],
        rotation: Rotation::Every { unit: RotationUnit::Week, every: 1, on: vec![] },
        start: jiff::civil::date(2025, 11, 3).at(9, 0, 0, 0),
        anchor: None,
        end: None,
        timezone: None,
        roles: None,
        restrictions: vec![],
        exclude_dates: vec![],
        only_dates: None,
    };
    let roles = roles.iter().map(|role| Name::from(*role)).collect();
    Schedule::new(ScheduleSpec {
        live: crate::schedule::Live::default(),
        name: "checkout".into(),
        team: None,
        timezone: zone(),
        roles,
        layers: vec![layer],
        overrides,
    })
}

fn with(schedule: Schedule, before: Option<i64>) -> Policy {
    let mut policy = policy();
    policy.schedules.insert("checkout".into(), schedule);
    let rule = HandoffRule {
        before: before.map(Span::from_hours),
        tell: vec!["slack:main/#checkout".parse().unwrap()],
        ..HandoffRule::default()
    };
    policy.handoffs.insert("checkout".into(), rule);
    policy
}

/// A world that began on a Thursday in ana's week; bo's begins on the Monday after.
fn world(policy: Policy) -> World {
    let mut world = World::new(policy);
    world.input(at("2025-11-20T12:00:00Z"), Input::ConfigActivated { fingerprint: "f".into() });
    world
}

fn reload(world: &mut World, now: &str, policy: Policy) {
    world.engine.set_policy(Arc::new(policy));
    world.input(at(now), Input::ConfigActivated { fingerprint: "g".into() });
}

/// What was told up to a moment, and forgets it: `to: who, begin, whether before`.
fn told(world: &mut World, now: &str) -> Vec<String> {
    let now = at(now);
    world.until(now);
    let rows: Vec<_> = world.engine.state().outbox.values().cloned().collect();
    let mut all = Vec::new();
    for row in rows {
        assert_eq!(row.purpose, Purpose::Notice);
        let About::Handoff(notice) = world.engine.state().notices[&row.id].clone() else { panic!("{row:?}") };
        let when = if notice.before { "from" } else { "since" };
        let text = row.text.strip_prefix("handoff of checkout: ").unwrap();
        all.push(format!("{}: {text} {when} {}", row.to, &notice.begins.to_string()[5..16]));
        let outcome = Outcome::Delivered { receipt: None };
        world.input(now, Input::Reports(vec![DeliveryReport { delivery: row.id, attempt: 1, at: now, outcome }]));
    }
    assert!(world.engine.state().notices.is_empty());
    all
}

const NOBODY: [&str; 0] = [];

#[test]
fn whoever_comes_is_told_before_and_at_the_beginning_and_so_is_the_room() {
    let mut world = world(with(rota(&[], vec![]), Some(24)));
    assert_eq!(told(&mut world, "2025-11-23T08:59:59Z"), NOBODY);
    assert_eq!(
        told(&mut world, "2025-11-23T09:00:00Z"),
        ["slack:main/#checkout: bo from 11-24T09:00", "bo by slack:main: bo from 11-24T09:00"]
    );
    assert_eq!(told(&mut world, "2025-11-24T08:59:59Z"), NOBODY);
    assert_eq!(
        told(&mut world, "2025-11-24T09:00:00Z"),
        ["slack:main/#checkout: bo since 11-24T09:00", "bo by slack:main: bo since 11-24T09:00"]
    );
    assert_eq!(told(&mut world, "2025-11-30T08:59:59Z"), NOBODY);
    assert_eq!(told(&mut world, "2025-11-30T09:00:00Z").len(), 2);
}

#[test]
fn each_role_is_a_shift_of_its_own() {
    let mut world = world(with(rota(&["main", "backup"], vec![]), None));
    assert_eq!(
        told(&mut world, "2025-11-24T09:00:00Z"),
        [
            "slack:main/#checkout: bo as main, ana as backup since 11-24T09:00",
            "bo by slack:main: bo as main since 11-24T09:00",
            "ana by slack:main: ana as backup since 11-24T09:00",
        ]
    );
}

#[test]
fn a_reload_or_a_restart_tells_nobody_twice() {
    let policy = || with(rota(&[], vec![]), Some(24));
    let mut world = world(policy());
    assert_eq!(told(&mut world, "2025-11-23T09:00:00Z").len(), 2);
    reload(&mut world, "2025-11-23T10:00:00Z", policy());
    world.engine = Engine::from_state(world.engine.state().clone(), Arc::new(policy()));
    assert_eq!(told(&mut world, "2025-11-23T11:00:00Z"), NOBODY);
    assert_eq!(told(&mut world, "2025-11-24T09:00:00Z").len(), 2);
    reload(&mut world, "2025-11-24T09:00:00Z", policy());
    assert_eq!(told(&mut world, "2025-11-24T10:00:00Z"), NOBODY);
    // A rota that is written differently, in which the same person goes on.
    let mut spec = rota(&[], vec![]).spec().clone();
    spec.layers[0].turns.reverse();
    spec.layers[0].start = jiff::civil::date(2025, 11, 23).at(7, 0, 0, 0);
    reload(&mut world, "2025-11-24T11:00:00Z", with(Schedule::new(spec), Some(24)));
    assert_eq!(told(&mut world, "2025-11-24T12:00:00Z"), NOBODY);
}

#[test]
fn an_override_tells_whoever_steps_in_and_nobody_twice() {
    let ana_for_bo = |from: &str, to: &str| Override {
        start: at(from),
        end: at(to),
        kind: OverrideKind::Replace { user: "bo".into(), with: "ana".into() },
        role: None,
    };
    let mut world = world(with(rota(&[], vec![]), Some(24)));
    assert_eq!(told(&mut world, "2025-11-23T09:00:00Z").len(), 2, "bo hears of Monday");
    // Ana takes bo's first day. She goes on, so her shift begins for nobody; bo's begins a day later.
    let day = vec![ana_for_bo("2025-11-24T09:00:00Z", "2025-11-25T09:00:00Z")];
    reload(&mut world, "2025-11-23T10:00:00Z", with(rota(&[], day), Some(24)));
    assert_eq!(told(&mut world, "2025-11-24T08:00:00Z"), NOBODY);
    assert_eq!(
        told(&mut world, "2025-11-24T09:00:00Z"),
        ["slack:main/#checkout: bo from 11-25T09:00", "bo by slack:main: bo from 11-25T09:00"]
    );
    // At short notice she takes an hour in the middle of his shift, too.
    assert_eq!(told(&mut world, "2025-11-25T09:00:00Z").len(), 2);
    let hour = vec![ana_for_bo("2025-11-26T12:00:00Z", "2025-11-26T13:00:00Z")];
    reload(&mut world, "2025-11-26T11:30:00Z", with(rota(&[], hour), None));
    assert_eq!(
        told(&mut world, "2025-11-26T12:00:00Z"),
        ["slack:main/#checkout: ana since 11-26T12:00", "ana by slack:main: ana since 11-26T12:00"]
    );
    assert_eq!(
        told(&mut world, "2025-11-26T13:00:00Z"),
        ["slack:main/#checkout: bo since 11-26T13:00", "bo by slack:main: bo since 11-26T13:00"]
    );
}

#[test]
fn a_notice_waits_for_the_end_of_quiet_hours_and_the_room_does_not() {
    let window = Restriction::Daily { days: vec![], from: time(8, 0, 0, 0), to: Some(time(10, 0, 0, 0)) };
    let hours = WeekHours::new(vec![window], LocalTime::new(&zone()));
    let mut policy = with(rota(&[], vec![]), Some(24));
    policy.people.get_mut("bo").unwrap().rules.quiet =
        Some(Quiet { hours, unless_priorities: vec![], unless_on_call: Unless::Never });
    let mut world = world(policy);
    assert_eq!(told(&mut world, "2025-11-23T09:59:59Z"), ["slack:main/#checkout: bo from 11-24T09:00"]);
    assert_eq!(told(&mut world, "2025-11-23T10:00:00Z"), ["bo by slack:main: bo from 11-24T09:00"]);
    assert_eq!(told(&mut world, "2025-11-24T09:59:59Z"), ["slack:main/#checkout: bo since 11-24T09:00"]);
    assert_eq!(told(&mut world, "2025-11-24T10:00:00Z"), ["bo by slack:main: bo since 11-24T09:00"]);
    assert_eq!(told(&mut world, "2025-11-29T10:00:00Z"), NOBODY);
}

#[test]
fn a_notice_that_fails_goes_another_way_and_a_schedule_without_handoffs_is_forgotten() {
    let mut world = world(with(rota(&[], vec![]), None));
    world.until(at("2025-11-24T09:00:00Z"));
    let row = world.engine.state().outbox.values().find(|row| row.to.to_string() == "bo by slack:main").unwrap().id;
    let now = at("2025-11-24T09:01:00Z");
    let outcome = Outcome::Failed { error: "no such user".into() };
    world.input(now, Input::Reports(vec![DeliveryReport { delivery: row, attempt: 1, at: now, outcome }]));
    let to: Vec<String> = world.engine.state().outbox.values().map(|row| row.to.to_string()).collect();
    assert_eq!(to, ["slack:main/#checkout", "bo by email:default"]);
    reload(&mut world, "2025-11-24T09:02:00Z", policy());
    assert!(world.engine.state().handoffs.is_empty());
}

#[test]
fn recovery_ends_where_judging_ended() {
    let policy = || with(rota(&["main", "backup"], vec![]), Some(24));
    let mut world = world(policy());
    for day in 21..29 {
        told(&mut world, &format!("2025-11-{day}T10:00:00Z"));
    }
    let mut copy = Engine::new(Arc::new(policy()));
    for (at, input, decision) in &world.decisions {
        if let Some((seq, input)) = input {
            copy.accept(*seq, *at, Arc::clone(input));
        }
        decision.transitions.iter().for_each(|transition| copy.evolve(transition));
    }
    assert_eq!(crate::engine::tests::bytes(copy.state()), crate::engine::tests::bytes(world.engine.state()));
}

/// A rota that changes hands more often than is foretold at once.
#[test]
fn so_many_shifts_are_foretold() {
    let mut spec = rota(&[], vec![]).spec().clone();
    spec.layers[0].rotation = Rotation::Every { unit: RotationUnit::Hour, every: 1, on: vec![] };
    let mut world = world(with(Schedule::new(spec), Some(7 * 24)));
    let first = told(&mut world, "2025-11-20T12:00:00Z");
    assert_eq!(first.len(), 2 * crate::engine::limits::HANDOFFS_AHEAD_MAX);
    // One more with each shift that begins, which is told of, too.
    assert_eq!(told(&mut world, "2025-11-20T13:00:00Z").len(), 4);
}
