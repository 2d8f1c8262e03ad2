//! Writes the golden journal of the present format to a directory: one record of each kind, one transition of each kind. Run it once when a
//! format is released (`cargo run --example golden_journal tests/data/journal/vN`); what it wrote is never changed afterwards, since a
//! test holds every later version to reading it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use callout::domain::{
    ChannelKind, ChannelRef, DeliveryId, Destination, Event, EventDetail, EventId, EventKind, EventStatus, Fingerprint,
    IncidentId, LabelsBuilder, Name, Seq, SilenceId, Source, Span, Timestamp, WindowCounts,
};
use callout::engine::input::{MatcherSpec, SilenceSpec};
use callout::engine::policy::{EscalationPolicy, EscalationStep, Target};
use callout::engine::state::{Delivery, Purpose, Recipient, Status};
use callout::engine::transition::{IncidentOpening, RefireCount, Suppressor};
use callout::engine::{
    Actor, Command, Decision, DeliveryReport, Input, Outcome, Receipt, Refire, Trace, Transition, Verb,
};
use callout::journal::RecordBody;
use callout::rules::{Because, RuleKind};
use callout::store::file::{self, Options};
use callout::store::{Entry, Journal, Room};

const INCIDENT: IncidentId = IncidentId(4711);
const SOURCE: Fingerprint = Fingerprint(0x0123_4567_89ab_cdef_0011_2233_4455_6677);
const SILENCE: SilenceId = SilenceId(0x11_2233);

fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(1_795_205_700 + second)
}

fn name(text: &str) -> Name {
    Name::from(text)
}

fn slack() -> ChannelRef {
    ChannelRef { kind: ChannelKind::Slack, name: name("main") }
}

fn event() -> Event {
    let labels = [("cluster", "eu-3"), ("ümlaut", "✓")].into_iter().collect::<LabelsBuilder>();
    Event {
        kind: EventKind::Breach,
        status: EventStatus::Firing,
        source: Source::Native,
        at: at(-1),
        ends_at: Some(at(3600)),
        idempotency: Some(name("4f1c")),
        team: Some(name("checkout")),
        service: Some(name("data-api")),
        endpoint: Some(name("GET /api/data/{tenant}")),
        sli: Some(name("availability")),
        slo: Some(name("Availability of get data API")),
        objective: None,
        environment: Some(name("prod-eu")),
        region: None,
        window: Some(WindowCounts { length: Span::from_minutes(60), good: 98_471, total: 100_000 }),
        labels: labels.build().unwrap_or_default(),
        annotations: callout::domain::Labels::default(),
        detail: Some(Box::new(EventDetail::default())),
    }
}

fn silence() -> SilenceSpec {
    let matcher = MatcherSpec { name: name("service"), value: name("data-.*"), is_regex: true, is_equal: true };
    SilenceSpec {
        id: SILENCE,
        matchers: vec![matcher],
        starts_at: at(0),
        ends_at: at(7200),
        author: name("ana"),
        comment: "patching".to_owned(),
        updated_at: at(0),
    }
}

fn receipt() -> Receipt {
    Receipt { channel: slack(), place: name("C01"), message: name("1795205703.000100") }
}

fn inputs() -> Vec<Input> {
    let by = || Actor::Person(name("ana"));
    let reports = [
        Outcome::Delivered { receipt: Some(receipt()) },
        Outcome::Retry { error: name("429"), at: at(30) },
        Outcome::Failed { error: name("channel_not_found") },
    ];
    let report = |outcome| DeliveryReport { delivery: DeliveryId(17), attempt: 1, at: at(3), outcome };
    let verbs = vec![
        Verb::Acknowledge { incident: INCIDENT },
        Verb::Unacknowledge { incident: INCIDENT },
        Verb::Snooze { incident: INCIDENT, until: at(600) },
        Verb::Resolve { incident: INCIDENT },
        Verb::Reopen { incident: INCIDENT },
        Verb::SetPriority { incident: INCIDENT, priority: Some(name("P1")) },
        Verb::SetSeverity { incident: INCIDENT, severity: None },
        Verb::Note { incident: INCIDENT, text: "restarted it".to_owned() },
        Verb::ReassignPeople { incident: INCIDENT, people: vec![name("bo")] },
        Verb::ReassignPolicy { incident: INCIDENT, policy: name("checkout") },
        Verb::Escalate { incident: INCIDENT },
        Verb::AddSilence(silence()),
        Verb::ExpireSilence { silence: SILENCE },
    ];
    let mut inputs = vec![
        Input::Event(Arc::new(event())),
        Input::Refires(vec![Refire { fingerprint: SOURCE, ends_at: None }]),
        Input::Reports(reports.into_iter().map(report).collect()),
        Input::ConfigActivated { fingerprint: name("abc123") },
        Input::Alarm { key: name("disk-full"), text: "the disk is full".to_owned() },
        Input::Tick,
    ];
    inputs.extend(verbs.into_iter().map(|verb| Input::Command(Command { by: by(), verb })));
    inputs
}

fn policy() -> Arc<EscalationPolicy> {
    let step = EscalationStep { notify: vec![Target::Person(name("ana"))], wait: Span::from_minutes(60) };
    let ack_timeout = Some(Span::from_hours(8));
    Arc::new(EscalationPolicy { name: name("checkout"), steps: vec![step], repeat: Some(3), ack_timeout })
}

fn delivery() -> Arc<Delivery> {
    Arc::new(Delivery {
        id: DeliveryId(17),
        incident: Some(INCIDENT),
        to: Recipient::Channel(Destination { channel: slack(), address: name("#checkout") }),
        purpose: Purpose::Page,
        rank: 1,
        ordered_at: at(1),
        expires_at: None,
        attempts: 0,
        text: "step 1 of 4, main on call".to_owned(),
        follows: Some(receipt()),
        fallbacks: 0,
    })
}

fn opening() -> Box<IncidentOpening> {
    Box::new(IncidentOpening {
        incident: INCIDENT,
        event: EventId(1),
        fingerprint: SOURCE,
        key: name("data-api/availability"),
        team: name("checkout"),
        unowned: false,
        region: Some(name("eu")),
        slo: Some(name("Availability of get data API")),
        priority: Some(name("P2")),
        rank: 1,
        policy: Some(policy()),
        counted: true,
        at: at(1),
    })
}

fn transitions() -> Vec<Transition> {
    let (incident, fingerprint, scope) = (INCIDENT, SOURCE, || name("data-api/slo/prod-eu/eu"));
    let by = || Actor::Callout;
    let status = Status::Acknowledged { by: Actor::Person(name("ana")), at: at(60), until: Some(at(28_860)) };
    vec![
        Transition::Judged { input: Seq(1) },
        Transition::ClockAdvanced { now: at(1) },
        Transition::AlertFiring { fingerprint, event: EventId(1) },
        Transition::RefiresCounted(vec![RefireCount { fingerprint, ends_at: Some(at(9)), incident }]),
        Transition::AlertRefreshed { fingerprint, ends_at: None },
        Transition::AlertEnded { fingerprint, at: at(5) },
        Transition::AlertForgotten { fingerprint },
        Transition::AlertSuppressed { fingerprint, by: Some(Suppressor::Silence(SILENCE)) },
        Transition::EvaluationHeld { scope: scope(), fingerprint, until: at(300) },
        Transition::Evaluated { scope: scope(), at: at(1) },
        Transition::AlertSnoozed { scope: scope(), incident, since: at(1), until: at(7201), priority: None },
        Transition::ScopeForgotten { scope: scope() },
        Transition::IncidentOpened(opening()),
        Transition::IncidentReopened { incident, fingerprint: Some(SOURCE), at: at(2) },
        Transition::DuplicateCounted { incident, fingerprint, while_snoozed: true, counted: false },
        Transition::SourceEnded { incident, fingerprint },
        Transition::StatusChanged { incident, status },
        Transition::PriorityChanged { incident, priority: Some(name("P1")), rank: 0, by: by() },
        Transition::SeverityChanged { incident, severity: Some(name("critical")), by: by() },
        Transition::NoteAdded { incident, by: by(), text: "seen".to_owned() },
        Transition::IncidentForgotten { incident },
        Transition::PolicyAssigned { incident, policy: None },
        Transition::EscalationMoved { incident, pass: 0, step: 0, due: Some(at(3601)), exhausted: false },
        Transition::PeoplePaged { incident, people: vec![name("ana")] },
        Transition::DeliveryOrdered(delivery()),
        Transition::DeliveryReported {
            delivery: DeliveryId(17),
            attempt: 1,
            outcome: Outcome::Delivered { receipt: None },
        },
        Transition::DeliveryDropped { delivery: DeliveryId(18) },
        Transition::SilenceSet(silence()),
        Transition::SilenceExpired { silence: SILENCE, at: at(9) },
        Transition::SilenceForgotten { silence: SILENCE },
        Transition::AlarmRaised { key: name("disk-full"), until: at(3600) },
        Transition::ConfigActivated { fingerprint: name("abc123") },
        Transition::IdempotencyForgotten { before: at(-86_400) },
    ]
}

fn trace() -> Trace {
    let mut trace = Trace::default();
    trace.say(None, RuleKind::Timeliness, Because::NoAlertRule);
    trace.say(Some(INCIDENT), RuleKind::Dedup, Because::Opened { incident: INCIDENT, key: name("data-api") });
    trace
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).ok_or("which directory?")?);
    let mut journal = file::open(&dir, Options { segment_bytes: 8_192, reserve_bytes: 0, spare: false })?;
    for input in inputs() {
        journal.commit(&[Entry::new(at(0), RecordBody::Input(Arc::new(input)))], Room::Ordinary)?;
    }
    let decision = Decision { transitions: transitions(), trace: trace() };
    journal.commit(&[Entry::new(at(1), RecordBody::Decision(Arc::new(decision)))], Room::Ordinary)?;
    let mut lines = String::new();
    for record in journal.reader().read_from(Seq(1)) {
        lines.push_str(&serde_json::to_string(&record?.1)?);
        lines.push('\n');
    }
    fs::write(dir.join("records.jsonl"), lines)?;
    for rest in ["snapshot", "index"] {
        fs::remove_dir(dir.join(rest))?;
    }
    fs::remove_file(dir.join("lock"))?;
    Ok(())
}
