//! Verified ways: a code goes out by a way of a person and comes back, so that the address is known to be theirs.
//!
//! What is kept are ids, times and keyed hashes: of the address, so that another address under the same name counts as unverified again, and of
//! the code. The key is the edge's, which makes the code and tells it to nobody but the way itself; so neither journal nor state give away an
//! address or a code. The engine compares, counts and forgets.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Engine;
use super::input::Actor;
use super::judge::Judge;
use super::limits;
use super::notice::About;
use super::policy::{Contact, Person, Policy};
use super::state::{Recipient, State};
use super::transition::Transition;
use crate::domain::{ChannelRef, Name, Timestamp};
use crate::rules::{Because, RuleKind};

/// A way of a person, as the state knows it.
pub type Way = (Name, ChannelRef);

/// What is known of a way.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Standing {
    /// Hash of the address from which a code came back, and when.
    pub verified: Option<(u128, Timestamp)>,
    /// The code that is under way.
    pub pending: Option<Pending>,
    /// When codes were sent lately.
    pub sent: Vec<Timestamp>,
}

/// A code that is under way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pending {
    /// Hash of the address that it goes to.
    pub mark: u128,
    /// Hash of the code.
    pub code: u128,
    /// By which the edge makes the code again when it is sent.
    pub nonce: u64,
    /// Not good from here on.
    pub expires_at: Timestamp,
    /// Wrong codes that were entered.
    pub wrong: u32,
}

impl Standing {
    /// Whether the code came back from the address that has this hash.
    #[must_use]
    pub fn is_verified(&self, mark: u128) -> bool {
        self.verified.is_some_and(|(known, _)| known == mark)
    }

    /// The code that may still be entered.
    #[must_use]
    pub fn open(&self, now: Timestamp) -> Option<&Pending> {
        self.pending.as_ref().filter(|code| now < code.expires_at && code.wrong < limits::CODE_TRIES_MAX)
    }
}

/// Whether a way of a person is verified.
#[must_use]
pub fn is_verified(state: &State, policy: &Policy, person: &Name, channel: &ChannelRef) -> bool {
    let way = (person.clone(), channel.clone());
    let mark = policy.marks.get(&way);
    mark.is_some_and(|mark| state.contacts.get(&way).is_some_and(|standing| standing.is_verified(*mark)))
}

impl Judge<'_> {
    /// The ways of a person that pages may take, the preferred first. Where only verified ones may be used, the others are passed over; but for
    /// a person who has none, since a page that reaches nobody is worse.
    pub(super) fn usable(&self, id: &Name, person: &Person) -> Vec<Contact> {
        let all = &person.contacts;
        if !self.engine.policy.organisation.require_verified {
            return all.clone();
        }
        let good = |contact: &&Contact| is_verified(&self.engine.state, &self.engine.policy, id, &contact.channel);
        let some: Vec<Contact> = all.iter().filter(good).cloned().collect();
        if some.is_empty() { all.clone() } else { some }
    }

    /// Whether a way may be used at all.
    pub(super) fn is_usable(&self, id: &Name, person: &Person, channel: &ChannelRef) -> bool {
        let policy = &self.engine.policy;
        let good = |channel: &ChannelRef| is_verified(&self.engine.state, policy, id, channel);
        !policy.organisation.require_verified || good(channel) || !person.ways().any(|way| good(&way.channel))
    }

    /// Says that a way is not verified, where that is asked for or the person verified another one.
    pub(super) fn warn_unverified(&mut self, incident: crate::domain::IncidentId, person: &Name, by: &ChannelRef) {
        let (state, policy) = (&self.engine.state, &self.engine.policy);
        let takes_part = policy.organisation.require_verified
            || state.contacts.range((person.clone(), FIRST)..).next().is_some_and(|((known, _), _)| known == person);
        if takes_part && !is_verified(state, policy, person, by) {
            let by = compact_str::format_compact!("{by}");
            self.say(Some(incident), RuleKind::Personal, Because::Unverified { person: person.clone(), by });
        }
    }

    /// A code goes out by a way.
    pub(super) fn send_code(&mut self, by: &Actor, way: &Way, (mark, code, nonce): (u128, u128, u64)) {
        let now = self.now();
        let (person, channel) = way;
        let known = self.engine.policy.contact(person, channel).is_some();
        let standing = self.engine.state.contacts.get(way).cloned().unwrap_or_default();
        let lately = standing.sent.iter().filter(|at| **at > now.minus(limits::CODES_WITHIN)).count();
        if !known || lately >= limits::CODES_MAX {
            let why = if known { "too many codes were sent there lately" } else { "no such way of the person" };
            self.say(None, RuleKind::Person, Because::NothingToDo { why: Name::const_new(why) });
            return;
        }
        let what = compact_str::format_compact!("had a code sent to {person} by {channel}");
        self.say(None, RuleKind::Person, Because::Did { who: Name::from(by.label()), what });
        let pending = Pending { mark, code, nonce, expires_at: now.plus(limits::CODE_KEPT), wrong: 0 };
        let way = Box::new(way.clone());
        let to = Recipient::Person { person: way.0.clone(), channel: way.1.clone() };
        self.record(Transition::CodeSent { way, pending });
        self.order_notice(to, "a code", Some(About::Code(nonce)), 0);
    }

    /// A code came back.
    pub(super) fn enter_code(&mut self, by: &Actor, way: &Way, code: u128) {
        let now = self.now();
        let open = self.engine.state.contacts.get(way).and_then(|standing| standing.open(now)).cloned();
        let Some(open) = open else {
            let why = Name::const_new("no code is under way there, or it is not good any more");
            self.say(None, RuleKind::Person, Because::NothingToDo { why });
            return;
        };
        let (person, channel) = way;
        let good = open.code == code;
        let what = if good { "verified" } else { "entered a wrong code for" };
        let what = compact_str::format_compact!("{what} {channel} of {person}");
        self.say(None, RuleKind::Person, Because::Did { who: Name::from(by.label()), what });
        let way = Box::new(way.clone());
        self.record(if good {
            Transition::ContactVerified { way, mark: open.mark }
        } else {
            Transition::CodeWrong { way }
        });
    }
}

/// Before every channel.
const FIRST: ChannelRef = ChannelRef { kind: crate::domain::ChannelKind::Slack, name: Name::const_new("") };

impl Engine {
    /// The part of `evolve` that is about ways.
    pub(super) fn evolve_contact(&mut self, transition: &Transition) {
        let now = self.state.now;
        match transition {
            Transition::CodeSent { way, pending } => {
                let standing = Arc::make_mut(self.state.contacts.entry((**way).clone()).or_default());
                standing.sent.retain(|at| *at > now.minus(limits::CODES_WITHIN));
                standing.sent.push(now);
                standing.pending = Some(pending.clone());
            }
            Transition::CodeWrong { way } => {
                let known = self.state.contacts.get_mut(&**way);
                if let Some(pending) = known.and_then(|known| Arc::make_mut(known).pending.as_mut()) {
                    pending.wrong += 1;
                }
            }
            Transition::ContactVerified { way, mark } => {
                let standing = Arc::make_mut(self.state.contacts.entry((**way).clone()).or_default());
                standing.verified = Some((*mark, now));
                standing.pending = None;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ChannelKind, Span};
    use crate::engine::input::Verb;
    use crate::engine::state::Purpose;
    use crate::engine::tests::{World, minute, policy, resource};

    fn way(kind: ChannelKind, name: &str) -> Way {
        ("ana".into(), ChannelRef { kind, name: name.into() })
    }

    fn slack() -> Way {
        way(ChannelKind::Slack, "main")
    }

    fn email() -> Way {
        way(ChannelKind::Email, "default")
    }

    /// Marks as the edge makes them; here the address of Slack is 1, that of mail 2.
    fn world(require: bool) -> World {
        let mut policy = policy();
        policy.organisation.require_verified = require;
        policy.marks = [(slack(), 1), (email(), 2)].into();
        World::new(policy)
    }

    fn send(world: &mut World, at: i64, way: &Way, mark: u128) {
        let (person, channel) = way.clone();
        world.does(minute(at), "ana", Verb::SendCode { person, channel, mark, code: 77, nonce: 5 });
    }

    fn enter(world: &mut World, at: i64, way: &Way, code: u128) {
        let (person, channel) = way.clone();
        world.does(minute(at), "ana", Verb::EnterCode { person, channel, code });
    }

    fn verified(world: &World, way: &Way) -> bool {
        is_verified(world.engine.state(), world.engine.policy(), &way.0, &way.1)
    }

    #[test]
    fn a_code_that_comes_back_in_time_verifies_the_way_and_another_address_does_not_count() {
        let mut world = world(false);
        send(&mut world, 0, &slack(), 1);
        let row = world.engine.state().outbox.values().next().unwrap().clone();
        assert_eq!((row.purpose, row.to.to_string()), (Purpose::Notice, "ana by slack:main".to_owned()));
        enter(&mut world, 14, &slack(), 77);
        assert!(verified(&world, &slack()) && !verified(&world, &email()));
        enter(&mut world, 14, &slack(), 77);
        let mut policy = (**world.engine.policy()).clone();
        policy.marks.insert(slack(), 9);
        world.engine.set_policy(std::sync::Arc::new(policy));
        assert!(!verified(&world, &slack()));
    }

    #[test]
    fn a_code_is_good_for_a_quarter_of_an_hour_and_five_tries() {
        let mut late = world(false);
        send(&mut late, 0, &slack(), 1);
        enter(&mut late, 15, &slack(), 77);
        assert!(!verified(&late, &slack()));
        let mut guessed = world(false);
        send(&mut guessed, 0, &slack(), 1);
        for _ in 0..limits::CODE_TRIES_MAX {
            enter(&mut guessed, 1, &slack(), 78);
        }
        enter(&mut guessed, 1, &slack(), 77);
        assert!(!verified(&guessed, &slack()));
    }

    #[test]
    fn so_many_codes_go_to_one_way() {
        let mut world = world(false);
        for _ in 0..=limits::CODES_MAX {
            send(&mut world, 0, &slack(), 1);
        }
        assert_eq!(world.engine.state().outbox.len(), limits::CODES_MAX);
        send(&mut world, 0, &email(), 2);
        assert_eq!(world.engine.state().outbox.len(), limits::CODES_MAX + 1);
        let later = minute(0).plus(limits::CODES_WITHIN).plus(Span::from_minutes(1));
        let (person, channel) = slack();
        let verb = Verb::SendCode { person, channel, mark: 1, code: 77, nonce: 6 };
        world.does(later, "ana", verb);
        assert_eq!(world.engine.state().outbox.len(), limits::CODES_MAX + 2);
    }

    #[test]
    fn where_only_verified_ways_may_be_used_the_others_are_passed_over_but_nobody_is_lost() {
        let paged = |world: &World| -> Vec<String> {
            let rows = world.engine.state().outbox.values().filter(|row| row.purpose == Purpose::Page);
            rows.map(|row| row.to.to_string()).collect()
        };
        for (require, verify, want) in [
            (false, true, "ana by slack:main"),
            (true, false, "ana by slack:main"),
            (true, true, "ana by email:default"),
        ] {
            let mut world = world(require);
            if verify {
                send(&mut world, 0, &email(), 2);
                enter(&mut world, 0, &email(), 77);
            }
            world.deliver(minute(0));
            let decision = world.event(minute(1), resource("a"));
            assert_eq!(paged(&world), [want], "{require} {verify}");
            let warned = decision.trace.lines.iter().any(|line| matches!(line.because, Because::Unverified { .. }));
            assert_eq!(warned, want == "ana by slack:main", "{require} {verify}");
        }
    }
}
