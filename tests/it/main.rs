//! The tests of the whole: the real program, real files, real sockets. One binary; a module per subject.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and they measure real time"
)]

mod architecture;
mod bad_input;
mod channel;
mod check;
mod cli;
mod crash;
mod demo;
mod docs;
mod drill;
mod faults;
mod fuzz;
mod monitoring;
mod night;
mod notifiers;
mod on_call;
mod operations;
mod oracles;
mod pages;
mod personal;
mod poison;
mod prometheus;
mod quiet;
mod record;
mod samples;
mod schemathesis;
mod secrets;
mod security;
mod slack;
mod slis;
mod slo_examples;
mod slo_stories;
mod smuggling;
mod stand_ins;
mod storm;
mod support;
mod templates;
mod told_and_done;
mod verify;
mod watch;
