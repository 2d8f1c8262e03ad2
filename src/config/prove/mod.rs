//! What can be proven of a configuration before it is used: rules that can't fire, routes that are never reached, people who can't
//! be, holes in schedules. Each finding is about several values at once; what is wrong with one alone was found by `check`.
//!
//! Errors are what is surely wrong (a rule that can never fire, a person on call without any contact); the rest are warnings, for
//! it may be meant so, and notes.

mod alerts;
mod metrics;
mod nights;
mod ownership;
mod people;
mod routes;
mod schedules;
mod tokens;

use std::collections::BTreeMap;

use super::diagnostic::Findings;
use super::settings::TokenSettings;
use super::source::Place;
use super::tree::{Node, Value};
use crate::domain::{Name, Timestamp};
use crate::engine::Policy;

/// What is looked at.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Everything without mistakes, compiled.
    pub policy: &'a Policy,
    /// The tree, for places.
    pub root: &'a Node,
    /// Whether all is there: no errors so far. Otherwise nothing is said about what is missing or unused.
    pub whole: bool,
    /// From here on schedules and tokens are looked at.
    pub now: Timestamp,
    /// API tokens.
    pub tokens: &'a BTreeMap<Name, TokenSettings>,
}

/// Looks for what would go wrong later.
pub fn prove(subject: &Subject<'_>, findings: &mut Findings) {
    alerts::prove(subject, findings);
    routes::prove(subject, findings);
    people::prove(subject, findings);
    nights::prove(subject, findings);
    schedules::prove(subject, findings);
    tokens::prove(subject, findings);
    if subject.whole {
        metrics::prove(subject, findings);
        ownership::prove(subject, findings);
    }
}

impl Subject<'_> {
    /// Where the name of a thing stands, for example `["teams", "checkout"]`.
    fn name_place(&self, table: &str, name: &str) -> Option<Place> {
        let entry = self.root.get(table)?.entries().iter().find(|e| e.key == name)?;
        Some(entry.key_place)
    }

    /// The value of a key of a thing.
    fn value(&self, table: &str, name: &str, key: &str) -> Option<&Node> {
        self.root.get(table)?.get(name)?.get(key)
    }

    /// Where the value of a key stands, or the name of the thing without it.
    fn place(&self, table: &str, name: &str, key: &str) -> Option<Place> {
        self.value(table, name, key).map(|n| n.place).or_else(|| self.name_place(table, name))
    }
}

/// The items of a list.
fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|n| &n.value) {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}
