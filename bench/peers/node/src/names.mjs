// The names of things, checked where they enter, and the keys that are built from them.

import { createHash } from "node:crypto";

const LOCK_SHARDS = 16;

export const isCompany = (text) => /^[A-Za-z0-9_-]{1,32}$/.test(text);

export const isDeviceId = (text) => /^[ -~]{1,128}$/.test(text) && !/[/?#]/.test(text);

/** A login in Unicode's composed form, so that what looks the same is the same; `null` where it is none. */
export function login(text) {
  const composed = text.normalize("NFC");
  const length = [...composed].length;
  return length >= 1 && length <= 100 && !/\p{Cc}/u.test(composed) ? composed : null;
}

const sha256 = (text) => createHash("sha256").update(text).digest();

export const sessionKey = (token) => `session/${sha256(token).toString("hex")}`;
export const userKey = (login) => `user/${login}`;
export const deviceKey = (company, id) => `device/${company}/${id}`;

/** A locked device's hash key in the index `locks`. */
export const lockShard = (company, key) => `${company}/device/${sha256(key)[0] % LOCK_SHARDS}`;
