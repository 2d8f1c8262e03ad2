//! Snooze: once an alert fired, the same one stays quiet for a while.
//!
//! Source: *Establishing SRE Foundations*, section 9.2.11; the interval is half-open, so what is evaluated at its very end is heard.
//! Absent on purpose: prolonging. A snooze is not restarted by what it kept quiet.

use super::Because;
use crate::domain::{Name, Timestamp};

/// Whether an alert is heard (`true`) although its kind fired before, and why.
///
/// `snoozed` is `[since, until)` with the priority that the alert fired with. A more urgent one breaks through; ranks count from 0,
/// the most urgent, and 255 is unset.
#[must_use]
pub fn judge(
    snoozed: Option<&(Timestamp, Timestamp, Option<Name>)>,
    now: Timestamp,
    rank_now: u8,
    rank_before: u8,
    priority_now: Option<&Name>,
) -> (bool, Because) {
    let Some((since, until, before)) = snoozed else { return (true, Because::NotSnoozed) };
    let (since, until) = (*since, *until);
    if now < since || now >= until {
        return (true, Because::NotSnoozed);
    }
    match priority_now {
        Some(priority) if rank_now < rank_before => {
            (true, Because::SnoozeBroken { until, now: priority.clone(), before: before.clone() })
        }
        _ => (false, Because::Snoozed { since, until }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_seconds(minute * 60)
    }

    #[test]
    fn the_interval_is_half_open() {
        let snoozed = (at(10), at(130), Some(Name::from("P2")));
        let p2 = Name::from("P2");
        for (minute, heard) in [(9, true), (10, false), (129, false), (130, true), (131, true)] {
            assert_eq!(judge(Some(&snoozed), at(minute), 1, 1, Some(&p2)).0, heard, "minute {minute}");
        }
        assert_eq!(judge(None, at(11), 1, 1, Some(&p2)), (true, Because::NotSnoozed));
    }

    #[test]
    fn only_a_higher_priority_breaks_through() {
        let snoozed = (at(0), at(120), Some(Name::from("P2")));
        let (p1, p3) = (Name::from("P1"), Name::from("P3"));
        assert!(judge(Some(&snoozed), at(5), 0, 1, Some(&p1)).0);
        assert!(!judge(Some(&snoozed), at(5), 2, 1, Some(&p3)).0);
        assert!(!judge(Some(&snoozed), at(5), 255, 1, None).0);
        let unset = (at(0), at(120), None);
        assert!(judge(Some(&unset), at(5), 2, 255, Some(&p3)).0);
        assert!(!judge(Some(&unset), at(5), 255, 255, None).0);
    }
}
