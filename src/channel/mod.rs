//! Ways out. A channel renders, sends and classifies; it holds no rules and decides nothing about whom to tell.

pub mod message;

pub use message::{ActionLinks, Content, Fact, Link, Message, PersonName, Urgency};

use std::future::Future;
use std::pin::Pin;

use crate::engine::input::Receipt;

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

    /// Within this channel, messages with the same lane are sent one after the other and share rate limits
    /// (a Slack room, a mail domain). The default is one lane for the whole channel.
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
