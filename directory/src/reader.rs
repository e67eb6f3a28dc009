//! Reads a JSON document member by member and keeps every fault with its place, where a derived reader would stop
//! at the first.

use std::cell::RefCell;
use std::collections::HashSet;

use holdfast::id::{Company, InvalidId};
use serde_json::Value;

/// The longest free-form text: names are part of index keys, which hold 1,024 bytes.
const MAX_TEXT: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Faults(RefCell<Vec<String>>);

impl Faults {
    fn add(&self, place: &str, what: &str) {
        self.0.borrow_mut().push(format!("{place}: {what}"));
    }

    pub(super) fn into_list(self) -> Vec<String> {
        self.0.into_inner()
    }
}

/// One object of the document and its place.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    value: &'a Value,
    place: String,
    faults: &'a Faults,
}

impl<'a> Entry<'a> {
    pub(super) fn root(value: &'a Value, faults: &'a Faults) -> Self {
        if !value.is_object() {
            faults.add("the file", "must be an object");
        }
        Self {
            value,
            place: String::new(),
            faults,
        }
    }

    fn at(&self, member: &str) -> String {
        if self.place.is_empty() {
            member.to_owned()
        } else {
            format!("{}.{member}", self.place)
        }
    }

    /// Notes a fault of a member. It answers `None` so that a reader can end with it.
    pub(super) fn fault<T>(&self, member: &str, what: &str) -> Option<T> {
        self.faults.add(&self.at(member), what);
        None
    }

    /// Notes every member that is not one of these: a misspelt name would silently leave something out.
    pub(super) fn only(&self, members: &[&str]) {
        for name in self
            .value
            .as_object()
            .into_iter()
            .flat_map(|object| object.keys())
        {
            if !members.contains(&name.as_str()) {
                let _: Option<()> = self.fault(name, "there is no such member here");
            }
        }
    }

    /// The objects of a list; an absent list is empty.
    pub(super) fn entries<T>(&self, member: &str, mut read: impl FnMut(&Entry<'a>) -> Option<T>) -> Vec<T> {
        let list = match self.value.get(member) {
            None => return Vec::new(),
            Some(Value::Array(list)) => list,
            Some(_) => {
                let _: Option<()> = self.fault(member, "must be a list");
                return Vec::new();
            }
        };
        list.iter()
            .enumerate()
            .filter_map(|(at, value)| {
                let entry = Entry {
                    value,
                    place: format!("{}[{at}]", self.at(member)),
                    faults: self.faults,
                };
                if !value.is_object() {
                    self.faults.add(&entry.place, "must be an object");
                    return None;
                }
                read(&entry)
            })
            .collect()
    }

    /// A text; `None` where it is absent or null, or a fault.
    pub(super) fn text(&self, member: &str) -> Option<String> {
        match self.value.get(member) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.chars().count() <= MAX_TEXT => Some(text.clone()),
            Some(Value::String(_)) => self.fault(member, "is longer than 256 characters"),
            Some(_) => self.fault(member, "must be a text"),
        }
    }

    pub(super) fn text_or(&self, member: &str, default: &str) -> String {
        self.text(member).unwrap_or_else(|| default.to_owned())
    }

    /// A text that must be there.
    pub(super) fn required(&self, member: &str) -> Option<String> {
        match self.value.get(member) {
            None | Some(Value::Null) => self.fault(member, "is missing"),
            Some(_) => self.text(member),
        }
    }

    /// A text that is parsed further; `None` where it is absent or null, or a fault.
    pub(super) fn parsed<T>(&self, member: &str, rule: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.text(member)?;
        read(&text).or_else(|| self.fault(member, rule))
    }

    /// A truth value; an absent one is false.
    pub(super) fn truth(&self, member: &str) -> bool {
        match self.value.get(member) {
            None => false,
            Some(Value::Bool(truth)) => *truth,
            Some(_) => self.fault(member, "must be true or false").unwrap_or(false),
        }
    }

    /// A truth value that may be left out.
    pub(super) fn optional_truth(&self, member: &str) -> Option<bool> {
        self.value.get(member).map(|_| self.truth(member))
    }

    /// A list of texts; an absent one is empty.
    pub(super) fn texts(&self, member: &str) -> Vec<String> {
        let texts = match self.value.get(member) {
            None => Some(Vec::new()),
            Some(Value::Array(list)) => list.iter().map(|text| text.as_str().map(str::to_owned)).collect(),
            Some(_) => None,
        };
        texts
            .or_else(|| self.fault(member, "must be a list of texts"))
            .unwrap_or_default()
    }

    /// A name that must be there and keep to the alphabet of its kind.
    pub(super) fn id<T: for<'t> TryFrom<&'t str, Error = InvalidId>>(&self, member: &str) -> Option<T> {
        match self.value.get(member) {
            None => self.fault(member, "is missing"),
            Some(Value::String(text)) => match T::try_from(text.as_str()) {
                Ok(id) => Some(id),
                Err(invalid) => self.fault(member, &invalid.to_string()),
            },
            Some(_) => self.fault(member, "must be a text"),
        }
    }

    /// The company that the entry belongs to, which the file itself must list.
    pub(super) fn company(&self, known: &HashSet<Company>) -> Option<Company> {
        let company: Company = self.id("company")?;
        if known.contains(&company) {
            Some(company)
        } else {
            self.fault("company", "is none of the companies in this file")
        }
    }

    /// Notes a value that has been seen before.
    pub(super) fn unique(&self, seen: &mut HashSet<String>, member: &str, value: String) {
        if !seen.insert(value) {
            let _: Option<()> = self.fault(member, "appears more than once");
        }
    }
}
