//! `callout load`: how heavy it is to be on call, week by week.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::Value;

use super::client::{self, Output, Service, escaped, text};

/// Whose load.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this team.
    #[arg(long)]
    pub team: Option<String>,
    /// The last weeks, this one included.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=13))]
    pub weeks: u32,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub service: Service,
}

/// Prints pages by week and at night, added up for each team.
///
/// # Errors
/// When the service cannot be reached, or knows no such team.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut path = format!("/v1/indicators/load?weeks={}", args.weeks);
    if let Some(team) = &args.team {
        path = format!("{path}&team={}", escaped(team));
    }
    let answer = args.service.ask(Method::GET, &path, None)?;
    if args.output == Output::Json {
        return client::print_json(&answer);
    }
    let number = |row: &Value, key: &str| row.get(key).and_then(Value::as_u64).unwrap_or_default().to_string();
    let rows = answer.get("load").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let mut cells = vec![text(row, "team").to_owned(), text(row, "week").to_owned()];
            cells.extend(["people", "pages", "at_night", "disturbed_nights"].map(|key| number(row, key)));
            cells.extend(["pages_per_person", "at_night_per_person"].map(|key| text(row, key).to_owned()));
            cells
        })
        .collect();
    let head = ["TEAM", "WEEK", "PEOPLE", "PAGES", "AT NIGHT", "NIGHTS", "PAGES EACH", "AT NIGHT EACH"];
    client::print_table(&head, &cells);
    Ok(ExitCode::SUCCESS)
}
