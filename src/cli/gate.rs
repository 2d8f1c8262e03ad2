//! `callout gate`: whether a service may be released, for a pipeline: the exit code says it.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

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
    /// Releases although the policy freezes it, and says why: one silver bullet of the service is used.
    #[arg(long, value_name = "REASON")]
    pub silver_bullet: Option<String>,
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
    if let Some(reason) = &args.silver_bullet {
        let mut body = json!({ "reason": reason });
        if let Some(environment) = &args.environment {
            body["environment"] = json!(environment);
        }
        let path = format!("/v1/gate/{}/silver-bullets", escaped(&args.name));
        args.service.ask(Method::POST, &path, Some(&body))?;
    }
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
            if let Some(bullet) = answer.get("silver_bullet").filter(|bullet| !bullet.is_null()) {
                let (by, until, why) = (text(bullet, "by"), text(bullet, "until"), text(bullet, "reason"));
                anstream::println!("  by a silver bullet of {by}, until {until}: {why}");
            }
            if let Some(left) = answer.get("silver_bullets").filter(|left| !left.is_null()) {
                let number = |name: &str| left.get(name).and_then(Value::as_u64).unwrap_or(0);
                anstream::println!("  {} of {} silver bullets used", number("used"), number("most"));
            }
            for reason in answer.get("reasons").and_then(Value::as_array).into_iter().flatten() {
                anstream::println!("  {}", reason.as_str().unwrap_or_default());
            }
        }
    }
    Ok(if may_release { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
