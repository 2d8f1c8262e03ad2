//! `[people]` and `[groups]`: ways to reach a person, the preferred first.

use std::collections::BTreeMap;

use super::Compiler;
use crate::config::diagnostic::{Diagnostic, quotable};
use crate::config::format;
use crate::config::keys;
use crate::config::notifier::Addresses;
use crate::config::tree::{Entry, Node};
use crate::config::view::{Placed, View};
use crate::domain::{ChannelKind, ChannelRef, Name};
use crate::engine::policy::{Contact, Person};

/// Kinds in which people have addresses, in the order in which they are tried where `contact` is not written.
const KINDS: [ChannelKind; 3] = [ChannelKind::Slack, ChannelKind::Teams, ChannelKind::Email];

impl Compiler<'_> {
    pub(super) fn people(&mut self) -> BTreeMap<Name, Person> {
        let entries: Vec<&Entry> = self.things("people").collect();
        entries.into_iter().map(|entry| (Name::from(entry.key.as_str()), self.person(entry))).collect()
    }

    fn person(&mut self, entry: &Entry) -> Person {
        let view = View::entry(entry, &keys::PERSON);
        let mut contacts: Vec<Contact> = Vec::new();
        if view.get("contact").is_some() {
            for wanted in view.texts("contact") {
                let Some(contact) = self.way(&entry.key, &view, wanted, "`contact`") else { continue };
                if contacts.contains(&contact) {
                    self.findings.push(Diagnostic::warning(
                        "repeated",
                        wanted.place,
                        "this way is listed already, it is tried once",
                    ));
                } else {
                    contacts.push(contact);
                }
            }
        } else {
            for kind in KINDS {
                if let (Some(address), Some(channel)) = (view.name(kind.as_str()), self.usual_channel(kind)) {
                    contacts.push(Contact { channel, address });
                }
            }
            contacts.extend(self.addressed(&view));
        }
        self.addresses(&view);
        let rules = self.personal(entry, &view, &contacts);
        Person {
            name: view.text("name").unwrap_or(&entry.key).to_owned(),
            contacts,
            timezone: self.zone_of(&view).map(|z| z.name),
            absences: ["absences_url", "absences_url_env", "absences_url_file", "absences_file"]
                .iter()
                .any(|key| view.get(key).is_some()),
            rules,
        }
    }

    /// A way as `contact` and `chain` write it, with the person's address. What is wrong with it is said here.
    pub(super) fn way(&mut self, person: &str, view: &View<'_>, wanted: Placed<'_>, list: &str) -> Option<Contact> {
        let (kind, name) = wanted.text.split_once(':').map_or((wanted.text, None), |(k, n)| (k, Some(n)));
        if kind == ChannelKind::Http.as_str() {
            return self.http_way(person, view, wanted, list);
        }
        let kind = KINDS.into_iter().find(|k| k.as_str() == kind)?;
        let Some(address) = view.name(kind.as_str()) else {
            let message = format!("`{}` has no address for {}", quotable(person), kind.title());
            self.findings.push(
                Diagnostic::error("no-address", wanted.place, message)
                    .hint(format!("add `{kind} = \"…\"`, or leave it out of {list}")),
            );
            return None;
        };
        let channel = match name {
            Some(name) => Some(ChannelRef { kind, name: name.into() }),
            None => self.usual_channel(kind),
        };
        let Some(channel) = channel else {
            let message = format!("there is no channel for {}", kind.title());
            self.findings.push(
                Diagnostic::error("unknown-channel", wanted.place, message)
                    .hint(format!("define one as `[channels.{kind}.main]`")),
            );
            return None;
        };
        Some(Contact { channel, address })
    }

    /// The same for a way over HTTP.
    fn http_way(&mut self, person: &str, view: &View<'_>, wanted: Placed<'_>, list: &str) -> Option<Contact> {
        let (_, name) = wanted.text.split_once(':')?;
        let found = self.addressed(view).into_iter().find(|contact| contact.channel.name == name);
        if found.is_some() {
            return found;
        }
        let hint = match self.http_addresses(name) {
            Addresses::Phone => format!("add `phone = \"+…\"`, or leave it out of {list}"),
            Addresses::Text => format!("add `addresses = {{ {name} = \"…\" }}`, or leave it out of {list}"),
            Addresses::None => "this channel has no addresses, so it cannot tell one person".to_owned(),
        };
        let text = format!("`{}` has no address for `{}`", quotable(person), quotable(wanted.text));
        self.findings.push(Diagnostic::error("no-address", wanted.place, text).hint(hint));
        None
    }

    /// The ways over HTTP for which a person has an address, by the names of the channels.
    fn addressed(&self, view: &View<'_>) -> Vec<Contact> {
        let own = view.get("addresses").map(Node::entries).unwrap_or_default();
        let channels = self.defined.channels().iter().filter(|(channel, _)| channel.kind == ChannelKind::Http);
        let address = |channel: &ChannelRef, addresses| {
            if addresses == Addresses::None {
                return None;
            }
            let written = own.iter().find(|entry| channel.name == entry.key.as_str());
            let phone = view.name("phone").filter(|_| addresses == Addresses::Phone);
            written.and_then(|entry| entry.node.text().map(Name::from)).or(phone)
        };
        channels
            .filter_map(|(channel, traits)| {
                Some(Contact { channel: channel.clone(), address: address(channel, traits.addresses)? })
            })
            .collect()
    }

    fn http_addresses(&self, name: &str) -> Addresses {
        let channel = ChannelRef { kind: ChannelKind::Http, name: name.into() };
        self.defined.channels().get(&channel).map_or(Addresses::None, |traits| traits.addresses)
    }

    /// Each of a person's addresses is for a channel that there is, and fits it.
    fn addresses(&mut self, view: &View<'_>) {
        for entry in view.get("addresses").map(Node::entries).unwrap_or_default() {
            let written = format!("http:{}/{}", entry.key, entry.node.text().unwrap_or_default());
            if let Err(problem) = format::destination(&written, self.defined) {
                let mut finding =
                    Diagnostic::error(problem.code, entry.node.place, problem.message).hints(problem.hints);
                finding.notes = problem.notes;
                self.findings.push(finding);
            }
        }
    }

    /// The channel that a kind alone stands for: the only one, `default`, `main`, or the first by name.
    fn usual_channel(&self, kind: ChannelKind) -> Option<ChannelRef> {
        let of_kind = || self.defined.channels().keys().filter(|c| c.kind == kind);
        let called = |name: &str| of_kind().find(|c| c.name == name);
        called("default").or_else(|| called("main")).or_else(|| of_kind().next()).cloned()
    }

    pub(super) fn groups(&self) -> BTreeMap<Name, Vec<Name>> {
        self.things("groups")
            .map(|e| (Name::from(e.key.as_str()), View::entry(e, &keys::GROUP).names("members")))
            .collect()
    }
}
