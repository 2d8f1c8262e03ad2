//! The shard loop over a journal in memory, with a core that is simple enough to see through.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::config::Settings;
use crate::domain::{
    ChannelKind, ChannelRef, DeliveryId, Destination, Event, EventId, EventKind, EventStatus, IncidentId, Name, Seq,
    Source, Span, Timestamp,
};
use crate::engine::policy::Organisation;
use crate::engine::state::{Purpose, Recipient};
use crate::engine::{Actor, Command, Decision, DeliveryReport, Input, Policy, State, Timer, Transition, Verb};
use crate::journal::RecordBody;
use crate::store::{Entry, JournalReader, MemoryJournal, Room};

pub(super) const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// Orders one message for every event; panics over events with the idempotency key `poison`.
struct Simple(State);

pub(super) fn simple(state: State, _: Arc<Policy>) -> Box<dyn Core> {
    Box::new(Simple(state))
}

impl Core for Simple {
    fn accept(&mut self, seq: Seq, at: Timestamp, input: Arc<Input>) {
        if let Input::Event(event) = &*input
            && let Some(key) = &event.idempotency
        {
            let hash = crate::engine::idempotency_hash(event.source, key);
            self.0.idempotency.insert(hash, (EventId(seq.0), at));
        }
        self.0.inbox.insert(seq, (at, input));
    }

    fn judge(&mut self, seq: Seq, now: Timestamp) -> Decision {
        let (_, input) = self.0.inbox[&seq].clone();
        let mut transitions = vec![Transition::Judged { input: seq }];
        match &*input {
            Input::Event(event) => {
                self.0.last_incident += 1000; // A half-done change that must not survive the panic.
                assert_ne!(event.idempotency.as_deref(), Some("poison"), "on purpose");
                self.0.last_incident -= 1000;
                transitions.push(Transition::DeliveryOrdered(Arc::new(row(DeliveryId(seq.0)))));
            }
            Input::Alarm { key, .. } => transitions.push(Transition::AlarmRaised { key: key.clone(), until: now }),
            Input::Reports(reports) => transitions.extend(reports.iter().cloned().map(|report| {
                let DeliveryReport { delivery, attempt, outcome, .. } = report;
                Transition::DeliveryReported { delivery, attempt, outcome }
            })),
            Input::ConfigActivated { fingerprint } => {
                transitions.push(Transition::ConfigActivated { fingerprint: fingerprint.clone() });
            }
            _ => {}
        }
        for transition in &transitions {
            self.evolve(transition);
        }
        Decision { transitions, ..Decision::default() }
    }

    fn tick(&mut self, _: Timestamp) -> Option<Decision> {
        None
    }

    fn evolve(&mut self, transition: &Transition) {
        match transition {
            Transition::Judged { input } => drop(self.0.inbox.remove(input)),
            Transition::DeliveryOrdered(row) => {
                self.0.last_delivery += 1;
                self.0.outbox.insert(row.id, Arc::clone(row));
            }
            Transition::DeliveryReported { delivery, outcome, .. }
                if !matches!(outcome, crate::engine::Outcome::Retry { .. }) =>
            {
                self.0.outbox.remove(delivery);
            }
            Transition::AlarmRaised { key, until } => drop(self.0.alarms.insert(key.clone(), *until)),
            Transition::ConfigActivated { fingerprint } => self.0.config = fingerprint.clone(),
            Transition::InputQuarantined { input, quarantined } => {
                self.0.quarantine.insert(*input, Arc::new((**quarantined).clone()));
            }
            _ => {}
        }
    }

    fn next_wakeup(&self) -> Option<Timestamp> {
        None
    }

    fn state(&self) -> &State {
        &self.0
    }

    fn set_policy(&mut self, _: Arc<Policy>) {}

    fn known_idempotency(&self, source: Source, key: &str) -> Option<EventId> {
        self.0.idempotency.get(&crate::engine::idempotency_hash(source, key)).map(|(event, _)| *event)
    }
}

pub(super) fn row(id: DeliveryId) -> Delivery {
    Delivery {
        id,
        incident: None,
        to: Recipient::Channel(Destination {
            channel: ChannelRef { kind: ChannelKind::Webhook, name: "sink".into() },
            address: Name::default(),
        }),
        purpose: Purpose::Alarm,
        rank: 255,
        ordered_at: START,
        expires_at: None,
        attempts: 0,
        text: "text".into(),
        follows: None,
        fallbacks: 0,
    }
}

pub(super) fn policy(fingerprint: &str) -> Policy {
    Policy {
        fingerprint: fingerprint.into(),
        organisation: Organisation {
            name: "acme".into(),
            timezone: "UTC".into(),
            reopen: Span::from_minutes(30),
            ..Organisation::default()
        },
        ..Policy::default()
    }
}

fn loaded(fingerprint: &str) -> Loaded {
    Loaded { policy: Arc::new(policy(fingerprint)), settings: Arc::new(Settings::default()) }
}

pub(super) fn event(key: Option<&str>) -> Incoming {
    Incoming::New(Arc::new(Event {
        kind: EventKind::Resource,
        status: EventStatus::Firing,
        source: Source::Native,
        at: START,
        ends_at: None,
        idempotency: key.map(Into::into),
        team: None,
        service: None,
        endpoint: None,
        sli: None,
        slo: None,
        objective: None,
        environment: None,
        region: None,
        window: None,
        labels: crate::domain::Labels::default(),
        annotations: crate::domain::Labels::default(),
        detail: None,
    }))
}

fn prepared(journal: &MemoryJournal) -> Prepared {
    let parts = Parts {
        journal: Box::new(journal.clone()),
        index: None,
        loaded: loaded("one"),
        clock: Clock::simulated(START),
        make: simple,
    };
    Prepared::new(parts).unwrap()
}

/// A running shard with the real engine, whose configuration knows these services.
pub(super) fn running_with_services(journal: &MemoryJournal, services: &[&str]) -> (Handle, Running) {
    let service = || crate::engine::policy::Service {
        team: "ops".into(),
        environments: vec![],
        depends_on: vec![],
        links: BTreeMap::new(),
        slos: vec![],
        default_slos: BTreeMap::new(),
    };
    let services = services.iter().map(|name| (Name::from(*name), service())).collect();
    let policy = Arc::new(Policy { services, ..policy("one") });
    let parts = Parts {
        journal: Box::new(journal.clone()),
        index: None,
        loaded: Loaded { policy, settings: Arc::new(Settings::default()) },
        clock: Clock::simulated(START),
        make: engine,
    };
    let prepared = Prepared::new(parts).unwrap();
    let handle = prepared.handle();
    (handle, prepared.run(|_| {}, |_| {}).unwrap())
}

/// A running shard and the ids of released messages; each is checked to be ordered on the "disk" already.
pub(super) fn running(journal: &MemoryJournal) -> (Handle, Running, Arc<Mutex<Vec<DeliveryId>>>) {
    let prepared = prepared(journal);
    let released = Arc::new(Mutex::new(Vec::new()));
    let (seen, disk) = (Arc::clone(&released), journal.clone());
    let handle = prepared.handle();
    let running = prepared.run(
        move |rows| {
            for row in rows {
                assert!(ordered(&disk).contains(&row.id), "{} was released before it was on the disk", row.id);
                seen.lock().unwrap().push(row.id);
            }
        },
        |_| {},
    );
    (handle, running.unwrap(), released)
}

/// A running shard whose messages go to a dispatcher.
pub(super) fn running_with(
    journal: &MemoryJournal,
    dispatcher: impl FnOnce(&Handle) -> dispatch::Dispatcher,
) -> (Handle, Running, dispatch::Dispatcher) {
    let prepared = prepared(journal);
    let handle = prepared.handle();
    let dispatcher = dispatcher(&handle);
    let offered = dispatcher.clone();
    let running = prepared.run(move |rows| offered.offer(rows), |_| {}).unwrap();
    (handle, running, dispatcher)
}

pub(super) fn bodies(journal: &MemoryJournal) -> Vec<RecordBody> {
    journal.read_from(Seq(1)).map(|record| record.unwrap().1.body).collect()
}

fn ordered(journal: &MemoryJournal) -> Vec<DeliveryId> {
    let mut ids = Vec::new();
    for body in bodies(journal) {
        let RecordBody::Decision(decision) = body else { continue };
        for transition in &decision.transitions {
            if let Transition::DeliveryOrdered(row) = transition {
                ids.push(row.id);
            }
        }
    }
    ids
}

fn note() -> Command {
    Command { by: Actor::Local, verb: Verb::Note { incident: IncidentId(1), text: "on it".into() } }
}

#[tokio::test]
async fn an_answered_event_is_on_the_disk_and_its_message_follows() {
    let journal = MemoryJournal::new();
    let (handle, running, released) = running(&journal);
    let accepted = handle.accept(vec![event(None), event(None)]).await.unwrap();
    for Accepted { event, .. } in &accepted {
        let record = journal.record(Seq(event.0)).unwrap().unwrap();
        assert!(matches!(record.body, RecordBody::Input(_)));
    }
    handle.command(note()).await.unwrap();
    running.stop().await.unwrap();
    assert_eq!(*released.lock().unwrap(), accepted.iter().map(|a| DeliveryId(a.event.0)).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_was_answered_before_a_crash_is_judged_after_it() {
    let mut journal = MemoryJournal::new();
    let Incoming::New(lost) = event(None) else { unreachable!() };
    let entry = Entry::new(START, RecordBody::Input(Arc::new(Input::Event(lost))));
    journal.commit(&[entry], Room::Ordinary).unwrap();
    let (_handle, running, released) = running(&journal);
    running.stop().await.unwrap();
    assert_eq!(*released.lock().unwrap(), [DeliveryId(1)]);
    assert_eq!(ordered(&journal), [DeliveryId(1)]);
}

#[tokio::test]
async fn a_message_ordered_before_a_crash_goes_out_after_it_and_nothing_is_judged_twice() {
    let journal = MemoryJournal::new();
    let (handle, first, _) = running(&journal);
    handle.accept(vec![event(None)]).await.unwrap();
    first.stop().await.unwrap();
    let before = ordered(&journal);
    let (_handle, second, released) = running(&journal);
    second.stop().await.unwrap();
    assert_eq!(*released.lock().unwrap(), before);
    assert_eq!(ordered(&journal), before);
}

#[tokio::test]
async fn an_idempotency_key_is_taken_once_within_and_across_requests() {
    let journal = MemoryJournal::new();
    let (handle, running, _) = running(&journal);
    let first = handle.accept(vec![event(Some("a")), event(Some("a")), event(Some("b"))]).await.unwrap();
    assert_eq!(first[0].event, first[1].event);
    assert_eq!(first.iter().map(|a| a.repeated).collect::<Vec<_>>(), [false, true, false]);
    let again = handle.accept(vec![event(Some("b"))]).await.unwrap();
    assert_eq!(again, [Accepted { event: first[2].event, repeated: true }]);
    running.stop().await.unwrap();
    assert_eq!(ordered(&journal).len(), 2);
}

#[tokio::test]
async fn beyond_its_bound_the_queue_refuses() {
    let prepared = prepared(&MemoryJournal::new());
    let handle = prepared.handle();
    for _ in 0..REQUESTS_MAX {
        handle.report(Vec::new());
    }
    assert_eq!(handle.accept(vec![event(None)]).await, Err(Refused::Busy { retry_after_s: 1 }));
    let running = prepared.run(|_| {}, |_| {}).unwrap();
    while handle.accept(vec![event(None)]).await.is_err() {
        tokio::task::yield_now().await;
    }
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_events_but_not_people_and_is_left_behind_without_a_restart() {
    let journal = MemoryJournal::new();
    let (handle, running, released) = running(&journal);
    handle.accept(vec![event(None)]).await.unwrap();
    journal.set_full(Some(Room::Ordinary));
    assert!(matches!(handle.accept(vec![event(None)]).await, Err(Refused::Journal(_))));
    assert!(handle.health().journal_error.is_some());
    handle.command(note()).await.unwrap();
    handle.command(note()).await.unwrap();
    assert!(handle.read(|state| state.alarms.contains_key("journal")));
    journal.set_full(None);
    handle.accept(vec![event(None)]).await.unwrap();
    assert_eq!(handle.health().journal_error, None);
    running.stop().await.unwrap();
    assert_eq!(released.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_broken_disk_loses_no_decision() {
    let journal = MemoryJournal::new();
    let (handle, running, released) = running(&journal);
    handle.command(note()).await.unwrap();
    journal.set_full(Some(Room::Reserve));
    assert!(matches!(handle.accept(vec![event(None)]).await, Err(Refused::Journal(_))));
    assert!(matches!(handle.command(note()).await, Err(Refused::Journal(_))));
    assert_eq!(
        bodies(&journal).iter().filter(|body| matches!(body, RecordBody::Input(_))).count(),
        2,
        "the configuration and the first command"
    );
    journal.set_full(None);
    while handle.accept(vec![event(None)]).await.is_err() {}
    running.stop().await.unwrap();
    assert_eq!(released.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_poisonous_input_is_set_aside_told_and_does_not_come_back() {
    let journal = MemoryJournal::new();
    let (handle, first, released) = running(&journal);
    let body = br#"[{"n" : 1}, {"n" : 2}, {"n" : 3}]"#;
    let Incoming::New(poison) = event(Some("poison")) else { panic!("it is new") };
    let events = vec![event(None), Incoming::New(Arc::clone(&poison)), event(None)];
    let sent = Sent { body: bytes::Bytes::from_static(body), items: vec![0, 1, 2] };
    let accepted = handle.accept_sent(events, sent).await.unwrap();
    first.stop().await.unwrap();
    let key = format!("unjudged/{}", poison.fingerprint());
    assert_eq!(released.lock().unwrap().len(), 2, "its neighbours are judged as ever");
    let (handle, second, _) = running(&journal);
    assert!(handle.read(|state| state.alarms.contains_key(key.as_str())));
    assert!(handle.read(|state| state.inbox.is_empty() && state.last_incident == 0));
    assert_eq!(handle.counters().panics.get(), 0);
    let listed = handle.read(|state| state.quarantine.get(&Seq(accepted[1].event.0)).cloned()).unwrap();
    assert_eq!(listed.text, r#"{"n" : 2}"#, "as its sender wrote it");
    assert!(listed.panic.contains("on purpose"), "and what the panic said: {listed:?}");
    second.stop().await.unwrap();
}

/// The engine, in which the deadline of an incident is poisonous from the start until it is set aside.
struct Fragile {
    engine: crate::engine::Engine,
    in_deadline: bool,
}

fn fragile(state: State, policy: Arc<Policy>) -> Box<dyn Core> {
    Box::new(Fragile { engine: crate::engine::Engine::from_state(state, policy), in_deadline: false })
}

const POISONOUS: Timer = Timer::Incident(IncidentId(7));

impl Fragile {
    fn deadlines(&mut self) {
        self.in_deadline = true;
        assert!(self.engine.state().set_aside.contains_key(&POISONOUS), "a deadline, on purpose");
        self.in_deadline = false;
    }
}

impl Core for Fragile {
    fn accept(&mut self, seq: Seq, at: Timestamp, input: Arc<Input>) {
        self.engine.accept(seq, at, input);
    }

    fn judge(&mut self, seq: Seq, now: Timestamp) -> Decision {
        self.deadlines();
        self.engine.judge(seq, now)
    }

    fn tick(&mut self, now: Timestamp) -> Option<Decision> {
        self.deadlines();
        self.engine.tick(now)
    }

    fn evolve(&mut self, transition: &Transition) {
        self.engine.evolve(transition);
    }

    fn next_wakeup(&self) -> Option<Timestamp> {
        Some(START)
    }

    fn state(&self) -> &State {
        self.engine.state()
    }

    fn set_policy(&mut self, policy: Arc<Policy>) {
        self.engine.set_policy(policy);
    }

    fn known_idempotency(&self, source: Source, key: &str) -> Option<EventId> {
        self.engine.known_idempotency(source, key)
    }

    fn deadline_under_way(&self) -> Option<Timer> {
        self.in_deadline.then_some(POISONOUS)
    }
}

#[tokio::test]
async fn a_poisonous_deadline_is_set_aside_and_inputs_are_not_blamed_for_it() {
    let journal = MemoryJournal::new();
    for panics in [1, 0] {
        let parts = Parts {
            journal: Box::new(journal.clone()),
            index: None,
            loaded: loaded("one"),
            clock: Clock::simulated(START),
            make: fragile,
        };
        let prepared = Prepared::new(parts).unwrap();
        let handle = prepared.handle();
        let running = prepared.run(|_| {}, |_| {}).unwrap();
        handle.accept(vec![event(None)]).await.unwrap();
        handle.command(note()).await.unwrap();
        assert_eq!(handle.counters().panics.get(), panics, "once, and not again after the restart");
        handle.read(|state| {
            assert!(state.quarantine.is_empty() && state.inbox.is_empty());
            assert_eq!(state.set_aside.len(), 1);
            assert!(state.alarms.contains_key("deadline/of incident 7"), "{:?}", state.alarms);
        });
        running.stop().await.unwrap();
    }
}

#[tokio::test]
async fn stopping_leaves_a_snapshot_of_everything() {
    let journal = MemoryJournal::new();
    let (handle, running, _) = running(&journal);
    handle.accept(vec![event(None)]).await.unwrap();
    running.stop().await.unwrap();
    let kept = crate::store::Snapshots::kept(&journal);
    assert_eq!(kept.last(), Some(&journal.committed()));
    assert_eq!(handle.accept(vec![event(None)]).await, Err(Refused::Stopping));
}

#[tokio::test]
async fn a_new_configuration_is_a_record_and_a_bad_one_changes_nothing() {
    let journal = MemoryJournal::new();
    let (handle, running, _) = running(&journal);
    let next = Arc::new(Mutex::new(Ok(loaded("two"))));
    let offered = Arc::clone(&next);
    handle.set_reloader(Reloader::new(
        Box::new(move || offered.lock().unwrap().clone()),
        Box::new(|_| Ok(Box::new(|| {}))),
    ));
    assert_eq!(handle.reload().await, Ok("configuration two is in force".to_owned()));
    assert_eq!(handle.policy().fingerprint, "two");
    *next.lock().unwrap() = Err("error: no such team".to_owned());
    assert_eq!(handle.reload().await, Err("error: no such team".to_owned()));
    assert_eq!(handle.policy().fingerprint, "two");
    running.stop().await.unwrap();
    assert!(bodies(&journal).iter().any(|body| {
        matches!(body, RecordBody::Input(input) if matches!(&**input, Input::ConfigActivated { fingerprint } if fingerprint == "two"))
    }));
}

#[tokio::test]
async fn a_report_wakes_the_loop() {
    let journal = MemoryJournal::new();
    let (handle, running, _) = running(&journal);
    handle.alarm("clock", "it jumped");
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while !handle.read(|state| state.alarms.contains_key("clock")) {
            tokio::task::yield_now().await;
        }
    });
    waited.await.unwrap();
    running.stop().await.unwrap();
}
