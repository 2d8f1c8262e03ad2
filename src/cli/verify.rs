//! `callout verify`: is a data directory whole, and if not, what is safe and what to do.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use crate::store::file::{self, Repair, Report};

/// What to verify.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the journal, snapshots and index, or a copy of one.
    #[arg(long, value_name = "DIR", env = "CALLOUT_DATA")]
    pub data: PathBuf,
    /// Keep every whole record and move what is damaged to `journal/damaged-…/`. callout must not run meanwhile.
    #[arg(long)]
    pub repair: bool,
    /// How to print the result.
    #[arg(long, value_enum, default_value = "text")]
    pub output: Output,
}

/// How to print a result.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Verifies. Exit code 0: whole, or repaired; 1: damaged.
///
/// # Errors
/// When the directory can't be read, or not repaired.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (report, repair) = if args.repair {
        let (report, repair) =
            file::repair(&args.data).with_context(|| format!("could not repair `{}`", args.data.display()))?;
        (report, Some(repair))
    } else {
        (file::verify(&args.data).with_context(|| format!("could not verify `{}`", args.data.display()))?, None)
    };
    let left = match &repair {
        Some(repair) if !repair.moved.is_empty() => file::verify(&args.data)?,
        _ => report.clone(),
    };
    let mut out = anstream::stdout().lock();
    match args.output {
        Output::Json => {
            let result = json!({ "sound": left.is_sound(), "report": report, "repair": repair, "left": left.findings });
            writeln!(out, "{result}")?;
        }
        Output::Text => out.write_all(text(args, &report, repair.as_ref(), &left).as_bytes())?,
    }
    Ok(if left.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(args: &Args, report: &Report, repair: Option<&Repair>, left: &Report) -> String {
    let mut lines = vec![summary(report)];
    for finding in &report.findings {
        lines.push(format!("damaged: {}", finding.path.display()));
        lines.push(format!("   {}", finding.what));
    }
    if let Some(repair) = repair {
        for (from, to) in &repair.moved {
            lines.push(format!("moved {} to {}", from.display(), to.display()));
        }
        for (from, to) in &repair.lost {
            lines.push(format!("lost: records {from} to {}; an alarm in their place tells people", to.0 - 1));
        }
        if repair.index_removed {
            lines.push("the index was removed; it is built again when callout runs".to_owned());
        }
    }
    lines.push(advice(args, report, repair, left));
    lines.join("\n") + "\n"
}

fn summary(report: &Report) -> String {
    let Some(first) = report.first else { return "the journal is empty".to_owned() };
    let unfinished = if report.segments.iter().any(|segment| segment.unfinished) {
        "; a commit at the end was cut off or is being written, it was never confirmed"
    } else {
        ""
    };
    format!(
        "journal: {} whole records, {first} to {}, in {} segments; {} snapshots{unfinished}",
        report.records,
        report.last,
        report.segments.len(),
        report.snapshots.iter().filter(|snapshot| snapshot.whole).count()
    )
}

fn advice(args: &Args, report: &Report, repair: Option<&Repair>, left: &Report) -> String {
    let data = args.data.display();
    if left.is_sound() {
        return if repair.is_some_and(|repair| !repair.moved.is_empty()) {
            "repaired: callout can be started".to_owned()
        } else {
            "everything is whole".to_owned()
        };
    }
    let repairable = report.findings.iter().any(|finding| finding.repairable);
    if repair.is_none() && repairable {
        return format!(
            "everything up to record {} is whole. Stop callout, keep a copy of `{data}`, then run `callout verify --data {data} --repair`: \
             every whole record is kept, what is damaged is moved aside",
            report.safe_to
        );
    }
    format!("this cannot be repaired from what is there: restore `{data}` from a backup, or see the findings above")
}
