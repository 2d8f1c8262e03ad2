//! Digests, performed: the part of `evolve` that is about them.

use std::sync::Arc;

use super::{Digest, Stage, Storm, Work, counts};
use crate::domain::{DeliveryId, DigestId, IncidentId, Timestamp};
use crate::engine::state::{Delivery, Purpose, Recipient};
use crate::engine::timers::{Timer, digest_deadline};
use crate::engine::transition::Transition;
use crate::engine::{Engine, limits};

impl Engine {
    /// The part of `evolve` that changes digests.
    pub(in crate::engine) fn evolve_digest(&mut self, transition: &Transition) {
        use Transition as T;
        match transition {
            T::DigestOpened { digest, to, due } => self.digest_opened(*digest, to, *due),
            T::Folded { digest, incident, purpose, due, storm } => {
                self.folded(*digest, *incident, *purpose, *due, *storm);
            }
            T::Unfolded { digest, incident } => self.unfolded(*digest, *incident),
            T::DigestClosed { digest, over } => self.digest_closed(*digest, *over),
            T::DigestOrdered { digest, delivery } => self.digest_ordered(*digest, delivery),
            T::DigestWork { digest, work } => self.digest_work(*digest, work.as_ref()),
            _ => {}
        }
    }

    /// A message went out by itself.
    pub(in crate::engine) fn count_single(&mut self, row: &Delivery) {
        if !counts(row) {
            return;
        }
        let now = self.state.now;
        if self.state.flows.len() >= limits::FLOWS_MAX && !self.state.flows.contains_key(&row.to) {
            let since = now.minus(limits::FLOW_KEPT);
            let flows = &mut self.state.flows;
            flows.retain(|_, flow| flow.collecting.is_some() || flow.singles.last().is_some_and(|(at, _)| *at > since));
        }
        self.state.flows.entry(row.to.clone()).or_default().count(now, row.rank);
    }

    fn digest_opened(&mut self, id: DigestId, to: &Recipient, due: Timestamp) {
        self.state.last_digest = self.state.last_digest.max(id.0);
        self.state.flows.entry(to.clone()).or_default().collecting = Some(id);
        let digest = Digest {
            id,
            to: to.clone(),
            opened_at: self.state.now,
            due,
            entries: std::collections::BTreeMap::new(),
            stage: Stage::Collecting,
            work: None,
        };
        self.state.digests.insert(id, Arc::new(digest));
        self.arm_digest(id);
    }

    fn folded(&mut self, id: DigestId, incident: IncidentId, purpose: Purpose, due: Timestamp, storm: Option<u8>) {
        let Some(digest) = self.state.digests.get_mut(&id) else { return };
        let digest = Arc::make_mut(digest);
        digest.entries.insert(incident, purpose);
        let earlier = due < digest.due;
        digest.due = digest.due.min(due);
        if let Some(rank) = storm
            && let Some(flow) = self.state.flows.get_mut(&digest.to)
        {
            flow.storm = Some(Storm { rank, closed_at: flow.storm.and_then(|storm| storm.closed_at) });
        }
        if earlier {
            self.arm_digest(id);
        }
        let Some(incident) = self.state.incidents.get_mut(&incident) else { return };
        if incident.digests.contains(&id) {
            return;
        }
        let incident = Arc::make_mut(incident);
        let oldest = (incident.digests.len() >= limits::DIGESTS_MAX).then(|| incident.digests.remove(0));
        incident.digests.push(id);
        let number = incident.id;
        if let Some(oldest) = oldest {
            self.leave_digest(oldest, number);
        }
    }

    fn unfolded(&mut self, id: DigestId, incident: IncidentId) {
        if let Some(incident) = self.state.incidents.get_mut(&incident) {
            Arc::make_mut(incident).digests.retain(|digest| *digest != id);
        }
        self.leave_digest(id, incident);
    }

    /// An incident leaves a digest; one that is empty, and takes in no more, is forgotten.
    pub(in crate::engine) fn leave_digest(&mut self, id: DigestId, incident: IncidentId) {
        let Some(digest) = self.state.digests.get_mut(&id) else { return };
        Arc::make_mut(digest).entries.remove(&incident);
        if !digest.entries.is_empty() || digest.stage == Stage::Collecting {
            return;
        }
        if let Stage::Ordered(row) = digest.stage {
            self.state.outbox.remove(&row);
            self.state.digest_rows.remove(&row);
        }
        self.state.digests.remove(&id);
    }

    fn digest_closed(&mut self, id: DigestId, over: bool) {
        let now = self.state.now;
        let Some(digest) = self.state.digests.get(&id) else { return };
        if let Some(flow) = self.state.flows.get_mut(&digest.to) {
            flow.collecting = flow.collecting.filter(|collecting| *collecting != id);
            flow.storm = flow.storm.filter(|_| !over).map(|storm| Storm { closed_at: Some(now), ..storm });
        }
        if digest.entries.is_empty() {
            self.state.digests.remove(&id);
        }
    }

    fn digest_ordered(&mut self, id: DigestId, delivery: &Arc<Delivery>) {
        self.state.last_delivery = self.state.last_delivery.max(delivery.id.0);
        let Some(digest) = self.state.digests.get_mut(&id) else { return };
        let digest = Arc::make_mut(digest);
        digest.to = delivery.to.clone();
        digest.stage = Stage::Ordered(delivery.id);
        self.state.outbox.insert(delivery.id, Arc::clone(delivery));
        self.state.digest_rows.insert(delivery.id, id);
    }

    /// The row of a digest left the outbox, delivered or not.
    pub(in crate::engine) fn digest_left(&mut self, row: DeliveryId, delivered: bool) {
        let now = self.state.now;
        let Some(id) = self.state.digest_rows.remove(&row) else { return };
        let Some(digest) = self.state.digests.get_mut(&id) else { return };
        Arc::make_mut(digest).stage = if delivered { Stage::Told(now) } else { Stage::Failed };
    }

    fn digest_work(&mut self, id: DigestId, work: Option<&Work>) {
        if let Some(digest) = self.state.digests.get_mut(&id) {
            Arc::make_mut(digest).work = work.cloned();
            self.arm_digest(id);
        }
    }

    fn arm_digest(&mut self, id: DigestId) {
        if let Some(digest) = self.state.digests.get(&id) {
            self.timers.set(digest_deadline(digest), Timer::Digest(id));
        }
    }
}
