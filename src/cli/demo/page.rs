//! The page that shows what the stand-ins received.

use super::seen::Received;

/// The page.
pub fn render(received: &Received) -> String {
    format!(
        "<!doctype html><title>what arrived</title><p>Slack {}, Teams {}, mail {}</p>",
        received.slack.len(),
        received.teams.len(),
        received.mail.len()
    )
}
