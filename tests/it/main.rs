//! The tests of the whole: the real program, real files, real sockets. One binary; a module per subject.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and they measure real time"
)]

mod architecture;
mod channel;
mod check;
mod demo;
mod oracles;
mod stand_ins;
mod support;
