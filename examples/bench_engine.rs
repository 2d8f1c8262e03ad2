//! How fast the engine judges, and what an open incident weighs. Figures for people, not a test:
//! `cargo run --release --example bench_engine`.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a benchmark for people"
)]

use std::sync::Arc;
use std::time::Instant;

use callout::domain::{Event, EventKind, EventStatus, LabelsBuilder, Name, Seq, Source, Span, Timestamp};
use callout::engine::policy::{Organisation, Team, TeamDedup};
use callout::engine::{Engine, Input, Policy, Refire};
use callout::rules::dedup::DedupRule;
use callout::rules::route::Route;

const INCIDENTS: u64 = 100_000;

fn policy() -> Policy {
    let route = Route {
        regions: vec![],
        environments: vec![],
        services: vec![],
        priorities: vec![],
        tell: vec!["webhook:sink".parse().unwrap()],
        go_on: false,
    };
    let team = |_| Team {
        dedup: TeamDedup { breach: DedupRule::Fields(vec![]), resource: DedupRule::Fields(vec![]) },
        routes: vec![route.clone()],
        ..Team::default()
    };
    Policy {
        organisation: Organisation {
            name: "acme".into(),
            timezone: "UTC".into(),
            reopen: Span::from_minutes(30),
            digest: Some(callout::engine::digest::DigestRule::default()),
            ..Organisation::default()
        },
        teams: (0..500).map(|n| (Name::from(format!("team-{n:03}")), Arc::new(team(n)))).collect(),
        ..Policy::default()
    }
}

fn alert(n: u64) -> Event {
    let team = format!("team-{:03}", n % 500);
    let service = format!("service-{:04}", n % 2000);
    let pairs = [
        ("alertname", "SLOBurnRateHigh".to_owned()),
        ("team", team.clone()),
        ("service", service.clone()),
        ("slo", "availability".to_owned()),
        ("region", "eu-west".to_owned()),
        ("severity", "critical".to_owned()),
        ("lg_id", format!("lg-abcd-{n:010}")),
    ];
    let labels: LabelsBuilder = pairs.into_iter().collect();
    let text: LabelsBuilder = [
        ("summary", "Error budget of the service burns at 14.4x"),
        (
            "description",
            "More than 200% of the hourly error budget was used within 60 minutes; long window 1h, short window 5m.",
        ),
        ("runbook_url", "http://runbooks.invalid/slo/burn-rate"),
    ]
    .into_iter()
    .collect();
    Event {
        kind: EventKind::Breach,
        status: EventStatus::Firing,
        source: Source::Alertmanager,
        at: Timestamp::from_seconds(1_700_000_000),
        ends_at: Some(Timestamp::from_seconds(1_700_003_600)),
        idempotency: None,
        team: Some(team.into()),
        service: Some(service.into()),
        endpoint: None,
        sli: None,
        slo: Some("availability".into()),
        objective: None,
        environment: None,
        region: Some("eu-west".into()),
        window: None,
        labels: labels.build().unwrap_or_default(),
        annotations: text.build().unwrap_or_default(),
        detail: None,
    }
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmRSS")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

fn main() {
    let mut engine = Engine::new(Arc::new(policy()));
    let now = Timestamp::from_seconds(1_700_000_000);
    let inputs: Vec<Input> = (0..INCIDENTS).map(|n| Input::Event(Arc::new(alert(n)))).collect();
    let before = resident_mib();
    let (mut seq, mut bytes) = (0, 0);
    let start = Instant::now();
    let mut fingerprints = Vec::new();
    for input in inputs {
        seq += 1;
        engine.accept(Seq(seq), now, Arc::new(input));
        let decision = engine.judge(Seq(seq), now);
        bytes += postcard::to_allocvec(&decision).map_or(0, |b| b.len());
    }
    let took = start.elapsed();
    println!(
        "judged and encoded {INCIDENTS} new alerts: {:.1} us each, decision {} bytes",
        took.as_secs_f64() * 1e6 / INCIDENTS as f64,
        bytes as u64 / INCIDENTS
    );
    println!("resident: {:.0} MiB before (with the inputs), {:.0} MiB after", before, resident_mib());
    fingerprints.extend(engine.state().alerts.keys().take(1000).copied());
    let refires: Vec<Refire> = fingerprints.iter().map(|f| Refire { fingerprint: *f, ends_at: None }).collect();
    let start = Instant::now();
    for _ in 0..1000 {
        seq += 1;
        engine.accept(Seq(seq), now, Arc::new(Input::Refires(refires.clone())));
        engine.judge(Seq(seq), now);
    }
    println!("re-fires: {:.2} us each", start.elapsed().as_secs_f64());
    let start = Instant::now();
    let copy = engine.state().clone();
    println!("copy of the state for a snapshot: {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    let bytes = postcard::to_allocvec(&copy).unwrap();
    println!("snapshot: {} MiB encoded in {:.0} ms", bytes.len() >> 20, start.elapsed().as_secs_f64() * 1e3);
    drop(copy);
    let start = Instant::now();
    let state: callout::engine::State = postcard::from_bytes(&bytes).unwrap();
    let engine = Engine::from_state(state, Arc::new(policy()));
    println!("restored in {:.0} ms, {} incidents", start.elapsed().as_secs_f64() * 1e3, engine.state().incidents.len());
}
