//! Reading a body member by member, so that a caller is told everything that is wrong at once.

use serde_json::Value;

use super::Members;

/// What is wrong, by member; each rule is a sentence.
pub type Faults = Vec<(&'static str, String)>;

/// What can be wrong with any member. Each dialect has its own words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It must be there, and not be empty.
    Missing,
    /// It must be a string.
    NotAString,
    /// It has more characters than this.
    TooLong(usize),
    /// It must be true or false.
    NotATruth,
}

/// A dialect's words: the sentence for a member and what is wrong with it.
pub type Words = fn(&'static str, Wrong) -> String;

/// A reader of members that collects faults. What it answers for a faulty member is a default that nothing may use:
/// [`Fields::finish`] sees to that.
#[derive(Debug)]
pub struct Fields<'a> {
    members: &'a Members,
    words: Words,
    faults: Faults,
}

impl<'a> Fields<'a> {
    /// A reader of `members`.
    #[must_use]
    pub const fn new(members: &'a Members, words: Words) -> Self {
        Self {
            members,
            words,
            faults: Vec::new(),
        }
    }

    /// Notes a fault.
    pub fn fault<T: Default>(&mut self, name: &'static str, rule: impl Into<String>) -> T {
        self.faults.push((name, rule.into()));
        T::default()
    }

    fn wrong<T: Default>(&mut self, name: &'static str, wrong: Wrong) -> T {
        self.fault(name, (self.words)(name, wrong))
    }

    /// A text of at most `max` characters; `None` where it is absent or null.
    pub fn optional_text(&mut self, name: &'static str, max: usize) -> Option<&'a str> {
        match self.members.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.chars().count() <= max => Some(text),
            Some(Value::String(_)) => self.wrong(name, Wrong::TooLong(max)),
            Some(_) => self.wrong(name, Wrong::NotAString),
        }
    }

    /// A text of 1 to `max` characters.
    pub fn required_text(&mut self, name: &'static str, max: usize) -> &'a str {
        let before = self.faults.len();
        match self.optional_text(name, max).filter(|text| !text.is_empty()) {
            None if self.faults.len() == before => self.wrong(name, Wrong::Missing),
            text => text.unwrap_or_default(),
        }
    }

    /// A truth value; false where it is absent.
    pub fn truth(&mut self, name: &'static str) -> bool {
        match self.members.get(name) {
            None => false,
            Some(Value::Bool(truth)) => *truth,
            Some(_) => self.wrong(name, Wrong::NotATruth),
        }
    }

    /// A member with a rule of its own. `parse` is given the member, `None` where it is absent or null.
    pub fn parsed<T: Default>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(Option<&'a Value>) -> Result<T, String>,
    ) -> T {
        let member = self.members.get(name).filter(|value| !value.is_null());
        parse(member).unwrap_or_else(|rule| self.fault(name, rule))
    }

    /// Whether nothing was wrong so far.
    #[must_use]
    pub const fn are_faultless(&self) -> bool {
        self.faults.is_empty()
    }

    /// What was read, where nothing was wrong.
    ///
    /// # Errors
    /// Every fault, in the order of reading.
    pub fn finish<T>(self, read: T) -> Result<T, Faults> {
        if self.faults.is_empty() {
            Ok(read)
        } else {
            Err(self.faults)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Format;

    fn words(name: &'static str, wrong: Wrong) -> String {
        format!("{name}: {wrong:?}")
    }

    #[test]
    fn every_fault_is_told_and_nothing_faulty_is_used() {
        let body = br#"{"a":"xx","b":1,"c":null,"d":"yes","e":""}"#;
        let members = Members::read(body, Format::Json, "").unwrap();
        let mut fields = Fields::new(&members, words);
        assert_eq!(fields.optional_text("a", 2), Some("xx"));
        assert_eq!(fields.optional_text("c", 2), None);
        assert!(fields.are_faultless());
        fields.optional_text("a", 1);
        fields.required_text("b", 9);
        fields.required_text("c", 9);
        fields.required_text("e", 9);
        fields.truth("d");
        assert_eq!(
            fields.parsed("x", |value| value.map(|_| 1).ok_or("none".to_owned())),
            0
        );
        let told: Vec<String> = fields
            .finish(())
            .unwrap_err()
            .into_iter()
            .map(|(_, rule)| rule)
            .collect();
        let expected = [
            "a: TooLong(1)",
            "b: NotAString",
            "c: Missing",
            "e: Missing",
            "d: NotATruth",
            "none",
        ];
        assert_eq!(told, expected);
    }
}
