//! Mail by SMTP, one message per recipient: the server may refuse one without losing the others.
//!
//! A retry carries the same Message-ID, so that a mail that arrived twice can be seen to be one. Replies of the server are
//! waited for within the deadline of the attempt, which the SMTP library's own timeout does not cover.
//!
//! The address policy of `client.rs` does not hold here: mail servers are mostly inside, the operator alone names them, and the protocol
//! takes nobody further (no redirects, and a reply goes no further than its code). Instead TLS is required beyond this machine.

mod dkim;
mod headers;
pub mod render;
mod template;
mod transport;

use std::fmt;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use lettre::transport::smtp::response::Severity;
use secrecy::ExposeSecret;

use self::transport::{CONNECTIONS_MAX, Failure, Security, Server};
use super::outcome::{self, failed, retry, retry_all};
use super::{Abilities, Channel, Kind, Limit, Message, SendFuture, Sending, Setup, SetupError, client};
use crate::config::{ChannelSettings, EmailSettings, TlsMode};
use crate::domain::{ChannelKind, ChannelRef, Span};
use crate::engine::input::Receipt;

/// Describes itself.
pub const KIND: Kind = Kind {
    kind: ChannelKind::Email,
    about: "mail by SMTP, text and HTML, threaded by incident",
    abilities: Abilities { updates_in_place: false, threads: true, action_links: true, confirms: true, batches: false },
    limits: &[
        Limit {
            what: "characters of a subject",
            max: render::SUBJECT_MAX as u64,
            source: "callout's own: phones cut longer ones",
        },
        Limit { what: "bytes of a line", max: 998, source: "RFC 5322, section 2.1.1" },
        Limit { what: "bytes of the HTML part", max: 102_400, source: "observed: some clients clip longer mails" },
    ],
    build,
};

fn build(settings: &ChannelSettings, setup: &Setup<'_>) -> Result<Box<dyn Channel>, SetupError> {
    let ChannelSettings::Email(settings) = settings else { return Err(SetupError::OtherKind) };
    Email::new(settings, setup).map(|e| Box::new(e) as Box<dyn Channel>)
}

/// A configured mail server.
struct Email {
    reference: ChannelRef,
    server: Server,
    from: Mailbox,
    signer: Option<dkim::Signer>,
    timeout: Duration,
    interval: Duration,
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Email").field("channel", &self.reference).finish_non_exhaustive()
    }
}

impl Email {
    fn new(settings: &EmailSettings, setup: &Setup<'_>) -> Result<Self, SetupError> {
        let fault = |what, why| SetupError::Unusable { what, why };
        let from = settings
            .from
            .parse::<Mailbox>()
            .map_err(|_| fault("from", "it is not an address such as `callout@acme.example`"))?;
        let common = &settings.common;
        if settings.tls == TlsMode::None && !common.allow_private && !is_loopback(&settings.host) {
            return Err(fault(
                "smtp",
                "without TLS only a server on this machine is allowed, or `allow_private = true`",
            ));
        }
        client::install_crypto();
        let timeout = common.timeout.to_std();
        let credentials = match (&settings.user, &settings.password) {
            (None, _) => None,
            (Some(user), None) => Some(Credentials::new(user.clone(), String::new())),
            (Some(user), Some(reference)) => {
                let password = setup.secret("password", reference)?;
                Some(Credentials::new(user.clone(), password.expose_secret().to_owned()))
            }
        };
        Ok(Self {
            reference: setup.reference.clone(),
            server: Server::new(settings.host.clone(), settings.port, security(settings)?, credentials, timeout),
            from,
            signer: settings.dkim.as_ref().map(|dkim| dkim::Signer::new(dkim, setup)).transpose()?,
            timeout,
            interval: common.interval.map_or(Duration::ZERO, Span::to_std),
        })
    }

    async fn deliver(&self, address: &str, message: &Message) -> Sending {
        let mut mail = match render::mail(message, address, &self.from) {
            Ok(mail) => mail,
            Err(error) => return failed(error.to_string()),
        };
        if let Some(signer) = &self.signer {
            signer.sign(&mut mail.message);
        }
        match self.server.send(&mail.message, message.now).await {
            Ok(()) => Sending::Delivered {
                receipt: Some(Receipt { channel: self.reference.clone(), place: "".into(), message: mail.id.into() }),
            },
            Err(failure) => judge(&failure),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback())
}

fn security(settings: &EmailSettings) -> Result<Security, SetupError> {
    if settings.tls == TlsMode::None {
        return Ok(Security::Plain);
    }
    let unusable = |why| SetupError::Unusable { what: "smtp", why };
    let mut parameters = TlsParameters::builder(settings.host.clone());
    if let Some(path) = &settings.common.ca_file {
        let pem = std::fs::read(path).map_err(|source| client::ClientError::CaFile { path: path.clone(), source })?;
        let certificate =
            Certificate::from_pem(&pem).map_err(|_| client::ClientError::NoCertificate { path: path.clone() })?;
        parameters = parameters.add_root_certificate(certificate);
    }
    let parameters = parameters.build_rustls().map_err(|_| unusable("TLS could not be set up for it"))?;
    Ok(match settings.tls {
        TlsMode::Implicit => Security::Implicit(parameters),
        TlsMode::StartTls | TlsMode::None => Security::StartTls(parameters),
    })
}

/// Judges an error of the SMTP client. 4xx is worth another try, 5xx is final; a certificate that is not trusted is a fault of
/// configuration; a connection lost before the reply leaves it unknown whether the mail was taken, and it is sent again.
fn judge(failure: &Failure) -> Sending {
    let (Failure::Connecting(error) | Failure::Sending(error)) = failure;
    if let Some(fault) = outcome::certificate_fault(error) {
        return failed(fault);
    }
    if let Some(code) = error.status() {
        let text = format!("SMTP {code}");
        return match (code.severity, text.as_str()) {
            // What concerns the server; greylisting (450, 451) and full mailboxes (452) concern one recipient.
            (_, "SMTP 421" | "SMTP 454") => retry_all(text, None),
            (Severity::TransientNegativeCompletion, _) => retry(text),
            (_, "SMTP 530" | "SMTP 534" | "SMTP 535" | "SMTP 538") => failed(format!("{text}: the login was refused")),
            _ => failed(text),
        };
    }
    if error.is_timeout() {
        return outcome::timed_out();
    }
    if error.is_client() {
        return failed("the server does not offer what is needed (STARTTLS, or a way to log in)");
    }
    match failure {
        Failure::Connecting(error) => match outcome::io_kind(error) {
            Some(std::io::ErrorKind::ConnectionRefused) => retry_all("connection refused", None),
            _ => retry_all("connection failed", None),
        },
        Failure::Sending(error) if error.is_response() => retry("the answer was not understood"),
        Failure::Sending(_) => retry("connection lost before the answer; whether it was taken is unknown"),
    }
}

impl Channel for Email {
    fn concurrency(&self) -> usize {
        CONNECTIONS_MAX
    }

    fn lane_interval(&self) -> Duration {
        self.interval
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn send<'a>(&'a self, address: &'a str, messages: &'a [Message]) -> SendFuture<'a> {
        Box::pin(async move {
            let mut sendings = Vec::with_capacity(messages.len());
            for message in messages {
                let one = tokio::time::timeout(self.timeout, self.deliver(address, message)).await;
                sendings.push(one.unwrap_or_else(|_| outcome::timed_out()));
            }
            sendings
        })
    }
}
