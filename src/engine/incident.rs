//! The life of an incident: opened, counted, raised, re-opened, over.

use super::input::Actor;
use super::judge::{Case, Judge};
use super::level_event;
use super::limits;
use super::policy::{Policy, Target};
use super::state::{Purpose, Recipient, Status};
use super::transition::{IncidentOpening, Transition};
use crate::domain::{Destination, IncidentId, Name, Source};
use crate::rules::{Because, RuleKind, priority, route};

impl Judge<'_> {
    /// Opens an incident; its messages and pages follow.
    pub(super) fn open(&mut self, case: &Case, key: Name, policy: &Policy) -> IncidentId {
        let incident = IncidentId(self.engine.state.last_incident + 1);
        let team = case.owner.as_ref();
        let chain = team.and_then(|team| team.escalation.as_ref()).and_then(|name| policy.escalations.get(name));
        // A ticket is for the team's channels; where it has none, its people must do.
        let has_routes = team.is_some_and(|team| !team.routes.is_empty());
        let chain = chain.filter(|_| !has_routes || !level_event::is_ticket(&case.event));
        let counted = !raise_rules(case).is_empty();
        self.record(Transition::IncidentOpened(Box::new(IncidentOpening {
            incident,
            event: case.event_id,
            fingerprint: case.fingerprint,
            key: key.clone(),
            team: case.team.clone(),
            unowned: case.unowned,
            region: case.region.clone(),
            slo: case.slo.as_ref().map(|slo| slo.name.clone()),
            priority: case.priority.clone(),
            rank: case.rank,
            policy: chain.cloned(),
            counted,
            at: self.now(),
        })));
        self.say(Some(incident), RuleKind::Dedup, Because::Opened { incident, key });
        self.snooze_alert(incident, case);
        self.plan_update(incident);
        incident
    }

    /// A re-fire within the re-open window: the same incident goes on.
    pub(super) fn reopen_by_event(&mut self, id: IncidentId, case: &Case) {
        let within = self.reopen_window(case.owner.as_deref());
        let at = self.now();
        let resolved_at = self.engine.state.incidents.get(&id).and_then(|i| i.resolved_at()).unwrap_or(at);
        self.record(Transition::IncidentReopened { incident: id, fingerprint: Some(case.fingerprint), at });
        self.say(Some(id), RuleKind::Dedup, Because::Reopened { incident: id, resolved_at, within });
        self.snooze_alert(id, case);
        self.postmortem_waits(id);
        self.plan_update(id);
        let rank = self.engine.state.incidents.get(&id).map_or(255, |i| i.rank);
        if case.rank < rank {
            self.set_priority(id, case.priority.clone(), case.rank, Actor::Callout);
        }
    }

    /// The same cause again: it adds to the counter and pages nobody, unless it makes the incident more urgent.
    pub(super) fn duplicate(&mut self, id: IncidentId, case: &Case, while_snoozed: bool) {
        let policy = self.policy();
        let rules = raise_rules(case);
        self.record(Transition::DuplicateCounted {
            incident: id,
            fingerprint: case.fingerprint,
            while_snoozed,
            counted: !rules.is_empty(),
        });
        let Some(incident) = self.engine.state.incidents.get(&id).cloned() else { return };
        self.say(Some(id), RuleKind::Dedup, Because::Duplicate { incident: id, count: incident.duplicates });
        if !while_snoozed {
            self.snooze_alert(id, case);
        }
        let now = self.now();
        let raised = priority::raised(&rules, &incident.occurrences, now)
            .map(|(rule, count)| (rule.priority.clone(), policy.rank(Some(&rule.priority)), count, rule.within))
            .filter(|(_, rank, ..)| *rank < incident.rank.min(case.rank));
        if let Some((name, rank, count, within)) = raised {
            let because = Because::PriorityRaised { priority: name.clone(), count, within };
            self.say(Some(id), RuleKind::Priority, because);
            self.became_more_urgent(id, Some(name), rank);
        } else if case.rank < incident.rank && !while_snoozed {
            self.say(Some(id), RuleKind::Priority, case.priority_because.clone());
            self.became_more_urgent(id, case.priority.clone(), case.rank);
        }
    }

    /// A more urgent priority ends a person's snooze; an acknowledgement stands.
    pub(super) fn became_more_urgent(&mut self, id: IncidentId, priority: Option<Name>, rank: u8) {
        self.set_priority(id, priority, rank, Actor::Callout);
        self.plan_update(id);
        self.page_as_urgent(id);
        let snoozed = self.engine.state.incidents.get(&id).is_some_and(|i| matches!(i.status, Status::Snoozed { .. }));
        if snoozed {
            self.record(Transition::StatusChanged { incident: id, status: Status::Triggered });
            self.begin_escalation(id);
        }
        self.follow_up(id, Purpose::Changed, &Actor::Callout);
        self.announce_urgent(id);
    }

    pub(super) fn set_priority(&mut self, id: IncidentId, priority: Option<Name>, rank: u8, by: Actor) {
        self.record(Transition::PriorityChanged { incident: id, priority, rank, by });
    }

    /// Tells the team's channels.
    pub(super) fn announce(&mut self, id: IncidentId, case: &Case) {
        let routes = case.owner.as_ref().map_or(&[][..], |team| &team.routes);
        let (destinations, mut because) = route::select(
            routes,
            case.region.as_deref(),
            case.event.environment.as_deref(),
            case.event.service.as_deref(),
            case.priority.as_deref(),
        );
        if destinations.is_empty() {
            because = Because::NoRoute { team: case.team.clone() };
        }
        self.say(Some(id), RuleKind::Route, because);
        let incident = self.engine.state.incidents.get(&id);
        let again = incident.is_some_and(|i| i.reopened > 0);
        let rank = incident.map_or(255, |i| i.rank);
        let purpose = if again { Purpose::Reopened } else { Purpose::Alert };
        let policy = self.policy();
        let mut destinations = destinations;
        destinations.retain(|destination| is_urgent_enough(&policy, destination, rank));
        for destination in &destinations {
            self.order_follow_or_new(id, Recipient::Channel((*destination).clone()), purpose);
        }
        let has_chain = self.engine.state.incidents.get(&id).is_some_and(|i| i.escalation.is_some());
        if destinations.is_empty() && !has_chain {
            self.nobody_hears(id, case, &self.policy());
        }
    }

    /// A channel that only hears of urgent incidents hears of one that became urgent.
    pub(super) fn announce_urgent(&mut self, id: IncidentId) {
        let policy = self.policy();
        let Some(incident) = self.engine.state.incidents.get(&id).cloned() else { return };
        let routes = policy.teams.get(&incident.team).map_or(&[][..], |team| &team.routes);
        let (environment, service) = (incident.event.environment.as_deref(), incident.event.service.as_deref());
        let priority = incident.priority.as_deref();
        let (destinations, _) = route::select(routes, incident.region.as_deref(), environment, service, priority);
        for destination in destinations {
            let waited = policy.channels.get(&destination.channel).is_some_and(|channel| channel.from.is_some());
            if !waited || !is_urgent_enough(&policy, destination, incident.rank) {
                continue;
            }
            let to = Recipient::Channel(destination.clone());
            let outbox = &self.engine.state.outbox;
            let on_its_way = incident.pending.iter().filter_map(|row| outbox.get(row)).any(|row| row.to == to);
            if !on_its_way && !incident.sent.iter().any(|sent| sent.to == to) {
                self.order_follow_or_new(id, to, Purpose::Alert);
            }
        }
    }

    /// Neither a route nor a policy: the fallback team's channels hear of it, so that it is not lost on the way.
    fn nobody_hears(&mut self, id: IncidentId, case: &Case, policy: &Policy) {
        let fallback = policy.organisation.fallback.as_ref().filter(|team| **team != case.team);
        let routes = fallback.and_then(|team| policy.teams.get(team)).map_or(&[][..], |team| &team.routes);
        let (destinations, _) = route::select(routes, None, None, None, None);
        for destination in &destinations {
            self.order_follow_or_new(id, Recipient::Channel((*destination).clone()), Purpose::Alert);
        }
        let team = &case.team;
        let key = compact_str::format_compact!("no-way/{team}");
        if self.alarm_is_quiet(&key) {
            return;
        }
        let text =
            format!("team `{team}` has neither a route nor an escalation policy: nobody is told of its incidents");
        self.alarm(&key, &text);
    }

    /// The last source ended: the incident is over.
    pub(super) fn sources_over(&mut self, id: IncidentId) {
        let incident = self.engine.state.incidents.get(&id);
        let by_samples = incident.is_some_and(|incident| incident.event.source == Source::Samples);
        self.resolve(id, if by_samples { &Actor::Callout } else { &Actor::Sender });
    }

    /// Over. Pages not yet sent are dropped; whoever was told hears that it is over.
    pub(super) fn resolve(&mut self, id: IncidentId, by: &Actor) {
        let at = self.now();
        self.record(Transition::StatusChanged { incident: id, status: Status::Resolved { by: by.clone(), at } });
        self.stop_escalation(id);
        self.drop_pages(id, "it is over");
        self.follow_up(id, Purpose::Resolved, by);
        self.want_postmortem(id);
        self.end_silences_of(id);
    }

    /// Something about an incident is due by itself.
    pub(super) fn incident_due(&mut self, id: IncidentId) {
        let Some(incident) = self.engine.state.incidents.get(&id) else { return };
        match incident.status {
            Status::Triggered => {
                let due = incident.escalation.as_ref().and_then(|e| e.due).is_some_and(|due| due <= self.now());
                self.chains_due(id);
                if due {
                    self.step_due(id);
                }
            }
            Status::Acknowledged { .. } => self.back_to_triggered(id, "the acknowledgement ran out"),
            Status::Snoozed { .. } => self.back_to_triggered(id, "the snooze is over"),
            Status::Resolved { at, .. } => {
                if at.plus(limits::RESOLVED_KEPT) <= self.now() {
                    self.forget(id);
                } else {
                    self.archive_room(id);
                }
            }
        }
    }

    fn back_to_triggered(&mut self, id: IncidentId, what: &'static str) {
        let callout = Actor::Callout;
        let who = Name::from(callout.label());
        self.say(Some(id), RuleKind::Person, Because::Did { who, what: Name::const_new(what) });
        self.record(Transition::StatusChanged { incident: id, status: Status::Triggered });
        self.follow_up(id, Purpose::Unacknowledged, &callout);
        self.begin_escalation(id);
    }

    /// A resolved incident leaves the memory. Sources that still fire (a person resolved it) are judged anew when they come again.
    fn forget(&mut self, id: IncidentId) {
        self.record(Transition::IncidentForgotten { incident: id });
    }

    /// Silences made after the incident began hold its steps back; the end of the silence, if one matches.
    pub(super) fn silenced_until(&self, id: IncidentId) -> Option<(crate::domain::Timestamp, Because)> {
        let incident = self.engine.state.incidents.get(&id)?;
        let (silence, _) = self.engine.silences.find(&incident.event, self.now());
        let silence = silence?;
        let because = Because::Silenced { silence: silence.id, author: silence.author.clone(), until: silence.ends_at };
        Some((silence.ends_at, because))
    }
}

/// The SLO's own rules of repetition, or else the team's.
fn raise_rules(case: &Case) -> Vec<priority::RaiseRule> {
    let of_slo = case.slo.as_ref().map(|slo| &slo.raise).filter(|rules| !rules.is_empty());
    let of_team = || case.owner.as_ref().map(|team| &team.raise);
    of_slo.or_else(of_team).cloned().unwrap_or_default()
}

/// Whether an incident of this rank is told to a channel that asks for the urgent ones.
fn is_urgent_enough(policy: &Policy, to: &Destination, rank: u8) -> bool {
    policy.channels.get(&to.channel).and_then(|channel| channel.from).is_none_or(|from| rank <= from)
}

/// The words for a target in an explanation: `main on call`, `ana`, `team checkout`.
pub(super) fn target_label(target: &Target) -> Name {
    match target {
        Target::Schedule { role: Some(role), .. } => compact_str::format_compact!("{role} on call"),
        Target::Schedule { schedule, role: None } => compact_str::format_compact!("on call in {schedule}"),
        Target::Person(person) => person.clone(),
        Target::Team(team) => compact_str::format_compact!("team {team}"),
        Target::Group(group) => compact_str::format_compact!("group {group}"),
        Target::Manager(team) => compact_str::format_compact!("manager of {team}"),
        Target::Channel(destination) => compact_str::format_compact!("{destination}"),
    }
}
