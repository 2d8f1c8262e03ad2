//! `callout calendar url|revoke`: private addresses of calendars to subscribe to.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Service, text};

/// What to do with calendars.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// The two things.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Prints the private address of a calendar, the same until it is revoked.
    Url(Which),
    /// Addresses that were given out are not good any more.
    Revoke(Which),
}

/// Whose calendar.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("whose").required(true))]
pub struct Which {
    /// The shifts of a person, in all schedules.
    #[arg(long, group = "whose")]
    pub person: Option<String>,
    /// The shifts of a schedule.
    #[arg(long, group = "whose")]
    pub schedule: Option<String>,
    /// The shifts of a team's schedules.
    #[arg(long, group = "whose")]
    pub team: Option<String>,
    #[command(flatten)]
    pub service: Service,
}

impl Which {
    fn body(&self) -> Value {
        let parts = [("person", &self.person), ("schedule", &self.schedule), ("team", &self.team)];
        parts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?)))).collect()
    }
}

/// Does it.
///
/// # Errors
/// When the service cannot be reached or refuses.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Url(which) => {
            let answer = which.service.ask(Method::POST, "/v1/calendars", Some(&which.body()))?;
            anstream::println!("{}", text(&answer, "url"));
        }
        Command::Revoke(which) => {
            which.service.ask(Method::POST, "/v1/calendars/revoke", Some(&which.body()))?;
            anstream::println!("revoked; `callout calendar url` gives a new address");
        }
    }
    Ok(ExitCode::SUCCESS)
}
