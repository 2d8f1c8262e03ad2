//! Limits: each constant that is one says what happens beyond it, and has a test at and past its edge or no edge that an input could reach.
//!
//! `docs/limits.md` is written from the constants. Which test tries which limit stands in `tests/data/limits.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::{expect_page, root};

/// A named limit in the sources.
struct Limit {
    /// The file, from the root.
    file: String,
    name: String,
    value: String,
    about: String,
    /// What happens beyond it.
    beyond: String,
}

/// Endings of names that say that something is bounded: beyond the number something else happens.
const BOUNDS: [&str; 6] = ["_MAX", "_KEPT", "_TIMEOUT", "_WITHIN", "_LIMIT", "_SKEW"];

/// Endings of names of times and least numbers, where the comment says all.
const OTHERS: [&str; 6] = ["_MIN", "_QUIET", "_WORTH", "_DEADLINE", "_AFTER", "_EVERY"];

fn is_one_of(name: &str, words: &[&str]) -> bool {
    words.iter().any(|w| name.ends_with(w) || name.contains(&format!("{w}_")))
}

fn is_bound(name: &str) -> bool {
    name.starts_with("MAX_") || is_one_of(name, &BOUNDS)
}

/// A comment, and the part of it that says what happens beyond.
fn parted(comment: &str) -> (String, String) {
    for start in ["Beyond: ", "Beyond, ", "; beyond, "] {
        if let Some((about, beyond)) = comment.split_once(start) {
            let about = about.trim_end().trim_end_matches('.').to_owned() + ".";
            let (first, rest) = beyond.split_at(beyond.chars().next().map_or(0, char::len_utf8));
            return (about, first.to_uppercase() + rest);
        }
    }
    (comment.to_owned(), String::new())
}

/// Constants whose names say that they limit something, with the text above them.
fn limits_of(file: &Path) -> Vec<Limit> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut all = Vec::new();
    let mut comment = String::new();
    let program = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    for line in program.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix("///") {
            comment.push_str(words.trim());
            comment.push(' ');
            continue;
        }
        let constant = line
            .strip_prefix("pub ")
            .or_else(|| line.strip_prefix("pub(crate) "))
            .or_else(|| line.strip_prefix("pub(super) "))
            .unwrap_or(line);
        if let Some((name, rest)) = constant.strip_prefix("const ").and_then(|c| c.split_once(':'))
            && let Some((_, value)) = rest.split_once('=').filter(|_| is_bound(name) || is_one_of(name, &OTHERS))
        {
            let (about, beyond) = parted(comment.trim());
            all.push(Limit {
                file: file.strip_prefix(root()).unwrap().display().to_string(),
                name: name.to_owned(),
                value: plain(name, value.trim().trim_end_matches(';')),
                about,
                beyond,
            });
        }
        comment.clear();
    }
    all
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// Every limit of the program, by file.
fn limits() -> Vec<Limit> {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    files.retain(|f| !f.file_name().is_some_and(|n| n.to_string_lossy().contains("test")));
    files.sort();
    files.iter().flat_map(|file| limits_of(file)).collect()
}

/// A constant's value as people write it: `8 MiB`, `24 h`, `10,000`.
fn plain(name: &str, value: &str) -> String {
    let inner = value.split_once('(').map(|(_, rest)| rest.trim_end_matches(')'));
    let factors = inner.unwrap_or(value);
    let product = factors
        .split('*')
        .try_fold(1_u64, |product, factor| Some(product * factor.trim().replace('_', "").parse::<u64>().ok()?));
    let product = match (product, factors.split_once("<<")) {
        (Some(product), _) => product,
        (None, Some((base, shift))) => match (base.trim().parse::<u64>(), shift.trim().parse::<u32>()) {
            (Ok(base), Ok(shift)) => base << shift,
            _ => return format!("`{value}`"),
        },
        (None, None) => return format!("`{value}`"),
    };
    let grouped = |n: u64| {
        let digits = n.to_string();
        let mut out = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                out.push(',');
            }
            out.push(digit);
        }
        out
    };
    for (constructor, unit) in [
        ("from_millis", "ms"),
        ("from_secs", "s"),
        ("from_seconds", "s"),
        ("from_mins", "min"),
        ("from_minutes", "min"),
        ("from_hours", "h"),
        ("from_days", "d"),
    ] {
        if value.contains(constructor) {
            return if unit == "h" && product % 24 == 0 {
                format!("{} d", product / 24)
            } else {
                format!("{} {unit}", grouped(product))
            };
        }
    }
    if name.contains("BYTES") {
        for (unit, size) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
            if product >= size && product % size == 0 {
                return format!("{} {unit}", product / size);
            }
        }
        return format!("{} B", grouped(product));
    }
    grouped(product)
}

/// The beginning of the page.
const HEAD: &str = "# Limits

Every limit, with its number and what happens beyond it. Written by a test from the constants in the sources; the file says where to look.
A second test sees to it that each is tried at its edge and past it, or has no edge since no input can reach it (`tests/data/limits.toml`).

One queue has no number of its own: that of orders to a channel. What waits there are messages of the outbox and words about them, so its bound is
that of the outbox, `OUTBOX_MAX`.
";

#[test]
fn the_page_of_limits_lists_every_limit_in_the_sources() {
    let mut page = String::from(HEAD);
    let mut last = String::new();
    for limit in limits() {
        if limit.file != last {
            let _ = write!(
                page,
                "\n## `{}`\n\n| limit | value | what it limits | beyond it |\n|---|---|---|---|\n",
                limit.file
            );
            last.clone_from(&limit.file);
        }
        let text = |t: &str| t.replace('|', "\\|");
        let (about, beyond) = (text(&limit.about), text(&limit.beyond));
        let _ = writeln!(page, "| {} | {} | {about} | {beyond} |", limit.name, limit.value);
    }
    expect_page("docs/limits.md", &page);
}

#[test]
fn every_limit_says_what_happens_beyond_it() {
    let silent: Vec<String> = limits()
        .iter()
        .filter(|l| l.about.is_empty() || l.beyond.is_empty() && is_bound(&l.name))
        .map(|l| format!("{} in {}", l.name, l.file))
        .collect();
    assert!(silent.is_empty(), "say it in the comment, `Beyond: …`, of\n{}", silent.join("\n"));
}

/// Names of the tests in the sources.
fn tests() -> BTreeSet<String> {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    sources(&root().join("tests"), &mut files);
    let mut names = BTreeSet::new();
    for file in files {
        let mut marked = false;
        for line in std::fs::read_to_string(file).unwrap().lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                marked = true;
            } else if let Some((_, rest)) = line.split_once("fn ")
                && std::mem::take(&mut marked)
            {
                names.insert(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            }
        }
    }
    names
}

/// Limits of what is shown that wait for a test; only fewer of them are taken.
const UNTESTED_MAX: usize = 8;

#[test]
fn every_limit_is_tried_at_and_past_its_edge() {
    let list = std::fs::read_to_string(root().join("tests/data/limits.toml")).unwrap();
    let list: BTreeMap<String, BTreeMap<String, toml::Value>> = toml::from_str(&list).unwrap();
    let (tests, limits) = (tests(), limits());
    assert!(tests.len() > 300 && limits.len() > 150, "{} tests, {} limits", tests.len(), limits.len());
    let (mut wrong, mut untested) = (Vec::new(), Vec::new());
    for limit in &limits {
        let what = format!("{} in {}", limit.name, limit.file);
        match list.get(&limit.file).and_then(|file| file.get(&limit.name)) {
            Some(toml::Value::String(test)) if tests.contains(test) => {}
            Some(toml::Value::String(test)) => wrong.push(format!("{what}: there is no test `{test}`")),
            Some(toml::Value::Table(reason)) => {
                let why = ["pause", "fact", "untested"].iter().find_map(|class| reason.get(*class)?.as_str());
                if reason.len() != 1 || why.is_none_or(|why| why.len() < 20) {
                    wrong.push(format!("{what}: name its test, or why it has no edge: `pause` or `fact`"));
                }
                untested.extend(reason.contains_key("untested").then_some(what));
            }
            _ => wrong.push(format!("{what}: not in the list")),
        }
    }
    for (file, names) in &list {
        for name in names.keys().filter(|name| !limits.iter().any(|l| l.file == *file && l.name == **name)) {
            wrong.push(format!("{name} in {file}: there is no such limit any more"));
        }
    }
    assert!(wrong.is_empty(), "tests/data/limits.toml:\n{}", wrong.join("\n"));
    assert!(
        untested.len() <= UNTESTED_MAX,
        "name a test of a new limit, and lower the number when an old one gets one:\n{}",
        untested.join("\n")
    );
}
