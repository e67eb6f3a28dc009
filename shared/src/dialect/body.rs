use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::malformed::{MAX_MEMBERS, MAX_PARTS, MalformedBody, TOO_MANY_MEMBERS, TOO_MANY_PARTS};
use super::{Format, xml};

/// Said of a name that appears twice.
const REPEATED: MalformedBody = MalformedBody("an element or member appears more than once");

/// The members of a request body, whether they came as JSON members or as XML elements.
///
/// A name that appears twice is refused: two readers of such a body may see two different requests.
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
    /// [`MalformedBody`], in one sentence for the caller.
    pub fn read(body: &[u8], format: Format, root: &str) -> Result<Self, MalformedBody> {
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
    pub fn read_in_any_case(body: &[u8], format: Format, root: &str) -> Result<Self, MalformedBody> {
        Self {
            list: members(body, format, root)?,
            any_case: format == Format::Json,
            format,
        }
        .without_repeats()
    }

    fn without_repeats(self) -> Result<Self, MalformedBody> {
        let mut seen = HashSet::with_capacity(self.list.len());
        let is_repeated = self.list.iter().any(|(name, _)| {
            !seen.insert(if self.any_case {
                Cow::Owned(name.to_ascii_lowercase())
            } else {
                Cow::Borrowed(name.as_str())
            })
        });
        if is_repeated { Err(REPEATED) } else { Ok(self) }
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

fn members(body: &[u8], format: Format, root: &str) -> Result<Vec<(String, Value)>, MalformedBody> {
    let text = std::str::from_utf8(body).map_err(|_| MalformedBody("the body is not UTF-8"))?;
    // Windows clients put a byte order mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(MalformedBody("there is no body"));
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
fn json_members(text: &str) -> Result<Vec<(String, Value)>, MalformedBody> {
    let limit = Limit::default();
    let malformed = |_| {
        let broken = limit.broken.get();
        broken.unwrap_or(MalformedBody("the body is not a JSON object"))
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let members = deserializer.deserialize_map(&limit).map_err(malformed)?;
    deserializer.end().map_err(malformed)?;
    Ok(members)
}

/// Reads JSON as far as [`MAX_MEMBERS`] and [`MAX_PARTS`] go.
#[derive(Default)]
struct Limit {
    parts: Cell<usize>,
    /// The limit that was broken, which serde's own errors cannot carry.
    broken: Cell<Option<MalformedBody>>,
}

impl Limit {
    fn broken<E: serde::de::Error>(&self, limit: MalformedBody) -> E {
        self.broken.set(Some(limit));
        E::custom(limit)
    }

    fn part<E: serde::de::Error>(&self) -> Result<(), E> {
        self.parts.set(self.parts.get() + 1);
        if self.parts.get() > MAX_PARTS {
            return Err(self.broken(TOO_MANY_PARTS));
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for &Limit {
    type Value = Vec<(String, Value)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key()? {
            if members.len() == MAX_MEMBERS {
                return Err(self.broken(TOO_MANY_MEMBERS));
            }
            members.push((name, map.next_value_seed(AttemptKind(self))?));
        }
        Ok(members)
    }
}

/// A value whose parts are counted.
#[derive(Clone, Copy)]
struct AttemptKind<'a>(&'a Limit);

impl<'de> DeserializeSeed<'de> for AttemptKind<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.0.part()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AttemptKind<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(truth.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = map.next_key()? {
            self.0.part()?;
            if members.insert(name, map.next_value_seed(self)?).is_some() {
                return Err(self.0.broken(REPEATED));
            }
        }
        Ok(Value::Object(members))
    }
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
            "{\"a\":[{\"b\":1,\"b\":1}]}",
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

    fn refused(body: &str, format: Format) -> Option<MalformedBody> {
        Members::read(body.as_bytes(), format, "r").err()
    }

    #[test]
    fn a_name_in_another_case_is_the_same_name_where_case_does_not_count() {
        let any_case = |body: &str, format| Members::read_in_any_case(body.as_bytes(), format, "r");
        let repeated = Some(MalformedBody("an element or member appears more than once"));
        let json = r#"{"Lock":1,"lOCK":2}"#;
        assert_eq!(any_case(json, Format::Json).err(), repeated);
        assert_eq!(refused(json, Format::Json), None);
        assert_eq!(any_case("<r><a/><A/></r>", Format::Xml).err(), None);
        // Case is that of ASCII: these are two names.
        assert_eq!(any_case(r#"{"é":1,"É":2}"#, Format::Json).err(), None);
        let members = any_case(r#"{"Lock":1,"x":2}"#, Format::Json).unwrap();
        assert_eq!(members.get("LOCK"), Some(&Value::from(1)));
    }

    #[test]
    fn a_value_is_what_it_was() {
        let body = r#"{"a":[null,true,-1,18446744073709551615,1.5,"\u00e9",{"b":{"c":[]}}]}"#;
        let members = Members::read(body.as_bytes(), Format::Json, "r").unwrap();
        let whole: Value = serde_json::from_str(body).unwrap();
        assert_eq!(members.get("a"), whole.get("a"));
    }

    #[test]
    fn members_are_limited_alike_in_either_format() {
        for (count, limit) in [(MAX_MEMBERS, None), (MAX_MEMBERS + 1, Some(TOO_MANY_MEMBERS))] {
            let json: Vec<String> = (0..count).map(|n| format!("\"m{n}\":0")).collect();
            assert_eq!(refused(&format!("{{{}}}", json.join(",")), Format::Json), limit);
            let xml: Vec<String> = (0..count).map(|n| format!("<m{n}/>")).collect();
            assert_eq!(refused(&format!("<r>{}</r>", xml.concat()), Format::Xml), limit);
        }
        assert!(TOO_MANY_MEMBERS.0.contains(&MAX_MEMBERS.to_string()));
    }

    #[test]
    fn parts_are_limited_alike_in_either_format() {
        let list = |count: usize| format!("{{\"a\":[{}]}}", vec!["0"; count].join(","));
        // The list itself is one.
        assert_eq!(refused(&list(MAX_PARTS - 1), Format::Json), None);
        assert_eq!(refused(&list(MAX_PARTS), Format::Json), Some(TOO_MANY_PARTS));
        let object = |count: usize| {
            let members: Vec<String> = (0..count).map(|n| format!("\"m{n}\":0")).collect();
            format!("{{\"a\":{{{}}}}}", members.join(","))
        };
        assert_eq!(refused(&object(MAX_PARTS / 2 - 1), Format::Json), None);
        assert_eq!(
            refused(&object(MAX_PARTS / 2), Format::Json),
            Some(TOO_MANY_PARTS)
        );

        for (piece, parts) in [
            ("<e/>", 1),
            ("<e></e>", 2),
            ("<e a='' b=''/>", 3),
            ("&lt;", 1),
            ("&#65;", 1),
            ("<!---->", 1),
            ("<?p?>", 1),
            ("<![CDATA[]]>", 1),
            ("x<e/>", 2),
        ] {
            let element = |count: usize| format!("<r><a>{}</a></r>", piece.repeat(count));
            // The two elements around them, and the document's end.
            let most = (MAX_PARTS - 5) / parts;
            assert_eq!(refused(&element(most), Format::Xml), None, "{piece}");
            assert_eq!(
                refused(&element(most + 5), Format::Xml),
                Some(TOO_MANY_PARTS),
                "{piece}"
            );
        }
        assert!(TOO_MANY_PARTS.0.contains(&MAX_PARTS.to_string()));
    }
}
