//! Deduplication keys: at most one open incident per key.
//!
//! A key begins with the team, so that no team's rule can swallow another's alert. `/` separates its parts; inside a value `/` is
//! written `%2F`, and a `%` that could be taken for such a code is written `%25`, so two different lists of values never make the
//! same key. Absent on purpose: the search for an open incident, which is the engine's.

use std::fmt::Write as _;

use crate::domain::{Event, Name};

/// Longest key in bytes. Beyond: it is cut and ends in `~` and the fingerprint of what was cut off; a pattern that is longer itself is
/// refused.
pub const KEY_BYTES_MAX: usize = 512;
/// `~` and 32 hexadecimal digits.
const CUT_MARK_BYTES: usize = 33;

/// How a key is made from an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DedupRule {
    /// The values of these fields, in order, absent ones as empty. No fields: the fingerprint of the event.
    Fields(Vec<Name>),
    /// A text with `{field}` in it; `{labels.x}` is the label `x` even where a field has that name, `{{` and `}}` are braces.
    Pattern(String),
}

/// Why a text is not a pattern. Positions count bytes from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A brace that is never closed.
    #[error("the brace at {at} is not closed")]
    Unclosed { at: usize },
    /// A brace that was never opened.
    #[error("the brace at {at} closes nothing; write `}}}}` for the character itself")]
    Unopened { at: usize },
    /// No field between braces, or something that is no name.
    #[error("`{{{field}}}` at {at} is not a field; write for example `{{service}}` or `{{labels.host}}`")]
    BadField { at: usize, field: String },
    /// Nothing in it depends on the event.
    #[error("it has no field, so all alerts of the team would be one incident; write for example `{{service}}`")]
    NoField,
    /// Too long.
    #[error("it is longer than {KEY_BYTES_MAX} bytes")]
    TooLong,
}

/// A piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Field(&'a str),
}

/// Cuts the next piece off `pattern[at..]`; `None` at the end.
fn piece(pattern: &str, at: usize) -> Option<Result<(Piece<'_>, usize), PatternError>> {
    let rest = &pattern[at..];
    let first = rest.bytes().next()?;
    Some(match first {
        b'{' if rest.starts_with("{{") => Ok((Piece::Text("{"), at + 2)),
        b'}' if rest.starts_with("}}") => Ok((Piece::Text("}"), at + 2)),
        b'}' => Err(PatternError::Unopened { at }),
        b'{' => match rest.find('}') {
            None => Err(PatternError::Unclosed { at }),
            Some(end) if is_field(&rest[1..end]) => Ok((Piece::Field(&rest[1..end]), at + end + 1)),
            Some(end) => Err(PatternError::BadField { at, field: rest[1..end].chars().take(64).collect() }),
        },
        _ => {
            let end = rest.find(['{', '}']).unwrap_or(rest.len());
            Ok((Piece::Text(&rest[..end]), at + end))
        }
    })
}

/// Whether a text can name a field or label: nothing that only looks like more syntax.
fn is_field(name: &str) -> bool {
    let name = name.strip_prefix("labels.").unwrap_or(name);
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '{' | '}' | '"'))
}

/// The value that a rule means by `name`; `labels.x` asks for the label alone.
fn value<'a>(event: &'a Event, name: &str) -> &'a str {
    match name.strip_prefix("labels.") {
        Some(label) => event.labels.get(label).or_else(|| event.labels.get(name)),
        None => event.field(name),
    }
    .unwrap_or_default()
}

impl DedupRule {
    /// Checks a pattern.
    ///
    /// # Errors
    /// When a brace is not closed or not opened, a field has no name, no field occurs, or the text is too long.
    pub fn parse_pattern(text: &str) -> Result<Self, PatternError> {
        if text.len() > KEY_BYTES_MAX {
            return Err(PatternError::TooLong);
        }
        let (mut at, mut fields) = (0, 0);
        while let Some(next) = piece(text, at) {
            let (piece, end) = next?;
            fields += usize::from(matches!(piece, Piece::Field(_)));
            at = end;
        }
        if fields == 0 {
            return Err(PatternError::NoField);
        }
        Ok(Self::Pattern(text.to_owned()))
    }

    /// The key of `event` for `team`, at most [`KEY_BYTES_MAX`] bytes.
    #[must_use]
    pub fn key(&self, event: &Event, team: &str) -> Name {
        let mut key = Name::with_capacity(96);
        push_escaped(&mut key, team);
        match self {
            Self::Fields(names) if names.is_empty() => {
                // Writing into a string does not fail.
                let _ = write!(key, "/{:032x}", event.fingerprint().0);
            }
            Self::Fields(names) => {
                for name in names {
                    key.push('/');
                    push_escaped(&mut key, value(event, name));
                }
            }
            Self::Pattern(pattern) => {
                key.push('/');
                let mut at = 0;
                // The pattern was checked by `parse_pattern`; of one that was not, what follows the mistake is left out.
                while let Some(Ok((piece, end))) = piece(pattern, at) {
                    match piece {
                        Piece::Text(text) => key.push_str(text),
                        Piece::Field(name) => push_escaped(&mut key, value(event, name)),
                    }
                    at = end;
                }
            }
        }
        bounded(key)
    }
}

/// Appends `value` so that it contains no `/` and can be read back.
fn push_escaped(key: &mut Name, value: &str) {
    let mut rest = value;
    while let Some(at) = rest.find(['/', '%']) {
        key.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if rest.as_bytes()[at] == b'/' {
            key.push_str("%2F");
        } else if after.starts_with("2F") || after.starts_with("25") {
            key.push_str("%25");
        } else {
            key.push('%');
        }
        rest = after;
    }
    key.push_str(rest);
}

/// Cuts a key that is too long, so that different ones stay different.
fn bounded(mut key: Name) -> Name {
    if key.len() <= KEY_BYTES_MAX {
        // It is kept for each incident, and a copy has the room of its original.
        key.shrink_to_fit();
        return key;
    }
    let cut = key.floor_char_boundary(KEY_BYTES_MAX - CUT_MARK_BYTES);
    let rest = xxhash_rust::xxh3::xxh3_128(&key.as_bytes()[cut..]);
    key.truncate(cut);
    let _ = write!(key, "~{rest:032x}");
    key
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::{EventKind, EventStatus, Labels, LabelsBuilder, Source, Timestamp};

    /// An event with these fields; names that are no fields become labels.
    pub(crate) fn event(pairs: &[(&str, &str)]) -> Event {
        let mut event = Event {
            kind: EventKind::Breach,
            status: EventStatus::Firing,
            source: Source::Native,
            at: Timestamp::from_seconds(1_700_000_000),
            ends_at: None,
            idempotency: None,
            team: None,
            service: None,
            endpoint: None,
            sli: None,
            slo: None,
            objective: None,
            environment: None,
            region: None,
            window: None,
            labels: Labels::default(),
            annotations: Labels::default(),
            detail: None,
        };
        let mut labels = LabelsBuilder::default();
        for (name, value) in pairs {
            let field = match *name {
                "team" => &mut event.team,
                "service" => &mut event.service,
                "endpoint" => &mut event.endpoint,
                "sli" => &mut event.sli,
                "slo" => &mut event.slo,
                "environment" => &mut event.environment,
                "region" => &mut event.region,
                _ => {
                    labels.push(*name, *value);
                    continue;
                }
            };
            *field = Some((*value).into());
        }
        event.labels = labels.build().unwrap();
        event
    }

    fn fields(names: &[&str]) -> DedupRule {
        DedupRule::Fields(names.iter().map(|n| Name::from(*n)).collect())
    }

    #[test]
    fn fields_are_joined_in_order_and_absent_ones_are_empty() {
        let rule = fields(&["service", "endpoint", "sli", "environment"]);
        let breach = event(&[("service", "data-api"), ("endpoint", "GET /api/data"), ("sli", "availability")]);
        assert_eq!(rule.key(&breach, "checkout"), "checkout/data-api/GET %2Fapi%2Fdata/availability/");
    }

    #[test]
    fn different_values_never_make_the_same_key() {
        let rule = fields(&["a", "b"]);
        let values = ["", "/", "%", "%2F", "%25", "%252F", "a", "a/", "/a", "2F", "%%2F", "%2", "5", "%2F/", "F"];
        let mut keys = std::collections::BTreeSet::new();
        for a in values {
            for b in values {
                assert!(keys.insert(rule.key(&event(&[("a", a), ("b", b)]), "t")), "{a} and {b}");
            }
        }
    }

    #[test]
    fn a_percent_sign_stays_readable() {
        let rule = DedupRule::parse_pattern("{alertname}").unwrap();
        let alert = event(&[("alertname", "CPU > 90% on host ABC")]);
        assert_eq!(rule.key(&alert, "infra"), "infra/CPU > 90% on host ABC");
    }

    #[test]
    fn patterns_mix_text_fields_and_labels() {
        let rule = DedupRule::parse_pattern("disk {labels.host}:{{{service}}}").unwrap();
        let alert = event(&[("service", "db"), ("host", "abc")]);
        assert_eq!(rule.key(&alert, "infra"), "infra/disk abc:{db}");
        let rule = DedupRule::parse_pattern("{labels.service}").unwrap();
        assert_eq!(rule.key(&alert, "infra"), "infra/", "the field is not the label");
    }

    #[test]
    fn mistakes_in_patterns_are_named_with_their_place() {
        let cases = [
            ("x {service", PatternError::Unclosed { at: 2 }),
            ("service}", PatternError::Unopened { at: 7 }),
            ("{}", PatternError::BadField { at: 0, field: String::new() }),
            ("{labels.}", PatternError::BadField { at: 0, field: "labels.".into() }),
            ("{a b}", PatternError::BadField { at: 0, field: "a b".into() }),
            ("{a{b}}", PatternError::BadField { at: 0, field: "a{b".into() }),
            ("all the same", PatternError::NoField),
            ("", PatternError::NoField),
        ];
        for (text, error) in cases {
            assert_eq!(DedupRule::parse_pattern(text), Err(error), "{text}");
        }
        assert_eq!(DedupRule::parse_pattern(&"x".repeat(513)), Err(PatternError::TooLong));
    }

    #[test]
    fn no_fields_mean_the_fingerprint() {
        let alert = event(&[("host", "abc")]);
        let key = fields(&[]).key(&alert, "infra");
        assert_eq!(key, format!("infra/{:032x}", alert.fingerprint().0));
    }

    #[test]
    fn long_keys_are_cut_and_stay_different() {
        let rule = fields(&["a", "b"]);
        let long = "ä".repeat(400);
        let one = rule.key(&event(&[("a", &long), ("b", "1")]), "t");
        let two = rule.key(&event(&[("a", &long), ("b", "2")]), "t");
        assert!(one.len() <= KEY_BYTES_MAX && two.len() <= KEY_BYTES_MAX);
        assert_ne!(one, two);
        let exact = "x".repeat(KEY_BYTES_MAX - 3);
        assert_eq!(rule.key(&event(&[("a", &exact)]), "t"), format!("t/{exact}/"));
    }
}
