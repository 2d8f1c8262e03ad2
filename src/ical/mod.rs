//! iCalendar (RFC 5545), as far as calendars of on-call need it: written for those who subscribe, read for absences and public holidays.
//!
//! Of our own because the crates for it bring a zone database of theirs, which is older than the one that schedules are resolved with; a shift
//! would then be an hour off in the calendar. Times are written in UTC, so no zone has to be described. Absent on purpose: everything but
//! events (to-dos, journals, alarms, free and busy), and invitations.

pub mod read;
pub mod recur;
mod write;

pub use write::{Calendar, Event, write};
