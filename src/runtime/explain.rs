//! Explanations from a running service. They read files, so they run on a thread that may block.

use std::sync::Arc;

use super::Handle;
use crate::domain::{EventId, IncidentId, Timestamp};
use crate::journal::Record;
use crate::projection::{AuditAsked, AuditPage, DrillReport, Explanation, History, HistoryError, Preview};
use crate::rules::matcher::Matcher;

impl Handle {
    /// The explanation of an incident, from the traces in the journal; `None` when it is unknown.
    ///
    /// # Errors
    /// When the journal or the index cannot be read.
    pub async fn explain_incident(&self, incident: IncidentId) -> Result<Option<Explanation>, String> {
        self.look_up(move |history| history.incident(incident)).await
    }

    /// The same for one event.
    ///
    /// # Errors
    /// As above.
    pub async fn explain_event(&self, event: EventId) -> Result<Option<Explanation>, String> {
        self.look_up(move |history| history.event(event)).await
    }

    /// Why a person was paged at, or shortly before, a time.
    ///
    /// # Errors
    /// As above.
    pub async fn explain_page(&self, person: String, at: Timestamp) -> Result<Option<Explanation>, String> {
        self.look_up(move |history| history.page(&person, at)).await
    }

    /// The records of an incident, for its timeline and its postmortem; empty when none knows it.
    ///
    /// # Errors
    /// As above.
    pub async fn records(&self, incident: IncidentId) -> Result<Vec<Record>, String> {
        self.look_up(move |history| history.records(incident)).await
    }

    /// What people and tokens did, in order.
    ///
    /// # Errors
    /// As above.
    pub async fn audit(&self, asked: AuditAsked) -> Result<AuditPage, String> {
        self.look_up(move |history| history.audit(&asked)).await
    }

    /// What became of a drill so far; `None` when there is none of that id.
    ///
    /// # Errors
    /// As above.
    pub async fn drill(&self, event: EventId) -> Result<Option<DrillReport>, String> {
        self.look_up(move |history| history.drill(event)).await
    }

    /// What these matchers would have kept quiet between two times.
    ///
    /// # Errors
    /// As above.
    pub async fn preview(&self, matchers: Vec<Matcher>, from: Timestamp, to: Timestamp) -> Result<Preview, String> {
        self.look_up(move |history| history.preview(&matchers, from, to)).await
    }

    async fn look_up<R: Send + 'static>(
        &self,
        f: impl FnOnce(&History<'_>) -> Result<R, HistoryError> + Send + 'static,
    ) -> Result<R, String> {
        let (journal, index) = (Arc::clone(self.journal()), self.index().cloned());
        let answer = tokio::task::spawn_blocking(move || {
            f(&History { journal: &*journal, index: index.as_deref() }).map_err(|error| {
                tracing::warn!(error = super::snapshot::chain(&error), "could not explain");
                error.to_string()
            })
        });
        answer.await.unwrap_or_else(|_| Err("the look-up panicked".to_owned()))
    }
}
