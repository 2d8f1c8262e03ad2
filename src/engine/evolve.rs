//! Performing transitions: the only code that changes engine state (but for taking an input into the inbox).
//!
//! Total: a transition read back from the journal cannot be refused. One that refers to something unknown (which only a bug of ours
//! could write) changes nothing.

use std::sync::Arc;

use super::Engine;
use super::input::{Input, Outcome};
use super::limits;
use super::quiet::reminder_deadline;
use super::response::Dimension;
use super::state::{Alert, Delivery, Escalation, Incident, LinkUse, Note, Purpose, Sent, Status};
use super::timers::{Timer, alert_deadline, incident_deadline, scope_deadline};
use super::transition::{IncidentOpening, RefireCount, Transition};
use crate::domain::{DeliveryId, Event, EventId, Fingerprint, IncidentId, Seq, Timestamp};

impl Engine {
    /// Performs one recorded transition. Never judges.
    pub fn evolve(&mut self, transition: &Transition) {
        use Transition as T;
        match transition {
            T::Judged { input } => {
                self.state.inbox.remove(input);
            }
            T::ClockAdvanced { now } => self.state.now = self.state.now.max(*now),
            T::ConfigActivated { fingerprint } => self.state.config.clone_from(fingerprint),
            T::AlarmRaised { key, until } => {
                let now = self.state.now;
                self.state.alarms.retain(|_, quiet| *quiet > now);
                self.state.alarms.insert(key.clone(), *until);
            }
            T::IdempotencyForgotten { before } => self.forget_idempotency(*before),

            T::AlertFiring { fingerprint, event } => self.alert_firing(*fingerprint, *event),
            T::RefiresCounted(refires) => refires.iter().for_each(|refire| self.refire_counted(*refire)),
            T::AlertRefreshed { fingerprint, ends_at } => self.change_alert(*fingerprint, |alert, now| {
                alert.updated_at = now;
                alert.ends_at = *ends_at;
                alert.firing = true;
            }),
            T::AlertEnded { fingerprint, at } => self.change_alert(*fingerprint, |alert, _| {
                alert.firing = false;
                alert.suppressed = None;
                alert.ends_at = Some(*at);
                alert.updated_at = *at;
            }),
            T::AlertForgotten { fingerprint } => {
                self.state.alerts.remove(fingerprint);
            }
            T::AlertSuppressed { fingerprint, by } => {
                self.change_alert(*fingerprint, |alert, _| alert.suppressed = by.clone().map(Box::new));
            }

            T::EvaluationHeld { scope, fingerprint, until } => {
                self.state.scopes.entry(scope.clone()).or_default().held = Some((*fingerprint, *until));
                self.arm_scope(scope);
            }
            T::Evaluated { scope, at } => {
                let known = self.state.scopes.entry(scope.clone()).or_default();
                known.evaluated_at = Some(*at);
                known.held = None;
                self.arm_scope(scope);
            }
            T::AlertSnoozed { scope, incident, since, until, priority } => {
                self.change(*incident, |i, _| i.alert_snoozed_until = Some(*until));
                self.state.scopes.entry(scope.clone()).or_default().snoozed = Some((*since, *until, priority.clone()));
                self.arm_scope(scope);
            }
            T::ScopeForgotten { scope } => {
                self.state.scopes.remove(scope);
            }

            T::SilenceSet(silence) => {
                let silence = Arc::new(silence.clone());
                self.silences.remove(silence.id);
                self.silences.insert(&silence);
                self.timers.set(Some(silence.ends_at.plus(limits::SILENCE_KEPT)), Timer::Silence(silence.id));
                let id = silence.id;
                self.state.bonds.remove(&id);
                if self.state.silences.insert(id, silence).is_some() {
                    self.rearm_silenced(id);
                }
                self.timers.set(reminder_deadline(&self.state, id), Timer::Reminder(id));
            }
            T::SilenceExpired { silence, at } => {
                if let Some(known) = self.state.silences.get_mut(silence) {
                    let ended = Arc::make_mut(known);
                    ended.ends_at = ended.ends_at.min(*at);
                    ended.starts_at = ended.starts_at.min(*at);
                    ended.updated_at = *at;
                    let ended = Arc::clone(known);
                    self.silences.remove(*silence);
                    self.silences.insert(&ended);
                    self.timers.set(Some(at.plus(limits::SILENCE_KEPT)), Timer::Silence(*silence));
                    self.rearm_silenced(*silence);
                }
            }
            T::SilenceForgotten { silence } => {
                self.silences.remove(*silence);
                self.state.bonds.remove(silence);
                self.state.silences.remove(silence);
            }

            T::DeliveryOrdered(delivery) => self.delivery_ordered(delivery),
            T::DeliveryReported { delivery, attempt, outcome } => self.delivery_reported(*delivery, *attempt, outcome),
            T::DeliveryDropped { delivery } => {
                self.remove_delivery(*delivery);
            }
            T::SamplesTaken { input } => self.samples_taken(*input),
            T::RuleStateChanged { level, rule, state } => self.state.levels.set_rule(level, rule, *state),
            T::EpisodeEnded { level, episode, merged } => self.state.levels.end_episode(level, episode, *merged),
            T::BreachFound { fingerprint, event } => self.breach_found(*fingerprint, EventId(0), event),
            T::ObjectiveSet { service, slo, objective, at } => {
                self.state.levels.set_objective(service, slo, *objective, *at);
            }
            T::MinutesExcluded(exclusion) => self.state.levels.exclude(exclusion, self.state.now),
            T::SilverBulletUsed { service, bullet } => self.state.bullet_used(service, bullet),
            T::ReadingsTaken { input } => self.readings_taken(*input),
            T::MinutesCounted { feeds, batch } => {
                self.state.counters.handed_over(*feeds, self.state.now);
                self.state.levels.take(batch, self.state.now, &self.policy);
                self.timers.set(self.state.counters.next_due(), Timer::Minutes);
            }
            T::CountersForgotten { before } => self.state.counters.forget(*before, self.state.now),
            T::IncidentOpened(opening) => self.incident_opened(opening),
            T::Responded { incident, change } => self.evolve_response(*incident, change),
            T::InputQuarantined { input, quarantined } => {
                if self.state.quarantine.len() >= limits::QUARANTINE_MAX {
                    self.state.quarantine.pop_first();
                }
                self.state.quarantine.insert(*input, Arc::new((**quarantined).clone()));
            }
            T::DeadlineSetAside { deadline, until } => {
                let now = self.state.now;
                self.state.set_aside.retain(|_, until| *until > now);
                self.state.set_aside.insert(deadline.clone(), *until);
                self.timers.set(Some(*until), deadline.clone());
            }
            T::DigestOpened { .. }
            | T::Folded { .. }
            | T::Unfolded { .. }
            | T::DigestClosed { .. }
            | T::DigestOrdered { .. }
            | T::DigestWork { .. } => self.evolve_digest(transition),
            T::OverrideMade(_)
            | T::OverrideEnded { .. }
            | T::OverrideForgotten { .. }
            | T::SwapOffered(_)
            | T::SwapDeclined { .. }
            | T::SwapSettled { .. }
            | T::SwapForgotten { .. } => self.evolve_stand_ins(transition),
            T::SilenceBound { silence, bond } => {
                if self.state.silences.contains_key(silence) {
                    self.state.bonds.insert(*silence, bond.clone());
                    self.timers.set(reminder_deadline(&self.state, *silence), Timer::Reminder(*silence));
                }
            }
            T::CalendarTaken { input } => self.calendar_taken(*input),
            T::AbsencesLooked { told } => self.absences_looked(told),
            T::CalendarRevoked { of, generation } => self.calendar_revoked(of, *generation),
            T::NoticeOrdered { about, delivery } => {
                if let Some(about) = about {
                    self.state.notices.insert(delivery.id, about.clone());
                }
                self.delivery_ordered(delivery);
            }
            T::ChainBegun { .. }
            | T::ChainMoved { .. }
            | T::PageHeld { .. }
            | T::ChainsStopped { .. }
            | T::EscalationHeld { .. } => self.evolve_personal(transition),
            T::CodeSent { .. } | T::CodeWrong { .. } | T::ContactVerified { .. } => self.evolve_contact(transition),
            T::HandoffWatched { .. } | T::HandoffForgotten { .. } => self.evolve_handoff(transition),
            _ => self.evolve_incident(transition),
        }
    }

    /// The part of [`Engine::evolve`] that changes one existing incident.
    fn evolve_incident(&mut self, transition: &Transition) {
        use Transition as T;
        match transition {
            T::IncidentReopened { incident, fingerprint, at } => {
                self.change(*incident, |i, _| {
                    i.status = Status::Triggered;
                    i.chains = Vec::new();
                    i.reopened += 1;
                    i.firing.clear();
                    i.last_seen = *at;
                });
                if let Some(fingerprint) = fingerprint {
                    self.attach(*incident, *fingerprint);
                }
            }
            T::DuplicateCounted { incident, fingerprint, while_snoozed, counted } => {
                let event = self.state.alerts.get(fingerprint).map(|alert| Arc::clone(&alert.event));
                self.change(*incident, |i, now| {
                    i.duplicates = i.duplicates.saturating_add(1);
                    i.duplicates_snoozed = i.duplicates_snoozed.saturating_add(u32::from(*while_snoozed));
                    i.last_seen = now;
                    if *counted {
                        remember_occurrence(i, now);
                    }
                    i.latest =
                        event.filter(|event| !Arc::ptr_eq(event, &i.event) && i.is_about(event)).or(i.latest.take());
                });
                self.attach(*incident, *fingerprint);
            }
            T::SourceEnded { incident, fingerprint } => {
                self.change(*incident, |i, _| i.firing.retain(|f| f != fingerprint));
            }
            T::StatusChanged { incident, status } => {
                if !status.is_open() {
                    self.state.rooms.remove(incident);
                }
                self.change(*incident, |i, _| {
                    i.status = status.clone();
                    i.chains = Vec::new();
                    i.update_due = i.update_due.filter(|_| status.is_open());
                });
            }
            T::PriorityChanged { incident, priority, rank, by } => self.change(*incident, |i, now| {
                let before = std::mem::replace(&mut i.priority, priority.clone());
                i.remember_change(now, by, Dimension::Priority, before, priority.as_ref());
                i.rank = *rank;
            }),
            T::SeverityChanged { incident, severity, by } => self.change(*incident, |i, now| {
                let before = std::mem::replace(&mut i.severity, severity.clone());
                i.remember_change(now, by, Dimension::Severity, before, severity.as_ref());
            }),
            T::NoteAdded { incident, by, text } => self.change(*incident, |i, now| {
                if i.notes.len() >= limits::NOTES_MAX {
                    i.notes.remove(0);
                }
                i.notes.push(Note { at: now, by: by.clone(), text: text.clone() });
            }),
            T::LinkUsed { incident, message, act, by } => self.change(*incident, |i, now| {
                if i.links_used.len() >= limits::LINK_USES_MAX {
                    i.links_used.remove(0);
                }
                i.links_used.push(LinkUse { message: *message, act: act.clone(), by: by.clone(), at: now });
            }),
            T::IncidentForgotten { incident } => self.incident_forgotten(*incident),
            T::RoomChanged { incident, room } => self.change(*incident, |i, _| i.room.clone_from(room)),
            T::PolicyAssigned { incident, policy } => self.change(*incident, |i, _| {
                i.escalation = policy.as_ref().map(|policy| new_escalation(Arc::clone(policy)));
                i.chains = Vec::new();
            }),
            T::EscalationMoved { incident, pass, step, due, exhausted } => self.change(*incident, |i, _| {
                if let Some(e) = &mut i.escalation {
                    e.reached &= e.pass == *pass && e.step == *step;
                    (e.pass, e.step, e.due, e.exhausted) = (*pass, *step, *due, *exhausted);
                    e.held = false;
                }
            }),
            T::PeoplePaged { incident, people } => self.people_paged(*incident, people),
            _ => {}
        }
    }

    fn people_paged(&mut self, id: IncidentId, people: &[crate::domain::Name]) {
        if let Some(incident) = self.state.incidents.get(&id).filter(|incident| !incident.is_drill()) {
            for person in people {
                self.state.load.count(&incident.team, person, self.state.now);
            }
        }
        self.change(id, |i, _| {
            for person in people {
                if !i.paged.contains(person) {
                    i.paged.push(person.clone());
                }
            }
        });
    }

    /// Changes an incident, notes the time, and sets its next deadline.
    pub(super) fn change(&mut self, id: IncidentId, f: impl FnOnce(&mut Incident, Timestamp)) {
        let now = self.state.now;
        if let Some(incident) = self.state.incidents.get_mut(&id) {
            let incident = Arc::make_mut(incident);
            let before = incident_deadline(incident);
            f(incident, now);
            incident.updated_at = now;
            let after = incident_deadline(incident);
            if after != before {
                self.timers.set(after, Timer::Incident(id));
            }
        }
    }

    fn change_alert(&mut self, fingerprint: Fingerprint, f: impl FnOnce(&mut Alert, Timestamp)) {
        let now = self.state.now;
        if let Some(alert) = self.state.alerts.get_mut(&fingerprint) {
            f(alert, now);
        }
        self.arm_alert(fingerprint);
    }

    fn arm_alert(&mut self, fingerprint: Fingerprint) {
        if let Some(alert) = self.state.alerts.get(&fingerprint) {
            self.timers.set(alert_deadline(&self.state, alert), Timer::Alert(fingerprint));
        }
    }

    fn arm_scope(&mut self, key: &super::state::ScopeKey) {
        if let Some(scope) = self.state.scopes.get(key) {
            self.timers.set(Some(scope_deadline(scope)), Timer::Scope(key.clone()));
        }
    }

    /// Sources that a silence keeps quiet are to be judged again when it ends, which may be earlier now. Rare, hence the scan.
    fn rearm_silenced(&mut self, silence: crate::domain::SilenceId) {
        let by = super::transition::Suppressor::Silence(silence);
        let quiet: Vec<_> = self
            .state
            .alerts
            .iter()
            .filter(|(_, alert)| alert.suppressed.as_deref() == Some(&by))
            .map(|(f, _)| *f)
            .collect();
        for fingerprint in quiet {
            self.arm_alert(fingerprint);
        }
    }

    fn forget_idempotency(&mut self, before: Timestamp) {
        while let Some((at, hash)) = self.idempotency_by_age.first().copied().filter(|(at, _)| *at < before) {
            self.idempotency_by_age.remove(&(at, hash));
            // The same key may have come again since; only the entry of that age goes.
            if self.state.idempotency.get(&hash).is_some_and(|(_, known)| *known == at) {
                self.state.idempotency.remove(&hash);
            }
        }
        let next = self.idempotency_by_age.first().map(|(at, _)| at.plus(limits::IDEMPOTENCY_KEPT));
        self.timers.set(next, Timer::Idempotency);
    }

    fn samples_taken(&mut self, input: Seq) {
        let Some((_, input)) = self.state.inbox.get(&input).cloned() else { return };
        if let Input::Samples(batch) = &*input {
            self.state.levels.take(batch, self.state.now, &self.policy);
        }
    }

    fn readings_taken(&mut self, input: Seq) {
        let Some((_, input)) = self.state.inbox.get(&input).cloned() else { return };
        if let Input::Readings(batch) = &*input {
            self.state.counters.take(batch, self.state.now);
            self.timers.set(self.state.counters.next_due(), Timer::Minutes);
        }
    }

    fn alert_firing(&mut self, fingerprint: Fingerprint, event_id: EventId) {
        let Some((_, input)) = self.state.inbox.get(&Seq(event_id.0)).cloned() else { return };
        if let Input::Event(event) = &*input {
            self.breach_found(fingerprint, event_id, event);
        }
    }

    /// A source fires, with this content.
    fn breach_found(&mut self, fingerprint: Fingerprint, event_id: EventId, event: &Arc<Event>) {
        let (event, now) = (Arc::clone(event), self.state.now);
        let ends_at = event.ends_at;
        let alert = self.state.alerts.entry(fingerprint).or_insert_with(|| Alert {
            event_id,
            event: Arc::clone(&event),
            since: now,
            updated_at: now,
            ends_at,
            firing: true,
            suppressed: None,
            incident: None,
        });
        if !alert.firing {
            alert.since = now;
            alert.incident = None;
        }
        (alert.event_id, alert.event, alert.ends_at) = (event_id, event, ends_at);
        (alert.updated_at, alert.firing) = (now, true);
        self.arm_alert(fingerprint);
    }

    fn refire_counted(&mut self, refire: RefireCount) {
        let now = self.state.now;
        if let Some(alert) = self.state.alerts.get_mut(&refire.fingerprint) {
            alert.updated_at = now;
            // A later end needs no new deadline: the timer at the old one looks here and sets the next.
            let earlier = refire.ends_at.is_some_and(|end| alert.ends_at.is_none_or(|known| end < known));
            alert.ends_at = refire.ends_at;
            if earlier {
                self.arm_alert(refire.fingerprint);
            }
        }
        if let Some(incident) = self.state.incidents.get_mut(&refire.incident) {
            let incident = Arc::make_mut(incident);
            incident.duplicates = incident.duplicates.saturating_add(1);
            incident.last_seen = now;
            incident.updated_at = now;
        }
    }

    fn incident_opened(&mut self, opening: &IncidentOpening) {
        let Some(alert) = self.state.alerts.get_mut(&opening.fingerprint) else { return };
        alert.incident = Some(opening.incident);
        alert.suppressed = None;
        let incident = Incident {
            id: opening.incident,
            key: opening.key.clone(),
            team: opening.team.clone(),
            unowned: opening.unowned,
            region: opening.region.clone(),
            slo: opening.slo.clone(),
            event_id: opening.event,
            event: Arc::clone(&alert.event),
            latest: None,
            status: Status::Triggered,
            priority: opening.priority.clone(),
            rank: opening.rank,
            severity: None,
            opened_at: opening.at,
            updated_at: opening.at,
            last_seen: opening.at,
            duplicates: 0,
            duplicates_snoozed: 0,
            occurrences: if opening.counted { vec![opening.at] } else { Vec::new() },
            reopened: 0,
            alert_snoozed_until: None,
            firing: vec![opening.fingerprint],
            escalation: opening.policy.as_ref().map(|policy| new_escalation(Arc::clone(policy))),
            paged: Vec::new(),
            sent: Vec::new(),
            pending: Vec::new(),
            notes: Vec::new(),
            digests: Vec::new(),
            chains: Vec::new(),
            update_due: None,
            response: None,
            links_used: Vec::new(),
            room: None,
        };
        self.state.last_incident = self.state.last_incident.max(opening.incident.0);
        self.state.by_key.insert(opening.key.clone(), opening.incident);
        self.state.incidents.insert(opening.incident, Arc::new(incident));
    }

    fn incident_forgotten(&mut self, id: IncidentId) {
        let Some(incident) = self.state.incidents.remove(&id) else { return };
        self.state.rooms.remove(&id);
        if self.state.by_key.get(&incident.key) == Some(&id) {
            self.state.by_key.remove(&incident.key);
        }
        self.forget_merged(&incident);
        for delivery in &incident.pending {
            self.state.outbox.remove(delivery);
        }
        for digest in &incident.digests {
            self.leave_digest(*digest, id);
        }
    }

    /// Makes a source one of those that keep the incident open.
    pub(super) fn attach(&mut self, id: IncidentId, fingerprint: Fingerprint) {
        let Some(alert) = self.state.alerts.get_mut(&fingerprint) else { return };
        alert.incident = Some(id);
        alert.suppressed = None;
        if let Some(incident) = self.state.incidents.get_mut(&id)
            && !incident.firing.contains(&fingerprint)
            && incident.firing.len() < limits::SOURCES_MAX
        {
            Arc::make_mut(incident).firing.push(fingerprint);
        }
        self.arm_alert(fingerprint);
    }

    fn delivery_ordered(&mut self, delivery: &Arc<Delivery>) {
        self.state.last_delivery = self.state.last_delivery.max(delivery.id.0);
        if let Some(incident) = delivery.incident.and_then(|id| self.state.incidents.get_mut(&id)) {
            Arc::make_mut(incident).pending.push(delivery.id);
        }
        if let (Purpose::Room, Some(incident)) = (delivery.purpose, delivery.incident) {
            self.state.rooms.insert(incident);
        } else {
            self.count_single(delivery);
        }
        self.state.outbox.insert(delivery.id, Arc::clone(delivery));
    }

    fn delivery_reported(&mut self, id: DeliveryId, attempt: u32, outcome: &Outcome) {
        match outcome {
            Outcome::Retry { .. } => {
                if let Some(row) = self.state.outbox.get_mut(&id) {
                    Arc::make_mut(row).attempts = attempt;
                }
            }
            Outcome::Failed { .. } => {
                self.remove_delivery(id);
                self.digest_left(id, false);
            }
            Outcome::Delivered { receipt } => {
                let Some(row) = self.remove_delivery(id) else { return };
                self.digest_left(id, true);
                let Some(incident) = row.incident.and_then(|id| self.state.incidents.get_mut(&id)) else { return };
                let incident = Arc::make_mut(incident);
                if row.purpose == Purpose::Page
                    && let Some(escalation) = &mut incident.escalation
                {
                    escalation.reached = true;
                }
                let known =
                    incident.sent.iter().any(|sent| sent.to == row.to && sent.receipt.as_deref() == receipt.as_ref());
                let first =
                    matches!(row.purpose, Purpose::Page | Purpose::Alert | Purpose::Reopened | Purpose::CalledIn);
                if first && !known && incident.sent.len() < limits::SENT_MAX {
                    incident.sent.reserve_exact(1);
                    incident.sent.push(Sent { to: row.to.clone(), receipt: receipt.clone().map(Box::new) });
                }
            }
        }
    }

    fn remove_delivery(&mut self, id: DeliveryId) -> Option<Arc<Delivery>> {
        let row = self.state.outbox.remove(&id)?;
        self.state.notices.remove(&id);
        if let Some(incident) = row.incident.and_then(|id| self.state.incidents.get_mut(&id)) {
            let incident = Arc::make_mut(incident);
            incident.pending.retain(|pending| *pending != id);
            if incident.pending.is_empty() {
                incident.pending = Vec::new();
            }
        }
        Some(row)
    }
}

const fn new_escalation(policy: Arc<super::policy::EscalationPolicy>) -> Escalation {
    Escalation { policy, pass: 0, step: 0, due: None, exhausted: false, reached: false, held: false }
}

fn remember_occurrence(incident: &mut Incident, now: Timestamp) {
    if incident.occurrences.len() >= limits::OCCURRENCES_MAX {
        incident.occurrences.remove(0);
    }
    incident.occurrences.push(now);
}
