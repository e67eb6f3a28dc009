//! The proof, inside a transaction, that a caller's account is as it was when the caller authenticated.

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, TransactWriteItem};

use super::item::{ms, n, s};
use super::{AccountVersion, RowKey, Store, Table, UserRow, built_wrongly, expressions};
use crate::failure::Failure;
use crate::id::Login;
use crate::lock::Timestamp;

/// A caller's own account as it was when the caller authenticated: unlocked, in this version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorCheck {
    login: Login,
    account: AccountVersion,
}

impl ActorCheck {
    /// The account of `login`, as the session copied it.
    #[must_use]
    pub const fn new(login: Login, account: AccountVersion) -> Self {
        Self { login, account }
    }

    /// The account's row.
    pub(super) fn key(&self) -> RowKey {
        RowKey::user(&self.login)
    }

    /// The values that [`expressions::USER_STILL_UNLOCKED`] names.
    #[must_use]
    pub fn values(&self, now: Timestamp) -> [(&'static str, AttributeValue); 3] {
        [
            (":known_fence", n(self.account.fence.get())),
            (":known_revocations", n(self.account.revocations)),
            (":now", ms(now)),
        ]
    }
}

impl Store {
    /// The part of a transaction that proves that an account has been neither locked, disabled or removed since `user` was
    /// read, nor locked and unlocked, nor had its sessions ended.
    ///
    /// # Errors
    /// Only a defect of this program.
    pub(super) fn unlocked_user(&self, user: &UserRow, now: Timestamp) -> Result<TransactWriteItem, Failure> {
        self.still_unlocked(&ActorCheck::new(user.login.clone(), user.version()), now)
    }

    /// The part of a transaction that proves that the actor's account is unlocked and in the session's version.
    ///
    /// # Errors
    /// Only a defect of this program.
    pub(super) fn still_unlocked(
        &self,
        actor: &ActorCheck,
        now: Timestamp,
    ) -> Result<TransactWriteItem, Failure> {
        let mut check = ConditionCheck::builder()
            .table_name(self.table_name(Table::Resources))
            .key("pk", s(actor.key().pk()))
            .condition_expression(expressions::USER_STILL_UNLOCKED);
        for (name, value) in actor.values(now) {
            check = check.expression_attribute_values(name, value);
        }
        let check = check.build().map_err(built_wrongly)?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }
}
