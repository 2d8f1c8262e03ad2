//! The shell around the engine: the shard loop, clock, dispatch of the outbox, reload, shutdown.

mod handle;

pub use handle::{Accepted, Handle, Health, Incoming, Refused};
