//! Slack beyond messages: the workspaces that people act in, who they are there, and user groups kept in step with schedules.

pub mod groups;
mod people;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;

use self::people::Members;
pub use self::people::Unknown;
use crate::auth::slack::{Replays, Signing};
use crate::channel::slack::api::WebApi;
use crate::channel::{Secrets, SetupError};
use crate::config::{ChannelSettings, Settings, WhoActs};
use crate::domain::{ChannelKind, Name};

/// Requests of Slack that are worked on at once. Beyond: 503, and whoever pressed sees that it did not work.
pub const UNDER_WAY_MAX: usize = 256;

/// One workspace.
#[derive(Debug)]
pub struct Workspace {
    /// Its name in the configuration.
    pub name: Name,
    /// Its Web API; absent without a bot token.
    pub api: Option<WebApi>,
    /// How its requests are signed; absent: it takes none.
    pub signing: Option<Signing>,
    /// Who may act from there.
    pub act: WhoActs,
    members: Members,
}

/// All workspaces by name.
pub type ByName = Arc<BTreeMap<Name, Arc<Workspace>>>;

/// The workspaces in force. Clones share them.
#[derive(Debug, Clone)]
pub struct Workspaces(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    installed: ArcSwap<BTreeMap<Name, Arc<Workspace>>>,
    replays: Replays,
    under_way: Arc<Semaphore>,
    groups: groups::Counted,
}

impl Default for Workspaces {
    fn default() -> Self {
        Self(Arc::new(Inner {
            installed: ArcSwap::default(),
            replays: Replays::default(),
            under_way: Arc::new(Semaphore::new(UNDER_WAY_MAX)),
            groups: groups::Counted::default(),
        }))
    }
}

impl Workspaces {
    /// Sets up what `settings` say. Contacts nobody, changes nothing.
    ///
    /// # Errors
    /// When a secret, an address or a file cannot be used.
    pub fn prepare(settings: &Settings, secrets: &Secrets<'_>) -> Result<ByName, SetupError> {
        let mut all = BTreeMap::new();
        for (reference, channel) in &settings.channels {
            let (ChannelKind::Slack, ChannelSettings::Slack(slack)) = (reference.kind, channel) else { continue };
            let mut signing = Vec::new();
            for secret in slack.signing_secret.iter().chain(&slack.previous_signing_secret) {
                signing.push(secrets(secret).map_err(|source| SetupError::Secret { what: "signing secret", source })?);
            }
            let workspace = Workspace {
                name: reference.name.clone(),
                api: WebApi::new(slack, secrets)?,
                signing: slack.signing_secret.as_ref().map(|_| Signing::new(signing)),
                act: slack.act,
                members: Members::default(),
            };
            all.insert(reference.name.clone(), Arc::new(workspace));
        }
        Ok(Arc::new(all))
    }

    /// These from now on; gives what was installed before.
    pub fn install(&self, ready: ByName) -> ByName {
        self.0.installed.swap(ready)
    }

    /// The workspace of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Workspace>> {
        self.0.installed.load().get(name).cloned()
    }

    /// Requests that came lately.
    #[must_use]
    pub fn replays(&self) -> &Replays {
        &self.0.replays
    }

    /// A place among the requests that are worked on.
    #[must_use]
    pub fn place(&self) -> Option<tokio::sync::OwnedSemaphorePermit> {
        Arc::clone(&self.0.under_way).try_acquire_owned().ok()
    }

    /// How user groups fare.
    #[must_use]
    pub fn groups(&self) -> &groups::Counted {
        &self.0.groups
    }
}
