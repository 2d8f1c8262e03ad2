//! `quiet` and `rules` of a person: how they want to be paged.

use super::Compiler;
use crate::config::diagnostic::{Diagnostic, quotable};
use crate::config::format;
use crate::config::keys;
use crate::config::source::Place;
use crate::config::tree::{Entry, Node, Value};
use crate::config::view::{Placed, View};
use crate::domain::{Name, Span};
use crate::engine::limits::{BUNDLE_MAX, CHAIN_STEPS_MAX};
use crate::engine::personal::{ChainStep, Quiet, Rule, Rules, Unless};
use crate::engine::policy::Contact;
use crate::schedule::{LocalTime, WeekHours, Zone};

impl Compiler<'_> {
    /// The rules of a person.
    pub(super) fn personal(&mut self, entry: &Entry, view: &View<'_>, contacts: &[Contact]) -> Rules {
        let local = self.local_time(view);
        let mut rules = Rules { local: Some(local.clone()), ..Rules::default() };
        if let Some(node) = view.get("quiet") {
            rules.quiet = self.quiet(&View::item(node, &keys::QUIET), &local);
        }
        for item in view.items("rules") {
            let of_rule = View::item(item, &keys::PERSON_RULE);
            let chain = self.chain(&entry.key, view, &of_rule, contacts, &mut rules.more_ways);
            let bundle = of_rule.span("bundle");
            if bundle.is_some_and(|span| span > BUNDLE_MAX) {
                let text = format!("pages are gathered for at most {BUNDLE_MAX}");
                self.error("out-of-range", of_rule.place_of("bundle"), text);
            }
            if chain.is_empty() && bundle.is_none() && of_rule.get("chain").is_none() {
                self.findings.push(
                    Diagnostic::error("empty-rule", of_rule.place, "this rule says neither how nor when to page")
                        .hint("add `chain = [\"slack\", \"5m\", \"email\"]` or `bundle = \"15m\"`"),
                );
            }
            let hours = of_rule.get("hours").map(|_| hours(&of_rule, &local));
            let priorities = of_rule.names("priority");
            self.never_followed(&rules.rules, view.items("rules"), &priorities, hours.as_ref(), of_rule.place);
            rules.rules.push(Rule { priorities, hours, chain, bundle });
        }
        rules
    }

    /// The zone in which a person lives; the organisation's where none is written.
    fn local_time(&mut self, view: &View<'_>) -> LocalTime {
        let named = view.text("timezone").and_then(|name| Some((name, self.defined.zone(name)?)));
        let zone = match named {
            Some((name, tz)) => Zone { name: tz.iana_name().unwrap_or(name).into(), tz },
            None => self.zone.clone(),
        };
        self.local_times.entry(zone.name.clone()).or_insert_with(|| LocalTime::new(&zone)).clone()
    }

    fn quiet(&mut self, view: &View<'_>, local: &LocalTime) -> Option<Quiet> {
        view.get("hours")?;
        let hours = hours(view, local);
        let begin = crate::domain::Timestamp::from_seconds(1_800_000_000);
        if hours.begin_after(begin).is_some_and(|begin| hours.end_of(begin).is_none()) {
            self.findings.push(
                Diagnostic::error("never-ends", view.place_of("hours"), "these quiet hours never end")
                    .hint("whoever is never to be paged is better left out of schedules and teams"),
            );
        }
        let unless_on_call = match view.get("unless_on_call").map(|node| &node.value) {
            Some(Value::Truth(true)) => Unless::OnCall,
            Some(Value::Text(_) | Value::List(_)) => {
                self.known_roles(&view.texts("unless_on_call"));
                Unless::Roles(view.names("unless_on_call"))
            }
            _ => Unless::Never,
        };
        Some(Quiet { hours, unless_priorities: view.names("unless_priority"), unless_on_call })
    }

    /// A role that no schedule has makes an exception that never holds.
    fn known_roles(&mut self, roles: &[Placed<'_>]) {
        let schedules: Vec<&Entry> = self.things("schedules").collect();
        let mut known: Vec<&str> = Vec::new();
        for entry in schedules {
            let roles = View::entry(entry, &keys::SCHEDULE).texts("roles");
            known.extend(roles.iter().map(|placed| placed.text));
        }
        known.sort_unstable();
        known.dedup();
        for role in roles.iter().filter(|role| !known.contains(&role.text)) {
            let message = format!("no schedule has the role `{}`", quotable(role.text));
            let mut finding = Diagnostic::warning("unknown-role", role.place, message);
            if !known.is_empty() {
                let known: Vec<&str> = known.clone();
                finding = finding.hint(format!("the roles are {}", crate::config::diagnostic::listed(&known, 6)));
            }
            self.findings.push(finding);
        }
    }

    /// Ways and waits by turns, as they are written: `["slack", "5m", "email"]`.
    fn chain(
        &mut self,
        person: &str,
        view: &View<'_>,
        rule: &View<'_>,
        contacts: &[Contact],
        more_ways: &mut Vec<Contact>,
    ) -> Vec<ChainStep> {
        let mut steps: Vec<ChainStep> = Vec::new();
        let mut wait: Option<(Span, Place)> = None;
        for item in rule.texts("chain") {
            if item.text.starts_with(|c: char| c.is_ascii_digit()) {
                let Ok(span) = Span::parse(item.text) else { continue };
                if steps.is_empty() {
                    self.findings.push(
                        Diagnostic::error("bad-chain", item.place, "a chain begins with a way, not with a wait")
                            .hint("how long others are tried before is said by the escalation policy"),
                    );
                } else if let Some((_, first)) = wait {
                    self.findings.push(
                        Diagnostic::error("bad-chain", item.place, "two waits follow each other")
                            .also(first, "the other one")
                            .hint("write one wait between two ways"),
                    );
                }
                wait = Some((span, item.place));
                continue;
            }
            let Some(contact) = self.way(person, view, item, "the chain") else { continue };
            if !contacts.contains(&contact) && !more_ways.contains(&contact) {
                more_ways.push(contact.clone());
            }
            if steps.last().is_some_and(|step| step.by == contact.channel) && wait.is_none() {
                self.findings.push(Diagnostic::warning("repeated", item.place, "the way before is the same"));
            }
            let after = wait.take().map_or(Span::ZERO, |(span, _)| span);
            steps.push(ChainStep { after, by: contact.channel });
        }
        if let Some((_, place)) = wait.filter(|_| !steps.is_empty()) {
            self.findings.push(Diagnostic::error("bad-chain", place, "no way follows this wait").hint(
                "add a way behind it, or leave it out: the next step of the escalation policy follows by itself",
            ));
        }
        if steps.len() > CHAIN_STEPS_MAX {
            let text = format!("a chain has at most {CHAIN_STEPS_MAX} ways, and this one has {}", steps.len());
            self.error("too-many", rule.place_of("chain"), text);
        }
        steps
    }

    /// A rule behind one that always fits is never followed.
    fn never_followed(
        &mut self,
        before: &[Rule],
        items: &[Node],
        priorities: &[Name],
        hours: Option<&WeekHours>,
        place: Place,
    ) {
        let hides = |rule: &Rule| {
            let all_hours = rule.hours.is_none() || rule.hours.as_ref() == hours;
            let all_priorities = rule.priorities.is_empty()
                || (!priorities.is_empty() && priorities.iter().all(|name| rule.priorities.contains(name)));
            all_hours && all_priorities
        };
        let Some(number) = before.iter().position(hides) else { return };
        let mut finding = Diagnostic::warning("never-followed", place, "this rule is never followed");
        if let Some(item) = items.get(number) {
            finding = finding.also(item.place, "this one fits before it, whenever it would");
        }
        self.findings.push(finding.hint("put the narrower rule first"));
    }
}

fn hours(view: &View<'_>, local: &LocalTime) -> WeekHours {
    let windows = view.texts("hours").iter().filter_map(|placed| format::hours(placed.text).ok()).collect();
    WeekHours::new(windows, local.clone())
}
