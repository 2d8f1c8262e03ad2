//! Shifts as a calendar: of a person, a schedule, or all schedules of a team, a month back and a year ahead.
//!
//! An event is one person in one role of one schedule without a break. Its UID follows from these and its beginning, so that it stays the
//! same while the end moves. The window begins and ends with days, so that a calendar only changes when something about it does, or once a day.

use std::collections::{BTreeMap, BTreeSet};

use super::oncall::schedules_of;
use crate::domain::{Name, Span, Timestamp};
use crate::engine::calendar::CalendarOf;
use crate::engine::{Policy, State};
use crate::ical::{Calendar, Event};
use crate::schedule::Schedule;

/// A calendar shows shifts that ended so long ago.
const BACK: Span = Span::from_hours(31 * 24);
/// A calendar shows shifts that begin within so long.
const AHEAD: Span = Span::from_hours(366 * 24);
/// Events of a calendar. Beyond: it ends there, and the next day shows further ones.
pub const CALENDAR_EVENTS_MAX: usize = 10_000;

/// Somebody in a role without a break.
struct Stretch {
    schedule: Name,
    role: Option<Name>,
    person: Name,
    start: Timestamp,
    end: Timestamp,
}

/// The calendar as it stands; `None` when there is no such person, schedule or team.
#[must_use]
pub fn calendar(state: &State, policy: &Policy, of: &CalendarOf, now: Timestamp) -> Option<Calendar> {
    let (names, person): (BTreeSet<&Name>, Option<&Name>) = match of {
        CalendarOf::Person(id) => {
            policy.people.get(id)?;
            (policy.schedules.keys().collect(), Some(id))
        }
        CalendarOf::Schedule(name) => (BTreeSet::from([policy.schedules.get_key_value(name)?.0]), None),
        CalendarOf::Team(name) => (schedules_of(policy, name)?, None),
    };
    let today = midnight(now);
    let mut stretches = Vec::new();
    for name in names {
        let Some(schedule) = state.rota.schedule(policy, name) else { continue };
        stretches.extend(stretches_of(name, schedule, person, today));
    }
    bound(&mut stretches);
    let events = stretches.iter().map(|stretch| event(state, policy, stretch, person.is_some(), today)).collect();
    let title = match of {
        CalendarOf::Person(id) => format!("On call: {}", name_of(policy, id)),
        CalendarOf::Schedule(name) => format!("On call in {name}"),
        CalendarOf::Team(name) => format!("On call for {name}"),
    };
    Some(Calendar { name: title, events })
}

/// In order, and no more than a calendar may have.
fn bound(stretches: &mut Vec<Stretch>) {
    let order = |a: &Stretch, b: &Stretch| {
        (a.start, &a.schedule, &a.role, &a.person).cmp(&(b.start, &b.schedule, &b.role, &b.person))
    };
    stretches.sort_by(order);
    stretches.truncate(CALENDAR_EVENTS_MAX);
}

/// The day's beginning in UTC.
fn midnight(now: Timestamp) -> Timestamp {
    let day = Span::from_hours(24).as_millis();
    Timestamp::from_millis(now.as_millis() - now.as_millis().rem_euclid(day))
}

fn name_of(policy: &Policy, id: &Name) -> String {
    policy.people.get(id).map_or_else(|| id.to_string(), |person| person.name.clone())
}

/// Each person in each role, without a break, in a window of days. What reaches over its edges keeps its true beginning and end, as far as
/// they can be seen from there.
fn stretches_of(name: &Name, schedule: &Schedule, only: Option<&Name>, today: Timestamp) -> Vec<Stretch> {
    let (from, to) = (today.minus(BACK), today.plus(AHEAD));
    let mut open: BTreeMap<(Option<Name>, Name), Stretch> = BTreeMap::new();
    let mut done = Vec::new();
    for shift in schedule.timeline(from, to) {
        let mut present = BTreeSet::new();
        for (role, people) in shift.on_call.by_role() {
            for person in people.iter().filter(|person| only.is_none_or(|only| only == *person)) {
                let key = (role.cloned(), person.clone());
                present.insert(key.clone());
                let stretch = open.entry(key).or_insert_with(|| Stretch {
                    schedule: name.clone(),
                    role: role.cloned(),
                    person: person.clone(),
                    start: shift.start,
                    end: shift.end,
                });
                stretch.end = shift.end;
            }
        }
        let over: Vec<_> = open.keys().filter(|key| !present.contains(*key)).cloned().collect();
        done.extend(over.iter().filter_map(|key| open.remove(key)));
    }
    done.extend(open.into_values());
    for stretch in &mut done {
        let answer = |at| schedule.answer(stretch.role.as_deref(), at);
        if stretch.start == from {
            stretch.start = answer(from).since.unwrap_or(from);
        }
        if stretch.end == to {
            stretch.end = answer(to.minus(Span::from_millis(1))).until.unwrap_or(to);
        }
    }
    done
}

fn event(state: &State, policy: &Policy, stretch: &Stretch, of_person: bool, today: Timestamp) -> Event {
    let Stretch { schedule, role, person, start, end } = stretch;
    let place = role.as_ref().map_or_else(|| schedule.to_string(), |role| format!("{schedule} ({role})"));
    let summary = if of_person { format!("On call: {place}") } else { format!("{}: {place}", name_of(policy, person)) };
    let changes: Vec<_> = state
        .stand_ins
        .of(schedule)
        .filter(|made| made.asked.change.start < *end && *start < made.asked.change.end)
        .collect();
    let mut lines: Vec<String> = changes
        .iter()
        .map(|made| {
            let why = if made.asked.why.is_empty() { String::new() } else { format!(": {}", made.asked.why) };
            let what = crate::engine::stand_in::said(&made.asked.change.kind);
            format!("Override {} by {} ({what}){why}", made.id, made.by.label())
        })
        .collect();
    let on_offer = state.stand_ins.swaps.values().filter(|swap| {
        let offer = &swap.offer;
        let this = offer.person == *person && offer.schedule == *schedule;
        swap.is_open() && this && offer.start < *end && *start < offer.end
    });
    lines.extend(on_offer.map(|swap| format!("On offer as {}", swap.id)));
    let modified = changes.iter().map(|made| made.made_at).max();
    let identity =
        format!("{schedule}\u{1f}{}\u{1f}{person}\u{1f}{}", role.as_deref().unwrap_or_default(), start.as_millis());
    let hash = xxhash_rust::xxh3::xxh3_128(identity.as_bytes());
    Event {
        uid: format!("{hash:032x}@{}.callout", policy.organisation.name),
        stamp: modified.unwrap_or(today).max(today),
        start: *start,
        end: *end,
        summary,
        description: lines.join("\n"),
        modified,
        sequence: changes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calendar_has_so_many_events_the_first_ones() {
        let stretch = |n: i64| Stretch {
            schedule: "checkout".into(),
            role: None,
            person: "ana".into(),
            start: Timestamp::from_seconds(n),
            end: Timestamp::from_seconds(n + 1),
        };
        let most = i64::try_from(CALENDAR_EVENTS_MAX).unwrap();
        for more in [0, 1] {
            let mut stretches: Vec<Stretch> = (0..most + more).rev().map(stretch).collect();
            bound(&mut stretches);
            assert_eq!(stretches.len(), CALENDAR_EVENTS_MAX);
            assert_eq!(stretches.last().map(|last| last.start), Some(Timestamp::from_seconds(most - 1)));
        }
    }
}
