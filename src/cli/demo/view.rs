//! What arrived, in few words: for the terminal and for the page of the stand-ins.

use serde_json::Value;

use super::seen::{Mail, SlackMessage};

/// A message as a person sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// The kind of channel.
    pub channel: &'static str,
    /// Room, person or address.
    pub to: String,
    /// What became of it since: changed, or an answer.
    pub note: String,
    /// The first line.
    pub first: String,
    /// Further lines.
    pub lines: Vec<String>,
    /// Names and values.
    pub facts: Vec<(String, String)>,
    /// Labels and links.
    pub buttons: Vec<(String, String)>,
}

/// The first line of a text with Slack's markup.
pub fn first_line(text: &str) -> String {
    plain(text.lines().next().unwrap_or_default())
}

/// A message in Slack.
pub fn slack(message: &SlackMessage) -> View {
    let note = match (&message.thread, message.edits) {
        (Some(_), _) => "in the thread".to_owned(),
        (None, 0) => String::new(),
        (None, 1) => "changed in place".to_owned(),
        (None, times) => format!("changed in place {times} times"),
    };
    let mut view = View { channel: "Slack", to: message.channel.clone(), note, ..View::default() };
    let mut lines: Vec<String> = Vec::new();
    let mut add = |text: &str| lines.extend(text.lines().map(plain).filter(|line| !line.is_empty()));
    for block in message.blocks.as_array().into_iter().flatten() {
        if let Some(text) = text_of(&block["text"]) {
            add(text);
        }
        for field in block["fields"].as_array().into_iter().flatten().filter_map(text_of) {
            let (name, value) = field.split_once('\n').unwrap_or(("", field));
            view.facts.push((plain(name), plain(value)));
        }
        for element in block["elements"].as_array().into_iter().flatten() {
            match (element["url"].as_str(), text_of(&element["text"])) {
                (Some(url), Some(label)) => view.buttons.push((label.to_owned(), url.to_owned())),
                _ => text_of(element).into_iter().for_each(&mut add),
            }
        }
    }
    if message.blocks.as_array().is_none_or(Vec::is_empty) {
        add(&message.text);
    }
    let mut lines = lines.into_iter();
    view.first = lines.next().unwrap_or_default();
    view.lines = lines.collect();
    view
}

/// A text object, or a text.
fn text_of(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value["text"].as_str())
}

/// A card in Teams.
pub fn card(body: &Value) -> View {
    let mut view = View { channel: "Teams", to: "eu".to_owned(), ..View::default() };
    for attachment in body["attachments"].as_array().into_iter().flatten() {
        walk(&attachment["content"], &mut view);
    }
    view.first = if view.lines.is_empty() { "a card".to_owned() } else { view.lines.remove(0) };
    view
}

fn walk(element: &Value, view: &mut View) {
    match element["type"].as_str() {
        Some("TextBlock") => view.lines.extend(element["text"].as_str().map(unescaped)),
        Some("RichTextBlock") => {
            let runs = element["inlines"].as_array().into_iter().flatten();
            view.lines.push(runs.filter_map(text_of).collect());
        }
        Some("FactSet") => {
            for fact in element["facts"].as_array().into_iter().flatten() {
                let part = |name: &str| unescaped(fact[name].as_str().unwrap_or_default());
                view.facts.push((part("title"), part("value")));
            }
        }
        Some("Action.OpenUrl") => {
            let part = |name: &str| element[name].as_str().unwrap_or_default().to_owned();
            view.buttons.push((part("title"), part("url")));
        }
        _ => {}
    }
    for inner in ["body", "items", "columns", "actions"] {
        element[inner].as_array().into_iter().flatten().for_each(|element| walk(element, view));
    }
}

/// A mail.
pub fn mail(mail: &Mail) -> View {
    let note = if mail.in_reply_to.is_some() { "answers in its thread" } else { "" };
    View {
        channel: "mail",
        to: mail.to.clone(),
        note: note.to_owned(),
        first: mail.subject.clone(),
        lines: mail.text.lines().map(str::trim_end).filter(|line| !line.is_empty()).map(str::to_owned).collect(),
        ..View::default()
    }
}

/// Slack's markup as text: links become their labels, `*bold*` and `_soft_` lose their signs.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let Some((link, behind)) = after.split_once('>') else {
            rest = after;
            continue;
        };
        out.push_str(link.split_once('|').map_or(link, |(_, label)| label));
        rest = behind;
    }
    out.push_str(rest);
    let words: Vec<&str> = out.split(' ').map(|word| word.trim_matches('*')).collect();
    words.join(" ").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").trim().to_owned()
}

/// A card's Markdown as text: escapes are undone, `**bold**` loses its signs, links become their labels.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match (c, characters.peek()) {
            ('\\', Some(next)) if next.is_ascii_punctuation() => out.extend(characters.next()),
            ('*' | '[', _) => {}
            (']', Some('(')) => while characters.next().is_some_and(|c| c != ')') {},
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_slack_message_is_read_from_its_blocks() {
        let message = SlackMessage {
            channel: "#ops".to_owned(),
            ts: "1.2".to_owned(),
            thread: None,
            text: "fallback".to_owned(),
            blocks: json!([
                {"type": "header", "text": {"type": "plain_text", "text": "P2: data-api"}},
                {"type": "section", "text": {"type": "mrkdwn", "text": "*P2* · a &lt;b&gt; · <https://x.example|wiki>"}},
                {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Budget*\n41.5%"}]},
                {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Open"}, "url": "https://o.example"}]},
            ]),
            edits: 1,
        };
        let view = slack(&message);
        assert_eq!(view.first, "P2: data-api");
        assert_eq!(view.lines, ["P2 · a <b> · wiki"]);
        assert_eq!(view.facts, [("Budget".to_owned(), "41.5%".to_owned())]);
        assert_eq!(view.buttons, [("Open".to_owned(), "https://o.example".to_owned())]);
        assert_eq!(view.note, "changed in place");
    }

    #[test]
    fn a_card_is_read_through_its_containers() {
        let body = json!({"attachments": [{"content": {"type": "AdaptiveCard", "body": [
            {"type": "Container", "items": [{"type": "TextBlock", "text": "P2: **data\\-api** [wiki](https://w.example)"}]},
            {"type": "FactSet", "facts": [{"title": "Budget", "value": "41\\.5%"}]},
        ], "actions": [{"type": "Action.OpenUrl", "title": "Open", "url": "https://o.example"}]}}]});
        let view = card(&body);
        assert_eq!(view.first, "P2: data-api wiki");
        assert_eq!(view.facts, [("Budget".to_owned(), "41.5%".to_owned())]);
        assert_eq!(view.buttons.len(), 1);
    }
}
