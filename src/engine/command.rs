//! What people do. A command that does not fit the state changes nothing and says so in the trace.

use super::input::{Act, Actor, Command, SilenceSpec, Verb};
use super::judge::Judge;
use super::level_event;
use super::quiet::Reminded;
use super::state::{Purpose, Status};
use super::transition::Transition;
use crate::domain::{DeliveryId, IncidentId, Name, Timestamp};
use crate::rules::{Because, RuleKind};

impl Judge<'_> {
    /// Does what somebody wants.
    pub(super) fn command(&mut self, command: &Command) {
        let by = &command.by;
        match &command.verb {
            Verb::AddSilence(silence) => self.add_silence(by, silence),
            Verb::ExpireSilence { silence } => self.expire_silence(by, *silence),
            Verb::UseSilverBullet { service, environment, reason } => {
                self.use_silver_bullet(by, service, environment.as_ref(), reason);
            }
            Verb::SendCode { person, channel, mark, code, nonce } => {
                self.send_code(by, &(person.clone(), channel.clone()), (*mark, *code, *nonce));
            }
            Verb::EnterCode { person, channel, code } => self.enter_code(by, &(person.clone(), channel.clone()), *code),
            Verb::AcknowledgeDigest { digest } => self.acknowledge_digest(*digest, by),
            Verb::AddSilenceOf { silence, incident } => self.add_silence_of(by, silence, *incident),
            Verb::RevokeCalendar { of } => self.revoke_calendar(by, of),
            Verb::AddOverride(_)
            | Verb::RemoveOverride { .. }
            | Verb::OfferSwap(_)
            | Verb::AcceptSwap { .. }
            | Verb::DeclineSwap { .. } => self.stand_in(by, &command.verb),
            Verb::ByLink { message, verb } => self.by_link(by, *message, verb),
            verb => {
                let Some(id) = verb.incident() else { return };
                let Some(incident) = self.engine.state.incidents.get(&id) else {
                    if let Verb::SettlePostmortem { how, .. } = verb {
                        return self.settle_postmortem(id, by, how);
                    }
                    self.nothing(None, "no such incident");
                    return;
                };
                let open = incident.status.is_open();
                match verb {
                    Verb::Reopen { .. } if !open => self.reopen(id, by),
                    Verb::Reopen { .. } => self.nothing(Some(id), "the incident is open"),
                    Verb::Note { text, .. } => {
                        self.did(id, by, "added a note");
                        self.record(Transition::NoteAdded { incident: id, by: by.clone(), text: text.clone() });
                    }
                    Verb::SetSeverity { severity, .. } => self.set_severity(id, by, severity.as_ref()),
                    Verb::SettlePostmortem { how, .. } => self.settle_postmortem(id, by, how),
                    _ if !open => self.nothing(Some(id), "the incident is resolved"),
                    _ => self.open_command(id, by, verb),
                }
            }
        }
    }

    /// By the link of a message, which is good for each kind of act once: whoever forwards or replays it does nothing twice.
    fn by_link(&mut self, by: &Actor, message: DeliveryId, verb: &Verb) {
        let act = verb.as_str();
        if let Some(id) = verb.incident() {
            let incident = self.engine.state.incidents.get(&id);
            if incident.is_some_and(|incident| incident.link_use(message, act).is_some()) {
                self.nothing(Some(id), "this link was used for that already");
                return;
            }
            if incident.is_some() {
                let act = Name::const_new(act);
                self.record(Transition::LinkUsed { incident: id, message, act, by: by.clone() });
            }
        }
        if !matches!(verb, Verb::ByLink { .. }) {
            self.command(&Command { by: by.clone(), verb: verb.clone() });
        }
    }

    /// Repeats an administrative act in the trace, by which the audit finds it.
    pub(super) fn administered(&mut self, act: &Act) {
        let who = Name::from(act.by.label());
        self.say(None, RuleKind::Person, Because::Did { who, what: act.what.clone() });
    }

    /// Commands that only fit an open incident.
    fn open_command(&mut self, id: IncidentId, by: &Actor, verb: &Verb) {
        match verb {
            Verb::Acknowledge { .. } => self.acknowledge(id, by),
            Verb::Unacknowledge { .. } => self.unacknowledge(id, by),
            Verb::Snooze { until, .. } => self.snooze(id, by, *until),
            Verb::Resolve { .. } => {
                self.did(id, by, "resolved");
                self.resolve(id, by);
            }
            Verb::SetPriority { priority, .. } => {
                let rank = self.engine.policy.rank(priority.as_deref());
                let what = priority.as_deref().unwrap_or("unset");
                self.did(id, by, &format!("set the priority to {what}"));
                let before = self.engine.state.incidents.get(&id).map_or(255, |incident| incident.rank);
                self.set_priority(id, priority.clone(), rank, by.clone());
                if rank < before {
                    self.page_as_urgent(id);
                }
                self.plan_update(id);
                self.follow_up(id, Purpose::Changed, by);
                self.announce_urgent(id);
            }
            Verb::ReassignPeople { people, .. } => {
                self.did(id, by, &format!("handed it to {}", people.join(", ")));
                let changed = self.trigger_again(id);
                self.stop_chains(id);
                self.reassign_people(id, people);
                self.tell_if(changed, id, by);
            }
            Verb::ReassignPolicy { policy, .. } => self.reassign_policy(id, by, policy),
            Verb::Escalate { .. } => self.escalate(id, by),
            Verb::EscalateFrom { round, step, .. } => {
                let stands = self.engine.state.incidents.get(&id).and_then(|i| i.escalation.as_ref());
                if stands.is_none_or(|stands| (stands.pass, stands.step) != (*round, *step)) {
                    self.nothing(Some(id), "the escalation has moved on meanwhile");
                    return;
                }
                self.escalate(id, by);
            }
            Verb::Merge { into, .. } => self.merge(id, by, *into),
            Verb::StatusUpdate { text, .. } => self.status_update(id, by, text),
            Verb::AssignRole { role, person, .. } => self.assign_role(id, by, role, person.as_ref()),
            _ => {}
        }
    }

    fn escalate(&mut self, id: IncidentId, by: &Actor) {
        self.did(id, by, "escalated");
        let changed = self.trigger_again(id);
        self.escalate_now(id);
        self.tell_if(changed, id, by);
    }

    /// Whoever read that somebody is on it, or that it is quiet, hears that this is so no more.
    fn tell_if(&mut self, changed: bool, id: IncidentId, by: &Actor) {
        if changed {
            self.follow_up(id, Purpose::Changed, by);
        }
    }

    pub(super) fn acknowledge(&mut self, id: IncidentId, by: &Actor) {
        let incident = self.engine.state.incidents.get(&id);
        let what = match incident.and_then(|incident| level_event::consequence_of(&incident.event)) {
            Some(consequence) => format!("acknowledged; what follows: {consequence}"),
            None => "acknowledged".to_owned(),
        };
        self.did(id, by, &what);
        self.acknowledged(id, by.clone());
        self.follow_up(id, Purpose::Acknowledged, by);
    }

    fn unacknowledge(&mut self, id: IncidentId, by: &Actor) {
        let taken = self.engine.state.incidents.get(&id).is_some_and(|i| i.status != Status::Triggered);
        if !taken {
            self.nothing(Some(id), "nobody had acknowledged or snoozed it");
            return;
        }
        self.did(id, by, "took the acknowledgement back");
        self.trigger_again(id);
        self.follow_up(id, Purpose::Unacknowledged, by);
        self.begin_escalation(id);
    }

    fn snooze(&mut self, id: IncidentId, by: &Actor, until: Timestamp) {
        let at = self.now();
        if until <= at {
            self.nothing(Some(id), "the snooze would end in the past");
            return;
        }
        self.did(id, by, &format!("snoozed it until {until}"));
        let status = Status::Snoozed { by: by.clone(), at, until };
        self.record(Transition::StatusChanged { incident: id, status });
        self.stop_escalation(id);
        self.drop_pages(id, "it was snoozed");
        self.follow_up(id, Purpose::Snoozed, by);
    }

    fn reopen(&mut self, id: IncidentId, by: &Actor) {
        let state = &self.engine.state;
        let key = state.incidents.get(&id).map(|incident| incident.key.clone());
        let newer = key.and_then(|key| state.by_key.get(&key)).is_some_and(|newest| *newest != id);
        let merged = state.incidents.get(&id).is_some_and(|incident| incident.merged_into().is_some());
        if merged {
            self.nothing(Some(id), "it was merged into another incident, which goes on in its place");
            return;
        }
        if newer {
            self.nothing(Some(id), "a newer incident has the same deduplication key");
            return;
        }
        self.did(id, by, "opened it again");
        self.record(Transition::IncidentReopened { incident: id, fingerprint: None, at: self.now() });
        self.postmortem_waits(id);
        self.plan_update(id);
        self.follow_up(id, Purpose::Reopened, by);
        self.begin_escalation(id);
    }

    fn set_severity(&mut self, id: IncidentId, by: &Actor, severity: Option<&Name>) {
        let what = severity.map_or("unset", |s| s.as_str());
        self.did(id, by, &format!("set the severity to {what}"));
        self.record(Transition::SeverityChanged { incident: id, severity: severity.cloned(), by: by.clone() });
        let open = self.engine.state.incidents.get(&id).is_some_and(|incident| incident.status.is_open());
        if open {
            self.follow_up(id, Purpose::Changed, by);
        }
        if let Some(severity) = severity.filter(|_| open) {
            self.call_in(id, severity, by);
        }
    }

    fn reassign_policy(&mut self, id: IncidentId, by: &Actor, policy: &Name) {
        let Some(chain) = self.engine.policy.escalations.get(policy).cloned() else {
            self.nothing(Some(id), "no such escalation policy");
            return;
        };
        self.did(id, by, &format!("handed it to the policy {policy}"));
        let changed = self.trigger_again(id);
        self.record(Transition::PolicyAssigned { incident: id, policy: Some(chain) });
        self.begin_escalation(id);
        self.tell_if(changed, id, by);
    }

    /// An acknowledged or snoozed incident is open to escalation again. Says whether it was one.
    fn trigger_again(&mut self, id: IncidentId) -> bool {
        let triggered = self.engine.state.incidents.get(&id).is_some_and(|i| i.status == Status::Triggered);
        if !triggered {
            self.record(Transition::StatusChanged { incident: id, status: Status::Triggered });
        }
        !triggered
    }

    fn add_silence(&mut self, by: &Actor, silence: &SilenceSpec) {
        let who = Name::from(by.label());
        let what = compact_str::format_compact!("made silence {} until {}", silence.id, silence.ends_at);
        self.say(None, RuleKind::Person, Because::Did { who, what });
        self.record(Transition::SilenceSet(silence.clone()));
        self.bind_silence(by, silence, None);
    }

    fn add_silence_of(&mut self, by: &Actor, silence: &SilenceSpec, incident: IncidentId) {
        if !self.is_open(incident) {
            self.nothing(Some(incident), "the incident is resolved, so no silence can belong to it");
            return;
        }
        let what =
            format!("made silence {}, which ends with the incident, at the latest at {}", silence.id, silence.ends_at);
        self.did(incident, by, &what);
        self.record(Transition::SilenceSet(silence.clone()));
        self.bind_silence(by, silence, Some(incident));
    }

    fn expire_silence(&mut self, by: &Actor, silence: crate::domain::SilenceId) {
        let at = self.now();
        let until = self.engine.state.silences.get(&silence).map(|known| known.ends_at).filter(|end| *end > at);
        let Some(until) = until else {
            self.nothing(None, "no such silence, or it has ended");
            return;
        };
        let who = Name::from(by.label());
        let what = compact_str::format_compact!("ended silence {silence}");
        self.say(None, RuleKind::Person, Because::Did { who, what });
        self.record(Transition::SilenceExpired { silence, at });
        self.reminded(silence, Reminded::After);
        self.go_on_before(until);
    }

    /// Steps that a silence held back until its end go on now that it ended early. Rare, hence the scan.
    pub(super) fn go_on_before(&mut self, until: Timestamp) {
        let at = self.now();
        let incidents = self.engine.state.incidents.values();
        let held: Vec<(IncidentId, u32, u32)> = incidents
            .filter(|incident| incident.status == Status::Triggered)
            .filter_map(|incident| Some((incident.id, incident.escalation.as_ref()?)))
            .filter(|(_, escalation)| escalation.due == Some(until) && !escalation.held)
            .map(|(id, escalation)| (id, escalation.pass, escalation.step))
            .collect();
        for (incident, pass, step) in held {
            self.record(Transition::EscalationMoved { incident, pass, step, due: Some(at), exhausted: false });
        }
        self.chains_go_on_before(until);
    }

    pub(super) fn did(&mut self, id: IncidentId, by: &Actor, what: &str) {
        let who = Name::from(by.label());
        self.say(Some(id), RuleKind::Person, Because::Did { who, what: Name::from(what) });
    }

    pub(super) fn nothing(&mut self, id: Option<IncidentId>, why: &'static str) {
        self.say(id, RuleKind::Person, Because::NothingToDo { why: Name::const_new(why) });
    }
}
