//! The proof, inside a transaction, that a caller's account is as it was when the caller authenticated.

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, TransactWriteItem};

use super::item::{ms, n, s};
use super::{RowKey, Store, Table, UserRow, built_wrongly, expressions};
use crate::failure::Failure;
use crate::id::Login;
use crate::lock::{Fence, Timestamp};

/// A caller's own account as it was when the caller authenticated: unlocked, with this fence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorCheck {
    login: Login,
    fence: Fence,
}

impl ActorCheck {
    /// The account of `login`, whose session carries `fence`.
    #[must_use]
    pub const fn new(login: Login, fence: Fence) -> Self {
        Self { login, fence }
    }

    /// The account's row.
    pub(super) fn key(&self) -> RowKey {
        RowKey::user(&self.login)
    }

    /// The values that [`expressions::USER_STILL_UNLOCKED`] names.
    pub(super) fn values(&self, now: Timestamp) -> [(&'static str, AttributeValue); 2] {
        [(":known_fence", n(self.fence.get())), (":now", ms(now))]
    }
}

impl Store {
    /// The part of a transaction that proves that an account has been neither locked nor locked and unlocked
    /// since `user` was read.
    ///
    /// # Errors
    /// Only a defect of this program.
    pub(super) fn unlocked_user(&self, user: &UserRow, now: Timestamp) -> Result<TransactWriteItem, Failure> {
        self.still_unlocked(&ActorCheck::new(user.login.clone(), user.lock.state.fence()), now)
    }

    /// The part of a transaction that proves that the actor's account is unlocked and has the fence of the session.
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
