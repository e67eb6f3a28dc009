//! A place in the list of locks: the kind that the next page holds, and where in its order it begins.

use holdfast::dialect::ListName;
use holdfast::id::Kind;

/// Ends the kind's word. No kind and no place has it.
const END_OF_KIND: char = '\u{2}';

/// DynamoDB's range keys hold 1,024 bytes, and a query asks for what comes a byte behind a place.
const MAX_ORDER: usize = 1_023;

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) kind: Kind,
    pub(crate) after: Option<String>,
}

impl Cursor {
    /// The cursor for a client.
    pub(crate) fn encode(&self, list: ListName<'_>) -> String {
        let after = self.after.as_deref().unwrap_or_default();
        list.cursor(&format!("{}{END_OF_KIND}{after}", self.kind))
    }

    /// Reads a cursor of this list; `None` for any other text.
    pub(crate) fn decode(text: &str, list: ListName<'_>) -> Option<Self> {
        let place = list.place(text)?;
        let (kind, after) = place.split_once(END_OF_KIND)?;
        (after.len() <= MAX_ORDER).then_some(())?;
        Some(Self {
            kind: Kind::parse(kind)?,
            after: (!after.is_empty()).then(|| after.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_given() {
        let list = ListName(&[Some("1")]);
        for after in [None, Some("alice\u{1}1795341600000\u{1}device/1/ID5".to_owned())] {
            let cursor = Cursor {
                kind: Kind::Device,
                after,
            };
            assert_eq!(Cursor::decode(&cursor.encode(list), list), Some(cursor));
        }
        assert_eq!(Cursor::decode(&list.cursor("device"), list), None);
        let too_long = format!("device\u{2}{}", "x".repeat(1_024));
        assert_eq!(Cursor::decode(&list.cursor(&too_long), list), None);
        assert_eq!(Cursor::decode(&list.cursor("devices\u{2}"), list), None);
    }
}
