//! `callout swap offer|accept|decline|list`: a shift that one person offers and another takes.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{self, Output, Service, escaped, text};

/// What to do with swap requests.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// The four things.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Offers a shift, or a part of one, and prints the request's number.
    Offer(Offer),
    /// Takes a shift.
    Accept(Answer),
    /// Says no; or takes one's own offer back.
    Decline(Answer),
    /// Lists shifts that are on offer.
    List(List),
}

/// A new request.
#[derive(Debug, clap::Args)]
pub struct Offer {
    /// The schedule.
    pub schedule: String,
    /// Whose shift it is.
    #[arg(long, value_name = "PERSON")]
    pub person: String,
    /// Begin: 2026-12-24T09:00 in the schedule's zone, or with an offset.
    #[arg(long, value_name = "TIME")]
    pub from: String,
    /// End, exclusive.
    #[arg(long, value_name = "TIME")]
    pub to: String,
    /// Who is asked; without it anybody of the team.
    #[arg(long, value_name = "PERSON")]
    pub ask: Option<String>,
    /// Begin of the shift that is wanted in return.
    #[arg(long, value_name = "TIME", requires = "return_to")]
    pub return_from: Option<String>,
    /// End of the shift that is wanted in return.
    #[arg(long, value_name = "TIME", requires = "return_from")]
    pub return_to: Option<String>,
    /// Only this role.
    #[arg(long)]
    pub role: Option<String>,
    /// Why.
    #[arg(long, default_value = "")]
    pub why: String,
    /// The offer ends then; 7 days from now unless said otherwise, and not after the shift.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    #[command(flatten)]
    pub service: Service,
}

/// Who answers which.
#[derive(Debug, clap::Args)]
pub struct Answer {
    /// The request's number, such as S3.
    pub id: String,
    /// Who answers.
    #[arg(long, value_name = "PERSON")]
    pub person: String,
    #[command(flatten)]
    pub service: Service,
}

/// Which to list.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Also those that are settled.
    #[arg(long)]
    pub all: bool,
    /// Only of this schedule.
    #[arg(long)]
    pub schedule: Option<String>,
    /// Only those that this person offers or may take.
    #[arg(long)]
    pub person: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub service: Service,
}

/// Does it.
///
/// # Errors
/// When the service cannot be reached or refuses.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Offer(offer) => {
            let mut body = json!({
                "schedule": offer.schedule, "person": offer.person, "from": offer.from, "to": offer.to, "why": offer.why,
            });
            for (name, value) in [("ask", &offer.ask), ("role", &offer.role), ("until", &offer.until)] {
                if let Some(value) = value {
                    body[name] = json!(value);
                }
            }
            if let (Some(from), Some(to)) = (&offer.return_from, &offer.return_to) {
                body["in_return"] = json!({ "from": from, "to": to });
            }
            let made = offer.service.ask(Method::POST, "/v1/swaps", Some(&body))?;
            anstream::println!("{}", text(&made, "id"));
        }
        Command::Accept(answer) => {
            answered(answer, "accept")?;
            anstream::println!("{} takes the shift of {}", answer.person, answer.id);
        }
        Command::Decline(answer) => {
            let swap = answered(answer, "decline")?;
            anstream::println!("{} is {}", answer.id, text(&swap, "state"));
        }
        Command::List(list) => return show(list),
    }
    Ok(ExitCode::SUCCESS)
}

fn answered(answer: &Answer, word: &str) -> anyhow::Result<Value> {
    let path = format!("/v1/swaps/{}/{word}", escaped(&answer.id));
    answer.service.ask(Method::POST, &path, Some(&json!({ "person": answer.person })))
}

fn show(list: &List) -> anyhow::Result<ExitCode> {
    let mut path = format!("/v1/swaps?state={}", if list.all { "all" } else { "offered" });
    for (name, value) in [("schedule", &list.schedule), ("person", &list.person)] {
        if let Some(value) = value {
            path = format!("{path}&{name}={}", escaped(value));
        }
    }
    let answer = list.service.ask(Method::GET, &path, None)?;
    if list.output == Output::Json {
        return client::print_json(&answer);
    }
    let rows: Vec<Vec<String>> = answer
        .get("swaps")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|row| {
            let or = |name, other: &str| match text(row, name) {
                "" => other.to_owned(),
                text => text.to_owned(),
            };
            let column = |name| or(name, "-");
            let returned = row.get("in_return").filter(|given| !given.is_null());
            let returned =
                returned.map_or_else(|| "-".to_owned(), |g| format!("{} to {}", text(g, "from"), text(g, "to")));
            vec![
                column("id"),
                column("state"),
                column("schedule"),
                column("role"),
                column("from"),
                column("to"),
                column("person"),
                or("ask", "anybody"),
                returned,
                column("settled_by"),
            ]
        })
        .collect();
    if rows.is_empty() {
        anstream::println!("no shifts are on offer");
    } else {
        let head = ["ID", "STATE", "SCHEDULE", "ROLE", "FROM", "TO", "OF", "ASKED", "IN RETURN", "SETTLED BY"];
        client::print_table(&head, &rows);
    }
    Ok(ExitCode::SUCCESS)
}
