//! Instants and spans, both in whole milliseconds.
//!
//! Three notions of time are kept apart by name, not by type: *event time* (`at`, the sender's claim), *received at* (the shell's
//! clock when the event was appended) and *engine time* (`now`, never runs backwards).

use std::fmt;

use serde::{Deserialize, Serialize};

/// An instant in UTC, in milliseconds since 1970. Range: years -9999 to 9999, as RFC 3339 can write it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Timestamp(i64);

/// Why a text is not an instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an RFC 3339 time such as `2026-11-20T20:15:00Z`")]
pub struct TimestampError(String);

impl Timestamp {
    /// The earliest instant that callout handles; `i64` arithmetic on it cannot overflow.
    pub const MIN: Self = Self(-377_705_023_201_000);
    /// The latest instant that callout handles.
    pub const MAX: Self = Self(253_402_207_200_999);

    /// The instant `millis` after 1970, clamped to [`Timestamp::MIN`] ..= [`Timestamp::MAX`].
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        if millis < Self::MIN.0 {
            Self::MIN
        } else if millis > Self::MAX.0 {
            Self::MAX
        } else {
            Self(millis)
        }
    }

    /// The instant `seconds` after 1970, clamped like [`Timestamp::from_millis`].
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339 with any offset; finer digits than milliseconds are cut off.
    ///
    /// # Errors
    /// When the text is not RFC 3339.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        text.parse::<jiff::Timestamp>()
            .map(|t| Self::from_millis(t.as_millisecond()))
            .map_err(|_| TimestampError(text.chars().take(64).collect()))
    }

    /// The same instant for `jiff`, for civil arithmetic.
    #[must_use]
    pub fn to_jiff(self) -> jiff::Timestamp {
        // jiff refuses the last millisecond of its own range.
        let edge = if self.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(edge)
    }

    /// From `jiff`; finer digits are cut off.
    #[must_use]
    pub fn from_jiff(t: jiff::Timestamp) -> Self {
        Self::from_millis(t.as_millisecond())
    }

    /// The instant `span` later, clamped to [`Timestamp::MAX`].
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        Self::from_millis(self.0.saturating_add(span.as_millis()))
    }

    /// The instant `span` earlier, clamped to [`Timestamp::MIN`].
    #[must_use]
    pub const fn minus(self, span: Span) -> Self {
        Self::from_millis(self.0.saturating_sub(span.as_millis()))
    }

    /// Time from `earlier` to `self`; zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, with milliseconds only where there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_jiff().fmt(f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A length of time in whole milliseconds, never negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Span(i64);

/// Why a text is not a span.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a length of time: {reason}")]
pub struct SpanError {
    text: String,
    reason: &'static str,
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of `millis`; negative becomes zero.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(if millis < 0 { 0 } else { millis })
    }

    /// A span of whole seconds.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self::from_millis(seconds.saturating_mul(1_000))
    }

    /// A span of whole minutes.
    #[must_use]
    pub const fn from_minutes(minutes: i64) -> Self {
        Self::from_millis(minutes.saturating_mul(60_000))
    }

    /// A span of whole hours.
    #[must_use]
    pub const fn from_hours(hours: i64) -> Self {
        Self::from_millis(hours.saturating_mul(3_600_000))
    }

    /// Milliseconds, never negative.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whether this is no time at all.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The same for `std`.
    #[must_use]
    pub const fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0.unsigned_abs())
    }

    /// Reads the grammar of Prometheus durations: `1h30m`, `90s`, `28d`, `2w`, `500ms`; units descend and each occurs once.
    /// A day is 24 hours here: spans are elapsed time, never civil time.
    ///
    /// # Errors
    /// When the text is empty, a unit is missing, unknown, repeated or out of order, or the sum is over 100 years.
    pub fn parse(text: &str) -> Result<Self, SpanError> {
        const UNITS: [(&str, i64); 7] = [
            ("y", 365 * 86_400_000),
            ("w", 7 * 86_400_000),
            ("d", 86_400_000),
            ("h", 3_600_000),
            ("m", 60_000),
            ("s", 1_000),
            ("ms", 1),
        ];
        let fail = |reason| SpanError { text: text.chars().take(64).collect(), reason };
        if text == "0" {
            return Ok(Self::ZERO);
        }
        if text.is_empty() {
            return Err(fail("it is empty; write for example `60m`"));
        }
        let mut rest = text;
        let mut next_unit = 0;
        let mut total: i64 = 0;
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let number: i64 =
                rest[..digits].parse().map_err(|_| fail("a whole number is expected before each unit"))?;
            rest = &rest[digits..];
            let letters = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
            let unit = UNITS
                .iter()
                .position(|(u, _)| *u == &rest[..letters])
                .ok_or_else(|| fail("the units are y, w, d, h, m, s and ms"))?;
            if unit < next_unit {
                return Err(fail("units go from long to short, each at most once"));
            }
            next_unit = unit + 1;
            rest = &rest[letters..];
            total = number
                .checked_mul(UNITS[unit].1)
                .and_then(|ms| ms.checked_add(total))
                .filter(|ms| *ms <= 100 * 366 * 86_400_000)
                .ok_or_else(|| fail("it is longer than 100 years"))?;
        }
        Ok(Self(total))
    }
}

impl fmt::Display for Span {
    /// The shortest exact form, such as `2h`, `1h30m`, `45s`, `28d`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, i64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, millis) in UNITS {
            if rest >= millis {
                write!(f, "{}{unit}", rest / millis)?;
                rest %= millis;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_follow_the_prometheus_grammar() {
        for (text, millis) in
            [("60m", 3_600_000), ("1h30m", 5_400_000), ("28d", 2_419_200_000), ("500ms", 500), ("0", 0)]
        {
            assert_eq!(Span::parse(text).map(Span::as_millis), Ok(millis), "{text}");
        }
        for text in ["", "5", "m", "1m1h", "1h1h", "-5m", "1.5h", "5 m", "99999999999999999999s", "200y"] {
            assert!(Span::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn spans_print_as_they_can_be_read() {
        for millis in [0, 1, 999, 60_000, 5_400_000, 90_061_001] {
            let span = Span::from_millis(millis);
            assert_eq!(Span::parse(&span.to_string()), Ok(span));
        }
    }

    #[test]
    fn the_edges_of_time_stay_at_the_edges() {
        assert_eq!(Timestamp::MIN.to_jiff(), jiff::Timestamp::MIN);
        assert_eq!(Timestamp::MAX.to_jiff(), jiff::Timestamp::MAX);
    }

    #[test]
    fn times_are_read_with_offset_and_written_in_utc() {
        let t = Timestamp::parse("2026-11-20T21:15:00+01:00");
        assert_eq!(t.map(|t| t.to_string()), Ok("2026-11-20T20:15:00Z".to_owned()));
        assert!(Timestamp::parse("yesterday").is_err());
    }
}
