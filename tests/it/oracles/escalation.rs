//! The escalation cases with known answers, run through the whole engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use callout::domain::{
    Event, EventKind, EventStatus, IncidentId, Labels, LabelsBuilder, Name, Seq, Source, Span, Timestamp,
};
use callout::engine::policy::{EscalationPolicy, EscalationStep, Organisation, Person, Target, Team};
use callout::engine::state::Status;
use callout::engine::{Actor, Command, Decision, Engine, Input, Policy, Verb};
use callout::rules::Because;
use callout::schedule::{Layer, Override, OverrideKind, Rotation, Schedule, ScheduleSpec, Zone};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    policies: Vec<CasePolicy>,
    events: Vec<CaseEvent>,
    until: i64,
    #[serde(default)]
    on_call: BTreeMap<String, Vec<OnCall>>,
    expect: Vec<Expected>,
    r#final: Final,
}

#[derive(Deserialize)]
struct CasePolicy {
    name: String,
    steps: Vec<CaseStep>,
    repeat: serde_json::Value,
    ack_timeout: Option<i64>,
}

#[derive(Deserialize)]
struct CaseStep {
    targets: Vec<String>,
    wait: i64,
}

#[derive(Deserialize)]
struct OnCall {
    users: Vec<String>,
    from: Option<i64>,
    to: Option<i64>,
}

#[derive(Deserialize)]
struct CaseEvent {
    t: i64,
    r#do: String,
    to: Option<Vec<String>>,
    policy: Option<String>,
    r#for: Option<i64>,
}

#[derive(Deserialize, Debug, PartialEq, Eq)]
struct Expected {
    t: i64,
    r#do: String,
    pass: Option<u32>,
    step: Option<u32>,
    targets: Option<Vec<String>>,
    users: Option<Vec<String>>,
}

#[derive(Deserialize, Debug, PartialEq, Eq)]
struct Final {
    state: String,
    exhausted: bool,
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_040 + minute * 60)
}

fn names(list: &[String]) -> Vec<Name> {
    list.iter().map(Name::from).collect()
}

/// A target of a case as a schedule whose overrides say who stands for it.
fn schedule(name: &str, answers: &[OnCall]) -> Schedule {
    let overrides = answers
        .iter()
        .map(|answer| Override {
            start: answer.from.map_or(Timestamp::MIN, at),
            end: answer.to.map_or(Timestamp::MAX, at),
            kind: OverrideKind::Set(names(&answer.users)),
            role: None,
        })
        .collect();
    let utc = Zone { name: "UTC".into(), tz: jiff::tz::TimeZone::UTC };
    let nobody = Layer {
        name: "nobody".into(),
        turns: vec![Vec::new()],
        rotation: Rotation::None,
        start: jiff::civil::date(2000, 1, 1).at(0, 0, 0, 0),
        anchor: None,
        end: None,
        timezone: None,
        roles: None,
        restrictions: Vec::new(),
        exclude_dates: Vec::new(),
        only_dates: None,
    };
    Schedule::new(ScheduleSpec {
        live: callout::schedule::Live::default(),
        name: name.into(),
        team: None,
        timezone: utc,
        roles: Vec::new(),
        layers: vec![nobody],
        overrides,
    })
}

fn policy(case: &Case) -> Policy {
    let target = |name: &String| {
        if case.on_call.contains_key(name) {
            Target::Schedule { schedule: name.into(), role: None }
        } else {
            Target::Person(name.into())
        }
    };
    let chain = |p: &CasePolicy| EscalationPolicy {
        name: p.name.as_str().into(),
        steps: p
            .steps
            .iter()
            .map(|step| EscalationStep {
                notify: step.targets.iter().map(target).collect(),
                wait: Span::from_minutes(step.wait),
            })
            .collect(),
        repeat: p.repeat.as_u64().map(|n| u32::try_from(n).unwrap()),
        ack_timeout: p.ack_timeout.map(Span::from_minutes),
    };
    let escalations: BTreeMap<Name, Arc<EscalationPolicy>> =
        case.policies.iter().map(|p| (Name::from(&p.name), Arc::new(chain(p)))).collect();
    let team = Team { escalation: Some(Name::from(&case.policies[0].name)), ..Team::default() };
    let people = case
        .policies
        .iter()
        .flat_map(|p| &p.steps)
        .flat_map(|s| &s.targets)
        .map(|name| (Name::from(name), Person { name: name.clone(), ..Person::default() }));
    Policy {
        fingerprint: "case".into(),
        organisation: Organisation {
            name: "acme".into(),
            timezone: "UTC".into(),
            reopen: Span::ZERO,
            ..Organisation::default()
        },
        people: people.collect(),
        teams: BTreeMap::from([("team".into(), Arc::new(team))]),
        schedules: case.on_call.iter().map(|(name, answers)| (Name::from(name), schedule(name, answers))).collect(),
        escalations,
        ..Policy::default()
    }
}

fn fire(minute: i64) -> Input {
    let labels: LabelsBuilder = [("alertname", "case"), ("team", "team")].into_iter().collect();
    Input::Event(Arc::new(Event {
        kind: EventKind::Resource,
        status: EventStatus::Firing,
        source: Source::Native,
        at: at(minute),
        ends_at: None,
        idempotency: None,
        team: Some("team".into()),
        service: None,
        endpoint: None,
        sli: None,
        slo: None,
        objective: None,
        environment: None,
        region: None,
        window: None,
        labels: labels.build().unwrap(),
        annotations: Labels::default(),
        detail: None,
    }))
}

fn input(event: &CaseEvent, incident: IncidentId) -> Input {
    let verb = match event.r#do.as_str() {
        "fire" => return fire(event.t),
        "ack" => Verb::Acknowledge { incident },
        "unack" => Verb::Unacknowledge { incident },
        "resolve" => Verb::Resolve { incident },
        "escalate" => Verb::Escalate { incident },
        "snooze" => Verb::Snooze { incident, until: at(event.t + event.r#for.unwrap()) },
        "reassign" => match (&event.to, &event.policy) {
            (Some(people), _) => Verb::ReassignPeople { incident, people: names(people) },
            (None, Some(policy)) => Verb::ReassignPolicy { incident, policy: policy.into() },
            _ => panic!("reassign without `to` or `policy`"),
        },
        other => panic!("unknown event `{other}`"),
    };
    Input::Command(Command { by: Actor::Local, verb })
}

/// The words of the trace back in the terms of the cases. Labels of targets are undone: a schedule is written `on call in X`.
fn actions(minute: i64, decision: &Decision) -> Vec<Expected> {
    let plain = |targets: &[Name]| {
        targets.iter().map(|t| t.strip_prefix("on call in ").unwrap_or(t).to_owned()).collect::<Vec<_>>()
    };
    let mut found: Vec<Expected> = Vec::new();
    for line in &decision.trace.lines {
        match &line.because {
            Because::StepReached { step, round, targets, users, .. } => {
                let users = users.iter().map(Name::to_string).collect();
                found.push(Expected {
                    t: minute,
                    r#do: "notify".into(),
                    pass: Some(round - 1),
                    step: Some(step - 1),
                    targets: Some(plain(targets)),
                    users: Some(users),
                });
            }
            Because::StepSkipped { step, round, targets, .. } => {
                found.push(Expected {
                    t: minute,
                    r#do: "skip".into(),
                    pass: Some(round - 1),
                    step: Some(step - 1),
                    targets: Some(plain(targets)),
                    users: None,
                });
            }
            Because::Exhausted { .. } => found.push(Expected {
                t: minute,
                r#do: "exhausted".into(),
                pass: None,
                step: None,
                targets: None,
                users: None,
            }),
            _ => {}
        }
    }
    found
}

fn run(case: &Case) -> (Vec<Expected>, Final) {
    let mut engine = Engine::new(Arc::new(policy(case)));
    let mut seen = Vec::new();
    let mut seq = 0;
    for minute in 0..=case.until {
        for event in case.events.iter().filter(|event| event.t == minute) {
            let incident = IncidentId(engine.state().last_incident);
            seq += 1;
            engine.accept(Seq(seq), at(minute), Arc::new(input(event, incident)));
            seen.extend(actions(minute, &engine.judge(Seq(seq), at(minute))));
        }
        while engine.next_wakeup().is_some_and(|due| due <= at(minute)) {
            if let Some(decision) = engine.tick(at(minute)) {
                seen.extend(actions(minute, &decision));
            }
        }
    }
    let state = engine.state();
    let last = state.incidents.get(&IncidentId(state.last_incident));
    let exhausted = last.and_then(|i| i.escalation.as_ref()).is_some_and(|e| e.exhausted);
    let word = match last.map(|incident| &incident.status) {
        None => "none",
        Some(Status::Triggered) => "triggered",
        Some(Status::Acknowledged { .. }) => "acked",
        Some(Status::Snoozed { .. }) => "snoozed",
        Some(Status::Resolved { .. }) => "resolved",
    };
    (seen, Final { state: word.into(), exhausted })
}

#[test]
fn escalations_happen_as_the_cases_say() {
    super::judge("escalation", |json| {
        let case: Case = serde_json::from_value(json.clone()).map_err(|error| error.to_string())?;
        let (seen, end) = run(&case);
        if seen == case.expect && end == case.r#final {
            return Ok(());
        }
        Err(format!("expected {:?} {:?}\n  got      {seen:?} {end:?}", case.expect, case.r#final))
    });
}
