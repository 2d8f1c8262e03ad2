//! README and `docs/` as tests: every example runs, every link leads somewhere, tables say what the registers say.
//!
//! What a fenced block is for stands behind its language: a path (`toml teams/shop.toml`) makes it a file of the page's configuration;
//! `sh run` is executed against a service with that configuration, its `127.0.0.1:8080` being that service; `sh serve` is how the service is
//! started; other blocks are shown only. Where a page is a register written out, `UPDATE_DOCS=1` writes it.

mod limits;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::service::{callout, free_address, run};
use crate::support::{Service, Sinks, TempDir, http};

/// A fenced block.
struct Block {
    line: usize,
    language: String,
    what: String,
    text: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(page: &str) -> String {
    std::fs::read_to_string(root().join(page)).unwrap_or_else(|e| panic!("{page}: {e}"))
}

fn pages() -> Vec<String> {
    let mut pages: Vec<String> = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(str::to_owned).to_vec();
    for entry in std::fs::read_dir(root().join("docs")).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if Path::new(&name).extension().is_some_and(|e| e == "md") {
            pages.push(format!("docs/{name}"));
        }
    }
    pages.sort();
    pages
}

fn blocks(page: &str) -> Vec<Block> {
    let mut all = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in read(page).lines().enumerate() {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        match (&mut open, trimmed.strip_prefix("```")) {
            (None, Some(info)) => {
                let (language, what) = info.split_once(' ').unwrap_or((info, ""));
                open = Some(Block {
                    line: number + 1,
                    language: language.to_owned(),
                    what: what.to_owned(),
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => all.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(
                    line.get(indent.min(2)..).filter(|_| indent >= 2 && block.language == "yaml").unwrap_or(line),
                );
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{page}: a block is not closed");
    all
}

/// The files of a page's configuration, in order of first mention; blocks of the same name are joined.
fn files(page: &str) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    for block in blocks(page).iter().filter(|b| b.language == "toml" && !b.what.is_empty()) {
        match files.iter_mut().find(|(name, _)| *name == block.what) {
            Some((_, text)) => {
                text.push('\n');
                text.push_str(&block.text);
            }
            None => files.push((block.what.clone(), block.text.clone())),
        }
    }
    files
}

#[test]
fn configurations_in_the_documentation_pass_the_check() {
    let mut checked = 0;
    for page in pages() {
        let files = files(&page);
        if files.is_empty() {
            continue;
        }
        let dir = TempDir::new("docs");
        for (name, text) in &files {
            dir.write(name, text);
        }
        let folder = files[0].0.split_once('/').map_or("", |(first, _)| first);
        let folder = if files.iter().all(|(name, _)| name.starts_with(&format!("{folder}/"))) { folder } else { "" };
        let output = run(callout().arg("check").arg(dir.path().join(folder)));
        assert!(
            output.status.success(),
            "{page}:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("warning"), "{page}:\n{said}");
        checked += files.len();
    }
    assert!(checked >= 5, "only {checked} files found");
    println!("docs: {checked} files of configuration checked");
}

#[test]
fn every_example_configuration_passes_the_check() {
    let mut checked = 0;
    for entry in std::fs::read_dir(root().join("examples")).unwrap().flatten() {
        if !entry.path().join("callout.toml").exists() {
            continue;
        }
        let output = run(callout().arg("check").arg(entry.path()));
        assert!(
            output.status.success(),
            "{}:\n{}{}",
            entry.path().display(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        checked += 1;
    }
    assert!(checked > 0, "there is no example configuration");
}

/// Lets a configuration that names real services talk to the stand-ins.
fn towards_stand_ins(text: &str, sinks: &Sinks, address: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        out.push_str(&line.replace("127.0.0.1:8080", address));
        out.push('\n');
        if line.starts_with("[channels.slack.") {
            let _ = writeln!(out, "api_url = \"{}\"\nallow_private = true\ninterval = \"20ms\"", sinks.at("slack_api"));
        } else if line.starts_with("[channels.") {
            out.push_str("allow_private = true\n");
        }
    }
    out
}

#[test]
fn commands_in_the_guide_run() {
    let page = "docs/guide.md";
    let sinks = Sinks::start();
    let dir = TempDir::new("guide");
    let files = files(page);
    let service = Service::prepare(&[]).env("SLACK_TOKEN", sinks.at("slack_token"));
    for (name, text) in &files {
        let text = towards_stand_ins(text, &sinks, &service.address);
        dir.write(name, &text);
        service.write_config(name.split_once('/').map_or(name.as_str(), |(_, rest)| rest), &text);
    }
    let all = blocks(page);
    let serve = all.iter().find(|b| b.what == "serve").expect("the guide starts a service");
    assert!(serve.text.contains("callout serve --config my-callout --data my-data --listen 127.0.0.1:8080"));
    let service = service.start();
    let mut ran = 0;
    for block in all.iter().filter(|b| b.language == "sh" && b.what == "run") {
        shell(page, block, dir.path(), &service.address);
        ran += 1;
        if block.text.contains("/v1/breaches") {
            sinks.wait_until("slack.chat.postMessage", "the room and the page", |all| all.len() >= 2);
        }
    }
    sinks.wait_for("slack.chat.update", 1);
    sinks.expect_no_complaints();
    assert!(ran >= 4, "only {ran} commands found");
    println!("docs: {ran} blocks of commands of the guide run");
}

/// Runs a block of shell; `callout` is the program under test.
fn shell(page: &str, block: &Block, folder: &Path, address: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_callout"));
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("bash");
    command
        .args(["-euo", "pipefail", "-c", &block.text.replace("127.0.0.1:8080", address)])
        .current_dir(folder)
        .env("PATH", path)
        .env("NO_COLOR", "1");
    let output = run(&mut command);
    assert!(
        output.status.success(),
        "{page}:{}: {}\n{}\n{}{}",
        block.line,
        output.status,
        block.text,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_readme_has_its_two_commands_and_both_exist() {
    let text = read("README.md");
    for command in ["cargo run --release -- demo", "./tests/run.sh"] {
        assert!(text.contains(command), "README.md lacks `{command}`");
    }
    assert!(root().join("tests/run.sh").exists());
    assert!(callout().arg("demo").arg("--help").output().unwrap().status.success(), "there is no `callout demo`");
}

/// Ends a program however the test ends.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_curl_of_the_readme_ends_in_a_visible_page() {
    let address = free_address();
    let dir = TempDir::new("readme");
    let mut demo = callout();
    demo.args(["demo", "--listen", &address]).current_dir(dir.path()).stdout(std::process::Stdio::null());
    let _demo = Running(demo.spawn().expect("the demo starts"));
    let url = |path: &str| format!("http://{address}{path}");
    let shows = |path: &str, words: &str| {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        loop {
            match http::try_request("GET", &url(path), &[], b"") {
                Ok(page) if page.status == 200 && page.text().contains(words) => return,
                _ => std::thread::sleep(std::time::Duration::from_millis(50)),
            }
            assert!(std::time::Instant::now() < deadline, "{words:?} is not at {path}");
        }
    };
    shows("/incidents", "prod-eu");
    let page = "README.md";
    let all = blocks(page);
    let curl = all.iter().find(|b| b.what == "demo").expect("the README has a curl for the demo");
    shell(page, curl, dir.path(), &address);
    shows("/incidents", "prod-us");
    shows("/incidents/2", "3%");
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = read(&page);
        let folder = root().join(&page).parent().unwrap().to_owned();
        for (at, _) in text.match_indices("](") {
            let target: String = text[at + 2..].chars().take_while(|c| *c != ')').collect();
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains("://") && !folder.join(file).exists() {
                broken.push(format!("{page}: {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn files_that_the_documentation_names_exist() {
    let mut missing = Vec::new();
    for page in pages() {
        for word in read(&page).split('`') {
            let is_path = ["src/", "tests/", "docs/", "examples/", ".ci/"].iter().any(|start| word.starts_with(start));
            if is_path && !word.contains(['<', ' ', '*', '\n', '{']) && !root().join(word).exists() {
                missing.push(format!("{page}: {word}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn the_readme_lists_every_channel_and_dialect() {
    let text = read("README.md");
    for kind in callout::channel::KINDS {
        assert!(text.contains(&format!("`{}`", kind.kind)), "README.md does not list the channel `{}`", kind.kind);
    }
    for dialect in callout::ingest::DIALECTS {
        assert!(text.contains(&format!("`POST {}`", dialect.path)), "README.md does not list `POST {}`", dialect.path);
    }
}

#[test]
fn every_key_of_the_configuration_is_described() {
    fn collect(schema: &serde_json::Value, into: &mut BTreeSet<String>) {
        match schema {
            serde_json::Value::Object(map) => {
                if let Some(serde_json::Value::Object(keys)) = map.get("properties") {
                    into.extend(keys.keys().cloned());
                }
                map.values().for_each(|v| collect(v, into));
            }
            serde_json::Value::Array(list) => list.iter().for_each(|v| collect(v, into)),
            _ => {}
        }
    }
    let schema = crate::support::service::stdout_of(callout().arg("schema"));
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("the schema is JSON");
    let mut keys = BTreeSet::new();
    collect(&schema, &mut keys);
    assert!(keys.len() > 60, "only {} keys in the schema", keys.len());
    let text = read("docs/configuration.md");
    let undescribed: Vec<_> = keys
        .iter()
        .filter(|key| {
            // `…_env` and `…_file` are described once for all.
            let stem = key.strip_suffix("_env").or_else(|| key.strip_suffix("_file")).unwrap_or(key);
            !text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').any(|word| {
                word == *key
                    || word.strip_suffix("_env").or_else(|| word.strip_suffix("_file")) == Some(stem)
                    || word == stem
            })
        })
        .collect();
    assert!(undescribed.is_empty(), "docs/configuration.md says nothing of {undescribed:?}");
}

/// Compares a page with what it should be; writes it where `UPDATE_DOCS` is set.
#[track_caller]
fn expect_page(page: &str, expected: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(root().join(page), expected).unwrap();
    }
    assert!(read(page) == expected, "{page} is not up to date: UPDATE_DOCS=1 cargo test --test it docs::");
}

#[test]
fn the_page_of_problems_lists_all() {
    let mut page = String::from(
        "# Problems\n\nErrors are problem documents (RFC 9457): `type`, `title`, `status`, `detail`. The `type` is `/problems/<name>`, stable, and the service answers there\nwith the text below. \
         On Alertmanager's routes errors have Alertmanager's shape instead. This page is written by a test.\n\n| type | status | title | what to do |\n|---|---|---|---|\n",
    );
    for problem in callout::http::problem::all() {
        let _ = writeln!(page, "| `{}` | {} | {} | {} |", problem.slug, problem.status, problem.title, problem.help);
    }
    expect_page("docs/problems.md", &page);
}

#[test]
fn the_description_for_programs_is_committed() {
    let mut text = serde_json::to_string_pretty(&callout::http::openapi::document()).unwrap();
    text.push('\n');
    expect_page("docs/openapi.json", &text);
}
