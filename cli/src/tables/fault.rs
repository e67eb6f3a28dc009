//! What is wrong between the operator and the tables, each in one line with what to do.

use aws_sdk_sts::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use holdfast::failure::Failure as StoreFailure;
use holdfast::store::{Store, Table, TableFault};

use crate::exit::{Exit, Failure};

/// What a failure of the store means for the command.
pub(crate) fn of_store(failure: StoreFailure) -> Failure {
    match failure {
        StoreFailure::Unavailable(cause) => Failure::new(
            Exit::TryAgain,
            format!("the tables do not answer ({cause}): check the region and the network, and try again"),
        ),
        StoreFailure::Denied(cause) => Failure::failed(format!(
            "AWS refuses these credentials ({cause}): sign in again, or use a role that may read and write the tables"
        )),
        StoreFailure::Refused(cause) if cause.ends_with("ResourceNotFoundException") => {
            Failure::failed(format!(
                "there is no such table ({cause}): check the region and the names, which are the stack's outputs"
            ))
        }
        other => Failure::failed(other.to_string()),
    }
}

/// Why a table is not the one that it is taken for.
pub(super) fn of_table(store: &Store, table: Table, fault: TableFault) -> Failure {
    let (name, output, option) = match table {
        Table::Resources => (store.table_name(table), "ResourcesTableName", "--resources-table"),
        Table::Identity => (store.table_name(table), "IdentityTableName", "--identity-table"),
        Table::History => (
            store.table_name(table),
            "HistoryTableName",
            "HOLDFAST_HISTORY_TABLE",
        ),
    };
    match fault {
        TableFault::Missing => Failure::failed(format!(
            "there is no table {name} in this account and region: check --region, and {option} against the stack's output \
             {output}"
        )),
        TableFault::Different(what) => Failure::failed(format!(
            "the table {name} is not the stack's {output}, for it does not have {what}: check {option}; are two of the \
             tables swapped?"
        )),
        TableFault::Failed(failure) => of_store(failure),
    }
}

/// Why AWS does not say who the caller is.
pub(super) fn of_identity<E>(error: &SdkError<E>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error {
        SdkError::ServiceError(_) => of_store(StoreFailure::Denied(format!(
            "GetCallerIdentity: {}",
            error.code().unwrap_or("no code")
        ))),
        _ => Failure::new(
            Exit::TryAgain,
            format!(
                "AWS does not say who you are ({}): check the region and the network, and try again",
                DisplayErrorContext(error)
            ),
        ),
    }
}
