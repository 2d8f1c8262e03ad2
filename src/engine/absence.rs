//! Calendars that others keep: days off, and absences of people. They are read outside, and come in as inputs, so that what follows from them
//! is in the journal; here they change schedules, and whoever is on call while away is told of it ahead of time, with their team.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::input::Input;
use super::judge::Judge;
use super::limits;
use super::policy::Policy;
use super::stand_in::{Rota, team_of};
use super::state::{Recipient, State};
use super::transition::Transition;
use super::{Engine, timers::Timer};
use crate::domain::{Destination, Name, Seq, Span, Timestamp};
use crate::rules::{Because, RuleKind, route};
use crate::schedule::Away;

/// What a calendar is for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum CalendarUse {
    /// Days off, by the name of the calendar.
    Holidays(Name),
    /// When a person is away.
    Absences(Name),
}

impl std::fmt::Display for CalendarUse {
    /// `holidays de`, `absences of ana`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Holidays(name) => write!(f, "holidays {name}"),
            Self::Absences(name) => write!(f, "absences of {name}"),
        }
    }
}

/// What a calendar said when it was read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CalendarRead {
    /// What it is for.
    pub of: CalendarUse,
    /// Of the bytes that it was read from.
    pub hash: u128,
    /// Whole days, in order, of a calendar of holidays.
    pub days: Vec<Date>,
    /// When somebody is away, disjoint and in order.
    pub away: Vec<(Timestamp, Timestamp)>,
}

/// What was read of all calendars.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Absences {
    /// By what they are for.
    pub read: BTreeMap<CalendarUse, Arc<CalendarRead>>,
    /// Who was told that they are on call while away: schedule, person, and when that begins.
    pub told: BTreeSet<(Name, Name, Timestamp)>,
    /// When schedules were looked over for such; absent: never.
    pub looked_at: Option<Timestamp>,
}

impl Absences {
    /// The days of a calendar of holidays.
    #[must_use]
    pub fn days(&self, calendar: &Name) -> &[Date] {
        self.read.get(&CalendarUse::Holidays(calendar.clone())).map_or(&[], |read| &read.days)
    }

    /// When people are away whose absences are still configured.
    #[must_use]
    pub fn away(&self, policy: &Policy) -> Away {
        let of = |(of, read): (&CalendarUse, &Arc<CalendarRead>)| match of {
            CalendarUse::Absences(person) if policy.people.get(person).is_some_and(|known| known.absences) => {
                Some((person.clone(), read.away.clone()))
            }
            _ => None,
        };
        self.read.iter().filter_map(of).collect()
    }

    /// When schedules are to be looked over again.
    #[must_use]
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.looked_at.map(|at| at.plus(limits::ABSENCES_LOOKED_EVERY))
    }
}

/// Somebody who is on call while away.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conflict {
    /// The schedule.
    pub schedule: Name,
    /// The role.
    pub role: Option<Name>,
    /// Who.
    pub person: Name,
    /// Inclusive.
    pub start: Timestamp,
    /// Exclusive.
    pub end: Timestamp,
}

/// Who is on call while away in `[from, to)`, at most [`limits::ABSENCE_CONFLICTS_MAX`].
#[must_use]
pub fn conflicts(policy: &Policy, rota: &Rota, from: Timestamp, to: Timestamp) -> Vec<Conflict> {
    let mut found = Vec::new();
    if rota.away().is_empty() {
        return found;
    }
    for name in policy.schedules.keys() {
        let Some(schedule) = rota.schedule(policy, name) else { continue };
        for shift in schedule.timeline(from, to) {
            for (role, people) in shift.on_call.by_role() {
                for person in people {
                    let times = rota.away().get(person).map(Vec::as_slice).unwrap_or_default();
                    for (start, end) in times.iter().filter(|(start, end)| *start < shift.end && shift.start < *end) {
                        if found.len() >= limits::ABSENCE_CONFLICTS_MAX {
                            return found;
                        }
                        found.push(Conflict {
                            schedule: name.clone(),
                            role: role.cloned(),
                            person: person.clone(),
                            start: shift.start.max(*start),
                            end: shift.end.min(*end),
                        });
                    }
                }
            }
        }
    }
    found
}

impl Judge<'_> {
    /// A calendar was read, and says something new.
    pub(super) fn calendar_read(&mut self, seq: Seq, of: &CalendarUse) {
        self.record(Transition::CalendarTaken { input: seq });
        let what = compact_str::format_compact!("read the calendar of {of} anew");
        self.say(None, RuleKind::Schedule, Because::Did { who: Name::const_new("callout"), what });
        self.look_for_absences();
    }

    /// Whoever is on call while away within the next two weeks hears of it once, and so does the team.
    pub(super) fn look_for_absences(&mut self) {
        let (policy, now) = (self.policy(), self.now());
        let rota = Arc::clone(&self.engine.state.rota);
        let told = &self.engine.state.absences.told;
        let all = conflicts(&policy, &rota, now, now.plus(limits::ABSENCE_TOLD_AHEAD));
        let key = |c: &Conflict| (c.schedule.clone(), c.person.clone(), c.start);
        let mut new: Vec<Conflict> = all.into_iter().filter(|c| !told.contains(&key(c))).collect();
        // One that began before the last look begins anew at every look.
        let known = |c: &Conflict| {
            told.iter().any(|(s, p, at)| *s == c.schedule && *p == c.person && *at <= c.start && c.start == now)
        };
        new.retain(|c| !known(c));
        let told = new.iter().map(key).collect();
        self.record(Transition::AbsencesLooked { told });
        for conflict in &new {
            self.tell_absence(&policy, conflict);
        }
    }

    fn tell_absence(&mut self, policy: &Policy, conflict: &Conflict) {
        let Conflict { schedule, role, person, start, end } = conflict;
        let known = policy.people.get(person);
        let name = known.map_or_else(|| person.to_string(), |known| known.name.clone());
        let role = role.as_ref().map(|role| format!(" as {role}")).unwrap_or_default();
        let when = self.interval_in_words(schedule, *start, *end);
        let text = format!(
            "{name} is on call in {schedule}{role} while away: {when}. Nobody stands in yet: offer the shift (`callout swap offer`) \
             or make an override."
        );
        self.notice(person, &text, None);
        let team = team_of(policy, schedule).and_then(|name| policy.teams.get(name));
        let routes = team.map_or(&[][..], |team| &team.routes);
        let rooms: Vec<Destination> = route::select(routes, None, None, None, None).0.into_iter().cloned().collect();
        for room in rooms {
            self.order_notice(Recipient::Channel(room), &text, None, 0);
        }
    }
}

impl Engine {
    pub(super) fn calendar_taken(&mut self, input: Seq) {
        let Some((_, input)) = self.state.inbox.get(&input).cloned() else { return };
        if let Input::Calendar(read) = &*input {
            self.state.absences.read.insert(read.of.clone(), Arc::clone(read));
            self.state.rota = Arc::new(Rota::build(&self.policy, &self.state));
        }
    }

    pub(super) fn absences_looked(&mut self, told: &BTreeSet<(Name, Name, Timestamp)>) {
        let now = self.state.now;
        let absences = &mut self.state.absences;
        absences.looked_at = Some(now);
        absences.told.retain(|(_, _, at)| now.since(*at) < limits::ABSENCE_TOLD_KEPT);
        absences.told.extend(told.iter().cloned());
        self.timers.set(self.state.absences.deadline(), Timer::Absences);
    }
}

/// Whether anything is known of anybody's absence.
pub(super) fn is_due(state: &State) -> Option<Timestamp> {
    state.absences.deadline()
}

/// How far ahead calendars are read.
pub const READ_AHEAD: Span = Span::from_hours(430 * 24);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::stand_in::tests::world_with;
    use crate::engine::state::Purpose;
    use crate::engine::tests::{World, minute};
    use crate::schedule::WhenAbsent;

    fn day(n: i64) -> Timestamp {
        minute(225 + n * 24 * 60)
    }

    fn away(world: &mut World, at: Timestamp, times: Vec<(Timestamp, Timestamp)>) {
        let of = CalendarUse::Absences("ana".into());
        let read = CalendarRead { of, hash: 1, days: vec![], away: times };
        world.input(at, Input::Calendar(Arc::new(read)));
    }

    fn told(world: &World) -> Vec<String> {
        let rows = world.engine.state().outbox.values().filter(|row| row.purpose == Purpose::Notice);
        rows.map(|row| row.to.to_string()).collect()
    }

    fn on_call(world: &World, at: Timestamp) -> Vec<Name> {
        let engine = &world.engine;
        engine.state().rota.schedule(engine.policy(), "checkout").unwrap().on_call(at).users()
    }

    #[test]
    fn whoever_is_on_call_while_away_is_told_once_two_weeks_ahead_and_stays_on_call() {
        let mut world = world_with(WhenAbsent::Warn);
        // Bo has day 0, ana the odd ones.
        away(&mut world, minute(0), vec![(day(19), day(22))]);
        assert_eq!(told(&world), [] as [String; 0], "three weeks ahead");
        world.until(day(6));
        let all = ["ana by slack:main", "slack:main/#checkout", "email:checkout@acme.example"];
        assert_eq!(told(&world), all, "of day 19, and of nothing yet of day 21");
        world.deliver(day(6));
        world.until(day(7));
        assert_eq!(told(&world), [] as [String; 0]);
        assert_eq!(on_call(&world, day(19)), ["ana"]);
        // The same calendar once more tells nobody anything new.
        away(&mut world, day(7), vec![(day(19), day(22))]);
        assert_eq!(told(&world), [] as [String; 0]);
    }

    #[test]
    fn where_the_next_steps_in_nobody_has_to_be_told() {
        let mut world = world_with(WhenAbsent::Next);
        away(&mut world, minute(0), vec![(day(1), day(2))]);
        assert_eq!((on_call(&world, day(1)), on_call(&world, day(3))), (vec!["bo".into()], vec!["ana".into()]));
        assert_eq!(told(&world), [] as [String; 0]);
        // Nobody is left: never a hole, but a word.
        let read = CalendarRead {
            of: CalendarUse::Absences("bo".into()),
            hash: 1,
            days: vec![],
            away: vec![(day(1), day(2))],
        };
        world.input(minute(1), Input::Calendar(Arc::new(read)));
        assert_eq!(on_call(&world, day(1)), ["ana"]);
        assert_eq!(told(&world).first().map(String::as_str), Some("ana by slack:main"));
    }

    #[test]
    fn what_was_told_is_forgotten_and_one_look_finds_so_many() {
        let mut world = world_with(WhenAbsent::Warn);
        away(&mut world, minute(0), vec![(day(1), day(2))]);
        assert_eq!(world.engine.state().absences.told.len(), 1);
        world.until(day(1).plus(limits::ABSENCE_TOLD_KEPT).minus(Span::from_millis(1)));
        assert_eq!(world.engine.state().absences.told.len(), 1);
        world.until(day(3).plus(limits::ABSENCE_TOLD_KEPT));
        assert!(world.engine.state().absences.told.is_empty());
        for more in [0, 1] {
            let times = 0..i64::try_from(limits::ABSENCE_CONFLICTS_MAX).unwrap() + more;
            let at = |n: i64| day(41).plus(Span::from_minutes(n));
            away(&mut world, day(40), times.map(|n| (at(4 * n), at(4 * n + 1))).collect());
            let state = world.engine.state();
            let found = conflicts(world.engine.policy(), &state.rota, day(41), day(42));
            assert_eq!(found.len(), limits::ABSENCE_CONFLICTS_MAX);
        }
    }

    #[test]
    fn days_off_of_a_calendar_switch_layers_off() {
        let mut world = world_with(WhenAbsent::Warn);
        let days = vec![jiff::civil::date(2025, 11, 22)];
        let read = CalendarRead { of: CalendarUse::Holidays("de".into()), hash: 1, days, away: vec![] };
        world.input(minute(0), Input::Calendar(Arc::new(read)));
        assert_eq!(
            (on_call(&world, day(0)).len(), on_call(&world, day(1)).len(), on_call(&world, day(2)).len()),
            (1, 0, 1)
        );
        let again = Engine::from_state(world.engine.state().clone(), Arc::clone(world.engine.policy()));
        assert!(again.state().rota.schedule(again.policy(), "checkout").unwrap().on_call(day(1)).is_empty());
    }
}
