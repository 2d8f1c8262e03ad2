//! Snooze: once an alert fired, the same one stays quiet for a while.
