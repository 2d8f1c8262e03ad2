//! What the edge holds: a way to hand inputs to the shard and to read its state.

use std::sync::Arc;

use crate::config::Settings;
use crate::domain::{Event, EventId, IncidentId, Timestamp};
use crate::engine::{Command, Policy, Refire, State};

/// An event from a dialect.
#[derive(Debug, Clone)]
pub enum Incoming {
    /// In full.
    New(Event),
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
    /// Whether the index is behind, and up to where it is complete.
    pub index_complete_to: Option<u64>,
}

/// A handle on the running shard. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {}

impl Handle {
    /// Makes `events` durable. Returns after the sync, before they are judged. All or nothing.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn accept(&self, events: Vec<Incoming>) -> Result<Vec<Accepted>, Refused> {
        let _ = events;
        unimplemented!()
    }

    /// Makes a command durable and returns after it was judged and the decision was committed; look at the state then.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn command(&self, command: Command) -> Result<(), Refused> {
        let _ = command;
        unimplemented!()
    }

    /// Reads the state as committed. Keep `f` short (a page of rows): the shard waits meanwhile. Never called across an await.
    pub fn read<R>(&self, f: impl FnOnce(&State) -> R) -> R {
        let _ = f;
        unimplemented!()
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        unimplemented!()
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        unimplemented!()
    }

    /// The shell's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        unimplemented!()
    }

    /// How it fares.
    #[must_use]
    pub fn health(&self) -> Health {
        unimplemented!()
    }

    /// Reads, checks and activates the configuration again. `Err` carries the rendered diagnostics; the old one stays then.
    ///
    /// # Errors
    /// When the new configuration has mistakes.
    pub async fn reload(&self) -> Result<String, String> {
        unimplemented!()
    }

    /// The explanation of an incident, from the traces in the journal; `None` when it is unknown.
    ///
    /// # Errors
    /// When the journal or the index cannot be read.
    pub async fn explain_incident(
        &self,
        incident: IncidentId,
    ) -> Result<Option<crate::projection::Explanation>, String> {
        let _ = incident;
        unimplemented!()
    }

    /// The same for one event.
    ///
    /// # Errors
    /// As above.
    pub async fn explain_event(&self, event: EventId) -> Result<Option<crate::projection::Explanation>, String> {
        let _ = event;
        unimplemented!()
    }
}
