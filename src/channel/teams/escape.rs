//! Foreign text in Adaptive Cards. Text runs take it as it is; text blocks and facts read a part of Markdown, and `<at>…</at>`
//! is a mention there. Source: learn.microsoft.com, "Format cards in Microsoft Teams", read 2026-11.

use crate::channel::text::{short, web_url};

/// Keeps a `<` from beginning a tag, where one could be meant, by a space without width behind it. No client shows it.
const APART: char = '\u{200b}';

/// One line of foreign text for a text run: not Markdown, but no mention either.
pub fn run(text: &str, max: usize) -> String {
    let text = short(text, max);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        out.push(c);
        if c == '<' && rest.peek().is_some_and(|n| begins_tag(*n)) {
            out.push(APART);
        }
    }
    out
}

/// One line of foreign text for a text block or a fact: what Markdown would act on is escaped, and only that, since a
/// client that reads less Markdown shows the backslash.
pub fn markdown(text: &str, max: usize) -> String {
    let text = short(text, max);
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = None;
    let mut rest = text.chars().peekable();
    let mut is_start = true;
    while let Some(c) = rest.next() {
        let next = rest.peek().copied();
        let acts = match c {
            '\\' | '*' | '[' | ']' | '`' | '~' => true,
            // Within a word an underscore is itself.
            '_' => !(before.is_some_and(char::is_alphanumeric) && next.is_some_and(char::is_alphanumeric)),
            '&' => next.is_some_and(|n| n == '#' || n.is_ascii_alphabetic()),
            '#' | '>' | '-' | '+' | '|' | '=' => is_start,
            // `1.` at the start begins a list.
            '.' | ')' => !out.is_empty() && out.chars().all(|d| d.is_ascii_digit()),
            _ => false,
        };
        if acts {
            out.push('\\');
        }
        out.push(c);
        if c == '<' && next.is_some_and(begins_tag) {
            out.push(APART);
        }
        is_start = false;
        before = Some(c);
    }
    out
}

/// A Markdown link to the web. `None` when the URL is of another kind or longer than `url_max` characters.
pub fn link(url: &str, title: &str, url_max: usize) -> Option<String> {
    let url = web_url(url, url_max)?;
    let title = markdown(title, 60);
    let title = if title.is_empty() { "Link".to_owned() } else { title };
    Some(format!("[{title}]({url})"))
}

const fn begins_tag(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_markdown_would_act_on_is_escaped() {
        for (text, want) in [
            ("plain text, 99.7% of 28d", "plain text, 99.7% of 28d"),
            ("GET /api/data/{tenant}", "GET /api/data/{tenant}"),
            ("snake_case_name", "snake_case_name"),
            ("_emphasis_", "\\_emphasis\\_"),
            ("[Runbook](https://evil)", "\\[Runbook\\](https://evil)"),
            ("**b**", "\\*\\*b\\*\\*"),
            ("- item", "\\- item"),
            ("1. item", "1\\. item"),
            ("a < b & c", "a < b & c"),
            ("&lt;at>", "\\&lt;at>"),
            ("<at>Bob</at>", "<\u{200b}at>Bob<\u{200b}/at>"),
        ] {
            assert_eq!(markdown(text, 100), want, "{text}");
        }
        assert_eq!(run("<at>Bob</at> **b**", 100), "<\u{200b}at>Bob<\u{200b}/at> **b**");
    }

    #[test]
    fn links_cannot_be_broken_out_of() {
        assert_eq!(
            link("https://x.example/a_(b)?c=d", "Run](https://evil)", 2000).unwrap(),
            "[Run\\](https://evil)](https://x.example/a_%28b%29?c=d)"
        );
        assert_eq!(link("javascript:alert(1)", "x", 2000), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_tag_and_no_link_comes_out(text in "(?s)(<|</?at>|\\[|\\]|\\(|\\\\|&lt;|\\PC|.){0,40}", max in 0_usize..60) {
            for out in [run(&text, max), markdown(&text, max)] {
                let lower = out.to_lowercase();
                prop_assert!(!lower.contains("<at") && !lower.contains("</"), "{}", out);
            }
            let out = markdown(&text, max);
            let mut escaped = false;
            for c in out.chars() {
                prop_assert!(escaped || !matches!(c, '[' | ']' | '*' | '`'), "{}", out);
                escaped = c == '\\' && !escaped;
            }
        }
    }
}
