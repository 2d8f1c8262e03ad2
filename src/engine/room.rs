//! A room of an incident's own, in chat: made where its priority wants one, kept in step with it, archived after the resolution.
//!
//! What is to be done is a row of the outbox like any message, so it survives a crash and is done at least once; whoever does it makes the
//! room be as the incident stands then. The receipt of the first one is where the room is.

use std::sync::Arc;

use super::input::Receipt;
use super::judge::Judge;
use super::limits;
use super::policy::RoomRule;
use super::state::{Archive, Delivery, Incident, Purpose, Recipient, Room, Status};
use super::transition::Transition;
use crate::domain::{ChannelRef, DeliveryId, Destination, IncidentId, Name, Timestamp};
use crate::rules::{Because, RuleKind};

/// In what a row of a room asks for: the room is to be archived.
const ARCHIVE: &str = "archive";

impl Judge<'_> {
    /// Remembers an incident of which a room would show something else now.
    pub(super) fn note_for_rooms(&mut self, transition: &Transition) {
        use Transition as T;
        let id = match transition {
            T::IncidentOpened(opening) => opening.incident,
            T::StatusChanged { incident, .. }
            | T::IncidentReopened { incident, .. }
            | T::PriorityChanged { incident, .. }
            | T::SeverityChanged { incident, .. }
            | T::PeoplePaged { incident, .. } => *incident,
            _ => return,
        };
        if !self.changed.contains(&id) {
            self.changed.push(id);
        }
    }

    /// Brings the rooms of all incidents that changed in step.
    pub(super) fn rooms(&mut self) {
        let changed = std::mem::take(&mut self.changed);
        if changed.is_empty() || self.engine.policy.channels.values().all(|channel| channel.rooms.is_none()) {
            return;
        }
        for id in changed {
            self.room(id);
        }
    }

    fn room(&mut self, id: IncidentId) {
        let Some(incident) = self.engine.state.incidents.get(&id).cloned() else { return };
        let room = incident.room.as_deref().filter(|room| room.archive != Archive::Done);
        let channel = match room {
            Some(room) => room.receipt.channel.clone(),
            None => match self.rule_for(&incident) {
                Some(channel) => channel,
                None => return,
            },
        };
        let wanted = shows(&incident, false);
        if room.is_some_and(|room| room.shown == wanted) || self.room_row(&incident).is_some() {
            return;
        }
        if room.is_none() && self.engine.state.rooms.len() >= limits::ROOMS_MAX {
            let why = Name::const_new("as many incidents have a room as may");
            self.say(Some(id), RuleKind::Delivery, Because::NothingToDo { why });
            return;
        }
        let follows = room.map(|room| room.receipt.clone());
        self.order_room(&incident, channel, &wanted, follows);
    }

    /// The workspace in which an incident without a room gets one.
    fn rule_for(&self, incident: &Incident) -> Option<ChannelRef> {
        let fits = |rule: &RoomRule| {
            incident.priority.as_ref().is_some_and(|priority| rule.priorities.contains(priority))
                && (rule.teams.is_empty() || rule.teams.contains(&incident.team))
        };
        let wanted = incident.status.is_open() && !incident.is_drill();
        let mut channels = self.engine.policy.channels.iter();
        channels.find(|(_, channel)| wanted && channel.rooms.as_ref().is_some_and(fits)).map(|(name, _)| name.clone())
    }

    /// The row that waits, if there is one: it will show the incident as it stands when it is sent.
    fn room_row(&self, incident: &Incident) -> Option<DeliveryId> {
        let outbox = &self.engine.state.outbox;
        let rows = incident.pending.iter().filter_map(|id| outbox.get(id));
        rows.filter(|row| row.purpose == Purpose::Room).map(|row| row.id).next()
    }

    fn order_room(&mut self, incident: &Incident, channel: ChannelRef, wanted: &Name, follows: Option<Receipt>) {
        let to = Recipient::Channel(Destination { channel, address: Name::default() });
        let delivery = Delivery {
            id: DeliveryId(self.engine.state.last_delivery + 1),
            incident: Some(incident.id),
            to,
            purpose: Purpose::Room,
            rank: incident.rank,
            ordered_at: self.now(),
            expires_at: Some(self.now().plus(limits::NOTICE_WORTH)),
            attempts: 0,
            text: wanted.to_string(),
            follows,
            fallbacks: 0,
        };
        let because = Because::Ordered {
            delivery: delivery.id.0,
            what: Name::const_new(Purpose::Room.as_str()),
            to: compact_str::format_compact!("{}", delivery.to),
        };
        self.record(Transition::DeliveryOrdered(Arc::new(delivery)));
        self.say(Some(incident.id), RuleKind::Delivery, because);
    }

    /// The room is as it was ordered. A new one gets the incident's message, which is then kept up to date like any other.
    pub(super) fn room_told(&mut self, row: &Delivery, receipt: Option<&Receipt>) {
        let (Some(incident), Some(receipt)) = (row.incident, receipt) else { return };
        let Some(known) = self.engine.state.incidents.get(&incident).cloned() else { return };
        let rule = self.engine.policy.channels.get(&receipt.channel).and_then(|channel| channel.rooms.as_ref());
        let archive = match known.room.as_deref().map(|room| room.archive) {
            _ if row.text.ends_with(ARCHIVE) && !known.status.is_open() => Archive::Done,
            Some(Archive::After(after)) => Archive::After(after),
            Some(Archive::Never) => Archive::Never,
            _ => rule.and_then(|rule| rule.archive_after).map_or(Archive::Never, Archive::After),
        };
        let is_new = known.room.as_deref().is_none_or(|room| room.receipt.place != receipt.place);
        let room = Room { receipt: receipt.clone(), shown: row.text.as_str().into(), archive };
        self.record(Transition::RoomChanged { incident, room: Some(Box::new(room)) });
        if is_new {
            let destination = Destination { channel: receipt.channel.clone(), address: receipt.place.clone() };
            let text = "the incident's own room".to_owned();
            self.order(incident, Recipient::Channel(destination), Purpose::Alert, text, None, 0);
        }
        self.changed.push(incident);
    }

    /// Nobody is told less without the room, so there is no other way; but somebody should mend it.
    pub(super) fn room_failed(&mut self, id: IncidentId, row: &Delivery, error: &str) {
        if row.text.ends_with(ARCHIVE) {
            return;
        }
        let text = format!("the room of incident {id} could not be made or kept up to date in {}: {error}", row.to);
        self.alarm(&compact_str::format_compact!("room/{}", row.to), &text);
    }

    /// The incident has been over for as long as its room stays.
    pub(super) fn archive_room(&mut self, id: IncidentId) {
        let Some(incident) = self.engine.state.incidents.get(&id).cloned() else { return };
        let Some(room) = incident.room.clone() else { return };
        let receipt = room.receipt.clone();
        self.record(Transition::RoomChanged {
            incident: id,
            room: Some(Box::new(Room { archive: Archive::Due, ..*room })),
        });
        self.order_room(&incident, receipt.channel.clone(), &shows(&incident, true), Some(receipt));
    }
}

/// When the room of an incident is archived, if that is still to come.
pub(super) fn archive_at(incident: &Incident) -> Option<Timestamp> {
    match (&incident.status, incident.room.as_deref()?.archive) {
        (Status::Resolved { at, .. }, Archive::After(after)) => Some(at.plus(after)),
        _ => None,
    }
}

/// Whether a row asks for the room to be archived.
#[must_use]
pub fn asks_to_archive(row: &Delivery) -> bool {
    row.purpose == Purpose::Room && row.text.ends_with(ARCHIVE)
}

/// What a room shows of an incident, so that a difference is noticed.
fn shows(incident: &Incident, archive: bool) -> Name {
    let part = |value: &Option<Name>| value.clone().unwrap_or_else(|| Name::const_new("-"));
    let (priority, severity) = (part(&incident.priority), part(&incident.severity));
    let (status, people) = (incident.status.as_str(), incident.paged.len());
    let last = if archive { ARCHIVE } else { "open" };
    compact_str::format_compact!("{status} {priority} {severity} {people} {last}")
}
