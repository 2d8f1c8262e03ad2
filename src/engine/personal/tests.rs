//! How people are paged by their own rules, in simulated time.

use jiff::civil::time;
use proptest::prelude::*;

use super::{ChainStep, Quiet, Rule, Unless};
use crate::domain::*;
use crate::engine::input::{DeliveryReport, Input, Outcome, Verb};
use crate::engine::policy::{EscalationPolicy, EscalationStep, Policy, Target};
use crate::engine::state::{Purpose, Status};
use crate::engine::tests::{World, minute, policy, resource, silence};
use crate::engine::transition::Transition;
use crate::schedule::{
    Layer, LocalTime, Restriction, Rotation, RotationUnit, Schedule, ScheduleSpec, WeekHours, Weekday, Zone,
};

const INCIDENT: IncidentId = IncidentId(1);
/// 22:00 and 07:00 in Madrid, in minutes; minute 0 is 21:15 there, on a Thursday.
const NIGHT: i64 = 45;
const MORNING: i64 = 585;

fn zone(name: &str) -> Zone {
    Zone { name: name.into(), tz: jiff::tz::TimeZoneDatabase::bundled().get(name).unwrap() }
}

fn night() -> WeekHours {
    let window = Restriction::Daily { days: vec![], from: time(22, 0, 0, 0), to: Some(time(7, 0, 0, 0)) };
    WeekHours::new(vec![window], LocalTime::new(&zone("Europe/Madrid")))
}

/// `slack 5m email`.
fn chain(text: &str) -> Vec<ChainStep> {
    let mut after = Span::ZERO;
    let mut steps = Vec::new();
    for word in text.split(' ') {
        match word {
            "slack" => steps.push(ChainStep { after, by: "slack:main".parse::<Destination>().unwrap().channel }),
            "email" => {
                let by = ChannelRef { kind: ChannelKind::Email, name: "default".into() };
                steps.push(ChainStep { after, by });
            }
            wait => after = Span::parse(wait).unwrap(),
        }
    }
    steps
}

fn rule(priorities: &[&str], hours: Option<WeekHours>, ways: &str) -> Rule {
    let priorities = priorities.iter().map(|name| Name::from(*name)).collect();
    Rule { priorities, hours, chain: if ways.is_empty() { vec![] } else { chain(ways) }, bundle: None }
}

fn quiet() -> Quiet {
    Quiet { hours: night(), unless_priorities: vec!["P1".into()], unless_on_call: Unless::Never }
}

/// The usual world, where ana has these rules.
fn with_rules(rules: Vec<Rule>) -> Policy {
    let mut policy = policy();
    policy.people.get_mut("ana").unwrap().rules.rules = rules;
    policy
}

fn with_quiet(people: &[&str]) -> Policy {
    let mut policy = policy();
    for person in people {
        policy.people.get_mut(*person).unwrap().rules.quiet = Some(quiet());
    }
    policy
}

/// For the random histories of the engine: everything at once.
pub(in crate::engine) fn give_rules(policy: &mut Policy) {
    let ana = &mut policy.people.get_mut("ana").unwrap().rules;
    ana.rules = vec![
        rule(&["P1"], None, "email 2m slack 10m email"),
        Rule { bundle: Some(Span::from_minutes(15)), ..rule(&[], Some(night()), "slack 20m email") },
        rule(&[], None, "slack 5m email 30m slack"),
    ];
    policy.people.get_mut("bo").unwrap().rules.quiet = Some(quiet());
}

fn of_priority(host: &str, priority: &str) -> Event {
    let labels: LabelsBuilder = [("alertname", "CPU"), ("host", host), ("priority", priority)].into_iter().collect();
    Event { labels: labels.build().unwrap(), ..resource(host) }
}

/// Pages that wait, as `who by way`.
fn pages(world: &World) -> Vec<String> {
    let rows = world.engine.state().outbox.values();
    rows.filter(|row| row.purpose == Purpose::Page).map(|row| row.to.to_string()).collect()
}

/// What was said since the beginning, by the personal rules and the escalation.
fn said(world: &World, of: &str) -> Vec<String> {
    let lines = world.decisions.iter().flat_map(|(_, _, decision)| &decision.trace.lines);
    lines.filter(|line| line.rule.as_str() == of).map(|line| line.because.to_string()).collect()
}

/// Delivers what waits, and gives the pages among it.
fn told(world: &mut World, at: Timestamp) -> Vec<String> {
    let out = world.deliver(at);
    out.into_iter().filter(|(purpose, _)| *purpose == Purpose::Page).map(|(_, to)| to).collect()
}

fn fail(world: &mut World, at: Timestamp, to: &str) {
    let row = world.engine.state().outbox.values().find(|row| row.to.to_string() == to).unwrap().id;
    let outcome = Outcome::Failed { error: "no such user".into() };
    world.input(at, Input::Reports(vec![DeliveryReport { delivery: row, attempt: 1, at, outcome }]));
}

#[test]
fn a_chain_is_walked_while_nobody_answers() {
    let mut world = World::new(with_rules(vec![rule(&[], None, "slack 5m email 10m slack")]));
    world.event(minute(0), resource("a"));
    for (at, want) in [
        (0, vec!["ana by slack:main"]),
        (4, vec![]),
        (5, vec!["ana by email:default"]),
        (14, vec![]),
        (15, vec!["ana by slack:main"]),
        (59, vec![]),
        (60, vec!["bo by slack:main"]),
    ] {
        world.until(minute(at));
        assert_eq!(told(&mut world, minute(at)), want, "minute {at}");
    }
    assert_eq!(
        said(&world, "personal"),
        [
            "rule 1 of ana: slack:main, after 5m email:default, after 10m slack:main",
            "way 2 of 3 of ana: email:default",
            "way 3 of 3 of ana: slack:main",
        ]
    );
}

#[test]
fn whatever_takes_the_incident_ends_the_chain() {
    let taken = [
        Verb::Acknowledge { incident: INCIDENT },
        Verb::Snooze { incident: INCIDENT, until: minute(50) },
        Verb::Resolve { incident: INCIDENT },
        Verb::ReassignPeople { incident: INCIDENT, people: vec!["bo".into()] },
        Verb::ReassignPolicy { incident: INCIDENT, policy: "checkout".into() },
    ];
    for verb in taken {
        let mut world = World::new(with_rules(vec![rule(&[], None, "slack 5m email")]));
        world.event(minute(0), resource("a"));
        world.deliver(minute(0));
        world.does(minute(1), "ana", verb.clone());
        told(&mut world, minute(1));
        world.until(minute(5));
        assert_eq!(told(&mut world, minute(5)), Vec::<String>::new(), "{verb:?}");
    }
}

#[test]
fn a_way_that_fails_gives_way_to_the_next_at_once() {
    let mut world = World::new(with_rules(vec![rule(&[], None, "email 5m slack")]));
    world.event(minute(0), resource("a"));
    fail(&mut world, minute(1), "ana by email:default");
    assert_eq!(pages(&world), ["ana by slack:main"]);
    world.until(minute(5));
    assert_eq!(pages(&world), ["ana by slack:main"], "it is not taken a second time");
    // The last way fails too: nobody of this step heard, so the next follows.
    fail(&mut world, minute(6), "ana by slack:main");
    assert_eq!(pages(&world), ["bo by slack:main"]);
}

#[test]
fn after_the_chain_the_other_ways_of_the_person_are_tried() {
    let mut world = World::new(with_rules(vec![rule(&[], None, "email")]));
    world.event(minute(0), resource("a"));
    fail(&mut world, minute(1), "ana by email:default");
    assert_eq!(pages(&world), ["ana by slack:main"]);
}

#[test]
fn a_way_that_fails_late_changes_nothing_when_another_arrived() {
    let mut world = World::new(with_rules(vec![rule(&[], None, "email 5m slack")]));
    world.event(minute(0), resource("a"));
    world.until(minute(5));
    let row = world.engine.state().outbox.values().find(|row| row.to.to_string() == "ana by slack:main").unwrap().id;
    let outcome = Outcome::Delivered { receipt: None };
    world.input(minute(5), Input::Reports(vec![DeliveryReport { delivery: row, attempt: 1, at: minute(5), outcome }]));
    fail(&mut world, minute(10), "ana by email:default");
    assert_eq!(pages(&world), Vec::<String>::new());
    assert_eq!(said(&world, "alarm"), Vec::<String>::new());
}

#[test]
fn the_rule_is_chosen_by_priority_and_time_of_day() {
    let rules =
        || vec![rule(&["P1"], None, "email 1m slack"), rule(&[], Some(night()), "email"), rule(&["P4"], None, "slack")];
    for (at, priority, want) in [
        (0, "P1", "ana by email:default"),
        (NIGHT - 1, "P4", "ana by slack:main"),
        (NIGHT, "P4", "ana by email:default"),
        (MORNING - 1, "P4", "ana by email:default"),
        (MORNING, "P4", "ana by slack:main"),
        (0, "P2", "ana by slack:main"),
    ] {
        let mut world = World::new(with_rules(rules()));
        world.event(minute(at), of_priority("a", priority));
        assert_eq!(pages(&world), [want], "{priority} at {at}");
    }
}

#[test]
fn a_short_round_does_not_keep_later_ways_from_their_turn() {
    let mut policy = with_rules(vec![rule(&[], None, "slack 30m email")]);
    let step = EscalationStep { notify: vec![Target::Person("ana".into())], wait: Span::from_minutes(10) };
    let escalation =
        EscalationPolicy { name: "checkout".into(), steps: vec![step], repeat: Some(3), ack_timeout: None };
    policy.escalations.insert("checkout".into(), std::sync::Arc::new(escalation));
    let mut world = World::new(policy);
    world.event(minute(0), resource("a"));
    let mut all = told(&mut world, minute(0));
    for at in [10, 20] {
        world.until(minute(at));
        all.extend(told(&mut world, minute(at)));
    }
    assert_eq!(all, ["ana by slack:main", "ana by email:default", "ana by slack:main"]);
}

#[test]
fn quiet_hours_hold_a_page_and_the_next_step_is_told_at_once() {
    let mut world = World::new(with_quiet(&["ana"]));
    world.event(minute(NIGHT), resource("a"));
    assert_eq!(told(&mut world, minute(NIGHT)), ["bo by slack:main"]);
    assert_eq!(said(&world, "personal"), ["quiet hours of ana until 07:00 in Europe/Madrid: held"]);
    assert!(said(&world, "escalation")[0].starts_with("policy checkout, step 1 of 2 skipped: quiet hours for"));
    assert_eq!(world.incident(1).paged, ["bo"]);
    world.until(minute(MORNING - 1));
    told(&mut world, minute(MORNING - 1));
    world.until(minute(MORNING));
    assert_eq!(told(&mut world, minute(MORNING)), ["ana by slack:main"]);
    assert_eq!(world.incident(1).paged, ["bo", "ana"]);
}

#[test]
fn a_held_page_is_not_told_when_somebody_took_it_meanwhile() {
    let mut world = World::new(with_quiet(&["ana"]));
    world.event(minute(NIGHT), resource("a"));
    world.deliver(minute(NIGHT));
    world.does(minute(NIGHT + 5), "bo", Verb::Acknowledge { incident: INCIDENT });
    world.deliver(minute(NIGHT + 5));
    world.until(minute(MORNING));
    assert_eq!(pages(&world), Vec::<String>::new());
}

#[test]
fn when_everybody_wants_quiet_the_round_begins_at_the_end_of_it() {
    let mut world = World::new(with_quiet(&["ana", "bo"]));
    world.event(minute(NIGHT), resource("a"));
    assert_eq!(told(&mut world, minute(NIGHT)), Vec::<String>::new());
    assert!(world.incident(1).escalation.as_ref().unwrap().held);
    world.until(minute(MORNING - 1));
    assert_eq!(told(&mut world, minute(MORNING - 1)), Vec::<String>::new());
    world.until(minute(MORNING));
    assert_eq!(told(&mut world, minute(MORNING)), ["ana by slack:main"]);
    assert_eq!(world.incident(1).escalation.as_ref().map(|e| (e.pass, e.step, e.held)), Some((0, 0, false)));
    world.until(minute(MORNING + 60));
    assert_eq!(told(&mut world, minute(MORNING + 60)), ["bo by slack:main"]);
}

#[test]
fn an_urgent_priority_breaks_quiet_hours() {
    let mut world = World::new(with_quiet(&["ana"]));
    world.event(minute(NIGHT), of_priority("a", "P1"));
    assert_eq!(pages(&world), ["ana by slack:main"]);
    assert_eq!(said(&world, "personal"), ["P1 breaks the quiet hours of ana (until 07:00 in Europe/Madrid)"]);
}

#[test]
fn what_becomes_urgent_breaks_quiet_hours_too() {
    for both in [false, true] {
        let mut world = World::new(with_quiet(if both { &["ana", "bo"] } else { &["ana"] }));
        world.event(minute(NIGHT), of_priority("a", "P4"));
        world.deliver(minute(NIGHT));
        let incident = INCIDENT;
        world.does(minute(NIGHT + 9), "bo", Verb::SetPriority { incident, priority: Some("P1".into()) });
        assert_eq!(told(&mut world, minute(NIGHT + 9)), ["ana by slack:main"], "{both}");
    }
}

#[test]
fn a_person_who_hands_it_over_breaks_quiet_hours() {
    let mut world = World::new(with_quiet(&["ana", "bo"]));
    world.event(minute(NIGHT), resource("a"));
    world.does(minute(NIGHT + 1), "ana", Verb::ReassignPeople { incident: INCIDENT, people: vec!["bo".into()] });
    assert_eq!(told(&mut world, minute(NIGHT + 1)), ["bo by slack:main"]);
    let mut world = World::new(with_quiet(&["ana", "bo"]));
    world.event(minute(NIGHT), resource("a"));
    world.does(minute(NIGHT + 1), "ana", Verb::Escalate { incident: INCIDENT });
    assert_eq!(told(&mut world, minute(NIGHT + 1)), ["ana by slack:main"]);
}

/// Ana is main and bo backup of a schedule that the chain asks.
fn on_call_as(unless: &Unless) -> Policy {
    let layer = Layer {
        name: Name::default(),
        turns: vec![vec!["ana".into()], vec!["bo".into()]],
        rotation: Rotation::Every { unit: RotationUnit::Week, every: 52, on: vec![] },
        start: jiff::civil::date(2025, 6, 2).at(9, 0, 0, 0),
        anchor: None,
        end: None,
        timezone: None,
        roles: None,
        restrictions: vec![],
        exclude_dates: vec![],
        only_dates: None,
    };
    let roles = vec!["main".into(), "backup".into()];
    let spec = ScheduleSpec {
        live: crate::schedule::Live::default(),
        name: "checkout".into(),
        team: None,
        timezone: zone("UTC"),
        roles,
        layers: vec![layer],
        overrides: vec![],
    };
    let mut policy = with_quiet(&["ana", "bo"]);
    for person in ["ana", "bo"] {
        let quiet = policy.people.get_mut(person).unwrap().rules.quiet.as_mut().unwrap();
        quiet.unless_on_call = unless.clone();
    }
    policy.schedules.insert("checkout".into(), Schedule::new(spec));
    let step = |role: &str, wait| EscalationStep {
        notify: vec![Target::Schedule { schedule: "checkout".into(), role: Some(role.into()) }],
        wait: Span::from_minutes(wait),
    };
    let steps = vec![step("main", 10), step("backup", 100)];
    let escalation = EscalationPolicy { name: "checkout".into(), steps, repeat: None, ack_timeout: None };
    policy.escalations.insert("checkout".into(), std::sync::Arc::new(escalation));
    policy
}

#[test]
fn being_on_call_breaks_quiet_hours_where_the_person_says_so() {
    for (unless, want) in [
        (Unless::Roles(vec!["main".into()]), vec!["ana by slack:main"]),
        (Unless::Roles(vec!["backup".into()]), vec!["bo by slack:main"]),
        (Unless::OnCall, vec!["ana by slack:main", "bo by slack:main"]),
        (Unless::Never, vec![]),
    ] {
        let mut world = World::new(on_call_as(&unless));
        world.event(minute(NIGHT), resource("a"));
        let mut all = told(&mut world, minute(NIGHT));
        world.until(minute(NIGHT + 10));
        all.extend(told(&mut world, minute(NIGHT + 10)));
        all.sort();
        assert_eq!(all, want, "{unless:?}");
    }
}

#[test]
fn a_chain_that_runs_into_quiet_hours_waits_for_their_end() {
    let mut policy = with_rules(vec![rule(&[], None, "slack 5m email")]);
    policy.people.get_mut("ana").unwrap().rules.quiet = Some(quiet());
    let mut world = World::new(policy);
    world.event(minute(NIGHT - 2), resource("a"));
    assert_eq!(told(&mut world, minute(NIGHT - 2)), ["ana by slack:main"]);
    world.until(minute(NIGHT + 50));
    assert_eq!(told(&mut world, minute(NIGHT + 50)), Vec::<String>::new());
    world.until(minute(MORNING));
    assert!(told(&mut world, minute(MORNING)).contains(&"ana by email:default".to_owned()));
}

#[test]
fn a_silence_holds_a_chain_back_until_it_ends() {
    for ends_early in [false, true] {
        let mut world = World::new(with_rules(vec![rule(&[], None, "slack 5m email")]));
        world.event(minute(0), resource("a"));
        world.deliver(minute(0));
        world.does(minute(1), "ana", Verb::AddSilence(silence(30)));
        world.until(minute(29));
        assert_eq!(pages(&world), Vec::<String>::new());
        if ends_early {
            world.does(minute(29), "ana", Verb::ExpireSilence { silence: SilenceId(7) });
        }
        world.until(minute(if ends_early { 29 } else { 30 }));
        assert_eq!(told(&mut world, minute(30)), ["ana by email:default"]);
    }
}

fn bundling() -> Policy {
    let bundle = Some(Span::from_minutes(15));
    with_rules(vec![Rule { bundle, ..rule(&["P4"], None, "") }])
}

#[test]
fn low_priorities_are_gathered_into_one_message() {
    let mut world = World::new(bundling());
    for (n, host) in ["a", "b", "c"].into_iter().enumerate() {
        world.event(minute(i64::try_from(n).unwrap()), of_priority(host, "P4"));
    }
    world.event(minute(3), of_priority("d", "P2"));
    assert_eq!(pages(&world), ["ana by slack:main"], "what is urgent is told by itself");
    world.deliver(minute(3));
    world.until(minute(14));
    assert_eq!(pages(&world), Vec::<String>::new());
    world.until(minute(15));
    let rows: Vec<_> = world.engine.state().outbox.values().map(|row| (row.purpose, row.to.to_string())).collect();
    assert_eq!(rows, [(Purpose::Digest, "ana by slack:main".to_owned())]);
    let digest = world.engine.state().digests.values().next().unwrap();
    assert_eq!(digest.entries.len(), 3);
}

#[test]
fn a_bundle_of_one_is_an_ordinary_page() {
    let mut world = World::new(bundling());
    world.event(minute(0), of_priority("a", "P4"));
    world.deliver(minute(0));
    world.until(minute(15));
    assert_eq!(pages(&world), ["ana by slack:main"]);
    let why = &world.engine.state().outbox.values().next().unwrap().text;
    assert!(why.contains("step 1 of 2"), "{why}");
    assert!(world.engine.state().digests.is_empty());
    world.does(minute(16), "ana", Verb::Acknowledge { incident: INCIDENT });
    assert_eq!(pages(&world), Vec::<String>::new());
}

#[test]
fn a_drill_takes_one_way_and_is_held_by_nothing_but_its_step() {
    let mut policy = with_rules(vec![rule(&[], None, "slack 5m email")]);
    policy.people.get_mut("bo").unwrap().rules.quiet = Some(quiet());
    let mut world = World::new(policy);
    world.event(minute(NIGHT), Event { source: Source::Drill, ..resource("a") });
    assert_eq!(told(&mut world, minute(NIGHT)), ["ana by slack:main"]);
    world.until(minute(MORNING));
    assert_eq!(told(&mut world, minute(MORNING)), Vec::<String>::new());
}

/// What a random night may hold.
#[derive(Debug, Clone)]
enum Move {
    Alert(u8, u8),
    Verb(u8, u64),
    Deliver(bool),
    Wait,
}

fn a_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        (0..4_u8, 0..3_u8).prop_map(|(host, priority)| Move::Alert(host, priority)),
        (0..7_u8, 1..5_u64).prop_map(|(verb, incident)| Move::Verb(verb, incident)),
        any::<bool>().prop_map(Move::Deliver),
        Just(Move::Wait),
    ]
}

fn make(world: &mut World, now: i64, what: &Move) {
    let at = minute(now);
    match what {
        Move::Alert(host, priority) => {
            let (host, priority) = (["a", "b", "c", "d"][*host as usize], ["P1", "P2", "P4"][*priority as usize]);
            world.event(at, of_priority(host, priority));
        }
        Move::Verb(verb, incident) => {
            let incident = IncidentId(*incident);
            let verb = match verb {
                0 => Verb::Acknowledge { incident },
                1 => Verb::Unacknowledge { incident },
                2 => Verb::Resolve { incident },
                3 => Verb::Snooze { incident, until: minute(now + 30) },
                4 => Verb::SetPriority { incident, priority: Some("P1".into()) },
                5 => Verb::ReassignPolicy { incident, policy: "checkout".into() },
                _ => Verb::Note { incident, text: "looking".into() },
            };
            world.does(at, "ana", verb);
        }
        Move::Deliver(fine) => {
            let Some(row) = world.engine.state().outbox.values().next().cloned() else { return };
            let outcome =
                if *fine { Outcome::Delivered { receipt: None } } else { Outcome::Failed { error: "x".into() } };
            world.input(at, Input::Reports(vec![DeliveryReport { delivery: row.id, attempt: 1, at, outcome }]));
        }
        Move::Wait => world.until(at),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(4711), ..ProptestConfig::default() })]

    /// Nobody is paged in their quiet hours but for P1; ways come in order; what is open and held is told in the end.
    #[test]
    fn nothing_is_told_at_night_and_nothing_is_lost(moves in proptest::collection::vec((0..90_i64, a_move()), 1..40)) {
        let mut policy = policy();
        give_rules(&mut policy);
        policy.people.get_mut("ana").unwrap().rules.quiet = Some(quiet());
        // Whoever is not asked by hand.
        let night = night();
        let mut world = World::new(policy);
        let mut now = 0;
        for (later, what) in &moves {
            now += later;
            make(&mut world, now, what);
        }
        world.until(minute(now));
        let mut time = minute(0);
        let mut ways: std::collections::BTreeMap<(IncidentId, Name), u32> = std::collections::BTreeMap::new();
        let mut ranks: std::collections::BTreeMap<IncidentId, Option<Name>> = std::collections::BTreeMap::new();
        for (_, _, decision) in &world.decisions {
            for transition in &decision.transitions {
                match transition {
                    Transition::ClockAdvanced { now } => time = *now,
                    Transition::IncidentOpened(opening) => drop(ranks.insert(opening.incident, opening.priority.clone())),
                    Transition::PriorityChanged { incident, priority, .. } => {
                        ranks.insert(*incident, priority.clone());
                    }
                    Transition::DeliveryOrdered(row) if row.purpose == Purpose::Page && row.fallbacks == 0 => {
                        let urgent = ranks[&row.incident.unwrap()].as_deref() == Some("P1");
                        prop_assert!(urgent || !night.contains(time), "a page at {time}: {row:?}");
                    }
                    Transition::ChainBegun { incident, person, .. } => {
                        ways.insert((*incident, person.clone()), 1);
                    }
                    Transition::ChainMoved { incident, person, next, due } if *next > 0 => {
                        let known = ways.get_mut(&(*incident, person.clone())).unwrap();
                        prop_assert!(*next == *known || *next == *known + 1, "ways out of order: {transition:?}");
                        prop_assert!(due.is_none_or(|due| due > time || night.contains(time)));
                        *known = *next;
                    }
                    _ => {}
                }
            }
        }
        // Long after the last night everybody who should know was told.
        let open: Vec<IncidentId> =
            world.engine.state().incidents.values().filter(|i| i.status == Status::Triggered).map(|i| i.id).collect();
        world.until(minute(now + 24 * 60));
        for id in open {
            if let Some(incident) = world.engine.state().incidents.get(&id).filter(|i| i.status == Status::Triggered) {
                prop_assert!(!incident.paged.is_empty(), "{incident:?}");
                prop_assert!(!incident.chains.iter().any(super::Chain::is_held), "{incident:?}");
            }
        }
    }
}

#[test]
fn weekdays_are_those_of_the_person() {
    let window = Restriction::Daily { days: vec![Weekday::Friday], from: time(0, 0, 0, 0), to: Some(time(6, 0, 0, 0)) };
    let hours = WeekHours::new(vec![window], LocalTime::new(&zone("Asia/Tokyo")));
    // 21:15 on Thursday in Madrid is Friday morning in Tokyo.
    let mut world = World::new(with_rules(vec![rule(&[], Some(hours), "email")]));
    world.event(minute(0), resource("a"));
    assert_eq!(pages(&world), ["ana by email:default"]);
}
