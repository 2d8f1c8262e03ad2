//! Silences: matchers and an interval, made by a person.
