//! `callout contact`: ways of people, and proofs that they lead to them.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{self, Output, Service, escaped, text};

/// What to do.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Lists the ways of a person, and which are verified.
    List {
        /// Whose.
        person: String,
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        output: Output,
        #[command(flatten)]
        service: Service,
    },
    /// Has a code sent by a way of a person.
    Code {
        /// Whose.
        person: String,
        /// Which way, for example slack or slack:main.
        channel: String,
        #[command(flatten)]
        service: Service,
    },
    /// Enters the code that came.
    Verify {
        /// Whose.
        person: String,
        /// Which way.
        channel: String,
        /// The code.
        code: String,
        #[command(flatten)]
        service: Service,
    },
}

/// Does it. Exit code 1 when the code was wrong.
///
/// # Errors
/// When the service cannot be reached, or says no.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Action::List { person, output, service } => {
            let answer = service.ask(Method::GET, &format!("/v1/people/{}/contacts", escaped(person)), None)?;
            if *output == Output::Json {
                return client::print_json(&answer);
            }
            let rows = answer.get("contacts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let truth = |row: &Value, key: &str| row.get(key).and_then(Value::as_bool).unwrap_or_default();
            let cells: Vec<Vec<String>> = rows
                .iter()
                .map(|row| {
                    let state = match (truth(row, "verified"), truth(row, "address_changed")) {
                        (true, _) => format!("verified {}", text(row, "verified_at")),
                        (false, true) => "not verified: the address changed since".to_owned(),
                        (false, false) => "not verified".to_owned(),
                    };
                    vec![text(row, "channel").to_owned(), state]
                })
                .collect();
            client::print_table(&["WAY", "STATE"], &cells);
        }
        Action::Code { person, channel, service } => {
            let path = format!("/v1/people/{}/contacts/{}/code", escaped(person), escaped(channel));
            let answer = service.ask(Method::POST, &path, None)?;
            let way = text(&answer, "channel");
            anstream::println!(
                "a code is on its way by {way}, good until {}; then: callout contact verify {person} {way} CODE",
                text(&answer, "code_expires_at")
            );
        }
        Action::Verify { person, channel, code, service } => {
            let path = format!("/v1/people/{}/contacts/{}/verify", escaped(person), escaped(channel));
            let answer = service.ask(Method::POST, &path, Some(&json!({ "code": code })))?;
            anstream::println!("{} of {person} is verified", text(&answer, "channel"));
        }
    }
    Ok(ExitCode::SUCCESS)
}
