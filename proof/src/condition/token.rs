use super::Fault;

/// A word or sign of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A keyword, a function or an attribute.
    Word(String),
    /// `#name`
    Name(String),
    /// `:value`
    Value(String),
    /// `(`, `)`, `,`, `+`, `-` or a comparison.
    Sign(&'static str),
}

/// Longer signs before those that they begin with.
const SIGNS: [&str; 11] = ["<>", "<=", ">=", "=", "<", ">", "(", ")", ",", "+", "-"];

/// The tokens of an expression.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            (Token::Sign(sign), sign.len())
        } else {
            let end = rest
                .char_indices()
                .skip(1)
                .find(|(_, letter)| !letter.is_ascii_alphanumeric() && *letter != '_')
                .map_or(rest.len(), |(at, _)| at);
            let word = rest[..end].to_owned();
            let token = match first {
                '#' => Token::Name(word),
                ':' => Token::Value(word),
                'a'..='z' | 'A'..='Z' | '_' => Token::Word(word),
                other => return Err(Fault(format!("'{other}' in \"{text}\""))),
            };
            (token, end)
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}
