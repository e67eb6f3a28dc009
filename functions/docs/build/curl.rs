//! An event as the command that a reader can paste.

use serde_norway::Value;

use crate::document::Fixture;

/// What a credential's placeholder becomes: the variable of the chapter on signing in.
const VARIABLES: [(&str, &str); 4] = [
    ("{{sdm-session:", "$SESSION"),
    ("{{netwrix-first-factor:", "$FIRST"),
    ("{{netwrix-token:", "$TOKEN"),
    ("{{aktion-token:", "$KEY_TOKEN"),
];

/// The command.
pub(crate) fn command(fixture: &Fixture) -> String {
    let event = &fixture.event;
    let (method, _) = fixture.route.split_once(' ').unwrap_or_default();
    let path = event["rawPath"].as_str().unwrap_or_default();
    let query = match event["rawQueryString"].as_str() {
        None | Some("") => String::new(),
        Some(query) => format!("?{query}"),
    };
    let mut command = format!(
        "curl -i -X {method} \"$API{}\"",
        filled(&format!("{path}{query}"))
    );
    for cookie in event["cookies"].as_sequence().into_iter().flatten() {
        command += &format!(
            " \\\n  -H \"Cookie: {}\"",
            filled(cookie.as_str().unwrap_or_default())
        );
    }
    for (name, header) in [
        ("authorization", "Authorization"),
        ("accept", "Accept"),
        ("timeout", "Timeout"),
    ] {
        if let Some(value) = event["headers"][name].as_str().filter(|value| *value != "*/*") {
            command += &format!(" \\\n  -H \"{header}: {}\"", filled(value));
        }
    }
    if let Some((media, content)) = fixture.request() {
        let body = match content {
            Value::String(text) => text,
            content => serde_json::to_string(&content).unwrap_or_default(),
        };
        let body = if event["body"]
            .as_str()
            .is_some_and(|body| body.contains("{{totp:"))
        {
            "\"$CODE\"".to_owned()
        } else {
            format!("'{}'", body.replace('\'', "'\\''"))
        };
        command += &format!(" \\\n  -H \"Content-Type: {media}\" \\\n  -d {body}");
    }
    command
}

/// The text with variables, and the ids of the demonstration, in place of its placeholders.
fn filled(text: &str) -> String {
    let mut filled = String::new();
    let mut rest = crate::document::with_samples(text);
    while let Some((before, after)) = rest.split_once("{{").map(|(a, b)| (a.to_owned(), b.to_owned())) {
        filled += &before;
        let (placeholder, behind) = after.split_once("}}").unwrap_or((&after, ""));
        let placeholder = format!("{{{{{placeholder}");
        let variable = VARIABLES.iter().find(|(mark, _)| placeholder.starts_with(mark));
        filled += variable.map_or(placeholder.as_str(), |(_, variable)| variable);
        rest = behind.to_owned();
    }
    filled + &rest
}
