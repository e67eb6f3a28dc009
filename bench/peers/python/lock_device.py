"""`POST /rest/{versionId}/inventory/deviceMgmt/devices/{deviceId}/action`: a device is locked or unlocked."""

import json
import os
import sys
import time

import identity
import lock
import names
import sdm
import store

METHOD = "POST"
PATH = "/rest/{versionId}/inventory/deviceMgmt/devices/{deviceId}/action"
ROUTE = f"{METHOD} {PATH}"
GROUPS_THAT_LOCK = frozenset({"LIAdministrators", "administrators", "provisioners"})
TALLIES = {423: "held_by_other", 500: "failed", 503: "store_unavailable"}

_cold_start = True
# What the log lines of the request that is being answered have in common.
_common = {}


def _json(document):
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _line(level, fields):
    return _json(
        {
            "level": level,
            "timestamp": sdm.moment(time.time_ns() // 1_000_000),
            "service": "holdfast",
            "function_name": "lock-device",
            **_common,
            **fields,
        }
    )


def log(level, **fields):
    sys.stdout.write(_line(level, fields) + "\n")


store.warm_up(log)


def handler(event, context):
    global _cold_start, _common
    now = time.time_ns() // 1_000_000
    started = time.monotonic_ns()
    _common = {
        "function_request_id": context.aws_request_id,
        "xray_trace_id": os.environ.get("_X_AMZN_TRACE_ID", ""),
        "cold_start": _cold_start,
    }
    _cold_start = False
    routed = False
    try:
        _check_route(event)
        routed = True
        outcome = _act(event, context.aws_request_id, now)
        tally = outcome.label
        response = sdm.done(outcome, now)
    except sdm.Refusal as refused:
        tally = TALLIES.get(refused.status, "refused")
        response = sdm.refusal(refused)
    except Exception as error:
        refused = _failed(error)
        tally = TALLIES[refused.status]
        response = sdm.refusal(refused)
    _report(response["statusCode"], tally, routed, started)
    return response


def _check_route(event):
    context = event.get("requestContext") if isinstance(event, dict) else None
    if not isinstance(context, dict):
        raise sdm.Refusal(400, "This is not an HTTP API event of payload format 2.0.")
    if (context.get("routeKey") or event.get("routeKey")) != ROUTE:
        raise sdm.Refusal(404, "There is nothing at this address.")


def _act(event, request_id, now):
    headers = event.get("headers") or {}
    parameters = event.get("pathParameters") or {}
    body = sdm.body_of(event)
    sdm.check_version(parameters.get("versionId"))
    sdm.check_media(headers, body)
    token = sdm.session_token(event, headers)

    # Read before the caller is known, so that one read serves all; what is wrong with it is told only to a caller
    # who may act.
    refused = None
    try:
        request = sdm.action(headers, body)
    except sdm.Refusal as refusal:
        refused = refusal
    device_id = parameters.get("deviceId") or ""
    key = names.device_key(token.company, device_id) if names.is_device_id(device_id) else None

    rows = store.read([token.session_key], [token.user_key] if key is None else [token.user_key, key])
    caller = identity.authenticate(rows, token, now)
    if caller is None:
        raise sdm.unauthorized()
    if GROUPS_THAT_LOCK.isdisjoint(caller.user.groups):
        raise sdm.forbidden()
    if refused is not None:
        raise refused
    if key is None:
        raise sdm.invalid("a device id is 1 to 128 printable ASCII characters other than '/', '?' and '#'")
    item = rows.get(key)
    if item is None:
        raise sdm.not_found()
    state = lock.of_device(item)

    request.owner = caller.user.login
    # Before the lock, so that the session slides whatever becomes of that.
    identity.slide(caller, now, log)
    outcome = lock.apply(state, token.company, key, request, now, request_id)
    if outcome is None:
        raise sdm.not_found()
    if outcome.label == "held_by_other":
        raise sdm.held_by(outcome.lock)
    return outcome


def _failed(error):
    """A failure, logged once; what it was stays in the log."""
    log("ERROR", error=str(error), message=f"the request failed: {error}")
    if isinstance(error, store.StoreError) and error.unavailable:
        return sdm.Refusal(503, "The service is temporarily unavailable; try again.")
    return sdm.Refusal(500, "An internal error occurred.")


def _report(status, tally, routed, started):
    """One metric in CloudWatch's embedded format and one line for the request, in one write."""
    metric = _json(
        {
            "Operation": "lock-device",
            "Outcome": tally,
            "Count": 1,
            "_aws": {
                "Timestamp": time.time_ns() // 1_000_000,
                "CloudWatchMetrics": [
                    {
                        "Namespace": "Holdfast",
                        "Dimensions": [["Operation", "Outcome"]],
                        "Metrics": [{"Name": "Count", "Unit": "Count"}],
                    }
                ],
            },
        }
    )
    answered = _line(
        "INFO",
        {
            "route": PATH if routed else "none",
            "method": METHOD if routed else "none",
            "status": status,
            "duration_ms": (time.monotonic_ns() - started) // 1_000_000,
            "message": f"answered {status}",
        },
    )
    sys.stdout.write(f"{metric}\n{answered}\n")
