//! Personal rules, decided: which way a page takes, what follows it, what quiet hours hold.

use std::sync::Arc;

use super::{Chain, ChainStep};
use crate::domain::{ChannelRef, DeliveryId, IncidentId, Name, Span, Timestamp};
use crate::engine::judge::Judge;
use crate::engine::policy::{Person, Target};
use crate::engine::state::{Delivery, Purpose, Recipient, Status};
use crate::engine::transition::Transition;
use crate::rules::{Because, RuleKind};

/// The ways that a page takes.
#[derive(PartialEq, Eq)]
struct Chosen {
    steps: Vec<ChainStep>,
    bundle: Option<Span>,
    /// The number of the rule, from 1; `None` when none fits.
    rule: Option<u32>,
}

impl Judge<'_> {
    /// Pages a person by their rules, or by their preferred way. An older page of the same incident that still waits for them gives way.
    pub(in crate::engine) fn page(&mut self, id: IncidentId, person: &Name, why: &str) {
        if self.goes_on(id, person) {
            return;
        }
        let policy = self.policy();
        let Some(known) = policy.people.get(person).filter(|known| !known.contacts.is_empty()) else {
            self.no_contact(id, person);
            return;
        };
        let contacts = self.usable(person, known);
        let chosen = self.choose(id, person, known);
        for delivery in self.pages_to(id, person) {
            self.drop_row(id, delivery, "a newer page takes its place");
        }
        let first = chosen.as_ref().and_then(|chosen| chosen.steps.first()).map(|step| &step.by);
        let by = first.unwrap_or(&contacts[0].channel).clone();
        if let Some(chosen) = &chosen {
            self.say_rule(id, person, chosen);
            let (person, why) = (person.clone(), why.to_owned());
            let (steps, bundle) = (chosen.steps.clone(), chosen.bundle);
            self.record(Transition::ChainBegun { incident: id, person, why, steps, bundle });
        }
        if self.page_is_folded(id, Some(person)) {
            let why = Name::const_new("a page of it waits in a digest already");
            self.say(Some(id), RuleKind::Delivery, Because::NothingToDo { why });
            return;
        }
        self.page_by(id, person, by, why, chosen.and_then(|chosen| chosen.bundle));
    }

    fn no_contact(&mut self, id: IncidentId, person: &Name) {
        self.say(Some(id), RuleKind::Delivery, Because::NoContact { person: person.clone() });
        let text = format!("`{person}` has no way to be told; a page of incident {id} reached nobody");
        self.alarm(&compact_str::format_compact!("no-contact/{person}"), &text);
    }

    /// A page by one way.
    fn page_by(&mut self, id: IncidentId, person: &Name, by: ChannelRef, why: &str, bundle: Option<Span>) {
        self.warn_unverified(id, person, &by);
        let to = Recipient::Person { person: person.clone(), channel: by };
        let bundled = bundle.is_some_and(|span| self.bundle(id, &to, span));
        if !bundled {
            self.order(id, to, Purpose::Page, why.to_owned(), None, 0);
        }
    }

    /// What fits now: a rule, or `None` for a person who has none.
    fn choose(&self, id: IncidentId, name: &Name, person: &Person) -> Option<Chosen> {
        let (now, rules) = (self.now(), &person.rules.rules);
        let incident = self.engine.state.incidents.get(&id)?;
        if rules.is_empty() {
            return None;
        }
        let number = rules.iter().position(|rule| rule.fits(incident.priority.as_ref(), now));
        let rule = number.map(|number| &rules[number]);
        let mut steps = rule.map(|rule| rule.chain.clone()).unwrap_or_default();
        steps.retain(|step| self.is_usable(name, person, &step.by));
        if let Some(first) = steps.first_mut() {
            first.after = Span::ZERO;
        } else {
            let by = self.usable(name, person).first()?.channel.clone();
            steps.push(ChainStep { after: Span::ZERO, by });
        }
        if incident.is_drill() {
            // It asks whether a message arrives, and one way shows that.
            steps.truncate(1);
        }
        let rule_number = number.map(|number| u32::try_from(number + 1).unwrap_or(u32::MAX));
        Some(Chosen { steps, bundle: rule.and_then(|rule| rule.bundle), rule: rule_number })
    }

    fn say_rule(&mut self, id: IncidentId, person: &Name, chosen: &Chosen) {
        let ways = chosen.steps.iter().map(|step| match step.after {
            Span::ZERO => compact_str::format_compact!("{}", step.by),
            after => compact_str::format_compact!("after {after} {}", step.by),
        });
        let (person, ways) = (person.clone(), ways.collect());
        self.say(Some(id), RuleKind::Personal, Because::RuleFollowed { person, rule: chosen.rule, ways });
    }

    fn chain(&self, id: IncidentId, person: &Name) -> Option<Chain> {
        let incident = self.engine.state.incidents.get(&id)?;
        incident.chains.iter().find(|chain| chain.person == *person).cloned()
    }

    /// A person who is to be paged while their chain is under way gets its next way now: each page tells them something, and a
    /// short round of the escalation does not keep the later ways from their turn.
    fn goes_on(&mut self, id: IncidentId, person: &Name) -> bool {
        let chain = self.chain(id, person).filter(|chain| !chain.is_held() && chain.due.is_some());
        let Some(chain) = chain else { return false };
        self.next_of_chain(id, &chain, 0);
        true
    }

    /// The next way of a chain, as the first or after `fallbacks` that failed. Says whether there was one.
    fn next_of_chain(&mut self, id: IncidentId, chain: &Chain, fallbacks: u8) -> bool {
        let number = chain.next as usize;
        let Some(step) = chain.steps.get(number) else { return false };
        let due = chain.steps.get(number + 1).map(|step| self.now().plus(step.after));
        let person = chain.person.clone();
        self.record(Transition::ChainMoved { incident: id, person, next: chain.next + 1, due });
        let (of, count) = (chain.next + 1, u32::try_from(chain.steps.len()).unwrap_or(u32::MAX));
        let by = compact_str::format_compact!("{}", step.by);
        let because = Because::NextWay { person: chain.person.clone(), way: of, ways: count, by };
        self.say(Some(id), RuleKind::Personal, because);
        for delivery in self.pages_by(id, &chain.person, &step.by) {
            self.drop_row(id, delivery, "a newer page takes its place");
        }
        let why = format!("{}; way {of} of {count} by your rules", chain.why);
        if fallbacks == 0 {
            self.page_by(id, &chain.person, step.by.clone(), &why, chain.bundle);
        } else {
            let to = Recipient::Person { person: chain.person.clone(), channel: step.by.clone() };
            self.order(id, to, Purpose::Page, why, None, fallbacks);
        }
        true
    }

    /// What chains of an incident are due, in order of its people.
    pub(in crate::engine) fn chains_due(&mut self, id: IncidentId) {
        let now = self.now();
        let Some(incident) = self.engine.state.incidents.get(&id) else { return };
        let due = |chain: &&Chain| chain.due.is_some_and(|due| due <= now);
        let chains: Vec<Chain> = incident.chains.iter().filter(due).cloned().collect();
        for chain in chains {
            if let Some((until, because)) = self.silenced_until(id) {
                self.say(Some(id), RuleKind::Silence, because);
                self.wait_until(id, &chain, until);
            } else if let Some(until) = self.quiet_until(id, &chain.person) {
                self.wait_until(id, &chain, until);
            } else if chain.is_held() {
                self.record(Transition::ChainMoved { incident: id, person: chain.person.clone(), next: 0, due: None });
                let why = format!("{}; held by your quiet hours until now", chain.why);
                self.page(id, &chain.person, &why);
                let people = vec![chain.person.clone()];
                self.record(Transition::PeoplePaged { incident: id, people });
            } else {
                self.next_of_chain(id, &chain, 0);
            }
        }
    }

    fn wait_until(&mut self, id: IncidentId, chain: &Chain, until: Timestamp) {
        let (person, next) = (chain.person.clone(), chain.next);
        self.record(Transition::ChainMoved { incident: id, person, next, due: Some(until) });
    }

    /// Until when a person does not want to be told of this incident, with the reason in the trace.
    pub(in crate::engine) fn quiet_until(&mut self, id: IncidentId, person: &Name) -> Option<Timestamp> {
        let (policy, now) = (self.policy(), self.now());
        let quiet = policy.people.get(person)?.rules.quiet.as_ref()?;
        let until = quiet.hours.end_of(now)?;
        let incident = self.engine.state.incidents.get(&id)?;
        let local = quiet.hours.local();
        let (ends, zone) = (Name::from(local.short(until, now)), local.name().clone());
        let priority = incident.priority.as_ref().filter(|name| quiet.unless_priorities.contains(name));
        let broken = priority.cloned().or_else(|| {
            let chain = incident.escalation.as_ref()?.policy.clone();
            let mut targets = chain.steps.iter().flat_map(|step| &step.notify);
            targets.find_map(|target| {
                let Target::Schedule { schedule, .. } = target else { return None };
                let on_call = self.engine.state.rota.schedule(&policy, schedule)?.on_call(now);
                let mut duties = on_call.by_role().filter(|(_, people)| people.contains(person));
                let (role, _) = duties.find(|(role, _)| quiet.unless_on_call.covers(*role))?;
                Some(match role {
                    Some(role) => compact_str::format_compact!("being {role} of {schedule}"),
                    None => compact_str::format_compact!("being on call in {schedule}"),
                })
            })
        });
        let person = person.clone();
        if let Some(by) = broken {
            self.say(Some(id), RuleKind::Personal, Because::QuietBroken { person, by, until, ends, zone });
            return None;
        }
        self.say(Some(id), RuleKind::Personal, Because::QuietHeld { person, until, ends, zone });
        Some(until)
    }

    /// The pages of these people are told when their quiet hours end.
    pub(in crate::engine) fn hold(&mut self, id: IncidentId, held: &[(Name, Timestamp)], why: &str) {
        if self.engine.state.incidents.get(&id).is_some_and(|incident| incident.is_drill()) {
            return;
        }
        for (person, until) in held {
            // One who was paged already, and whose chain waits for the same morning, goes on with it then.
            if self.chain(id, person).is_some_and(|chain| chain.due.is_some()) {
                continue;
            }
            let (person, why, until) = (person.clone(), why.to_owned(), *until);
            self.record(Transition::PageHeld { incident: id, person, why, until });
        }
    }

    /// The chains of all people end, since it is with others now.
    pub(in crate::engine) fn stop_chains(&mut self, id: IncidentId) {
        let chains = self.engine.state.incidents.get(&id).map_or(0, |incident| incident.chains.len());
        if chains > 0 {
            self.record(Transition::ChainsStopped { incident: id });
        }
    }

    /// Pages a person by their rules from the first way on, however far their chain is.
    pub(in crate::engine) fn page_afresh(&mut self, id: IncidentId, person: &Name, why: &str) {
        if self.chain(id, person).is_some_and(|chain| chain.due.is_some()) {
            self.record(Transition::ChainMoved { incident: id, person: person.clone(), next: 0, due: None });
        }
        self.page(id, person, why);
    }

    /// An incident became more urgent, which may end the wait of pages and change the ways that they take.
    pub(in crate::engine) fn page_as_urgent(&mut self, id: IncidentId) {
        self.page_anew_if_folded(id);
        self.page_by_new_rules(id);
        self.release_held_round(id);
    }

    /// Ways that a silence held back until its end go on now that it ended early. Rare, hence the scan.
    pub(in crate::engine) fn chains_go_on_before(&mut self, until: Timestamp) {
        let now = self.now();
        let incidents = self.engine.state.incidents.values().filter(|incident| incident.status == Status::Triggered);
        let held: Vec<(IncidentId, Chain)> = incidents
            .flat_map(|incident| incident.chains.iter().map(|chain| (incident.id, chain)))
            .filter(|(_, chain)| chain.due == Some(until))
            .map(|(id, chain)| (id, chain.clone()))
            .collect();
        for (id, chain) in held {
            self.wait_until(id, &chain, now);
        }
    }

    /// An incident became more urgent: whoever was paged, or is held, is paged anew where their rules say something else now.
    fn page_by_new_rules(&mut self, id: IncidentId) {
        let policy = self.policy();
        let Some(incident) = self.engine.state.incidents.get(&id).cloned() else { return };
        if incident.status != Status::Triggered {
            return;
        }
        let held = incident.chains.iter().filter(|chain| chain.is_held()).map(|chain| &chain.person);
        let people: Vec<Name> = incident.paged.iter().chain(held).cloned().collect();
        let mut anew: Vec<Name> = Vec::new();
        for person in people {
            let Some(known) = policy.people.get(&person).filter(|_| !anew.contains(&person)) else { continue };
            let before = incident.chains.iter().find(|chain| chain.person == person);
            let is_held = before.is_some_and(Chain::is_held);
            let now = self.choose(id, &person, known);
            let others = now.as_ref().is_some_and(|now| {
                before.is_none_or(|before| before.steps != now.steps || before.bundle != now.bundle)
            });
            if (is_held || others) && self.quiet_until(id, &person).is_none() {
                anew.push(person);
            }
        }
        for person in &anew {
            self.page_afresh(id, person, "it became more urgent");
        }
        if !anew.is_empty() {
            self.record(Transition::PeoplePaged { incident: id, people: anew });
        }
    }

    /// A round of which everybody wants quiet begins again as soon as somebody may be told.
    fn release_held_round(&mut self, id: IncidentId) {
        let escalation = self.engine.state.incidents.get(&id).and_then(|incident| incident.escalation.clone());
        if let Some(escalation) = escalation.filter(|escalation| escalation.held) {
            self.perform(id, escalation.pass, 0, false);
        }
    }

    /// A page to a person failed for good: the next way of their chain, at once. Says whether the chain took care of it.
    pub(in crate::engine) fn chain_goes_on(&mut self, id: IncidentId, row: &Delivery) -> bool {
        let Recipient::Person { person, channel } = &row.to else { return false };
        if row.purpose != Purpose::Page {
            return false;
        }
        let Some(chain) = self.chain(id, person).filter(|chain| !chain.is_held()) else { return false };
        let Some(used) = chain.steps.iter().position(|step| step.by == *channel) else { return false };
        if used + 1 < chain.next as usize {
            // A later way was taken already, which tells them or fails by itself.
            return self.pages_to(id, person).iter().any(|other| *other != row.id) || self.was_told(id, person);
        }
        self.next_of_chain(id, &chain, row.fallbacks.saturating_add(1))
    }

    /// Whether a page of this incident arrived by any way of the person.
    fn was_told(&self, id: IncidentId, person: &Name) -> bool {
        let incident = self.engine.state.incidents.get(&id);
        let to_them = |to: &Recipient| matches!(to, Recipient::Person { person: p, .. } if p == person);
        incident.is_some_and(|incident| incident.sent.iter().any(|sent| to_them(&sent.to)))
    }

    /// Rows with a page of this incident to a person.
    fn pages_to(&self, id: IncidentId, person: &Name) -> Vec<DeliveryId> {
        self.pages_where(id, |row| matches!(&row.to, Recipient::Person { person: p, .. } if p == person))
    }

    fn pages_by(&self, id: IncidentId, person: &Name, by: &ChannelRef) -> Vec<DeliveryId> {
        let to_them = |row: &Arc<Delivery>| matches!(&row.to, Recipient::Person { person: p, channel } if p == person && channel == by);
        self.pages_where(id, to_them)
    }

    fn pages_where(&self, id: IncidentId, wanted: impl Fn(&Arc<Delivery>) -> bool) -> Vec<DeliveryId> {
        self.pages(id).iter().filter(|row| wanted(row)).map(|row| row.id).collect()
    }
}
