//! From rows of the outbox to messages: checked against the state a moment before sending, so that nobody is paged after a recorded
//! acknowledgement, and with the incident as it stands then.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::gather::{Reader, gather};
use super::handoff::handoff;
use super::queue::Row;
use super::wording::reword;
use crate::auth::link::{self, ChartLink, Holder, Link, LinkKey, SwapLink, Verbs};
use crate::channel::slack::RoomOrder;
use crate::channel::{ActionLinks, Message, PersonName, Picture, message};
use crate::config::{ChannelSettings, Pictures};
use crate::domain::{ChannelRef, DeliveryId, IncidentId, Span, Timestamp};
use crate::engine::limits;
use crate::engine::notice::About;
use crate::engine::room::asks_to_archive;
use crate::engine::state::{Delivery, Incident, Purpose, Recipient, Status};
use crate::engine::{Actor, Policy, State};
use crate::enrich;
use crate::runtime::Handle;

/// A message that goes out so long after it was ordered says that it is late.
pub const LATE_AFTER: Span = Span::from_seconds(60);
/// Messages rendered under one hold of the read lock; the shard gets its turn in between.
const RENDERED_PER_LOCK: usize = 16;

/// Settings of channels by name.
type Channels = BTreeMap<ChannelRef, ChannelSettings>;

/// What a row came to.
pub enum Rendered {
    /// To be sent.
    Message(Box<Message>),
    /// It left the outbox meanwhile: superseded, acknowledged or reported before.
    Dropped,
    /// It was not worth sending any more, or cannot be addressed.
    Failed(&'static str),
}

/// Renders rows in order.
pub fn render(handle: &Handle, key: &LinkKey, rows: &[Row], now: Timestamp) -> Vec<Rendered> {
    let policy = handle.policy();
    let settings = handle.settings();
    let templates = Arc::clone(&settings.templates);
    let channels = &settings.channels;
    let mut rendered = Vec::with_capacity(rows.len());
    for chunk in rows.chunks(RENDERED_PER_LOCK) {
        if chunk.iter().any(|row| matches!(row.delivery.purpose, Purpose::Digest | Purpose::Notice)) {
            rendered.extend(chunk.iter().map(|row| digest_or_one(handle, &policy, channels, key, row, now)));
            continue;
        }
        handle.read(|state| {
            rendered.extend(chunk.iter().map(|row| one(state, &policy, channels, key, row, now)));
        });
    }
    let settings = handle.settings();
    for one in &mut rendered {
        if let Rendered::Message(message) = one
            && let Some(room) = message.room.as_mut()
        {
            let people = std::mem::take(&mut room.people);
            let ids = people.iter().filter_map(|person| settings.directory.slack.get(person.as_str()));
            room.people = ids.map(ToString::to_string).collect();
        }
        if let Rendered::Message(message) = one
            && let Some(content) = message.content.as_deref_mut()
        {
            reword(handle, &templates, content);
        }
    }
    rendered
}

/// A digest is gathered without holding the state all the time.
fn digest_or_one(
    handle: &Handle,
    policy: &Arc<Policy>,
    channels: &Channels,
    key: &LinkKey,
    row: &Row,
    now: Timestamp,
) -> Rendered {
    let rendered = handle.read(|state| one(state, policy, channels, key, row, now));
    let Rendered::Message(mut message) = rendered else { return rendered };
    if row.delivery.purpose == Purpose::Notice {
        let about = handle.read(|state| state.notices.get(&row.delivery.id).cloned());
        if let Some(About::Handoff(notice)) = about {
            let person = notice.person.as_ref().and_then(|person| policy.people.get(person));
            let zone = person.and_then(|person| person.timezone.as_deref()).unwrap_or(&policy.organisation.timezone);
            message.why = handoff(handle, policy, &notice, zone, now);
        } else if let (Some(About::Code(nonce)), Recipient::Person { person, channel }) = (about, &row.delivery.to) {
            let way = (person.clone(), channel.clone());
            let open = handle.read(|state| {
                let standing = state.contacts.get(&way)?;
                standing.open(now).filter(|open| open.nonce == nonce).map(|open| open.expires_at)
            });
            let Some(expires_at) = open else { return Rendered::Failed("the code is not good any more") };
            let code = key.code(&way, &row.address, nonce);
            message.why = enrich::code(policy, &way, &code, expires_at, now);
        }
        return Rendered::Message(message);
    }
    if row.delivery.purpose != Purpose::Digest {
        return Rendered::Message(message);
    }
    let reader = match &row.delivery.to {
        Recipient::Person { person, .. } => Reader {
            holder: Holder::Person(person.clone()),
            zone: policy.people.get(person).and_then(|p| p.timezone.as_deref()),
        },
        Recipient::Channel(_) => Reader { holder: Holder::Channel, zone: None },
    };
    match gather(handle, policy, key, row.delivery.id, &reader, now) {
        Some(digest) => {
            message.digest = Some(digest);
            Rendered::Message(message)
        }
        None => Rendered::Failed("none of its incidents is known any more"),
    }
}

fn one(state: &State, policy: &Arc<Policy>, channels: &Channels, key: &LinkKey, row: &Row, now: Timestamp) -> Rendered {
    let delivery: &Delivery = &row.delivery;
    if !state.outbox.contains_key(&delivery.id) {
        return Rendered::Dropped;
    }
    if delivery.expires_at.is_some_and(|at| at <= now) {
        return Rendered::Failed("it was not worth sending any more");
    }
    let (person, holder, zone) = match &delivery.to {
        Recipient::Channel(_) => (None, Holder::Channel, None),
        Recipient::Person { person: id, .. } => {
            let Some(person) = policy.people.get(id) else {
                return Rendered::Failed("the person is not in the configuration any more");
            };
            let name = PersonName { id: id.to_string(), name: person.name.clone(), address: row.address.to_string() };
            (Some(name), Holder::Person(id.clone()), person.timezone.as_deref())
        }
    };
    let content = match delivery.incident {
        None => None,
        Some(id) => {
            let Some(incident) = state.incidents.get(&id) else {
                return Rendered::Failed("its incident is forgotten");
            };
            let base = policy.organisation.url.as_deref();
            let links = base.map(|base| action_links(base, key, id, holder, delivery.id, now));
            let zone = zone.unwrap_or(&policy.organisation.timezone);
            let mut content = Box::new(enrich::content_in_zone(incident, policy, links, state, zone, now));
            let how = channels.get(delivery.to.channel()).map_or(Pictures::None, ChannelSettings::pictures);
            // What only says how it goes on carries none; where an earlier message changes in place, it keeps its own.
            let is_shown = how != Pictures::Sent || incident.status == Status::Triggered;
            if is_shown {
                content.picture = picture(incident, policy, state, zone, how, key, now).map(Box::new);
            }
            Some(content)
        }
    };
    Rendered::Message(Box::new(Message {
        delivery: delivery.id,
        idempotency_key: format!("{}-{}", policy.organisation.name, delivery.id),
        purpose: delivery.purpose,
        attempt: row.attempts + 1,
        late: is_late(delivery.ordered_at, now),
        person,
        why: delivery.text.clone(),
        content,
        digest: None,
        links: notice_links(state, policy, key, delivery, now),
        follows: delivery.follows.clone(),
        room: (delivery.purpose == Purpose::Room).then(|| room(state, delivery)),
        now,
    }))
}

/// Links of a notice: what it is about says which.
fn notice_links(
    state: &State,
    policy: &Policy,
    key: &LinkKey,
    delivery: &Delivery,
    now: Timestamp,
) -> Vec<message::Link> {
    let Some(about) = state.notices.get(&delivery.id) else { return Vec::new() };
    let Some(base) = policy.organisation.url.as_deref() else { return Vec::new() };
    match (about, &delivery.to) {
        (About::Swap(swap), Recipient::Person { person, .. }) => {
            let end = state.stand_ins.swaps.get(swap).map_or(now, |swap| swap.offer.expires_at);
            let expires_at = end.max(now.plus(link::LIFETIME));
            let token = key.sign_swap(&SwapLink { swap: *swap, person: person.clone(), expires_at });
            vec![message::Link { title: "Answer".to_owned(), url: format!("{base}{}", link::swap_path(&token)) }]
        }
        (About::Code(nonce), Recipient::Person { person, .. }) => {
            let token = key.sign_contact(person, *nonce, now.plus(limits::CODE_KEPT));
            vec![message::Link {
                title: "Yes, it reaches me".to_owned(),
                url: format!("{base}{}", link::contact_path(&token)),
            }]
        }
        (About::Swap(_) | About::Code(_), Recipient::Channel(_)) => Vec::new(),
        (About::Handoff(notice), _) => {
            let url = enrich::handoff_link(notice, policy);
            url.map(|url| message::Link { title: "Open incidents".to_owned(), url }).into_iter().collect()
        }
    }
}

/// The chart, in the way in which the channel shows charts. One that nobody could fetch is left out.
fn picture(
    incident: &Incident,
    policy: &Policy,
    state: &State,
    zone: &str,
    how: Pictures,
    key: &LinkKey,
    now: Timestamp,
) -> Option<Picture> {
    let url = match how {
        Pictures::None => return None,
        Pictures::Sent => None,
        Pictures::Fetched => {
            let base = policy.organisation.url.as_deref().filter(|base| base.starts_with("https://"))?;
            let link = ChartLink { incident: incident.id, at: now, expires_at: now.plus(link::LIFETIME) };
            Some(format!("{base}{}", link::chart_path(&key.sign_chart(link))))
        }
    };
    Some(Picture { chart: enrich::chart(incident, policy, state, zone, now)?, url })
}

fn is_late(ordered_at: Timestamp, now: Timestamp) -> bool {
    now.since(ordered_at) > LATE_AFTER
}

/// Who belongs in the room of an incident, by id: whoever was paged for it or did something about it.
fn room(state: &State, delivery: &Delivery) -> RoomOrder {
    let incident = delivery.incident.and_then(|id| state.incidents.get(&id));
    let mut people: Vec<String> = Vec::new();
    if let Some(incident) = incident {
        let by = match &incident.status {
            Status::Acknowledged { by, .. } | Status::Snoozed { by, .. } => Some(by),
            Status::Triggered | Status::Resolved { .. } => None,
        };
        let by = by.and_then(|by| match by {
            Actor::Person(id) | Actor::Link(id) => Some(id),
            _ => None,
        });
        for id in incident.paged.iter().chain(by).chain(incident.notes.iter().filter_map(|note| match &note.by {
            Actor::Person(id) | Actor::Link(id) => Some(id),
            _ => None,
        })) {
            if !people.iter().any(|known| known == id.as_str()) {
                people.push(id.to_string());
            }
        }
    }
    let over = incident.is_some_and(|incident| !incident.status.is_open());
    RoomOrder { people, archive: over && asks_to_archive(delivery) }
}

/// Links for whoever gets the message, good for [`link::LIFETIME`].
fn action_links(
    base: &str,
    key: &LinkKey,
    incident: IncidentId,
    holder: Holder,
    message: DeliveryId,
    now: Timestamp,
) -> ActionLinks {
    let token = key.sign(&Link { incident, verbs: Verbs::ALL, holder, message, expires_at: now.plus(link::LIFETIME) });
    let to = |action| format!("{base}{}", link::path(&token, action));
    ActionLinks { acknowledge: to("acknowledge"), snooze: to("snooze"), resolve: to("resolve"), page: to("") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_later_than_its_limit_is_late() {
        let at = Timestamp::from_seconds(1_800_000_000);
        assert!(!is_late(at, at.plus(LATE_AFTER)));
        assert!(is_late(at, at.plus(LATE_AFTER).plus(Span::from_millis(1))));
    }
}
