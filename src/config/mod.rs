//! TOML files to raw values, to checked ones, to a compiled policy. All mistakes at once, each with its place.

pub mod secret;
mod settings;

pub use secret::SecretError;
pub use settings::{
    ChannelSettings, Common, EmailSettings, HttpTarget, SecretRef, Settings, SlackSettings, TeamsSettings, TlsMode,
    TokenSettings, WebhookSettings,
};

use std::sync::Arc;

use crate::engine::Policy;

/// A configuration that was checked and compiled.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What the engine reads.
    pub policy: Arc<Policy>,
    /// What the shell reads: channels with references to secrets, tokens.
    pub settings: Arc<Settings>,
}
