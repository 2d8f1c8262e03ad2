//! Service levels: budgets, windows of counts, burn rates. Integer arithmetic on counts; see `docs/slo-semantics` for each decision.
//!
//! Absent on purpose: floating point, clocks, names of services. A figure is rounded once, when it is written for people.

mod budget;
mod exact;

pub use budget::{Budget, BudgetStatus};
pub use exact::{Fraction, exceeds};
