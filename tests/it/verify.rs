//! Damage to the data directory, as the operator meets it: what starts, what does not and why, and what `callout verify` does about it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::Service;
use crate::support::hook::Hook;
use crate::support::service::{callout, run};

const EVENTS: usize = 12;

fn config(hook: &Hook) -> String {
    format!(
        r#"[organisation]
name = "acme"
fallback = "ops"
[channels.webhook.hook]
url = "http://{}/hook"
allow_private = true
[teams.ops]
[[teams.ops.routes]]
tell = ["webhook:hook"]
[services.api]
team = "ops"
"#,
        hook.address
    )
}

/// A service that was killed after it answered some events, each in a commit of its own.
fn killed(hook: &Hook) -> Service {
    let mut service = Service::prepare(&[("callout.toml", &config(hook))]).start();
    for n in 0..EVENTS {
        let event = json!({"kind": "resource", "service": "api", "labels": {"alertname": format!("event-{n}-")}});
        service.post("/v1/breaches", &event).expect_status(202);
    }
    service.wait_incidents(EVENTS);
    service.kill_9();
    service
}

fn segment(service: &Service) -> PathBuf {
    service.data().join("journal/00000000000000000001.seg")
}

/// Where frames begin.
fn frames(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len() - 4).step_by(8).filter(|at| &bytes[*at..*at + 4] == b"CFRM").collect()
}

fn verify(service: &Service, arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(callout().arg("verify").arg("--data").arg(service.data()).args(arguments));
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
    )
}

fn events(service: &Service) -> usize {
    let list = service.get("/v1/incidents?status=all&limit=500").json().to_string();
    (0..EVENTS).filter(|n| list.contains(&format!("event-{n}-"))).count()
}

/// All files below, with their bytes.
fn content(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        if entry.path().is_dir() {
            all.extend(content(&entry.path()));
        } else {
            all.push((entry.path(), std::fs::read(entry.path()).unwrap()));
        }
    }
    all.sort();
    all
}

#[test]
fn a_torn_end_is_cut_at_the_last_whole_record() {
    let hook = Hook::start();
    let mut service = killed(&hook);
    let path = segment(&service);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = *frames(&bytes).last().unwrap();
    // Half of a commit, as a power cut leaves it: a copy of the last one, further on, whose end did not come.
    let length = 24 + u32::from_le_bytes(bytes[last + 4..last + 8].try_into().unwrap()) as usize;
    let behind = last + length.next_multiple_of(8);
    let half: Vec<u8> = bytes[last..last + length / 2].to_vec();
    bytes[behind..behind + half.len()].copy_from_slice(&half);
    std::fs::write(&path, &bytes).unwrap();
    let (code, said) = verify(&service, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("was never confirmed"), "{said}");
    service.spawn();
    service.wait_ready();
    assert_eq!(events(&service), EVENTS);
    assert!(service.log().contains("cut off and is removed"), "{}", service.log());
    service.post("/v1/breaches", &json!({"kind": "resource", "service": "api", "labels": {"alertname": "after"}}));
    service.wait_incidents(EVENTS + 1);
    let (code, said) = verify(&service, &[]);
    assert_eq!(code, Some(0), "while it runs: {said}");
}

#[test]
fn damage_in_the_middle_stops_the_start_and_is_repaired_only_when_told_so() {
    let hook = Hook::start();
    let mut service = killed(&hook);
    let path = segment(&service);
    let mut bytes = std::fs::read(&path).unwrap();
    let all = frames(&bytes);
    bytes[all[all.len() / 2] + 30] ^= 4;
    std::fs::write(&path, &bytes).unwrap();

    service.spawn();
    assert_eq!(service.wait_end(Duration::from_secs(20)).code(), Some(1));
    let log = service.log();
    for words in
        ["00000000000000000001.seg", "is damaged at byte", "everything up to record", "Keep a copy", "callout verify"]
    {
        assert!(log.contains(words), "{words} is missing:\n{log}");
    }

    let before = content(service.data());
    let (code, said) = verify(&service, &[]);
    assert_eq!(code, Some(1), "{said}");
    for words in ["damaged: ", "00000000000000000001.seg", "lost", "everything up to record", "--repair --yes"] {
        assert!(said.contains(words), "{words} is missing: {said}");
    }
    let (code, said) = verify(&service, &["--repair"]);
    assert_eq!(code, Some(1), "{said}");
    for words in ["would be lost", "nothing was changed", "--repair --yes"] {
        assert!(said.contains(words), "{words} is missing: {said}");
    }
    assert!(content(service.data()) == before, "without --yes nothing may change");
    let (_, said) = verify(&service, &["--repair", "--output", "json"]);
    let plan: Value = serde_json::from_str(&said).unwrap();
    let would: Vec<(u64, u64)> = serde_json::from_value(plan["would_lose"].clone()).unwrap();
    assert!(!would.is_empty() && plan["repair"].is_null(), "{plan}");
    assert!(content(service.data()) == before, "without --yes nothing may change");

    let (code, said) = verify(&service, &["--repair", "--yes", "--output", "json"]);
    assert_eq!(code, Some(0), "{said}");
    let done: Value = serde_json::from_str(&said).unwrap();
    let lost: Vec<(u64, u64)> = serde_json::from_value(done["repair"]["lost"].clone()).unwrap();
    assert_eq!(lost, would, "what is lost is what was said");
    let aside = PathBuf::from(done["repair"]["moved"][0][1].as_str().unwrap());
    assert!(std::fs::read(&aside).unwrap() == bytes, "the damaged bytes are kept");
    let (code, said) = verify(&service, &[]);
    assert_eq!(code, Some(0), "{said}");

    service.spawn();
    service.wait_ready();
    let records: u64 = lost.iter().map(|(from, to)| to - from).sum();
    let there = events(&service);
    assert!(there + usize::try_from(records).unwrap() >= EVENTS, "{there} events, {records} records lost");
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !hook.taken().iter().any(|taken| taken.body.to_string().contains("The journal was damaged")) {
        assert!(std::time::Instant::now() < deadline, "nobody is told of the loss:\n{}", service.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_segment_that_is_gone_and_a_snapshot_without_its_journal_are_told_and_not_made_up() {
    let hook = Hook::start();
    let mut service = killed(&hook);
    service.spawn();
    service.wait_ready();
    service.signal("TERM");
    assert!(service.wait_end(Duration::from_secs(20)).success(), "it leaves a snapshot");
    std::fs::remove_file(segment(&service)).unwrap();
    service.spawn();
    assert_eq!(service.wait_end(Duration::from_secs(20)).code(), Some(1), "{}", service.log());
    let log = service.log();
    for words in ["the snapshot stands at record", "records are missing", "backup", "callout verify"] {
        assert!(log.contains(words), "{words} is missing:\n{log}");
    }
    let (code, said) = verify(&service, &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the journal ends at 0"), "{said}");
}

/// Something done to the folder of a day of the index.
type Harm = fn(&Path);

#[test]
fn whatever_happens_to_the_index_it_is_built_again() {
    let hook = Hook::start();
    let mut service = killed(&hook);
    service.spawn();
    service.wait_ready();
    let incident = crate::support::service::incidents(&service.get("/v1/incidents").json())[0]["id"].to_string();
    service.wait_json(&format!("/v1/incidents/{incident}"), "told", |i| i["told"] == json!(["webhook:hook"]));
    let right = service.client(&["explain", &incident]);
    service.signal("TERM");
    assert!(service.wait_end(Duration::from_secs(20)).success());
    let index = service.data().join("index");
    let day = std::fs::read_dir(&index).unwrap().flatten().next().unwrap().path();
    let (code, said) = verify(&service, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("closed up to record"), "{said}");
    let harms: [(&str, Harm); 3] = [
        ("rubbish", |day| {
            std::fs::write(day.join("day.json"), "{}").unwrap();
        }),
        ("a missing file", |day| std::fs::remove_file(day.join("db")).unwrap()),
        ("gone", |day| std::fs::remove_dir_all(day.parent().unwrap()).unwrap()),
    ];
    for (what, harm) in harms {
        harm(&day);
        if what == "rubbish" {
            let (code, said) = verify(&service, &[]);
            assert_eq!(code, Some(0), "the index is no truth: {said}");
            assert!(said.contains("not sound from") && said.contains("built again"), "{said}");
        }
        service.spawn();
        service.wait_ready();
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        loop {
            let output = run(callout().args(["explain", &incident, "--url", &service.url("")]));
            if String::from_utf8_lossy(&output.stdout) == right {
                break;
            }
            // A look-up that finds the damage says so once, and is right the next time.
            assert!(std::time::Instant::now() < deadline, "{what}: {output:?}\n{}", service.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        while !verify(&service, &[]).1.contains("open") {
            assert!(std::time::Instant::now() < deadline, "{what}: {}", service.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        service.signal("TERM");
        assert!(service.wait_end(Duration::from_secs(20)).success());
        let (code, said) = verify(&service, &[]);
        assert_eq!(code, Some(0), "{what}: {said}");
        assert!(said.contains("closed up to record"), "{what}: {said}");
    }
}
