//! What authenticates: passwords, codes, API keys and tokens, each with its check. None of them is ever logged, stored
//! in the clear, compared with `==` or visible in `Debug`.

mod api_key;
mod api_token;
mod error;
mod password;
mod redacted;
mod sealed;
mod sealing_keys;
mod token;
mod totp;

pub use api_key::{ApiKey, ApiKeyHash};
pub use api_token::ApiToken;
pub use error::{HashingError, MalformedSecret, NoRandomness};
pub use password::{Password, PasswordHash, Passwords, hash_password, random_password};
pub use sealed::{Sealed, UnsealError};
pub use sealing_keys::{InvalidSealingKeys, KeyId, SealError, SealingKeys, random_sealing_key};
pub use token::Token;
pub use totp::{Code, Step, TotpSecret};
