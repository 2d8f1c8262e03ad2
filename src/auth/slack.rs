//! What Slack signs: requests about buttons, commands and events. Source: docs.slack.dev, "Verifying requests from Slack", read 2026-11.
//!
//! The signature is over the raw body, so it is checked before anything of it is read. A request that was recorded is good for five
//! minutes; within them it is known again and does nothing a second time. Slack itself sends a request twice now and then, signed anew:
//! what it calls the request by is remembered like a signature.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::domain::{Span, Timestamp};

/// A request may be so old, or so far ahead of callout's clock. Beyond: 401.
pub const WINDOW: Span = Span::from_minutes(5);
/// Requests that are remembered at most. Beyond: the oldest are forgotten early, and what they asked for is idempotent all the same.
pub const REMEMBERED_MAX: usize = 50_000;
/// Version of the signature.
const VERSION: &str = "v0";
/// Digits of the time in a request, which is in seconds. Beyond: 401.
const TIME_DIGITS_MAX: usize = 12;

/// Why a request does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// A header is missing or unreadable.
    #[error("the headers `X-Slack-Request-Timestamp` and `X-Slack-Signature` are not both there")]
    Missing,
    /// Too old, or from the future.
    #[error("the request was signed more than five minutes away from callout's clock")]
    Stale,
    /// Not made with any of the secrets, or changed since.
    #[error("the signature does not fit the request")]
    Wrong,
}

/// The signing secrets of a workspace's app: one, and a second one while they change. Never printed.
#[derive(Clone)]
pub struct Signing(Vec<SecretString>);

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signing(***)")
    }
}

impl Signing {
    /// With these secrets.
    #[must_use]
    pub const fn new(secrets: Vec<SecretString>) -> Self {
        Self(secrets)
    }

    /// Checks a request. All secrets are tried, in constant time each.
    ///
    /// # Errors
    /// Why it does not count.
    pub fn verify(
        &self,
        timestamp: Option<&str>,
        signature: Option<&str>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), Unsigned> {
        let (Some(timestamp), Some(signature)) = (timestamp, signature) else { return Err(Unsigned::Missing) };
        let digits = timestamp.len() <= TIME_DIGITS_MAX && timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let seconds: i64 = timestamp.parse().ok().filter(|_| digits).ok_or(Unsigned::Missing)?;
        let signed_at = Timestamp::from_seconds(seconds);
        if now.since(signed_at) > WINDOW || signed_at.since(now) > WINDOW {
            return Err(Unsigned::Stale);
        }
        let mut fits = subtle::Choice::from(0);
        for secret in &self.0 {
            fits |= sign(secret, timestamp, body).as_bytes().ct_eq(signature.as_bytes());
        }
        if bool::from(fits) { Ok(()) } else { Err(Unsigned::Wrong) }
    }
}

/// `v0=` and the signature in hexadecimal.
fn sign(secret: &SecretString, timestamp: &str, body: &[u8]) -> String {
    let key = secret.expose_secret().as_bytes();
    // Longer keys are hashed first, as HMAC says; shorter ones are filled with zeros.
    let mut block = [0_u8; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in [VERSION.as_bytes(), b":", timestamp.as_bytes(), b":", body] {
        mac.update(part);
    }
    let hash: [u8; 32] = mac.finalize().into_bytes().into();
    format!("{VERSION}={}", super::token::hex(&hash))
}

/// A signature as Slack makes it, for tests of the edge.
#[cfg(test)]
pub fn sign_for_tests(secret: &str, timestamp: &str, body: &[u8]) -> String {
    sign(&secret.to_owned().into(), timestamp, body)
}

/// What a request is known by.
pub type Mark = [u8; 16];

/// The mark of a request: of its signature, or of the name that Slack gives it.
#[must_use]
pub fn mark(kind: &str, of: &str) -> Mark {
    let mut hash = Sha256::new();
    hash.update(kind.as_bytes());
    hash.update([0]);
    hash.update(of.as_bytes());
    let hash: [u8; 32] = hash.finalize().into();
    let mut mark = [0; 16];
    mark.copy_from_slice(&hash[..16]);
    mark
}

/// A mark in hexadecimal.
#[must_use]
pub fn mark_name(mark: &Mark) -> String {
    format!("{:032x}", u128::from_be_bytes(*mark))
}

/// Requests that came lately.
#[derive(Debug, Default)]
pub struct Replays(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    at: HashMap<Mark, Timestamp>,
    by_age: VecDeque<(Timestamp, Mark)>,
}

impl Replays {
    /// Remembers a request by its marks. `false`: one of them is known, so it must not act again.
    #[must_use]
    pub fn is_new(&self, marks: &[Mark], now: Timestamp) -> bool {
        let mut seen = self.seen();
        seen.forget(now);
        if marks.iter().any(|mark| seen.at.contains_key(mark)) {
            return false;
        }
        for mark in marks {
            seen.at.insert(*mark, now);
            seen.by_age.push_back((now, *mark));
        }
        true
    }

    /// Nothing came of a request, so that Slack, or whoever pressed, may try again.
    pub fn forget(&self, marks: &[Mark]) {
        let mut seen = self.seen();
        for mark in marks {
            seen.at.remove(mark);
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// A signature may be ahead by the window and is good for the window then, so it is remembered for both.
    fn forget(&mut self, now: Timestamp) {
        let kept = Span::from_millis(2 * WINDOW.as_millis());
        while let Some((at, mark)) = self.by_age.front().copied() {
            if self.by_age.len() < REMEMBERED_MAX && now.since(at) <= kept {
                return;
            }
            self.by_age.pop_front();
            // It may have been forgotten and come again since.
            if self.at.get(&mark) == Some(&at) {
                self.at.remove(&mark);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The worked example of Slack's own page.
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const TIME: &str = "1531420618";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";

    fn signing(secrets: &[&str]) -> Signing {
        Signing::new(secrets.iter().map(|s| (*s).to_owned().into()).collect())
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_531_420_618 + seconds)
    }

    #[test]
    fn the_example_of_slacks_page_is_signed_as_it_says() {
        let signing = signing(&[SECRET]);
        assert_eq!(signing.verify(Some(TIME), Some(SIGNATURE), BODY.as_bytes(), at(0)), Ok(()));
        let upper = SIGNATURE.to_uppercase();
        for (time, signature, body, now, why) in [
            (Some(TIME), Some(SIGNATURE), &BODY[1..], at(0), Unsigned::Wrong),
            (Some(TIME), Some(&SIGNATURE[..66]), BODY, at(0), Unsigned::Wrong),
            (Some(TIME), Some(""), BODY, at(0), Unsigned::Wrong),
            (Some(TIME), Some(upper.as_str()), BODY, at(0), Unsigned::Wrong),
            (Some("1531420619"), Some(SIGNATURE), BODY, at(0), Unsigned::Wrong),
            (Some("-1531420618"), Some(SIGNATURE), BODY, at(0), Unsigned::Missing),
            (Some("9999999999999999999"), Some(SIGNATURE), BODY, at(0), Unsigned::Missing),
            (Some(""), Some(SIGNATURE), BODY, at(0), Unsigned::Missing),
            (None, Some(SIGNATURE), BODY, at(0), Unsigned::Missing),
            (Some(TIME), None, BODY, at(0), Unsigned::Missing),
        ] {
            assert_eq!(signing.verify(time, signature, body.as_bytes(), now), Err(why), "{time:?} {signature:?}");
        }
    }

    #[test]
    fn five_minutes_either_way_are_good_and_one_second_more_is_not() {
        let signing = signing(&[SECRET]);
        for (seconds, good) in [(300, true), (301, false), (-300, true), (-301, false)] {
            let answer = signing.verify(Some(TIME), Some(SIGNATURE), BODY.as_bytes(), at(seconds));
            assert_eq!(answer, if good { Ok(()) } else { Err(Unsigned::Stale) }, "{seconds}");
        }
    }

    #[test]
    fn two_secrets_are_good_at_once_and_none_is_good_for_nothing() {
        for (secrets, good) in [(&["new", SECRET][..], true), (&[SECRET, "old"], true), (&["new"], false), (&[], false)]
        {
            let answer = signing(secrets).verify(Some(TIME), Some(SIGNATURE), BODY.as_bytes(), at(0));
            assert_eq!(answer.is_ok(), good, "{secrets:?}");
        }
    }

    #[test]
    fn a_request_is_known_again_while_it_could_be_good() {
        let replays = Replays::default();
        let (signature, trigger) = (mark("signature", SIGNATURE), mark("trigger", "1.2.3"));
        assert!(replays.is_new(&[signature, trigger], at(0)));
        assert!(!replays.is_new(&[signature], at(600)), "the same bytes");
        assert!(!replays.is_new(&[mark("signature", "other"), trigger], at(1)), "the same press, signed anew");
        assert!(replays.is_new(&[signature], at(601)), "its time is over by itself");
        replays.forget(&[signature]);
        assert!(replays.is_new(&[signature], at(602)), "nothing had come of it");
    }

    #[test]
    fn memory_is_bounded_and_the_newest_stay() {
        let replays = Replays::default();
        for number in 0..REMEMBERED_MAX + 10 {
            assert!(replays.is_new(&[mark("signature", &number.to_string())], at(0)));
        }
        assert_eq!(replays.seen().at.len(), REMEMBERED_MAX);
        assert!(!replays.is_new(&[mark("signature", &(REMEMBERED_MAX + 9).to_string())], at(0)));
        assert!(replays.is_new(&[mark("signature", "0")], at(0)), "the oldest made room");
    }

    #[test]
    fn debug_output_never_shows_the_secret() {
        assert!(!format!("{:?}", signing(&[SECRET])).contains("8f74"));
    }
}
