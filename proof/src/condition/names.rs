use holdfast::store::expressions;

/// A condition of the store and its name.
pub type Named = (&'static str, &'static str);

/// Every condition of `store/expressions.rs`; a test compares the list with the file.
pub const NAMED: &[Named] = &[
    ("ACQUIRE", expressions::ACQUIRE),
    ("RENEW", expressions::RENEW),
    ("RELEASE", expressions::RELEASE),
    ("BREAK", expressions::BREAK),
    ("BREAK_AT_ANY_REVISION", expressions::BREAK_AT_ANY_REVISION),
    ("CHANGE_BEFORE_EPOCH", expressions::CHANGE_BEFORE_EPOCH),
    ("CLEAR", expressions::CLEAR),
    ("ACQUIRE_ABSENT", expressions::ACQUIRE_ABSENT),
    ("TOUCH", expressions::TOUCH),
    ("TOUCH_ABSENT", expressions::TOUCH_ABSENT),
    ("CHANGE_ABSENT", expressions::CHANGE_ABSENT),
    ("END_ACTIVITY_SESSION", expressions::END_ACTIVITY_SESSION),
    ("ACTIVITY_SESSION_ABSENT", expressions::ACTIVITY_SESSION_ABSENT),
    ("ACCESS_FREE", expressions::ACCESS_FREE),
    ("RESERVE_ATTEMPT", expressions::RESERVE_ATTEMPT),
    (
        "RESERVE_ATTEMPT_AFTER_LOCKOUT",
        expressions::RESERVE_ATTEMPT_AFTER_LOCKOUT,
    ),
    ("RESERVE_AMONG_STRANGERS", expressions::RESERVE_AMONG_STRANGERS),
    ("RESERVE_ON_THE_NEXT_DAY", expressions::RESERVE_ON_THE_NEXT_DAY),
    ("USER_STILL_UNLOCKED", expressions::USER_STILL_UNLOCKED),
    ("SESSION_ABSENT", expressions::SESSION_ABSENT),
    ("STEP_NOT_ACCEPTED", expressions::STEP_NOT_ACCEPTED),
    ("ACCEPT_STEP", expressions::ACCEPT_STEP),
    ("USE_API_TOKEN", expressions::USE_API_TOKEN),
    ("CREDENTIAL_EXISTS", expressions::CREDENTIAL_EXISTS),
    ("SECRETS_UNCHANGED", expressions::SECRETS_UNCHANGED),
    ("ATTEMPT_COUNTED", expressions::ATTEMPT_COUNTED),
    ("SESSION_LIVE", expressions::SESSION_LIVE),
    ("SESSION_EXISTS", expressions::SESSION_EXISTS),
    ("ROW_ABSENT", expressions::ROW_ABSENT),
    ("CHANGE_ROW", expressions::CHANGE_ROW),
    ("REMOVE_ROW", expressions::REMOVE_ROW),
    ("RESEAL", expressions::RESEAL),
    ("RETURN_ROW", expressions::RETURN_ROW),
    ("ATTEMPTS_EXIST", expressions::ATTEMPTS_EXIST),
];
