/// How a request for a lock ended, as metrics and logs call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// A lock was taken over from a lease that had run out.
    ExpiredTakeover,
    /// A free lock was taken.
    Acquired,
    /// The caller's lock has a new lease or new texts.
    Renewed,
    /// The caller held the lock already.
    AlreadyHeld,
    /// The caller's lock was given back.
    Released,
    /// There was nothing to give back.
    WasFree,
    /// Someone else's lock was broken.
    Broken,
    /// The tenure that was named is over.
    TenureOver,
    /// Refused: someone else holds the lock.
    HeldByOther,
    /// Refused: the lock was broken, and the hold-off is not over.
    HeldOff,
    /// Refused: the tenure that was named is not the live one.
    OtherTenure,
    /// Refused: the lock to be broken is the caller's own.
    YourOwnLock,
}

impl Label {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExpiredTakeover => "expired_takeover",
            Self::Acquired => "acquired",
            Self::Renewed => "renewed",
            Self::AlreadyHeld => "already_held",
            Self::Released => "released",
            Self::WasFree => "was_free",
            Self::Broken => "broken",
            Self::TenureOver => "tenure_over",
            Self::HeldByOther => "held_by_other",
            Self::HeldOff => "held_off",
            Self::OtherTenure => "other_tenure",
            Self::YourOwnLock => "your_own_lock",
        }
    }
}
