use super::StoredRow;
use crate::failure::{Corrupt, Failure};
use crate::id::Login;
use crate::store::item::n;
use crate::store::rows::{Counter, SourceRow, StrangersRow};
use crate::store::{RowKey, Store, Table, expressions, made};

/// A row that counts attempts to sign in.
#[derive(Clone, Debug)]
pub enum AttemptsRow {
    /// From one source: its address or network, and what was tried from there.
    Source(String, Login, SourceRow),
    /// From all sources that the user has not signed in from.
    Strangers(Login, StrangersRow),
}

impl AttemptsRow {
    /// What the keys of such rows begin with.
    pub const PREFIX: &str = "attempts/";

    /// Reads a row; `None` for one that counts something else.
    ///
    /// # Errors
    /// [`Corrupt`] where it cannot be understood.
    pub fn parse(row: &StoredRow) -> Result<Option<Self>, Corrupt> {
        let of = row.key().pk().strip_prefix(Self::PREFIX);
        let Some((source, login)) = of.and_then(|of| of.split_once('/')) else {
            return Ok(None);
        };
        let login = Login::try_from(login).map_err(|_| Corrupt { attribute: "pk" })?;
        let item = row.item().clone();
        Ok(Some(if source == "strangers" {
            Self::Strangers(login, StrangersRow::parse(item)?)
        } else {
            Self::Source(source.to_owned(), login, SourceRow::parse(item)?)
        }))
    }

    /// Whose attempts they are.
    #[must_use]
    pub const fn login(&self) -> &Login {
        match self {
            Self::Source(_, login, _) | Self::Strangers(login, _) => login,
        }
    }
}

impl Store {
    /// Takes back what a row of attempts has counted. Where the user has signed in from stays known.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub async fn clear_attempts(&self, key: &RowKey) -> Result<(), Failure> {
        let sent = self
            .client()
            .update_item()
            .table_name(self.table_name(Table::Identity))
            .key("pk", crate::store::item::s(key.pk()))
            .update_expression("SET #passwords = :none, #codes = :none")
            .condition_expression(expressions::ATTEMPTS_EXIST)
            .expression_attribute_names("#passwords", Counter::Passwords.attempts())
            .expression_attribute_names("#codes", Counter::Codes.attempts())
            .expression_attribute_values(":none", n(0))
            .send()
            .await;
        made("UpdateItem", sent).map(drop)
    }
}
