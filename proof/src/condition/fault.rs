use std::fmt;

/// Why an expression cannot be read or evaluated. DynamoDB would refuse the write as invalid, or the evaluator does not
/// know the word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(pub(super) String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}
