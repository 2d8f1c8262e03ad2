//! `callout demo`: the first thing that a newcomer runs. The real service, stand-ins for Slack, Teams and mail, one breach.

mod mail;
mod page;
#[expect(dead_code, reason = "the story reads what arrives and follows next")]
mod seen;
#[expect(dead_code, reason = "the story points the channels here and follows next")]
mod stand_ins;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

use self::stand_ins::StandIns;

/// How to show it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// End after the story; exit 0 only if every expected message arrived.
    #[arg(long)]
    pub once: bool,
    /// Address to listen on; a free port unless given.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Keep the data in this folder instead of a temporary one that is removed at the end.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// Tells the story.
///
/// # Errors
/// When the service or a stand-in cannot start.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("callout")
        .build()
        .context("could not start the runtime")?;
    runtime.block_on(show(args))
}

async fn show(args: &Args) -> anyhow::Result<ExitCode> {
    let stand_ins = StandIns::start().await?;
    anstream::println!("stand-ins for Slack, Teams and mail: {}", stand_ins.page());
    if !args.once {
        tokio::signal::ctrl_c().await?;
    }
    Ok(ExitCode::SUCCESS)
}
