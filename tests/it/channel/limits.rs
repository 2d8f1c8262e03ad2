//! What is shown of a message that says much: each limit at its edge and one past it, in the channel's own shape.

use callout::channel::digest::{self, Named};
use callout::channel::email::render;
use callout::channel::slack::blocks::{self, Buttons};
use callout::channel::slack::digest as slack_digest;
use callout::channel::teams::{card, digest as teams_digest};
use callout::channel::{ActionLinks, Content, Fact, Link, Message, text, wording};
use callout::config::{ChannelSettings, EmailSettings, TlsMode};
use callout::domain::{ChannelKind, IncidentId};
use callout::engine::state::Purpose;
use serde_json::Value;

use super::fixtures as f;

/// A limit: its name, its number, and how much is shown of so much.
type Edge = (&'static str, usize, Box<dyn Fn(usize) -> usize>);

fn edge(name: &'static str, max: usize, shown: impl Fn(usize) -> usize + 'static) -> Edge {
    (name, max, Box::new(shown))
}

fn of(change: impl FnOnce(&mut Content)) -> Message {
    let mut content = Content { priority: None, priority_meaning: None, ..f::breach() };
    change(&mut content);
    f::message(Purpose::Alert, content)
}

fn xs(n: usize) -> String {
    "x".repeat(n)
}

/// The longest run of `x`.
fn run(rendered: &str) -> usize {
    rendered.split(|c| c != 'x').map(str::len).max().unwrap_or_default()
}

/// How many of `item-0`, `item-1`, … are in it.
fn items(rendered: &str) -> usize {
    (0..10_000).take_while(|n| rendered.contains(&format!("item-{n}."))).count()
}

fn facts(n: usize) -> Vec<Fact> {
    (0..n).map(|n| Fact { name: format!("item-{n}."), value: "v".into() }).collect()
}

fn links(n: usize) -> Vec<Link> {
    (0..n).map(|n| Link { title: format!("item-{n}."), url: format!("https://a.example/{n}") }).collect()
}

/// An address of so many characters, which is shown as a whole or not.
fn url(n: usize) -> String {
    format!("https://a.example/{}", xs(n - 18))
}

fn whole(rendered: &str, url: &str) -> usize {
    if rendered.contains(&format!("{url}\""))
        || rendered.contains(&format!("{url}|"))
        || rendered.contains(&format!("{url})"))
        || rendered.contains(&format!("{url}\n"))
    {
        url.len()
    } else {
        0
    }
}

fn link(url: String) -> Vec<Link> {
    vec![Link { title: "Wiki".into(), url }]
}

fn pages(url: &str) -> ActionLinks {
    ActionLinks { page: url.to_owned(), ..f::breach().actions.unwrap() }
}

/// An incident of a digest whose line is so long that priority, headline and status end at `n` characters.
fn line_of(n: usize) -> Message {
    let mut message = f::digest("U0ANN");
    let (headline, status) = (xs(digest::LINE_MAX), "acknowledged");
    let priority = "p".repeat(n - headline.len() - ": , ".len() - status.len());
    let named = Named { incident: IncidentId(1), priority: Some(priority), status, headline, url: None };
    message.digest.as_mut().unwrap().named = vec![named];
    message
}

fn page_of(url: &str) -> Message {
    let mut message = f::digest("U0ANN");
    message.digest.as_mut().unwrap().named.truncate(1);
    message.digest.as_mut().unwrap().named[0].url = Some(url.to_owned());
    message
}

#[track_caller]
fn check(edges: Vec<Edge>) {
    for (name, max, shown) in edges {
        assert_eq!((shown(max - 1), shown(max)), (max - 1, max), "{name} at its edge");
        assert!(shown(max + 1) <= max, "{name} past it: {}", shown(max + 1));
    }
}

#[test]
fn messages_in_slack_show_so_much() {
    let blocks_of = |message: &Message| Value::from(blocks::render(message, Buttons::Links).blocks);
    let text = move |message: &Message| blocks_of(message).to_string();
    let in_a_section = move |message: &Message| {
        let all = blocks_of(message);
        let fields = all.as_array().unwrap().iter().filter_map(|b| b["fields"].as_array().map(Vec::len));
        fields.max().unwrap_or_default()
    };
    let in_a_header = move |n: usize| {
        // A sign and a space stand before it.
        let header = blocks_of(&of(|c| c.headline = xs(n - 2)))[0]["text"]["text"].as_str().unwrap().to_owned();
        header.chars().count() - usize::from(header.ends_with('…'))
    };
    let mentions = |url: &str, rendered: &str| if rendered.contains(&format!("<{url}|")) { url.len() } else { 0 };
    check(vec![
        edge("HEADER_MAX", blocks::HEADER_MAX, in_a_header),
        edge("SECTION_MAX", blocks::SECTION_MAX, move |n| run(&text(&Message { why: xs(n), ..f::alarm() }))),
        edge("FIELDS_MAX", blocks::FIELDS_MAX, move |n| in_a_section(&of(|c| c.facts = facts(n)))),
        edge("URL_MAX", blocks::URL_MAX, move |n| whole(&text(&of(|c| c.actions = Some(pages(&url(n))))), &url(n))),
        edge("SUMMARY_MAX", blocks::SUMMARY_MAX, move |n| run(&text(&of(|c| c.summary = Some(xs(n)))))),
        edge("FACTS_MAX", blocks::FACTS_MAX, move |n| items(&text(&of(|c| c.facts = facts(n))))),
        edge("FACT_MAX", blocks::FACT_MAX, move |n| run(&text(&of(|c| c.facts = f::facts(&[("a", &xs(n))]))))),
        edge("LIST_MAX", blocks::LIST_MAX, move |n| items(&text(&of(|c| c.deployments = facts(n))))),
        edge("LIST_LINE_MAX", blocks::LIST_LINE_MAX, move |n| {
            run(&text(&of(|c| c.deployments = f::facts(&[("a", &xs(n))]))))
        }),
        edge("DETAIL_LINE_MAX", blocks::DETAIL_LINE_MAX, move |n| {
            run(&text(&of(|c| c.details = f::facts(&[("a", &xs(n))]))))
        }),
        edge("ALT_MAX", blocks::ALT_MAX, move |n| {
            let picture = f::chart().content.and_then(|content| content.picture).map(|mut picture| {
                picture.chart.alt = xs(n);
                picture
            });
            run(&text(&of(|c| c.picture = picture)))
        }),
        edge("LINKS_MAX", blocks::LINKS_MAX, move |n| items(&text(&of(|c| c.links = links(n))))),
        edge("INLINE_URL_MAX", blocks::INLINE_URL_MAX, move |n| {
            let rendered = text(&of(|c| c.links = link(url(n))));
            assert!(rendered.contains(&url(n)), "in a text or behind a button");
            mentions(&url(n), &rendered)
        }),
        edge("digest::LINE_MAX", slack_digest::LINE_MAX, move |n| {
            if text(&line_of(n)).contains(", acknowledged\"") || text(&line_of(n)).contains(", acknowledged\\n") {
                n
            } else {
                0
            }
        }),
        edge("digest::PAGE_URL_MAX", slack_digest::PAGE_URL_MAX, move |n| mentions(&url(n), &text(&page_of(&url(n))))),
        // The words that all channels share.
        edge("UPDATE_MAX", wording::UPDATE_MAX, |n| {
            let update = Message { purpose: Purpose::Update, why: xs(n), ..of(|_| {}) };
            run(&wording::event(&update).unwrap())
        }),
        edge("WORD_MAX", wording::WORD_MAX, move |n| run(&text(&of(|c| c.priority = Some(xs(n)))))),
        edge("NAME_MAX", wording::NAME_MAX, move |n| run(&text(&of(|c| c.team = xs(n))))),
    ]);
}

#[test]
fn cards_in_teams_show_so_much() {
    check(vec![
        edge("URL_MAX", card::URL_MAX, |n| whole(&card::body(&of(|c| c.links = link(url(n)))), &url(n))),
        edge("digest::LINE_MAX", teams_digest::LINE_MAX, |n| {
            if card::body(&line_of(n)).contains(", acknowledged\"") { n } else { 0 }
        }),
        edge("ALARM_MAX", wording::ALARM_MAX, |n| run(&card::body(&Message { why: xs(n), ..f::alarm() }))),
    ]);
}

#[test]
fn mails_show_so_much() {
    fn mail(message: &Message) -> (String, String) {
        let from = "callout acme <callout@acme.example>".parse().unwrap();
        let mail = render::mail(message, "ann@example.com", &from).unwrap().message;
        let subject = mail.headers().get_raw("Subject").unwrap_or_default().to_owned();
        let all = String::from_utf8(mail.formatted()).unwrap();
        // The text part, of which quoted-printable breaks the long lines.
        let text = all.split("text/html").next().unwrap_or_default().replace("=\r\n", "").replace("\r\n", "\n");
        (subject, text)
    }
    let text = |message: &Message| mail(message).1;
    let number = " #4711".len();
    check(vec![
        edge("SUBJECT_MAX", render::SUBJECT_MAX, move |n| run(&mail(&of(|c| c.subject = xs(n - number))).0) + number),
        // A sign and a space stand before it.
        edge("FIRST_MAX", render::FIRST_MAX, move |n| run(&text(&of(|c| c.headline = xs(n - 2)))) + 2),
        edge("FACTS_MAX", render::FACTS_MAX, move |n| items(&text(&of(|c| c.facts = facts(n))))),
        edge("VALUE_MAX", render::VALUE_MAX, move |n| run(&text(&of(|c| c.facts = f::facts(&[("a", &xs(n))]))))),
        edge("LIST_MAX", render::LIST_MAX, move |n| items(&text(&of(|c| c.dependencies = facts(n))))),
        edge("DETAILS_MAX", render::DETAILS_MAX, move |n| items(&text(&of(|c| c.details = facts(n))))),
        edge("LINKS_MAX", render::LINKS_MAX, move |n| items(&text(&of(|c| c.links = links(n))))),
        edge("URL_MAX", render::URL_MAX, move |n| whole(&text(&of(|c| c.links = link(url(n)))), &url(n))),
        edge("ALARM_MAX", wording::ALARM_MAX, move |n| run(&text(&Message { why: xs(n), ..f::alarm() }))),
    ]);
}

#[test]
fn a_line_of_a_digest_and_a_text_are_cut_at_their_limits() {
    let named =
        |n: usize| Named { incident: IncidentId(1), priority: None, status: "triggered", headline: xs(n), url: None };
    check(vec![
        edge("LINE_MAX", digest::LINE_MAX, move |n| run(&digest::line(&named(n)))),
        edge("text::cut", 7, |n| run(&text::cut(&xs(n), 7))),
    ]);
}

#[test]
fn a_request_of_a_webhook_holds_so_many_messages() {
    let batch = |n: usize| {
        let settings = f::webhook_settings("http://127.0.0.1:1/", u32::try_from(n).unwrap(), f::common(1_000));
        f::build(ChannelKind::Webhook, &ChannelSettings::Webhook(settings), &[]).batch_max()
    };
    let max = callout::channel::webhook::BATCH_MAX;
    assert_eq!([batch(max - 1), batch(max), batch(max + 1)], [max - 1, max, max]);
}

#[test]
fn so_many_mails_are_under_way_at_once() {
    let settings = EmailSettings {
        host: "127.0.0.1".into(),
        port: 25,
        tls: TlsMode::None,
        user: None,
        password: None,
        from: "callout acme <callout@acme.example>".into(),
        pictures: false,
        dkim: None,
        common: f::common(1_000),
    };
    let email = f::build(ChannelKind::Email, &ChannelSettings::Email(settings), &[]);
    // The dispatcher keeps to it, as its own tests show.
    assert_eq!(email.concurrency(), 4);
}
