use totp_rs::{Algorithm, Builder, Secret, Totp};

use super::redacted::redacted;
use super::{MalformedSecret, NoRandomness};
use crate::lock::Timestamp;

/// A user's TOTP secret (RFC 6238: SHA-1, 30-second steps, six digits).
#[derive(Clone)]
pub struct TotpSecret {
    base32: String,
    totp: Totp,
}

/// What a user types as the second factor.
#[derive(Clone)]
pub struct Code(String);

redacted!(TotpSecret, Code);

/// A 30-second step since 1970. A step that was accepted once is never accepted again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step(u64);

impl Step {
    /// The step with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number, as stored.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl TotpSecret {
    /// Reads a secret in base32 (RFC 4648, without padding), 128 bits or more.
    ///
    /// # Errors
    /// [`MalformedSecret`] for anything else.
    pub fn parse(base32: &str) -> Result<Self, MalformedSecret> {
        let secret = Secret::try_from_base32(base32).map_err(|_| MalformedSecret)?;
        let totp = Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(6)
            .with_step_duration(30)
            // One step before and one after: clocks differ, and typing takes its time.
            .with_skew(1)
            .with_secret(secret)
            .build()
            .map_err(|_| MalformedSecret)?;
        Ok(Self {
            base32: base32.to_owned(),
            totp,
        })
    }

    /// A secret of 160 random bits, which is what RFC 4226 recommends.
    ///
    /// # Errors
    /// [`NoRandomness`] where the system has no randomness to give.
    pub fn issue() -> Result<Self, NoRandomness> {
        let mut random = [0; 20];
        getrandom::fill(&mut random).map_err(|_| NoRandomness)?;
        // 32 characters of five bits are 160 bits, so the parser has nothing to refuse.
        Self::parse(&base32(&random)).map_err(|MalformedSecret| NoRandomness)
    }

    /// The secret in base32, for the one place that stores it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.base32
    }

    /// The step whose code this is, of the three that count at `now`.
    #[must_use]
    pub fn step_of(&self, code: &Code, now: Timestamp) -> Option<Step> {
        self.totp.check(&code.0, seconds(now)).map(Step)
    }

    /// The code that is shown at `now`.
    #[must_use]
    pub fn code_at(&self, now: Timestamp) -> String {
        self.totp.generate(seconds(now)).to_string()
    }
}

/// RFC 4648, of a number of bytes that five divides.
fn base32(bytes: &[u8]) -> String {
    const ALPHABET: [char; 32] = [
        'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T',
        'U', 'V', 'W', 'X', 'Y', 'Z', '2', '3', '4', '5', '6', '7',
    ];
    let characters = bytes.chunks(5).flat_map(|chunk| {
        let bits = chunk
            .iter()
            .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        (0..8_u32).rev().map(move |place| bits >> (5 * place) & 31)
    });
    characters
        .filter_map(|value| ALPHABET.get(usize::try_from(value).ok()?))
        .collect()
}

fn seconds(now: Timestamp) -> u64 {
    u64::try_from(now.unix_ms() / 1_000).unwrap_or(0)
}

impl Code {
    /// What a user whose second factor is not required types instead of a code.
    const NOT_APPLICABLE: &str = "NA";

    /// Reads a code: six digits, or `NA`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_code = text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit());
        (is_code || text == Self::NOT_APPLICABLE).then(|| Self(text.to_owned()))
    }

    /// Whether it is `NA`, which is not a secret.
    #[must_use]
    pub fn is_not_applicable(&self) -> bool {
        self.0 == Self::NOT_APPLICABLE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238's own secret, and the last six digits of its appendix B.
    const RFC: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[test]
    fn what_is_issued_is_base32_of_160_bits() {
        assert_eq!(base32(b"12345678901234567890"), RFC);
        assert_eq!(TotpSecret::issue().unwrap().reveal().len(), 32);
    }

    #[test]
    fn agrees_with_the_rfc() {
        let secret = TotpSecret::parse(RFC).unwrap();
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret.code_at(Timestamp::from_unix_ms(seconds * 1_000)), code);
        }
    }

    #[test]
    fn a_code_counts_for_one_step_before_and_after_its_own() {
        let secret = TotpSecret::parse(RFC).unwrap();
        let code = Code::parse("287082").unwrap();
        for (seconds, step) in [
            (0, Some(1)),
            (30, Some(1)),
            (59, Some(1)),
            (89, Some(1)),
            (90, None),
        ] {
            let now = Timestamp::from_unix_ms(seconds * 1_000);
            assert_eq!(secret.step_of(&code, now), step.map(Step::new), "{seconds}");
        }
        assert_eq!(
            secret.step_of(&Code::parse("NA").unwrap(), Timestamp::from_unix_ms(0)),
            None
        );
    }

    #[test]
    fn only_six_digits_or_na_are_a_code() {
        assert!(Code::parse("000123").is_some());
        for text in ["", "12345", "1234567", "12345a", "na", "１２３４５６"] {
            assert!(Code::parse(text).is_none(), "{text:?}");
        }
        for text in ["", "GEZDGNBV", "0189", "not base32!"] {
            assert!(TotpSecret::parse(text).is_err(), "{text:?}");
        }
    }
}
