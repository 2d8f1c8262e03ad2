//! Stories of the engine in simulated time: events and commands in, incidents, messages and reasons out.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::digest::{DigestRule, Stage};
use super::input::{Actor, Command, DeliveryReport, Input, Outcome, Receipt, Refire, Verb};
use super::policy::*;
use super::state::{Incident, Purpose, Recipient, Status};
use super::{Decision, Engine, State};
use crate::domain::*;
use crate::rules::matcher::MatcherSpec;
use crate::rules::priority::RaiseRule;
use crate::rules::route::Route;
use crate::rules::silence::SilenceSpec;
use crate::rules::timeliness::Timeliness;
use crate::rules::{Because, RuleKind};

pub(super) fn minute(n: i64) -> Timestamp {
    Timestamp::from_seconds(1_763_669_700 + n * 60)
}

pub(super) fn slack() -> ChannelRef {
    ChannelRef { kind: ChannelKind::Slack, name: "main".into() }
}

fn email() -> ChannelRef {
    ChannelRef { kind: ChannelKind::Email, name: "default".into() }
}

fn person(name: &str) -> (Name, Person) {
    let contacts = vec![
        Contact { channel: slack(), address: format!("U0{}", name.to_uppercase()).into() },
        Contact { channel: email(), address: format!("{name}@acme.example").into() },
    ];
    (name.into(), Person { name: name.to_owned(), contacts, timezone: None, ..Person::default() })
}

fn route(tell: &[&str]) -> Route {
    Route {
        regions: vec![],
        environments: vec![],
        services: vec![],
        priorities: vec![],
        tell: tell.iter().map(|t| t.parse().unwrap()).collect(),
        go_on: false,
    }
}

fn team(members: &[&str], tell: &[&str]) -> Team {
    Team {
        members: members.iter().map(|m| Name::from(*m)).collect(),
        escalation: Some("checkout".into()),
        routes: vec![route(tell)],
        ..Team::default()
    }
}

fn priority(rank: u8) -> Priority {
    Priority { rank, ..Priority::default() }
}

/// The world of the worked example: 99.7 %, more than 200 % in 60 minutes, every 5, snooze 120.
pub(super) fn policy() -> Policy {
    let slo = Slo {
        endpoint: Some("GET /api/data/{tenant}".into()),
        priority: Some("P2".into()),
        alert: Some(Timeliness {
            depletion: Ratio::parse_percent("200%").unwrap(),
            window: Span::from_minutes(60),
            every: Span::from_minutes(5),
        }),
        snooze: Some(Span::from_minutes(120)),
        ..Slo::new("Availability of get data API".into(), "availability".into(), Ratio::parse_percent("99.7%").unwrap())
    };
    let service = Service { team: "checkout".into(), slos: vec![Arc::new(slo)], ..Service::default() };
    let step =
        |who: &str, wait| EscalationStep { notify: vec![Target::Person(who.into())], wait: Span::from_minutes(wait) };
    let chain = EscalationPolicy {
        name: "checkout".into(),
        steps: vec![step("ana", 60), step("bo", 120)],
        repeat: Some(1),
        ack_timeout: None,
    };
    Policy {
        fingerprint: "f".into(),
        organisation: Organisation {
            name: "acme".into(),
            timezone: "UTC".into(),
            fallback: Some("platform".into()),
            reopen: Span::from_minutes(30),
            ..Organisation::default()
        },
        priorities: [("P1", 0), ("P2", 1), ("P4", 3)].into_iter().map(|(n, r)| (n.into(), priority(r))).collect(),
        environments: BTreeMap::from([("prod-eu".into(), Environment { region: Some("eu".into()) })]),
        people: [person("ana"), person("bo")].into_iter().collect(),
        teams: BTreeMap::from([
            (
                "checkout".into(),
                Arc::new(team(&["ana", "bo"], &["slack:main/#checkout", "email:checkout@acme.example"])),
            ),
            ("platform".into(), Arc::new(team(&["bo"], &["slack:main/#platform"]))),
        ]),
        services: BTreeMap::from([("data-api".into(), service)]),
        escalations: BTreeMap::from([("checkout".into(), Arc::new(chain))]),
        channels: [slack(), email()]
            .into_iter()
            .map(|channel| {
                let in_place = channel.kind == ChannelKind::Slack;
                (
                    channel,
                    ChannelPolicy {
                        fallback: Some("email:ops@acme.example".parse().unwrap()),
                        follow_up: true,
                        digest: true,
                        rooms: None,
                        in_place,
                        from: None,
                    },
                )
            })
            .collect(),
        ..Policy::default()
    }
}

pub(super) fn breach(bad: u64) -> Event {
    Event {
        kind: EventKind::Breach,
        status: EventStatus::Firing,
        source: Source::Native,
        at: minute(0),
        ends_at: None,
        idempotency: None,
        team: None,
        service: Some("data-api".into()),
        endpoint: Some("GET /api/data/{tenant}".into()),
        sli: Some("availability".into()),
        slo: None,
        objective: None,
        environment: Some("prod-eu".into()),
        region: None,
        window: Some(WindowCounts { length: Span::from_minutes(60), good: 1000 - bad, total: 1000 }),
        labels: Labels::default(),
        annotations: Labels::default(),
        detail: None,
    }
}

pub(super) fn resource(host: &str) -> Event {
    let labels: LabelsBuilder = [("alertname", "CPU"), ("host", host)].into_iter().collect();
    Event {
        kind: EventKind::Resource,
        team: Some("checkout".into()),
        service: None,
        endpoint: None,
        sli: None,
        window: None,
        labels: labels.build().unwrap(),
        ..breach(0)
    }
}

/// The input that a decision judged; none for deadlines.
pub(super) type Judged = Option<(Seq, Arc<Input>)>;

/// An engine and everything that it decided.
pub(super) struct World {
    pub(super) engine: Engine,
    seq: u64,
    pub(super) decisions: Vec<(Timestamp, Judged, Decision)>,
}

impl World {
    pub(super) fn new(policy: Policy) -> Self {
        Self { engine: Engine::new(Arc::new(policy)), seq: 0, decisions: Vec::new() }
    }

    pub(super) fn input(&mut self, at: Timestamp, input: Input) -> Decision {
        self.seq += 1;
        let (seq, input) = (Seq(self.seq), Arc::new(input));
        self.engine.accept(seq, at, Arc::clone(&input));
        let decision = self.engine.judge(seq, at);
        self.decisions.push((at, Some((seq, input)), decision.clone()));
        decision
    }

    pub fn event(&mut self, at: Timestamp, event: Event) -> Decision {
        self.input(at, Input::Event(Arc::new(event)))
    }

    pub fn does(&mut self, at: Timestamp, who: &str, verb: Verb) -> Decision {
        self.input(at, Input::Command(Command { by: Actor::Person(who.into()), verb }))
    }

    pub(super) fn until(&mut self, at: Timestamp) {
        while self.engine.next_wakeup().is_some_and(|due| due <= at) {
            if let Some(decision) = self.engine.tick(at) {
                self.decisions.push((at, None, decision));
            }
        }
    }

    /// Every waiting message is delivered; answers what went out, in order.
    pub fn deliver(&mut self, at: Timestamp) -> Vec<(Purpose, String)> {
        let rows: Vec<_> = self.engine.state().outbox.values().cloned().collect();
        let mut out = Vec::new();
        for row in rows {
            let receipt = Some(Receipt {
                channel: row.to.channel().clone(),
                place: "C".into(),
                message: row.follows.as_ref().map_or_else(|| format!("{}", row.id).into(), |f| f.message.clone()),
            });
            out.push((row.purpose, row.to.to_string()));
            let report = DeliveryReport { delivery: row.id, attempt: 1, at, outcome: Outcome::Delivered { receipt } };
            self.input(at, Input::Reports(vec![report]));
        }
        out
    }

    pub fn incident(&self, id: u64) -> &Incident {
        &self.engine.state().incidents[&IncidentId(id)]
    }

    pub fn count(&self) -> u64 {
        self.engine.state().last_incident
    }
}

pub(super) fn says(decision: &Decision, rule: RuleKind) -> &Because {
    &decision.trace.lines.iter().find(|line| line.rule == rule).unwrap_or_else(|| panic!("{decision:?}")).because
}

#[test]
fn the_worked_breach_pages_the_person_on_call_and_tells_the_team() {
    let mut world = World::new(policy());
    let decision = world.event(minute(0), breach(15));
    assert!(matches!(says(&decision, RuleKind::Timeliness), Because::SpentAbove { .. }), "{decision:?}");
    let told = world.deliver(minute(0));
    assert_eq!(
        told,
        [
            (Purpose::Alert, "slack:main/#checkout".to_owned()),
            (Purpose::Alert, "email:checkout@acme.example".to_owned()),
            (Purpose::Page, "ana by slack:main".to_owned()),
        ]
    );
    assert_eq!(world.incident(1).priority.as_deref(), Some("P2"));
    assert_eq!(world.incident(1).region.as_deref(), Some("eu"));
}

#[test]
fn exactly_the_allowed_share_is_quiet_and_one_more_is_not() {
    let mut world = World::new(policy());
    world.event(minute(0), breach(6));
    assert_eq!(world.count(), 0);
    world.event(minute(5), breach(7));
    assert_eq!(world.count(), 1);
}

#[test]
fn counts_between_two_evaluations_wait_for_the_next() {
    let mut world = World::new(policy());
    world.event(minute(0), breach(1));
    let held = world.event(minute(2), breach(50));
    assert!(matches!(says(&held, RuleKind::Timeliness), Because::HeldUntil { until, .. } if *until == minute(5)));
    world.until(minute(4));
    assert_eq!(world.count(), 0);
    world.until(minute(5));
    assert_eq!(world.count(), 1);
}

#[test]
fn after_firing_the_same_alert_is_snoozed_half_open() {
    let mut world = World::new(policy());
    world.event(minute(0), breach(15));
    world.does(minute(1), "ana", Verb::Resolve { incident: IncidentId(1) });
    let quiet = world.event(minute(119), breach(15));
    assert!(matches!(says(&quiet, RuleKind::Snooze), Because::Snoozed { .. }), "{quiet:?}");
    assert_eq!(world.count(), 1);
    world.event(minute(120), breach(15));
    assert_eq!(world.count(), 2);
}

#[test]
fn a_repeat_while_open_only_counts() {
    let mut world = World::new(policy());
    world.event(minute(0), breach(15));
    world.deliver(minute(0));
    world.event(minute(1), breach(20));
    assert_eq!((world.count(), world.incident(1).duplicates, world.incident(1).duplicates_snoozed), (1, 1, 1));
    assert!(world.engine.state().outbox.is_empty());
    assert!(world.incident(1).latest.is_some());
}

#[test]
fn a_refire_within_the_reopen_window_goes_on_with_the_same_incident() {
    let mut world = World::new(policy());
    world.event(minute(0), resource("a"));
    world.deliver(minute(0));
    world.does(minute(10), "ana", Verb::Resolve { incident: IncidentId(1) });
    world.event(minute(39), resource("a"));
    assert_eq!((world.count(), world.incident(1).reopened), (1, 1));
    world.does(minute(40), "ana", Verb::Resolve { incident: IncidentId(1) });
    world.event(minute(70), resource("a"));
    assert_eq!(world.count(), 2);
}

#[test]
fn what_nobody_owns_is_held_and_told_to_the_fallback() {
    let mut world = World::new(policy());
    world.event(minute(0), Event { service: Some("unheard-of".into()), ..breach(15) });
    assert!(world.incident(1).unowned);
    assert_eq!(world.incident(1).team, "platform");
    assert!(world.deliver(minute(0)).contains(&(Purpose::Alert, "slack:main/#platform".into())));
}

pub(super) fn silence(until: i64) -> SilenceSpec {
    let host = MatcherSpec { name: "host".into(), value: "a".into(), is_regex: false, is_equal: true };
    SilenceSpec {
        id: SilenceId(7),
        matchers: vec![host],
        starts_at: minute(0),
        ends_at: minute(until),
        author: "ana".into(),
        comment: "patching".into(),
        updated_at: minute(0),
    }
}

#[test]
fn a_silenced_source_that_lasts_is_heard_when_the_silence_ends() {
    let mut world = World::new(policy());
    world.does(minute(0), "ana", Verb::AddSilence(silence(60)));
    let quiet = world.event(minute(1), Event { ends_at: Some(minute(500)), ..resource("a") });
    assert!(matches!(says(&quiet, RuleKind::Silence), Because::Silenced { .. }));
    world.event(minute(1), resource("b"));
    assert_eq!(world.count(), 1, "only the other host");
    world.until(minute(59));
    assert_eq!(world.count(), 1);
    world.until(minute(60));
    assert_eq!(world.count(), 2);
}

#[test]
fn ending_a_silence_early_lets_what_lasts_be_heard_at_once() {
    let mut world = World::new(policy());
    world.does(minute(0), "ana", Verb::AddSilence(silence(60)));
    world.event(minute(1), Event { ends_at: Some(minute(500)), ..resource("a") });
    world.does(minute(10), "ana", Verb::ExpireSilence { silence: SilenceId(7) });
    world.until(minute(10));
    assert_eq!(world.count(), 1);
}

#[test]
fn a_silence_holds_the_steps_of_an_open_incident_back_until_it_ends() {
    let mut world = World::new(policy());
    world.event(minute(0), resource("a"));
    world.deliver(minute(0));
    world.does(minute(1), "ana", Verb::AddSilence(silence(200)));
    world.until(minute(90));
    assert_eq!(world.incident(1).escalation.as_ref().unwrap().due, Some(minute(200)), "the step of minute 60 waits");
    world.does(minute(100), "ana", Verb::ExpireSilence { silence: SilenceId(7) });
    world.until(minute(100));
    assert_eq!(world.incident(1).escalation.as_ref().unwrap().step, 1, "and goes on when the silence ends early");
}

#[test]
fn nobody_is_paged_after_an_acknowledgement() {
    let mut world = World::new(policy());
    world.event(minute(0), breach(15));
    world.does(minute(0), "bo", Verb::Acknowledge { incident: IncidentId(1) });
    let pages = world.engine.state().outbox.values().filter(|row| row.purpose == Purpose::Page).count();
    assert_eq!(pages, 0, "the page that was not sent yet is dropped");
    world.until(minute(10_000));
    assert_eq!(world.incident(1).escalation.as_ref().unwrap().step, 0);
}

#[test]
fn who_was_told_hears_of_the_acknowledgement_but_not_who_did_it() {
    let mut world = World::new(policy());
    world.event(minute(0), breach(15));
    world.deliver(minute(0));
    world.does(minute(3), "ana", Verb::Acknowledge { incident: IncidentId(1) });
    let told = world.deliver(minute(3));
    assert_eq!(
        told,
        [
            (Purpose::Acknowledged, "slack:main/#checkout".to_owned()),
            (Purpose::Acknowledged, "email:checkout@acme.example".to_owned()),
            // In place in Slack, so no further message.
            (Purpose::Acknowledged, "ana by slack:main".to_owned()),
        ]
    );
}

#[test]
fn a_page_that_fails_for_good_takes_the_next_way_and_then_the_next_person() {
    let mut world = World::new(policy());
    world.event(minute(0), breach(15));
    let fail = |world: &mut World| {
        let row = world.engine.state().outbox.values().find(|row| row.purpose == Purpose::Page).cloned().unwrap();
        let outcome = Outcome::Failed { error: "gone".into() };
        let report = DeliveryReport { delivery: row.id, attempt: 1, at: minute(1), outcome };
        world.input(minute(1), Input::Reports(vec![report]));
        row.to.clone()
    };
    assert_eq!(fail(&mut world), Recipient::Person { person: "ana".into(), channel: slack() });
    assert_eq!(fail(&mut world), Recipient::Person { person: "ana".into(), channel: email() });
    assert_eq!(fail(&mut world), Recipient::Person { person: "bo".into(), channel: slack() });
    assert!(world.engine.state().alarms.keys().any(|key| key.starts_with("undeliverable/ana")));
}

#[test]
fn a_channel_that_fails_for_good_has_its_fallback_told() {
    let mut world = World::new(policy());
    world.event(minute(0), breach(15));
    let row = world.engine.state().outbox.values().next().cloned().unwrap();
    let outcome = Outcome::Failed { error: "channel_not_found".into() };
    world.input(
        minute(1),
        Input::Reports(vec![DeliveryReport { delivery: row.id, attempt: 1, at: minute(1), outcome }]),
    );
    let ways: Vec<String> = world.engine.state().outbox.values().map(|row| row.to.to_string()).collect();
    assert!(ways.contains(&"email:ops@acme.example".to_owned()), "{ways:?}");
}

#[test]
fn repetition_raises_the_priority() {
    let mut policy = policy();
    let raise = RaiseRule { more_than: 3, within: Span::from_minutes(60), priority: "P1".into() };
    Arc::make_mut(policy.teams.get_mut("checkout").unwrap()).raise = vec![raise];
    let mut world = World::new(policy);
    for n in 0..3 {
        world.event(minute(n), resource("a"));
    }
    assert_eq!(world.incident(1).priority, None);
    world.event(minute(3), resource("a"));
    assert_eq!(world.incident(1).priority.as_deref(), Some("P1"));
}

#[test]
fn an_incident_is_over_when_its_last_source_is() {
    let mut policy = policy();
    Arc::make_mut(policy.teams.get_mut("checkout").unwrap()).dedup.resource =
        crate::rules::dedup::DedupRule::Fields(vec!["alertname".into()]);
    let mut world = World::new(policy);
    world.event(minute(0), Event { ends_at: Some(minute(5)), ..resource("a") });
    world.event(minute(0), Event { ends_at: Some(minute(9)), ..resource("b") });
    assert_eq!(world.count(), 1);
    world.until(minute(8));
    assert!(world.incident(1).status.is_open());
    world.until(minute(9));
    assert_eq!(world.incident(1).resolved_at(), Some(minute(9)));
}

#[test]
fn refires_count_and_move_the_end() {
    let mut world = World::new(policy());
    let event = Event { ends_at: Some(minute(5)), ..resource("a") };
    let fingerprint = event.fingerprint();
    world.event(minute(0), event);
    for n in 1..4 {
        world.input(minute(n), Input::Refires(vec![Refire { fingerprint, ends_at: Some(minute(n + 5)) }]));
    }
    world.until(minute(7));
    assert_eq!((world.incident(1).duplicates, world.incident(1).status.is_open()), (3, true));
    world.until(minute(8));
    assert!(!world.incident(1).status.is_open());
}

#[test]
fn catching_up_after_downtime_leaves_one_page_for_each_person() {
    let mut world = World::new(policy());
    world.event(minute(0), breach(15));
    world.until(minute(3000));
    let mut people: Vec<String> = world
        .engine
        .state()
        .outbox
        .values()
        .filter(|row| row.purpose == Purpose::Page)
        .map(|row| row.to.to_string())
        .collect();
    people.sort();
    assert_eq!(people, ["ana by slack:main", "bo by slack:main"]);
}

#[test]
fn the_state_forgets_what_is_long_over() {
    let mut world = World::new(policy());
    world.event(minute(0), Event { idempotency: Some("k".into()), ..breach(15) });
    world.event(minute(0), Event { ends_at: Some(minute(5)), ..resource("a") });
    world.does(minute(1), "ana", Verb::Resolve { incident: IncidentId(1) });
    world.does(minute(1), "ana", Verb::AddSilence(silence(60)));
    world.deliver(minute(6));
    world.until(minute(20_000));
    world.deliver(minute(20_000));
    let state = world.engine.state();
    assert!(state.incidents.is_empty() && state.alerts.is_empty() && state.by_key.is_empty(), "{state:?}");
    assert!(state.scopes.is_empty() && state.silences.is_empty() && state.idempotency.is_empty(), "{state:?}");
}

/// What a random history may hold.
#[derive(Debug, Clone)]
enum Step {
    Breach(u64),
    Resource(u8, Option<i64>),
    Over(u8),
    Refire(u8, i64),
    Verb(u8, u64),
    Silence(i64),
    Deliver(u8),
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..40_u64).prop_map(Step::Breach),
        (0..3_u8, proptest::option::of(1..90_i64)).prop_map(|(h, e)| Step::Resource(h, e)),
        (0..3_u8).prop_map(Step::Over),
        (0..3_u8, 1..90_i64).prop_map(|(h, e)| Step::Refire(h, e)),
        (0..9_u8, 1..5_u64).prop_map(|(v, i)| Step::Verb(v, i)),
        (1..200_i64).prop_map(Step::Silence),
        (0..3_u8).prop_map(Step::Deliver),
        Just(Step::Wait),
    ]
}

fn host(n: u8) -> &'static str {
    ["a", "b", "c"][n as usize % 3]
}

fn perform(world: &mut World, now: i64, step: &Step) {
    let at = minute(now);
    match step {
        Step::Breach(bad) => {
            world.event(at, breach(*bad));
        }
        Step::Resource(h, ends) => {
            world.event(at, Event { ends_at: ends.map(|e| minute(now + e)), ..resource(host(*h)) });
        }
        Step::Over(h) => {
            world.event(at, Event { status: EventStatus::Resolved, ..resource(host(*h)) });
        }
        Step::Refire(h, ends) => {
            let refire = Refire { fingerprint: resource(host(*h)).fingerprint(), ends_at: Some(minute(now + ends)) };
            world.input(at, Input::Refires(vec![refire]));
        }
        Step::Verb(v, i) => {
            let incident = IncidentId(*i);
            let verb = match v {
                0 => Verb::Acknowledge { incident },
                1 => Verb::Unacknowledge { incident },
                2 => Verb::Resolve { incident },
                3 => Verb::Reopen { incident },
                4 => Verb::Escalate { incident },
                5 => Verb::Snooze { incident, until: minute(now + 30) },
                6 => Verb::SetPriority { incident, priority: Some("P1".into()) },
                7 => Verb::ReassignPeople { incident, people: vec!["bo".into()] },
                8 => Verb::AcknowledgeDigest { digest: DigestId(*i) },
                _ => Verb::Note { incident, text: "n".into() },
            };
            world.does(at, "ana", verb);
        }
        Step::Silence(length) => {
            world.does(at, "ana", Verb::AddSilence(SilenceSpec { ends_at: minute(now + length), ..silence(0) }));
        }
        Step::Deliver(how) => {
            let Some(row) = world.engine.state().outbox.values().next().cloned() else { return };
            let outcome = match how {
                0 => Outcome::Delivered { receipt: None },
                1 => Outcome::Failed { error: "x".into() },
                _ => Outcome::Retry { error: "x".into(), at: minute(now + 1) },
            };
            world.input(at, Input::Reports(vec![DeliveryReport { delivery: row.id, attempt: 1, at, outcome }]));
        }
        Step::Wait => world.until(at),
    }
}

/// Almost every second message is folded, or none.
fn folding(storm: bool, personal: bool) -> Policy {
    let rule = DigestRule { singles: 1, within: Span::from_minutes(15), every: Span::from_minutes(45) };
    let mut policy = policy();
    policy.organisation.digest = storm.then_some(rule);
    if personal {
        super::personal::tests::give_rules(&mut policy);
    }
    policy
}

/// Digests, their rows and their incidents agree.
fn digest_books(state: &State) -> Result<(), TestCaseError> {
    for digest in state.digests.values() {
        for (id, purpose) in &digest.entries {
            prop_assert!(state.incidents[id].digests.contains(&digest.id));
            let waits = digest.is_on_its_way() && *purpose == Purpose::Page;
            let taken = state.incidents[id].status != Status::Triggered;
            prop_assert!(!(waits && taken), "a page waits in a digest although somebody took it");
        }
        match digest.stage {
            Stage::Collecting => {
                prop_assert_eq!(state.flows[&digest.to].collecting, Some(digest.id));
            }
            Stage::Ordered(row) => {
                prop_assert_eq!(state.digest_rows.get(&row), Some(&digest.id));
                prop_assert!(state.outbox.contains_key(&row) && !digest.entries.is_empty());
            }
            Stage::Told(_) | Stage::Failed => prop_assert!(!digest.entries.is_empty()),
        }
    }
    for incident in state.incidents.values() {
        for digest in &incident.digests {
            prop_assert!(state.digests[digest].entries.contains_key(&incident.id));
        }
    }
    let rows = state.outbox.values().filter(|row| row.purpose == Purpose::Digest).count();
    prop_assert_eq!(rows, state.digest_rows.len());
    Ok(())
}

pub(super) fn bytes(state: &State) -> Vec<u8> {
    postcard::to_allocvec(state).unwrap()
}

/// Judges every deadline until then.
pub(super) fn settle(engine: &mut Engine, until: Timestamp) -> Vec<Decision> {
    let mut decisions = Vec::new();
    while engine.next_wakeup().is_some_and(|due| due <= until) {
        decisions.extend(engine.tick(until));
    }
    decisions
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(4711), ..ProptestConfig::default() })]

    /// Recovery performs recorded transitions and judges nothing: it must end where judging ended, byte for byte.
    #[test]
    fn replaying_decisions_gives_the_same_state(
        steps in proptest::collection::vec((0..40_i64, step()), 1..60),
        storm in any::<bool>(),
        personal in any::<bool>(),
    ) {
        let policy = || folding(storm, personal);
        let mut world = World::new(policy());
        let mut now = 0;
        for (later, step) in &steps {
            now += later;
            perform(&mut world, now, step);
        }
        let mut copy = Engine::new(Arc::new(policy()));
        for (at, input, decision) in &world.decisions {
            if let Some((seq, input)) = input {
                copy.accept(*seq, *at, Arc::clone(input));
            }
            for transition in &decision.transitions {
                copy.evolve(transition);
            }
        }
        prop_assert_eq!(bytes(copy.state()), bytes(world.engine.state()));
        // And an engine rebuilt from the state wants to be woken no later than the live one does something.
        let rebuilt = Engine::from_state(world.engine.state().clone(), Arc::new(policy()));
        let (mut a, mut b) = (world.engine, rebuilt);
        for minutes in 1..200 {
            let until = minute(now + minutes * 30);
            prop_assert_eq!(settle(&mut a, until), settle(&mut b, until));
        }
    }

    /// At most one open incident per key; rows of the outbox and incidents agree; open ones are reachable by key.
    #[test]
    fn the_books_balance(steps in proptest::collection::vec((0..40_i64, step()), 1..80), storm in any::<bool>(), personal in any::<bool>()) {
        let mut world = World::new(folding(storm, personal));
        let mut now = 0;
        for (later, step) in &steps {
            now += later;
            perform(&mut world, now, step);
            let state = world.engine.state();
            let open: Vec<_> = state.incidents.values().filter(|i| i.status.is_open()).collect();
            for incident in &open {
                prop_assert_eq!(state.by_key.get(&incident.key), Some(&incident.id));
            }
            for row in state.outbox.values() {
                if let Some(id) = row.incident {
                    prop_assert!(state.incidents[&id].pending.contains(&row.id));
                    let taken = matches!(state.incidents[&id].status, Status::Acknowledged { .. } | Status::Resolved { .. } | Status::Snoozed { .. });
                    prop_assert!(!(taken && row.purpose == Purpose::Page), "a page waits although somebody took it");
                }
            }
            prop_assert!(state.inbox.is_empty());
            digest_books(state)?;
        }
    }
}
