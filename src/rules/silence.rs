//! Silences: matchers and an interval, made by a person.
//!
//! [`SilenceTable`] is derived from the stored silences and can be rebuilt at any time; it is in no snapshot. Silences are found by
//! the values that they demand literally (`team="x"`), so that ten thousand of them cost an event little more than none.
//!
//! Absent on purpose: clocks (expiry is a comparison), errors. An expression that does not compile was refused at the edge; one that
//! is stored all the same matches nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::matcher::{MatchOp, Matcher, MatcherSpec};
use crate::domain::{Event, Name, SilenceId, Timestamp};

/// A silence as it is stored; matchers as text in the grammar of `rules::matcher`, already checked at the edge.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SilenceSpec {
    /// Its id.
    pub id: SilenceId,
    /// At least one; all must match.
    pub matchers: Vec<MatcherSpec>,
    /// Inclusive.
    pub starts_at: Timestamp,
    /// Exclusive.
    pub ends_at: Timestamp,
    /// Who made it, in their words.
    pub author: Name,
    /// Why.
    pub comment: String,
    /// Last change.
    pub updated_at: Timestamp,
}

impl SilenceSpec {
    /// Whether `now` lies in `[starts_at, ends_at)`.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.starts_at <= now && now < self.ends_at
    }

    /// The names of its literal matchers (`=`), sorted; where it is found in the table.
    fn literal_names(&self) -> Names {
        let mut names: Vec<Name> = self.literals().map(|m| m.name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names.into_boxed_slice()
    }

    fn literals(&self) -> impl Iterator<Item = &MatcherSpec> {
        self.matchers.iter().filter(|m| m.op() == MatchOp::Equal)
    }
}

/// Sorted, unique names of fields and labels.
type Names = Box<[Name]>;

/// A silence in the table. What most often settles it, its interval and its expressions, is at hand; the silence itself is looked at last,
/// for that is memory which an event would otherwise not touch.
#[derive(Debug)]
struct Entry {
    starts_at: Timestamp,
    ends_at: Timestamp,
    spec: Arc<SilenceSpec>,
    /// What is left to try once the literal matchers hold; `None` when one of them is broken.
    others: Option<Box<[Matcher]>>,
}

impl Entry {
    fn new(spec: &Arc<SilenceSpec>) -> Self {
        let others = spec.matchers.iter().filter(|m| m.op() != MatchOp::Equal);
        let others = others.map(|m| Matcher::from_stored(m).ok()).collect();
        let others = if spec.matchers.is_empty() { None } else { others };
        Self { starts_at: spec.starts_at, ends_at: spec.ends_at, spec: Arc::clone(spec), others }
    }

    fn matches(&self, event: &Event) -> bool {
        let Some(others) = &self.others else { return false };
        others.iter().all(|m| m.matches_event(event))
            && self.spec.literals().all(|m| event.field(&m.name).unwrap_or_default() == m.value)
    }
}

/// All silences, arranged for finding those that match an event.
#[derive(Debug, Default)]
pub struct SilenceTable {
    /// By the names of their literal matchers, then by a hash of the values demanded. Those without literal matchers share the
    /// empty list of names and are always tried.
    groups: BTreeMap<Names, BTreeMap<u128, Vec<Entry>>>,
    /// Where each silence is.
    places: BTreeMap<SilenceId, (Names, u128)>,
}

impl SilenceTable {
    /// The table of these silences.
    pub fn of<'a>(silences: impl IntoIterator<Item = &'a Arc<SilenceSpec>>) -> Self {
        let mut table = Self::default();
        for silence in silences {
            table.insert(silence);
        }
        table
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Adds a silence, in place of the one with the same id.
    pub fn insert(&mut self, spec: &Arc<SilenceSpec>) {
        self.remove(spec.id);
        let names = spec.literal_names();
        let wanted = |name: &str| spec.literals().find(|m| m.name == name).map(|m| m.value.as_str());
        let values = hash(&names, wanted);
        self.places.insert(spec.id, (names.clone(), values));
        self.groups.entry(names).or_default().entry(values).or_default().push(Entry::new(spec));
    }

    /// Takes a silence out; nothing happens when it is not there.
    pub fn remove(&mut self, id: SilenceId) {
        let Some((names, values)) = self.places.remove(&id) else { return };
        let Some(group) = self.groups.get_mut(&names) else { return };
        if let Some(entries) = group.get_mut(&values) {
            entries.retain(|entry| entry.spec.id != id);
            if entries.is_empty() {
                group.remove(&values);
            }
        }
        if group.is_empty() {
            self.groups.remove(&names);
        }
    }

    /// Of the silences that match `event` at `now` the one that ends last, and how many had to be looked at.
    #[must_use]
    pub fn find(&self, event: &Event, now: Timestamp) -> (Option<Arc<SilenceSpec>>, u32) {
        let mut looked_at: u32 = 0;
        let mut found: Option<&Arc<SilenceSpec>> = None;
        for entry in self.candidates(event, now) {
            looked_at = looked_at.saturating_add(1);
            // Ids break ties, so that the answer does not depend on the order of insertion.
            let later = |f: &Arc<SilenceSpec>| (f.ends_at, f.id) < (entry.ends_at, entry.spec.id);
            if found.is_none_or(later) && entry.matches(event) {
                found = Some(&entry.spec);
            }
        }
        (found.cloned(), looked_at)
    }

    /// All silences that match `event` at `now`, by id.
    #[must_use]
    pub fn all_matching(&self, event: &Event, now: Timestamp) -> Vec<Arc<SilenceSpec>> {
        let mut found: Vec<_> = self
            .candidates(event, now)
            .filter(|entry| entry.matches(event))
            .map(|entry| Arc::clone(&entry.spec))
            .collect();
        found.sort_unstable_by_key(|spec| spec.id);
        found
    }

    /// Active silences whose literal matchers hold.
    fn candidates<'a>(&'a self, event: &'a Event, now: Timestamp) -> impl Iterator<Item = &'a Entry> {
        self.groups
            .iter()
            .filter_map(move |(names, group)| group.get(&hash(names, |name| event.field(name))))
            .flatten()
            .filter(move |entry| entry.starts_at <= now && now < entry.ends_at)
    }
}

/// Hash of the values of `names`, absent ones as empty. Values are compared again afterwards, so a collision costs time only.
fn hash<'a>(names: &[Name], value: impl Fn(&str) -> Option<&'a str>) -> u128 {
    if names.is_empty() {
        return 0;
    }
    let mut hash: u128 = 0;
    for name in names {
        let value = value(name).unwrap_or_default();
        hash = hash.rotate_left(43) ^ xxhash_rust::xxh3::xxh3_128_with_seed(value.as_bytes(), value.len() as u64);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::dedup::tests::event;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_seconds(minute * 60)
    }

    fn silence(id: u128, matchers: &str, minutes: (i64, i64)) -> Arc<SilenceSpec> {
        Arc::new(SilenceSpec {
            id: SilenceId(id),
            matchers: Matcher::parse_all(matchers).unwrap().iter().map(Matcher::to_spec).collect(),
            starts_at: at(minutes.0),
            ends_at: at(minutes.1),
            author: "ana".into(),
            comment: "patching".into(),
            updated_at: at(0),
        })
    }

    fn found(table: &SilenceTable, pairs: &[(&str, &str)], minute: i64) -> Option<u128> {
        table.find(&event(pairs), at(minute)).0.map(|s| s.id.0)
    }

    #[test]
    fn all_matchers_must_hold() {
        let table = SilenceTable::of(&[silence(1, r#"team="x", service=~"pay.*", host!="a", zone!~"b.*""#, (0, 10))]);
        assert_eq!(found(&table, &[("team", "x"), ("service", "payments")], 5), Some(1));
        assert_eq!(found(&table, &[("team", "y"), ("service", "payments")], 5), None);
        assert_eq!(found(&table, &[("team", "x"), ("service", "checkout")], 5), None);
        assert_eq!(found(&table, &[("team", "x"), ("service", "payments"), ("host", "a")], 5), None);
        assert_eq!(found(&table, &[("team", "x"), ("service", "payments"), ("zone", "b1")], 5), None);
    }

    #[test]
    fn the_interval_is_half_open() {
        let table = SilenceTable::of(&[silence(1, "team=x", (10, 20))]);
        for (minute, id) in [(9, None), (10, Some(1)), (19, Some(1)), (20, None)] {
            assert_eq!(found(&table, &[("team", "x")], minute), id, "minute {minute}");
        }
    }

    #[test]
    fn the_one_that_ends_last_is_named_and_all_can_be_listed() {
        let table = SilenceTable::of(&[
            silence(1, "team=x", (0, 10)),
            silence(2, "team=~.+", (0, 30)),
            silence(3, "service=s", (0, 20)),
        ]);
        let alert = event(&[("team", "x"), ("service", "s")]);
        assert_eq!(table.find(&alert, at(5)).0.map(|s| s.id.0), Some(2));
        assert_eq!(table.find(&alert, at(5)).1, 3);
        let all: Vec<_> = table.all_matching(&alert, at(15)).iter().map(|s| s.id.0).collect();
        assert_eq!(all, [2, 3]);
    }

    #[test]
    fn an_empty_value_matches_what_is_absent() {
        let table = SilenceTable::of(&[silence(1, r#"team="x",host="""#, (0, 10))]);
        assert_eq!(found(&table, &[("team", "x")], 5), Some(1));
        assert_eq!(found(&table, &[("team", "x"), ("host", "h")], 5), None);
    }

    #[test]
    fn the_same_name_with_two_values_matches_nothing() {
        let table = SilenceTable::of(&[silence(1, "team=x,team=y", (0, 10))]);
        assert_eq!(found(&table, &[("team", "x")], 5), None);
        assert_eq!(found(&table, &[("team", "y")], 5), None);
    }

    #[test]
    fn replaced_and_removed_silences_leave_nothing_behind() {
        let mut table = SilenceTable::of(&[silence(1, "team=x", (0, 10)), silence(2, "service=s", (0, 10))]);
        table.insert(&silence(1, "team=y", (0, 10)));
        assert_eq!(table.len(), 2);
        assert_eq!(found(&table, &[("team", "x")], 5), None);
        assert_eq!(found(&table, &[("team", "y")], 5), Some(1));
        table.remove(SilenceId(1));
        table.remove(SilenceId(2));
        table.remove(SilenceId(3));
        assert!(table.is_empty() && table.groups.is_empty());
    }

    #[test]
    fn a_broken_expression_and_no_matchers_silence_nothing() {
        let mut broken = (*silence(1, "team=x", (0, 10))).clone();
        broken.matchers.push(MatcherSpec { name: "a".into(), value: "(".into(), is_regex: true, is_equal: false });
        let mut empty = broken.clone();
        (empty.id, empty.matchers) = (SilenceId(2), Vec::new());
        let table = SilenceTable::of(&[Arc::new(broken), Arc::new(empty)]);
        assert_eq!(found(&table, &[("team", "x")], 5), None);
    }

    #[test]
    fn only_silences_whose_literal_values_fit_are_looked_at() {
        let silences: Vec<_> = (0..2_000)
            .map(|n| {
                let text = format!(r#"team="team-{:03}",service=~"(payments|checkout)-{n:06}-.*",slo="a""#, n % 500);
                silence(n, &text, (0, 10))
            })
            .collect();
        let table = SilenceTable::of(&silences);
        let (none, looked_at) = table.find(&event(&[("team", "team-007"), ("service", "s"), ("slo", "a")]), at(5));
        assert_eq!((none, looked_at), (None, 4));
        let hit = event(&[("team", "team-007"), ("service", "checkout-000507-x"), ("slo", "a")]);
        assert_eq!(table.find(&hit, at(5)).0.map(|s| s.id.0), Some(507));
    }
}
