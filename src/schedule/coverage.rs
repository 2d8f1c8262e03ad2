//! What can be proven about a schedule over a span of time, for `callout check`: holes, people in two roles at once, people who never serve.

use std::collections::BTreeSet;

use super::people::Shift;
use super::resolve::Schedule;
use super::spec::{OverrideKind, ScheduleSpec};
use crate::domain::{Name, Timestamp};

/// Time `[start, end)` that is not covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Inclusive.
    pub start: Timestamp,
    /// Exclusive.
    pub end: Timestamp,
    /// The first role, which nobody has while somebody has another; `None`: nobody is on call at all.
    pub role: Option<Name>,
}

/// Somebody who has two or more roles at once in `[start, end)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoubleBooked {
    /// Who.
    pub person: Name,
    /// The roles, in the schedule's order.
    pub roles: Vec<Name>,
    /// Inclusive.
    pub start: Timestamp,
    /// Exclusive.
    pub end: Timestamp,
}

/// The holes of `[from, to)` in order: where nobody is on call at all, and where only the first role is with nobody. They do not overlap.
pub fn holes(schedule: &Schedule, from: Timestamp, to: Timestamp) -> Vec<Hole> {
    let first = schedule.spec().roles.first();
    let mut holes: Vec<Hole> = Vec::new();
    for shift in schedule.timeline(from, to) {
        let role = if shift.on_call.is_empty() {
            None
        } else if first.is_some_and(|role| shift.on_call.role(role).is_some_and(<[Name]>::is_empty)) {
            first.cloned()
        } else {
            continue;
        };
        match holes.last_mut() {
            Some(last) if last.end == shift.start && last.role == role => last.end = shift.end,
            _ => holes.push(Hole { start: shift.start, end: shift.end, role }),
        }
    }
    holes
}

/// Everybody who has several roles at once in `[from, to)`, in order of the beginning, then of the person.
pub fn double_booked(schedule: &Schedule, from: Timestamp, to: Timestamp) -> Vec<DoubleBooked> {
    let mut found: Vec<DoubleBooked> = Vec::new();
    for shift in schedule.timeline(from, to) {
        for person in shift.on_call.users() {
            let roles = roles_of(&shift, &person);
            if roles.len() < 2 {
                continue;
            }
            // The one before ends where this shift starts, if it is the same one.
            let same = |d: &&mut DoubleBooked| d.end == shift.start && d.person == person && d.roles == roles;
            match found.iter_mut().rev().find(same) {
                Some(last) => last.end = shift.end,
                None => found.push(DoubleBooked { person, roles, start: shift.start, end: shift.end }),
            }
        }
    }
    found
}

fn roles_of(shift: &Shift, person: &Name) -> Vec<Name> {
    let has = |(role, people): (Option<&Name>, &[Name])| role.filter(|_| people.contains(person)).cloned();
    shift.on_call.by_role().filter_map(has).collect()
}

/// Who is named as somebody to serve in `[from, to)` (in a layer or an override that reaches into it) and has no shift there.
/// People of layers that are over, and of those yet to begin, are not meant.
pub fn never_serves(schedule: &Schedule, from: Timestamp, to: Timestamp) -> BTreeSet<Name> {
    let mut idle = serving(schedule.spec(), from, to);
    for shift in schedule.timeline(from, to) {
        if idle.is_empty() {
            break;
        }
        for (_, people) in shift.on_call.by_role() {
            for person in people {
                idle.remove(person);
            }
        }
    }
    idle
}

fn serving(spec: &ScheduleSpec, from: Timestamp, to: Timestamp) -> BTreeSet<Name> {
    let mut names = BTreeSet::new();
    for layer in &spec.layers {
        let tz = &layer.timezone.as_ref().unwrap_or(&spec.timezone).tz;
        // A civil time beyond the calendar is no reason to leave anybody out.
        let instant = |civil| tz.to_timestamp(civil).ok().map(Timestamp::from_jiff);
        let begins = instant(layer.start).is_none_or(|start| start < to);
        let goes_on = layer.end.and_then(instant).is_none_or(|end| end > from);
        if begins && goes_on {
            names.extend(layer.turns.iter().flatten().cloned());
        }
    }
    for change in spec.overrides.iter().filter(|o| o.start < to && o.end > from) {
        names.extend(stepping_in(&change.kind).cloned());
    }
    names
}

/// Who an override puts on call.
fn stepping_in(kind: &OverrideKind) -> impl Iterator<Item = &Name> {
    let (many, one): (&[Name], Option<&Name>) = match kind {
        OverrideKind::Set(users) | OverrideKind::Add(users) => (users, None),
        OverrideKind::Replace { with, .. } => (&[], Some(with)),
        OverrideKind::Remove(_) | OverrideKind::Swap(..) => (&[], None),
    };
    many.iter().chain(one)
}

/// Everybody whom the definition names, in layers and overrides, past and future.
pub fn people(schedule: &Schedule) -> BTreeSet<Name> {
    let spec = schedule.spec();
    let mut names: BTreeSet<Name> =
        spec.layers.iter().flat_map(|layer| layer.turns.iter().flatten().cloned()).collect();
    for change in &spec.overrides {
        names.extend(stepping_in(&change.kind).cloned());
        match &change.kind {
            OverrideKind::Replace { user, .. } | OverrideKind::Remove(user) => names.extend([user.clone()]),
            OverrideKind::Swap(a, b) => names.extend([a.clone(), b.clone()]),
            OverrideKind::Set(_) | OverrideKind::Add(_) => {}
        }
    }
    names
}
