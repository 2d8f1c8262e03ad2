//! How many wrong tokens and links one address may present.
//!
//! The generic cell rate algorithm: for each address one time is kept, up to which its failures are paid for. Two numbers and a bounded
//! table; a crate for it keeps every address it ever saw until it is told to forget, and reads a clock of its own.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use crate::domain::{Span, Timestamp};

/// Wrong tokens and links that one address may present at once. Beyond: 429 with `Retry-After`; right ones go on working.
pub const FAILURES_MAX: i64 = 60;
/// One more is allowed each time this has passed.
pub const FAILURE_EVERY: Span = Span::from_seconds(1);
/// Addresses that are remembered. Beyond: those that presented one wrong token are forgotten, then all.
pub const ADDRESSES_MAX: usize = 8_192;

/// What an address is told that presented too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Seconds until one more is allowed.
    pub retry_after_s: u32,
    /// Whether it is the first refusal since the address was last good for something.
    pub is_first: bool,
}

/// The addresses that presented something wrong lately.
#[derive(Debug, Default)]
pub struct Failures(Mutex<HashMap<IpAddr, Paid>>);

#[derive(Debug, Clone, Copy)]
struct Paid {
    until: Timestamp,
    refused: bool,
}

impl Failures {
    /// Counts a failure; `Some` when there were too many.
    pub fn add(&self, ip: IpAddr, now: Timestamp) -> Option<Refusal> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = network(ip);
        if all.len() >= ADDRESSES_MAX && !all.contains_key(&key) {
            let fresh = now.plus(FAILURE_EVERY);
            all.retain(|_, paid| paid.until > fresh);
            if all.len() >= ADDRESSES_MAX {
                all.clear();
            }
        }
        let paid = all.entry(key).or_insert(Paid { until: now, refused: false });
        if paid.until <= now {
            *paid = Paid { until: now, refused: false };
        }
        let ahead = paid.until.since(now).as_millis();
        let allowed = FAILURE_EVERY.as_millis() * (FAILURES_MAX - 1);
        if ahead <= allowed {
            paid.until = paid.until.plus(FAILURE_EVERY);
            return None;
        }
        let is_first = !std::mem::replace(&mut paid.refused, true);
        let wait = u32::try_from((ahead - allowed + 999) / 1_000).unwrap_or(u32::MAX);
        Some(Refusal { retry_after_s: wait, is_first })
    }
}

/// What counts as one address: an IPv4 address, or the network that an IPv6 subscriber is given (64 bits).
#[must_use]
pub fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000_000 + millis)
    }

    #[test]
    fn so_many_at_once_and_then_one_after_the_other() {
        let failures = Failures::default();
        for _ in 0..FAILURES_MAX {
            assert_eq!(failures.add(HERE, at(0)), None);
        }
        assert_eq!(failures.add(HERE, at(0)), Some(Refusal { retry_after_s: 1, is_first: true }));
        assert_eq!(failures.add(HERE, at(999)), Some(Refusal { retry_after_s: 1, is_first: false }));
        assert_eq!(failures.add(HERE, at(1_000)), None, "one more after a second");
        assert!(failures.add(HERE, at(1_000)).is_some());
        let later = FAILURE_EVERY.as_millis() * (FAILURES_MAX + 1);
        for _ in 0..FAILURES_MAX {
            assert_eq!(failures.add(HERE, at(later)), None, "all of it is allowed again");
        }
        assert_eq!(failures.add(HERE, at(later)).map(|r| r.is_first), Some(true));
    }

    #[test]
    fn addresses_do_not_disturb_each_other_but_a_network_is_one() {
        let failures = Failures::default();
        let one: IpAddr = "2001:db8:1:2::1".parse().unwrap();
        for _ in 0..FAILURES_MAX {
            failures.add(one, at(0));
        }
        assert!(failures.add("2001:db8:1:2:ffff::9".parse().unwrap(), at(0)).is_some(), "the same subscriber");
        assert!(failures.add("2001:db8:1:3::1".parse().unwrap(), at(0)).is_none());
        assert!(failures.add(HERE, at(0)).is_none());
        assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()), HERE);
    }

    #[test]
    fn the_table_is_bounded_and_keeps_who_fails_again_and_again() {
        let failures = Failures::default();
        for _ in 0..=FAILURES_MAX {
            failures.add(HERE, at(0));
        }
        for number in 0..ADDRESSES_MAX * 2 {
            let bits = u32::try_from(number).unwrap() | 0x0a00_0000;
            failures.add(IpAddr::V4(bits.into()), at(0));
            assert!(failures.0.lock().unwrap().len() <= ADDRESSES_MAX);
        }
        assert!(failures.add(HERE, at(0)).is_some(), "who failed often is remembered");
        for number in 0..ADDRESSES_MAX * 2 {
            let bits = u32::try_from(number).unwrap() | 0x0b00_0000;
            failures.add(IpAddr::V4(bits.into()), at(0));
            failures.add(IpAddr::V4(bits.into()), at(0));
            assert!(failures.0.lock().unwrap().len() <= ADDRESSES_MAX);
        }
    }
}
