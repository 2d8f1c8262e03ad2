//! What the message says that carries a code.

use crate::channel::text::short;
use crate::channel::wording::{moment, zone};
use crate::domain::Timestamp;
use crate::engine::Policy;
use crate::engine::contact::Way;

/// Puts a code into words.
#[must_use]
pub fn code(policy: &Policy, way: &Way, code: &str, expires_at: Timestamp, now: Timestamp) -> String {
    let (person, channel) = way;
    let known = policy.people.get(person);
    let name = known.map_or_else(|| person.to_string(), |known| short(&known.name, super::NAME_MAX));
    let at = known.and_then(|known| known.timezone.as_deref()).unwrap_or(&policy.organisation.timezone);
    let until = moment(expires_at, &zone(at), now);
    format!(
        "Your code for callout is {code}\n\
         Somebody, probably you, wants callout to page {name} here, by {channel}. If that is right, enter it until {until}:\n\
         callout contact verify {person} {channel} {code}\n\
         If not, nothing happens. Nobody at callout ever asks for it."
    )
}
