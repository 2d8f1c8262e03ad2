//! Formats of strings: what each must look like, and what to say when it does not.

use std::str::FromStr as _;

use jiff::civil::Time;

use super::diagnostic::{listed, nearest, quotable};
use super::levels;
use super::metrics::{Selector, Template};
use super::names::{ChannelTraits, Defined};
use super::notifier::Addresses;
use super::settings::TlsMode;
use super::shape::{Format, Noun};
use crate::domain::{ChannelKind, Destination, Name, Ratio, Span};
use crate::engine::policy::Target;
use crate::schedule::{CivilCron, Restriction, RotationUnit, Weekday};

/// What is wrong with a text, without its place.
#[derive(Debug)]
pub struct Problem {
    /// Stable word for programs.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Causes.
    pub notes: Vec<String>,
    /// Ways out.
    pub hints: Vec<String>,
}

impl Problem {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), notes: Vec::new(), hints: Vec::new() }
    }

    fn bad(text: &str, what: &str) -> Self {
        Self::new("bad-value", format!("`{}` is not {what}", quotable(text)))
    }

    pub(super) fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    pub(super) fn hint(mut self, text: impl Into<String>) -> Self {
        self.hints.push(text.into());
        self
    }
}

impl Format {
    /// What a value is, with article and example, for messages about wrong types.
    pub fn expected(self) -> String {
        match self {
            Self::Any | Self::Line | Self::Whole => "a string".to_owned(),
            Self::Phone => "a number such as `\"+4915112345678\"`".to_owned(),
            Self::Pointer => "a JSON pointer such as `\"/result/id\"`".to_owned(),
            Self::Ref(noun) => format!("the name of a {} in quotes", noun.as_str()),
            Self::Span | Self::SpanOrNone => "a length of time such as `\"60m\"`".to_owned(),
            Self::Period => "a period such as `\"28d\"` or `\"month\"`".to_owned(),
            Self::Status => "a status such as `\"5xx\"`".to_owned(),
            Self::Percent => "a percentage such as `\"200%\"`".to_owned(),
            Self::Objective => "a percentage such as `\"99.7%\"`".to_owned(),
            Self::Email => "a mail address in quotes".to_owned(),
            Self::Mailbox => "a sender such as `\"callout@acme.example\"`".to_owned(),
            Self::Zone => "a time zone such as `\"Europe/Berlin\"`".to_owned(),
            Self::Cron => "a cron expression such as `\"0 8 * * MON,THU\"`".to_owned(),
            Self::Url => "an address such as `\"https://wiki.acme.example/runbook\"`".to_owned(),
            Self::Smtp => "a mail server such as `\"smtps://mail.acme.example:465\"`".to_owned(),
            Self::Destination => "a destination such as `\"slack:main/#room\"`".to_owned(),
            Self::Target => "a target such as `\"schedule:checkout/main\"`".to_owned(),
            Self::Contact => "a kind of channel such as `\"slack\"`".to_owned(),
            Self::ChainItem => "a way or a wait, such as `\"slack\"` or `\"5m\"`".to_owned(),
            Self::SlackMember => "a Slack member id such as `\"U01ANA\"`".to_owned(),
            Self::Variable => "the name of an environment variable in quotes".to_owned(),
            Self::Path => "a path in quotes".to_owned(),
            Self::Hours => "hours of the week such as `\"Mon-Fri 08:00-16:00\"`".to_owned(),
            Self::Weekday => "a weekday such as `\"Mon\"`".to_owned(),
            Self::Rotate => "a rotation such as `\"weekly\"`".to_owned(),
            Self::Holidays => "holidays such as `\"holidays.de\"`".to_owned(),
            Self::Sha256 => "a SHA-256 in hexadecimal, in quotes".to_owned(),
            Self::Scope => "a scope such as `\"ingest\"`".to_owned(),
            Self::Pattern => "a pattern such as `\"CPU on {host}\"`".to_owned(),
            Self::After => "a length of time such as `\"60m\"`, or `\"manual\"`".to_owned(),
            Self::Selector => "series of a metric such as `'http_requests_total{job=\"api\"}'`".to_owned(),
            Self::Template => "a text such as `\"data-api\"` or `\"{job}\"`".to_owned(),
            Self::Word(words) => format!("{} in quotes", listed(words, 10)),
        }
    }

    /// Checks `text`, references included.
    pub fn check(self, text: &str, defined: &Defined) -> Result<(), Problem> {
        match self {
            Self::Whole => Ok(()),
            Self::Phone => phone(text),
            Self::Pointer => pointer(text),
            Self::Any | Self::Path => not_empty(text),
            Self::Line => line(text),
            Self::Ref(noun) => defined.resolve(noun, text),
            Self::Span => span(text).and_then(above_zero),
            Self::SpanOrNone => span(text).map(drop),
            Self::After if text == "manual" => Ok(()),
            Self::After => span(text).map(drop).map_err(|p| p.hint("or write `manual`")),
            Self::Period => levels::period(text).map(drop),
            Self::Status => levels::status(text),
            Self::Percent => percent(text).and_then(|ratio| {
                if ratio > Ratio::ZERO { Ok(()) } else { Err(Problem::bad(text, "more than nothing")) }
            }),
            Self::Objective => objective(text).map(drop),
            Self::Email => email(text),
            Self::Mailbox => text.parse::<lettre::message::Mailbox>().map(drop).map_err(|_| {
                Problem::bad(text, "a sender").hint("write `callout@acme.example` or `callout <callout@acme.example>`")
            }),
            Self::Zone => zone(text, defined),
            Self::Cron => cron(text),
            Self::Url => url(text),
            Self::Smtp => smtp(text).map(drop),
            Self::Destination => destination(text, defined).map(drop),
            Self::Target => target(text, defined).map(drop),
            Self::ChainItem if text.starts_with(|c: char| c.is_ascii_digit()) => span(text).and_then(above_zero),
            Self::Contact | Self::ChainItem => contact(text, defined),
            Self::SlackMember => slack_member(text),
            Self::Variable => variable(text),
            Self::Hours => hours(text).map(drop),
            Self::Weekday => weekday(text).map(drop),
            Self::Rotate => rotate(text).map(drop),
            Self::Holidays => holidays(text, defined),
            Self::Sha256 => sha256(text).map(drop),
            Self::Scope => scope(text, defined),
            Self::Pattern => pattern(text),
            Self::Selector => selector(text),
            Self::Template => template(text),
            Self::Word(words) if words.contains(&text) => Ok(()),
            Self::Word(words) => Err(Problem::bad(text, &listed(words, 10).replace(" and ", " or "))),
        }
    }
}

fn not_empty(text: &str) -> Result<(), Problem> {
    if text.trim().is_empty() { Err(Problem::new("empty", "this is empty")) } else { Ok(()) }
}

fn line(text: &str) -> Result<(), Problem> {
    not_empty(text)?;
    if text.chars().any(char::is_control) {
        return Err(Problem::new("bad-value", "this must be one line, without control characters"));
    }
    if text.len() > 255 {
        return Err(Problem::new("too-long", format!("this is {} bytes long, more than 255", text.len())));
    }
    Ok(())
}

/// Reads a length of time.
pub fn span(text: &str) -> Result<Span, Problem> {
    Span::parse(text).map_err(|error| {
        let problem = Problem::new("bad-span", error.to_string());
        match text.trim().parse::<u64>() {
            Ok(number) => problem.hint(format!("say the unit, for example `{number}m` or `{number}s`")),
            Err(_) => problem.hint("write for example `60m`, `1h30m` or `28d`"),
        }
    })
}

fn above_zero(span: Span) -> Result<(), Problem> {
    if span.is_zero() { Err(Problem::new("bad-span", "this must be longer than nothing")) } else { Ok(()) }
}

/// Reads a percentage.
pub fn percent(text: &str) -> Result<Ratio, Problem> {
    let bad = |reason: String| Problem::new("bad-percentage", reason).hint("write for example `99.7%`");
    if !text.ends_with('%') {
        return Err(Problem::new("bad-percentage", format!("`{}` lacks the percent sign", quotable(text)))
            .hint(format!("write `{}%`", quotable(text.trim()))));
    }
    Ratio::parse_percent(text).map_err(|error| bad(error.to_string()))
}

/// Reads an objective: 0 % to below 100 %.
pub fn objective(text: &str) -> Result<Ratio, Problem> {
    let ratio = percent(text)?;
    if ratio == Ratio::ONE {
        return Err(Problem::new("no-budget", "an objective of 100% leaves no error budget")
            .note("every failure would break it, and no burn rate can be formed: the budget is 0")
            .hint("set it below 100%, for example `99.99%`"));
    }
    if ratio > Ratio::ONE {
        return Err(Problem::new("bad-percentage", format!("`{}` is more than 100%", quotable(text))));
    }
    Ok(ratio)
}

/// Reads a decimal number above zero, with or without `x` behind it.
pub fn decimal(text: &str) -> Result<Ratio, Problem> {
    Ratio::parse(text.strip_suffix('x').unwrap_or(text))
        .ok()
        .filter(|r| *r > Ratio::ZERO)
        .ok_or_else(|| Problem::bad(text, "a number above zero").hint("write for example `14.4`"))
}

fn selector(text: &str) -> Result<(), Problem> {
    Selector::parse(text).map(drop).map_err(|reason| {
        Problem::new("bad-selector", format!("`{}` does not select series: {reason}", quotable(text)))
            .hint("write for example `'http_requests_total{job=\"api\", code=~\"5..\"}'`")
    })
}

fn template(text: &str) -> Result<(), Problem> {
    line(text)?;
    Template::parse(text).map(drop).map_err(|reason| {
        Problem::new("bad-template", format!("`{}` cannot be filled in: {reason}", quotable(text)))
            .hint("write a name, or labels in braces such as `{method} {handler}`")
    })
}

fn cron(text: &str) -> Result<(), Problem> {
    CivilCron::parse(text)
        .map(drop)
        .map_err(|error| Problem::new("bad-cron", error.to_string()).hint("write for example `0 8 * * MON,THU`"))
}

fn email(text: &str) -> Result<(), Problem> {
    not_empty(text)?;
    lettre::Address::from_str(text)
        .map(drop)
        .map_err(|_| Problem::bad(text, "a mail address").hint("write for example `ana@acme.example`"))
}

fn zone(text: &str, defined: &Defined) -> Result<(), Problem> {
    if defined.zone(text).is_some() {
        return Ok(());
    }
    let problem = Problem::new("unknown-zone", format!("there is no time zone `{}`", quotable(text)));
    Err(match defined.nearest_zone(text) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint("use an IANA name such as `Europe/Berlin` or `UTC`"),
    })
}

/// The text of an address may be a secret: it is never repeated in the message.
fn url(text: &str) -> Result<(), Problem> {
    let bad = |reason: &str| {
        Err(Problem::new("bad-url", format!("this is not an address: {reason}"))
            .hint("write for example `https://wiki.acme.example/runbook`"))
    };
    match reqwest::Url::parse(text) {
        Err(error) => bad(&error.to_string()),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => bad("it must begin with `https://` or `http://`"),
        Ok(url) if url.host_str().is_none() => bad("the host is missing"),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => bad("it must not hold a user or password"),
        Ok(_) => Ok(()),
    }
}

/// Reads where a mail server listens.
pub fn smtp(text: &str) -> Result<(TlsMode, String, u16), Problem> {
    let bad = |reason: &str| {
        Problem::new("bad-smtp", format!("this is not a mail server: {reason}"))
            .hint("write `smtps://host:465` (TLS at once) or `smtp://host:587` (STARTTLS)")
    };
    let url = reqwest::Url::parse(text).map_err(|e| bad(&e.to_string()))?;
    let (tls, port) = match url.scheme() {
        "smtps" => (TlsMode::Implicit, 465),
        "smtp" => (TlsMode::StartTls, 587),
        "smtp+plain" => (TlsMode::None, 25),
        _ => return Err(bad("it must begin with `smtps://`, `smtp://` or `smtp+plain://`")),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("user and password don't belong here").hint("use `user` and `password_file` or `password_env`"));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() {
        return Err(bad("nothing may follow host and port"));
    }
    let host = url.host_str().filter(|h| !h.is_empty()).ok_or_else(|| bad("the host is missing"))?;
    Ok((tls, host.trim_matches(['[', ']']).to_owned(), url.port().unwrap_or(port)))
}

/// Reads a destination and checks that its channel exists and has such addresses.
pub fn destination(text: &str, defined: &Defined) -> Result<Destination, Problem> {
    let read: Destination = text.parse().map_err(|error: crate::domain::DestinationError| {
        let problem = Problem::new("bad-destination", error.to_string());
        let kind = text.split(':').next().unwrap_or("");
        match nearest(kind, ChannelKind::ALL.map(ChannelKind::as_str)) {
            Some(near) if near != kind && text.contains(':') => problem.hint(format!("did you mean `{near}`?")),
            _ => problem,
        }
    })?;
    let Some(traits) = defined.channels().get(&read.channel) else {
        if defined.may_be_in_broken_file(&read.channel.name) {
            return Ok(read);
        }
        return Err(unknown_channel(&read, defined));
    };
    if read.channel.kind == ChannelKind::Email {
        email(&read.address)?;
    }
    if read.channel.kind == ChannelKind::Http {
        addressed(text, &read, traits)?;
    }
    if read.channel.kind == ChannelKind::Slack {
        let address = read.address.as_str();
        if address.is_empty() && !traits.one_room {
            return Err(Problem::new("bad-destination", format!("`{}` names no room", quotable(text)))
                .hint(format!("write for example `{}/#alerts`", read.channel)));
        }
        let is_id = address.len() >= 6 && address.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        if !address.is_empty() && !is_id && (!address.starts_with('#') || address.len() < 2 || address.contains(' ')) {
            return Err(Problem::bad(address, "a room of Slack").hint(format!(
                "write `#{}`, or the id of the room such as `C0123ABCD`",
                quotable(address.trim_start_matches(['#', '@'])).replace(' ', "-")
            )));
        }
    }
    Ok(read)
}

/// Whether an address is there where one must be, and of the right kind.
fn addressed(text: &str, read: &Destination, traits: &ChannelTraits) -> Result<(), Problem> {
    let address = read.address.as_str();
    let wrong = |what: &str| Problem::new("bad-destination", format!("`{}` {what}", quotable(text)));
    if let Some(like) = traits.like.as_ref().filter(|like| !address.is_empty() && !like.is_match(address)) {
        return Err(wrong("names an address that does not fit").hint(format!("it must look like `{like}`")));
    }
    match traits.addresses {
        Addresses::None if address.is_empty() => Ok(()),
        Addresses::None => {
            Err(wrong("names an address, and this channel has none").hint(format!("write `{}`", read.channel)))
        }
        _ if address.is_empty() => Err(wrong("names no address").hint(format!("write `{}/ADDRESS`", read.channel))),
        Addresses::Text => line(address),
        Addresses::Phone => phone(address),
    }
}

fn unknown_channel(read: &Destination, defined: &Defined) -> Problem {
    let Destination { channel, .. } = read;
    let problem = Problem::new("unknown-channel", format!("there is no channel `{channel}`"));
    let of_kind: Vec<String> =
        defined.channels().keys().filter(|c| c.kind == channel.kind).map(ToString::to_string).collect();
    let header = format!("[channels.{}.{}]", channel.kind, quotable(&channel.name));
    match nearest(&channel.to_string(), of_kind.iter().map(String::as_str)) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None if of_kind.is_empty() => problem.hint(format!("define it as `{header}`")),
        None => {
            problem.hint(format!("define it as `{header}`, or use {}", listed(&of_kind, 5).replace(" and ", " or ")))
        }
    }
}

const TARGET_KINDS: [&str; 5] = ["schedule", "person", "team", "group", "manager"];

/// Reads a target of an escalation step and checks that it exists.
pub fn target(text: &str, defined: &Defined) -> Result<Target, Problem> {
    let Some((kind, rest)) = text.split_once(':') else {
        let problem = Problem::new("bad-target", format!("`{}` is not a target", quotable(text)));
        let guess =
            [(Noun::Schedule, "schedule"), (Noun::Person, "person"), (Noun::Team, "team"), (Noun::Group, "group")];
        let found: Vec<String> = guess
            .into_iter()
            .filter(|(noun, _)| defined.of(*noun).any(|n| n == text))
            .map(|(_, word)| format!("{word}:{text}"))
            .collect();
        return Err(if found.is_empty() {
            problem
                .hint("write for example `schedule:checkout/main`, `person:ana`, `team:checkout` or `slack:main/#room`")
        } else {
            problem.hint(format!("write {}", listed(&found, 4).replace(" and ", " or ")))
        });
    };
    let name = |noun| defined.resolve(noun, rest).map(|()| Name::from(rest));
    match kind {
        "schedule" => {
            let (schedule, role) = rest.split_once('/').map_or((rest, None), |(s, r)| (s, Some(r)));
            defined.resolve(Noun::Schedule, schedule)?;
            if let Some(role) = role {
                role_of(schedule, role, defined)?;
            }
            Ok(Target::Schedule { schedule: schedule.into(), role: role.map(Name::from) })
        }
        "person" => name(Noun::Person).map(Target::Person),
        "team" => name(Noun::Team).map(Target::Team),
        "group" => name(Noun::Group).map(Target::Group),
        "manager" => {
            let team = name(Noun::Team)?;
            if !defined.has_manager(&team) {
                return Err(Problem::new("no-manager", format!("team `{team}` has no manager"))
                    .hint(format!("add `manager = \"…\"` to `[teams.{team}]`")));
            }
            Ok(Target::Manager(team))
        }
        _ if ChannelKind::ALL.iter().any(|k| k.as_str() == kind) => destination(text, defined).map(Target::Channel),
        _ => {
            let kinds = TARGET_KINDS.into_iter().chain(ChannelKind::ALL.map(ChannelKind::as_str));
            let problem = Problem::new("bad-target", format!("`{}` is not a kind of target", quotable(kind)));
            Err(match nearest(kind, kinds) {
                Some(near) => problem.hint(format!("did you mean `{near}:{}`?", quotable(rest))),
                None => problem.hint(
                    "the kinds are schedule, person, team, group, manager, slack, teams, email, webhook and http",
                ),
            })
        }
    }
}

/// Checks that a schedule has a role.
pub fn role_of(schedule: &str, role: &str, defined: &Defined) -> Result<(), Problem> {
    let roles = defined.roles(schedule);
    if roles.iter().any(|r| r == role) || defined.may_be_in_broken_file(schedule) {
        return Ok(());
    }
    let problem =
        Problem::new("unknown-role", format!("schedule `{}` has no role `{}`", quotable(schedule), quotable(role)));
    Err(match nearest(role, roles.iter().map(String::as_str)) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None if roles.is_empty() => problem.note("the schedule has no roles"),
        None => problem.hint(format!("its roles are {}", listed(roles, 8))),
    })
}

fn contact(text: &str, defined: &Defined) -> Result<(), Problem> {
    let (kind, name) = text.split_once(':').map_or((text, None), |(k, n)| (k, Some(n)));
    let Some(kind) = ChannelKind::ALL.into_iter().filter(|k| *k != ChannelKind::Webhook).find(|k| k.as_str() == kind)
    else {
        let problem = Problem::bad(text, "a way to reach a person");
        return Err(match nearest(kind, ["slack", "teams", "email", "http"]) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint(
                "the ways are `slack`, `teams`, `email` and `http:NAME`, or for example `slack:NAME` for one of several",
            ),
        });
    };
    let Some(name) = name else {
        if kind == ChannelKind::Http {
            return Err(Problem::bad(text, "a way to reach a person").hint("name the channel, for example `http:ntfy`"));
        }
        return Ok(());
    };
    let channel = crate::domain::ChannelRef { kind, name: name.into() };
    if defined.channels().contains_key(&channel) || defined.may_be_in_broken_file(name) {
        return Ok(());
    }
    Err(unknown_channel(&Destination { channel, address: Name::default() }, defined))
}

fn slack_member(text: &str) -> Result<(), Problem> {
    let rest = text.strip_prefix(['U', 'W']).unwrap_or("");
    if rest.len() >= 2 && rest.len() <= 30 && rest.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()) {
        return Ok(());
    }
    Err(Problem::bad(text, "a Slack member id")
        .hint("it begins with `U` or `W`; in Slack: profile, More, Copy member ID"))
}

/// Checks a telephone number: E.164, with its plus.
pub fn phone(text: &str) -> Result<(), Problem> {
    let digits = text.strip_prefix('+').unwrap_or("");
    let all = digits.bytes().all(|b| b.is_ascii_digit());
    if all && (7..=15).contains(&digits.len()) && !digits.starts_with('0') {
        return Ok(());
    }
    Err(Problem::bad(text, "a telephone number")
        .hint("write it with its country and without spaces, for example `+4915112345678` (E.164)"))
}

/// Checks a JSON pointer.
pub fn pointer(text: &str) -> Result<(), Problem> {
    if text.starts_with('/') {
        return Ok(());
    }
    Err(Problem::bad(text, "a JSON pointer").hint("write for example `/id` or `/messages/0/id` (RFC 6901)"))
}

/// Reads a regular expression that must fit a whole text.
pub fn whole(pattern: &str) -> Result<regex::Regex, String> {
    regex::Regex::new(&format!("^(?:{pattern})$"))
        .map_err(|_| format!("`{}` is not a regular expression", quotable(pattern)))
}

/// Checks the name of an environment variable.
pub fn variable(text: &str) -> Result<(), Problem> {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(());
    }
    Err(Problem::new("bad-value", "this is not the name of an environment variable")
        .note("the secret itself does not belong into the configuration")
        .hint("write the variable's name, for example `SLACK_TOKEN`"))
}

/// Reads a weekday, short or long.
pub fn weekday(text: &str) -> Result<Weekday, Problem> {
    const DAYS: [(&str, &str, Weekday); 7] = [
        ("mon", "monday", Weekday::Monday),
        ("tue", "tuesday", Weekday::Tuesday),
        ("wed", "wednesday", Weekday::Wednesday),
        ("thu", "thursday", Weekday::Thursday),
        ("fri", "friday", Weekday::Friday),
        ("sat", "saturday", Weekday::Saturday),
        ("sun", "sunday", Weekday::Sunday),
    ];
    let folded = text.to_lowercase();
    DAYS.iter()
        .find(|(short, long, _)| folded == *short || folded == *long)
        .map(|(.., day)| *day)
        .ok_or_else(|| Problem::bad(text, "a weekday").hint("write `Mon`, `Tue`, `Wed`, `Thu`, `Fri`, `Sat` or `Sun`"))
}

/// Reads hours of the week: `Mon-Fri 08:00-16:00`, `Sat,Sun`, `22:00-06:00`, `Fri 18:00-Mon 08:00`.
pub fn hours(text: &str) -> Result<Restriction, Problem> {
    let bad = || {
        Problem::bad(text, "hours of the week")
            .hint("write for example `Mon-Fri 08:00-16:00`, `22:00-06:00` or `Fri 18:00-Mon 08:00`")
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        [times] if times.contains(':') => {
            let (from, to) = times.split_once('-').ok_or_else(bad)?;
            Ok(Restriction::Daily { days: Vec::new(), from: clock(from)?.ok_or_else(bad)?, to: clock(to)? })
        }
        [days] => Ok(Restriction::Daily { days: weekdays(days)?, from: Time::midnight(), to: None }),
        [days, times] => {
            let (from, to) = times.split_once('-').ok_or_else(bad)?;
            Ok(Restriction::Daily { days: weekdays(days)?, from: clock(from)?.ok_or_else(bad)?, to: clock(to)? })
        }
        [from_day, middle, to] => {
            let (from, to_day) = middle.split_once('-').ok_or_else(bad)?;
            Ok(Restriction::Weekly {
                from_day: weekday(from_day)?,
                from: clock(from)?.ok_or_else(bad)?,
                to_day: weekday(to_day)?,
                to: clock(to)?,
            })
        }
        _ => Err(bad()),
    }
}

/// `Mon-Fri`, `Sat,Sun`, `Fri-Mon`.
fn weekdays(text: &str) -> Result<Vec<Weekday>, Problem> {
    let mut days = Vec::new();
    for part in text.split(',') {
        match part.split_once('-') {
            None => days.push(weekday(part)?),
            Some((first, last)) => {
                let (mut day, last) = (weekday(first)?, weekday(last)?);
                days.push(day);
                while day != last {
                    day = day.next();
                    days.push(day);
                }
            }
        }
    }
    let mut seen = Vec::new();
    days.retain(|day| {
        let new = !seen.contains(day);
        seen.push(*day);
        new
    });
    Ok(days)
}

/// A time of day; `None` is 24:00.
fn clock(text: &str) -> Result<Option<Time>, Problem> {
    let bad = || Problem::bad(text, "a time of day").hint("write for example `08:00`; the end of the day is `24:00`");
    let (hour, minute) = text.split_once(':').ok_or_else(bad)?;
    if hour.len() > 2 || minute.len() != 2 {
        return Err(bad());
    }
    match (hour.parse::<i8>(), minute.parse::<i8>()) {
        (Ok(24), Ok(0)) => Ok(None),
        (Ok(hour), Ok(minute)) => Time::new(hour, minute, 0, 0).map(Some).map_err(|_| bad()),
        _ => Err(bad()),
    }
}

/// Reads how turns follow each other; `None` is one turn for ever.
pub fn rotate(text: &str) -> Result<Option<(RotationUnit, u32)>, Problem> {
    const UNITS: [(&str, &str, RotationUnit); 4] = [
        ("hourly", "hour", RotationUnit::Hour),
        ("daily", "day", RotationUnit::Day),
        ("weekly", "week", RotationUnit::Week),
        ("monthly", "month", RotationUnit::Month),
    ];
    if text == "none" {
        return Ok(None);
    }
    if let Some((.., unit)) = UNITS.iter().find(|(word, ..)| *word == text) {
        return Ok(Some((*unit, 1)));
    }
    let (number, unit) = text.split_once(' ').unwrap_or(("", text));
    let unit = UNITS.iter().find(|(_, one, _)| unit.strip_suffix('s').unwrap_or(unit) == *one);
    if let (Ok(every @ 1..=1000), Some((.., unit))) = (number.parse::<u32>(), unit) {
        return Ok(Some((*unit, every)));
    }
    let problem = Problem::bad(text, "a rotation");
    Err(match nearest(text, ["hourly", "daily", "weekly", "monthly", "none"]) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint("write `hourly`, `daily`, `weekly`, `monthly`, `none` or for example `2 weeks`"),
    })
}

fn holidays(text: &str, defined: &Defined) -> Result<(), Problem> {
    match text.strip_prefix("holidays.") {
        Some(name) => defined.resolve(Noun::Holidays, name),
        None => {
            Err(Problem::bad(text, "a calendar of holidays").hint(if defined.of(Noun::Holidays).any(|n| n == text) {
                format!("write `holidays.{text}`")
            } else {
                "write `holidays.NAME`, or dates without quotes".to_owned()
            }))
        }
    }
}

/// Reads 64 hexadecimal digits.
pub fn sha256(text: &str) -> Result<[u8; 32], Problem> {
    let bad = || {
        Problem::new("bad-value", "this is not a SHA-256 in hexadecimal (64 digits)")
            .hint("make one with `printf %s \"$TOKEN\" | sha256sum`")
    };
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(bad());
    }
    let mut bytes = [0_u8; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).map_err(|_| bad())?;
    }
    Ok(bytes)
}

fn scope(text: &str, defined: &Defined) -> Result<(), Problem> {
    let (verb, team) = text.split_once(':').map_or((text, None), |(v, t)| (v, Some(t)));
    match (verb, team) {
        ("ingest" | "read" | "act" | "admin", None) => Ok(()),
        ("ingest" | "act", Some(team)) => defined.resolve(Noun::Team, team),
        _ => {
            let problem = Problem::bad(text, "a scope");
            Err(match nearest(verb, ["ingest", "read", "act", "admin"]) {
                Some(near) if near != verb => problem.hint(format!("did you mean `{near}`?")),
                _ => problem.hint("the scopes are `ingest`, `ingest:TEAM`, `read`, `act`, `act:TEAM` and `admin`"),
            })
        }
    }
}

fn pattern(text: &str) -> Result<(), Problem> {
    line(text)?;
    let mut rest = text;
    let mut fields = 0;
    while let Some(at) = rest.find(['{', '}']) {
        let end = rest[at..].find('}').filter(|_| rest[at..].starts_with('{'));
        match end.map(|end| &rest[at + 1..at + end]) {
            Some(field) if !field.is_empty() && !field.contains('{') => {
                fields += 1;
                rest = &rest[at + field.len() + 2..];
            }
            _ => {
                return Err(Problem::bad(text, "a pattern")
                    .note("each `{` needs a field and a `}`")
                    .hint("write for example `CPU on {host}`"));
            }
        }
    }
    if fields == 0 {
        return Err(Problem::bad(text, "a pattern")
            .note("without a field in braces all events of the team would be one incident")
            .hint("write for example `CPU on {host}`, or a list of fields such as `[\"service\", \"endpoint\"]`"));
    }
    Ok(())
}
