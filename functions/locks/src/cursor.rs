//! A place in the list of locks, in the form that clients hand back.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdfast::id::{Company, Kind};
use sha2::{Digest, Sha256};

/// DynamoDB's range keys hold 1,024 bytes.
const MAX_ORDER: usize = 1_024;
/// How many bytes tie a cursor to its list.
const TIE: usize = 8;

/// What a list is of: its company and the filters as they were sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListOf<'a> {
    pub(crate) company: &'a Company,
    pub(crate) kind: Option<&'a str>,
    pub(crate) owner: Option<&'a str>,
    pub(crate) older_than: Option<&'a str>,
}

impl ListOf<'_> {
    /// What ties a cursor to this list. It is a check and not a secret: a cursor reads its bearer's own company.
    fn tie(&self) -> Vec<u8> {
        let filters = [self.kind, self.owner, self.older_than].map(Option::unwrap_or_default);
        let text = format!("{}\u{1}{}", self.company, filters.join("\u{1}"));
        Sha256::digest(text.as_bytes())
            .iter()
            .copied()
            .take(TIE)
            .collect()
    }
}

/// A place: the kind that the next page holds, and where in its order it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) kind: Kind,
    pub(crate) after: Option<String>,
}

impl Cursor {
    /// The cursor for a client.
    pub(crate) fn encode(&self, list: ListOf<'_>) -> String {
        let mut bytes = list.tie();
        let after = self.after.as_deref().unwrap_or_default();
        bytes.extend(format!("{}\u{2}{after}", self.kind).into_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a cursor of this list; `None` for any other text.
    pub(crate) fn decode(text: &str, list: ListOf<'_>) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (tie, place) = bytes.split_at_checked(TIE)?;
        let (kind, after) = std::str::from_utf8(place).ok()?.split_once('\u{2}')?;
        (tie == list.tie() && after.len() <= MAX_ORDER).then_some(())?;
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
    fn a_cursor_is_of_one_list() {
        let (one, two) = (Company::try_from("1").unwrap(), Company::try_from("2").unwrap());
        let list = ListOf {
            company: &one,
            kind: None,
            owner: Some("me"),
            older_than: None,
        };
        let cursor = Cursor {
            kind: Kind::Device,
            after: Some("alice\u{1}1795341600000\u{1}device/1/ID5".to_owned()),
        };
        let text = cursor.encode(list);
        assert_eq!(Cursor::decode(&text, list), Some(cursor.clone()));
        let begin = Cursor {
            kind: Kind::User,
            after: None,
        };
        assert_eq!(Cursor::decode(&begin.encode(list), list), Some(begin));
        for other in [
            ListOf {
                company: &two,
                ..list
            },
            ListOf { owner: None, ..list },
            ListOf {
                kind: Some("device"),
                ..list
            },
            ListOf {
                older_than: Some("1"),
                ..list
            },
        ] {
            assert_eq!(Cursor::decode(&text, other), None, "{other:?}");
        }
        for bad in ["", "!", "AAAA", &text[..text.len() - 4], &text.repeat(2)] {
            assert_ne!(Cursor::decode(bad, list), Some(cursor.clone()), "{bad}");
        }
    }
}
