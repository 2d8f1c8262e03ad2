//! `callout ack`, `callout resolve`, `callout snooze`: what a person does to an incident, by a running service.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{self, Output, Service, text};
use crate::domain::IncidentId;

/// Which incident.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its number.
    pub incident: IncidentId,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub service: Service,
}

/// Which incident, and for how long.
#[derive(Debug, clap::Args)]
pub struct SnoozeArgs {
    #[command(flatten)]
    pub act: Args,
    /// For how long, for example 1h.
    #[arg(long = "for", value_name = "SPAN", default_value = "1h")]
    pub span: String,
}

/// Does `verb` (`acknowledge`, `resolve`).
///
/// # Errors
/// When the service cannot be reached or refuses.
pub fn run(args: &Args, verb: &str) -> anyhow::Result<ExitCode> {
    post(args, verb, &json!({}))
}

/// Snoozes.
///
/// # Errors
/// As above.
pub fn snooze(args: &SnoozeArgs) -> anyhow::Result<ExitCode> {
    post(&args.act, "snooze", &json!({ "for": args.span }))
}

fn post(args: &Args, verb: &str, body: &Value) -> anyhow::Result<ExitCode> {
    let path = format!("/v1/incidents/{}/{verb}", args.incident);
    let incident = args.service.ask(Method::POST, &path, Some(body))?;
    match args.output {
        Output::Json => client::print_json(&incident),
        Output::Text => {
            anstream::println!("incident {} is {}", args.incident, text(&incident, "status"));
            Ok(ExitCode::SUCCESS)
        }
    }
}
