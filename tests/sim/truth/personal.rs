//! The part of the account that is about personal rules: ways in order and in time, quiet hours that are kept, held pages that are not lost.

use std::sync::Arc;

use callout::domain::{IncidentId, Name, Timestamp};
use callout::engine::state::{Delivery, Incident, Purpose, Recipient, Status};
use callout::engine::{Transition, Verb};
use callout::rules::Because;

use super::steps::by_person_or_report;
use super::{Case, Context, Fine, Truth, ensure};

impl Case {
    /// Whatever takes an incident ends the chains of everybody.
    pub(super) fn forget_chains(&mut self) {
        self.held.clear();
        self.ways.clear();
    }
}

impl Truth {
    /// A chain began, went on, was put off or ended, or a page is held.
    pub(super) fn personal(&mut self, transition: &Transition, context: &Context<'_>) -> Fine {
        let now = self.now;
        match transition {
            Transition::ChainBegun { incident, person, steps, .. } => {
                let count = u32::try_from(steps.len()).unwrap();
                let due = steps.get(1).map(|step| now.plus(step.after));
                let case = self.case(*incident)?;
                case.held.remove(person);
                case.ways.insert(person.clone(), (1, count, due));
                ensure(case.status == Status::Triggered, || format!("{person} is paged of {incident}, which is taken"))
            }
            Transition::ChainMoved { incident, person, next, due } => {
                let case = self.case(*incident)?;
                if let Some(until) = case.held.get_mut(person) {
                    // Released, or put off once more by a silence or by quiet hours that changed.
                    if let Some(due) = due {
                        *until = *due;
                    }
                    return Ok(());
                }
                let Some((known, count, was_due)) = case.ways.get(person).copied() else {
                    return ensure(due.is_none(), || format!("{person} has no chain of {incident} that could go on"));
                };
                let begins_anew = *next == 0 && due.is_none();
                let put_off = *next == known && is_put_off(*incident, person, context);
                let next_way = *next == known + 1 && *next <= count;
                ensure(begins_anew || put_off || next_way, || {
                    format!("{incident}: way {next} of {person} follows way {known} of {count}")
                })?;
                let in_time = !next_way || put_off || was_due == Some(now) || by_person_or_report(*incident, context)
                    // Whoever is to be paged again gets the next way at once.
                    || pages_again(*incident, person, context);
                ensure(in_time, || {
                    format!("{incident}: way {next} of {person} was due at {was_due:?} and came at {now}")
                })?;
                let ordered = put_off || begins_anew || is_told(*incident, person, context);
                ensure(ordered, || format!("{incident}: way {next} of {person} was taken, and no message follows"))?;
                self.case(*incident)?.ways.insert(person.clone(), (*next, count, *due));
                Ok(())
            }
            Transition::PageHeld { incident, person, until, .. } => {
                ensure(*until > now && held_back(*incident, person, context), || {
                    format!("a page of {person} about {incident} is held until {until}, and no quiet hours say so")
                })?;
                self.case(*incident)?.held.insert(person.clone(), *until);
                Ok(())
            }
            Transition::ChainsStopped { incident } => {
                self.case(*incident)?.forget_chains();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A round waits, since everybody whom it tells wants quiet.
    pub(super) fn round_held(&mut self, id: IncidentId, pass: u32, until: Timestamp, context: &Context<'_>) -> Fine {
        let (now, clock) = (self.now, self.clock_ms);
        let says = context
            .says(|b| matches!(b, Because::RoundHeld { until: said, .. } | Because::Silenced { until: said, .. } if *said == until));
        ensure(says && until > now, || format!("incident {id}: a round waits until {until} without a reason"))?;
        let case = self.case(id)?;
        let round = case.held_round.unwrap_or(if case.begins { 0 } else { case.pass + u32::from(case.due.is_some()) });
        ensure(pass == round || pass == case.pass, || format!("incident {id}: round {pass} waits, not {round}"))?;
        (case.pass, case.step, case.due, case.exhausted) = (pass, 0, Some(until), false);
        case.held_round = Some(pass);
        case.begins = false;
        case.waits_since = (clock, now);
        Ok(())
    }

    /// Whoever is held by quiet hours is held in the state too, or pages go on to them by a chain; nothing is forgotten.
    pub(super) fn whatever_is_held_is_kept(&self, context: &Context<'_>) -> Fine {
        for line in &context.decision.trace.lines {
            let (Some(incident), Because::QuietHeld { person, .. }) = (line.incident, &line.because) else { continue };
            let Some(case) = self.cases.get(&incident).filter(|case| case.status == Status::Triggered) else {
                continue;
            };
            let chain = case.ways.get(person).is_some_and(|(_, _, due)| due.is_some());
            let kept =
                case.held.contains_key(person) || chain || case.held_round.is_some() || case.paged.contains(person);
            ensure(kept, || format!("quiet hours hold a page of {person} about {incident}, and nobody keeps it"))?;
        }
        Ok(())
    }

    /// Nobody is paged in their quiet hours without an exception, unless somebody wants it or a way failed.
    pub(super) fn not_in_quiet_hours(&self, row: &Arc<Delivery>, context: &Context<'_>) -> Fine {
        let (Some(incident), Recipient::Person { person, .. }) = (row.incident, &row.to) else { return Ok(()) };
        let quiet = self.policy.people.get(person).and_then(|known| known.rules.quiet.as_ref());
        let until = quiet.and_then(|quiet| quiet.hours.end_of(self.now));
        if row.purpose != Purpose::Page || row.fallbacks > 0 || until.is_none() {
            return Ok(());
        }
        let broken = context.says(|b| matches!(b, Because::QuietBroken { person: who, .. } if who == person));
        let by_hand = matches!(context.verb(incident), Some(Verb::ReassignPeople { .. } | Verb::Escalate { .. }));
        // A page that waited in a digest, and became more urgent.
        let waited = is_raised(incident, context) || context.says(|b| matches!(b, Because::Unfolded { .. }));
        ensure(broken || by_hand || waited, || {
            format!("{person} was paged of {incident} in quiet hours, at {}", self.now)
        })
    }

    /// What is held is told when its time comes.
    pub(super) fn nothing_is_held_too_long(&self, id: IncidentId, incident: &Incident, case: &Case) -> Fine {
        if case.status != Status::Triggered {
            return Ok(());
        }
        for (person, until) in &case.held {
            let known = incident.chains.iter().any(|chain| chain.person == *person && chain.is_held());
            ensure(known, || format!("the page of {person} about incident {id} is held by the journal alone"))?;
            ensure(*until >= self.now, || format!("the page of {person} about {id} is held beyond {until}"))?;
        }
        Ok(())
    }

    /// Whether these people's quiet hours are over now.
    pub(super) fn is_released(&self, id: IncidentId, people: &[Name]) -> bool {
        let case = self.cases.get(&id);
        case.is_some_and(|case| {
            people.iter().all(|person| case.held.get(person).is_some_and(|until| *until <= self.now))
        })
    }
}

/// Whether quiet hours are the reason why a person is not told now.
pub(super) fn held_back(id: IncidentId, person: &Name, context: &Context<'_>) -> bool {
    context.decision.trace.lines.iter().any(|line| {
        line.incident == Some(id) && matches!(&line.because, Because::QuietHeld { person: who, .. } if who == person)
    })
}

/// Whether an incident became more urgent, by which pages that wait may go out.
pub(super) fn is_raised(id: IncidentId, context: &Context<'_>) -> bool {
    let raised = |t: &Transition| matches!(t, Transition::PriorityChanged { incident, .. } if *incident == id);
    context.decision.transitions.iter().any(raised)
}

/// Whether quiet hours or a silence put a way off, or a silence ended early.
fn is_put_off(id: IncidentId, person: &Name, context: &Context<'_>) -> bool {
    let lines = &context.decision.trace.lines;
    let silenced = lines.iter().any(|l| l.incident == Some(id) && matches!(l.because, Because::Silenced { .. }));
    held_back(id, person, context) || silenced || matches!(context.verb(id), Some(Verb::ExpireSilence { .. }))
}

/// Whether a person counts as paged with this decision.
fn pages_again(id: IncidentId, person: &Name, context: &Context<'_>) -> bool {
    context.decision.transitions.iter().any(|transition| {
        matches!(transition, Transition::PeoplePaged { incident, people } if *incident == id && people.contains(person))
    })
}

/// Whether a page to a person is ordered, or waits in a digest.
fn is_told(id: IncidentId, person: &Name, context: &Context<'_>) -> bool {
    let ordered = context.decision.transitions.iter().any(|transition| match transition {
        Transition::DeliveryOrdered(row) => {
            row.incident == Some(id) && matches!(&row.to, Recipient::Person { person: to, .. } if to == person)
        }
        Transition::Folded { incident, .. } => *incident == id,
        _ => false,
    });
    ordered || context.says(|because| matches!(because, Because::NothingToDo { .. }))
}
