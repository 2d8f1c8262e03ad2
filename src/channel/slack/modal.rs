//! Forms that open inside Slack: to whom an incident goes, and an incident opened by hand. Written here, read here again.
//!
//! Source: docs.slack.dev, "Modals" and the pages of the elements, read 2026-11.

use serde_json::{Value, json};

use super::escape::plain;
use crate::domain::{IncidentId, Name};

/// What a form is called when it comes back: to whom an incident goes.
pub const REASSIGN: &str = "callout_reassign";
/// An incident opened by hand.
pub const OPEN: &str = "callout_open";
/// People that a form hands an incident to at most. Beyond: Slack offers no more.
pub const PEOPLE_MAX: usize = 5;
/// Options of a menu. Source: docs.slack.dev, static_select. Beyond: the name is typed.
pub const OPTIONS_MAX: usize = 100;
/// Characters of what is wrong, as it is typed or taken from a message. Beyond: Slack takes no more, and a message is cut.
pub const SUMMARY_MAX: usize = 500;
/// Characters of what a form brings back unseen. Source: docs.slack.dev, views. Beyond: the form would be refused.
pub const CARRIED_MAX: usize = 3_000;

fn words(text: &str, max: usize) -> Value {
    json!({"type": "plain_text", "text": plain(text, max), "emoji": false})
}

fn view(callback: &str, title: &str, submit: &str, carried: &str, blocks: &[Value]) -> Value {
    json!({
        "type": "modal", "callback_id": callback, "title": words(title, 24), "submit": words(submit, 24),
        "close": words("Cancel", 24), "private_metadata": carried, "blocks": blocks,
    })
}

fn input(id: &str, label: &str, optional: bool, element: &Value) -> Value {
    json!({"type": "input", "block_id": id, "label": words(label, 2_000), "optional": optional, "element": element})
}

/// Asks to whom an incident goes.
#[must_use]
pub fn reassign(incident: IncidentId) -> Value {
    let people = json!({
        "type": "multi_users_select", "action_id": "people", "max_selected_items": PEOPLE_MAX,
        "placeholder": words("Who takes it", 150),
    });
    let about = json!({"type": "context", "elements": [words("They are paged at once; it counts as not acknowledged until one of them is on it.", 2_000)]});
    let blocks = [input("people", &format!("Hand incident #{incident} to"), false, &people), about];
    view(REASSIGN, "Reassign", "Hand over", &incident.to_string(), &blocks)
}

/// Asks what an incident is about that a person opens. `carried` comes back as it is.
#[must_use]
pub fn open(services: &[&Name], priorities: &[&Name], summary: &str, carried: &str) -> Value {
    let option = |name: &&Name| json!({"text": words(name, 75), "value": name.as_str()});
    let menu = |id: &str, names: &[&Name], hint: &str| {
        json!({
            "type": "static_select", "action_id": id, "placeholder": words(hint, 150),
            "options": names.iter().map(option).collect::<Vec<_>>(),
        })
    };
    let typed = |id: &str, hint: &str| json!({"type": "plain_text_input", "action_id": id, "placeholder": words(hint, 150), "max_length": 80});
    let fits = !services.is_empty() && services.len() <= OPTIONS_MAX && services.iter().all(|name| name.len() <= 75);
    let service = if fits { menu("service", services, "Service") } else { typed("service", "Name of the service") };
    let mut text = json!({
        "type": "plain_text_input", "action_id": "summary", "multiline": true, "max_length": SUMMARY_MAX,
        "placeholder": words("What is wrong, in a sentence", 150),
    });
    if !summary.is_empty() {
        text["initial_value"] = json!(crate::channel::text::cut(summary, SUMMARY_MAX));
    }
    let mut blocks =
        vec![input("service", "Service", false, &service), input("summary", "What is wrong", false, &text)];
    if !priorities.is_empty() && priorities.len() <= OPTIONS_MAX {
        blocks.push(input("priority", "Priority", true, &menu("priority", priorities, "As it comes")));
    }
    view(OPEN, "Open an incident", "Open and page", carried, &blocks)
}

/// Says what came of a form, in its place.
#[must_use]
pub fn said(title: &str, text: &str) -> Value {
    json!({
        "type": "modal", "title": words(title, 24), "close": words("Close", 24),
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}}],
    })
}

/// The people chosen in a form.
#[must_use]
pub fn people(view: &Value) -> Vec<String> {
    let chosen = view["state"]["values"]["people"]["people"]["selected_users"].as_array();
    chosen.into_iter().flatten().take(PEOPLE_MAX).filter_map(|id| id.as_str().map(str::to_owned)).collect()
}

/// A field of a form, typed or chosen; empty counts as absent.
#[must_use]
pub fn field(view: &Value, name: &str) -> Option<String> {
    let state = &view["state"]["values"][name][name];
    let text = state["selected_option"]["value"].as_str().or_else(|| state["value"].as_str())?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_keep_to_their_limits() {
        let summary = |length: usize| {
            let view = open(&[], &[], &"x".repeat(length), "");
            view["blocks"][1]["element"]["initial_value"].as_str().unwrap_or_default().chars().count()
        };
        assert_eq!((summary(SUMMARY_MAX), summary(SUMMARY_MAX + 1)), (SUMMARY_MAX, SUMMARY_MAX));
        let chosen: Vec<String> = (0..=PEOPLE_MAX).map(|n| format!("U{n}")).collect();
        let view = json!({"state": {"values": {"people": {"people": {"selected_users": chosen}}}}});
        assert_eq!(people(&view).len(), PEOPLE_MAX);
    }
}
