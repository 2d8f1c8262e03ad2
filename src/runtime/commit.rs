//! A round of the shard: what waits is gathered, becomes one frame of the journal, and is answered when that is on the disk.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::bounds::{self, Bounds};
use super::core::Core;
use super::handle::{Accepted, Incoming, Mailbox, Refused, Request};
use super::original::{Original, Sent};
use super::samples::SampleRound;
use crate::config::Loaded;
use crate::domain::{Event, EventId, Labels, Seq, Timestamp};
use crate::engine::{Input, idempotency_hash};

/// Events of a round, after which it takes in no further request. Beyond: requests wait for the next round.
pub const ROUND_EVENTS_MAX: usize = 8192;
/// The same for the estimated size of its events in bytes; a single request may be larger, its size is bounded where it is read. Beyond:
/// requests wait for the next round.
pub const ROUND_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Reports of deliveries in one input; more make several.
pub const REPORTS_PER_INPUT: usize = 256;

/// An input on its way to the disk.
#[derive(Debug)]
pub(super) struct Item {
    pub input: Arc<Input>,
    /// May use the journal's reserve: what people do, what became of messages, alarms.
    pub vital: bool,
    /// The configuration that comes into force with this input.
    pub loaded: Option<Loaded>,
    /// What its sender wrote.
    pub original: Option<Original>,
}

/// Where the id of an accepted event comes from.
#[derive(Debug, Clone, Copy)]
enum Slot {
    /// It is the position of this item of the round.
    Item { index: usize, repeated: bool },
    /// It was known before.
    Known(EventId),
}

/// An answer that waits for this round's sync.
#[derive(Debug)]
struct Answer {
    slots: Vec<Slot>,
    reply: oneshot::Sender<Result<Vec<Accepted>, Refused>>,
}

/// One round.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub items: Vec<Item>,
    answers: Vec<Answer>,
    /// Answered when the decisions about this round are on the disk.
    pub judged: Vec<oneshot::Sender<Result<(), Refused>>>,
    pub stop: bool,
    events: usize,
    bytes: usize,
    /// Idempotency keys of this round.
    keys: HashMap<u128, usize>,
    samples: SampleRound,
    /// What the state may hold.
    bounds: Bounds,
    /// Requests that were refused since it holds as much.
    pub full: Vec<Refused>,
}

impl Round {
    /// Whether no further request should join.
    pub fn is_full(&self) -> bool {
        self.events >= ROUND_EVENTS_MAX || self.bytes >= ROUND_BYTES_MAX || self.samples.is_full()
    }

    /// How many events are in it, re-fires among them.
    pub fn events(&self) -> usize {
        self.events
    }

    /// Takes a request in. `core` knows the idempotency keys of earlier rounds.
    pub fn add(&mut self, request: Request, core: &dyn Core) {
        match request {
            Request::Accept { events, sent, reply } => {
                if let Some(refused) = bounds::beyond(core.state(), &events, &self.bounds) {
                    self.full.push(refused.clone());
                    let _ = reply.send(Err(refused));
                    return;
                }
                let slots = self.add_events(events, &sent, core);
                self.answers.push(Answer { slots, reply });
            }
            Request::Judge { input, reply } => {
                self.push(input, true);
                self.judged.push(reply);
            }
            Request::Activate { loaded, reply } => {
                let fingerprint = loaded.policy.fingerprint.clone();
                self.push(Input::ConfigActivated { fingerprint }, true).loaded = Some(loaded);
                self.judged.push(reply);
            }
            Request::Samples { samples, now, reply } => self.samples.add(&samples, now, reply, core),
            Request::Readings { readings, reply } => self.samples.add_readings(readings, reply, core),
            Request::Wake => {}
            Request::Stop => self.stop = true,
        }
    }

    /// All samples of the round become one input, once no further request joins.
    pub fn seal(&mut self) {
        if let Some(batch) = self.samples.seal() {
            self.push(Input::Samples(Arc::new(batch)), false);
        }
        // After the samples, which name the feeds that are new.
        if let Some(batch) = self.samples.seal_readings() {
            self.push(Input::Readings(Arc::new(batch)), false);
        }
    }

    /// Takes in what callout itself has to say.
    pub fn add_mail(&mut self, mail: Mailbox) {
        for (key, text) in mail.alarms {
            self.push(Input::Alarm { key, text }, true);
        }
        let mut reports = mail.reports.into_iter();
        loop {
            let part: Vec<_> = reports.by_ref().take(REPORTS_PER_INPUT).collect();
            if part.is_empty() {
                break;
            }
            self.push(Input::Reports(part), true);
        }
    }

    fn push(&mut self, input: Input, vital: bool) -> &mut Item {
        self.items.push(Item { input: Arc::new(input), vital, loaded: None, original: None });
        let last = self.items.len() - 1;
        &mut self.items[last]
    }

    fn add_events(&mut self, events: Vec<Incoming>, sent: &Sent, core: &dyn Core) -> Vec<Slot> {
        self.events += events.len();
        // All re-fires of a request are one input, at the place of the first.
        let refires: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                Incoming::Refire(refire) => Some(*refire),
                Incoming::New(_) => None,
            })
            .collect();
        self.bytes += refires.len() * 32;
        let mut refires = Some(refires);
        let mut place = 0;
        let mut slots = Vec::with_capacity(events.len());
        for (at, event) in events.into_iter().enumerate() {
            slots.push(match event {
                Incoming::New(event) => self.add_event(event, sent.event(at), core),
                Incoming::Refire(_) => {
                    if let Some(all) = refires.take() {
                        place = self.items.len();
                        self.push(Input::Refires(all), false).original = sent.whole();
                    }
                    Slot::Item { index: place, repeated: false }
                }
            });
        }
        slots
    }

    fn add_event(&mut self, event: Arc<Event>, original: Option<Original>, core: &dyn Core) -> Slot {
        let index = self.items.len();
        if let Some(key) = &event.idempotency {
            if let Some(first) = core.known_idempotency(event.source, key) {
                return Slot::Known(first);
            }
            match self.keys.entry(idempotency_hash(event.source, key)) {
                std::collections::hash_map::Entry::Occupied(first) => {
                    return Slot::Item { index: *first.get(), repeated: true };
                }
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(index);
                }
            }
        }
        self.bytes += size(&event);
        self.push(Input::Event(event), false).original = original;
        Slot::Item { index, repeated: false }
    }

    /// Answers who waits for the sync; the first item got position `first`. Gives the number of repeated events.
    pub fn answer(&mut self, first: Seq) -> u64 {
        let mut known = 0;
        self.samples.answer();
        for Answer { slots, reply } in self.answers.drain(..) {
            let accepted = slots
                .into_iter()
                .map(|slot| {
                    let accepted = match slot {
                        Slot::Item { index, repeated } => Accepted { event: EventId(first.0 + index as u64), repeated },
                        Slot::Known(event) => Accepted { event, repeated: true },
                    };
                    known += u64::from(accepted.repeated);
                    accepted
                })
                .collect();
            // Whoever went away without waiting has nothing to hear; the events are on the disk all the same.
            let _ = reply.send(Ok(accepted));
        }
        known
    }

    /// Refuses the events of this round; what is vital stays. Gives the number of refused requests.
    pub fn refuse_events(&mut self, why: &Refused) -> u64 {
        let refused = self.answers.len() as u64 + self.samples.refuse(why);
        for Answer { reply, .. } in self.answers.drain(..) {
            let _ = reply.send(Err(why.clone()));
        }
        self.items.retain(|item| item.vital);
        self.keys.clear();
        refused
    }

    /// Refuses everything that somebody waits for, and gives back what must not be lost.
    pub fn refuse_all(mut self, why: &Refused) -> Mailbox {
        self.refuse_events(why);
        for reply in self.judged.drain(..) {
            let _ = reply.send(Err(why.clone()));
        }
        let mut mail = Mailbox::default();
        for item in self.items {
            match Arc::unwrap_or_clone(item.input) {
                Input::Reports(reports) => mail.reports.extend(reports),
                Input::Alarm { key, text } => mail.alarms.push((key, text)),
                _ => {}
            }
        }
        mail
    }
}

/// Bytes that an event takes in the journal, roughly.
fn size(event: &Event) -> usize {
    fn labels(labels: &Labels) -> usize {
        labels.iter().map(|(name, value)| name.len() + value.len() + 4).sum()
    }
    let detail = event.detail.as_deref().map_or(0, |detail| {
        labels(&detail.context) + labels(&detail.links) + 64 * (detail.dependencies.len() + detail.deployments.len())
    });
    128 + labels(&event.labels) + labels(&event.annotations) + detail
}

/// How many judgements an input asks for, for the length of a lock.
pub(super) fn weight(input: &Input) -> usize {
    match input {
        Input::Refires(refires) => refires.len(),
        Input::Reports(reports) => reports.len(),
        Input::Samples(batch) => batch.rows.len() / 8,
        Input::Readings(batch) => batch.groups.iter().map(|group| group.readings.len()).sum::<usize>() / 8,
        _ => 1,
    }
    .max(1)
}

/// An item with its place.
#[derive(Debug)]
pub(super) struct Placed {
    pub seq: Seq,
    pub at: Timestamp,
    pub item: Item,
}
