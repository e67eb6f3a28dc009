//! XML as the JSON that it says the same as, guided by a schema.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::Event;
use serde_json::{Map, Value};

use crate::Document;

/// An element.
#[derive(Debug, Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

/// What a document of this schema says, as JSON. An element that may be null and is absent is null.
///
/// # Errors
/// What is not of the schema's structure, or no XML.
pub(crate) fn as_json(xml: &str, schema: &Value, document: &Document) -> Result<Value, String> {
    let root = parse(xml)?;
    let resolved = document.resolved(schema);
    let name = resolved["xml"]["name"]
        .as_str()
        .ok_or("the schema has no root element")?;
    if root.name != name {
        return Err(format!("the root is {}, not {name}", root.name));
    }
    value(&root, resolved, document)
}

fn parse(xml: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(xml);
    let mut open = vec![Element::default()];
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        match event {
            Event::Start(start) => open.push(Element {
                name: start.name().as_ref().to_owned(),
                ..Element::default()
            }),
            Event::End(_) => {
                let closed = open.pop().ok_or("an end without a start")?;
                open.last_mut()
                    .ok_or("an end without a start")?
                    .children
                    .push(closed);
            }
            Event::Text(text) => open.last_mut().ok_or("a text outside")?.text.push_str(&text),
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().map_err(|error| error.to_string())?;
                let resolved = character.map(String::from);
                let entity = || resolve_xml_entity(&reference).map(str::to_owned);
                let resolved = resolved.or_else(entity).ok_or("not one of the five entities")?;
                open.last_mut().ok_or("a text outside")?.text.push_str(&resolved);
            }
            Event::Eof => break,
            other => return Err(format!("{other:?} is not in any answer")),
        }
    }
    let mut outside = open.pop().ok_or("nothing")?;
    match (outside.children.pop(), outside.children.is_empty()) {
        (Some(root), true) if open.is_empty() => Ok(root),
        _ => Err("not one root".to_owned()),
    }
}

fn value(element: &Element, schema: &Value, document: &Document) -> Result<Value, String> {
    let schema = not_null(schema, document);
    let is = |kind: &str| match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(|known| known == kind),
        known => known == kind,
    };
    if is("object") {
        return object(element, schema, document);
    }
    if is("array") {
        return list(element, &schema["items"], document);
    }
    if !element.children.is_empty() {
        return Err(format!("{} has elements in it", element.name));
    }
    let text = element.text.as_str();
    // What is not of the type stays a text, which the schema then refuses.
    Ok(if is("integer") {
        text.parse::<i64>().map_or_else(|_| text.into(), Value::from)
    } else if is("boolean") {
        text.parse::<bool>().map_or_else(|_| text.into(), Value::from)
    } else {
        text.into()
    })
}

fn object(element: &Element, schema: &Value, document: &Document) -> Result<Value, String> {
    if !element.text.is_empty() {
        return Err(format!("{} has text between its elements", element.name));
    }
    let mut members = Map::new();
    for child in &element.children {
        let property = &schema["properties"][&child.name];
        let value = value(child, property, document)?;
        if members.insert(child.name.clone(), value).is_some() {
            return Err(format!("{} is there twice", child.name));
        }
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        if !members.contains_key(name) && may_be_null(&schema["properties"][name], document) {
            members.insert(name.to_owned(), Value::Null);
        }
    }
    Ok(Value::Object(members))
}

fn list(element: &Element, items: &Value, document: &Document) -> Result<Value, String> {
    let items = document.resolved(items);
    let name = items["xml"]["name"].as_str().ok_or("the entries have no name")?;
    let entries = element.children.iter().map(|child| {
        if child.name == name {
            value(child, items, document)
        } else {
            Err(format!("{} among the {name}s", child.name))
        }
    });
    entries.collect::<Result<Vec<_>, _>>().map(Value::Array)
}

/// The one choice that is not null, where there are others.
fn not_null<'a>(schema: &'a Value, document: &'a Document) -> &'a Value {
    let schema = document.resolved(schema);
    match schema["oneOf"].as_array() {
        Some(choices) => {
            let choice = choices.iter().find(|choice| choice["type"] != "null");
            document.resolved(choice.unwrap_or(schema))
        }
        None => schema,
    }
}

fn may_be_null(schema: &Value, document: &Document) -> bool {
    let schema = document.resolved(schema);
    let kinds = schema["type"].as_array().into_iter().flatten();
    let choices = schema["oneOf"].as_array().into_iter().flatten();
    kinds
        .chain(choices.map(|choice| &choice["type"]))
        .any(|kind| kind == "null")
}
