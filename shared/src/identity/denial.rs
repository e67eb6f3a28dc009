use super::attempts::Reservation;
use crate::audit::Outcome;
use crate::id::Company;

/// Why a sign-in failed: for the operator's log alone. The caller is told one thing, whatever it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The reason.
    pub why: Outcome,
    /// The company of the user, where the login is one.
    pub company: Option<Company>,
}

impl Denial {
    /// Why an attempt failed that was reserved like this; `wrong` where it was verified.
    pub(super) const fn reason(reservation: Reservation, wrong: Outcome) -> Outcome {
        match reservation {
            Reservation::Counted => wrong,
            Reservation::NoCredential => Outcome::UnknownLogin,
            Reservation::ClosedSource => Outcome::ClosedSource,
            Reservation::ClosedToStrangers => Outcome::ClosedToStrangers,
            Reservation::Replayed => Outcome::StaleCode,
        }
    }
}
