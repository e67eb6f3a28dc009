//! The caller of Holdfast's own API: a person with a full token, or a machine with an API key's.

use std::net::IpAddr;

use super::api_token::admit;
use super::{AdmissionRefusal, ApiCaller, Caller, IdentityRefusal, Rights, identify};
use crate::id::{Company, Login, RequestId};
use crate::lock::{Owner, Timestamp};
use crate::secret::{ApiToken, Token};
use crate::store::{ActorCheck, CompanyRow, RowKey, Rows, SessionKind, Store, UserRow};

/// What a caller presents.
#[derive(Clone, Debug)]
pub enum Bearer {
    /// The token of a sign-in with a password.
    Person(Token),
    /// The token of a sign-in with an API key.
    Machine(ApiToken),
}

impl Bearer {
    /// Reads a bearer token; `None` for anything that this service cannot have issued.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        ApiToken::parse(text)
            .map(Self::Machine)
            .or_else(|| Token::parse(text).map(Self::Person))
    }
}

/// How a caller has signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// With an API key.
    Machine,
    /// With a password, and with a code where there is a time.
    Person {
        /// When the second factor was accepted. Tokens that are renewed keep it.
        second_factor_at: Option<Timestamp>,
    },
}

/// A caller who has proved who they are, however they did.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The company that they act in.
    pub company: Company,
    /// Who they are.
    pub login: Login,
    /// What they may do.
    pub rights: Rights,
    /// How they have signed in.
    pub sign_in: SignIn,
    actor: ActorCheck,
}

impl Principal {
    fn of_person(caller: &Caller, licences: Vec<String>) -> Self {
        Self {
            company: caller.company().clone(),
            login: caller.login().clone(),
            rights: Rights::of(caller.user(), licences),
            sign_in: SignIn::Person {
                second_factor_at: caller.second_factor_at(),
            },
            actor: caller.actor_check(),
        }
    }

    fn of_machine(caller: ApiCaller) -> Self {
        Self {
            actor: caller.actor_check(),
            company: caller.company,
            login: caller.login,
            rights: caller.rights,
            sign_in: SignIn::Machine,
        }
    }

    /// They as the owner of a lock.
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.login.to_owner()
    }

    /// Proof, for a transaction, that their account is as it was when they authenticated.
    #[must_use]
    pub const fn actor_check(&self) -> &ActorCheck {
        &self.actor
    }
}

/// Who calls with `bearer`, and the rows that `also` names in their company.
///
/// A person's token names its company, so everything comes in one read. A machine's does not: the use of its token comes
/// first. A person's licences are known where `also` has the company's row.
///
/// # Errors
/// [`IdentityRefusal`]
pub async fn identify_principal(
    store: &Store,
    bearer: &Bearer,
    source: Option<IpAddr>,
    also: impl Fn(&Company) -> Vec<RowKey>,
    now: Timestamp,
    request_id: &RequestId,
) -> Result<(Principal, Rows), IdentityRefusal> {
    match bearer {
        Bearer::Person(token) => {
            let keys = also(token.company());
            let (caller, mut rows) = identify(store, token, &[SessionKind::Netwrix], &keys, now).await?;
            let company = rows.parse::<CompanyRow>(&RowKey::company(token.company()))?;
            let licences = company.map(|company| company.licences).unwrap_or_default();
            Ok((Principal::of_person(&caller, licences), rows))
        }
        Bearer::Machine(token) => {
            let admitted = admit(store, Some(token), source, now, request_id).await;
            let caller = admitted.map_err(|why| match why {
                AdmissionRefusal::Failed(failure) => IdentityRefusal::Failed(failure),
                _ => IdentityRefusal::Unauthenticated,
            })?;
            let user_key = RowKey::user(&caller.login);
            let mut keys = also(&caller.company);
            keys.push(user_key.clone());
            let rows = store.read(&keys).await?;
            // What the token's own row cannot say: the account was locked, disabled or removed since the sign-in.
            let user = rows.parse_copy::<UserRow>(&user_key)?;
            if !user.is_some_and(|user| caller.is_admitted_by(&user, now)) {
                return Err(IdentityRefusal::Unauthenticated);
            }
            Ok((Principal::of_machine(caller), rows))
        }
    }
}
