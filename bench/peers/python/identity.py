"""Who calls: the token, the session that stands under its hash, and the user that the session belongs to."""

import base64
import binascii

import lock
import names
from store import ConditionFailed, N, StoreError, corrupt, number, text, texts, truth, update_identity

MINUTE = 60_000
IDLE = 30 * MINUTE
LIFETIME = 12 * 60 * MINUTE
# A dead session is remembered this long, so that "expired" and "unknown" can be told apart.
REMEMBERED = 24 * 60 * MINUTE
SESSION_KINDS = frozenset({"sdm", "netwrix-first-factor", "netwrix", "aktion"})


class Token:
    """A token that the service can have issued. The names say which rows to read and prove nothing."""

    __slots__ = ("company", "login", "session_key", "user_key")

    def __init__(self, token, company, login):
        self.company = company
        self.login = login
        self.session_key = names.session_key(token)
        self.user_key = names.user_key(login)


def parse_token(token):
    """Reads `<43 characters>.<company/login>`, the second part in base64url; None for anything else."""
    random, dot, encoded = token.partition(".")
    if not dot or len(random) != 43:
        return None
    try:
        decoded = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        # The decoder skips what is no base64url, so only what is written back the same was any.
        if base64.urlsafe_b64encode(decoded).rstrip(b"=").decode() != encoded:
            return None
        company, slash, login = decoded.decode().partition("/")
    except (binascii.Error, UnicodeDecodeError):
        return None
    login = names.login(login)
    if not slash or not names.is_company(company) or login is None:
        return None
    return Token(token, company, login)


def _company(item):
    company = text(item, "company")
    if not names.is_company(company):
        raise corrupt("company")
    return company


def _login(item):
    login = names.login(text(item, "login"))
    if login is None:
        raise corrupt("login")
    return login


class Session:
    __slots__ = ("company", "expires_at", "kind", "login", "signed_in_at", "user_fence")

    def __init__(self, item):
        self.kind = text(item, "session_kind")
        if self.kind not in SESSION_KINDS:
            raise corrupt("session_kind")
        self.company = _company(item)
        self.login = _login(item)
        self.user_fence = number(item, "user_fence")
        self.signed_in_at = number(item, "signed_in_at")
        self.expires_at = number(item, "expires_at")


class User:
    """A user row. What is not needed here is checked all the same."""

    __slots__ = ("company", "groups", "lock", "login")

    def __init__(self, item):
        self.company = _company(item)
        self.login = _login(item)
        for name in ("user_name", "record_group", "ip_filter", "rate_policy"):
            text(item, name)
        for name in ("roles", "privileges", "editable_groups"):
            texts(item, name)
        self.groups = texts(item, "groups")
        truth(item, "system_user")
        truth(item, "mfa_required")
        number(item, "changed_at")
        self.lock = lock.State(item)


class Caller:
    __slots__ = ("session", "session_key", "user")

    def __init__(self, session_key, session, user):
        self.session_key = session_key
        self.session = session
        self.user = user


def authenticate(rows, token, now):
    """Who calls with `token`, or None.

    A session is valid only while the user row exists, is unlocked and still has the fence of the sign-in: a lock
    on the account ends every earlier session for good.
    """
    session = rows.get(token.session_key)
    user = rows.get(token.user_key)
    if session is None or user is None:
        return None
    session = Session(session)
    user = User(user)
    valid = (
        session.company == token.company
        and session.login == token.login
        and user.company == session.company
        and user.login == session.login
        and session.kind == "sdm"
        and now < session.expires_at
        and user.lock.live(now) is None
        and user.lock.fence == session.user_fence
    )
    return Caller(token.session_key, session, user) if valid else None


def slide(caller, now, log):
    """Prolongs the idle session, at most once a minute.

    One that has died meanwhile stays dead, and a failure is logged and changes nothing for the request.
    """
    session = caller.session
    expires_at = min(now + IDLE, session.signed_in_at + LIFETIME)
    if expires_at - session.expires_at < MINUTE:
        return
    try:
        update_identity(
            caller.session_key,
            "SET expires_at = :expires_at, purge_at_seconds = :purge_at",
            "attribute_exists(pk) AND expires_at > :now",
            {
                ":now": N(now),
                ":expires_at": N(expires_at),
                ":purge_at": N(-(-(expires_at + REMEMBERED) // 1000)),
            },
        )
    except ConditionFailed:
        pass
    except StoreError as error:
        log("WARN", error=str(error), message="a session was not prolonged")
