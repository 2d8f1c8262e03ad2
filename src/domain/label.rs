//! Sets of labels: sorted, unique names.

use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::Fingerprint;

/// Name-value pairs, sorted by name, names unique, no empty names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Labels(Box<[(CompactString, CompactString)]>);

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
    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(n, _)| n.as_str().cmp(name)).ok()?;
        Some(self.0[at].1.as_str())
    }

    /// All pairs in order of name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// How many pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
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

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
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
        Ok(Labels(self.0.into_boxed_slice()))
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
    fn a_name_twice_is_refused() {
        let twice: LabelsBuilder = [("a", "1"), ("a", "2")].into_iter().collect();
        assert_eq!(twice.build(), Err(LabelsError::Duplicate("a".into())));
    }
}
