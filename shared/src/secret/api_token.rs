use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::redacted::redacted;

/// A token of the Aktion dialect: 122 random bits in the form of a UUID. It carries no names.
#[derive(Clone)]
pub struct ApiToken(Uuid);
redacted!(ApiToken);

impl ApiToken {
    /// A new token.
    #[must_use]
    pub fn issue() -> Self {
        Self(Uuid::new_v4())
    }

    /// Reads a token that a caller presents; `None` for anything that is not a UUID.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::parse_str(text).ok().map(Self)
    }

    /// The token itself, for the one answer that hands it out.
    #[must_use]
    pub fn reveal(&self) -> String {
        self.0.to_string()
    }

    /// The SHA-256 of the token, under which its session is stored.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.reveal().as_bytes()).into()
    }
}
