use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::NoRandomness;
use super::redacted::redacted;
use crate::id::{Company, Login};

/// How many random bytes make a token unguessable.
const RANDOM_BYTES: usize = 32;
/// Their length in base64url.
const RANDOM_CHARS: usize = 43;

/// An opaque session token: `<256 random bits>.<company/login>`, both in base64url.
///
/// The names it carries say which rows to read, so that session, user and target come in one read; they prove
/// nothing. The session row, found under the hash of the *whole* token, says whose session it is.
#[derive(Clone)]
pub struct Token {
    text: String,
    company: Company,
    login: Login,
}
redacted!(Token);

impl Token {
    /// A new token for this user.
    ///
    /// # Errors
    /// [`NoRandomness`] where the system has no randomness to give.
    pub fn issue(company: &Company, login: &Login) -> Result<Self, NoRandomness> {
        let mut random = [0_u8; RANDOM_BYTES];
        getrandom::fill(&mut random).map_err(|_| NoRandomness)?;
        let text = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(random),
            URL_SAFE_NO_PAD.encode(format!("{company}/{login}"))
        );
        Ok(Self {
            text,
            company: company.clone(),
            login: login.clone(),
        })
    }

    /// Reads a token that a caller presents; `None` for anything that this service cannot have issued.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (random, names) = text.split_once('.')?;
        if random.len() != RANDOM_CHARS {
            return None;
        }
        let names = String::from_utf8(URL_SAFE_NO_PAD.decode(names).ok()?).ok()?;
        let (company, login) = names.split_once('/')?;
        Some(Self {
            text: text.to_owned(),
            company: Company::try_from(company).ok()?,
            login: Login::try_from(login).ok()?,
        })
    }

    /// The token itself, for the one answer that hands it out.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// The company that the token names.
    #[must_use]
    pub const fn company(&self) -> &Company {
        &self.company
    }

    /// The user that the token names.
    #[must_use]
    pub const fn login(&self) -> &Login {
        &self.login
    }

    /// The SHA-256 of the whole token, under which its session is stored.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.text.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issue() -> Token {
        let company = Company::try_from("1").unwrap();
        Token::issue(&company, &Login::try_from("zoë/x.y").unwrap()).unwrap()
    }

    #[test]
    fn carries_its_names_and_hides_itself() {
        let token = issue();
        let again = Token::parse(token.reveal()).unwrap();
        assert_eq!(again.login().as_str(), "zoë/x.y");
        assert_eq!(again.company().as_str(), "1");
        assert_eq!(again.sha256(), token.sha256());
        assert_eq!(format!("{token:?}"), "Token(redacted)");
    }

    #[test]
    fn another_name_on_the_same_random_part_is_another_session() {
        let token = issue();
        let (random, _) = token.reveal().split_once('.').unwrap();
        let forged = Token::parse(&format!("{random}.{}", URL_SAFE_NO_PAD.encode("1/admin"))).unwrap();
        assert_ne!(forged.sha256(), token.sha256());
    }

    #[test]
    fn what_was_never_issued_is_not_a_token() {
        let random = "x".repeat(43);
        for text in [
            "",
            ".",
            "abc",
            &random,
            &format!("{random}."),
            &format!("{random}.!!"),
            &format!("{random}.YQ"),
        ] {
            assert!(Token::parse(text).is_none(), "{text:?}");
        }
    }
}
