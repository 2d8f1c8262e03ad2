//! The shard loop without a thread: each turn is taken when its holder says so. For simulators, which put time and faults between turns.
//!
//! What is left to the thread in production is the waiting alone; every turn is the same code.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::handle::Handle;
use super::shard::{Shard, ShardError};
use crate::domain::Timestamp;

/// A shard whose turns are taken by hand. Dropped without [`Stepped::stop`], it ends as a process that is killed.
pub struct Stepped {
    handle: Handle,
    shard: Shard,
}

impl std::fmt::Debug for Stepped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stepped").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl Stepped {
    pub(super) fn begin(handle: Handle, mut shard: Shard) -> Result<Self, ShardError> {
        shard.begin()?;
        Ok(Self { handle, shard })
    }

    /// Takes one turn with what is there. Never waits.
    ///
    /// # Errors
    /// Why the loop has to end.
    pub fn turn(&mut self) -> Result<(), ShardError> {
        let waited = self.shard.look_for_work();
        self.shard.turn(waited)
    }

    /// How long the loop would wait now if nobody asked it for anything; zero when it has work.
    #[must_use]
    pub fn wait(&self) -> Duration {
        self.shard.wait()
    }

    /// The next deadline of the engine.
    #[must_use]
    pub fn wakeup(&self) -> Option<Timestamp> {
        self.shard.wakeup()
    }

    /// Ends it in order: what was accepted is judged and written, the state is saved.
    ///
    /// # Errors
    /// When the last decisions or the snapshot could not be written.
    pub fn stop(mut self) -> Result<(), ShardError> {
        self.handle.shared.gauges.closed.store(true, Ordering::Release);
        self.shard.stop();
        loop {
            self.turn()?;
            if self.shard.is_over() {
                return self.shard.end();
            }
        }
    }
}
