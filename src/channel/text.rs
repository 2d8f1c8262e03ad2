//! Foreign text made fit for any channel: no control characters, cut on character boundaries. Escaping is each channel's own.

use std::borrow::Cow;

/// What stands for the rest of a text that was cut.
pub const ELLIPSIS: char = '…';

/// Whether a character does something other than to be seen: control characters, and those that turn the direction of text or
/// hide in it, by which a label can be made to read as something else.
const fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text in one line: unseen characters and runs of white space become one space; trimmed.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if is_plain_line(text) {
        return Cow::Borrowed(text);
    }
    let fine = !text.chars().any(|c| is_unseen(c) || (c.is_whitespace() && c != ' '))
        && !text.contains("  ")
        && text.trim() == text;
    if fine {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || is_unseen(c)).filter(|w| !w.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    Cow::Owned(out)
}

/// Whether a text is one line of plain ASCII already, as most are: one pass over its bytes says so.
fn is_plain_line(text: &str) -> bool {
    let mut before = b' ';
    for byte in text.bytes() {
        if !(b' '..=b'~').contains(&byte) || (byte == b' ' && before == b' ') {
            return false;
        }
        before = byte;
    }
    before != b' ' || text.is_empty()
}

/// The text in its lines (ends of lines become `\n`, more than one empty line becomes one), without unseen characters; trimmed.
pub fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut empty = 0;
    let text = text.replace("\r\n", "\n");
    for line in text.split(['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}']) {
        let line: String = line.chars().filter(|c| *c == '\t' || !is_unseen(*c)).collect();
        let line = line.trim_end();
        if line.is_empty() {
            empty += 1;
            continue;
        }
        if !out.is_empty() {
            out.push_str(if empty > 0 { "\n\n" } else { "\n" });
        }
        empty = 0;
        out.push_str(line);
    }
    out
}

/// At most `max` characters (not bytes); what is cut ends in an ellipsis. `max` of zero gives nothing.
pub fn cut(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return Cow::Borrowed(text);
    }
    let Some((last, _)) = max.checked_sub(1).and_then(|m| text.char_indices().nth(m)) else {
        return Cow::Borrowed(if max == 0 { "" } else { text });
    };
    if text[last..].chars().nth(1).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = text[..last].trim_end().to_owned();
    out.push(ELLIPSIS);
    Cow::Owned(out)
}

/// In one line and at most `max` characters.
pub fn short(text: &str, max: usize) -> String {
    cut(&one_line(text), max).into_owned()
}

/// Like [`cut`], and a code fence that would stay open is closed.
pub fn cut_fenced(text: &str, max: usize) -> String {
    const CLOSE: &str = "\n```";
    let whole = cut(text, max);
    if whole.matches("```").count().is_multiple_of(2) {
        return whole.into_owned();
    }
    let mut out = cut(text, max.saturating_sub(CLOSE.len())).into_owned();
    // The cut may have removed the very fence that was open.
    if !out.matches("```").count().is_multiple_of(2) {
        out.push_str(CLOSE);
    }
    cut(&out, max).into_owned()
}

/// A URL to put into a link or button: of the web, at most `max` characters. What could end a link in any markup of ours is
/// percent-encoded, which does not change where it leads.
pub fn web_url(url: &str, max: usize) -> Option<String> {
    let parsed = reqwest::Url::parse(url.trim()).ok()?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return None;
    }
    let mut out = String::with_capacity(parsed.as_str().len());
    for c in parsed.as_str().chars() {
        match c {
            '|' => out.push_str("%7C"),
            '<' => out.push_str("%3C"),
            '>' => out.push_str("%3E"),
            '"' => out.push_str("%22"),
            '\\' => out.push_str("%5C"),
            '(' => out.push_str("%28"),
            ')' => out.push_str("%29"),
            c => out.push(c),
        }
    }
    (out.chars().count() <= max).then_some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_stays_a_line() {
        for (text, want) in [
            ("plain text", "plain text"),
            ("two\r\nlines", "two lines"),
            ("a\0b", "a b"),
            ("  much   space\t", "much space"),
            ("evil\u{202e}gnp.exe", "evil gnp.exe"),
            ("", ""),
            ("\u{200b}", ""),
        ] {
            assert_eq!(one_line(text), want);
        }
    }

    #[test]
    fn lines_are_kept_and_empty_ones_bounded() {
        assert_eq!(lines("a\r\nb\r\n\r\n\r\n\r\nc\n\n"), "a\nb\n\nc");
        assert_eq!(lines("\n\n  indented\u{7}\n"), "  indented");
    }

    #[test]
    fn cutting_counts_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
        assert_eq!(cut("a b", 2), "a…");
        assert_eq!(cut("abc", 1), "…");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn an_open_fence_is_closed() {
        let text = format!("```\n{}\n```", "x".repeat(100));
        let out = cut_fenced(&text, 50);
        assert!(out.ends_with("…\n```"), "{out}");
        assert!(out.chars().count() <= 50);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn cuts_fit_and_lines_are_single(text in any::<String>(), max in 0_usize..80) {
            prop_assert!(cut(&text, max).chars().count() <= max);
            let fenced = format!("```{text}");
            prop_assert!(cut_fenced(&fenced, max).chars().count() <= max);
            prop_assert!(!one_line(&text).chars().any(char::is_control));
            let once = lines(&text);
            prop_assert_eq!(lines(&once), once);
        }
    }
}
