"""The lock: what stands on a row, the pure decision, and the conditional write that makes it."""

import names
from store import (
    ConditionFailed,
    N,
    S,
    StoreError,
    corrupt,
    number,
    optional_number,
    optional_text,
    text,
    update_resource,
)

# How often a request is decided and written anew after losing a race to another write.
ATTEMPTS = 3

ACQUIRE = "rev = :seen AND (attribute_not_exists(lock_owner) OR lock_until <= :now)"
OWN = "rev = :seen AND lock_owner = :me"

# The lease stays as it is.
KEEP = object()
# The lock has no end.
INFINITE = object()


class Lock:
    __slots__ = ("message", "owner", "since", "title", "until")

    def __init__(self, owner, since, until, title=None, message=None):
        self.owner = owner
        self.since = since
        self.until = until
        self.title = title
        self.message = message


class State:
    """What every lockable row carries."""

    __slots__ = ("fence", "last_request", "lock_request", "recorded", "rev")

    def __init__(self, item):
        self.fence = number(item, "fence")
        owner = optional_text(item, "lock_owner")
        self.recorded = None if owner is None else Lock(
            owner,
            number(item, "lock_since"),
            optional_number(item, "lock_until"),
            optional_text(item, "lock_title"),
            optional_text(item, "lock_message"),
        )
        self.rev = number(item, "rev")
        self.last_request = optional_text(item, "last_request")
        self.lock_request = optional_text(item, "lock_request")

    def live(self, now):
        """The lock that holds at `now`. A lease whose end has come reads as free, to the millisecond."""
        lock = self.recorded
        return lock if lock is not None and (lock.until is None or now < lock.until) else None


class Outcome:
    __slots__ = ("fence", "label", "lock")

    def __init__(self, label, fence, lock=None):
        self.label = label
        self.fence = fence
        self.lock = lock


class Request:
    """To take or keep the lock with a lease (`KEEP`, `INFINITE` or seconds), or to give it back."""

    __slots__ = ("acquire", "lease", "owner")

    def __init__(self, acquire, lease=KEEP):
        self.acquire = acquire
        self.lease = lease
        self.owner = None


def decide(state, request, now):
    """What a request means for a row at a moment: the kind of change, None where nothing is written, and the
    outcome."""
    fence = state.fence
    held = state.live(now)
    if held is not None and held.owner != request.owner:
        return None, Outcome("held_by_other", fence, held)
    if not request.acquire:
        return (None, Outcome("was_free", fence)) if held is None else ("release", Outcome("released", fence))
    until = now + request.lease * 1000 if isinstance(request.lease, int) else None
    if held is None:
        label = "acquired" if state.recorded is None else "expired_takeover"
        return "acquire", Outcome(label, fence + 1, Lock(request.owner, now, until))
    if request.lease is KEEP:
        until = held.until
    renewed = Lock(held.owner, held.since, until, held.title, held.message)
    if until == held.until:
        return None, Outcome("already_held", fence, renewed)
    return "renew", Outcome("renewed", fence, renewed)


_DEVICE_TEXTS = (
    "device_name",
    "ip",
    "description",
    "network_function_id",
    "network_function_name",
    "software_info",
    "connectivity_status",
)


def of_device(item):
    """The lock attributes of a device row. What else it must have is checked all the same."""
    if not names.is_company(text(item, "company")):
        raise corrupt("company")
    if not names.is_device_id(text(item, "device_id")):
        raise corrupt("device_id")
    for name in _DEVICE_TEXTS:
        text(item, name)
    return State(item)


def apply(state, company, key, request, now, request_id):
    """Carries out a request on the device row that was read.

    Decides, writes once with a condition, and where that fails goes on from the row that made it fail, without a
    second read. None where the row vanished.
    """
    for _ in range(ATTEMPTS):
        change, outcome = decide(state, request, now)
        if change is None:
            return outcome
        expression, condition, values = _update(change, outcome, state.rev, request.owner, now, request_id)
        if change == "acquire":
            values[":shard"] = S(names.lock_shard(company, key))
        try:
            update_resource(key, expression, condition, values)
            return outcome
        except ConditionFailed as failed:
            if failed.item is None:
                return None
            state = of_device(failed.item)
        if _is_my_own_write(change, outcome, state, request.owner, request_id):
            return outcome
    raise StoreError("the store is unavailable: UpdateItem: lost every race for the row", unavailable=True)


def _is_my_own_write(change, outcome, found, owner, request_id):
    """Whether a failed condition only means that the very same write had been made before: its answer was lost
    and the SDK sent it again."""
    if found.last_request == request_id:
        return True
    if change == "acquire":
        return found.lock_request == request_id
    if change == "release":
        return found.fence != outcome.fence or found.recorded is None or found.recorded.owner != owner
    return False


def _update(change, outcome, seen, owner, now, request_id):
    """An `UpdateItem`. Every lock attribute is set or removed, so that none is left over."""
    expression = "SET rev = :next, last_request = :request"
    values = {":next": N(seen + 1), ":request": S(request_id), ":seen": N(seen), ":me": S(owner)}
    if change == "release":
        expression += " REMOVE lock_owner, lock_since, lock_until, lock_title, lock_message, lock_request, lock_shard"
        return expression, OWN, values
    lock = outcome.lock
    if change == "acquire":
        expression += (
            ", fence = :fence, lock_owner = :me, lock_since = :since, lock_request = :request, lock_shard = :shard"
        )
        values[":now"] = N(now)
        values[":fence"] = N(outcome.fence)
        values[":since"] = N(lock.since)
    removed = []
    for name, placeholder, value in (
        ("lock_until", ":until", None if lock.until is None else N(lock.until)),
        ("lock_title", ":title", None if lock.title is None else S(lock.title)),
        ("lock_message", ":message", None if lock.message is None else S(lock.message)),
    ):
        if value is None:
            removed.append(name)
        else:
            expression += f", {name} = {placeholder}"
            values[placeholder] = value
    if removed:
        expression += " REMOVE " + ", ".join(removed)
    return expression, ACQUIRE if change == "acquire" else OWN, values
