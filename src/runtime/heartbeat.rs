//! The heartbeat to a monitor outside: sent while callout does its work, withheld while it does not, so that somebody hears of it who does
//! not depend on callout.
//!
//! Independent of HTTP: a listener that is stuck has its own probe. What counts as stuck is in `vitals`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Handle;
use crate::channel::SetupError;
use crate::channel::heartbeat::Heartbeat;
use crate::config::{Settings, secret};

/// A beat that did not arrive, and one that was withheld, is tried again after so long, when that is sooner than the next.
const RETRY: Duration = Duration::from_secs(5);

/// Before the first beat the state is brought back; whether that is done is looked at this often.
const START: Duration = Duration::from_millis(20);

/// The task that sends beats. Clones are the same task.
#[derive(Debug, Clone)]
pub struct Heartbeats {
    installed: Arc<watch::Sender<Option<Arc<Heartbeat>>>>,
    folder: Arc<PathBuf>,
}

/// A heartbeat that was set up and does not beat yet.
#[derive(Debug, Clone)]
pub struct Ready(Option<Arc<Heartbeat>>);

impl Heartbeats {
    /// Starts the task; nothing is sent before something is installed. `folder`: what files of secrets are relative to.
    #[must_use]
    pub fn start(handle: Handle, folder: PathBuf) -> (Self, JoinHandle<()>) {
        let (sender, receiver) = watch::channel(None);
        (Self { installed: Arc::new(sender), folder: Arc::new(folder) }, tokio::spawn(run(handle, receiver)))
    }

    /// Sets up what `settings` say. Contacts nobody, changes nothing.
    ///
    /// # Errors
    /// When the address, a secret or a file cannot be used.
    pub fn prepare(&self, settings: &Settings) -> Result<Ready, SetupError> {
        let secrets = |reference: &_| secret::resolve(reference, &self.folder);
        let made = settings.heartbeat.as_ref().map(|settings| Heartbeat::new(settings, &secrets)).transpose()?;
        Ok(Ready(made.map(Arc::new)))
    }

    /// Beats go there from now on; gives what was installed before.
    pub fn install(&self, ready: Ready) -> Ready {
        Ready(self.installed.send_replace(ready.0))
    }
}

async fn run(handle: Handle, mut installed: watch::Receiver<Option<Arc<Heartbeat>>>) {
    // The monitor may be gone for hours, and every minute would be a line.
    let mut failing = false;
    while !handle.is_running() {
        tokio::time::sleep(START).await;
    }
    loop {
        let heartbeat = installed.borrow_and_update().clone();
        let Some(heartbeat) = heartbeat else {
            if installed.changed().await.is_err() {
                return;
            }
            continue;
        };
        let sent = beat(&handle, &heartbeat, &mut failing).await;
        let wait = if sent { heartbeat.every() } else { heartbeat.every().min(RETRY) };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            changed = installed.changed() => if changed.is_err() { return },
        }
    }
}

/// One beat, if it is deserved. Says whether it arrived.
async fn beat(handle: &Handle, heartbeat: &Heartbeat, failing: &mut bool) -> bool {
    let vitals = handle.vitals().await;
    let counters = &handle.counters().heartbeats;
    if !vitals.trouble.is_empty() {
        counters.withheld.add(1);
        tracing::error!(reasons = vitals.trouble.join("; "), "the heartbeat is withheld");
        return false;
    }
    let now = handle.now();
    let body = json!({
        "from": "callout",
        "organisation": handle.policy().organisation.name,
        "version": env!("CARGO_PKG_VERSION"),
        "at": now.to_string(),
        "journal": vitals.lag.journal,
        "judge": vitals.lag.judge,
        "outbox": vitals.lag.outbox,
        "index": vitals.lag.index,
    });
    match heartbeat.beat(body.to_string(), now).await {
        Ok(()) => {
            counters.sent.add(1);
            if std::mem::take(failing) {
                tracing::info!("the heartbeat arrives again");
            }
            true
        }
        Err(error) => {
            counters.failed.add(1);
            if !std::mem::replace(failing, true) {
                tracing::warn!(error, "the heartbeat did not arrive");
            }
            false
        }
    }
}
