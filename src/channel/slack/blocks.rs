//! A message in Slack's Block Kit. Every text object stays within its limit, and all of them within the sum that Slack takes.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::escape::{block, line, link, plain};
use crate::channel::text::web_url;
use crate::channel::wording::{self, NAME_MAX};
use crate::channel::{Content, Fact, Link, Message};

/// Characters of a header. Source: docs.slack.dev, header block. Beyond: it is cut, with an ellipsis.
pub const HEADER_MAX: usize = 150;
/// Characters of a section's text. Source: docs.slack.dev, section block. Beyond: it is cut; of a list, whole lines are left out.
pub const SECTION_MAX: usize = 3_000;
/// Fields of a section. Source: docs.slack.dev, section block. Beyond: another section follows.
pub const FIELDS_MAX: usize = 10;
/// Characters of a URL in a button. Source: docs.slack.dev, button element. Beyond: the button is left out.
pub const URL_MAX: usize = 3_000;
/// Characters of the words for a picture. Source: docs.slack.dev, image block. Beyond: they are cut, with an ellipsis.
pub const ALT_MAX: usize = 2_000;
/// Characters of all texts together. The ceiling is about 13,200 and undocumented (slackapi/bolt-js, issue 2509). Beyond: the details are
/// cut to what is left, or left out.
pub const TOTAL_MAX: usize = 12_000;
/// Characters of a message without blocks; more is advised against (docs.slack.dev, chat.postMessage). Beyond: whole lines are left out.
pub const TEXT_MAX: usize = 4_000;

/// Characters of a summary. Beyond: it is cut, with an ellipsis.
pub const SUMMARY_MAX: usize = 600;
/// Facts of a message. Beyond: left out.
pub const FACTS_MAX: usize = 20;
/// Characters of a fact. Beyond: it is cut, with an ellipsis.
pub const FACT_MAX: usize = 160;
/// Entries of a list. Beyond: they are counted.
pub const LIST_MAX: usize = 5;
/// Characters of an entry of a list. Beyond: it is cut, with an ellipsis.
pub const LIST_LINE_MAX: usize = 200;
/// Characters of all details. Beyond: further ones are left out.
pub const DETAILS_MAX: usize = 1_500;
/// Characters of a detail. Beyond: it is cut, with an ellipsis.
pub const DETAIL_LINE_MAX: usize = 160;
/// Links of a message. Beyond: left out.
pub const LINKS_MAX: usize = 10;
/// Characters of a link in a text, where the URL counts. Beyond: it becomes a button, where the URL does not count.
pub const INLINE_URL_MAX: usize = 400;

/// What is sent: blocks for people who look, text for notifications and screen readers.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// Fallback, escaped.
    pub text: String,
    /// Blocks.
    pub blocks: Vec<Value>,
}

/// What the buttons of a message do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Buttons {
    /// They open a page.
    Links,
    /// They act here.
    Here,
}

/// The whole message.
pub fn render(message: &Message, buttons: Buttons) -> Rendered {
    if let Some(digest) = message.digest.as_deref() {
        return super::digest::render(message, digest, buttons);
    }
    let text = notification(message);
    let blocks = match message.content.as_deref() {
        Some(content) => incident(message, content, buttons),
        None => alarm(message),
    };
    Rendered { text, blocks }
}

/// What a notification shows: the first line and why one is told, or what happened.
fn notification(message: &Message) -> String {
    let first = line(&wording::first_line(message), 600);
    if wording::event(message).is_some() || message.content.is_none() {
        return first;
    }
    let why = line(&wording::why(message), 300);
    if why.is_empty() { first } else { format!("{first}\n{why}") }
}

/// What happened, in a line, for the thread. A person reads it in a notification, so it names the incident too.
pub fn reply(message: &Message) -> String {
    let event = wording::event(message).unwrap_or_default();
    let headline = message.content.as_deref().map(|c| c.headline.as_str()).unwrap_or_default();
    format!("*{}*\n{}", line(&event, 600), line(headline, 600))
}

/// The thread's answer as it is sent.
pub fn reply_blocks(text: String) -> Rendered {
    Rendered { blocks: vec![section(&text)], text }
}

/// A follow-up that has nothing to be tied to: a message of its own, short.
pub fn short(message: &Message) -> Rendered {
    let mut text = reply(message);
    if let Some(content) = message.content.as_deref()
        && let Some(open) = content.actions.as_ref().and_then(|a| link(&a.page, "Open incident", INLINE_URL_MAX))
    {
        text.push('\n');
        text.push_str(&open);
    }
    Rendered { blocks: vec![section(&text)], text }
}

/// The whole message as text alone, for when Slack refuses the blocks.
pub fn text_only(message: &Message) -> String {
    if let Some(digest) = message.digest.as_deref() {
        return super::digest::text_only(message, digest);
    }
    let Some(content) = message.content.as_deref() else {
        let first = block(&wording::first_line(message), TEXT_MAX - 600);
        let links = message.links.iter().filter_map(|l| link(&l.url, &l.title, INLINE_URL_MAX));
        let rest = wording::rest(message).into_iter().flat_map(str::lines).map(|l| line(l, 300));
        return whole_lines(std::iter::once(first).chain(rest).chain(links).collect());
    };
    let mut out = vec![notification(message), status_line(message, content)];
    out.extend(content.facts.iter().take(FACTS_MAX).map(fact_line));
    out.extend(content.links.iter().take(LINKS_MAX).filter_map(|l| link(&l.url, &l.title, INLINE_URL_MAX)));
    out.extend(wording::buttons(content).iter().filter_map(|b| link(b.url, b.label, INLINE_URL_MAX)));
    whole_lines(out)
}

/// As many lines as a text may hold. Whole ones only: half a link would be markup of ours gone wrong.
pub(super) fn whole_lines(mut out: Vec<String>) -> String {
    let mut left = TEXT_MAX;
    out.retain(|l| {
        let length = l.chars().count() + 1;
        let fits = length <= left;
        left -= if fits { length } else { 0 };
        fits
    });
    out.join("\n")
}

fn alarm(message: &Message) -> Vec<Value> {
    let mut blocks = vec![header(&wording::first_line(message))];
    if let Some(rest) = wording::rest(message) {
        blocks.push(section(&block(rest, SECTION_MAX)));
    } else if wording::first_line(message).chars().count() > HEADER_MAX {
        blocks.push(section(&block(&message.why, SECTION_MAX)));
    }
    let buttons: Vec<Value> = message.links.iter().enumerate().filter_map(notice_button).collect();
    if !buttons.is_empty() {
        blocks.push(json!({"type": "actions", "elements": buttons}));
    }
    blocks.push(context(&line(wording::closing(message), 200)));
    blocks
}

/// A button that opens a link of a notice.
fn notice_button((number, to): (usize, &Link)) -> Option<Value> {
    let url = web_url(&to.url, URL_MAX)?;
    let mut button = json!({
        "type": "button", "action_id": format!("open-{number}"), "url": url,
        "text": {"type": "plain_text", "text": plain(&to.title, 75), "emoji": true},
    });
    if number == 0 {
        button["style"] = json!("primary");
    }
    Some(button)
}

fn incident(message: &Message, content: &Content, here: Buttons) -> Vec<Value> {
    let first = wording::first_line(message);
    let mut blocks = vec![header(&first)];
    if first.chars().count() > HEADER_MAX {
        blocks.push(section(&line(&content.headline, 1_000)));
    }
    blocks.push(section(&status_line(message, content)));
    if let Some(summary) = content.summary.as_deref() {
        push_text(&mut blocks, &block(summary, SUMMARY_MAX));
    }
    let facts: Vec<&Fact> = content.facts.iter().filter(|f| !f.value.trim().is_empty()).take(FACTS_MAX).collect();
    for some in facts.chunks(FIELDS_MAX) {
        blocks.push(fields(some.iter().copied()));
    }
    blocks.extend(chart(content));
    push_text(&mut blocks, &list("Recent deployments", &content.deployments));
    push_text(&mut blocks, &list("Dependencies", &content.dependencies));
    if let Some(told) = told(message, content) {
        blocks.push(context(&told));
    }
    let (inline, wide) = links(content);
    push_text(&mut blocks, &inline);
    let mut buttons = match here {
        Buttons::Links => buttons(content),
        Buttons::Here => super::press::elements(content),
    };
    buttons.extend(wide);
    if !buttons.is_empty() {
        blocks.push(actions(&buttons));
    }
    let left = TOTAL_MAX.saturating_sub(length(&blocks)).min(DETAILS_MAX);
    if let Some(details) = details(&content.details, left) {
        blocks.push(context(&details));
    }
    shrink(&mut blocks);
    blocks
}

/// The chart, which Slack fetches while it takes the message.
fn chart(content: &Content) -> Option<Value> {
    let picture = content.picture.as_deref()?;
    let url = web_url(picture.url.as_deref()?, URL_MAX)?;
    let alt = plain(&picture.chart.alt, ALT_MAX);
    Some(json!({"type": "image", "block_id": "chart", "image_url": url, "alt_text": alt}))
}

/// The blocks without a picture: Slack refuses all of them when it cannot fetch one.
pub fn without_pictures(blocks: &[Value]) -> Option<Vec<Value>> {
    let others: Vec<Value> = blocks.iter().filter(|block| block["type"] != "image").cloned().collect();
    (others.len() < blocks.len()).then_some(others)
}

/// Priority, status, since when, whose.
fn status_line(message: &Message, content: &Content) -> String {
    let mut parts = vec![
        format!("*{}*", line(&wording::priority(content), 200)),
        line(&wording::status(content, message.now), 200),
        format!("since {}", line(&wording::since(content, message.now), 100)),
        line(&wording::owner(content), 160),
    ];
    if let Some(severity) = content.severity.as_deref() {
        parts.insert(1, line(severity, NAME_MAX));
    }
    parts.push(match content.actions.as_ref().and_then(|a| web_url(&a.page, INLINE_URL_MAX)) {
        Some(page) => format!("<{}|#{}>", page.replace('&', "&amp;"), content.incident),
        None => format!("#{}", content.incident),
    });
    parts.join("  ·  ")
}

/// Why this recipient, and who else.
fn told(message: &Message, content: &Content) -> Option<String> {
    let mut parts = Vec::new();
    if wording::event(message).is_none() {
        let why = line(&wording::why(message), 400);
        if !why.is_empty() {
            parts.push(why);
        }
    }
    if let Some(told) = wording::told(content) {
        parts.push(line(&told, 600));
    }
    if let Some(room) = content.choices.room.as_ref().filter(|room| room.place.chars().all(char::is_alphanumeric)) {
        parts.push(format!("Room: <#{}>", room.place));
    }
    (!parts.is_empty()).then(|| parts.join("\n"))
}

/// Facts side by side; at most [`FIELDS_MAX`].
pub(super) fn fields<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Value {
    json!({"type": "section", "fields": facts.into_iter().take(FIELDS_MAX).map(field).collect::<Vec<_>>()})
}

fn field(fact: &Fact) -> Value {
    mrkdwn(&format!("*{}*\n{}", line(&fact.name, NAME_MAX), line(&fact.value, FACT_MAX)))
}

fn fact_line(fact: &Fact) -> String {
    format!("{}: {}", line(&fact.name, NAME_MAX), line(&fact.value, FACT_MAX))
}

fn list(title: &str, facts: &[Fact]) -> String {
    if facts.is_empty() {
        return String::new();
    }
    let mut out = format!("*{title}*");
    for fact in facts.iter().take(LIST_MAX) {
        let name = line(&fact.name, NAME_MAX);
        let _ = write!(out, "\n• {name}: {}", line(&fact.value, LIST_LINE_MAX));
    }
    if facts.len() > LIST_MAX {
        let _ = write!(out, "\n• and {} more", facts.len() - LIST_MAX);
    }
    out
}

/// Links in a line, and buttons for those with long URLs.
fn links(content: &Content) -> (String, Vec<Value>) {
    let mut inline = Vec::new();
    let mut wide = Vec::new();
    for (at, one) in content.links.iter().take(LINKS_MAX).enumerate() {
        if let Some(text) = link(&one.url, &one.title, INLINE_URL_MAX) {
            inline.push(text);
        } else if let Some(url) = web_url(&one.url, URL_MAX) {
            wide.push(button(&format!("link-{at}"), &one.title, &url, false));
        }
    }
    // At most 10 × (400 + title): cut to what a section takes, whole links only.
    while inline.iter().map(|l| l.chars().count() + 5).sum::<usize>() > SECTION_MAX {
        inline.pop();
    }
    (inline.join("  ·  "), wide)
}

fn buttons(content: &Content) -> Vec<Value> {
    wording::buttons(content).iter().filter_map(button_of).collect()
}

/// A button, if its URL can be one.
pub(super) fn button_of(b: &wording::Button<'_>) -> Option<Value> {
    Some(button(b.id, b.label, &web_url(b.url, URL_MAX)?, b.primary))
}

/// Buttons in a row.
pub(super) fn actions(buttons: &[Value]) -> Value {
    json!({"type": "actions", "block_id": "actions", "elements": buttons})
}

fn button(id: &str, label: &str, url: &str, primary: bool) -> Value {
    let mut button = json!({
        "type": "button",
        "action_id": id,
        "text": {"type": "plain_text", "text": plain(if label.is_empty() { "Link" } else { label }, 75), "emoji": false},
        "url": url,
    });
    if primary {
        button["style"] = json!("primary");
    }
    button
}

/// Labels and annotations in small print, as many whole lines as fit.
fn details(facts: &[Fact], max: usize) -> Option<String> {
    let room = max.saturating_sub(40);
    let mut out = String::new();
    let mut count = 0;
    let mut shown = 0;
    for fact in facts {
        let text = format!("{}: {}", line(&fact.name, NAME_MAX), line(&fact.value, DETAIL_LINE_MAX));
        let length = text.chars().count() + 3;
        if count + length > room {
            break;
        }
        if shown > 0 {
            out.push_str(" · ");
        }
        out.push_str(&text);
        count += length;
        shown += 1;
    }
    if shown > 0 && shown < facts.len() {
        let _ = write!(out, " · and {} more", facts.len() - shown);
    }
    (shown > 0).then_some(out)
}

/// The last resort against the sum's limit: context and lists go from the end, never header, status or buttons.
pub(super) fn shrink(blocks: &mut Vec<Value>) {
    while length(blocks) > TOTAL_MAX {
        let Some(last) = blocks.iter().skip(2).rposition(|b| b["type"] != "actions") else { return };
        blocks.remove(last + 2);
    }
}

/// Characters of all texts, as Slack sums them.
fn length(blocks: &[Value]) -> usize {
    fn sum(value: &Value) -> usize {
        match value {
            Value::Object(fields) => fields
                .iter()
                .map(|(name, v)| match v {
                    Value::String(text) if name == "text" => text.chars().count(),
                    other => sum(other),
                })
                .sum(),
            Value::Array(all) => all.iter().map(sum).sum(),
            _ => 0,
        }
    }
    blocks.iter().map(sum).sum()
}

fn push_text(blocks: &mut Vec<Value>, text: &str) {
    if !text.trim().is_empty() {
        blocks.push(section(text));
    }
}

pub(super) fn header(text: &str) -> Value {
    let text = plain(text, HEADER_MAX);
    json!({"type": "header", "text": {"type": "plain_text", "text": text, "emoji": false}})
}

pub(super) fn section(text: &str) -> Value {
    json!({"type": "section", "text": mrkdwn(text)})
}

pub(super) fn context(text: &str) -> Value {
    json!({"type": "context", "elements": [mrkdwn(text)]})
}

/// `verbatim` keeps Slack from making links and mentions of what merely looks like one.
fn mrkdwn(text: &str) -> Value {
    json!({"type": "mrkdwn", "text": text, "verbatim": true})
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks with texts of so many characters together, the last of them of `last`.
    fn blocks(sum: usize, last: usize) -> Vec<Value> {
        let mut blocks = vec![header("h"), section("s")];
        let mut left = sum - last - 2;
        while left > 0 {
            let part = left.min(SECTION_MAX);
            blocks.push(section(&"x".repeat(part)));
            left -= part;
        }
        blocks.push(context(&"x".repeat(last)));
        blocks
    }

    #[test]
    fn what_is_too_long_together_loses_texts_from_the_end() {
        for (sum, kept) in [(TOTAL_MAX, TOTAL_MAX), (TOTAL_MAX + 1, TOTAL_MAX + 1 - 20)] {
            let mut of = blocks(sum, 20);
            of.push(actions(&[]));
            shrink(&mut of);
            assert_eq!(length(&of), kept);
            assert_eq!(of.last(), Some(&actions(&[])), "buttons stay");
        }
    }

    #[test]
    fn a_text_alone_keeps_whole_lines() {
        let lines = |last: usize| vec!["x".repeat(TEXT_MAX / 2 - 1), "y".repeat(last)];
        assert_eq!(whole_lines(lines(TEXT_MAX / 2 - 1)).chars().count() + 1, TEXT_MAX);
        assert_eq!(whole_lines(lines(TEXT_MAX / 2)).chars().count() + 1, TEXT_MAX / 2);
    }

    #[test]
    fn details_are_whole_and_fill_what_is_left_for_them() {
        // Ten of a tenth each, with what stands between two.
        let of = |last: usize| {
            let value = |n: usize| "y".repeat(if n == 9 { last } else { (DETAILS_MAX - 40) / 10 - 6 });
            (0..10).map(|n| Fact { name: "d".to_owned(), value: value(n) }).collect::<Vec<_>>()
        };
        let fits = details(&of((DETAILS_MAX - 40) / 10 - 6), DETAILS_MAX).unwrap();
        assert!(fits.chars().count() <= DETAILS_MAX && !fits.contains("more"), "{fits}");
        let more = details(&of((DETAILS_MAX - 40) / 10 - 5), DETAILS_MAX).unwrap();
        assert!(more.ends_with("and 1 more"), "{more}");
    }
}
