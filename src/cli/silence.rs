//! `callout silence add|preview|list|expire`: quiet by matchers, made by a person, with a reason and an end.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{self, Output, Service, escaped, text};

/// What to do with silences.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// The four things.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Makes a silence and prints its id.
    Add(Add),
    /// Says what such a silence would have kept quiet within the last 7 days, and makes none.
    Preview(Preview),
    /// Lists silences.
    List(List),
    /// Ends a silence now.
    Expire(Expire),
}

/// A new silence.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// Matchers, all of which must hold: `service=data-api`, `endpoint=~"GET .*"`, `region!=eu`.
    #[arg(required_unless_present = "incident", value_name = "MATCHER")]
    pub matchers: Vec<String>,
    /// The incident it belongs to: it ends when that is resolved. Without matchers it is about the same thing.
    #[arg(long, value_name = "NUMBER")]
    pub incident: Option<u64>,
    /// For how long, for example 2h.
    #[arg(long = "for", value_name = "SPAN", default_value = "1h")]
    pub span: String,
    /// Why.
    #[arg(long)]
    pub comment: String,
    /// Who; the token's name unless said otherwise.
    #[arg(long)]
    pub author: Option<String>,
    #[command(flatten)]
    pub service: Service,
}

/// What would have been quiet.
#[derive(Debug, clap::Args)]
pub struct Preview {
    /// Matchers, all of which must hold.
    #[arg(required_unless_present = "incident", conflicts_with = "incident", value_name = "MATCHER")]
    pub matchers: Vec<String>,
    /// The same thing as this incident is about.
    #[arg(long, value_name = "NUMBER")]
    pub incident: Option<u64>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub service: Service,
}

/// Which to list.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Also those that ended.
    #[arg(long)]
    pub all: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub service: Service,
}

/// Which to end.
#[derive(Debug, clap::Args)]
pub struct Expire {
    /// Its id.
    pub id: String,
    #[command(flatten)]
    pub service: Service,
}

/// Does it.
///
/// # Errors
/// When the service cannot be reached or refuses.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Add(add) => {
            let mut body = json!({ "for": add.span, "comment": add.comment });
            if !add.matchers.is_empty() {
                body["matchers"] = json!(add.matchers);
            }
            if let Some(incident) = add.incident {
                body["incident"] = json!(incident);
            }
            if let Some(author) = &add.author {
                body["author"] = json!(author);
            }
            let silence = add.service.ask(Method::POST, "/v1/silences", Some(&body))?;
            anstream::println!("{}", text(&silence, "id"));
        }
        Command::Preview(preview) => return foresee(preview),
        Command::List(list) => return show(list),
        Command::Expire(expire) => {
            expire.service.ask(Method::DELETE, &format!("/v1/silences/{}", escaped(&expire.id)), None)?;
            anstream::println!("silence {} has ended", expire.id);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn foresee(preview: &Preview) -> anyhow::Result<ExitCode> {
    let body = match preview.incident {
        Some(incident) => json!({ "incident": incident }),
        None => json!({ "matchers": preview.matchers }),
    };
    let answer = preview.service.ask(Method::POST, "/v1/silences/preview", Some(&body))?;
    if preview.output == Output::Json {
        return client::print_json(&answer);
    }
    let number = |row: &Value, name: &str| row.get(name).map(Value::to_string).unwrap_or_default();
    let counted = |name: &str| number(&answer, name);
    anstream::println!(
        "from {} to {}: {} events of {} sources, {} incidents, {} pages would have been quiet",
        text(&answer, "from"),
        text(&answer, "to"),
        counted("events"),
        counted("sources"),
        counted("incidents"),
        counted("pages")
    );
    let incidents = answer.get("by_incident").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if !incidents.is_empty() {
        let row = |row: &Value| {
            let numbers = ["incident", "events", "pages"].map(|name| number(row, name));
            numbers.into_iter().chain(["opened_at", "about"].map(|name| text(row, name).to_owned())).collect()
        };
        let rows: Vec<Vec<String>> = incidents.iter().map(row).collect();
        client::print_table(&["INCIDENT", "EVENTS", "PAGES", "OPENED", "ABOUT"], &rows);
    }
    Ok(ExitCode::SUCCESS)
}

fn show(list: &List) -> anyhow::Result<ExitCode> {
    let answer = list.service.ask(Method::GET, "/v1/silences", None)?;
    if list.output == Output::Json {
        return client::print_json(&answer);
    }
    let silences = answer.get("silences").and_then(Value::as_array).cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = silences
        .iter()
        .filter(|silence| list.all || text(silence, "state") != "expired")
        .map(|silence| {
            let matchers = silence.get("matchers").and_then(Value::as_array).cloned().unwrap_or_default();
            let matchers: Vec<&str> = matchers.iter().filter_map(Value::as_str).collect();
            let column = |name| text(silence, name).to_owned();
            vec![
                column("id"),
                column("state"),
                column("ends_at"),
                column("author"),
                matchers.join(" "),
                column("comment"),
            ]
        })
        .collect();
    if rows.is_empty() {
        anstream::println!("no silences");
    } else {
        client::print_table(&["ID", "STATE", "ENDS", "AUTHOR", "MATCHERS", "COMMENT"], &rows);
    }
    Ok(ExitCode::SUCCESS)
}
