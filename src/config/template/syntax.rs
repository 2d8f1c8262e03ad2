//! What templates may be made of: values, choice and repetition. The engine counts steps and callout counts what is written, but neither
//! bounds memory: a text that is joined to itself a hundred times is larger than any machine. What makes much of little is therefore refused
//! before the engine sees it: variables, macros, captures, operators that join or multiply, and lists of values.

/// Tags that there are.
const TAGS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];
/// Signs that an expression may have beside names, numbers, texts and space.
const SIGNS: &[u8] = b".|()=!<>-_],}";

/// Whether a template is made of what is allowed. What cannot be read at all is left to the engine, which says it better.
///
/// # Errors
/// The line, from 1, and what is there.
pub fn check(source: &str) -> Result<(), (usize, String)> {
    let bytes = source.as_bytes();
    let mut at = 0;
    while let Some(found) = source.get(at..).and_then(|rest| rest.find('{')) {
        at += found + 2;
        at = match bytes.get(at - 1) {
            Some(b'#') => after(source, at, "#}"),
            Some(b'%') => Tag { source, at, depth: 0 }.check("%}", &TAGS)?,
            Some(b'{') => Tag { source, at, depth: 0 }.check("}}", &[])?,
            _ => at - 1,
        };
    }
    Ok(())
}

/// Behind the next `end`.
fn after(source: &str, at: usize, end: &str) -> usize {
    source.get(at..).and_then(|rest| rest.find(end)).map_or(source.len(), |found| at + found + end.len())
}

/// The inside of a tag or an expression.
struct Tag<'a> {
    source: &'a str,
    at: usize,
    /// Open brackets.
    depth: usize,
}

impl<'a> Tag<'a> {
    /// Where it ends. `first` are the words that it may begin with; none: anything.
    fn check(mut self, end: &str, first: &[&str]) -> Result<usize, (usize, String)> {
        if self.rest().starts_with('-') {
            self.at += 1;
        }
        self.space();
        if !first.is_empty() {
            let word = self.word();
            if !first.contains(&word) && !self.rest().is_empty() {
                return Err(self.refuse(&format!("the tag `{word}`")));
            }
        }
        while let Some(next) = self.rest().bytes().next() {
            if self.rest().starts_with(end) {
                return Ok(self.at + end.len());
            }
            self.step(next)?;
        }
        Ok(self.at)
    }

    fn step(&mut self, next: u8) -> Result<(), (usize, String)> {
        match next {
            b'\'' | b'"' => self.text(next),
            b'[' if !self.is_key() => return Err(self.refuse("a list, or a key other than a text,")),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                if self.word() == "recursive" {
                    return Err(self.refuse("`recursive`"));
                }
            }
            b'(' => (self.at, self.depth) = (self.at + 1, self.depth + 1),
            b')' => (self.at, self.depth) = (self.at + 1, self.depth.saturating_sub(1)),
            b',' if self.depth > 0 => {
                self.at += 1;
                self.space();
                if !self.rest().starts_with(['\'', '"']) {
                    return Err(self.refuse("an argument or a member other than a text"));
                }
            }
            b'[' => self.at += 1,
            _ if next.is_ascii_alphanumeric() || next.is_ascii_whitespace() || SIGNS.contains(&next) => self.at += 1,
            _ => {
                let sign = self.rest().chars().next().unwrap_or_default();
                return Err(self.refuse(&format!("the sign `{sign}`")));
            }
        }
        Ok(())
    }

    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_ascii_start().len();
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        self.at += length;
        &rest[..length]
    }

    /// Goes behind a text in quotes.
    fn text(&mut self, quote: u8) {
        let mut escaped = false;
        for byte in self.rest().bytes().skip(1) {
            self.at += 1;
            if byte == quote && !escaped {
                break;
            }
            escaped = byte == b'\\' && !escaped;
        }
        self.at = (self.at + 1).min(self.source.len());
    }

    /// Whether the bracket here holds one text, as in `labels['host.name']`.
    fn is_key(&self) -> bool {
        let mut inside = Tag { source: self.source, at: self.at + 1, depth: 0 };
        match inside.rest().bytes().next() {
            Some(quote @ (b'\'' | b'"')) => inside.text(quote),
            _ => return false,
        }
        inside.rest().starts_with(']')
    }

    fn refuse(&self, what: &str) -> (usize, String) {
        let before = self.source.get(..self.at).unwrap_or_default();
        (1 + before.matches('\n').count(), format!("{what} is not part of these templates"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_much_of_little_is_refused_and_all_else_is_not() {
        for fine in [
            "plain {text} 100% *bold* a ~ b + c [1, 2] {% if labels.host is defined %}{{ labels.host }}{% endif %}",
            "{%- for name, value in labels | items -%} {{ name }}={{- value -}} {%- endfor -%}",
            "{{ labels['host.name'] | default('?') | replace('}}', \"it\\\"s ~\") }}",
            "{# ~ {% set %} #}{{ a if b == 'c' and (d != 1 or not e) else f }}{% elif x %}{% else %}",
            "{{ headline",
            "{",
            "{%",
            "{{ 'open",
            "",
        ] {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
        for (bad, line, what) in [
            ("{% set a = headline %}", 1, "the tag `set`"),
            ("fine\n{%-  macro a() %}", 2, "the tag `macro`"),
            ("{%+ if a %}", 1, "the tag ``"),
            ("{% raw %}", 1, "the tag `raw`"),
            ("{{ headline ~ headline }}", 1, "the sign `~`"),
            ("{{ '}}' * 9 }}", 1, "the sign `*`"),
            ("{{ 'a\\'}}' + a }}", 1, "the sign `+`"),
            ("{{ {'a': 1} }}", 1, "the sign `{`"),
            ("{% for a in [b, b] %}", 1, "a list, or a key other than a text,"),
            ("{% for a in b[1:] %}", 1, "a list, or a key other than a text,"),
            ("{% for a in (b, b) %}", 1, "an argument or a member other than a text"),
            ("{% for a in b recursive %}", 1, "`recursive`"),
            ("{{ ü }}", 1, "the sign `ü`"),
        ] {
            assert_eq!(check(bad), Err((line, format!("{what} is not part of these templates"))), "{bad}");
        }
    }
}
