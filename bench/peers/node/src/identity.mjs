// Who calls: the token, the session that stands under its hash, and the user that the session belongs to.

import { isUtf8 } from "node:buffer";
import { isCompany, login, sessionKey, userKey } from "./names.mjs";
import { live, lockAttributes } from "./lock.mjs";
import { N, StoreError, corrupt, number, text, texts, truth, updateIdentity } from "./store.mjs";

const MINUTE = 60_000;
const IDLE = 30 * MINUTE;
const LIFETIME = 12 * 60 * MINUTE;
// A dead session is remembered this long, so that "expired" and "unknown" can be told apart.
const REMEMBERED = 24 * 60 * MINUTE;
const SESSION_KINDS = new Set(["sdm", "netwrix-first-factor", "netwrix", "aktion"]);

/**
 * Reads `<43 characters>.<company/login>`, the second part in base64url; `null` for anything that the service
 * cannot have issued. The names say which rows to read and prove nothing.
 */
export function parseToken(token) {
  const dot = token.indexOf(".");
  if (dot !== 43) {
    return null;
  }
  const encoded = token.slice(dot + 1);
  const bytes = Buffer.from(encoded, "base64url");
  // The decoder skips what is no base64url, so only what is written back the same was any.
  if (bytes.toString("base64url") !== encoded || !isUtf8(bytes)) {
    return null;
  }
  const names = bytes.toString();
  const slash = names.indexOf("/");
  if (slash < 0 || !isCompany(names.slice(0, slash))) {
    return null;
  }
  const user = login(names.slice(slash + 1));
  return user && { company: names.slice(0, slash), login: user, sessionKey: sessionKey(token), userKey: userKey(user) };
}

function companyOf(item) {
  const company = text(item, "company");
  if (!isCompany(company)) {
    throw corrupt("company");
  }
  return company;
}

function loginOf(item) {
  return login(text(item, "login")) ?? fail("login");
}

function parseSession(item) {
  const kind = text(item, "session_kind");
  if (!SESSION_KINDS.has(kind)) {
    throw corrupt("session_kind");
  }
  return {
    kind,
    company: companyOf(item),
    login: loginOf(item),
    userFence: number(item, "user_fence"),
    signedInAt: number(item, "signed_in_at"),
    expiresAt: number(item, "expires_at"),
  };
}

function parseUser(item) {
  for (const name of ["user_name", "record_group", "ip_filter", "rate_policy"]) {
    text(item, name);
  }
  for (const name of ["roles", "privileges", "editable_groups"]) {
    texts(item, name);
  }
  truth(item, "system_user");
  truth(item, "mfa_required");
  number(item, "changed_at");
  return {
    company: companyOf(item),
    login: loginOf(item),
    groups: texts(item, "groups"),
    lock: lockAttributes(item),
  };
}

/**
 * Who calls with `token`, or `null`. A session is valid only while the user row exists, is unlocked and still has
 * the fence of the sign-in: a lock on the account ends every earlier session for good.
 */
export function authenticate(rows, token, now) {
  const sessionItem = rows.get(token.sessionKey);
  const userItem = rows.get(token.userKey);
  if (!sessionItem || !userItem) {
    return null;
  }
  const session = parseSession(sessionItem);
  const user = parseUser(userItem);
  const valid =
    session.company === token.company &&
    session.login === token.login &&
    user.company === session.company &&
    user.login === session.login &&
    session.kind === "sdm" &&
    now < session.expiresAt &&
    live(user.lock, now) === null &&
    user.lock.fence === session.userFence;
  return valid ? { login: user.login, groups: user.groups, session, sessionKey: token.sessionKey } : null;
}

/**
 * Prolongs the idle session, at most once a minute. One that has died meanwhile stays dead, and a failure is
 * logged and changes nothing for the request.
 */
export async function slide(caller, now, log) {
  const expiresAt = Math.min(now + IDLE, caller.session.signedInAt + LIFETIME);
  if (expiresAt - caller.session.expiresAt < MINUTE) {
    return;
  }
  try {
    await updateIdentity(
      caller.sessionKey,
      "SET expires_at = :expires_at, purge_at_seconds = :purge_at",
      "attribute_exists(pk) AND expires_at > :now",
      {
        ":now": N(now),
        ":expires_at": N(expiresAt),
        ":purge_at": N(Math.ceil((expiresAt + REMEMBERED) / 1000)),
      },
    );
  } catch (error) {
    if (!(error instanceof StoreError)) {
      throw error;
    }
    log("WARN", { error: error.message, message: "a session was not prolonged" });
  }
}

function fail(attribute) {
  throw corrupt(attribute);
}
