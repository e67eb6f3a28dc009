//! Why a valid request fails: the one error of the service's inner rooms.

use thiserror::Error;

/// A call that did not do what it should. It knows nothing of HTTP: each dialect maps it in one place, and the runtime
/// logs it once, where the answer passes.
///
/// The text is for the log. It names the operation and the store's error code, and never what was read or
/// written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Failure {
    /// Throttled, unreachable or contended after every retry: the same request may succeed later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The store refuses this function (IAM).
    #[error("the store refuses this function: {0}")]
    Denied(String),
    /// The store reports that the row exists already.
    #[error("the store reports a duplicate: {0}")]
    Duplicate(String),
    /// A stored row cannot be understood.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// A second factor that no key of this function opens: the text says why, and names keys and no secret.
    #[error("a second factor cannot be opened: {0}")]
    Sealed(String),
    /// Any other permanent refusal by the store.
    #[error("the store refuses the operation: {0}")]
    Refused(String),
    /// A call that this program built wrongly.
    #[error("the call to the store was built wrongly: {0}")]
    Defect(String),
}

/// A stored row that cannot be understood, by the attribute that is missing or of the wrong kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the stored row's attribute `{attribute}` is missing or malformed")]
pub struct Corrupt {
    /// The attribute.
    pub attribute: &'static str,
}
