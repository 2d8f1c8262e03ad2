//! The outbox: what is ordered, what became of it, what follows when a way fails, and callout's own alarms.

use std::sync::Arc;

use super::digest::Stage;
use super::input::{Actor, DeliveryReport, Outcome, Receipt};
use super::judge::Judge;
use super::limits;
use super::state::{Delivery, Purpose, Recipient, Status};
use super::transition::Transition;
use crate::domain::{DeliveryId, IncidentId, Name};
use crate::rules::{Because, RuleKind, route};

impl Judge<'_> {
    /// Puts a message into the outbox, or folds it into a digest where too much goes to the same recipient.
    pub(super) fn order(
        &mut self,
        id: IncidentId,
        to: Recipient,
        purpose: Purpose,
        text: String,
        follows: Option<Receipt>,
        fallbacks: u8,
    ) {
        if fallbacks == 0 && self.fold_if_too_much(id, &to, purpose, follows.is_some()) {
            return;
        }
        self.order_one(id, to, purpose, text, follows, fallbacks);
    }

    /// Puts a message into the outbox by itself.
    pub(super) fn order_one(
        &mut self,
        id: IncidentId,
        to: Recipient,
        purpose: Purpose,
        text: String,
        follows: Option<Receipt>,
        fallbacks: u8,
    ) {
        let rank = self.engine.state.incidents.get(&id).map_or(255, |incident| incident.rank);
        let expires = (purpose != Purpose::Page).then(|| self.now().plus(limits::NOTICE_WORTH));
        let delivery = Delivery {
            id: DeliveryId(self.engine.state.last_delivery + 1),
            incident: Some(id),
            to,
            purpose,
            rank,
            ordered_at: self.now(),
            expires_at: expires,
            attempts: 0,
            text,
            follows,
            fallbacks,
        };
        let because = Because::Ordered {
            delivery: delivery.id.0,
            what: Name::const_new(purpose.as_str()),
            to: compact_str::format_compact!("{}", delivery.to),
        };
        self.record(Transition::DeliveryOrdered(Arc::new(delivery)));
        self.say(Some(id), RuleKind::Delivery, because);
    }

    /// Tells a channel of an incident; when it heard of it before (a re-opened one), as a follow-up to that message.
    pub(super) fn order_follow_or_new(&mut self, id: IncidentId, to: Recipient, purpose: Purpose) {
        let incident = self.engine.state.incidents.get(&id);
        let follows =
            incident.and_then(|i| i.sent.iter().find(|sent| sent.to == to).and_then(|s| s.receipt.as_deref().cloned()));
        self.order(id, to, purpose, String::new(), follows, 0);
    }

    /// Pages of an incident that still wait.
    pub(super) fn pages(&self, id: IncidentId) -> Vec<Arc<Delivery>> {
        let incident = self.engine.state.incidents.get(&id);
        let rows = incident.map_or(&[][..], |incident| &incident.pending);
        let outbox = &self.engine.state.outbox;
        rows.iter().filter_map(|row| outbox.get(row)).filter(|row| row.purpose == Purpose::Page).cloned().collect()
    }

    /// Pages not yet sent are not worth sending any more.
    pub(super) fn drop_pages(&mut self, id: IncidentId, why: &'static str) {
        for row in self.pages(id) {
            self.drop_row(id, row.id, why);
        }
        self.unfold_pages(id, why);
    }

    pub(super) fn drop_row(&mut self, id: IncidentId, delivery: DeliveryId, why: &'static str) {
        self.record(Transition::DeliveryDropped { delivery });
        let because = Because::Dropped { delivery: delivery.0, why: Name::const_new(why) };
        self.say(Some(id), RuleKind::Delivery, because);
    }

    /// Tells whoever was told before what became of it: where a channel can, every message is brought up to date in its place, elsewhere
    /// each recipient gets one answer. Whoever did it knows already.
    pub(super) fn follow_up(&mut self, id: IncidentId, purpose: Purpose, by: &Actor) {
        self.follow_up_saying(id, purpose, by, "");
    }

    /// The same with a person's words.
    pub(super) fn follow_up_saying(&mut self, id: IncidentId, purpose: Purpose, by: &Actor, text: &str) {
        let policy = self.policy();
        let Some(incident) = self.engine.state.incidents.get(&id).cloned() else { return };
        let mut answered: Vec<&Recipient> = Vec::new();
        for sent in &incident.sent {
            let channel = sent.to.channel();
            let in_place = policy.changes_in_place(channel) && sent.receipt.is_some();
            let wanted = policy.channels.get(channel).is_none_or(|c| c.follow_up);
            let knows = !in_place && is_same_person(&sent.to, by);
            if !wanted || knows || (!in_place && answered.contains(&&sent.to)) {
                continue;
            }
            answered.push(&sent.to);
            self.order(id, sent.to.clone(), purpose, text.to_owned(), sent.receipt.as_deref().cloned(), 0);
        }
        for digest in self.digests_of(id) {
            let wanted = policy.channels.get(digest.to.channel()).is_none_or(|c| c.follow_up);
            let told = matches!(digest.stage, Stage::Told(_)) && !incident.sent.iter().any(|sent| sent.to == digest.to);
            if told && wanted && !is_same_person(&digest.to, by) {
                self.fold_follow_up(id, &digest.to, purpose);
            }
        }
    }

    /// What became of an attempt.
    pub(super) fn report(&mut self, report: &DeliveryReport) {
        let Some(row) = self.engine.state.outbox.get(&report.delivery).cloned() else {
            // Dropped meanwhile, or reported twice after a crash: the first report counted.
            let why = Name::const_new("the message had left the outbox before its report came");
            self.say(None, RuleKind::Delivery, Because::Dropped { delivery: report.delivery.0, why });
            return;
        };
        let (delivery, attempt) = (report.delivery, report.attempt);
        let digest = self.engine.state.digest_rows.get(&delivery).copied();
        let about = self.engine.state.notices.get(&delivery).cloned();
        self.record(Transition::DeliveryReported { delivery, attempt, outcome: report.outcome.clone() });
        let to = compact_str::format_compact!("{}", row.to);
        let (delivery, incident) = (delivery.0, row.incident);
        match &report.outcome {
            Outcome::Delivered { receipt } => {
                self.say(incident, RuleKind::Delivery, Because::Delivered { delivery, attempt, to });
                self.catch_up(&row, receipt.as_ref());
                if row.purpose == Purpose::Room {
                    self.room_told(&row, receipt.as_ref());
                }
            }
            Outcome::Retry { error, at } => {
                let because = Because::Retry { delivery, attempt, to, error: error.clone(), at: *at };
                self.say(incident, RuleKind::Delivery, because);
            }
            Outcome::Failed { error } => {
                let because = Because::GaveUp { delivery, attempt, to, error: error.clone() };
                self.say(incident, RuleKind::Delivery, because);
                match digest {
                    Some(digest) => self.digest_failed(digest, &row, error),
                    None if row.purpose == Purpose::Notice => self.notice_failed(&row, about, error),
                    None => self.another_way(&row, error),
                }
            }
        }
    }

    /// A message that was under way while the incident changed shows the old state: bring it up to date where that can be done in
    /// its place.
    fn catch_up(&mut self, row: &Delivery, receipt: Option<&Receipt>) {
        let (Some(id), Some(receipt)) = (row.incident, receipt) else { return };
        let first = matches!(row.purpose, Purpose::Page | Purpose::Alert | Purpose::Reopened | Purpose::CalledIn);
        if !first || !self.engine.policy.changes_in_place(row.to.channel()) {
            return;
        }
        let Some(incident) = self.engine.state.incidents.get(&id) else { return };
        let (purpose, changed_at) = match &incident.status {
            Status::Triggered => return,
            Status::Acknowledged { at, .. } => (Purpose::Acknowledged, *at),
            Status::Snoozed { at, .. } => (Purpose::Snoozed, *at),
            Status::Resolved { at, .. } => (Purpose::Resolved, *at),
        };
        if changed_at >= row.ordered_at {
            self.order(id, row.to.clone(), purpose, String::new(), Some(receipt.clone()), 0);
        }
    }

    /// The way after one that failed for good: the next contact of the person, the fallback of the channel.
    pub(super) fn next_way(&self, row: &Delivery) -> Option<Recipient> {
        let policy = &self.engine.policy;
        match &row.to {
            _ if row.fallbacks >= limits::FALLBACKS_MAX => None,
            Recipient::Person { person, channel } => policy.people.get(person).and_then(|known| {
                // Ways of their chain had their turn; what follows are those of `contact` that it leaves out.
                let incident = row.incident.and_then(|id| self.engine.state.incidents.get(&id));
                let chain = incident.and_then(|i| i.chains.iter().find(|chain| chain.person == *person));
                let steps = chain.map_or(&[][..], |chain| &chain.steps);
                let contacts = self.usable(person, known);
                let mut left = contacts.iter().filter(|c| !steps.iter().any(|step| step.by == c.channel));
                let used = left.clone().position(|contact| contact.channel == *channel);
                let contact = left.nth(used.map_or(0, |used| used + 1))?;
                Some(Recipient::Person { person: person.clone(), channel: contact.channel.clone() })
            }),
            Recipient::Channel(destination) => policy
                .channels
                .get(&destination.channel)
                .and_then(|channel| channel.fallback.clone())
                .filter(|fallback| fallback != destination)
                .map(Recipient::Channel),
        }
    }

    /// A message failed for good: the next way, if there is one; if there is none, an alarm.
    fn another_way(&mut self, row: &Delivery, error: &str) {
        let Some(id) = row.incident else { return };
        if row.purpose == Purpose::Room {
            self.room_failed(id, row, error);
            return;
        }
        let next = self.next_way(row);
        let triggered = self.engine.state.incidents.get(&id).is_some_and(|i| i.status == Status::Triggered);
        let worth = row.purpose != Purpose::Page || triggered;
        if worth && self.chain_goes_on(id, row) {
            return;
        }
        if let Some(to) = next.filter(|_| worth) {
            let because = Because::FellBack { delivery: row.id.0, to: compact_str::format_compact!("{to}") };
            self.say(Some(id), RuleKind::Delivery, because);
            self.order(id, to, row.purpose, row.text.clone(), None, row.fallbacks + 1);
            return;
        }
        let text = format!("{} of incident {id} could not be delivered to {}: {error}", row.purpose.as_str(), row.to);
        self.alarm(&compact_str::format_compact!("undeliverable/{}", row.to), &text);
        if row.purpose == Purpose::Page {
            self.page_lost(id);
        }
    }

    /// Whether an alarm was raised lately, so that it is not raised again.
    pub(super) fn alarm_is_quiet(&self, key: &Name) -> bool {
        self.engine.state.alarms.get(key).is_some_and(|quiet| *quiet > self.now())
    }

    /// Raises an alarm of callout's own: in the trace, and told to the fallback team's channels, once an hour for each key.
    pub(super) fn alarm(&mut self, key: &Name, text: &str) {
        if self.alarm_is_quiet(key) {
            return;
        }
        let now = self.now();
        let raised = self.engine.state.alarms.values().filter(|quiet| **quiet > now).count();
        if raised < limits::ALARMS_MAX {
            self.raise(key, text);
            return;
        }
        // Its place is the journal; nobody reads that many.
        self.say(None, RuleKind::Alarm, Because::Alarm { text: Name::from(text) });
        let further = Name::const_new("further-alarms");
        if !self.alarm_is_quiet(&further) {
            let text = format!(
                "there were {} different alarms within {}; further ones are not told one by one for that long. The last was: {text}",
                limits::ALARMS_MAX,
                limits::ALARM_QUIET
            );
            self.raise(&further, &text);
        }
    }

    fn raise(&mut self, key: &Name, text: &str) {
        let now = self.now();
        self.record(Transition::AlarmRaised { key: key.clone(), until: now.plus(limits::ALARM_QUIET) });
        self.say(None, RuleKind::Alarm, Because::Alarm { text: Name::from(text) });
        let policy = self.policy();
        let fallback = policy.organisation.fallback.as_ref().and_then(|team| policy.teams.get(team));
        let routes = fallback.map_or(&[][..], |team| &team.routes);
        let (destinations, _) = route::select(routes, None, None, None, None);
        for destination in &destinations {
            let delivery = Delivery {
                id: DeliveryId(self.engine.state.last_delivery + 1),
                incident: None,
                to: Recipient::Channel((*destination).clone()),
                purpose: Purpose::Alarm,
                rank: 0,
                ordered_at: now,
                expires_at: Some(now.plus(limits::NOTICE_WORTH)),
                attempts: 0,
                text: text.to_owned(),
                follows: None,
                fallbacks: 0,
            };
            self.record(Transition::DeliveryOrdered(Arc::new(delivery)));
        }
    }
}

fn is_same_person(to: &Recipient, by: &Actor) -> bool {
    match (to, by) {
        (Recipient::Person { person, .. }, Actor::Person(id) | Actor::Link(id)) => person == id,
        _ => false,
    }
}
