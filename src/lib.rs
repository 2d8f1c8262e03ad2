//! callout: an alert dispatcher and on-call router. `docs/architecture.md` is the map.

#![forbid(unsafe_code)]

pub mod auth;
pub mod channel;
pub mod chart;
pub mod cli;
pub mod config;
pub mod domain;
pub mod engine;
pub mod enrich;
pub mod exchange;
pub mod http;
pub mod ical;
pub mod ingest;
pub mod journal;
pub mod projection;
pub mod rules;
pub mod runtime;
pub mod schedule;
pub mod slo;
pub mod store;
pub mod telemetry;
