//! A keep-alive HTTP/1.1 client, one connection per worker, and the two ways to post: as fast as it goes, and at a fixed rate.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::sync::mpsc::unbounded_channel;

use crate::alert::Shape;

const ALERTS: &str = "/api/v2/alerts";
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// One connection, opened on first use and again after an error.
pub struct Connection {
    authority: String,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    /// To `authority` (`127.0.0.1:9093`).
    pub fn new(authority: &str) -> Self {
        Self { authority: authority.to_owned(), sender: None }
    }

    /// Opens the connection unless it is open.
    pub async fn connect(&mut self) -> Result<()> {
        if self.sender.as_ref().is_none_or(SendRequest::is_closed) {
            let tcp = TcpStream::connect(&self.authority).await?;
            tcp.set_nodelay(true)?;
            let (sender, connection) = handshake(TokioIo::new(tcp)).await?;
            tokio::spawn(connection);
            self.sender = Some(sender);
        }
        Ok(())
    }

    /// Sends one request; the answer's body is read whole.
    pub async fn send(&mut self, method: Method, path: &str, body: Vec<u8>) -> Result<(StatusCode, Bytes)> {
        let answer = tokio::time::timeout(ANSWER_WITHIN, self.exchange(method, path, body)).await;
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                self.sender = None;
                Err(error)
            }
            Err(_) => {
                self.sender = None;
                bail!("no answer within {ANSWER_WITHIN:?}")
            }
        }
    }

    async fn exchange(&mut self, method: Method, path: &str, body: Vec<u8>) -> Result<(StatusCode, Bytes)> {
        self.connect().await?;
        let sender = self.sender.as_mut().context("not connected")?;
        sender.ready().await?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.authority)
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }
}

/// What the posting side saw.
#[derive(Debug, Default)]
pub struct Posted {
    /// Nanoseconds of each accepted request.
    pub requests_ns: Vec<u64>,
    /// Alerts (or silences) in requests that were answered 2xx.
    pub accepted: u64,
    /// The others.
    pub failed: u64,
    /// Status or error text, and how often.
    pub errors: BTreeMap<String, u64>,
    /// The alerts `from..to` of each accepted request of a flood, and when it was sent, nanoseconds after the epoch.
    pub posts: Vec<(u64, u64, u64)>,
    /// Seconds from the first request to the last answer.
    pub seconds: f64,
}

impl Posted {
    fn merge(&mut self, other: Self) {
        self.requests_ns.extend(other.requests_ns);
        self.posts.extend(other.posts);
        self.accepted += other.accepted;
        self.failed += other.failed;
        for (error, n) in other.errors {
            *self.errors.entry(error).or_default() += n;
        }
    }

    /// Posts `count` things in one body; whether they were accepted.
    pub async fn post(&mut self, connection: &mut Connection, path: &str, body: Vec<u8>, count: u64) -> bool {
        let begin = Instant::now();
        let error = match connection.send(Method::POST, path, body).await {
            Ok((status, _)) if status.is_success() => {
                self.requests_ns.push(nanos(begin));
                self.accepted += count;
                return true;
            }
            Ok((status, _)) => status.as_u16().to_string(),
            Err(error) => error.root_cause().to_string(),
        };
        self.failed += count;
        *self.errors.entry(error).or_default() += 1;
        false
    }
}

/// How to post as fast as it goes.
#[derive(Debug, Clone, Copy)]
pub struct Flood {
    /// Connections, each with one request under way.
    pub connections: usize,
    /// Alerts in a request.
    pub batch: u64,
    /// Stop after so many alerts.
    pub alerts: u64,
    /// Post the same so many alerts over and over; 0: all are distinct.
    pub refire: u64,
    /// Stop after so long.
    pub within: Duration,
}

/// Posts as fast as the connections allow.
pub async fn flood(authority: &str, shape: &Shape, load: Flood, epoch: Instant) -> Posted {
    let next = Arc::new(AtomicU64::new(0));
    let begin = Instant::now();
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..load.connections.max(1) {
        let (mut connection, shape, next) = (Connection::new(authority), shape.clone(), Arc::clone(&next));
        workers.spawn(async move {
            let mut posted = Posted::default();
            while begin.elapsed() < load.within {
                let from = next.fetch_add(load.batch, Relaxed);
                if from >= load.alerts {
                    break;
                }
                let to = (from + load.batch).min(load.alerts);
                let body = shape.body((from..to).map(|n| if load.refire > 0 { n % load.refire } else { n }));
                let at = nanos(epoch);
                if posted.post(&mut connection, ALERTS, body, to - from).await {
                    posted.posts.push((from, to, at));
                } else {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            posted
        });
    }
    let mut all = Posted::default();
    while let Some(Ok(posted)) = workers.join_next().await {
        all.merge(posted);
    }
    all.seconds = begin.elapsed().as_secs_f64();
    all
}

/// How to post at a fixed rate.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Alerts a second.
    pub rate: f64,
    /// Alerts in all.
    pub count: u64,
    /// Alerts in a request.
    pub batch: u64,
    /// Connections.
    pub connections: usize,
}

/// When each alert was due and when it was answered, nanoseconds after the epoch; 0: never.
pub struct Paced {
    /// By the schedule, whether or not the server kept pace.
    pub due: Vec<AtomicU64>,
    /// 2xx received.
    pub accepted: Vec<AtomicU64>,
    /// The rest.
    pub posted: Posted,
}

/// Posts at a fixed rate. A request whose time has come while all connections are busy waits; its latency counts from the time at
/// which it was due, so a slow server cannot hide by making the driver wait.
pub async fn paced(authority: &str, shape: &Shape, pace: Pace, epoch: Instant) -> Paced {
    let cells = || -> Arc<Vec<AtomicU64>> { Arc::new((0..pace.count).map(|_| AtomicU64::new(0)).collect()) };
    let (due, accepted) = (cells(), cells());
    let (sender, receiver) = unbounded_channel::<(u64, u64)>();
    let receiver = Arc::new(Mutex::new(receiver));
    let mut connections = Vec::new();
    for _ in 0..pace.connections.max(1) {
        let mut connection = Connection::new(authority);
        // What is measured is the steady state; a failure shows at the first request.
        let _ = connection.connect().await;
        connections.push(connection);
    }
    // A thread of its own keeps time: the timer of the runtime ticks each millisecond only.
    let clock = std::thread::spawn({
        let due = Arc::clone(&due);
        move || {
            let begin = Instant::now();
            let mut from = 0;
            while from < pace.count {
                let at = begin + Duration::from_secs_f64(from as f64 / pace.rate);
                if let Some(wait) = at.checked_duration_since(Instant::now()) {
                    std::thread::sleep(wait);
                }
                let to = (from + pace.batch.max(1)).min(pace.count);
                let due_ns = u64::try_from(at.duration_since(epoch).as_nanos()).unwrap_or(u64::MAX).max(1);
                for n in from..to {
                    due[index(n)].store(due_ns, Relaxed);
                }
                if sender.send((from, to)).is_err() {
                    return;
                }
                from = to;
            }
        }
    });
    let begin = Instant::now();
    let mut workers = tokio::task::JoinSet::new();
    for mut connection in connections {
        let (receiver, shape, accepted) = (Arc::clone(&receiver), shape.clone(), Arc::clone(&accepted));
        workers.spawn(async move {
            let mut posted = Posted::default();
            loop {
                let next = receiver.lock().await.recv().await;
                let Some((from, to)) = next else { return posted };
                if posted.post(&mut connection, ALERTS, shape.body(from..to), to - from).await {
                    let at = nanos(epoch);
                    for n in from..to {
                        accepted[index(n)].store(at, Relaxed);
                    }
                }
            }
        });
    }
    let mut posted = Posted::default();
    while let Some(Ok(part)) = workers.join_next().await {
        posted.merge(part);
    }
    posted.seconds = begin.elapsed().as_secs_f64();
    let _ = clock.join();
    let take = |cells: Arc<Vec<AtomicU64>>| Arc::try_unwrap(cells).unwrap_or_default();
    Paced { due: take(due), accepted: take(accepted), posted }
}

/// Nanoseconds since `begin`, at least 1.
pub fn nanos(begin: Instant) -> u64 {
    u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
}

/// An alert's number as an index.
pub fn index(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
