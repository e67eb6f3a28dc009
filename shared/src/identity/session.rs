use std::time::Duration;

use super::Caller;
use crate::failure::Failure;
use crate::id::RequestId;
use crate::lock::Timestamp;
use crate::secret::Token;
use crate::store::{RowKey, SessionRow, Store};

/// An idle session's life is prolonged at most this often.
const SLIDE_AT_MOST_EVERY: Duration = Duration::from_mins(1);

/// Prolongs the idle session that `caller` is using, at most once a minute. A session that has died since it was read
/// stays dead, and a failure is logged and changes nothing for the request: the next use slides it.
pub async fn slide(store: &Store, caller: &Caller, now: Timestamp) {
    let (key, session) = caller.session();
    let Some(expires_at) = slid(session, now) else {
        return;
    };
    if let Err(error) = store.prolong_session(key, expires_at, now).await {
        tracing::warn!(%error, "a session was not prolonged");
    }
}

/// Issues a further token for the sign-in that `caller` calls with. The token that they hold stays valid until
/// its own expiry, and the new one carries the fence of the same sign-in: a lock on the account ends both.
///
/// # Errors
/// Whatever the store reports.
pub async fn renew_token(
    store: &Store,
    caller: &Caller,
    now: Timestamp,
    request_id: &RequestId,
) -> Result<Token, Failure> {
    let (_, session) = caller.session();
    let token = Token::issue(&session.company, &session.login)?;
    let row = session
        .renewed(now)
        .to_item(&RowKey::session_of(&token), request_id);
    store.put_session(row).await?;
    Ok(token)
}

/// The later end that using the session now gives it; `None` while the last one is less than a minute old.
fn slid(session: &SessionRow, now: Timestamp) -> Option<Timestamp> {
    if !session.kind.slides() {
        return None;
    }
    let expires_at = session.kind.expires_at(session.signed_in_at, now);
    (expires_at.since(session.expires_at) >= SLIDE_AT_MOST_EVERY).then_some(expires_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Company, Login};
    use crate::store::{AccountVersion, SessionKind};

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn slides_at_most_once_a_minute_and_never_past_its_lifetime() {
        let mut session = SessionRow::begin(
            SessionKind::Sdm,
            Company::try_from("1").unwrap(),
            Login::try_from("alice").unwrap(),
            AccountVersion::default(),
            Timestamp::from_unix_ms(0),
        );
        let at = |minutes: u32| Timestamp::from_unix_ms(0).plus(MINUTE * minutes);
        assert_eq!(session.expires_at, at(30));
        assert_eq!(slid(&session, Timestamp::from_unix_ms(59_999)), None);
        assert_eq!(slid(&session, at(1)), Some(at(31)));
        session.expires_at = at(710);
        assert_eq!(slid(&session, at(700)), Some(at(720)));
        session.expires_at = at(720);
        assert_eq!(slid(&session, at(719)), None);
    }
}
