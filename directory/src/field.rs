//! What a directory file says of an entry, field by field: compared, shown and written in one form.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value as Json;

/// What a field says.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A list of texts.
    Texts(Vec<String>),
    /// Yes or no.
    Truth(bool),
    /// A secret, which is shown nowhere.
    Sensitive,
}

impl Value {
    /// Whether nothing is said: an empty text, an empty list, or no.
    pub(crate) const fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Texts(texts) => texts.is_empty(),
            Self::Truth(truth) => !*truth,
            Self::Sensitive => false,
        }
    }

    /// The value as a directory file has it.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Texts(texts) => texts.as_slice().into(),
            Self::Truth(truth) => (*truth).into(),
            Self::Sensitive => "(sensitive)".into(),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Texts(texts) => f.write_str(&texts.join(", ")),
            Self::Truth(truth) => truth.fmt(f),
            Self::Sensitive => f.write_str("(sensitive)"),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

/// The fields of an entry, in the order of the file, secrets aside.
pub(crate) type Fields = Vec<(&'static str, Value)>;

/// A field that is to become another: what it says now, and what it will say. `None` is a field that says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// The member of the directory file.
    pub field: &'static str,
    /// What it says now.
    pub from: Option<Value>,
    /// What it will say.
    pub to: Option<Value>,
}

impl FieldChange {
    /// A secret that is set, in place of another where there is one.
    pub(crate) const fn secret(field: &'static str, is_known: bool) -> Self {
        Self {
            field,
            from: if is_known { Some(Value::Sensitive) } else { None },
            to: Some(Value::Sensitive),
        }
    }

    /// The fields in which two entries of one kind differ. Against no entry: everything that `after` says.
    pub(crate) fn between(before: Option<&Fields>, after: &Fields) -> Vec<Self> {
        let said = |value: &Value| (!value.is_empty()).then(|| value.clone());
        let mut changes = Vec::new();
        for (place, (field, to)) in after.iter().enumerate() {
            let from = before
                .and_then(|fields| fields.get(place))
                .map(|(_, value)| value);
            let is_same = from.map_or_else(|| to.is_empty(), |from| from == to);
            if !is_same {
                changes.push(Self {
                    field,
                    from: from.and_then(said),
                    to: said(to),
                });
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_a_change_and_a_secret_is_never_shown() {
        let before = vec![
            ("name", Value::Text("Al".to_owned())),
            ("roles", Value::Texts(vec!["Admin".to_owned()])),
            ("system", Value::Truth(false)),
        ];
        let mut after = before.clone();
        assert_eq!(FieldChange::between(Some(&before), &after), []);
        after[0].1 = Value::Text("Alice".to_owned());
        after[1].1 = Value::Texts(Vec::new());
        let changes = FieldChange::between(Some(&before), &after);
        let shown = serde_json::to_string(&changes).unwrap();
        assert_eq!(
            shown,
            r#"[{"field":"name","from":"Al","to":"Alice"},{"field":"roles","from":["Admin"],"to":null}]"#
        );
        // What is new says what it says, and nothing of what it leaves out.
        assert_eq!(FieldChange::between(None, &after).len(), 1);
        let secret = FieldChange::secret("password", true);
        assert_eq!(
            serde_json::to_string(&secret).unwrap(),
            r#"{"field":"password","from":"(sensitive)","to":"(sensitive)"}"#
        );
    }
}
