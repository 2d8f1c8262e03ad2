//! Finding the records behind an explanation: through the index where it is complete, by reading the journal's end where it is not.

use std::collections::BTreeMap;

use super::drill::{Drill, DrillReport};
use super::explain::{Explanation, explain_event, explain_incident, explain_page};
use crate::domain::{EventId, IncidentId, Seq, Span, Timestamp};
use crate::engine::{Input, Transition};
use crate::journal::{Record, RecordBody};
use crate::store::{Index, IndexError, JournalError, JournalReader};

/// Records of one incident that an explanation looks at. Beyond: the first one, and then the newest.
pub(super) const RECORDS_MAX: usize = 2_000;
/// Records read for the decision about one event, from its own on. Beyond: no decision is found.
pub(super) const JUDGED_WITHIN: usize = 100_000;
/// A page is looked for this long before the time asked for, and [`PAGE_AFTER`] behind it.
const PAGE_BEFORE: Span = Span::from_hours(12);
/// So that `--at 20:15` finds the page of 20:15:03.
pub(super) const PAGE_AFTER: Span = Span::from_minutes(2);
/// Pages of one person that are looked up at once. Beyond: the others are looked up after them.
pub(super) const PAGES_MAX: usize = 1_000;

/// Why there is no explanation.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The journal cannot be read.
    #[error("could not read the journal")]
    Journal(#[from] JournalError),
    /// The index cannot be read.
    #[error("could not read the index")]
    Index(#[from] IndexError),
}

/// The journal, with the index that makes look-ups quick. Without one everything is read.
pub struct History<'a> {
    /// Committed records.
    pub journal: &'a dyn JournalReader,
    /// Look-ups.
    pub index: Option<&'a dyn Index>,
}

impl History<'_> {
    /// Explains an incident; `None` when no record knows it.
    ///
    /// # Errors
    /// When journal or index cannot be read.
    pub fn incident(&self, incident: IncidentId) -> Result<Option<Explanation>, HistoryError> {
        let records = self.records_of(incident)?;
        Ok((!records.is_empty()).then(|| explain_incident(incident, &records)))
    }

    /// The records of an incident, from which its timeline and its postmortem are made; empty when none knows it.
    ///
    /// # Errors
    /// As above.
    pub fn records(&self, incident: IncidentId) -> Result<Vec<Record>, HistoryError> {
        self.records_of(incident)
    }

    /// Explains what became of an event; `None` when there is none at that position.
    ///
    /// # Errors
    /// As above.
    pub fn event(&self, event: EventId) -> Result<Option<Explanation>, HistoryError> {
        Ok(self.event_and_decision(event)?.map(|found| explain_event(event, &found)))
    }

    /// What became of a drill so far; `None` when there is none of that id.
    ///
    /// # Errors
    /// As above.
    pub fn drill(&self, event: EventId) -> Result<Option<DrillReport>, HistoryError> {
        let Some(found) = self.event_and_decision(event)? else { return Ok(None) };
        let Some(drill) = Drill::of(event, &found) else { return Ok(None) };
        let records = drill.incident.map_or(Ok(found), |incident| self.records_of(incident))?;
        Ok(Some(drill.report(&records)))
    }

    /// The record of an event, and the one of its judgement as soon as there is one.
    fn event_and_decision(&self, event: EventId) -> Result<Option<Vec<Record>>, HistoryError> {
        let from = Seq(event.0);
        if from < self.journal.first_seq() || from > self.journal.committed() {
            return Ok(None);
        }
        let mut found = Vec::new();
        for item in self.journal.read_from(from).take(JUDGED_WITHIN) {
            let (_, record) = item?;
            let is_event = matches!(&record.body, RecordBody::Input(input) if matches!(**input, Input::Event(_)));
            if found.is_empty() && !is_event {
                return Ok(None);
            }
            if found.is_empty() {
                found.push(record);
            } else if judged_input(&record) == Some(from) {
                found.push(record);
                break;
            }
        }
        Ok((!found.is_empty()).then_some(found))
    }

    /// Explains the last page that a person got at or shortly before `at`; `None` when there was none in the twelve hours before.
    ///
    /// # Errors
    /// As above.
    pub fn page(&self, person: &str, at: Timestamp) -> Result<Option<Explanation>, HistoryError> {
        let (from, to) = (at.minus(PAGE_BEFORE), at.plus(PAGE_AFTER));
        let mut last = None;
        let mut look = |record: &Record| {
            if let Some(incident) = paged(record, person).filter(|_| from <= record.at && record.at < to) {
                last = Some((incident, record.at));
            }
        };
        let mut read_to = Seq(0);
        if let Some(index) = self.index {
            let mut begin = from;
            loop {
                let (applied, positions) = together(index, || index.person_positions(person, begin, to, PAGES_MAX))?;
                read_to = if begin == from { applied } else { read_to.min(applied) };
                let mut newest = begin;
                for position in &positions {
                    if let Some(record) = self.journal.record_at(*position)? {
                        newest = newest.max(record.at);
                        look(&record);
                    }
                }
                // As many of one moment as that are not followed further: any of them is the page of that moment.
                if positions.len() < PAGES_MAX || newest == begin {
                    break;
                }
                begin = newest;
            }
        }
        self.each_after(read_to, |record| look(&record))?;
        let Some((incident, paged_at)) = last else { return Ok(None) };
        let records = self.records_of(incident)?;
        Ok(Some(explain_page(person, incident, paged_at, &records)))
    }

    /// The records that concern an incident, with the events that its decisions judged, in order.
    fn records_of(&self, incident: IncidentId) -> Result<Vec<Record>, HistoryError> {
        let mut found: BTreeMap<Seq, Record> = BTreeMap::new();
        let mut read_to = Seq(0);
        if let Some(index) = self.index {
            let (applied, positions) = together(index, || index.incident_positions(incident))?;
            read_to = applied;
            let skip = positions.len().saturating_sub(RECORDS_MAX);
            // The beginning says why there is an incident at all, so it is never left out.
            let wanted = positions.iter().take(1).chain(positions.iter().skip(skip.max(1)));
            for position in wanted {
                if let Some(record) = self.journal.record_at(*position)? {
                    found.insert(record.seq, record);
                }
            }
        }
        self.each_after(read_to, |record| {
            if found.len() < 2 * RECORDS_MAX && concerns(&record, incident) {
                found.insert(record.seq, record);
            }
        })?;
        let inputs: Vec<Seq> = found.values().filter_map(judged_input).collect();
        for seq in inputs {
            if let Some(record) = self.journal.record(seq)?
                && matches!(&record.body, RecordBody::Input(input) if matches!(**input, Input::Event(_)))
            {
                found.insert(seq, record);
            }
        }
        Ok(found.into_values().collect())
    }

    /// What the index does not have yet.
    pub(super) fn each_after(&self, applied: Seq, mut f: impl FnMut(Record)) -> Result<(), HistoryError> {
        let from = Seq(applied.0 + 1).max(self.journal.first_seq());
        if from > self.journal.committed() {
            return Ok(());
        }
        for item in self.journal.read_from(from) {
            f(item?.1);
        }
        Ok(())
    }
}

/// A look-up, and up to where the index was complete at that time. Made again where a day turned out not to be sound meanwhile.
fn together<T>(index: &dyn Index, look: impl Fn() -> Result<T, IndexError>) -> Result<(Seq, T), IndexError> {
    loop {
        let (removals, applied) = (index.removals(), index.applied());
        let found = look()?;
        if index.removals() == removals {
            return Ok((applied, found));
        }
    }
}

pub(super) fn judged_input(record: &Record) -> Option<Seq> {
    let RecordBody::Decision(decision) = &record.body else { return None };
    decision.transitions.iter().rev().find_map(|transition| match transition {
        Transition::Judged { input } => Some(*input),
        _ => None,
    })
}

fn concerns(record: &Record, incident: IncidentId) -> bool {
    let RecordBody::Decision(decision) = &record.body else { return false };
    decision.trace.lines.iter().any(|line| line.incident == Some(incident))
}

/// The incident of which this record paged `person`.
fn paged(record: &Record, person: &str) -> Option<IncidentId> {
    let RecordBody::Decision(decision) = &record.body else { return None };
    decision.transitions.iter().find_map(|transition| match transition {
        Transition::PeoplePaged { incident, people } if people.iter().any(|p| p == person) => Some(*incident),
        _ => None,
    })
}
