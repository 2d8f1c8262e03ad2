//! Priority: from the SLO, raised by repetition, or unset.
//!
//! Source: *Establishing SRE Foundations*, section 9.2. Absent on purpose: priority from the budget's trend, and changes by people,
//! which are commands and always win.

use super::Because;
use crate::domain::{Name, Span, Timestamp};

/// "More than `more_than` times within `within`: `priority`."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaiseRule {
    /// Occurrences that must be exceeded.
    pub more_than: u32,
    /// Window of the count.
    pub within: Span,
    /// Priority that the incident then has, if it is higher than what it had.
    pub priority: Name,
}

/// The priority that an incident starts with, and why: the SLO's, else the sender's if the organisation knows it, else none.
#[must_use]
pub fn choose(slo: Option<&Name>, by_sender: Option<&Name>, known: impl Fn(&str) -> bool) -> (Option<Name>, Because) {
    if let Some(priority) = slo {
        return (Some(priority.clone()), Because::PriorityFromSlo { priority: priority.clone() });
    }
    match by_sender {
        Some(priority) if known(priority) => {
            (Some(priority.clone()), Because::PriorityFromSender { priority: priority.clone() })
        }
        _ => (None, Because::PriorityUnset),
    }
}

/// The rule that repetition has reached, with the count that it saw; of several the one with the highest priority, which is the
/// first by name (`P1` before `P2`).
///
/// A rule is reached by strictly more than `more_than` occurrences in `(now - within, now]`.
#[must_use]
pub fn raised<'a>(rules: &'a [RaiseRule], occurrences: &[Timestamp], now: Timestamp) -> Option<(&'a RaiseRule, u32)> {
    rules
        .iter()
        .filter_map(|rule| {
            let after = now.minus(rule.within);
            let count = occurrences.iter().filter(|at| after < **at && **at <= now).count();
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            (count > rule.more_than).then_some((rule, count))
        })
        .min_by(|(a, _), (b, _)| a.priority.cmp(&b.priority))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_seconds(minute * 60)
    }

    fn rule(more_than: u32, priority: &str) -> RaiseRule {
        RaiseRule { more_than, within: Span::from_minutes(60), priority: priority.into() }
    }

    #[test]
    fn the_slo_comes_before_the_sender_and_the_sender_must_be_known() {
        let (p1, p2, odd) = (Name::from("P1"), Name::from("P2"), Name::from("urgent!"));
        let known = |name: &str| name.starts_with('P');
        assert_eq!(choose(Some(&p2), Some(&p1), known).0, Some(p2.clone()));
        assert_eq!(choose(None, Some(&p1), known).0, Some(p1));
        assert_eq!(choose(None, Some(&odd), known), (None, Because::PriorityUnset));
        assert_eq!(choose(None, None, known), (None, Because::PriorityUnset));
        assert_eq!(choose(Some(&p2), None, known).1.to_string(), "P2, from the SLO");
    }

    #[test]
    fn more_than_three_times_within_the_hour() {
        let rules = [rule(3, "P2")];
        let four = [at(0), at(10), at(20), at(60)];
        // At minute 60 the one at minute 0 is out: the window is open at its start.
        assert_eq!(raised(&rules, &four, at(60)), None);
        let four = [at(1), at(10), at(20), at(60)];
        assert_eq!(raised(&rules, &four, at(60)), Some((&rules[0], 4)));
        assert_eq!(raised(&rules, &four[..3], at(60)), None);
        // What lies ahead does not count.
        assert_eq!(raised(&rules, &four, at(59)), None);
    }

    #[test]
    fn of_several_rules_the_highest_priority_wins() {
        let rules = [rule(1, "P3"), rule(2, "P1"), rule(1, "P2")];
        let times = [at(1), at(2), at(3)];
        assert_eq!(raised(&rules, &times, at(3)).map(|(r, _)| r.priority.as_str()), Some("P1"));
        assert_eq!(raised(&rules, &times[1..], at(3)).map(|(r, _)| r.priority.as_str()), Some("P2"));
    }
}
