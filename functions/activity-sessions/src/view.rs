use holdfast::dialect::{Node, netwrix};
use holdfast::lock::{Lock, Timestamp};
use holdfast::store::{ActivitySessionRow, UserRow};

/// A session as the product shows it. It reads as locked by a lock on itself or on its user's account; where both
/// apply, the account's shows.
pub(crate) fn session(session: &ActivitySessionRow, user: Option<&UserRow>, now: Timestamp) -> Node {
    let account = user.and_then(|user| user.lock.state.live(now));
    let own = session.lock.state.live(now);
    let shown: Option<(&str, &Lock)> = account
        .map(|lock| (netwrix::account_lock_title(lock), lock))
        .or_else(|| own.map(|lock| (netwrix::session_lock_title(lock), lock)));
    let moment = |at: Option<Timestamp>| Node::optional(at.map(|at| at.to_string()));
    Node::Members(vec![
        ("id", Node::text(session.id.to_string())),
        ("createdBy", Node::text(session.user.as_str())),
        ("createdByUserName", Node::text(&session.user_name)),
        ("createdDateTimeUtc", moment(Some(session.created_at))),
        ("managedAccountId", Node::Null),
        ("managedResourceId", Node::text(session.resource.to_string())),
        ("managedResourceName", Node::text(&session.resource_name)),
        ("activityName", Node::text(&session.activity)),
        ("note", Node::optional(session.note.as_deref())),
        ("status", Node::Number(i64::from(session.status.number()))),
        ("actualStartDateTimeUtc", moment(session.started_at)),
        ("actualEndDateTimeUtc", moment(session.ended_at)),
        ("locked", Node::Bool(shown.is_some())),
        (
            "lockedMessage",
            Node::optional(shown.and_then(|(_, lock)| lock.message.as_deref())),
        ),
        ("lockedTitle", Node::optional(shown.map(|(title, _)| title))),
        (
            "lockedBy",
            Node::optional(shown.map(|(_, lock)| lock.owner.as_str())),
        ),
    ])
}
