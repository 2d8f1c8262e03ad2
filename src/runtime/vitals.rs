//! Whether callout does its work: the facts behind `/-/ready`, the service manager's watchdog and the heartbeat to an independent monitor.
//!
//! Whoever asks must get an answer even when the shard is stuck with the state in its hands, so the state is only tried for.

use std::time::Duration;

use serde::Serialize;

use super::{Handle, Health};
use crate::domain::Span;

/// The shard loop goes round every second, and may be this late. Beyond: it is stuck, and readiness turns red.
pub const TURN_AGE_MAX: Span = Span::from_seconds(15);
/// The state is tried for again after so long, while the shard holds it.
const TRY_EVERY: Duration = Duration::from_millis(20);
/// The shard holds the state for a bounded number of inputs at a time; one that holds it for so long is stuck.
const TRY_FOR: Duration = Duration::from_secs(5);

/// How callout fares.
#[derive(Debug, Clone)]
pub struct Vitals {
    /// Why it does not do its work, in sentences; none when it does.
    pub trouble: Vec<String>,
    /// How far each part is behind.
    pub lag: Lag,
}

/// How far each part is behind, for the body of a heartbeat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Lag {
    /// The journal.
    pub journal: JournalLag,
    /// The judge.
    pub judge: JudgeLag,
    /// The outbox.
    pub outbox: OutboxLag,
    /// The index, which no page waits for.
    pub index: IndexLag,
}

/// The journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct JournalLag {
    /// Its newest record.
    pub committed: u64,
    /// Whether it cannot be written.
    pub failing: bool,
}

/// The judge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct JudgeLag {
    /// Since the loop last went round.
    pub turn_ms: u64,
    /// Age of the oldest input that is not judged.
    pub oldest_unjudged_ms: u64,
}

/// The outbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OutboxLag {
    /// Messages in it.
    pub messages: u64,
    /// Age of the oldest page that is due and not delivered.
    pub oldest_page_ms: u64,
}

/// The index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct IndexLag {
    /// Records that it does not know yet.
    pub behind: u64,
}

impl Handle {
    /// How callout fares. Answers within some seconds, whatever is stuck.
    pub async fn vitals(&self) -> Vitals {
        let turn = self.now().since(self.last_turn());
        let mut tries = TRY_FOR.as_millis() / TRY_EVERY.as_millis();
        let found = loop {
            if let Some(found) = self.try_health() {
                break Some(found);
            }
            if tries == 0 {
                break None;
            }
            tries -= 1;
            tokio::time::sleep(TRY_EVERY).await;
        };
        let mut trouble = Vec::new();
        let Some((health, messages)) = found else {
            trouble.push(format!(
                "the state cannot be read: whoever judges has held it for more than {} s",
                TRY_FOR.as_secs()
            ));
            let committed = self.journal().committed().0;
            let judge = JudgeLag { turn_ms: turn.as_millis().unsigned_abs(), ..JudgeLag::default() };
            return Vitals {
                trouble,
                lag: Lag { journal: JournalLag { committed, failing: false }, judge, ..Lag::default() },
            };
        };
        self.reasons(&health, turn, &mut trouble);
        let committed = self.journal().committed().0;
        let lag = Lag {
            journal: JournalLag { committed, failing: health.journal_error.is_some() },
            judge: JudgeLag { turn_ms: turn.as_millis().unsigned_abs(), oldest_unjudged_ms: health.oldest_unjudged_ms },
            outbox: OutboxLag { messages, oldest_page_ms: health.oldest_page_ms },
            index: IndexLag { behind: health.index_complete_to.map_or(0, |to| committed.saturating_sub(to)) },
        };
        Vitals { trouble, lag }
    }

    pub(super) fn reasons(&self, health: &Health, turn: Span, reasons: &mut Vec<String>) {
        let limits = self.settings().health;
        let span = |ms: u64| Span::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
        if !health.running {
            reasons.push("recovery from the journal is not done, or the shard has stopped".to_owned());
        } else if turn > TURN_AGE_MAX {
            reasons.push(format!("the shard has not gone round for {turn}, more than {TURN_AGE_MAX}: it is stuck"));
        }
        if health.stopping {
            reasons.push("callout is stopping".to_owned());
        }
        if let Some(error) = &health.journal_error {
            reasons.push(format!("the journal cannot be written: {error}"));
        }
        let unjudged = span(health.oldest_unjudged_ms);
        if unjudged > limits.unjudged {
            let most = limits.unjudged;
            reasons.push(format!("the oldest event that is not judged waits for {unjudged}, more than {most}"));
        }
        let page = span(health.oldest_page_ms);
        if page > limits.undelivered {
            let most = limits.undelivered;
            reasons.push(format!("the oldest page that is not delivered waits for {page}, more than {most}"));
        }
    }
}
