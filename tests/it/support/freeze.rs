//! Stops a single thread of a running callout, as a disk that hangs or a loop without end would.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::Service;

/// A thread that is stopped; goes on when this is dropped.
pub struct Frozen(Child);

impl Frozen {
    /// Stops the thread that writes and judges. `None`, and the reason on standard output, where this machine does not let us trace.
    pub fn shard(service: &Service) -> Option<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/freeze.py");
        let mut child = Command::new("python3")
            .args([script, &service.pid().to_string(), "callout-shard"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let mut said = String::new();
        let _ = BufReader::new(child.stdout.take().expect("its output is a pipe")).read_line(&mut said);
        if said.trim() == "stopped" {
            return Some(Self(child));
        }
        let _ = child.wait();
        println!("watch: this machine does not allow to stop a thread of another process (ptrace)");
        None
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
