//! `callout check` and `callout schema` as a person or a pipeline runs them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn callout(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_callout")).args(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

#[test]
fn every_example_is_clean_and_exits_with_0() {
    for name in ["quickstart", "follow-the-sun"] {
        let output = callout(&["check", "--at", "2026-11-20T20:00:00Z", example(name).to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
        assert!(stdout(&output).starts_with("no mistakes in "), "{}", stdout(&output));
    }
}

#[test]
fn mistakes_exit_with_1_and_go_to_stdout_with_their_place() {
    let folder = std::env::temp_dir().join(format!("callout-it-check-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("callout.toml"), "[organisation]\nname = \"acme\"\nfalback = \"ops\"\n").unwrap();
    let text = callout(&["check", folder.to_str().unwrap()]);
    let json = callout(&["check", "--output", "json", folder.to_str().unwrap()]);
    std::fs::remove_dir_all(&folder).unwrap();

    assert_eq!(text.status.code(), Some(1));
    let said = stdout(&text);
    assert!(said.contains("error: unknown key `falback` in `organisation`\n --> callout.toml:3:1\n"), "{said}");
    assert!(said.contains("hint: did you mean `fallback`?\n"), "{said}");
    assert!(!said.contains('\u{1b}'), "no colours into a pipe: {said}");

    assert_eq!(json.status.code(), Some(1));
    let document: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&document["ok"], &document["errors"]), (&false.into(), &1.into()));
    assert_eq!(document["diagnostics"][0]["place"]["column"], 1);
}

#[test]
fn a_missing_folder_exits_with_1_and_wrong_usage_with_2() {
    assert_eq!(callout(&["check", "/nowhere/at/all"]).status.code(), Some(1));
    assert_eq!(callout(&["check"]).status.code(), Some(2));
    assert_eq!(callout(&["check", "--output", "xml", "."]).status.code(), Some(2));
}

#[test]
fn the_schema_is_a_document_of_draft_2020_12() {
    let output = callout(&["schema"]);
    assert_eq!(output.status.code(), Some(0));
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(schema["properties"]["schedules"].is_object());
}
