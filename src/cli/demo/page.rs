//! The page that shows what the stand-ins received.

use askama::Template as _;

use super::seen::Received;
use super::view::{self, View};

#[derive(askama::Template)]
#[template(path = "page.html", config = "src/cli/demo/askama.toml")]
struct Page {
    messages: Vec<View>,
}

/// The page, newest first within each kind.
///
/// # Errors
/// When the template fails, which it does not for texts.
pub fn render(received: &Received) -> Result<String, askama::Error> {
    let slack = received.slack.iter().rev().map(view::slack);
    let teams = received.teams.iter().rev().map(view::card);
    let mail = received.mail.iter().rev().map(view::mail);
    Page { messages: slack.chain(teams).chain(mail).collect() }.render()
}
