//! The configuration of `examples/quickstart`, pointed at the stand-ins, and the folder that holds the rest.

use std::io::{ErrorKind, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

use super::stand_ins::StandIns;
use crate::cli::service::Load;
use crate::config::{self, ChannelSettings, HttpTarget, Loaded, SecretRef, Settings, TlsMode};
use crate::domain::Timestamp;
use crate::runtime::Clock;

/// Where the demo listens unless told otherwise: as `callout serve`, so that what documents say works with both.
pub const USUAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// The file with the stand-in's token, in the demo's folder.
const TOKEN_FILE: &str = "slack-token";

const MAIN: &str = include_str!("../../../examples/quickstart/callout.toml");
const CHECKOUT: &str = include_str!("../../../examples/quickstart/teams/checkout.toml");
/// The address in the example; the demo's own takes its place.
const ADDRESS: &str = "https://callout.acme.example";
/// When the example's rotation begins. Where the clock is behind that, it begins earlier, so that somebody is on call.
const START: &str = "2026-11-02T09:00:00";
/// A Monday too, and 148 weeks earlier.
const EARLIER: &str = "2024-01-01T09:00:00";

/// A folder that goes away with it.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new one for temporary files, for this user alone.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("callout-demo-{}", uuid::Uuid::now_v7().simple()));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("could not make the folder `{}`", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The system clears its folder for temporary files some day, should this fail.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether a story can be told in the data directory: it begins with nothing.
///
/// # Errors
/// When there is something in it, or it cannot be read.
pub fn fresh(data: &Path) -> anyhow::Result<()> {
    match std::fs::read_dir(data) {
        Ok(mut entries) => anyhow::ensure!(
            entries.next().is_none(),
            "`{}` is not empty, and the demo's story begins with nothing; name a new folder",
            data.display()
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("could not read `{}`", data.display())),
    }
    Ok(())
}

/// A port that is free right now: messages carry the address, so it must be known before the start.
///
/// # Errors
/// When the wanted address is not to be had.
pub fn address(wanted: Option<SocketAddr>) -> anyhow::Result<SocketAddr> {
    let taken = TcpListener::bind(wanted.unwrap_or(USUAL));
    let listener = match (taken, wanted) {
        (Ok(listener), _) => listener,
        (Err(_), None) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?,
        (Err(error), Some(wanted)) => {
            return Err(error).with_context(|| format!("could not listen on {wanted}"));
        }
    };
    listener.local_addr().context("could not find out the address of the listener")
}

/// How the service reads its configuration, now and at a reload.
///
/// # Errors
/// When the token cannot be written.
pub fn load(base: String, folder: &Path, stand_ins: StandIns) -> anyhow::Result<Load> {
    let path = folder.join(TOKEN_FILE);
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(stand_ins.token.as_bytes()))
        .with_context(|| format!("could not write `{}`", path.display()))?;
    let clock = Clock::system();
    Ok(Arc::new(move || configuration(&base, &stand_ins, clock.now())))
}

fn configuration(base: &str, stand_ins: &StandIns, now: Timestamp) -> Result<Loaded, String> {
    let (main, checkout) = texts(base, now);
    let files = [("callout.toml", main.as_str()), ("teams/checkout.toml", checkout.as_str())];
    let report = config::load_texts(files, now);
    let rendered = report.render(false);
    let mut loaded = report.loaded.ok_or(rendered)?;
    let mut settings = Settings::clone(&loaded.settings);
    settings.channels.values_mut().for_each(|channel| point(channel, stand_ins));
    loaded.settings = Arc::new(settings);
    Ok(loaded)
}

fn texts(base: &str, now: Timestamp) -> (String, String) {
    let begins_later = Timestamp::parse(&format!("{START}Z")).is_ok_and(|start| now < start);
    let checkout = if begins_later { CHECKOUT.replace(START, EARLIER) } else { CHECKOUT.to_owned() };
    (MAIN.replace(ADDRESS, base), checkout)
}

/// Points a channel at its stand-in.
fn point(channel: &mut ChannelSettings, stand_ins: &StandIns) {
    match channel {
        ChannelSettings::Slack(slack) => {
            slack.token = Some(SecretRef::File(TOKEN_FILE.into()));
            slack.webhook = None;
            slack.signing_secret = None;
            slack.api_url = stand_ins.slack_api();
            slack.common.allow_private = true;
        }
        ChannelSettings::Teams(teams) => {
            teams.url = HttpTarget::Plain(stand_ins.teams_flow());
            teams.common.allow_private = true;
        }
        ChannelSettings::Email(email) => {
            email.host = stand_ins.smtp.ip().to_string();
            email.port = stand_ins.smtp.port();
            email.tls = TlsMode::None;
            (email.user, email.password) = (None, None);
            email.common.allow_private = true;
        }
        // The example has none.
        ChannelSettings::Webhook(_) | ChannelSettings::Http(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_fits_whatever_the_clock_says() {
        assert_eq!((MAIN.matches(ADDRESS).count(), CHECKOUT.matches(START).count()), (1, 1));
        for now in ["2024-06-01T00:00:00Z", "2026-11-02T07:59:59Z", "2026-11-02T08:00:00Z", "2026-12-25T12:00:00Z"] {
            let now = Timestamp::parse(now).unwrap();
            let (main, checkout) = texts("http://127.0.0.1:9", now);
            let files = [("callout.toml", main.as_str()), ("teams/checkout.toml", checkout.as_str())];
            let policy = config::load_texts(files, now).loaded.unwrap().policy;
            assert_eq!(policy.organisation.url.as_deref(), Some("http://127.0.0.1:9"));
            let on_call = policy.schedules["checkout"].answer(Some("main"), now).users;
            assert_eq!(on_call.len(), 1, "{now}");
            let first = &policy.people[&on_call[0]].contacts[0];
            assert_eq!(first.channel.to_string(), "slack:main", "{now}");
        }
    }
}
