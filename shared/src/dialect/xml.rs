//! Small XML documents: one root with a flat list of elements. No document type, no entities but the five of
//! the standard, bounded depth; the body's size is bounded before it comes here.

use std::borrow::Cow;

use quick_xml::escape::{escape, resolve_xml_entity};
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::malformed::{MAX_MEMBERS, MAX_PARTS, MalformedBody, TOO_MANY_MEMBERS, TOO_MANY_PARTS};

/// How deep elements may nest, the root included. Nothing that is read is deeper than two.
const MAX_DEPTH: usize = 16;

/// The elements directly below the root `root`, in order, with their text; `None` for one that has elements of
/// its own. Attributes and namespace declarations are accepted and not looked at.
pub(super) fn elements(text: &str, root: &str) -> Result<Vec<(String, Option<String>)>, MalformedBody> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<String> = Vec::new();
    let mut found: Vec<(String, Option<String>)> = Vec::new();
    let mut root_seen = false;
    let mut parts = Parts(0);
    loop {
        let event = reader
            .read_event()
            .map_err(|_| MalformedBody("the XML is not well-formed"))?;
        parts.count()?;
        match event {
            Event::Start(start) => {
                let name = opened(&start, &mut parts)?;
                enter(&open, &name, root, &mut root_seen, &mut found)?;
                open.push(name);
                if open.len() > MAX_DEPTH {
                    return Err(MalformedBody("the XML is nested too deeply"));
                }
            }
            Event::Empty(start) => {
                let name = opened(&start, &mut parts)?;
                enter(&open, &name, root, &mut root_seen, &mut found)?;
            }
            Event::End(_) => {
                open.pop();
            }
            Event::Text(text) => append(&open, &lines(&text), &mut found)?,
            Event::CData(data) => append(&open, &lines(&data), &mut found)?,
            Event::GeneralRef(reference) => {
                let resolved: Cow<'_, str> = match reference.resolve_char_ref() {
                    Ok(Some(character)) => Cow::Owned(character.to_string()),
                    Ok(None) => resolve_xml_entity(&reference)
                        .map(Cow::Borrowed)
                        .ok_or(MalformedBody(
                            "the XML uses an entity that is not one of the five standard ones",
                        ))?,
                    Err(_) => return Err(MalformedBody("the XML has a malformed character reference")),
                };
                append(&open, &resolved, &mut found)?;
            }
            Event::DocType(_) => {
                return Err(MalformedBody(
                    "the XML has a document type, which is not accepted",
                ));
            }
            Event::Decl(declaration) => {
                let utf8 = match declaration.encoding() {
                    None => true,
                    Some(Ok(name)) => name.eq_ignore_ascii_case("utf-8"),
                    Some(Err(_)) => false,
                };
                if !utf8 {
                    return Err(MalformedBody("the XML is not declared as UTF-8"));
                }
            }
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof if root_seen && open.is_empty() => return Ok(found),
            Event::Eof => return Err(MalformedBody("the XML ends before its root element does")),
        }
    }
}

/// How many pieces of markup have been read.
struct Parts(usize);

impl Parts {
    fn count(&mut self) -> Result<(), MalformedBody> {
        self.0 += 1;
        if self.0 > MAX_PARTS {
            return Err(TOO_MANY_PARTS);
        }
        Ok(())
    }
}

fn opened(start: &BytesStart<'_>, parts: &mut Parts) -> Result<String, MalformedBody> {
    for attribute in start.attributes() {
        parts.count()?;
        attribute.map_err(|_| MalformedBody("the XML has a malformed attribute"))?;
    }
    Ok(start.name().as_ref().to_owned())
}

fn enter(
    open: &[String],
    name: &str,
    root: &str,
    root_seen: &mut bool,
    found: &mut Vec<(String, Option<String>)>,
) -> Result<(), MalformedBody> {
    match open.len() {
        0 if *root_seen || name != root => return Err(MalformedBody("the XML has another root element")),
        0 => *root_seen = true,
        1 if found.len() == MAX_MEMBERS => return Err(TOO_MANY_MEMBERS),
        1 => found.push((name.to_owned(), Some(String::new()))),
        _ => {
            if let Some((_, text)) = found.last_mut() {
                *text = None;
            }
        }
    }
    Ok(())
}

fn append(open: &[String], text: &str, found: &mut [(String, Option<String>)]) -> Result<(), MalformedBody> {
    if !text.chars().all(is_xml) {
        return Err(MalformedBody("the XML has a character that XML cannot carry"));
    }
    match open.len() {
        0 | 1 if text.chars().all(char::is_whitespace) => {}
        0 | 1 => return Err(MalformedBody("the XML has text outside its elements")),
        2 => {
            if let Some((_, Some(value))) = found.last_mut() {
                value.push_str(text);
            }
        }
        _ => {}
    }
    Ok(())
}

/// Text with its lines ended as XML 1.0 §2.11 has it. The library's own takes five times as long over carriage returns as
/// over other text.
fn lines(text: &str) -> Cow<'_, str> {
    if !text.contains('\r') {
        return Cow::Borrowed(text);
    }
    let mut lines = String::with_capacity(text.len());
    let mut after_return = false;
    for character in text.chars() {
        match character {
            '\r' => lines.push('\n'),
            '\n' if after_return => {}
            character => lines.push(character),
        }
        after_return = character == '\r';
    }
    Cow::Owned(lines)
}

/// Text as it may stand in an element: escaped, and with U+FFFD for what XML 1.0 cannot carry.
pub(super) fn text(text: &str) -> String {
    let carried: String = text
        .chars()
        .map(|character| {
            if is_xml(character) {
                character
            } else {
                char::REPLACEMENT_CHARACTER
            }
        })
        .collect();
    // A carriage return would be read back as a line feed.
    escape(carried.as_str()).replace('\r', "&#13;")
}

/// XML 1.0 §2.2, `Char`.
const fn is_xml(character: char) -> bool {
    matches!(character,
        '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, Option<String>)>, MalformedBody> {
        elements(text, "r")
    }

    fn one(text: &str) -> Option<String> {
        read(text).unwrap().into_iter().next().unwrap().1
    }

    #[test]
    fn reads_elements_with_their_text() {
        let document = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- c -->\n\
                        <r xmlns:x=\"http://x\" a='1'>\n <a>1</a><b/><c><![CDATA[<&]]> &lt;&#65;&#x42;</c></r>\n";
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            read(document).unwrap(),
            [
                ("a".into(), text("1")),
                ("b".into(), text("")),
                ("c".into(), text("<& <AB"))
            ]
        );
    }

    #[test]
    fn lines_end_in_one_way() {
        assert_eq!(
            one("<r><a>1\r\n2\r3\n4\r\r\n5\n\r6\r<![CDATA[7\r\n]]>\r</a></r>").as_deref(),
            Some("1\n2\n3\n4\n\n5\n\n6\n7\n\n")
        );
        assert_eq!(one("<r><a>&#13;&#10;</a></r>").as_deref(), Some("\r\n"));
    }

    #[test]
    fn an_element_with_elements_has_no_text() {
        assert_eq!(one("<r><a>1<b>2</b>3</a></r>"), None);
    }

    #[test]
    fn what_is_not_a_small_document_is_refused() {
        let deep = format!("<r>{}{}</r>", "<a>".repeat(40), "</a>".repeat(40));
        for text in [
            "",
            " ",
            "r",
            "<r>",
            "<r><a></r></a>",
            "<r/><r/>",
            "<q/>",
            "<r/>x",
            "x<r/>",
            "<r>x</r>",
            "<r a=1/>",
            "<r a='1' a='2'/>",
            "<!DOCTYPE r><r/>",
            "<!DOCTYPE r [<!ENTITY e 'x'>]><r><a>&e;</a></r>",
            "<r><a>&e;</a></r>",
            "<r><a>&#1;</a></r>",
            "<r><a>&#xD800;</a></r>",
            "<r><a>\u{1}</a></r>",
            "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><r/>",
            &deep,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn writes_what_xml_can_carry() {
        assert_eq!(
            text("a<b>&\"'\u{0}\u{ffff}é\r"),
            "a&lt;b&gt;&amp;&quot;&apos;\u{fffd}\u{fffd}é&#13;"
        );
    }
}
