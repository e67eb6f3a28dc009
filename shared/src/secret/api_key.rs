use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::redacted::redacted;
use super::{MalformedSecret, NoRandomness};

/// An Aktion API key: 128 random bits, written in base64.
#[derive(Clone)]
pub struct ApiKey([u8; 16]);

/// The SHA-256 of an API key, as stored. The key has 128 random bits, so no slow hash is needed.
#[derive(Clone)]
pub struct ApiKeyHash([u8; 32]);

redacted!(ApiKey, ApiKeyHash);

impl ApiKey {
    /// Reads a key; `None` for anything that is not the base64 of 16 bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// A key that nobody has yet.
    ///
    /// # Errors
    /// [`NoRandomness`] where the system has no randomness to give.
    pub fn issue() -> Result<Self, NoRandomness> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| NoRandomness)?;
        Ok(Self(random))
    }

    /// The key as its user sends it, for the one place that shows it.
    #[must_use]
    pub fn reveal(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// The key's hash.
    #[must_use]
    pub fn hash(&self) -> ApiKeyHash {
        ApiKeyHash(Sha256::digest(self.0).into())
    }
}

impl ApiKeyHash {
    /// What a login without a key is compared with: the hash of no key.
    pub(crate) const NONE: Self = Self([0; 32]);

    /// Reads a stored hash.
    ///
    /// # Errors
    /// [`MalformedSecret`] where it is not 32 bytes in hex.
    pub fn parse(text: &str) -> Result<Self, MalformedSecret> {
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash).map_err(|_| MalformedSecret)?;
        Ok(Self(hash))
    }

    /// The hash in hex, for the one place that stores it.
    #[must_use]
    pub fn reveal(&self) -> String {
        hex::encode(self.0)
    }

    /// Whether both are the hash of one key, in a time that does not depend on where they differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_16_bytes_in_base64() {
        let key = ApiKey::parse("hDn/LFXIPESM036W+s7VKg==").unwrap();
        let other = ApiKey::parse("AAAAAAAAAAAAAAAAAAAAAA==").unwrap();
        assert!(
            key.hash()
                .matches(&ApiKeyHash::parse(&key.hash().reveal()).unwrap())
        );
        assert!(!key.hash().matches(&other.hash()));
        for text in [
            "",
            "hDn/LFXIPESM036W+s7VKg",
            "hDn/LFXIPESM036W+s7V",
            "AAAAAAAAAAAAAAAAAAAAAAA=",
            "%%%",
        ] {
            assert!(ApiKey::parse(text).is_none(), "{text:?}");
        }
    }
}
