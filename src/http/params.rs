//! What a request says beside its path: query parameters and small JSON bodies. Names that are not known are refused.

use axum::extract::Request;
use serde::de::DeserializeOwned;

use super::body::read_json;
use super::problem::{BAD_COMMAND, BAD_QUERY, Failure};
use crate::domain::Timestamp;
use crate::ingest::problem::MALFORMED_JSON;

/// Parameters of a query, in order.
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Of `query`, which may hold the names in `known`.
    pub fn of(query: Vec<(String, String)>, known: &[&str]) -> Result<Self, Failure> {
        match query.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, _)) => {
                let shown: String = name.chars().take(64).collect();
                let known = if known.is_empty() { "there are none".to_owned() } else { known.join(", ") };
                Err(Failure::new(&BAD_QUERY, format!("`{shown}` is not a parameter of this route; they are: {known}")))
            }
            None => Ok(Self(query)),
        }
    }

    /// The last value of `name`; empty counts as absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }

    /// All values of `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// `true` or `false`.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, Failure> {
        match self.get(name) {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(_) => Err(bad(name, "write `true` or `false`")),
        }
    }

    /// An RFC 3339 time.
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, Failure> {
        self.get(name).map(|text| Timestamp::parse(text).map_err(|e| bad(name, e))).transpose()
    }

    /// A number of rows, from 1 to `max`.
    pub fn limit(&self, default: usize, max: usize) -> Result<usize, Failure> {
        match self.get("limit").map(str::parse) {
            None => Ok(default),
            Some(Ok(limit)) if (1..=max).contains(&limit) => Ok(limit),
            Some(_) => Err(bad("limit", format!("write a number from 1 to {max}"))),
        }
    }
}

/// A parameter that cannot be read.
pub fn bad(name: &str, why: impl std::fmt::Display) -> Failure {
    Failure::new(&BAD_QUERY, format!("`{name}`: {why}"))
}

/// Reads a small JSON body; no body is an empty object.
pub async fn command<T: DeserializeOwned>(request: Request) -> Result<T, Failure> {
    let (parts, body) = request.into_parts();
    let bytes = read_json(&parts.headers, body).await?;
    let bytes: &[u8] = if bytes.iter().all(u8::is_ascii_whitespace) { b"{}" } else { &bytes };
    serde_json::from_slice(bytes)
        .map_err(|e| Failure::new(if e.is_data() { &BAD_COMMAND } else { &MALFORMED_JSON }, e.to_string()))
}
