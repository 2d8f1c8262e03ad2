//! The chain of decisions, from the traces that were committed with them. Nothing is judged again, nothing is made up.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::domain::{Event, EventId, EventKind, EventStatus, IncidentId, Seq, Timestamp};
use crate::engine::{Decision, Input, TraceLine, Transition};
use crate::journal::{Record, RecordBody};
use crate::rules::Because;

/// The chain of decisions about an incident, an event or a page, in order of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// What is explained: `incident 4711`, `event E1042`.
    pub subject: String,
    /// The lines.
    pub lines: Vec<ExplanationLine>,
}

/// One line of an explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplanationLine {
    /// RFC 3339, UTC.
    pub at: String,
    /// Which rule spoke.
    pub rule: String,
    /// What it saw and answered, in a sentence.
    pub because: String,
}

impl Explanation {
    /// As text: one line each, rules aligned, the time printed where it changes.
    #[must_use]
    pub fn to_text(&self) -> String {
        let width = self.lines.iter().map(|line| line.rule.chars().count()).max().unwrap_or(0);
        let mut text = format!("{}\n", self.subject);
        let mut last = "";
        for line in &self.lines {
            if line.at != last {
                let _ = writeln!(text, "  {}", line.at);
                last = &line.at;
            }
            let _ = writeln!(text, "    {:width$}  {}", line.rule, line.because);
        }
        text
    }
}

/// Explains an incident from the records that concern it, in order of position. Records about others are skipped.
#[must_use]
pub fn explain_incident(incident: IncidentId, records: &[Record]) -> Explanation {
    let settled = settled(records);
    let mut lines = Vec::new();
    for record in records {
        match &record.body {
            RecordBody::Input(input) => lines.extend(received(record, input)),
            RecordBody::Decision(decision) => {
                lines.extend(told(record.at, decision, &settled, |line| line.incident == Some(incident)));
            }
        }
    }
    Explanation { subject: format!("incident {incident}"), lines }
}

/// Explains what became of one event: its own record and the decision that judged it.
#[must_use]
pub fn explain_event(event: EventId, records: &[Record]) -> Explanation {
    let settled = settled(records);
    let mut lines = Vec::new();
    for record in records {
        match &record.body {
            RecordBody::Input(input) if record.seq == Seq(event.0) => lines.extend(received(record, input)),
            RecordBody::Decision(decision) if judged(decision, event) => {
                lines.extend(told(record.at, decision, &settled, |_| true));
            }
            _ => {}
        }
    }
    Explanation { subject: format!("event {event}"), lines }
}

/// Explains why a person was paged: what is known of the incident up to and including the page at `at`.
#[must_use]
pub fn explain_page(person: &str, incident: IncidentId, at: Timestamp, records: &[Record]) -> Explanation {
    let mut explanation = explain_incident(incident, records);
    let until = at.to_string();
    // Times of one precision compare as text; the page's own decision carries exactly `at`.
    let after = explanation.lines.iter().rposition(|line| line.at <= until).map_or(0, |last| last + 1);
    explanation.lines.truncate(after);
    explanation.subject = format!("page to {person} at {at}, incident {incident}");
    explanation
}

fn judged(decision: &Decision, event: EventId) -> bool {
    decision.transitions.iter().any(|t| matches!(t, Transition::Judged { input } if input.0 == event.0))
}

fn told<'a>(
    at: Timestamp,
    decision: &'a Decision,
    settled: &'a BTreeSet<u64>,
    wanted: impl Fn(&TraceLine) -> bool + 'a,
) -> impl Iterator<Item = ExplanationLine> + 'a {
    let at = at.to_string();
    let lines = decision.trace.lines.iter();
    lines.filter(move |line| wanted(line) && !is_told_by_its_outcome(&line.because, settled)).map(move |line| {
        ExplanationLine { at: at.clone(), rule: line.rule.as_str().to_owned(), because: line.because.to_string() }
    })
}

/// The messages whose outcome is in the records.
fn settled(records: &[Record]) -> BTreeSet<u64> {
    let decisions = records.iter().filter_map(|record| match &record.body {
        RecordBody::Decision(decision) => Some(decision),
        RecordBody::Input(_) => None,
    });
    let lines = decisions.flat_map(|decision| &decision.trace.lines);
    lines
        .filter_map(|line| match &line.because {
            Because::Delivered { delivery, .. }
            | Because::GaveUp { delivery, .. }
            | Because::Dropped { delivery, .. } => Some(*delivery),
            _ => None,
        })
        .collect()
}

/// An order is told by its outcome, once there is one; telling both would double every message.
fn is_told_by_its_outcome(because: &Because, settled: &BTreeSet<u64>) -> bool {
    matches!(because, Because::Ordered { delivery, .. } if settled.contains(delivery))
}

fn received(record: &Record, input: &Input) -> Option<ExplanationLine> {
    let Input::Event(event) = input else { return None };
    let rule = match event.kind {
        EventKind::Breach => "breach",
        EventKind::Resource => "alert",
    };
    let because = format!("{}, received as E{}", what_broke(event), record.seq);
    Some(ExplanationLine { at: record.at.to_string(), rule: rule.to_owned(), because })
}

/// `availability of GET /api/data/{tenant} in prod-eu`, for a line of text; foreign control characters do not get through.
fn what_broke(event: &Event) -> String {
    let subject = event.sli.as_deref().or(event.slo.as_deref()).or_else(|| event.labels.get("alertname"));
    let mut text = subject.unwrap_or("something").to_owned();
    if let Some(of) = event.endpoint.as_deref().or(event.service.as_deref()) {
        let _ = write!(text, " of {of}");
    }
    if let Some(environment) = event.environment.as_deref().or(event.region.as_deref()) {
        let _ = write!(text, " in {environment}");
    }
    if event.status == EventStatus::Resolved {
        text.push_str(" is over");
    }
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::Trace;
    use crate::rules::RuleKind;

    fn decision(seq: u64, lines: &[(Option<u64>, RuleKind, Because)]) -> Record {
        let mut trace = Trace::default();
        for (incident, rule, because) in lines {
            trace.say(incident.map(IncidentId), *rule, because.clone());
        }
        let decision = Decision { transitions: Vec::new(), trace };
        Record { seq: Seq(seq), at: Timestamp::from_seconds(60), body: RecordBody::Decision(Arc::new(decision)) }
    }

    #[test]
    fn an_order_is_told_until_its_outcome_is_known() {
        let ordered = |n| Because::Ordered { delivery: n, what: "page".into(), to: "ana by slack:main".into() };
        let done = Because::Delivered { delivery: 1, attempt: 1, to: "ana by slack:main".into() };
        let records = [
            decision(2, &[(Some(7), RuleKind::Delivery, ordered(1)), (Some(7), RuleKind::Delivery, ordered(2))]),
            decision(3, &[(Some(7), RuleKind::Delivery, done), (Some(8), RuleKind::Priority, Because::PriorityUnset)]),
        ];
        let explanation = explain_incident(IncidentId(7), &records);
        assert_eq!(explanation.lines.len(), 2, "{}", explanation.to_text());
        assert!(explanation.to_text().starts_with("incident 7\n  1970-01-01T00:01:00Z\n    delivery"));
    }
}
