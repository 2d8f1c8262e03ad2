//! Notices to people that are about no incident: a shift that is offered, a stand-in that was arranged.
//!
//! They go the way of any message: the outbox, the preferred way of the person first, the next one when that fails for good. They are worth
//! sending for a day, are in no digest, and nobody has to acknowledge them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::handoff;
use super::judge::Judge;
use super::limits;
use super::state::{Delivery, Purpose, Recipient};
use super::transition::Transition;
use crate::domain::{DeliveryId, Name, SwapId};
use crate::rules::{Because, RuleKind};

/// What a notice is about, from which its links are made when it is sent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum About {
    /// A shift that is offered: whoever is asked may take it or decline.
    Swap(SwapId),
    /// Somebody comes on call. What is open is looked up when it is sent.
    Handoff(Box<handoff::Notice>),
    /// A code, by the number from which it is made. It goes no other way than its own.
    Code(u64),
}

/// Rank of notices in the outbox: behind every incident.
const RANK: u8 = 255;

impl Judge<'_> {
    /// Tells a person by their preferred way. Somebody who cannot be told is an alarm.
    pub(super) fn notice(&mut self, person: &Name, text: &str, about: Option<About>) {
        let policy = self.policy();
        let Some(contact) = policy.people.get(person).and_then(|known| known.contacts.first()) else {
            self.say(None, RuleKind::Delivery, Because::NoContact { person: person.clone() });
            let text = format!("`{person}` has no way to be told, so this reached nobody: {text}");
            self.alarm(&compact_str::format_compact!("no-contact/{person}"), &text);
            return;
        };
        let to = Recipient::Person { person: person.clone(), channel: contact.channel.clone() };
        self.order_notice(to, text, about, 0);
    }

    /// Puts a notice into the outbox.
    pub(super) fn order_notice(&mut self, to: Recipient, text: &str, about: Option<About>, fallbacks: u8) {
        let delivery = Delivery {
            id: DeliveryId(self.engine.state.last_delivery + 1),
            incident: None,
            to,
            purpose: Purpose::Notice,
            rank: RANK,
            ordered_at: self.now(),
            expires_at: Some(self.now().plus(limits::NOTICE_WORTH)),
            attempts: 0,
            text: text.to_owned(),
            follows: None,
            fallbacks,
        };
        let because = Because::Ordered {
            delivery: delivery.id.0,
            what: Name::const_new(Purpose::Notice.as_str()),
            to: compact_str::format_compact!("{}", delivery.to),
        };
        self.record(Transition::NoticeOrdered { about, delivery: Arc::new(delivery) });
        self.say(None, RuleKind::Delivery, because);
    }

    /// A notice failed for good: the next way, or an alarm.
    pub(super) fn notice_failed(&mut self, row: &Delivery, about: Option<About>, error: &str) {
        if matches!(about, Some(About::Code(_))) {
            // Whoever waits for it has another one sent, or looks at the address.
            return;
        }
        if let Some(to) = self.next_way(row) {
            let because = Because::FellBack { delivery: row.id.0, to: compact_str::format_compact!("{to}") };
            self.say(None, RuleKind::Delivery, because);
            self.order_notice(to, &row.text, about, row.fallbacks + 1);
            return;
        }
        let text = format!("a notice could not be delivered to {}: {error}", row.to);
        self.alarm(&compact_str::format_compact!("undeliverable/{}", row.to), &text);
    }
}
