//! Ways out. A channel renders, sends and classifies; it holds no rules and decides nothing about whom to tell.
//!
//! Each kind describes itself in a [`Kind`] and is one line of [`KINDS`]. Absent on purpose: retries, rate limits and fallbacks,
//! which are the dispatcher's; clocks (the time of sending comes with the [`Message`]).

pub mod calendar;
pub mod client;
pub mod digest;
pub mod email;
pub mod heartbeat;
pub mod http;
pub mod message;
pub mod outcome;
pub mod slack;
pub mod teams;
pub mod text;
pub mod webhook;
pub mod wording;

pub use message::{
    ActionLinks, Choices, Content, Fact, Link, Measure, Measured, Message, PersonName, Picture, Urgency,
};

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use secrecy::SecretString;

use crate::config::{ChannelSettings, HttpTarget, SecretError, SecretRef, Settings};
use crate::domain::{ChannelKind, ChannelRef};
use crate::engine::input::Receipt;

/// Every kind of channel, one line each.
pub static KINDS: &[Kind] = &[slack::KIND, teams::KIND, email::KIND, webhook::KIND, http::KIND];

/// A kind of channel, as it describes itself.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Which.
    pub kind: ChannelKind,
    /// What it is, in a line.
    pub about: &'static str,
    /// What it can do.
    pub abilities: Abilities,
    /// The other side's limits, which rendering keeps to.
    pub limits: &'static [Limit],
    /// Makes a channel of this kind.
    build: Build,
}

/// Makes a channel of one kind from its settings.
type Build = fn(&ChannelSettings, &Setup<'_>) -> Result<Box<dyn Channel>, SetupError>;

/// What a kind of channel can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a table of independent abilities")]
pub struct Abilities {
    /// An earlier message is changed when the incident changes.
    pub updates_in_place: bool,
    /// Follow-ups are tied to the first message.
    pub threads: bool,
    /// Links or buttons to acknowledge, snooze and resolve.
    pub action_links: bool,
    /// A success of the other side means that it has the message; else that it took it and may still drop it unseen.
    pub confirms: bool,
    /// Several messages go in one request.
    pub batches: bool,
}

/// A limit of the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What is limited, with the unit: `characters of a section`.
    pub what: &'static str,
    /// The most it takes.
    pub max: u64,
    /// Where that is written.
    pub source: &'static str,
}

/// How secrets are had: [`crate::config::secret::resolve`] with the configuration's folder.
pub type Secrets<'a> = dyn Fn(&SecretRef) -> Result<SecretString, SecretError> + 'a;

/// Why a configured channel could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("could not set up channel `{channel}`")]
pub struct BuildError {
    /// Which.
    pub channel: ChannelRef,
    /// Why.
    #[source]
    pub reason: SetupError,
}

/// What was wrong in the setting up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A secret could not be had.
    #[error("its {what} could not be had")]
    Secret {
        /// Which secret: `token`.
        what: &'static str,
        /// Why.
        #[source]
        source: SecretError,
    },
    /// A value that cannot be used.
    #[error("its {what} cannot be used: {why}")]
    Unusable {
        /// Which value.
        what: &'static str,
        /// Why.
        why: &'static str,
    },
    /// The HTTP client, or where it should post.
    #[error(transparent)]
    Client(#[from] client::ClientError),
    /// The settings are of another kind than the reference.
    #[error("its settings are of another kind")]
    OtherKind,
}

/// What the kinds need beside their settings.
pub(crate) struct Setup<'a> {
    /// The channel's own name, for receipts.
    pub reference: &'a ChannelRef,
    secrets: &'a Secrets<'a>,
}

impl Setup<'_> {
    /// Reads a secret.
    fn secret(&self, what: &'static str, reference: &SecretRef) -> Result<SecretString, SetupError> {
        (self.secrets)(reference).map_err(|source| SetupError::Secret { what, source })
    }

    /// Reads and checks where to post.
    fn target(&self, target: &HttpTarget, allow_private: bool) -> Result<client::Target, SetupError> {
        use secrecy::ExposeSecret;
        Ok(match target {
            HttpTarget::Plain(url) => client::Target::new(url, allow_private)?,
            HttpTarget::Secret(reference) => {
                client::Target::new(self.secret("url", reference)?.expose_secret(), allow_private)?
            }
        })
    }
}

/// Makes the channel of `settings`. Contacts nobody; reads secrets and certificate files.
///
/// # Errors
/// When a secret, a file or a value of the settings cannot be used.
pub fn build(
    settings: &ChannelSettings,
    reference: &ChannelRef,
    secrets: &Secrets<'_>,
) -> Result<Box<dyn Channel>, BuildError> {
    let failed = |reason| BuildError { channel: reference.clone(), reason };
    let kind = KINDS.iter().find(|k| k.kind == reference.kind).ok_or_else(|| failed(SetupError::OtherKind))?;
    (kind.build)(settings, &Setup { reference, secrets }).map_err(failed)
}

/// Makes all channels, with every failure beside those that could be made.
pub fn build_all(
    settings: &Settings,
    secrets: &Secrets<'_>,
) -> (BTreeMap<ChannelRef, Box<dyn Channel>>, Vec<BuildError>) {
    let mut channels = BTreeMap::new();
    let mut errors = Vec::new();
    for (reference, one) in &settings.channels {
        match build(one, reference, secrets) {
            Ok(channel) => drop(channels.insert(reference.clone(), channel)),
            Err(error) => errors.push(error),
        }
    }
    (channels, errors)
}

/// How an attempt ended, as the channel saw it. Texts carry no secrets, addresses of servers or bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sending {
    /// Taken, with what a follow-up needs.
    Delivered {
        /// Slack's `ts`, a Message-ID.
        receipt: Option<Receipt>,
    },
    /// Worth another try; `after` is what the other side asked for (`Retry-After`).
    Retry {
        /// What went wrong, in a few words.
        error: String,
        /// Not before.
        after: Option<std::time::Duration>,
        /// Whether this tells something about the whole destination (429, 5xx, refused connection), not about this message.
        whole_destination: bool,
    },
    /// Refused for good.
    Failed {
        /// What went wrong, in a few words.
        error: String,
    },
}

/// Future of a sending.
pub type SendFuture<'a> = Pin<Box<dyn Future<Output = Vec<Sending>> + Send + 'a>>;

/// A configured way out. One value per `[channels.<kind>.<name>]`.
pub trait Channel: Send + Sync + std::fmt::Debug {
    /// How many messages one call may carry (1 for all but the webhook).
    fn batch_max(&self) -> usize {
        1
    }

    /// How many calls may be under way at once.
    fn concurrency(&self) -> usize {
        8
    }

    /// Within this channel, messages with the same lane share rate limits and fate (a Slack room); what concerns one incident is sent
    /// one after the other. The default is one lane for the whole channel.
    fn lane(&self, address: &str) -> String {
        let _ = address;
        String::new()
    }

    /// Least time between two messages of a lane; zero for none. Slack asks for one second per room.
    fn lane_interval(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }

    /// Deadline of one attempt, all in.
    fn timeout(&self) -> std::time::Duration {
        std::time::Duration::from_secs(10)
    }

    /// Sends `messages` (at least one, at most [`Channel::batch_max`], all for `address`), answering one [`Sending`] each, in order.
    /// The caller bounds the whole by [`Channel::timeout`].
    fn send<'a>(&'a self, address: &'a str, messages: &'a [Message]) -> SendFuture<'a>;
}
