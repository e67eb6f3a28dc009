//! The writes of activity sessions: one is opened, and one is ended.

use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};

use super::item::{ms, n, s};
use super::record::by;
use super::rows::sessions_of;
use super::update::LOCK_ATTRIBUTES;
use super::{
    ActivitySessionRow, Item, Retries, Row, RowKey, SessionStatus, StatusClass, Store, Table,
    TransactionResult, UserRow, built_wrongly, expressions, failed_condition,
};
use crate::failure::Failure;
use crate::id::ResourceId;
use crate::lock::{Timestamp, Writer};

/// How ending a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndResult<E> {
    /// It has ended, now or before.
    Done,
    /// There is no such session.
    Gone,
    /// The session changed so that the caller may no longer end it.
    Refused(E),
}

impl Store {
    /// Opens a session: one transaction that also proves that neither the account nor the user's access to the
    /// resource has been locked since they were read. False where a lock was faster.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub async fn open_activity_session(
        &self,
        row: Item,
        user: &UserRow,
        resource: ResourceId,
        now: Timestamp,
        writer: &Writer,
    ) -> Result<bool, Failure> {
        let mut row = row;
        row.insert("by".to_owned(), by(writer));
        row.insert("change".to_owned(), n(self.epoch().next(0)));
        let table = self.table_name(Table::Resources);
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(row))
            .condition_expression(expressions::ACTIVITY_SESSION_ABSENT)
            .build()
            .map_err(built_wrongly)?;
        let access = ConditionCheck::builder()
            .table_name(table)
            .key("pk", s(RowKey::access(resource, &user.login).pk()))
            .condition_expression(expressions::ACCESS_FREE)
            .expression_attribute_values(":now", ms(now))
            .build()
            .map_err(built_wrongly)?;
        let plan = vec![
            TransactWriteItem::builder().put(put).build(),
            self.unlocked_user(user, now)?,
            TransactWriteItem::builder().condition_check(access).build(),
        ];
        Ok(self.transact(plan).await? == TransactionResult::Done)
    }

    /// Ends the session `seen` and takes its lock off, in one write: no session is ever both ended and locked.
    ///
    /// `allowed` is asked of every state of the row before it is written.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] after losing [`Retries::TRIES`] races or [`Retries::WITHIN`], and whatever the store itself reports.
    pub async fn end_activity_session<E>(
        &self,
        seen: ActivitySessionRow,
        now: Timestamp,
        writer: &Writer,
        allowed: impl Fn(&ActivitySessionRow) -> Result<(), E>,
    ) -> Result<EndResult<E>, Failure> {
        let mut row = seen;
        let mut retries = Retries::of_races();
        loop {
            if row.status.has_ended() {
                return Ok(EndResult::Done);
            }
            if let Err(refusal) = allowed(&row) {
                return Ok(EndResult::Refused(refusal));
            }
            let key = RowKey::activity_session(row.id);
            let historical = sessions_of(&row.company, StatusClass::Historical).of(&key);
            let sent = self
                .client()
                .update_item()
                .table_name(self.table_name(key.table()))
                .key("pk", s(key.pk()))
                .update_expression(format!(
                    "SET session_status = :complete, ended_at = :now, listing_shard = :historical, rev = :next, \
                     #by = :by, change = :change REMOVE {}",
                    LOCK_ATTRIBUTES.join(", ")
                ))
                .condition_expression(expressions::END_ACTIVITY_SESSION)
                .expression_attribute_values(":complete", n(SessionStatus::COMPLETE.number()))
                .expression_attribute_values(":now", ms(now))
                .expression_attribute_values(":historical", AttributeValue::S(historical))
                .expression_attribute_values(":seen", n(row.lock.rev.get()))
                .expression_attribute_values(":next", n(row.lock.rev.next().get()))
                .expression_attribute_names("#by", "by")
                .expression_attribute_values(":by", by(writer))
                .expression_attribute_values(":change", n(self.epoch().next(row.lock.change)))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .send()
                .await;
            match sent {
                Ok(_) => return Ok(EndResult::Done),
                Err(error) => match failed_condition(error)? {
                    None => return Ok(EndResult::Gone),
                    // This very write, made before, is among the states that have ended.
                    Some(newer) => row = ActivitySessionRow::parse(newer)?,
                },
            }
            if !retries.again().await {
                return Err(Failure::Unavailable(
                    "UpdateItem: lost every race for the session".to_owned(),
                ));
            }
        }
    }
}
