//! The sixty minutes of an hour in few bytes.
//!
//! ```text
//! flags     1 byte    bit 0: every minute has counts, and the bitmap is left out
//! bitmap    8 bytes   which minutes have counts, the first in the lowest bit
//! totals    varint the smallest, 1 byte bits for each, then what each has above it, bit by bit
//! bads      the same
//! ```
//!
//! Nothing is rounded. An hour of a thousand requests a minute takes about eighty bytes, one without traffic three.

use super::{Counts, WindowSum};

/// Minutes of an hour.
pub(super) const MINUTES: usize = 60;
const ALL: u64 = (1 << MINUTES) - 1;

/// The minutes of an hour, unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plain {
    counts: [Option<Counts>; MINUTES],
}

impl Plain {
    pub const EMPTY: Self = Self { counts: [None; MINUTES] };

    /// Reads packed minutes; what cannot be read has no counts.
    pub fn unpack(bytes: &[u8]) -> Self {
        let mut plain = Self::EMPTY;
        let Some(packed) = Packed::read(bytes) else { return plain };
        let mut rank = 0;
        for (slot, counts) in plain.counts.iter_mut().enumerate() {
            if packed.present & (1 << slot) != 0 {
                *counts = Some(Counts { bad: packed.bads.at(rank), total: packed.totals.at(rank) });
                rank += 1;
            }
        }
        plain
    }

    pub fn pack(&self) -> Box<[u8]> {
        let mut present = 0_u64;
        for (slot, counts) in self.counts.iter().enumerate() {
            present |= u64::from(counts.is_some()) << slot;
        }
        let mut out = Vec::with_capacity(128);
        out.push(u8::from(present == ALL));
        if present != ALL {
            out.extend_from_slice(&present.to_le_bytes());
        }
        pack_column(&mut out, self.counts.iter().flatten().map(|counts| counts.total));
        pack_column(&mut out, self.counts.iter().flatten().map(|counts| counts.bad));
        out.into_boxed_slice()
    }

    pub const fn get(&self, slot: usize) -> Option<Counts> {
        self.counts[slot]
    }

    pub const fn set(&mut self, slot: usize, counts: Counts) {
        self.counts[slot] = Some(counts);
    }
}

/// Sums over the minutes `[from, to)` of a packed hour.
pub(super) fn sum(bytes: &[u8], from: usize, to: usize) -> WindowSum {
    let mut sum = WindowSum::default();
    let Some(packed) = Packed::read(bytes) else { return sum };
    let mut wanted = packed.present & (ALL >> (MINUTES - to.min(MINUTES))) & !((1_u64 << from) - 1);
    sum.minutes = u64::from(wanted.count_ones());
    let mut rank = (packed.present & ((1_u64 << from) - 1)).count_ones() as usize;
    while wanted != 0 {
        sum.total = sum.total.wrapping_add(packed.totals.at(rank));
        sum.bad = sum.bad.wrapping_add(packed.bads.at(rank));
        wanted &= wanted - 1;
        rank += 1;
    }
    sum
}

struct Packed<'a> {
    present: u64,
    totals: Column<'a>,
    bads: Column<'a>,
}

impl<'a> Packed<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (flags, mut rest) = bytes.split_first()?;
        let mut present = ALL;
        if *flags == 0 {
            present = u64::from_le_bytes(*rest.first_chunk()?) & ALL;
            rest = &rest[8..];
        }
        let count = present.count_ones() as usize;
        let totals = Column::read(&mut rest, count)?;
        let bads = Column::read(&mut rest, count)?;
        Some(Self { present, totals, bads })
    }
}

/// Numbers with the same number of bits each, above a common base.
struct Column<'a> {
    base: u64,
    bits: usize,
    bytes: &'a [u8],
}

impl<'a> Column<'a> {
    fn read(rest: &mut &'a [u8], count: usize) -> Option<Self> {
        let base = take_varint(rest)?;
        let (bits, after) = rest.split_first()?;
        let bits = usize::from(*bits).min(64);
        let (bytes, after) = after.split_at_checked((bits * count).div_ceil(8))?;
        *rest = after;
        Some(Self { base, bits, bytes })
    }

    fn at(&self, index: usize) -> u64 {
        if self.bits == 0 {
            return self.base;
        }
        let bit = index * self.bits;
        let bytes = self.bytes.get(bit / 8..).unwrap_or_default();
        let window = bytes.first_chunk::<16>().copied().unwrap_or_else(|| {
            let mut window = [0; 16];
            let there = bytes.len().min(16);
            window[..there].copy_from_slice(&bytes[..there]);
            window
        });
        let above = (u128::from_le_bytes(window) >> (bit % 8)) & ((1_u128 << self.bits) - 1);
        #[expect(clippy::cast_possible_truncation, reason = "at most 64 bits are left of it")]
        let above = above as u64;
        self.base.wrapping_add(above)
    }
}

fn pack_column(out: &mut Vec<u8>, numbers: impl Iterator<Item = u64> + Clone) {
    let base = numbers.clone().min().unwrap_or(0);
    let most = numbers.clone().max().unwrap_or(0) - base;
    let bits = 64 - most.leading_zeros();
    put_varint(out, base);
    #[expect(clippy::cast_possible_truncation, reason = "at most 64")]
    out.push(bits as u8);
    let (mut held, mut holds) = (0_u128, 0_u32);
    for number in numbers {
        held |= u128::from(number - base) << holds;
        holds += bits;
        while holds >= 8 {
            #[expect(clippy::cast_possible_truncation, reason = "the lowest byte is wanted")]
            out.push(held as u8);
            held >>= 8;
            holds -= 8;
        }
    }
    if holds > 0 {
        #[expect(clippy::cast_possible_truncation, reason = "fewer than eight bits are left")]
        out.push(held as u8);
    }
}

/// Appends a number, seven bits a byte.
pub(super) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        #[expect(clippy::cast_possible_truncation, reason = "the lowest seven bits are wanted")]
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "fewer than eight bits are left")]
    out.push(number as u8);
}

/// Takes a number from the front.
pub(super) fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn minute() -> impl Strategy<Value = Option<Counts>> {
        let counts = |total: std::ops::RangeInclusive<u64>| {
            total.prop_flat_map(|total| (0..=total).prop_map(move |bad| Some(Counts { bad, total })))
        };
        prop_oneof![Just(None), counts(0..=3), counts(900..=1_100), counts(0..=u64::MAX)]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_packed_comes_out_again(hour in proptest::collection::vec(minute(), MINUTES), from in 0..60_usize, to in 0..=60_usize) {
            let mut plain = Plain::EMPTY;
            for (slot, counts) in hour.iter().enumerate() {
                if let Some(counts) = counts {
                    plain.set(slot, *counts);
                }
            }
            let packed = plain.pack();
            prop_assert_eq!(&Plain::unpack(&packed), &plain);
            let mut expected = WindowSum::default();
            for counts in hour.iter().take(to).skip(from).flatten() {
                expected.bad = expected.bad.wrapping_add(counts.bad);
                expected.total = expected.total.wrapping_add(counts.total);
                expected.minutes += 1;
            }
            prop_assert_eq!(sum(&packed, from, to), expected);
        }
    }

    #[test]
    fn an_ordinary_hour_is_small() {
        let mut plain = Plain::EMPTY;
        for slot in 0..MINUTES {
            plain.set(slot, Counts { bad: u64::from(slot % 7 == 0), total: 960 + (slot as u64 * 37) % 80 });
        }
        assert!(plain.pack().len() < 75, "{}", plain.pack().len());
        assert_eq!(sum(&[], 0, 60), WindowSum::default());
    }
}
