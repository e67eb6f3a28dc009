//! Whether a table is the one that it is taken for.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, KeySchemaElement, KeyType, ProjectionType, ScalarAttributeType, StreamViewType,
    TableDescription, TimeToLiveStatus,
};
use thiserror::Error;

use crate::failure::Failure;
use crate::store::schema::{HISTORY, IDENTITY, RESOURCES};
use crate::store::{GlobalIndex, Store, Table, TableDefinition, classify};

/// Why a table is not the one that it is taken for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TableFault {
    /// There is no table of this name.
    #[error("there is no table of this name")]
    Missing,
    /// Its keys, indexes, time to live or stream are others: what it should have.
    #[error("it does not have {0}")]
    Different(String),
    /// It could not be looked at.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Table {
    /// What defines it.
    const fn definition(self) -> &'static TableDefinition {
        match self {
            Self::Resources => &RESOURCES,
            Self::Identity => &IDENTITY,
            Self::History => &HISTORY,
        }
    }
}

impl Store {
    /// The label of a table's stream, by which a stack that adopts the table finds it; `None` where it has none.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub async fn stream_label(&self, table: Table) -> Result<Option<String>, Failure> {
        let name = self.table_name(table);
        let answer = self.client().describe_table().table_name(name).send().await;
        let described = answer.map_err(|error| classify("DescribeTable", &error))?;
        Ok(described.table.and_then(|table| table.latest_stream_label))
    }

    /// Compares a table with its definition: keys, indexes, time to live and stream.
    ///
    /// # Errors
    /// [`TableFault`], with the first difference.
    pub async fn check_table(&self, table: Table) -> Result<(), TableFault> {
        let (name, definition) = (self.table_name(table), table.definition());
        let answer = self.client().describe_table().table_name(name).send().await;
        let described = answer.map_err(|error| {
            let is_missing = error
                .as_service_error()
                .is_some_and(DescribeTableError::is_resource_not_found_exception);
            if is_missing {
                TableFault::Missing
            } else {
                classify("DescribeTable", &error).into()
            }
        })?;
        differing(
            &described
                .table
                .unwrap_or_else(|| TableDescription::builder().build()),
            definition,
        )
        .map_or(Ok(()), |what| Err(TableFault::Different(what)))?;
        let answer = self
            .client()
            .describe_time_to_live()
            .table_name(name)
            .send()
            .await;
        let described = answer.map_err(|error| classify("DescribeTimeToLive", &error))?;
        let time_to_live = described.time_to_live_description.filter(|described| {
            matches!(
                described.time_to_live_status,
                Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
            )
        });
        let attribute = time_to_live.and_then(|described| described.attribute_name);
        if attribute.as_deref() == definition.time_to_live {
            return Ok(());
        }
        Err(TableFault::Different(match definition.time_to_live {
            Some(attribute) => format!("a time to live in {attribute}"),
            None => "rows that stay: a time to live is switched on".to_owned(),
        }))
    }
}

/// What a table should have and does not.
fn differing(table: &TableDescription, definition: &TableDefinition) -> Option<String> {
    let texts: BTreeSet<&str> = table
        .attribute_definitions()
        .iter()
        .filter(|attribute| *attribute.attribute_type() == ScalarAttributeType::S)
        .map(AttributeDefinition::attribute_name)
        .collect();
    let wanted = (definition.partition_key, definition.sort_key);
    if !has_key(table.key_schema(), wanted, &texts) {
        return Some(match wanted {
            (partition, Some(sort)) => format!("the key {partition} and {sort}"),
            (partition, None) => format!("the key {partition} alone"),
        });
    }
    let missing = definition
        .indexes
        .iter()
        .find(|index| !has_index(table, index, &texts));
    if let Some(index) = missing {
        return Some(format!("the index {}", index.name));
    }
    if table.global_secondary_indexes().len() > definition.indexes.len() {
        return Some("these indexes alone".to_owned());
    }
    let view = table
        .stream_specification()
        .filter(|stream| stream.stream_enabled())
        .and_then(|stream| stream.stream_view_type());
    let has_stream = view == Some(&StreamViewType::NewAndOldImages);
    (definition.has_stream && !has_stream)
        .then(|| "a stream with the row before and after each write".to_owned())
}

fn has_index(table: &TableDescription, wanted: &GlobalIndex, texts: &BTreeSet<&str>) -> bool {
    let projection = if wanted.has_whole_rows {
        ProjectionType::All
    } else {
        ProjectionType::KeysOnly
    };
    table.global_secondary_indexes().iter().any(|index| {
        index.index_name() == Some(wanted.name)
            && has_key(index.key_schema(), (wanted.hash, Some(wanted.range)), texts)
            && index
                .projection()
                .and_then(|projection| projection.projection_type())
                == Some(&projection)
    })
}

fn has_key(schema: &[KeySchemaElement], wanted: (&str, Option<&str>), texts: &BTreeSet<&str>) -> bool {
    let of = |kind: &KeyType| {
        let element = schema.iter().find(|element| element.key_type() == kind);
        element.map(KeySchemaElement::attribute_name)
    };
    let (partition, sort) = (of(&KeyType::Hash), of(&KeyType::Range));
    (partition, sort) == (Some(wanted.0), wanted.1)
        && [partition, sort]
            .into_iter()
            .flatten()
            .all(|name| texts.contains(name))
}
