//! `[people]` and `[groups]`: ways to reach a person, the preferred first.

use std::collections::BTreeMap;

use super::Compiler;
use crate::config::diagnostic::{Diagnostic, quotable};
use crate::config::keys;
use crate::config::tree::Entry;
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
        }
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
