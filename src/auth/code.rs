//! Codes that prove that a way leads to a person, and what is kept of addresses and codes: keyed hashes, which give neither away to
//! whoever reads the journal.

use super::link::LinkKey;
use crate::engine::contact::Way;

/// Digits of a code.
pub const DIGITS: usize = 6;

impl LinkKey {
    /// What is kept of an address.
    #[must_use]
    pub fn mark(&self, way: &Way, address: &str) -> u128 {
        u128::from_be_bytes(self.mac(b"callout address\0", &parts(way, &[address.as_bytes()])))
    }

    /// The code that goes to an address. Made anew from its number whenever it is sent, so that it is kept nowhere.
    #[must_use]
    pub fn code(&self, way: &Way, address: &str, nonce: u64) -> String {
        let mac = self.mac(b"callout code\0", &parts(way, &[address.as_bytes(), &nonce.to_be_bytes()]));
        // A million divides 2^128 unevenly by far less than anybody could tell.
        format!("{:06}", u128::from_be_bytes(mac) % 1_000_000)
    }

    /// What is kept of a code.
    #[must_use]
    pub fn code_mark(&self, way: &Way, nonce: u64, code: &str) -> u128 {
        u128::from_be_bytes(self.mac(b"callout entered code\0", &parts(way, &[&nonce.to_be_bytes(), code.as_bytes()])))
    }
}

/// The parts of a text, each with its length before it, so that no two lists of parts read alike.
fn parts(way: &Way, more: &[&[u8]]) -> Vec<u8> {
    let channel = way.1.to_string();
    let mut bytes = Vec::new();
    for part in [way.0.as_bytes(), channel.as_bytes()].into_iter().chain(more.iter().copied()) {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ChannelKind, ChannelRef};

    #[test]
    fn codes_and_marks_differ_by_everything_that_goes_into_them() {
        let way = |person: &str| (person.into(), ChannelRef { kind: ChannelKind::Slack, name: "main".into() });
        let (key, other) = (LinkKey::new([1; 32]), LinkKey::new([2; 32]));
        let code = key.code(&way("ana"), "U01", 7);
        assert!(code.len() == DIGITS && code.bytes().all(|b| b.is_ascii_digit()), "{code}");
        assert_eq!(code, key.code(&way("ana"), "U01", 7));
        let others = [
            key.code(&way("bo"), "U01", 7),
            key.code(&way("ana"), "U02", 7),
            key.code(&way("ana"), "U01", 8),
            other.code(&way("ana"), "U01", 7),
        ];
        assert!(!others.contains(&code), "{others:?}");
        assert_ne!(key.mark(&way("ana"), "U01"), key.mark(&way("ana"), "U02"));
        assert_ne!(key.mark(&way("ana"), "U01"), other.mark(&way("ana"), "U01"));
        assert_ne!(key.code_mark(&way("ana"), 7, "123456"), key.code_mark(&way("ana"), 7, "123457"));
        assert_ne!(key.code_mark(&way("ana"), 7, "123456"), key.code_mark(&way("ana"), 8, "123456"));
    }
}
