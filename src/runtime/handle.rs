//! What the edge holds: a way to hand inputs to the shard and to read its state.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, TryLockError};

use arc_swap::ArcSwap;
use tokio::sync::{Notify, oneshot};

use super::clock::Clock;
use super::core::Core;
use super::counters::Counters;
use super::load::Load;
use super::original::Sent;
use super::reload::Reloader;
use super::samples::{ReadingsAnswer, SamplesAnswer};
use crate::config::{Loaded, Settings};
use crate::domain::{Event, EventId, FeedReadings, Name, Sample, Timestamp};
use crate::engine::{Act, Command, DeliveryReport, Input, Policy, Refire, State, Verb};
use crate::store::{Index, JournalReader};

/// Requests that may wait for the shard; beyond, they are refused as [`Refused::Busy`].
pub const REQUESTS_MAX: usize = 1024;
/// A caller who was refused for load should come back after so long.
pub const BUSY_RETRY_SECONDS: u32 = 1;

/// An event from a dialect.
#[derive(Debug, Clone)]
pub enum Incoming {
    /// In full.
    New(Arc<Event>),
    /// Known by its fingerprint (see [`Handle::read`]: `state.alerts` has it firing and its labels are equal), nothing changed but its end.
    Refire(Refire),
}

/// An event that is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its id; for a repeat of an idempotency key, the id of the first.
    pub event: EventId,
    /// Whether the idempotency key was seen before.
    pub repeated: bool,
}

/// Why nothing was taken. Nothing of the request is stored then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too much waits already; try again after so many seconds.
    #[error("too many inputs wait to be written")]
    Busy { retry_after_s: u32 },
    /// Memory holds as much as it may.
    #[error("callout holds as many {what} as it may ({most}); what is new is taken again when some of them are over")]
    Full { what: &'static str, most: usize },
    /// The journal can't be written.
    #[error("the journal cannot be written: {0}")]
    Journal(String),
    /// callout is stopping.
    #[error("callout is stopping")]
    Stopping,
}

/// For `/-/ready` and metrics.
#[derive(Debug, Clone, Default)]
pub struct Health {
    /// Age of the oldest input that is not judged.
    pub oldest_unjudged_ms: u64,
    /// Age of the oldest page that is due and not delivered.
    pub oldest_page_ms: u64,
    /// The journal's last error, while it lasts.
    pub journal_error: Option<String>,
    /// Whether recovery is done and the shard loop runs.
    pub running: bool,
    /// Whether callout is stopping; it takes nothing in any more.
    pub stopping: bool,
    /// Whether the index is behind, and up to where it is complete.
    pub index_complete_to: Option<u64>,
}

/// What the shard is asked to do.
#[derive(Debug)]
pub(super) enum Request {
    Accept {
        events: Vec<Incoming>,
        sent: Sent,
        reply: oneshot::Sender<Result<Vec<Accepted>, Refused>>,
    },
    /// Something that is answered when it was judged and the decision is on the disk.
    Judge {
        input: Input,
        reply: oneshot::Sender<Result<(), Refused>>,
    },
    Activate {
        loaded: Loaded,
        reply: oneshot::Sender<Result<(), Refused>>,
    },
    Samples {
        samples: Vec<Sample>,
        now: Timestamp,
        reply: oneshot::Sender<Result<SamplesAnswer, Refused>>,
    },
    Readings {
        readings: Vec<FeedReadings>,
        reply: oneshot::Sender<Result<ReadingsAnswer, Refused>>,
    },
    /// Something lies in the mailbox.
    Wake,
    /// Nothing more comes; write what there is and end.
    Stop,
}

/// What comes from callout itself and must not be refused. Bounded by the rows under way and the kinds of alarms.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    pub reports: Vec<DeliveryReport>,
    pub alarms: Vec<(Name, String)>,
}

/// Numbers that the shard shows to everybody.
#[derive(Debug)]
pub(super) struct Gauges {
    /// When the inputs that are being judged were written; [`NOTHING`] when there are none.
    pub unjudged_since: AtomicI64,
    /// When the loop last went round, milliseconds of the shell's clock.
    pub beat: AtomicI64,
    /// Recovery is done and the loop runs.
    pub running: AtomicBool,
    /// callout is about to stop: readiness is red, what comes is still taken.
    pub stopping: AtomicBool,
    /// Nothing is taken any more.
    pub closed: AtomicBool,
    pub journal_error: Mutex<Option<String>>,
    pub load: Load,
}

/// In [`Gauges::unjudged_since`]: everything is judged.
pub(super) const NOTHING: i64 = i64::MAX;

impl Default for Gauges {
    fn default() -> Self {
        Self {
            unjudged_since: AtomicI64::new(NOTHING),
            beat: AtomicI64::new(0),
            running: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            journal_error: Mutex::new(None),
            load: Load::default(),
        }
    }
}

/// What shard, edge and dispatcher have in common.
pub(super) struct Shared {
    pub core: RwLock<Box<dyn Core>>,
    pub loaded: ArcSwap<Loaded>,
    pub requests: SyncSender<Request>,
    pub mailbox: Mutex<Mailbox>,
    pub clock: Clock,
    pub gauges: Gauges,
    pub counters: Counters,
    pub journal: Arc<dyn JournalReader>,
    pub index: Option<Arc<dyn Index>>,
    pub reloader: OnceLock<Reloader>,
    /// Other people may be on call from now on.
    pub rota: Notify,
}

/// A handle on the running shard. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) shared: Arc<Shared>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("gauges", &self.shared.gauges).finish_non_exhaustive()
    }
}

impl Handle {
    /// Makes `events` durable. Returns after the sync, before they are judged. All or nothing.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn accept(&self, events: Vec<Incoming>) -> Result<Vec<Accepted>, Refused> {
        self.accept_sent(events, Sent::default()).await
    }

    /// The same for events of a request that came word for word as `sent`.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn accept_sent(&self, events: Vec<Incoming>, sent: Sent) -> Result<Vec<Accepted>, Refused> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        self.ask(|reply| Request::Accept { events, sent, reply }).await
    }

    /// Makes a command durable and returns after it was judged and the decision was committed; look at the state then.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn command(&self, command: Command) -> Result<(), Refused> {
        let changes_rota =
            matches!(command.verb, Verb::AddOverride(_) | Verb::RemoveOverride { .. } | Verb::AcceptSwap { .. });
        let done = self.ask(|reply| Request::Judge { input: Input::Command(command), reply }).await;
        if changes_rota {
            self.rota_changed();
        }
        done
    }

    /// Makes an administrative act part of the record, and says it in the log, which may be kept for longer.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn record_act(&self, act: Act) -> Result<(), Refused> {
        let (by, what, outcome) = (act.by.label(), act.what.clone(), act.outcome.clone());
        tracing::info!(audit.by = %by, audit.what = %what, audit.done = act.done, "{by}: {what}: {outcome}");
        self.ask(|reply| Request::Judge { input: Input::Administered(act), reply }).await
    }

    /// Makes what a calendar says durable, and returns after it was judged.
    pub(super) async fn take_calendar(&self, input: Input) -> Result<(), Refused> {
        self.ask(|reply| Request::Judge { input, reply }).await
    }

    pub(super) async fn activate(&self, loaded: Loaded) -> Result<(), Refused> {
        self.ask(|reply| Request::Activate { loaded, reply }).await?;
        self.rota_changed();
        Ok(())
    }

    /// Something happened by which other people may be on call: whoever waits for that looks at once.
    pub fn rota_changed(&self) {
        self.shared.rota.notify_one();
    }

    pub(super) async fn rota_changes(&self) {
        self.shared.rota.notified().await;
    }

    pub(super) async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, Refused>>) -> Request,
    ) -> Result<T, Refused> {
        if self.shared.gauges.closed.load(Ordering::Acquire) {
            return Err(Refused::Stopping);
        }
        let (reply, answer) = oneshot::channel();
        self.shared.requests.try_send(request(reply)).map_err(|error| match error {
            TrySendError::Full(_) => {
                self.shared.counters.busy.add(1);
                Refused::Busy { retry_after_s: BUSY_RETRY_SECONDS }
            }
            TrySendError::Disconnected(_) => Refused::Stopping,
        })?;
        // A dropped reply means that the loop ended before it came to this request: nothing of it was stored.
        answer.await.unwrap_or(Err(Refused::Stopping))
    }

    /// Hands over what became of messages. Never refused; committed with whatever is written next.
    pub(super) fn report(&self, reports: Vec<DeliveryReport>) {
        self.post(|mailbox| mailbox.reports.extend(reports));
    }

    /// Tells people of something that callout itself noticed. Never refused.
    pub fn alarm(&self, key: impl Into<Name>, text: impl Into<String>) {
        let (key, text) = (key.into(), text.into());
        tracing::warn!(alarm.key = %key, "{text}");
        self.post(|mailbox| {
            if !mailbox.alarms.iter().any(|(known, _)| *known == key) {
                mailbox.alarms.push((key, text));
            }
        });
    }

    fn post(&self, put: impl FnOnce(&mut Mailbox)) {
        put(&mut self.shared.mailbox.lock().unwrap_or_else(PoisonError::into_inner));
        // When the queue is full the loop runs anyway and looks into the mailbox by itself.
        let _ = self.shared.requests.try_send(Request::Wake);
    }

    /// Reads the state as judged; its newest decisions may be on their way to the disk. Keep `f` short (a page of rows): the shard
    /// waits meanwhile. Never called across an await.
    pub fn read<R>(&self, f: impl FnOnce(&State) -> R) -> R {
        f(self.core().state())
    }

    /// Whether something that was accepted, and maybe answered, is not judged yet. Asked before [`Handle::read`], `false` means that the
    /// state knows everything that was answered so far.
    #[must_use]
    pub fn has_unjudged(&self) -> bool {
        self.shared.gauges.unjudged_since.load(Ordering::Acquire) != NOTHING
    }

    fn core(&self) -> RwLockReadGuard<'_, Box<dyn Core>> {
        // Poisoned only if a reader's closure panicked under a write guard, which nobody can have: panics in the judge are caught inside.
        self.shared.core.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.shared.loaded.load().policy)
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.shared.loaded.load().settings)
    }

    /// The shell's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// The clock itself.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// What was counted since the start.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Committed records.
    #[must_use]
    pub fn journal(&self) -> &Arc<dyn JournalReader> {
        &self.shared.journal
    }

    /// Look-ups for people; absent where none is kept.
    #[must_use]
    pub fn index(&self) -> Option<&Arc<dyn Index>> {
        self.shared.index.as_ref()
    }

    /// Whether something is being written or judged right now, or much comes in; others should leave the machine to the shard.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.has_unjudged() || self.shared.gauges.load.is_heavy(self.now())
    }

    /// Whether recovery is done and the loop runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.shared.gauges.running.load(Ordering::Acquire)
    }

    /// When the loop last went round. It does so every second at least.
    #[must_use]
    pub fn last_turn(&self) -> Timestamp {
        Timestamp::from_millis(self.shared.gauges.beat.load(Ordering::Acquire))
    }

    /// How it fares.
    #[must_use]
    pub fn health(&self) -> Health {
        self.read(|state| self.health_in(state))
    }

    /// The same, with the number of messages in the outbox; `None` while the shard has the state in its hands.
    pub(super) fn try_health(&self) -> Option<(Health, u64)> {
        let core = match self.shared.core.try_read() {
            Ok(core) => core,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        let state = core.state();
        Some((self.health_in(state), state.outbox.len() as u64))
    }

    fn health_in(&self, state: &State) -> Health {
        let now = self.now();
        let age = |since: Timestamp| now.since(since).as_millis().unsigned_abs();
        let gauges = &self.shared.gauges;
        let unjudged = gauges.unjudged_since.load(Ordering::Acquire);
        // Rows are numbered in the order in which they were ordered, so the first page is the oldest.
        let page = state.outbox.values().find(|row| row.is_page()).map(|row| row.ordered_at);
        let committed = self.shared.journal.committed().0;
        let applied = self.shared.index.as_ref().map(|index| index.applied().0);
        Health {
            oldest_unjudged_ms: if unjudged == NOTHING { 0 } else { age(Timestamp::from_millis(unjudged)) },
            oldest_page_ms: page.map_or(0, age),
            journal_error: gauges.journal_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            running: gauges.running.load(Ordering::Acquire),
            stopping: gauges.stopping.load(Ordering::Acquire),
            index_complete_to: applied.filter(|applied| *applied < committed),
        }
    }

    /// Reads, checks and activates the configuration again. `Ok` says what is in force now; `Err` carries the rendered diagnostics;
    /// the old one stays then.
    ///
    /// # Errors
    /// When the new configuration has mistakes, or cannot be activated.
    pub async fn reload(&self) -> Result<String, String> {
        let done = match self.shared.reloader.get() {
            Some(reloader) => reloader.reload(self).await,
            None => Err("this service was started without a folder of configuration".to_owned()),
        };
        let counters = &self.shared.counters;
        if done.is_ok() { &counters.reloads } else { &counters.reload_failures }.add(1);
        done
    }
}
