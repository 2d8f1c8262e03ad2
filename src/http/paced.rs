//! A connection that ends when the other side dawdles: too slow with the head of a request, silent for too long, or not reading its answer.
//!
//! hyper bounds the head of a request, but not the silence before the first byte, nor a reader that never reads. Time is counted in seconds
//! that pass while nothing moves, so no clock is read here, and a limit is kept to within a second.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Semaphore;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// From the first byte of a request to the end of its head, and from the beginning of a connection to its first byte. Beyond: the connection is closed.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Silence between two requests. Longer than the minute after which Prometheus sends again, so that it finds its connection open. Beyond: the
/// connection is closed.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// The same while more than three quarters of all connections are taken, so that silent ones make room. Beyond: the connection is closed.
pub const IDLE_CROWDED_TIMEOUT: Duration = Duration::from_secs(5);

/// The other side takes not one byte of an answer for so long. Beyond: the connection is closed.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

const SECOND: Duration = Duration::from_secs(1);

/// What the requests of a connection say about themselves.
#[derive(Debug, Default)]
pub struct Pace {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A request that is being worked on; its own time limit holds meanwhile.
#[derive(Debug)]
pub struct Working(Arc<Pace>);

impl Pace {
    /// A head has arrived in full.
    pub fn begin(self: &Arc<Self>) -> Working {
        self.begun.fetch_add(1, Ordering::AcqRel);
        Working(Arc::clone(self))
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::AcqRel);
    }
}

/// How full the house is.
#[derive(Debug, Clone)]
pub struct House {
    /// A permit for each connection that may still come.
    pub slots: Arc<Semaphore>,
    /// How many there are in all.
    pub size: usize,
}

impl House {
    fn is_crowded(&self) -> bool {
        self.slots.available_permits() < self.size / 4
    }
}

/// The connection.
#[derive(Debug)]
pub struct Paced<S> {
    stream: S,
    pace: Arc<Pace>,
    house: House,
    ticks: Interval,
    /// Seconds since anything moved while no request was worked on.
    quiet: u64,
    /// Seconds since a head began, and how many requests had begun before it.
    head: Option<(u64, u64)>,
    /// Seconds in which an answer could not be written on.
    stuck: Option<u64>,
    /// Frames of HTTP/2 come between requests, too.
    is_http2: bool,
    is_new: bool,
}

impl<S> Paced<S> {
    /// Watches over `stream`.
    pub fn new(stream: S, pace: Arc<Pace>, house: House) -> Self {
        let mut ticks = interval(SECOND);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        Self { stream, pace, house, ticks, quiet: 0, head: Some((0, 0)), stuck: None, is_http2: false, is_new: true }
    }

    /// Something came.
    fn heard(&mut self, bytes: &[u8]) {
        self.quiet = 0;
        if std::mem::take(&mut self.is_new) {
            // Only the preface of HTTP/2 begins so.
            self.is_http2 = bytes.starts_with(b"PRI");
            self.head = Some((0, 0));
        }
        let begun = self.pace.begun.load(Ordering::Acquire);
        self.head = self.head.filter(|(_, before)| *before == begun);
        if self.head.is_none() && !self.is_working() {
            self.head = Some((0, begun));
        }
    }

    fn is_working(&self) -> bool {
        self.pace.begun.load(Ordering::Acquire) != self.pace.ended.load(Ordering::Acquire)
    }

    /// A second has passed; whether that was one too many.
    fn second(&mut self) -> Option<&'static str> {
        if let Some(seconds) = &mut self.stuck {
            *seconds += 1;
            if *seconds >= WRITE_TIMEOUT.as_secs() {
                return Some("the other side does not read its answer");
            }
        }
        let begun = self.pace.begun.load(Ordering::Acquire);
        self.head = self.head.filter(|(_, before)| *before == begun);
        if self.is_working() {
            return None;
        }
        self.quiet += 1;
        let (quiet, is_http2) = (self.quiet, self.is_http2);
        if let Some((seconds, _)) = self.head.as_mut().filter(|_| !is_http2) {
            *seconds += 1;
            if *seconds >= HEAD_TIMEOUT.as_secs() {
                return Some("the head of a request did not come in time");
            }
        }
        let limit = if self.house.is_crowded() { IDLE_CROWDED_TIMEOUT } else { IDLE_TIMEOUT };
        (quiet >= limit.as_secs()).then_some("nothing came for a long time")
    }

    /// Waits for the next second, unless one was too many.
    fn poll_time<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        while self.ticks.poll_tick(cx).is_ready() {
            if let Some(why) = self.second() {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)));
            }
        }
        Poll::Pending
    }

    fn wrote<T>(&mut self, written: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_pending() {
            self.stuck.get_or_insert(0);
            return self.poll_time(cx);
        }
        self.stuck = None;
        self.quiet = 0;
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        if read.is_pending() {
            return this.poll_time(cx);
        }
        if let Some(bytes) = buf.filled().get(before..).filter(|bytes| !bytes.is_empty()) {
            this.heard(bytes);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.wrote(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bytes);
        this.wrote(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        // Nothing to flush is no sign of life.
        if flushed.is_pending() { this.wrote(flushed, cx) } else { flushed }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let shut = Pin::new(&mut this.stream).poll_shutdown(cx);
        if shut.is_pending() { this.wrote(shut, cx) } else { shut }
    }
}
