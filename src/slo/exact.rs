//! Comparisons that are exact for any counts: 18,000,001 of 3,000,000,000 is above 0.6 %, and 18,000,000 is not.
//!
//! Absent on purpose: `Ratio` for the left side of a comparison, since it cuts digits once a product leaves 64 bits.

use std::cmp::Ordering;

use crate::domain::Ratio;

/// A fraction of two 128-bit numbers that is only compared, never reduced or rounded.
#[derive(Debug, Clone, Copy)]
pub struct Fraction {
    num: u128,
    den: u128,
}

impl Fraction {
    /// `num / den`; `None` when `den` is zero.
    #[must_use]
    pub const fn new(num: u128, den: u128) -> Option<Self> {
        if den == 0 { None } else { Some(Self { num, den }) }
    }

    /// The product of two ratios, without loss.
    #[must_use]
    pub fn product(a: Ratio, b: Ratio) -> Self {
        Self { num: u128::from(a.num()) * u128::from(b.num()), den: u128::from(a.den()) * u128::from(b.den()) }
    }
}

impl From<Ratio> for Fraction {
    fn from(ratio: Ratio) -> Self {
        Self { num: u128::from(ratio.num()), den: u128::from(ratio.den()) }
    }
}

impl PartialEq for Fraction {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Fraction {}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Fraction {
    /// By whole parts, then by the inverse of what is left: Euclid's steps, which never need more than 128 bits.
    fn cmp(&self, other: &Self) -> Ordering {
        let (mut a, mut b) = (*self, *other);
        loop {
            let whole = (a.num / a.den).cmp(&(b.num / b.den));
            if whole.is_ne() {
                return whole;
            }
            let (rest_a, rest_b) = (a.num % a.den, b.num % b.den);
            if rest_a == 0 || rest_b == 0 {
                return rest_a.cmp(&rest_b);
            }
            // x/p < y/q exactly when q/y < p/x.
            (a, b) = (Self { num: b.den, den: rest_b }, Self { num: a.den, den: rest_a });
        }
    }
}

/// Whether `bad / total` is strictly more than `factor × budget`. Without traffic nothing is more than anything.
#[must_use]
pub fn exceeds(bad: u64, total: u64, factor: Ratio, budget: Ratio) -> bool {
    Fraction::new(u128::from(bad), u128::from(total)).is_some_and(|spent| spent > Fraction::product(factor, budget))
}

/// Whether `bad / total` is `factor × budget` or more. Without traffic nothing reaches anything.
#[must_use]
pub fn reaches(bad: u64, total: u64, factor: Ratio, budget: Ratio) -> bool {
    Fraction::new(u128::from(bad), u128::from(total)).is_some_and(|spent| spent >= Fraction::product(factor, budget))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(text: &str) -> Ratio {
        Ratio::parse(text).unwrap()
    }

    #[test]
    fn a_tie_is_not_more_and_one_in_three_milliards_is() {
        let (two, budget) = (ratio("2"), ratio("0.003"));
        assert!(!exceeds(6, 1_000, two, budget));
        assert!(exceeds(7, 1_000, two, budget));
        assert!(!exceeds(18_000_000, 3_000_000_000, two, budget));
        assert!(exceeds(18_000_001, 3_000_000_000, two, budget));
        assert!(!exceeds(0, 0, two, budget));
        assert!(reaches(6, 1_000, two, budget) && !reaches(599, 100_000, two, budget) && !reaches(0, 0, two, budget));
    }

    #[test]
    fn counts_up_to_the_last_bit_are_compared_exactly() {
        let half = ratio("0.5");
        assert!(exceeds((u64::MAX / 2) + 1, u64::MAX, Ratio::ONE, half));
        assert!(!exceeds(u64::MAX / 2, u64::MAX, Ratio::ONE, half));
        // Long decimals on both sides: the product has more than 64 bits above and below the line.
        let (factor, budget) = (ratio("14.400000000001"), ratio("0.000500000001"));
        assert!(exceeds(u64::MAX, u64::MAX, factor, budget));
        assert!(!exceeds(1, u64::MAX, factor, budget));
    }

    #[test]
    fn order_agrees_with_cross_multiplication() {
        let mut seed = 7_u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u128::from(seed >> 48)
        };
        for _ in 0..10_000 {
            let (a, b, c, d) = (next(), next() + 1, next(), next() + 1);
            let (left, right) = (Fraction { num: a, den: b }, Fraction { num: c, den: d });
            assert_eq!(left.cmp(&right), (a * d).cmp(&(c * b)), "{a}/{b} {c}/{d}");
        }
    }
}
