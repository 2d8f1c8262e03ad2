//! The edge that people and programs speak to: routes, guards, problem documents, pages.
//!
//! Absent on purpose: rules. A handler reads the state as committed or hands an input to the shard, and says what came of it.

mod alertmanager;
mod audit;
mod body;
mod budgets;
mod calendars;
pub mod callback;
mod chunks;
mod contacts;
mod drill;
mod events;
mod gate;
mod guard;
mod incidents;
mod indicators;
mod load;
mod oncall;
pub mod openapi;
mod ops;
mod paced;
mod pages;
pub mod params;
mod postmortem;
pub mod problem;
mod quarantine;
mod receive;
mod record;
mod routes;
mod samples;
mod server;
mod silences;
mod slack;
mod slos;
mod stand_ins;
mod tokens;
mod view;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

pub use incidents::{Filter, cursor, read_cursor};
pub use problem::Failure;
pub use routes::router;
pub use server::{Limits, ServeError, serve};

use crate::auth::gate::Gate;
use crate::auth::link::LinkKey;
use crate::domain::Timestamp;
use crate::runtime::Handle;
use crate::runtime::slack::Workspaces;
use crate::telemetry::Metrics;

/// What every handler works with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    handle: Handle,
    metrics: Arc<Metrics>,
    link_key: LinkKey,
    gate: Arc<Gate>,
    workspaces: Workspaces,
    started_at: Timestamp,
    dialects: Vec<receive::Counters>,
    callbacks: callback::Callbacks,
}

impl App {
    /// For a running shard.
    #[must_use]
    pub fn new(
        handle: Handle,
        metrics: Arc<Metrics>,
        link_key: LinkKey,
        gate: Arc<Gate>,
        workspaces: Workspaces,
        callbacks: callback::Callbacks,
    ) -> Self {
        let started_at = handle.now();
        let dialects = receive::Counters::all(&metrics);
        Self(Arc::new(Inner { handle, metrics, link_key, gate, workspaces, started_at, dialects, callbacks }))
    }

    fn callbacks(&self) -> Arc<callback::ByChannel> {
        self.0.callbacks.load()
    }

    fn handle(&self) -> &Handle {
        &self.0.handle
    }

    fn link_key(&self) -> &LinkKey {
        &self.0.link_key
    }

    fn gate(&self) -> &Gate {
        &self.0.gate
    }

    fn workspaces(&self) -> &Workspaces {
        &self.0.workspaces
    }

    fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }
}

/// Address of the other side of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);
