//! What the buttons of a message say when they are pressed: written here, read here again.
//!
//! A value names the incident and what is wanted of it as it stood when the message was drawn: raise *to P1*, escalate *from step 2*. So the
//! same press twice, or of two people at once, wishes for the same thing. Who may press is decided when it is pressed.

use std::fmt;

use serde_json::{Value, json};

use super::escape::plain;
use crate::channel::text::web_url;
use crate::channel::wording::Button;
use crate::channel::{ActionLinks, Content};
use crate::domain::{DigestId, IncidentId, Name};
use crate::engine::state::Status;

/// Characters of an option's value. Source: docs.slack.dev, option object. Beyond: the option is left out.
const VALUE_MAX: usize = 150;
/// Characters of an option's text, of the buttons of a question. Source: docs.slack.dev, option and confirmation objects. Beyond: it is cut.
const OPTION_TEXT_MAX: usize = 75;

/// How long a snooze may last, as the menu offers it: the word, and what people read.
pub const SNOOZES: [(&str, &str); 5] = [
    ("30m", "30 minutes"),
    ("1h", "1 hour"),
    ("4h", "4 hours"),
    ("12h", "12 hours"),
    ("tomorrow", "Until tomorrow, 9:00"),
];

/// What is wanted of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Press {
    /// Somebody is on it.
    Acknowledge,
    /// Quiet for so long, a word of [`SNOOZES`].
    Snooze(&'static str),
    /// Over.
    Resolve,
    /// The next step, from where the escalation stood.
    Escalate { round: u32, step: u32 },
    /// To somebody else; a form asks to whom.
    Reassign,
    /// This priority.
    Priority(Name),
}

/// What was pressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pressed {
    /// A button of an incident.
    Incident(IncidentId, Press),
    /// The button that acknowledges all of a digest.
    Digest(DigestId),
}

impl fmt::Display for Pressed {
    /// `17 snooze 1h`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (incident, press) = match self {
            Self::Digest(digest) => return write!(f, "digest {digest}"),
            Self::Incident(incident, press) => (incident, press),
        };
        write!(f, "{incident} ")?;
        match press {
            Press::Acknowledge => f.write_str("acknowledge"),
            Press::Snooze(word) => write!(f, "snooze {word}"),
            Press::Resolve => f.write_str("resolve"),
            Press::Escalate { round, step } => write!(f, "escalate {round} {step}"),
            Press::Reassign => f.write_str("reassign"),
            Press::Priority(priority) => write!(f, "priority {priority}"),
        }
    }
}

impl Pressed {
    /// Reads a value that a button of ours carries; `None` for anything else.
    #[must_use]
    pub fn read(value: &str) -> Option<Self> {
        let mut words = value.splitn(4, ' ');
        let first = words.next()?;
        if first == "digest" {
            return Some(Self::Digest(words.next()?.parse().ok()?));
        }
        let incident = first.parse().ok()?;
        let press = match (words.next()?, words.next(), words.next()) {
            ("acknowledge", None, None) => Press::Acknowledge,
            ("resolve", None, None) => Press::Resolve,
            ("reassign", None, None) => Press::Reassign,
            ("snooze", Some(word), None) => {
                Press::Snooze(SNOOZES.iter().map(|(known, _)| *known).find(|known| *known == word)?)
            }
            ("escalate", Some(round), Some(step)) => {
                Press::Escalate { round: round.parse().ok()?, step: step.parse().ok()? }
            }
            ("priority", Some(priority), None) if !priority.is_empty() => Press::Priority(priority.into()),
            _ => return None,
        };
        Some(Self::Incident(incident, press))
    }
}

/// The buttons of an incident's message, as things stand.
pub fn elements(content: &Content) -> Vec<Value> {
    let says = |press| Pressed::Incident(content.incident, press).to_string();
    let mut elements = Vec::new();
    if matches!(content.status, Status::Triggered | Status::Snoozed { .. }) {
        let mut button = button("acknowledge", "Acknowledge", &says(Press::Acknowledge));
        button["style"] = json!("primary");
        elements.push(button);
    }
    if content.status.is_open() {
        let lengths = SNOOZES.iter().map(|(word, text)| option(text, &says(Press::Snooze(word))));
        elements.push(json!({
            "type": "static_select",
            "action_id": "snooze",
            "placeholder": {"type": "plain_text", "text": "Snooze", "emoji": false},
            "options": lengths.collect::<Vec<_>>(),
        }));
        let mut resolve = button("resolve", "Resolve", &says(Press::Resolve));
        resolve["confirm"] = question(
            &format!("Resolve #{}?", content.incident),
            "Everybody who was told hears that it is over. If the cause goes on, it opens again.",
            "Resolve",
        );
        elements.push(resolve);
        elements.extend(more(content));
    }
    elements.extend(content.actions.as_ref().and_then(open));
    elements
}

/// What is done less often: a menu, or a button where there is only one thing in it.
fn more(content: &Content) -> Option<Value> {
    if content.drill {
        return None;
    }
    let choices = &content.choices;
    let mut wanted: Vec<(String, Press)> = Vec::new();
    if let Some((round, step)) = choices.escalation {
        wanted.push(("Escalate now".to_owned(), Press::Escalate { round, step }));
    }
    wanted.push(("Reassign …".to_owned(), Press::Reassign));
    wanted.extend(choices.raise.iter().map(|p| (format!("Raise to {p}"), Press::Priority(p.clone()))));
    wanted.extend(choices.lower.iter().map(|p| (format!("Lower to {p}"), Press::Priority(p.clone()))));
    match offered(content.incident, wanted).as_slice() {
        [] => None,
        [(text, value)] => Some(button("more", text, value)),
        several => {
            let options: Vec<Value> = several.iter().map(|(text, value)| option(text, value)).collect();
            Some(json!({"type": "overflow", "action_id": "more", "options": options}))
        }
    }
}

/// What can be offered: options whose values Slack would take.
fn offered(incident: IncidentId, wanted: Vec<(String, Press)>) -> Vec<(String, String)> {
    let values = wanted.into_iter().map(|(text, press)| (text, Pressed::Incident(incident, press).to_string()));
    values.filter(|(_, value)| value.chars().count() <= VALUE_MAX).collect()
}

/// The buttons of a digest: one that acknowledges here, and the link to the list.
pub fn digest_elements(digest: DigestId, buttons: &[Button<'_>]) -> Vec<Value> {
    let one = |b: &Button<'_>| {
        if b.id != "acknowledge" {
            return super::blocks::button_of(b);
        }
        let mut here = button(b.id, b.label, &Pressed::Digest(digest).to_string());
        here["style"] = json!("primary");
        here["confirm"] =
            question("Acknowledge all?", "You take on everything in this message that waits.", "Acknowledge");
        Some(here)
    };
    buttons.iter().filter_map(one).collect()
}

fn open(links: &ActionLinks) -> Option<Value> {
    let mut button = button("open", "Open", "open");
    button["url"] = json!(web_url(&links.page, super::blocks::URL_MAX)?);
    Some(button)
}

fn button(id: &str, label: &str, value: &str) -> Value {
    json!({
        "type": "button",
        "action_id": id,
        "text": {"type": "plain_text", "text": plain(label, OPTION_TEXT_MAX), "emoji": false},
        "value": value,
    })
}

fn option(text: &str, value: &str) -> Value {
    json!({"text": {"type": "plain_text", "text": plain(text, OPTION_TEXT_MAX), "emoji": false}, "value": value})
}

fn question(title: &str, text: &str, yes: &str) -> Value {
    let words = |text: &str| json!({"type": "plain_text", "text": text, "emoji": false});
    json!({"title": words(title), "text": words(text), "confirm": words(yes), "deny": words("Cancel")})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_button_says_is_read_again() {
        let escalate = Press::Escalate { round: 1, step: 2 };
        let all = [Press::Acknowledge, Press::Resolve, Press::Reassign, Press::Priority("P1".into()), escalate];
        for press in all.into_iter().chain(SNOOZES.map(|(word, _)| Press::Snooze(word))) {
            let said = Pressed::Incident(IncidentId(17), press);
            assert_eq!(Pressed::read(&said.to_string()), Some(said));
        }
        let digest = Pressed::Digest(DigestId(3));
        assert_eq!(Pressed::read(&digest.to_string()), Some(digest));
        for other in
            ["", "17", "x acknowledge", "17 acknowledge now", "17 snooze 9y", "17 priority ", "17 escalate 1", "open"]
        {
            assert_eq!(Pressed::read(other), None, "{other}");
        }
    }

    #[test]
    fn an_option_that_is_too_long_is_left_out() {
        let fits = "17 priority ".len();
        let offered =
            |length: usize| offered(IncidentId(17), vec![(String::new(), Press::Priority("P".repeat(length).into()))]);
        assert_eq!(offered(VALUE_MAX - fits).len(), 1);
        assert_eq!(offered(VALUE_MAX - fits + 1).len(), 0);
        let text = |length: usize| option(&"x".repeat(length), "v")["text"]["text"].as_str().unwrap().chars().count();
        assert_eq!((text(OPTION_TEXT_MAX), text(OPTION_TEXT_MAX + 1)), (OPTION_TEXT_MAX, OPTION_TEXT_MAX));
    }
}
