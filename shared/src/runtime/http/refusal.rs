//! What `identity` refuses, in the words of each dialect. Neither room knows the other.

use lambda_http::Request;
use lambda_http::http::StatusCode;

use crate::dialect::aktion::{self, Outcome};
use crate::dialect::{holdfast, netwrix, sdm};
use crate::identity::{MissingRight, NotAdmitted, Unidentified};

impl From<Unidentified> for netwrix::Refusal {
    fn from(why: Unidentified) -> Self {
        match why {
            Unidentified::Unauthenticated => Self::unauthorized(),
            Unidentified::Failed(failure) => failure.into(),
        }
    }
}

impl From<Unidentified> for sdm::Refusal {
    fn from(why: Unidentified) -> Self {
        match why {
            Unidentified::Unauthenticated => Self::Unauthorized,
            Unidentified::Failed(failure) => failure.into(),
        }
    }
}

impl From<Unidentified> for holdfast::Refusal {
    fn from(why: Unidentified) -> Self {
        match why {
            Unidentified::Unauthenticated => Self::Unauthorized,
            Unidentified::Failed(failure) => failure.into(),
        }
    }
}

impl From<MissingRight> for holdfast::Refusal {
    fn from(right: MissingRight) -> Self {
        match right {
            MissingRight::InteractiveSignIn => Self::InteractiveSignInRequired,
            MissingRight::SecondFactor => Self::SecondFactorRequired,
            MissingRight::RecentSecondFactor => Self::SecondFactorTooOld,
            right => Self::Forbidden(right.sentence()),
        }
    }
}

impl From<MissingRight> for netwrix::Refusal {
    fn from(right: MissingRight) -> Self {
        Self::Forbidden(right.sentence())
    }
}

impl From<MissingRight> for sdm::Refusal {
    fn from(_: MissingRight) -> Self {
        Self::Forbidden
    }
}

/// Why an Aktion token does not admit a request, told to its bearer alone.
#[must_use]
pub fn not_admitted(why: NotAdmitted, request: &Request) -> Outcome {
    let unauthorized = |code, message| Outcome::new(StatusCode::UNAUTHORIZED, code, message);
    let token = aktion::token_text(request).unwrap_or_default();
    match why {
        NotAdmitted::NotFound => unauthorized(1000, format!("Token {token} not found")),
        NotAdmitted::Expired => unauthorized(1001, format!("Token {token} already expired")),
        NotAdmitted::FilterViolated => {
            let address = aktion::source_ip(request)
                .map(|ip| ip.to_string())
                .unwrap_or_default();
            unauthorized(
                1006,
                format!("Ip filter violated for ip client address [{address}]"),
            )
        }
        NotAdmitted::UnreadableFilter(filter) => {
            unauthorized(1007, format!("Ip filter [{filter}] parsing failed"))
        }
        NotAdmitted::RateViolated(login) => {
            unauthorized(1008, format!("Request rate policy violated for [{login}]"))
        }
        NotAdmitted::Failed(failure) => failure.into(),
    }
}
