//! A second evaluator that shares no code with the first: it steps through every minute and asks jiff about everything.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{ToSpan, Unit};

use super::tape::Tape;
use super::*;

type Who = Vec<BTreeSet<Name>>;

/// A layer with everything it needs between two instants spelled out.
struct Spelled<'a> {
    layer: &'a Layer,
    tz: &'a TimeZone,
    start: jiff::Timestamp,
    end: Option<jiff::Timestamp>,
    /// When each turn begins.
    turns: Vec<jiff::Timestamp>,
    windows: Vec<(jiff::Timestamp, jiff::Timestamp)>,
}

fn read(tz: &TimeZone, civil: DateTime) -> jiff::Timestamp {
    tz.to_ambiguous_timestamp(civil).compatible().unwrap()
}

fn was_skipped(tz: &TimeZone, date: Date) -> bool {
    (0..24).all(|hour| {
        let gap = tz.to_ambiguous_timestamp(date.at(hour, 0, 0, 0)).offset();
        matches!(gap, AmbiguousOffset::Gap { .. })
    })
}

fn labels(layer: &Layer, last: DateTime) -> Vec<DateTime> {
    let anchor = layer.anchor.unwrap_or(layer.start);
    let mut labels = vec![anchor];
    match &layer.rotation {
        Rotation::None => {}
        Rotation::Every { unit: RotationUnit::Day, every, on } if !on.is_empty() => {
            let mut label = anchor;
            let mut passed = 0;
            while label <= last {
                label = label.checked_add(1.day()).unwrap();
                if on.contains(&label.weekday()) {
                    passed += 1;
                    if passed % every == 0 {
                        labels.push(label);
                    }
                }
            }
        }
        Rotation::Every { unit, every, .. } => {
            for n in 1_i64.. {
                let n = n * i64::from(*every);
                let span = match unit {
                    RotationUnit::Hour => n.hours(),
                    RotationUnit::Day => n.days(),
                    RotationUnit::Week => n.weeks(),
                    RotationUnit::Month => n.months(),
                };
                let label = anchor.checked_add(span).unwrap();
                labels.push(label);
                if label > last {
                    break;
                }
            }
        }
        Rotation::Cron(text) => {
            let cron: croner::Cron = croner::parser::CronParser::builder()
                .seconds(croner::parser::Seconds::Optional)
                .build()
                .parse(text)
                .unwrap();
            let mut label = anchor.to_zoned(TimeZone::UTC).unwrap();
            while label.datetime() <= last {
                label = cron.find_next_occurrence(&label, false).unwrap();
                labels.push(label.datetime());
            }
        }
    }
    labels
}

fn spell<'a>(layer: &'a Layer, spec: &'a ScheduleSpec, from: jiff::Timestamp, to: jiff::Timestamp) -> Spelled<'a> {
    let tz = &layer.timezone.as_ref().unwrap_or(&spec.timezone).tz;
    let last = tz.to_datetime(to).checked_add(3.days()).unwrap();
    let mut windows = Vec::new();
    let mut date = tz.to_datetime(from).date().checked_sub(12.days()).unwrap();
    while date <= last.date() {
        let next = date.tomorrow().unwrap();
        for restriction in &layer.restrictions {
            let (begins, from, to) = match restriction {
                Restriction::Daily { days, from, to } => {
                    let end = match to {
                        Some(to) if to > from => date.to_datetime(*to),
                        Some(to) => next.to_datetime(*to),
                        None => next.at(0, 0, 0, 0),
                    };
                    (days.is_empty() || days.contains(&date.weekday()), *from, end)
                }
                Restriction::Weekly { from_day, from, to_day, to } => {
                    let mut end = date;
                    while end.weekday() != *to_day
                        || to.is_some_and(|to| end.to_datetime(to) <= date.to_datetime(*from))
                    {
                        end = end.tomorrow().unwrap();
                    }
                    let end = to.map_or_else(|| end.tomorrow().unwrap().at(0, 0, 0, 0), |to| end.to_datetime(to));
                    (date.weekday() == *from_day, *from, end)
                }
            };
            if begins && !was_skipped(tz, date) {
                windows.push((read(tz, date.to_datetime(from)), read(tz, to)));
            }
        }
        date = next;
    }
    Spelled {
        layer,
        tz,
        start: read(tz, layer.start),
        end: layer.end.map(|end| read(tz, end)),
        turns: labels(layer, last).into_iter().map(|label| read(tz, label)).collect(),
        windows,
    }
}

impl Spelled<'_> {
    fn who(&self, spec: &ScheduleSpec, t: jiff::Timestamp) -> Who {
        let nobody = vec![BTreeSet::new(); spec.roles.len().max(1)];
        let date = self.tz.to_datetime(t).date();
        let layer = self.layer;
        let silent = t < self.start
            || self.end.is_some_and(|end| t >= end)
            || layer.exclude_dates.contains(&date)
            || layer.only_dates.as_ref().is_some_and(|dates| !dates.contains(&date))
            || (!layer.restrictions.is_empty() && !self.windows.iter().any(|(from, to)| *from <= t && t < *to));
        if silent {
            return nobody;
        }
        let turn = self.turns.iter().rposition(|begin| *begin <= t).unwrap_or(0);
        let entry = |n: usize| layer.turns[n % layer.turns.len()].iter().cloned().collect();
        if spec.roles.is_empty() {
            return vec![entry(turn)];
        }
        let filled = layer.roles.as_ref().unwrap_or(&spec.roles);
        let role = |role: &Name| match filled.iter().position(|name| name == role) {
            Some(place) if place < layer.turns.len() => entry(turn + place),
            _ => BTreeSet::new(),
        };
        spec.roles.iter().map(role).collect()
    }
}

fn who(spec: &ScheduleSpec, layers: &[Spelled], t: jiff::Timestamp) -> Who {
    let mut who: Who = vec![BTreeSet::new(); spec.roles.len().max(1)];
    for layer in layers {
        for (role, users) in layer.who(spec, t).into_iter().enumerate() {
            if !users.is_empty() {
                who[role] = users;
            }
        }
    }
    for change in &spec.overrides {
        if t < change.start.to_jiff() || t >= change.end.to_jiff() {
            continue;
        }
        for (role, users) in who.iter_mut().enumerate() {
            if change.role.as_ref().is_some_and(|name| spec.roles[role] != *name) {
                continue;
            }
            *users = changed(&change.kind, users);
        }
    }
    who
}

fn changed(kind: &OverrideKind, users: &BTreeSet<Name>) -> BTreeSet<Name> {
    let mut users = users.clone();
    match kind {
        OverrideKind::Set(people) => people.iter().cloned().collect(),
        OverrideKind::Add(people) => users.into_iter().chain(people.iter().cloned()).collect(),
        OverrideKind::Replace { user, with } => {
            if users.remove(user) {
                users.insert(with.clone());
            }
            users
        }
        OverrideKind::Remove(user) => {
            users.remove(user);
            users
        }
        OverrideKind::Swap(a, b) => {
            let (had_a, had_b) = (users.remove(a), users.remove(b));
            users.extend(had_a.then(|| b.clone()));
            users.extend(had_b.then(|| a.clone()));
            users
        }
    }
}

#[test]
fn an_evaluator_that_steps_through_every_minute_agrees() {
    run(|numbers| {
        let mut tape = Tape::new(numbers);
        let spec = tape.spec();
        let focus = tape.focus_at.to_jiff().round(Unit::Minute).unwrap();
        // Close to the change is where it matters; a skipped date needs more.
        let hours = if tape.below(4) == 0 { 30 } else { 5 };
        let (from, to) = (focus - hours.hours(), focus + hours.hours());
        let layers: Vec<Spelled> = spec.layers.iter().map(|layer| spell(layer, &spec, from, to)).collect();
        let schedule = Schedule::new(spec.clone());

        let mut changes = Vec::new();
        let mut last: Option<Who> = None;
        let mut t = from;
        while t < to {
            let expected = who(&spec, &layers, t);
            let found = schedule.on_call(Timestamp::from_jiff(t));
            let found: Who = found.by_role().map(|(_, users)| users.iter().cloned().collect()).collect();
            prop_assert_eq!(&found, &expected, "at {} in {:#?}", t, spec);
            if last.as_ref().is_some_and(|last| *last != expected) {
                changes.push(Timestamp::from_jiff(t));
            }
            last = Some(expected);
            t += 1.minute();
        }
        let found: Vec<Timestamp> =
            std::iter::successors(schedule.next_change(Timestamp::from_jiff(from)), |t| schedule.next_change(*t))
                .take_while(|t| *t < Timestamp::from_jiff(to))
                .collect();
        prop_assert_eq!(found, changes, "changes of {:#?}", spec);
        Ok(())
    });
}
