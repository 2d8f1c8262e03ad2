//! The stand-ins themselves: a validator that lets everything pass would make every story worthless.

use std::process::Command;

use crate::support::Sinks;

#[test]
fn the_stand_ins_pass_their_own_checks() {
    let sinks = Sinks::start();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sinks/selftest.py");
    let ready = format!("{}/ready.json", sinks.at("state"));
    let output = Command::new("python3").arg(script).arg(ready).output().expect("python3 runs");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
