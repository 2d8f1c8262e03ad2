//! `callout incident`: an incident of a running service, its record, and everything that people do to one.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{self, Output, Service, text};
use crate::domain::IncidentId;

/// What to do.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
    /// How to print.
    #[arg(long, value_enum, default_value_t, global = true)]
    pub output: Output,
    #[command(flatten)]
    pub service: Service,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Shows where it stands.
    Show { incident: IncidentId },
    /// Lists what happened, who did what, and who was told by what with which outcome.
    Timeline { incident: IncidentId },
    /// Adds a remark for the timeline.
    Note { incident: IncidentId, text: String },
    /// Says how it stands, to whoever was told of it.
    Update { incident: IncidentId, text: String },
    /// Lets it go on in another incident.
    Merge {
        incident: IncidentId,
        /// The incident that goes on.
        #[arg(long)]
        into: u64,
    },
    /// Gives a role in the response to a person; without a person nobody has it.
    Role { incident: IncidentId, role: String, person: Option<String> },
    /// Sets the priority; without one it is unset.
    Priority { incident: IncidentId, priority: Option<String> },
    /// Sets the severity (critical, error, warning), which calls in its roles; without one it is unset.
    Severity { incident: IncidentId, severity: Option<String> },
    /// Hands it to these people.
    Reassign {
        incident: IncidentId,
        #[arg(required = true)]
        people: Vec<String>,
    },
    /// Pages the next step at once.
    Escalate { incident: IncidentId },
    /// Says that nobody is on it after all.
    Unack { incident: IncidentId },
    /// Says that it is not over after all.
    Reopen { incident: IncidentId },
}

/// Does it.
///
/// # Errors
/// When the service cannot be reached or refuses.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (incident, verb, body) = match &args.act {
        Act::Show { incident } => {
            let found = args.service.ask(Method::GET, &format!("/v1/incidents/{incident}"), None)?;
            return print(args, &found);
        }
        Act::Timeline { incident } => return timeline(args, *incident),
        Act::Note { incident, text } => (incident, "note", json!({ "text": text })),
        Act::Update { incident, text } => (incident, "update", json!({ "text": text })),
        Act::Merge { incident, into } => (incident, "merge", json!({ "into": into })),
        Act::Role { incident, role, person } => (incident, "role", json!({ "role": role, "person": person })),
        Act::Priority { incident, priority } => (incident, "priority", json!({ "priority": priority })),
        Act::Severity { incident, severity } => (incident, "severity", json!({ "severity": severity })),
        Act::Reassign { incident, people } => (incident, "reassign", json!({ "people": people })),
        Act::Escalate { incident } => (incident, "escalate", json!({})),
        Act::Unack { incident } => (incident, "unacknowledge", json!({})),
        Act::Reopen { incident } => (incident, "reopen", json!({})),
    };
    let path = format!("/v1/incidents/{incident}/{verb}");
    let changed = args.service.ask(Method::POST, &path, Some(&body))?;
    print(args, &changed)
}

fn print(args: &Args, incident: &Value) -> anyhow::Result<ExitCode> {
    if args.output == Output::Json {
        return client::print_json(incident);
    }
    let priority = incident.get("priority").and_then(Value::as_str).unwrap_or("no priority");
    let (id, status) = (&incident["id"], text(incident, "status"));
    anstream::println!("incident {id}: {priority}, {status}, team {}", text(incident, "team"));
    anstream::println!("  {}", text(incident, "headline"));
    if let Some(into) = incident.get("merged_into").and_then(Value::as_u64) {
        anstream::println!("  goes on in incident {into}");
    }
    for role in incident.get("roles").and_then(Value::as_array).into_iter().flatten() {
        anstream::println!("  {}: {}", text(role, "role"), text(role, "person"));
    }
    Ok(ExitCode::SUCCESS)
}

fn timeline(args: &Args, incident: IncidentId) -> anyhow::Result<ExitCode> {
    let told = args.service.ask(Method::GET, &format!("/v1/incidents/{incident}/timeline"), None)?;
    if args.output == Output::Json {
        return client::print_json(&told);
    }
    let entries = told.get("entries").and_then(Value::as_array).cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| {
            let who = if text(entry, "by").is_empty() { text(entry, "to") } else { text(entry, "by") };
            let column = |name| text(entry, name).to_owned();
            vec![column("at"), column("kind"), who.to_owned(), column("outcome"), column("text")]
        })
        .collect();
    client::print_table(&["AT", "KIND", "WHO", "OUTCOME", "WHAT"], &rows);
    Ok(ExitCode::SUCCESS)
}
