//! What the stand-ins received, and waiting for it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

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

/// Something that came, in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Its number, from 1.
    pub number: u64,
    /// The kind of channel, for people.
    pub channel: &'static str,
    /// Room, person or address.
    pub to: String,
    /// What happened there.
    pub what: String,
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
    /// All of it in lines.
    pub arrivals: Vec<Arrival>,
    /// How much came so far.
    pub count: u64,
}

impl Received {
    /// Notes that something came; its number.
    pub fn arrived(&mut self, channel: &'static str, to: &str, what: String) -> u64 {
        self.count += 1;
        self.arrivals.push(Arrival { number: self.count, channel, to: to.to_owned(), what });
        self.count
    }
}

/// What the stand-ins share with the story.
#[derive(Debug, Default)]
pub struct Seen {
    received: Mutex<Received>,
    count: watch::Sender<u64>,
}

impl Seen {
    /// Changes what was received and tells who waits.
    pub fn update<T>(&self, change: impl FnOnce(&mut Received) -> T) -> T {
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        let done = change(&mut received);
        shorten(&mut received.slack);
        shorten(&mut received.teams);
        shorten(&mut received.mail);
        shorten(&mut received.arrivals);
        self.count.send_replace(received.count);
        done
    }

    /// A copy as it stands.
    #[must_use]
    pub fn now(&self) -> Received {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until `enough` says so, at most `limit` long; what there is then.
    pub async fn wait(&self, limit: Duration, enough: impl Fn(&Received) -> bool) -> Received {
        let mut count = self.count.subscribe();
        let waiting = async {
            // What came between the look and the wait is marked as changed, so nothing is missed.
            while !enough(&self.now()) && count.changed().await.is_ok() {}
        };
        // Whether it was enough is asked of the copy; a message may come at the last moment.
        let _ = tokio::time::timeout(limit, waiting).await;
        self.now()
    }

    /// Waits for what comes after the arrival of that number.
    pub async fn after(&self, number: u64) -> Vec<Arrival> {
        let mut count = self.count.subscribe();
        // The sender is part of `self`, so it does not go away.
        let _ = count.wait_for(|count| *count > number).await;
        self.now().arrivals.into_iter().filter(|arrival| arrival.number > number).collect()
    }
}

fn shorten<T>(list: &mut Vec<T>) {
    if list.len() > KEPT_MAX {
        list.drain(..list.len() - KEPT_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_messages_go() {
        for (count, oldest) in [(KEPT_MAX, 0), (KEPT_MAX + 1, 1)] {
            let mut list: Vec<usize> = (0..count).collect();
            shorten(&mut list);
            assert_eq!((list.len(), list[0]), (KEPT_MAX, oldest));
        }
    }
}
