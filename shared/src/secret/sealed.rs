use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;

use super::MalformedSecret;
use super::redacted::redacted;
use super::sealing_keys::KeyId;

/// AES-GCM's nonce, in bytes.
pub(super) const NONCE_BYTES: usize = 12;
/// What sealing adds to a secret, in bytes: the tag that a changed one does not fit.
pub(super) const TAG_BYTES: usize = 16;
/// The longest secret that is sealed, in bytes: no file and no authenticator app has one that is nearly as long.
pub(super) const MAX_SECRET_BYTES: usize = 512;

/// A second-factor secret as it is stored: sealed under a key, for one login.
///
/// Its text is `<key id>.<nonce>.<ciphertext>`, the id in hex and the others in base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    pub(super) key: KeyId,
    pub(super) nonce: [u8; NONCE_BYTES],
    /// With the tag at its end.
    pub(super) ciphertext: Vec<u8>,
}
redacted!(Sealed);

/// Why a sealed secret does not open. It does not say what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UnsealError {
    /// The key that it is sealed under is not there: the old one of a rotation, or that of another stack.
    #[error("it is sealed under the key {0}, which is not among the keys that are given")]
    UnknownKey(KeyId),
    /// It was sealed for another login, or is not what was sealed.
    #[error("it is sealed for another login, or has been changed")]
    Broken,
}

impl Sealed {
    /// Reads a stored text, which has one form.
    ///
    /// # Errors
    /// [`MalformedSecret`] for anything that sealing does not give.
    pub fn parse(text: &str) -> Result<Self, MalformedSecret> {
        Self::read(text).ok_or(MalformedSecret)
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (key, nonce, ciphertext) = (parts.next()?, parts.next()?, parts.next()?);
        // Longer ones are not even decoded.
        if parts.next().is_some() || text.len() > 2 * (MAX_SECRET_BYTES + TAG_BYTES) {
            return None;
        }
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let sealed = Self {
            key: KeyId::parse(key)?,
            nonce: decode(nonce)?.try_into().ok()?,
            ciphertext: decode(ciphertext)?,
        };
        let allowed = TAG_BYTES + 1..=TAG_BYTES + MAX_SECRET_BYTES;
        allowed.contains(&sealed.ciphertext.len()).then_some(sealed)
    }

    /// The text, for the one place that stores it.
    #[must_use]
    pub fn reveal(&self) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        format!(
            "{}.{}.{}",
            self.key,
            encode(&self.nonce),
            encode(&self.ciphertext)
        )
    }

    /// The key that it is sealed under.
    #[must_use]
    pub const fn key(&self) -> KeyId {
        self.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "0a1b2c3d.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAA";

    #[test]
    fn a_text_is_read_in_one_form_and_written_in_the_same() {
        let sealed = Sealed::parse(TEXT).unwrap();
        assert_eq!(sealed.reveal(), TEXT);
        assert_eq!(sealed.key().to_string(), "0a1b2c3d");
        assert_eq!(format!("{sealed:?}"), "Sealed(redacted)");
        let long = "A".repeat(3_000);
        for text in [
            "",
            "..",
            // A secret that nobody has sealed.
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            "0a1b2c3d.AAAAAAAAAAAAAAAA",
            "0A1B2C3D.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAA",
            "0a1b2c.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAA",
            "0a1b2c3d.AAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAA",
            "0a1b2c3d.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA",
            "0a1b2c3d.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAB",
            "0a1b2c3d.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAA=",
            "0a1b2c3d.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAA.",
            "0a1b2c3d.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA+",
            &format!("0a1b2c3d.AAAAAAAAAAAAAAAA.{long}"),
        ] {
            assert!(Sealed::parse(text).is_err(), "{text:?}");
        }
    }
}
