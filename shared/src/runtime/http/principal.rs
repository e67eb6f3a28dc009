use lambda_http::Request;

use super::{audit, source};
use crate::dialect::holdfast::{self, Refusal};
use crate::id::Company;
use crate::identity::{Bearer, Principal, identify_principal};
use crate::lock::Timestamp;
use crate::runtime::{App, request_id};
use crate::store::{RowKey, Rows};

/// Who calls Holdfast's own API, and the rows that `also` names in their company.
///
/// # Errors
/// [`Refusal::Unauthorized`] where no token is sent that opens it; [`Refusal::Failed`].
pub async fn principal(
    app: &App,
    request: &Request,
    also: impl Fn(&Company) -> Vec<RowKey>,
    now: Timestamp,
) -> Result<(Principal, Rows), Refusal> {
    let bearer = holdfast::bearer_text(request.headers())
        .and_then(Bearer::parse)
        .ok_or(Refusal::Unauthorized)?;
    let (source, request_id) = (source(request).address(), request_id(request));
    let (principal, rows) = identify_principal(&app.store, &bearer, source, also, now, &request_id).await?;
    audit(request).actor(&principal.company, &principal.login);
    Ok((principal, rows))
}
