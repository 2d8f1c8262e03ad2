//! `callout send`: posts breaches to a running service, from a file, from standard input, or from the arguments.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::client::{self, Output, Service, text};

/// What to post.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// JSON file with one breach or an array of them; `-` is standard input. Without it, the breach is made from the options.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Service.
    #[arg(long = "for-service", value_name = "SERVICE", conflicts_with = "file")]
    pub for_service: Option<String>,
    /// SLI, for example availability.
    #[arg(long, requires = "for_service")]
    pub sli: Option<String>,
    /// Endpoint, for example `GET /api/data/{tenant}`.
    #[arg(long, requires = "for_service")]
    pub endpoint: Option<String>,
    /// Environment, for example prod-eu.
    #[arg(long, requires = "for_service")]
    pub environment: Option<String>,
    /// Length of the window of the counts, for example 60m.
    #[arg(long, requires = "total", requires = "good")]
    pub window: Option<String>,
    /// Good events in the window.
    #[arg(long, requires = "window")]
    pub good: Option<u64>,
    /// Valid events in the window.
    #[arg(long, requires = "window")]
    pub total: Option<u64>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub service: Service,
}

/// Posts and prints what became of each item. Exit code 1 when one was rejected.
///
/// # Errors
/// When nothing could be read, or the service refuses all of it.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let body = body(args)?;
    let answer = args.service.ask(Method::POST, "/v1/breaches", Some(&body))?;
    let list = |name: &str| answer.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let rejected = list("rejected");
    if args.output == Output::Json {
        client::print_json(&answer)?;
    } else {
        for item in list("accepted") {
            anstream::println!("accepted {}", text(&item, "event"));
        }
        for item in &rejected {
            let index = item.get("index").and_then(Value::as_u64).unwrap_or_default();
            anstream::println!("rejected item {index}: {}", text(item, "detail"));
        }
    }
    Ok(if rejected.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn body(args: &Args) -> anyhow::Result<Value> {
    let Some(file) = &args.file else { return from_options(args) };
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).context("could not read standard input")?;
    } else {
        text = std::fs::read_to_string(file).with_context(|| format!("could not read `{}`", file.display()))?;
    }
    serde_json::from_str(&text).context("this is not JSON")
}

fn from_options(args: &Args) -> anyhow::Result<Value> {
    let Some(service) = &args.for_service else { bail!("name a FILE, `-`, or at least --for-service and --sli") };
    let mut breach = Map::new();
    let fields = [
        ("service", Some(service)),
        ("sli", args.sli.as_ref()),
        ("endpoint", args.endpoint.as_ref()),
        ("environment", args.environment.as_ref()),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            breach.insert(name.to_owned(), json!(value));
        }
    }
    if let (Some(length), Some(good), Some(total)) = (&args.window, args.good, args.total) {
        breach.insert("window".to_owned(), json!({ "length": length, "good": good, "total": total }));
    }
    Ok(Value::Object(breach))
}
