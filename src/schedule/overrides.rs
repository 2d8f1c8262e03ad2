//! Overrides: what people changed, applied after the layers in listed order, each on the result of the one before.

use super::clock::Steady;
use super::people::{Duty, People, people};
use super::spec::{Override, OverrideKind, ScheduleSpec};
use crate::domain::Name;

/// The overrides of a schedule, with a table of which of them hold when.
#[derive(Clone, Debug)]
pub(crate) struct Overrides {
    changes: Vec<Change>,
    /// The instants at which the set of overrides that hold changes, in order, with the numbers of those that hold from there on, in listed order.
    epochs: Vec<(i64, Box<[usize]>)>,
}

#[derive(Clone, Debug)]
struct Change {
    /// The number of the role; `None`: all of them.
    role: Option<usize>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Set(People),
    Replace { user: Name, with: Name },
    Add(People),
    Remove(Name),
    Swap(Name, Name),
}

impl Overrides {
    pub fn new(spec: &ScheduleSpec) -> Self {
        // One that names a role the schedule does not have changes nothing; `config` has refused it before.
        let known = |o: &&Override| o.start < o.end && o.role.as_ref().is_none_or(|role| spec.roles.contains(role));
        let held: Vec<&Override> = spec.overrides.iter().filter(known).collect();
        let mut instants: Vec<i64> = held.iter().flat_map(|o| [o.start.as_millis(), o.end.as_millis()]).collect();
        instants.sort_unstable();
        instants.dedup();
        let holding = |at: i64| {
            (0..held.len()).filter(|n| held[*n].start.as_millis() <= at && at < held[*n].end.as_millis()).collect()
        };
        Self {
            epochs: instants.into_iter().map(|at| (at, holding(at))).collect(),
            changes: held.iter().map(|o| Change::new(o, spec)).collect(),
        }
    }

    /// Changes what the layers say at `at`; answers while the same overrides hold.
    pub fn apply(&self, at: i64, duties: &mut [Duty]) -> Steady {
        let next = self.epochs.partition_point(|(from, _)| *from <= at);
        let now = next.checked_sub(1).and_then(|now| self.epochs.get(now));
        if let Some((_, holding)) = now {
            for change in holding.iter().filter_map(|n| self.changes.get(*n)) {
                match change.role {
                    Some(role) => duties.get_mut(role).into_iter().for_each(|duty| change.apply(duty)),
                    None => duties.iter_mut().for_each(|duty| change.apply(duty)),
                }
            }
        }
        Steady {
            since: now.map_or(i64::MIN, |(from, _)| *from),
            until: self.epochs.get(next).map_or(i64::MAX, |(from, _)| *from),
        }
    }
}

impl Change {
    fn new(spec: &Override, schedule: &ScheduleSpec) -> Self {
        let kind = match &spec.kind {
            OverrideKind::Set(users) => Kind::Set(people(users)),
            OverrideKind::Replace { user, with } => Kind::Replace { user: user.clone(), with: with.clone() },
            OverrideKind::Add(users) => Kind::Add(people(users)),
            OverrideKind::Remove(user) => Kind::Remove(user.clone()),
            OverrideKind::Swap(a, b) => Kind::Swap(a.clone(), b.clone()),
        };
        let role = spec.role.as_ref().and_then(|role| schedule.roles.iter().position(|name| name == role));
        Self { role, kind }
    }

    fn apply(&self, duty: &mut Duty) {
        let old = &duty.people;
        let map = |f: &dyn Fn(&Name) -> Name| people(&old.iter().map(f).collect::<Vec<_>>());
        let new = match &self.kind {
            Kind::Set(users) => users.clone(),
            Kind::Replace { user, with } if old.contains(user) => {
                map(&|name| if name == user { with.clone() } else { name.clone() })
            }
            Kind::Add(users) => people(&[&**old, &**users].concat()),
            Kind::Remove(user) if old.contains(user) => old.iter().filter(|name| *name != user).cloned().collect(),
            Kind::Swap(a, b) if old.contains(a) || old.contains(b) => map(&|name| {
                if name == a {
                    b.clone()
                } else if name == b {
                    a.clone()
                } else {
                    name.clone()
                }
            }),
            Kind::Replace { .. } | Kind::Remove(_) | Kind::Swap(..) => return,
        };
        if new != *old {
            duty.people = new;
            duty.overridden = true;
        }
    }
}
