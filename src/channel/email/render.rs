//! A mail from a message: text first, then HTML, both from the same page of values.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use askama::Template;
use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};

use super::headers;
use super::template::{Page, Section};
use crate::channel::digest::{self, Digest};
use crate::channel::text::{lines, short, web_url};
use crate::channel::wording::{self, ALARM_MAX, NAME_MAX};
use crate::channel::{Content, Fact, Link, Message, Urgency, text};
use crate::engine::state::Status;

/// Characters of a subject, without `Re:`. Beyond: it is cut, with an ellipsis.
pub const SUBJECT_MAX: usize = 110;

/// Characters of the first line. Beyond: it is cut, with an ellipsis; an alarm's whole text follows.
pub const FIRST_MAX: usize = 600;
/// Facts of a mail. Beyond: left out.
pub const FACTS_MAX: usize = 30;
/// Characters of a value. Beyond: it is cut, with an ellipsis.
pub const VALUE_MAX: usize = 240;
/// Deployments and dependencies, each. Beyond: left out.
pub const LIST_MAX: usize = 8;
/// Details of a mail. Beyond: left out; the incident's page has them.
pub const DETAILS_MAX: usize = 40;
/// Links of a mail. Beyond: left out.
pub const LINKS_MAX: usize = 12;
/// Characters of a URL. Beyond: the link or button is left out.
pub const URL_MAX: usize = 2_000;

/// A mail, and the id by which a follow-up refers to it (without brackets).
#[derive(Debug)]
pub struct Mail {
    /// For the transport.
    pub message: lettre::Message,
    /// Its Message-ID.
    pub id: String,
}

/// Why a message cannot be a mail.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The recipient.
    #[error("the recipient's mail address is not valid")]
    Address,
    /// The HTML part.
    #[error("the mail could not be written")]
    Page(#[source] askama::Error),
    /// The chart.
    #[error("the chart could not be put into the mail")]
    Picture,
    /// The whole.
    #[error("the mail could not be put together")]
    Build(#[source] lettre::error::Error),
}

/// The mail for `address`.
///
/// # Errors
/// When the address is none; the rest is put together so that it cannot fail on what an alert says.
pub fn mail(message: &Message, address: &str, from: &Mailbox) -> Result<Mail, MailError> {
    let email = address.trim().parse::<lettre::Address>().map_err(|_| MailError::Address)?;
    let name = message.person.as_ref().map(|p| short(&p.name, NAME_MAX)).filter(|n| !n.is_empty());
    let id = headers::message_id(message, from);
    let mut builder = lettre::Message::builder()
        .from(from.clone())
        .to(Mailbox::new(name, email))
        .subject(subject(message))
        .date(date(message))
        .message_id(Some(format!("<{id}>")));
    let answered = headers::answered(message);
    let root = headers::root_id(message, from);
    if let Some(answered) = &answered {
        builder = builder.in_reply_to(format!("<{answered}>"));
    } else if let Some(root) = root.as_ref().filter(|_| wording::event(message).is_some()) {
        builder = builder.in_reply_to(format!("<{root}>"));
    }
    let references: Vec<String> = root.iter().chain(&answered).map(|id| format!("<{id}>")).collect();
    if !references.is_empty() {
        builder = builder.references(references.join(" "));
    }
    for header in headers::extra(message, from) {
        builder = builder.raw_header(header);
    }
    let mut page = page(message);
    let picture = picture(message, &id);
    page.chart = picture.as_ref().map(|(id, alt, _)| (format!("cid:{id}"), alt.clone()));
    let html = page.render().map_err(MailError::Page)?;
    let body = MultiPart::alternative().boundary(boundary(message, "")).singlepart(SinglePart::plain(plain(&page)));
    let html = SinglePart::html(html);
    let body = match picture {
        None => body.singlepart(html),
        Some((id, _, png)) => {
            let png = Attachment::new_inline_with_name(id, "chart.png".to_owned()).body(png, png_type()?);
            body.multipart(MultiPart::related().boundary(boundary(message, "r_")).singlepart(html).singlepart(png))
        }
    };
    let message = builder.multipart(body).map_err(MailError::Build)?;
    Ok(Mail { message, id })
}

/// Made of the mail's own id, so that each attempt is the same mail.
fn boundary(message: &Message, part: &str) -> String {
    format!("=_callout_{part}{}", headers::token(&message.idempotency_key)).chars().take(70).collect()
}

fn png_type() -> Result<ContentType, MailError> {
    ContentType::parse("image/png").map_err(|_| MailError::Picture)
}

/// Id, words and bytes of the chart, where the mail calls for somebody.
fn picture(message: &Message, id: &str) -> Option<(String, String, Vec<u8>)> {
    let content = message.content.as_deref()?;
    if wording::event(message).is_some() && content.status != Status::Triggered {
        return None;
    }
    let chart = &content.picture.as_deref()?.chart;
    Some((format!("chart.{id}"), short(&chart.alt, VALUE_MAX), chart.png()?))
}

/// Stable over the life of the incident, so that clients that thread by subject do so.
fn subject(message: &Message) -> String {
    if let Some(digest) = message.digest.as_deref() {
        let number = format!(" [{}]", digest.id);
        let room = SUBJECT_MAX.saturating_sub(number.len());
        return format!("{}{number}", short(&digest::first_line_plain(digest), room));
    }
    let Some(content) = message.content.as_deref() else {
        return short(&format!("callout: {}", text::one_line(&message.why)), SUBJECT_MAX);
    };
    let number = format!(" #{}", content.incident);
    let room = SUBJECT_MAX.saturating_sub(number.len());
    let re = if wording::event(message).is_some() { "Re: " } else { "" };
    format!("{re}{}{number}", short(&content.subject, room))
}

fn date(message: &Message) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(message.now.as_millis()).unwrap_or(0))
}

fn page(message: &Message) -> Page {
    match (message.content.as_deref(), message.digest.as_deref()) {
        (Some(content), _) => incident(message, content),
        (None, Some(digest)) => many(message, digest),
        (None, None) => Page {
            first: short(&wording::first_line(message), FIRST_MAX),
            preview: String::new(),
            colour: "#9a5b00",
            priority: String::new(),
            status: String::new(),
            paragraphs: match wording::rest(message) {
                Some(rest) => rest.lines().map(|line| short(line, 600)).collect(),
                None => whole(message),
            },
            chart: None,
            sections: Vec::new(),
            details: Vec::new(),
            told: Vec::new(),
            links: message.links.iter().skip(1).filter_map(mail_link).collect(),
            buttons: message
                .links
                .first()
                .and_then(mail_link)
                .map(|(_, url)| ("Open", url, true))
                .into_iter()
                .collect(),
            footer: wording::closing(message).to_owned(),
        },
    }
}

/// The text of an alarm that is too long for the first line, as the words of an input are that could not be judged.
fn whole(message: &Message) -> Vec<String> {
    let long = wording::first_line(message).chars().count() > FIRST_MAX;
    let text = if long { lines(&text::cut(&message.why, ALARM_MAX)) } else { String::new() };
    text.split("\n\n").filter(|p| !p.is_empty()).map(str::to_owned).collect()
}

fn mail_link(to: &Link) -> Option<(String, String)> {
    Some((or(short(&to.title, NAME_MAX), "Link"), web_url(&to.url, URL_MAX)?))
}

fn incident(message: &Message, content: &Content) -> Page {
    let event = wording::event(message);
    let first = match &event {
        Some(event) => format!("{} {event}", wording::sign(content)),
        None => wording::first_line(message),
    };
    let mut paragraphs = Vec::new();
    if event.is_some() {
        paragraphs.push(short(&content.headline, FIRST_MAX));
    }
    // What only says how it goes on is short; what calls for somebody again tells all.
    let is_short = event.is_some() && content.status != Status::Triggered;
    if let Some(summary) = content.summary.as_deref().filter(|_| !is_short) {
        paragraphs.extend(text::cut(&lines(summary), 1_500).split("\n\n").map(|p| short(p, 1_500)));
    }
    paragraphs.retain(|p| !p.is_empty());
    let why = wording::why(message);
    let mut told = if event.is_none() && !why.is_empty() { vec![why.clone()] } else { Vec::new() };
    told.extend(wording::told(content));
    let mut links: Vec<(String, String)> = content
        .links
        .iter()
        .filter_map(|l| Some((or(short(&l.title, NAME_MAX), "Link"), web_url(&l.url, URL_MAX)?)))
        .take(LINKS_MAX)
        .collect();
    let mut buttons: Vec<(&'static str, String, bool)> = Vec::new();
    for button in wording::buttons(content) {
        match (web_url(button.url, URL_MAX), button.id) {
            (Some(url), "open") => links.push((format!("Incident #{}", content.incident), url)),
            (Some(url), _) => buttons.push((button.label, url, button.primary)),
            (None, _) => {}
        }
    }
    Page {
        first: short(&first, FIRST_MAX),
        preview: if event.is_some() { short(&content.headline, 200) } else { short(&why, 200) },
        colour: colour(content),
        priority: wording::priority(content),
        status: status(message, content),
        paragraphs,
        chart: None,
        sections: sections(content, is_short),
        details: if is_short { Vec::new() } else { details(content) },
        told,
        links,
        buttons,
        footer: format!("callout for {}. Answers to this mail are not read.", wording::owner(content)),
    }
}

/// A digest: the counts, the most urgent incidents, the list behind it.
fn many(message: &Message, digest: &Digest) -> Page {
    let why = digest::why(message, digest);
    let buttons = digest::buttons(digest);
    let buttons = buttons.iter().filter_map(|b| Some((b.label, web_url(b.url, URL_MAX)?, b.primary))).collect();
    let named =
        digest.named.iter().map(|named| (format!("#{}", named.incident), short(&digest::line(named), VALUE_MAX)));
    let most_urgent = Section { title: "Most urgent", rows: named.collect(), more: digest::more(digest) };
    let counts = section("", &digest::facts(digest), FACTS_MAX);
    Page {
        first: digest::first_line(digest),
        preview: counts.rows.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join("; "),
        colour: match (digest::is_waiting(digest), digest.urgency) {
            (false, _) if digest.tally.resolved == digest.tally.incidents => "#1a6e3c",
            (false, _) => "#3c5a86",
            (true, Urgency::High) => "#b3261e",
            (true, _) => "#9a5b00",
        },
        priority: String::new(),
        status: String::new(),
        paragraphs: Vec::new(),
        chart: None,
        sections: [counts, most_urgent].into_iter().filter(|section| !section.rows.is_empty()).collect(),
        details: Vec::new(),
        told: vec![why],
        links: Vec::new(),
        buttons,
        footer: "callout. Answers to this mail are not read.".to_owned(),
    }
}

fn status(message: &Message, content: &Content) -> String {
    let severity = content.severity.as_deref().map(|s| format!(" · {}", short(s, NAME_MAX))).unwrap_or_default();
    format!(
        "{severity} · {} · since {} · {} · #{}",
        wording::status(content, message.now),
        wording::since(content, message.now),
        wording::owner(content),
        content.incident
    )
}

/// Colours that carry white text with a contrast above 4.5 to 1.
fn colour(content: &Content) -> &'static str {
    match (&content.status, content.urgency) {
        (Status::Resolved { .. }, _) => "#1a6e3c",
        (Status::Acknowledged { .. } | Status::Snoozed { .. }, _) => "#3c5a86",
        (Status::Triggered, Urgency::High) => "#b3261e",
        (Status::Triggered, _) => "#9a5b00",
    }
}

fn sections(content: &Content, is_short: bool) -> Vec<Section> {
    let count = if is_short { 1 } else { 3 };
    [
        ("", &content.facts, FACTS_MAX),
        ("Recent deployments", &content.deployments, LIST_MAX),
        ("Dependencies", &content.dependencies, LIST_MAX),
    ]
    .into_iter()
    .take(count)
    .map(|(title, facts, max)| section(title, facts, max))
    .filter(|s| !s.rows.is_empty())
    .collect()
}

fn details(content: &Content) -> Vec<Section> {
    let details = section("Details", &content.details, DETAILS_MAX);
    if details.rows.is_empty() { Vec::new() } else { vec![details] }
}

fn section(title: &'static str, facts: &[Fact], max: usize) -> Section {
    let mut rows: Vec<(String, String)> = facts
        .iter()
        .map(|f| (short(&f.name, NAME_MAX), short(&f.value, VALUE_MAX)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let more = rows.len().saturating_sub(max);
    rows.truncate(max);
    Section { title, rows, more: if more > 0 { format!("and {more} more") } else { String::new() } }
}

fn or(text: String, other: &str) -> String {
    if text.is_empty() { other.to_owned() } else { text }
}

/// The text part: the same in the same order.
fn plain(page: &Page) -> String {
    let mut out = format!("{}\n", page.first);
    if !page.status.is_empty() {
        let _ = writeln!(out, "{}{}", page.priority, page.status);
    }
    for paragraph in &page.paragraphs {
        let _ = writeln!(out, "\n{paragraph}");
    }
    for section in &page.sections {
        plain_section(&mut out, section);
    }
    if let Some((_, words)) = &page.chart {
        let _ = writeln!(out, "\n{words}");
    }
    if !page.told.is_empty() {
        let _ = writeln!(out, "\n{}", page.told.join("\n"));
    }
    if !page.links.is_empty() {
        out.push('\n');
        for (title, url) in &page.links {
            let _ = writeln!(out, "{title}: {url}");
        }
    }
    if !page.buttons.is_empty() {
        out.push('\n');
        for (label, url, _) in &page.buttons {
            let _ = writeln!(out, "{label}: {url}");
        }
    }
    for section in &page.details {
        plain_section(&mut out, section);
    }
    // The separator of a signature, which clients fold away.
    let _ = writeln!(out, "\n-- \n{}", page.footer);
    out
}

fn plain_section(out: &mut String, Section { title, rows, more }: &Section) {
    out.push('\n');
    if !title.is_empty() {
        let _ = writeln!(out, "{title}");
    }
    let indent = if title.is_empty() { "" } else { "  " };
    for (name, value) in rows {
        let _ = writeln!(out, "{indent}{name}: {value}");
    }
    if !more.is_empty() {
        let _ = writeln!(out, "{indent}{more}");
    }
}
