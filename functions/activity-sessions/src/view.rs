use holdfast::dialect::netwrix;
use holdfast::lock::{Lock, Timestamp};
use holdfast::store::{ActivitySessionRow, UserRow};
use serde::Serialize;

/// A session as the product shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionView<'a> {
    id: String,
    created_by: &'a str,
    created_by_user_name: &'a str,
    created_date_time_utc: String,
    managed_account_id: Option<&'a str>,
    managed_resource_id: String,
    managed_resource_name: &'a str,
    activity_name: &'a str,
    note: Option<&'a str>,
    status: i8,
    actual_start_date_time_utc: Option<String>,
    actual_end_date_time_utc: Option<String>,
    locked: bool,
    locked_message: Option<&'a str>,
    locked_title: Option<&'a str>,
    locked_by: Option<&'a str>,
}

/// The session reads as locked by a lock on itself or on its user's account; where both apply, the account's shows.
pub(crate) fn session<'a>(
    session: &'a ActivitySessionRow,
    user: Option<&'a UserRow>,
    now: Timestamp,
) -> SessionView<'a> {
    let account = user.and_then(|user| user.lock.state.live(now));
    let own = session.lock.state.live(now);
    let shown: Option<(&str, &Lock)> = account
        .map(|lock| (netwrix::account_lock_title(lock), lock))
        .or_else(|| own.map(|lock| (netwrix::session_lock_title(lock), lock)));
    let moment = |at: Option<Timestamp>| at.map(|at| at.to_string());
    SessionView {
        id: session.id.to_string(),
        created_by: session.user.as_str(),
        created_by_user_name: &session.user_name,
        created_date_time_utc: session.created_at.to_string(),
        managed_account_id: None,
        managed_resource_id: session.resource.to_string(),
        managed_resource_name: &session.resource_name,
        activity_name: &session.activity,
        note: session.note.as_deref(),
        status: session.status.number(),
        actual_start_date_time_utc: moment(session.started_at),
        actual_end_date_time_utc: moment(session.ended_at),
        locked: shown.is_some(),
        locked_message: shown.and_then(|(_, lock)| lock.message.as_deref()),
        locked_title: shown.map(|(title, _)| title),
        locked_by: shown.map(|(_, lock)| lock.owner.as_str()),
    }
}
