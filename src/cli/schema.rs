//! `callout schema`: prints the JSON Schema of the configuration's files.

use std::process::ExitCode;

/// Arguments of `callout schema`: none.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Save it, and point your editor at it with a first line such as `#:schema ./callout.schema.json`."
)]
pub struct Args {}

/// Prints the schema to stdout.
#[expect(clippy::unnecessary_wraps, reason = "every command has the same shape")]
pub fn run(_: &Args) -> anyhow::Result<ExitCode> {
    anstream::println!("{:#}", crate::config::schema());
    Ok(ExitCode::SUCCESS)
}
