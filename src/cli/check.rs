//! `callout check`: reads a configuration and prints every mistake with its place, cause and way out.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;

use crate::config;
use crate::domain::Timestamp;
use crate::runtime::clock::Clock;

/// Arguments of `callout check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 no mistakes (warnings may be there), 1 mistakes, 2 wrong usage.")]
pub struct Args {
    /// The folder that holds `callout.toml`, `teams/` and `rules/`.
    pub dir: PathBuf,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// Look at schedules from this time on, instead of from now on.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub at: Option<Timestamp>,
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON document.
    Json,
}

/// Checks the folder and prints the result to stdout.
#[expect(clippy::unnecessary_wraps, reason = "every command has the same shape")]
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let report = config::load(&args.dir, args.at.unwrap_or_else(|| Clock::system().now()));
    match args.output {
        Output::Text => anstream::print!("{}", report.render(std::io::stdout().is_terminal())),
        Output::Json => anstream::println!("{:#}", report.to_json()),
    }
    Ok(if report.loaded.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
