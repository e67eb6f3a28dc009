use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;

use super::{Format, xml};

/// Why a body cannot be read: one plain sentence, which shows nothing of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl Malformed {
    /// The sentence with a capital and a full stop, where it stands alone.
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

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

/// The members of a request body, whether they came as JSON members or as XML elements.
///
/// A name that stands twice is refused: two readers of such a body may see two different requests.
#[derive(Debug)]
pub struct Members {
    list: Vec<(String, Value)>,
    any_case: bool,
    format: Format,
}

impl Members {
    /// Reads a body in `format`; `root` names the root element where that is XML.
    ///
    /// # Errors
    /// [`Malformed`], in one sentence for the caller.
    pub fn read(body: &[u8], format: Format, root: &str) -> Result<Self, Malformed> {
        Self {
            list: members(body, format, root)?,
            any_case: false,
            format,
        }
        .without_repeats()
    }

    /// As [`Members::read`], but `Login` and `login` are one name in JSON. XML is case-sensitive by its standard.
    ///
    /// # Errors
    /// As [`Members::read`].
    pub fn read_in_any_case(body: &[u8], format: Format, root: &str) -> Result<Self, Malformed> {
        Self {
            list: members(body, format, root)?,
            any_case: format == Format::Json,
            format,
        }
        .without_repeats()
    }

    fn without_repeats(self) -> Result<Self, Malformed> {
        let repeated = self.list.iter().enumerate().any(|(at, (name, _))| {
            self.list
                .iter()
                .take(at)
                .any(|(earlier, _)| self.is_same(earlier, name))
        });
        if repeated {
            Err(Malformed("an element or member stands more than once"))
        } else {
            Ok(self)
        }
    }

    /// Whether the body is XML, where every value is a text.
    #[must_use]
    pub fn is_xml(&self) -> bool {
        self.format == Format::Xml
    }

    fn is_same(&self, a: &str, b: &str) -> bool {
        if self.any_case {
            a.eq_ignore_ascii_case(b)
        } else {
            a == b
        }
    }

    /// The value of the member `name`; XML has texts, and null for an element that has elements of its own.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.list
            .iter()
            .find(|(member, _)| self.is_same(member, name))
            .map(|(_, value)| value)
    }

    /// The text of the member `name`; `None` where it is absent or no text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }
}

fn members(body: &[u8], format: Format, root: &str) -> Result<Vec<(String, Value)>, Malformed> {
    let text = std::str::from_utf8(body).map_err(|_| Malformed("the body is not UTF-8"))?;
    // Windows clients put a byte order mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(Malformed("there is no body"));
    }
    match format {
        Format::Json => json_members(text),
        Format::Xml => Ok(xml::elements(text, root)?
            .into_iter()
            .map(|(name, text)| (name, text.map_or(Value::Null, Value::String)))
            .collect()),
    }
}

/// The members of a JSON object in order, repeated ones included, which a map would swallow.
fn json_members(text: &str) -> Result<Vec<(String, Value)>, Malformed> {
    struct InOrder;

    impl<'de> Visitor<'de> for InOrder {
        type Value = Vec<(String, Value)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                if members.len() == 64 {
                    return Err(A::Error::custom("too many members"));
                }
                members.push(member);
            }
            Ok(members)
        }
    }

    let malformed = |_| Malformed("the body is not a JSON object");
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let members = deserializer.deserialize_map(InOrder).map_err(malformed)?;
    deserializer.end().map_err(malformed)?;
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_members_in_either_format() {
        let json = Members::read(b"{\"type\":\"Lock\",\"n\":1}", Format::Json, "r").unwrap();
        let xml = Members::read(b"\xef\xbb\xbf<r><type>Lock</type></r>", Format::Xml, "r").unwrap();
        assert_eq!(json.text("type"), Some("Lock"));
        assert_eq!(xml.text("type"), Some("Lock"));
        assert_eq!(json.text("n"), None);
        assert_eq!(json.text("Type"), None);
    }

    #[test]
    fn refuses_what_can_be_read_in_two_ways_or_not_at_all() {
        let json = [
            "",
            "null",
            "[]",
            "\"Lock\"",
            "{",
            "{}x",
            "{\"a\":1,\"a\":2}",
            "{\"a\":1,\"\\u0061\":2}",
        ];
        for text in json {
            assert!(
                Members::read(text.as_bytes(), Format::Json, "r").is_err(),
                "{text}"
            );
        }
        assert!(Members::read(b"<r><a/><a/></r>", Format::Xml, "r").is_err());
        assert!(Members::read(b"\xff", Format::Json, "r").is_err());
        let deep = "{\"a\":".repeat(200) + "1" + &"}".repeat(200);
        assert!(Members::read(deep.as_bytes(), Format::Json, "r").is_err());
    }
}
