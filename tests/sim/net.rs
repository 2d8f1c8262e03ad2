//! The world outside as callout's channels see it: every call is laid before the simulation, which decides what arrives and what is answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use callout::channel::{Channel, Message, SendFuture, Sending};
use callout::domain::IncidentId;
use callout::domain::{ChannelKind, ChannelRef, DeliveryId, Name};
use callout::engine::state::Purpose;
use tokio::sync::{Notify, oneshot};

/// A message, as far as anybody asks later.
#[derive(Clone, Debug)]
pub struct Sent {
    pub delivery: DeliveryId,
    pub incident: Option<IncidentId>,
    pub purpose: Purpose,
    pub person: Option<Name>,
    pub key: String,
}

/// A call that waits for its answer.
#[derive(Debug)]
pub struct Call {
    pub channel: ChannelRef,
    pub messages: Vec<Sent>,
    reply: oneshot::Sender<Vec<Sending>>,
}

#[derive(Debug, Default)]
struct Content {
    calls: BTreeMap<u64, Call>,
    /// Calls that the simulation has not looked at yet.
    begun: Vec<u64>,
    last: u64,
    /// Messages that arrived, how often.
    arrived: BTreeMap<DeliveryId, u32>,
    /// Messages whose arrival callout was told of in this life.
    confirmed: BTreeSet<DeliveryId>,
}

/// The network. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Net {
    content: Arc<Mutex<Content>>,
    /// Something happened that the shard should look at.
    pub stirred: Arc<Notify>,
}

impl Net {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The channel of this name.
    pub fn channel(&self, reference: &ChannelRef) -> Arc<dyn Channel> {
        Arc::new(Way { reference: reference.clone(), net: self.clone() })
    }

    /// Calls that began since this was last asked, with their messages.
    pub fn begun(&self) -> Vec<(u64, ChannelRef, Vec<Sent>)> {
        let mut content = self.content();
        let begun = std::mem::take(&mut content.begun);
        begun
            .into_iter()
            .filter_map(|id| content.calls.get(&id).map(|call| (id, call.channel.clone(), call.messages.clone())))
            .collect()
    }

    /// These messages of a call arrive.
    pub fn arrive(&self, messages: &[Sent]) {
        let mut content = self.content();
        for message in messages {
            *content.arrived.entry(message.delivery).or_default() += 1;
        }
    }

    /// Answers a call; nothing happens when callout does not wait for it any more.
    pub fn answer(&self, call: u64, answers: Vec<Sending>) {
        let mut content = self.content();
        let Some(call) = content.calls.remove(&call) else { return };
        let confirmed: Vec<DeliveryId> = call
            .messages
            .iter()
            .zip(&answers)
            .filter(|(_, answer)| matches!(answer, Sending::Delivered { .. }))
            .map(|(message, _)| message.delivery)
            .collect();
        if call.reply.send(answers).is_ok() {
            content.confirmed.extend(confirmed);
        }
    }

    /// Whether callout was told, in this life, that the message arrived.
    pub fn is_confirmed(&self, delivery: DeliveryId) -> bool {
        self.content().confirmed.contains(&delivery)
    }

    /// How often a message arrived.
    pub fn arrivals(&self, delivery: DeliveryId) -> u32 {
        self.content().arrived.get(&delivery).copied().unwrap_or(0)
    }

    /// Messages that arrived, and arrivals beyond the first of each.
    pub fn totals(&self) -> (u64, u64) {
        let content = self.content();
        let again = content.arrived.values().map(|times| u64::from(times - 1)).sum();
        (content.arrived.len() as u64, again)
    }

    /// The process died: nobody waits for answers any more. Gives the messages that were under way.
    pub fn hang_up(&self) -> Vec<Vec<Sent>> {
        let mut content = self.content();
        content.confirmed.clear();
        content.begun.clear();
        std::mem::take(&mut content.calls).into_values().map(|call| call.messages).collect()
    }
}

/// One way out.
#[derive(Debug)]
struct Way {
    reference: ChannelRef,
    net: Net,
}

/// Tells the simulation that a call is over, also when callout lost patience.
struct Stir(Arc<Notify>);

impl Drop for Stir {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Channel for Way {
    fn batch_max(&self) -> usize {
        if self.reference.kind == ChannelKind::Webhook { 5 } else { 1 }
    }

    fn concurrency(&self) -> usize {
        4
    }

    fn lane(&self, address: &str) -> String {
        if self.reference.kind == ChannelKind::Slack { address.to_owned() } else { String::new() }
    }

    fn lane_interval(&self) -> Duration {
        if self.reference.kind == ChannelKind::Slack { Duration::from_secs(1) } else { Duration::ZERO }
    }

    fn send<'a>(&'a self, _: &'a str, messages: &'a [Message]) -> SendFuture<'a> {
        Box::pin(async move {
            let _stir = Stir(Arc::clone(&self.net.stirred));
            let (reply, answer) = oneshot::channel();
            let sent = messages.iter().map(sent).collect();
            {
                let mut content = self.net.content();
                content.last += 1;
                let id = content.last;
                content.calls.insert(id, Call { channel: self.reference.clone(), messages: sent, reply });
                content.begun.push(id);
            }
            self.net.stirred.notify_one();
            // Without an answer the process is dead; what becomes of this task is nobody's business any more.
            answer.await.unwrap_or_default()
        })
    }
}

fn sent(message: &Message) -> Sent {
    Sent {
        delivery: message.delivery,
        incident: message.content.as_ref().map(|content| content.incident),
        purpose: message.purpose,
        person: message.person.as_ref().map(|person| Name::from(person.id.as_str())),
        key: message.idempotency_key.clone(),
    }
}
