//! What a body is made of, as a table and as a word.

use serde_norway::Value;

use crate::document::Document;
use crate::prose::{escaped, inline};

/// A schema in a few words, with links to those that have a name.
pub(crate) fn word(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = escaped(reference.rsplit('/').next().unwrap_or_default());
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    if let Some(choices) = schema["oneOf"].as_sequence() {
        return joined(choices.iter().map(word), " or ");
    }
    if let Some(value) = schema.get("const") {
        return format!("<code>{}</code>", literal(value));
    }
    if let Some(values) = schema["enum"].as_sequence() {
        return joined(
            values
                .iter()
                .map(|value| format!("<code>{}</code>", literal(value))),
            ", ",
        );
    }
    let types = match &schema["type"] {
        Value::Sequence(types) => joined(types.iter().filter_map(Value::as_str).map(str::to_owned), " or "),
        one => one.as_str().unwrap_or("anything").to_owned(),
    };
    let mut word = types;
    if let Some(items) = schema.get("items") {
        word = format!("{word} of {}", self::word(items));
    }
    if let Some(format) = schema["format"].as_str().filter(|format| *format != "int64") {
        word = format!("{word}, {format}");
    }
    for (name, means) in [
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("minItems", "at least"),
        ("maxItems", "at most"),
        ("maxLength", "characters at most:"),
        ("default", "without it"),
    ] {
        if let Some(value) = schema.get(name) {
            word = format!("{word}, {means} {}", literal(value));
        }
    }
    word
}

fn joined(words: impl Iterator<Item = String>, between: &str) -> String {
    words.collect::<Vec<_>>().join(between)
}

fn literal(value: &Value) -> String {
    escaped(
        value
            .as_str()
            .unwrap_or(&serde_json::to_string(value).unwrap_or_default()),
    )
}

/// The table of a schema's properties; the schema in a few words where it has none.
pub(crate) fn table(document: &Document, name: &str, schema: &Value) -> String {
    let mut html = format!("<h4 id=\"schema-{0}\">{0}</h4>\n", escaped(name));
    if let Some(description) = schema["description"].as_str() {
        html.push_str(&format!("<p>{}</p>\n", inline(description)));
    }
    let Some(properties) = schema["properties"].as_mapping() else {
        return html + &format!("<p>{}</p>\n", word(schema));
    };
    if let Some(root) = schema["xml"]["name"].as_str() {
        html.push_str(&format!(
            "<p>In XML the root is <code>{}</code>.</p>\n",
            escaped(root)
        ));
    }
    let required: Vec<&str> = schema["required"]
        .as_sequence()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    html.push_str("<div class=\"wide\"><table>\n");
    for (name, property) in properties {
        let name = name.as_str().unwrap_or_default();
        let own = property["description"].as_str();
        let meaning = own.or_else(|| document.resolved(property)["description"].as_str());
        html.push_str(&format!(
            "<tr><td><code>{}</code>{}</td><td>{}</td><td>{}</td></tr>\n",
            escaped(name),
            if required.contains(&name) {
                ""
            } else {
                " <small>optional</small>"
            },
            word(property),
            meaning.map(inline).unwrap_or_default(),
        ));
    }
    html + "</table></div>\n"
}
