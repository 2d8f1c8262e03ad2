//! `callout export`: the records of a journal as JSON lines. `callout export openslo`: service levels as OpenSLO documents.

use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use crate::config;
use crate::domain::Seq;
use crate::exchange::export;
use crate::runtime::clock::Clock;
use crate::store::JournalReader;
use crate::store::file::Reader;

/// What to export.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    /// Something else than the journal.
    #[command(subcommand)]
    pub what: Option<What>,
    /// Folder of the journal, or a copy of one. A running callout is not disturbed.
    #[arg(long, value_name = "DIR", env = "CALLOUT_DATA", required = true)]
    pub data: Option<PathBuf>,
    /// First record; the oldest that is kept when left out.
    #[arg(long, value_name = "RECORD")]
    pub from: Option<u64>,
    /// Last record; the newest when left out.
    #[arg(long, value_name = "RECORD")]
    pub to: Option<u64>,
}

/// What can be exported beside the journal.
#[derive(Debug, clap::Subcommand)]
pub enum What {
    /// Services, SLOs and burn-rate alerts of a configuration as OpenSLO v1 documents.
    Openslo {
        /// The folder of the configuration.
        #[arg(long, value_name = "DIR", env = "CALLOUT_CONFIG")]
        config: PathBuf,
    },
}

/// Prints one record per line, oldest first; or documents to stdout and what they leave out to stderr.
///
/// # Errors
/// When a record can't be read; what came before it is printed. When the configuration has mistakes.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(What::Openslo { config }) = &args.what {
        return openslo(config);
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let done = print(args, &mut out).and_then(|()| out.flush().map_err(Into::into));
    match done {
        // Whoever reads has had enough (`callout export … | head`).
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => {
            Ok(ExitCode::SUCCESS)
        }
        done => done.map(|()| ExitCode::SUCCESS),
    }
}

fn openslo(dir: &Path) -> anyhow::Result<ExitCode> {
    let report = config::load(dir, Clock::system().now());
    let Some(loaded) = &report.loaded else {
        anstream::eprint!("{}", report.render(io::stderr().is_terminal()));
        return Ok(ExitCode::FAILURE);
    };
    let (documents, kept) = export::openslo(&loaded.policy, &loaded.settings.metrics);
    anstream::print!("{}", export::yaml(&documents).map_err(anyhow::Error::msg)?);
    anstream::eprint!("{kept}");
    Ok(ExitCode::SUCCESS)
}

fn print(args: &Args, out: &mut impl Write) -> anyhow::Result<()> {
    let data = args.data.as_deref().context("`--data` is missing")?;
    let journal = data.join("journal");
    anyhow::ensure!(journal.is_dir(), "`{}` is no data directory: there is no `journal` in it", data.display());
    let reader = Reader::open(data);
    let from = args.from.map_or_else(|| reader.first_seq(), Seq);
    for record in reader.read_from(from) {
        let (_, record) = record.with_context(|| format!("could not read `{}`", journal.display()))?;
        if args.to.is_some_and(|to| record.seq.0 > to) {
            break;
        }
        let line = serde_json::to_string(&record).with_context(|| format!("could not print record {}", record.seq))?;
        writeln!(out, "{line}")?;
    }
    Ok(())
}
