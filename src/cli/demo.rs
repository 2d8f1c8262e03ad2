//! `callout demo`: the first thing that a newcomer runs. The real service, stand-ins for Slack, Teams and mail, one breach.
//!
//! Nothing leaves this machine, and nothing is left on it unless `--data` says so.

mod breaches;
mod expect;
mod mail;
mod page;
mod print;
mod seen;
mod setup;
mod stand_ins;
mod story;
mod view;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use self::print::{SOFT, TITLE, styled};
use self::setup::Folder;
use self::stand_ins::StandIns;
use self::story::{Story, Told};
use super::service::{Options, Service};
use crate::runtime::shutdown::Signals;
use crate::telemetry::logging::{self, LogFormat};

/// How to show it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// End after the story, with an acknowledgement; exit 0 only if every expected message arrived.
    #[arg(long)]
    pub once: bool,
    /// Address to listen on; without it 127.0.0.1:8080, or a free port if that is taken.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Keep the data in this new folder instead of a temporary one that is removed at the end.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// Tells the story.
///
/// # Errors
/// When the service or a stand-in cannot start, or the story breaks off.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    logging::start(LogFormat::Text, "error")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("callout")
        .build()
        .context("could not start the runtime")?;
    let folder = Folder::make()?;
    runtime.block_on(show(args, &folder))
}

async fn show(args: &Args, folder: &Folder) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::register().context("could not listen to signals")?;
    let data = args.data.clone().unwrap_or_else(|| folder.path().join("data"));
    setup::fresh(&data)?;
    let stand_ins = StandIns::start().await?;
    let listen = setup::address(args.listen)?;
    let base = format!("http://{listen}");
    let options = Options {
        load: setup::load(base.clone(), folder.path(), stand_ins.clone())?,
        folder: folder.path().to_owned(),
        data: data.clone(),
        listen,
    };
    let mut service = Service::start(options).await?;
    greet(&base, &data, args.data.is_some());
    let handle = service.handle.clone();
    let story = Story::new(handle.clone(), base, stand_ins)?;
    let ended = tokio::select! {
        told = play(&story, args.once) => told,
        _ = signals.until_stop(&handle) => Ok(!args.once),
        failed = service.failed() => failed.map(|()| false),
    };
    let stopped = tokio::select! {
        stopped = service.stop() => stopped,
        () = signals.insisted() => Ok(()),
    };
    let good = ended?;
    stopped?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn greet(base: &str, data: &Path, kept: bool) {
    let remark = "the real service on this machine; Slack, Teams and mail are stand-ins, nothing leaves it";
    print::put(&format!("{}  {}\n", styled(TITLE, "callout demo"), styled(SOFT, remark)));
    let kept = if kept { "" } else { " (removed at the end)" };
    print::rows(&[
        ["service".to_owned(), base.to_owned()],
        ["configuration".to_owned(), "examples/quickstart, with the channels pointed at the stand-ins".to_owned()],
        ["data".to_owned(), format!("{}{kept}", data.display())],
    ]);
}

/// The whole of it; whether every expected message arrived. Without `once` it does not end by itself.
async fn play(story: &Story, once: bool) -> anyhow::Result<bool> {
    let mut told: Told = story.tell().await?;
    if once {
        if told.is_complete() {
            story.acknowledge(&mut told).await?;
        }
        story.print_addresses(&told);
        return Ok(told.print_end());
    }
    story.print_addresses(&told);
    told.print_end();
    print::title("Running", "what arrives from here on is printed; Ctrl-C ends it");
    story.follow().await;
    Ok(true)
}
