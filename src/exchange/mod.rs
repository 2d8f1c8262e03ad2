//! Service levels as other tools write them: OpenSLO documents and Sloth specs in, OpenSLO documents out.
//!
//! What is read becomes TOML for a file below `teams/`, with a report of what means the same, what was changed and what was left out.
//! Nothing is left out in silence. Absent on purpose: files and the command line.

pub mod export;
pub mod openslo;
mod promql;
mod report;
pub mod sloth;
#[cfg(test)]
mod tests;
mod write;
mod yaml;

pub use report::{Kept, Line, Report};
pub use yaml::{DOCUMENTS_MAX, YAML_BYTES_MAX};

use crate::domain::Name;

/// What came of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// A file of configuration.
    pub toml: String,
    /// What became of each thing that was read.
    pub report: Report,
}

/// Why nothing could be made of a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// Everything that was understood, before it is written as TOML.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Catalogue {
    services: Vec<Service>,
    packs: Vec<Pack>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Service {
    name: Name,
    team: Option<Name>,
    levels: Vec<Level>,
}

/// An SLO.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Level {
    name: String,
    sli: String,
    endpoint: Option<String>,
    /// As a percentage with sign.
    objective: String,
    period: String,
    threshold: Option<String>,
    /// Further keys, as TOML has them.
    more: Vec<String>,
    burn: Option<String>,
    rule: Option<Rule>,
}

/// A rule for metrics that feeds an SLO.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Good { total: String, good: String },
    Bad { total: String, bad: String },
    Histogram { histogram: String, threshold: String },
}

/// A pack of burn-rate rules.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pack {
    name: String,
    about: String,
    pairs: Vec<Pair>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Pair {
    name: String,
    factor: String,
    at_least: bool,
    long: String,
    short: Option<String>,
    ticket: bool,
    /// The condition must hold for so long.
    hold: Option<String>,
    /// It goes on until the condition did not hold for so long.
    keep: Option<String>,
}

impl Catalogue {
    fn service(&mut self, name: &str) -> &mut Service {
        let at = self.services.iter().position(|s| s.name == name).unwrap_or_else(|| {
            self.services.push(Service { name: name.into(), ..Service::default() });
            self.services.len() - 1
        });
        &mut self.services[at]
    }

    /// The name of a pack with these pairs: a known one, or `wanted`, which is made.
    fn pack(&mut self, wanted: &str, about: &str, pairs: Vec<Pair>) -> String {
        if pairs == sloth::workbook() {
            return "workbook".to_owned();
        }
        if let Some(known) = self.packs.iter().find(|p| p.pairs == pairs) {
            return known.name.clone();
        }
        let name = free(&strict(wanted), |name| self.packs.iter().any(|p| p.name == name));
        self.packs.push(Pack { name: name.clone(), about: about.to_owned(), pairs });
        name
    }
}

/// A name that may be a key within references: letters, digits, `.`, `_` and `-`.
fn strict(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
            out.push(c);
        } else if !out.ends_with('-') {
            out.push('-');
        }
    }
    let out = out.trim_matches(['-', '.']).to_owned();
    if out.is_empty() { "unnamed".to_owned() } else { out }
}

/// The SLI of a service that nobody else has: what is counted for two SLOs of one service, endpoint and SLI would be added up.
fn own_sli(service: &Service, wanted: &str, endpoint: Option<&str>, fallback: &str) -> String {
    let taken = |sli: &str| service.levels.iter().any(|l| l.sli == sli && l.endpoint.as_deref() == endpoint);
    if taken(wanted) { free(fallback, taken) } else { wanted.to_owned() }
}

/// `wanted`, or the first of `wanted-2`, `wanted-3` … that is not taken.
fn free(wanted: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut name = wanted.to_owned();
    let mut number = 1_u32;
    while taken(&name) {
        number += 1;
        name = format!("{wanted}-{number}");
    }
    name
}

/// A share from 0 to 1 as a percentage with sign, digit by digit: `0.9995` is `99.95%`.
fn percent_of_share(number: &str) -> Option<String> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || !whole.chars().chain(fraction.chars()).all(|c| c.is_ascii_digit()) {
        return None;
    }
    let fraction = format!("{fraction:0<2}");
    let (more, rest) = fraction.split_at(2);
    let whole = format!("{whole}{more}");
    let whole = whole.trim_start_matches('0');
    let rest = rest.trim_end_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(if rest.is_empty() { format!("{whole}%") } else { format!("{whole}.{rest}%") })
}
