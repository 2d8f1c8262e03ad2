//! The engine: all of the judgement. Given its state, the policy, one input and the time, it says what follows.
//!
//! Absent on purpose: clocks, I/O, randomness, async, logging, hash maps. `apply` judges and never changes state but through
//! `evolve`; `evolve` performs one recorded transition and never judges. Recovery replays transitions only.

pub mod input;
pub mod limits;
pub mod policy;
pub mod state;
pub mod trace;
pub mod transition;

pub use input::{Actor, Command, DeliveryReport, Input, Outcome, Receipt, Refire, Verb};
pub use policy::Policy;
pub use state::State;
pub use trace::{Trace, TraceLine};
pub use transition::{Decision, Transition};
