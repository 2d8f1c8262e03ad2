//! The audit: who did what, when, and what came of it. Found by the decisions about it, told by the inputs themselves.

use serde::{Deserialize, Serialize};

use super::history::{History, HistoryError, judged_input};
use crate::domain::{Seq, Timestamp};
use crate::engine::Input;
use crate::journal::{Record, RecordBody};
use crate::rules::{Because, RuleKind};

/// Which part of the audit is wanted.
#[derive(Debug, Clone)]
pub struct AuditAsked {
    /// From here on.
    pub from: Timestamp,
    /// Before this.
    pub to: Timestamp,
    /// Of the time `from`, only what is behind this record.
    pub after: Seq,
    /// Rows at most.
    pub limit: usize,
}

/// Part of the audit, in order.
#[derive(Debug, Clone, Default)]
pub struct AuditPage {
    /// The rows.
    pub rows: Vec<AuditRow>,
    /// Where to go on: time and record of the last that was looked at; `None` at the end.
    pub next: Option<(Timestamp, Seq)>,
}

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// The record of the journal that says so.
    pub record: u64,
    /// RFC 3339, UTC.
    pub at: String,
    /// Who: a person's id, `token ci`, `somebody on this machine`.
    pub by: String,
    /// What: `acknowledge`, `add-silence`, `POST /-/reload`, `SIGHUP`.
    pub what: String,
    /// The incident, if it was about one.
    pub incident: Option<u64>,
    /// `done`, `nothing` (there was nothing to do), `refused`.
    pub outcome: String,
    /// What came of it, in words.
    pub detail: String,
}

impl History<'_> {
    /// What people and tokens did, in order. Without an index the whole journal is read.
    ///
    /// # Errors
    /// When journal or index cannot be read.
    pub fn audit(&self, asked: &AuditAsked) -> Result<AuditPage, HistoryError> {
        let mut decisions: Vec<Record> = Vec::new();
        let mut read_to = Seq(0);
        if let Some(index) = self.index {
            read_to = index.applied();
            for position in index.act_positions(asked.from, asked.to, asked.after, asked.limit)? {
                decisions.extend(self.journal.record_at(position)?);
            }
        }
        if decisions.len() < asked.limit {
            self.each_after(read_to, |record| {
                let begin = (asked.from, Seq(asked.after.0.saturating_add(1)));
                let wanted = begin <= (record.at, record.seq) && record.at < asked.to;
                if wanted && decisions.len() < asked.limit && tells_of_an_act(&record) {
                    decisions.push(record);
                }
            })?;
        }
        let last = decisions.last().map(|record| (record.at, record.seq));
        let next = last.filter(|_| decisions.len() == asked.limit);
        let mut rows = Vec::with_capacity(decisions.len());
        for decision in &decisions {
            rows.extend(self.row(decision)?);
        }
        Ok(AuditPage { rows, next })
    }

    /// `None` for what callout did by itself.
    fn row(&self, decision: &Record) -> Result<Option<AuditRow>, HistoryError> {
        let Some(seq) = judged_input(decision) else { return Ok(None) };
        let Some(Record { body: RecordBody::Input(input), at, .. }) = self.journal.record(seq)? else {
            return Ok(None);
        };
        let row = |by, what: &str, incident, outcome: &str, detail| AuditRow {
            record: seq.0,
            at: at.to_string(),
            by,
            what: what.to_owned(),
            incident,
            outcome: outcome.to_owned(),
            detail,
        };
        Ok(match &*input {
            Input::Command(command) => {
                let (outcome, detail) = came_of(decision);
                let incident = command.verb.incident().map(|id| id.0);
                Some(row(command.by.label(), command.verb.as_str(), incident, outcome, detail))
            }
            Input::Administered(act) => {
                let outcome = if act.done { "done" } else { "refused" };
                Some(row(act.by.label(), &act.what, None, outcome, act.outcome.clone()))
            }
            _ => None,
        })
    }
}

fn tells_of_an_act(record: &Record) -> bool {
    matches!(&record.body, RecordBody::Decision(decision) if decision.trace.tells_of_an_act())
}

/// The first word of the trace about a person.
fn came_of(record: &Record) -> (&'static str, String) {
    let RecordBody::Decision(decision) = &record.body else { return ("nothing", String::new()) };
    let line = decision.trace.lines.iter().find(|line| line.rule == RuleKind::Person);
    match line.map(|line| &line.because) {
        Some(Because::Did { what, .. }) => ("done", what.to_string()),
        Some(Because::NothingToDo { why }) => ("nothing", why.to_string()),
        _ => ("nothing", String::new()),
    }
}
