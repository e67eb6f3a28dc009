//! Aktion's tokens: a UUID that lives for 20 seconds and serves a batch of requests.

use std::net::IpAddr;

use super::credential::CredentialRow;
use super::open::{Factor, Proof, open};
use super::{Attempt, IpFilter, RatePolicy, SessionKind, SessionRow, SignedIn};
use crate::id::{Company, Login, RequestId};
use crate::lock::{Fence, Timestamp};
use crate::secret::{ApiKey, ApiKeyHash, ApiToken};
use crate::store::{
    ActorCheck, Attributes, Corrupt, Item, RowKey, Store, StoreError, Table, UserRow, expressions,
    failed_condition, ms, n, s,
};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

/// Signs a user in with an API key; `None` for an unknown login, a blocked user and a wrong key alike.
///
/// What the user may do is written down with the token and holds for its 20 seconds.
///
/// # Errors
/// Whatever the store reports.
pub async fn sign_in_with_api_key(
    store: &Store,
    attempt: Attempt<'_>,
    key: &ApiKey,
) -> Result<Option<ApiToken>, StoreError> {
    let (credential_key, user_key) = (RowKey::credential(attempt.login), RowKey::user(attempt.login));
    let mut rows = store.read(&[credential_key.clone(), user_key.clone()]).await?;
    let credential = rows.parse::<CredentialRow>(&credential_key)?;
    let stored = credential
        .as_ref()
        .and_then(|credential| credential.api_key_hash.as_ref());
    let matches = key.hash().matches(stored.unwrap_or(&ApiKeyHash::NONE));
    let user = rows.parse::<UserRow>(&user_key)?;
    let Some((user, credential)) = user.zip(credential).filter(|_| matches) else {
        return Ok(None);
    };
    let proof = Proof {
        secrets_rev: credential.secrets_rev,
        factor: Factor::Uncounted,
    };
    let company_key = RowKey::company(&user.company);
    let company = store
        .read(std::slice::from_ref(&company_key))
        .await?
        .take(&company_key);
    let licences = match company {
        Some(company) => Attributes::new(company).texts("licences")?,
        None => Vec::new(),
    };
    let signed_in = open(store, user, attempt, proof, |user| {
        let token = ApiToken::issue();
        let row = snapshot(user, &licences, &token, attempt)?;
        Ok((token, row))
    })
    .await?;
    Ok(match signed_in {
        SignedIn::Opened { token, .. } => Some(token),
        SignedIn::Locked(_) | SignedIn::Refused => None,
    })
}

/// The session with what its user may do.
fn snapshot(
    user: &UserRow,
    licences: &[String],
    token: &ApiToken,
    attempt: Attempt<'_>,
) -> Result<Item, StoreError> {
    let policy: RatePolicy = user.rate_policy.parse().map_err(|_| Corrupt {
        attribute: "rate_policy",
    })?;
    let session = SessionRow::begin(
        SessionKind::Aktion,
        user.company.clone(),
        user.login.clone(),
        user.lock.state.fence(),
        attempt.now,
    );
    let texts = |texts: &[String]| AttributeValue::L(texts.iter().map(s).collect());
    let mut row = session.to_item(&RowKey::api_session_of(token), attempt.request_id);
    row.extend(
        [
            ("privileges", texts(&user.privileges)),
            ("editable_groups", texts(&user.editable_groups)),
            ("licences", texts(licences)),
            ("ip_filter", s(&user.ip_filter)),
            ("request_limit", n(policy.requests())),
            ("served", n(0)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    Ok(row)
}

/// A caller of the Aktion dialect, with what they may do as of the sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiCaller {
    /// The company that they act in.
    pub company: Company,
    /// Who they are.
    pub login: Login,
    /// The fence of their account at the sign-in.
    user_fence: Fence,
    privileges: Vec<String>,
    editable_groups: Vec<String>,
    licences: Vec<String>,
}

impl ApiCaller {
    /// Proof, for a transaction, that their account is as it was at the sign-in. A token outlives a lock on its user's
    /// account by up to 20 seconds; it changes nothing in that time.
    #[must_use]
    pub fn actor_check(&self) -> ActorCheck {
        ActorCheck::new(self.login.clone(), self.user_fence)
    }

    /// Whether they have a privilege, for example `Users.Edit`.
    #[must_use]
    pub fn has_privilege(&self, privilege: &str) -> bool {
        self.privileges.iter().any(|held| held == privilege)
    }

    /// Whether their company has a licence for an agenda, for example `Users`.
    #[must_use]
    pub fn is_licensed_for(&self, agenda: &str) -> bool {
        self.licences.iter().any(|licence| licence == agenda)
    }

    /// Whether they may edit the records of a group; `*` stands for every group.
    #[must_use]
    pub fn may_edit_records_of(&self, record_group: &str) -> bool {
        self.editable_groups
            .iter()
            .any(|group| group == "*" || group == record_group)
    }
}

/// Why a token does not admit a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAdmitted {
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
}

/// Admits a request by its token. One conditional write authenticates the caller and counts the request; the
/// failed write's own row says what was wrong.
///
/// # Errors
/// Whatever the store reports.
pub(super) async fn admit(
    store: &Store,
    token: Option<&ApiToken>,
    source: Option<IpAddr>,
    now: Timestamp,
    request_id: &RequestId,
) -> Result<Result<ApiCaller, NotAdmitted>, StoreError> {
    let Some(token) = token else {
        return Ok(Err(NotAdmitted::NotFound));
    };
    let sent = store
        .client()
        .update_item()
        .table_name(store.table_name(Table::Identity))
        .key("pk", s(RowKey::api_session_of(token).pk()))
        .update_expression("SET served = served + :one, last_request = :request")
        .condition_expression(expressions::USE_API_TOKEN)
        .expression_attribute_values(":one", n(1))
        .expression_attribute_values(":now", ms(now))
        .expression_attribute_values(":request", s(request_id.as_str()))
        .return_values(ReturnValue::AllNew)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    let (row, counted) = match sent {
        Ok(answer) => (answer.attributes, true),
        Err(error) => (failed_condition(error)?, false),
    };
    let Some(row) = row else {
        return Ok(Err(NotAdmitted::NotFound));
    };
    Ok(judge(row, counted, source, now, request_id)?)
}

fn judge(
    row: Item,
    counted: bool,
    source: Option<IpAddr>,
    now: Timestamp,
    request_id: &RequestId,
) -> Result<Result<ApiCaller, NotAdmitted>, Corrupt> {
    let mut row = Attributes::new(row);
    let session = SessionRow::take(&mut row)?;
    if session.kind != SessionKind::Aktion {
        return Ok(Err(NotAdmitted::NotFound));
    }
    if now >= session.expires_at {
        return Ok(Err(NotAdmitted::Expired));
    }
    let ip_filter = row.text("ip_filter")?;
    match ip_filter.parse::<IpFilter>() {
        Err(_) => return Ok(Err(NotAdmitted::UnreadableFilter(ip_filter))),
        Ok(filter) if !filter.admits(source) => return Ok(Err(NotAdmitted::FilterViolated)),
        Ok(_) => {}
    }
    // This very request was counted before; only the answer to that was lost.
    let counted = counted || row.optional_text("last_request")?.as_deref() == Some(request_id.as_str());
    if !counted {
        return Ok(Err(NotAdmitted::RateViolated(session.login)));
    }
    Ok(Ok(ApiCaller {
        company: session.company,
        login: session.login,
        user_fence: session.user_fence,
        privileges: row.texts("privileges")?,
        editable_groups: row.texts("editable_groups")?,
        licences: row.texts("licences")?,
    }))
}
