//! One message about many incidents: what it counts, and the words for it, the same in every channel. Nothing here is escaped.

use std::fmt::Write as _;

use super::text::short;
use super::wording::{self, NAME_MAX, moment, rough, zone};
use super::{Fact, Message, Urgency};
use crate::domain::{DigestId, IncidentId, Timestamp};

/// Incidents named one by one, the most urgent first. Beyond: they are counted.
pub const NAMED_MAX: usize = 10;
/// Services, teams and priorities named in a count. Beyond: they are summed up.
const COUNTED_MAX: usize = 5;
/// Characters of an incident's line. Beyond: it is cut, with an ellipsis.
pub const LINE_MAX: usize = 160;

/// Many incidents as they stand, for people.
#[derive(Debug, Clone)]
pub struct Digest {
    /// Its number.
    pub id: DigestId,
    /// How loud.
    pub urgency: Urgency,
    /// What is in it.
    pub tally: Tally,
    /// The most urgent ones.
    pub named: Vec<Named>,
    /// Links; absent when no base URL is configured.
    pub links: Option<DigestLinks>,
    /// When the first of them was folded.
    pub since: Timestamp,
    /// IANA zone in which to show times.
    pub timezone: String,
}

/// What a digest counts. Each incident is counted once, as it stands when the message is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Incidents in it.
    pub incidents: u64,
    /// Of these, incidents that the recipient hears of for the first time or again.
    pub new: u64,
    /// Nobody is on it.
    pub triggered: u64,
    /// Somebody is.
    pub acknowledged: u64,
    /// Quiet for a while.
    pub snoozed: u64,
    /// Over.
    pub resolved: u64,
    /// Those that are not over by priority, the most urgent first; the empty name is those without one.
    pub priorities: Vec<(String, u64)>,
    /// Services, the most frequent first; the empty name is those without one.
    pub services: Vec<(String, u64)>,
    /// Teams, the most frequent first.
    pub teams: Vec<(String, u64)>,
}

/// An incident in a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its number.
    pub incident: IncidentId,
    /// Priority, if one is set.
    pub priority: Option<String>,
    /// `triggered`, `acknowledged`, `snoozed`, `resolved`.
    pub status: &'static str,
    /// What broke.
    pub headline: String,
    /// Its page.
    pub url: Option<String>,
}

/// Where a digest's buttons lead. GET shows; POST acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestLinks {
    /// The list with a button for all of it.
    pub acknowledge: String,
    /// The list.
    pub list: String,
}

/// The first line: a sign, how many, and how they stand.
pub fn first_line(digest: &Digest) -> String {
    format!("{} {}", sign(digest), first_line_plain(digest))
}

/// The same without the sign: `1,234 incidents: 1,200 not acknowledged, 34 resolved`.
pub fn first_line_plain(digest: &Digest) -> String {
    let t = &digest.tally;
    let parts = [
        (t.triggered, "not acknowledged"),
        (t.acknowledged, "acknowledged"),
        (t.snoozed, "snoozed"),
        (t.resolved, "resolved"),
    ];
    let some: Vec<(u64, &str)> = parts.into_iter().filter(|(n, _)| *n > 0).collect();
    let how = match some.as_slice() {
        [(_, one)] if t.incidents > 1 => format!("all {one}"),
        [(_, one)] => (*one).to_owned(),
        all => all.iter().map(|(n, how)| format!("{} {how}", number(*n))).collect::<Vec<_>>().join(", "),
    };
    format!("{}: {how}", incidents(t.incidents))
}

/// Colour by shape: whether somebody has to do something.
pub fn sign(digest: &Digest) -> &'static str {
    match (digest.tally.triggered, digest.urgency) {
        (0, _) if digest.tally.resolved == digest.tally.incidents => "✅",
        (0, _) => "👀",
        (_, Urgency::High) => "🚨",
        _ => "🔶",
    }
}

/// Whether anything in it waits for somebody.
pub const fn is_waiting(digest: &Digest) -> bool {
    digest.tally.triggered > 0
}

/// The counts, for tables.
pub fn facts(digest: &Digest) -> Vec<Fact> {
    let t = &digest.tally;
    let mut facts = vec![
        ("Priorities", counted(&t.priorities, "no priority")),
        ("Services", counted(&t.services, "no service")),
        ("Teams", counted(&t.teams, "no team")),
    ];
    if t.new > 0 && t.new < t.incidents {
        facts.push(("New", format!("{} of {}; the others changed", number(t.new), number(t.incidents))));
    }
    facts.retain(|(_, value)| !value.is_empty());
    facts.into_iter().map(|(name, value)| Fact { name: name.to_owned(), value }).collect()
}

/// `P1 3 · P2 100 · and 2 in 4 more`.
fn counted(counts: &[(String, u64)], unnamed: &str) -> String {
    let name = |name: &str| if name.is_empty() { unnamed.to_owned() } else { short(name, NAME_MAX) };
    let mut parts: Vec<String> =
        counts.iter().take(COUNTED_MAX).map(|(of, n)| format!("{}: {}", name(of), number(*n))).collect();
    let rest = counts.get(COUNTED_MAX..).unwrap_or_default();
    if !rest.is_empty() {
        let sum: u64 = rest.iter().map(|(_, n)| n).sum();
        parts.push(format!("{} more: {}", number(rest.len() as u64), number(sum)));
    }
    parts.join(" · ")
}

/// An incident in a line: `P1: availability of data-api, acknowledged`.
pub fn line(named: &Named) -> String {
    let priority = named.priority.as_deref().map(|p| format!("{}: ", short(p, NAME_MAX))).unwrap_or_default();
    let status = if named.status == "triggered" { String::new() } else { format!(", {}", named.status) };
    format!("{priority}{}{status}", short(&named.headline, LINE_MAX))
}

/// How many are not named; empty when all are.
pub fn more(digest: &Digest) -> String {
    match digest.tally.incidents.saturating_sub(digest.named.len() as u64) {
        0 => String::new(),
        more => format!("and {} more", number(more)),
    }
}

/// Why it is one message: `Ana Ruiz is paged: …`, and from when to when.
pub fn why(message: &Message, digest: &Digest) -> String {
    let zone = zone(&digest.timezone);
    let from = moment(digest.since, &zone, message.now);
    let over = rough(message.now.since(digest.since));
    let mut out = match &message.person {
        Some(person) if is_waiting(digest) => format!("{} is paged. ", short(&person.name, NAME_MAX)),
        _ => String::new(),
    };
    let _ = write!(
        out,
        "More came than is told one by one; this is one message for {over}, since {from}. Digest {}.",
        digest.id
    );
    if message.late {
        out.push_str(" Sent late.");
    }
    out
}

/// The way to act: the list, which has a button for all of it.
pub fn buttons(digest: &Digest) -> Vec<wording::Button<'_>> {
    let Some(links) = &digest.links else { return Vec::new() };
    let acknowledge = wording::Button {
        id: "acknowledge",
        label: "Acknowledge all",
        short: "Ack all",
        url: &links.acknowledge,
        primary: true,
    };
    let open = wording::Button { id: "open", label: "Open list", short: "List", url: &links.list, primary: false };
    vec![if is_waiting(digest) { acknowledge } else { open }]
}

/// `1,234 incidents`.
pub fn incidents(n: u64) -> String {
    format!("{} {}", number(n), if n == 1 { "incident" } else { "incidents" })
}

/// A whole number with commas: `98,471`.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(tally: Tally) -> Digest {
        Digest {
            id: DigestId(1),
            urgency: Urgency::Normal,
            tally,
            named: Vec::new(),
            links: None,
            since: Timestamp::from_seconds(0),
            timezone: "UTC".into(),
        }
    }

    #[test]
    fn the_first_line_says_how_they_stand() {
        let of = |triggered, acknowledged, snoozed, resolved| {
            let incidents = triggered + acknowledged + snoozed + resolved;
            first_line(&digest(Tally { incidents, triggered, acknowledged, snoozed, resolved, ..Tally::default() }))
        };
        for (line, want) in [
            (of(1_200, 0, 0, 34), "🔶 1,234 incidents: 1,200 not acknowledged, 34 resolved"),
            (of(7, 0, 0, 0), "🔶 7 incidents: all not acknowledged"),
            (of(0, 0, 0, 200_000), "✅ 200,000 incidents: all resolved"),
            (of(0, 2, 1, 0), "👀 3 incidents: 2 acknowledged, 1 snoozed"),
            (of(1, 0, 0, 0), "🔶 1 incident: not acknowledged"),
        ] {
            assert_eq!(line, want);
        }
    }

    #[test]
    fn counts_beyond_the_first_are_summed_up() {
        let counts: Vec<(String, u64)> = (1..=8).map(|n| (format!("s{n}"), 10 - n)).collect();
        assert_eq!(counted(&counts, "none"), "s1: 9 · s2: 8 · s3: 7 · s4: 6 · s5: 5 · 3 more: 9");
        assert_eq!(counted(&[(String::new(), 1_000)], "no service"), "no service: 1,000");
        assert_eq!(counted(&[], "none"), "");
    }
}
