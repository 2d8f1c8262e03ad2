//! `callout token new`: makes an API token. The configuration keeps only its hash, so the text is shown once.

use std::process::ExitCode;

use anyhow::Context as _;

use crate::auth::token::{Fresh, Scope};
use crate::domain::{Span, Timestamp};
use crate::runtime::Clock;

/// What to do with tokens.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// The one thing.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Makes a token: its text goes to stdout, what to add to the configuration to stderr.
    New(New),
}

/// A new token.
#[derive(Debug, clap::Args)]
pub struct New {
    /// Its name in the configuration.
    pub name: String,
    /// What it may do: ingest, ingest:TEAM, read, act, act:TEAM, admin. Once for each.
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    pub scopes: Vec<String>,
    /// Not valid any more after so long, for example 90d.
    #[arg(long, value_name = "SPAN")]
    pub expires_in: Option<String>,
}

/// Makes it.
///
/// # Errors
/// When a scope or a length of time cannot be read, or the system has no randomness.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Command::New(new) = &args.command;
    let scopes: Vec<Scope> = new.scopes.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let span = new.expires_in.as_deref().map(Span::parse).transpose()?;
    // Whole seconds read better in the file.
    let until = span.map(|span| Timestamp::from_seconds(Clock::system().now().plus(span).as_millis() / 1000));
    let token = Fresh::make().context("the system has no randomness")?;
    anstream::eprintln!("add this to callout.toml and reload; the token itself is not shown again:\n");
    anstream::eprintln!("{}", token.toml(&new.name, &scopes, until));
    anstream::println!("{}", token.text());
    Ok(ExitCode::SUCCESS)
}
