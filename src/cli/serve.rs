//! `callout serve`: the service.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// What to serve.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the configuration (`callout.toml`, `teams/`, `rules/`).
    #[arg(long, value_name = "DIR", env = "CALLOUT_CONFIG")]
    pub config: PathBuf,
    /// Folder of the journal, snapshots and index; made if it does not exist.
    #[arg(long, value_name = "DIR", env = "CALLOUT_DATA")]
    pub data: PathBuf,
    /// Address to listen on. Without a configured token it must be a loopback address.
    #[arg(long, value_name = "ADDR", env = "CALLOUT_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
}

/// Runs the service until it is told to stop.
///
/// # Errors
/// When it cannot start.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("the shard loop is not linked in yet ({})", args.listen)
}
