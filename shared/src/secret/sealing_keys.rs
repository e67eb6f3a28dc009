use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use super::redacted::redacted;
use super::sealed::{MAX_SECRET_BYTES, Sealed, UnsealError};
use super::{MalformedSecret, NoRandomness, TotpSecret};
use crate::id::Login;

/// The shortest key, in characters: 43 random ones of the 62 letters and digits are 256 bits.
const MIN_CHARS: usize = 43;
/// The longest one.
const MAX_CHARS: usize = 256;
/// What a key is derived with, so that the same text elsewhere gives another key.
const PURPOSE: &[u8] = b"holdfast: key of second factors\0";

/// The name of a key: the beginning of its hash. Nobody chooses it, so nobody gets it wrong. It is not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyId([u8; 4]);

impl KeyId {
    /// Eight hex digits in lower case.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut id = [0; 4];
        hex::decode_to_slice(text, &mut id).ok()?;
        let id = Self(id);
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Why a text is not the keys that second factors are sealed with. It does not say what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidSealingKeys {
    /// More than the new and the old one of a rotation.
    #[error("has more than two keys")]
    TooMany,
    /// A key that may be guessed, or not a key at all.
    #[error("has a key that is not 43 to 256 random letters, digits and + / = - _")]
    Malformed,
    /// Both are one.
    #[error("has the same key twice")]
    Twice,
}

/// A key that second-factor secrets are sealed with.
struct SealingKey {
    id: KeyId,
    aead: RandomizedNonceKey,
}
redacted!(SealingKey);

/// The keys that second-factor secrets are sealed with: one, or two while a rotation goes on. The first seals, both open.
#[derive(Clone)]
pub struct SealingKeys(Arc<(SealingKey, Option<SealingKey>)>);
redacted!(SealingKeys);

/// A key that nobody has yet, as a text for [`SealingKeys::parse`]: 256 random bits in hex.
///
/// # Errors
/// [`NoRandomness`] where the system has no randomness to give.
pub fn random_sealing_key() -> Result<String, NoRandomness> {
    let mut random = Zeroizing::new([0; 32]);
    getrandom::fill(random.as_mut_slice()).map_err(|_| NoRandomness)?;
    Ok(hex::encode(random.as_slice()))
}

impl SealingKey {
    fn parse(text: &str) -> Result<Self, InvalidSealingKeys> {
        let is_key = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte);
        if !(MIN_CHARS..=MAX_CHARS).contains(&text.len()) || !text.bytes().all(is_key) {
            return Err(InvalidSealingKeys::Malformed);
        }
        let hash = Sha256::new().chain_update(PURPOSE).chain_update(text).finalize();
        let key: Zeroizing<[u8; 32]> = Zeroizing::new(hash.into());
        let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(key.as_slice()).into();
        // It refuses keys of another length alone.
        let aead = RandomizedNonceKey::new(&AES_256_GCM, key.as_slice());
        Ok(Self {
            id: KeyId([a, b, c, d]),
            aead: aead.map_err(|_| InvalidSealingKeys::Malformed)?,
        })
    }
}

impl SealingKeys {
    /// Reads one key, or two with a comma between them.
    ///
    /// # Errors
    /// [`InvalidSealingKeys`]
    pub fn parse(text: &str) -> Result<Self, InvalidSealingKeys> {
        let mut texts = text.split(',');
        let first = SealingKey::parse(texts.next().unwrap_or_default())?;
        let second = texts.next().map(SealingKey::parse).transpose()?;
        if texts.next().is_some() {
            return Err(InvalidSealingKeys::TooMany);
        }
        if second.as_ref().is_some_and(|second| second.id == first.id) {
            return Err(InvalidSealingKeys::Twice);
        }
        Ok(Self(Arc::new((first, second))))
    }

    /// The key that seals.
    #[must_use]
    pub fn first(&self) -> KeyId {
        self.0.0.id
    }

    /// Whether this key is one of them.
    #[must_use]
    pub fn has(&self, id: KeyId) -> bool {
        self.key(id).is_some()
    }

    fn key(&self, id: KeyId) -> Option<&SealingKey> {
        let (first, second) = &*self.0;
        std::iter::once(first).chain(second).find(|key| key.id == id)
    }

    /// Seals the secret of `login` under the first key. Twice the same secret gives two texts.
    ///
    /// # Errors
    /// [`SealError`]
    pub fn seal(&self, secret: &TotpSecret, login: &Login) -> Result<Sealed, SealError> {
        let key = &self.0.0;
        let mut text = secret.reveal().as_bytes().to_vec();
        if text.len() > MAX_SECRET_BYTES {
            return Err(SealError::TooLong);
        }
        // The library draws the nonce. It seals in place: what was the secret is the ciphertext.
        let nonce = key.aead.seal_in_place_append_tag(of(login), &mut text);
        Ok(Sealed {
            key: key.id,
            nonce: *nonce.map_err(|_| SealError::NoRandomness)?.as_ref(),
            ciphertext: text,
        })
    }

    /// Opens the secret of `login`.
    ///
    /// # Errors
    /// [`UnsealError`]
    pub fn unseal(&self, sealed: &Sealed, login: &Login) -> Result<TotpSecret, UnsealError> {
        let key = self.key(sealed.key).ok_or(UnsealError::UnknownKey(sealed.key))?;
        let nonce = Nonce::assume_unique_for_key(sealed.nonce);
        let mut opened = Zeroizing::new(sealed.ciphertext.clone());
        let text = key.aead.open_in_place(nonce, of(login), &mut opened);
        let text = text.map_err(|_| UnsealError::Broken)?;
        let text = std::str::from_utf8(text).map_err(|_| UnsealError::Broken)?;
        TotpSecret::parse(text).map_err(|MalformedSecret| UnsealError::Broken)
    }
}

/// Sealed for one login, a secret opens for no other: a row's cannot be copied into the row of somebody else.
fn of(login: &Login) -> Aad<&[u8]> {
    Aad::from(login.as_str().as_bytes())
}

/// Why a secret is not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// It has more than 512 characters.
    #[error("the secret is too long to be sealed")]
    TooLong,
    /// The system has no randomness to give.
    #[error("the system has no random numbers")]
    NoRandomness,
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "old-key-0123456789abcdefghijklmnopqrstuvwxyz";
    const NEW: &str = "new+key/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ=";
    const STORED: &str =
        "fd155450.AAECAwQFBgcICQoL.PpsJky6GjA1gSZpozA4g9hub1njurx16UsaCeprCY38TXMFv3rIwt1ZF4ER0koPk";
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn given(text: &str) -> SealingKeys {
        SealingKeys::parse(text).unwrap()
    }

    fn login(text: &str) -> Login {
        Login::try_from(text).unwrap()
    }

    fn sealed(keys: &SealingKeys, who: &str) -> Sealed {
        let secret = TotpSecret::parse(SECRET).unwrap();
        keys.seal(&secret, &login(who)).unwrap()
    }

    fn opened(keys: &SealingKeys, sealed: &Sealed, who: &str) -> Result<String, UnsealError> {
        let opened = keys.unseal(sealed, &login(who));
        opened.map(|secret| secret.reveal().to_owned())
    }

    #[test]
    fn what_is_sealed_opens_for_its_login_alone_and_looks_different_each_time() {
        let keys = given(OLD);
        let (one, other) = (sealed(&keys, "zoë"), sealed(&keys, "zoë"));
        assert_ne!(one.reveal(), other.reveal());
        assert_ne!(one.nonce, other.nonce);
        assert!(!one.reveal().contains(SECRET));
        for sealed in [&one, &other] {
            let stored = Sealed::parse(&sealed.reveal()).unwrap();
            assert_eq!(opened(&keys, &stored, "zoë").as_deref(), Ok(SECRET));
            assert_eq!(opened(&keys, &stored, "zoe"), Err(UnsealError::Broken));
        }
    }

    #[test]
    fn each_bit_counts() {
        let keys = given(OLD);
        let right = sealed(&keys, "alice");
        for place in 0..right.ciphertext.len() {
            let mut wrong = right.clone();
            wrong.ciphertext[place] ^= 1;
            assert_eq!(
                opened(&keys, &wrong, "alice"),
                Err(UnsealError::Broken),
                "{place}"
            );
        }
        for place in 0..right.nonce.len() {
            let mut wrong = right.clone();
            wrong.nonce[place] ^= 0x80;
            assert_eq!(
                opened(&keys, &wrong, "alice"),
                Err(UnsealError::Broken),
                "{place}"
            );
        }
        let mut shorter = right.clone();
        shorter.ciphertext.pop();
        assert_eq!(opened(&keys, &shorter, "alice"), Err(UnsealError::Broken));
        // The same secret under the name of a key that it is not sealed under.
        let mut renamed = right;
        renamed.key = given(NEW).first();
        let both = given(&format!("{OLD},{NEW}"));
        assert_eq!(opened(&both, &renamed, "alice"), Err(UnsealError::Broken));
    }

    #[test]
    fn two_keys_live_through_a_rotation_and_the_first_seals() {
        let (old, new) = (given(OLD), given(NEW));
        let both = given(&format!("{NEW},{OLD}"));
        let (by_old, by_both) = (sealed(&old, "alice"), sealed(&both, "alice"));
        assert_eq!((by_old.key(), by_both.key()), (old.first(), new.first()));
        assert_eq!(opened(&both, &by_old, "alice").as_deref(), Ok(SECRET));
        assert_eq!(opened(&new, &by_both, "alice").as_deref(), Ok(SECRET));
        assert!(both.has(old.first()) && both.has(new.first()) && !new.has(old.first()));
        let error = opened(&new, &by_old, "alice").unwrap_err();
        assert_eq!(error, UnsealError::UnknownKey(old.first()));
        assert_eq!(
            error.to_string(),
            format!(
                "it is sealed under the key {}, which is not among the keys that are given",
                old.first()
            )
        );
    }

    #[test]
    fn a_key_is_as_long_as_256_bits_are_and_no_reference_that_nobody_has_resolved() {
        assert_eq!(given(OLD).first(), given(OLD).first());
        assert!(SealingKeys::parse(&random_sealing_key().unwrap()).is_ok());
        assert_ne!(random_sealing_key(), random_sealing_key());
        let [least, most] = [MIN_CHARS, MAX_CHARS].map(|count| "k".repeat(count));
        assert!(SealingKeys::parse(&least).is_ok() && SealingKeys::parse(&most).is_ok());
        for (text, why) in [
            ("", InvalidSealingKeys::Malformed),
            (&least[1..], InvalidSealingKeys::Malformed),
            (&format!("{most}k"), InvalidSealingKeys::Malformed),
            (&format!("{least} "), InvalidSealingKeys::Malformed),
            (&format!("{least},"), InvalidSealingKeys::Malformed),
            (&format!(",{least}"), InvalidSealingKeys::Malformed),
            (
                "{{resolve:secretsmanager:arn:aws:secretsmanager:eu-central-1:123456789012:secret:x}}",
                InvalidSealingKeys::Malformed,
            ),
            (&format!("{least},{least}"), InvalidSealingKeys::Twice),
            (&format!("{least},{OLD},{NEW}"), InvalidSealingKeys::TooMany),
        ] {
            assert_eq!(SealingKeys::parse(text).unwrap_err(), why, "{text:?}");
        }
    }

    /// What is stored must open after the next release as well. Made with Python's cryptography.
    #[test]
    fn what_was_sealed_before_still_opens() {
        let keys = given(OLD);
        let stored = Sealed::parse(STORED).unwrap();
        assert_eq!(opened(&keys, &stored, "alice").as_deref(), Ok(SECRET));
    }

    #[test]
    fn keys_hide_themselves_and_a_secret_that_is_too_long_is_refused() {
        assert_eq!(format!("{:?}", given(OLD)), "SealingKeys(redacted)");
        let long = TotpSecret::parse(&"A".repeat(MAX_SECRET_BYTES + 8)).unwrap();
        let refused = given(OLD).seal(&long, &login("alice"));
        assert_eq!(refused.err(), Some(SealError::TooLong));
    }
}
