//! Tokens that do not let anybody in any more, or soon will not.

use super::Subject;
use crate::config::diagnostic::{Diagnostic, Findings};
use crate::domain::{Span, Timestamp};

/// A token that ends within so long is told of, so that the next secret is made in time.
const TOLD_BEFORE: Span = Span::from_hours(30 * 24);

pub(super) fn prove(subject: &Subject<'_>, findings: &mut Findings) {
    for (name, token) in subject.tokens {
        let Some(end) = token.expires_at else { continue };
        let Some(place) = subject.place("tokens", name, "expires") else { continue };
        let Some(message) = ending(name, end, subject.now) else { continue };
        findings.push(
            Diagnostic::warning("token-ends", place, message)
                .hint("make another with `callout token new`, list both under `sha256` while senders change over, and move `expires`"),
        );
    }
}

/// What is to be said of a token with this end.
fn ending(name: &str, end: Timestamp, now: Timestamp) -> Option<String> {
    if end <= now {
        return Some(format!("token `{name}` ended {end}: nobody gets in with it any more"));
    }
    let left = end.since(now);
    let days = left.as_millis() / Span::from_hours(24).as_millis();
    (left <= TOLD_BEFORE).then(|| match days {
        0 => format!("token `{name}` ends {end}, within a day"),
        1 => format!("token `{name}` ends {end}, in a day"),
        days => format!("token `{name}` ends {end}, in {days} days"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_told_of_in_time() {
        let now = Timestamp::parse("2026-11-20T20:00:00Z").unwrap();
        let said = |end: Timestamp| ending("ci", end, now);
        let days = |n: i64| now.plus(Span::from_hours(24 * n));
        assert_eq!(said(days(30).plus(Span::from_millis(1))), None);
        assert_eq!(said(days(30)).as_deref(), Some("token `ci` ends 2026-12-20T20:00:00Z, in 30 days"));
        assert_eq!(
            said(now.plus(Span::from_millis(1))).as_deref(),
            Some("token `ci` ends 2026-11-20T20:00:00.001Z, within a day")
        );
        assert_eq!(
            said(now).as_deref(),
            Some("token `ci` ended 2026-11-20T20:00:00Z: nobody gets in with it any more")
        );
    }
}
