//! A message as an Adaptive Card 1.4 (Teams stops at 1.5), within the 28 KB that a channel takes. It never fails to fit: details go
//! first, then lists and facts, then the rest is cut.

use serde_json::{Value, json};

use super::escape::{link, markdown, run};
use crate::channel::text::{short, web_url};
use crate::channel::wording::{self, ALARM_MAX, NAME_MAX};
use crate::channel::{Content, Fact, Link, Message, Urgency};
use crate::engine::state::Status;

/// Bytes of a whole request, as Teams counts them. Source: learn.microsoft.com, "Create incoming webhooks", read 2026-11. Beyond: the card
/// is made again with less room for details, lists and links, until it fits.
pub const BODY_MAX: usize = 28 * 1024;
/// Bytes of a URL in a card. Beyond: the link or button is left out.
pub const URL_MAX: usize = 2_000;

/// How much of a message is shown; each step less.
#[derive(Debug, Clone, Copy)]
struct Room {
    headline: usize,
    summary: usize,
    facts: usize,
    value: usize,
    list: usize,
    details: usize,
    links: usize,
    told: usize,
    buttons: bool,
}

const ROOMS: [Room; 6] = [
    Room {
        headline: 500,
        summary: 600,
        facts: 20,
        value: 160,
        list: 5,
        details: 40,
        links: 8,
        told: 600,
        buttons: true,
    },
    Room {
        headline: 500,
        summary: 600,
        facts: 20,
        value: 160,
        list: 5,
        details: 0,
        links: 8,
        told: 600,
        buttons: true,
    },
    Room {
        headline: 400,
        summary: 300,
        facts: 12,
        value: 100,
        list: 2,
        details: 0,
        links: 3,
        told: 300,
        buttons: true,
    },
    Room { headline: 300, summary: 200, facts: 6, value: 80, list: 0, details: 0, links: 1, told: 100, buttons: true },
    Room { headline: 300, summary: 0, facts: 0, value: 0, list: 0, details: 0, links: 0, told: 0, buttons: true },
    Room { headline: 200, summary: 0, facts: 0, value: 0, list: 0, details: 0, links: 0, told: 0, buttons: false },
];

/// The body of the request: the fullest form that fits.
pub fn body(message: &Message) -> String {
    let mut body = String::new();
    for room in &ROOMS {
        body = envelope(&card(message, room)).to_string();
        if body.len() <= BODY_MAX {
            break;
        }
    }
    body
}

fn envelope(card: &Value) -> Value {
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card,
        }],
    })
}

fn card(message: &Message, room: &Room) -> Value {
    let mut items = Vec::new();
    let mut actions = Vec::new();
    let mut entities = Vec::new();
    match (message.content.as_deref(), wording::event(message)) {
        (None, _) if message.digest.is_some() => {
            if let Some(digest) = message.digest.as_deref() {
                super::digest::items(&mut items, &mut entities, message, digest);
            }
        }
        (None, _) => {
            let first = wording::first_line(message);
            items.push(title("warning", &first, room.headline));
            if let Some(rest) = wording::rest(message).filter(|_| room.facts > 0) {
                items.extend(rest.lines().map(|line| rich(&[text_run(line, 300)])));
            } else if room.details > 0 && first.chars().count() > room.headline {
                items.push(rich(&[text_run(&message.why, ALARM_MAX)]));
            }
            items.push(subtle(wording::closing(message)));
            actions.extend(message.links.iter().filter(|_| room.buttons).filter_map(open_link));
        }
        (Some(content), Some(event)) => follow_up(&mut items, message, content, &event, room),
        (Some(content), None) => incident(&mut items, &mut actions, &mut entities, message, content, room),
    }
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": run(&wording::first_line(message), 300),
        "msteams": {"width": "Full"},
        "body": items,
    });
    if !entities.is_empty() {
        card["msteams"]["entities"] = Value::Array(entities);
    }
    if !actions.is_empty() {
        card["actions"] = Value::Array(actions);
    }
    card
}

/// A button that opens a link of a notice.
fn open_link(to: &Link) -> Option<Value> {
    let title = short(&to.title, 40);
    web_url(&to.url, URL_MAX).map(|url| json!({"type": "Action.OpenUrl", "title": title, "url": url}))
}

/// What happened, what to, and a way to look: a new small card, since a flow cannot change an earlier one.
fn follow_up(items: &mut Vec<Value>, message: &Message, content: &Content, event: &str, room: &Room) {
    items.push(title(style(content), &format!("{} {event}", wording::sign(content)), room.headline));
    items.push(rich(&[text_run(&content.headline, room.headline)]));
    items.push(status(message, content));
    let is_open = content.status == Status::Triggered;
    if room.buttons && is_open {
        buttons(items, content);
    }
    links(items, content, &Room { links: 0, ..*room });
}

fn incident(
    items: &mut Vec<Value>,
    actions: &mut Vec<Value>,
    entities: &mut Vec<Value>,
    message: &Message,
    content: &Content,
    room: &Room,
) {
    items.push(title(style(content), &wording::first_line(message), room.headline));
    items.push(status(message, content));
    if let Some(summary) = content.summary.as_deref().filter(|s| room.summary > 0 && !s.trim().is_empty()) {
        items.push(rich(&[text_run(summary, room.summary)]));
    }
    fact_set(items, &content.facts, room.facts, room.value);
    items.extend(chart(content).filter(|_| room.details > 0));
    list(items, "Recent deployments", &content.deployments, room);
    list(items, "Dependencies", &content.dependencies, room);
    why(items, entities, message, room);
    if let Some(told) = wording::told(content).filter(|_| room.told > 0) {
        items.push(subtle(&run(&told, room.told)));
    }
    links(items, content, room);
    if room.buttons {
        buttons(items, content);
    }
    details(items, actions, content, room);
}

/// The chart, which every client fetches when it shows the card.
fn chart(content: &Content) -> Option<Value> {
    let picture = content.picture.as_deref()?;
    let url = web_url(picture.url.as_deref()?, URL_MAX)?;
    Some(json!({"type": "Image", "url": url, "altText": run(&picture.chart.alt, 600), "size": "Stretch"}))
}

/// How the person who is paged is mentioned in a text, and the entity behind it.
pub(super) fn mention(message: &Message) -> Option<(String, Value)> {
    let person = message.person.as_ref().filter(|p| p.address.contains('@'))?;
    // The name stands between tags of ours, so it may hold none of its own.
    let name: String = run(&person.name, NAME_MAX).chars().filter(|c| !matches!(c, '<' | '>' | '\u{200b}')).collect();
    let name = if name.trim().is_empty() { "on call".to_owned() } else { name };
    let at = format!("<at>{name}</at>");
    let mentioned = json!({"id": run(&person.address, 254), "name": name});
    Some((at.clone(), json!({"type": "mention", "text": at, "mentioned": mentioned})))
}

/// Why this recipient is told; the person on call is mentioned, which is what makes Teams ring.
fn why(items: &mut Vec<Value>, entities: &mut Vec<Value>, message: &Message, room: &Room) {
    let mention = mention(message);
    let late = if message.late { " (sent late)" } else { "" };
    let text = match mention {
        Some((at, entity)) => {
            entities.push(entity);
            format!("{at} is paged: {}{late}", markdown(&message.why, room.headline))
        }
        None => markdown(&wording::why(message), room.headline),
    };
    if !text.trim().is_empty() {
        items.push(json!({"type": "TextBlock", "wrap": true, "text": text}));
    }
}

/// The colour of the title. The words beside it say the same.
fn style(content: &Content) -> &'static str {
    match (&content.status, content.urgency) {
        (Status::Resolved { .. }, _) => "good",
        (Status::Acknowledged { .. } | Status::Snoozed { .. }, _) => "emphasis",
        (Status::Triggered, Urgency::High) => "attention",
        (Status::Triggered, _) => "warning",
    }
}

pub(super) fn title(style: &str, text: &str, max: usize) -> Value {
    let run = json!({
        "type": "TextRun", "text": run(text, max), "weight": "Bolder", "size": "Medium",
    });
    json!({"type": "Container", "style": style, "bleed": true, "items": [rich(&[run])]})
}

/// Priority, status, since when, whose.
fn status(message: &Message, content: &Content) -> Value {
    let mut priority = text_run(&wording::priority(content), 200);
    priority["weight"] = json!("Bolder");
    let severity = content.severity.as_deref().map(|s| format!("  ·  {s}")).unwrap_or_default();
    let rest = format!(
        "{severity}  ·  {}  ·  since {}  ·  {}  ·  #{}",
        wording::status(content, message.now),
        wording::since(content, message.now),
        wording::owner(content),
        content.incident
    );
    let mut rest_run = text_run(&rest, 600);
    // Cleaning trims the text, and this one begins with a separator.
    rest_run["text"] = json!(format!(" {}", rest_run["text"].as_str().unwrap_or_default()));
    rich(&[priority, rest_run])
}

/// Links in a line, the incident's own page last.
fn links(items: &mut Vec<Value>, content: &Content, room: &Room) {
    let own = content.actions.as_ref().filter(|_| room.buttons).map(|a| a.page.as_str());
    let mut links: Vec<String> =
        content.links.iter().filter_map(|l| link(&l.url, &l.title, URL_MAX)).take(room.links).collect();
    links.extend(own.and_then(|page| link(page, &format!("Incident #{}", content.incident), URL_MAX)));
    if !links.is_empty() {
        items.push(json!({"type": "TextBlock", "wrap": true, "text": links.join("  ·  ")}));
    }
}

/// Three buttons at most: a phone cuts the labels of more.
fn buttons(items: &mut Vec<Value>, content: &Content) {
    let actions: Vec<Value> = wording::buttons(content).iter().filter(|b| b.id != "open").filter_map(button).collect();
    if !actions.is_empty() {
        items.push(json!({"type": "ActionSet", "actions": actions}));
    }
}

fn details(items: &mut Vec<Value>, actions: &mut Vec<Value>, content: &Content, room: &Room) {
    let mut hidden = Vec::new();
    fact_set(&mut hidden, &content.details, room.details, room.value);
    if hidden.is_empty() {
        return;
    }
    let more = content.details.len().saturating_sub(room.details);
    if more > 0 {
        hidden.push(subtle(&format!("and {more} more")));
    }
    items.push(json!({"type": "Container", "id": "details", "isVisible": false, "items": hidden}));
    actions.push(json!({"type": "Action.ToggleVisibility", "title": "Details", "targetElements": ["details"]}));
}

fn list(items: &mut Vec<Value>, heading: &str, facts: &[Fact], room: &Room) {
    if facts.is_empty() || room.list == 0 {
        return;
    }
    let mut head = text_run(heading, NAME_MAX);
    head["weight"] = json!("Bolder");
    items.push(rich(&[head]));
    fact_set(items, facts, room.list, room.value);
    if facts.len() > room.list {
        items.push(subtle(&format!("and {} more", facts.len() - room.list)));
    }
}

pub(super) fn fact_set(items: &mut Vec<Value>, facts: &[Fact], count: usize, value: usize) {
    let facts: Vec<Value> = facts
        .iter()
        .filter(|f| !f.value.trim().is_empty())
        .take(count)
        .map(|f| json!({"title": markdown(&f.name, NAME_MAX), "value": markdown(&f.value, value)}))
        .collect();
    if !facts.is_empty() {
        items.push(json!({"type": "FactSet", "facts": facts, "spacing": "Small"}));
    }
}

pub(super) fn button(button: &wording::Button<'_>) -> Option<Value> {
    let mut action = json!({"type": "Action.OpenUrl", "title": button.short, "url": web_url(button.url, URL_MAX)?});
    if button.primary {
        action["style"] = json!("positive");
    }
    Some(action)
}

fn rich(runs: &[Value]) -> Value {
    json!({"type": "RichTextBlock", "inlines": runs})
}

fn text_run(text: &str, max: usize) -> Value {
    json!({"type": "TextRun", "text": run(text, max)})
}

pub(super) fn subtle(text: &str) -> Value {
    rich(&[json!({"type": "TextRun", "text": text, "isSubtle": true, "size": "Small"})])
}
