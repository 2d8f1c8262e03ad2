//! Texts of service levels: error budget periods, and which statuses are bad.

use super::diagnostic::quotable;
use super::format::{Problem, span};
use crate::domain::{Name, Span};
use crate::slo::history::DAYS_MAX;

/// Longest error budget period: for a little longer counts are kept. Beyond: a mistake of the configuration.
pub const PERIOD_MAX: Span = Span::from_hours(24 * (DAYS_MAX - 1));

/// An error budget period as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeriodText {
    /// A length.
    Length(Span),
    /// A calendar week, from Monday.
    Week,
    /// A calendar month.
    Month,
    /// A quarter of the calendar.
    Quarter,
}

/// Reads a period: `28d`, `week`, `month` or `quarter`.
pub fn period(text: &str) -> Result<PeriodText, Problem> {
    match text {
        "week" => Ok(PeriodText::Week),
        "month" => Ok(PeriodText::Month),
        "quarter" => Ok(PeriodText::Quarter),
        _ => {
            let length = span(text).map_err(|problem| problem.hint("or write `week`, `month` or `quarter`"))?;
            if length.is_zero() || length > PERIOD_MAX {
                let problem = format!("`{}` is not a period between 1m and {PERIOD_MAX}", quotable(text));
                return Err(Problem::new("out-of-range", problem).note("counts are not kept for longer"));
            }
            Ok(PeriodText::Length(length))
        }
    }
}

/// Statuses that are bad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadStatus(Vec<StatusPattern>);

/// A status or a class of them.
#[derive(Debug, Clone, PartialEq, Eq)]
enum StatusPattern {
    /// `5xx`: codes of three digits of which the first is this one.
    Class(u8),
    /// This one: `429`, `Unavailable`.
    Exactly(Name),
}

impl Default for BadStatus {
    /// `5xx`: what the server could not do.
    fn default() -> Self {
        Self(vec![StatusPattern::Class(b'5')])
    }
}

impl BadStatus {
    /// From patterns, each of which was checked.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        let pattern = |text: &str| match text.as_bytes() {
            [first @ b'1'..=b'5', b'x', b'x'] => StatusPattern::Class(*first),
            _ => StatusPattern::Exactly(text.into()),
        };
        Self(patterns.into_iter().map(pattern).collect())
    }

    /// The same as a regular expression over the whole of a status.
    #[must_use]
    pub fn pattern(&self) -> String {
        let one = |pattern: &StatusPattern| match pattern {
            StatusPattern::Class(first) => format!("{}..", char::from(*first)),
            StatusPattern::Exactly(text) => regex::escape(text),
        };
        self.0.iter().map(one).collect::<Vec<_>>().join("|")
    }

    /// Whether a status is one of them.
    #[must_use]
    pub fn is_bad(&self, status: &str) -> bool {
        self.0.iter().any(|pattern| match pattern {
            StatusPattern::Class(first) => {
                matches!(status.as_bytes(), [a, b, c] if a == first && b.is_ascii_digit() && c.is_ascii_digit())
            }
            StatusPattern::Exactly(text) => text == status,
        })
    }
}

/// Checks a status: a class such as `5xx`, a code, or a word of another protocol.
pub fn status(text: &str) -> Result<(), Problem> {
    let class = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX"));
    match class {
        Some(first) if !matches!(first, "1" | "2" | "3" | "4" | "5") || text.ends_with("XX") => {
            Err(Problem::new("bad-status", format!("`{}` is no class of status codes", quotable(text)))
                .hint("write `4xx` or `5xx`, a code such as 429, or a word such as `Unavailable`"))
        }
        _ if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) => {
            Err(Problem::new("bad-status", format!("`{}` is no status", quotable(text)))
                .hint("write `5xx`, a code such as 429, or a word such as `Unavailable`"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_classes_codes_or_words() {
        let bad = BadStatus::new(["5xx", "429", "Unavailable"]);
        for (text, is_bad) in [
            ("500", true),
            ("599", true),
            ("429", true),
            ("Unavailable", true),
            ("428", false),
            ("50", false),
            ("5000", false),
            ("5ab", false),
            ("unavailable", false),
            ("", false),
        ] {
            assert_eq!(bad.is_bad(text), is_bad, "{text}");
        }
        assert!(BadStatus::default().is_bad("503") && !BadStatus::default().is_bad("404"));
        for text in ["5xx", "1xx", "429", "Unavailable", "OK"] {
            assert!(status(text).is_ok(), "{text}");
        }
        for text in ["", "6xx", "5XX", "xx", "a b"] {
            assert!(status(text).is_err(), "{text}");
        }
    }

    #[test]
    fn periods_are_lengths_or_units_of_the_calendar() {
        assert_eq!(period("28d").unwrap(), PeriodText::Length(Span::from_hours(28 * 24)));
        assert_eq!(period("92d").unwrap(), PeriodText::Length(PERIOD_MAX));
        assert_eq!(period("quarter").unwrap(), PeriodText::Quarter);
        for text in ["0", "93d", "year", "months", ""] {
            assert!(period(text).is_err(), "{text}");
        }
    }
}
