//! Sign of life to a monitor outside: healthchecks.io, Dead Man's Snitch, Uptime Kuma, or anything else that takes a request and raises an
//! alarm when none comes. Sends and classifies; whether a beat is deserved is the business of `runtime::heartbeat`.
//!
//! Source: healthchecks.io/docs/http_api (pings by HEAD, GET or POST, a body of up to 100 kB is kept), read 2026-11.

use std::fmt;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use secrecy::ExposeSecret;

use super::client::{self, Target};
use super::{Secrets, Sending, SetupError, outcome};
use crate::config::{BeatMethod, HeartbeatSettings, HttpTarget};
use crate::domain::Timestamp;

/// Where signs of life go.
pub struct Heartbeat {
    client: reqwest::Client,
    target: Target,
    method: BeatMethod,
    every: Duration,
    timeout: Duration,
}

impl fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heartbeat").field("target", &self.target).field("every", &self.every).finish_non_exhaustive()
    }
}

impl Heartbeat {
    /// Sets it up. Contacts nobody.
    ///
    /// # Errors
    /// When a secret, a file or the address cannot be used.
    pub fn new(settings: &HeartbeatSettings, secrets: &Secrets<'_>) -> Result<Self, SetupError> {
        let common = &settings.common;
        let target = match &settings.url {
            HttpTarget::Plain(url) => Target::new(url, common.allow_private)?,
            HttpTarget::Secret(reference) => {
                let url = secrets(reference).map_err(|source| SetupError::Secret { what: "url", source })?;
                Target::new(url.expose_secret(), common.allow_private)?
            }
        };
        Ok(Self {
            client: client::client(common, &target, 1)?,
            target,
            method: settings.method,
            every: settings.every.to_std(),
            timeout: common.timeout.to_std(),
        })
    }

    /// Time between two beats.
    #[must_use]
    pub const fn every(&self) -> Duration {
        self.every
    }

    /// Sends one. `body` is JSON; it goes along where the method has a body.
    ///
    /// # Errors
    /// What went wrong in a few words, without the address.
    pub async fn beat(&self, body: String, now: Timestamp) -> Result<(), String> {
        let request = match self.method {
            BeatMethod::Post => {
                self.client.post(self.target.url().clone()).header(CONTENT_TYPE, "application/json").body(body)
            }
            BeatMethod::Get => self.client.get(self.target.url().clone()),
            BeatMethod::Head => self.client.request(Method::HEAD, self.target.url().clone()),
        };
        let sent = tokio::time::timeout(self.timeout, request.send()).await;
        let sending = match sent {
            Err(_) => outcome::timed_out(),
            Ok(Err(error)) => outcome::from_error(&error),
            Ok(Ok(mut answer)) => {
                let sending = outcome::from_status(answer.status(), answer.headers(), now);
                // Read so that the connection can be used again; the status has decided.
                let _ = tokio::time::timeout(self.timeout, client::read(&mut answer)).await;
                sending
            }
        };
        match sending {
            Sending::Delivered { .. } => Ok(()),
            Sending::Retry { error, .. } | Sending::Failed { error } => Err(error),
        }
    }
}
