//! Tests of the whole way from files to policy.

use std::path::Path;

use super::*;

fn now() -> Timestamp {
    Timestamp::parse("2026-11-20T20:00:00Z").unwrap()
}

#[test]
fn the_examples_are_clean() {
    let report = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart"), now());
    assert_eq!(report.render(false), "no mistakes in 2 files: 1 team, 2 services, 1 schedule, 4 people\n");
    assert!(report.loaded.is_some());
}
