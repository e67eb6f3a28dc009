// The lock: what stands on a row, the pure decision, and the conditional write that makes it.

import { isCompany, isDeviceId, lockShard } from "./names.mjs";
import { N, S, StoreError, corrupt, number, optionalNumber, optionalText, text, updateResource } from "./store.mjs";

// How often a request is decided and written anew after losing a race to another write.
const ATTEMPTS = 3;

const ACQUIRE = "rev = :seen AND (attribute_not_exists(lock_owner) OR lock_until <= :now)";
const OWN = "rev = :seen AND lock_owner = :me";

/** The lease that a request leaves as it is. */
export const KEEP = "keep";
/** No end. */
export const INFINITE = "infinite";

/** What every lockable row carries. */
export function lockAttributes(item) {
  const owner = optionalText(item, "lock_owner");
  return {
    fence: number(item, "fence"),
    recorded: owner === null ? null : {
      owner,
      since: number(item, "lock_since"),
      until: optionalNumber(item, "lock_until"),
      title: optionalText(item, "lock_title"),
      message: optionalText(item, "lock_message"),
    },
    rev: number(item, "rev"),
    lastRequest: optionalText(item, "last_request"),
    lockRequest: optionalText(item, "lock_request"),
  };
}

/** The lock that holds at `now`. A lease whose end has come reads as free, to the millisecond. */
export function live({ recorded }, now) {
  return recorded !== null && (recorded.until === null || now < recorded.until) ? recorded : null;
}

/**
 * Decides what a request (`{ lock, owner, lease }`) means for a row at a moment: an outcome and, where something
 * is to be written, the kind of change.
 */
export function decide(state, request, now) {
  const { fence } = state;
  const held = live(state, now);
  if (held !== null && held.owner !== request.owner) {
    return { outcome: { label: "held_by_other", lock: held } };
  }
  if (!request.lock) {
    return held === null
      ? { outcome: { label: "was_free", fence } }
      : { change: "release", outcome: { label: "released", fence } };
  }
  const until = typeof request.lease === "number" ? now + request.lease * 1000 : null;
  if (held === null) {
    const lock = { owner: request.owner, since: now, until, title: null, message: null };
    const label = state.recorded === null ? "acquired" : "expired_takeover";
    return { change: "acquire", outcome: { label, fence: fence + 1, lock } };
  }
  const lock = { ...held, until: request.lease === KEEP ? held.until : until };
  return lock.until === held.until
    ? { outcome: { label: "already_held", fence, lock } }
    : { change: "renew", outcome: { label: "renewed", fence, lock } };
}

/**
 * Carries out a request on the device row that was read: decides, writes once with a condition, and where that
 * fails goes on from the row that made it fail, without a second read. `null` where the row vanished.
 */
export async function applyLock(device, company, request, now, requestId) {
  let state = device.lock;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { change, outcome } = decide(state, request, now);
    if (change === undefined) {
      return outcome;
    }
    const { expression, condition, values } = updateOf(change, outcome, state.rev, request.owner, now, requestId);
    if (change === "acquire") {
      values[":shard"] = S(lockShard(company, device.key));
    }
    const written = await updateResource(device.key, expression, condition, values);
    if (written.made) {
      return outcome;
    }
    if (written.item === undefined) {
      return null;
    }
    state = parseDevice(device.key, written.item).lock;
    if (isMyOwnWrite(change, outcome, state, request.owner, requestId)) {
      return outcome;
    }
  }
  throw new StoreError("the store is unavailable: UpdateItem: lost every race for the row", true);
}

/** A device row, of which only its lock is needed; what else it must have is checked all the same. */
export function parseDevice(key, item) {
  for (const name of DEVICE_TEXTS) {
    text(item, name);
  }
  if (!isCompany(item.company.S)) {
    throw corrupt("company");
  }
  if (!isDeviceId(item.device_id.S)) {
    throw corrupt("device_id");
  }
  return { key, lock: lockAttributes(item) };
}

const DEVICE_TEXTS = [
  "company",
  "device_id",
  "device_name",
  "ip",
  "description",
  "network_function_id",
  "network_function_name",
  "software_info",
  "connectivity_status",
];

/**
 * Whether a failed condition only means that the very same write had been made before: its answer was lost and
 * the SDK sent it again.
 */
function isMyOwnWrite(change, outcome, found, owner, requestId) {
  if (found.lastRequest === requestId) {
    return true;
  }
  switch (change) {
    case "acquire":
      return found.lockRequest === requestId;
    case "release":
      return found.fence !== outcome.fence || found.recorded?.owner !== owner;
    default:
      return false;
  }
}

/** An `UpdateItem`. Every lock attribute is set or removed, so that none is left over. */
function updateOf(change, { fence, lock }, seen, owner, now, requestId) {
  let expression = "SET rev = :next, last_request = :request";
  const values = { ":next": N(seen + 1), ":request": S(requestId), ":seen": N(seen), ":me": S(owner) };
  if (change === "release") {
    expression += " REMOVE lock_owner, lock_since, lock_until, lock_title, lock_message, lock_request, lock_shard";
    return { expression, condition: OWN, values };
  }
  if (change === "acquire") {
    expression +=
      ", fence = :fence, lock_owner = :me, lock_since = :since, lock_request = :request, lock_shard = :shard";
    values[":now"] = N(now);
    values[":fence"] = N(fence);
    values[":since"] = N(lock.since);
  }
  const removed = [];
  for (const [name, placeholder, value] of [
    ["lock_until", ":until", lock.until === null ? null : N(lock.until)],
    ["lock_title", ":title", lock.title === null ? null : S(lock.title)],
    ["lock_message", ":message", lock.message === null ? null : S(lock.message)],
  ]) {
    if (value === null) {
      removed.push(name);
    } else {
      expression += `, ${name} = ${placeholder}`;
      values[placeholder] = value;
    }
  }
  if (removed.length > 0) {
    expression += ` REMOVE ${removed.join(", ")}`;
  }
  return { expression, condition: change === "acquire" ? ACQUIRE : OWN, values };
}
