/// A text as HTML.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Markdown as far as the document uses it: code, bold, paragraphs.
pub(crate) fn prose(markdown: &str) -> String {
    let paragraphs = markdown.split("\n\n").map(str::trim);
    let paragraphs = paragraphs.filter(|paragraph| !paragraph.is_empty());
    paragraphs
        .map(|text| format!("<p>{}</p>\n", inline(text)))
        .collect()
}

/// The same within a paragraph or a cell.
pub(crate) fn inline(markdown: &str) -> String {
    let mut html = String::new();
    for (number, part) in markdown.trim().split('`').enumerate() {
        let part = escaped(part);
        if number % 2 == 1 {
            html.push_str(&format!("<code>{part}</code>"));
            continue;
        }
        for (number, part) in part.split("**").enumerate() {
            html.push_str(&if number % 2 == 1 {
                format!("<strong>{part}</strong>")
            } else {
                part.to_owned()
            });
        }
    }
    html
}
