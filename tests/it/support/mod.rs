//! What stories are told with: the real program, stand-ins for what it talks to, a small HTTP client.

pub mod dir;
pub mod freeze;
pub mod hook;
pub mod http;
pub mod service;
pub mod sinks;
pub mod world;

pub use dir::TempDir;
pub use service::Service;
pub use sinks::Sinks;
