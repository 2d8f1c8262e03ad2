//! The sentences of an explanation. They are made when somebody asks, from the values stored with the decision.
//!
//! Absent on purpose: values that are not in the [`Because`] (nothing is looked up, so an old decision reads as it was taken), and
//! local time: a journal has no zone.

use std::fmt;

use super::{Because, RuleKind};
use crate::domain::{Name, Ratio, Timestamp};

/// Digits after the point of a share. Beyond: two shares are not told apart in text.
pub(super) const DECIMALS_MAX: u32 = 12;

impl RuleKind {
    /// The word in explanations and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Timeliness => "timeliness",
            Self::BurnRate => "burn rate",
            Self::Snooze => "snooze",
            Self::Dedup => "dedup",
            Self::Silence => "silence",
            Self::Maintenance => "maintenance",
            Self::Priority => "priority",
            Self::Route => "route",
            Self::Escalation => "escalation",
            Self::Schedule => "schedule",
            Self::Delivery => "delivery",
            Self::Person => "person",
            Self::Alarm => "alarm",
            Self::Slo => "slo",
            Self::Response => "response",
            Self::Personal => "personal",
        }
    }
}

impl fmt::Display for RuleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Because {
    /// One sentence in lower case without a full stop, on one line whatever the texts in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        let mut line = OneLine(f);
        match self {
            Self::OwnedBy { .. }
            | Self::Unowned { .. }
            | Self::NoCounts
            | Self::NoAlertRule
            | Self::NoTraffic { .. }
            | Self::OtherWindow { .. }
            | Self::SpentAbove { .. }
            | Self::SpentWithin { .. }
            | Self::HeldUntil { .. }
            | Self::BurnsFast { .. }
            | Self::BurnsSlow { .. } => write!(line, "{}", Measured(self)),
            Self::WindowsBurn { .. }
            | Self::RuleOver { .. }
            | Self::MutedByPage { .. }
            | Self::SloChanged { .. }
            | Self::SloToChange { .. }
            | Self::SamplesMissing { .. }
            | Self::TrafficMissing { .. }
            | Self::MinutesExcluded { .. }
            | Self::BudgetUsed { .. }
            | Self::PriorityFromBudget { .. } => {
                write!(line, "{}", super::wording_slo::Budgeted(self))
            }
            Self::RuleFollowed { .. }
            | Self::NextWay { .. }
            | Self::QuietHeld { .. }
            | Self::QuietBroken { .. }
            | Self::StepQuiet { .. }
            | Self::RoundHeld { .. }
            | Self::Bundled { .. }
            | Self::HandoffTold { .. }
            | Self::Unverified { .. } => write!(line, "{}", super::wording_personal::Personal(self)),
            Self::StepReached { .. }
            | Self::StepSkipped { .. }
            | Self::Exhausted { .. }
            | Self::NoPolicy { .. }
            | Self::OnCall { .. }
            | Self::NobodyOnCall { .. }
            | Self::NoContact { .. } => write!(line, "{}", Reached(self)),
            Self::Ordered { .. }
            | Self::Delivered { .. }
            | Self::Retry { .. }
            | Self::GaveUp { .. }
            | Self::Dropped { .. }
            | Self::FellBack { .. }
            | Self::Did { .. }
            | Self::NothingToDo { .. }
            | Self::Alarm { .. }
            | Self::Folded { .. }
            | Self::Unfolded { .. }
            | Self::DigestOrdered { .. } => write!(line, "{}", Done(self)),
            Self::RoleFilled { .. }
            | Self::RoleUnfilled { .. }
            | Self::UpdateAsked { .. }
            | Self::PostmortemWanted { .. }
            | Self::PostmortemAsked { .. } => write!(line, "{}", super::wording_response::Organised(self)),
            _ => write!(line, "{}", Quieted(self)),
        }
    }
}

/// Who owns an event, and what its numbers say.
struct Measured<'a>(&'a Because);

impl fmt::Display for Measured<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Because::OwnedBy { team, by_sender: false } => write!(f, "team {team} owns the service"),
            Because::OwnedBy { team, by_sender: true } => write!(f, "team {team}, named by the sender"),
            Because::Unowned { fallback } if fallback.is_empty() => {
                f.write_str("nobody owns it and no fallback team is set; held")
            }
            Because::Unowned { fallback } => {
                write!(f, "nobody owns it; held, and the fallback team {fallback} is told")
            }
            Because::NoCounts => f.write_str("fired: the breach has no counts, so the sender's word is taken"),
            Because::NoAlertRule => f.write_str("fired: no alert rule is set, so every breach counts"),
            Because::NoTraffic { window } => write!(f, "quiet: no traffic in {window}"),
            Because::OtherWindow { sent, rule } => {
                write!(
                    f,
                    "fired: the counts are over {sent} and the rule's window is {rule}, so the sender's word is taken"
                )
            }
            Because::SpentAbove { spent, allowed, depletion, budget, window } => {
                let spent = told_apart(*spent, *allowed);
                write!(f, "fired: {spent} of requests failed in {window}, more than ")?;
                allowance(f, *allowed, *depletion, *budget)
            }
            Because::SpentWithin { spent, allowed, depletion, budget, window } => {
                let spent = told_apart(*spent, *allowed);
                write!(f, "quiet: {spent} of requests failed in {window}, not more than ")?;
                allowance(f, *allowed, *depletion, *budget)
            }
            Because::HeldUntil { until, every } => {
                write!(f, "held: evaluated every {every}, next at {}", utc(*until))
            }
            Because::BurnsFast { pair, factor, long, short, long_burn, short_burn } => {
                let times = |burn: &Ratio| significant(*burn, *factor);
                write!(
                    f,
                    "fired: {pair} burns {} times the budget in {long} and {} times in {short}, both more than {} times",
                    times(long_burn),
                    times(short_burn),
                    factor.decimal(DECIMALS_MAX)
                )
            }
            Because::BurnsSlow { pairs: 1 } => f.write_str("quiet: the one pair of windows is not above its factor"),
            Because::BurnsSlow { pairs } => write!(f, "quiet: none of {pairs} pairs of windows is above its factor"),
            _ => Ok(()),
        }
    }
}

/// What keeps quiet, groups, ranks or routes.
struct Quieted<'a>(&'a Because);

impl fmt::Display for Quieted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Because::Snoozed { since, until } => {
                write!(f, "snoozed: fired at {}, quiet until {}", utc(*since), utc(*until))
            }
            Because::SnoozeBroken { until, now, before } => {
                let before = before.as_deref().unwrap_or("unset");
                write!(f, "breaks through the snooze until {}: {now} now, {before} before", utc(*until))
            }
            Because::NotSnoozed => f.write_str("not snoozed"),
            Because::Opened { incident, key } => {
                write!(f, "opened incident {incident}: no open incident with key `{key}`")
            }
            Because::Duplicate { incident, count } => {
                write!(f, "counted on incident {incident}: seen {}", times(*count, " more"))
            }
            Because::Reopened { incident, resolved_at, within } => {
                write!(f, "reopened incident {incident}: resolved at {}, less than {within} ago", utc(*resolved_at))
            }
            Because::Ended { incident, still_firing: 0 } => {
                write!(f, "ended: nothing of incident {incident} fires any more")
            }
            Because::Ended { incident, still_firing } => {
                write!(f, "ended: {} of incident {incident} still", count(*still_firing, "source", "sources"))?;
                f.write_str(if *still_firing == 1 { " fires" } else { " fire" })
            }
            Because::EndedNothingOpen => f.write_str("ended: no open incident is about it"),
            Because::NoSilence { looked_at } => write!(f, "none matched ({looked_at} looked at)"),
            Because::Silenced { silence, author, until } => {
                write!(f, "silenced by {author} until {} (silence {silence})", utc(*until))
            }
            Because::NoMaintenance => f.write_str("no window covers it"),
            Because::InMaintenance { name, until } => write!(f, "inside `{name}` until {}", utc(*until)),
            Because::PriorityFromSlo { priority } => write!(f, "{priority}, from the SLO"),
            Because::PriorityFromSender { priority } => write!(f, "{priority}, from the sender"),
            Because::PriorityRaised { priority, count, within } => {
                write!(f, "raised to {priority}: seen {} within {within}", times(*count, ""))
            }
            Because::PriorityUnset => f.write_str("unset: neither the SLO nor the sender gives one"),
            Because::Routed { routes, destinations } => {
                f.write_str(if routes.len() == 1 { "route " } else { "routes " })?;
                f.write_str(&listed(routes))?;
                write!(f, " of the team: {}", count(*destinations, "channel", "channels"))
            }
            Because::NoRoute { team } if team.is_empty() => f.write_str("no route matched: no channel is told"),
            Because::NoRoute { team } => write!(f, "no route of team {team} matched: no channel is told"),
            _ => Ok(()),
        }
    }
}

/// Whom the escalation reaches.
struct Reached<'a>(&'a Because);

impl fmt::Display for Reached<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Because::StepReached { policy, step, steps, round, targets, users } => {
                write!(f, "policy {policy}, step {step} of {steps}")?;
                if *round > 1 {
                    write!(f, " in round {round}")?;
                }
                write!(f, ": {}", targets_in_words(targets))?;
                let told_already = targets.iter().all(|t| t.strip_prefix("person:").is_some());
                if users.is_empty() || told_already { Ok(()) } else { write!(f, " ({})", listed(users)) }
            }
            Because::StepSkipped { policy, step, steps, targets, .. } => {
                write!(f, "policy {policy}, step {step} of {steps} skipped: ")?;
                write!(f, "nobody found for {}", targets_in_words(targets))
            }
            Because::Exhausted { policy } => write!(f, "policy {policy} has run out: nobody acknowledged in any round"),
            Because::NoPolicy { team } => write!(f, "team {team} has no escalation policy: nobody is paged"),
            Because::OnCall { schedule, role, users, since, until, overridden } => {
                write!(f, "{}, ", listed(users))?;
                match role {
                    Some(role) => write!(f, "{role} of {schedule}")?,
                    None => write!(f, "on call in {schedule}")?,
                }
                if let Some(since) = since {
                    write!(f, ", since {}", utc(*since))?;
                }
                if let Some(until) = until {
                    write!(f, ", until {}", utc(*until))?;
                }
                f.write_str(if *overridden { ", by an override" } else { ", no override" })
            }
            Because::NobodyOnCall { schedule, role: Some(role) } => write!(f, "nobody is {role} of {schedule} now"),
            Because::NobodyOnCall { schedule, role: None } => write!(f, "nobody is on call in {schedule} now"),
            Because::NoContact { person } => write!(f, "{person} has no way to be told"),
            _ => Ok(()),
        }
    }
}

/// What became of messages, and what people did.
struct Done<'a>(&'a Because);

impl fmt::Display for Done<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Because::Ordered { delivery, what, to } => write!(f, "D{delivery}: {what} to {to} ordered"),
            Because::Delivered { delivery, attempt, to } => write!(f, "D{delivery}: {to} accepted, attempt {attempt}"),
            Because::Retry { delivery, attempt, to, error, at } => {
                write!(f, "D{delivery}: attempt {attempt} to {to} failed ({error}), again at {}", utc(*at))
            }
            Because::GaveUp { delivery, attempt, to, error } => {
                write!(f, "D{delivery}: {to} given up after {} ({error})", count(*attempt, "attempt", "attempts"))
            }
            Because::Dropped { delivery, why } => write!(f, "D{delivery}: not sent, {why}"),
            Because::FellBack { delivery, to } => write!(f, "D{delivery}: failed for good, {to} instead"),
            Because::Did { who, what } => write!(f, "{who} {what}"),
            Because::NothingToDo { why } => write!(f, "nothing to do: {why}"),
            Because::Alarm { text } => f.write_str(text),
            Because::Folded { digest, what, to, due } => {
                write!(f, "{what} to {to} waits for digest {digest}, due by {}: too much went there", utc(*due))
            }
            Because::Unfolded { digest, why } => write!(f, "taken out of digest {digest} unsent, {why}"),
            Because::DigestOrdered { digest, delivery, to, incidents } => {
                write!(
                    f,
                    "D{delivery}: digest {digest} of {} to {to} ordered",
                    count(*incidents, "incident", "incidents")
                )
            }
            _ => Ok(()),
        }
    }
}

/// Keeps a sentence on its line: control characters of foreign texts become spaces.
struct OneLine<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (n, piece) in text.split(char::is_control).enumerate() {
            if n > 0 {
                self.0.write_str(" ")?;
            }
            self.0.write_str(piece)?;
        }
        Ok(())
    }
}

/// An instant as an explanation writes it: `2026-11-20 20:15 UTC`, with seconds where there are any.
pub(super) fn utc(at: Timestamp) -> String {
    let seconds = at.as_millis().rem_euclid(60_000) / 1_000;
    let form = if seconds == 0 { "%Y-%m-%d %H:%M UTC" } else { "%Y-%m-%d %H:%M:%S UTC" };
    at.to_jiff().strftime(form).to_string()
}

/// `0.6% (200% of the 0.3% budget)`, without rounding.
fn allowance(f: &mut fmt::Formatter<'_>, allowed: Ratio, depletion: Ratio, budget: Ratio) -> fmt::Result {
    let exact = |ratio: Ratio| ratio.percent(DECIMALS_MAX);
    write!(f, "{} ({} of the {} budget)", exact(allowed), exact(depletion), exact(budget))
}

/// `spent` in percent with as few digits as tell it apart from `allowed` on the right side, at least one after the point.
fn told_apart(spent: Ratio, allowed: Ratio) -> String {
    let limit = allowed.percent(DECIMALS_MAX);
    (1..=DECIMALS_MAX)
        .filter(|decimals| has_two_digits(spent, *decimals))
        .map(|decimals| spent.percent(decimals))
        .find(|text| spent == allowed || *text != limit)
        .unwrap_or_else(|| spent.percent(DECIMALS_MAX))
}

/// A burn rate likewise.
pub(super) fn significant(burn: Ratio, factor: Ratio) -> String {
    let limit = factor.decimal(DECIMALS_MAX);
    (1..=DECIMALS_MAX)
        .map(|decimals| burn.decimal(decimals))
        .find(|text| *text != limit)
        .unwrap_or_else(|| burn.decimal(DECIMALS_MAX))
}

/// Whether a share in percent with `decimals` digits after the point shows two significant ones; always for nothing at all.
fn has_two_digits(share: Ratio, decimals: u32) -> bool {
    share.num() == 0
        || decimals >= DECIMALS_MAX
        || u128::from(share.num()) * 10_u128.pow(decimals + 1) >= u128::from(share.den())
}

/// `main on call`, `all of team checkout` and the like, for targets as the configuration writes them.
pub(super) fn targets_in_words(targets: &[Name]) -> String {
    let words = |target: &Name| match target.split_once(':') {
        Some(("schedule", at)) => match at.split_once('/') {
            Some((_, role)) => format!("{role} on call"),
            None => format!("on call in {at}"),
        },
        Some(("person", person)) => person.to_owned(),
        Some(("team", team)) => format!("all of team {team}"),
        Some(("group", group)) => format!("group {group}"),
        Some(("manager", team)) => format!("manager of {team}"),
        _ => target.to_string(),
    };
    listed(&targets.iter().map(words).collect::<Vec<_>>())
}

/// `a`, `a and b`, `a, b and c`; `nobody` for none.
pub(super) fn listed<T: fmt::Display>(items: &[T]) -> String {
    match items {
        [] => "nobody".to_owned(),
        [one] => one.to_string(),
        [most @ .., last] => {
            let most: Vec<String> = most.iter().map(ToString::to_string).collect();
            format!("{} and {last}", most.join(", "))
        }
    }
}

fn count(n: u32, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// `once more`, `twice more`, `3 times more`.
fn times(n: u32, suffix: &str) -> String {
    match n {
        1 => format!("once{suffix}"),
        2 => format!("twice{suffix}"),
        n => format!("{n} times{suffix}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{IncidentId, SilenceId, Span};

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn spent(spent: Ratio) -> String {
        Because::SpentAbove {
            spent,
            allowed: Ratio::parse_percent("0.6").unwrap(),
            depletion: Ratio::parse("2").unwrap(),
            budget: Ratio::parse_percent("0.3").unwrap(),
            window: Span::from_minutes(60),
        }
        .to_string()
    }

    #[test]
    fn shares_are_short_but_never_look_equal_when_they_are_not() {
        let cases = [
            (Ratio::new(7, 1_000), "0.7%"),
            (Ratio::new(1_529, 100_000), "1.5%"),
            (Ratio::new(1, 1), "100%"),
            (Ratio::new(601, 100_000), "0.601%"),
            (Ratio::new(18_000_001, 3_000_000_000), "0.60000003%"),
            (Ratio::new(4, 100_000), "0.004%"),
        ];
        for (ratio, text) in cases {
            assert!(spent(ratio.unwrap()).starts_with(&format!("fired: {text} of requests")), "{text}");
        }
    }

    #[test]
    fn sentences_read_as_an_explanation() {
        let until = at("2026-11-20T22:15:00Z");
        let cases: Vec<(Because, &str)> = vec![
            (
                Because::Opened { incident: IncidentId(4711), key: "checkout/get-data".into() },
                "opened incident 4711: no open incident with key `checkout/get-data`",
            ),
            (Because::NoSilence { looked_at: 3 }, "none matched (3 looked at)"),
            (Because::PriorityFromSlo { priority: "P2".into() }, "P2, from the SLO"),
            (
                Because::StepReached {
                    policy: "checkout".into(),
                    step: 1,
                    steps: 4,
                    round: 1,
                    targets: vec!["schedule:checkout/main".into()],
                    users: vec!["ana".into()],
                },
                "policy checkout, step 1 of 4: main on call (ana)",
            ),
            (
                Because::StepReached {
                    policy: "checkout".into(),
                    step: 3,
                    steps: 4,
                    round: 2,
                    targets: vec!["team:checkout".into(), "slack:main/#ops".into()],
                    users: vec!["ana".into(), "bo".into(), "cy".into()],
                },
                "policy checkout, step 3 of 4 in round 2: all of team checkout and slack:main/#ops (ana, bo and cy)",
            ),
            (
                Because::Snoozed { since: at("2026-11-20T20:15:03Z"), until },
                "snoozed: fired at 2026-11-20 20:15:03 UTC, quiet until 2026-11-20 22:15 UTC",
            ),
            (
                Because::Silenced { silence: SilenceId(1), author: "ana".into(), until },
                "silenced by ana until 2026-11-20 22:15 UTC (silence 00000000-0000-0000-0000-000000000001)",
            ),
            (Because::Duplicate { incident: IncidentId(7), count: 1 }, "counted on incident 7: seen once more"),
            (Because::Duplicate { incident: IncidentId(7), count: 12 }, "counted on incident 7: seen 12 times more"),
            (Because::Ended { incident: IncidentId(7), still_firing: 1 }, "ended: 1 source of incident 7 still fires"),
            (Because::Ended { incident: IncidentId(7), still_firing: 2 }, "ended: 2 sources of incident 7 still fire"),
            (Because::Routed { routes: vec![1], destinations: 2 }, "route 1 of the team: 2 channels"),
            (
                Because::PriorityRaised { priority: "P2".into(), count: 4, within: Span::from_minutes(60) },
                "raised to P2: seen 4 times within 1h",
            ),
            (
                Because::OnCall {
                    schedule: "checkout".into(),
                    role: Some("main".into()),
                    users: vec!["ana".into()],
                    since: None,
                    until: Some(at("2026-11-23T08:00:00Z")),
                    overridden: false,
                },
                "ana, main of checkout, until 2026-11-23 08:00 UTC, no override",
            ),
            (
                Because::GaveUp { delivery: 3, attempt: 1, to: "bo by email:default".into(), error: "refused".into() },
                "D3: bo by email:default given up after 1 attempt (refused)",
            ),
        ];
        for (because, text) in cases {
            assert_eq!(because.to_string(), text);
        }
    }

    #[test]
    fn foreign_texts_stay_on_the_line() {
        let alarm = Because::Alarm { text: "a\nb\r\u{1b}[31mc".into() };
        assert_eq!(alarm.to_string(), "a b  [31mc");
    }

    #[test]
    fn shares_are_told_apart_by_so_many_digits() {
        let of = |text: &str| Ratio::parse_percent(text).unwrap();
        let digits = "0".repeat(DECIMALS_MAX as usize - 1);
        let (smallest, next) = (format!("0.{digits}1%"), format!("0.{digits}2%"));
        assert_eq!((of(&smallest).percent(DECIMALS_MAX), of(&next).percent(DECIMALS_MAX)), (smallest.clone(), next));
        let between = of(&smallest).times(Ratio::parse("1.2").unwrap());
        assert!(between != of(&smallest) && between.percent(DECIMALS_MAX) == smallest);
    }
}
