"""The names of things, checked where they enter, and the keys that are built from them."""

import hashlib
import re
import unicodedata

LOCK_SHARDS = 16

_COMPANY = re.compile(r"[A-Za-z0-9_-]{1,32}").fullmatch
_DEVICE_ID = re.compile(r"[ !\"$-.0->@-~]{1,128}").fullmatch
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]").search


def is_company(text):
    return _COMPANY(text) is not None


def is_device_id(text):
    """Printable ASCII other than `/`, `?` and `#`."""
    return _DEVICE_ID(text) is not None


def login(text):
    """A login in Unicode's composed form, so that what looks the same is the same; None where it is none."""
    composed = unicodedata.normalize("NFC", text)
    return composed if 1 <= len(composed) <= 100 and not _CONTROL(composed) else None


def session_key(token):
    return "session/" + hashlib.sha256(token.encode()).hexdigest()


def user_key(user):
    return "user/" + user


def device_key(company, device_id):
    return f"device/{company}/{device_id}"


def lock_shard(company, key):
    """A locked device's hash key in the index `locks`."""
    return f"{company}/device/{hashlib.sha256(key.encode()).digest()[0] % LOCK_SHARDS}"
