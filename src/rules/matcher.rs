//! Matchers `= != =~ !~` over the fields and labels of an event.
//!
//! Source: the grammar of Alertmanager 0.25 (`pkg/labels`), which `amtool` and silences by API use; quoted names as since 0.27.
//! Absent on purpose: a matcher without an operator (`amtool` completes it before sending), and numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::expression::{Expression, ExpressionError, REGEX_BYTES_MAX};
use crate::domain::{Event, Name};

/// Most matchers in one text. Beyond: the text is refused.
pub const MATCHERS_MAX: usize = 64;

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

impl MatchOp {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }

    /// Whether the value is a regular expression.
    #[must_use]
    pub const fn is_regex(self) -> bool {
        matches!(self, Self::Regex | Self::NotRegex)
    }

    /// Whether the value must match.
    #[must_use]
    pub const fn is_equal(self) -> bool {
        matches!(self, Self::Equal | Self::Regex)
    }

    const fn from_flags(is_regex: bool, is_equal: bool) -> Self {
        match (is_regex, is_equal) {
            (false, true) => Self::Equal,
            (false, false) => Self::NotEqual,
            (true, true) => Self::Regex,
            (true, false) => Self::NotRegex,
        }
    }
}

/// One matcher as it is stored, as Alertmanager writes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MatcherSpec {
    /// Field or label.
    pub name: Name,
    /// Text or anchored regular expression.
    pub value: Name,
    /// Whether `value` is a regular expression.
    pub is_regex: bool,
    /// Whether it must match (`=`, `=~`) or must not (`!=`, `!~`).
    pub is_equal: bool,
}

impl MatcherSpec {
    /// How it compares.
    #[must_use]
    pub const fn op(&self) -> MatchOp {
        MatchOp::from_flags(self.is_regex, self.is_equal)
    }
}

impl fmt::Display for MatcherSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_matcher(f, &self.name, self.op(), &self.value)
    }
}

/// A checked matcher.
#[derive(Clone, Debug)]
pub struct Matcher {
    /// Field or label.
    pub name: Name,
    /// How it compares.
    pub op: MatchOp,
    /// What with: a text, or the source of the regular expression.
    pub value: Name,
    /// The expression, anchored at both ends; present exactly for `=~` and `!~`.
    regex: Option<Expression>,
}

/// Why a text or a stored matcher is none. Positions count bytes from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    /// The text does not follow the grammar.
    #[error("at {at}: {reason}")]
    Syntax { at: usize, reason: &'static str },
    /// The regular expression is wrong.
    #[error("at {at}: `{regex}` is not a regular expression: {reason}")]
    Regex { at: usize, regex: String, reason: String },
    /// The regular expression is too long or too big once compiled.
    #[error("at {at}: the regular expression is too big; at most {REGEX_BYTES_MAX} bytes and no huge repetitions")]
    TooBig { at: usize },
    /// No name.
    #[error("a matcher has no name; write for example `service=\"data-api\"`")]
    NoName,
    /// None at all.
    #[error("at least one matcher is expected, for example `service=\"data-api\"`")]
    None,
    /// More than anybody can mean.
    #[error("at most {MATCHERS_MAX} matchers")]
    TooMany,
}

impl Matcher {
    /// Makes one from its parts.
    ///
    /// # Errors
    /// When the name is empty, or the expression is wrong or too big; positions are within `value`.
    pub fn new(name: Name, op: MatchOp, value: Name) -> Result<Self, MatcherError> {
        if name.is_empty() {
            return Err(MatcherError::NoName);
        }
        let regex = if op.is_regex() { Some(Expression::new(&value).map_err(|e| refused(e, &value))?) } else { None };
        Ok(Self { name, op, value, regex })
    }

    /// Makes one from a stored or posted one.
    ///
    /// # Errors
    /// As [`Matcher::new`].
    pub fn from_spec(spec: &MatcherSpec) -> Result<Self, MatcherError> {
        Self::new(spec.name.clone(), spec.op(), spec.value.clone())
    }

    /// Makes one from a stored one, which was checked before; its expression is compiled when it is needed.
    ///
    /// # Errors
    /// As [`Matcher::new`], though an expression that is too big once compiled is found later, and matches nothing.
    pub fn from_stored(spec: &MatcherSpec) -> Result<Self, MatcherError> {
        let (op, value) = (spec.op(), spec.value.clone());
        let expression = op.is_regex().then(|| Expression::deferred(&value).map_err(|e| refused(e, &value)));
        Ok(Self { name: spec.name.clone(), op, regex: expression.transpose()?, value })
    }

    /// For storing.
    #[must_use]
    pub fn to_spec(&self) -> MatcherSpec {
        MatcherSpec {
            name: self.name.clone(),
            value: self.value.clone(),
            is_regex: self.op.is_regex(),
            is_equal: self.op.is_equal(),
        }
    }

    /// Reads one matcher: `a=b`, `a="b c"`, `a!=b`, `a=~"x|y"`, `a!~x`, `"a b"=c`.
    ///
    /// # Errors
    /// When the text is not exactly one matcher.
    pub fn parse(text: &str) -> Result<Self, MatcherError> {
        let mut reader = Reader { text, at: 0 };
        let matcher = reader.matcher(false)?;
        reader.skip_space();
        if reader.at < text.len() {
            return Err(reader.wrong("one matcher ends here; several are separated by commas"));
        }
        Ok(matcher)
    }

    /// Reads several, separated by commas, with or without braces around them all: `{a="1", b=~"2|3"}`. A comma at the end is fine.
    ///
    /// # Errors
    /// When the text does not follow the grammar, or holds none or more than [`MATCHERS_MAX`].
    pub fn parse_all(text: &str) -> Result<Vec<Self>, MatcherError> {
        let mut reader = Reader { text, at: 0 };
        reader.skip_space();
        let braced = reader.take('{');
        let mut matchers = Vec::new();
        loop {
            reader.skip_space();
            if reader.at == text.len() || (braced && reader.peek() == Some('}')) {
                break;
            }
            if matchers.len() == MATCHERS_MAX {
                return Err(MatcherError::TooMany);
            }
            matchers.push(reader.matcher(braced)?);
            reader.skip_space();
            if !reader.take(',') {
                break;
            }
        }
        if braced && !reader.take('}') {
            return Err(reader.wrong("a comma or the closing brace is expected"));
        }
        reader.skip_space();
        if reader.at < text.len() {
            return Err(reader.wrong("a comma is expected between two matchers"));
        }
        if matchers.is_empty() {
            return Err(MatcherError::None);
        }
        Ok(matchers)
    }

    /// Whether it holds for what `get` says; absent is empty, as in Alertmanager.
    #[must_use]
    pub fn matches<'a>(&self, get: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.matches_value(get(&self.name).unwrap_or_default())
    }

    /// Whether it holds for an event: its named fields first, then its labels.
    #[must_use]
    pub fn matches_event(&self, event: &Event) -> bool {
        self.matches_value(event.field(&self.name).unwrap_or_default())
    }

    fn matches_value(&self, value: &str) -> bool {
        let same = self.regex.as_ref().map_or_else(|| Some(self.value == value), |regex| regex.is_match(value));
        same.is_some_and(|same| same == self.op.is_equal())
    }

    /// Whether it holds for everything that lacks the label. A silence of such matchers alone would silence everything.
    #[must_use]
    pub fn matches_empty(&self) -> bool {
        self.matches_value("")
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Eq for Matcher {}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_matcher(f, &self.name, self.op, &self.value)
    }
}

/// Writes a matcher so that it can be read again: the value quoted, the name where it must be.
fn write_matcher(f: &mut fmt::Formatter<'_>, name: &str, op: MatchOp, value: &str) -> fmt::Result {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"{}!=~,\\\"'`".contains(c);
    if name.chars().all(plain) {
        f.write_str(name)?;
    } else {
        write_quoted(f, name)?;
    }
    f.write_str(op.as_str())?;
    write_quoted(f, value)
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    use fmt::Write as _;
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

fn refused(error: ExpressionError, source: &str) -> MatcherError {
    match error {
        ExpressionError::TooBig => MatcherError::TooBig { at: 0 },
        ExpressionError::Wrong { at, reason } => {
            MatcherError::Regex { at, regex: source.chars().take(128).collect(), reason }
        }
    }
}

/// Where the reading of a text stands.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.at += wanted.len_utf8();
        }
        there
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    const fn wrong(&self, reason: &'static str) -> MatcherError {
        MatcherError::Syntax { at: self.at, reason }
    }

    fn matcher(&mut self, braced: bool) -> Result<Matcher, MatcherError> {
        self.skip_space();
        let name = self.name()?;
        self.skip_space();
        let op = self.op()?;
        self.skip_space();
        let value_at = self.at;
        let value = if self.peek() == Some('"') { self.quoted()? } else { self.bare_value(braced)? };
        Matcher::new(name.into(), op, value.into()).map_err(|error| match error {
            MatcherError::Regex { at, regex, reason } => MatcherError::Regex { at: value_at + at, regex, reason },
            MatcherError::TooBig { .. } => MatcherError::TooBig { at: value_at },
            other => other,
        })
    }

    fn name(&mut self) -> Result<String, MatcherError> {
        if self.peek() == Some('"') {
            let name = self.quoted()?;
            return if name.is_empty() { Err(MatcherError::NoName) } else { Ok(name) };
        }
        let is_end = |c: char| c.is_whitespace() || "{}!=~,\\\"'`".contains(c);
        let end = self.rest().find(is_end).unwrap_or(self.rest().len());
        if end == 0 {
            return Err(self.wrong("a name is expected, for example `service`"));
        }
        let name = self.rest()[..end].to_owned();
        self.at += end;
        Ok(name)
    }

    fn op(&mut self) -> Result<MatchOp, MatcherError> {
        let op = [MatchOp::Regex, MatchOp::NotEqual, MatchOp::NotRegex, MatchOp::Equal]
            .into_iter()
            .find(|op| self.rest().starts_with(op.as_str()))
            .ok_or_else(|| self.wrong("`=`, `!=`, `=~` or `!~` is expected"))?;
        self.at += op.as_str().len();
        Ok(op)
    }

    /// A text in double quotes, with `\"`, `\\` and `\n`; any other backslash stands for itself, as in `"\d+"`.
    fn quoted(&mut self) -> Result<String, MatcherError> {
        let mut out = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    return Ok(out);
                }
                '\\' => match chars.next() {
                    Some((_, c @ ('"' | '\\'))) => out.push(c),
                    Some((_, 'n')) => out.push('\n'),
                    Some((_, c)) => out.extend(['\\', c]),
                    None => break,
                },
                c => out.push(c),
            }
        }
        Err(self.wrong("the quote is not closed"))
    }

    /// A value without quotes: up to the next comma, the closing brace at the end, or the end; may be empty.
    fn bare_value(&mut self, braced: bool) -> Result<String, MatcherError> {
        let mut end = self.rest().find(',').unwrap_or(self.rest().len());
        if braced && self.rest()[end..].is_empty() {
            end = self.rest().rfind('}').unwrap_or(end);
        }
        let value = self.rest()[..end].trim_end().to_owned();
        if let Some(at) = value.find('"') {
            self.at += at;
            return Err(self.wrong("a quote inside a value; put the whole value in quotes and write `\\\"`"));
        }
        self.at += end;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        Matcher::parse_all(text).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_grammar_of_amtool_is_read() {
        let cases: [(&str, &[&str]); 16] = [
            ("a=b", &[r#"a="b""#]),
            (r#"a="b c""#, &[r#"a="b c""#]),
            ("a!=b", &[r#"a!="b""#]),
            (r#"a=~"x|y""#, &[r#"a=~"x|y""#]),
            ("a!~x", &[r#"a!~"x""#]),
            (r#""a b"=c"#, &[r#""a b"="c""#]),
            (r#"{a="1", b=~"2|3",}"#, &[r#"a="1""#, r#"b=~"2|3""#]),
            ("a=1,b=2", &[r#"a="1""#, r#"b="2""#]),
            (" { a = 1 , b != 2 } ", &[r#"a="1""#, r#"b!="2""#]),
            (r#"a="x,y",b="}""#, &[r#"a="x,y""#, r#"b="}""#]),
            ("a=", &[r#"a="""#]),
            ("{a=,b=}", &[r#"a="""#, r#"b="""#]),
            (r#"a=~"\d+""#, &[r#"a=~"\\d+""#]),
            (r#"a="\"\\\n""#, &[r#"a="\"\\\n""#]),
            ("größe=\"ä\"", &["größe=\"ä\""]),
            ("{a=~x{2}}", &[r#"a=~"x{2}""#]),
        ];
        for (text, matchers) in cases {
            assert_eq!(shown(text), matchers, "{text}");
        }
    }

    #[test]
    fn what_is_written_can_be_read_again() {
        for text in [r#"a=~"\\d+ \"x\"""#, r#""we ird"!="a\nb""#, "a!~\"(x|y)z\"", r#"a="""#] {
            let matcher = Matcher::parse(text).unwrap();
            assert_eq!(Matcher::parse(&matcher.to_string()), Ok(matcher.clone()), "{text}");
            assert_eq!(Matcher::from_spec(&matcher.to_spec()), Ok(matcher), "{text}");
        }
    }

    #[test]
    fn mistakes_have_a_place_and_a_reason() {
        let cases = [
            ("a", 1),
            ("=b", 0),
            ("a=\"b", 2),
            ("a=b\"c", 3),
            ("{a=b", 4),
            ("a=\"b\" c=d", 6),
            ("a~b", 1),
            ("a=\"1\",,b=2", 6),
        ];
        for (text, place) in cases {
            match Matcher::parse_all(text) {
                Err(MatcherError::Syntax { at, .. }) => assert_eq!(at, place, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        for text in ["", "  ", "{}", "{ }"] {
            assert_eq!(Matcher::parse_all(text), Err(MatcherError::None), "{text}");
        }
        assert_eq!(Matcher::parse_all("\"\"=a"), Err(MatcherError::NoName));
        assert_eq!(Matcher::parse_all(&"a=b,".repeat(MATCHERS_MAX)).map(|all| all.len()), Ok(MATCHERS_MAX));
        assert_eq!(Matcher::parse_all(&"a=b,".repeat(MATCHERS_MAX + 1)), Err(MatcherError::TooMany));
    }

    #[test]
    fn bad_expressions_are_refused_with_the_reason() {
        let cases =
            [("a=~(", 3, "unclosed group"), ("a=~\"x**)\"", 6, "unopened group"), ("a=~a)|(b", 4, "unopened group")];
        for (text, place, why) in cases {
            match Matcher::parse(text) {
                Err(MatcherError::Regex { at, reason, .. }) => {
                    assert!(reason.contains(why), "{text}: {reason}");
                    assert_eq!(at, place, "{text}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
        assert!(Matcher::parse(&format!("a=~{}", "x".repeat(REGEX_BYTES_MAX))).is_ok());
        for text in ["a=~(x{1000}){1000}".to_owned(), format!("a=~{}", "x".repeat(REGEX_BYTES_MAX + 1))] {
            assert!(matches!(Matcher::parse(&text), Err(MatcherError::TooBig { at: 3 })), "{text:.20}");
        }
        // Look-around and back references are not part of the grammar, there as here.
        assert!(Matcher::parse(r"a=~(?=x)").is_err());
    }

    #[test]
    fn expressions_are_anchored_and_absent_is_empty() {
        let cases = [
            ("a=~b", Some("b"), true),
            ("a=~b", Some("bb"), false),
            ("a=~b|c", Some("xc"), false),
            ("a=~b.*", Some("bc"), true),
            ("a!~b.*", Some("bc"), false),
            ("a!~b.*", None, true),
            ("a=~.+", None, false),
            ("a=~.*", None, true),
            ("a=", None, true),
            ("a!=", None, false),
            ("a!=x", None, true),
            ("a=x", Some("x"), true),
            ("a=x", Some("X"), false),
        ];
        for (text, value, holds) in cases {
            assert_eq!(Matcher::parse(text).unwrap().matches(|_| value), holds, "{text} on {value:?}");
        }
    }
}
