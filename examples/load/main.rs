//! Load driver for servers that speak the Alertmanager API: posts alerts over plain loopback HTTP, receives the notifications, and
//! prints one line of JSON per result. `run.sh` beside it starts callout and Alertmanager in turn and prints the figures side by side.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    reason = "a program that measures time and prints rounded figures"
)]

mod alert;
mod client;
mod report;
mod sink;

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand};
use hyper::Method;
use serde_json::json;

use alert::Shape;
use client::{Connection, Flood, Pace, Posted, flood, index, nanos, paced};
use report::{cpu_s, emit, latency, memory_mib, round};
use sink::Sink;

#[derive(Debug, Parser)]
#[command(name = "load", about, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Debug, Subcommand)]
enum Mode {
    /// Closed loop: how many alerts a second are accepted (and, with --notified, received).
    Ingest(Ingest),
    /// Fixed rate: time from post to receipt; lost and repeated alerts.
    E2e(Paced),
    /// A burst: when has the receiver seen all of it.
    Storm(Burst),
    /// Load many active alerts: memory, and how long a list takes.
    Active(Active),
    /// Creates silences that match none of the alerts.
    Silences(Silences),
    /// Kill -9 under load, start again: accepted alerts that nobody was told of.
    Crash(Crash),
}

#[derive(Debug, Clone, Args)]
struct Common {
    /// Server, `HOST:PORT`
    #[arg(long, default_value = "127.0.0.1:9093")]
    server: String,
    /// Its process id: CPU and memory are reported
    #[arg(long)]
    pid: Option<u32>,
    /// Where the server sends its notifications to
    #[arg(long, default_value = "127.0.0.1:19900")]
    sink: SocketAddr,
    /// Name of this run in the output
    #[arg(long, default_value = "")]
    label: String,
    /// Connections
    #[arg(long, short = 'c', default_value_t = 16)]
    connections: usize,
    /// Alerts in a request
    #[arg(long, short = 'b', default_value_t = 64)]
    batch: u64,
    /// Give up when nothing arrived for so many seconds
    #[arg(long, default_value_t = 10.0)]
    quiet_s: f64,
    /// The receiver answers 503 for the first so many seconds
    #[arg(long, default_value_t = 0.0)]
    sink_down_s: f64,
}

impl Common {
    async fn sink(&self, shape: &Shape, capacity: u64, epoch: Instant) -> Result<Arc<Sink>> {
        Sink::listen(self.sink, &shape.run, capacity, Duration::from_secs_f64(self.sink_down_s), epoch).await
    }

    fn quiet(&self) -> Duration {
        Duration::from_secs_f64(self.quiet_s)
    }
}

/// Alerts that no other run has.
fn new_shape() -> Shape {
    let nanos = jiff::Timestamp::now().as_nanosecond() ^ (i128::from(std::process::id()) << 40);
    Shape::new(&format!("{:x}", nanos & 0xffff_ffff_ffff), 500)
}

#[derive(Debug, Args)]
struct Ingest {
    #[command(flatten)]
    common: Common,
    /// Stop after so many seconds
    #[arg(long, short = 't', default_value_t = 10.0)]
    seconds: f64,
    /// Stop after so many alerts
    #[arg(long, short = 'n', default_value_t = 2_000_000)]
    alerts: u64,
    /// Post the same so many alerts over and over
    #[arg(long, default_value_t = 0)]
    refire: u64,
    /// Receive the notifications too
    #[arg(long)]
    notified: bool,
}

#[derive(Debug, Clone, Args)]
struct Paced {
    #[command(flatten)]
    common: Common,
    /// Alerts a second
    #[arg(long, short = 'r', default_value_t = 1000.0)]
    rate: f64,
    /// Seconds of posting
    #[arg(long, short = 't', default_value_t = 10.0)]
    seconds: f64,
}

#[derive(Debug, Args)]
struct Burst {
    #[command(flatten)]
    common: Common,
    /// Alerts
    #[arg(long, short = 'n', default_value_t = 100_000)]
    alerts: u64,
    /// Each so-many-th alert is of priority P1, the others P3; how long each kind took is told apart
    #[arg(long, default_value_t = 0)]
    urgent_every: u64,
}

#[derive(Debug, Args)]
struct Active {
    #[command(flatten)]
    common: Common,
    /// Alerts
    #[arg(long, short = 'n', default_value_t = 100_000)]
    alerts: u64,
    /// The list to ask for
    #[arg(long, default_value = "/api/v2/alerts")]
    list: String,
}

#[derive(Debug, Args)]
struct Silences {
    #[command(flatten)]
    common: Common,
    /// Silences
    #[arg(long, short = 'n', default_value_t = 10_000)]
    silences: u64,
}

#[derive(Debug, Args)]
struct Crash {
    #[command(flatten)]
    paced: Paced,
    /// Kill so many seconds after the first post
    #[arg(long, default_value_t = 3.0)]
    kill_after_s: f64,
    /// Shell command that starts the server again; it is left running
    #[arg(long)]
    restart: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    match Cli::parse().mode {
        Mode::Ingest(o) => ingest(o).await,
        Mode::E2e(o) => e2e(o).await,
        Mode::Storm(o) => storm(o).await,
        Mode::Active(o) => active(o).await,
        Mode::Silences(o) => silences(o).await,
        Mode::Crash(o) => crash(o).await,
    }
}

async fn ingest(o: Ingest) -> Result<()> {
    let c = &o.common;
    let shape = new_shape();
    let epoch = Instant::now();
    let sink = if o.notified { Some(c.sink(&shape, o.alerts, epoch).await?) } else { None };
    let cpu = cpu_s(c.pid);
    let load = Flood {
        connections: c.connections,
        batch: c.batch.max(1),
        alerts: o.alerts,
        refire: o.refire,
        within: Duration::from_secs_f64(o.seconds),
    };
    let began = nanos(epoch);
    let posted = flood(&c.server, &shape, load, epoch).await;
    let mut fields = json!({
        "batch": c.batch, "connections": c.connections, "refire": o.refire,
        "accepted": posted.accepted, "accepted_per_s": round(posted.accepted as f64 / posted.seconds),
        "failed": posted.failed, "errors": posted.errors, "request": latency(posted.requests_ns),
    });
    if let Some(sink) = sink {
        sink.drain(posted.accepted, c.quiet()).await;
        let seconds = (sink.last_ns().saturating_sub(began)) as f64 / 1e9;
        let seen = sink.seen.load(Relaxed);
        fields["seen"] = json!(seen);
        fields["notified_per_s"] = json!(round(seen as f64 / seconds.max(1e-9)));
        fields["lost"] = json!(posted.accepted.saturating_sub(seen));
        fields["duplicates"] = json!(sink.duplicates.load(Relaxed));
        fields["sink_requests"] = json!(sink.requests.load(Relaxed));
    }
    fields["server_cpu_us_per_alert"] = json!(round((cpu_s(c.pid) - cpu) * 1e6 / posted.accepted.max(1) as f64));
    fields["rss_mib"] = json!(memory_mib(c.pid, "VmRSS"));
    emit("ingest", &c.label, fields);
    Ok(())
}

async fn e2e(o: Paced) -> Result<()> {
    let c = &o.common;
    let shape = new_shape();
    let epoch = Instant::now();
    let count = (o.rate * o.seconds).round() as u64;
    let sink = c.sink(&shape, count, epoch).await?;
    let cpu = cpu_s(c.pid);
    let pace = Pace { rate: o.rate, count, batch: c.batch, connections: c.connections };
    let sent = paced(&c.server, &shape, pace, epoch).await;
    sink.drain(sent.posted.accepted, c.quiet()).await;
    // Keep listening for repeats.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (mut receipt, mut lost) = (Vec::new(), 0_u64);
    for n in 0..count {
        match sink.first_ns(n) {
            Some(ns) => receipt.push(ns.saturating_sub(sent.due[index(n)].load(Relaxed)).max(1)),
            None => lost += u64::from(sent.accepted[index(n)].load(Relaxed) > 0),
        }
    }
    let seconds = sink.last_ns().saturating_sub(sent.due.first().map_or(0, |d| d.load(Relaxed))) as f64 / 1e9;
    let seen = sink.seen.load(Relaxed);
    emit(
        "e2e",
        &c.label,
        json!({
            "rate": o.rate, "seconds": o.seconds, "batch": c.batch, "connections": c.connections,
            "accepted": sent.posted.accepted, "seen": seen, "seen_per_s": round(seen as f64 / seconds.max(1e-9)),
            "lost": lost, "duplicates": sink.duplicates.load(Relaxed), "post_to_receipt": latency(receipt),
            "request": latency(sent.posted.requests_ns), "failed": sent.posted.failed, "errors": sent.posted.errors,
            "server_cpu_s": round(cpu_s(c.pid) - cpu),
        }),
    );
    Ok(())
}

/// Posts a burst and waits until the receiver has seen it.
async fn burst(c: &Common, shape: &Shape, alerts: u64, epoch: Instant) -> Result<(Posted, Arc<Sink>)> {
    let sink = c.sink(shape, alerts, epoch).await?;
    let load =
        Flood { connections: c.connections, batch: c.batch.max(1), alerts, refire: 0, within: Duration::from_mins(10) };
    let posted = flood(&c.server, shape, load, epoch).await;
    sink.drain(posted.accepted, c.quiet()).await;
    Ok((posted, sink))
}

async fn storm(o: Burst) -> Result<()> {
    let c = &o.common;
    let mut shape = new_shape();
    shape.urgent_every = o.urgent_every;
    let epoch = Instant::now();
    let (mut posted, sink) = burst(c, &shape, o.alerts, epoch).await?;
    let (mut urgent, mut others) = (Vec::new(), Vec::new());
    for (from, to, at) in std::mem::take(&mut posted.posts) {
        for n in from..to {
            let took = sink.first_ns(n).map(|ns| ns.saturating_sub(at).max(1));
            if shape.is_urgent(n) { urgent.extend(took) } else { others.extend(took) }
        }
    }
    let seconds = sink.last_ns() as f64 / 1e9;
    let seen = sink.seen.load(Relaxed);
    emit(
        "storm",
        &c.label,
        json!({
            "alerts": o.alerts, "batch": c.batch, "connections": c.connections, "accepted": posted.accepted,
            "accepted_after_s": round(posted.seconds), "seen": seen, "last_seen_after_s": round(seconds),
            "seen_per_s": round(seen as f64 / seconds.max(1e-9)), "lost": posted.accepted.saturating_sub(seen),
            "duplicates": sink.duplicates.load(Relaxed), "failed": posted.failed, "errors": posted.errors,
            "post_to_receipt": latency(others), "urgent": latency(urgent),
            "request": latency(posted.requests_ns), "peak_rss_mib": memory_mib(c.pid, "VmHWM"),
        }),
    );
    Ok(())
}

async fn active(o: Active) -> Result<()> {
    let c = &o.common;
    let shape = new_shape();
    let before = memory_mib(c.pid, "VmRSS");
    let (posted, sink) = burst(c, &shape, o.alerts, Instant::now()).await?;
    settle(c.pid).await;
    let loaded = memory_mib(c.pid, "VmRSS");
    let mut connection = Connection::new(&c.server);
    let (mut list_ns, mut list_bytes) = (Vec::new(), 0);
    for _ in 0..10 {
        let begin = Instant::now();
        let (status, body) = connection.send(Method::GET, &o.list, Vec::new()).await?;
        if !status.is_success() {
            bail!("{} answers {status}", o.list);
        }
        list_ns.push(nanos(begin));
        list_bytes = body.len();
    }
    emit(
        "active",
        &c.label,
        json!({
            "alerts": o.alerts, "accepted": posted.accepted, "seen": sink.seen.load(Relaxed), "rss_before_mib": before,
            "rss_loaded_mib": loaded, "peak_rss_mib": memory_mib(c.pid, "VmHWM"), "list": latency(list_ns),
            "list_bytes": list_bytes, "failed": posted.failed, "errors": posted.errors,
        }),
    );
    Ok(())
}

/// Waits until the server used less than 5 % of a CPU over a second, for at most a minute.
async fn settle(pid: Option<u32>) {
    for _ in 0..60 {
        let before = cpu_s(pid);
        tokio::time::sleep(Duration::from_secs(1)).await;
        if cpu_s(pid) - before < 0.05 {
            return;
        }
    }
}

async fn silences(o: Silences) -> Result<()> {
    let c = &o.common;
    let next = Arc::new(AtomicU64::new(0));
    let mut workers = tokio::task::JoinSet::new();
    let begin = Instant::now();
    for _ in 0..c.connections {
        let (mut connection, next, silences) = (Connection::new(&c.server), Arc::clone(&next), o.silences);
        workers.spawn(async move {
            let mut posted = Posted::default();
            loop {
                let n = next.fetch_add(1, Relaxed);
                if n >= silences {
                    return posted;
                }
                posted.post(&mut connection, "/api/v2/silences", alert::silence(n), 1).await;
            }
        });
    }
    let (mut created, mut failed) = (0, 0);
    while let Some(posted) = workers.join_next().await {
        let posted = posted?;
        created += posted.accepted;
        failed += posted.failed;
    }
    let per_s = round(created as f64 / begin.elapsed().as_secs_f64());
    emit("silences", &c.label, json!({"created": created, "created_per_s": per_s, "failed": failed}));
    Ok(())
}

async fn crash(o: Crash) -> Result<()> {
    let c = &o.paced.common;
    let pid = c.pid.context("crash needs --pid")?;
    let shape = new_shape();
    let epoch = Instant::now();
    let count = (o.paced.rate * o.paced.seconds).round() as u64;
    let sink = c.sink(&shape, count, epoch).await?;
    let crash = tokio::spawn({
        let (server, after, restart) = (c.server.clone(), o.kill_after_s, o.restart.clone());
        async move {
            tokio::time::sleep(Duration::from_secs_f64(after)).await;
            if !Command::new("kill").args(["-9", &pid.to_string()]).status()?.success() {
                bail!("cannot kill {pid}");
            }
            let killed = nanos(epoch);
            tokio::time::sleep(Duration::from_millis(200)).await;
            let begin = Instant::now();
            let child = Command::new("sh")
                .args(["-c", &format!("exec {restart}")])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .context("the restart command")?;
            let mut connection = Connection::new(&server);
            while begin.elapsed() < Duration::from_mins(1) {
                if connection.send(Method::GET, "/-/ready", Vec::new()).await.is_ok_and(|(s, _)| s.is_success()) {
                    return Ok((killed, begin.elapsed().as_secs_f64(), child.id()));
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            bail!("the server was not ready within 60 s after the restart")
        }
    });
    let pace = Pace { rate: o.paced.rate, count, batch: c.batch, connections: c.connections };
    let sent = paced(&c.server, &shape, pace, epoch).await;
    let (killed, ready_s, new_pid) = crash.await??;
    sink.drain(sent.posted.accepted, c.quiet()).await;
    let (mut accepted, mut lost_before, mut lost_after) = (0_u64, 0_u64, 0_u64);
    for n in 0..count {
        let at = sent.accepted[index(n)].load(Relaxed);
        if at == 0 {
            continue;
        }
        accepted += 1;
        if sink.first_ns(n).is_none() {
            *(if at <= killed { &mut lost_before } else { &mut lost_after }) += 1;
        }
    }
    emit(
        "crash",
        &c.label,
        json!({
            "accepted": accepted, "lost_accepted_before_kill": lost_before, "lost_accepted_after_restart": lost_after,
            "seen": sink.seen.load(Relaxed), "duplicates": sink.duplicates.load(Relaxed),
            "ready_after_restart_s": round(ready_s), "new_pid": new_pid,
        }),
    );
    Ok(())
}
