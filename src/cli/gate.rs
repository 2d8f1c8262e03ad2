//! `callout gate`: whether a service may be released, for a pipeline: the exit code says it.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::Value;

use super::client::{self, Output, Service, escaped, text};

/// What is to be released.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The service to be released.
    #[arg(value_name = "SERVICE")]
    pub name: String,
    /// Only to this environment.
    #[arg(long)]
    pub environment: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub service: Service,
}

/// Prints the answer. Exit code 0 when it may be released, 1 when not.
///
/// # Errors
/// When the service cannot be reached, or knows no such service.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut path = format!("/v1/gate/{}", escaped(&args.name));
    if let Some(environment) = &args.environment {
        path = format!("{path}?environment={}", escaped(environment));
    }
    let answer = args.service.ask(Method::GET, &path, None)?;
    let may_release = answer.get("may_release").and_then(Value::as_bool).unwrap_or(false);
    match args.output {
        Output::Json => drop(client::print_json(&answer)?),
        Output::Text => {
            let verdict = if may_release { "may be released" } else { "must not be released" };
            anstream::println!("{} {verdict}", text(&answer, "service"));
            for reason in answer.get("reasons").and_then(Value::as_array).into_iter().flatten() {
                anstream::println!("  {}", reason.as_str().unwrap_or_default());
            }
        }
    }
    Ok(if may_release { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
