//! A function's configuration, parsed into types before the runtime starts: a bad one fails INIT with one clear
//! line that names every fault.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::lock::Epoch;
use crate::secret::SealingKeys;
use crate::store::Tables;

/// The environment variables that a function must be given. The SDK and the Lambda runtime read their own.
pub const VARIABLES: &[&str] = &["RESOURCES_TABLE", "IDENTITY_TABLE", "STACK_NAME"];

/// The environment variables that a function may be given. The template sets the first three for the functions that use
/// them, and none of the others but the epoch.
pub const OPTIONAL_VARIABLES: &[&str] = &[
    "HISTORY_TABLE",
    "HISTORY_RETENTION_DAYS",
    "EVENT_BUS",
    "AWS_CA_BUNDLE",
    "WARM_CONNECTIONS",
    "FENCE_EPOCH",
];

/// The environment variable that `sign-in` must be given, and no other function: the keys that open second factors, the one
/// that seals first.
pub const SECOND_FACTOR_KEYS: &str = "SECOND_FACTOR_KEYS";

/// What a function is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The tables' names, from `RESOURCES_TABLE`, `IDENTITY_TABLE` and `HISTORY_TABLE`.
    pub tables: Tables,
    /// The name of the stack that the function belongs to, from `STACK_NAME`. The local server's is `local`.
    pub stack: String,
    /// For how long a record of the history is kept, from `HISTORY_RETENTION_DAYS`; 400 days without it.
    pub history_kept: Duration,
    /// The name of the stack's own event bus, from `EVENT_BUS`.
    pub event_bus: Option<String>,
    /// The file with the certificate authorities to trust instead of Amazon's, from `AWS_CA_BUNDLE`.
    pub ca_bundle: Option<PathBuf>,
    /// How many connections to open in INIT instead of as many as the function's widest wave needs, from
    /// `WARM_CONNECTIONS`. With none, the first request opens its own.
    pub warm_connections: Option<usize>,
    /// How often the tables were put back to an earlier state, from `FENCE_EPOCH`; never without it.
    pub epoch: Epoch,
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

impl InvalidConfig {
    /// A variable is not set that only this function needs.
    #[must_use]
    pub fn missing(variable: &str) -> Self {
        Self(vec![format!("{variable} is not set")])
    }
}

/// Reads the keys that open second factors from [`SECOND_FACTOR_KEYS`] in `lookup`.
///
/// # Errors
/// [`InvalidConfig`], without what was read.
pub fn second_factor_keys(lookup: impl Fn(&str) -> Option<String>) -> Result<SealingKeys, InvalidConfig> {
    let text = lookup(SECOND_FACTOR_KEYS).ok_or_else(|| InvalidConfig::missing(SECOND_FACTOR_KEYS))?;
    SealingKeys::parse(&text).map_err(|why| InvalidConfig(vec![format!("{SECOND_FACTOR_KEYS} {why}")]))
}

impl Config {
    /// Reads the configuration from `lookup`, which is the environment in a function and a map in a test.
    ///
    /// # Errors
    /// [`InvalidConfig`] with every fault at once.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidConfig> {
        let mut faults = Vec::new();
        // Empty is how a variable is switched off where it cannot be removed.
        let given = |variable: &str| lookup(variable).filter(|value| !value.is_empty());
        let mut table = |variable: &str| match lookup(variable) {
            Some(name) if is_table_name(&name) => name,
            Some(_) => {
                faults.push(format!(
                    "{variable} is not a valid table name (3 to 255 of A-Z a-z 0-9 _ - .)"
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
            history: match given("HISTORY_TABLE") {
                Some(_) => table("HISTORY_TABLE"),
                None => String::new(),
            },
        };
        let stack = lookup("STACK_NAME").unwrap_or_default();
        if !is_stack_name(&stack) {
            faults.push("STACK_NAME is not a stack's name (1 to 128 of A-Z a-z 0-9 -)".to_owned());
        }
        let ca_bundle = given("AWS_CA_BUNDLE").map(PathBuf::from);
        let mut number = |variable: &str, allowed: RangeInclusive<u64>| {
            let text = given(variable)?;
            let number = text.parse().ok().filter(|number| allowed.contains(number));
            if number.is_none() {
                faults.push(format!(
                    "{variable} is not a number from {} to {}",
                    allowed.start(),
                    allowed.end()
                ));
            }
            number
        };
        let history_days = number("HISTORY_RETENTION_DAYS", 1..=MAX_HISTORY_DAYS);
        let warm_connections = number("WARM_CONNECTIONS", 0..=MAX_WARM_CONNECTIONS)
            .and_then(|connections| usize::try_from(connections).ok());
        let epoch = number("FENCE_EPOCH", 0..=u64::from(Epoch::MAX))
            .and_then(|epoch| u16::try_from(epoch).ok())
            .and_then(Epoch::new)
            .unwrap_or_default();
        if faults.is_empty() {
            Ok(Self {
                tables,
                stack,
                history_kept: history_days.map_or(HISTORY_KEPT, |days| Duration::from_hours(days * 24)),
                event_bus: given("EVENT_BUS"),
                ca_bundle,
                warm_connections,
                epoch,
            })
        } else {
            Err(InvalidConfig(faults))
        }
    }

    /// For a function that reads or writes the history.
    ///
    /// # Errors
    /// [`InvalidConfig`] where the table of the history is not named.
    pub fn require_history(&self) -> Result<(), InvalidConfig> {
        if self.tables.history.is_empty() {
            return Err(InvalidConfig::missing("HISTORY_TABLE"));
        }
        Ok(())
    }
}

/// A function serves one request at a time, and no request asks the store more than this at once.
const MAX_WARM_CONNECTIONS: u64 = 16;
/// For how long the history is kept where nothing else is said.
pub const HISTORY_KEPT: Duration = Duration::from_hours(400 * 24);
/// Ten years, as long as logs are kept at most.
const MAX_HISTORY_DAYS: u64 = 3_653;

fn is_stack_name(name: &str) -> bool {
    (1..=128).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
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

    fn read(variables: &[(&str, &str)]) -> Result<Config, String> {
        let value = |name: &str| variables.iter().find(|(known, _)| *known == name);
        Config::from_lookup(|name| value(name).map(|(_, value)| (*value).to_owned()))
            .map_err(|error| error.to_string())
    }

    const TABLES: [(&str, &str); 3] = [
        ("RESOURCES_TABLE", "prod-res"),
        ("IDENTITY_TABLE", "prod-id"),
        ("STACK_NAME", "prod"),
    ];

    #[test]
    fn every_fault_is_named_at_once() {
        let error = read(&[("IDENTITY_TABLE", "a b"), ("WARM_CONNECTIONS", "17")]).unwrap_err();
        assert_eq!(
            error,
            "the configuration is unusable: RESOURCES_TABLE is not set; \
             IDENTITY_TABLE is not a valid table name (3 to 255 of A-Z a-z 0-9 _ - .); \
             STACK_NAME is not a stack's name (1 to 128 of A-Z a-z 0-9 -); \
             WARM_CONNECTIONS is not a number from 0 to 16"
        );
    }

    #[test]
    fn second_factor_keys_are_refused_without_being_shown() {
        let (one, other) = ("k".repeat(43), "o".repeat(43));
        let read = |text: Option<String>| {
            let keys = second_factor_keys(|name| text.clone().filter(|_| name == SECOND_FACTOR_KEYS));
            keys.map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(read(Some(one.clone())), Ok(()));
        assert_eq!(read(Some(format!("{one},{other}"))), Ok(()));
        for (text, why) in [
            (None, "SECOND_FACTOR_KEYS is not set"),
            (
                Some("too-short"),
                "SECOND_FACTOR_KEYS has a key that is not 43 to 256 random letters, digits and + / = - _",
            ),
            (
                Some(&*format!("{one},{one}")),
                "SECOND_FACTOR_KEYS has the same key twice",
            ),
            (
                Some(&*format!("{one},{other},{one}")),
                "SECOND_FACTOR_KEYS has more than two keys",
            ),
        ] {
            let expected = format!("the configuration is unusable: {why}");
            assert_eq!(read(text.map(str::to_owned)), Err(expected));
        }
    }

    #[test]
    fn reads_what_it_lists_and_nothing_else() {
        let asked = std::cell::RefCell::new(Vec::new());
        let config = Config::from_lookup(|name| {
            asked.borrow_mut().push(name.to_owned());
            match name {
                "WARM_CONNECTIONS" | "HISTORY_RETENTION_DAYS" | "FENCE_EPOCH" => None,
                "STACK_NAME" => Some("prod".to_owned()),
                name => Some(format!("prod-{}", name.to_lowercase())),
            }
        })
        .unwrap();
        assert_eq!(config.event_bus.as_deref(), Some("prod-event_bus"));
        assert_eq!(config.tables.resources, "prod-resources_table");
        assert_eq!(config.ca_bundle, Some(PathBuf::from("prod-aws_ca_bundle")));
        let asked: std::collections::BTreeSet<String> = asked.into_inner().into_iter().collect();
        let listed = [VARIABLES, OPTIONAL_VARIABLES].concat();
        assert_eq!(asked, listed.into_iter().map(str::to_owned).collect());
    }

    #[test]
    fn what_may_be_given_may_be_left_out_or_empty() {
        let plain = read(&TABLES).unwrap();
        assert_eq!((plain.ca_bundle.clone(), plain.warm_connections), (None, None));
        assert_eq!(plain.event_bus, None);
        let mut variables = TABLES.to_vec();
        variables.extend([("AWS_CA_BUNDLE", ""), ("WARM_CONNECTIONS", "")]);
        variables.extend([
            ("EVENT_BUS", ""),
            ("HISTORY_RETENTION_DAYS", ""),
            ("HISTORY_TABLE", ""),
        ]);
        assert_eq!(read(&variables).unwrap(), plain);
        for (text, number) in [("0", 0), ("16", 16)] {
            let mut variables = TABLES.to_vec();
            variables.push(("WARM_CONNECTIONS", text));
            assert_eq!(read(&variables).unwrap().warm_connections, Some(number));
        }
        for bad in ["-1", "17", "two", "1.5"] {
            let mut variables = TABLES.to_vec();
            variables.push(("WARM_CONNECTIONS", bad));
            assert!(read(&variables).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_epoch_is_0_or_the_number_that_is_given() {
        let epoch = |text: &str| {
            read(&[&TABLES[..], &[("FENCE_EPOCH", text)]].concat()).map(|config| config.epoch.get())
        };
        assert_eq!(read(&TABLES).map(|config| config.epoch.get()), Ok(0));
        assert_eq!((epoch(""), epoch("0"), epoch("8191")), (Ok(0), Ok(0), Ok(8_191)));
        for bad in ["8192", "-1", "1.0", "one"] {
            assert_eq!(
                epoch(bad).unwrap_err(),
                "the configuration is unusable: FENCE_EPOCH is not a number from 0 to 8191"
            );
        }
    }

    #[test]
    fn the_history_is_kept_for_400_days_or_as_many_as_are_given() {
        let kept = |days: &str| {
            read(&[&TABLES[..], &[("HISTORY_RETENTION_DAYS", days)]].concat())
                .map(|config| config.history_kept)
        };
        let days = |days: u64| Ok(Duration::from_hours(days * 24));
        assert_eq!(read(&TABLES).map(|config| config.history_kept), days(400));
        assert_eq!((kept("1"), kept("3653")), (days(1), days(3_653)));
        for bad in ["0", "3654", "-1", "a year"] {
            assert!(kept(bad).is_err(), "{bad}");
        }
    }
}
