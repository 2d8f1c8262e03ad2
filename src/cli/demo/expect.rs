//! What must arrive, and what did not.

use super::seen::Received;
use super::view;

/// Room of the team for the region.
pub const ROOM: &str = "#checkout-eu-slo-breaches";
/// Mailbox of the team.
pub const MAILBOX: &str = "checkout@acme.example";

/// Of the first messages: what is not there yet. `person` is an address in Slack.
pub fn missing(received: &Received, person: &str) -> Vec<String> {
    let posted = |channel: &str| received.slack.iter().any(|m| m.channel == channel && m.thread.is_none());
    absent([
        (posted(person), format!("Slack: the page to {person}")),
        (posted(ROOM), format!("Slack: the message in {ROOM}")),
        (!received.teams.is_empty(), "Teams: the card".to_owned()),
        (received.mail.iter().any(|mail| mail.to == MAILBOX), format!("email: the mail to {MAILBOX}")),
    ])
}

/// Of what an acknowledgement causes: what is not there yet.
pub fn unanswered(received: &Received, person: &str) -> Vec<String> {
    let changed = |channel: &str| received.slack.iter().any(|m| m.channel == channel && m.edits > 0);
    let thread = received.slack.iter().any(|m| m.channel == ROOM && m.thread.is_some());
    let answered = received.mail.iter().any(|mail| mail.to == MAILBOX && mail.in_reply_to.is_some());
    absent([
        (changed(person), format!("Slack: the change of the page to {person}")),
        (changed(ROOM), format!("Slack: the change of the message in {ROOM}")),
        (thread, format!("Slack: the answer in the thread in {ROOM}")),
        (received.teams.len() > 1, "Teams: the card about the acknowledgement".to_owned()),
        (answered, format!("email: the answer in the thread, to {MAILBOX}")),
    ])
}

fn absent<const N: usize>(expected: [(bool, String); N]) -> Vec<String> {
    expected.into_iter().filter(|(there, _)| !there).map(|(_, what)| what).collect()
}

/// The link that acts for the person, in the page that they got.
pub fn link(received: &Received, person: &str) -> Option<String> {
    let page = received.slack.iter().rev().find(|m| m.channel == person && m.thread.is_none())?;
    view::slack(page).buttons.into_iter().map(|(_, url)| url).find(|url| url.contains("/a/"))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::cli::demo::seen::{Mail, SlackMessage};

    #[test]
    fn what_did_not_arrive_is_named() {
        let mut received = Received::default();
        assert_eq!(missing(&received, "U01ANA").len(), 4);
        assert_eq!(unanswered(&received, "U01ANA").len(), 5);
        let message = |channel: &str| SlackMessage {
            channel: channel.to_owned(),
            ts: "1.2".to_owned(),
            thread: None,
            text: String::new(),
            blocks: Value::Null,
            edits: 0,
        };
        received.slack.extend([message("U01ANA"), message(ROOM)]);
        let mail = Mail { to: MAILBOX.to_owned(), subject: String::new(), in_reply_to: None, text: String::new() };
        received.mail.push(mail);
        assert_eq!(missing(&received, "U01ANA"), ["Teams: the card"]);
        assert_eq!(missing(&received, "U02BO"), ["Slack: the page to U02BO", "Teams: the card"]);
    }
}
