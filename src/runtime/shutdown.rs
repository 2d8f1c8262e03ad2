//! Signals, the service manager, and the order of the end.
//!
//! SIGHUP reads the configuration again; SIGTERM and SIGINT end the service, in this order: readiness turns red and the service manager is
//! told; no new connections, requests under way have 10 s (`http`); messages under way have [`SEND_LIMIT`], what waits stays in
//! the outbox; the shard judges what was accepted, writes the decisions and a last snapshot; the index is closed. A second signal ends the
//! process at once; nothing that was answered is lost by that.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Handle;
use super::vitals::TURN_AGE_MAX;
use crate::engine::{Act, Actor};

/// Messages under way have so long to end. Beyond: they are sent again after the next start.
pub const SEND_LIMIT: Duration = Duration::from_secs(10);

/// Messages to the service manager that may wait; beyond, they are dropped.
const NOTIFICATIONS_MAX: usize = 16;

/// What the service manager is told. A thread of its own tells it: a manager that does not listen must hold up nobody.
#[derive(Debug, Clone)]
pub struct ServiceManager(SyncSender<Vec<NotifyState<'static>>>);

impl ServiceManager {
    fn start() -> std::io::Result<Self> {
        let (manager, told) = Self::queue();
        std::thread::Builder::new().name("notify".to_owned()).spawn(move || {
            for state in told {
                if let Err(error) = sd_notify::notify(&state) {
                    tracing::warn!(error = %error, "could not tell the service manager");
                }
            }
        })?;
        Ok(manager)
    }

    fn queue() -> (Self, Receiver<Vec<NotifyState<'static>>>) {
        let (sender, told) = sync_channel(NOTIFICATIONS_MAX);
        (Self(sender), told)
    }

    fn tell(&self, state: Vec<NotifyState<'static>>) {
        if self.0.try_send(state).is_err() {
            tracing::warn!("the service manager does not listen");
        }
    }

    /// The service is ready; and from then on, that its loop lives.
    pub async fn watch(self, handle: Handle) {
        self.tell(vec![NotifyState::Ready, NotifyState::Status("taking events")]);
        let Some(limit) = sd_notify::watchdog_enabled() else { return };
        loop {
            tokio::time::sleep(limit / 3).await;
            if handle.now().since(handle.last_turn()) <= TURN_AGE_MAX {
                self.tell(vec![NotifyState::Watchdog]);
            }
        }
    }

    /// The service is about to end.
    pub fn stopping(&self) {
        self.tell(vec![NotifyState::Stopping]);
    }

    /// The service reads its configuration again.
    fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.tell(vec![NotifyState::Reloading, now]),
            Err(_) => self.tell(vec![NotifyState::Reloading]),
        }
    }
}

/// The signals that the service listens to. Registered at the start, so that none is missed.
#[derive(Debug)]
pub struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
    /// Who started the service.
    pub manager: ServiceManager,
}

impl Signals {
    /// Registers them.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn register() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            manager: ServiceManager::start()?,
        })
    }

    /// Waits for a wish to stop, and reads the configuration again at every SIGHUP meanwhile. A refused one is an alarm.
    pub async fn until_stop(&mut self, handle: &Handle) -> &'static str {
        loop {
            tokio::select! {
                _ = self.hangup.recv() => {
                    self.manager.reloading();
                    reload(handle).await;
                    self.manager.tell(vec![NotifyState::Ready]);
                }
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
            }
        }
    }

    /// Waits for another wish to stop.
    pub async fn insisted(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn reload(handle: &Handle) {
    let reloaded = handle.reload().await;
    let outcome = match &reloaded {
        Ok(done) => done.clone(),
        Err(_) => "the configuration has mistakes, or could not be activated".to_owned(),
    };
    let act = Act { by: Actor::Local, what: "SIGHUP".into(), done: reloaded.is_ok(), outcome };
    if let Err(refused) = handle.record_act(act).await {
        tracing::warn!(error = %refused, "SIGHUP is not in the audit");
    }
    if let Err(diagnostics) = reloaded {
        tracing::error!("the new configuration was refused; the old one stays in force\n{diagnostics}");
        let first = diagnostics.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned();
        handle.alarm("config", format!("a new configuration was refused, the old one stays in force: {first}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_that_does_not_listen_holds_up_nobody() {
        let (manager, told) = ServiceManager::queue();
        for _ in 0..NOTIFICATIONS_MAX + 2 {
            manager.tell(vec![NotifyState::Watchdog]);
        }
        assert_eq!(told.try_iter().count(), NOTIFICATIONS_MAX);
    }
}
