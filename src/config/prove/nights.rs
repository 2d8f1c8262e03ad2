//! People on a rota whose quiet hours leave a hole: a page that comes while they serve reaches them only in the morning.

use super::Subject;
use crate::config::diagnostic::{Diagnostic, Findings, listed};
use crate::domain::{Name, Span, Timestamp};
use crate::engine::personal::Quiet;
use crate::schedule::Schedule;

/// How far ahead rotas are looked at.
const LOOKED_AHEAD: Span = Span::from_hours(28 * 24);

pub(super) fn prove(subject: &Subject<'_>, findings: &mut Findings) {
    // A priority that breaks quiet hours must be the most urgent one to count: nothing is worse than sleeping through that.
    let urgent = subject.policy.priorities.iter().min_by_key(|(_, priority)| priority.rank).map(|(name, _)| name);
    for (id, person) in &subject.policy.people {
        let Some(quiet) = &person.rules.quiet else { continue };
        if urgent.is_some_and(|urgent| quiet.unless_priorities.contains(urgent)) {
            continue;
        }
        let mut found: Vec<(String, Timestamp)> = Vec::new();
        for (name, schedule) in &subject.policy.schedules {
            if let Some((role, at)) = hole(schedule, id, quiet, subject.now) {
                let duty = role.map_or_else(|| name.to_string(), |role| format!("{role} of {name}"));
                found.push((duty, at));
            }
        }
        let Some((_, first)) = found.first() else { continue };
        let local = quiet.hours.local();
        let until = quiet
            .hours
            .end_of(*first)
            .map_or_else(String::new, |until| format!(" until {} in {}", local.short(until, *first), local.name()));
        let duties: Vec<&str> = found.iter().map(|(duty, _)| duty.as_str()).collect();
        let message = format!("`{id}` serves as {}, and wants quiet meanwhile", listed(&duties, 3));
        let place = subject.place("people", id, "quiet");
        let when = local.civil(*first);
        findings.push(
            Diagnostic::warning("quiet-on-call", place, message)
                .note(format!(
                    "a page at {} is held{until}, and the next step is told instead",
                    when.strftime("%a %Y-%m-%d %H:%M")
                ))
                .hint(match urgent {
                    Some(urgent) => format!(
                        "add `unless_on_call = true`, or `unless_priority = \"{urgent}\"` for the most urgent alone"
                    ),
                    None => "add `unless_on_call = true`".to_owned(),
                }),
        );
    }
}

/// The first moment at which a person serves in quiet hours that being on call does not break, and as what.
fn hole(schedule: &Schedule, person: &Name, quiet: &Quiet, now: Timestamp) -> Option<(Option<Name>, Timestamp)> {
    schedule.timeline(now, now.plus(LOOKED_AHEAD)).find_map(|shift| {
        let mut duties = shift.on_call.by_role().filter(|(_, people)| people.contains(person));
        let (role, _) = duties.find(|(role, _)| !quiet.unless_on_call.covers(*role))?;
        let begin = quiet.hours.begin_after(shift.start).filter(|begin| *begin < shift.end)?;
        Some((role.cloned(), begin))
    })
}
