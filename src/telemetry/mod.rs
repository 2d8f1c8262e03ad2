//! What the service says about itself: metrics, all named in one file, and logs.

pub mod logging;
pub mod metrics;

pub use metrics::Metrics;
