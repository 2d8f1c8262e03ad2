//! Sets of labels: sorted, unique names.

use std::fmt;

use compact_str::CompactString;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::Fingerprint;

/// Name-value pairs, sorted by name, names unique, no empty names.
///
/// A service keeps hundreds of thousands of sets, so all of one lie in a single text: the number of pairs, then each name and value
/// behind its length; the empty text is the empty set. Numbers are written in ASCII characters of six bits each, the last one without [`MORE`]. Look-ups go through the
/// pairs; a set has few.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Labels(Box<str>);

/// In a character of a number: another one follows.
const MORE: u8 = 0x40;

/// Why pairs are not a set of labels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelsError {
    /// The same name twice.
    #[error("label `{0}` occurs twice")]
    Duplicate(String),
    /// An empty name.
    #[error("a label has an empty name")]
    EmptyName,
}

impl Labels {
    /// The set of pairs that are sorted by name, names unique and not empty, as whoever read them made sure.
    #[must_use]
    pub fn of_sorted<'a, I>(pairs: I) -> Self
    where
        I: IntoIterator<Item = (&'a str, &'a str), IntoIter: ExactSizeIterator + Clone>,
    {
        let pairs = pairs.into_iter();
        if pairs.len() == 0 {
            return Self::default();
        }
        debug_assert!(pairs.clone().zip(pairs.clone().skip(1)).all(|((a, _), (b, _))| a < b), "unsorted labels");
        // Two characters for a length are enough below 4,096.
        let bytes = pairs.clone().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>() + 2;
        let mut text = String::with_capacity(bytes);
        push_number(&mut text, pairs.len());
        for (name, value) in pairs {
            push_pair(&mut text, name, value);
        }
        Self(text.into_boxed_str())
    }

    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// All pairs in order of name.
    #[must_use]
    pub fn iter(&self) -> Pairs<'_> {
        let mut rest = &*self.0;
        let left = take_number(&mut rest);
        Pairs { left, rest }
    }

    /// How many pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        take_number(&mut &*self.0)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Identity of the set; see [`Fingerprint`].
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_sorted(self.iter(), &mut Vec::with_capacity(256))
    }
}

/// The pairs of a set, in order of name.
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    left: usize,
    rest: &'a str,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a str, &'a str);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some((take_text(&mut self.rest), take_text(&mut self.rest)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Pairs<'_> {}

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a str, &'a str);
    type IntoIter = Pairs<'a>;

    fn into_iter(self) -> Pairs<'a> {
        self.iter()
    }
}

fn push_pair(text: &mut String, name: &str, value: &str) {
    for part in [name, value] {
        push_number(text, part.len());
        text.push_str(part);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "six bits at a time")]
fn push_number(text: &mut String, mut number: usize) {
    while number >= usize::from(MORE) {
        text.push(char::from((number % usize::from(MORE)) as u8 | MORE));
        number /= usize::from(MORE);
    }
    text.push(char::from(number as u8));
}

/// The number that `rest` begins with; zero when there is none.
#[inline]
fn take_number(rest: &mut &str) -> usize {
    let mut number = 0;
    for (at, byte) in rest.bytes().enumerate() {
        number |= usize::from(byte & (MORE - 1)) << (6 * at);
        if byte & MORE == 0 {
            *rest = rest.get(at + 1..).unwrap_or_default();
            break;
        }
    }
    number
}

/// The text that `rest` begins with, behind its length.
#[inline]
fn take_text<'a>(rest: &mut &'a str) -> &'a str {
    let length = take_number(rest);
    let (text, behind) = rest.split_at_checked(length).unwrap_or_default();
    *rest = behind;
    text
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Labels {
    /// A sequence of pairs of texts.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Stored;
        impl<'de> Visitor<'de> for Stored {
            type Value = Labels;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("pairs of names and values")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Labels, A::Error> {
                let (mut count, mut pairs) = (0, String::new());
                while let Some((name, value)) = seq.next_element::<(CompactString, CompactString)>()? {
                    count += 1;
                    push_pair(&mut pairs, &name, &value);
                }
                if count == 0 {
                    return Ok(Labels::default());
                }
                let mut text = String::with_capacity(pairs.len() + 2);
                push_number(&mut text, count);
                text.push_str(&pairs);
                Ok(Labels(text.into_boxed_str()))
            }
        }
        deserializer.deserialize_seq(Stored)
    }
}

/// Collects pairs in any order, then checks them once.
#[derive(Debug, Default)]
pub struct LabelsBuilder(Vec<(CompactString, CompactString)>);

impl LabelsBuilder {
    /// Room for `n` pairs.
    #[must_use]
    pub fn with_capacity(n: usize) -> Self {
        Self(Vec::with_capacity(n))
    }

    /// Adds a pair.
    pub fn push(&mut self, name: impl Into<CompactString>, value: impl Into<CompactString>) {
        self.0.push((name.into(), value.into()));
    }

    /// Sorts and checks.
    ///
    /// # Errors
    /// When a name is empty or occurs twice.
    pub fn build(mut self) -> Result<Labels, LabelsError> {
        self.0.sort_unstable();
        if self.0.first().is_some_and(|(n, _)| n.is_empty()) {
            return Err(LabelsError::EmptyName);
        }
        if let Some(pair) = self.0.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(LabelsError::Duplicate(pair[0].0.to_string()));
        }
        Ok(Labels::of_sorted(self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
    }
}

impl<N: Into<CompactString>, V: Into<CompactString>> FromIterator<(N, V)> for LabelsBuilder {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(n, v)| (n.into(), v.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_arrival_does_not_matter() {
        let a: LabelsBuilder = [("b", "2"), ("a", "1")].into_iter().collect();
        let b: LabelsBuilder = [("a", "1"), ("b", "2")].into_iter().collect();
        let (a, b) = (a.build().unwrap(), b.build().unwrap());
        assert_eq!(a.fingerprint(), b.fingerprint());
        assert_eq!(a.get("b"), Some("2"));
    }

    #[test]
    fn pairs_of_every_length_are_kept_and_stored_as_pairs() {
        let long = "ä".repeat(5_000);
        let texts = ["", "x", &"y".repeat(63), &"z".repeat(64), &"w".repeat(4_096), &long];
        let names: Vec<String> = (0..70).map(|n| format!("n{n:02}")).collect();
        let pairs = || names.iter().enumerate().map(|(n, name)| (name.as_str(), texts[n % texts.len()]));
        let labels = pairs().collect::<LabelsBuilder>().build().unwrap();
        assert_eq!((labels.len(), labels.is_empty()), (70, false));
        assert!(labels.iter().eq(pairs()));
        assert_eq!(labels.get("n05"), Some(long.as_str()));
        assert_eq!(labels.get("n"), None);
        let plain: Vec<(&str, &str)> = pairs().collect();
        assert_eq!(postcard::to_allocvec(&labels).unwrap(), postcard::to_allocvec(&plain).unwrap());
        let bytes = postcard::to_allocvec(&labels).unwrap();
        assert_eq!(postcard::from_bytes::<Labels>(&bytes).unwrap(), labels);
        let json = serde_json::to_string(&labels).unwrap();
        assert_eq!(serde_json::from_str::<Labels>(&json).unwrap(), labels);
        assert!(Labels::default().is_empty() && Labels::default().iter().next().is_none());
        assert_eq!(Labels::default(), LabelsBuilder::default().build().unwrap());
    }

    #[test]
    fn a_name_twice_is_refused() {
        let twice: LabelsBuilder = [("a", "1"), ("a", "2")].into_iter().collect();
        assert_eq!(twice.build(), Err(LabelsError::Duplicate("a".into())));
    }
}
