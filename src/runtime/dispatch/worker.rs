//! One channel's sender: a task that owns its queue and makes a bounded number of calls at once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Chance;
use super::queue::{Call, Fate, Next, Pace, Queue, Row};
use super::render::{Rendered, render};
use crate::auth::link::LinkKey;
use crate::channel::{Channel, Sending};
use crate::domain::{ChannelRef, Name, Span};
use crate::engine::state::{Delivery, Recipient};
use crate::engine::{DeliveryReport, Outcome};
use crate::runtime::Handle;
use crate::runtime::counters::Deliveries;

/// What a worker is told.
pub enum Order {
    /// Messages to send.
    Send(Vec<Arc<Delivery>>),
    /// The channel was set up anew.
    Use(Arc<dyn Channel>, Duration),
    /// The channel is not configured any more: what waits fails, so that it goes another way.
    Gone,
}

/// A worker and its things.
pub struct Worker {
    pub reference: ChannelRef,
    pub handle: Handle,
    pub link_key: LinkKey,
    pub chance: Chance,
    /// `None`: not configured; everything fails at once.
    pub channel: Option<Arc<dyn Channel>>,
    pub give_up: Duration,
    pub orders: UnboundedReceiver<Order>,
    /// Nothing new is sent once this is cancelled; what is under way ends.
    pub stop: CancellationToken,
}

type Calls = JoinSet<Vec<Sending>>;

impl Worker {
    /// Works until it is stopped, or nobody can give orders any more.
    pub async fn run(mut self) {
        let mut queue = Queue::new(self.pace());
        let mut calls: Calls = JoinSet::new();
        let mut under_way: HashMap<Id, Call> = HashMap::new();
        loop {
            if !self.stop.is_cancelled() {
                self.start_calls(&mut queue, &mut calls, &mut under_way);
            } else if calls.is_empty() {
                return;
            }
            // Without room for another call the end of one is what to wait for; what is due meanwhile would wake us again and again.
            let wake = queue.wake_at().filter(|_| calls.len() < self.concurrency());
            tokio::select! {
                // In this order, so that a run can be repeated, and the most urgent of all orders is known before a call is made.
                biased;
                order = self.orders.recv(), if !self.stop.is_cancelled() => {
                    let Some(order) = order else { self.stop.cancel(); continue };
                    self.obey(order, &mut queue);
                    // Whatever came at the same time joins in before calls are formed.
                    while let Ok(order) = self.orders.try_recv() {
                        self.obey(order, &mut queue);
                    }
                }
                Some(ended) = calls.join_next_with_id(), if !calls.is_empty() => {
                    self.ended(ended, &mut queue, &mut under_way);
                }
                () = sleep_until(wake), if wake.is_some() && !self.stop.is_cancelled() => {}
                () = self.stop.cancelled(), if !self.stop.is_cancelled() => {}
            }
        }
    }

    fn pace(&self) -> Pace {
        let channel = self.channel.as_deref();
        Pace {
            batch_max: channel.map_or(1, Channel::batch_max),
            interval: channel.map_or(Duration::ZERO, Channel::lane_interval),
            give_up: self.give_up,
        }
    }

    /// Calls that may be under way at once.
    fn concurrency(&self) -> usize {
        self.channel.as_deref().map_or(1, Channel::concurrency).max(1)
    }

    fn counters(&self) -> &Deliveries {
        self.handle.counters().deliveries(self.reference.kind)
    }

    fn obey(&mut self, order: Order, queue: &mut Queue) {
        match order {
            Order::Send(rows) => self.queue_rows(rows, queue),
            Order::Use(channel, give_up) => {
                self.channel = Some(channel);
                self.give_up = give_up;
                queue.set_pace(self.pace());
            }
            Order::Gone => {
                self.channel = None;
                self.give_back(queue);
            }
        }
    }

    fn queue_rows(&self, rows: Vec<Arc<Delivery>>, queue: &mut Queue) {
        let now = Instant::now();
        let policy = self.handle.policy();
        for delivery in rows {
            let address = match &delivery.to {
                Recipient::Channel(destination) => Some(destination.address.clone()),
                Recipient::Person { person, channel } => {
                    policy.contact(person, channel).map(|contact| contact.address.clone())
                }
            };
            let row = Row::new(delivery, address.clone().unwrap_or_default(), now);
            match (&self.channel, address) {
                (Some(channel), Some(address)) => queue.push(&channel.lane(&address), row, now),
                (Some(_), None) => self.fail(&[row], "the person has no address in this channel any more"),
                (None, _) => self.fail(&[row], "the channel is not configured any more"),
            }
        }
    }

    /// Without a channel what waits fails, so that it goes another way.
    fn give_back(&self, queue: &mut Queue) {
        let rows = queue.drain();
        self.fail(&rows, "the channel is not configured any more");
    }

    fn fail(&self, rows: &[Row], error: &'static str) {
        self.counters().failed.add(rows.len() as u64);
        self.handle.report(rows.iter().map(|row| self.failed(row, Name::const_new(error))).collect());
    }

    fn failed(&self, row: &Row, error: Name) -> DeliveryReport {
        self.reported(row, Outcome::Failed { error })
    }

    fn reported(&self, row: &Row, outcome: Outcome) -> DeliveryReport {
        DeliveryReport { delivery: row.delivery.id, attempt: row.attempts + 1, at: self.handle.now(), outcome }
    }

    fn start_calls(&self, queue: &mut Queue, calls: &mut Calls, under_way: &mut HashMap<Id, Call>) {
        let Some(channel) = &self.channel else { return };
        while calls.len() < self.concurrency() {
            let now = Instant::now();
            let Some(call) = queue.next(now) else { return };
            let Some((call, messages)) = self.prepare(call, queue) else { continue };
            let (channel, address) = (Arc::clone(channel), call.rows[0].address.clone());
            let task = calls.spawn(async move {
                let limit = channel.timeout();
                let sent = tokio::time::timeout(limit, channel.send(&address, &messages)).await;
                sent.unwrap_or_else(|_| {
                    let error = format!(
                        "no answer within {}",
                        Span::from_millis(i64::try_from(limit.as_millis()).unwrap_or(i64::MAX))
                    );
                    let late = Sending::Retry { error, after: None, whole_destination: true };
                    vec![late; messages.len()]
                })
            });
            under_way.insert(task.id(), call);
        }
    }

    /// Renders what is still wanted; the rest is done with. `None` when nothing is left of the call.
    fn prepare(&self, mut call: Call, queue: &mut Queue) -> Option<(Call, Vec<crate::channel::Message>)> {
        let rows = std::mem::take(&mut call.rows);
        let rendered = render(&self.handle, &self.link_key, &rows, self.handle.now());
        let mut messages = Vec::with_capacity(rows.len());
        let mut done = Vec::new();
        let mut reports = Vec::new();
        for (row, rendered) in rows.into_iter().zip(rendered) {
            match rendered {
                Rendered::Message(message) => {
                    messages.push(*message);
                    call.rows.push(row);
                }
                Rendered::Dropped => {
                    self.counters().dropped.add(1);
                    done.push(row);
                }
                Rendered::Failed(error) => {
                    self.counters().failed.add(1);
                    reports.push(self.failed(&row, Name::const_new(error)));
                    done.push(row);
                }
            }
        }
        if !reports.is_empty() {
            self.handle.report(reports);
        }
        if call.rows.is_empty() {
            queue.unsent(&Call { rows: done, ..call }, true, Instant::now());
            return None;
        }
        queue.unsent(&Call { lane: call.lane.clone(), rows: done }, false, Instant::now());
        Some((call, messages))
    }

    fn ended(
        &self,
        ended: Result<(Id, Vec<Sending>), JoinError>,
        queue: &mut Queue,
        under_way: &mut HashMap<Id, Call>,
    ) {
        let (id, sent) = match ended {
            Ok((id, sent)) => (id, sent),
            Err(error) => {
                tracing::error!(channel = %self.reference, "sending panicked, which is a defect in callout");
                (error.id(), Vec::new())
            }
        };
        let Some(call) = under_way.remove(&id) else { return };
        let unknown = || Sending::Retry {
            error: "callout failed while sending (a defect)".to_owned(),
            after: None,
            whole_destination: false,
        };
        let sent: Vec<Sending> =
            sent.into_iter().chain(std::iter::repeat_with(unknown)).take(call.rows.len()).collect();
        let mut reports = Vec::with_capacity(sent.len());
        let mut fates = Vec::with_capacity(sent.len());
        let mut errors = BTreeMap::new();
        for (row, sending) in call.rows.iter().zip(sent) {
            let fate = match sending {
                Sending::Delivered { receipt } => {
                    self.counters().delivered.add(1);
                    reports.push(self.reported(row, Outcome::Delivered { receipt }));
                    Fate::Done
                }
                Sending::Failed { error } => {
                    self.counters().failed.add(1);
                    tracing::warn!(delivery.id = %row.delivery.id, channel = %self.reference, error, "a message was refused for good");
                    reports.push(self.failed(row, error.into()));
                    Fate::Done
                }
                Sending::Retry { error, after, whole_destination: whole } => {
                    errors.insert(row.delivery.id, error);
                    Fate::Again { after, whole }
                }
            };
            fates.push(fate);
        }
        let last = errors.values().next().cloned().unwrap_or_default();
        for next in queue.done(call, &fates, Instant::now(), (self.chance)()) {
            reports.push(self.next(next, &mut errors, &last));
        }
        self.handle.report(reports);
        // It was removed while this call was under way, and nobody will try again.
        if self.channel.is_none() {
            self.give_back(queue);
        }
    }

    fn next(&self, next: Next, errors: &mut BTreeMap<crate::domain::DeliveryId, String>, last: &str) -> DeliveryReport {
        match next {
            Next::Wait(row, wait) => {
                self.counters().retried.add(1);
                let error = errors.remove(&row.delivery.id).unwrap_or_default();
                tracing::debug!(delivery.id = %row.delivery.id, channel = %self.reference, error, "a message is tried again");
                let now = self.handle.now();
                let at = now.plus(Span::from_millis(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)));
                // The queue counted the attempt that just failed.
                DeliveryReport {
                    delivery: row.delivery.id,
                    attempt: row.attempts,
                    at: now,
                    outcome: Outcome::Retry { error: error.into(), at },
                }
            }
            Next::GivenUp(row, tried) => {
                self.counters().failed.add(1);
                let error = errors.remove(&row.delivery.id).unwrap_or_else(|| last.to_owned());
                let tried = Span::from_millis(i64::try_from(tried.as_millis()).unwrap_or(i64::MAX));
                tracing::warn!(delivery.id = %row.delivery.id, channel = %self.reference, error, "a message was given up");
                let error = Name::from(format!("given up after {tried}: {error}"));
                let outcome = Outcome::Failed { error };
                DeliveryReport {
                    delivery: row.delivery.id,
                    attempt: row.attempts.max(1),
                    at: self.handle.now(),
                    outcome,
                }
            }
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
