//! `callout explain`: why somebody was paged, or what became of an event. Asks a running service, or reads a data directory.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use reqwest::Method;

use super::client::{self, Output, Service, escaped};
use crate::domain::{EventId, IncidentId, Timestamp};
use crate::projection::{Explanation, History};
use crate::store::file::Reader;

/// What to explain.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An incident (`4711`) or an event (`E1042`).
    #[arg(value_name = "INCIDENT | EVENT", required_unless_present = "person", conflicts_with = "person")]
    pub subject: Option<String>,
    /// The page that this person got ...
    #[arg(long, requires = "at")]
    pub person: Option<String>,
    /// ... at, or shortly before, this time (RFC 3339).
    #[arg(long, value_name = "TIME", requires = "person")]
    pub at: Option<String>,
    /// A data directory, or a copy of one, instead of a running service.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub service: Service,
}

/// What is asked for, read from the arguments.
enum Subject {
    Incident(IncidentId),
    Event(EventId),
    Page(String, Timestamp),
}

/// Prints the chain of decisions. Exit code 1 when there is nothing of the kind.
///
/// # Errors
/// When the subject is no id, or journal or service cannot be read.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let subject = subject(args)?;
    let explanation = match &args.data {
        Some(data) => from_files(data, &subject)?,
        None => from_service(&args.service, &subject)?,
    };
    match args.output {
        Output::Json => drop(client::print_json(&serde_json::to_value(&explanation)?)?),
        Output::Text => anstream::print!("{}", explanation.to_text()),
    }
    Ok(ExitCode::SUCCESS)
}

fn subject(args: &Args) -> anyhow::Result<Subject> {
    if let (Some(person), Some(at)) = (&args.person, &args.at) {
        return Ok(Subject::Page(person.clone(), Timestamp::parse(at)?));
    }
    let text = args.subject.as_deref().unwrap_or_default();
    if let Ok(event) = text.parse() {
        return Ok(Subject::Event(event));
    }
    match text.parse() {
        Ok(incident) => Ok(Subject::Incident(incident)),
        Err(_) => bail!("`{text}` is neither an incident such as `4711` nor an event such as `E1042`"),
    }
}

fn from_files(data: &std::path::Path, subject: &Subject) -> anyhow::Result<Explanation> {
    anyhow::ensure!(data.join("journal").is_dir(), "`{}` holds no journal", data.display());
    let journal = Reader::open(data);
    let history = History { journal: &journal, index: None };
    let found = match subject {
        Subject::Incident(incident) => history.incident(*incident)?,
        Subject::Event(event) => history.event(*event)?,
        Subject::Page(person, at) => history.page(person, *at)?,
    };
    found.context("the journal knows nothing of it")
}

fn from_service(service: &Service, subject: &Subject) -> anyhow::Result<Explanation> {
    let path = match subject {
        Subject::Incident(incident) => format!("/v1/incidents/{incident}/explain"),
        Subject::Event(event) => format!("/v1/events/{event}/explain"),
        Subject::Page(person, at) => {
            format!("/v1/explain?person={}&at={}", escaped(person), escaped(&at.to_string()))
        }
    };
    Ok(serde_json::from_value(service.ask(Method::GET, &path, None)?)?)
}
