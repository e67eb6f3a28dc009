"""The Session Delivery Manager's wire format, JSON only: what is read from a request and how an answer looks."""

import base64
import binascii
import json
import re
from datetime import datetime, timezone

from identity import parse_token
from lock import INFINITE, KEEP, Request

MAX_BODY_BYTES = 64 * 1024
VERSIONS = frozenset({"v1.0", "v1.1", "v1.2", "v1.3"})
MAX_LEASE_SECONDS = 86_400
MAX_MEMBERS = 64

_TOKEN = r"[A-Za-z0-9_!#$%&'*+.^`|~-]+"
_JSON_TYPE = re.compile(
    rf'(?:application|text)/json(?:\s*;\s*{_TOKEN}=(?:{_TOKEN}|"[^"]*"))*', re.ASCII | re.IGNORECASE
).fullmatch
_CHARSET = re.compile(r';\s*charset="?([^";]*)', re.ASCII | re.IGNORECASE).search
_TIMEOUT = re.compile(r"(?:(infinite)|second-([0-9]+))", re.ASCII | re.IGNORECASE).fullmatch
_VISIBLE = re.compile(r"[\t -~]*").fullmatch


class Refusal(Exception):
    """Why a request is not carried out."""

    def __init__(self, status, message, lock=None):
        super().__init__(message)
        self.status = status
        self.message = message
        self.lock = lock


def unauthorized():
    return Refusal(401, "The request is not authorized.")


def forbidden():
    return Refusal(403, "The user's group may not lock or unlock devices.")


def invalid(why):
    return Refusal(400, f"The user input is invalid: {why}.")


def not_found():
    return Refusal(
        404, "The object (resource URI, device, and so on) of your input request cannot be found."
    )


def held_by(lock):
    return Refusal(423, "The device is locked by another user.", lock)


def check_version(version):
    if version not in VERSIONS:
        raise Refusal(404, "The REST API version of your input request cannot be found.")


def body_of(event):
    """The body's bytes."""
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except (ValueError, binascii.Error):
        raise Refusal(400, "The body is not valid base64.") from None


def check_media(headers, body):
    """Checks the media type and size of a body, before anyone looks into it."""
    content_type = headers.get("content-type", "")
    if content_type != "application/json":
        charset = _CHARSET(content_type)
        if not _JSON_TYPE(content_type) or (charset and charset[1].lower() != "utf-8"):
            raise Refusal(415, "The request body must be application/xml or application/json.")
    if len(body) > MAX_BODY_BYTES:
        raise Refusal(413, f"The request body is larger than {MAX_BODY_BYTES} bytes.")


def session_token(event, headers):
    """The first session cookie that can be one."""
    cookies = event.get("cookies")
    cookies = headers.get("cookie", "") if cookies is None else "; ".join(cookies)
    if _VISIBLE(cookies):
        for cookie in cookies.split(";"):
            name, _, value = cookie.partition("=")
            if name.strip() == "JSESSIONID":
                token = parse_token(value.strip())
                if token is not None:
                    return token
    raise unauthorized()


def action(headers, body):
    """The request, still without its owner, or the refusal for a caller who may act."""
    kind = _members(body).get("type")
    if kind == "Lock":
        return Request(True, _lease(headers.get("timeout")))
    if kind == "Unlock":
        return Request(False)
    raise invalid("type must be Lock or Unlock")


def _no_constant(_):
    raise ValueError


def _members(body):
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise invalid("the body is not UTF-8") from None
    # Windows clients put a byte order mark in front.
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise invalid("there is no body")
    try:
        # As pairs, for a dict swallows a name that stands twice, and an object is told from a list by its type.
        members = json.loads(text, object_pairs_hook=tuple, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, tuple) or len(members) > MAX_MEMBERS:
        raise invalid("the body is not a JSON object")
    by_name = dict(members)
    # Two readers of such a body may see two different requests.
    if len(by_name) != len(members):
        raise invalid("an element or member appears more than once")
    return by_name


def _lease(header):
    """The lease that the `Timeout` header asks for. Of a list the first understood value counts."""
    if header is None:
        return KEEP
    for value in header.split(",") if _VISIBLE(header) else ():
        understood = _TIMEOUT(value.strip())
        if understood:
            if understood[1]:
                return INFINITE
            digits = understood[2].lstrip("0")
            if digits and len(digits) <= 5 and int(digits) <= MAX_LEASE_SECONDS:
                return int(digits)
            break
    raise invalid("Timeout must be Infinite or Second-1 to Second-86400")


def moment(ms):
    """RFC 3339 with as many digits of a second as are needed."""
    seconds, millis = divmod(ms, 1000)
    text = datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{millis:03}".rstrip("0") + "Z" if millis else text + "Z"


def _answer(status, headers, body=None):
    # An answer may hold a lock's state, so nobody keeps it or guesses its type.
    headers["cache-control"] = "no-store"
    headers["x-content-type-options"] = "nosniff"
    headers["strict-transport-security"] = "max-age=63072000; includeSubDomains"
    answer = {"statusCode": status, "headers": headers, "isBase64Encoded": False, "cookies": []}
    if body is not None:
        answer["body"] = body
    return answer


def done(outcome, now):
    """The success: the fence and, of a lock, the whole seconds that are left."""
    headers = {"lock-fence": str(outcome.fence)}
    lock = outcome.lock
    if lock is not None:
        headers["timeout"] = "Infinite" if lock.until is None else f"Second-{max(0, lock.until - now) // 1000}"
    return _answer(204, headers)


def refusal(refused):
    document = {"status": refused.status, "message": refused.message}
    lock = refused.lock
    if lock is not None:
        document["lock"] = {"owner": lock.owner, "since": moment(lock.since)}
        if lock.until is not None:
            document["lock"]["until"] = moment(lock.until)
    headers = {"content-type": "application/json"}
    if refused.status == 503:
        headers["retry-after"] = "1"
    return _answer(refused.status, headers, json.dumps(document, ensure_ascii=False, separators=(",", ":")))
