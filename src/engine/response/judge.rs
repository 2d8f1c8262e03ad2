//! What people do about a response, and what callout asks of them by itself.

use super::{Postmortem, ResponseChange, Settled, Settlement};
use crate::domain::{IncidentId, Name, Span};
use crate::engine::input::Actor;
use crate::engine::judge::Judge;
use crate::engine::limits;
use crate::engine::policy::Target;
use crate::engine::state::{Incident, Purpose, Recipient, Status};
use crate::engine::transition::Transition;
use crate::rules::{Because, RuleKind, route};

/// The role whose holder is asked for status updates.
const COMMUNICATOR: &str = "communicator";

impl Judge<'_> {
    fn responded(&mut self, incident: IncidentId, change: ResponseChange) {
        self.record(Transition::Responded { incident, change });
    }

    /// Calls in whoever the severity asks for, from the rotation of each role. A role that somebody has stays theirs.
    pub(in crate::engine) fn call_in(&mut self, id: IncidentId, severity: &Name, by: &Actor) {
        let policy = self.policy();
        let Some(incident) = self.engine.state.incidents.get(&id).cloned() else { return };
        let team = policy.teams.get(&incident.team);
        for role in policy.severities.get(severity).into_iter().flatten() {
            if incident.role(role).is_some() {
                continue;
            }
            let target = team.and_then(|team| team.roles.get(role)).or_else(|| policy.roles.get(role));
            let person = target.and_then(|target| self.people_at(id, target).into_iter().next());
            let Some(person) = person else {
                let because = Because::RoleUnfilled { role: role.clone(), severity: severity.clone() };
                self.say(Some(id), RuleKind::Response, because);
                continue;
            };
            self.fill(id, role, &person, by, &format!("severity {severity}"));
        }
    }

    /// Who is behind a target now.
    fn people_at(&mut self, id: IncidentId, target: &Target) -> Vec<Name> {
        self.audience(id, std::slice::from_ref(target)).people
    }

    /// A person has a role from now on, and hears of it unless they took it themselves.
    fn fill(&mut self, id: IncidentId, role: &Name, person: &Name, by: &Actor, why: &str) {
        let change = ResponseChange::RoleFilled { role: role.clone(), person: Some(person.clone()) };
        self.responded(id, change);
        let because = Because::RoleFilled { role: role.clone(), person: person.clone() };
        self.say(Some(id), RuleKind::Response, because);
        let took = matches!(by, Actor::Person(who) | Actor::Link(who) if who == person);
        let contact = self.policy().people.get(person).and_then(|known| known.contacts.first().cloned());
        if let Some(contact) = contact.filter(|_| !took) {
            let to = Recipient::Person { person: person.clone(), channel: contact.channel };
            self.order(id, to, Purpose::CalledIn, format!("{role}; {why}"), None, 0);
        }
    }

    /// A person gives a role to somebody, takes it, or says that nobody has it.
    pub(in crate::engine) fn assign_role(&mut self, id: IncidentId, by: &Actor, role: &Name, person: Option<&Name>) {
        if let Some(person) = person {
            self.did(id, by, &format!("made {person} the {role}"));
            self.fill(id, role, person, by, &format!("by {}", by.label()));
        } else {
            self.did(id, by, &format!("ended the role of the {role}"));
            self.responded(id, ResponseChange::RoleFilled { role: role.clone(), person: None });
        }
    }

    /// A person says how it stands: whoever was told of the incident hears it, and the next word is due later.
    pub(in crate::engine) fn status_update(&mut self, id: IncidentId, by: &Actor, text: &str) {
        self.did(id, by, "told how it stands");
        self.responded(id, ResponseChange::UpdateAdded { by: by.clone(), text: text.to_owned() });
        self.plan_update(id);
        self.follow_up_saying(id, Purpose::Update, by, text);
    }

    /// When the next word is due, by the priority as it is now.
    pub(in crate::engine) fn plan_update(&mut self, id: IncidentId) {
        let every = self.update_every(id);
        let due = every.map(|every| self.now().plus(every));
        let before = self.engine.state.incidents.get(&id).and_then(|incident| incident.update_due);
        if due != before {
            self.responded(id, ResponseChange::UpdateDue(due));
        }
    }

    fn update_every(&self, id: IncidentId) -> Option<Span> {
        let incident = self.engine.state.incidents.get(&id)?;
        let priority = self.engine.policy.priorities.get(incident.priority.as_ref()?)?;
        priority.update_every.filter(|_| incident.status.is_open() && !incident.is_drill())
    }

    /// A word is overdue: whoever should say it is reminded. Nobody is, while nobody is on it: then the escalation is what helps.
    pub(in crate::engine) fn update_due(&mut self, id: IncidentId) {
        let Some(incident) = self.engine.state.incidents.get(&id).cloned() else { return };
        self.plan_update(id);
        let Some(every) = self.update_every(id) else { return };
        let text = format!("a status update is due: nothing was said of it for {every}");
        let recipients = self.who_should_tell(&incident);
        if recipients.is_empty() {
            return;
        }
        let of = recipients.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        self.say(Some(id), RuleKind::Response, Because::UpdateAsked { of: of.into(), every });
        for to in recipients {
            self.order(id, to, Purpose::Reminder, text.clone(), None, 0);
        }
    }

    /// The communicator; else who acknowledged; else the team's channels that heard of it, where somebody without a name did.
    fn who_should_tell(&self, incident: &Incident) -> Vec<Recipient> {
        let policy = &self.engine.policy;
        let by = match &incident.status {
            Status::Acknowledged { by, .. } => Some(by),
            _ => None,
        };
        let person = incident.role(COMMUNICATOR).or(match by {
            Some(Actor::Person(person) | Actor::Link(person)) => Some(person),
            _ => None,
        });
        if let Some(person) = person {
            let contact = policy.people.get(person).and_then(|known| known.contacts.first());
            let to = |channel| Recipient::Person { person: person.clone(), channel };
            return contact.map(|contact| to(contact.channel.clone())).into_iter().collect();
        }
        let channels = incident.sent.iter().filter(|_| by.is_some()).map(|sent| &sent.to);
        let mut found: Vec<Recipient> = channels.filter(|to| matches!(to, Recipient::Channel(_))).cloned().collect();
        found.dedup();
        found
    }

    /// One incident goes on in another: its sources count there, its messages say so, and whoever was paged for it is left alone.
    pub(in crate::engine) fn merge(&mut self, id: IncidentId, by: &Actor, into: IncidentId) {
        let Some((incident, other)) =
            self.engine.state.incidents.get(&id).cloned().zip(self.engine.state.incidents.get(&into).cloned())
        else {
            self.nothing(Some(id), "there is no such incident to merge it into");
            return;
        };
        if id == into || !other.status.is_open() {
            self.nothing(Some(id), "an incident is merged into another one that is open");
            return;
        }
        self.did(id, by, &format!("merged it into incident {into}"));
        let at = self.now();
        self.stop_escalation(id);
        self.drop_pages(id, "it was merged into another incident");
        self.responded(id, ResponseChange::MergedInto { into, by: by.clone(), at });
        self.follow_up(id, Purpose::Resolved, by);
        self.did(into, by, &format!("merged incident {id} into it"));
        if incident.rank < other.rank {
            self.became_more_urgent(into, incident.priority.clone(), incident.rank);
        }
    }

    /// An incident is over: its priority may ask for a postmortem.
    pub(in crate::engine) fn want_postmortem(&mut self, id: IncidentId) {
        let policy = self.policy();
        let Some(incident) = self.engine.state.incidents.get(&id).cloned() else { return };
        let Some(priority) = incident.priority.clone() else { return };
        if self.engine.state.postmortems.get(&id).is_some_and(|known| known.settled.is_some()) {
            return;
        }
        let wanted = policy.priorities.get(&priority).filter(|known| known.postmortem && !incident.is_drill());
        let Some(wanted) = wanted else { return };
        let now = self.now();
        let due = now.plus(wanted.postmortem_within.unwrap_or(limits::POSTMORTEM_WITHIN));
        self.say(Some(id), RuleKind::Response, Because::PostmortemWanted { priority: priority.clone(), due });
        let postmortem = Postmortem {
            incident: id,
            team: incident.team.clone(),
            priority,
            key: incident.key.clone(),
            resolved_at: now,
            due,
            asked: 0,
            settled: None,
        };
        self.responded(id, ResponseChange::PostmortemWanted(Box::new(postmortem)));
    }

    /// The incident goes on, so what was to be written of it waits for its end; what was written stays.
    pub(in crate::engine) fn postmortem_waits(&mut self, id: IncidentId) {
        if self.engine.state.postmortems.get(&id).is_some_and(|known| known.settled.is_none()) {
            self.responded(id, ResponseChange::PostmortemForgotten);
        }
    }

    /// A person says what became of a postmortem.
    pub(in crate::engine) fn settle_postmortem(&mut self, id: IncidentId, by: &Actor, how: &Settlement) {
        if !self.engine.state.postmortems.contains_key(&id) {
            self.nothing(Some(id), "no postmortem of it is asked for");
            return;
        }
        match how {
            Settlement::Written { url } => self.did(id, by, &format!("wrote the postmortem: {url}")),
            Settlement::Waived { reason } => self.did(id, by, &format!("waived the postmortem: {reason}")),
        }
        let settled = Settled { at: self.now(), by: by.clone(), how: how.clone() };
        self.responded(id, ResponseChange::PostmortemSettled(settled));
    }

    /// A postmortem is overdue: its team's channels are reminded, a few times; then it stays on the list. A settled one is forgotten.
    pub(in crate::engine) fn postmortem_due(&mut self, id: IncidentId) {
        let Some(known) = self.engine.state.postmortems.get(&id).cloned() else { return };
        let given_up = known.asked > limits::POSTMORTEM_ASKED_MAX;
        if known.settled.is_some() || given_up {
            self.responded(id, ResponseChange::PostmortemForgotten);
            return;
        }
        let last = known.asked == limits::POSTMORTEM_ASKED_MAX;
        let wait = if last { limits::POSTMORTEM_KEPT } else { limits::POSTMORTEM_ASKED_EVERY };
        self.responded(id, ResponseChange::PostmortemAsked { again: self.now().plus(wait) });
        if last {
            return;
        }
        let (team, priority) = (&known.team, &known.priority);
        self.say(Some(id), RuleKind::Response, Because::PostmortemAsked { team: team.clone() });
        let text = format!(
            "the postmortem of incident {id} ({}) is overdue: priority {priority} asks for one, and the incident was resolved at {}",
            known.key, known.resolved_at
        );
        let policy = self.policy();
        let routes = policy.teams.get(team).map_or(&[][..], |team| &team.routes);
        let (destinations, _) = route::select(routes, None, None, None, Some(priority));
        for destination in &destinations {
            self.order_notice(Recipient::Channel((*destination).clone()), &text, None, 0);
        }
    }
}

impl Incident {
    /// Who has a role.
    #[must_use]
    pub fn role(&self, role: &str) -> Option<&Name> {
        let holders = self.response.iter().flat_map(|response| &response.roles);
        holders.rev().find(|holder| holder.role == role).map(|holder| &holder.person)
    }

    /// The incident that goes on in its place.
    #[must_use]
    pub fn merged_into(&self) -> Option<IncidentId> {
        self.response.as_ref().and_then(|response| response.merged_into)
    }
}
