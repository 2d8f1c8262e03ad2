//! `callout postmortem`: the text of one, what became of it, and the list of those that are asked for.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{self, Output, Service, escaped, text};
use crate::domain::IncidentId;

/// Which, and what became of it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Of which incident; without one, the list of those that are asked for.
    pub incident: Option<IncidentId>,
    /// It was written, and stands at this address.
    #[arg(long, value_name = "URL", requires = "incident", conflicts_with = "waived")]
    pub written: Option<String>,
    /// There will be none, for this reason.
    #[arg(long, value_name = "REASON", requires = "incident")]
    pub waived: Option<String>,
    /// Of the list: only this team's.
    #[arg(long)]
    pub team: Option<String>,
    /// Of the list: settled ones too.
    #[arg(long)]
    pub all: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub service: Service,
}

/// Prints the text, settles it, or lists them.
///
/// # Errors
/// When the service cannot be reached or refuses.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Some(incident) = args.incident else { return list(args) };
    let path = format!("/v1/incidents/{incident}/postmortem");
    let body = match (&args.written, &args.waived) {
        (Some(url), _) => json!({ "url": url }),
        (None, Some(reason)) => json!({ "waived": reason }),
        (None, None) => {
            anstream::print!("{}", args.service.ask_for("text/markdown", Method::GET, &path, None)?);
            return Ok(ExitCode::SUCCESS);
        }
    };
    let settled = args.service.ask(Method::POST, &path, Some(&body))?;
    if args.output == Output::Json {
        return client::print_json(&settled);
    }
    anstream::println!("the postmortem of incident {incident} is settled");
    Ok(ExitCode::SUCCESS)
}

fn list(args: &Args) -> anyhow::Result<ExitCode> {
    let status = if args.all { "all" } else { "open" };
    let team = args.team.as_deref().map(|team| format!("&team={}", escaped(team))).unwrap_or_default();
    let answer = args.service.ask(Method::GET, &format!("/v1/postmortems?status={status}{team}"), None)?;
    if args.output == Output::Json {
        return client::print_json(&answer);
    }
    let found = answer.get("postmortems").and_then(Value::as_array).cloned().unwrap_or_default();
    if found.is_empty() {
        anstream::println!("no postmortem is asked for");
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|known| {
            let overdue = known.get("overdue").and_then(Value::as_bool).unwrap_or_default();
            let state = if known["settled"].is_object() {
                "settled"
            } else if overdue {
                "overdue"
            } else {
                "open"
            };
            let column = |name| text(known, name).to_owned();
            vec![
                known["incident"].to_string(),
                state.to_owned(),
                column("due_at"),
                column("team"),
                column("priority"),
                column("key"),
            ]
        })
        .collect();
    client::print_table(&["INCIDENT", "STATE", "DUE", "TEAM", "PRIORITY", "ABOUT"], &rows);
    Ok(ExitCode::SUCCESS)
}
