use serde::ser::{Error as _, Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;

use super::{Format, xml};
use crate::lock::Timestamp;

/// An answer's content, which can be written as JSON and as XML: JSON members are XML elements of the same names.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A truth value.
    Bool(bool),
    /// A moment: `\/Date(<UTC ms>)\/` in JSON, as Microsoft's serialisers write it, and ISO 8601 in XML.
    Date(Timestamp),
    /// `null` in JSON, absent in XML.
    Null,
    /// Named members, in order.
    Members(Vec<(&'static str, Node)>),
    /// A list, with the name that each entry's XML element has.
    List(&'static str, Vec<Node>),
}

impl Node {
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A text, or null where there is none.
    #[must_use]
    pub fn optional(text: Option<impl Into<String>>) -> Self {
        text.map_or(Self::Null, Self::text)
    }

    /// The document in `format`; `root` names the root element where that is XML.
    #[must_use]
    pub fn write(&self, format: Format, root: &str) -> String {
        match format {
            // Texts, numbers and lists of them always have a JSON form.
            Format::Json => serde_json::to_string(self).unwrap_or_default(),
            Format::Xml => {
                let mut document = String::new();
                self.write_element(root, &mut document);
                document
            }
        }
    }

    fn write_element(&self, name: &str, out: &mut String) {
        if *self == Self::Null {
            return;
        }
        out.push('<');
        out.push_str(name);
        out.push('>');
        match self {
            Self::Null => {}
            Self::Date(moment) => out.push_str(&moment.to_string()),
            Self::Text(text) => out.push_str(&xml::text(text)),
            Self::Number(number) => out.push_str(&number.to_string()),
            Self::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
            Self::Members(members) => {
                for (name, member) in members {
                    member.write_element(name, out);
                }
            }
            Self::List(entry_name, entries) => {
                for entry in entries {
                    entry.write_element(entry_name, out);
                }
            }
        }
        out.push_str("</");
        out.push_str(name);
        out.push('>');
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Bool(truth) => serializer.serialize_bool(*truth),
            Self::Null => serializer.serialize_unit(),
            // The escaped slashes are what tells a date from a text, so they are written raw.
            Self::Date(moment) => RawValue::from_string(format!(r#""\/Date({})\/""#, moment.unix_ms()))
                .map_err(S::Error::custom)?
                .serialize(serializer),
            Self::Members(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, member) in members {
                    map.serialize_entry(name, member)?;
                }
                map.end()
            }
            Self::List(_, entries) => {
                let mut list = serializer.serialize_seq(Some(entries.len()))?;
                for entry in entries {
                    list.serialize_element(entry)?;
                }
                list.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_content_in_either_format() {
        let node = Node::Members(vec![
            ("a", Node::text("<x>")),
            ("b", Node::Number(7)),
            ("c", Node::List("d", vec![Node::Bool(true), Node::text("y")])),
            ("e", Node::Null),
            ("f", Node::Date(Timestamp::from_unix_ms(1_770_202_477_469))),
        ]);
        assert_eq!(
            node.write(Format::Json, "r"),
            r#"{"a":"<x>","b":7,"c":[true,"y"],"e":null,"f":"\/Date(1770202477469)\/"}"#
        );
        assert_eq!(
            node.write(Format::Xml, "r"),
            "<r><a>&lt;x&gt;</a><b>7</b><c><d>true</d><d>y</d></c><f>2026-02-04T10:54:37.469Z</f></r>"
        );
    }
}
