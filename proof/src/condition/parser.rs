use super::Fault;
use super::token::{Token, tokens};

/// The tokens of an expression, taken one by one.
pub(super) struct Parser {
    tokens: std::vec::IntoIter<Token>,
    text: String,
}

impl Parser {
    pub(super) fn new(text: &str) -> Result<Self, Fault> {
        Ok(Self {
            tokens: tokens(text)?.into_iter(),
            text: text.to_owned(),
        })
    }

    pub(super) fn next(&mut self) -> Result<Token, Fault> {
        let next = self.tokens.next();
        next.ok_or_else(|| self.fault("it ends too early"))
    }

    /// Whether the next token is this keyword or sign; then it is taken.
    pub(super) fn take(&mut self, wanted: &str) -> bool {
        let is_wanted = match self.tokens.as_slice().first() {
            Some(Token::Word(word)) => word == wanted,
            Some(Token::Sign(sign)) => *sign == wanted,
            _ => false,
        };
        if is_wanted {
            self.tokens.next();
        }
        is_wanted
    }

    pub(super) fn expect(&mut self, wanted: &str) -> Result<(), Fault> {
        if self.take(wanted) {
            Ok(())
        } else {
            Err(self.fault(&format!("'{wanted}' is missing")))
        }
    }

    /// The name of an attribute, or the `#name` for one.
    pub(super) fn path(&mut self) -> Result<String, Fault> {
        match self.next()? {
            Token::Word(name) | Token::Name(name) => Ok(name),
            other => Err(self.fault(&format!("{other:?} is not an attribute"))),
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.tokens.as_slice().is_empty()
    }

    pub(super) fn fault(&self, what: &str) -> Fault {
        Fault(format!("{what} in \"{}\"", self.text))
    }
}
