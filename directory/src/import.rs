use std::collections::HashMap;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use holdfast::failure::Failure;
use holdfast::lock::Timestamp;
use holdfast::secret::{PasswordHash, hash_password};
use thiserror::Error;

use holdfast::store::{Item, NewActivitySession, NewCredential, NewDevice, NewUser, RowKey, Store, Table};

use crate::{Directory, Secret};

/// `BatchGetItem` takes at most this many keys.
const KEYS_PER_READ: usize = 100;

/// Why a directory is not entered: one line.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The store failed.
    #[error("the directory cannot be entered: {0}")]
    Failed(#[from] Failure),
    /// The store refused a row.
    #[error("the directory cannot be entered: {0}")]
    Refused(#[from] aws_sdk_dynamodb::Error),
    /// A password could not be hashed.
    #[error("a password cannot be hashed: {0}")]
    Unhashed(String),
}

/// Enters a directory into the store. What is there already stays as it is, locks and all.
///
/// # Errors
/// [`ImportError`]; what was entered before it stays, and the same call goes on from there.
pub async fn import(store: &Store, directory: &Directory, now: Timestamp) -> Result<(), ImportError> {
    for company in &directory.companies {
        let licences = company.licences.iter().cloned().map(AttributeValue::S).collect();
        let row = HashMap::from([
            (
                "pk".to_owned(),
                AttributeValue::S(RowKey::company(&company.id).pk().to_owned()),
            ),
            (
                "company".to_owned(),
                AttributeValue::S(company.id.as_str().to_owned()),
            ),
            ("company_name".to_owned(), AttributeValue::S(company.name.clone())),
            ("licences".to_owned(), AttributeValue::L(licences)),
            ("rev".to_owned(), AttributeValue::N("1".to_owned())),
        ]);
        enter(store, Table::Resources, row).await?;
    }
    for users in directory.users.chunks(KEYS_PER_READ) {
        let keys: Vec<RowKey> = users.iter().map(|user| RowKey::credential(&user.login)).collect();
        let mut known = store.read(&keys).await?;
        for (user, key) in users.iter().zip(&keys) {
            let row = NewUser {
                company: &user.company,
                login: &user.login,
                name: &user.name,
                roles: &user.roles,
                groups: &user.groups,
                privileges: &user.privileges,
                record_group: &user.record_group,
                editable_groups: &user.editable_groups,
                ip_filter: &user.ip_filter,
                rate_policy: &user.rate_policy.to_string(),
                sources: &user.sources,
                system: user.system,
                mfa_required: user.mfa_required,
            };
            enter(store, Table::Resources, row.to_item(now)).await?;
            // Hashing takes its time: not for a credential that is there.
            if known.take(key).is_none() {
                let password_hash = &hash(&user.secret).await?;
                let row = NewCredential {
                    company: &user.company,
                    login: &user.login,
                    password_hash,
                    totp_secret: user.totp_secret.as_ref(),
                    api_key_hash: user.api_key.as_ref(),
                };
                enter(store, Table::Identity, row.to_item()).await?;
            }
        }
    }
    for device in &directory.devices {
        let row = NewDevice {
            company: &device.company,
            id: &device.id,
            name: &device.name,
            ip: &device.ip,
            description: &device.description,
        };
        enter(store, Table::Resources, row.to_item(now)).await?;
    }
    for resource in &directory.resources {
        for row in resource.to_items() {
            enter(store, Table::Resources, row).await?;
        }
    }
    for session in &directory.activity_sessions {
        let row = NewActivitySession {
            company: &session.resource.company,
            id: session.id,
            user: &session.user.login,
            user_name: &session.user.name,
            resource: session.resource.id,
            resource_name: &session.resource.name,
            activity: &session.activity,
            note: None,
        };
        enter(store, Table::Resources, row.to_item(now)).await?;
    }
    Ok(())
}

/// Whether anyone can sign in already.
///
/// # Errors
/// [`ImportError`] where the store cannot be read.
pub async fn has_people(store: &Store) -> Result<bool, ImportError> {
    let mut pages = store
        .client()
        .scan()
        .table_name(store.table_name(Table::Identity))
        .consistent_read(true)
        .projection_expression("pk")
        .filter_expression("begins_with(pk, :credential)")
        .expression_attribute_values(":credential", AttributeValue::S("credential/".to_owned()))
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(aws_sdk_dynamodb::Error::from)?;
        if page.count() > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn hash(secret: &Secret) -> Result<PasswordHash, ImportError> {
    match secret {
        Secret::Hash(hash) => Ok(hash.clone()),
        Secret::Password(password) => {
            let password = password.clone();
            tokio::task::spawn_blocking(move || hash_password(&password))
                .await
                .map_err(|error| ImportError::Unhashed(error.to_string()))?
                .map_err(|error| ImportError::Unhashed(error.to_string()))
        }
    }
}

async fn enter(store: &Store, table: Table, row: Item) -> Result<(), ImportError> {
    let sent = store
        .client()
        .put_item()
        .table_name(store.table_name(table))
        .set_item(Some(row))
        // Two starts on the same data: the second one must not free what is locked.
        .condition_expression("attribute_not_exists(pk)")
        .send()
        .await;
    match sent {
        Ok(_) => Ok(()),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(PutItemError::is_conditional_check_failed_exception) =>
        {
            Ok(())
        }
        Err(error) => Err(aws_sdk_dynamodb::Error::from(error).into()),
    }
}
