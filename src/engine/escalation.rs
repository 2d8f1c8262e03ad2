//! Escalation: a chain of steps, each asking freshly who is on call, until somebody acknowledges.
//!
//! The rules are numbered in `tests/data/oracles/escalation/README.md`; numbers in comments refer to them.

use std::collections::BTreeSet;

use super::incident::target_label;
use super::input::Actor;
use super::judge::Judge;
use super::limits;
use super::policy::Target;
use super::state::{Escalation, Purpose, Recipient, Status};
use super::transition::Transition;
use crate::domain::{Destination, IncidentId, Name, Timestamp};
use crate::rules::{Because, RuleKind};

/// Whom a step tells at this moment: people in the order of the targets, each once, and channels.
#[derive(Default)]
pub(super) struct Audience {
    pub people: Vec<Name>,
    channels: Vec<Destination>,
}

impl Judge<'_> {
    /// From the first step of the first round (rules 1 and 8).
    pub(super) fn begin_escalation(&mut self, id: IncidentId) {
        let Some(incident) = self.engine.state.incidents.get(&id) else { return };
        if incident.escalation.is_none() {
            let team = incident.team.clone();
            self.say(Some(id), RuleKind::Escalation, Because::NoPolicy { team });
            return;
        }
        self.perform(id, 0, 0, false);
    }

    /// The wait of the step performed last is over (rules 2 and 3).
    pub(super) fn step_due(&mut self, id: IncidentId) {
        let Some(escalation) = self.escalation(id) else { return };
        if let Some((until, because)) = self.silenced_until(id) {
            self.say(Some(id), RuleKind::Silence, because);
            if escalation.held {
                self.record(Transition::EscalationHeld { incident: id, pass: escalation.pass, until });
            } else {
                self.moved(id, escalation.pass, escalation.step, Some(until), false);
            }
            return;
        }
        if escalation.held {
            self.perform(id, escalation.pass, 0, false);
            return;
        }
        if self.engine.state.incidents.get(&id).is_some_and(|incident| incident.is_drill()) {
            let why = Name::const_new("a drill goes no further than its first step");
            self.say(Some(id), RuleKind::Escalation, Because::NothingToDo { why });
            self.moved(id, escalation.pass, escalation.step, None, false);
            return;
        }
        let last = escalation.step as usize + 1 >= escalation.policy.steps.len();
        if !last {
            self.perform(id, escalation.pass, escalation.step + 1, false);
        } else if escalation.policy.repeat.is_none_or(|repeat| escalation.pass < repeat) {
            self.perform(id, escalation.pass.saturating_add(1), 0, false);
        } else {
            let policy = escalation.policy.name.clone();
            self.say(Some(id), RuleKind::Escalation, Because::Exhausted { policy: policy.clone() });
            self.moved(id, escalation.pass, escalation.step, None, true);
            let text = format!("escalation policy `{policy}` ran out for incident {id}: nobody acknowledged");
            self.alarm(&compact_str::format_compact!("exhausted/{id}"), &text);
        }
    }

    /// The next step at once, also when acknowledged, snoozed or exhausted (rule 10). Somebody wants it now, so quiet hours do not count.
    pub(super) fn escalate_now(&mut self, id: IncidentId) {
        let Some(escalation) = self.escalation(id) else { return };
        if escalation.held {
            self.perform(id, escalation.pass, 0, true);
        } else if escalation.step as usize + 1 < escalation.policy.steps.len() {
            self.perform(id, escalation.pass, escalation.step + 1, true);
        } else {
            self.perform(id, escalation.pass.saturating_add(1), 0, true);
        }
    }

    /// Performs the step; one that finds nobody is skipped at once, but at the end of a round its wait passes (rule 6). One whose people all
    /// want quiet is skipped too, and they are told when their quiet hours end; where that is so for a whole round, the round waits.
    pub(super) fn perform(&mut self, id: IncidentId, pass: u32, first: u32, by_hand: bool) {
        let Some(escalation) = self.escalation(id) else { return };
        let steps = escalation.policy.steps.len();
        let count = u32::try_from(steps).unwrap_or(u32::MAX);
        let mut held: Vec<(Name, Timestamp)> = Vec::new();
        for number in (first as usize)..steps {
            let step = &escalation.policy.steps[number];
            let index = u32::try_from(number).unwrap_or(u32::MAX);
            let last = number + 1 == steps;
            let mut audience = self.audience(id, &step.notify);
            let targets = step.notify.iter().map(target_label).collect();
            let wait = if last { step.wait.max(limits::ROUND_WAIT_MIN) } else { step.wait };
            let due = Some(self.now().plus(wait));
            let policy = escalation.policy.name.clone();
            let quiet = if by_hand { Vec::new() } else { self.take_out_quiet(id, &mut audience) };
            let is_quiet = !quiet.is_empty();
            held.extend(
                quiet
                    .into_iter()
                    .filter(|(person, _)| !held.iter().any(|(known, _)| known == person))
                    .collect::<Vec<_>>(),
            );
            if audience.people.is_empty() && audience.channels.is_empty() {
                let (step, steps, round) = (index + 1, count, pass + 1);
                let because = if is_quiet {
                    Because::StepQuiet { policy: policy.clone(), step, steps, round, targets }
                } else {
                    Because::StepSkipped { policy: policy.clone(), step, steps, round, targets }
                };
                self.say(Some(id), RuleKind::Escalation, because);
                if last {
                    self.round_over(id, &policy, (pass, index, due), first == 0, &held);
                }
                continue;
            }
            let why = why(&policy, index + 1, count, pass, &targets);
            let users = audience.people.clone();
            let because =
                Because::StepReached { policy, step: index + 1, steps: count, round: pass + 1, targets, users };
            self.say(Some(id), RuleKind::Escalation, because);
            self.moved(id, pass, index, due, false);
            self.hold(id, &held, &why);
            self.tell(id, audience, &why);
            return;
        }
    }

    /// Takes those out who want quiet now, with the ends of their quiet hours.
    fn take_out_quiet(&mut self, id: IncidentId, audience: &mut Audience) -> Vec<(Name, Timestamp)> {
        let people = std::mem::take(&mut audience.people);
        let mut quiet = Vec::new();
        for person in people {
            match self.quiet_until(id, &person) {
                Some(until) => quiet.push((person, until)),
                None => audience.people.push(person),
            }
        }
        quiet
    }

    /// No step of a round, or of the rest of one, found anybody who may be told now.
    fn round_over(
        &mut self,
        id: IncidentId,
        policy: &Name,
        (pass, step, due): (u32, u32, Option<Timestamp>),
        whole: bool,
        held: &[(Name, Timestamp)],
    ) {
        let drill = self.engine.state.incidents.get(&id).is_some_and(|incident| incident.is_drill());
        let until = held.iter().map(|(_, until)| *until).min();
        if let Some(until) = until.filter(|_| whole && !drill) {
            self.say(Some(id), RuleKind::Personal, Because::RoundHeld { policy: policy.clone(), until });
            self.record(Transition::EscalationHeld { incident: id, pass, until });
            return;
        }
        self.moved(id, pass, step, due, false);
        self.hold(id, held, &format!("policy {policy}"));
    }

    /// These people at once, as part of the current step, whose wait begins anew (rule 9).
    pub(super) fn reassign_people(&mut self, id: IncidentId, people: &[Name]) {
        let Some(escalation) = self.escalation(id) else {
            let audience = Audience { people: people.to_vec(), channels: Vec::new() };
            self.tell(id, audience, "handed over by a person");
            return;
        };
        let steps = u32::try_from(escalation.policy.steps.len()).unwrap_or(u32::MAX);
        let step = escalation.step;
        let wait = escalation.policy.steps.get(step as usize).map_or(limits::ROUND_WAIT_MIN, |step| step.wait);
        let policy = escalation.policy.name.clone();
        let because = Because::StepReached {
            policy,
            step: step + 1,
            steps,
            round: escalation.pass + 1,
            targets: people.to_vec(),
            users: people.to_vec(),
        };
        self.say(Some(id), RuleKind::Escalation, because);
        let due = Some(self.now().plus(wait));
        self.moved(id, escalation.pass, step, due, false);
        self.tell(id, Audience { people: people.to_vec(), channels: Vec::new() }, "handed over by a person");
    }

    /// No further steps.
    pub(super) fn stop_escalation(&mut self, id: IncidentId) {
        if let Some(e) = self.escalation(id)
            && e.due.is_some()
        {
            self.moved(id, e.pass, e.step, None, e.exhausted);
        }
    }

    /// A page failed on every way to its person. Judged like silence: when nobody else of this step can have heard, the next step
    /// follows at once.
    pub(super) fn page_lost(&mut self, id: IncidentId) {
        let Some(incident) = self.engine.state.incidents.get(&id) else { return };
        let outbox = &self.engine.state.outbox;
        let others = incident.pending.iter().any(|row| outbox.get(row).is_some_and(|d| d.purpose == Purpose::Page));
        let Some(escalation) = &incident.escalation else { return };
        let Some(due) = escalation.due.filter(|_| !escalation.reached) else { return };
        let wait = escalation.policy.steps.get(escalation.step as usize).map_or(limits::ROUND_WAIT_MIN, |s| s.wait);
        let triggered = incident.status == Status::Triggered;
        if triggered && !others && !self.page_is_folded(id, None) && !self.page_was_told(id, due.minus(wait)) {
            self.step_due(id);
        }
    }

    fn escalation(&self, id: IncidentId) -> Option<Escalation> {
        self.engine.state.incidents.get(&id).and_then(|incident| incident.escalation.clone())
    }

    fn moved(&mut self, incident: IncidentId, pass: u32, step: u32, due: Option<Timestamp>, exhausted: bool) {
        self.record(Transition::EscalationMoved { incident, pass, step, due, exhausted });
    }

    /// Looks every target up at this moment (rule 5).
    pub(super) fn audience(&mut self, id: IncidentId, targets: &[Target]) -> Audience {
        let policy = self.policy();
        let mut audience = Audience::default();
        let mut seen = BTreeSet::new();
        for target in targets {
            let people = match target {
                Target::Channel(destination) => {
                    audience.channels.push(destination.clone());
                    continue;
                }
                Target::Person(person) => vec![person.clone()],
                Target::Team(team) => policy.teams.get(team).map(|t| t.members.clone()).unwrap_or_default(),
                Target::Group(group) => policy.groups.get(group).cloned().unwrap_or_default(),
                Target::Manager(team) => policy.teams.get(team).and_then(|t| t.manager.clone()).into_iter().collect(),
                Target::Schedule { schedule, role } => self.on_call(id, schedule, role.as_ref()),
            };
            audience.people.extend(people.into_iter().filter(|person| seen.insert(person.clone())));
        }
        audience
    }

    /// Who is on call, with the reason in the trace. Nobody there is an alarm of its own.
    fn on_call(&mut self, id: IncidentId, name: &Name, role: Option<&Name>) -> Vec<Name> {
        let (policy, now) = (self.policy(), self.now());
        let schedule = self.engine.state.rota.schedule(&policy, name);
        let answer = schedule.map(|schedule| schedule.answer(role.map(Name::as_str), now));
        let found = answer.filter(|answer| !answer.users.is_empty());
        let Some(answer) = found else {
            let because = Because::NobodyOnCall { schedule: name.clone(), role: role.cloned() };
            self.say(Some(id), RuleKind::Schedule, because);
            let role = role.map(|role| format!(" as {role}")).unwrap_or_default();
            let text = format!("nobody is on call in schedule `{name}`{role}: the step was skipped");
            self.alarm(&compact_str::format_compact!("nobody-on-call/{name}{role}"), &text);
            return Vec::new();
        };
        let because = Because::OnCall {
            schedule: name.clone(),
            role: answer.role,
            users: answer.users.clone(),
            since: answer.since,
            until: answer.until,
            overridden: answer.overridden,
        };
        self.say(Some(id), RuleKind::Schedule, because);
        answer.users
    }

    fn tell(&mut self, id: IncidentId, audience: Audience, why: &str) {
        for person in &audience.people {
            self.page(id, person, why);
        }
        for destination in audience.channels {
            self.order(id, Recipient::Channel(destination), Purpose::Alert, why.to_owned(), None, 0);
        }
        if !audience.people.is_empty() {
            self.record(Transition::PeoplePaged { incident: id, people: audience.people });
        }
    }

    /// An acknowledgement is good for so long.
    pub(super) fn acknowledged(&mut self, id: IncidentId, by: Actor) {
        let at = self.now();
        let timeout = self.escalation(id).and_then(|e| e.policy.ack_timeout);
        let until = timeout.map(|timeout| at.plus(timeout));
        self.record(Transition::StatusChanged { incident: id, status: Status::Acknowledged { by, at, until } });
        self.stop_escalation(id);
        self.drop_pages(id, "it was acknowledged");
    }
}

fn why(policy: &Name, step: u32, steps: u32, pass: u32, targets: &[Name]) -> String {
    let round = if pass == 0 { String::new() } else { format!(", round {}", pass + 1) };
    format!("step {step} of {steps} of policy {policy}{round}: {}", targets.join(", "))
}
