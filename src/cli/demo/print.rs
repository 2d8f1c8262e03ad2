//! Printing: aligned lines, colours only on a terminal, never a failure because nobody reads.

use std::io::Write as _;

use clap::builder::styling::{AnsiColor, Style};

/// Columns of a line.
const WIDTH: usize = 110;
/// Indentation of everything below a title.
const INDENT: usize = 2;

/// Of titles.
pub const TITLE: Style = Style::new().bold();
/// Of what matters.
pub const STRONG: Style = Style::new().bold();
/// Of what is there to be looked up.
pub const SOFT: Style = Style::new().dimmed();
/// Of what is as it should be.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Of what is not.
pub const BAD: Style = AnsiColor::Red.on_default().bold();

/// Prints as it is. A closed pipe is no reason to fail: the story goes on for its exit code.
pub fn put(text: &str) {
    let mut out = anstream::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A text in a style.
#[must_use]
pub fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// A title with a remark behind it.
pub fn title(text: &str, remark: &str) {
    let remark = if remark.is_empty() { String::new() } else { format!("  {}", styled(SOFT, remark)) };
    put(&format!("\n{}{remark}\n", styled(TITLE, text)));
}

/// Rows whose columns stand below each other; the last one is wrapped. A row of empty texts is an empty line.
pub fn rows<const N: usize>(rows: &[[String; N]]) {
    let widths: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    for row in rows {
        if row.iter().all(String::is_empty) {
            put("\n");
            continue;
        }
        let mut line = " ".repeat(INDENT);
        let mut at = INDENT;
        for (column, cell) in row.iter().enumerate().take(N.saturating_sub(1)) {
            let text = format!("{cell:width$}  ", width = widths[column]);
            at += text.chars().count();
            line.push_str(&if column == 0 { styled(STRONG, &text) } else { text });
        }
        let last = row.last().map(String::as_str).unwrap_or_default();
        put(&format!("{line}{}\n", wrapped(last, at).trim_end()));
    }
}

/// Lines behind a bar, as a quotation.
pub fn quoted(lines: &[String]) {
    let bar = styled(SOFT, "│");
    for line in lines {
        for piece in wrapped(line, INDENT + 2).lines() {
            put(&format!("  {bar} {}\n", piece.trim_start()));
        }
    }
}

/// A text that begins in column `at` and goes on there; words are kept whole.
fn wrapped(text: &str, at: usize) -> String {
    let room = WIDTH.saturating_sub(at).max(20);
    let mut out = String::new();
    let mut length = 0;
    for word in text.split(' ') {
        let word_length = word.chars().count();
        if length > 0 && length + 1 + word_length > room {
            out.push('\n');
            out.push_str(&" ".repeat(at));
            length = 0;
        } else if length > 0 {
            out.push(' ');
            length += 1;
        }
        out.push_str(word);
        length += word_length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_go_on_where_they_began() {
        let text = "word ".repeat(40);
        let wrapped = wrapped(text.trim(), 50);
        assert!(wrapped.lines().skip(1).all(|line| line.starts_with(&" ".repeat(50))));
        assert!(wrapped.lines().all(|line| line.trim_start().len() <= WIDTH - 50));
        assert_eq!(wrapped.split_whitespace().count(), 40);
    }
}
