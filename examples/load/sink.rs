//! The receiver of notifications: notes when each alert of this run was first seen, and fails on request.
//!
//! Alerts are found anywhere in the body by their `lg_id`, so every payload that carries the label will do.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use regex::bytes::Regex;
use tokio::net::TcpListener;

use crate::client::{index, nanos};

/// A receiver and its counts.
pub struct Sink {
    epoch: Instant,
    ids: Regex,
    /// Nanoseconds after the epoch of the first receipt; 0 while unseen.
    first: Vec<AtomicU64>,
    down: Duration,
    /// Distinct alerts received.
    pub seen: AtomicU64,
    /// Alerts received in a further payload.
    pub duplicates: AtomicU64,
    /// Requests taken or refused.
    pub requests: AtomicU64,
}

impl Sink {
    /// Listens on `address` for the alerts `0..capacity` of `run`; answers 503 until `down` after the epoch.
    pub async fn listen(
        address: SocketAddr,
        run: &str,
        capacity: u64,
        down: Duration,
        epoch: Instant,
    ) -> Result<Arc<Self>> {
        let sink = Arc::new(Self {
            epoch,
            ids: Regex::new(&format!(r"(?-u)lg-{}-([0-9]{{10}})", regex::escape(run)))?,
            first: (0..capacity).map(|_| AtomicU64::new(0)).collect(),
            down,
            seen: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            requests: AtomicU64::new(0),
        });
        let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        let shared = Arc::clone(&sink);
        tokio::spawn(async move {
            loop {
                let Ok((tcp, _)) = listener.accept().await else { continue };
                let _ = tcp.set_nodelay(true);
                let sink = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = service_fn(move |request| Arc::clone(&sink).handle(request));
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(tcp), service).await;
                });
            }
        });
        Ok(sink)
    }

    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        self.requests.fetch_add(1, Relaxed);
        let mut answer = Response::new(Full::new(Bytes::from_static(b"ok")));
        match request.into_body().collect().await {
            Ok(_) if self.epoch.elapsed() < self.down => *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE,
            Ok(body) => self.note(&body.to_bytes()),
            Err(_) => *answer.status_mut() = StatusCode::BAD_REQUEST,
        }
        Ok(answer)
    }

    /// Counts an alert once per payload.
    fn note(&self, body: &[u8]) {
        let now = nanos(self.epoch);
        let mut found: Vec<u64> = self
            .ids
            .captures_iter(body)
            .filter_map(|c| std::str::from_utf8(c.get(1)?.as_bytes()).ok()?.parse().ok())
            .collect();
        found.sort_unstable();
        found.dedup();
        for n in found {
            let Some(cell) = self.first.get(index(n)) else { continue };
            if cell.compare_exchange(0, now, Relaxed, Relaxed).is_ok() {
                self.seen.fetch_add(1, Relaxed);
            } else {
                self.duplicates.fetch_add(1, Relaxed);
            }
        }
    }

    /// When an alert was first seen, nanoseconds after the epoch.
    pub fn first_ns(&self, n: u64) -> Option<u64> {
        self.first.get(index(n)).map(|c| c.load(Relaxed)).filter(|ns| *ns > 0)
    }

    /// When the last alert was first seen.
    pub fn last_ns(&self) -> u64 {
        self.first.iter().map(|c| c.load(Relaxed)).max().unwrap_or(0)
    }

    /// Waits until `want` alerts were seen, or none came for `quiet`.
    pub async fn drain(&self, want: u64, quiet: Duration) {
        let mut last = (self.seen.load(Relaxed), Instant::now());
        while last.0 < want && last.1.elapsed() < quiet {
            tokio::time::sleep(Duration::from_millis(2)).await;
            let seen = self.seen.load(Relaxed);
            if seen != last.0 {
                last = (seen, Instant::now());
            }
        }
    }
}
