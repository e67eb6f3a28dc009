//! Passwords, codes, keys and tokens on their way through the command.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text that is shown nowhere: its `Debug` hides it, and it has no `Display`.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Secret(String);

impl Secret {
    /// Takes a text for a secret.
    pub(crate) const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, to be sent to the server or kept in a file for the user alone.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}
