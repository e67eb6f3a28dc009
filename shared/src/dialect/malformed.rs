//! What is wrong with a body that cannot be read, and how much of one is read.

use std::fmt;

/// How many members a body may have. Those that are read are eight at most.
pub(super) const MAX_MEMBERS: usize = 64;
/// How many parts a body may have: values and names in JSON, pieces of markup in XML.
///
/// A part takes many times as long to read as a byte of text, and 64 KiB hold 32,000 of them. The largest request for
/// activity sessions has 1,900.
pub(super) const MAX_PARTS: usize = 2_048;

pub(super) const TOO_MANY_MEMBERS: MalformedBody =
    MalformedBody("the body has more than 64 elements or members");
pub(super) const TOO_MANY_PARTS: MalformedBody =
    MalformedBody("the body has more than 2048 values, elements, attributes and the like");

/// Why a body cannot be read: one plain sentence, which shows nothing of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedBody(pub &'static str);

impl MalformedBody {
    /// The sentence with a capital and a full stop, to be shown by itself.
    #[must_use]
    pub fn sentence(self) -> String {
        sentence(self.0)
    }
}

/// A rule as a sentence of its own.
#[must_use]
pub fn sentence(rule: &str) -> String {
    let mut letters = rule.chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{}{}.", first.to_uppercase(), letters.as_str())
    })
}

impl fmt::Display for MalformedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for MalformedBody {}
