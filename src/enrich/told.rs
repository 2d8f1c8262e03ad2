//! Who is told of the incident: people by name, channels by what members call them. Also those whose message is still on its way.

use super::{NAME_MAX, TOLD_MAX, View};
use crate::channel::text::short;
use crate::domain::{ChannelKind, Destination};
use crate::engine::State;
use crate::engine::state::{Purpose, Recipient};

/// People first, in the order in which they were paged; then channels. Each once.
pub fn told(view: &View<'_>, state: &State) -> Vec<String> {
    let incident = view.incident;
    let rows = incident.pending.iter().filter_map(|id| state.outbox.get(id));
    let on_its_way = rows.filter(|row| row.purpose != Purpose::Room).map(|row| &row.to);
    let mut told: Vec<String> = Vec::new();
    let mut channels: Vec<String> = Vec::new();
    let add = |list: &mut Vec<String>, name: String| {
        if list.len() < TOLD_MAX && !list.contains(&name) {
            list.push(name);
        }
    };
    for id in &incident.paged {
        add(&mut told, person(view, id));
    }
    let digests = incident.digests.iter().filter_map(|id| state.digests.get(id)).map(|digest| &digest.to);
    for recipient in incident.sent.iter().map(|sent| &sent.to).chain(on_its_way).chain(digests) {
        match recipient {
            Recipient::Person { person: id, .. } => add(&mut told, person(view, id)),
            Recipient::Channel(destination) => add(&mut channels, channel(destination)),
        }
    }
    told.append(&mut channels);
    told.truncate(TOLD_MAX);
    told
}

fn person(view: &View<'_>, id: &str) -> String {
    short(view.policy.people.get(id).map_or(id, |person| person.name.as_str()), NAME_MAX)
}

/// `#checkout in Slack`, `Teams eu`, `ops@acme.example`, `webhook sink`.
fn channel(destination: &Destination) -> String {
    let (kind, name) = (destination.channel.kind, &destination.channel.name);
    let text = match (kind, destination.address.as_str()) {
        (ChannelKind::Email, address) => address.to_owned(),
        (_, "") => format!("{} {name}", kind.title()),
        (_, address) => format!("{address} in {}", kind.title()),
    };
    short(&text, NAME_MAX)
}
