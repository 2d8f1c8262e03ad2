//! Service levels: budgets, windows of counts, burn rates, forecasts. Integer arithmetic on counts throughout.
//!
//! Absent on purpose: floating point, clocks, names of services. A figure is rounded once, when it is written for people.

mod account;
mod budget;
pub mod burn;
pub mod counter;
mod exact;
pub mod forecast;
pub mod history;
mod packed;
mod period;
pub mod policy;
mod slices;
pub mod window;

pub use account::Account;
pub use budget::{Budget, BudgetStatus};
pub use exact::{Fraction, exceeds, reaches};
pub use history::History;
pub use period::{Calendar, Period, Unit};
pub use slices::{Slice, count_slices};
pub use window::{Counts, WindowSum};
