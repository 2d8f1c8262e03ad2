//! `callout quarantine`: inputs and deadlines that a running service could not judge.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::Value;

use super::client::{self, Output, Service, text};

/// How to print.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub service: Service,
}

/// Lists them, the newest first.
///
/// # Errors
/// When the service cannot be reached or refuses.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let answer = args.service.ask(Method::GET, "/v1/quarantine", None)?;
    if args.output == Output::Json {
        return client::print_json(&answer);
    }
    let list = |name| answer.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let (inputs, deadlines) = (list("inputs"), list("deadlines"));
    if inputs.is_empty() && deadlines.is_empty() {
        anstream::println!("nothing is set aside");
        return Ok(ExitCode::SUCCESS);
    }
    for input in &inputs {
        let column = |name| text(input, name);
        anstream::println!("{} {}: {}\n  {}", column("input"), column("at"), column("panic"), column("text"));
    }
    for deadline in &deadlines {
        anstream::println!("a deadline {}, tried again at {}", text(deadline, "deadline"), text(deadline, "until"));
    }
    Ok(ExitCode::SUCCESS)
}
