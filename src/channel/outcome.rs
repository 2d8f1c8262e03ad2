//! How an attempt over HTTP ended, in few words and without secrets: no URL, no address, no body of the other side.
//!
//! What is unknown (a reply lost after the message was sent) is tried again: paged twice rather than not at all. The idempotency
//! key lets the receiver see that it is one.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::Sending;
use crate::domain::Timestamp;

/// Longest `Retry-After` that is honoured. Beyond: there is another try after this, so that a page is not parked for a day.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// Another try, for a reason that concerns this message only.
pub fn retry(error: impl Into<String>) -> Sending {
    Sending::Retry { error: error.into(), after: None, whole_destination: false }
}

/// Another try, for a reason that concerns the whole destination.
pub fn retry_all(error: impl Into<String>, after: Option<Duration>) -> Sending {
    Sending::Retry { error: error.into(), after, whole_destination: true }
}

/// Refused for good.
pub fn failed(error: impl Into<String>) -> Sending {
    Sending::Failed { error: error.into() }
}

/// Taken, without anything to follow up on.
pub const fn delivered() -> Sending {
    Sending::Delivered { receipt: None }
}

/// The deadline of the attempt passed. Whether the message was taken is not known.
pub fn timed_out() -> Sending {
    retry_all("timed out", None)
}

/// Judges an HTTP status: 2xx is delivered; 408, 425, 429 and 5xx are worth another try; all else is refused for good.
pub fn from_status(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Sending {
    if status.is_success() {
        return delivered();
    }
    let error = format!("HTTP {}", status.as_u16());
    match status.as_u16() {
        408 | 425 => retry(error),
        429 | 500..=599 => retry_all(error, retry_after(headers, now)),
        300..=399 => failed(format!("{error}: redirects are not followed")),
        _ => failed(error),
    }
}

/// What `Retry-After` asks for, in seconds or as a date, at most [`RETRY_AFTER_MAX`].
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = text.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        Timestamp::from_jiff(at).since(now).to_std()
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

/// The resolver found the name, but at no address that may be contacted.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to a private address")]
pub(super) struct AddressRefused;

/// The name could not be resolved.
#[derive(Debug, thiserror::Error)]
#[error("the name could not be resolved")]
pub(super) struct NameUnknown;

/// Judges an error of the HTTP client.
pub fn from_error(error: &reqwest::Error) -> Sending {
    if has::<AddressRefused>(error) {
        return failed("the server's name leads to a private address, which `allow_private` would permit");
    }
    if has::<NameUnknown>(error) || error.is_dns() {
        return retry_all("the server's name could not be resolved", None);
    }
    if let Some(fault) = certificate_fault(error) {
        return failed(fault);
    }
    if error.is_timeout() {
        return timed_out();
    }
    if error.is_builder() {
        return failed("the request could not be made");
    }
    let connecting = error.is_connect();
    match io_kind(error) {
        Some(io::ErrorKind::ConnectionRefused) => retry_all("connection refused", None),
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
            retry_all("the server is unreachable", None)
        }
        _ if has::<rustls::Error>(error) => retry_all("TLS handshake failed", None),
        _ if connecting => retry_all("connection failed", None),
        _ => retry("connection lost before the answer; whether it was taken is unknown"),
    }
}

/// What is wrong with the server's certificate, if that is what an error is about. A fault of configuration, here or there.
pub fn certificate_fault(error: &(dyn StdError + 'static)) -> Option<&'static str> {
    use rustls::{CertificateError as Cert, Error as Tls};
    match find::<Tls>(error)? {
        Tls::InvalidCertificate(Cert::Expired | Cert::ExpiredContext { .. }) => {
            Some("the server's TLS certificate has expired")
        }
        Tls::InvalidCertificate(Cert::NotValidYet | Cert::NotValidYetContext { .. }) => {
            Some("the server's TLS certificate is not valid yet")
        }
        Tls::InvalidCertificate(Cert::NotValidForName | Cert::NotValidForNameContext { .. }) => {
            Some("the server's TLS certificate is for another name")
        }
        Tls::InvalidCertificate(_) => Some("the server's TLS certificate is not trusted"),
        _ => None,
    }
}

/// The kind of the innermost I/O error.
pub fn io_kind(error: &(dyn StdError + 'static)) -> Option<io::ErrorKind> {
    let mut kind = None;
    walk(error, &mut |e| {
        if let Some(io) = e.downcast_ref::<io::Error>() {
            kind = Some(io.kind());
        }
    });
    kind
}

fn has<E: StdError + 'static>(error: &(dyn StdError + 'static)) -> bool {
    find::<E>(error).is_some()
}

/// The first error of type `E` in the chain.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut found = None;
    walk(error, &mut |e| {
        if found.is_none() {
            found = e.downcast_ref::<E>();
        }
    });
    found
}

/// Visits an error and its causes. An `io::Error` hides what it wraps from `source`, so it is opened by hand.
fn walk<'a>(error: &'a (dyn StdError + 'static), visit: &mut dyn FnMut(&'a (dyn StdError + 'static))) {
    let mut next = Some(error);
    // A chain is short; the bound is against one that bites its own tail.
    for _ in 0..32 {
        let Some(at) = next else { return };
        visit(at);
        next = match at.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => at.source(),
        };
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn headers(retry_after: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(retry_after).unwrap());
        headers
    }

    #[test]
    fn statuses_are_classified() {
        let none = HeaderMap::new();
        for (code, want) in [
            (200, "delivered"),
            (202, "delivered"),
            (204, "delivered"),
            (301, "failed"),
            (400, "failed"),
            (401, "failed"),
            (404, "failed"),
            (410, "failed"),
            (413, "failed"),
            (408, "retry"),
            (425, "retry"),
            (429, "retry all"),
            (500, "retry all"),
            (503, "retry all"),
        ] {
            let got = match from_status(StatusCode::from_u16(code).unwrap(), &none, Timestamp::default()) {
                Sending::Delivered { .. } => "delivered",
                Sending::Failed { .. } => "failed",
                Sending::Retry { whole_destination: false, .. } => "retry",
                Sending::Retry { whole_destination: true, .. } => "retry all",
            };
            assert_eq!(got, want, "{code}");
        }
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_date_and_bounded() {
        let now = Timestamp::parse("2026-11-20T20:15:00Z").unwrap();
        for (text, seconds) in [
            ("3", Some(3)),
            (" 3 ", Some(3)),
            ("0", Some(0)),
            ("3600", Some(3600)),
            ("3601", Some(3600)),
            ("999999999", Some(3600)),
            ("Fri, 20 Nov 2026 20:16:00 GMT", Some(60)),
            ("Fri, 20 Nov 2026 20:14:00 GMT", Some(0)),
            ("soon", None),
            ("-5", None),
        ] {
            assert_eq!(retry_after(&headers(text), now), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn causes_hidden_in_io_errors_are_found() {
        let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls));
        assert_eq!(certificate_fault(&wrapped), Some("the server's TLS certificate is not trusted"));
        let refused = io::Error::other(io::Error::from(io::ErrorKind::ConnectionRefused));
        assert_eq!(io_kind(&refused), Some(io::ErrorKind::ConnectionRefused));
    }
}
