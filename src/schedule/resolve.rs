//! The one place that answers who is on call: layers from the top down, role by role, then overrides.
//!
//! Every answer comes with an interval in which it cannot change; walking from one to the next gives shifts and changes.

use std::sync::Arc;

use jiff::civil::Date;

use super::absences::{Absences, Away};
use super::clock::{Clock, Steady};
use super::layer::LayerPlan;
use super::overrides::Overrides;
use super::people::{Answer, Duty, OnCall, People, Shift};
use super::spec::{Override, ScheduleSpec, Zone};
use crate::domain::{Name, Span, Timestamp};

/// A schedule that can be asked. Immutable; prepared once, the answers depend on nothing but the definition and the instant.
#[derive(Debug, Clone)]
pub struct Schedule {
    spec: ScheduleSpec,
    roles: Arc<[Name]>,
    /// As in the definition, bottom first.
    layers: Vec<LayerPlan>,
    absences: Absences,
    overrides: Overrides,
    nobody: People,
}

/// 2101-01-01: no change is looked for from here on.
const CHANGES_END: i64 = 4_133_980_800_000;
/// How far an answer looks back and ahead.
const EXPLAINED: Span = Span::from_hours(400 * 24);

impl Schedule {
    /// Prepares a definition that `config` has checked. What it would have refused is harmless here: it puts nobody on call.
    pub fn new(spec: ScheduleSpec) -> Self {
        let mut clocks: Vec<(&Zone, Arc<Clock>)> = Vec::new();
        let mut layers = Vec::with_capacity(spec.layers.len());
        for layer in &spec.layers {
            let zone = layer.timezone.as_ref().unwrap_or(&spec.timezone);
            let known = clocks.iter().find(|(other, _)| *other == zone).map(|(_, clock)| Arc::clone(clock));
            let clock = known.unwrap_or_else(|| {
                let clock = Arc::new(Clock::new(&zone.tz));
                clocks.push((zone, Arc::clone(&clock)));
                clock
            });
            layers.push(LayerPlan::new(layer, &spec, clock));
        }
        Self {
            roles: spec.roles.clone().into(),
            absences: Absences::default(),
            overrides: Overrides::new(&spec),
            layers,
            nobody: Arc::new([]),
            spec,
        }
    }

    /// The same with further days on which layers are off, as calendars say them that were read while callout runs.
    #[must_use]
    pub fn with_days_off<'a>(&self, days: impl Fn(&Name) -> &'a [Date]) -> Self {
        let mut spec = self.spec.clone();
        for (number, calendar) in &self.spec.live.off {
            if let Some(layer) = spec.layers.get_mut(*number) {
                layer.exclude_dates.extend_from_slice(days(calendar));
                layer.exclude_dates.sort_unstable();
                layer.exclude_dates.dedup();
            }
        }
        Self::new(spec)
    }

    /// The same while people are away: the next of their layer who is there steps in.
    #[must_use]
    pub fn with_absences(&self, away: Away) -> Self {
        Self { absences: Absences::new(away), ..self.clone() }
    }

    /// The same layers with other overrides instead. Cheaper than [`Schedule::new`], which reads the zones anew.
    #[must_use]
    pub fn with_overrides(&self, overrides: Vec<Override>) -> Self {
        let mut other = self.clone();
        other.spec.overrides = overrides;
        other.overrides = Overrides::new(&other.spec);
        other
    }

    /// The definition.
    pub fn spec(&self) -> &ScheduleSpec {
        &self.spec
    }

    /// Who is on call at an instant.
    pub fn on_call(&self, at: Timestamp) -> OnCall {
        self.look::<false>(at.as_millis()).0
    }

    /// Who is on call when in `[from, to)`: neighbours with the same people are one shift, time with nobody has none, shifts are cut at the window.
    pub fn shifts(&self, from: Timestamp, to: Timestamp) -> Vec<Shift> {
        self.timeline(from, to).filter(|shift| !shift.on_call.is_empty()).collect()
    }

    /// The first instant after `at` at which other people are on call, or the same ones in other roles.
    /// `None`: never before the year 2101.
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let (now, steady) = self.resolve(at.as_millis());
        self.end_of(steady, CHANGES_END, |then| then.same_people(&now))
    }

    /// Like [`Schedule::shifts`], with the time in which nobody is on call as shifts of nobody: the result covers `[from, to)` without holes.
    pub fn timeline(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = Shift> {
        let mut parts = self.parts(from.as_millis(), to.as_millis()).peekable();
        std::iter::from_fn(move || {
            let (start, mut end, on_call) = parts.next()?;
            while let Some((_, next, _)) = parts.next_if(|(_, _, other)| other.same_people(&on_call)) {
                end = next;
            }
            Some(Shift { start: Timestamp::from_millis(start), end: Timestamp::from_millis(end), on_call })
        })
    }

    /// Who has each role at an instant and why, in the order of roles; one item in a schedule without roles.
    pub fn explain(&self, at: Timestamp) -> Vec<Answer> {
        let (now, steady) = self.resolve(at.as_millis());
        now.duties.iter().enumerate().map(|(role, duty)| self.answer_for(at, role, duty, steady)).collect()
    }

    /// Who has `role` at an instant and why; without `role` the first one, or everybody of a schedule without roles.
    /// A role that the schedule does not have is with nobody.
    pub fn answer(&self, role: Option<&str>, at: Timestamp) -> Answer {
        let (now, steady) = self.resolve(at.as_millis());
        let number = role.map_or(Some(0), |role| self.roles.iter().position(|name| name == role));
        match number.and_then(|number| Some((number, now.duties.get(number)?))) {
            Some((number, duty)) => self.answer_for(at, number, duty, steady),
            None => Answer {
                role: role.map(Name::from),
                users: Vec::new(),
                layer: None,
                since: None,
                until: None,
                overridden: false,
            },
        }
    }

    fn answer_for(&self, at: Timestamp, number: usize, duty: &Duty, steady: Steady) -> Answer {
        let same = |on_call: &OnCall| on_call.duties.get(number).is_some_and(|then| then.people == duty.people);
        Answer {
            role: self.roles.get(number).cloned(),
            users: duty.people.to_vec(),
            layer: duty.layer.and_then(|n| self.spec.layers.get(n)).map(|layer| layer.name.clone()),
            since: self.beginning_of(steady, at.minus(EXPLAINED).as_millis(), same),
            until: self.end_of(steady, at.plus(EXPLAINED).as_millis(), same),
            overridden: duty.overridden,
        }
    }

    /// The first instant from the end of `steady` on, and before `limit`, at which it is not the same.
    fn end_of(&self, steady: Steady, limit: i64, same: impl Fn(&OnCall) -> bool) -> Option<Timestamp> {
        let mut until = steady.until;
        while until < limit {
            let (then, steady) = self.resolve(until);
            if !same(&then) {
                return Some(Timestamp::from_millis(until));
            }
            until = steady.until;
        }
        None
    }

    /// The instant up to the beginning of `steady`, and after `limit`, from which on it has been the same.
    fn beginning_of(&self, steady: Steady, limit: i64, same: impl Fn(&OnCall) -> bool) -> Option<Timestamp> {
        let mut since = steady.since;
        while since > limit {
            let (before, steady) = self.resolve(since - 1);
            if !same(&before) {
                return Some(Timestamp::from_millis(since));
            }
            since = steady.since;
        }
        None
    }

    /// `[from, to)` in parts, each with its people; neighbours may be alike.
    fn parts(&self, from: i64, to: i64) -> impl Iterator<Item = (i64, i64, OnCall)> {
        let mut at = from;
        std::iter::from_fn(move || {
            (at < to).then(|| {
                let (on_call, steady) = self.resolve(at);
                let start = std::mem::replace(&mut at, steady.until.min(to));
                (start, at, on_call)
            })
        })
    }

    /// Who is on call at `at`, and an interval around it in which that cannot change.
    fn resolve(&self, at: i64) -> (OnCall, Steady) {
        self.look::<true>(at)
    }

    /// Who is on call at `at`. The interval means something only with `EDGES`.
    fn look<const EDGES: bool>(&self, at: i64) -> (OnCall, Steady) {
        let roles = self.roles.len().max(1);
        let mut duties = vec![Duty { people: Arc::clone(&self.nobody), layer: None, overridden: false }; roles];
        let mut steady = Steady::ALWAYS;
        let mut open = roles;
        for (number, layer) in self.layers.iter().enumerate().rev() {
            if open == 0 {
                // Whatever lies below is hidden, and what becomes of it does not matter until something above changes.
                break;
            }
            let is_open = |role: usize, duties: &[Duty]| duties[role].layer.is_none() && layer.fills(role);
            if !(0..roles).any(|role| is_open(role, &duties)) {
                continue;
            }
            let now = layer.look::<EDGES>(at);
            steady = steady.and(now.steady);
            let Some(turn) = now.turn else { continue };
            for role in 0..roles {
                if is_open(role, &duties)
                    && let Some(people) = layer.who(turn, role)
                {
                    duties[role] = Duty { people: Arc::clone(people), layer: Some(number), overridden: false };
                    open -= 1;
                }
            }
        }
        steady = steady.and(self.absences.apply(at, &mut duties, &self.spec.layers));
        steady = steady.and(self.overrides.apply(at, &mut duties));
        (OnCall { roles: Arc::clone(&self.roles), duties }, steady)
    }
}
