//! Matchers `= != =~ !~` over the fields and labels of an event.
