//! Performing what belongs to the response. Total, as all of `evolve`.

use std::sync::Arc;

use super::{Change, Dimension, Response, ResponseChange, RoleHolder};
use crate::domain::{Event, IncidentId, Name, Timestamp};
use crate::engine::input::Actor;
use crate::engine::state::{Incident, Note, Status};
use crate::engine::timers::{Timer, postmortem_deadline};
use crate::engine::{Engine, limits};

impl Engine {
    /// Performs one change.
    pub(in crate::engine) fn evolve_response(&mut self, id: IncidentId, change: &ResponseChange) {
        match change {
            ResponseChange::RoleFilled { role, person } => self.change_response(id, |response, now| {
                response.roles.retain(|holder| holder.role != *role);
                if let Some(person) = person.clone().filter(|_| response.roles.len() < limits::ROLES_MAX) {
                    response.roles.push(RoleHolder { role: role.clone(), person, since: now });
                }
            }),
            ResponseChange::UpdateAdded { by, text } => self.change_response(id, |response, now| {
                let update = Note { at: now, by: by.clone(), text: text.clone() };
                push_bounded(&mut response.updates, update, limits::UPDATES_MAX);
            }),
            ResponseChange::UpdateDue(due) => {
                if let Some(incident) = self.state.incidents.get_mut(&id) {
                    Arc::make_mut(incident).update_due = *due;
                    self.timers.set(*due, Timer::Update(id));
                }
            }
            ResponseChange::MergedInto { into, by, at } => self.merged(id, *into, by, *at),
            ResponseChange::PostmortemWanted(wanted) => {
                if self.state.postmortems.len() >= limits::POSTMORTEMS_MAX {
                    self.state.postmortems.pop_first();
                }
                self.state.postmortems.insert(id, Arc::new((**wanted).clone()));
                self.arm_postmortem(id);
            }
            ResponseChange::PostmortemAsked { again } => {
                if let Some(known) = self.state.postmortems.get_mut(&id) {
                    let known = Arc::make_mut(known);
                    known.due = *again;
                    known.asked = known.asked.saturating_add(1);
                }
                self.arm_postmortem(id);
            }
            ResponseChange::PostmortemSettled(settled) => {
                if let Some(known) = self.state.postmortems.get_mut(&id) {
                    Arc::make_mut(known).settled = Some(settled.clone());
                }
                self.arm_postmortem(id);
            }
            ResponseChange::PostmortemForgotten => {
                self.state.postmortems.remove(&id);
            }
        }
    }

    fn arm_postmortem(&mut self, id: IncidentId) {
        let deadline = self.state.postmortems.get(&id).map(|known| postmortem_deadline(known));
        self.timers.set(deadline, Timer::Postmortem(id));
    }

    fn change_response(&mut self, id: IncidentId, f: impl FnOnce(&mut Response, Timestamp)) {
        let now = self.state.now;
        if let Some(incident) = self.state.incidents.get_mut(&id) {
            let incident = Arc::make_mut(incident);
            f(incident.response.get_or_insert_default(), now);
            incident.updated_at = now;
        }
    }

    /// The sources and the keys of one incident go to another, which counts what the first had counted.
    fn merged(&mut self, id: IncidentId, into: IncidentId, by: &Actor, at: Timestamp) {
        if id == into || !self.state.incidents.contains_key(&into) {
            return;
        }
        let Some(incident) = self.state.incidents.get_mut(&id) else { return };
        let incident = Arc::make_mut(incident);
        let sources = std::mem::take(&mut incident.firing);
        let counted = incident.duplicates.saturating_add(1);
        incident.status = Status::Resolved { by: by.clone(), at };
        incident.updated_at = at;
        incident.update_due = None;
        incident.chains = Vec::new();
        let response = incident.response.get_or_insert_default();
        response.merged_into = Some(into);
        let mut keys = std::mem::take(&mut response.merged);
        keys.push((id, incident.key.clone()));
        self.timers.set(Some(at.plus(limits::RESOLVED_KEPT)), Timer::Incident(id));
        for (_, key) in &keys {
            self.state.by_key.insert(key.clone(), into);
        }
        self.change_response(into, |response, _| response.merged.append(&mut keys));
        if let Some(incident) = self.state.incidents.get_mut(&into) {
            let incident = Arc::make_mut(incident);
            incident.duplicates = incident.duplicates.saturating_add(counted);
            incident.last_seen = at;
        }
        for source in sources {
            self.attach(into, source);
        }
    }

    /// Keys of incidents that were merged into one that is forgotten.
    pub(in crate::engine) fn forget_merged(&mut self, incident: &Incident) {
        for (_, key) in incident.response.iter().flat_map(|response| &response.merged) {
            if self.state.by_key.get(key) == Some(&incident.id) {
                self.state.by_key.remove(key);
            }
        }
    }
}

impl Incident {
    /// Whether an event says how bad this incident is. One of an incident that was merged into it may be about something else.
    pub(in crate::engine) fn is_about(&self, event: &Event) -> bool {
        let merged = self.response.as_ref().is_some_and(|response| !response.merged.is_empty());
        let about = |event: &Event| {
            (event.kind, event.service.clone(), event.endpoint.clone(), event.sli.clone(), event.environment.clone())
        };
        !merged || about(event) == about(&self.event)
    }

    /// Remembers a change of priority or severity, for the record.
    pub(in crate::engine) fn remember_change(
        &mut self,
        at: Timestamp,
        by: &Actor,
        of: Dimension,
        from: Option<Name>,
        to: Option<&Name>,
    ) {
        if from.as_ref() == to {
            return;
        }
        let change = Change { at, by: by.clone(), of, from, to: to.cloned() };
        push_bounded(&mut self.response.get_or_insert_default().changes, change, limits::CHANGES_MAX);
    }
}

fn push_bounded<T>(list: &mut Vec<T>, item: T, most: usize) {
    if list.len() >= most {
        list.remove(0);
    }
    list.push(item);
}
