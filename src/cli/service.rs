//! The whole service, put together: used by `serve` and by `demo`.

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::files;
use crate::auth::gate::Gate;
use crate::auth::usage::{self, Usage};
use crate::auth::{self, link::LinkKey};
use crate::channel;
use crate::channel::http::callback::Asked;
use crate::config::{self, Loaded, Settings};
use crate::http;
use crate::http::callback::{ByChannel, Callbacks};
use crate::runtime::dispatch::{Channels, Dispatcher};
use crate::runtime::heartbeat::Heartbeats;
use crate::runtime::slack::{ByName, Workspaces, groups};
use crate::runtime::{Clock, Handle, Parts, Prepared, Reloader, Running, in_service, shutdown};
use crate::store::{FollowerOptions, IndexFollower, Journal as _, file};
use crate::telemetry::Metrics;

/// Bytes that are random in a key for links.
const LINK_KEY_BYTES: usize = 32;

/// Reads the configuration; `Err` carries the rendered diagnostics. Warnings are its own business.
pub type Load = Arc<dyn Fn() -> Result<Loaded, String> + Send + Sync>;

/// What to start.
pub struct Options {
    /// How the configuration is read.
    pub load: Load,
    /// Folder that secret files are relative to.
    pub folder: PathBuf,
    /// Data directory.
    pub data: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
}

/// A running service.
pub struct Service {
    /// A handle on it.
    pub handle: Handle,
    /// Where it listens.
    pub address: SocketAddr,
    running: Running,
    dispatcher: Dispatcher,
    beating: JoinHandle<()>,
    grouping: JoinHandle<()>,
    reading: JoinHandle<()>,
    follower: Arc<IndexFollower>,
    closing: CancellationToken,
    serving: JoinHandle<Result<(), http::ServeError>>,
    remembering: JoinHandle<()>,
}

/// The configuration has mistakes; the text is rendered already.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadConfig(pub String);

impl Service {
    /// Starts it: configuration, lock and journal, state, channels, listener, loop.
    ///
    /// # Errors
    /// [`BadConfig`] for a configuration with mistakes; else why it could not start.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let Options { load, folder, data, listen } = options;
        let loaded = load().map_err(BadConfig)?;
        let settings = Arc::clone(&loaded.settings);
        if !auth::listen_allowed(listen, !settings.tokens.is_empty()) {
            bail!(
                "without a configured token callout listens on this machine only, and {listen} is no loopback address; make one with \
                 `callout token new`, or give --listen 127.0.0.1:{}",
                listen.port()
            );
        }
        // The lock comes with the journal: who has the directory is told before anything else that might be wrong.
        let journal = file::open(&data, file::Options::default())?;
        let channels = channels(&settings, &folder)?;
        let link_key = link_key(&settings, &folder, &data)?;
        let loaded = marked(loaded, &link_key);
        let listener = TcpListener::bind(listen).await.with_context(|| format!("could not listen on {listen}"))?;
        let address = listener.local_addr().context("could not find out the address of the listener")?;

        let reader = journal.reader();
        let busy = Arc::new(std::sync::OnceLock::<Handle>::new());
        let asked = Arc::clone(&busy);
        let follower =
            IndexFollower::start(&file::Layout::new(&data).index, reader, FollowerOptions::default(), move || {
                asked.get().is_some_and(Handle::is_busy)
            })?;
        let follower = Arc::new(follower);
        let parts = Parts {
            journal: Box::new(journal),
            index: Some(follower.index()),
            loaded,
            clock: Clock::system(),
            make: in_service(),
        };
        let prepared = Prepared::new(parts).context("could not bring back the state")?;
        let handle = prepared.handle();
        // The follower asks as soon as this is set; it was not before.
        let _ = busy.set(handle.clone());
        let dispatcher = Dispatcher::start(handle.clone(), link_key.clone(), &channels, &settings);
        let (heartbeats, beating) = Heartbeats::start(handle.clone(), folder.clone());
        let ready = heartbeats.prepare(&settings).context("could not set up the heartbeat")?;
        let reading = tokio::spawn(crate::runtime::calendars::run(handle.clone(), folder.clone()));
        let key = link_key.clone();
        let load: Load = Arc::new(move || load().map(|loaded| marked(loaded, &key)));
        let workspaces = Workspaces::default();
        workspaces.install(prepare_workspaces(&settings, &folder)?);
        let grouping = groups::start(handle.clone(), workspaces.clone());
        let callbacks = Callbacks::default();
        callbacks.install(who_may_ask(&settings, &folder));
        let keep = (dispatcher.clone(), heartbeats.clone(), workspaces.clone(), callbacks.clone());
        handle.set_reloader(reloader(load, folder, keep, (channels, settings)));
        let (sender, index) = (dispatcher.clone(), Arc::clone(&follower));
        let running = prepared
            .run(move |rows| sender.offer(rows), move |seq| index.committed(seq))
            .context("could not start the shard")?;
        heartbeats.install(ready);

        let metrics = Arc::new(Metrics::new());
        let gate = Arc::new(Gate::new(Usage::open(&data)));
        let app =
            http::App::new(handle.clone(), Arc::clone(&metrics), link_key, Arc::clone(&gate), workspaces, callbacks);
        let router = http::router(app);
        let limits = http::Limits::for_files(files::raise());
        let closing = CancellationToken::new();
        let closed = closing.clone();
        let remembering = tokio::spawn(remember(gate, handle.clone(), data, closing.clone()));
        let serving =
            tokio::spawn(async move { http::serve(listener, router, metrics, limits, closed.cancelled_owned()).await });
        Ok(Self {
            handle,
            address,
            running,
            dispatcher,
            beating,
            grouping,
            reading,
            follower,
            closing,
            serving,
            remembering,
        })
    }

    /// Waits until the shard ends by itself, which is an error.
    ///
    /// # Errors
    /// Why.
    pub async fn failed(&mut self) -> anyhow::Result<()> {
        self.running.ended().await.context("the service had to end")
    }

    /// Ends it in the order that `runtime::shutdown` describes.
    ///
    /// # Errors
    /// When something could not be written at the end. Nothing that was answered is lost by that.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.running.announce_stop();
        self.beating.abort();
        self.grouping.abort();
        self.reading.abort();
        self.closing.cancel();
        match self.serving.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("{error}"),
            Err(error) => tracing::error!(error = %error, "the listener failed"),
        }
        if let Err(error) = self.remembering.await {
            tracing::error!(error = %error, "the last use of tokens could not be kept");
        }
        self.dispatcher.stop(shutdown::SEND_LIMIT).await;
        let ended = self.running.stop().await;
        let follower = self.follower;
        // Closing the index takes a checkpoint, which blocks.
        let _ = tokio::task::spawn_blocking(move || drop(follower)).await;
        ended.context("the last decisions could not be written; they will be made again after the next start")
    }
}

/// Keeps what tokens were used for, now and then and at the end.
async fn remember(gate: Arc<Gate>, handle: Handle, data: PathBuf, closing: CancellationToken) {
    let mut ended = false;
    while !ended {
        ended = tokio::time::timeout(usage::WRITTEN_EVERY, closing.cancelled()).await.is_ok();
        let (gate, settings, data) = (Arc::clone(&gate), handle.settings(), data.clone());
        let written = tokio::task::spawn_blocking(move || gate.usage.write(&data, &settings)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(error = %error, "the last use of tokens could not be kept");
        }
    }
}

/// Sets up all channels; every failure is told, not only the first.
fn channels(settings: &Settings, folder: &Path) -> anyhow::Result<Channels> {
    let (made, errors) = channel::build_all(settings, &|secret| config::secret::resolve(secret, folder));
    if errors.is_empty() {
        return Ok(made.into_iter().map(|(reference, channel)| (reference, Arc::from(channel))).collect());
    }
    let texts: Vec<String> = errors.into_iter().map(|error| format!("{:#}", anyhow::Error::from(error))).collect();
    bail!("{}", texts.join("\nerror: "))
}

/// Which services may ask back, with their secrets.
fn who_may_ask(settings: &Settings, folder: &Path) -> Arc<ByChannel> {
    Arc::new(Asked::all(settings, &|secret| config::secret::resolve(secret, folder)))
}

fn reloader(
    load: Load,
    folder: PathBuf,
    (dispatcher, heartbeats, workspaces, callbacks): (Dispatcher, Heartbeats, Workspaces, Callbacks),
    first: (Channels, Arc<Settings>),
) -> Reloader {
    let last = std::sync::Mutex::new(first);
    Reloader::new(
        Box::new(move || load()),
        Box::new(move |loaded| {
            let settings = Arc::clone(&loaded.settings);
            let made = self::channels(&settings, &folder).map_err(|error| format!("error: {error}\n"))?;
            let ready = heartbeats.prepare(&settings).map_err(|error| {
                format!("error: could not set up the heartbeat: {:#}\n", anyhow::Error::from(error))
            })?;
            let known = prepare_workspaces(&settings, &folder).map_err(|error| format!("error: {error:#}\n"))?;
            dispatcher.install(&made, &settings);
            let (places, known_before) = (workspaces.clone(), workspaces.install(known));
            let (beats, beat_before) = (heartbeats.clone(), heartbeats.install(ready));
            let (asking, asked_before) = (callbacks.clone(), callbacks.install(who_may_ask(&settings, &folder)));
            let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let (channels, settings) = std::mem::replace(&mut *last, (made, settings));
            let dispatcher = dispatcher.clone();
            Ok(Box::new(move || {
                dispatcher.install(&channels, &settings);
                beats.install(beat_before);
                places.install(known_before);
                asking.install(asked_before);
            }))
        }),
    )
}

/// Sets up the workspaces in which people act.
fn prepare_workspaces(settings: &Settings, folder: &Path) -> anyhow::Result<ByName> {
    Workspaces::prepare(settings, &|secret| config::secret::resolve(secret, folder)).context("could not set up Slack")
}

/// Adds keyed hashes of people's addresses, by which the engine knows whether a verified way still leads to the same address.
fn marked(mut loaded: Loaded, key: &LinkKey) -> Loaded {
    let policy = Arc::make_mut(&mut loaded.policy);
    for (id, person) in &policy.people {
        for contact in person.ways() {
            let way = (id.clone(), contact.channel.clone());
            let mark = key.mark(&way, &contact.address);
            policy.marks.insert(way, mark);
        }
    }
    loaded
}

/// The key that signs action links: the configured secret, hashed to length, or one made once and kept with the data.
fn link_key(settings: &Settings, folder: &Path, data: &Path) -> anyhow::Result<LinkKey> {
    if let Some(secret) = &settings.link_key {
        let text = config::secret::resolve(secret, folder).context("could not read the key for links")?;
        return Ok(LinkKey::new(Sha256::digest(text.expose_secret().as_bytes()).into()));
    }
    let path = data.join("link.key");
    if path.exists() {
        let kept = std::fs::read(&path).with_context(|| format!("could not read `{}`", path.display()))?;
        let Ok(bytes) = <[u8; LINK_KEY_BYTES]>::try_from(kept) else {
            bail!(
                "`{}` is not a key of {LINK_KEY_BYTES} bytes; remove it to have a new one made (links sent so far end)",
                path.display()
            );
        };
        return Ok(LinkKey::new(bytes));
    }
    let (key, bytes) = LinkKey::make().context("the system has no randomness for the key for links")?;
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(&bytes)?;
        file.sync_all()
    };
    write().with_context(|| format!("could not keep the key for links in `{}`", path.display()))?;
    Ok(key)
}
