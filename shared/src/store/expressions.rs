//! The conditions of every write, by name. A condition is where a race is decided: the table applies it and
//! the write as one step, so what it says holds even where the deciding code errs.

/// Two callers want the same free lock, or one of them acts on a state that has passed.
///
/// The lock must be free, or have run out, *and* the row must be the one that was decided on. An absent row has
/// no `rev`, so nothing is ever created by locking it.
pub const ACQUIRE: &str = "rev = :seen AND (attribute_not_exists(lock_owner) OR lock_until <= :now)";

/// The owner renews while the lease runs out and someone else takes over: only the owner's own tenure is renewed.
pub const RENEW: &str = "rev = :seen AND lock_owner = :me";

/// A late unlock meets the successor's lock: without the owner in the condition it would free it.
pub const RELEASE: &str = "rev = :seen AND lock_owner = :me";

/// A break meets the lock of a successor, or the break that another caller made: one tenure is broken once, and no
/// other in its place.
pub const BREAK: &str = "rev = :seen AND fence = :fence AND lock_owner = :was";

/// A break meets renewals of an owner who renews as fast as he can, in many loops at once: under the revision it could
/// lose to them for ever. Renewals keep the fence, and whatever ends the tenure changes it or takes the owner off, so the
/// tenure alone says what the break may end.
pub const BREAK_AT_ANY_REVISION: &str = "fence = :fence AND lock_owner = :was";

/// A break that goes by its tenure alone is the row's first change in an epoch, and meets a renewal that would be: one of
/// them gets the epoch's first number, and the other the next.
pub const CHANGE_BEFORE_EPOCH: &str = "(attribute_not_exists(change) OR change < :first_change)";

/// A break meets a lease that has run out, while its owner locks again or someone else takes over: what is taken off
/// the row is what has run out.
pub const CLEAR: &str = "rev = :seen AND fence = :fence AND lock_until <= :now";

/// Two callers lock a pair that was never locked: the row that one of them makes is not made again.
pub const ACQUIRE_ABSENT: &str = "attribute_not_exists(pk)";

/// A late write of a request that was answered before arrives after this answer: a touch raises the revision under
/// this condition, so that the late write finds another one. In a plan it also keeps a lock that needs no change as it
/// is until the others are written.
pub const TOUCH: &str = "rev = :seen";

/// The same for a pair that was never locked: the touch makes its row, free and with fence zero.
pub const TOUCH_ABSENT: &str = "attribute_not_exists(pk)";

/// The stream hands a write over more than once: the first record of a change stays.
pub const CHANGE_ABSENT: &str = "attribute_not_exists(pk)";

/// A session is ended while it is locked, or the other way round: the second sees what the first did.
pub const END_ACTIVITY_SESSION: &str = "rev = :seen";

/// Two sessions under one id, which would need a collision of 122 random bits: refused rather than overwritten.
pub const ACTIVITY_SESSION_ABSENT: &str = "attribute_not_exists(pk)";

/// A session is opened while its user is locked out of the resource.
pub const ACCESS_FREE: &str =
    "attribute_not_exists(pk) OR attribute_not_exists(lock_owner) OR lock_until <= :now";

/// Parallel guesses from one source: an attempt is counted before it is verified, and never past the limit.
///
/// The same invocation counts once, however often the SDK sends it.
pub const RESERVE_ATTEMPT: &str = "(attribute_not_exists(#attempts) OR #attempts < :limit) \
     AND (attribute_not_exists(last_request) OR last_request <> :request)";

/// The first attempts after a lockout: one of them starts the count over, and the others then count on.
pub const RESERVE_ATTEMPT_AFTER_LOCKOUT: &str = "#attempts >= :limit AND #attempt_at <= :lockout_over \
     AND (attribute_not_exists(last_request) OR last_request <> :request)";

/// Parallel guesses from many sources: strangers have one count for each login, and none gets past it.
pub const RESERVE_AMONG_STRANGERS: &str = "attribute_not_exists(#attempts) OR #attempts < :limit";

/// The first attempts of strangers when the day of the last count is over: one of them begins the next day, and the
/// others then count on.
pub const RESERVE_ON_THE_NEXT_DAY: &str = "#since <= :day_over";

/// The account is locked, or locked and unlocked again, while its owner signs in, opens an activity session or locks
/// an account: nothing may come of it. Two administrators who lock each other at the same moment meet here, so that
/// one of them can always act.
///
/// An operator disables or removes the user, changes their secrets or ends their sessions at that moment: each of these
/// raises `revocations`, which once raised is never taken off.
pub const USER_STILL_UNLOCKED: &str = "fence = :known_fence \
     AND (attribute_not_exists(revocations) OR revocations = :known_revocations) \
     AND (attribute_not_exists(lock_owner) OR lock_until <= :now)";

/// Two sessions under one token, which would need a collision of 256 random bits: refused rather than overwritten.
pub const SESSION_ABSENT: &str = "attribute_not_exists(pk)";

/// A code is tried that has been accepted since the credential was read: not counted as a wrong one.
///
/// On the credential, and on the row of a source for what was accepted from there.
pub const STEP_NOT_ACCEPTED: &str = "attribute_not_exists(totp_step) OR totp_step < :step";

/// One code in two requests at the same moment: one of them is accepted. And a second factor is changed while the
/// code of the old one is on its way.
pub const ACCEPT_STEP: &str =
    "secrets_rev = :seen AND (attribute_not_exists(totp_step) OR totp_step < :step)";

/// Requests with one token at the same moment, of which the last ones are over the limit: counting is the
/// authentication. The same invocation counts once, however often the SDK sends it.
pub const USE_API_TOKEN: &str =
    "attribute_exists(served) AND expires_at > :now AND served < request_limit AND last_request <> :request";

/// Someone guesses at a login that does not exist, or has been removed: nothing is written for it.
pub const CREDENTIAL_EXISTS: &str = "attribute_exists(pk) AND attribute_not_exists(removed_at)";

/// The password, second factor or API key is changed after it was read and verified: the old one opens no session.
pub const SECRETS_UNCHANGED: &str = "secrets_rev = :seen";

/// The count of a source is cleared or purged between an attempt and its success: no row is made of the rest.
pub const ATTEMPT_COUNTED: &str = "attribute_exists(pk)";

/// A session is used while it is signed out or runs out: a dead session is not revived.
pub const SESSION_LIVE: &str = "attribute_exists(pk) AND expires_at > :now";

/// Two sign-outs of one session: the first one ends it.
pub const SESSION_EXISTS: &str = "attribute_exists(pk)";

/// Two operators enter the same person or thing: the first row stays.
pub const ROW_ABSENT: &str = "attribute_not_exists(pk)";

/// The row is changed while an operator decides on what was read: by another operator, or by a lock. What was seen is
/// changed, and nothing else.
pub const CHANGE_ROW: &str = "#rev = :seen AND attribute_not_exists(removed_at)";

/// A person or a thing is locked, changed or removed while an operator removes it: what was seen is removed. The revision
/// goes on, so every write that was decided on before finds another one.
pub const REMOVE_ROW: &str = "#rev = :seen AND attribute_not_exists(removed_at)";

/// A second factor is changed, or its user removed, while an operator seals it under another key: what was read is sealed
/// again, and nothing else. No two seals are alike, so the text says all.
pub const RESEAL: &str = "totp_secret = :was";

/// Two operators bring the same person or thing back: the fence grows once.
pub const RETURN_ROW: &str = "#rev = :seen AND attribute_exists(removed_at)";

/// The counts of a login are cleared while a row of them is purged: no row is made of the rest.
pub const ATTEMPTS_EXIST: &str = "attribute_exists(pk)";
