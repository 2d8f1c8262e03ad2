//! From a message to what templates may use. Foreign text is stripped of what is not seen; which characters mean something to a service is
//! in its description.

use std::fmt::Write as _;

use crate::channel::digest as many;
use crate::channel::text::{cut, lines, short, web_url};
use crate::channel::wording::{self, NAME_MAX};
use crate::channel::{Content, Fact, Message, Urgency};
use crate::config::notifier::{Notifier, Scalar, Values};
use crate::domain::Name;

/// Characters of a first line. Beyond: it is cut, with an ellipsis.
const TITLE_MAX: usize = 300;
/// Facts in the plain text. Beyond: they are left out there.
const FACTS_MAX: usize = 8;
/// Characters of a fact's value in the plain text. Beyond: it is cut, with an ellipsis.
const FACT_MAX: usize = 200;
/// Labels or annotations. Beyond: they are left out.
const LABELS_MAX: usize = 30;
/// Characters of a label's or a fact's value. Beyond: it is cut, with an ellipsis.
const VALUE_MAX: usize = 300;
/// Characters of the plain text or of a summary. Beyond: it is cut, with an ellipsis.
const TEXT_MAX: usize = 3_000;
/// Characters of a link. Beyond: it is left out.
pub const LINK_MAX: usize = 2_000;

/// What a message says to `address` of the channel called `channel`.
pub fn values(notifier: &Notifier, channel: &str, address: &str, message: &Message) -> Values {
    let organisation = message.idempotency_key.rsplit_once('-').map_or("", |(organisation, _)| organisation);
    let mut values = Values {
        id: message.idempotency_key.clone(),
        organisation: organisation.to_owned(),
        key: message.idempotency_key.clone(),
        purpose: message.purpose.as_str(),
        attempt: message.attempt,
        late: message.late,
        person: message.person.as_ref().map(|p| p.id.clone()).unwrap_or_default(),
        person_name: message.person.as_ref().map(|p| short(&p.name, NAME_MAX)).unwrap_or_default(),
        address: address.to_owned(),
        why: wording::why(message),
        event: wording::event(message).unwrap_or_default(),
        title: short(&wording::first_line(message), TITLE_MAX),
        line: short(&message.why, TITLE_MAX),
        text: paragraphs(&message.why),
        headline: short(&message.why, TITLE_MAX),
        subject: short(&message.why, TITLE_MAX),
        urgency: urgency(notifier, message),
        receipt: message.follows.as_ref().map(|receipt| receipt.message.to_string()).unwrap_or_default(),
        now: message.now.to_string(),
        ..Values::default()
    };
    let link = |url: &str| web_url(url, LINK_MAX).map(|url| harmless(&url, notifier));
    values.links = message.links.iter().filter_map(|l| Some((short(&l.title, NAME_MAX), link(&l.url)?))).collect();
    values.page = values.links.first().map(|(_, url)| url.clone()).unwrap_or_default();
    if let Some(digest) = message.digest.as_deref() {
        values.digest = true;
        values.line = many::first_line_plain(digest);
        values.headline.clone_from(&values.line);
        values.subject.clone_from(&values.line);
        values.why = many::why(message, digest);
        values.text = paragraphs(&digest_text(digest, &values.why));
        if let Some(links) = &digest.links {
            values.page.clone_from(&links.list);
            values.acknowledge.clone_from(&links.acknowledge);
            values.callback = callback(&links.list, "/d/", channel);
        }
    }
    if let Some(content) = message.content.as_deref() {
        incident(&mut values, notifier, channel, message, content);
    }
    values
}

fn incident(values: &mut Values, notifier: &Notifier, channel: &str, message: &Message, content: &Content) {
    values.incident = Some(content.incident.0);
    values.key = format!("{}-{}", values.organisation, content.incident);
    values.drill = content.drill;
    values.over = !content.status.is_open();
    values.line = short(&wording::first_line_plain(content), TITLE_MAX);
    values.headline = short(&content.headline, TITLE_MAX);
    values.subject = short(&content.subject, TITLE_MAX);
    values.summary = content.summary.as_deref().map(paragraphs).unwrap_or_default();
    content.status.as_str().clone_into(&mut values.status);
    values.status_by = content.status_by.as_deref().map(|by| short(by, NAME_MAX)).unwrap_or_default();
    values.priority = content.priority.as_deref().map(|p| short(p, TITLE_MAX)).unwrap_or_default();
    values.severity = content.severity.clone().unwrap_or_default();
    values.team = short(&content.team, TITLE_MAX);
    values.service = content.service.as_deref().map(|s| short(s, TITLE_MAX)).unwrap_or_default();
    values.facts = pairs(&content.facts);
    values.details = pairs(&content.details);
    let link = |url: &str| web_url(url, LINK_MAX).map(|url| harmless(&url, notifier));
    values.links = content.links.iter().filter_map(|l| Some((short(&l.title, NAME_MAX), link(&l.url)?))).collect();
    if let Some(actions) = &content.actions {
        values.page.clone_from(&actions.page);
        values.acknowledge.clone_from(&actions.acknowledge);
        values.snooze.clone_from(&actions.snooze);
        values.resolve.clone_from(&actions.resolve);
        values.callback = callback(&actions.page, "/a/", channel);
        let base = actions.page.rsplit_once("/a/").map(|(base, _)| base);
        values.incident_url = base.map(|base| format!("{base}/incidents/{}", content.incident)).unwrap_or_default();
    }
    values.opened_at = content.opened_at.to_string();
    let clean =
        |all: &[(String, String)]| all.iter().take(LABELS_MAX).map(|(n, v)| (short(n, NAME_MAX), value(v))).collect();
    values.labels = clean(&content.labels);
    values.annotations = clean(&content.annotations);
    values.text = paragraphs(&plain(message, content));
}

/// In lines, and no longer than templates may write.
fn paragraphs(text: &str) -> String {
    cut(&lines(text), TEXT_MAX).into_owned()
}

fn value(text: &str) -> String {
    cut(&lines(text), VALUE_MAX).into_owned()
}

fn pairs(facts: &[Fact]) -> Vec<(String, String)> {
    facts.iter().map(|fact| (short(&fact.name, NAME_MAX), value(&fact.value))).collect()
}

/// A link in which nothing means something else to the service: what could, is percent-encoded.
fn harmless(url: &str, notifier: &Notifier) -> String {
    const PARTS: &str = ":/?#[]&=+%";
    let mut out = String::with_capacity(url.len());
    for c in url.chars() {
        if notifier.replace.contains_key(&c) && !PARTS.contains(c) && c.is_ascii() {
            // Writing into a string does not fail.
            let _ = write!(out, "%{:02X}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// The service's own word for how urgent a message is.
fn urgency(notifier: &Notifier, message: &Message) -> Option<Scalar> {
    let of = |word: &str| notifier.urgency.get(word).cloned();
    let loud = match (&message.content, &message.digest) {
        (Some(content), _) => content.urgency,
        (None, Some(digest)) => digest.urgency,
        (None, None) => Urgency::High,
    };
    let priority = message.content.as_ref().and_then(|content| content.priority.as_deref());
    match loud {
        Urgency::Over => of("over").or_else(|| of("normal")),
        Urgency::High => priority.and_then(of).or_else(|| of("high")),
        Urgency::Normal => priority.and_then(of).or_else(|| of("normal")),
    }
}

/// Where a service may ask back about what `link` is about: its token says who was told of what.
fn callback(link: &str, part: &str, channel: &str) -> String {
    let Some((base, token)) = link.rsplit_once(part) else { return String::new() };
    let token = token.split('?').next().unwrap_or_default();
    format!("{base}/k/{}/{token}", Name::from(channel))
}

/// All but the first line, in lines.
fn plain(message: &Message, content: &Content) -> String {
    let mut out = Vec::new();
    if let Some(summary) = &content.summary {
        out.push(lines(summary));
    }
    let (priority, status) = (wording::priority(content), wording::status(content, message.now));
    out.push(format!(
        "{priority}, {status}, since {}, {}",
        wording::since(content, message.now),
        wording::owner(content)
    ));
    let facts = content.facts.iter().take(FACTS_MAX);
    out.extend(facts.map(|fact| format!("{}: {}", short(&fact.name, NAME_MAX), short(&fact.value, FACT_MAX))));
    out.push(wording::why(message));
    out.retain(|line| !line.is_empty());
    out.join("\n")
}

fn digest_text(digest: &many::Digest, why: &str) -> String {
    let mut out: Vec<String> = digest.named.iter().map(many::line).collect();
    out.push(many::more(digest));
    out.extend(many::facts(digest).into_iter().map(|fact| format!("{}: {}", fact.name, fact.value)));
    out.push(why.to_owned());
    out.retain(|line| !line.is_empty());
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Link;
    use crate::domain::{DeliveryId, IncidentId, Timestamp};
    use crate::engine::state::{Purpose, Status};

    fn message(content: Content) -> Message {
        Message {
            delivery: DeliveryId(1),
            idempotency_key: "acme-D1".into(),
            purpose: Purpose::Alert,
            attempt: 1,
            late: false,
            person: None,
            why: String::new(),
            content: Some(Box::new(content)),
            digest: None,
            links: Vec::new(),
            room: None,
            follows: None,
            now: Timestamp::default(),
        }
    }

    fn content() -> Content {
        Content {
            incident: IncidentId(1),
            key: "k".into(),
            status: Status::Triggered,
            status_by: None,
            priority: None,
            priority_meaning: None,
            urgency: Urgency::Normal,
            severity: None,
            headline: "h".into(),
            subject: "s".into(),
            summary: None,
            team: "t".into(),
            unowned: false,
            drill: false,
            service: None,
            facts: Vec::new(),
            measured: None,
            picture: None,
            details: Vec::new(),
            deployments: Vec::new(),
            dependencies: Vec::new(),
            told: Vec::new(),
            links: Vec::new(),
            actions: None,
            choices: crate::channel::message::Choices::default(),
            opened_at: Timestamp::default(),
            resolved_at: None,
            merged_into: None,
            timezone: "UTC".into(),
            labels: Vec::new(),
            annotations: Vec::new(),
        }
    }

    fn of(content: Content) -> Values {
        values(&Notifier::default(), "x", "", &message(content))
    }

    #[test]
    fn texts_and_lists_end_at_their_limits() {
        let text = |length: usize| "x".repeat(length);
        for more in [0, 1] {
            let facts = |count: usize, length: usize| vec![Fact { name: "f".into(), value: text(length) }; count];
            let labels = vec![("l".to_owned(), text(VALUE_MAX + more)); 1];
            let cut = |all: &str| all.ends_with('…');
            let made = of(Content {
                headline: text(TITLE_MAX + more),
                facts: facts(1, VALUE_MAX + more),
                summary: Some(text(TEXT_MAX + more)),
                labels,
                links: vec![Link {
                    title: "l".into(),
                    url: format!("https://a.example/{}", text(LINK_MAX - 18 + more)),
                }],
                ..content()
            });
            let is_cut = more == 1;
            assert_eq!((cut(&made.headline), made.headline.chars().count()), (is_cut, TITLE_MAX));
            assert_eq!((cut(&made.facts[0].1), made.facts[0].1.chars().count()), (is_cut, VALUE_MAX));
            assert_eq!((cut(&made.labels["l"]), cut(&made.summary)), (is_cut, is_cut));
            assert_eq!(made.summary.chars().count(), TEXT_MAX);
            assert_eq!(made.links.is_empty(), is_cut);

            let names = |count: usize| (0..count).map(|n| (format!("l{n:03}"), "v".to_owned())).collect();
            assert_eq!(of(Content { labels: names(LABELS_MAX + more), ..content() }).labels.len(), LABELS_MAX);
            let lines = |made: &Values| {
                made.text.lines().filter(|line| line.starts_with("f: ")).map(str::to_owned).collect::<Vec<_>>()
            };
            let made = of(Content { facts: facts(FACTS_MAX + more, FACT_MAX + more), ..content() });
            assert_eq!((lines(&made).len(), cut(&lines(&made)[0])), (FACTS_MAX, is_cut));
        }
    }
}
