//! The sentences about how people want to be paged.

use std::fmt;

use super::Because;
use super::wording::{listed, targets_in_words, utc};

/// How a person wants to be paged.
pub(super) struct Personal<'a>(pub &'a Because);

impl fmt::Display for Personal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Because::RuleFollowed { person, rule: Some(rule), ways } => {
                write!(f, "rule {rule} of {person}: {}", ways.join(", "))
            }
            Because::RuleFollowed { person, rule: None, ways } => {
                write!(f, "no rule of {person} fits: {}", listed(ways))
            }
            Because::NextWay { person, way, ways, by } => {
                write!(f, "way {way} of {ways} of {person}: {by}")
            }
            Because::QuietHeld { person, ends, zone, .. } => {
                write!(f, "quiet hours of {person} until {ends} in {zone}: held")
            }
            Because::QuietBroken { person, by, ends, zone, .. } => {
                write!(f, "{by} breaks the quiet hours of {person} (until {ends} in {zone})")
            }
            Because::StepQuiet { policy, step, steps, targets, .. } => {
                write!(f, "policy {policy}, step {step} of {steps} skipped: ")?;
                write!(f, "quiet hours for {}", targets_in_words(targets))
            }
            Because::RoundHeld { policy, until } => {
                write!(f, "everybody whom policy {policy} tells wants quiet: it begins again at {}", utc(*until))
            }
            Because::Bundled { digest, to, span, due } => {
                write!(
                    f,
                    "page to {to} waits for digest {digest}, due by {}: gathered for {span} by their rule",
                    utc(*due)
                )
            }
            Because::HandoffTold { text, begins } => write!(f, "{text}, from {}", utc(*begins)),
            Because::Unverified { person, by } => write!(f, "{by} of {person} is not verified"),
            _ => Ok(()),
        }
    }
}
