//! The use of an Aktion token.

use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::item::{ms, n, s};
use super::rows::ApiSessionRow;
use super::{RowKey, Store, Table, expressions, failed_condition};
use crate::failure::Failure;
use crate::id::RequestId;
use crate::lock::Timestamp;
use crate::secret::ApiToken;

/// What the use of an Aktion token met.
#[derive(Clone, Debug)]
pub(crate) enum TokenUse {
    /// The token serves this request, and one fewer from now on.
    Counted(ApiSessionRow),
    /// The token has run out, has served all it may, or was counted for this very invocation before.
    NotCounted(ApiSessionRow),
    /// No Aktion session has this token.
    Unknown,
}

impl Store {
    /// Uses a token for one request. One conditional write authenticates the caller and counts the request; the failed
    /// write's own row says what was wrong.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub(crate) async fn use_api_token(
        &self,
        token: &ApiToken,
        now: Timestamp,
        request_id: &RequestId,
    ) -> Result<TokenUse, Failure> {
        let sent = self
            .client()
            .update_item()
            .table_name(self.table_name(Table::Identity))
            .key("pk", s(RowKey::api_session_of(token).pk()))
            .update_expression("SET served = served + :one, last_request = :request")
            .condition_expression(expressions::USE_API_TOKEN)
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":now", ms(now))
            .expression_attribute_values(":request", s(request_id.as_str()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let (row, used): (_, fn(ApiSessionRow) -> TokenUse) = match sent {
            Ok(answer) => (answer.attributes, TokenUse::Counted),
            Err(error) => (failed_condition(error)?, TokenUse::NotCounted),
        };
        let row = row.map(ApiSessionRow::parse).transpose()?.flatten();
        Ok(row.map_or(TokenUse::Unknown, used))
    }
}
