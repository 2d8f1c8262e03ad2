//! What silences do by themselves: one that belongs to an incident ends with it, and of a long one whoever made it and the team are reminded,
//! before it ends and when it has.

use serde::{Deserialize, Serialize};

use super::input::{Actor, SilenceSpec};
use super::judge::Judge;
use super::limits;
use super::state::{Recipient, State};
use super::transition::Transition;
use crate::domain::{Destination, IncidentId, Name, SilenceId, Timestamp};
use crate::rules::{Because, RuleKind, route};

/// What is known of a silence beside what Alertmanager's clients know.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Bond {
    /// The incident it belongs to: it ends when that is resolved.
    pub incident: Option<IncidentId>,
    /// The person who made it, where that is known.
    pub maker: Option<Name>,
    /// What was said so far.
    pub reminded: Reminded,
}

/// How far the reminders of a long silence are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub enum Reminded {
    /// Nothing was said.
    #[default]
    Nothing,
    /// That it ends soon.
    Before,
    /// That it has ended; or there is nothing to say.
    After,
}

/// Whether it lasts so long that its end is easily forgotten.
#[must_use]
pub fn is_long(silence: &SilenceSpec) -> bool {
    silence.ends_at.since(silence.starts_at) >= limits::SILENCE_REMINDED_AFTER
}

/// When the next reminder of a silence is due.
#[must_use]
pub fn reminder_deadline(state: &State, id: SilenceId) -> Option<Timestamp> {
    let silence = state.silences.get(&id).filter(|silence| is_long(silence))?;
    match state.bonds.get(&id).map(|bond| bond.reminded).unwrap_or_default() {
        Reminded::Nothing => Some(silence.ends_at.minus(limits::SILENCE_REMINDED_BEFORE)),
        Reminded::Before => Some(silence.ends_at),
        Reminded::After => None,
    }
}

impl Judge<'_> {
    /// Notes who made a silence and what it belongs to.
    pub(super) fn bind_silence(&mut self, by: &Actor, silence: &SilenceSpec, incident: Option<IncidentId>) {
        let person = match by {
            Actor::Person(id) | Actor::Link(id) => Some(id.clone()),
            _ => Some(silence.author.clone()).filter(|author| self.engine.policy.people.contains_key(author)),
        };
        let bond = Bond { incident, maker: person, reminded: Reminded::Nothing };
        if bond != Bond::default() || self.engine.state.bonds.contains_key(&silence.id) {
            self.record(Transition::SilenceBound { silence: silence.id, bond });
        }
    }

    /// Silences that belong to an incident end with it. Rare, hence the scan, which is over those that belong to something.
    pub(super) fn end_silences_of(&mut self, incident: IncidentId) {
        let at = self.now();
        let state = &self.engine.state;
        let of = state.bonds.iter().filter(|(_, bond)| bond.incident == Some(incident)).map(|(id, _)| *id);
        let ending: Vec<SilenceId> =
            of.filter(|id| state.silences.get(id).is_some_and(|silence| silence.ends_at > at)).collect();
        for silence in ending {
            let until = self.engine.state.silences.get(&silence).map_or(at, |known| known.ends_at);
            let why = compact_str::format_compact!("ended silence {silence}, since incident {incident} is over");
            let who = Name::from(Actor::Callout.label());
            self.say(Some(incident), RuleKind::Silence, Because::Did { who, what: why });
            self.record(Transition::SilenceExpired { silence, at });
            self.reminded(silence, Reminded::After);
            self.go_on_before(until);
        }
    }

    /// Nobody has to be reminded of what they ended themselves.
    pub(super) fn reminded(&mut self, silence: SilenceId, reminded: Reminded) {
        let bond = self.engine.state.bonds.get(&silence).cloned().unwrap_or_default();
        self.record(Transition::SilenceBound { silence, bond: Bond { reminded, ..bond } });
    }

    /// A long silence ends soon, or has ended.
    pub(super) fn reminder_due(&mut self, id: SilenceId) {
        let Some(silence) = self.engine.state.silences.get(&id).cloned() else { return };
        let over = silence.ends_at <= self.now();
        self.reminded(id, if over { Reminded::After } else { Reminded::Before });
        let kept: usize = self.kept_quiet(id);
        let sources = if kept == 1 { "1 source".to_owned() } else { format!("{kept} sources") };
        let matchers: Vec<String> = silence.matchers.iter().map(ToString::to_string).collect();
        let what = format!("silence {} ({}), made by {}: {}", id, matchers.join(", "), silence.author, silence.comment);
        let text = if over {
            format!("It is over: {what}. {sources} that it kept quiet may be heard again.")
        } else {
            format!(
                "It ends at {}: {what}. It keeps {sources} quiet now. Make it longer if it is still needed.",
                silence.ends_at
            )
        };
        let maker = self.engine.state.bonds.get(&id).and_then(|bond| bond.maker.clone());
        if let Some(person) = &maker {
            self.notice(person, &text, None);
        }
        for destination in self.rooms_of(&silence) {
            self.order_notice(Recipient::Channel(destination), &text, None, 0);
        }
    }

    fn kept_quiet(&self, id: SilenceId) -> usize {
        let by = super::transition::Suppressor::Silence(id);
        self.engine.state.alerts.values().filter(|a| a.firing && a.suppressed.as_deref() == Some(&by)).count()
    }

    /// Channels of the team that a silence is about: the one it names, or that of the service it names.
    fn rooms_of(&self, silence: &SilenceSpec) -> Vec<Destination> {
        let policy = self.policy();
        let literal = |name: &str| {
            let fits = |m: &&super::input::MatcherSpec| m.name == name && m.is_equal && !m.is_regex;
            silence.matchers.iter().find(fits).map(|m| m.value.as_str())
        };
        let service = literal("service").and_then(|name| policy.services.get(name));
        let team = literal("team").or_else(|| service.map(|s| s.team.as_str())).and_then(|name| policy.teams.get(name));
        let routes = team.map_or(&[][..], |team| &team.routes);
        let environment = literal("environment");
        let region = environment.and_then(|name| policy.environments.get(name)).and_then(|e| e.region.as_deref());
        route::select(routes, region, environment, literal("service"), None).0.into_iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;
    use crate::engine::input::{MatcherSpec, Verb};
    use crate::engine::state::Purpose;
    use crate::engine::tests::{World, minute, policy, resource};

    fn silence(from: i64, to: i64) -> SilenceSpec {
        let matcher = |name: &str, value: &str| MatcherSpec {
            name: name.into(),
            value: value.into(),
            is_regex: false,
            is_equal: true,
        };
        SilenceSpec {
            id: SilenceId(7),
            matchers: vec![matcher("host", "a"), matcher("team", "checkout")],
            starts_at: minute(from),
            ends_at: minute(to),
            author: "ana".into(),
            comment: "disks are swapped".into(),
            updated_at: minute(from),
        }
    }

    fn notices(world: &World) -> Vec<(String, String)> {
        let rows = world.engine.state().outbox.values().filter(|row| row.purpose == Purpose::Notice);
        rows.map(|row| (row.to.to_string(), row.text.chars().take(11).collect())).collect()
    }

    #[test]
    fn a_silence_that_belongs_to_an_incident_ends_with_it() {
        let mut world = World::new(policy());
        world.event(minute(0), resource("a"));
        let incident = IncidentId(1);
        let bound = Verb::AddSilenceOf { silence: Box::new(silence(1, 600)), incident };
        world.does(minute(1), "ana", bound.clone());
        world.deliver(minute(1));
        world.until(minute(61));
        assert!(!world.incident(1).paged.contains(&"bo".into()), "the silence holds the step back");
        world.does(minute(70), "bo", Verb::Resolve { incident });
        let ended = &world.engine.state().silences[&SilenceId(7)];
        assert_eq!(ended.ends_at, minute(70));
        // The same cause again, behind the re-open window, is heard.
        world.event(minute(140), resource("a"));
        assert_eq!(world.count(), 2);
        // An incident that is over has none.
        let late = world.does(minute(141), "ana", bound);
        assert!(late.transitions.iter().all(|t| !matches!(t, Transition::SilenceSet(_))), "{late:?}");
    }

    #[test]
    fn of_a_long_silence_its_maker_and_the_team_are_reminded_before_and_after() {
        let mut world = World::new(policy());
        let day = 24 * 60;
        world.does(minute(0), "ana", Verb::AddSilence(silence(0, 2 * day)));
        world.event(minute(5), resource("a"));
        world.until(minute(2 * day - 61));
        assert_eq!(notices(&world), []);
        world.until(minute(2 * day - 60));
        let rooms = ["slack:main/#checkout", "email:checkout@acme.example"];
        let told = |what: &str| {
            let all = ["ana by slack:main"].into_iter().chain(rooms);
            all.map(|to| (to.to_owned(), what.to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(notices(&world), told("It ends at "));
        world.deliver(minute(2 * day - 60));
        world.until(minute(2 * day));
        assert_eq!(notices(&world), told("It is over:"));
        world.until(minute(2 * day).plus(limits::SILENCE_KEPT).plus(Span::from_hours(1)));
        assert!(world.engine.state().bonds.is_empty());
    }

    #[test]
    fn of_a_short_one_and_of_one_that_somebody_ended_nobody_is_reminded() {
        let mut world = World::new(policy());
        let day = 24 * 60;
        world.does(minute(0), "ana", Verb::AddSilence(silence(0, day - 1)));
        world.until(minute(2 * day));
        assert_eq!(notices(&world), []);
        world.does(minute(2 * day), "ana", Verb::AddSilence(silence(2 * day, 9 * day)));
        world.does(minute(4 * day), "bo", Verb::ExpireSilence { silence: SilenceId(7) });
        world.until(minute(9 * day));
        assert_eq!(notices(&world), []);
    }
}
