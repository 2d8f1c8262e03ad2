//! The shell around the engine: the shard loop, clock, dispatch of the outbox, reload, shutdown.
//!
//! [`Prepared::new`] brings the state back, [`Prepared::run`] starts the loop; everything else holds a [`Handle`].

mod bounds;
pub mod calendars;
pub mod clock;
mod commit;
mod core;
mod counters;
pub mod dispatch;
mod explain;
#[cfg(debug_assertions)]
mod fault;
mod handle;
pub mod heartbeat;
#[cfg(test)]
mod limit_tests;
mod load;
mod original;
mod reload;
mod samples;
mod shard;
pub mod shutdown;
pub mod slack;
mod snapshot;
mod stepped;
#[cfg(test)]
mod tests;
pub mod vitals;

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::oneshot;

pub use clock::Clock;
pub use core::{Core, MakeCore, engine, in_service};
pub use counters::{Counter, Counters, Deliveries};
pub use handle::{Accepted, Handle, Health, Incoming, Refused};
pub use original::Sent;
pub use reload::Reloader;
pub use samples::{REQUEST_SAMPLES_MAX, ReadingsAnswer, SampleRefused, SamplesAnswer, Taken};
pub use shard::ShardError;
pub use snapshot::SnapshotPace;
pub use stepped::Stepped;

use crate::config::Loaded;
use crate::domain::Seq;
use crate::engine::state::Delivery;
use crate::store::{Index, Journal, JournalError};
use handle::{Gauges, REQUESTS_MAX, Request, Shared};
use shard::{Committed, Release, Shard};

/// What a shard runs on.
pub struct Parts {
    /// The truth.
    pub journal: Box<dyn Journal>,
    /// Look-ups for people, if any are kept.
    pub index: Option<Arc<dyn Index>>,
    /// The configuration to begin with.
    pub loaded: Loaded,
    /// The clock.
    pub clock: Clock,
    /// What judges: [`engine`].
    pub make: MakeCore,
}

/// A shard whose state is back and whose loop does not run yet.
pub struct Prepared {
    handle: Handle,
    requests: Receiver<Request>,
    journal: Box<dyn Journal>,
    make: MakeCore,
}

impl Prepared {
    /// Brings the state back from snapshot and journal.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn new(parts: Parts) -> Result<Self, JournalError> {
        let Parts { journal, index, loaded, clock, make } = parts;
        let core = shard::rebuild(&*journal, make, &loaded.policy)?;
        clock.not_before(core.state().now);
        let (sender, requests) = sync_channel(REQUESTS_MAX);
        let shared = Shared {
            core: RwLock::new(core),
            loaded: ArcSwap::from_pointee(loaded),
            requests: sender,
            mailbox: Mutex::default(),
            clock,
            gauges: Gauges::default(),
            counters: Counters::default(),
            journal: journal.reader(),
            index,
            reloader: OnceLock::new(),
            rota: tokio::sync::Notify::new(),
        };
        Ok(Self { handle: Handle { shared: Arc::new(shared) }, requests, journal, make })
    }

    /// A handle, which may be used before the loop runs; what is asked waits until then.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Starts the loop on a thread of its own. `release` takes the messages that committed decisions ordered, `committed` hears of every
    /// commit; neither may block.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn run(
        self,
        release: impl Fn(Vec<Arc<Delivery>>) + Send + 'static,
        committed: impl Fn(Seq) + Send + 'static,
    ) -> std::io::Result<Running> {
        let (ended, end) = oneshot::channel();
        let (handle, shard) = self.shard(Box::new(release), Box::new(committed), SnapshotPace::default());
        std::thread::Builder::new().name("callout-shard".to_owned()).spawn(move || {
            // Nobody waits any more if this fails; the loop is over either way.
            let _ = ended.send(shard.run());
        })?;
        Ok(Running { handle, end })
    }

    /// The same loop without a thread: whoever holds it says when it goes round.
    ///
    /// # Errors
    /// When what was left over cannot be judged.
    pub fn stepped(
        self,
        release: impl Fn(Vec<Arc<Delivery>>) + Send + 'static,
        committed: impl Fn(Seq) + Send + 'static,
        pace: SnapshotPace,
    ) -> Result<Stepped, ShardError> {
        let (handle, shard) = self.shard(Box::new(release), Box::new(committed), pace);
        Stepped::begin(handle, shard)
    }

    fn shard(self, release: Release, committed: Committed, pace: SnapshotPace) -> (Handle, Shard) {
        let Self { handle, requests, journal, make } = self;
        let shard = Shard::new(Arc::clone(&handle.shared), requests, journal, make, release, committed, pace);
        (handle, shard)
    }
}

/// A running shard.
#[derive(Debug)]
pub struct Running {
    handle: Handle,
    end: oneshot::Receiver<Result<(), ShardError>>,
}

impl Running {
    /// Readiness is red from now on; what comes is still taken, since requests are under way.
    pub fn announce_stop(&self) {
        self.handle.shared.gauges.stopping.store(true, Ordering::Release);
    }

    /// Waits until the loop ends by itself, which it does only when it has to.
    ///
    /// # Errors
    /// Why it ended.
    pub async fn ended(&mut self) -> Result<(), ShardError> {
        (&mut self.end).await.unwrap_or(Err(ShardError::Panicked))
    }

    /// Has what was accepted judged and written, saves the state and ends the loop. Nothing is taken in any more.
    ///
    /// # Errors
    /// When the last decisions or the snapshot could not be written; what was accepted is on the disk all the same.
    pub async fn stop(mut self) -> Result<(), ShardError> {
        self.handle.shared.gauges.closed.store(true, Ordering::Release);
        while let Err(std::sync::mpsc::TrySendError::Full(_)) = self.handle.shared.requests.try_send(Request::Stop) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.ended().await
    }
}
