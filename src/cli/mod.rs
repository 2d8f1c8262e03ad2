//! The command line: one file per command, and the one match that lists them.
//!
//! Output goes to stdout, progress and logs to stderr. Exit codes: 0 done, 1 it failed or mistakes were found, 2 wrong usage.
//! To add a command, write `cli/<command>.rs` with `Args` and `run(&Args) -> anyhow::Result<ExitCode>`, and add its two lines below.

mod act;
mod audit;
mod calendar;
mod check;
mod client;
mod contact;
mod demo;
mod drill;
mod explain;
mod export;
mod files;
mod gate;
mod import;
mod incident;
mod load;
mod overrides;
mod postmortem;
mod quarantine;
mod schema;
mod send;
mod serve;
mod service;
mod shell;
mod silence;
mod swap;
mod token;
mod verify;
mod who;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// callout: SLO breaches in, the right person told, nothing lost.
#[derive(Debug, Parser)]
#[command(name = "callout", version, about, max_term_width = 110, propagate_version = true)]
#[command(after_help = "New here? `callout demo` shows all of it in a few seconds, without a configuration.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// All commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Shows all of it in a few seconds: the real service, stand-ins for Slack, Teams and mail, one breach.
    Demo(demo::Args),
    /// Reads a configuration and prints every mistake.
    Check(check::Args),
    /// Prints the JSON Schema of the configuration, for editors.
    Schema(schema::Args),
    /// Runs the service.
    Serve(serve::Args),
    /// Says whether a data directory is whole, what is safe if not, and repairs it.
    Verify(verify::Args),
    /// Prints the records of a journal as JSON lines; or service levels as OpenSLO documents.
    Export(export::Args),
    /// Says whether a service may be released; the exit code says it too.
    Gate(gate::Args),
    /// Makes TOML of service levels that other tools describe: OpenSLO, Sloth.
    Import(import::Args),
    /// Says who is on call, from the files or from a running service.
    Who(who::Args),
    /// Explains why somebody was paged, or what became of an event.
    Explain(explain::Args),
    /// Tries the way to a team: pages whoever is on call with a message marked as a drill, and says what became of it.
    Drill(drill::Args),
    /// Posts breaches to a running service.
    Send(send::Args),
    /// Acknowledges an incident.
    Ack(act::Args),
    /// Resolves an incident.
    Resolve(act::Args),
    /// Snoozes an incident.
    Snooze(act::SnoozeArgs),
    /// Shows an incident, its timeline, and does everything else that can be done to one.
    Incident(incident::Args),
    /// Prints the postmortem of an incident with what is known filled in, says what became of it, or lists those that are asked for.
    Postmortem(postmortem::Args),
    /// Makes, lists and ends silences.
    Silence(silence::Args),
    /// Changes who is on call for a while: stand-ins, exchanges, additions.
    Override(overrides::Args),
    /// Offers a shift to somebody else, takes one, or says no.
    Swap(swap::Args),
    /// Gives out and revokes private addresses of calendars that show who is on call.
    Calendar(calendar::Args),
    /// Lists who did what: acknowledgements, silences, reloads and all else that people and tokens did.
    Audit(audit::Args),
    /// Lists the ways of a person and verifies them by a code.
    Contact(contact::Args),
    /// Shows how heavy it is to be on call: pages by week and at night, added up for teams.
    Load(load::Args),
    /// Lists what a running service could not judge by a defect of its own.
    Quarantine(quarantine::Args),
    /// Makes API tokens.
    Token(token::Args),
    /// Prints a completion script for a shell.
    Completions(shell::CompletionsArgs),
    /// Prints the manual page.
    Man,
}

/// Reads the arguments, runs the command, prints what went wrong with its causes.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Command::Demo(args) => demo::run(args),
        Command::Check(args) => check::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Export(args) => export::run(args),
        Command::Gate(args) => gate::run(args),
        Command::Import(args) => import::run(args),
        Command::Who(args) => who::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Drill(args) => drill::run(args),
        Command::Send(args) => send::run(args),
        Command::Ack(args) => act::run(args, "acknowledge"),
        Command::Resolve(args) => act::run(args, "resolve"),
        Command::Snooze(args) => act::snooze(args),
        Command::Incident(args) => incident::run(args),
        Command::Postmortem(args) => postmortem::run(args),
        Command::Silence(args) => silence::run(args),
        Command::Override(args) => overrides::run(args),
        Command::Swap(args) => swap::run(args),
        Command::Calendar(args) => calendar::run(args),
        Command::Audit(args) => audit::run(args),
        Command::Contact(args) => contact::run(args),
        Command::Load(args) => load::run(args),
        Command::Quarantine(args) => quarantine::run(args),
        Command::Token(args) => token::run(args),
        Command::Completions(args) => shell::completions(args),
        Command::Man => shell::man(),
    };
    done.unwrap_or_else(|error| {
        report(&error);
        ExitCode::FAILURE
    })
}

/// Prints an error and its causes to stderr, one per line.
fn report(error: &anyhow::Error) {
    let mut out = format!("error: {error}\n");
    for cause in error.chain().skip(1) {
        out.push_str("  because: ");
        out.push_str(&cause.to_string());
        out.push('\n');
    }
    anstream::eprint!("{out}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn arguments_are_consistent() {
        super::Cli::command().debug_assert();
    }
}
