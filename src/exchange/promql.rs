//! Queries of Prometheus that are nothing but a counter: `sum(rate(http_requests_total{code=~"5.."}[5m]))` counts what its selector counts.
//!
//! Everything else is told, not guessed.

use crate::config::levels::BadStatus;
use crate::config::metrics::{Measure, Selector};
use crate::domain::Span;
use crate::rules::matcher::{MatchOp, Matcher};

use super::Rule;

/// How deep functions may nest. Beyond: the query is told as one that is not taken over.
const NESTING_MAX: usize = 8;

/// The selector of a query that only adds up a counter.
pub fn selector(query: &str) -> Result<Selector, String> {
    let mut rest = query.trim();
    for _ in 0..NESTING_MAX {
        let Some(inner) = peeled(rest) else { break };
        rest = inner.trim();
    }
    let rest = match rest.rfind('[') {
        Some(at) if rest.ends_with(']') => rest[..at].trim_end(),
        _ => rest,
    };
    Selector::parse(rest)
        .map_err(|reason| format!("the query `{}` does not only add up a counter: {reason}", shown(query)))
}

/// What stands inside the outermost function or parentheses.
fn peeled(text: &str) -> Option<&str> {
    let mut rest = text;
    for function in ["sum", "rate", "increase", "irate", "round"] {
        if let Some(after) = rest.strip_prefix(function)
            && after.trim_start().starts_with(['(', 'b', 'w'])
        {
            rest = grouping(after.trim_start());
            break;
        }
    }
    let inner = rest.strip_prefix('(')?;
    let end = closing(inner)?;
    // Behind it only a grouping may follow.
    grouping(inner[end + 1..].trim()).is_empty().then_some(&inner[..end])
}

/// Without a leading `by (…)` or `without (…)`.
fn grouping(text: &str) -> &str {
    let Some(rest) = text.strip_prefix("by").or_else(|| text.strip_prefix("without")) else { return text };
    let Some(inner) = rest.trim_start().strip_prefix('(') else { return text };
    closing(inner).map_or(text, |end| inner[end + 1..].trim_start())
}

/// Where the parenthesis closes that was opened before `text`; texts in quotes are passed over.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for (at, c) in text.char_indices() {
        if let Some(open) = quote {
            quote = quote.filter(|_| escaped || c != open);
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            '"' | '\'' | '`' => quote = Some(c),
            '(' => depth += 1,
            ')' if depth == 0 => return Some(at),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Two queries with a minus between them, neither inside of anything.
fn difference(query: &str) -> Option<(&str, &str)> {
    let (mut depth, mut quoted) = (0_i32, false);
    for (at, c) in query.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '(' | '{' | '[' if !quoted => depth += 1,
            ')' | '}' | ']' if !quoted => depth -= 1,
            '-' if !quoted && depth == 0 => return Some((query[..at].trim(), query[at + 1..].trim())),
            _ => {}
        }
    }
    // Or in parentheses as a whole.
    let inner = query.trim().strip_prefix('(')?;
    let end = closing(inner)?;
    if inner[end + 1..].trim().is_empty() { difference(&inner[..end]) } else { None }
}

/// The rule for a query of all events and one of the good ones.
pub fn good(total: &str, good: &str) -> Result<Rule, String> {
    let (total, good) = (selector(total)?, selector(good)?);
    Ok(histogram(&total, &good).unwrap_or_else(|| Rule::Good { total: total.to_string(), good: good.to_string() }))
}

/// The rule for a query of all events and one of the bad ones, which may be written as all but the good ones.
pub fn bad(total: &str, bad: &str) -> Result<Rule, String> {
    if let Some((all, rest)) = difference(bad) {
        let (all, total_selector) = (selector(all)?, selector(total)?);
        if all != total_selector {
            return Err(format!("the query `{}` takes something from other events than all of them", shown(bad)));
        }
        return good(total, rest);
    }
    let (total, bad) = (selector(total)?, selector(bad)?);
    Ok(Rule::Bad { total: total.to_string(), bad: bad.to_string() })
}

/// A pair of a count and a bucket with the same labels is a histogram.
fn histogram(total: &Selector, good: &Selector) -> Option<Rule> {
    let base = good.metric.as_deref()?.strip_suffix("_bucket")?;
    let whole = total.metric.as_deref()?;
    let is_le = |name: &str| name == "le";
    let le = good.matchers.iter().find(|m| is_le(&m.name) && m.op.as_str() == "=")?;
    let rest: Vec<_> = good.matchers.iter().filter(|m| !is_le(&m.name)).cloned().collect();
    let all: Vec<_> = total.matchers.iter().filter(|m| !is_le(&m.name)).cloned().collect();
    let counts_all = whole.strip_suffix("_count") == Some(base)
        || (whole.strip_suffix("_bucket") == Some(base)
            && total.matchers.iter().any(|m| is_le(&m.name) && m.value == "+Inf"));
    if !counts_all || rest != all {
        return None;
    }
    let threshold = threshold(base, &le.value)?;
    let histogram = Selector { metric: Some(base.into()), matchers: rest };
    Some(Rule::Histogram { histogram: histogram.to_string(), threshold: threshold.to_string() })
}

/// A bound of a histogram as a length of time, where it is one of whole milliseconds.
fn threshold(metric: &str, le: &str) -> Option<Span> {
    let number: f64 = le.parse().ok()?;
    let in_millis = metric.ends_with("_milliseconds") || metric.ends_with("_ms");
    let millis = if in_millis { number } else { number * 1000.0 };
    let whole = millis.round();
    if !(1.0..1e12).contains(&whole) || (millis - whole).abs() > whole * 1e-9 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it was just bounded")]
    Some(Span::from_millis(whole as i64))
}

/// The queries of a rule: all events, and whether the second is of good ones.
pub fn queries(measure: &Measure, bad_status: &BadStatus) -> (String, bool, String) {
    let sum = |selector: &Selector| format!("sum({selector})");
    match measure {
        Measure::Good { total, good } => (sum(total), true, sum(good)),
        Measure::Bad { total, bad } => (sum(total), false, sum(bad)),
        Measure::Status { total, label } => {
            let bad = Matcher::new(label.clone(), MatchOp::Regex, bad_status.pattern().into());
            let matchers = total.matchers.iter().cloned().chain(bad).collect();
            (sum(total), false, sum(&Selector { metric: total.metric.clone(), matchers }))
        }
        Measure::Histogram { histogram, threshold } => {
            let metric = histogram.metric.as_deref().unwrap_or_default();
            let part =
                |ending: &str| Selector { metric: Some(format!("{metric}{ending}").into()), ..histogram.clone() };
            let in_millis = metric.ends_with("_milliseconds") || metric.ends_with("_ms");
            let millis = threshold.as_millis();
            #[expect(clippy::cast_precision_loss, reason = "a threshold has few digits")]
            let bound = if in_millis { millis as f64 } else { millis as f64 / 1000.0 };
            let good = part("_bucket").to_string();
            let bucket = match good.strip_suffix('}') {
                Some(open) => format!("{open},le=\"{bound}\"}}"),
                None => format!("{good}{{le=\"{bound}\"}}"),
            };
            (sum(&part("_count")), true, format!("sum({bucket})"))
        }
    }
}

fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_found_inside_of_sums_and_rates() {
        for (query, expected) in [
            ("up", "up"),
            ("sum(http_requests_total)", "http_requests_total"),
            (
                r#"sum(rate(http_requests_total{job="a",code=~"(5..|429)"}[{{.window}}]))"#,
                r#"http_requests_total{job="a",code=~"(5..|429)"}"#,
            ),
            (r#"sum by (job) (increase(x{a=")"}[5m]))"#, r#"x{a=")"}"#),
            ("sum(rate(x[1h])) by (job, le)", "x"),
            ("(sum without(pod)(rate(x[1h])))", "x"),
        ] {
            assert_eq!(selector(query).unwrap().to_string(), expected, "{query}");
        }
        for query in [
            "sum(a) / sum(b)",
            "histogram_quantile(0.9, x)",
            "sum(rate(a[5m])) or vector(0)",
            "",
            "sum(",
            "a - b",
            "sum:trace{http:200}.as_count()",
        ] {
            assert!(selector(query).is_err(), "{query}");
        }
        assert!(selector(&format!("{}x{}", "(".repeat(50), ")".repeat(50))).is_err());
    }

    #[test]
    fn a_count_and_a_bucket_are_a_histogram() {
        let total = r#"sum(rate(http_seconds_count{job="a"}[5m]))"#;
        let fast = r#"sum(rate(http_seconds_bucket{job="a",le="0.3"}[5m]))"#;
        let expected = Rule::Histogram { histogram: r#"http_seconds{job="a"}"#.into(), threshold: "300ms".into() };
        assert_eq!(good(total, fast).unwrap(), expected);
        assert_eq!(bad(total, &format!("{total} - {fast}")).unwrap(), expected);
        assert_eq!(bad(total, &format!("({total} - {fast})")).unwrap(), expected);
        let all = r#"sum(rate(http_seconds_bucket{job="a",le="+Inf"}[5m]))"#;
        assert_eq!(good(all, fast).unwrap(), expected);
        assert!(matches!(good("http_seconds_count", fast).unwrap(), Rule::Good { .. }), "other labels");
        assert!(bad("x", &format!("{total} - {fast}")).is_err());
    }

    #[test]
    fn functions_nest_so_deep() {
        let nested = |depth: usize| format!("{}errors_total{}", "sum(".repeat(depth), ")".repeat(depth));
        assert!(selector(&nested(NESTING_MAX)).is_ok());
        assert!(selector(&nested(NESTING_MAX + 1)).is_err());
    }
}
