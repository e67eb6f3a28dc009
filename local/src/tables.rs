//! Creates the tables from their one definition (`holdfast::store::RESOURCES`, `IDENTITY`, `HISTORY`).

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType, TimeToLiveSpecification,
};
use holdfast::store::{HISTORY, IDENTITY, RESOURCES, Store, Table, TableDefinition};

use crate::StartError;

/// Creates what is missing; tables that are there stay as they are.
pub(crate) async fn create(store: &Store) -> Result<(), StartError> {
    let tables = [
        (Table::Resources, &RESOURCES),
        (Table::Identity, &IDENTITY),
        (Table::History, &HISTORY),
    ];
    for (table, definition) in tables {
        create_table(store, store.table_name(table), definition)
            .await
            .map_err(|error| StartError::new("a table cannot be created", error))?;
    }
    Ok(())
}

async fn create_table(
    store: &Store,
    name: &str,
    definition: &TableDefinition,
) -> Result<(), aws_sdk_dynamodb::Error> {
    let mut attributes = vec![definition.partition_key];
    let mut create = store
        .client()
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key(definition.partition_key, KeyType::Hash)?);
    if let Some(sort_key) = definition.sort_key {
        attributes.push(sort_key);
        create = create.key_schema(key(sort_key, KeyType::Range)?);
    }
    if definition.has_stream {
        create = create.stream_specification(
            StreamSpecification::builder()
                .stream_enabled(true)
                .stream_view_type(StreamViewType::NewAndOldImages)
                .build()?,
        );
    }
    for index in definition.indexes {
        attributes.extend([index.hash, index.range]);
        create = create.global_secondary_indexes(
            GlobalSecondaryIndex::builder()
                .index_name(index.name)
                .key_schema(key(index.hash, KeyType::Hash)?)
                .key_schema(key(index.range, KeyType::Range)?)
                .projection(
                    Projection::builder()
                        .projection_type(if index.has_whole_rows {
                            ProjectionType::All
                        } else {
                            ProjectionType::KeysOnly
                        })
                        .build(),
                )
                .build()?,
        );
    }
    attributes.sort_unstable();
    attributes.dedup();
    for attribute in attributes {
        create = create.attribute_definitions(
            AttributeDefinition::builder()
                .attribute_name(attribute)
                .attribute_type(ScalarAttributeType::S)
                .build()?,
        );
    }
    match create.send().await {
        Ok(_) => {}
        Err(error)
            if error.as_service_error().is_some_and(
                aws_sdk_dynamodb::operation::create_table::CreateTableError::is_resource_in_use_exception,
            ) =>
        {
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    }
    if let Some(attribute) = definition.time_to_live {
        store
            .client()
            .update_time_to_live()
            .table_name(name)
            .time_to_live_specification(
                TimeToLiveSpecification::builder()
                    .enabled(true)
                    .attribute_name(attribute)
                    .build()?,
            )
            .send()
            .await?;
    }
    Ok(())
}

fn key(attribute: &str, key_type: KeyType) -> Result<KeySchemaElement, aws_sdk_dynamodb::error::BuildError> {
    KeySchemaElement::builder()
        .attribute_name(attribute)
        .key_type(key_type)
        .build()
}
