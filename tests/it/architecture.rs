//! Who may import whom, and what is absent where: `docs/architecture.md` as a test. Reads the sources, not the program.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const PURE: [&str; 5] = ["domain", "slo", "schedule", "rules", "engine"];

/// Which modules a module may name. The table of `docs/architecture.md`, section "Who may import whom".
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("slo", &["domain"]),
    ("schedule", &["domain"]),
    ("rules", &["domain", "slo", "schedule"]),
    ("engine", &["domain", "slo", "schedule", "rules"]),
    ("config", &["domain", "slo", "schedule", "rules", "engine"]),
    ("journal", &["domain", "engine"]),
    ("store", &["domain", "engine", "journal"]),
    ("telemetry", &["domain"]),
    ("chart", &["domain"]),
    ("channel", &["domain", "engine", "config", "chart"]),
    ("enrich", &["domain", "slo", "engine", "config", "channel", "chart"]),
    ("ical", &["domain"]),
    ("projection", &["domain", "slo", "schedule", "rules", "engine", "journal", "store", "ical"]),
    ("auth", &["domain", "engine", "config"]),
    (
        "runtime",
        &[
            "domain",
            "slo",
            "schedule",
            "rules",
            "engine",
            "config",
            "journal",
            "store",
            "telemetry",
            "channel",
            "chart",
            "enrich",
            "projection",
            "auth",
            "ingest",
            "ical",
        ],
    ),
    // Dialects are handed to the shard as `runtime::Incoming`, the one word of `runtime` that they know.
    ("ingest", &["domain", "engine", "config", "runtime"]),
    ("exchange", &["domain", "slo", "rules", "engine", "config"]),
    (
        "http",
        &[
            "domain",
            "ical",
            "slo",
            "schedule",
            "rules",
            "engine",
            "config",
            "journal",
            "store",
            "telemetry",
            "channel",
            "chart",
            "enrich",
            "projection",
            "auth",
            "ingest",
            "runtime",
        ],
    ),
    (
        "cli",
        &[
            "domain",
            "slo",
            "schedule",
            "rules",
            "engine",
            "config",
            "journal",
            "store",
            "telemetry",
            "channel",
            "chart",
            "enrich",
            "projection",
            "auth",
            "ingest",
            "runtime",
            "exchange",
            "http",
        ],
    ),
];

/// A source file without comments, texts and tests.
struct Source {
    /// Path below `src/`.
    path: String,
    /// First folder or file name: the module.
    module: String,
    /// Code, with comments and the insides of texts blanked out; ends where the file's tests begin.
    code: String,
    lines: usize,
}

fn sources() -> Vec<Source> {
    fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("src can be listed").flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(&path, into);
            } else if path.extension().is_some_and(|e| e == "rs") {
                into.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let mut all = Vec::new();
    let mut tests = Vec::new();
    for file in files {
        let path = file.strip_prefix(&root).expect("it is below src").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).expect("a source file can be read");
        let code = blank(&text);
        tests.extend(modules_of_tests(&path, &code));
        let name = file.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        if name == "tests" || name.ends_with("_tests") {
            continue;
        }
        let code = without_tests(&code);
        let module = path.split(['/', '.']).next().unwrap_or_default().to_owned();
        all.push(Source { path, module, code, lines: text.lines().count() });
    }
    all.retain(|source| {
        !tests.iter().any(|t| source.path == format!("{t}.rs") || source.path.starts_with(&format!("{t}/")))
    });
    assert!(all.len() > 40, "only {} source files found", all.len());
    all
}

/// Files, without their ending, of modules that are declared under `#[cfg(test)]`.
fn modules_of_tests(path: &str, code: &str) -> Vec<String> {
    let folder = match path.strip_suffix("mod.rs").or_else(|| path.strip_suffix("lib.rs")) {
        Some(folder) => folder.to_owned(),
        None => format!("{}/", path.trim_end_matches(".rs")),
    };
    code.match_indices("#[cfg(test)]")
        .filter_map(|(at, _)| {
            let item = code[at + 12..].trim_start();
            let item = item
                .strip_prefix("pub")
                .map_or(item, |rest| rest.trim_start_matches("(crate)").trim_start_matches("(super)"));
            let name = item.trim_start().strip_prefix("mod ")?.split_once(';')?.0;
            name.chars().all(|c| c.is_alphanumeric() || c == '_').then(|| format!("{folder}{name}"))
        })
        .collect()
}

/// Replaces comments and the insides of texts by blanks, keeping line ends.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let keep = |c: char| if c == '\n' { '\n' } else { ' ' };
    while at < chars.len() {
        let rest = &chars[at..];
        let length = match rest {
            ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
            ['/', '*', ..] => rest.windows(2).skip(2).position(|w| w == ['*', '/']).map_or(rest.len(), |p| p + 4),
            ['r', '"' | '#', ..] if at == 0 || !chars[at - 1].is_alphanumeric() => raw_length(rest).unwrap_or(0),
            ['"', ..] => text_length(rest),
            // A character, not a lifetime.
            ['\'', '\\', ..] => rest[2..].iter().position(|c| *c == '\'').map_or(rest.len(), |p| p + 3).max(4),
            ['\'', _, '\'', ..] => 3,
            _ => 0,
        };
        if length == 0 {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(rest[..length].iter().map(|c| keep(*c)));
            at += length;
        }
    }
    out
}

fn raw_length(rest: &[char]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return None;
    }
    let body = 2 + hashes;
    (body..rest.len())
        .find(|end| rest[*end] == '"' && rest[end + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes)
        .map(|end| end + 1 + hashes)
}

fn text_length(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Cuts out what stands under `#[cfg(test)]`: modules in braces, or one item.
fn without_tests(code: &str) -> String {
    let mut out = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let open = rest.find('{').unwrap_or(rest.len());
        let semicolon = rest.find(';').unwrap_or(rest.len());
        if semicolon < open {
            rest = &rest[(semicolon + 1).min(rest.len())..];
            continue;
        }
        let mut depth = 0_usize;
        let end = rest[open..].char_indices().find(|(_, c)| {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        rest = end.map_or("", |(end, _)| &rest[open + end + 1..]);
    }
    out.push_str(rest);
    out
}

/// Modules named by `crate::…` paths, also in groups `crate::{a, b::c}`.
fn imports(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = code[at + 7..].trim_start();
        let groups: Vec<&str> = rest.strip_prefix('{').map_or_else(
            || vec![rest],
            |inside| {
                let mut depth = 0_usize;
                let end = inside.find(|c| {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => return true,
                        '}' => depth -= 1,
                        _ => {}
                    }
                    false
                });
                // Commas inside nested groups give further names, which are then no modules and do no harm.
                inside[..end.unwrap_or(inside.len())].split(',').collect()
            },
        );
        for path in groups {
            let name: String = path.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            named.insert(name);
        }
    }
    named
}

fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

/// Where `word` stands in `code` as a whole word (letters and digits on neither side).
fn finds(code: &str, word: &str) -> Vec<usize> {
    let boundary = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
    code.match_indices(word)
        .filter(|(at, _)| {
            let starts_with_letter = word.starts_with(|c: char| c.is_alphanumeric());
            let ends_with_letter = word.ends_with(|c: char| c.is_alphanumeric());
            (!starts_with_letter || boundary(code[..*at].chars().next_back()))
                && (!ends_with_letter || boundary(code[at + word.len()..].chars().next()))
        })
        .map(|(at, _)| line_of(code, at))
        .collect()
}

/// # Panics
/// When any of `words` stands in a file that `applies` to.
#[track_caller]
fn expect_absent(words: &[&str], applies: impl Fn(&Source) -> bool, why: &str) {
    let mut found = Vec::new();
    for source in sources().iter().filter(|s| applies(s)) {
        for word in words {
            found.extend(finds(&source.code, word).iter().map(|line| format!("src/{}:{line}: {word}", source.path)));
        }
    }
    assert!(found.is_empty(), "{why}\n{}", found.join("\n"));
}

fn is_pure(source: &Source) -> bool {
    PURE.contains(&source.module.as_str())
}

#[test]
fn modules_import_only_what_the_architecture_allows() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let mut broken = Vec::new();
    for source in sources() {
        if matches!(source.module.as_str(), "lib" | "main") {
            continue;
        }
        let Some(allowed) = allowed.get(source.module.as_str()) else {
            broken.push(format!("src/{}: module `{}` is not in the table", source.path, source.module));
            continue;
        };
        for name in imports(&source.code) {
            let is_module = MAY_IMPORT.iter().any(|(module, _)| *module == name);
            if is_module && name != source.module && !allowed.contains(&name.as_str()) {
                broken.push(format!("src/{}: `{}` may not import `{name}`", source.path, source.module));
            }
        }
    }
    assert!(broken.is_empty(), "see docs/architecture.md, \"Who may import whom\"\n{}", broken.join("\n"));
}

#[test]
fn the_pure_five_do_no_input_and_no_output() {
    expect_absent(
        &[
            "async",
            "await",
            "tokio",
            "std::fs",
            "std::net",
            "std::env",
            "std::thread",
            "std::io",
            "std::process",
            "tracing",
            "println!",
            "eprintln!",
            "dbg!",
        ],
        is_pure,
        "the pure core has neither I/O nor logging",
    );
}

#[test]
fn the_pure_five_know_neither_clocks_nor_chance() {
    expect_absent(
        &[
            "SystemTime",
            "Instant",
            "Timestamp::now",
            "Zoned::now",
            "getrandom",
            "rand",
            "now_v7",
            "new_v4",
            "RandomState",
        ],
        is_pure,
        "time and chance are handed to the pure core",
    );
}

#[test]
fn the_pure_five_are_deterministic() {
    expect_absent(
        &["HashMap", "HashSet", "f32", "f64"],
        is_pure,
        "iteration order and floating point must not decide anything",
    );
}

#[test]
fn only_the_clock_reads_a_clock() {
    expect_absent(
        &["SystemTime::now", "Timestamp::now", "Zoned::now"],
        |s| s.path != "runtime/clock.rs",
        "only runtime/clock.rs tells the time",
    );
    // How long something took, and when to try again, is measured on tokio's monotonic clock, which tests can hold; no decision
    // that is recorded rests on it.
    expect_absent(
        &["Instant::now"],
        |s| {
            s.path != "runtime/clock.rs"
                && !s.code.contains("tokio::time::Instant")
                && !s.code.contains("tokio::time::{")
        },
        "only runtime/clock.rs reads the system's clock",
    );
}

#[test]
fn only_channels_and_enrichment_speak_to_the_outside() {
    expect_absent(
        // `config` uses the parsers of addresses that these crates bring; `http` is a server.
        &["reqwest::Client", "reqwest::get", "lettre::transport", "SmtpTransport", "TcpStream::connect", "UdpSocket"],
        // The command line is a client of a running service, and the demo shows stand-ins of its own.
        |s| !matches!(s.module.as_str(), "channel" | "enrich" | "cli"),
        "only channel/* and enrich/* (and the command line client) speak to the outside",
    );
}

#[test]
fn nothing_unwraps_outside_tests() {
    let mut found = Vec::new();
    for source in sources() {
        for word in [".unwrap()", ".unwrap_err()", "unimplemented!", "todo!"] {
            found.extend(finds(&source.code, word).iter().map(|line| format!("src/{}:{line}: {word}", source.path)));
        }
        for line in finds(&source.code, ".expect(") {
            // A proof in words stands above: the lint is expected for this item.
            let above: Vec<&str> = source.code.lines().take(line).collect();
            let proven = above.iter().rev().take(25).any(|l| l.contains("clippy::expect_used"));
            if !proven {
                found.push(format!(
                    "src/{}:{line}: .expect( without #[expect(clippy::expect_used, reason)]",
                    source.path
                ));
            }
        }
    }
    assert!(found.is_empty(), "outside tests an error is handled\n{}", found.join("\n"));
}

#[test]
fn chrono_is_for_cron_alone() {
    expect_absent(&["chrono"], |s| s.path != "schedule/cron.rs", "jiff is the one library for times");
}

#[test]
fn no_lint_is_silenced_without_a_reason() {
    expect_absent(&["#[allow(", "#![allow("], |_| true, "#[expect(…, reason = …)] says why");
}

#[test]
fn files_are_about_one_thing() {
    let long: Vec<String> =
        sources().iter().filter(|s| s.lines > 700).map(|s| format!("src/{}: {} lines", s.path, s.lines)).collect();
    assert!(long.is_empty(), "more than 700 lines are two concepts\n{}", long.join("\n"));
}

#[test]
fn every_module_says_what_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let silent: Vec<String> = sources()
        .iter()
        .filter(|s| std::fs::read_to_string(root.join(&s.path)).is_ok_and(|text| !text.trim_start().starts_with("//!")))
        .map(|s| format!("src/{}", s.path))
        .collect();
    assert!(silent.is_empty(), "a file begins with a sentence about itself\n{}", silent.join("\n"));
}

#[test]
fn the_scanner_sees_code_and_only_code() {
    let code = blank(
        "let a = \"HashMap\"; // f64\nlet b = r#\"f32 \" f32\"#; let c = '\"'; /* async */ let d: &'static str = x;",
    );
    for word in ["HashMap", "f64", "f32", "async"] {
        assert!(finds(&code, word).is_empty(), "{word} in {code:?}");
    }
    assert_eq!(finds(&code, "static"), [2]);
    let found = imports("use crate::{domain::Name, engine::{State, Input}, rules}; crate::config::Loaded");
    for module in ["domain", "engine", "rules", "config"] {
        assert!(found.contains(module), "{module} in {found:?}");
    }
    assert_eq!(without_tests("a #[cfg(test)] mod tests { x { y } } b #[cfg(test)] mod t; c").replace(' ', ""), "abc");
}
