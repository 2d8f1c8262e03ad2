//! Connections to a mail server, kept for use again.
//!
//! The library's own pool is not used: it takes back a connection whose sending was given up half-way, and then reads the late
//! answer to one mail as the answer to the next. Here a connection comes back only after a mail was taken on it.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;

use crate::domain::{Span, Timestamp};

/// Connections to the server at once. Beyond: mails wait in the outbox until one is free.
pub const CONNECTIONS_MAX: usize = 4;
/// Connections at rest are used again within this time; servers may close them after five minutes (RFC 5321, section 4.5.3.2). Beyond: a
/// new one is opened.
const IDLE_MAX: Span = Span::from_minutes(1);

/// How a connection is secured, with what that needs.
pub enum Security {
    /// TLS from the first byte.
    Implicit(TlsParameters),
    /// STARTTLS, without which nothing is said.
    StartTls(TlsParameters),
    /// None.
    Plain,
}

/// Where an attempt failed.
#[derive(Debug)]
pub enum Failure {
    /// Before the mail was offered: it was surely not taken.
    Connecting(Error),
    /// After it was offered: without a reply it is unknown whether it was taken.
    Sending(Error),
}

/// A mail server.
pub struct Server {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<Credentials>,
    hello: ClientId,
    timeout: Duration,
    parked: Mutex<Vec<(AsyncSmtpConnection, Timestamp)>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Server(***)")
    }
}

impl Server {
    /// A server that is contacted with the first mail.
    pub fn new(
        host: String,
        port: u16,
        security: Security,
        credentials: Option<Credentials>,
        timeout: Duration,
    ) -> Self {
        Self { host, port, security, credentials, hello: ClientId::default(), timeout, parked: Mutex::default() }
    }

    /// Sends a mail. Given up half-way (the future dropped), it closes the connection.
    ///
    /// # Errors
    /// What the server or the network said.
    pub async fn send(&self, mail: &lettre::Message, now: Timestamp) -> Result<(), Failure> {
        let mut connection = match self.take(now).await {
            Some(connection) => connection,
            None => self.connect().await.map_err(Failure::Connecting)?,
        };
        connection.send(mail.envelope(), &mail.formatted()).await.map_err(Failure::Sending)?;
        let mut parked = self.parked.lock().unwrap_or_else(PoisonError::into_inner);
        if parked.len() < CONNECTIONS_MAX {
            parked.push((connection, now));
        }
        Ok(())
    }

    /// A connection at rest that still answers.
    async fn take(&self, now: Timestamp) -> Option<AsyncSmtpConnection> {
        loop {
            let (mut connection, since) = self.parked.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if now.since(since) < IDLE_MAX && connection.test_connected().await {
                return Some(connection);
            }
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let at = (self.host.as_str(), self.port);
        let tls = match &self.security {
            Security::Implicit(parameters) => Some(parameters.clone()),
            Security::StartTls(_) | Security::Plain => None,
        };
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(at, Some(self.timeout), &self.hello, tls, None).await?;
        if let Security::StartTls(parameters) = &self.security {
            connection.starttls(parameters.clone(), &self.hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }
}
