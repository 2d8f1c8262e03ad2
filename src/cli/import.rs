//! `callout import`: service levels that other tools describe, as TOML.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;

use crate::exchange::{Imported, Unreadable, YAML_BYTES_MAX, openslo, sloth};

/// Arguments of `callout import`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The TOML goes to stdout, what became of each thing to stderr. Put it below teams/ and run `callout check`."
)]
pub struct Args {
    /// What is read.
    #[command(subcommand)]
    pub from: From,
}

/// What can be read.
#[derive(Debug, Subcommand)]
pub enum From {
    /// OpenSLO v1 documents: Service, SLO, SLI, AlertPolicy, AlertCondition.
    Openslo(Files),
    /// Specs of Sloth: `prometheus/v1`, or PrometheusServiceLevel.
    Sloth(Files),
}

/// What is read, and for whom.
#[derive(Debug, clap::Args)]
pub struct Files {
    /// Files of YAML; `-` is stdin.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Team that owns the services whose documents name none.
    #[arg(long, value_name = "TEAM")]
    pub team: String,
}

/// Prints the TOML and the report.
///
/// # Errors
/// When a file cannot be read.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    type Import = fn(&[String], &str) -> Result<Imported, Unreadable>;
    let (files, import): (&Files, Import) = match &args.from {
        From::Openslo(files) => (files, |texts, team| openslo::import(texts.iter().map(String::as_str), team)),
        From::Sloth(files) => (files, |texts, team| sloth::import(texts.iter().map(String::as_str), team)),
    };
    let texts = files.files.iter().map(|path| read(path)).collect::<Result<Vec<String>, _>>()?;
    let imported = import(&texts, &files.team)?;
    anstream::print!("{}", imported.toml);
    anstream::eprint!("{}", imported.report);
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> anyhow::Result<String> {
    let limit = YAML_BYTES_MAX as u64 + 1;
    let mut bytes = Vec::new();
    let done = if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    done.with_context(|| format!("could not read `{}`", path.display()))?;
    String::from_utf8(bytes).with_context(|| format!("`{}` is no text", path.display()))
}
