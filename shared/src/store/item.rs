use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::failure::Corrupt;
use crate::lock::Timestamp;

/// A row as the SDK hands it over.
pub type Item = HashMap<String, AttributeValue>;

/// Reads the attributes of one row, each with the type it is written with, and nothing else.
///
/// A lease written as a number and read as a string would never run out; here such a row is [`Corrupt`].
#[derive(Debug)]
pub(super) struct Attributes(Item);

impl Attributes {
    /// The attributes of `item`.
    pub(super) const fn new(item: Item) -> Self {
        Self(item)
    }

    /// An optional string.
    pub(super) fn optional_text(&mut self, name: &'static str) -> Result<Option<String>, Corrupt> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(AttributeValue::S(text)) => Ok(Some(text)),
            Some(_) => Err(Corrupt { attribute: name }),
        }
    }

    /// A string that must be there.
    pub(super) fn text(&mut self, name: &'static str) -> Result<String, Corrupt> {
        self.optional_text(name)?.ok_or(Corrupt { attribute: name })
    }

    /// A string that must be there and keep the rules of its kind.
    pub(super) fn id<T: for<'a> TryFrom<&'a str>>(&mut self, name: &'static str) -> Result<T, Corrupt> {
        T::try_from(self.text(name)?.as_str()).map_err(|_| Corrupt { attribute: name })
    }

    /// An optional whole number.
    pub(super) fn optional_number<N: std::str::FromStr>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<N>, Corrupt> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(AttributeValue::N(digits)) => {
                digits.parse().map(Some).map_err(|_| Corrupt { attribute: name })
            }
            Some(_) => Err(Corrupt { attribute: name }),
        }
    }

    /// A whole number that must be there.
    pub(super) fn number<N: std::str::FromStr>(&mut self, name: &'static str) -> Result<N, Corrupt> {
        self.optional_number(name)?.ok_or(Corrupt { attribute: name })
    }

    /// An optional moment, stored as a number of milliseconds.
    pub(super) fn optional_timestamp(&mut self, name: &'static str) -> Result<Option<Timestamp>, Corrupt> {
        Ok(self.optional_number(name)?.map(Timestamp::from_unix_ms))
    }

    /// A moment that must be there, stored as a number of milliseconds.
    pub(super) fn timestamp(&mut self, name: &'static str) -> Result<Timestamp, Corrupt> {
        self.optional_timestamp(name)?.ok_or(Corrupt { attribute: name })
    }

    /// An optional map.
    pub(super) fn optional_map(&mut self, name: &'static str) -> Result<Option<Item>, Corrupt> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(AttributeValue::M(map)) => Ok(Some(map)),
            Some(_) => Err(Corrupt { attribute: name }),
        }
    }

    /// A truth value that must be there.
    pub(super) fn truth(&mut self, name: &'static str) -> Result<bool, Corrupt> {
        match self.0.remove(name) {
            Some(AttributeValue::Bool(truth)) => Ok(truth),
            _ => Err(Corrupt { attribute: name }),
        }
    }

    /// A truth value; false where it is absent.
    pub(super) fn flag(&mut self, name: &'static str) -> Result<bool, Corrupt> {
        match self.0.remove(name) {
            None => Ok(false),
            Some(AttributeValue::Bool(truth)) => Ok(truth),
            Some(_) => Err(Corrupt { attribute: name }),
        }
    }

    /// A list of strings; an absent one is empty.
    pub(super) fn texts(&mut self, name: &'static str) -> Result<Vec<String>, Corrupt> {
        match self.0.remove(name) {
            None => Ok(Vec::new()),
            Some(AttributeValue::L(list)) => list
                .into_iter()
                .map(|entry| match entry {
                    AttributeValue::S(text) => Ok(text),
                    _ => Err(Corrupt { attribute: name }),
                })
                .collect(),
            Some(_) => Err(Corrupt { attribute: name }),
        }
    }
}

/// A string attribute.
pub(super) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A number attribute.
pub(super) fn n(number: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(number.into().to_string())
}

/// A moment, as a number of milliseconds.
pub(super) fn ms(moment: Timestamp) -> AttributeValue {
    n(moment.unix_ms())
}
