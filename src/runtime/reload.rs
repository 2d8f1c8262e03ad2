//! A new configuration for a running service: read, check, then activate; or refuse it with everything that is wrong, and keep the old one.
//!
//! Order: channels first, since messages of the new policy may come out the moment it is active; then the policy, between two judgements,
//! with a record in the journal. If that record cannot be written, the old channels come back. Messages that wait stay where they are.

use super::handle::Handle;
use crate::config::Loaded;

/// Takes back what was installed.
pub type Undo = Box<dyn FnOnce() + Send>;
/// Reads and checks the configuration; `Err` carries rendered diagnostics. Blocks.
pub type Load = Box<dyn Fn() -> Result<Loaded, String> + Send + Sync>;
/// Sets up channels for a configuration.
pub type Install = Box<dyn Fn(&Loaded) -> Result<Undo, String> + Send + Sync>;

/// How this service gets a new configuration.
pub struct Reloader {
    load: std::sync::Arc<Load>,
    install: Install,
    /// One at a time.
    turn: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Reloader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reloader").finish_non_exhaustive()
    }
}

impl Reloader {
    /// Reads by `load`, sets channels up by `install`.
    #[must_use]
    pub fn new(load: Load, install: Install) -> Self {
        Self { load: std::sync::Arc::new(load), install, turn: tokio::sync::Mutex::default() }
    }

    /// Does it. `Ok` says in a sentence what is in force now.
    ///
    /// # Errors
    /// Diagnostics, or why the new configuration could not be activated.
    pub async fn reload(&self, handle: &Handle) -> Result<String, String> {
        let _turn = self.turn.lock().await;
        let load = std::sync::Arc::clone(&self.load);
        let loaded = tokio::task::spawn_blocking(move || load()).await.map_err(|error| error.to_string())??;
        let before = handle.policy().fingerprint.clone();
        let after = loaded.policy.fingerprint.clone();
        // Secrets may be new although no file of the configuration is, so channels are set up in any case.
        let undo = (self.install)(&loaded)?;
        if let Err(refused) = handle.activate(loaded).await {
            undo();
            return Err(format!("the configuration is good but could not be activated: {refused}"));
        }
        tracing::info!(config.fingerprint = %after, config.changed = before != after, "configuration activated");
        Ok(if before == after {
            format!("configuration {after} is in force, unchanged")
        } else {
            format!("configuration {after} is in force")
        })
    }
}

impl Handle {
    /// Says how [`Handle::reload`] is done; once, at the start.
    pub fn set_reloader(&self, reloader: Reloader) {
        // A second one is a mistake of ours without consequence: the first stays.
        let _ = self.shared.reloader.set(reloader);
    }
}
