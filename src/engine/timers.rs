//! Deadlines, derived from the state and rebuilt with it. An entry may be earlier than the true deadline, never later:
//! whoever pops one looks at the state and sets the next.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::digest::{Digest, Stage};
use super::limits;
use super::response::Postmortem;
use super::state::{Alert, AlertScope, Incident, ScopeKey, State, Status};
use super::transition::Suppressor;
use crate::domain::{
    DigestId, EventKind, Fingerprint, IncidentId, Name, OverrideId, SilenceId, Source, SwapId, Timestamp,
};

/// Why the engine wants to be woken. Ties break by this order, then by id. Stored, so new ones go to the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Timer {
    /// The next escalation step or way of a person, the end of an acknowledgement or of a snooze.
    Incident(IncidentId),
    /// The end of a source, or of what keeps it quiet.
    Alert(Fingerprint),
    /// Held counts are to be evaluated, or the scope can be forgotten.
    Scope(ScopeKey),
    /// A long-ended silence can be forgotten.
    Silence(SilenceId),
    /// Idempotency keys can be forgotten.
    Idempotency,
    /// A digest is due, or the next part of what is done to its incidents.
    Digest(DigestId),
    /// Minutes of counters are over.
    Minutes,
    /// A long-ended override can be forgotten.
    Override(OverrideId),
    /// An offered shift is not taken in time, or the request can be forgotten.
    Swap(SwapId),
    /// The next status update of an incident.
    Update(IncidentId),
    /// A postmortem is to be asked for, or a settled one can be forgotten.
    Postmortem(IncidentId),
    /// Somebody comes on call, or is to be told that they will.
    Handoff(Name),
    /// A long silence ends soon, or has ended.
    Reminder(SilenceId),
    /// Schedules are looked over for people who are on call while away.
    Absences,
}

impl std::fmt::Display for Timer {
    /// What it is about, for people: `of incident 17`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Incident(id) => write!(f, "of incident {id}"),
            Self::Alert(fingerprint) => write!(f, "of the source {fingerprint}"),
            Self::Scope(_) => f.write_str("of an alert rule"),
            Self::Silence(id) => write!(f, "of the silence {id}"),
            Self::Idempotency => f.write_str("of idempotency keys"),
            Self::Digest(id) => write!(f, "of the digest {id}"),
            Self::Minutes => f.write_str("of minutes of counters"),
            Self::Handoff(schedule) => write!(f, "of a handoff of {schedule}"),
            Self::Override(id) => write!(f, "of the override {id}"),
            Self::Swap(id) => write!(f, "of the swap request {id}"),
            Self::Update(id) => write!(f, "of the status update of incident {id}"),
            Self::Postmortem(id) => write!(f, "of the postmortem of incident {id}"),
            Self::Absences => f.write_str("of absences"),
            Self::Reminder(id) => write!(f, "of the end of silence {id}"),
        }
    }
}

/// All deadlines in order.
#[derive(Debug, Default)]
pub struct Timers(BTreeSet<(Timestamp, Timer)>);

impl Timers {
    /// Derives every deadline of `state`.
    #[must_use]
    pub fn rebuild(state: &State) -> Self {
        let mut timers = Self::default();
        for incident in state.incidents.values() {
            timers.set(incident_deadline(incident), Timer::Incident(incident.id));
            timers.set(incident.update_due, Timer::Update(incident.id));
        }
        for (id, postmortem) in &state.postmortems {
            timers.set(Some(postmortem_deadline(postmortem)), Timer::Postmortem(*id));
        }
        for (fingerprint, alert) in &state.alerts {
            timers.set(alert_deadline(state, alert), Timer::Alert(*fingerprint));
        }
        for (key, scope) in &state.scopes {
            timers.set(Some(scope_deadline(scope)), Timer::Scope(key.clone()));
        }
        for silence in state.silences.values() {
            timers.set(Some(silence.ends_at.plus(limits::SILENCE_KEPT)), Timer::Silence(silence.id));
            timers.set(super::quiet::reminder_deadline(state, silence.id), Timer::Reminder(silence.id));
        }
        for digest in state.digests.values() {
            timers.set(digest_deadline(digest), Timer::Digest(digest.id));
        }
        for (schedule, watch) in &state.handoffs {
            timers.set(watch.wake, Timer::Handoff(schedule.clone()));
        }
        let oldest = state.idempotency.values().map(|(_, at)| *at).min();
        timers.set(oldest.map(|at| at.plus(limits::IDEMPOTENCY_KEPT)), Timer::Idempotency);
        timers.set(state.counters.next_due(), Timer::Minutes);
        timers.set(super::absence::is_due(state), Timer::Absences);
        for made in state.stand_ins.overrides.values() {
            timers.set(Some(made.asked.change.end.plus(limits::OVERRIDE_KEPT)), Timer::Override(made.id));
        }
        for swap in state.stand_ins.swaps.values() {
            timers.set(Some(swap.deadline()), Timer::Swap(swap.id));
        }
        timers
    }

    /// Adds a deadline, if there is one.
    pub fn set(&mut self, at: Option<Timestamp>, timer: Timer) {
        if let Some(at) = at {
            self.0.insert((at, timer));
        }
    }

    /// The earliest deadline.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Takes the earliest deadline that is before `now`, or at `now` when `inclusive`.
    pub fn pop_due(&mut self, now: Timestamp, inclusive: bool) -> Option<(Timestamp, Timer)> {
        let (at, _) = self.0.first()?;
        if *at < now || (inclusive && *at == now) { self.0.pop_first() } else { None }
    }
}

/// When something about an incident is due by itself.
#[must_use]
pub fn incident_deadline(incident: &Incident) -> Option<Timestamp> {
    match &incident.status {
        Status::Triggered => {
            let chains = incident.chains.iter().filter_map(|chain| chain.due);
            incident.escalation.as_ref().and_then(|e| e.due).into_iter().chain(chains).min()
        }
        Status::Acknowledged { until, .. } => *until,
        Status::Snoozed { until, .. } => Some(*until),
        Status::Resolved { at, .. } => {
            let forgotten = at.plus(limits::RESOLVED_KEPT);
            Some(super::room::archive_at(incident).map_or(forgotten, |archived| archived.min(forgotten)))
        }
    }
}

/// When something about a source is due by itself: its end, the end of what keeps it quiet, or being forgotten.
#[must_use]
pub fn alert_deadline(state: &State, alert: &Alert) -> Option<Timestamp> {
    if !alert.firing {
        return Some(alert.updated_at.plus(limits::ENDED_ALERT_KEPT));
    }
    let open = alert.incident.is_some_and(|id| state.incidents.get(&id).is_some_and(|i| i.status.is_open()));
    let end = match alert.ends_at {
        Some(end) => Some(end),
        // callout knows by itself when it is over.
        None if open || alert.event.source == Source::Samples => None,
        None => Some(alert.updated_at.plus(limits::UNENDED_ALERT_KEPT)),
    };
    match (end, heard_again_at(state, alert)) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// When a postmortem is to be asked for, or forgotten once it is settled.
#[must_use]
pub fn postmortem_deadline(postmortem: &Postmortem) -> Timestamp {
    postmortem.settled.as_ref().map_or(postmortem.due, |settled| settled.at.plus(limits::POSTMORTEM_KEPT))
}

/// When a digest is due, or what is done to its incidents goes on.
#[must_use]
pub fn digest_deadline(digest: &Digest) -> Option<Timestamp> {
    let due = (digest.stage == Stage::Collecting).then_some(digest.due);
    let work = digest.work.as_ref().map(|work| work.at);
    due.into_iter().chain(work).min()
}

/// When a source that a silence or a maintenance window keeps quiet is to be judged again by itself. Only sources that last until
/// they are said to be over: a breach is a measurement of its moment, and telling of it hours later would help nobody.
#[must_use]
pub fn heard_again_at(state: &State, alert: &Alert) -> Option<Timestamp> {
    let lasting =
        alert.ends_at.is_some() || alert.event.kind == EventKind::Resource || alert.event.source == Source::Samples;
    match alert.suppressed.as_deref() {
        Some(Suppressor::Silence(id)) if lasting => {
            Some(state.silences.get(id).map_or(alert.updated_at, |silence| silence.ends_at))
        }
        Some(Suppressor::Maintenance { until, .. }) if lasting => Some(*until),
        _ => None,
    }
}

/// When held counts are due, or else when the scope can be forgotten.
#[must_use]
pub fn scope_deadline(scope: &AlertScope) -> Timestamp {
    if let Some((_, until)) = scope.held {
        return until;
    }
    let evaluated = scope.evaluated_at.map_or(Timestamp::MIN, |at| at.plus(limits::SCOPE_KEPT));
    scope.snoozed.as_ref().map_or(evaluated, |(_, until, _)| evaluated.max(*until))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::state::Purpose;
    use crate::engine::tests::{World, minute, policy, resource};
    use crate::engine::{Engine, Transition};

    /// A deadline that was set aside waits until then, also after a start from a snapshot; all others go on.
    #[test]
    fn a_deadline_that_is_set_aside_waits_and_the_others_go_on() {
        let mut world = World::new(policy());
        world.event(minute(0), resource("a"));
        world.event(minute(0), resource("b"));
        world.deliver(minute(0));
        let (deadline, until) = (Timer::Incident(IncidentId(1)), minute(75));
        world.engine.evolve(&Transition::DeadlineSetAside { deadline, until });
        world.engine = Engine::from_state(world.engine.state().clone(), std::sync::Arc::new(policy()));
        let paged = |world: &World| -> Vec<_> {
            let rows = world.engine.state().outbox.values();
            rows.filter(|row| row.purpose == Purpose::Page).filter_map(|row| row.incident).collect()
        };
        world.until(minute(74));
        assert_eq!(paged(&world), [IncidentId(2)], "due after an hour");
        world.until(minute(75));
        assert_eq!(paged(&world), [IncidentId(2), IncidentId(1)]);
    }
}
