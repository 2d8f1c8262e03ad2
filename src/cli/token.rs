//! `callout token new|list`: makes an API token, of which the configuration keeps only the hash; lists those of a running service.

use std::process::ExitCode;

use anyhow::Context as _;
use reqwest::Method;
use serde_json::Value;

use super::client::{self, Output, Service, text};
use crate::auth::token::{Fresh, Scope};
use crate::domain::{Span, Timestamp};
use crate::runtime::Clock;

/// What to do with tokens.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// The two things.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Makes a token: its text goes to stdout, what to add to the configuration to stderr.
    New(New),
    /// Lists the tokens of a running service with the last use of each of their secrets.
    List(List),
}

/// Where to ask.
#[derive(Debug, clap::Args)]
pub struct List {
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub service: Service,
}

/// A new token.
#[derive(Debug, clap::Args)]
pub struct New {
    /// Its name in the configuration.
    pub name: String,
    /// What it may do: ingest, ingest:TEAM, read, act, act:TEAM, admin. Once for each.
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    pub scopes: Vec<String>,
    /// Not valid any more after so long, for example 90d.
    #[arg(long, value_name = "SPAN")]
    pub expires_in: Option<String>,
}

/// Does it.
///
/// # Errors
/// When a scope or a length of time cannot be read, the system has no randomness, or the service refuses.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::New(new) => make(new),
        Command::List(list) => show(list),
    }
}

fn make(new: &New) -> anyhow::Result<ExitCode> {
    let scopes: Vec<Scope> = new.scopes.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let span = new.expires_in.as_deref().map(Span::parse).transpose()?;
    // Whole seconds read better in the file.
    let until = span.map(|span| Timestamp::from_seconds(Clock::system().now().plus(span).as_millis() / 1000));
    let token = Fresh::make().context("the system has no randomness")?;
    anstream::eprintln!("add this to callout.toml and reload; the token itself is not shown again:\n");
    anstream::eprintln!("{}", token.toml(&new.name, &scopes, until));
    anstream::println!("{}", token.text());
    Ok(ExitCode::SUCCESS)
}

fn show(list: &List) -> anyhow::Result<ExitCode> {
    let answer = list.service.ask(Method::GET, "/v1/tokens", None)?;
    if list.output == Output::Json {
        return client::print_json(&answer);
    }
    let array = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for token in array(&answer, "tokens") {
        let scopes = array(&token, "scopes");
        let scopes: Vec<&str> = scopes.iter().filter_map(Value::as_str).collect();
        let expires = match text(&token, "expires_at") {
            "" => "never",
            at => at,
        };
        for secret in array(&token, "secrets") {
            let number = |name| secret.get(name).and_then(Value::as_u64).unwrap_or_default().to_string();
            let used = match text(&secret, "last_used_at") {
                "" => "never",
                at => at,
            };
            rows.push(vec![
                text(&token, "name").to_owned(),
                scopes.join(" "),
                expires.to_owned(),
                text(&secret, "sha256").to_owned(),
                used.to_owned(),
                number("requests"),
                number("refused"),
                number("expired"),
            ]);
        }
    }
    if rows.is_empty() {
        anstream::println!("no token is configured; this machine alone is served");
    } else {
        let head = ["NAME", "SCOPES", "EXPIRES", "SHA-256", "LAST USED", "REQUESTS", "REFUSED", "EXPIRED"];
        client::print_table(&head, &rows);
    }
    Ok(ExitCode::SUCCESS)
}
