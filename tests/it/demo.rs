//! `callout demo`, the first thing that a newcomer runs.

use std::process::{Command, Output};

fn demo(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_callout")).arg("demo").args(args).output().unwrap()
}

/// The quickstart's people who take turns, and who stands in over Christmas.
const PEOPLE: [&str; 4] = ["Ana Ruiz", "Bo Lindqvist", "Cy Okafor", "Eva Maier"];

#[test]
fn the_story_ends_well_and_says_who_was_told_through_what_and_why() {
    let output = demo(&["--once", "--listen", "127.0.0.1:0"]);
    let said = String::from_utf8(output.stdout).unwrap();
    let logged = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}\n{logged}");
    assert_eq!(logged, "", "nothing goes wrong on the way");
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for text in [
        "availability of GET /api/data/{tenant}, prod-eu: 98,471 of 100,000 good in 60m",
        "fired: 1.5% of requests failed in 1h, more than 0.6% (200% of the 0.3% budget); opened incident 1",
        "counted on incident 1: seen once more; nobody is told again",
        "quiet: 0.18% of requests failed in 1h",
        "Slack #checkout-eu-slo-breaches",
        "Slack U0",
        "Teams eu",
        "email checkout@acme.example",
        "main of checkout",
        "policy checkout, step 1 of 4: main on call",
        "still triggered",
        "changed in place: 👀 P2 acknowledged",
        "/incidents/1",
        "curl -sS --fail-with-body http://127.0.0.1:",
        "every expected message arrived",
    ] {
        assert!(words.contains(text), "`{text}` is not in\n{said}");
    }
    let person = PEOPLE.iter().find(|name| said.contains(&format!("Acknowledged by {name}")));
    assert!(person.is_some_and(|name| said.lines().any(|l| l.contains(name) && l.contains("paged"))), "{said}");
    assert!(!said.contains('\u{1b}'), "no colours into a pipe: {said}");
    let folder = said.lines().find_map(|line| line.trim().strip_prefix("data ")).unwrap();
    let folder = folder.trim().trim_end_matches("/data (removed at the end)");
    assert!(!std::path::Path::new(folder).exists(), "{folder} is left behind");
}

#[test]
fn kept_data_can_be_read_afterwards_and_is_not_told_over() {
    let folder = std::env::temp_dir().join(format!("callout-it-demo-{}", std::process::id()));
    let data = folder.to_str().unwrap();
    let told = demo(&["--once", "--listen", "127.0.0.1:0", "--data", data]);
    let explained =
        Command::new(env!("CARGO_BIN_EXE_callout")).args(["explain", "1", "--data", data]).output().unwrap();
    let again = demo(&["--once", "--listen", "127.0.0.1:0", "--data", data]);
    std::fs::remove_dir_all(&folder).unwrap();

    assert_eq!(told.status.code(), Some(0));
    let explained = String::from_utf8(explained.stdout).unwrap();
    assert!(explained.contains("acknowledged"), "{explained}");
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8(again.stderr).unwrap().contains("is not empty"));
}
