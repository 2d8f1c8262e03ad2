//! Digests, decided: what is folded, when a digest goes out, what follows when it cannot be delivered.

use std::ops::Bound;
use std::sync::Arc;

use super::{Digest, DigestRule, Stage, Storm, Task, Work, is_for_people, is_in_place};
use crate::domain::{DeliveryId, DigestId, IncidentId, Name, Span, Timestamp};
use crate::engine::input::Actor;
use crate::engine::judge::Judge;
use crate::engine::limits;
use crate::engine::state::{Delivery, Purpose, Recipient, Status};
use crate::engine::transition::Transition;
use crate::rules::{Because, RuleKind};

/// What becomes of a message about to be ordered.
enum Gate {
    /// It goes out by itself.
    Single,
    /// It waits for a digest. With the rank of which there is too much, if that is new.
    Fold(Option<u8>),
}

impl Judge<'_> {
    /// Folds a message into a digest, if too much goes to its recipient. Says whether it did.
    pub(in crate::engine) fn fold_if_too_much(
        &mut self,
        id: IncidentId,
        to: &Recipient,
        purpose: Purpose,
        follows: bool,
    ) -> bool {
        // A drill asks whether a message arrives, so it is never folded; few of them can be made.
        let drill = self.engine.state.incidents.get(&id).is_some_and(|incident| incident.is_drill());
        let exempt = drill || is_in_place(to, follows);
        let Some(rule) = self.digest_rule(to).filter(|_| !exempt) else { return false };
        let rank = self.engine.state.incidents.get(&id).map_or(255, |incident| incident.rank);
        match self.gate(rule, to, rank) {
            Gate::Single => false,
            Gate::Fold(storm) => {
                self.fold(rule, id, to, purpose, storm);
                true
            }
        }
    }

    /// The rule that holds for a recipient; none for programs, and where it is switched off.
    fn digest_rule(&self, to: &Recipient) -> Option<DigestRule> {
        let policy = &self.engine.policy;
        let channel = to.channel();
        let wanted = is_for_people(channel.kind) && policy.channels.get(channel).is_some_and(|c| c.digest);
        policy.organisation.digest.filter(|_| wanted)
    }

    fn gate(&self, rule: DigestRule, to: &Recipient, rank: u8) -> Gate {
        let now = self.now();
        let Some(flow) = self.engine.state.flows.get(to) else { return Gate::Single };
        if let Some(storm) = live(flow.storm, rule, now)
            && rank >= storm.rank
        {
            return Gate::Fold(None);
        }
        let sent = flow.singles_since(now.minus(rule.within), rank);
        if sent < rule.singles as usize {
            return Gate::Single;
        }
        Gate::Fold(Some(live(flow.storm, rule, now).map_or(rank, |storm| storm.rank.min(rank))))
    }

    fn fold(&mut self, rule: DigestRule, id: IncidentId, to: &Recipient, purpose: Purpose, storm: Option<u8>) {
        let now = self.now();
        let flow = self.engine.state.flows.get(to);
        let storm_lasting = flow.and_then(|flow| live(flow.storm, rule, now));
        let collecting = flow.and_then(|flow| flow.collecting);
        let by_rule = first_due(rule, storm_lasting, now);
        let (digest, due) = self.fold_by(collecting, id, to, purpose, by_rule, storm);
        let (what, to) = (Name::const_new(purpose.as_str()), compact_str::format_compact!("{to}"));
        self.say(Some(id), RuleKind::Delivery, Because::Folded { digest, what, to, due });
    }

    /// Puts a message into the digest that gathers, or into a new one, to be told at `by` or earlier.
    fn fold_by(
        &mut self,
        collecting: Option<DigestId>,
        id: IncidentId,
        to: &Recipient,
        purpose: Purpose,
        by: Timestamp,
        storm: Option<u8>,
    ) -> (DigestId, Timestamp) {
        let digest = collecting.unwrap_or_else(|| {
            let digest = DigestId(self.engine.state.last_digest + 1);
            self.record(Transition::DigestOpened { digest, to: to.clone(), due: by });
            digest
        });
        // One that gathers for long by a person's rule is told earlier when something comes that may not wait so long.
        let due = self.engine.state.digests.get(&digest).map_or(by, |digest| digest.due.min(by));
        let due = due.min(self.must_hear_by(id, purpose).unwrap_or(due));
        self.record(Transition::Folded { digest, incident: id, purpose, due, storm });
        (digest, due)
    }

    /// A person's rule gathers pages for so long. Says whether this one waits; drills and programs do not.
    pub(in crate::engine) fn bundle(&mut self, id: IncidentId, to: &Recipient, span: Span) -> bool {
        let drill = self.engine.state.incidents.get(&id).is_some_and(|incident| incident.is_drill());
        if drill || !is_for_people(to.channel().kind) {
            return false;
        }
        let collecting = self.engine.state.flows.get(to).and_then(|flow| flow.collecting);
        let by = self.now().plus(span);
        let (digest, due) = self.fold_by(collecting, id, to, Purpose::Page, by, None);
        let to = compact_str::format_compact!("{to}");
        self.say(Some(id), RuleKind::Personal, Because::Bundled { digest, to, span, due });
        true
    }

    /// A page is not folded for longer than half of the time after which the next step follows.
    fn must_hear_by(&self, id: IncidentId, purpose: Purpose) -> Option<Timestamp> {
        let now = self.now();
        let escalation = self.engine.state.incidents.get(&id)?.escalation.as_ref()?;
        let wait = escalation.due?.since(now);
        let half = Span::from_millis(wait.as_millis() / 2);
        (purpose == Purpose::Page).then(|| now.plus(half.max(limits::DIGEST_WAIT_MIN)))
    }

    /// Whoever heard of an incident by a digest hears what became of it by a digest.
    pub(in crate::engine) fn fold_follow_up(&mut self, id: IncidentId, to: &Recipient, purpose: Purpose) {
        // Where folding was switched off meanwhile, the follow-ups of what was folded are folded still.
        let rule = self.digest_rule(to).or(self.engine.policy.organisation.digest).unwrap_or_default();
        self.fold(rule, id, to, purpose, None);
    }

    /// Digests that told, or may yet tell, of an incident.
    pub(in crate::engine) fn digests_of(&self, id: IncidentId) -> Vec<Arc<Digest>> {
        let state = &self.engine.state;
        let ids = state.incidents.get(&id).map_or(&[][..], |incident| &incident.digests);
        ids.iter().filter_map(|digest| state.digests.get(digest)).cloned().collect()
    }

    /// Whether a page of this incident waits in a digest, for a person if one is named.
    pub(in crate::engine) fn page_is_folded(&self, id: IncidentId, person: Option<&Name>) -> bool {
        self.digests_of(id).iter().any(|digest| {
            let for_them = person.is_none_or(|person| is_for(&digest.to, person));
            for_them && digest.is_on_its_way() && digest.pages_of(id)
        })
    }

    /// Whether a digest with a page of this incident was delivered since `since`.
    pub(in crate::engine) fn page_was_told(&self, id: IncidentId, since: Timestamp) -> bool {
        let told = |digest: &Digest| matches!(digest.stage, Stage::Told(at) if at >= since);
        self.digests_of(id).iter().any(|digest| told(digest) && digest.pages_of(id))
    }

    /// Pages that wait in digests are not worth sending any more. Gives the people they were for.
    pub(in crate::engine) fn unfold_pages(&mut self, id: IncidentId, why: &'static str) -> Vec<Name> {
        let mut people = Vec::new();
        for digest in self.digests_of(id) {
            if !digest.is_on_its_way() || !digest.pages_of(id) {
                continue;
            }
            if let Recipient::Person { person, .. } = &digest.to {
                people.push(person.clone());
            }
            self.record(Transition::Unfolded { digest: digest.id, incident: id });
            let because = Because::Unfolded { digest: digest.id, why: Name::const_new(why) };
            self.say(Some(id), RuleKind::Delivery, because);
        }
        people
    }

    /// An incident became more urgent: whoever is to be paged of it by a digest may have to hear now.
    pub(in crate::engine) fn page_anew_if_folded(&mut self, id: IncidentId) {
        let triggered = self.engine.state.incidents.get(&id).is_some_and(|i| i.status == Status::Triggered);
        if !triggered || !self.page_is_folded(id, None) {
            return;
        }
        for person in self.unfold_pages(id, "it became more urgent") {
            self.page_afresh(id, &person, "it became more urgent");
        }
    }

    /// A digest is due, or the next part of what is done to its incidents.
    pub(in crate::engine) fn digest_due(&mut self, id: DigestId) {
        let Some(digest) = self.engine.state.digests.get(&id).cloned() else { return };
        match &digest.work {
            Some(work) if work.at <= self.now() => self.work_on(&digest, work),
            _ => self.close(&digest),
        }
    }

    /// The digest takes in no more, and is ordered as one message.
    fn close(&mut self, digest: &Digest) {
        let rule = self.engine.policy.organisation.digest.unwrap_or_default();
        let over = digest.entries.len() <= rule.singles as usize;
        if self.is_bundle_of_one(digest) {
            self.unbundle(digest);
            return;
        }
        self.record(Transition::DigestClosed { digest: digest.id, over });
        if !digest.entries.is_empty() {
            self.order_digest(digest, digest.to.clone(), 0);
        }
    }

    /// Whether a person's rule gathered for a while, and one page came.
    fn is_bundle_of_one(&self, digest: &Digest) -> bool {
        let storm = self.engine.state.flows.get(&digest.to).is_some_and(|flow| flow.storm.is_some());
        !storm && digest.entries.len() == 1 && digest.pages()
    }

    /// A bundle of one is an ordinary page.
    fn unbundle(&mut self, digest: &Digest) {
        let Some((id, purpose)) = digest.entries.first_key_value().map(|(id, purpose)| (*id, *purpose)) else { return };
        let (why, number) = (Name::const_new("it is the only one"), digest.id);
        self.record(Transition::Unfolded { digest: number, incident: id });
        self.say(Some(id), RuleKind::Delivery, Because::Unfolded { digest: number, why });
        self.record(Transition::DigestClosed { digest: number, over: true });
        let of_person = |person: &Name| {
            let incident = self.engine.state.incidents.get(&id)?;
            incident.chains.iter().find(|chain| chain.person == *person).map(|chain| chain.why.clone())
        };
        let why = match &digest.to {
            Recipient::Person { person, .. } => of_person(person).unwrap_or_default(),
            Recipient::Channel(_) => String::new(),
        };
        self.order_one(id, digest.to.clone(), purpose, why, None, 0);
    }

    fn order_digest(&mut self, digest: &Digest, to: Recipient, fallbacks: u8) {
        let now = self.now();
        let ranks = digest.entries.keys().filter_map(|id| self.engine.state.incidents.get(id)).map(|i| i.rank);
        let row = Delivery {
            id: DeliveryId(self.engine.state.last_delivery + 1),
            incident: None,
            to,
            purpose: Purpose::Digest,
            rank: ranks.min().unwrap_or(255),
            ordered_at: now,
            expires_at: (!digest.pages()).then(|| now.plus(limits::NOTICE_WORTH)),
            attempts: 0,
            text: String::new(),
            follows: None,
            fallbacks,
        };
        let because = Because::DigestOrdered {
            digest: digest.id,
            delivery: row.id.0,
            to: compact_str::format_compact!("{}", row.to),
            incidents: u32::try_from(digest.entries.len()).unwrap_or(u32::MAX),
        };
        self.record(Transition::DigestOrdered { digest: digest.id, delivery: Arc::new(row) });
        self.say(None, RuleKind::Delivery, because);
    }

    /// A digest failed for good: it goes another way, and if there is none, its pages count as lost.
    pub(in crate::engine) fn digest_failed(&mut self, digest: DigestId, row: &Delivery, error: &str) {
        let Some(digest) = self.engine.state.digests.get(&digest).cloned() else { return };
        if let Some(to) = self.next_way(row) {
            let because = Because::FellBack { delivery: row.id.0, to: compact_str::format_compact!("{to}") };
            self.say(None, RuleKind::Delivery, because);
            self.order_digest(&digest, to, row.fallbacks + 1);
            return;
        }
        let text =
            format!("a digest of {} incidents could not be delivered to {}: {error}", digest.entries.len(), row.to);
        self.alarm(&compact_str::format_compact!("undeliverable/{}", row.to), &text);
        if digest.pages() {
            self.begin_work(digest.id, Task::Lost);
        }
    }

    /// Somebody is on everything that the digest tells of.
    pub(in crate::engine) fn acknowledge_digest(&mut self, digest: DigestId, by: &Actor) {
        if !self.engine.state.digests.contains_key(&digest) {
            let why = Name::const_new("no such digest, or all of its incidents are over");
            self.say(None, RuleKind::Person, Because::NothingToDo { why });
            return;
        }
        let what = compact_str::format_compact!("acknowledged everything in digest {digest}");
        self.say(None, RuleKind::Person, Because::Did { who: Name::from(by.label()), what });
        self.begin_work(digest, Task::Acknowledge { by: by.clone() });
    }

    fn begin_work(&mut self, digest: DigestId, what: Task) {
        let work = Some(Work { what, next: IncidentId(0), at: self.now() });
        self.record(Transition::DigestWork { digest, work });
    }

    /// The next incidents of the digest; the rest a moment later, so that inputs get their turn.
    fn work_on(&mut self, digest: &Digest, work: &Work) {
        let from = (Bound::Included(work.next), Bound::Unbounded);
        let mut ids = digest.entries.range(from).map(|(id, purpose)| (*id, *purpose));
        for (id, purpose) in ids.by_ref().take(limits::DIGEST_WORK_MAX) {
            let triggered = self.engine.state.incidents.get(&id).is_some_and(|i| i.status == Status::Triggered);
            match &work.what {
                Task::Acknowledge { by } if triggered => self.acknowledge(id, by),
                Task::Lost if triggered && purpose == Purpose::Page => self.page_lost(id),
                Task::Acknowledge { .. } | Task::Lost => {}
            }
        }
        let at = self.now().plus(limits::DIGEST_WORK_PAUSE);
        let rest = ids.next().map(|(next, _)| Work { what: work.what.clone(), next, at });
        self.record(Transition::DigestWork { digest: digest.id, work: rest });
    }
}

/// The storm, as long as it goes on.
fn live(storm: Option<Storm>, rule: DigestRule, now: Timestamp) -> Option<Storm> {
    storm.filter(|storm| storm.closed_at.is_none_or(|at| now < at.plus(rule.every)))
}

/// When a digest that begins now is due: the first of a storm soon, later ones in their rhythm.
fn first_due(rule: DigestRule, storm: Option<Storm>, now: Timestamp) -> Timestamp {
    match storm.and_then(|storm| storm.closed_at) {
        Some(closed) => closed.plus(rule.every).max(now.plus(limits::DIGEST_WAIT_MIN)),
        None => now.plus(rule.within),
    }
}

fn is_for(to: &Recipient, person: &Name) -> bool {
    matches!(to, Recipient::Person { person: id, .. } if id == person)
}
