//! Dispatch: from ordered messages to sent ones, and back as reports.
//!
//! Each channel has a worker of its own, so that a slow one holds up nobody else; each worker a queue in lanes, in order of urgency. Rows
//! are checked against the state right before sending, rendered, sent under a deadline, and reported. Delivery is at least once: a crash
//! between sending and reporting sends again. Absent on purpose: deciding whom to tell, or what follows when a way fails (the engine's).

mod gather;
mod handoff;
mod queue;
mod render;
mod retry;
#[cfg(test)]
mod tests;
mod wording;
mod worker;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Handle;
use crate::auth::link::LinkKey;
use crate::channel::Channel;
use crate::config::{ChannelSettings, Settings};
use crate::domain::ChannelRef;
use crate::engine::state::Delivery;
use worker::{Order, Worker};

pub use queue::{BREAKER_FAILURES, NOTICE_PATIENCE};
pub use render::LATE_AFTER;

/// Give-up time of a channel whose settings are not there.
const GIVE_UP: Duration = Duration::from_mins(10);

/// Channels by name, ready to send.
pub type Channels = BTreeMap<ChannelRef, Arc<dyn Channel>>;

/// Where the numbers come from by which waits vary.
pub type Chance = Arc<dyn Fn() -> u32 + Send + Sync>;

/// The dispatcher. Clones share it.
#[derive(Clone)]
pub struct Dispatcher {
    inner: Arc<Inner>,
}

struct Inner {
    handle: Handle,
    link_key: LinkKey,
    chance: Chance,
    workers: Mutex<BTreeMap<ChannelRef, UnboundedSender<Order>>>,
    tasks: TaskTracker,
    stop: CancellationToken,
    runtime: tokio::runtime::Handle,
}

impl std::fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dispatcher").finish_non_exhaustive()
    }
}

impl Dispatcher {
    /// Starts with `channels`, on the current tokio runtime.
    #[must_use]
    pub fn start(handle: Handle, link_key: LinkKey, channels: &Channels, settings: &Settings) -> Self {
        // Without randomness every wait is the shortest, which is still right.
        Self::start_with(handle, link_key, channels, settings, Arc::new(|| getrandom::u32().unwrap_or(0)))
    }

    /// The same with `chance`, so that a simulator can repeat what happened.
    #[must_use]
    pub fn start_with(
        handle: Handle,
        link_key: LinkKey,
        channels: &Channels,
        settings: &Settings,
        chance: Chance,
    ) -> Self {
        let inner = Inner {
            handle,
            link_key,
            chance,
            workers: Mutex::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            runtime: tokio::runtime::Handle::current(),
        };
        let dispatcher = Self { inner: Arc::new(inner) };
        dispatcher.install(channels, settings);
        dispatcher
    }

    /// Uses these channels from now on. Messages that wait stay in their queues; those of a channel that is gone fail, and go another way.
    pub fn install(&self, channels: &Channels, settings: &Settings) {
        let mut workers = self.workers();
        for (reference, channel) in channels {
            let give_up = settings.channels.get(reference).map_or(GIVE_UP, give_up);
            let order = Order::Use(Arc::clone(channel), give_up);
            self.order(&mut workers, reference, order);
        }
        for (reference, worker) in workers.iter().filter(|(reference, _)| !channels.contains_key(*reference)) {
            tracing::info!(channel = %reference, "the channel is not configured any more");
            // A worker ends only when callout stops; its messages are in the outbox then.
            let _ = worker.send(Order::Gone);
        }
    }

    /// Takes messages to send. Never blocks.
    pub fn offer(&self, rows: Vec<Arc<Delivery>>) {
        let mut by_channel: Vec<(ChannelRef, Vec<Arc<Delivery>>)> = Vec::new();
        for row in rows {
            let channel = row.to.channel();
            match by_channel.iter_mut().find(|(known, _)| known == channel) {
                Some((_, rows)) => rows.push(row),
                None => by_channel.push((channel.clone(), vec![row])),
            }
        }
        let mut workers = self.workers();
        for (reference, rows) in by_channel {
            self.order(&mut workers, &reference, Order::Send(rows));
        }
    }

    fn order(&self, workers: &mut BTreeMap<ChannelRef, UnboundedSender<Order>>, reference: &ChannelRef, order: Order) {
        let worker = workers.entry(reference.clone()).or_insert_with(|| self.worker(reference));
        // As above: it only ends when callout stops.
        let _ = worker.send(order);
    }

    fn worker(&self, reference: &ChannelRef) -> UnboundedSender<Order> {
        // Unbounded, and yet bounded: an order is a row of the outbox or a word about one, and of these there are `OUTBOX_MAX`.
        let (orders, received) = unbounded_channel();
        let worker = Worker {
            reference: reference.clone(),
            handle: self.inner.handle.clone(),
            link_key: self.inner.link_key.clone(),
            chance: Arc::clone(&self.inner.chance),
            channel: None,
            give_up: GIVE_UP,
            orders: received,
            stop: self.inner.stop.clone(),
        };
        self.inner.tasks.spawn_on(worker.run(), &self.inner.runtime);
        orders
    }

    /// Sends nothing new, and waits until what is under way has ended and was reported, at most for `limit`.
    pub async fn stop(&self, limit: Duration) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        if tokio::time::timeout(limit, self.inner.tasks.wait()).await.is_err() {
            tracing::warn!("messages were still under way at the end; they may be sent again after the next start");
        }
    }

    fn workers(&self) -> std::sync::MutexGuard<'_, BTreeMap<ChannelRef, UnboundedSender<Order>>> {
        self.inner.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn give_up(settings: &ChannelSettings) -> Duration {
    match settings {
        ChannelSettings::Slack(slack) => slack.common.give_up,
        ChannelSettings::Teams(teams) => teams.common.give_up,
        ChannelSettings::Email(email) => email.common.give_up,
        ChannelSettings::Webhook(webhook) => webhook.common.give_up,
        ChannelSettings::Http(http) => http.common.give_up,
    }
    .to_std()
}
