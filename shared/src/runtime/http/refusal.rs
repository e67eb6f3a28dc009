//! What `identity` refuses, in the words of each dialect. Neither room knows the other.

use lambda_http::Request;
use lambda_http::http::StatusCode;

use crate::dialect::aktion::{self, Outcome};
use crate::dialect::{holdfast, netwrix, sdm};
use crate::identity::{AdmissionRefusal, IdentityRefusal, MissingRight};

impl From<IdentityRefusal> for netwrix::Refusal {
    fn from(why: IdentityRefusal) -> Self {
        match why {
            IdentityRefusal::Unauthenticated => Self::unauthorized(),
            IdentityRefusal::Failed(failure) => failure.into(),
        }
    }
}

impl From<IdentityRefusal> for sdm::Refusal {
    fn from(why: IdentityRefusal) -> Self {
        match why {
            IdentityRefusal::Unauthenticated => Self::Unauthorized,
            IdentityRefusal::Failed(failure) => failure.into(),
        }
    }
}

impl From<IdentityRefusal> for holdfast::Refusal {
    fn from(why: IdentityRefusal) -> Self {
        match why {
            IdentityRefusal::Unauthenticated => Self::Unauthorized,
            IdentityRefusal::Failed(failure) => failure.into(),
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
pub fn not_admitted(why: AdmissionRefusal, request: &Request) -> Outcome {
    let unauthorized = |code, message| Outcome::new(StatusCode::UNAUTHORIZED, code, message);
    let token = aktion::token_text(request).unwrap_or_default();
    match why {
        AdmissionRefusal::NotFound => unauthorized(1000, format!("Token {token} not found")),
        AdmissionRefusal::Expired => unauthorized(1001, format!("Token {token} already expired")),
        AdmissionRefusal::FilterViolated => {
            let address = aktion::source_ip(request)
                .map(|ip| ip.to_string())
                .unwrap_or_default();
            unauthorized(
                1006,
                format!("Ip filter violated for ip client address [{address}]"),
            )
        }
        AdmissionRefusal::UnreadableFilter(filter) => {
            unauthorized(1007, format!("Ip filter [{filter}] parsing failed"))
        }
        AdmissionRefusal::RateViolated(login) => {
            unauthorized(1008, format!("Request rate policy violated for [{login}]"))
        }
        AdmissionRefusal::Failed(failure) => failure.into(),
    }
}
