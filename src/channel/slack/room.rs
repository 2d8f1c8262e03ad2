//! A room of an incident's own: made once, with its people in it and its topic kept, archived at the end.
//!
//! Everything here may happen twice, after a lost answer or a crash: a name that is taken is looked for, who is in the room already is no
//! mistake, and a room that is archived already is archived. Sources: docs.slack.dev, pages of `conversations.*`, read 2026-11.

use serde_json::{Value, json};

use super::api::{CallError, WebApi};
use super::escape::line;
use crate::channel::outcome::{failed, retry, retry_all};
use crate::channel::{Content, Message, Sending, wording};
use crate::config::RoomSettings;
use crate::domain::ChannelRef;
use crate::engine::input::Receipt;

/// Characters of a room's name. Source: docs.slack.dev, conversations.create. Beyond: the service in it is cut.
const NAME_MAX: usize = 80;
/// Characters of a topic. Source: docs.slack.dev, conversations.setTopic. Beyond: it is cut, with an ellipsis.
const TOPIC_MAX: usize = 250;
/// People invited in one call. Source: docs.slack.dev, conversations.invite takes 100 in public rooms. Beyond: the rest in the next.
const INVITED_MAX: usize = 100;
/// Pages of the list of rooms that are looked through for a name that is taken. Beyond: another name is taken.
const PAGES_MAX: usize = 10;
/// Names tried, where older rooms have the first ones. Beyond: the room could not be made.
const NAMES_MAX: usize = 5;

/// What the room of an incident is to be like, beside what its [`Content`] says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoomOrder {
    /// Slack ids of those who belong in it.
    pub people: Vec<String>,
    /// Whether it is archived now.
    pub archive: bool,
}

/// Makes the room of a message's incident be as the incident stands. The receipt says where it is.
pub async fn keep(api: &WebApi, reference: &ChannelRef, settings: &RoomSettings, message: &Message) -> Sending {
    let (Some(content), Some(order)) = (message.content.as_deref(), message.room.as_ref()) else {
        return failed("a room needs an incident");
    };
    match kept(api, settings, content, order, message).await {
        Ok((place, name)) => {
            let receipt = Receipt { channel: reference.clone(), place: place.into(), message: name.into() };
            Sending::Delivered { receipt: Some(receipt) }
        }
        Err(CallError::Limited(wait)) => retry_all("Slack asks to wait", Some(wait)),
        Err(CallError::Refused(name)) if super::is_transient(&name) => retry(format!("Slack answered {name}")),
        Err(error @ CallError::Lost) => retry(error.to_string()),
        Err(error) => failed(error.to_string()),
    }
}

async fn kept(
    api: &WebApi,
    settings: &RoomSettings,
    content: &Content,
    order: &RoomOrder,
    message: &Message,
) -> Result<(String, String), CallError> {
    let (place, name) = match &message.follows {
        Some(known) => (known.place.to_string(), known.message.to_string()),
        None => make(api, settings, content).await?,
    };
    if order.archive {
        return match api.call("conversations.archive", &json!({"channel": place})).await {
            Err(CallError::Refused(why)) if why == "already_archived" || why == "channel_not_found" => {
                Ok((place, name))
            }
            done => done.map(|_| (place, name)),
        };
    }
    let topic = json!({"channel": place, "topic": topic(content, message)});
    match api.call("conversations.setTopic", &topic).await {
        // Somebody archived it by hand: they want no more of it.
        Err(CallError::Refused(why)) if why == "is_archived" => return Ok((place, name)),
        done => done.map(drop)?,
    }
    for people in order.people.chunks(INVITED_MAX) {
        // `force`: one who cannot come keeps nobody else out.
        let body = json!({"channel": place, "users": people.join(","), "force": true});
        match api.call("conversations.invite", &body).await {
            Err(CallError::Refused(why)) if COMES_NOT.contains(&why.as_str()) => {
                tracing::debug!(error = %why, "somebody could not be invited to the room of an incident");
            }
            done => done.map(drop)?,
        }
    }
    Ok((place, name))
}

/// Whoever is in it already, is the bot itself, or may not be invited, does not spoil the room.
const COMES_NOT: &[&str] = &[
    "already_in_channel",
    "cant_invite_self",
    "cant_invite",
    "user_not_found",
    "ura_max_channels",
    "user_is_ultra_restricted",
    "user_is_restricted",
    "user_disabled",
    "no_user",
];

/// Makes the room, or finds it where it was made before and nobody remembers.
async fn make(api: &WebApi, settings: &RoomSettings, content: &Content) -> Result<(String, String), CallError> {
    for attempt in 1..=NAMES_MAX {
        let name = name(&settings.prefix, content, attempt);
        let body = json!({"name": name, "is_private": settings.private});
        match api.call("conversations.create", &body).await {
            Ok(made) => {
                let place = made["channel"]["id"].as_str().ok_or(CallError::Lost)?;
                return Ok((place.to_owned(), made["channel"]["name"].as_str().unwrap_or(&name).to_owned()));
            }
            Err(CallError::Refused(why)) if why == "name_taken" => {
                if let Some(place) = find(api, settings, &name).await? {
                    return Ok((place, name));
                }
            }
            Err(error) => return Err(error),
        }
    }
    Err(CallError::Refused("name_taken".to_owned()))
}

/// The room of that name, if it is callout's own and not archived.
async fn find(api: &WebApi, settings: &RoomSettings, name: &str) -> Result<Option<String>, CallError> {
    let me = api.call("auth.test", &json!({})).await?;
    let kinds = if settings.private { "private_channel" } else { "public_channel" };
    let mut cursor = String::new();
    for _ in 0..PAGES_MAX {
        let mut arguments = vec![("types", kinds), ("exclude_archived", "true"), ("limit", "1000")];
        if !cursor.is_empty() {
            arguments.push(("cursor", &cursor));
        }
        let page = api.ask("conversations.list", &arguments).await?;
        let rooms = page["channels"].as_array().map(Vec::as_slice).unwrap_or_default();
        let is_it = |room: &&Value| {
            room["name"] == json!(name) && room["is_archived"] != json!(true) && room["creator"] == me["user_id"]
        };
        if let Some(id) = rooms.iter().find(is_it).and_then(|room| room["id"].as_str()) {
            return Ok(Some(id.to_owned()));
        }
        page["response_metadata"]["next_cursor"].as_str().unwrap_or_default().clone_into(&mut cursor);
        if cursor.is_empty() {
            break;
        }
    }
    Ok(None)
}

fn name(prefix: &str, content: &Content, attempt: usize) -> String {
    name_of(prefix, content.incident.0, content.service.as_deref().unwrap_or(&content.team), attempt)
}

/// `inc-17-data-api`: the id first, for it is what people say.
fn name_of(prefix: &str, incident: u64, service: &str, attempt: usize) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' };
    let service: String = service.chars().map(fits).collect();
    let more = if attempt > 1 { format!("-{attempt}") } else { String::new() };
    let mut name = format!("{prefix}{incident}-{}", service.trim_matches('-'));
    name.truncate(NAME_MAX - more.len());
    format!("{}{more}", name.trim_end_matches('-'))
}

fn topic(content: &Content, message: &Message) -> String {
    let (priority, status) =
        (content.priority.as_deref().unwrap_or("no priority"), wording::status(content, message.now));
    line(&format!("{} {priority} · {status} · {}", wording::sign(content), content.headline), TOPIC_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_named_for_the_incident_and_its_service() {
        for (service, attempt, wanted) in [
            ("data-api", 1, "inc-17-data-api"),
            ("data-api", 2, "inc-17-data-api-2"),
            ("Data API (EU)", 1, "inc-17-data-api--eu"),
            ("Zürich", 1, "inc-17-z-rich"),
            ("…", 1, "inc-17"),
        ] {
            assert_eq!(name_of("inc-", 17, service, attempt), wanted);
        }
        let long = name_of("inc-", 17, &"x".repeat(100), 1);
        assert_eq!((long.len(), long.starts_with("inc-17-xxx")), (NAME_MAX, true));
        assert_eq!(name_of("inc-", 17, &"x".repeat(100), 5).len(), NAME_MAX);
        let topic = |length: usize| line(&"x".repeat(length), TOPIC_MAX).chars().count();
        assert_eq!((topic(TOPIC_MAX), topic(TOPIC_MAX + 1)), (TOPIC_MAX, TOPIC_MAX));
    }
}
