//! The decision about a request: who is asking, whether they may, and what is remembered of it.
//!
//! A right token is let through whatever else came from its address: behind one address there may be a whole office or a proxy, and
//! nobody must be able to lock a sender out by guessing beside it. Guessing 256 random bits is hopeless at any rate; the limit on wrong
//! tokens bounds what guessing costs callout and shows it to the operator.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use super::policy::{Need, permit};
use super::throttle::Failures;
use super::token::{Unrecognised, authenticate};
use super::usage::Usage;
use super::{Asking, Denied, Principal, local};
use crate::config::Settings;
use crate::domain::Timestamp;

/// Why requests were turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No credential.
    Missing,
    /// A credential that is not known.
    Unknown,
    /// A token whose time is over.
    Expired,
    /// A token without the scope.
    Scope,
    /// A wrong token, after too many from the same address.
    Throttled,
    /// Without tokens: not this machine's own request.
    NotLocal,
    /// A link that was not made here.
    Link,
    /// A request that says to be Slack's and was not signed as such.
    Signature,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Missing,
        Self::Unknown,
        Self::Expired,
        Self::Scope,
        Self::Throttled,
        Self::NotLocal,
        Self::Link,
        Self::Signature,
    ];

    /// The word in metrics and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Scope => "scope",
            Self::Throttled => "throttled",
            Self::NotLocal => "not-local",
            Self::Link => "link",
            Self::Signature => "signature",
        }
    }
}

/// Decides, counts and remembers.
#[derive(Debug, Default)]
pub struct Gate {
    failures: Failures,
    /// What tokens were used for.
    pub usage: Usage,
    rejected: [AtomicU64; Reason::ALL.len()],
}

impl Gate {
    /// A gate that goes on from what is known of the use of tokens.
    #[must_use]
    pub fn new(usage: Usage) -> Self {
        Self { usage, ..Self::default() }
    }

    /// Decides about a request. Without configured tokens this machine may do everything and nobody else anything.
    ///
    /// # Errors
    /// Why not.
    pub fn decide(
        &self,
        need: Need,
        asking: &Asking<'_>,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Principal, Denied> {
        if matches!(need, Need::Nothing | Need::Link | Need::Signature) {
            return Ok(Principal::Anybody);
        }
        if settings.tokens.is_empty() {
            return local(asking).inspect_err(|_| self.count(Reason::NotLocal));
        }
        let ip = asking.peer.map(|peer| peer.ip());
        let found = authenticate(asking.authorization, settings, now).map_err(|why| match why {
            Unrecognised::Missing => {
                self.count(Reason::Missing);
                Denied::Unauthenticated
            }
            Unrecognised::Unknown => self.wrong(Reason::Unknown, ip, now),
            Unrecognised::Expired(hash) => {
                self.usage.expired(&hash);
                self.wrong(Reason::Expired, ip, now)
            }
        })?;
        if let Err(denied) = permit(need, &found.principal) {
            self.usage.refused(&found.sha256, now);
            self.count(Reason::Scope);
            return Err(denied);
        }
        self.usage.used(&found.sha256, now);
        Ok(found.principal)
    }

    /// A link that was not made here. `Err`: there were too many wrong things from this address.
    ///
    /// # Errors
    /// As said.
    pub fn wrong_link(&self, ip: Option<IpAddr>, now: Timestamp) -> Result<(), Denied> {
        self.wrong_thing(Reason::Link, ip, now)
    }

    /// A request that was not signed by whom it says. `Err`: there were too many wrong things from this address.
    ///
    /// # Errors
    /// As said.
    pub fn wrong_signature(&self, ip: Option<IpAddr>, now: Timestamp) -> Result<(), Denied> {
        self.wrong_thing(Reason::Signature, ip, now)
    }

    fn wrong_thing(&self, reason: Reason, ip: Option<IpAddr>, now: Timestamp) -> Result<(), Denied> {
        match self.wrong(reason, ip, now) {
            denied @ Denied::TooMany { .. } => Err(denied),
            _ => Ok(()),
        }
    }

    fn wrong(&self, reason: Reason, ip: Option<IpAddr>, now: Timestamp) -> Denied {
        self.count(reason);
        let Some(ip) = ip else { return Denied::Unauthenticated };
        match self.failures.add(ip, now) {
            None => Denied::Unauthenticated,
            Some(refusal) => {
                self.count(Reason::Throttled);
                if refusal.is_first {
                    tracing::warn!(peer.ip = %ip, "too many wrong tokens or links came from {ip}; further ones are answered 429");
                }
                Denied::TooMany { retry_after_s: refusal.retry_after_s }
            }
        }
    }

    fn count(&self, reason: Reason) {
        self.rejected[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many requests were turned away for this reason since the start.
    #[must_use]
    pub fn rejected(&self, reason: Reason) -> u64 {
        self.rejected[reason as usize].load(Ordering::Relaxed)
    }
}
