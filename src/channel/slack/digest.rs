//! A digest in Block Kit.

use serde_json::Value;

use super::blocks::{self, Buttons, Rendered};
use super::escape::{line, link};
use crate::channel::Message;
use crate::channel::digest::{self, Digest, Named};

/// Characters of an incident's line. Beyond: it is cut, with an ellipsis.
pub const LINE_MAX: usize = 240;
/// Characters of the URL of an incident's page. Beyond: it is left out; the list has it.
pub const PAGE_URL_MAX: usize = 200;

/// The whole message.
pub fn render(message: &Message, digest: &Digest, here: Buttons) -> Rendered {
    let first = digest::first_line(digest);
    let mut out = vec![blocks::header(&first)];
    let facts = digest::facts(digest);
    if !facts.is_empty() {
        out.push(blocks::fields(&facts));
    }
    if let Some(list) = list(digest) {
        out.push(blocks::section(&list));
    }
    let offered = digest::buttons(digest);
    let buttons: Vec<Value> = match here {
        Buttons::Links => offered.iter().filter_map(blocks::button_of).collect(),
        Buttons::Here => super::press::digest_elements(digest.id, &offered),
    };
    if !buttons.is_empty() {
        out.push(blocks::actions(&buttons));
    }
    out.push(blocks::context(&line(&digest::why(message, digest), 600)));
    blocks::shrink(&mut out);
    Rendered { text: notification(&first, digest), blocks: out }
}

/// As text alone, for when Slack refuses the blocks.
pub fn text_only(message: &Message, digest: &Digest) -> String {
    let mut out = vec![notification(&digest::first_line(digest), digest)];
    out.extend(list(digest));
    out.extend(digest::buttons(digest).iter().filter_map(|b| link(b.url, b.label, blocks::INLINE_URL_MAX)));
    out.push(line(&digest::why(message, digest), 600));
    blocks::whole_lines(out)
}

/// What a notification shows: how many, and how urgent.
fn notification(first: &str, digest: &Digest) -> String {
    let priorities = digest::facts(digest).into_iter().find(|fact| fact.name == "Priorities");
    match priorities {
        Some(fact) => format!("{}\n{}", line(first, 300), line(&fact.value, 300)),
        None => line(first, 300),
    }
}

/// As many incidents as fit, and how many there are beside.
fn list(digest: &Digest) -> Option<String> {
    let more = digest::more(digest);
    let linked = digest.links.as_ref().and_then(|links| link(&links.list, &more, PAGE_URL_MAX));
    let more = format!("\n• {}", linked.unwrap_or(more));
    let mut out = String::new();
    let mut left = blocks::SECTION_MAX - more.chars().count();
    for line in digest.named.iter().map(named) {
        let length = line.chars().count() + 1;
        if length > left {
            break;
        }
        left -= length;
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&line);
    }
    if !out.is_empty() && !digest::more(digest).is_empty() {
        out.push_str(&more);
    }
    (!out.is_empty()).then_some(out)
}

fn named(named: &Named) -> String {
    let number = format!("#{}", named.incident);
    let number = named.url.as_deref().and_then(|url| link(url, &number, PAGE_URL_MAX)).unwrap_or(number);
    format!("• {number}  {}", line(&digest::line(named), LINE_MAX))
}
