//! A place in a list, in the form that clients hand back.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// DynamoDB's range keys hold 1,024 bytes; a place has little more.
const MAX_PLACE: usize = 1_100;
/// How many bytes tie a cursor to its list.
const TIE: usize = 8;

/// A list, by its company and the filters as they were sent. A cursor of one list is none of another.
#[derive(Clone, Copy, Debug)]
pub struct ListName<'a>(pub &'a [Option<&'a str>]);

impl ListName<'_> {
    /// What ties a cursor with this place to this list. It is a check and not a secret: a cursor reads what its bearer may
    /// list.
    fn tie(&self, place: &str) -> Vec<u8> {
        let mut hash = Sha256::new();
        for part in self.0 {
            // An absent filter is another list than an empty one.
            hash.update([u8::from(part.is_some())]);
            hash.update(part.unwrap_or_default().as_bytes());
            hash.update([0]);
        }
        hash.update(place.as_bytes());
        hash.finalize().iter().copied().take(TIE).collect()
    }

    /// The cursor of a place in this list.
    #[must_use]
    pub fn cursor(&self, place: &str) -> String {
        let mut bytes = self.tie(place);
        bytes.extend_from_slice(place.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The place that a cursor of this list names; `None` for any other text.
    #[must_use]
    pub fn place(&self, cursor: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (tie, place) = bytes.split_at_checked(TIE)?;
        let place = std::str::from_utf8(place).ok()?;
        (tie == self.tie(place) && place.len() <= MAX_PLACE).then(|| place.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_of_one_list() {
        let list = ListName(&[Some("1"), None, Some("me")]);
        let cursor = list.cursor("alice\u{1}device/1/ID5");
        assert_eq!(list.place(&cursor).as_deref(), Some("alice\u{1}device/1/ID5"));
        assert_eq!(list.place(&list.cursor("")).as_deref(), Some(""));
        for other in [
            &[Some("2"), None, Some("me")][..],
            &[Some("1"), Some(""), Some("me")],
            &[Some("1"), Some("me"), None],
            &[Some("1"), None],
        ] {
            assert_eq!(ListName(other).place(&cursor), None, "{other:?}");
        }
        for bad in [
            "",
            "!",
            "AAAA",
            &cursor.repeat(2),
            &cursor[..cursor.len() - 4],
            &cursor.to_lowercase(),
            &list.cursor(&"x".repeat(2_000)),
        ] {
            assert_eq!(list.place(bad), None, "{bad}");
        }
    }
}
