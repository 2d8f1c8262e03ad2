//! Microsoft Teams, by the URL of a Workflows webhook.
//!
//! A flow answers 202 before it has looked at the card, and nobody hears of it when it then drops it: what it took is *accepted*,
//! never known to be seen. So size and form are kept before sending. A flow cannot change what it posted: a follow-up is a new small card.
//! Buttons open links; a card that came by webhook cannot do more.

pub mod card;
pub mod digest;
pub mod escape;

use std::fmt;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};

use super::client::{self, Target};
use super::outcome::{self, retry_all};
use super::{Abilities, Channel, Kind, Limit, Message, SendFuture, Sending, Setup, SetupError};
use crate::config::{ChannelSettings, TeamsSettings};
use crate::domain::{ChannelKind, ChannelRef, Span};

/// Four a second was the old webhooks' limit; for flows none is documented. Source: MicrosoftDocs/msteams-docs, connectors-using.
const LANE_INTERVAL: Duration = Duration::from_millis(250);

/// Describes itself.
pub const KIND: Kind = Kind {
    kind: ChannelKind::Teams,
    about: "Adaptive Cards posted by a Workflows webhook",
    abilities: Abilities {
        updates_in_place: false,
        threads: false,
        action_links: true,
        confirms: false,
        batches: false,
    },
    limits: &[
        Limit {
            what: "bytes of a request",
            max: card::BODY_MAX as u64,
            source: "learn.microsoft.com, incoming webhooks",
        },
        Limit { what: "messages a second", max: 4, source: "MicrosoftDocs/msteams-docs, connectors-using" },
    ],
    build,
};

fn build(settings: &ChannelSettings, setup: &Setup<'_>) -> Result<Box<dyn Channel>, SetupError> {
    let ChannelSettings::Teams(settings) = settings else { return Err(SetupError::OtherKind) };
    Teams::new(settings, setup).map(|t| Box::new(t) as Box<dyn Channel>)
}

/// A configured flow.
struct Teams {
    reference: ChannelRef,
    client: reqwest::Client,
    target: Target,
    timeout: Duration,
    interval: Duration,
}

impl fmt::Debug for Teams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Teams").field("channel", &self.reference).finish_non_exhaustive()
    }
}

impl Teams {
    fn new(settings: &TeamsSettings, setup: &Setup<'_>) -> Result<Self, SetupError> {
        let common = &settings.common;
        let target = setup.target(&settings.url, common.allow_private)?;
        Ok(Self {
            reference: setup.reference.clone(),
            client: client::client(common, &target, 2)?,
            target,
            timeout: common.timeout.to_std(),
            interval: common.interval.map_or(LANE_INTERVAL, Span::to_std),
        })
    }

    async fn deliver(&self, message: &Message) -> Sending {
        let request = self
            .client
            .post(self.target.url().clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(card::body(message));
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => return outcome::from_error(&error),
        };
        let sending = outcome::from_status(response.status(), response.headers(), message.now);
        let answer = client::read(&mut response).await.unwrap_or_default();
        // The retired connectors, and what stands in for them, say so in the body of a 200.
        if matches!(sending, Sending::Delivered { .. }) && is_throttled(&answer) {
            return retry_all("HTTP 429 within the answer", None);
        }
        sending
    }
}

fn is_throttled(answer: &[u8]) -> bool {
    const WORDS: &[u8] = b"HTTP error 429";
    answer.windows(WORDS.len()).any(|w| w == WORDS)
}

impl Channel for Teams {
    fn concurrency(&self) -> usize {
        2
    }

    fn lane_interval(&self) -> Duration {
        self.interval
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn send<'a>(&'a self, _address: &'a str, messages: &'a [Message]) -> SendFuture<'a> {
        Box::pin(async move {
            let mut sendings = Vec::with_capacity(messages.len());
            for message in messages {
                let one = tokio::time::timeout(self.timeout, self.deliver(message)).await;
                sendings.push(one.unwrap_or_else(|_| outcome::timed_out()));
            }
            sendings
        })
    }
}
