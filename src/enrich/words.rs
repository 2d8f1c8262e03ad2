//! Small pieces of wording: shares, factors, counts, lengths of time.

use std::borrow::Cow;

use crate::channel::text::{cut, lines};
use crate::domain::{Ratio, Span};

/// A share in percent with three significant digits: `1.53%`, `0.601%`, `100%`.
pub fn percent(share: Ratio) -> String {
    // Scaled by 100 for percent; each tenfold below 100 asks for one more digit after the point.
    let (num, den) = (u128::from(share.num()) * 100, u128::from(share.den()));
    let mut decimals = 0;
    while decimals < 8 && num * 10_u128.pow(decimals) < den * 100 {
        decimals += 1;
    }
    share.percent(if num == 0 { 0 } else { decimals })
}

/// A factor with two significant digits or more: `5.1`, `0.51`, `333`.
pub fn factor(factor: Ratio) -> String {
    let hundred = u128::from(factor.den()) * 100;
    match u128::from(factor.num()) {
        n if n >= hundred => factor.decimal(0),
        n if n * 100 >= hundred => factor.decimal(1),
        _ => factor.decimal(2),
    }
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

/// `once`, `twice`, `3 times`.
pub fn times(n: u32) -> String {
    match n {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{n} times"),
    }
}

/// A length of time for people: `17 min`, `2 h 5 min`, `3 d 4 h`.
pub fn length(span: Span) -> String {
    let minutes = span.as_millis() / 60_000;
    let (days, hours, minutes) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => "less than a minute".to_owned(),
        (0, 0, m) => format!("{m} min"),
        (0, h, 0) => format!("{h} h"),
        (0, h, m) => format!("{h} h {m} min"),
        (d, 0, _) => format!("{d} d"),
        (d, h, _) => format!("{d} d {h} h"),
    }
}

/// The word with which bad events of an SLI are counted: `1.5% failed`, `20% too slow`.
pub fn bad(sli: &str) -> &'static str {
    match sli {
        "availability" => "failed",
        "latency" => "too slow",
        "freshness" => "too old",
        "correctness" => "wrong",
        _ => "bad",
    }
}

/// A text with its lines, without unseen characters, at most `max` characters. Costs nothing where there is nothing to change.
pub fn plain_lines(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max && text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(cut(&lines(text), max).into_owned())
}
