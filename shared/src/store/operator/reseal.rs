use crate::failure::Failure;
use crate::id::Login;
use crate::secret::Sealed;
use crate::store::item::s;
use crate::store::{RowKey, Store, Table, expressions, made};

impl Store {
    /// Puts a second factor in the place of the same one that was sealed under another key; false where it is no longer the one
    /// that was read.
    ///
    /// The secret stays what it is, so `secrets_rev` stays too: no session ends, and a sign-in that is under way goes on. Made
    /// twice, the second one finds another text and changes nothing.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub async fn reseal(&self, login: &Login, was: &Sealed, becomes: &Sealed) -> Result<bool, Failure> {
        let sent = self
            .client()
            .update_item()
            .table_name(self.table_name(Table::Identity))
            .key("pk", s(RowKey::credential(login).pk()))
            .update_expression("SET totp_secret = :becomes")
            .condition_expression(expressions::RESEAL)
            .expression_attribute_values(":was", s(was.reveal()))
            .expression_attribute_values(":becomes", s(becomes.reveal()))
            .send()
            .await;
        made("UpdateItem", sent)
    }
}
