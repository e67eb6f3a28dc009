use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;

use super::StoredRow;
use crate::failure::Failure;
use crate::store::read::key_of;
use crate::store::{Store, Table, classify};

const OPERATION: &str = "Scan";
/// How many parts of a table are read at once.
const SEGMENTS: i32 = 8;

impl Store {
    /// The rows of a table whose keys begin with one of `prefixes`, tombstones too. It reads the whole table once, in parts
    /// at the same time: for operators alone, no function may.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub async fn scan_kinds(&self, table: Table, prefixes: &[&str]) -> Result<Vec<StoredRow>, Failure> {
        let segments = (0..SEGMENTS).map(|segment| self.scan_segment(table, prefixes, segment));
        Ok(try_join_all(segments).await?.into_iter().flatten().collect())
    }

    async fn scan_segment(
        &self,
        table: Table,
        prefixes: &[&str],
        segment: i32,
    ) -> Result<Vec<StoredRow>, Failure> {
        let filter: Vec<String> = (0..prefixes.len())
            .map(|place| format!("begins_with(pk, :prefix{place})"))
            .collect();
        let values = prefixes
            .iter()
            .enumerate()
            .map(|(place, prefix)| (format!(":prefix{place}"), AttributeValue::S((*prefix).to_owned())));
        let mut pages = self
            .client()
            .scan()
            .table_name(self.table_name(table))
            .consistent_read(true)
            .filter_expression(filter.join(" OR "))
            .set_expression_attribute_values(Some(values.collect()))
            .segment(segment)
            .total_segments(SEGMENTS)
            .into_paginator()
            .send();
        let mut rows = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| classify(OPERATION, &error))?;
            for item in page.items.unwrap_or_default() {
                rows.push(StoredRow::new(key_of(table, &item)?, item));
            }
        }
        Ok(rows)
    }
}
