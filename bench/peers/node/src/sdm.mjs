// The Session Delivery Manager's wire format, JSON only: what is read from a request and how an answer looks.

import { INFINITE, KEEP } from "./lock.mjs";
import { parseToken } from "./identity.mjs";

const MAX_BODY_BYTES = 64 * 1024;
const VERSIONS = new Set(["v1.0", "v1.1", "v1.2", "v1.3"]);
const MAX_LEASE_SECONDS = 86_400;
const MAX_MEMBERS = 64;

const JSON_TYPE = /^(?:application|text)\/json(?:\s*;\s*[\w!#$%&'*+.^`|~-]+=(?:[\w!#$%&'*+.^`|~-]+|"[^"]*"))*$/i;
const CHARSET = /;\s*charset="?([^";]*)/i;
const TIMEOUT = /^(?:(infinite)|second-(\d+))$/i;
const VISIBLE = /^[\t -~]*$/;

const NO_BODY = "there is no body";
const NO_OBJECT = "the body is not a JSON object";
const REPEATED = "an element or member appears more than once";
const WRONG_TYPE = "type must be Lock or Unlock";
const WRONG_TIMEOUT = "Timeout must be Infinite or Second-1 to Second-86400";

/** Why a request is not carried out. */
export class Refusal extends Error {
  constructor(status, message, lock) {
    super(message);
    this.status = status;
    this.lock = lock;
  }
}

export const unauthorized = () => new Refusal(401, "The request is not authorized.");
export const forbidden = () => new Refusal(403, "The user's group may not lock or unlock devices.");
export const invalid = (why) => new Refusal(400, `The user input is invalid: ${why}.`);
export const notFound = () =>
  new Refusal(404, "The object (resource URI, device, and so on) of your input request cannot be found.");

export function checkVersion(version) {
  if (!VERSIONS.has(version)) {
    throw new Refusal(404, "The REST API version of your input request cannot be found.");
  }
}

/** The body's bytes where it came in base64, else its text. */
export function bodyOf(event) {
  const body = event.body ?? "";
  if (!event.isBase64Encoded) {
    return body;
  }
  const bytes = Buffer.from(body, "base64");
  if (bytes.toString("base64") !== body) {
    throw new Refusal(400, "The body is not valid base64.");
  }
  return bytes;
}

/** Checks the media type and size of a body, before anyone looks into it. */
export function checkMedia(headers, body) {
  const type = headers["content-type"] ?? "";
  const charset = CHARSET.exec(type)?.[1] ?? "utf-8";
  if (type !== "application/json" && !(JSON_TYPE.test(type) && charset.toLowerCase() === "utf-8")) {
    throw new Refusal(415, "The request body must be application/xml or application/json.");
  }
  if (Buffer.byteLength(body) > MAX_BODY_BYTES) {
    throw new Refusal(413, `The request body is larger than ${MAX_BODY_BYTES} bytes.`);
  }
}

/** The first session cookie that can be one. */
export function sessionToken(event) {
  const cookies = event.cookies?.join("; ") ?? event.headers?.cookie ?? "";
  if (VISIBLE.test(cookies)) {
    for (const cookie of cookies.split(";")) {
      const equals = cookie.indexOf("=");
      if (cookie.slice(0, Math.max(equals, 0)).trim() === "JSESSIONID") {
        const token = parseToken(cookie.slice(equals + 1).trim());
        if (token) {
          return token;
        }
      }
    }
  }
  throw unauthorized();
}

/** `{ lock, lease }`, or the refusal for a caller who may act. */
export function action(headers, body) {
  switch (members(body).type) {
    case "Lock":
      return { lock: true, lease: lease(headers.timeout) };
    case "Unlock":
      return { lock: false };
    default:
      throw invalid(WRONG_TYPE);
  }
}

function members(body) {
  let json = body;
  if (typeof body !== "string") {
    try {
      json = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
    } catch {
      throw invalid("the body is not UTF-8");
    }
  }
  // Windows clients put a byte order mark in front.
  if (json.startsWith("\u{feff}")) {
    json = json.slice(1);
  }
  if (json.trim() === "") {
    throw invalid(NO_BODY);
  }
  let object;
  try {
    object = JSON.parse(json);
  } catch {
    throw invalid(NO_OBJECT);
  }
  if (object === null || typeof object !== "object" || Array.isArray(object)) {
    throw invalid(NO_OBJECT);
  }
  // Two readers of a name that stands twice may see two different requests.
  const count = countMembers(json);
  if (count > MAX_MEMBERS) {
    throw invalid(NO_OBJECT);
  }
  if (count !== Object.keys(object).length) {
    throw invalid(REPEATED);
  }
  return object;
}

/** How many members the outermost object has as it is written, repeated ones included: its colons. */
function countMembers(json) {
  let depth = 0;
  let count = 0;
  for (let at = 0; at < json.length; at++) {
    switch (json[at]) {
      case '"':
        while (json[++at] !== '"') {
          if (json[at] === "\\") {
            at++;
          }
        }
        break;
      case "{":
      case "[":
        depth++;
        break;
      case "}":
      case "]":
        depth--;
        break;
      case ":":
        if (depth === 1) {
          count++;
        }
    }
  }
  return count;
}

/** The lease that the `Timeout` header asks for. Of a list the first understood value counts. */
function lease(header) {
  if (header === undefined) {
    return KEEP;
  }
  const values = VISIBLE.test(header) ? header.split(",") : [];
  for (const value of values) {
    const understood = TIMEOUT.exec(value.trim());
    if (understood) {
      if (understood[1]) {
        return INFINITE;
      }
      const seconds = Number(understood[2]);
      if (seconds >= 1 && seconds <= MAX_LEASE_SECONDS) {
        return seconds;
      }
      break;
    }
  }
  throw invalid(WRONG_TIMEOUT);
}

/** RFC 3339 with as many digits of a second as are needed. */
const moment = (ms) => new Date(ms).toISOString().replace(/\.?0*Z$/, "Z");

function answer(status, headers, body) {
  return {
    statusCode: status,
    // An answer may hold a lock's state, so nobody keeps it or guesses its type.
    headers: {
      ...headers,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "strict-transport-security": "max-age=63072000; includeSubDomains",
    },
    body,
    isBase64Encoded: false,
    cookies: [],
  };
}

/** The success: the fence and, of a lock, the whole seconds that are left. */
export function done({ fence, lock }, now) {
  const headers = { "lock-fence": String(fence) };
  if (lock !== undefined) {
    headers.timeout = lock.until === null ? "Infinite" : `Second-${Math.max(0, Math.floor((lock.until - now) / 1000))}`;
  }
  return answer(204, headers);
}

export const heldBy = (lock) => new Refusal(423, "The device is locked by another user.", lock);

export function refusal({ status, message, lock }) {
  const document = { status, message };
  if (lock) {
    document.lock = { owner: lock.owner, since: moment(lock.since) };
    if (lock.until !== null) {
      document.lock.until = moment(lock.until);
    }
  }
  const headers = { "content-type": "application/json" };
  if (status === 503) {
    headers["retry-after"] = "1";
  }
  return answer(status, headers, JSON.stringify(document));
}
