//! What would have been quiet: events of the last days that matchers match, and what came of them. Reads the journal from there on.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::history::{History, HistoryError, judged_input};
use crate::domain::{Event, Fingerprint, IncidentId, Seq, Timestamp};
use crate::engine::state::Purpose;
use crate::engine::{Input, Transition};
use crate::journal::RecordBody;
use crate::rules::matcher::Matcher;

/// Incidents that a preview names. Beyond: they are counted.
const NAMED_MAX: usize = 50;
/// Events that a preview shows. Beyond: they are counted.
const SAMPLE_MAX: usize = 20;
/// Records read for a preview. Beyond: it ends there, and says up to when it is complete.
pub const PREVIEW_RECORDS_MAX: usize = 2_000_000;

/// What would have been quiet.
#[derive(Debug, Default, Serialize)]
pub struct Preview {
    /// RFC 3339, UTC.
    pub from: String,
    /// RFC 3339, UTC; earlier than asked where the journal was too long.
    pub to: String,
    /// Events that match, re-fires not counted.
    pub events: u64,
    /// Sources of these.
    pub sources: usize,
    /// Incidents that they opened.
    pub incidents: usize,
    /// Pages that were ordered for these incidents.
    pub pages: u64,
    /// The incidents, those with the most events first.
    pub by_incident: Vec<PreviewIncident>,
    /// Some of the events, the newest first.
    pub sample: Vec<PreviewEvent>,
}

/// An incident that would not have been opened.
#[derive(Debug, Serialize)]
pub struct PreviewIncident {
    /// Its number.
    pub incident: u64,
    /// RFC 3339, UTC.
    pub opened_at: String,
    /// What it is about.
    pub about: String,
    /// Events of it that match, repeats included.
    pub events: u64,
    /// Pages that were ordered for it.
    pub pages: u64,
}

/// An event that matches.
#[derive(Debug, Serialize)]
pub struct PreviewEvent {
    /// RFC 3339, UTC.
    pub at: String,
    /// Its id.
    pub event: String,
    /// What it is about.
    pub about: String,
    /// The incident that it belongs to, if it came to one.
    pub incident: Option<u64>,
}

#[derive(Default)]
struct Found {
    /// Matching sources, with what they are about.
    sources: BTreeMap<Fingerprint, String>,
    /// Incidents that one of these opened: when, which source, repeats, pages.
    opened: BTreeMap<IncidentId, (Timestamp, Fingerprint, u64, u64)>,
    /// The newest events: position, time, source.
    newest: Vec<(Seq, Timestamp, Fingerprint)>,
    events: u64,
}

impl History<'_> {
    /// Looks at everything from `from` on. Without an index of positions by time the journal is read from its beginning.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn preview(&self, matchers: &[Matcher], from: Timestamp, to: Timestamp) -> Result<Preview, HistoryError> {
        self.preview_of(matchers, from, to, PREVIEW_RECORDS_MAX)
    }

    /// The same, of `most` records at most.
    fn preview_of(
        &self,
        matchers: &[Matcher],
        from: Timestamp,
        to: Timestamp,
        most: usize,
    ) -> Result<Preview, HistoryError> {
        let mut found = Found::default();
        let mut complete = to;
        for (number, item) in self.journal.read_from(self.journal.first_seq()).enumerate() {
            let (_, record) = item?;
            if number >= most {
                complete = record.at.min(to);
                break;
            }
            if record.at < from || record.at > to {
                continue;
            }
            let judged = judged_input(&record);
            match &record.body {
                RecordBody::Input(input) => {
                    if let Input::Event(event) = &**input {
                        found.event(record.seq, record.at, event, matchers);
                    }
                }
                RecordBody::Decision(decision) => {
                    for transition in &decision.transitions {
                        found.transition(judged.unwrap_or(record.seq), record.at, transition, matchers);
                    }
                }
            }
        }
        Ok(found.preview(from, complete))
    }
}

impl Found {
    fn event(&mut self, seq: Seq, at: Timestamp, event: &Event, matchers: &[Matcher]) {
        if matchers.iter().all(|matcher| matcher.matches_event(event)) {
            let source = event.fingerprint();
            self.events += 1;
            self.sources.entry(source).or_insert_with(|| about(event));
            if self.newest.len() >= 2 * SAMPLE_MAX {
                self.newest.drain(..SAMPLE_MAX);
            }
            self.newest.push((seq, at, source));
        }
    }

    fn transition(&mut self, seq: Seq, at: Timestamp, transition: &Transition, matchers: &[Matcher]) {
        match transition {
            // What callout found by itself is in no input.
            Transition::BreachFound { event, .. } => self.event(seq, at, event, matchers),
            Transition::IncidentOpened(opening) if self.sources.contains_key(&opening.fingerprint) => {
                self.opened.insert(opening.incident, (at, opening.fingerprint, 1, 0));
            }
            Transition::DuplicateCounted { incident, fingerprint, .. } if self.sources.contains_key(fingerprint) => {
                if let Some((_, _, events, _)) = self.opened.get_mut(incident) {
                    *events += 1;
                }
            }
            Transition::RefiresCounted(refires) => {
                for refire in refires {
                    if let Some((_, _, events, _)) = self.opened.get_mut(&refire.incident) {
                        *events += 1;
                    }
                }
            }
            Transition::DeliveryOrdered(row) if row.purpose == Purpose::Page => {
                if let Some((_, _, _, pages)) = row.incident.and_then(|id| self.opened.get_mut(&id)) {
                    *pages += 1;
                }
            }
            _ => {}
        }
    }

    fn preview(&self, from: Timestamp, to: Timestamp) -> Preview {
        let about = |source: &Fingerprint| self.sources.get(source).cloned().unwrap_or_default();
        let incident_of: BTreeMap<&Fingerprint, IncidentId> =
            self.opened.iter().map(|(id, (_, source, ..))| (source, *id)).collect();
        let mut by_incident: Vec<PreviewIncident> = self
            .opened
            .iter()
            .map(|(id, (at, source, events, pages))| PreviewIncident {
                incident: id.0,
                opened_at: at.to_string(),
                about: about(source),
                events: *events,
                pages: *pages,
            })
            .collect();
        let pages = by_incident.iter().map(|row| row.pages).sum();
        by_incident.sort_by_key(|row| (std::cmp::Reverse(row.events), row.incident));
        by_incident.truncate(NAMED_MAX);
        let newest = self.newest.iter().rev().take(SAMPLE_MAX);
        let sources: BTreeSet<&Fingerprint> = self.sources.keys().collect();
        Preview {
            from: from.to_string(),
            to: to.to_string(),
            events: self.events,
            sources: sources.len(),
            incidents: self.opened.len(),
            pages,
            by_incident,
            sample: newest
                .map(|(seq, at, source)| PreviewEvent {
                    at: at.to_string(),
                    event: format!("E{seq}"),
                    about: about(source),
                    incident: incident_of.get(source).map(|id| id.0),
                })
                .collect(),
        }
    }
}

/// What an event is about, in a line: its own fields, or its labels.
fn about(event: &Event) -> String {
    let fields = [&event.service, &event.endpoint, &event.sli, &event.environment];
    let named: Vec<&str> = fields.into_iter().flatten().map(compact_str::CompactString::as_str).collect();
    if !named.is_empty() {
        return named.join(" ");
    }
    let labels: Vec<String> = event.labels.iter().take(6).map(|(name, value)| format!("{name}={value}")).collect();
    labels.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Entry, Journal as _, MemoryJournal, Room};

    #[test]
    fn a_preview_counts_all_and_names_some() {
        let at = Timestamp::from_seconds(0);
        let mut found = Found::default();
        let (named, sample) = (NAMED_MAX as u64, SAMPLE_MAX as u64);
        for n in 1..=named + 1 {
            found.opened.insert(IncidentId(n), (at, Fingerprint(u128::from(n)), 1, 2));
        }
        found.newest = (0..=sample).map(|n| (Seq(n), at, Fingerprint(u128::from(n)))).collect();
        let preview = found.preview(at, at);
        assert_eq!((preview.incidents as u64, preview.pages), (named + 1, 2 * (named + 1)));
        assert_eq!((preview.by_incident.len(), preview.sample.len()), (NAMED_MAX, SAMPLE_MAX));
        assert_eq!(preview.sample[0].event, format!("E{sample}"));
        found.opened.pop_first();
        found.newest.pop();
        let preview = found.preview(at, at);
        assert_eq!((preview.by_incident.len(), preview.sample.len()), (NAMED_MAX, SAMPLE_MAX));
    }

    #[test]
    fn a_preview_says_up_to_when_it_looked() {
        let second = Timestamp::from_seconds;
        let mut journal = MemoryJournal::default();
        let tick = |n| Entry::new(second(n), RecordBody::Input(std::sync::Arc::new(Input::Tick)));
        journal.commit(&[tick(1), tick(2), tick(3)], Room::Ordinary).unwrap();
        let reader = journal.reader();
        let history = History { journal: &*reader, index: None };
        let to = |most| history.preview_of(&[], second(0), second(9), most).unwrap().to;
        assert_eq!((to(3), to(2)), (second(9).to_string(), second(3).to_string()));
    }
}
