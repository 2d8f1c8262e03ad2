//! The channels against the stand-ins: what they render, what they send, how they judge the answer.

mod conformance;
mod email;
mod fixtures;
mod golden;
mod limits;
mod notifiers;
mod slack;
mod teams;
mod webhook;
