use std::collections::HashMap;

use super::StoredRow;
use crate::failure::Failure;
use crate::store::item::s;
use crate::store::read::key_of;
use crate::store::{RowKey, Store, Table, classify};

const OPERATION: &str = "Scan";

/// A part of a table.
#[derive(Clone, Debug)]
pub struct StoredPage {
    /// The rows, in no order.
    pub rows: Vec<StoredRow>,
    /// Where the next part begins, where there is one.
    pub next: Option<RowKey>,
}

impl Store {
    /// The rows of a table whose keys begin with `prefix`, part by part, tombstones too. It reads the whole table, about a
    /// megabyte at a time: for operators alone, no function may.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub async fn scan(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&RowKey>,
    ) -> Result<StoredPage, Failure> {
        let start = after.map(|key| HashMap::from([("pk".to_owned(), s(key.pk()))]));
        let answer = self
            .client()
            .scan()
            .table_name(self.table_name(table))
            .consistent_read(true)
            .filter_expression("begins_with(pk, :prefix)")
            .expression_attribute_values(":prefix", s(prefix))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| classify(OPERATION, &error))?;
        let mut rows = Vec::new();
        for item in answer.items.unwrap_or_default() {
            rows.push(StoredRow::new(key_of(table, &item)?, item));
        }
        let next = answer.last_evaluated_key.as_ref();
        Ok(StoredPage {
            rows,
            next: next.map(|key| key_of(table, key)).transpose()?,
        })
    }

    /// All of them.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub async fn scan_all(&self, table: Table, prefix: &str) -> Result<Vec<StoredRow>, Failure> {
        let mut rows = Vec::new();
        let mut after = None;
        loop {
            let page = self.scan(table, prefix, after.as_ref()).await?;
            rows.extend(page.rows);
            after = page.next;
            if after.is_none() {
                return Ok(rows);
            }
        }
    }
}
