use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;

use super::Caller;
use crate::id::{Company, Login, RequestId};
use crate::lock::{Fence, Timestamp};
use crate::secret::Token;
use crate::store::{Attributes, Corrupt, Item, Row, RowKey, Store, StoreError, Table, classify, expressions};
use crate::store::{ms, n, s};

/// A dead session is remembered this long, so that "expired" and "unknown" can be told apart.
const REMEMBERED: Duration = Duration::from_hours(24);
/// An idle session's life is prolonged at most this often.
const SLIDE_AT_MOST_EVERY: Duration = Duration::from_mins(1);

/// What a session is for, and so how long it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// A Session Delivery Manager cookie: 30 minutes idle, 12 hours in all.
    Sdm,
    /// A Netwrix token for the second step and nothing else: 5 minutes.
    NetwrixFirstFactor,
    /// A Netwrix bearer token, both factors proved: 15 minutes, and 12 hours with all that are exchanged for it.
    Netwrix,
    /// An Aktion token: 20 seconds.
    Aktion,
}

impl SessionKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Sdm => "sdm",
            Self::NetwrixFirstFactor => "netwrix-first-factor",
            Self::Netwrix => "netwrix",
            Self::Aktion => "aktion",
        }
    }

    /// How long a token lives from its issue or, where use prolongs it, from its last use on.
    #[must_use]
    pub const fn token_life(self) -> Duration {
        match self {
            Self::Sdm => Duration::from_mins(30),
            Self::NetwrixFirstFactor => Duration::from_mins(5),
            Self::Netwrix => Duration::from_mins(15),
            Self::Aktion => Duration::from_secs(20),
        }
    }

    /// How long the session lives at most from the sign-in on, however it is prolonged.
    const fn lifetime(self) -> Duration {
        match self {
            Self::Sdm | Self::Netwrix => Duration::from_hours(12),
            Self::NetwrixFirstFactor | Self::Aktion => self.token_life(),
        }
    }

    /// Whether using the session prolongs it.
    const fn slides(self) -> bool {
        matches!(self, Self::Sdm)
    }

    fn expires_at(self, signed_in_at: Timestamp, now: Timestamp) -> Timestamp {
        now.plus(self.token_life())
            .min(signed_in_at.plus(self.lifetime()))
    }
}

impl TryFrom<&str> for SessionKind {
    type Error = Corrupt;

    fn try_from(text: &str) -> Result<Self, Corrupt> {
        match text {
            "sdm" => Ok(Self::Sdm),
            "netwrix-first-factor" => Ok(Self::NetwrixFirstFactor),
            "netwrix" => Ok(Self::Netwrix),
            "aktion" => Ok(Self::Aktion),
            _ => Err(Corrupt {
                attribute: "session_kind",
            }),
        }
    }
}

/// A session, stored under the hash of its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// What it is for.
    pub kind: SessionKind,
    /// The company of its user.
    pub company: Company,
    /// Its user.
    pub login: Login,
    /// The fence of the user's row at sign-in. A lock on the account raises it, and the session is dead for good.
    pub user_fence: Fence,
    /// When its user signed in.
    pub signed_in_at: Timestamp,
    /// From when on it is dead. DynamoDB removes rows days late, so this is compared at every use.
    pub expires_at: Timestamp,
}

impl Row for SessionRow {
    fn parse(item: Item) -> Result<Self, Corrupt> {
        Self::take(&mut Attributes::new(item))
    }
}

impl SessionRow {
    /// A session that begins now.
    #[must_use]
    pub fn begin(
        kind: SessionKind,
        company: Company,
        login: Login,
        user_fence: Fence,
        now: Timestamp,
    ) -> Self {
        let expires_at = kind.expires_at(now, now);
        Self {
            kind,
            company,
            login,
            user_fence,
            signed_in_at: now,
            expires_at,
        }
    }

    /// The same sign-in under another token that is issued now. It never outlives the sign-in's lifetime.
    #[must_use]
    pub(super) fn renewed(&self, now: Timestamp) -> Self {
        Self {
            expires_at: self.kind.expires_at(self.signed_in_at, now),
            ..self.clone()
        }
    }

    /// Takes a session's own attributes out of a row that has more.
    pub(super) fn take(row: &mut Attributes) -> Result<Self, Corrupt> {
        Ok(Self {
            kind: row.id("session_kind")?,
            company: row.id("company")?,
            login: row.id("login")?,
            user_fence: Fence::new(row.number("user_fence")?),
            signed_in_at: row.timestamp("signed_in_at")?,
            expires_at: row.timestamp("expires_at")?,
        })
    }

    /// The row as it is stored.
    #[must_use]
    pub fn to_item(&self, key: &RowKey, request_id: &RequestId) -> Item {
        HashMap::from(
            [
                ("pk", s(key.pk())),
                ("session_kind", s(self.kind.as_str())),
                ("company", s(self.company.as_str())),
                ("login", s(self.login.as_str())),
                ("user_fence", n(self.user_fence.get())),
                ("signed_in_at", ms(self.signed_in_at)),
                ("expires_at", ms(self.expires_at)),
                ("purge_at_seconds", n(purge_at_seconds(self.expires_at))),
                ("last_request", s(request_id.as_str())),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        )
    }

    /// The later end that using the session now gives it; `None` while the last one is less than a minute old.
    fn slid(&self, now: Timestamp) -> Option<Timestamp> {
        if !self.kind.slides() {
            return None;
        }
        let expires_at = self.kind.expires_at(self.signed_in_at, now);
        (expires_at.since(self.expires_at) >= SLIDE_AT_MOST_EVERY).then_some(expires_at)
    }
}

/// DynamoDB's time to live counts in seconds; milliseconds would lie some fifty thousand years ahead.
fn purge_at_seconds(expires_at: Timestamp) -> i64 {
    expires_at.plus(REMEMBERED).unix_seconds_rounded_up()
}

impl Store {
    /// Prolongs the idle session that `caller` is using, at most once a minute. A session that has died meanwhile
    /// stays dead, and a failure is logged and changes nothing for the request: the next use slides it.
    pub async fn slide(&self, caller: &Caller, now: Timestamp) {
        let (key, session) = caller.session();
        let Some(expires_at) = session.slid(now) else {
            return;
        };
        let sent = self
            .client()
            .update_item()
            .table_name(self.table_name(Table::Identity))
            .key("pk", s(key.pk()))
            .update_expression("SET expires_at = :expires_at, purge_at_seconds = :purge_at")
            .condition_expression(expressions::SESSION_LIVE)
            .expression_attribute_values(":now", ms(now))
            .expression_attribute_values(":expires_at", ms(expires_at))
            .expression_attribute_values(":purge_at", n(purge_at_seconds(expires_at)))
            .send()
            .await;
        match sent {
            Ok(_) => {}
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) => {}
            Err(error) => {
                tracing::warn!(error = %classify("UpdateItem", &error), "a session was not prolonged");
            }
        }
    }

    /// Issues a further token for the sign-in that `caller` calls with. The token that they hold stays valid until
    /// its own expiry, and the new one carries the fence of the same sign-in: a lock on the account ends both.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub async fn renew_token(
        &self,
        caller: &Caller,
        now: Timestamp,
        request_id: &RequestId,
    ) -> Result<Token, StoreError> {
        let (_, session) = caller.session();
        let token = Token::issue(&session.company, &session.login)?;
        let sent = self
            .client()
            .put_item()
            .table_name(self.table_name(Table::Identity))
            .set_item(Some(
                session
                    .renewed(now)
                    .to_item(&RowKey::session_of(&token), request_id),
            ))
            .condition_expression(expressions::SESSION_ABSENT)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(token),
            // 256 random bits meet only themselves: this very write was made, and its answer was lost.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PutItemError::is_conditional_check_failed_exception) =>
            {
                Ok(token)
            }
            Err(error) => Err(classify("PutItem", &error)),
        }
    }

    /// Ends a session. To end one that has ended is done already.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub async fn end_session(&self, key: &RowKey) -> Result<(), StoreError> {
        let sent = self
            .client()
            .delete_item()
            .table_name(self.table_name(Table::Identity))
            .key("pk", s(key.pk()))
            .condition_expression(expressions::SESSION_EXISTS)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            // Another sign-out, or this very one when its first answer was lost, came first.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DeleteItemError::is_conditional_check_failed_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(classify("DeleteItem", &error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn session() -> SessionRow {
        SessionRow::begin(
            SessionKind::Sdm,
            Company::try_from("1").unwrap(),
            Login::try_from("alice").unwrap(),
            Fence::default(),
            Timestamp::from_unix_ms(0),
        )
    }

    #[test]
    fn slides_at_most_once_a_minute_and_never_past_its_lifetime() {
        let mut session = session();
        let at = |minutes: u32| Timestamp::from_unix_ms(0).plus(MINUTE * minutes);
        assert_eq!(session.expires_at, at(30));
        assert_eq!(session.slid(Timestamp::from_unix_ms(59_999)), None);
        assert_eq!(session.slid(at(1)), Some(at(31)));
        session.expires_at = at(710);
        assert_eq!(session.slid(at(700)), Some(at(720)));
        session.expires_at = at(720);
        assert_eq!(session.slid(at(719)), None);
    }

    #[test]
    fn the_row_is_purged_a_day_after_its_end_in_seconds() {
        let key = RowKey::session(&[0; 32]);
        let item = session().to_item(&key, &RequestId::new("r"));
        assert_eq!(
            item["purge_at_seconds"].as_n().unwrap(),
            &(30 * 60 + 24 * 60 * 60).to_string()
        );
        assert_eq!(SessionRow::parse(item).unwrap(), session());
    }
}
