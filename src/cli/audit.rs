//! `callout audit`: who did what, when, and what came of it, from a running service.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{self, Output, Service, escaped, text};
use crate::domain::{Span, Timestamp};
use crate::runtime::Clock;

/// Which part to list.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// From this time on (RFC 3339).
    #[arg(long, value_name = "TIME", conflicts_with = "span")]
    pub from: Option<String>,
    /// Before this time.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// The last so long, for example 7d.
    #[arg(long = "last", value_name = "SPAN", default_value = "24h")]
    pub span: String,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub service: Service,
}

/// Lists it, the oldest first.
///
/// # Errors
/// When a time cannot be read, or the service cannot be reached or refuses.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let from = match &args.from {
        Some(from) => Timestamp::parse(from)?,
        None => Clock::system().now().minus(Span::parse(&args.span)?),
    };
    let mut query = format!("/v1/audit?limit=1000&from={}", escaped(&from.to_string()));
    if let Some(to) = &args.to {
        query = format!("{query}&to={}", escaped(to));
    }
    let mut acts: Vec<Value> = Vec::new();
    let mut cursor = String::new();
    loop {
        let answer = args.service.ask(Method::GET, &format!("{query}{cursor}"), None)?;
        acts.extend(answer.get("acts").and_then(Value::as_array).cloned().unwrap_or_default());
        match text(&answer, "next_cursor") {
            "" => break,
            next => cursor = format!("&cursor={}", escaped(next)),
        }
    }
    if args.output == Output::Json {
        return client::print_json(&json!({ "acts": acts }));
    }
    if acts.is_empty() {
        anstream::println!("nobody did anything");
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<String>> = acts
        .iter()
        .map(|act| {
            let incident = act.get("incident").and_then(Value::as_u64).map_or_else(String::new, |id| id.to_string());
            let column = |name| text(act, name).to_owned();
            vec![column("at"), column("by"), column("what"), incident, column("outcome"), column("detail")]
        })
        .collect();
    client::print_table(&["AT", "BY", "WHAT", "INCIDENT", "OUTCOME", "DETAIL"], &rows);
    Ok(ExitCode::SUCCESS)
}
