//! Ids and headers of a mail. Nothing from outside enters a header but through [`one_line`](crate::channel::text::one_line) or
//! [`token`], so no alert can add a header of its own.

use lettre::message::Mailbox;
use lettre::message::header::{HeaderName, HeaderValue};

use crate::channel::digest::is_waiting;
use crate::channel::{Message, Urgency};
use crate::engine::state::Purpose;

/// Longest part of an id that comes from outside, in characters. Beyond: it is cut.
const TOKEN_MAX: usize = 120;

/// Letters, digits, `.`, `_` and `-` of a text, others as `-`: safe in an id on any side of the `@`.
pub fn token(text: &str) -> String {
    let out: String = text
        .chars()
        .take(TOKEN_MAX)
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '-' })
        .collect();
    let out = out.trim_matches('.').replace("..", ".-");
    if out.is_empty() { "-".to_owned() } else { out }
}

/// The id of this mail, without brackets: the same at every attempt.
pub fn message_id(message: &Message, from: &Mailbox) -> String {
    format!("{}@{}", token(&message.idempotency_key), from.email.domain())
}

/// The constant id that all mails of an incident refer to, without brackets. No mail has it; it ties them together where the first
/// was never delivered.
pub fn root_id(message: &Message, from: &Mailbox) -> Option<String> {
    let incident = message.content.as_ref()?.incident;
    let installation = message.idempotency_key.rsplit_once('-').map_or("callout", |(name, _)| name);
    Some(format!("{}-incident-{incident}@{}", token(installation), from.email.domain()))
}

/// The mail that this one answers, as far as its receipt is a mail's.
pub fn answered(message: &Message) -> Option<String> {
    let (local, domain) = message.follows.as_ref()?.message.split_once('@')?;
    Some(format!("{}@{}", token(local), token(domain)))
}

/// Headers that have no place in lettre.
pub fn extra(message: &Message, from: &Mailbox) -> Vec<HeaderValue> {
    let mut headers = vec![
        header("Auto-Submitted", "auto-generated".to_owned()),
        header("X-Auto-Response-Suppress", "All".to_owned()),
        header("X-Callout-Purpose", message.purpose.as_str().to_owned()),
    ];
    if let Some(digest) = message.digest.as_deref() {
        headers.push(header("X-Callout-Digest", digest.id.to_string()));
        if digest.urgency == Urgency::High && is_waiting(digest) {
            headers.push(header("X-Priority", "1 (Highest)".to_owned()));
            headers.push(header("Importance", "high".to_owned()));
        }
    }
    if let Some(content) = message.content.as_deref() {
        let team = token(&content.team).replace('.', "-").to_lowercase();
        headers.push(header("List-Id", format!("<{team}.callout.{}>", from.email.domain())));
        headers.push(header("X-Callout-Incident", content.incident.to_string()));
        if content.urgency == Urgency::High && matches!(message.purpose, Purpose::Page | Purpose::Alert) {
            headers.push(header("X-Priority", "1 (Highest)".to_owned()));
            headers.push(header("Importance", "high".to_owned()));
        }
    }
    headers
}

fn header(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_hold_nothing_that_ends_a_header_or_an_id() {
        for (text, want) in [
            ("acme-D17", "acme-D17"),
            ("a b\r\nBcc: x@y", "a-b--Bcc--x-y"),
            ("<x>", "-x-"),
            ("..", "-"),
            ("", "-"),
            ("größe", "gr--e"),
        ] {
            assert_eq!(token(text), want, "{text:?}");
        }
        assert!(token(&"x".repeat(1000)).len() <= TOKEN_MAX);
    }
}
