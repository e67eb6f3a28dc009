use std::collections::HashMap;
use std::time::Duration;

use crate::failure::Corrupt;
use crate::id::{Company, Login, RequestId};
use crate::lock::{Fence, Timestamp};
use crate::store::item::{ms, n, s};
use crate::store::{AccountVersion, Attributes, Item, Row, RowKey};

/// A dead session is remembered this long, so that "expired" and "unknown" can be told apart.
const REMEMBERED: Duration = Duration::from_hours(24);

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
    pub(crate) const fn slides(self) -> bool {
        matches!(self, Self::Sdm)
    }

    /// When a token that is issued or used now is dead, of a sign-in that began at `signed_in_at`.
    pub(crate) fn expires_at(self, signed_in_at: Timestamp, now: Timestamp) -> Timestamp {
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
    /// The user's account at sign-in.
    pub account: AccountVersion,
    /// When its user signed in.
    pub signed_in_at: Timestamp,
    /// When a code was accepted for it. Tokens that are renewed keep it.
    pub second_factor_at: Option<Timestamp>,
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
        account: AccountVersion,
        now: Timestamp,
    ) -> Self {
        let expires_at = kind.expires_at(now, now);
        Self {
            kind,
            company,
            login,
            account,
            signed_in_at: now,
            second_factor_at: None,
            expires_at,
        }
    }

    /// The same sign-in under another token that is issued now. It never outlives the sign-in's lifetime.
    #[must_use]
    pub(crate) fn renewed(&self, now: Timestamp) -> Self {
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
            account: AccountVersion {
                fence: Fence::new(row.number("user_fence")?),
                revocations: row.optional_number("user_revocations")?.unwrap_or(0),
            },
            signed_in_at: row.timestamp("signed_in_at")?,
            second_factor_at: row.optional_timestamp("second_factor_at")?,
            expires_at: row.timestamp("expires_at")?,
        })
    }

    /// The row as it is stored.
    #[must_use]
    pub fn to_item(&self, key: &RowKey, request_id: &RequestId) -> Item {
        let mut row = HashMap::from(
            [
                ("pk", s(key.pk())),
                ("session_kind", s(self.kind.as_str())),
                ("company", s(self.company.as_str())),
                ("login", s(self.login.as_str())),
                ("user_fence", n(self.account.fence.get())),
                ("user_revocations", n(self.account.revocations)),
                ("signed_in_at", ms(self.signed_in_at)),
                ("expires_at", ms(self.expires_at)),
                ("purge_at_seconds", n(purge_at_seconds(self.expires_at))),
                ("last_request", s(request_id.as_str())),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        if let Some(at) = self.second_factor_at {
            row.insert("second_factor_at".to_owned(), ms(at));
        }
        row
    }
}

/// DynamoDB's time to live counts in seconds; milliseconds would lie some fifty thousand years ahead.
pub(in crate::store) fn purge_at_seconds(expires_at: Timestamp) -> i64 {
    expires_at.plus(REMEMBERED).unix_seconds_rounded_up()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> SessionRow {
        SessionRow::begin(
            SessionKind::Sdm,
            Company::try_from("1").unwrap(),
            Login::try_from("alice").unwrap(),
            AccountVersion::default(),
            Timestamp::from_unix_ms(0),
        )
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
