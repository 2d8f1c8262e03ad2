//! How fast the journal is: commits and events a second by batch, replay, snapshots. Run with `--release`; give a directory on the disk
//! that matters, `target/bench-journal` otherwise.

#![expect(clippy::cast_precision_loss, reason = "figures for people")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use callout::domain::{
    Event, EventId, EventKind, EventStatus, IncidentId, Labels, LabelsBuilder, Name, Seq, Source, Timestamp,
};
use callout::engine::state::{Alert, Incident, Status};
use callout::engine::{Input, State};
use callout::journal::RecordBody;
use callout::store::file::{self, Options};
use callout::store::{Entry, FollowerOptions, IndexFollower, Journal, Room, recover};

/// Each batch size is measured for so long.
const TIME: Duration = Duration::from_secs(2);

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn clock() -> Instant {
    Instant::now()
}

fn labels(n: u64) -> Labels {
    let pairs = [
        ("alertname", "HighErrorRate".to_owned()),
        ("instance", format!("10.0.{}.{}:9100", n / 250 % 250, n % 250)),
        ("pod", format!("checkout-7d9f8b6c5-{n:08x}")),
        ("namespace", "checkout".to_owned()),
        ("service", "data-api".to_owned()),
        ("cluster", "eu-3".to_owned()),
        ("severity", "critical".to_owned()),
    ];
    pairs.into_iter().collect::<LabelsBuilder>().build().unwrap_or_default()
}

fn annotations() -> Labels {
    let pairs = [
        ("summary", "More than 0.6 % of requests to the data API have failed for an hour"),
        (
            "description",
            "The error budget of this endpoint burns at twice the rate that it was made for; see the dashboard for its neighbours",
        ),
        ("runbook_url", "https://wiki.acme.example/runbooks/data-api"),
        ("dashboard_url", "https://grafana.acme.example/d/checkout/data-api"),
    ];
    pairs.into_iter().collect::<LabelsBuilder>().build().unwrap_or_default()
}

fn event(n: u64) -> Event {
    Event {
        kind: EventKind::Resource,
        status: EventStatus::Firing,
        source: Source::Alertmanager,
        at: Timestamp::from_seconds(1_790_000_000),
        ends_at: None,
        idempotency: None,
        team: Some(Name::from("checkout")),
        service: Some(Name::from("data-api")),
        endpoint: None,
        sli: None,
        slo: None,
        objective: None,
        environment: Some(Name::from("prod-eu")),
        region: None,
        window: None,
        labels: labels(n),
        annotations: annotations(),
        detail: None,
    }
}

fn entry(n: u64) -> Entry {
    Entry::new(Timestamp::from_seconds(1_790_000_000), RecordBody::Input(Arc::new(Input::Event(Arc::new(event(n))))))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args().nth(1).map_or_else(|| PathBuf::from("target/bench-journal"), PathBuf::from);
    let _ = std::fs::remove_dir_all(&dir);
    let mut bytes = Vec::new();
    callout::journal::encode_into(&mut bytes, Seq(1), Timestamp::default(), &entry(1).body)?;
    println!("a record has {} bytes", bytes.len());
    for batch in [1, 16, 256, 4096] {
        append(&dir.join(format!("batch-{batch}")), batch)?;
    }
    replay(&dir.join("batch-256"))?;
    index(&dir.join("batch-256"))?;
    snapshot(&dir.join("snapshot"))?;
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

fn append(dir: &Path, batch: usize) -> Result<(), Box<dyn std::error::Error>> {
    let entries: Vec<Entry> = (0..batch as u64).map(entry).collect();
    let mut journal = file::open(dir, Options::default())?;
    let mut times = Vec::new();
    let start = clock();
    while start.elapsed() < TIME {
        let begin = clock();
        journal.commit(&entries, Room::Ordinary)?;
        times.push(begin.elapsed());
    }
    let seconds = start.elapsed().as_secs_f64();
    times.sort_unstable();
    let commits = times.len();
    println!(
        "batch {batch:4}: {:8.0} commits/s {:9.0} events/s  p50 {:?} p99 {:?} max {:?}",
        f64::from(u32::try_from(commits)?) / seconds,
        f64::from(u32::try_from(commits * batch)?) / seconds,
        times[commits / 2],
        times[commits * 99 / 100],
        times[commits - 1]
    );
    Ok(())
}

fn replay(dir: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let start = clock();
    let journal = file::open(dir, Options::default())?;
    let opened = start.elapsed();
    let (records, recovery) = recover(&journal, |_| 0_u64, |records, _| *records += 1)?;
    assert_eq!(records, recovery.records);
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "replay: {records} records in {seconds:.2} s ({opened:?} to open), {:.0} records/s",
        records as f64 / seconds
    );
    Ok(())
}

fn index(dir: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let journal = file::open(dir, Options::default())?;
    let reader = journal.reader();
    let start = clock();
    let follower = IndexFollower::start(&dir.join("index"), Arc::clone(&reader), FollowerOptions::default(), || false)?;
    while follower.complete_to() < reader.committed() {
        std::thread::sleep(Duration::from_millis(5));
    }
    println!(
        "index: {:.0} records/s (inputs: looked at, nothing to keep)",
        reader.committed().0 as f64 / start.elapsed().as_secs_f64()
    );
    Ok(())
}

fn incident(n: u64, event: Arc<Event>) -> Incident {
    let at = event.at;
    Incident {
        room: None,
        id: IncidentId(n),
        key: Name::from(format!("data-api//availability/prod-eu/{n}")),
        team: Name::from("checkout"),
        unowned: false,
        region: Some(Name::from("eu")),
        slo: None,
        event_id: EventId(n),
        firing: vec![event.fingerprint()],
        event,
        latest: None,
        status: Status::Triggered,
        priority: Some(Name::from("P2")),
        rank: 1,
        severity: None,
        opened_at: at,
        updated_at: at,
        last_seen: at,
        duplicates: 0,
        duplicates_snoozed: 0,
        occurrences: vec![at],
        reopened: 0,
        alert_snoozed_until: None,
        escalation: None,
        paged: vec![Name::from("ana")],
        sent: Vec::new(),
        pending: Vec::new(),
        notes: Vec::new(),
        digests: Vec::new(),
        chains: Vec::new(),
        update_due: None,
        response: None,
        links_used: Vec::new(),
    }
}

fn snapshot(dir: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut state = State::default();
    for n in 1..=100_000 {
        let event = Arc::new(event(n));
        let alert = Alert {
            event_id: EventId(n),
            event: Arc::clone(&event),
            since: event.at,
            updated_at: event.at,
            ends_at: None,
            firing: true,
            suppressed: None,
            incident: Some(IncidentId(n)),
        };
        state.alerts.insert(event.fingerprint(), alert);
        let incident = incident(n, event);
        state.by_key.insert(incident.key.clone(), incident.id);
        state.incidents.insert(incident.id, Arc::new(incident));
    }
    let journal = file::open(dir, Options::default())?;
    let snapshots = journal.snapshots();
    let start = clock();
    let copy = state.clone();
    println!("snapshot: copied in {:?}", start.elapsed());
    let start = clock();
    snapshots.save(Seq(1), &copy)?;
    println!("snapshot: 100000 incidents saved in {:?}", start.elapsed());
    let start = clock();
    let loaded = snapshots.load()?.ok_or("no snapshot")?;
    println!("snapshot: loaded in {:?}", start.elapsed());
    assert_eq!(loaded.1.incidents.len(), 100_000);
    Ok(())
}
