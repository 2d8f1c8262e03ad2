//! The content of a digest, gathered from the state a part at a time, so that the shard never waits long for it.

use std::sync::Arc;

use crate::auth::link::{self, DigestLink, Holder, Link, LinkKey, Verbs};
use crate::channel::Urgency;
use crate::channel::digest::{Digest, DigestLinks};
use crate::domain::{DeliveryId, IncidentId, Timestamp};
use crate::engine::Policy;
use crate::engine::digest::Digest as Folded;
use crate::engine::state::{Incident, Purpose};
use crate::enrich::Gathering;
use crate::runtime::Handle;

/// Incidents looked up under one hold of the read lock.
const LOOKED_UP_PER_LOCK: usize = 1_024;

/// For whom a digest is made.
pub struct Reader<'a> {
    pub holder: Holder,
    /// IANA zone; the organisation's otherwise.
    pub zone: Option<&'a str>,
}

/// The digest that is row `row`, as its incidents stand now. `None` when it left the outbox, or none of its incidents is known any more.
pub fn gather(
    handle: &Handle,
    policy: &Arc<Policy>,
    key: &LinkKey,
    row: DeliveryId,
    reader: &Reader<'_>,
    now: Timestamp,
) -> Option<Box<Digest>> {
    let folded: Arc<Folded> = handle.read(|state| {
        let digest = state.digest_rows.get(&row)?;
        state.digests.get(digest).cloned()
    })?;
    let mut gathering = Gathering::default();
    let entries: Vec<(IncidentId, Purpose)> = folded.entries.iter().map(|(id, purpose)| (*id, *purpose)).collect();
    for part in entries.chunks(LOOKED_UP_PER_LOCK) {
        let found: Vec<(Arc<Incident>, Purpose)> = handle.read(|state| {
            part.iter().filter_map(|(id, purpose)| Some((state.incidents.get(id).cloned()?, *purpose))).collect()
        });
        for (incident, purpose) in &found {
            gathering.add(incident, *purpose);
        }
    }
    let rank = gathering.rank();
    let base = policy.organisation.url.as_deref();
    let expires_at = now.plus(link::LIFETIME);
    let (tally, named) = gathering.finish(policy, |incident| {
        let link = Link { incident, verbs: Verbs::ALL, holder: reader.holder.clone(), message: row, expires_at };
        Some(format!("{}{}", base?, link::path(&key.sign(&link), "")))
    });
    if tally.incidents == 0 {
        return None;
    }
    let links = base.map(|base| {
        let token =
            key.sign_digest(&DigestLink { digest: folded.id, holder: reader.holder.clone(), message: row, expires_at });
        let list = format!("{base}{}", link::digest_path(&token));
        DigestLinks { acknowledge: list.clone(), list }
    });
    let urgency = match rank {
        Some(0) => Urgency::High,
        _ if tally.resolved == tally.incidents => Urgency::Over,
        _ => Urgency::Normal,
    };
    let timezone = reader.zone.unwrap_or(&policy.organisation.timezone).to_owned();
    Some(Box::new(Digest { id: folded.id, urgency, tally, named, links, since: folded.opened_at, timezone }))
}
