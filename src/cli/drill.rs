//! `callout drill`: tries the way to a team through a running service, and says of each hop whether it passed.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::client::{self, Output, Service, text};
use crate::domain::Span;

/// The report is asked for this often.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// Which way to try.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The team, and with a region the way of that region: `checkout`, `checkout/eu`. Several ways are tried together.
    #[arg(long = "route", value_name = "TEAM[/REGION]", required = true)]
    pub routes: Vec<String>,
    /// As if it were about this service.
    #[arg(long = "for-service", value_name = "SERVICE")]
    pub for_service: Option<String>,
    /// As if it were in this environment.
    #[arg(long)]
    pub environment: Option<String>,
    /// As if it had this priority.
    #[arg(long)]
    pub priority: Option<String>,
    /// How long to wait for messages to arrive.
    #[arg(long, value_name = "SPAN", default_value = "60s", value_parser = Span::parse)]
    pub wait: Span,
    /// Somebody must acknowledge it, too.
    #[arg(long)]
    pub acknowledged: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub service: Service,
}

/// Begins the drills, waits, prints the reports. Exit code 0 when all passed, 1 when one failed or was not done in time.
///
/// # Errors
/// When the service cannot be reached or refuses.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut drills = Vec::new();
    for route in &args.routes {
        let answer = args.service.ask(Method::POST, "/v1/drill", Some(&body(args, route)))?;
        let path = text(&answer, "report").to_owned();
        if path.is_empty() {
            bail!("the service did not say where the report is");
        }
        drills.push((route, path));
    }
    let mut left = args.wait.to_std().as_millis() / ASK_EVERY.as_millis();
    let reports = loop {
        let reports: Vec<Value> =
            drills.iter().map(|(_, path)| args.service.ask(Method::GET, path, None)).collect::<Result<_, _>>()?;
        if left == 0 || reports.iter().all(|report| is_done(args, report)) {
            break reports;
        }
        left -= 1;
        std::thread::sleep(ASK_EVERY);
    };
    let passed = reports.iter().all(|report| has_passed(args, report));
    match args.output {
        Output::Json => {
            let drills: Vec<Value> = drills
                .iter()
                .zip(&reports)
                .map(|((route, _), report)| json!({ "route": route, "passed": has_passed(args, report), "report": report }))
                .collect();
            client::print_json(&json!({ "passed": passed, "drills": drills }))?;
        }
        Output::Text => {
            for ((route, _), report) in drills.iter().zip(&reports) {
                print(args, route, report);
            }
        }
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn body(args: &Args, route: &str) -> Value {
    let mut body = Map::from_iter([("route".to_owned(), json!(route))]);
    let named = [("service", &args.for_service), ("environment", &args.environment), ("priority", &args.priority)];
    for (name, value) in named {
        if let Some(value) = value {
            body.insert(name.to_owned(), json!(value));
        }
    }
    Value::Object(body)
}

fn hops(report: &Value) -> &[Value] {
    report.get("hops").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn is_acknowledged(report: &Value) -> bool {
    hops(report).iter().any(|hop| text(hop, "hop") == "acknowledged" && text(hop, "verdict") == "passed")
}

fn has_passed(args: &Args, report: &Value) -> bool {
    text(report, "verdict") == "passed" && (!args.acknowledged || is_acknowledged(report))
}

fn is_done(args: &Args, report: &Value) -> bool {
    match text(report, "verdict") {
        "failed" => true,
        "passed" => !args.acknowledged || is_acknowledged(report),
        _ => false,
    }
}

fn print(args: &Args, route: &str, report: &Value) {
    let verdict = match text(report, "verdict") {
        "waiting" => "not done in time",
        "passed" if !has_passed(args, report) => "not acknowledged in time",
        verdict => verdict,
    };
    anstream::println!("drill of {route}: {verdict}");
    let rows: Vec<Vec<String>> = hops(report)
        .iter()
        .map(|hop| {
            let to = text(hop, "to");
            let detail =
                if to.is_empty() { text(hop, "detail").to_owned() } else { format!("{to}: {}", text(hop, "detail")) };
            vec![format!("  {}", text(hop, "hop")), text(hop, "verdict").to_owned(), text(hop, "at").to_owned(), detail]
        })
        .collect();
    client::print_table(&["  HOP", "", "AT", "WHAT"], &rows);
}
