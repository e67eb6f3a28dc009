//! The page: everything that the document says, and a command for each call.

use serde_norway::Value;

use crate::curl;
use crate::document::{Document, Fixture};
use crate::prose::{escaped, inline, prose};
use crate::schema;

/// How a reader gets what the commands name. They can be pasted as they are before the local server.
const SIGN_IN: &str = r#"API=http://127.0.0.1:6500

# Session Delivery Manager: the cookie
SESSION=$(curl -s -H "Content-Type: application/json" \
  -d '{"userName":"alice","password":"alice-demo"}' "$API/rest/v1.3/admin/login" \
  | sed 's/.*"sessionId":"\([^"]*\)".*/\1/')

# Aktion.NEXT, and machines at /locks: a token for 20 seconds
KEY_TOKEN=$(curl -s -H "Content-Type: application/json" \
  -d '{"UserLogin":"admin","ApiKey":"YWRtaW4tZGVtby1hcGktaw=="}' "$API/login" \
  | sed 's/.*"Token":"\([^"]*\)".*/\1/')

# Netwrix Privilege Secure, and people at /locks and /history: the password, then the code that a phone shows
FIRST=$(curl -s -H "Content-Type: application/json" \
  -d '{"Login":"admin","Password":"admin-demo"}' "$API/signinBody" | tr -d '"')
CODE=$(cargo run -q -- totp admin)
TOKEN=$(curl -s -H "Content-Type: application/json" -H "Authorization: Bearer $FIRST" \
  -d "$CODE" "$API/signin2fa" | tr -d '"')"#;

pub(crate) fn page(document: &Document, fixtures: &[Fixture], style: &str) -> String {
    let info = &document.root()["info"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut contents = String::new();
    let mut body = String::new();
    for tag in document.root()["tags"].as_sequence().into_iter().flatten() {
        let name = text(&tag["name"]);
        let id = slug(&name);
        contents.push_str(&format!("<li><a href=\"#{id}\">{}</a><ul>\n", escaped(&name)));
        body.push_str(&format!("<h2 id=\"{id}\">{}</h2>\n", escaped(&name)));
        body.push_str(&prose(&text(&tag["description"])));
        for (path, operations) in document.addresses() {
            for (method, operation) in operations {
                if operation["tags"][0].as_str() != Some(&name) {
                    continue;
                }
                let (id, summary) = (text(&operation["operationId"]), text(&operation["summary"]));
                contents.push_str(&format!("<li><a href=\"#{id}\">{}</a></li>\n", escaped(&summary)));
                body.push_str(&call(document, fixtures, path, method, operation));
            }
        }
        contents.push_str("</ul></li>\n");
    }
    let mut schemas = String::new();
    for (name, schema) in document.root()["components"]["schemas"]
        .as_mapping()
        .into_iter()
        .flatten()
    {
        schemas.push_str(&schema::table(
            document,
            name.as_str().unwrap_or_default(),
            schema,
        ));
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Holdfast: the API</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<style>{style}</style>\n\
         <script src=\"/docs/copy.js\" defer></script>\n</head>\n<body>\n\
         <nav aria-label=\"Contents\"><ul>\n<li><a href=\"#sign-in\">Signing in</a></li>\n{contents}\
         <li><a href=\"#schemas\">Bodies</a></li>\n</ul></nav>\n<main>\n<h1>Holdfast {}</h1>\n<p>{}</p>\n{}\
         <p>For programs: <a href=\"/openapi.json\"><code>/openapi.json</code></a>.</p>\n\
         <h2 id=\"sign-in\">Signing in</h2>\n\
         <p>The commands below name what these set. People and passwords are the demonstration's.</p>\n{}{body}\
         <h2 id=\"schemas\">Bodies</h2>\n{schemas}</main>\n</body>\n</html>\n",
        escaped(&text(&info["version"])),
        inline(&text(&info["summary"])),
        prose(&text(&info["description"])),
        example(SIGN_IN),
    )
}

fn slug(name: &str) -> String {
    name.to_lowercase().replace([' ', '.'], "-")
}

fn example(text: &str) -> String {
    format!("<pre tabindex=\"0\"><code>{}</code></pre>\n", escaped(text))
}

fn call(document: &Document, fixtures: &[Fixture], path: &str, method: &str, operation: &Value) -> String {
    let text = |name: &str| operation[name].as_str().unwrap_or_default().to_owned();
    let route = format!("{} {path}", method.to_uppercase());
    let mut html = format!(
        "<section id=\"{}\">\n<h3>{}</h3>\n<p class=\"call\"><span class=\"method\">{}</span> <code>{}</code></p>\n{}",
        text("operationId"),
        escaped(&text("summary")),
        method.to_uppercase(),
        escaped(path),
        prose(&text("description")),
    );
    html.push_str(&credentials(operation));
    html.push_str(&parameters(document, path, operation));
    if let Some(body) = operation.get("requestBody") {
        html.push_str(&format!("<p>Body: {}.</p>\n", media(body)));
    }
    let mut own = fixtures.iter().filter(|fixture| fixture.route == route);
    if let Some(first) = own.clone().find(|fixture| fixture.status.starts_with('2')) {
        html.push_str(&example(&curl::command(first)));
    } else if let Some(any) = own.next() {
        html.push_str(&example(&curl::command(any)));
    }
    html.push_str(
        "<div class=\"wide\"><table>\n<tr><th>Answer</th><th>When</th><th>Headers</th><th>Body</th></tr>\n",
    );
    for (status, response) in operation["responses"].as_mapping().into_iter().flatten() {
        let response = document.resolved(response);
        html.push_str(&format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
            escaped(status.as_str().unwrap_or_default()),
            inline(response["description"].as_str().unwrap_or_default()),
            own_headers(response),
            media(response),
        ));
    }
    html.push_str("</table></div>\n");
    html.push_str(&answers(document, operation));
    html + "</section>\n"
}

fn credentials(operation: &Value) -> String {
    let schemes: Vec<String> = operation["security"]
        .as_sequence()
        .into_iter()
        .flatten()
        .flat_map(|one| one.as_mapping().into_iter().flatten())
        .filter_map(|(name, _)| Some(format!("<code>{}</code>", escaped(name.as_str()?))))
        .collect();
    if schemes.is_empty() {
        "<p>Needs no credential.</p>\n".to_owned()
    } else {
        format!("<p>Needs {}.</p>\n", schemes.join(" or "))
    }
}

fn parameters(document: &Document, path: &str, operation: &Value) -> String {
    let of = |value: &Value| value["parameters"].as_sequence().cloned().unwrap_or_default();
    let mut all = of(&document.root()["paths"][path]);
    all.extend(of(operation));
    if all.is_empty() {
        return String::new();
    }
    let mut html =
        "<div class=\"wide\"><table>\n<tr><th>Parameter</th><th>In</th><th>What</th><th>Rule</th></tr>\n"
            .to_owned();
    for parameter in &all {
        let parameter = document.resolved(parameter);
        let text = |name: &str| parameter[name].as_str().unwrap_or_default().to_owned();
        html.push_str(&format!(
            "<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
            escaped(&text("name")),
            escaped(&text("in")),
            schema::word(&parameter["schema"]),
            inline(&text("description")),
        ));
    }
    html + "</table></div>\n"
}

/// The headers that not every answer has.
fn own_headers(response: &Value) -> String {
    const EVERYWHERE: [&str; 4] = [
        "Cache-Control",
        "X-Content-Type-Options",
        "Strict-Transport-Security",
        "X-Request-Id",
    ];
    let names = response["headers"].as_mapping().into_iter().flatten();
    let own = names.filter_map(|(name, _)| name.as_str().filter(|name| !EVERYWHERE.contains(name)));
    own.map(|name| format!("<code>{}</code>", escaped(name)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Each kind of body once, with its media types.
fn media(holder: &Value) -> String {
    let mut kinds: Vec<(String, Vec<String>)> = Vec::new();
    for (name, media) in holder["content"].as_mapping().into_iter().flatten() {
        let (name, word) = (
            escaped(name.as_str().unwrap_or_default()),
            schema::word(&media["schema"]),
        );
        match kinds.iter_mut().find(|(known, _)| *known == word) {
            Some((_, names)) => names.push(name),
            None => kinds.push((word, vec![name])),
        }
    }
    let kinds = kinds
        .iter()
        .map(|(word, names)| format!("{word} <small>{}</small>", names.join(", ")));
    kinds.collect::<Vec<_>>().join("; ")
}

fn answers(document: &Document, operation: &Value) -> String {
    let mut html = String::new();
    for (status, response) in operation["responses"].as_mapping().into_iter().flatten() {
        let content = document.resolved(response)["content"].as_mapping();
        for (_, media) in content.into_iter().flatten() {
            for (_, shown) in media["examples"].as_mapping().into_iter().flatten() {
                let value = &shown["value"];
                let text = match value.as_str() {
                    Some(text) if text.starts_with('<') => text.to_owned(),
                    _ => serde_json::to_string_pretty(value).unwrap_or_default(),
                };
                html.push_str(&format!(
                    "<p>{}, {}</p>\n{}",
                    status.as_str().unwrap_or_default(),
                    escaped(shown["summary"].as_str().unwrap_or_default()),
                    example(&text),
                ));
            }
        }
    }
    if html.is_empty() {
        return html;
    }
    format!("<details><summary>Answers</summary>\n{html}</details>\n")
}
