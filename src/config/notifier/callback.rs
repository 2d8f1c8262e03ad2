//! What a service may ask callout for: a document made of a template, and a key that somebody pressed. A call that is answered is one.

use std::collections::BTreeMap;

/// A document that the service fetches, and what may come back with the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// Content type of the document.
    pub content_type: String,
    /// Template of the document, in XML.
    pub body: String,
    /// Header with the signature: base64 of HMAC-SHA1 over the URL and the fields of the form, sorted, each name followed by its value.
    pub header: String,
    /// Secret that signs.
    pub secret: String,
    /// Field of the form with what was pressed.
    pub field: String,
    /// What keys do.
    pub keys: BTreeMap<String, Act>,
}

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Somebody is on it.
    Acknowledge,
    /// The next step at once.
    Escalate,
    /// It is over.
    Resolve,
}

impl Act {
    /// The words in TOML.
    pub const WORDS: &'static [&'static str] = &["acknowledge", "escalate", "resolve"];

    /// Reads a word of [`Self::WORDS`].
    #[must_use]
    pub fn read(word: &str) -> Self {
        match word {
            "resolve" => Self::Resolve,
            "escalate" => Self::Escalate,
            _ => Self::Acknowledge,
        }
    }
}
