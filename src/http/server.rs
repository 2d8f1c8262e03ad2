//! The listener: connections, their limits, and a graceful end.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::Service as _;

use super::Peer;
use super::paced::{HEAD_TIMEOUT, House, IDLE_TIMEOUT, Pace, Paced};
use crate::auth::throttle::network;
use crate::telemetry::Metrics;

/// Connections at once; fewer where the system allows fewer open files. Beyond: further ones wait in the kernel's queue until one ends.
pub const CONNECTIONS_MAX: usize = 4096;

/// Connections of one address (for IPv6: of one network of 64 bits) at once. Beyond: closed at once, and counted.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 1024;

/// Files that are kept from connections: journal, snapshots, index, channels. Beyond: fewer connections are taken.
pub const FILES_KEPT: usize = 512;

/// Bytes of a request's head, and of the read buffer of a connection. Beyond: 431.
pub const HEAD_BYTES_MAX: usize = 256 * 1024;

/// Header lines of a request. Beyond: 431.
pub const HEADERS_MAX: usize = 100;

/// Bytes of all header lines of a request by HTTP/2. Beyond: 431.
pub const HTTP2_HEAD_BYTES_MAX: u32 = 64 * 1024;

/// Requests under way at once on one connection by HTTP/2. Beyond: refused.
pub const HTTP2_STREAMS_MAX: u32 = 128;

/// From the wish to stop to the end of requests that are under way. Beyond: they are cut off.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// After an error of accepting (no file handles are left), before the next try.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why serving ended early.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Requests that were under way when the drain deadline passed.
    #[error("{connections} connections were still busy {seconds}s after the service began to stop, and were cut off")]
    CutOff {
        /// How many.
        connections: usize,
        /// How long they were waited for.
        seconds: u64,
    },
}

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// In all.
    pub connections: usize,
    /// Of one address.
    pub per_address: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: CONNECTIONS_MAX, per_address: CONNECTIONS_PER_ADDRESS_MAX }
    }
}

impl Limits {
    /// For a process that may have so many files open.
    #[must_use]
    pub fn for_files(files: usize) -> Self {
        let connections = CONNECTIONS_MAX.min(files.saturating_sub(FILES_KEPT)).max(16);
        Self { connections, per_address: CONNECTIONS_PER_ADDRESS_MAX.min(connections) }
    }
}

/// How many connections each address has.
#[derive(Debug, Default)]
struct Places(Mutex<HashMap<IpAddr, usize>>);

/// One connection of an address, until it is dropped.
#[derive(Debug)]
struct Place {
    of: Arc<Places>,
    network: IpAddr,
}

impl Places {
    fn take(self: &Arc<Self>, ip: IpAddr, max: usize) -> Option<Place> {
        let network = network(ip);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = all.entry(network).or_insert(0);
        if *taken >= max {
            return None;
        }
        *taken += 1;
        Some(Place { of: Arc::clone(self), network })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = all.get_mut(&self.network) {
            *taken -= 1;
            if *taken == 0 {
                all.remove(&self.network);
            }
        }
    }
}

/// Serves until `shutdown` completes, then lets requests under way finish within [`DRAIN_TIMEOUT`].
///
/// # Errors
/// When connections had to be cut off at the end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    metrics: Arc<Metrics>,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(limits.connections));
    let house = House { slots: Arc::clone(&slots), size: limits.connections };
    let places = Arc::new(Places::default());
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let slot = tokio::select! {
            slot = Arc::clone(&slots).acquire_owned() => slot,
            () = &mut shutdown => break,
        };
        let Ok(slot) = slot else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(place) = places.take(peer.ip(), limits.per_address) else {
                    metrics.http_connections_refused.inc();
                    continue;
                };
                // Answers are small and complete: nothing is gained by waiting for more. Refused only on sockets that are closed already.
                let _ = stream.set_nodelay(true);
                let connection = graceful.watch(connection(stream, peer, router.clone(), house.clone()));
                let metrics = Arc::clone(&metrics);
                tokio::spawn(async move {
                    metrics.http_connections.inc();
                    // An error here is the other side's: it went away, or did not speak HTTP.
                    if let Err(error) = connection.await {
                        tracing::debug!(error = %error, "a connection ended with an error");
                    }
                    metrics.http_connections.dec();
                    drop((place, slot));
                });
            }
            Err(error) => {
                tracing::warn!(error = %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.map_err(|_| ServeError::CutOff {
        connections: limits.connections - slots.available_permits(),
        seconds: DRAIN_TIMEOUT.as_secs(),
    })
}

/// One connection, HTTP/1.1 or HTTP/2 by its first bytes.
///
/// What could be read in two ways is refused or ends the connection: two lengths, a length beside chunks, spaces before a colon, folded lines.
/// hyper sees to that, and `tests/it/smuggling.rs` holds it to it.
fn connection(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    peer: SocketAddr,
    router: Router,
    house: House,
) -> impl hyper_util::server::graceful::GracefulConnection<Error: std::fmt::Display> + Send + 'static {
    let pace = Arc::new(Pace::default());
    let stream = Paced::new(stream, Arc::clone(&pace), house);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let working = pace.begin();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        let mut router = router.clone();
        async move {
            let response = router.call(request).await.unwrap_or_else(|never| match never {});
            drop(working);
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // hyper counts the silence before a head as well. The finer limits are those of `Paced`.
        .header_read_timeout(IDLE_TIMEOUT + HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HTTP2_HEAD_BYTES_MAX)
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .keep_alive_interval(Some(Duration::from_secs(30)));
    builder.serve_connection(TokioIo::new(stream), service).into_owned()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::time::{Duration, Instant, sleep};

    use super::*;
    use crate::http::paced::{IDLE_CROWDED_TIMEOUT, WRITE_TIMEOUT};

    const PEER: &str = "192.0.2.1:4000";
    const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    /// A connection to a router that answers at once at `/`, after a minute at `/slow`, and with a megabyte at `/large`.
    fn connect(house: &House, buffer: usize) -> DuplexStream {
        let (ours, theirs) = duplex(buffer);
        let router = Router::new()
            .route("/", axum::routing::get(|| async { "yes" }))
            .route("/large", axum::routing::get(|| async { "x".repeat(1 << 20) }))
            .route(
                "/slow",
                axum::routing::get(|| async {
                    sleep(Duration::from_mins(1)).await;
                    "late"
                }),
            );
        let connection = connection(theirs, PEER.parse().unwrap(), router, house.clone());
        let graceful = GracefulShutdown::new();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // Dropped, it would begin to shut down.
            let _graceful = graceful;
            // How it ends is seen from the other side.
            let _ = connection.await.map_err(|error| error.to_string());
        });
        ours
    }

    fn house(size: usize, free: usize) -> House {
        House { slots: Arc::new(Semaphore::new(free)), size }
    }

    /// Reads until the other side ends; how long that took, in seconds.
    async fn seconds_to_the_end(stream: &mut DuplexStream) -> u64 {
        let begun = Instant::now();
        let mut rest = Vec::new();
        // A connection that is cut off has ended, too.
        let _ = stream.read_to_end(&mut rest).await;
        begun.elapsed().as_secs()
    }

    async fn answer(stream: &mut DuplexStream) {
        let mut buffer = [0; 512];
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(buffer[..read].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer[..read]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_is_closed() {
        let mut stream = connect(&house(8, 8), 4096);
        assert_eq!(seconds_to_the_end(&mut stream).await, HEAD_TIMEOUT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_trickles_in_is_cut_off() {
        let mut stream = connect(&house(8, 8), 4096);
        let begun = Instant::now();
        for byte in GET.iter().cycle() {
            if stream.write_all(&[if *byte == b'\n' { b'x' } else { *byte }]).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(700)).await;
        }
        assert!(begun.elapsed() <= HEAD_TIMEOUT + Duration::from_secs(1), "{:?}", begun.elapsed());
        // The second head of a connection has no more time than the first.
        let mut stream = connect(&house(8, 8), 4096);
        stream.write_all(GET).await.unwrap();
        answer(&mut stream).await;
        sleep(Duration::from_secs(20)).await;
        stream.write_all(b"GET / HT").await.unwrap();
        let seconds = seconds_to_the_end(&mut stream).await;
        assert!(seconds.abs_diff(HEAD_TIMEOUT.as_secs()) <= 1, "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_comes_just_in_time_is_answered() {
        let mut stream = connect(&house(8, 8), 4096);
        let (first, rest) = GET.split_at(10);
        stream.write_all(first).await.unwrap();
        sleep(HEAD_TIMEOUT.saturating_sub(Duration::from_secs(1))).await;
        stream.write_all(rest).await.unwrap();
        answer(&mut stream).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_kept_for_a_while_and_less_long_in_a_crowd() {
        for (house, limit) in [(house(8, 8), IDLE_TIMEOUT), (house(8, 1), IDLE_CROWDED_TIMEOUT)] {
            let mut stream = connect(&house, 4096);
            stream.write_all(GET).await.unwrap();
            answer(&mut stream).await;
            sleep(limit.saturating_sub(Duration::from_secs(2))).await;
            stream.write_all(GET).await.unwrap();
            answer(&mut stream).await;
            let seconds = seconds_to_the_end(&mut stream).await;
            assert!(seconds.abs_diff(limit.as_secs()) <= 1, "{seconds} for {limit:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_worked_on_is_not_idle() {
        let mut stream = connect(&house(8, 1), 4096);
        stream.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        answer(&mut stream).await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_is_cut_off() {
        let mut stream = connect(&house(8, 8), 64);
        let begun = Instant::now();
        stream.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        sleep(WRITE_TIMEOUT.saturating_sub(Duration::from_secs(5))).await;
        // Whoever reads on, if slowly, is not cut off.
        stream.read_exact(&mut [0; 64]).await.unwrap();
        sleep(WRITE_TIMEOUT + Duration::from_secs(2)).await;
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.len() < 1024, "{} bytes came after {:?}", rest.len(), begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn http2_stays_open_while_it_is_idle() {
        let mut stream = connect(&house(8, 8), 4096);
        // The preface and empty settings; then nothing but the answers to pings.
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        let begun = Instant::now();
        let mut buffer = [0; 512];
        let mut open = true;
        while open && begun.elapsed() < Duration::from_secs(25) {
            open = !matches!(tokio::time::timeout(Duration::from_secs(5), stream.read(&mut buffer)).await, Ok(Ok(0)));
        }
        assert!(open, "closed after {:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn an_address_has_so_many_connections_and_no_more() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = Arc::new(Metrics::new());
        let router = Router::new().route("/", axum::routing::get(|| async { "yes" }));
        let limits = Limits { connections: 8, per_address: 2 };
        tokio::spawn(serve(listener, router, Arc::clone(&metrics), limits, std::future::pending()));
        let ask = async |stream: &mut tokio::net::TcpStream| {
            let mut buffer = [0; 512];
            // A connection that is closed at once may be so before the request is written.
            let _ = stream.write_all(GET).await;
            stream.read(&mut buffer).await.unwrap_or(0)
        };
        let mut kept = Vec::new();
        for _ in 0..2 {
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            assert!(ask(&mut stream).await > 0);
            kept.push(stream);
        }
        let mut third = tokio::net::TcpStream::connect(address).await.unwrap();
        assert_eq!(ask(&mut third).await, 0, "one too many is closed at once");
        assert_eq!(metrics.http_connections_refused.get(), 1);
        // The first ones are not disturbed, and room that is given back is used again.
        assert!(ask(&mut kept[0]).await > 0);
        kept.pop();
        for _ in 0..1_000 {
            let mut next = tokio::net::TcpStream::connect(address).await.unwrap();
            if ask(&mut next).await > 0 {
                return;
            }
        }
        panic!("the place was not given back");
    }

    #[test]
    fn connections_leave_files_for_the_journal() {
        let of = |files| Limits::for_files(files).connections;
        assert_eq!((of(1_000_000), of(1_024), of(100)), (CONNECTIONS_MAX, 512, 16));
    }
}
