//! A digest as an Adaptive Card.

use serde_json::{Value, json};

use super::card::{self, URL_MAX};
use super::escape::{link, markdown};
use crate::channel::digest::{self, Digest};
use crate::channel::{Message, Urgency};

/// Characters of an incident's line. Beyond: it is cut, with an ellipsis.
pub const LINE_MAX: usize = 240;

/// Fills a card. At most ten incidents and a handful of counts, each cut: it always fits.
pub fn items(items: &mut Vec<Value>, entities: &mut Vec<Value>, message: &Message, digest: &Digest) {
    items.push(card::title(style(digest), &digest::first_line(digest), 300));
    card::fact_set(items, &digest::facts(digest), 6, 300);
    for named in &digest.named {
        let number = format!("#{}", named.incident);
        let number = named.url.as_deref().and_then(|url| link(url, &number, URL_MAX)).unwrap_or(number);
        let text = format!("{number}  {}", markdown(&digest::line(named), LINE_MAX));
        items.push(json!({"type": "TextBlock", "wrap": true, "spacing": "Small", "text": text}));
    }
    let more = digest::more(digest);
    if !more.is_empty() && !digest.named.is_empty() {
        let text = digest.links.as_ref().and_then(|links| link(&links.list, &more, URL_MAX)).unwrap_or(more);
        items.push(json!({"type": "TextBlock", "wrap": true, "spacing": "Small", "text": text}));
    }
    let buttons: Vec<Value> = digest::buttons(digest).iter().filter_map(card::button).collect();
    if !buttons.is_empty() {
        items.push(json!({"type": "ActionSet", "actions": buttons}));
    }
    // The mention is what makes Teams ring.
    if digest::is_waiting(digest)
        && let Some((at, entity)) = card::mention(message)
    {
        entities.push(entity);
        items.push(json!({"type": "TextBlock", "wrap": true, "text": format!("{at} is paged.")}));
    }
    items.push(card::subtle(&digest::why(&Message { person: None, ..message.clone() }, digest)));
}

fn style(digest: &Digest) -> &'static str {
    match (digest.tally.triggered, digest.urgency) {
        (0, _) if digest.tally.resolved == digest.tally.incidents => "good",
        (0, _) => "emphasis",
        (_, Urgency::High) => "attention",
        _ => "warning",
    }
}
