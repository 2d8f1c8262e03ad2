//! `callout serve`: the service.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;

use super::service::{BadConfig, Load, Options, Service};
use crate::config;
use crate::runtime::Clock;
use crate::runtime::shutdown::Signals;
use crate::telemetry::logging::{self, LogFormat};

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
    /// What is logged, to stderr: `info`, or by part, `callout=debug,warn`.
    #[arg(long, value_name = "FILTER", env = "CALLOUT_LOG", default_value = "info")]
    pub log: String,
    /// How it is logged.
    #[arg(long, value_name = "FORMAT", env = "CALLOUT_LOG_FORMAT", default_value = "text")]
    pub log_format: Format,
}

/// Forms of logs.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One object per line.
    Json,
}

/// Runs the service until it is told to stop.
///
/// # Errors
/// When it cannot start, or something could not be written at the end.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let format = match args.log_format {
        Format::Text => LogFormat::Text,
        Format::Json => LogFormat::Json,
    };
    logging::start(format, &args.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("callout")
        .build()
        .context("could not start the runtime")?;
    match runtime.block_on(serve(args)) {
        Err(error) if error.is::<BadConfig>() => {
            anstream::eprint!("{error}");
            Ok(ExitCode::FAILURE)
        }
        done => done.map(|()| ExitCode::SUCCESS),
    }
}

async fn serve(args: &Args) -> anyhow::Result<()> {
    let mut signals = Signals::register().context("could not listen to signals")?;
    let options = Options {
        load: load(args.config.clone()),
        folder: args.config.clone(),
        data: args.data.clone(),
        listen: args.listen,
    };
    let mut service = Service::start(options).await?;
    tracing::info!(address = %service.address, config = %args.config.display(), data = %args.data.display(), "callout is ready");
    let watch = tokio::spawn(signals.manager.clone().watch(service.handle.clone()));
    let handle = service.handle.clone();
    tokio::select! {
        signal = signals.until_stop(&handle) => tracing::info!(signal, "stopping"),
        failed = service.failed() => return failed,
    }
    signals.manager.stopping();
    watch.abort();
    tokio::select! {
        ended = service.stop() => ended?,
        () = signals.insisted() => anyhow::bail!("ended at once, as asked a second time"),
    }
    tracing::info!("stopped; everything is written");
    Ok(())
}

/// Reads the folder; what is no mistake but suspicious goes to the log.
fn load(folder: PathBuf) -> Load {
    let clock = Clock::system();
    Arc::new(move || {
        let report = config::load(&folder, clock.now());
        let rendered = report.render(false);
        match report.loaded {
            Some(loaded) => {
                if !report.diagnostics.is_empty() {
                    tracing::warn!("the configuration is used, but look at this\n{rendered}");
                }
                Ok(loaded)
            }
            None => Err(rendered),
        }
    })
}
