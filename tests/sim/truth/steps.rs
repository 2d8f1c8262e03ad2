//! The part of the account that is about escalation: which step may follow which, when, and who is paged by it.

use std::collections::BTreeSet;

use callout::domain::{DigestId, IncidentId, Name, Span, Timestamp};
use callout::engine::policy::{EscalationPolicy, Target};
use callout::engine::state::{Purpose, Recipient, Status};
use callout::engine::{Input, Transition, Verb};
use callout::rules::Because;

use super::{Context, End, Fine, Truth, ensure};

/// The least wait before a chain begins again, as documented.
const ROUND_WAIT_MIN: Span = Span::from_minutes(1);

/// Where an escalation stands.
type Place = (u32, u32);

impl Truth {
    /// Whether the page was in a digest that failed on every way: its incidents are gone through a moment after the report.
    fn lost_with_a_digest(&self, id: IncidentId, context: &Context<'_>) -> bool {
        let failed = |digest: &DigestId| {
            let mut rows = self.digest_rows.iter().filter(|(_, of)| *of == digest);
            rows.any(|(row, _)| self.rows.get(row).is_some_and(|row| row.end == End::Failed))
        };
        context.decision.transitions.iter().any(|transition| match transition {
            Transition::DigestWork { digest, .. } => {
                let page = self.digests.get(digest).and_then(|entries| entries.get(&id)) == Some(&Purpose::Page);
                page && failed(digest)
            }
            _ => false,
        })
    }

    /// The escalation of an incident went on, began, was put off or stopped.
    pub(super) fn moved(&mut self, transition: &Transition, context: &Context<'_>) -> Fine {
        let Transition::EscalationMoved { incident: id, pass, step, due, exhausted } = transition else {
            return Ok(());
        };
        let (now, clock) = (self.now, self.clock_ms);
        let lost = self.lost_with_a_digest(*id, context);
        let case = self.case(*id)?;
        let chain = case.chain.clone().ok_or_else(|| format!("incident {id} escalates without a policy"))?;
        let (before, here) = ((case.pass, case.step), (*pass, *step));
        match due {
            None if *exhausted && !case.exhausted => {
                ensure(here == before && is_last(&chain, here), || {
                    format!("incident {id}: the chain ran out at step {here:?}")
                })?;
                // The last page of the last step may have failed for good: nobody is left to wait for.
                let over = by_person_or_report(*id, context) || case.due.is_some_and(|due| due <= now);
                ensure(over, || format!("incident {id}: the chain ran out too early"))?;
            }
            None => ensure(case.status != Status::Triggered, || {
                format!("incident {id}: the escalation stopped while it was triggered")
            })?,
            Some(due) => {
                let put_off = here == before && !case.begins && put_off(*id, *due, now, context);
                if !put_off {
                    let first = follows(&chain, before, case.begins, here, context, *id)?;
                    ensure(first, || format!("incident {id}: step {here:?} follows {before:?}"))?;
                    let in_time = case.begins
                        || lost
                        || by_person_or_report(*id, context)
                        || case.due.is_none_or(|due| due == now);
                    ensure(in_time, || {
                        format!("incident {id}: step {here:?} was due at {:?} and came at {now}", case.due)
                    })?;
                    let wait = wait(&chain, here);
                    ensure(*due == now.plus(wait), || {
                        format!("incident {id}: step {here:?} at {now} waits until {due}, not for {wait}")
                    })?;
                }
            }
        }
        let case = self.case(*id)?;
        (case.pass, case.step, case.due, case.exhausted) = (*pass, *step, *due, *exhausted);
        case.begins = false;
        case.waits_since = (clock, now);
        self.steps += 1;
        Ok(())
    }

    /// People were paged: those whom the step names, as they are on call at this instant by the configuration in force.
    pub(super) fn paged(&mut self, id: IncidentId, people: &[Name], context: &Context<'_>) -> Fine {
        let case = self.case(id)?;
        let by_step = match &case.chain {
            Some(chain) => chain.steps.get(case.step as usize).map(|step| step.notify.clone()),
            None => None,
        };
        let by_step = by_step.map(|targets| self.audience(&targets));
        // A step that was due is performed in the same decision, right before what somebody wants.
        let by_person = match context.verb(id) {
            Some(Verb::ReassignPeople { people, .. }) => Some(people),
            _ => None,
        };
        // What was due before a configuration came into force, in the same decision, asked the schedules that were in force then.
        let changing = matches!(context.input.as_deref(), Some(Input::ConfigActivated { .. }));
        let meant = changing || by_step.as_deref() == Some(people) || by_person.is_some_and(|wanted| wanted == people);
        ensure(meant, || {
            format!("incident {id} at {}: {people:?} were paged, not {by_step:?} or {by_person:?}", self.now)
        })?;
        // Each of them got a page of their own with this decision, unless there is no way to them.
        for person in people {
            let reachable = self.policy.people.get(person).is_some_and(|known| !known.contacts.is_empty());
            let ordered = context.decision.transitions.iter().any(|transition| match transition {
                Transition::DeliveryOrdered(row) => {
                    row.incident == Some(id) && matches!(&row.to, Recipient::Person { person: to, .. } if to == person)
                }
                // In a digest, where too much goes to one person.
                Transition::Folded { incident, .. } => *incident == id,
                _ => false,
            });
            let ordered = ordered || context.says(|because| matches!(because, Because::NothingToDo { .. }));
            ensure(ordered || !reachable, || format!("{person} counts as paged about incident {id}, without a page"))?;
        }
        Ok(())
    }

    /// Whom these targets mean now.
    fn audience(&self, targets: &[Target]) -> Vec<Name> {
        let policy = &self.policy;
        let mut seen = BTreeSet::new();
        let mut people = Vec::new();
        for target in targets {
            let meant = match target {
                Target::Channel(_) => Vec::new(),
                Target::Person(person) => vec![person.clone()],
                Target::Team(team) => policy.teams.get(team).map(|team| team.members.clone()).unwrap_or_default(),
                Target::Group(group) => policy.groups.get(group).cloned().unwrap_or_default(),
                Target::Manager(team) => {
                    policy.teams.get(team).and_then(|team| team.manager.clone()).into_iter().collect()
                }
                Target::Schedule { schedule, role } => self.on_call(schedule, role.as_ref()),
            };
            people.extend(meant.into_iter().filter(|person| seen.insert(person.clone())));
        }
        people
    }

    /// Who is on call, by what `callout who` says.
    fn on_call(&self, schedule: &Name, role: Option<&Name>) -> Vec<Name> {
        let Some(schedule) = self.policy.schedules.get(schedule) else { return Vec::new() };
        let answers = schedule.explain(self.now);
        let wanted = answers.into_iter().find(|answer| role.is_none() || answer.role.as_ref() == role);
        wanted.map(|answer| answer.users).unwrap_or_default()
    }
}

fn is_last(chain: &EscalationPolicy, (pass, step): Place) -> bool {
    step as usize + 1 == chain.steps.len() && chain.repeat.is_some_and(|repeat| pass >= repeat)
}

fn wait(chain: &EscalationPolicy, (_, step): Place) -> Span {
    let wait = chain.steps.get(step as usize).map_or(ROUND_WAIT_MIN, |step| step.wait);
    if step as usize + 1 == chain.steps.len() { wait.max(ROUND_WAIT_MIN) } else { wait }
}

/// Whether `here` is the next place: the very next step, or a later one of the same round when those between found nobody and say so.
fn follows(
    chain: &EscalationPolicy,
    (pass, step): Place,
    begins: bool,
    here: Place,
    context: &Context<'_>,
    id: IncidentId,
) -> Result<bool, String> {
    let reassigned = matches!(context.verb(id), Some(Verb::ReassignPeople { .. }));
    if reassigned && here == (pass, step) {
        return Ok(true);
    }
    let next = if step as usize + 1 < chain.steps.len() { (pass, step + 1) } else { (pass + 1, 0) };
    // Where a person wants the next step, one that was due may have been performed right before, in the same decision.
    let escalated = matches!(context.verb(id), Some(Verb::Escalate { .. }));
    let first = if begins && !(escalated && here.0 == next.0 && here.1 >= next.1) { (0, 0) } else { next };
    if !begins && !escalated && first.0 > pass && chain.repeat.is_some_and(|repeat| first.0 > repeat) {
        return Err(format!("incident {id}: round {} is one too many", first.0 + 1));
    }
    let skipped = |number: u32| {
        context.says(|because| {
            matches!(because, Because::StepSkipped { step, round, .. } if *step == number + 1 && *round == first.0 + 1)
        })
    };
    Ok(here.0 == first.0 && here.1 >= first.1 && (first.1..here.1).all(skipped))
}

/// A silence holds the step back until its end, or ended early, or a person was handed the incident.
fn put_off(id: IncidentId, due: Timestamp, now: Timestamp, context: &Context<'_>) -> bool {
    let held = context.decision.trace.lines.iter().any(|line| {
        line.incident == Some(id)
            && matches!(&line.because, Because::Silenced { until, .. } if *until == due && *until > now)
    });
    held || (due == now && matches!(context.verb(id), Some(Verb::ExpireSilence { .. })))
}

/// Whether a step may follow before its time: somebody wants it, or the page before it is known to have reached nobody.
fn by_person_or_report(id: IncidentId, context: &Context<'_>) -> bool {
    context.verb(id).is_some() || matches!(context.input.as_deref(), Some(Input::Reports(_)))
}
