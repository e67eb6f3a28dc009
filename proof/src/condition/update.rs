use aws_sdk_dynamodb::types::AttributeValue;
use holdfast::store::Item;

use super::Fault;
use super::parser::Parser;
use super::token::Token;
use super::value::{Bindings, Side, number};

/// An update expression: `SET` of values, attributes, `if_not_exists` and sums, and `REMOVE`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateExpression {
    set: Vec<(String, Vec<Operand>)>,
    removed: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Operand {
    Side(Side),
    /// The attribute, or the other where it is absent.
    Default(String, Side),
}

impl UpdateExpression {
    /// Reads an update.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut parser = Parser::new(text)?;
        let mut update = Self::default();
        while !parser.is_at_end() {
            if parser.take("SET") && update.set.is_empty() {
                loop {
                    let path = parser.path()?;
                    parser.expect("=")?;
                    let mut sum = vec![operand(&mut parser)?];
                    while parser.take("+") {
                        sum.push(operand(&mut parser)?);
                    }
                    update.set.push((path, sum));
                    if !parser.take(",") {
                        break;
                    }
                }
            } else if parser.take("REMOVE") && update.removed.is_empty() {
                loop {
                    update.removed.push(parser.path()?);
                    if !parser.take(",") {
                        break;
                    }
                }
            } else {
                return Err(parser.fault("neither SET nor REMOVE, or a second one"));
            }
        }
        Ok(update)
    }

    /// The row as it is afterwards. Every operand is read before anything is written.
    pub fn apply(&self, item: &Item, bindings: &Bindings) -> Result<Item, Fault> {
        let mut written = item.clone();
        let mut touched: Vec<&str> = Vec::new();
        for (path, sum) in &self.set {
            let name = bindings.attribute(path)?;
            let value = match sum.as_slice() {
                [one] => one.on(item, bindings)?.clone(),
                many => {
                    let mut total = 0;
                    for operand in many {
                        match operand.on(item, bindings)? {
                            AttributeValue::N(digits) => total += number(digits)?,
                            other => return Err(Fault(format!("{other:?} does not add up"))),
                        }
                    }
                    AttributeValue::N(total.to_string())
                }
            };
            written.insert(name.to_owned(), value);
            touched.push(name);
        }
        for path in &self.removed {
            let name = bindings.attribute(path)?;
            written.remove(name);
            touched.push(name);
        }
        let count = touched.len();
        touched.sort_unstable();
        touched.dedup();
        if touched.len() < count {
            return Err(Fault("an attribute is written twice".to_owned()));
        }
        Ok(written)
    }
}

fn operand(parser: &mut Parser) -> Result<Operand, Fault> {
    if parser.take("if_not_exists") {
        parser.expect("(")?;
        let path = parser.path()?;
        parser.expect(",")?;
        let other = side(parser)?;
        parser.expect(")")?;
        return Ok(Operand::Default(path, other));
    }
    Ok(Operand::Side(side(parser)?))
}

fn side(parser: &mut Parser) -> Result<Side, Fault> {
    match parser.next()? {
        Token::Value(word) => Ok(Side::Value(word)),
        Token::Word(name) | Token::Name(name) => Ok(Side::Attribute(name)),
        Token::Sign(sign) => Err(parser.fault(&format!("'{sign}' is not an operand"))),
    }
}

impl Operand {
    fn on<'a>(&self, item: &'a Item, bindings: &'a Bindings) -> Result<&'a AttributeValue, Fault> {
        let value = match self {
            Self::Side(side) => side.on(item, bindings)?,
            Self::Default(path, other) => match item.get(bindings.attribute(path)?) {
                Some(value) => Some(value),
                None => other.on(item, bindings)?,
            },
        };
        value.ok_or_else(|| Fault("an operand is absent".to_owned()))
    }
}
