use std::cmp::Ordering;
use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use holdfast::store::Item;

use super::Fault;

/// What the `#words` and `:words` of an expression mean.
#[derive(Clone, Debug, Default)]
pub struct Bindings {
    /// `#name` to attribute.
    pub names: HashMap<String, String>,
    /// `:value` to value.
    pub values: HashMap<String, AttributeValue>,
}

impl Bindings {
    /// The attribute that `path` means.
    pub(super) fn attribute<'a>(&'a self, path: &'a str) -> Result<&'a str, Fault> {
        if path.starts_with('#') {
            let name = self.names.get(path).map(String::as_str);
            name.ok_or_else(|| Fault(format!("{path} has no meaning")))
        } else {
            Ok(path)
        }
    }

    /// The value that `word` means.
    pub(super) fn value(&self, word: &str) -> Result<&AttributeValue, Fault> {
        let value = self.values.get(word);
        value.ok_or_else(|| Fault(format!("{word} has no value")))
    }
}

/// A side of a comparison: an attribute or a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Attribute(String),
    Value(String),
}

impl Side {
    /// Its value on this row; `None` for an absent attribute.
    pub(super) fn on<'a>(
        &self,
        item: &'a Item,
        bindings: &'a Bindings,
    ) -> Result<Option<&'a AttributeValue>, Fault> {
        match self {
            Self::Attribute(path) => Ok(item.get(bindings.attribute(path)?)),
            Self::Value(word) => bindings.value(word).map(Some),
        }
    }
}

/// How two values are ordered; `None` for values of two types, which no order compares.
pub(super) fn order(a: &AttributeValue, b: &AttributeValue) -> Result<Option<Ordering>, Fault> {
    match (a, b) {
        (AttributeValue::N(a), AttributeValue::N(b)) => Ok(Some(number(a)?.cmp(&number(b)?))),
        (AttributeValue::S(a), AttributeValue::S(b)) => Ok(Some(a.as_bytes().cmp(b.as_bytes()))),
        _ => Ok(None),
    }
}

/// Whether two values are one: of one type, and numbers by what they are worth.
pub(super) fn equal(a: &AttributeValue, b: &AttributeValue) -> Result<bool, Fault> {
    Ok(match order(a, b)? {
        Some(order) => order.is_eq(),
        None => a == b,
    })
}

/// The service writes whole numbers alone.
pub(super) fn number(digits: &str) -> Result<i128, Fault> {
    let number = digits.parse();
    number.map_err(|_| Fault(format!("{digits} is not a whole number")))
}
