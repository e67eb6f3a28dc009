use holdfast::store::Item;

use super::Fault;
use super::parser::Parser;
use super::token::Token;
use super::value::{Bindings, Side, equal, order};

/// A condition expression: comparisons, `attribute_exists` and `attribute_not_exists` under `AND`, `OR` and parentheses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition(Node);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Any(Vec<Node>),
    All(Vec<Node>),
    Exists(String, bool),
    Compare(Side, &'static str, Side),
}

impl Condition {
    /// Reads a condition.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut parser = Parser::new(text)?;
        let node = any(&mut parser)?;
        if parser.is_at_end() {
            Ok(Self(node))
        } else {
            Err(parser.fault("more follows"))
        }
    }

    /// Whether it holds for a row; `None` for a row that is absent, which has no attributes.
    pub fn holds(&self, item: Option<&Item>, bindings: &Bindings) -> Result<bool, Fault> {
        let absent = Item::new();
        self.0.holds(item.unwrap_or(&absent), bindings)
    }
}

/// `OR` binds less than `AND`.
fn any(parser: &mut Parser) -> Result<Node, Fault> {
    let mut nodes = vec![all(parser)?];
    while parser.take("OR") {
        nodes.push(all(parser)?);
    }
    Ok(Node::Any(nodes))
}

fn all(parser: &mut Parser) -> Result<Node, Fault> {
    let mut nodes = vec![one(parser)?];
    while parser.take("AND") {
        nodes.push(one(parser)?);
    }
    Ok(Node::All(nodes))
}

fn one(parser: &mut Parser) -> Result<Node, Fault> {
    if parser.take("(") {
        let inner = any(parser)?;
        parser.expect(")")?;
        return Ok(inner);
    }
    for (function, wanted) in [("attribute_exists", true), ("attribute_not_exists", false)] {
        if parser.take(function) {
            parser.expect("(")?;
            let path = parser.path()?;
            parser.expect(")")?;
            return Ok(Node::Exists(path, wanted));
        }
    }
    let left = side(parser)?;
    let sign = match parser.next()? {
        Token::Sign(sign @ ("=" | "<>" | "<" | "<=" | ">" | ">=")) => sign,
        other => return Err(parser.fault(&format!("{other:?} does not compare"))),
    };
    Ok(Node::Compare(left, sign, side(parser)?))
}

fn side(parser: &mut Parser) -> Result<Side, Fault> {
    match parser.next()? {
        Token::Word(name) | Token::Name(name) => Ok(Side::Attribute(name)),
        Token::Value(word) => Ok(Side::Value(word)),
        Token::Sign(sign) => Err(parser.fault(&format!("'{sign}' compares with nothing"))),
    }
}

impl Node {
    fn holds(&self, item: &Item, bindings: &Bindings) -> Result<bool, Fault> {
        match self {
            // Every part is evaluated, so that a fault in one does not hide.
            Self::Any(nodes) => nodes
                .iter()
                .try_fold(false, |found, node| Ok(node.holds(item, bindings)? || found)),
            Self::All(nodes) => nodes
                .iter()
                .try_fold(true, |found, node| Ok(node.holds(item, bindings)? && found)),
            Self::Exists(path, wanted) => Ok(item.contains_key(bindings.attribute(path)?) == *wanted),
            Self::Compare(left, sign, right) => {
                let (Some(left), Some(right)) = (left.on(item, bindings)?, right.on(item, bindings)?) else {
                    // An attribute that is absent equals nothing, and compares with nothing.
                    return Ok(*sign == "<>");
                };
                let order = order(left, right)?;
                Ok(match *sign {
                    "=" => equal(left, right)?,
                    "<>" => !equal(left, right)?,
                    "<" => order.is_some_and(std::cmp::Ordering::is_lt),
                    "<=" => order.is_some_and(std::cmp::Ordering::is_le),
                    ">" => order.is_some_and(std::cmp::Ordering::is_gt),
                    _ => order.is_some_and(std::cmp::Ordering::is_ge),
                })
            }
        }
    }
}
