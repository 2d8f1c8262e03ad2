//! The listener: connections, their limits, and a graceful end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
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
use crate::telemetry::Metrics;

/// Connections at once. Beyond: further ones wait in the kernel's queue until one ends.
pub const CONNECTIONS_MAX: usize = 4096;

/// From the first byte of a connection, or the end of the request before, to the end of a request's head. Longer than the minute after
/// which Prometheus sends again, so that it finds its connection open. Beyond: the connection is closed.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(90);

/// Bytes of a request's head, and of the read buffer of a connection. Beyond: 431.
pub const HEAD_BYTES_MAX: usize = 256 * 1024;

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

/// Serves until `shutdown` completes, then lets requests under way finish within [`DRAIN_TIMEOUT`].
///
/// # Errors
/// When connections had to be cut off at the end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    metrics: Arc<Metrics>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
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
                // Answers are small and complete: nothing is gained by waiting for more. Refused only on sockets that are closed already.
                let _ = stream.set_nodelay(true);
                let connection = graceful.watch(connection(stream, peer, router.clone()));
                let metrics = Arc::clone(&metrics);
                tokio::spawn(async move {
                    metrics.http_connections.inc();
                    // An error here is the other side's: it went away, or did not speak HTTP.
                    if let Err(error) = connection.await {
                        tracing::debug!(error = %error, "a connection ended with an error");
                    }
                    metrics.http_connections.dec();
                    drop(slot);
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
        connections: CONNECTIONS_MAX - slots.available_permits(),
        seconds: DRAIN_TIMEOUT.as_secs(),
    })
}

/// One connection, HTTP/1.1 or HTTP/2 by its first bytes.
fn connection(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    peer: SocketAddr,
    router: Router,
) -> impl hyper_util::server::graceful::GracefulConnection<Error: std::fmt::Display> + Send + 'static {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        let mut router = router.clone();
        async move { Ok::<_, Infallible>(router.call(request).await.unwrap_or_else(|never| match never {})) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(64 * 1024)
        .max_concurrent_streams(128)
        .keep_alive_interval(Some(Duration::from_secs(30)));
    builder.serve_connection(TokioIo::new(stream), service).into_owned()
}
