//! kill -9 at random moments under mixed load. What was answered 2xx must be there afterwards, exactly as often as it was sent, and
//! must have been told; an acknowledgement that was answered holds, and nobody is paged after it; the configuration is the one of the last
//! reload, whole.
//!
//! `CALLOUT_KILLS` sets how often (default 200, the long run 500), `CALLOUT_SEED` repeats the choices of an earlier run (not its thread timing).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::Service;
use crate::support::hook::{Hook, Taken};
use crate::support::http::Connection;
use crate::support::service::incidents;

/// A message that was under way when an acknowledgement was answered may still arrive for so long.
const UNDER_WAY: Duration = Duration::from_millis(500);
/// Kills unless said otherwise.
const KILLS: u64 = 200;
/// Events that come again and again, by number.
const REPEATED: u64 = 40;

/// Small and good enough to choose moments: a counter run through a mixing function (splitmix64).
#[derive(Clone)]
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// What the clients know for certain.
#[derive(Default)]
struct Known {
    /// How many events of this name were answered, by the native dialect: each has an id and was repeated until it was.
    native: BTreeMap<String, u64>,
    /// Alerts of the Alertmanager dialect: answered, and sent in all (an unanswered one may have been taken or not).
    alerts: BTreeMap<String, (u64, u64)>,
    /// Names whose incident was acknowledged, and when that was answered.
    acknowledged: BTreeMap<String, Instant>,
    /// Answers that were neither 2xx nor 503.
    odd: Vec<String>,
}

struct Load {
    address: String,
    /// Folder of the configuration, and what is in it.
    folder: std::path::PathBuf,
    toml: String,
    stop: AtomicBool,
    known: Mutex<Known>,
    posts: AtomicU64,
    reloads: AtomicU64,
}

impl Load {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// One try; `None` when there was no whole answer.
    fn send(
        &self,
        connection: &mut Option<Connection>,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Option<(u16, Value)> {
        if connection.is_none() {
            *connection = Connection::open(&self.address, Duration::from_secs(10)).ok();
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let reply = connection.as_mut()?.send(method, path, &[("content-type", "application/json")], body.as_bytes());
        if let Ok(reply) = reply {
            return Some((reply.status, serde_json::from_slice(&reply.body).unwrap_or(Value::Null)));
        }
        *connection = None;
        std::thread::sleep(Duration::from_millis(2));
        None
    }

    /// Whether a post was taken; anything but 2xx and 503 is odd.
    fn taken(&self, what: &str, answer: Option<&(u16, Value)>) -> bool {
        match answer {
            Some((200..=299, _)) => return true,
            Some((503, _)) => std::thread::sleep(Duration::from_millis(5)),
            Some((status, body)) => self.known.lock().unwrap().odd.push(format!("{what}: {status} {body}")),
            None => {}
        }
        false
    }

    /// Posts breaches with ids, each until it is answered.
    fn native(&self, mut chance: Chance) {
        let mut connection = None;
        let mut number = 0_u64;
        let sender = chance.next();
        while !self.stopped() {
            let batch: Vec<(String, Value)> = (0..=chance.below(3))
                .map(|_| {
                    number += 1;
                    // One in four is new, the others repeat.
                    let name = if chance.below(4) == 0 { format!("new-{}-n", sender % 1_000_000 * 1_000_000 + number) } else { format!("again-{}-n", chance.below(REPEATED)) };
                    let event = json!({
                        "id": format!("{sender}-{number}"), "kind": "resource", "service": "api", "labels": {"alertname": name},
                        "context": {"number": number}
                    });
                    (name, event)
                })
                .collect();
            let body = Value::Array(batch.iter().map(|(_, event)| event.clone()).collect());
            loop {
                let answer = self.send(&mut connection, "POST", "/v1/breaches", &body);
                if self.taken("breaches", answer.as_ref()) {
                    break;
                }
                if self.stopped() && answer.is_some() {
                    return;
                }
            }
            self.posts.fetch_add(1, Ordering::Relaxed);
            let mut known = self.known.lock().unwrap();
            for (name, _) in batch {
                *known.native.entry(name).or_default() += 1;
            }
            drop(known);
            std::thread::sleep(Duration::from_millis(chance.below(4)));
        }
    }

    /// Posts alerts as a Prometheus does: no ids, no repeats of its own.
    fn alerts(&self, mut chance: Chance) {
        let mut connection = None;
        let mut number = 0_u64;
        while !self.stopped() {
            let names: BTreeSet<String> = (0..=chance.below(8))
                .map(|_| {
                    number += 1;
                    if chance.below(8) == 0 {
                        format!("new-{number}-a")
                    } else {
                        format!("again-{}-a", chance.below(REPEATED))
                    }
                })
                .collect();
            let body: Vec<Value> = names
                .iter()
                .map(|name| json!({"labels": {"alertname": name, "service": "api"}, "endsAt": "2098-01-01T00:00:00Z"}))
                .collect();
            let answer = self.send(&mut connection, "POST", "/api/v2/alerts", &json!(body));
            let taken = self.taken("alerts", answer.as_ref());
            self.posts.fetch_add(1, Ordering::Relaxed);
            let mut known = self.known.lock().unwrap();
            for name in names {
                let counts = known.alerts.entry(name).or_default();
                counts.0 += u64::from(taken);
                counts.1 += 1;
            }
            drop(known);
            std::thread::sleep(Duration::from_millis(chance.below(6)));
        }
    }

    /// Another configuration, put into its place as a whole: a start may read it at any moment.
    fn write_configuration(&self, number: u64) {
        let text = format!("{}\n[services.extra-{number}]\nteam = \"ops\"\n", self.toml);
        let temporary = self.folder.with_file_name("callout.toml.new");
        std::fs::write(&temporary, text).unwrap();
        std::fs::rename(temporary, self.folder.join("callout.toml")).unwrap();
    }

    /// Acknowledges incidents, and reloads the configuration now and then.
    fn people(&self, mut chance: Chance) {
        let mut connection = None;
        while !self.stopped() {
            std::thread::sleep(Duration::from_millis(5 + chance.below(20)));
            if chance.below(8) == 0 {
                self.write_configuration(chance.below(1_000));
                if let Some((200, _)) = self.send(&mut connection, "POST", "/-/reload", &json!({})) {
                    self.reloads.fetch_add(1, Ordering::Relaxed);
                }
                continue;
            }
            let Some((200, list)) =
                self.send(&mut connection, "GET", "/v1/incidents?status=triggered&limit=20", &Value::Null)
            else {
                continue;
            };
            let open = incidents(&list);
            if open.is_empty() {
                continue;
            }
            let incident = &open[usize::try_from(chance.below(open.len() as u64)).unwrap()];
            let path = format!("/v1/incidents/{}/acknowledge", id_of(incident));
            if let Some((200, _)) = self.send(&mut connection, "POST", &path, &json!({})) {
                let at = Instant::now();
                self.known.lock().unwrap().acknowledged.entry(name_of(&incident.to_string())).or_insert(at);
            }
        }
    }
}

fn id_of(incident: &Value) -> String {
    incident["id"].as_str().map_or_else(|| incident["id"].to_string(), str::to_owned)
}

/// The alert's name in any text about it: `new-17-n`, `again-3-a`.
fn name_of(text: &str) -> String {
    ["new-", "again-"]
        .iter()
        .find_map(|start| {
            let from = text.find(start)?;
            let rest = &text[from..];
            let digits = rest[start.len()..].chars().take_while(char::is_ascii_digit).count();
            rest.get(..start.len() + digits + 2).map(str::to_owned)
        })
        .unwrap_or_default()
}

fn config(hook: &Hook) -> String {
    format!(
        r#"[organisation]
name = "acme"
timezone = "UTC"
fallback = "ops"

[channels.webhook.hook]
url = "http://{address}/hook"
allow_private = true
batch = 50

[channels.slack.main]
token_env = "TEST_SLACK_TOKEN"
api_url = "http://{address}/slack/"
allow_private = true
interval = "0s"
digest = false

[people]
ann = {{ name = "Ann", slack = "U0ANN" }}
bob = {{ name = "Bob", slack = "U0BOB" }}

[teams.ops]
members = ["ann", "bob"]
escalation = "ops"
[[teams.ops.routes]]
tell = ["webhook:hook"]
[services.api]
team = "ops"

[escalations.ops]
steps = [
  {{ notify = ["person:ann"], wait = "2s" }},
  {{ notify = ["person:bob"], wait = "60m" }},
]
"#,
        address = hook.address
    )
}

/// All incidents, over all pages.
fn all_incidents(service: &Service) -> Vec<Value> {
    let mut all = Vec::new();
    let mut path = String::from("/v1/incidents?status=all&limit=500");
    loop {
        let page = service.get(&path).expect_status(200).json();
        all.extend(incidents(&page));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/incidents?status=all&limit=500&cursor={cursor}"),
            None => return all,
        }
    }
}

#[test]
fn kill_9_at_random_moments_loses_nothing() {
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let kills = number("CALLOUT_KILLS").unwrap_or(KILLS);
    let seed = number("CALLOUT_SEED").unwrap_or_else(|| {
        u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() & u128::from(u32::MAX)).unwrap()
    });
    let mut chance = Chance(seed);
    println!("crash: seed {seed} (CALLOUT_SEED repeats it)");

    let hook = Hook::start();
    let toml = config(&hook);
    let mut service = Service::prepare(&[("callout.toml", &toml)]).env("TEST_SLACK_TOKEN", "xoxb-test").start();
    let load = Arc::new(Load {
        address: service.address.clone(),
        folder: service.config(),
        toml,
        stop: AtomicBool::new(false),
        known: Mutex::default(),
        posts: AtomicU64::new(0),
        reloads: AtomicU64::new(0),
    });
    let spawn = |run: fn(&Load, Chance), chance: Chance| {
        let load = Arc::clone(&load);
        std::thread::spawn(move || run(&load, chance))
    };
    let threads = [
        spawn(Load::native, Chance(chance.next())),
        spawn(Load::native, Chance(chance.next())),
        spawn(Load::alerts, Chance(chance.next())),
        spawn(Load::people, Chance(chance.next())),
    ];

    let begin = Instant::now();
    let mut down = Duration::ZERO;
    for _ in 0..kills {
        // Often soon after the start, sometimes later; in microseconds, so that moments within a commit are hit too.
        let longest = if chance.below(3) == 0 { 5_000 } else { 150_000 };
        std::thread::sleep(Duration::from_micros(chance.below(longest)));
        let killed = Instant::now();
        service.restart();
        down += killed.elapsed();
    }
    // On a busy machine lives are so short that nobody was paged and acknowledged it; the load goes on until somebody was.
    let patience = Instant::now() + Duration::from_secs(30);
    let paged_and_acknowledged = || {
        let known = load.known.lock().unwrap();
        let pages = hook.taken().into_iter().filter(is_page).map(|t| name_of(&t.body.to_string()));
        pages.filter(|name| known.acknowledged.contains_key(name)).count()
    };
    while paged_and_acknowledged() == 0 && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(100));
    }
    load.stop.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }
    let known = std::mem::take(&mut *load.known.lock().unwrap());
    assert!(known.odd.is_empty(), "seed {seed}: odd answers: {:#?}", &known.odd[..known.odd.len().min(10)]);

    // Everything that was answered is there, as often as it was sent.
    let names: BTreeSet<&String> =
        known.native.keys().chain(known.alerts.iter().filter(|(_, (taken, _))| *taken > 0).map(|(n, _)| n)).collect();
    let deadline = Instant::now() + Duration::from_mins(1);
    let by_name = loop {
        let by_name: BTreeMap<String, Value> =
            all_incidents(&service).into_iter().map(|i| (name_of(&i.to_string()), i)).collect();
        let wrong = mismatch(&known, &by_name);
        if wrong.is_empty() {
            break by_name;
        }
        assert!(
            Instant::now() < deadline,
            "seed {seed}: {} mismatches:\n{}",
            wrong.len(),
            wrong[..wrong.len().min(20)].join("\n")
        );
        std::thread::sleep(Duration::from_millis(100));
    };

    // What was read last is in force: its service is known, and what it is told of is owned.
    let toml = std::fs::read_to_string(load.folder.join("callout.toml")).unwrap();
    let extra =
        toml.lines().find_map(|line| line.strip_prefix("[services.")?.strip_suffix(']').filter(|s| *s != "api"));
    service.post("/-/reload", &json!({})).expect_status(200);
    let event = json!({"kind": "resource", "service": extra.unwrap_or("api"), "labels": {"alertname": "of-the-extra"}});
    service.post("/v1/breaches", &event).expect_status(202);
    let list = service.wait_json("/v1/incidents?limit=500", "judged", |v| v.to_string().contains("of-the-extra"));
    let owned = incidents(&list).into_iter().find(|i| i.to_string().contains("of-the-extra")).unwrap();
    assert_eq!(owned["unowned"], false, "seed {seed}: {owned}");

    // And the team was told of each.
    let told = loop {
        let taken = hook.taken();
        let told: BTreeSet<String> =
            taken.iter().filter(|t| is(t, "incident.alert")).map(|t| name_of(&t.body.to_string())).collect();
        let untold: Vec<_> = names.iter().filter(|n| !told.contains(**n)).collect();
        if untold.is_empty() {
            break taken;
        }
        assert!(
            Instant::now() < deadline,
            "seed {seed}: {} were never told, for example {:?}",
            untold.len(),
            untold[0]
        );
        std::thread::sleep(Duration::from_millis(100));
    };

    // Nobody was paged after an acknowledgement that was answered.
    let pages: Vec<&Taken> = told.iter().filter(|t| is_page(t)).collect();
    let paged_and_acknowledged =
        pages.iter().filter(|t| known.acknowledged.contains_key(&name_of(&t.body.to_string()))).count();
    assert!(
        paged_and_acknowledged > 0 || kills < 20,
        "seed {seed}: no page was ever acknowledged, so nothing is shown"
    );
    let late: Vec<String> = pages
        .iter()
        .filter_map(|t| {
            let name = name_of(&t.body.to_string());
            let at = known.acknowledged.get(&name)?;
            let after = t.at.checked_duration_since(*at + UNDER_WAY)?;
            Some(format!("{name}: {after:?} too late: {}", t.body))
        })
        .collect();
    assert!(late.is_empty(), "seed {seed}: paged after the acknowledgement:\n{}", late.join("\n"));

    let mut repeats: BTreeMap<&str, u64> = BTreeMap::new();
    for taken in &told {
        if let Some(key) = taken.body["id"].as_str() {
            *repeats.entry(key).or_default() += 1;
        }
    }
    let repeated = repeats.values().filter(|n| **n > 1).count();
    println!(
        "crash: {kills} kills in {:.0} s ({} ms down each): {} requests, {} incidents, {} acknowledged, {} reloads, {} pages, {} messages told, {repeated} of them twice; 0 lost",
        begin.elapsed().as_secs_f64(),
        down.as_millis() / u128::from(kills.max(1)),
        load.posts.load(Ordering::Relaxed),
        by_name.len(),
        known.acknowledged.len(),
        load.reloads.load(Ordering::Relaxed),
        pages.len(),
        repeats.len(),
    );
    assert!(
        !known.acknowledged.is_empty() && load.reloads.load(Ordering::Relaxed) > 0,
        "seed {seed}: the load was not mixed"
    );
}

/// A page is a message of its own; what follows up on it is in its thread.
fn is_page(taken: &Taken) -> bool {
    taken.method == "chat.postMessage" && taken.body["thread_ts"].is_null()
}

fn is(taken: &Taken, kind: &str) -> bool {
    taken.method == "hook" && taken.body["type"] == kind
}

/// What is not there, or not as often as it was answered.
fn mismatch(known: &Known, by_name: &BTreeMap<String, Value>) -> Vec<String> {
    let mut wrong = Vec::new();
    for name in known.acknowledged.keys() {
        let status = by_name.get(name).map_or("absent", |i| i["status"].as_str().unwrap_or_default());
        if status != "acknowledged" {
            wrong.push(format!("{name}: the acknowledgement was answered, and it is {status}"));
        }
    }
    let count = |name: &String| by_name.get(name).map(|i| i["duplicates"].as_u64().unwrap_or(0) + 1);
    for (name, sent) in &known.native {
        match count(name) {
            None => wrong.push(format!("{name}: lost ({sent} answered)")),
            Some(counted) if counted != *sent => wrong.push(format!("{name}: {sent} answered, {counted} counted")),
            Some(_) => {}
        }
    }
    for (name, (answered, sent)) in &known.alerts {
        match count(name) {
            None if *answered > 0 => wrong.push(format!("{name}: lost ({answered} answered)")),
            Some(counted) if counted < *answered || counted > *sent => {
                wrong.push(format!("{name}: {answered} answered of {sent} sent, {counted} counted"));
            }
            _ => {}
        }
    }
    wrong
}
