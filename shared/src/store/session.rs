//! The writes of sessions, each under a token's hash.

use super::item::{ms, n, s};
use super::rows::purge_at_seconds;
use super::{Item, RowKey, Store, Table, expressions, made};
use crate::failure::Failure;
use crate::lock::Timestamp;

impl Store {
    /// Makes the row of a session, whose key is the hash of a token that was issued for it.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub(crate) async fn put_session(&self, row: Item) -> Result<(), Failure> {
        let sent = self
            .client()
            .put_item()
            .table_name(self.table_name(Table::Identity))
            .set_item(Some(row))
            .condition_expression(expressions::SESSION_ABSENT)
            .send()
            .await;
        // 256 random bits meet only themselves: this very write was made, and its answer was lost.
        made("PutItem", sent).map(drop)
    }

    /// Moves the end of a live session to `expires_at`. A session that has died since it was read stays dead.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub(crate) async fn prolong_session(
        &self,
        key: &RowKey,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Failure> {
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
        made("UpdateItem", sent).map(drop)
    }

    /// Ends a session. To end one that has ended is done already.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub async fn end_session(&self, key: &RowKey) -> Result<(), Failure> {
        let sent = self
            .client()
            .delete_item()
            .table_name(self.table_name(Table::Identity))
            .key("pk", s(key.pk()))
            .condition_expression(expressions::SESSION_EXISTS)
            .send()
            .await;
        // Another sign-out, or this very one when its first answer was lost, came first.
        made("DeleteItem", sent).map(drop)
    }
}
