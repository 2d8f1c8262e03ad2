//! Foreign text in Slack's mrkdwn. Source: docs.slack.dev, "Formatting message text", read 2026-11: `&`, `<` and `>` are escaped as
//! entities; then no text can become a mention, a broadcast or a link, all of which are written `<…>`.

use std::borrow::Cow;

use crate::channel::text::{ELLIPSIS, lines, one_line, web_url};

/// A single line of foreign text, escaped, at most `max` characters as Slack counts them (entities count in full).
/// Three backticks, which would open a code block over what follows, become quotes.
pub fn line(text: &str, max: usize) -> String {
    let text = one_line(text);
    let text = if text.contains("```") { Cow::Owned(text.replace("```", "'''")) } else { text };
    escape_cut(&text, max)
}

/// Foreign text of several lines, escaped, at most `max` characters; a code block that was cut open is closed.
pub fn block(text: &str, max: usize) -> String {
    const CLOSE: &str = "\n```";
    let text = lines(text);
    let out = escape_cut(&text, max);
    if out.matches("```").count().is_multiple_of(2) {
        return out;
    }
    let mut out = escape_cut(&text, max.saturating_sub(CLOSE.len()));
    if !out.matches("```").count().is_multiple_of(2) {
        out.push_str(CLOSE);
    }
    out
}

/// Text for `plain_text`, which knows no mentions: the three signs that could make one are kept apart all the same by a
/// look-alike, since clients differ in whether they read entities there.
pub fn plain(text: &str, max: usize) -> String {
    let text: String = one_line(text)
        .chars()
        .map(|c| match c {
            '<' => '‹',
            '>' => '›',
            c => c,
        })
        .collect();
    crate::channel::text::cut(&text, max).into_owned()
}

/// A link with a title. `None` when the URL is not of the web, or longer than `url_max` characters.
pub fn link(url: &str, title: &str, url_max: usize) -> Option<String> {
    let url = web_url(url, url_max)?;
    let url = url.replace('&', "&amp;");
    let title = line(&title.replace('|', "/"), 80);
    Some(if title.is_empty() { format!("<{url}>") } else { format!("<{url}|{title}>") })
}

/// Escapes, and cuts between characters so that the result, entities and ellipsis counted, has at most `max` characters.
fn escape_cut(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut count = 0;
    // Where to cut if it turns out that not all fits: the last place that leaves room for the ellipsis.
    let mut fits = 0;
    for c in text.chars() {
        let piece = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            _ => "",
        };
        count += if piece.is_empty() { 1 } else { piece.len() };
        if count > max {
            out.truncate(fits);
            if max > 0 {
                out.truncate(out.trim_end().len());
                out.push(ELLIPSIS);
            }
            return out;
        }
        if piece.is_empty() {
            out.push(c);
        } else {
            out.push_str(piece);
        }
        if count < max {
            fits = out.len();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whether every `<` of ours is gone and each `&` begins one of the three entities.
    fn is_escaped(text: &str) -> bool {
        !text.contains(['<', '>'])
            && text
                .match_indices('&')
                .all(|(at, _)| ["&amp;", "&lt;", "&gt;"].iter().any(|entity| text[at..].starts_with(entity)))
    }

    #[test]
    fn mentions_of_alert_text_are_only_text() {
        assert_eq!(line("<!channel> down", 80), "&lt;!channel&gt; down");
        assert_eq!(line("<@U0ANN> & <https://evil|Runbook>", 80), "&lt;@U0ANN&gt; &amp; &lt;https://evil|Runbook&gt;");
        assert_eq!(plain("<!here>", 80), "‹!here›");
    }

    #[test]
    fn entities_are_never_cut_in_two() {
        assert_eq!(line("ab<cd", 5), "ab…");
        assert_eq!(line("ab<", 6), "ab&lt;");
        assert_eq!(line("ab<", 5), "ab…");
    }

    #[test]
    fn links_cannot_be_broken_out_of() {
        assert_eq!(
            link("https://x.example/a?b=1&c=<!channel>|d", "Run|book <!here>", 3000).unwrap(),
            "<https://x.example/a?b=1&amp;c=%3C!channel%3E%7Cd|Run/book &lt;!here&gt;>"
        );
        assert_eq!(link("javascript:alert(1)", "Runbook", 3000), None);
        assert_eq!(link("not a url", "Runbook", 3000), None);
        assert_eq!(link(&format!("https://x.example/{}", "a".repeat(3000)), "Runbook", 3000), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_comes_in_no_markup_comes_out(
            text in "(?s)(<[!@#]?|>|&|&amp;|```|\\||https?://|channel|here|U0ANN|\\PC|.){0,40}", max in 0_usize..60
        ) {
            for out in [line(&text, max), block(&text, max)] {
                prop_assert!(is_escaped(&out), "{}", out);
                prop_assert!(out.chars().count() <= max);
            }
            prop_assert!(!plain(&text, max).contains(['<', '>']));
            let url = format!("https://x.example/{text}");
            if let Some(out) = link(&url, &text, 3000) {
                prop_assert!(out.starts_with('<') && out.ends_with('>'));
                prop_assert!(is_escaped(&out[1..out.len() - 1]));
                prop_assert!(out.matches('|').count() <= 1);
            }
        }
    }
}
