"""How schemathesis signs in, by the security scheme of each operation. `scripts/generated-cases` runs it."""

import itertools
import os
import re
import sys
import urllib.error
from pathlib import Path

import schemathesis

sys.path.insert(0, str(Path(__file__).resolve().parent))
from people import DIRECTORY, Server  # noqa: E402

SERVER = Server(os.environ["HOLDFAST_URL"])
TURNS, CASES = itertools.count(), itertools.count()
XML_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")


@schemathesis.hook
def map_body(context, body):
    """Schemas that JSON and XML share, and rules that a schema of one property cannot say."""
    if not isinstance(body, dict):
        return body
    raw = context.operation.definition.raw
    if "application/xml" in raw["requestBody"]["content"]:
        # Made into elements, names that XML cannot carry become one and the same name, which is malformed.
        body = {name: value for name, value in body.items() if XML_NAME.fullmatch(name)}
    body = whole(body)
    if not context.operation.path.startswith(("/rest", "/locks")):
        body = folded(body)
    scopes = ("lockActivity", "lockResource", "lockUser")
    if raw["operationId"] == "netwrixLockSessions" and all(body.get(name) in (None, False) for name in scopes):
        body = body | {"lockActivity": True}
    if raw["operationId"] == "netwrixOpenSession" and not (body.get("managedResourceId") or body.get("managedResourceName")):
        body = body | {"managedResourceName": "db01"}
    return body


def whole(value):
    """JSON Schema counts 1.0 among the integers; the API does not, and says so."""
    if isinstance(value, dict):
        return {name: whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def folded(value):
    """Where names are the same whatever their case, `j` and `J` are one name twice, which is a 400 (docs/api.md)."""
    if isinstance(value, dict):
        names = {name.lower(): name for name in value}
        return {name: folded(value[name]) for name in names.values()}
    if isinstance(value, list):
        return [folded(one) for one in value]
    return value


@schemathesis.hook
def map_case(context, case):
    """Every second valid case is about what there is: a random name is a 404, and nothing of the operation was seen."""
    if "Timeout" in (case.headers or {}) and isinstance(case.body, dict) and case.body.get("type") == "Unlock":
        # An unlock does not read the header, so a wrong one there is none (docs/api.md).
        case.body = case.body | {"type": "Lock"}
    if case.meta is None or not case.meta.generation.mode.is_positive or next(CASES) % 2 == 0:
        return case
    path = case.operation.path
    if "{kind}" in path:
        case.path_parameters = case.path_parameters | {"kind": "device", "id": "ID6"}
    elif "{deviceId}" in path:
        case.path_parameters = case.path_parameters | {"deviceId": "ID5"}
    elif "/ActivitySession/{" in path:
        case.path_parameters = case.path_parameters | {"id": DIRECTORY["activity_sessions"][0]["id"]}
    elif path == "/user/get":
        case.query = case.query | {"LoginName": "mona"}
    elif path == "/user/lock" and isinstance(case.body, dict):
        case.body = case.body | {"LoginName": "mona"}
    return case


def credential(schemes, operation_id):
    """The scheme and the credential. Where machines may call as well, every fourth call is a machine's."""
    if "machineToken" in schemes and next(TURNS) % 4 == 0:
        return "bearer", SERVER.machine_token("admin")
    if schemes & {"personToken", "netwrixToken"}:
        return "bearer", SERVER.person_token("olga" if operation_id == "breakLock" else "admin")
    if "netwrixFirstFactor" in schemes:
        # Wrong codes close this step to bob here, and to no one else.
        return "bearer", SERVER.first_factor("bob")
    if "aktionToken" in schemes:
        return "query", SERVER.machine_token("admin")
    if "sdmSession" in schemes:
        # Whoever logs out has a session of their own: the others go on with theirs.
        return "cookie", SERVER.sdm_login("admin") if operation_id == "sdmLogout" else SERVER.sdm_session("admin")
    return None


@schemathesis.auth(refresh_interval=None)
class SignedIn:
    def get(self, case, context):
        raw = case.operation.definition.raw
        schemes = {name for one in raw.get("security", []) for name in one}
        try:
            return credential(schemes, raw["operationId"])
        except urllib.error.HTTPError:
            # A generated case has locked the account or closed the sign-in: then the call is made without.
            return None

    def set(self, case, data, context):
        if data is None:
            return
        kind, value = data
        if kind == "bearer":
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {value}"}
        elif kind == "query":
            case.query = {**(case.query or {}), "Token": value}
        else:
            case.headers = {**(case.headers or {}), "Cookie": f"JSESSIONID={value}"}
