//! A template as CloudFormation takes it: what parameters and rules refuse, and what its intrinsic functions come to. Only
//! what `template.yaml` uses is known here; anything else is a panic.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use regex_lite::Regex;
use serde_json::{Map, Value as Json};
use serde_norway::Value;
use serde_norway::value::TaggedValue;

/// The text of a scalar, as CloudFormation hands parameters on: numbers and booleans, too, are text.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(is) => is.to_string(),
        other => panic!("no scalar: {other:?}"),
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let mapping = value.as_mapping().into_iter().flatten();
    mapping.map(|(name, value)| (name.as_str().unwrap(), value))
}

fn list(value: &Value) -> &[Value] {
    value.as_sequence().unwrap()
}

/// The names between `${` and `}`. `${!` is a literal `${`.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split("${").skip(1);
    parts
        .filter(|part| !part.starts_with('!'))
        .map(|part| part.split_once('}').unwrap().0)
}

/// A template, and everything that it may be deployed as.
#[derive(Debug)]
pub struct Template {
    value: Value,
    /// The pattern of each parameter that has one.
    patterns: BTreeMap<String, Regex>,
    /// The default of each parameter that has one.
    defaults: BTreeMap<String, String>,
}

impl Template {
    /// Reads a template, and checks that each default is allowed.
    pub fn parse(text: &str) -> Self {
        let value: Value = serde_norway::from_str(text).unwrap();
        let patterns = entries(&value["Parameters"])
            .filter_map(|(name, parameter)| Some((name.to_owned(), scalar(parameter.get("AllowedPattern")?))))
            .map(|(name, pattern)| (name, Regex::new(&format!("^(?:{pattern})$")).unwrap()))
            .collect();
        let defaults = entries(&value["Parameters"])
            .filter_map(|(name, parameter)| Some((name.to_owned(), scalar(parameter.get("Default")?))))
            .collect();
        let template = Self {
            value,
            patterns,
            defaults,
        };
        for (name, default) in &template.defaults {
            assert!(template.allows(name, default), "the default of {name} is refused");
        }
        template
    }

    /// The names of a section.
    pub fn names(&self, section: &str) -> Vec<&str> {
        entries(&self.value[section]).map(|(name, _)| name).collect()
    }

    /// The definition of a parameter.
    pub fn parameter(&self, name: &str) -> &Value {
        let parameter = &self.value["Parameters"][name];
        assert!(!parameter.is_null(), "there is no parameter {name}");
        parameter
    }

    /// The names of the resources of a type.
    pub fn resources(&self, of_type: &str) -> Vec<&str> {
        entries(&self.value["Resources"])
            .filter(|(_, resource)| resource["Type"] == of_type)
            .map(|(name, _)| name)
            .collect()
    }

    /// What each rule says that it refuses.
    pub fn refusals(&self) -> BTreeSet<String> {
        entries(&self.value["Rules"])
            .flat_map(|(_, rule)| list(&rule["Assertions"]))
            .map(|assertion| scalar(&assertion["AssertDescription"]))
            .collect()
    }

    /// The parameters that the conditions compare.
    pub fn parameters_of_conditions(&self) -> BTreeSet<String> {
        let mut named = BTreeSet::new();
        mentions(&self.value["Conditions"], &mut |tag, name| {
            if tag == "Ref" {
                named.insert(name.to_owned());
            }
        });
        named
    }

    /// The parameters that each condition and each rule compares: one set for each, with what the conditions in it compare.
    pub fn compared_together(&self) -> Vec<BTreeSet<String>> {
        ["Conditions", "Rules"]
            .iter()
            .flat_map(|section| entries(&self.value[*section]))
            .map(|(_, expression)| {
                let (mut open, mut named) = (vec![expression], BTreeSet::new());
                while let Some(expression) = open.pop() {
                    mentions(expression, &mut |tag, name| match tag {
                        "Ref" => drop(named.insert(name.to_owned())),
                        "Condition" => open.push(&self.value["Conditions"][name]),
                        other => panic!("{other} in a condition"),
                    });
                }
                named
            })
            .collect()
    }

    /// The template with these parameters and the defaults of the others.
    ///
    /// # Errors
    /// What the parameters' own limits and the rules say, each in its words.
    pub fn deploy(&self, given: &[(&str, &str)]) -> Result<Stack<'_>, Vec<String>> {
        let mut parameters: BTreeMap<&str, Cow<'_, str>> = (self.defaults.iter())
            .map(|(name, default)| (name.as_str(), Cow::Borrowed(default.as_str())))
            .collect();
        for (name, value) in given {
            let own = parameters.get_mut::<str>(name);
            let own = own.unwrap_or_else(|| panic!("there is no parameter {name} with a default"));
            if own != value {
                *own = Cow::Owned((*value).to_owned());
            }
        }
        let mut refused: Vec<String> = given
            .iter()
            .filter(|(name, value)| !self.allows(name, value))
            .map(|(name, value)| format!("{name} may not be {value:?}"))
            .collect();
        let mut stack = Stack {
            template: self,
            parameters,
            conditions: BTreeMap::new(),
        };
        for (_, rule) in entries(&self.value["Rules"]) {
            if rule.get("RuleCondition").is_some_and(|when| !stack.holds(when)) {
                continue;
            }
            let broken = list(&rule["Assertions"])
                .iter()
                .filter(|assertion| !stack.holds(&assertion["Assert"]));
            refused.extend(broken.map(|assertion| scalar(&assertion["AssertDescription"])));
        }
        if !refused.is_empty() {
            return Err(refused);
        }
        stack.conditions = entries(&self.value["Conditions"])
            .map(|(name, condition)| (name, stack.holds(condition)))
            .collect();
        Ok(stack)
    }

    /// A parameter's own limits.
    fn allows(&self, name: &str, value: &str) -> bool {
        let parameter = self.parameter(name);
        let number = |limit: &str| parameter.get(limit).and_then(Value::as_f64);
        let in_list = parameter
            .get("AllowedValues")
            .is_none_or(|allowed| list(allowed).iter().any(|one| scalar(one) == value));
        let fits = self
            .patterns
            .get(name)
            .is_none_or(|pattern| pattern.is_match(value));
        let is_short = parameter
            .get("MaxLength")
            .and_then(Value::as_u64)
            .is_none_or(|most| u64::try_from(value.len()).unwrap() <= most);
        let is_in_range = parameter["Type"] != "Number"
            || value.parse::<f64>().is_ok_and(|value| {
                number("MinValue").is_none_or(|least| value >= least)
                    && number("MaxValue").is_none_or(|most| value <= most)
            });
        in_list && fits && is_short && is_in_range
    }

    /// The conditions that what a resource comes to depends on: its own, and those of whatever it refers to.
    pub fn conditions_of(&self, resource: &str) -> BTreeSet<&str> {
        let (mut open, mut seen) = (vec![resource.to_owned()], BTreeSet::new());
        let mut named = BTreeSet::new();
        while let Some(name) = open.pop() {
            let resource = &self.value["Resources"][name.as_str()];
            if resource.is_null() || !seen.insert(name) {
                continue;
            }
            named.extend(resource.get("Condition").map(scalar));
            mentions(resource, &mut |tag, name| match tag {
                "If" | "Condition" => drop(named.insert(name.to_owned())),
                _ => open.push(name.split('.').next().unwrap().to_owned()),
            });
        }
        let all = self.names("Conditions").into_iter();
        all.filter(|condition| named.contains(*condition)).collect()
    }
}

/// Every name that intrinsic functions mention: with `If` a condition, else a parameter or a resource.
fn mentions(value: &Value, note: &mut impl FnMut(&str, &str)) {
    match value {
        Value::Tagged(tagged) => {
            let (tag, value) = (tagged.tag.to_string(), &tagged.value);
            match tag.trim_start_matches('!') {
                tag @ ("Ref" | "GetAtt") => note(tag, &scalar(value)),
                "Sub" => placeholders(&scalar(value)).for_each(|name| note("Sub", name)),
                "If" => {
                    note("If", &scalar(&list(value)[0]));
                    list(value)[1..].iter().for_each(|branch| mentions(branch, note));
                }
                "Condition" => note("Condition", &scalar(value)),
                _ => mentions(value, note),
            }
        }
        Value::Sequence(all) => all.iter().for_each(|value| mentions(value, note)),
        Value::Mapping(all) => all.values().for_each(|value| mentions(value, note)),
        _ => {}
    }
}

/// A template with its parameters.
#[derive(Debug)]
pub struct Stack<'a> {
    template: &'a Template,
    parameters: BTreeMap<&'a str, Cow<'a, str>>,
    conditions: BTreeMap<&'a str, bool>,
}

impl Stack<'_> {
    /// Whether a condition of the template holds.
    pub fn condition(&self, name: &str) -> bool {
        *self
            .conditions
            .get(name)
            .unwrap_or_else(|| panic!("there is no condition {name}"))
    }

    /// A resource with everything resolved, or nothing where its condition does not hold. What AWS itself makes up is a
    /// name in angle brackets: `<Api>`, `<AccessLogs.Arn>`.
    ///
    /// # Panics
    /// Where it refers to what the stack does not have.
    pub fn resource(&self, name: &str) -> Option<Json> {
        let resource = &self.template.value["Resources"][name];
        assert!(!resource.is_null(), "there is no resource {name}");
        self.exists(resource).then(|| {
            self.resolved(resource)
                .unwrap_or_else(|| panic!("{name} is nothing"))
        })
    }

    /// An output, in the same way.
    pub fn output(&self, name: &str) -> Option<Json> {
        let output = &self.template.value["Outputs"][name];
        assert!(!output.is_null(), "there is no output {name}");
        self.exists(output)
            .then(|| self.resolved(&output["Value"]).unwrap())
    }

    /// What all functions have in common.
    pub fn globals(&self) -> Json {
        self.resolved(&self.template.value["Globals"]).unwrap()
    }

    fn exists(&self, part: &Value) -> bool {
        part.get("Condition")
            .is_none_or(|condition| self.condition(&scalar(condition)))
    }

    /// `None` is `AWS::NoValue`, which takes the property away that it would be the value of.
    fn resolved(&self, value: &Value) -> Option<Json> {
        Some(match value {
            Value::Null => Json::Null,
            Value::Bool(is) => Json::from(*is),
            Value::Number(number) => serde_json::to_value(number).unwrap(),
            Value::String(text) => Json::from(text.as_str()),
            Value::Sequence(all) => all.iter().filter_map(|value| self.resolved(value)).collect(),
            Value::Mapping(all) => {
                let all = all.iter();
                let resolved = all.filter_map(|(name, value)| Some((scalar(name), self.resolved(value)?)));
                Json::Object(resolved.collect::<Map<String, Json>>())
            }
            Value::Tagged(tagged) => return self.called(tagged),
        })
    }

    fn called(&self, tagged: &TaggedValue) -> Option<Json> {
        let (tag, value) = (tagged.tag.to_string(), &tagged.value);
        match tag.trim_start_matches('!') {
            "Ref" if scalar(value) == "AWS::NoValue" => None,
            "Ref" => Some(Json::from(self.referred(&scalar(value)))),
            "GetAtt" => Some(Json::from(self.attribute(&scalar(value)))),
            "Sub" => Some(Json::from(self.substituted(&scalar(value)))),
            "If" => {
                let [condition, then, otherwise] = list(value) else {
                    panic!("an If with other than three parts: {value:?}");
                };
                let holds = self.condition(&scalar(condition));
                self.resolved(if holds { then } else { otherwise })
            }
            other => panic!("{other} is not known here"),
        }
    }

    fn referred(&self, name: &str) -> String {
        if let Some(value) = self.parameters.get(name) {
            return value.clone().into_owned();
        }
        match name.strip_prefix("AWS::") {
            Some("Partition") => "aws".to_owned(),
            Some("Region") => "eu-central-1".to_owned(),
            Some("AccountId") => "123456789012".to_owned(),
            Some("URLSuffix") => "amazonaws.com".to_owned(),
            Some("StackName") => "holdfast-test".to_owned(),
            Some(other) => panic!("AWS::{other} is not known here"),
            None => {
                self.must_have(name);
                format!("<{name}>")
            }
        }
    }

    fn attribute(&self, name: &str) -> String {
        let resource = self.must_have(name);
        if resource["Type"] == "AWS::SSM::Parameter" && name.ends_with(".Value") {
            let value = self.resolved(&resource["Properties"]["Value"]).unwrap();
            return value.as_str().unwrap().to_owned();
        }
        format!("<{name}>")
    }

    /// The resource that a name begins with. An attribute or a resource of SAM's own making may follow after a dot.
    fn must_have(&self, name: &str) -> &Value {
        let first = name.split('.').next().unwrap();
        let resource = &self.template.value["Resources"][first];
        assert!(
            !resource.is_null(),
            "{name} is neither a parameter nor a resource"
        );
        assert!(self.exists(resource), "{name} is used where it does not exist");
        resource
    }

    fn substituted(&self, text: &str) -> String {
        let mut parts = text.split("${");
        let mut done = parts.next().unwrap().to_owned();
        for part in parts {
            if let Some(literal) = part.strip_prefix('!') {
                done += "${";
                done += literal;
                continue;
            }
            let (name, rest) = part.split_once('}').unwrap();
            done += &if name.contains('.') {
                self.attribute(name)
            } else {
                self.referred(name)
            };
            done += rest;
        }
        done
    }

    /// A text or a parameter, which is what conditions compare most: tests try a great many.
    fn compared<'v>(&'v self, value: &'v Value) -> Option<&'v str> {
        match value {
            Value::String(text) => Some(text),
            Value::Tagged(tagged) if tagged.tag == "Ref" => {
                Some(self.parameters.get(tagged.value.as_str()?)?.as_ref())
            }
            _ => None,
        }
    }

    /// Whether the expression of a condition or a rule is true.
    fn holds(&self, expression: &Value) -> bool {
        let Value::Tagged(tagged) = expression else {
            panic!("no condition: {expression:?}");
        };
        let value = &tagged.value;
        match tagged.tag.to_string().trim_start_matches('!') {
            "Equals" => {
                let [one, other] = list(value) else {
                    panic!("an Equals with other than two parts: {value:?}");
                };
                match (self.compared(one), self.compared(other)) {
                    (Some(one), Some(other)) => one == other,
                    _ => self.resolved(one) == self.resolved(other),
                }
            }
            "Not" => {
                let [one] = list(value) else {
                    panic!("a Not with other than one part: {value:?}");
                };
                !self.holds(one)
            }
            tag @ ("And" | "Or") => {
                let all = list(value);
                assert!((2..=10).contains(&all.len()), "{tag} takes 2 to 10 conditions");
                if tag == "And" {
                    all.iter().all(|one| self.holds(one))
                } else {
                    all.iter().any(|one| self.holds(one))
                }
            }
            "Condition" => {
                // In the order of the file, so it may not be there yet.
                self.holds(&self.template.value["Conditions"][scalar(value).as_str()])
            }
            other => panic!("{other} is not known here"),
        }
    }
}
