//! Aktion's tokens: a UUID that lives for 20 seconds and serves a batch of requests.

use std::net::IpAddr;

use super::open::open;
use super::{Denial, IpFilter, RatePolicy, Rights, SignInResult};
use crate::audit::Outcome;
use crate::failure::{Corrupt, Failure};
use crate::id::{Company, Login, RequestId};
use crate::lock::Timestamp;
use crate::secret::{ApiKey, ApiKeyHash, ApiToken};
use crate::store::{
    AccountVersion, ActorCheck, ApiSessionRow, Attempt, CompanyRow, CredentialRow, Factor, Item,
    NewApiSession, Proof, RowKey, SessionKind, SessionRow, Store, TokenUse, UserRow,
};

/// Signs a user in with an API key, into their company. An unknown login, a locked or disabled account and a wrong key
/// are answered alike; which of them it was is for the log.
///
/// What the user may do is written down with the token and holds for its 20 seconds.
///
/// # Errors
/// Whatever the store reports.
pub async fn sign_in_with_api_key(
    store: &Store,
    attempt: Attempt<'_>,
    key: &ApiKey,
) -> Result<Result<(ApiToken, Company), Denial>, Failure> {
    let (credential_key, user_key) = (RowKey::credential(attempt.login), RowKey::user(attempt.login));
    let mut rows = store.read(&[credential_key.clone(), user_key.clone()]).await?;
    let credential = rows.parse::<CredentialRow>(&credential_key)?;
    let stored = credential
        .as_ref()
        .and_then(|credential| credential.api_key_hash.as_ref());
    let matches = key.hash().matches(stored.unwrap_or(&ApiKeyHash::NONE));
    let user = rows.parse::<UserRow>(&user_key)?;
    let denied = |why, company| Ok(Err(Denial { why, company }));
    let Some((user, credential)) = user.zip(credential) else {
        return denied(Outcome::UnknownLogin, None);
    };
    let user_company = user.company.clone();
    if !matches {
        return denied(Outcome::WrongKey, Some(user_company));
    }
    if user.disabled {
        return denied(Outcome::DisabledAccount, Some(user_company));
    }
    let proof = Proof {
        secrets_rev: credential.secrets_rev,
        factor: Factor::Uncounted,
    };
    let company = store
        .read_one::<CompanyRow>(&RowKey::company(&user.company))
        .await?;
    let licences = company.map(|company| company.licences).unwrap_or_default();
    let signed_in = open(store, user, attempt, proof, None, |user| {
        let token = ApiToken::issue();
        let row = snapshot(user, &licences, &token, attempt)?;
        Ok((token, row))
    })
    .await?;
    match signed_in {
        SignInResult::Opened { token, .. } => Ok(Ok((token, user_company))),
        SignInResult::Locked(_) => denied(Outcome::LockedAccount, Some(user_company)),
        SignInResult::Refused | SignInResult::Ended => denied(Outcome::ChangedSecrets, Some(user_company)),
    }
}

/// The session with what its user may do.
fn snapshot(
    user: &UserRow,
    licences: &[String],
    token: &ApiToken,
    attempt: Attempt<'_>,
) -> Result<Item, Failure> {
    let policy: RatePolicy = user.rate_policy.parse().map_err(|_| Corrupt {
        attribute: "rate_policy",
    })?;
    let session = SessionRow::begin(
        SessionKind::Aktion,
        user.company.clone(),
        user.login.clone(),
        user.version(),
        attempt.now,
    );
    let row = NewApiSession {
        session: &session,
        user,
        licences,
        request_limit: policy.requests(),
    };
    Ok(row.to_item(&RowKey::api_session_of(token), attempt.request_id))
}

/// A caller of the Aktion dialect, with what they may do as of the sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiCaller {
    /// The company that they act in.
    pub company: Company,
    /// Who they are.
    pub login: Login,
    /// Their account at the sign-in.
    account: AccountVersion,
    /// What they may do.
    pub rights: Rights,
}

impl ApiCaller {
    /// Whether their account, as it is now, still admits the token.
    pub(super) fn is_admitted_by(&self, user: &UserRow, now: Timestamp) -> bool {
        user.company == self.company && user.admits(self.account, now)
    }

    /// Proof, for a transaction, that their account is as it was at the sign-in. A token outlives a lock on its user's
    /// account by up to 20 seconds; it changes nothing in that time.
    #[must_use]
    pub fn actor_check(&self) -> ActorCheck {
        ActorCheck::new(self.login.clone(), self.account)
    }
}

/// Why a token does not admit a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdmissionRefusal {
    /// Absent, no UUID, or unknown.
    NotFound,
    /// Known, and past its 20 seconds.
    Expired,
    /// The caller's IP filter cannot be read. It is named, for its owner to mend.
    UnreadableFilter(String),
    /// The request comes from an address outside the filter.
    FilterViolated,
    /// The token has served as many requests as its owner's rate policy allows.
    RateViolated(Login),
    /// The token could not be used.
    Failed(Failure),
}

impl From<Failure> for AdmissionRefusal {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Admits a request by its token. One conditional write authenticates the caller and counts the request; the
/// failed write's own row says what was wrong.
///
/// # Errors
/// [`AdmissionRefusal`]
pub(super) async fn admit(
    store: &Store,
    token: Option<&ApiToken>,
    source: Option<IpAddr>,
    now: Timestamp,
    request_id: &RequestId,
) -> Result<ApiCaller, AdmissionRefusal> {
    let Some(token) = token else {
        return Err(AdmissionRefusal::NotFound);
    };
    match store.use_api_token(token, now, request_id).await? {
        TokenUse::Unknown => Err(AdmissionRefusal::NotFound),
        TokenUse::Counted(row) => judge(row, true, source, now, request_id),
        TokenUse::NotCounted(row) => judge(row, false, source, now, request_id),
    }
}

fn judge(
    row: ApiSessionRow,
    counted: bool,
    source: Option<IpAddr>,
    now: Timestamp,
    request_id: &RequestId,
) -> Result<ApiCaller, AdmissionRefusal> {
    let session = row.session;
    if now >= session.expires_at {
        return Err(AdmissionRefusal::Expired);
    }
    match row.ip_filter.parse::<IpFilter>() {
        Err(_) => return Err(AdmissionRefusal::UnreadableFilter(row.ip_filter)),
        Ok(filter) if !filter.admits(source) => return Err(AdmissionRefusal::FilterViolated),
        Ok(_) => {}
    }
    // This very request was counted before; only the answer to that was lost.
    let counted = counted || row.last_request.as_deref() == Some(request_id.as_str());
    if !counted {
        return Err(AdmissionRefusal::RateViolated(session.login));
    }
    Ok(ApiCaller {
        company: session.company,
        login: session.login,
        account: session.account,
        rights: Rights::new(
            row.roles,
            row.groups,
            row.privileges,
            row.editable_groups,
            row.licences,
        ),
    })
}
