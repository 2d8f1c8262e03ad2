//! `callout export`: the records of a journal as JSON lines.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use crate::domain::Seq;
use crate::store::JournalReader;
use crate::store::file::Reader;

/// What to export.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the journal, or a copy of one. A running callout is not disturbed.
    #[arg(long, value_name = "DIR", env = "CALLOUT_DATA")]
    pub data: PathBuf,
    /// First record; the oldest that is kept when left out.
    #[arg(long, value_name = "RECORD")]
    pub from: Option<u64>,
    /// Last record; the newest when left out.
    #[arg(long, value_name = "RECORD")]
    pub to: Option<u64>,
}

/// Prints one record per line, oldest first.
///
/// # Errors
/// When a record can't be read; what came before it is printed.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
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

fn print(args: &Args, out: &mut impl Write) -> anyhow::Result<()> {
    let journal = args.data.join("journal");
    anyhow::ensure!(journal.is_dir(), "`{}` is no data directory: there is no `journal` in it", args.data.display());
    let reader = Reader::open(&args.data);
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
