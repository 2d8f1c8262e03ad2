//! `callout who`: who is on call, straight from the configuration or from a running service.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{self, Output, Service, escaped, text};
use crate::config;
use crate::domain::{Name, Span, Timestamp};
use crate::engine::Policy;
use crate::engine::stand_in::Rota;
use crate::projection;
use crate::runtime::Clock;

/// Whom to look for.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only the schedules that this team's escalation policy asks.
    #[arg(long, conflicts_with = "schedule")]
    pub team: Option<String>,
    /// Only this schedule.
    #[arg(long)]
    pub schedule: Option<String>,
    /// Only this role.
    #[arg(long)]
    pub role: Option<String>,
    /// At this time (RFC 3339, for example 2026-12-24T09:00:00Z) instead of now.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// All shifts for so long from then on, for example 14d.
    #[arg(long = "for", value_name = "SPAN")]
    pub span: Option<String>,
    /// Folder of the configuration; without it a running service is asked.
    #[arg(long, value_name = "DIR")]
    pub config: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub service: Service,
}

/// Prints who is on call. Exit code 1 when nobody is, anywhere that was asked for.
///
/// # Errors
/// When the configuration has mistakes, the service cannot be reached, or a name is unknown.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let at = match &args.at {
        Some(at) => Timestamp::parse(at)?,
        None => Clock::system().now(),
    };
    let span = args.span.as_deref().map(Span::parse).transpose()?;
    let answer = match &args.config {
        Some(folder) => from_files(folder, args, at, span)?,
        None => from_service(args, at, span)?,
    };
    let rows = answer.get(if span.is_some() { "shifts" } else { "on_call" }).and_then(Value::as_array);
    let rows = rows.map(Vec::as_slice).unwrap_or_default();
    let nobody = !rows.iter().any(has_somebody);
    match (args.output, span) {
        (Output::Json, _) => drop(client::print_json(&answer)?),
        (Output::Text, None) => print_now(rows),
        (Output::Text, Some(_)) => print_shifts(rows),
    }
    Ok(if nobody { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn from_files(folder: &std::path::Path, args: &Args, at: Timestamp, span: Option<Span>) -> anyhow::Result<Value> {
    let report = config::load(folder, at);
    let Some(loaded) = &report.loaded else {
        bail!("the configuration has mistakes; see `callout check {}`\n{}", folder.display(), report.summary());
    };
    let policy = &loaded.policy;
    let names = wanted(policy, args)?;
    let Some(span) = span else {
        let rows = projection::on_call(policy, &Rota::default(), &names, args.role.as_deref(), at);
        return Ok(json!({ "at": at.to_string(), "on_call": rows }));
    };
    let mut shifts = Vec::new();
    for name in &names {
        let Some(schedule) = policy.schedules.get(name) else { continue };
        for shift in schedule.shifts(at, at.plus(span)) {
            let roles: Vec<Value> = shift
                .on_call
                .by_role()
                .filter(|(role, _)| args.role.is_none() || role.map(Name::as_str) == args.role.as_deref())
                .map(|(role, users)| json!({ "role": role, "users": projection::people(policy, users) }))
                .collect();
            shifts.push(json!({
                "schedule": name, "start": shift.start.to_string(), "end": shift.end.to_string(), "roles": roles,
            }));
        }
    }
    Ok(json!({ "from": at.to_string(), "to": at.plus(span).to_string(), "shifts": shifts }))
}

fn wanted(policy: &Policy, args: &Args) -> anyhow::Result<Vec<Name>> {
    match (&args.team, &args.schedule) {
        (Some(team), _) => {
            let names = projection::schedules_of(policy, team).with_context(|| format!("there is no team `{team}`"))?;
            Ok(names.into_iter().cloned().collect())
        }
        (None, Some(name)) if policy.schedules.contains_key(name.as_str()) => Ok(vec![Name::from(name)]),
        (None, Some(name)) => bail!("there is no schedule `{name}`"),
        (None, None) => Ok(policy.schedules.keys().cloned().collect()),
    }
}

fn from_service(args: &Args, at: Timestamp, span: Option<Span>) -> anyhow::Result<Value> {
    let mut query = format!("at={}", escaped(&at.to_string()));
    for (name, value) in [("team", &args.team), ("schedule", &args.schedule), ("role", &args.role)] {
        if let Some(value) = value {
            query = format!("{query}&{name}={}", escaped(value));
        }
    }
    let now = args.service.ask(Method::GET, &format!("/v1/oncall?{query}"), None)?;
    let Some(span) = span else { return Ok(now) };
    let rows = now.get("on_call").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut names: Vec<&str> = rows.iter().map(|row| text(row, "schedule")).collect();
    names.dedup();
    let to = at.plus(span);
    let mut shifts = Vec::new();
    for name in names {
        let (from, to) = (escaped(&at.to_string()), escaped(&to.to_string()));
        let path = format!("/v1/schedules/{}/shifts?from={from}&to={to}", escaped(name));
        let answer = args.service.ask(Method::GET, &path, None)?;
        for mut shift in answer.get("shifts").and_then(Value::as_array).cloned().unwrap_or_default() {
            if let Some(roles) = shift.get_mut("roles").and_then(Value::as_array_mut) {
                roles.retain(|role| args.role.as_deref().is_none_or(|wanted| text(role, "role") == wanted));
            }
            shift["schedule"] = json!(name);
            shifts.push(shift);
        }
    }
    Ok(json!({ "from": at.to_string(), "to": to.to_string(), "shifts": shifts }))
}

fn has_somebody(row: &Value) -> bool {
    let some = |value: &Value| value.get("users").and_then(Value::as_array).is_some_and(|users| !users.is_empty());
    some(row) || row.get("roles").and_then(Value::as_array).is_some_and(|roles| roles.iter().any(some))
}

fn users(row: &Value) -> String {
    let users = row.get("users").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if users.is_empty() {
        return "nobody".to_owned();
    }
    let name = |user: &Value| match (text(user, "id"), text(user, "name")) {
        (id, name) if id == name || name.is_empty() => id.to_owned(),
        (id, name) => format!("{name} ({id})"),
    };
    users.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

fn print_now(rows: &[Value]) {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let absent = row.get("absent").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let absent: Vec<&str> = absent.iter().filter_map(Value::as_str).collect();
            let away = if absent.is_empty() { String::new() } else { format!(" (away: {})", absent.join(", ")) };
            let swapped = row.get("overridden").and_then(Value::as_bool).unwrap_or_default();
            vec![
                text(row, "schedule").to_owned(),
                or_dash(text(row, "role")),
                format!("{}{away}", users(row)),
                or_dash(text(row, "until")),
                if swapped { "override".to_owned() } else { or_dash(text(row, "layer")) },
            ]
        })
        .collect();
    client::print_table(&["SCHEDULE", "ROLE", "ON CALL", "UNTIL", "BY"], &cells);
}

fn print_shifts(rows: &[Value]) {
    let mut cells = Vec::new();
    for row in rows {
        for role in row.get("roles").and_then(Value::as_array).into_iter().flatten() {
            cells.push(vec![
                text(row, "schedule").to_owned(),
                text(row, "start").to_owned(),
                text(row, "end").to_owned(),
                or_dash(text(role, "role")),
                users(role),
            ]);
        }
    }
    client::print_table(&["SCHEDULE", "FROM", "TO", "ROLE", "ON CALL"], &cells);
}
