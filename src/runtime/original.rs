//! What a sender wrote, word for word: kept in memory until its events are judged, for people to read if that fails.
//!
//! Deliberately not in the journal, which has each event as it was understood: nothing of it is missing there, and twice the bytes would cost
//! half the speed. After a crash between the answer and the judgement, that is what people read.

use bytes::Bytes;
use serde_json::value::RawValue;

/// A request: its body, and which items of it the events are that were taken from it. Empty where there was none.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    /// The body, decompressed. Its size is bounded where it is read.
    pub body: Bytes,
    /// Position of each event among the items of the body.
    pub items: Vec<u32>,
}

impl Sent {
    /// The part of the event at this position among those taken. Costs a count of references; nothing is looked for before it is asked for.
    pub(super) fn event(&self, at: usize) -> Option<Original> {
        let item = self.items.get(at).copied();
        self.whole().map(|whole| Original { item, ..whole })
    }

    /// All of it.
    pub(super) fn whole(&self) -> Option<Original> {
        (!self.body.is_empty()).then(|| Original { body: self.body.clone(), item: None })
    }
}

/// A part of a request.
#[derive(Debug, Clone)]
pub(super) struct Original {
    body: Bytes,
    /// The item of the list that the body is; absent: all of it.
    item: Option<u32>,
}

impl Original {
    /// The bytes as text: of a list, this item.
    pub fn text(&self) -> String {
        let items = self.item.and_then(|item| Some((item, serde_json::from_slice::<Vec<&RawValue>>(&self.body).ok()?)));
        let part = items.as_ref().and_then(|(item, items)| items.get(usize::try_from(*item).ok()?));
        part.map_or_else(|| String::from_utf8_lossy(&self.body).into_owned(), |part| part.get().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_the_part_of_the_request_that_it_was_taken_from() {
        let list = r#"[ {"a" : 1}, 2,{"b":"\u00e9"} ]"#;
        for (body, items, at, text) in [
            (list, vec![0, 2], 0, r#"{"a" : 1}"#),
            (list, vec![0, 2], 1, r#"{"b":"\u00e9"}"#),
            (r#" {"a" : 1}"#, vec![0], 0, r#" {"a" : 1}"#),
            (list, vec![7], 0, list),
            (list, vec![], 0, list),
            ("no json", vec![0], 0, "no json"),
        ] {
            let sent = Sent { body: Bytes::copy_from_slice(body.as_bytes()), items };
            assert_eq!(sent.event(at).unwrap().text(), text, "{body} {at}");
            assert_eq!(sent.whole().unwrap().text(), body);
        }
        assert!(Sent::default().event(0).is_none());
    }
}
