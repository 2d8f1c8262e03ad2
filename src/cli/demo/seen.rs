//! What the stand-ins received, and waiting for it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;

/// Messages kept of each kind. Beyond: the oldest goes, for a demo may run for days.
const KEPT_MAX: usize = 200;

/// A message in Slack, as it stands.
#[derive(Debug, Clone)]
pub struct SlackMessage {
    /// Room or person.
    pub channel: String,
    /// Slack's id of the message within the channel.
    pub ts: String,
    /// The message that it answers.
    pub thread: Option<String>,
    /// The text that notifications show.
    pub text: String,
    /// The blocks.
    pub blocks: Value,
    /// How often it was changed in place.
    pub edits: u32,
}

/// A mail.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Recipient.
    pub to: String,
    /// Subject, decoded.
    pub subject: String,
    /// The message that it answers.
    pub in_reply_to: Option<String>,
    /// The part that is text, decoded.
    pub text: String,
}

/// Everything, in order of arrival.
#[derive(Debug, Clone, Default)]
pub struct Received {
    /// Slack.
    pub slack: Vec<SlackMessage>,
    /// Cards in Teams.
    pub teams: Vec<Value>,
    /// Mail.
    pub mail: Vec<Mail>,
    /// Slack messages so far, for their ids.
    pub posted: u64,
}

/// What the stand-ins share with the story.
#[derive(Debug, Default)]
pub struct Seen {
    received: Mutex<Received>,
    changed: Notify,
}

impl Seen {
    /// Changes what was received and tells who waits.
    pub fn update<T>(&self, change: impl FnOnce(&mut Received) -> T) -> T {
        let done = {
            let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
            let done = change(&mut received);
            shorten(&mut received.slack);
            shorten(&mut received.teams);
            shorten(&mut received.mail);
            done
        };
        self.changed.notify_waiters();
        done
    }

    /// A copy as it stands.
    #[must_use]
    pub fn now(&self) -> Received {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until `enough` says so, at most `limit` long; what there is then, and whether it was enough.
    pub async fn wait(&self, limit: Duration, enough: impl Fn(&Received) -> bool) -> (Received, bool) {
        let until = tokio::time::Instant::now() + limit;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Listens before it looks, so that nothing in between is missed.
            changed.as_mut().enable();
            let received = self.now();
            if enough(&received) {
                return (received, true);
            }
            if tokio::time::timeout_at(until, changed).await.is_err() {
                return (received, false);
            }
        }
    }
}

fn shorten<T>(list: &mut Vec<T>) {
    if list.len() > KEPT_MAX {
        list.drain(..list.len() - KEPT_MAX);
    }
}
