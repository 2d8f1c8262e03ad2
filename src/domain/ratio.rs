//! Exact ratios of whole numbers: objectives, budgets, depletion factors. Never floating point (see `docs/architecture.md`).

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A non-negative fraction, kept in lowest terms. 1 = 100 %.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ratio {
    num: u64,
    den: u64,
}

/// Why a text is not a ratio.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a share: {reason}")]
pub struct RatioError {
    text: String,
    reason: &'static str,
}

const fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Ratio {
    /// Nothing.
    pub const ZERO: Self = Self { num: 0, den: 1 };
    /// The whole, 100 %.
    pub const ONE: Self = Self { num: 1, den: 1 };

    /// `num / den`; `None` when `den` is zero.
    #[must_use]
    pub fn new(num: u64, den: u64) -> Option<Self> {
        (den != 0).then(|| Self::reduced(u128::from(num), u128::from(den)))
    }

    /// In lowest terms; digits that do not fit 64 bits are cut off evenly on both sides.
    fn reduced(num: u128, den: u128) -> Self {
        let g = gcd(num, den).max(1);
        let (mut num, mut den) = (num / g, den / g);
        while num > u128::from(u64::MAX) || den > u128::from(u64::MAX) {
            num >>= 1;
            den = (den >> 1).max(1);
        }
        #[expect(clippy::cast_possible_truncation, reason = "both were just brought below 2^64")]
        Self { num: num as u64, den: den as u64 }
    }

    /// Upper part of the fraction in lowest terms.
    #[must_use]
    pub const fn num(self) -> u64 {
        self.num
    }

    /// Lower part of the fraction in lowest terms; never zero.
    #[must_use]
    pub const fn den(self) -> u64 {
        self.den
    }

    /// Reads a percentage with or without sign: `99.7%` and `99.7` are both 997/1000. At most 12 digits after the point.
    ///
    /// # Errors
    /// When it is no decimal number, negative, or has too many digits.
    pub fn parse_percent(text: &str) -> Result<Self, RatioError> {
        let number = text.strip_suffix('%').unwrap_or(text).trim_end();
        let plain = Self::parse_decimal(number)
            .map_err(|reason| RatioError { text: text.chars().take(64).collect(), reason })?;
        Ok(Self::reduced(u128::from(plain.num), u128::from(plain.den) * 100))
    }

    /// Reads a plain decimal number such as `14.4`.
    ///
    /// # Errors
    /// As [`Ratio::parse_percent`].
    pub fn parse(text: &str) -> Result<Self, RatioError> {
        Self::parse_decimal(text).map_err(|reason| RatioError { text: text.chars().take(64).collect(), reason })
    }

    fn parse_decimal(number: &str) -> Result<Self, &'static str> {
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |s: &str| s.chars().all(|c| c.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || number.ends_with('.') {
            return Err("write a decimal number such as `99.7%`");
        }
        if whole.len() > 9 || fraction.len() > 12 {
            return Err("at most 9 digits before and 12 after the point");
        }
        let den = 10_u128.pow(u32::try_from(fraction.len()).unwrap_or(0));
        let num: u128 = format!("{whole}{fraction}").parse().map_err(|_| "too many digits")?;
        Ok(Self::reduced(num, den))
    }

    /// `1 - self`, zero when `self` is more than one. The error budget of an objective.
    #[must_use]
    pub fn complement(self) -> Self {
        Self::reduced(u128::from(self.den.saturating_sub(self.num)), u128::from(self.den))
    }

    /// The product, exact while the reduced parts fit 64 bits.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        Self::reduced(u128::from(self.num) * u128::from(other.num), u128::from(self.den) * u128::from(other.den))
    }

    /// The sum, exact while the reduced parts fit 64 bits.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let left = u128::from(self.num) * u128::from(other.den);
        let right = u128::from(other.num) * u128::from(self.den);
        let den = u128::from(self.den) * u128::from(other.den);
        // Only sums of numbers near 2^64 overflow; one bit less on both sides is lost in the reduction anyway.
        left.checked_add(right)
            .map_or_else(|| Self::reduced((left >> 1) + (right >> 1), (den >> 1).max(1)), |num| Self::reduced(num, den))
    }

    /// The quotient; `None` when `other` is zero.
    #[must_use]
    pub fn over(self, other: Self) -> Option<Self> {
        (other.num != 0).then(|| {
            Self::reduced(u128::from(self.num) * u128::from(other.den), u128::from(self.den) * u128::from(other.num))
        })
    }

    /// As a percentage with at most `decimals` digits after the point, rounded half up, trailing zeros cut: `0.6%`, `200%`.
    #[must_use]
    pub fn percent(self, decimals: u32) -> String {
        let mut text = self.times(Self { num: 100, den: 1 }).decimal(decimals);
        text.push('%');
        text
    }

    /// As a decimal number, rounded half up, trailing zeros cut.
    #[must_use]
    pub fn decimal(self, decimals: u32) -> String {
        let scale = 10_u128.pow(decimals.min(12));
        let den = u128::from(self.den);
        let scaled = (u128::from(self.num) * scale * 2 + den) / (den * 2);
        let (whole, fraction) = (scaled / scale, scaled % scale);
        if fraction == 0 {
            return whole.to_string();
        }
        let digits = format!("{fraction:0width$}", width = decimals.min(12) as usize);
        format!("{whole}.{}", digits.trim_end_matches('0'))
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        (u128::from(self.num) * u128::from(other.den)).cmp(&(u128::from(other.num) * u128::from(self.den)))
    }
}

impl fmt::Debug for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_exact_decimals() {
        let objective = Ratio::parse_percent("99.7%").unwrap();
        assert_eq!(objective, Ratio::new(997, 1000).unwrap());
        let budget = objective.complement();
        assert_eq!(budget.times(Ratio::new(2, 1).unwrap()).percent(3), "0.6%");
        // slo-semantics, decision 1: an exact tie at 99.95 % does not exceed 14.4 times the budget.
        let limit = Ratio::parse("14.4").unwrap().times(Ratio::parse_percent("99.95").unwrap().complement());
        assert_eq!(Ratio::new(72, 10_000).unwrap().cmp(&limit), Ordering::Equal);
    }

    #[test]
    fn percent_rounds_half_up_and_cuts_zeros() {
        assert_eq!(Ratio::new(1529, 100_000).unwrap().percent(1), "1.5%");
        assert_eq!(Ratio::new(2, 1).unwrap().percent(2), "200%");
        assert_eq!(Ratio::new(1, 3).unwrap().decimal(2), "0.33");
        assert_eq!(Ratio::new(1, 20).unwrap().decimal(1), "0.1");
    }

    #[test]
    fn sums_are_exact() {
        let third = Ratio::new(1, 3).unwrap();
        assert_eq!(third.plus(third).plus(third), Ratio::ONE);
        assert_eq!(Ratio::ZERO.plus(third), third);
        let most = Ratio::new(u64::MAX, u64::MAX - 1).unwrap();
        assert!(most.plus(most) > Ratio::ONE);
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for text in ["", "%", "-1", "1e3", "NaN", "inf", "1.", ".5", "1,5", "99999999999"] {
            assert!(Ratio::parse_percent(text).is_err(), "{text}");
        }
    }
}
