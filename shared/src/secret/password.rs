use std::fmt;
use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argon2::password_hash::{PasswordHasher, phc};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::redacted::redacted;
use super::{HashingError, MalformedSecret, NoRandomness};

/// Memory in KiB, passes, lanes: OWASP's second recommendation for argon2id.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The hash of a password that nobody has, with the parameters above: what an unknown login is verified
/// against, so that it costs what a known one costs.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdCEh$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password as it was typed.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// The password with this text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// A password of 100 random bits that a person can type, in four groups: without `0`, `1`, `l` and `o`, which look alike.
///
/// # Errors
/// [`NoRandomness`] where the system has no randomness to give.
pub fn random_password() -> Result<String, NoRandomness> {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = [0; 20];
    getrandom::fill(&mut random).map_err(|_| NoRandomness)?;
    let characters = random.iter().map(|byte| ALPHABET.get(usize::from(byte % 32)));
    let text: Vec<char> = characters.flatten().map(|byte| char::from(*byte)).collect();
    let groups: Vec<String> = text.chunks(5).map(|group| group.iter().collect()).collect();
    Ok(groups.join("-"))
}

/// An argon2id hash in PHC form, as stored.
#[derive(Clone)]
pub struct PasswordHash(String);

redacted!(Password, PasswordHash);

impl PasswordHash {
    /// Reads a stored or imported hash.
    ///
    /// # Errors
    /// [`MalformedSecret`] where it is not an argon2id hash in PHC form.
    pub fn parse(text: &str) -> Result<Self, MalformedSecret> {
        let hash = phc::PasswordHash::new(text).map_err(|_| MalformedSecret)?;
        if hash.algorithm.as_str() != "argon2id" || hash.salt.is_none() || hash.hash.is_none() {
            return Err(MalformedSecret);
        }
        Ok(Self(text.to_owned()))
    }

    /// The PHC form, for the one place that stores it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The hash of a password that nobody has: of someone who signs in without one, or not at all.
    #[must_use]
    pub fn of_nobody() -> Self {
        Self(NOBODY.to_owned())
    }

    /// Whether it is [`Self::of_nobody`].
    #[must_use]
    pub fn is_of_nobody(&self) -> bool {
        self.0 == NOBODY
    }

    fn matches(&self, password: &Password, memory: &mut Vec<Block>) -> bool {
        self.compute(password, memory).unwrap_or(false)
    }

    /// `None` for parameters that argon2 cannot work with.
    fn compute(&self, password: &Password, memory: &mut Vec<Block>) -> Option<bool> {
        let hash = phc::PasswordHash::new(&self.0).ok()?;
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
        let version = Version::try_from(hash.version?).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let (salt, expected) = (hash.salt?, hash.hash?);
        memory.resize(params.block_count(), Block::default());
        let mut found = vec![0; expected.len()];
        Argon2::new(algorithm, version, params)
            .hash_password_into_with_memory(password.0.as_bytes(), &salt, &mut found, memory)
            .ok()?;
        Some(found.ct_eq(expected.as_ref()).into())
    }
}

/// Hashes a new password. Blocks for tens of milliseconds.
///
/// # Errors
/// [`HashingError`] where hashing fails, which takes a system without memory or randomness.
pub fn hash_password(password: &Password) -> Result<PasswordHash, HashingError> {
    const FAILED: HashingError = HashingError("a password could not be hashed");
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| FAILED)?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password(password.0.as_bytes())
        .map(|hash| PasswordHash(hash.to_string()))
        .map_err(|_| FAILED)
}

/// Verifies passwords off the async threads, no more at once than there are processors.
#[derive(Clone)]
pub struct Passwords {
    permits: Arc<Semaphore>,
    /// What argon2 works in, one for each verification at once, used again: allocated for each call, and given back to an
    /// allocator that keeps it for the thread, it grew to 84 MiB in `sign-in` after ten calls.
    memory: Arc<Mutex<Vec<Vec<Block>>>>,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").finish_non_exhaustive()
    }
}

impl Default for Passwords {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            permits: Arc::new(Semaphore::new(processors)),
            memory: Arc::default(),
        }
    }
}

impl Passwords {
    /// Whether `password` is the one that was hashed. Without a hash the same work is done, in vain.
    ///
    /// # Errors
    /// [`HashingError`] where the worker thread is lost.
    pub async fn verify(&self, password: Password, hash: Option<PasswordHash>) -> Result<bool, HashingError> {
        const LOST: HashingError = HashingError("password verification did not finish");
        let _permit = self.permits.acquire().await.map_err(|_| LOST)?;
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(PasswordHash::of_nobody);
        let free = Arc::clone(&self.memory);
        let verify = move || {
            let mut memory = lock(&free).pop().unwrap_or_default();
            let matches = hash.matches(&password, &mut memory);
            lock(&free).push(memory);
            matches
        };
        let matches = tokio::task::spawn_blocking(verify).await.map_err(|_| LOST)?;
        Ok(matches && known)
    }
}

/// A thread that panics with the lock leaves the list whole.
fn lock(memory: &Mutex<Vec<Vec<Block>>>) -> MutexGuard<'_, Vec<Vec<Block>>> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_matches_its_own_password_only_and_hides_itself() {
        let hash = hash_password(&Password::new("correct horse")).unwrap();
        assert!(hash.reveal().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let memory = &mut Vec::new();
        assert!(hash.matches(&Password::new("correct horse"), memory));
        // In memory that another password has been in.
        assert!(!hash.matches(&Password::new("correct horse "), memory));
        assert!(hash.matches(&Password::new("correct horse"), memory));
        assert_eq!(
            format!("{hash:?} {:?}", Password::new("x")),
            "PasswordHash(redacted) Password(redacted)"
        );
    }

    #[test]
    fn nobody_costs_what_somebody_costs() {
        let nobody = phc::PasswordHash::new(NOBODY).unwrap();
        let somebody = hash_password(&Password::new("x")).unwrap();
        let somebody = phc::PasswordHash::new(somebody.reveal()).unwrap();
        assert_eq!(nobody.params.to_string(), somebody.params.to_string());
        assert_eq!(nobody.algorithm, somebody.algorithm);
        assert_eq!(nobody.version, somebody.version);
        assert!(PasswordHash::parse(NOBODY).is_ok());
    }

    #[test]
    fn only_argon2id_in_phc_form_is_a_hash() {
        for text in [
            "",
            "hunter2",
            "$2b$12$abcdefghijklmnopqrstuv",
            "$argon2id$v=19$m=19456,t=2,p=1",
        ] {
            assert!(PasswordHash::parse(text).is_err(), "{text:?}");
        }
    }
}
