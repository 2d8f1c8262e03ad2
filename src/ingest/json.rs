//! JSON as a tree that keeps what matters for precise answers: names that occur twice, and numbers as they can be written.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Rejection, problem};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number, as the shortest text that means it.
    Number(String),
    /// A text.
    Text(Cow<'a, str>),
    /// An array.
    List(Vec<Json<'a>>),
    /// An object, in order of the text, with every name that it has.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl Json<'_> {
    /// For messages: `a number`, `an object`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// A text, borrowed from the body wherever it has no escapes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(v)))
            }
            fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(v.to_owned())))
            }
        }
        deserializer.deserialize_str(Read)
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Json<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Json::Null)
            }
            fn visit_bool<E>(self, v: bool) -> Result<Self::Value, E> {
                Ok(Json::Bool(v))
            }
            fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
                Ok(Json::Number(v.to_string()))
            }
            fn visit_i64<E>(self, v: i64) -> Result<Self::Value, E> {
                Ok(Json::Number(v.to_string()))
            }
            fn visit_f64<E>(self, v: f64) -> Result<Self::Value, E> {
                Ok(Json::Number(v.to_string()))
            }
            fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
                Ok(Json::Text(Cow::Borrowed(v)))
            }
            fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
                Ok(Json::Text(Cow::Owned(v.to_owned())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(value) = seq.next_element()? {
                    list.push(value);
                }
                Ok(Json::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut object = Vec::new();
                while let Some((Text(name), value)) = map.next_entry()? {
                    object.push((name, value));
                }
                Ok(Json::Object(object))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// An object whose names are taken one by one; what is left in the end is unknown.
pub struct Fields<'a> {
    path: String,
    entries: Vec<(Cow<'a, str>, Json<'a>)>,
}

impl<'a> Fields<'a> {
    /// Of `value`, which is found at `path` (empty: the item itself).
    pub fn of(path: &str, value: Json<'a>) -> Result<Self, Rejection> {
        let Json::Object(entries) = value else {
            return Err(wrong_type(path, "an object", value.kind()));
        };
        let mut names: Vec<&str> = entries.iter().map(|(n, _)| n.as_ref()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let detail = format!("{} occurs twice", quoted(path, pair[0]));
            return Err(Rejection::new(&problem::DUPLICATE_NAME, detail));
        }
        Ok(Self { path: path.to_owned(), entries })
    }

    /// Takes the value of `name`; `null` counts as absent.
    pub fn take(&mut self, name: &str) -> Option<Json<'a>> {
        let at = self.entries.iter().position(|(n, _)| n == name)?;
        match self.entries.swap_remove(at).1 {
            Json::Null => None,
            value => Some(value),
        }
    }

    /// All of them, for objects whose names are the sender's.
    pub fn into_entries(self) -> Vec<(Cow<'a, str>, Json<'a>)> {
        self.entries
    }

    /// Where `name` is, for messages.
    pub fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Refuses what was not taken.
    pub fn finish(self, known: &[&str]) -> Result<(), Rejection> {
        let Some((name, _)) = self.entries.iter().find(|(n, _)| !known.contains(&n.as_ref())) else {
            return Ok(());
        };
        let shown = quoted(&self.path, &name.chars().take(64).collect::<String>());
        let nearest = known
            .iter()
            .map(|k| (strsim::damerau_levenshtein(k, name), *k))
            .min()
            .filter(|(distance, k)| *distance <= 1 + k.len() / 4);
        Err(Rejection::new(
            &problem::UNKNOWN_FIELD,
            match nearest {
                Some((_, nearest)) => format!("{shown} is not known; did you mean `{nearest}`?"),
                None => format!("{shown} is not known; the fields are {}", known.join(", ")),
            },
        ))
    }
}

/// `` `window.good` ``
pub fn quoted(path: &str, name: &str) -> String {
    if path.is_empty() { format!("`{name}`") } else { format!("`{path}.{name}`") }
}

/// A rejection for a value of another type than expected.
pub fn wrong_type(path: &str, expected: &str, found: &str) -> Rejection {
    let path = if path.is_empty() { "the event".to_owned() } else { format!("`{path}`") };
    Rejection::new(&problem::WRONG_TYPE, format!("{path} must be {expected}, not {found}"))
}
