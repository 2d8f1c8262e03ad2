//! `callout override add|list|remove`: who is on call instead, for a while.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{self, Output, Service, escaped, text};

/// What to do with overrides.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// The three things.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Makes an override and prints its number.
    Add(Box<Add>),
    /// Lists the overrides of a schedule, those of the configuration first.
    List(List),
    /// Ends an override now, or takes it back before it begins.
    Remove(Remove),
}

/// A new override: `--for ana --who bo`, `--who bo`, `--add bo`, `--remove ana`, or `--swap ana,bo`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
pub struct Add {
    /// The schedule.
    pub schedule: String,
    /// Begin: 2026-12-24T09:00 in the schedule's zone, or with an offset.
    #[arg(long, value_name = "TIME")]
    pub from: String,
    /// End, exclusive.
    #[arg(long, value_name = "TIME")]
    pub to: String,
    /// Who steps out; `--who` steps in for them while they are on call.
    #[arg(long = "for", value_name = "PERSON", requires = "who")]
    pub steps_out: Option<String>,
    /// Who steps in; without `--for`, for whoever is there.
    #[arg(long, value_name = "PERSON", value_delimiter = ',', group = "what")]
    pub who: Vec<String>,
    /// Who is on call too.
    #[arg(long = "add", value_name = "PERSON", value_delimiter = ',', group = "what", conflicts_with = "who")]
    pub too: Vec<String>,
    /// Who is not on call; may leave a hole.
    #[arg(long, value_name = "PERSON", group = "what", conflicts_with_all = ["who", "too"])]
    pub remove: Option<String>,
    /// Two people who exchange places.
    #[arg(long, value_name = "PERSON,PERSON", value_delimiter = ',', num_args = 1..=2, group = "what", conflicts_with_all = ["who", "too", "remove"])]
    pub swap: Vec<String>,
    /// Only this role.
    #[arg(long)]
    pub role: Option<String>,
    /// Why, for whoever looks at it later.
    #[arg(long, default_value = "")]
    pub why: String,
    /// The person who does it; the token's name unless said otherwise.
    #[arg(long = "as", value_name = "PERSON")]
    pub person: Option<String>,
    #[command(flatten)]
    pub service: Service,
}

/// Which to list.
#[derive(Debug, clap::Args)]
pub struct List {
    /// The schedule.
    pub schedule: String,
    /// Also those that are over.
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
pub struct Remove {
    /// The schedule.
    pub schedule: String,
    /// Its number, such as O12.
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
            let mut body = json!({ "from": add.from, "to": add.to, "why": add.why });
            let many = |names: &[String]| if let [one] = names { json!(one) } else { json!(names) };
            let parts = [
                ("for", add.steps_out.as_ref().map(|name| json!(name))),
                ("who", (!add.who.is_empty()).then(|| many(&add.who))),
                ("add", (!add.too.is_empty()).then(|| many(&add.too))),
                ("remove", add.remove.as_ref().map(|name| json!(name))),
                ("swap", (!add.swap.is_empty()).then(|| json!(add.swap))),
                ("role", add.role.as_ref().map(|role| json!(role))),
                ("as", add.person.as_ref().map(|person| json!(person))),
            ];
            for (name, value) in parts {
                if let Some(value) = value {
                    body[name] = value;
                }
            }
            let made = add.service.ask(Method::POST, &path(&add.schedule), Some(&body))?;
            anstream::println!("{}", text(&made, "id"));
            for note in made.get("notes").and_then(Value::as_array).into_iter().flatten() {
                anstream::eprintln!("note: {}", note.as_str().unwrap_or_default());
            }
        }
        Command::List(list) => return show(list),
        Command::Remove(remove) => {
            let path = format!("{}/{}", path(&remove.schedule), escaped(&remove.id));
            remove.service.ask(Method::DELETE, &path, None)?;
            anstream::println!("override {} has ended", remove.id);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn path(schedule: &str) -> String {
    format!("/v1/schedules/{}/overrides", escaped(schedule))
}

fn show(list: &List) -> anyhow::Result<ExitCode> {
    let query = if list.all { "?state=all" } else { "" };
    let answer = list.service.ask(Method::GET, &format!("{}{query}", path(&list.schedule)), None)?;
    if list.output == Output::Json {
        return client::print_json(&answer);
    }
    let rows: Vec<Vec<String>> = answer
        .get("overrides")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|row| {
            let dash = |name| match text(row, name) {
                "" => "-".to_owned(),
                text => text.to_owned(),
            };
            let by = if text(row, "source") == "configuration" { "configuration".to_owned() } else { dash("by") };
            ["id", "state", "from", "to", "role", "what"].into_iter().map(dash).chain([by, dash("why")]).collect()
        })
        .collect();
    if rows.is_empty() {
        anstream::println!("no overrides");
    } else {
        client::print_table(&["ID", "STATE", "FROM", "TO", "ROLE", "WHAT", "BY", "WHY"], &rows);
    }
    Ok(ExitCode::SUCCESS)
}
