//! Stand-ins, judged: what people want, and what is due by itself.

use super::{MadeOverride, NewOverride, Offer, Swap, SwapStatus, check, said};
use crate::domain::{Name, OverrideId, SwapId, Timestamp};
use crate::engine::input::{Actor, Verb};
use crate::engine::judge::Judge;
use crate::engine::limits;
use crate::engine::notice::About;
use crate::engine::transition::Transition;
use crate::rules::{Because, RuleKind};
use crate::schedule::{Override, OverrideKind};

impl Judge<'_> {
    /// Does what somebody wants with stand-ins, if it still fits.
    pub(in crate::engine) fn stand_in(&mut self, by: &Actor, verb: &Verb) {
        let (policy, now) = (self.policy(), self.now());
        if let Err(refusal) = check::check(&self.engine.state, &policy, by, verb, now) {
            self.say(None, RuleKind::Person, Because::NothingToDo { why: Name::from(refusal.why()) });
            return;
        }
        match verb {
            Verb::AddOverride(new) => self.add_override(by, new),
            Verb::RemoveOverride { id } => self.remove_override(by, *id),
            Verb::OfferSwap(offer) => self.offer_swap(by, offer),
            Verb::AcceptSwap { swap, person } => self.accept_swap(by, *swap, person),
            Verb::DeclineSwap { swap, person } => self.decline_swap(by, *swap, person),
            _ => {}
        }
    }

    fn add_override(&mut self, by: &Actor, new: &NewOverride) {
        let id = OverrideId(self.engine.state.stand_ins.last_override + 1);
        let mut asked = new.clone();
        asked.change.start = asked.change.start.max(self.now());
        let what = format!("made override {id}: {}", self.in_words(&asked.schedule, &asked.change));
        self.stood_in(by, &what);
        let made = MadeOverride { id, asked, by: by.clone(), made_at: self.now(), swap: None };
        self.record(Transition::OverrideMade(Box::new(made.clone())));
        self.look_at_handoffs(&made.asked.schedule);
        self.tell_stand_ins(by, &made);
    }

    fn remove_override(&mut self, by: &Actor, id: OverrideId) {
        let Some(made) = self.engine.state.stand_ins.overrides.get(&id).cloned() else { return };
        let change = self.in_words(&made.asked.schedule, &made.asked.change);
        self.stood_in(by, &format!("ended override {id}: {change}"));
        self.record(Transition::OverrideEnded { id, at: self.now() });
        self.look_at_handoffs(&made.asked.schedule);
        for person in stepping_in(&made.asked.change.kind) {
            if !is_person(by, person) {
                let text = format!("{} took back: {change}. {}", by.label(), because(&made.asked.why));
                self.notice(person, text.trim_end(), None);
            }
        }
    }

    /// Whoever is put on call by somebody else hears of it.
    fn tell_stand_ins(&mut self, by: &Actor, made: &MadeOverride) {
        let change = self.in_words(&made.asked.schedule, &made.asked.change);
        for person in stepping_in(&made.asked.change.kind) {
            if !is_person(by, person) {
                let text = format!("{} made an override: {change}. {}", by.label(), because(&made.asked.why));
                self.notice(person, text.trim_end(), None);
            }
        }
    }

    fn offer_swap(&mut self, by: &Actor, offer: &Offer) {
        let id = SwapId(self.engine.state.stand_ins.last_swap + 1);
        let mut offer = offer.clone();
        offer.start = offer.start.max(self.now());
        let whom = offer.to.as_ref().map_or_else(|| "anybody of the team".to_owned(), Name::to_string);
        let shift = self.shift_in_words(&offer);
        self.stood_in(by, &format!("offered {shift} to {whom}, as {id}"));
        let asked = self.asked(&offer);
        let swap =
            Swap { id, offer, by: by.clone(), made_at: self.now(), declined: vec![], status: SwapStatus::Offered };
        let offer = swap.offer.clone();
        self.record(Transition::SwapOffered(Box::new(swap)));
        let name = self.name_of(&offer.person);
        let in_return = offer.in_return.map(|(from, to)| {
            format!(" In return {name} takes yours: {}.", self.interval_in_words(&offer.schedule, from, to))
        });
        let until = self.moment_in_words(&offer.schedule, offer.expires_at);
        let text = format!(
            "{name} asks whether you take {shift}.{} {} The offer ({id}) ends {until}.",
            in_return.unwrap_or_default(),
            because(&offer.why)
        );
        for person in asked.iter().take(limits::SWAP_ASKED_MAX) {
            self.notice(person, &text.replace("  ", " "), Some(About::Swap(id)));
        }
    }

    /// Who is asked: one person, or everybody of the team who may.
    fn asked(&self, offer: &Offer) -> Vec<Name> {
        if let Some(to) = &offer.to {
            return vec![to.clone()];
        }
        let policy = self.policy();
        let team = check::team_of(&policy, &offer.schedule).and_then(|name| policy.teams.get(name));
        let spec = policy.schedules.get(&offer.schedule).map(crate::schedule::Schedule::spec);
        let serving = spec.iter().flat_map(|spec| spec.layers.iter().flat_map(|l| l.turns.iter().flatten()));
        let members = team.iter().flat_map(|team| team.members.iter());
        let all: std::collections::BTreeSet<&Name> = members.chain(serving).collect();
        all.into_iter().filter(|person| **person != offer.person).cloned().collect()
    }

    fn accept_swap(&mut self, by: &Actor, id: SwapId, person: &Name) {
        let Some(swap) = self.engine.state.stand_ins.swaps.get(&id).cloned() else { return };
        let (offer, now) = (&swap.offer, self.now());
        let number = self.engine.state.stand_ins.last_override;
        let first = self.taking_over(offer, &offer.person, person, offer.start.max(now), offer.end);
        let second =
            offer.in_return.map(|(from, to)| self.taking_over(offer, person, &offer.person, from.max(now), to));
        let overrides: Vec<MadeOverride> = (number + 1..)
            .zip(std::iter::once(first).chain(second))
            .map(|(number, asked)| MadeOverride {
                id: OverrideId(number),
                asked,
                by: Actor::Person(person.clone()),
                made_at: now,
                swap: Some(id),
            })
            .collect();
        let shift = self.shift_in_words(offer);
        self.stood_in(by, &format!("took {shift} for {}, as offered in {id}", offer.person));
        let ids = overrides.iter().map(|made| made.id).collect();
        let status = SwapStatus::Accepted { by: person.clone(), at: now, overrides: ids };
        self.record(Transition::SwapSettled { swap: id, status, overrides });
        self.look_at_handoffs(&offer.schedule);
        let name = self.name_of(person);
        let in_return = offer
            .in_return
            .map(|(from, to)| format!(" In return you take {}.", self.interval_in_words(&offer.schedule, from, to)));
        let text = format!("{name} takes {shift} ({id}).{}", in_return.unwrap_or_default());
        self.notice(&offer.person, &text, None);
    }

    /// `to` in place of `from`; the two exchange places where `to` is on call in another role at that time.
    fn taking_over(&self, offer: &Offer, from: &Name, to: &Name, start: Timestamp, end: Timestamp) -> NewOverride {
        let policy = self.policy();
        let schedule = self.engine.state.rota.schedule(&policy, &offer.schedule);
        let busy = schedule.is_some_and(|schedule| check::serves(schedule, to, None, start, end));
        let (kind, role) = if busy {
            (OverrideKind::Swap(from.clone(), to.clone()), None)
        } else {
            (OverrideKind::Replace { user: from.clone(), with: to.clone() }, offer.role.clone())
        };
        let change = Override { start, end, kind, role };
        NewOverride { request: 0, schedule: offer.schedule.clone(), change, why: offer.why.clone() }
    }

    fn decline_swap(&mut self, by: &Actor, id: SwapId, person: &Name) {
        let Some(swap) = self.engine.state.stand_ins.swaps.get(&id).cloned() else { return };
        let (offer, at) = (&swap.offer, self.now());
        let shift = self.shift_in_words(offer);
        if offer.person == *person {
            self.stood_in(by, &format!("took back the offer {id} of {shift}"));
            let status = SwapStatus::Withdrawn { by: person.clone(), at };
            self.record(Transition::SwapSettled { swap: id, status, overrides: Vec::new() });
            return;
        }
        self.stood_in(by, &format!("declined {shift}, offered in {id}"));
        let everybody = self.asked(offer).iter().all(|asked| asked == person || swap.declined.contains(asked));
        if !everybody {
            self.record(Transition::SwapDeclined { swap: id, by: person.clone() });
            return;
        }
        let status = SwapStatus::Declined { by: person.clone(), at };
        self.record(Transition::SwapSettled { swap: id, status, overrides: Vec::new() });
        let who = if offer.to.is_some() { self.name_of(person) } else { "Everybody who was asked".to_owned() };
        self.notice(&offer.person, &format!("{who} declined {shift} ({id}). It stays yours."), None);
    }

    /// An offer is over, or a settled one can be forgotten.
    pub(in crate::engine) fn swap_due(&mut self, id: SwapId) {
        let Some(swap) = self.engine.state.stand_ins.swaps.get(&id).cloned() else { return };
        if !swap.is_open() {
            self.record(Transition::SwapForgotten { swap: id });
            return;
        }
        let status = SwapStatus::Expired { at: self.now() };
        self.record(Transition::SwapSettled { swap: id, status, overrides: Vec::new() });
        let shift = self.shift_in_words(&swap.offer);
        self.notice(&swap.offer.person, &format!("Nobody took {shift} ({id}). It stays yours."), None);
    }

    fn stood_in(&mut self, by: &Actor, what: &str) {
        let who = Name::from(by.label());
        self.say(None, RuleKind::Person, Because::Did { who, what: Name::from(what) });
    }

    fn name_of(&self, person: &Name) -> String {
        self.engine.policy.people.get(person).map_or_else(|| person.to_string(), |known| known.name.clone())
    }

    /// `the shift of checkout as main, Mon 2026-11-30 09:00 to …`.
    fn shift_in_words(&self, offer: &Offer) -> String {
        let role = offer.role.as_ref().map(|role| format!(" as {role}")).unwrap_or_default();
        let when = self.interval_in_words(&offer.schedule, offer.start, offer.end);
        format!("the shift of {}{role}, {when}", offer.schedule)
    }

    fn in_words(&self, schedule: &Name, change: &Override) -> String {
        let role = change.role.as_ref().map(|role| format!(" as {role}")).unwrap_or_default();
        let when = self.interval_in_words(schedule, change.start, change.end);
        format!("{}{role} in {schedule}, {when}", said(&change.kind))
    }

    pub(in crate::engine) fn interval_in_words(&self, schedule: &Name, from: Timestamp, to: Timestamp) -> String {
        let Some(zone) = self.engine.policy.schedules.get(schedule).map(|s| &s.spec().timezone) else {
            return format!("{from} to {to}");
        };
        let local = |at: Timestamp| at.to_jiff().to_zoned(zone.tz.clone());
        let (begin, end) = (local(from), local(to));
        let end = if begin.date() == end.date() { end.strftime("%H:%M") } else { end.strftime("%a %Y-%m-%d %H:%M") };
        format!("{} to {end} {}", begin.strftime("%a %Y-%m-%d %H:%M"), zone.name)
    }

    fn moment_in_words(&self, schedule: &Name, at: Timestamp) -> String {
        let Some(zone) = self.engine.policy.schedules.get(schedule).map(|s| &s.spec().timezone) else {
            return at.to_string();
        };
        let local = at.to_jiff().to_zoned(zone.tz.clone());
        format!("{} {}", local.strftime("%a %Y-%m-%d %H:%M"), zone.name)
    }
}

/// Who is on call by an override who was not before.
fn stepping_in(kind: &OverrideKind) -> Vec<&Name> {
    match kind {
        OverrideKind::Set(users) | OverrideKind::Add(users) => users.iter().collect(),
        OverrideKind::Replace { with, .. } => vec![with],
        OverrideKind::Swap(a, b) => vec![a, b],
        OverrideKind::Remove(_) => Vec::new(),
    }
}

fn is_person(by: &Actor, person: &Name) -> bool {
    matches!(by, Actor::Person(id) | Actor::Link(id) if id == person)
}

fn because(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!("They say: {why}") }
}
