//! A postmortem as Markdown, with everything filled in that is known. What only people know is asked for, in italics.
//!
//! It names no culprit: who acted stands in the timeline, and the questions are about the system. Source of the outline: *Site
//! Reliability Engineering*, chapter 15 and its example of a postmortem.

use std::fmt::Write as _;

use crate::channel::text::one_line;
use crate::channel::{Content, wording};
use crate::domain::Timestamp;
use crate::engine::state::{Incident, Status};
use crate::engine::{Policy, State};
use crate::enrich;
use crate::projection::{Entry, Kind, Timeline};

/// The whole text. `state` is the one in which the records were performed again.
pub fn markdown(incident: &Incident, state: &State, policy: &Policy, timeline: &Timeline) -> String {
    let content = enrich::content(incident, policy, None, state);
    let mut out = format!("# Postmortem of incident {}: {}\n\n", incident.id, plain(&content.headline));
    facts(&mut out, incident, &content, policy, timeline);
    out.push_str("\n## Summary\n\n");
    if let Some(summary) = &content.summary {
        let _ = writeln!(out, "> {}\n", plain(summary));
    }
    out.push_str("_What happened, in two sentences that somebody outside the team understands._\n\n## Impact\n\n");
    for fact in
        content.facts.iter().filter(|fact| ["Objective", "Broken by", "Budget left"].contains(&fact.name.as_str()))
    {
        let _ = writeln!(out, "- {}: {}", fact.name, plain(&fact.value));
    }
    out.push_str("- _Who noticed what, for how long?_\n\n");
    history(&mut out, incident, timeline);
    out.push_str(
        "## Causes\n\n_What made it possible, what set it off?_\n\n\
         ## What went well\n\n- _…_\n\n## What went badly\n\n- _…_\n\n## Where we were lucky\n\n- _…_\n\n\
         ## Actions\n\n| Action | Kind | Owner | Work item |\n|---|---|---|---|\n| _…_ | _prevent, detect or mitigate_ | | |\n",
    );
    out
}

/// A row for each fact that is known.
fn facts(out: &mut String, incident: &Incident, content: &Content, policy: &Policy, timeline: &Timeline) {
    let event = &incident.event;
    out.push_str("| | |\n|---|---|\n");
    let mut row = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let _ = writeln!(out, "| {name} | {} |", plain(&value));
        }
    };
    row("Incident", Some(link(incident, policy)));
    row("Team", Some(wording::owner(content)));
    let service = [&event.service, &event.endpoint].into_iter().flatten().map(ToString::to_string);
    row("Service", Some(service.collect::<Vec<_>>().join(", ")));
    row("SLO", incident.slo.as_ref().or(event.slo.as_ref()).map(ToString::to_string));
    let place = [&event.environment, &incident.region].into_iter().flatten().map(ToString::to_string);
    row("Where", Some(place.collect::<Vec<_>>().join(", region ")));
    row("Priority", Some(wording::priority(content)));
    row("Severity", content.severity.clone());
    for role in incident.response.iter().flat_map(|response| &response.roles) {
        row(&capital(&role.role), Some(name(policy, &role.person)));
    }
    row("Began", Some(utc(incident.opened_at)));
    let acknowledged = first_action(timeline, "acknowledged");
    row(
        "Acknowledged",
        acknowledged.map(|(at, by)| {
            format!("{} by {}, after {}", utc(at), name(policy, by), wording::rough(at.since(incident.opened_at)))
        }),
    );
    if let Status::Resolved { at, .. } = &incident.status {
        let by = content.status_by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
        row("Resolved", Some(format!("{}{by}", utc(*at))));
        row("Time to recovery", Some(wording::rough(at.since(incident.opened_at))));
    }
    let again =
        if incident.reopened > 0 { format!(", opened again {} times", incident.reopened) } else { String::new() };
    row("Seen", Some(format!("{} times{again}", incident.duplicates.saturating_add(1))));
    row("Paged", Some(incident.paged.iter().map(|person| name(policy, person)).collect::<Vec<_>>().join(", ")));
}

/// Status updates, and the timeline as a table. Rules are left out: they are in the explanation, which nobody reads twice.
fn history(out: &mut String, incident: &Incident, timeline: &Timeline) {
    let updates = incident.response.iter().flat_map(|response| &response.updates);
    let updates: Vec<String> = updates
        .map(|update| format!("- {} {}: {}\n", utc(update.at), update.by.label(), plain(&update.text)))
        .collect();
    if !updates.is_empty() {
        let _ = writeln!(out, "## Status updates\n\n{}", updates.concat());
    }
    out.push_str("## Timeline\n\nTimes are in UTC.\n\n| When | Who | What | Outcome |\n|---|---|---|---|\n");
    for entry in timeline.entries.iter().filter(|entry| is_worth_a_row(entry)) {
        let who = entry.by.as_deref().or(entry.to.as_deref()).unwrap_or_default();
        let at = Timestamp::parse(&entry.at).map_or_else(|_| entry.at.clone(), utc);
        let _ = writeln!(out, "| {at} | {} | {} | {} |", plain(who), plain(&what(entry)), outcome(entry));
    }
    out.push('\n');
}

/// Rules are in the explanation, which nobody reads twice; that everybody was told what somebody did is no news beside it.
fn is_worth_a_row(entry: &Entry) -> bool {
    let calls = ["page", "alert", "called-in", "reminder", "reopened", "digest"];
    match entry.kind {
        Kind::Rule => false,
        Kind::Message => {
            calls.iter().any(|call| entry.text.split(':').next() == Some(call)) || entry.outcome == Some("failed")
        }
        Kind::Event | Kind::Action => true,
    }
}

fn what(entry: &Entry) -> String {
    match &entry.through {
        Some(through) if entry.to.as_deref().is_some_and(|to| !to.starts_with(through.as_str())) => {
            format!("{} (by {through})", entry.text)
        }
        _ => entry.text.clone(),
    }
}

fn outcome(entry: &Entry) -> String {
    let attempts =
        entry.attempts.filter(|attempts| *attempts > 1).map(|n| format!(", attempt {n}")).unwrap_or_default();
    entry.outcome.map(|outcome| format!("{outcome}{attempts}")).unwrap_or_default()
}

/// When somebody first did something, and who.
fn first_action<'a>(timeline: &'a Timeline, what: &str) -> Option<(Timestamp, &'a str)> {
    let entry = timeline.entries.iter().find(|entry| entry.kind == Kind::Action && entry.text == what)?;
    Some((Timestamp::parse(&entry.at).ok()?, entry.by.as_deref()?))
}

fn link(incident: &Incident, policy: &Policy) -> String {
    let id = incident.id;
    policy.organisation.url.as_ref().map_or_else(|| id.to_string(), |base| format!("{id}, {base}/incidents/{id}"))
}

fn name(policy: &Policy, person: &str) -> String {
    policy.people.get(person).map_or_else(|| person.to_owned(), |known| known.name.clone())
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn utc(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%d %H:%M").to_string()
}

/// Foreign text in one line that cannot end a cell, begin a heading or become HTML.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_text() {
        assert_eq!(plain("a|b\n# c <img> [x](y) & `z`"), "a\\|b \\# c &lt;img> \\[x\\](y) &amp; \\`z\\`");
        assert_eq!(capital("coordinator"), "Coordinator");
    }
}
