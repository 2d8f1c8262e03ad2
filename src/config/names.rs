//! What is defined, gathered before anything is checked, so that every reference can be resolved and the nearest name offered.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZoneDatabase;

use super::diagnostic::{nearest, quotable};
use super::format::Problem;
use super::notifier::Addresses;
use super::shape::Noun;
use super::tree::{Node, Value};
use crate::domain::{ChannelKind, ChannelRef};

/// Names of everything that can be referred to.
#[derive(Debug)]
pub struct Defined {
    names: BTreeMap<Noun, BTreeSet<String>>,
    channels: BTreeMap<ChannelRef, ChannelTraits>,
    roles: BTreeMap<String, Vec<String>>,
    managed: BTreeSet<String>,
    zones: TimeZoneDatabase,
    /// Texts of files with syntax errors: what is mentioned in them may be defined in them.
    broken: Vec<String>,
}

/// What a reference must know of a channel.
#[derive(Debug, Clone)]
pub struct ChannelTraits {
    /// A Slack incoming webhook, which has one room.
    pub one_room: bool,
    /// How messages within a notifier are addressed.
    pub addresses: Addresses,
    /// What such an address looks like.
    pub like: Option<regex::Regex>,
}

/// What a channel over HTTP says itself, or the description that it uses.
fn said<'a>(root: &'a Node, channel: &'a Node, key: &str) -> Option<&'a str> {
    let used = channel.get("use").and_then(Node::text).and_then(|name| root.get("notifiers")?.get(name));
    channel.get(key).or_else(|| used?.get(key)).and_then(Node::text)
}

impl Defined {
    /// Gathers the names in the merged tree.
    pub fn gather(root: &Node, broken: Vec<String>) -> Self {
        let mut names: BTreeMap<Noun, BTreeSet<String>> = BTreeMap::new();
        for noun in [
            Noun::Priority,
            Noun::Environment,
            Noun::Person,
            Noun::Team,
            Noun::Service,
            Noun::Schedule,
            Noun::Escalation,
            Noun::Holidays,
            Noun::Group,
            Noun::Burn,
            Noun::BudgetPolicy,
            Noun::Notifier,
        ] {
            let keys = root.get(noun.table()).map(Node::entries).unwrap_or_default();
            names.insert(noun, keys.iter().map(|e| e.key.clone()).collect());
        }
        let environments = root.get("environments").map(Node::entries).unwrap_or_default();
        let regions = environments.iter().filter_map(|e| e.node.get("region")?.text().map(str::to_owned));
        names.insert(Noun::Region, regions.collect());

        let mut channels = BTreeMap::new();
        for kind in ChannelKind::ALL {
            let of_kind = root.get("channels").and_then(|c| c.get(kind.as_str())).map(Node::entries);
            for entry in of_kind.unwrap_or_default() {
                let one_room = entry.node.entries().iter().any(|e| e.key.starts_with("webhook_url"));
                let name = entry.key.as_str().into();
                let says = |key| said(root, &entry.node, key);
                let addresses = says("address").map_or(Addresses::None, Addresses::read);
                let like = says("address_like").and_then(|pattern| super::format::whole(pattern).ok());
                channels.insert(ChannelRef { kind, name }, ChannelTraits { one_room, addresses, like });
            }
        }
        let schedules = root.get("schedules").map(Node::entries).unwrap_or_default();
        let roles = schedules.iter().map(|e| {
            let roles = match e.node.get("roles").map(|n| &n.value) {
                Some(Value::List(list)) => list.iter().filter_map(|n| n.text().map(str::to_owned)).collect(),
                _ => Vec::new(),
            };
            (e.key.clone(), roles)
        });
        let teams = root.get("teams").map(Node::entries).unwrap_or_default();
        Self {
            names,
            channels,
            roles: roles.collect(),
            managed: teams.iter().filter(|e| e.node.get("manager").is_some()).map(|e| e.key.clone()).collect(),
            zones: TimeZoneDatabase::bundled(),
            broken,
        }
    }

    /// The names of a kind, sorted.
    pub fn of(&self, noun: Noun) -> impl Iterator<Item = &str> {
        self.names.get(&noun).into_iter().flatten().map(String::as_str)
    }

    /// The configured channels.
    pub fn channels(&self) -> &BTreeMap<ChannelRef, ChannelTraits> {
        &self.channels
    }

    /// Roles of a schedule, in order.
    pub fn roles(&self, schedule: &str) -> &[String] {
        self.roles.get(schedule).map_or(&[], Vec::as_slice)
    }

    /// Whether a team names a manager.
    pub fn has_manager(&self, team: &str) -> bool {
        self.managed.contains(team) || self.may_be_in_broken_file(team)
    }

    /// The bundled zone called `name`, with its canonical name.
    pub fn zone(&self, name: &str) -> Option<jiff::tz::TimeZone> {
        self.zones.get(name).ok()
    }

    /// Names of zones, for hints.
    pub fn nearest_zone(&self, wanted: &str) -> Option<String> {
        let known: Vec<String> = self.zones.available().map(|n| n.to_string()).collect();
        let last = |name: &str| name.rsplit('/').next().unwrap_or("").to_lowercase();
        nearest(wanted, known.iter().map(String::as_str))
            .or_else(|| known.iter().map(String::as_str).find(|k| last(k) == last(wanted)))
            .map(str::to_owned)
    }

    /// Whether a file that could not be read in full mentions `name`, so that nothing is to be said about it.
    pub fn may_be_in_broken_file(&self, name: &str) -> bool {
        self.broken.iter().any(|text| text.contains(name))
    }

    /// Resolves a reference.
    pub fn resolve(&self, noun: Noun, name: &str) -> Result<(), Problem> {
        if self.names.get(&noun).is_some_and(|names| names.contains(name)) || self.may_be_in_broken_file(name) {
            return Ok(());
        }
        let what = noun.as_str();
        let problem = match noun {
            Noun::Holidays => Problem::new("unknown-name", format!("there are no holidays `{}`", quotable(name))),
            _ => Problem::new("unknown-name", format!("there is no {what} `{}`", quotable(name))),
        };
        if let Some(near) = nearest(name, self.of(noun)) {
            return Err(problem.hint(format!("did you mean `{near}`?")));
        }
        let elsewhere = self.names.iter().find(|(other, names)| **other != noun && names.contains(name));
        let problem = match elsewhere {
            Some((other, _)) => problem.note(format!("`{}` is a {}", quotable(name), other.as_str())),
            None => problem,
        };
        let known: Vec<&str> = self.of(noun).collect();
        Err(match (known.is_empty(), noun) {
            (_, Noun::Region) if known.is_empty() => {
                problem.hint("say which region an environment is in: `prod-eu = { region = \"eu\" }`")
            }
            (true, _) => problem.hint(format!("define it under `[{}]`", noun.table())),
            (false, _) => {
                let label = if known.len() == 1 { "the only one is" } else { "there are" };
                problem.hint(format!("{label} {}", super::diagnostic::listed(&known, 8)))
            }
        })
    }
}
