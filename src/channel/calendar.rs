//! Calendars of absences and holidays, fetched: by the address policy of every connection to the outside, with a deadline, a limit of size, and
//! not again while they are the same.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, ETAG, IF_NONE_MATCH};
use secrecy::ExposeSecret as _;

use super::client::{self, Target};
use super::{Secrets, Sending, SetupError, outcome};
use crate::config::{Common, HttpTarget};

/// What came.
#[derive(Debug)]
pub enum Fetched {
    /// The same as before.
    Unchanged,
    /// Its bytes, and by what it is known again.
    New(Vec<u8>, Option<String>),
}

/// A calendar behind an address.
#[derive(Debug)]
pub struct CalendarSource {
    client: reqwest::Client,
    target: Target,
    timeout: Duration,
}

impl CalendarSource {
    /// Sets it up. Contacts nobody.
    ///
    /// # Errors
    /// When a secret, a file or the address cannot be used.
    pub fn new(url: &HttpTarget, common: &Common, secrets: &Secrets<'_>) -> Result<Self, SetupError> {
        let target = match url {
            HttpTarget::Plain(url) => Target::new(url, common.allow_private)?,
            HttpTarget::Secret(reference) => {
                let url = secrets(reference).map_err(|source| SetupError::Secret { what: "url", source })?;
                Target::new(url.expose_secret(), common.allow_private)?
            }
        };
        Ok(Self { client: client::client(common, &target, 1)?, target, timeout: common.timeout.to_std() })
    }

    /// Fetches it. `known` is what it was known by before; at most `most` bytes and one more are read.
    ///
    /// # Errors
    /// What went wrong in a few words, without the address.
    pub async fn fetch(&self, known: Option<&str>, most: usize) -> Result<Fetched, String> {
        let exchange = self.exchange(known, most);
        tokio::time::timeout(self.timeout, exchange).await.unwrap_or_else(|_| Err("it took too long".to_owned()))
    }

    async fn exchange(&self, known: Option<&str>, most: usize) -> Result<Fetched, String> {
        let mut request = self.client.get(self.target.url().clone()).header(ACCEPT, "text/calendar");
        if let Some(known) = known {
            request = request.header(IF_NONE_MATCH, known);
        }
        let mut answer = request.send().await.map_err(|error| failed(&error))?;
        if answer.status() == StatusCode::NOT_MODIFIED && known.is_some() {
            return Ok(Fetched::Unchanged);
        }
        if !answer.status().is_success() {
            return Err(format!("it answered {}", answer.status().as_u16()));
        }
        let tag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| failed(&error))? {
            let room = (most + 1).saturating_sub(bytes.len());
            bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if bytes.len() > most {
                break;
            }
        }
        Ok(Fetched::New(bytes, tag))
    }
}

fn failed(error: &reqwest::Error) -> String {
    match outcome::from_error(error) {
        Sending::Retry { error, .. } | Sending::Failed { error } => error,
        Sending::Delivered { .. } => "the connection broke".to_owned(),
    }
}
