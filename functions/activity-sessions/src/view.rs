use holdfast::dialect::netwrix;
use holdfast::lock::{Lock, Timestamp};
use holdfast::store::{ActivitySessionRow, UserRow};
use serde_json::{Value, json};

/// A session as the product shows it. It reads as locked by a lock on itself or on its user's account; where both
/// apply, the account's shows.
pub(crate) fn session(session: &ActivitySessionRow, user: Option<&UserRow>, now: Timestamp) -> Value {
    let account = user.and_then(|user| user.lock.state.live(now));
    let own = session.lock.state.live(now);
    let shown: Option<(&str, &Lock)> = account
        .map(|lock| (netwrix::account_lock_title(lock), lock))
        .or_else(|| own.map(|lock| (netwrix::session_lock_title(lock), lock)));
    json!({
        "id": session.id.to_string(),
        "createdBy": session.user.as_str(),
        "createdByUserName": session.user_name,
        "createdDateTimeUtc": session.created_at.to_string(),
        "managedAccountId": null,
        "managedResourceId": session.resource.to_string(),
        "managedResourceName": session.resource_name,
        "activityName": session.activity,
        "note": session.note,
        "status": session.status.number(),
        "actualStartDateTimeUtc": session.started_at.map(|at| at.to_string()),
        "actualEndDateTimeUtc": session.ended_at.map(|at| at.to_string()),
        "locked": shown.is_some(),
        "lockedMessage": shown.and_then(|(_, lock)| lock.message.as_deref()),
        "lockedTitle": shown.map(|(title, _)| title),
        "lockedBy": shown.map(|(_, lock)| lock.owner.as_str()),
    })
}
