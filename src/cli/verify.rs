//! `callout verify`: is a data directory whole, and if not, what is safe and what to do.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use crate::domain::Seq;
use crate::store::file::{self, Repair, Report};
use crate::store::{DayState, IndexDay, survey_index};

/// What to verify.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the journal, snapshots and index, or a copy of one.
    #[arg(long, value_name = "DIR", env = "CALLOUT_DATA")]
    pub data: PathBuf,
    /// Say what a repair would do: keep every whole record, move what is damaged to `journal/damaged-…/`. With --yes, do it.
    #[arg(long)]
    pub repair: bool,
    /// Do it. callout must not run meanwhile.
    #[arg(long, requires = "repair")]
    pub yes: bool,
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
    let (report, repair) = if args.repair && args.yes {
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
    let index = survey_index(&file::Layout::new(&args.data).index, left.last).context("could not look at the index")?;
    let mut out = anstream::stdout().lock();
    match args.output {
        Output::Json => {
            let result = json!({
                "sound": left.is_sound(), "report": report, "would_lose": report.lost(), "repair": repair, "left": left.findings,
                "index": index,
            });
            writeln!(out, "{result}")?;
        }
        Output::Text => out.write_all(text(args, &report, repair.as_ref(), &left, &index).as_bytes())?,
    }
    Ok(if left.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(args: &Args, report: &Report, repair: Option<&Repair>, left: &Report, index: &[IndexDay]) -> String {
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
            lines.push(format!("lost: {}; an alarm in their place tells people", records(*from, *to)));
        }
        if repair.index_removed {
            lines.push("the index was removed; it is built again when callout runs".to_owned());
        }
    }
    lines.push(about_index(index));
    lines.push(advice(args, report, repair, left));
    lines.join("\n") + "\n"
}

/// `record 7`, `records 7 to 9`.
fn records(from: Seq, to: Seq) -> String {
    if from.0 + 1 == to.0 { format!("record {from}") } else { format!("records {from} to {}", to.0 - 1) }
}

fn about_index(index: &[IndexDay]) -> String {
    let bad: Vec<&str> = index
        .iter()
        .filter(|day| matches!(day.state, DayState::Ahead | DayState::Unsound))
        .map(|day| day.day.as_str())
        .collect();
    let again = "built again from the journal when callout runs; nothing is lost by it";
    match (index.iter().filter_map(|day| day.last).max(), bad.is_empty()) {
        _ if index.is_empty() => format!("index: none; it is {again}"),
        (_, false) => format!("index: not sound from {} on; it is {again}", bad[0]),
        (Some(last), true) => {
            let open = if index.iter().any(|day| day.state == DayState::Open) { ", the newest is open" } else { "" };
            format!("index: {} days, closed up to record {last}{open}", index.len())
        }
        (None, true) => "index: one day, which is open".to_owned(),
    }
}

fn summary(report: &Report) -> String {
    let Some(first) = report.first else { return "the journal is empty".to_owned() };
    let unfinished = if report.segments.iter().any(|segment| segment.changed) {
        "; the commit at the end is there from end to end with a wrong checksum: if the power failed while it was written it was never \
         confirmed, if the disk changed it afterwards its records are lost"
    } else if report.segments.iter().any(|segment| segment.unfinished) {
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
        let lost = report.lost();
        let lost = if lost.is_empty() {
            "no record would be lost".to_owned()
        } else {
            let ranges: Vec<String> = lost.iter().map(|(from, to)| records(*from, *to)).collect();
            format!("{} would be lost, which are damaged already; what they said is told to nobody", ranges.join(", "))
        };
        let how = if args.repair { "nothing was changed. To repair" } else { "to go on with what is whole" };
        return format!(
            "everything up to record {} is whole. A repair keeps every whole record and moves what is damaged aside, into `{data}/journal/`; {lost}.\n\
             {how}: stop callout, keep a copy of `{data}`, then run `callout verify --data {data} --repair --yes`",
            report.safe_to
        );
    }
    format!("this cannot be repaired from what is there: restore `{data}` from a backup, or see the findings above")
}
