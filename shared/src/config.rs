//! A function's configuration, parsed into types before the runtime starts: a bad one fails INIT with one clear
//! line that names every fault.

use std::fmt;

use crate::store::Tables;

/// Every environment variable that a function reads by itself. The SDK and the Lambda runtime read their own.
pub const VARIABLES: &[&str] = &["RESOURCES_TABLE", "IDENTITY_TABLE"];

/// What a function must be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The tables' names, from `RESOURCES_TABLE` and `IDENTITY_TABLE`.
    pub tables: Tables,
}

/// What is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidConfig(Vec<String>);

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration is unusable: {}", self.0.join("; "))
    }
}

impl std::error::Error for InvalidConfig {}

impl Config {
    /// Reads the configuration from `lookup`, which is the environment in a function and a map in a test.
    ///
    /// # Errors
    /// [`InvalidConfig`] with every fault at once.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidConfig> {
        let mut faults = Vec::new();
        let mut table = |variable: &str| match lookup(variable) {
            Some(name) if is_table_name(&name) => name,
            Some(_) => {
                faults.push(format!(
                    "{variable} is no table name (3 to 255 of A-Z a-z 0-9 _ - .)"
                ));
                String::new()
            }
            None => {
                faults.push(format!("{variable} is not set"));
                String::new()
            }
        };
        let tables = Tables {
            resources: table("RESOURCES_TABLE"),
            identity: table("IDENTITY_TABLE"),
        };
        if faults.is_empty() {
            Ok(Self { tables })
        } else {
            Err(InvalidConfig(faults))
        }
    }
}

fn is_table_name(name: &str) -> bool {
    (3..=255).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_named_at_once() {
        let error =
            Config::from_lookup(|name| (name == "IDENTITY_TABLE").then(|| "a b".to_owned())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the configuration is unusable: RESOURCES_TABLE is not set; \
             IDENTITY_TABLE is no table name (3 to 255 of A-Z a-z 0-9 _ - .)"
        );
    }

    #[test]
    fn reads_what_it_lists_and_nothing_else() {
        let asked = std::cell::RefCell::new(Vec::new());
        let config = Config::from_lookup(|name| {
            asked.borrow_mut().push(name.to_owned());
            Some(format!("prod-{}", name.to_lowercase()))
        })
        .unwrap();
        assert_eq!(config.tables.resources, "prod-resources_table");
        assert_eq!(asked.into_inner(), VARIABLES);
    }
}
