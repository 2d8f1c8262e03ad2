//! Typed reading of a tree that was checked. What does not fit was reported by then, so it is passed over in silence here.

use jiff::civil::{Date, DateTime};
use toml::value::{Datetime, Offset};

use super::shape::Table;
use super::source::Place;
use super::tree::{Entry, Node, Value};
use crate::domain::{Name, Span, Timestamp};

/// A table with its description, so that only described keys can be asked for.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The table.
    pub node: &'a Node,
    /// Where its name stands; for an item of a list, its header.
    pub place: Place,
    shape: &'static Table,
}

/// A text and where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'a> {
    /// The text.
    pub text: &'a str,
    /// Where it stands.
    pub place: Place,
}

impl<'a> View<'a> {
    /// The table behind a name.
    pub fn entry(entry: &'a Entry, shape: &'static Table) -> Self {
        Self { node: &entry.node, place: entry.key_place, shape }
    }

    /// An item of a list.
    pub fn item(node: &'a Node, shape: &'static Table) -> Self {
        Self { node, place: node.place, shape }
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        debug_assert!(self.shape.key(key).is_some(), "`{key}` is read but not described");
        self.node.get(key)
    }

    /// A table below this one.
    pub fn table(&self, key: &str, shape: &'static Table) -> Option<Self> {
        let node = self.get(key)?;
        Some(Self { node, place: node.place, shape })
    }

    /// Where the value of `key` stands, or the table's own place.
    pub fn place_of(&self, key: &str) -> Place {
        self.get(key).map_or(self.place, |n| n.place)
    }

    /// A text.
    pub fn text(&self, key: &str) -> Option<&'a str> {
        self.get(key)?.text()
    }

    /// A text as an owned string.
    pub fn string(&self, key: &str) -> Option<String> {
        self.text(key).map(str::to_owned)
    }

    /// A text as a name.
    pub fn name(&self, key: &str) -> Option<Name> {
        self.text(key).map(Name::from)
    }

    /// A length of time.
    pub fn span(&self, key: &str) -> Option<Span> {
        Span::parse(self.text(key)?).ok()
    }

    /// A truth value; `default` where it is absent.
    pub fn truth(&self, key: &str, default: bool) -> bool {
        match self.get(key).map(|n| &n.value) {
            Some(Value::Truth(truth)) => *truth,
            _ => default,
        }
    }

    /// A whole number that may be large.
    pub fn count(&self, key: &str) -> Option<u64> {
        match &self.get(key)?.value {
            Value::Whole(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// A whole number, not negative.
    pub fn number(&self, key: &str) -> Option<u32> {
        match &self.get(key)?.value {
            Value::Whole(number) => u32::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The items of a list; a single value counts as a list of one.
    pub fn items(&self, key: &str) -> &'a [Node] {
        match self.get(key) {
            Some(Node { value: Value::List(list), .. }) => list,
            Some(node) => std::slice::from_ref(node),
            None => &[],
        }
    }

    /// The texts of a list, with places.
    pub fn texts(&self, key: &str) -> Vec<Placed<'a>> {
        placed(self.items(key))
    }

    /// The texts of a list as names.
    pub fn names(&self, key: &str) -> Vec<Name> {
        self.texts(key).into_iter().map(|p| p.text.into()).collect()
    }

    /// A civil time.
    pub fn civil(&self, key: &str) -> Option<DateTime> {
        match &self.get(key)?.value {
            Value::Time(time) => civil(time),
            _ => None,
        }
    }

    /// An instant; civil times are read in `tz`.
    pub fn moment(&self, key: &str, tz: &jiff::tz::TimeZone) -> Option<Timestamp> {
        let Value::Time(time) = &self.get(key)?.value else { return None };
        let civil = civil(time)?;
        let zoned = match time.offset {
            None => civil.to_zoned(tz.clone()).ok()?,
            Some(Offset::Z) => civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?,
            Some(Offset::Custom { minutes }) => {
                let offset = jiff::tz::Offset::from_seconds(i32::from(minutes) * 60).ok()?;
                civil.to_zoned(offset.to_time_zone()).ok()?
            }
        };
        Some(Timestamp::from_jiff(zoned.timestamp()))
    }
}

/// The texts among `nodes`, with places.
pub fn placed(nodes: &[Node]) -> Vec<Placed<'_>> {
    nodes.iter().filter_map(|n| n.text().map(|text| Placed { text, place: n.place })).collect()
}

/// The civil time of a TOML date or date-time, an offset left aside; `None` when the calendar has no such time.
pub fn civil(time: &Datetime) -> Option<DateTime> {
    let date = date(time)?;
    let Some(clock) = time.time else { return Some(date.to_datetime(jiff::civil::Time::midnight())) };
    let [hour, minute] = [clock.hour, clock.minute].map(|n| i8::try_from(n).ok());
    let second = i8::try_from(clock.second.unwrap_or(0)).ok()?;
    let time = jiff::civil::Time::new(hour?, minute?, second.min(59), 0).ok()?;
    Some(date.to_datetime(time))
}

/// The date of a TOML date or date-time.
pub fn date(time: &Datetime) -> Option<Date> {
    let date = time.date?;
    Date::new(i16::try_from(date.year).ok()?, i8::try_from(date.month).ok()?, i8::try_from(date.day).ok()?).ok()
}
