//! `callout silence add|list|expire`: quiet by matchers, made by a person, with a reason and an end.

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

/// The three things.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Makes a silence and prints its id.
    Add(Add),
    /// Lists silences.
    List(List),
    /// Ends a silence now.
    Expire(Expire),
}

/// A new silence.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// Matchers, all of which must hold: `service=data-api`, `endpoint=~"GET .*"`, `region!=eu`.
    #[arg(required = true, value_name = "MATCHER")]
    pub matchers: Vec<String>,
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
            let mut body = json!({ "matchers": add.matchers, "for": add.span, "comment": add.comment });
            if let Some(author) = &add.author {
                body["author"] = json!(author);
            }
            let silence = add.service.ask(Method::POST, "/v1/silences", Some(&body))?;
            anstream::println!("{}", text(&silence, "id"));
        }
        Command::List(list) => return show(list),
        Command::Expire(expire) => {
            expire.service.ask(Method::DELETE, &format!("/v1/silences/{}", escaped(&expire.id)), None)?;
            anstream::println!("silence {} has ended", expire.id);
        }
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
