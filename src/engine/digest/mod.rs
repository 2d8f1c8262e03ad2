//! Digests: what goes to one recipient faster than a person can read waits for one message about all of it.
//!
//! To each recipient (a person by one of their channels, or a channel of a team) so many messages go out one by one within a time; what
//! comes beyond is *folded* into a digest, which is ordered as one message when it is due. More urgent incidents have a budget of their own,
//! so a page of P1 is never held up by any number of P3. Which message is folded is decided here and recorded, as everything else is: each
//! incident knows its digests, each digest its incidents, and what is acknowledged before the digest is sent leaves it again.
//!
//! Absent on purpose: webhooks. Whoever reads a webhook is a program, which wants every message.

mod evolve;
mod judge;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::input::Actor;
use super::limits;
use super::state::{Delivery, Purpose, Recipient};
use crate::domain::{ChannelKind, DeliveryId, DigestId, IncidentId, Span, Timestamp};

/// When messages to one recipient are folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigestRule {
    /// So many messages to one recipient go out one by one …
    pub singles: u32,
    /// … within so long; further ones wait for a digest, the first one for so long too.
    pub within: Span,
    /// While it goes on, there is a digest this often.
    pub every: Span,
}

impl Default for DigestRule {
    fn default() -> Self {
        Self { singles: 5, within: Span::from_minutes(1), every: Span::from_minutes(5) }
    }
}

/// What went to a recipient lately.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Flow {
    /// When messages went out one by one, oldest first, with the ranks of their incidents. Bounded.
    pub singles: Vec<(Timestamp, u8)>,
    /// The digest that takes in what is folded now.
    pub collecting: Option<DigestId>,
    /// Whether too much came lately.
    pub storm: Option<Storm>,
}

/// More came than is told one by one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Storm {
    /// The most urgent rank of which there was too much; what is as urgent or less is folded.
    pub rank: u8,
    /// When the last digest of it closed.
    pub closed_at: Option<Timestamp>,
}

/// One message about many incidents.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Digest {
    /// Its number.
    pub id: DigestId,
    /// Whom it tells.
    pub to: Recipient,
    /// When the first incident was folded.
    pub opened_at: Timestamp,
    /// When it takes in no more and is ordered.
    pub due: Timestamp,
    /// Its incidents, and what would have been said of each.
    pub entries: BTreeMap<IncidentId, Purpose>,
    /// Where it stands.
    pub stage: Stage,
    /// What is being done to all of its incidents, a few at a time.
    pub work: Option<Work>,
}

/// Where a digest stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Stage {
    /// It takes in incidents until it is due.
    Collecting,
    /// It is this row of the outbox.
    Ordered(DeliveryId),
    /// It was delivered.
    Told(Timestamp),
    /// It failed for good, and so did every other way.
    Failed,
}

impl Digest {
    /// Whether nobody has heard it yet, and somebody may.
    #[must_use]
    pub const fn is_on_its_way(&self) -> bool {
        matches!(self.stage, Stage::Collecting | Stage::Ordered(_))
    }

    /// Whether a page of somebody is in it.
    #[must_use]
    pub fn pages(&self) -> bool {
        self.entries.values().any(|purpose| *purpose == Purpose::Page)
    }

    /// Whether a page of this incident is in it.
    #[must_use]
    pub fn pages_of(&self, incident: IncidentId) -> bool {
        self.entries.get(&incident) == Some(&Purpose::Page)
    }
}

/// Something that is done to all incidents of a digest, a few at a time, so that nothing else waits for it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Work {
    /// What.
    pub what: Task,
    /// The first incident that is left to do.
    pub next: IncidentId,
    /// When it goes on.
    pub at: Timestamp,
}

/// What is done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Task {
    /// Somebody acknowledged all of them.
    Acknowledge {
        /// Who.
        by: Actor,
    },
    /// Its pages reached nobody: the next steps follow.
    Lost,
}

/// Whether folding concerns a kind of channel at all.
#[must_use]
pub const fn is_for_people(kind: ChannelKind) -> bool {
    !matches!(kind, ChannelKind::Webhook)
}

/// Whether a message changes an earlier one in its place. It makes nobody's phone ring, and there are no more of them than messages that went
/// out one by one, so it neither counts nor is folded.
#[must_use]
pub fn is_in_place(to: &Recipient, follows: bool) -> bool {
    follows && matches!(to.channel().kind, ChannelKind::Slack | ChannelKind::Http)
}

/// Whether a row counts as a message that went out by itself.
fn counts(row: &Delivery) -> bool {
    row.incident.is_some()
        && row.fallbacks == 0
        && is_for_people(row.to.channel().kind)
        && !is_in_place(&row.to, row.follows.is_some())
}

impl Flow {
    /// Messages as urgent as `rank` or more that went out by themselves after `since`.
    fn singles_since(&self, since: Timestamp, rank: u8) -> usize {
        self.singles.iter().filter(|(at, of)| *at > since && *of <= rank).count()
    }

    fn count(&mut self, now: Timestamp, rank: u8) {
        if self.singles.len() >= limits::SINGLES_KEPT_MAX {
            self.singles.remove(0);
        }
        self.singles.push((now, rank));
    }
}
