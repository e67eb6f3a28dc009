use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;

use super::{Format, xml};

/// Why a body cannot be read: one plain sentence, which shows nothing of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

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
pub struct Members(Vec<(String, Value)>);

impl Members {
    /// Reads a body in `format`; `root` names the root element where that is XML.
    ///
    /// # Errors
    /// [`Malformed`], in one sentence for the caller.
    pub fn read(body: &[u8], format: Format, root: &str) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(body).map_err(|_| Malformed("the body is not UTF-8"))?;
        // Windows clients put a byte order mark in front.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.trim().is_empty() {
            return Err(Malformed("there is no body"));
        }
        let members = match format {
            Format::Json => json_members(text)?,
            Format::Xml => xml::elements(text, root)?
                .into_iter()
                .map(|(name, text)| (name, text.map_or(Value::Null, Value::String)))
                .collect(),
        };
        for (at, (name, _)) in members.iter().enumerate() {
            if members.iter().take(at).any(|(earlier, _)| earlier == name) {
                return Err(Malformed("an element or member stands more than once"));
            }
        }
        Ok(Self(members))
    }

    /// The text of the member `name`; `None` where it is absent or no text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(member, _)| member == name)
            .and_then(|(_, value)| value.as_str())
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
