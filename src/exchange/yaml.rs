//! YAML to values, within bounds.
//!
//! Values rather than types: a document of another kind, or a field that is not known, is a line of the report and no error.

use serde_json::Value;

use super::Unreadable;

/// Bytes of a file of YAML at most. Beyond: it is refused.
pub const YAML_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Documents in one file at most. Beyond: it is refused.
pub const DOCUMENTS_MAX: usize = 10_000;
/// How deep collections may nest. Beyond: the file is refused.
pub(super) const DEPTH_MAX: usize = 64;
/// Nodes of one file at most, aliases counted at each use. Beyond: it is refused.
pub(super) const NODES_MAX: usize = 250_000;

/// The documents of a text.
///
/// # Errors
/// When it is too large or no YAML.
pub fn documents(text: &str) -> Result<Vec<Value>, Unreadable> {
    if text.len() > YAML_BYTES_MAX {
        return Err(Unreadable(format!("the file is larger than {YAML_BYTES_MAX} bytes")));
    }
    let options = serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            flow_nesting_limit: DEPTH_MAX,
            max_nodes: NODES_MAX,
            max_events: 4 * NODES_MAX,
            max_documents: DOCUMENTS_MAX,
            max_aliases: 1_000,
            max_anchors: 1_000,
        },
    };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| Unreadable(format!("it is no YAML that can be read: {error}")))?;
    Ok(documents.into_iter().filter(|d| !d.is_null()).collect())
}

/// A text at a path of names.
pub fn text<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    at(value, path)?.as_str().filter(|t| !t.is_empty())
}

/// A number at a path of names, as the shortest text that means it; a text with a number counts.
pub fn number(value: &Value, path: &[&str]) -> Option<String> {
    match at(value, path)? {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if text.trim().parse::<f64>().is_ok() => Some(text.trim().to_owned()),
        _ => None,
    }
}

/// Whatever is at a path of names.
pub fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

/// The items of a list at a path of names.
pub fn items<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    at(value, path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
