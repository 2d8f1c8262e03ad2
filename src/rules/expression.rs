//! Regular expressions of matchers: anchored at both ends, bounded in size, cheap to keep by the ten thousand.
//!
//! Most expressions demand some text literally: `(payments|checkout)-000123-.*` demands that a value begins with `payments-000123-` or
//! `checkout-000123-`, and `.*foo.*` that it has `foo` in it. A value without it is refused by looking for that text alone, and the
//! expression is compiled when a value first has it: of 10,000 expressions of that form none is compiled until it is needed, and even all of them compiled take about 60 MB (automata that trade memory for speed are left out;
//! with them it was 240 MB, and 330 MB after use).
//!
//! Absent on purpose: captures, look-around and back references (there as in Go's RE2, which Alertmanager uses).

use std::sync::OnceLock;

use regex_automata::meta::Regex;
use regex_automata::nfa::thompson::WhichCaptures;
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Hir, HirKind, Look};

use crate::domain::Name;

/// Longest regular expression in bytes. Beyond: it is refused.
pub const REGEX_BYTES_MAX: usize = 4_096;
/// Largest compiled regular expression in bytes. Beyond: it is refused, as `(a{1000}){1000}` is.
const REGEX_SIZE_MAX: usize = 256 * 1024;
/// Most texts of which one must occur. Beyond: it is quicker to match, so none is asked for.
const REQUIRED_MAX: usize = 16;

/// Why a text is no regular expression. Positions count bytes from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpressionError {
    /// It does not follow the grammar.
    Wrong { at: usize, reason: String },
    /// It is too long, or too big once compiled.
    TooBig,
}

/// A regular expression that a value must match as a whole.
#[derive(Debug, Clone)]
pub struct Expression {
    source: Name,
    needs: Needs,
    /// Made when first needed; `None` inside when it cannot be.
    compiled: OnceLock<Option<Regex>>,
}

/// What every match has.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Needs {
    /// Nothing is known.
    Nothing,
    /// It begins with one of these.
    Beginning(Box<[Name]>),
    /// One of these occurs in it.
    Inside(Box<[Name]>),
}

impl Needs {
    /// The most telling of what is known.
    fn of(hir: &Hir) -> Self {
        let shortest = |texts: &[Name]| texts.iter().map(Name::len).min().unwrap_or(0);
        let (beginning, inside) = (beginnings(hir).unwrap_or_default(), required(hir).unwrap_or_default());
        let inside: Vec<Name> = inside.into_iter().map(Name::from).collect();
        if shortest(&beginning) > 0 && shortest(&beginning) * 2 >= shortest(&inside) {
            Self::Beginning(beginning.into())
        } else if inside.is_empty() {
            Self::Nothing
        } else {
            Self::Inside(inside.into())
        }
    }

    fn are_met(&self, value: &str) -> bool {
        match self {
            Self::Nothing => true,
            Self::Beginning(texts) => texts.iter().any(|text| value.starts_with(text.as_str())),
            Self::Inside(texts) => texts.iter().any(|text| value.contains(text.as_str())),
        }
    }
}

impl Expression {
    /// Reads and compiles it, so that every mistake is found. For the edge.
    ///
    /// # Errors
    /// See [`ExpressionError`].
    pub fn new(source: &Name) -> Result<Self, ExpressionError> {
        let expression = Self::deferred(source)?;
        if expression.compiled().is_some() { Ok(expression) } else { Err(ExpressionError::TooBig) }
    }

    /// Reads it and leaves compiling for when it is needed. For what was checked by [`Expression::new`] before.
    ///
    /// # Errors
    /// As [`Expression::new`]; that it is too big once compiled is found later, and then it matches nothing.
    pub fn deferred(source: &Name) -> Result<Self, ExpressionError> {
        if source.len() > REGEX_BYTES_MAX {
            return Err(ExpressionError::TooBig);
        }
        let needs = Needs::of(&parse(source)?);
        Ok(Self { source: source.clone(), needs, compiled: OnceLock::new() })
    }

    /// Whether the whole of `value` matches; `None` when the expression cannot be compiled.
    #[must_use]
    pub fn is_match(&self, value: &str) -> Option<bool> {
        if !self.needs.are_met(value) {
            return Some(false);
        }
        self.compiled().map(|regex| regex.is_match(value))
    }

    fn compiled(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| compile(&self.source)).as_ref()
    }
}

/// Reads an expression alone, not between anchors: `a)|(b` would escape them.
fn parse(source: &str) -> Result<Hir, ExpressionError> {
    regex_syntax::Parser::new().parse(source).map_err(|error| match error {
        regex_syntax::Error::Parse(error) => {
            ExpressionError::Wrong { at: error.span().start.offset, reason: error.kind().to_string() }
        }
        regex_syntax::Error::Translate(error) => {
            ExpressionError::Wrong { at: error.span().start.offset, reason: error.kind().to_string() }
        }
        _ => ExpressionError::Wrong { at: 0, reason: "it cannot be read".to_owned() },
    })
}

fn compile(source: &str) -> Option<Regex> {
    let whole = Hir::concat(vec![Hir::look(Look::Start), parse(source).ok()?, Hir::look(Look::End)]);
    let config = Regex::config()
        .nfa_size_limit(Some(REGEX_SIZE_MAX))
        .which_captures(WhichCaptures::None)
        .auto_prefilter(false)
        .onepass(false)
        .hybrid(false)
        .dfa(false);
    Regex::builder().configure(config).build_from_hir(&whole).ok()
}

/// Texts of which every match begins with one, since it is anchored.
fn beginnings(hir: &Hir) -> Option<Vec<Name>> {
    let mut extractor = Extractor::new();
    extractor.limit_total(REQUIRED_MAX);
    let found = extractor.extract(hir);
    found.literals()?.iter().map(|text| std::str::from_utf8(text.as_bytes()).ok().map(Name::from)).collect()
}

/// Texts of which one occurs in every match; of several such lists the one with the longest shortest text.
fn required(hir: &Hir) -> Option<Vec<&str>> {
    match hir.kind() {
        HirKind::Literal(literal) => std::str::from_utf8(&literal.0).ok().map(|text| vec![text]),
        HirKind::Capture(capture) => required(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required(&repetition.sub),
        HirKind::Concat(parts) => {
            parts.iter().filter_map(required).max_by_key(|texts| texts.iter().map(|t| t.len()).min())
        }
        HirKind::Alternation(parts) => {
            let lists: Option<Vec<_>> = parts.iter().map(required).collect();
            lists.map(|lists| lists.concat()).filter(|texts| texts.len() <= REQUIRED_MAX)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(source: &str) -> Expression {
        Expression::new(&source.into()).unwrap()
    }

    #[test]
    fn the_text_that_every_match_has_is_found() {
        let names = |texts: &[&str]| texts.iter().copied().map(Name::from).collect();
        let (beginning, inside) =
            (|texts: &[&str]| Needs::Beginning(names(texts)), |texts: &[&str]| Needs::Inside(names(texts)));
        for (source, needs) in [
            ("(payments|checkout)-000123-.*", beginning(&["payments-000123-", "checkout-000123-"])),
            ("(payments|checkout)-.*", beginning(&["payments-", "checkout-"])),
            (".*foo.*", inside(&["foo"])),
            ("foo|bar.*", beginning(&["foo", "bar"])),
            ("a.*foobar", inside(&["foobar"])),
            ("foo|.*", Needs::Nothing),
            ("(foo)?", Needs::Nothing),
            ("(foo)+x", beginning(&["foo"])),
            (r"\w+", Needs::Nothing),
            ("", Needs::Nothing),
        ] {
            assert_eq!(expression(source).needs, needs, "{source}");
        }
    }

    #[test]
    fn the_search_for_the_text_does_not_change_the_answer() {
        let sources =
            ["(a|bc)+d?", "ab|ba", "a.c", "(?i)abc", "[ab]c*", "(ab){2,}", "a*b", "", "(|ab)c", "(?:a|b)(?:c|d)"];
        let values: Vec<String> = (0..4_u32.pow(5))
            .map(|n| (0..5).map(|digit| b"abcd"[(n / 4_u32.pow(digit) % 4) as usize] as char).collect())
            .flat_map(|text: String| (0..=5).map(move |cut| text[..cut].to_owned()))
            .collect();
        for source in sources {
            let plain = regex::Regex::new(&format!("^(?:{source})$")).unwrap();
            let ours = expression(source);
            for value in &values {
                assert_eq!(ours.is_match(value), Some(plain.is_match(value)), "{source} on {value}");
            }
        }
    }

    #[test]
    fn only_whole_values_match_and_a_dot_takes_any_character_but_the_line_end() {
        assert_eq!(expression("b|c").is_match("bc"), Some(false));
        assert_eq!(expression("a.c").is_match("aéc"), Some(true));
        assert_eq!(expression("a.c").is_match("a\nc"), Some(false));
        assert_eq!(expression("a$").is_match("a\n"), Some(false));
    }

    #[test]
    fn a_deferred_one_that_is_too_big_says_so_when_it_is_needed() {
        let source = "(x{1000}){1000}".into();
        assert_eq!(Expression::new(&source).err(), Some(ExpressionError::TooBig));
        let late = Expression::deferred(&source).unwrap();
        assert_eq!(late.is_match(&"x".repeat(200)), None);
    }

    #[test]
    fn so_many_texts_are_asked_for() {
        let of = |count: usize| {
            let texts: Vec<String> = (0..count).map(|n| format!("text{n:02}")).collect();
            Needs::of(&parse(&format!(".*({}).*", texts.join("|"))).unwrap())
        };
        assert!(matches!(of(REQUIRED_MAX), Needs::Inside(texts) if texts.len() == REQUIRED_MAX));
        assert_eq!(of(REQUIRED_MAX + 1), Needs::Nothing);
    }

    #[test]
    fn a_compiled_expression_has_so_many_bytes() {
        let is_small = |count: usize| Expression::new(&format!("[ab]{{{count}}}").into()).is_ok();
        let (mut fits, mut past) = (1, REGEX_SIZE_MAX);
        assert!(is_small(fits) && !is_small(past));
        while past - fits > 1 {
            let between = usize::midpoint(fits, past);
            if is_small(between) { fits = between } else { past = between }
        }
        // There is one border, and each repetition takes some bytes of what it bounds.
        assert!((16..=128).contains(&(REGEX_SIZE_MAX / fits)), "{fits}");
        assert!(is_small(fits) && !is_small(fits + 1));
    }
}
