//! Cases with known answers: `tests/data/oracles/<kind>`, or the folder of that layout that `CALLOUT_ORACLES` names.
//!
//! Each kind prints how many cases were read and how many passed. A folder that is empty or can't be read fails.

use std::path::{Path, PathBuf};

mod burnrate;
mod escalation;
pub mod production;
mod schedules;

/// One case as it lies in its folder.
pub struct Case {
    /// The name of the file, without its ending.
    pub name: String,
    /// What it says.
    pub json: serde_json::Value,
}

fn folder(kind: &str) -> PathBuf {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/oracles");
    std::env::var_os("CALLOUT_ORACLES").map_or_else(own, PathBuf::from).join(kind)
}

/// All cases of a kind, in order of their names.
pub fn cases(kind: &str) -> Vec<Case> {
    let folder = folder(kind);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap_or_else(|e| panic!("{}: {e}", folder.display())).path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no cases in {}", folder.display());
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let json = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Case { name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), json }
    };
    paths.iter().map(read).collect()
}

/// Judges every case of a kind, prints the counts, and fails when any case did, with all of the reasons.
pub fn judge(kind: &str, judge: impl Fn(&serde_json::Value) -> Result<(), String>) {
    let cases = cases(kind);
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| judge(&case.json).err().map(|reason| format!("{}: {reason}", case.name)))
        .collect();
    println!("oracles: {kind}: {} cases read, {} passed", cases.len(), cases.len() - failures.len());
    assert!(failures.is_empty(), "{} of {} {kind} cases failed:\n{}", failures.len(), cases.len(), failures.join("\n"));
}
