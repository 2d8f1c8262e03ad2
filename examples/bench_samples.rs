//! How many samples a second are taken durably, from the bytes of a request to the sync: callout's own JSON, and Prometheus remote write.
//! Figures for people, not a test: `cargo run --release --example bench_samples`. `DIR` names where the journal lies (default: a folder in /var/tmp).
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a benchmark for people"
)]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callout::config::{self, Loaded};
use callout::domain::{Timestamp, minute_end, minute_over};
use callout::ingest::metrics::mapping::Mapper;
use callout::ingest::metrics::remote_write::{self, Version};
use callout::ingest::metrics::wire::put_bytes;
use callout::ingest::{Context, Known, samples};
use callout::runtime::{Clock, Handle, Parts, Prepared, engine};
use callout::store::file;

const SERVICES: usize = 100;
const ENDPOINTS: usize = 200;
/// Samples in one request.
const BATCH: usize = 5_000;
/// Requests under way at once.
const SENDERS: usize = 4;

struct Nobody;

impl Known for Nobody {
    fn look(
        &self,
        _: &mut dyn FnMut(
            &std::collections::BTreeMap<callout::domain::Fingerprint, callout::engine::state::Alert>,
            bool,
        ),
    ) {
    }
}

fn configuration(now: Timestamp) -> Loaded {
    let mut text = String::from("[organisation]\nname = \"acme\"\nfallback = \"ops\"\n[teams.ops]\n");
    for service in 0..SERVICES {
        writeln!(text, "[services.shop-{service:03}]\nteam = \"ops\"").unwrap();
    }
    text.push_str("[metrics.http]\ntotal = 'http_requests_total'\nbad = 'http_requests_total{code=~\"5..\"}'\nservice = \"{job}\"\nendpoint = \"{handler}\"\nsli = \"availability\"\n");
    let report = config::load_texts([("callout.toml", text.as_str())], now);
    report.loaded.clone().unwrap_or_else(|| panic!("{}", report.render(false)))
}

/// Bodies of JSON, each of [`BATCH`] samples: every endpoint of every service in each of nine minutes.
fn bodies(now: Timestamp, round: usize) -> Vec<String> {
    let mut all = Vec::new();
    let mut body = String::new();
    let mut held = 0;
    for ago in 1..=9 {
        let minute = minute_end(minute_over(now) - ago);
        for service in 0..SERVICES {
            for endpoint in 0..ENDPOINTS {
                let good = 1_000 + round;
                let open = if held == 0 { '[' } else { ',' };
                write!(body, "{open}{{\"service\":\"shop-{service:03}\",\"endpoint\":\"GET /api/v1/things/{endpoint}\",\"sli\":\"availability\",\"environment\":\"prod-eu\",\"source\":\"api-1\",\"minute\":\"{minute}\",\"good\":{good},\"total\":{}}}", good + 3).unwrap();
                held += 1;
                if held == BATCH {
                    body.push(']');
                    all.push(std::mem::take(&mut body));
                    held = 0;
                }
            }
        }
    }
    all
}

/// Requests of remote write, in order of time: every endpoint with two status codes, scraped every 15 seconds.
fn requests(now: Timestamp, scrapes: i64) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for scrape in 0..scrapes {
        let at = now.as_millis() - 15_000 * (scrapes - scrape);
        let (mut body, mut held) = (Vec::new(), 0);
        for service in 0..SERVICES {
            for endpoint in 0..ENDPOINTS / 2 {
                for code in ["200", "503"] {
                    let mut series = Vec::new();
                    let (job, handler) = (format!("shop-{service:03}"), format!("/api/v1/things/{endpoint}"));
                    let labels = [
                        ("__name__", "http_requests_total"),
                        ("code", code),
                        ("handler", &handler),
                        ("instance", "10.0.0.17:9100"),
                        ("job", &job),
                    ];
                    for (name, value) in labels {
                        let mut label = Vec::new();
                        put_bytes(&mut label, 1, name.as_bytes());
                        put_bytes(&mut label, 2, value.as_bytes());
                        put_bytes(&mut series, 1, &label);
                    }
                    let mut point = vec![0x09];
                    point.extend((f64::from(u32::try_from(scrape).unwrap()) * 100.0).to_le_bytes());
                    point.push(0x10);
                    let mut rest = at.cast_unsigned();
                    while rest >= 0x80 {
                        point.push(rest.to_le_bytes()[0] | 0x80);
                        rest >>= 7;
                    }
                    point.push(rest.to_le_bytes()[0]);
                    put_bytes(&mut series, 2, &point);
                    put_bytes(&mut body, 1, &series);
                    held += 1;
                    if held == BATCH {
                        all.push(snap::raw::Encoder::new().compress_vec(&std::mem::take(&mut body)).unwrap());
                        held = 0;
                    }
                }
            }
        }
    }
    all
}

fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

async fn send_json(handle: Handle, body: String) -> usize {
    let samples: Vec<_> = {
        let context = Context { now: handle.now(), organisation: "acme", known: &Nobody, may: None };
        samples::read(&body, &context, &callout::config::metrics::MetricRules::default())
            .unwrap()
            .samples
            .into_iter()
            .map(|(_, sample)| sample)
            .collect()
    };
    handle.accept_samples(samples).await.unwrap().iter().filter(|taken| taken.is_ok()).count()
}

async fn send_remote_write(handle: Handle, body: Vec<u8>) -> usize {
    let readings = {
        let (settings, policy, now) = (handle.settings(), handle.policy(), handle.now());
        let knows = |service: &str| policy.services.contains_key(service);
        let mut mapper = Mapper::new(&settings.metrics, &knows, None, now);
        remote_write::read(Version::One, &remote_write::decompress(&body).unwrap(), &mut mapper).unwrap();
        mapper.finish().0
    };
    let sent: usize = readings.iter().map(|group| group.readings.len()).sum();
    let refused: usize = handle.accept_readings(readings).await.unwrap().into_iter().flatten().map(|(n, _)| n).sum();
    sent - refused
}

/// Sends all bodies, so many at once, and waits until everything is judged.
async fn measure<B: Send + 'static, F: Future<Output = usize> + Send + 'static>(
    what: &str,
    handle: &Handle,
    bodies: Vec<B>,
    send: impl Fn(Handle, B) -> F + Clone + Send + 'static,
) {
    let (begin, used) = (Instant::now(), cpu());
    let requests = bodies.len();
    let bodies = Arc::new(std::sync::Mutex::new(bodies.into_iter()));
    let mut tasks = Vec::new();
    for _ in 0..SENDERS {
        let (bodies, handle, send) = (Arc::clone(&bodies), handle.clone(), send.clone());
        tasks.push(tokio::spawn(async move {
            let mut taken = 0;
            loop {
                let Some(body) = bodies.lock().unwrap().next() else { break taken };
                taken += send(handle.clone(), body).await;
            }
        }));
    }
    let mut taken = 0;
    for task in tasks {
        taken += task.await.unwrap();
    }
    let durable = begin.elapsed();
    while handle.has_unjudged() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (judged, used) = (begin.elapsed(), cpu().saturating_sub(used));
    println!(
        "{what}: {taken} samples in {requests} requests, durable after {:.2} s ({:.0} a second), judged after {:.2} s, {:.2} s of CPU",
        durable.as_secs_f64(),
        taken as f64 / durable.as_secs_f64(),
        judged.as_secs_f64(),
        used.as_secs_f64(),
    );
}

#[tokio::main]
async fn main() {
    let dir = std::env::var("DIR")
        .map_or_else(|_| PathBuf::from(format!("/var/tmp/callout-bench-{}", std::process::id())), PathBuf::from);
    let clock = Clock::system();
    let now = clock.now();
    let journal = file::open(&dir, file::Options::default()).unwrap();
    let parts = Parts { journal: Box::new(journal), index: None, loaded: configuration(now), clock, make: engine };
    let prepared = Prepared::new(parts).unwrap();
    let handle = prepared.handle();
    let running = prepared.run(|_| {}, |_| {}).unwrap();
    measure("JSON, new series", &handle, bodies(now, 0), send_json).await;
    let again: Vec<String> = (1..=5).flat_map(|round| bodies(now, round)).collect();
    measure("JSON, known series", &handle, again, send_json).await;
    measure("remote write", &handle, requests(now, 60), send_remote_write).await;
    let bytes: u64 =
        std::fs::read_dir(dir.join("journal")).unwrap().flatten().map(|f| f.metadata().unwrap().len()).sum();
    println!("journal: {} MiB in whole segments", bytes / 1024 / 1024);
    running.stop().await.unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
}
