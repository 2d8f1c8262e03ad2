//! Who is asking, and what they may do. One table of routes ([`policy::ROUTES`]) says what each needs; it is tested as a whole.
//!
//! Absent on purpose: HTTP types. The edge hands over header values and addresses, and gets an answer.

pub mod act;
pub mod code;
pub mod gate;
pub mod link;
pub mod policy;
pub mod slack;
pub mod throttle;
pub mod token;
pub mod usage;

use std::net::{IpAddr, SocketAddr};

use crate::domain::Name;

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Somebody on the loopback interface, where no token is configured: everything.
    Local,
    /// The holder of a token.
    Token {
        /// Its name in the configuration.
        name: Name,
        /// What it may do.
        grants: token::Grants,
    },
    /// Nobody in particular; for routes that are open, or whose path is the key.
    Anybody,
}

/// Why a request was turned away before its handler.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No token, or one that is not known or has expired; deliberately the same for all three.
    #[error("a valid token is required: `Authorization: Bearer cot_…`")]
    Unauthenticated,
    /// A wrong token, after too many wrong ones from the same address.
    #[error("too many wrong tokens came from this address; a right one is let through at any time")]
    TooMany {
        /// Seconds until one more wrong one is answered as such.
        retry_after_s: u32,
    },
    /// The token does not carry the scope.
    #[error("the token does not have the scope `{0}`")]
    Scope(&'static str),
    /// No token is configured, and the request is not from this machine.
    #[error("no token is configured, so only this machine is served; add `[tokens.NAME]` to the configuration")]
    NotLocal,
    /// No token is configured, and a web page or a proxy speaks for somebody else.
    #[error("no token is configured, and the header `{0}` shows that the request is not this machine's own")]
    Foreign(&'static str),
}

/// What the decision is made from.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// Address of the other side.
    pub peer: Option<SocketAddr>,
    /// `Authorization`.
    pub authorization: Option<&'a str>,
    /// `Host`, or the authority of the request.
    pub host: Option<&'a str>,
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// Whether `Forwarded` or `X-Forwarded-For` is there.
    pub forwarded: bool,
}

/// Whether the service may listen at `address`: anywhere with tokens, only on loopback without.
#[must_use]
pub fn listen_allowed(address: SocketAddr, has_tokens: bool) -> bool {
    has_tokens || is_loopback(address.ip())
}

/// Whether `ip` is this machine's own, also as an IPv4 address in IPv6 clothing.
fn is_loopback(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback()),
    }
}

/// The rules where no token is configured: this machine alone, and no web page or proxy that speaks for somebody else
/// (a page whose name was rebound to 127.0.0.1, a form that posts across origins).
///
/// # Errors
/// Why not.
pub fn local(asking: &Asking<'_>) -> Result<Principal, Denied> {
    if !asking.peer.is_some_and(|peer| is_loopback(peer.ip())) {
        return Err(Denied::NotLocal);
    }
    if asking.forwarded {
        return Err(Denied::Foreign("Forwarded"));
    }
    if asking.host.is_some_and(|host| !is_local_host(host)) {
        return Err(Denied::Foreign("Host"));
    }
    match asking.origin {
        None => Ok(Principal::Local),
        Some(origin) => match origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) {
            Some(authority) if Some(authority) == asking.host => Ok(Principal::Local),
            _ => Err(Denied::Foreign("Origin")),
        },
    }
}

/// Whether a `Host` names this machine: `localhost`, a name under it, or a loopback address, with or without a port.
fn is_local_host(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok_and(is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from<'a>(peer: &str, host: Option<&'a str>, origin: Option<&'a str>) -> Result<Principal, Denied> {
        let peer = Some(peer.parse().unwrap());
        local(&Asking { peer, authorization: None, host, origin, forwarded: false })
    }

    #[test]
    fn without_tokens_only_this_machine_is_served() {
        for peer in ["127.0.0.1:5000", "127.9.9.9:1", "[::1]:5000", "[::ffff:127.0.0.1]:80"] {
            assert_eq!(from(peer, Some("localhost:9093"), None), Ok(Principal::Local), "{peer}");
        }
        for peer in ["10.0.0.1:5000", "[2001:db8::1]:5000", "[::ffff:10.0.0.1]:80"] {
            assert_eq!(from(peer, Some("localhost:9093"), None), Err(Denied::NotLocal), "{peer}");
        }
    }

    #[test]
    fn a_rebound_name_is_refused() {
        for host in ["127.0.0.1", "127.0.0.1:9093", "localhost", "LOCALHOST:80", "[::1]:9093", "a.localhost:1"] {
            assert_eq!(from("127.0.0.1:1", Some(host), None), Ok(Principal::Local), "{host}");
        }
        for host in
            ["evil.example", "evil.example:9093", "localhost.evil.example", "127.0.0.1.evil.example", "[fe80::1]"]
        {
            assert_eq!(from("127.0.0.1:1", Some(host), None), Err(Denied::Foreign("Host")), "{host}");
        }
    }

    #[test]
    fn a_form_of_another_site_is_refused() {
        let host = Some("127.0.0.1:9093");
        assert_eq!(from("127.0.0.1:1", host, Some("http://127.0.0.1:9093")), Ok(Principal::Local));
        for origin in ["http://evil.example", "null", "http://127.0.0.1:1", "file://"] {
            assert_eq!(from("127.0.0.1:1", host, Some(origin)), Err(Denied::Foreign("Origin")), "{origin}");
        }
    }

    #[test]
    fn a_proxy_in_front_needs_tokens() {
        let peer = Some("127.0.0.1:1".parse().unwrap());
        let asking = Asking { peer, authorization: None, host: Some("localhost"), origin: None, forwarded: true };
        assert_eq!(local(&asking), Err(Denied::Foreign("Forwarded")));
    }

    #[test]
    fn listening_beyond_loopback_needs_tokens() {
        assert!(listen_allowed("127.0.0.1:80".parse().unwrap(), false));
        assert!(listen_allowed("[::1]:80".parse().unwrap(), false));
        assert!(!listen_allowed("0.0.0.0:80".parse().unwrap(), false));
        assert!(listen_allowed("0.0.0.0:80".parse().unwrap(), true));
    }
}
