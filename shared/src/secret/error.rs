use thiserror::Error;

/// A stored or imported secret that does not have the form of its kind. It does not say what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the secret is malformed")]
pub struct MalformedSecret;

/// The operating system gives no random numbers, so no token can be issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the system has no random numbers")]
pub struct NoRandomness;

/// A password could be neither hashed nor verified: the system lacks memory or randomness, or lost the thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct HashingError(pub(super) &'static str);
