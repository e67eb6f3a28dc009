// `POST /rest/{versionId}/inventory/deviceMgmt/devices/{deviceId}/action`: a device is locked or unlocked.

import { authenticate, slide } from "./identity.mjs";
import { applyLock, parseDevice } from "./lock.mjs";
import { deviceKey, isDeviceId } from "./names.mjs";
import * as sdm from "./sdm.mjs";
import { StoreError, read, warmUp } from "./store.mjs";

const METHOD = "POST";
const PATH = "/rest/{versionId}/inventory/deviceMgmt/devices/{deviceId}/action";
const ROUTE = `${METHOD} ${PATH}`;
const GROUPS_THAT_LOCK = new Set(["LIAdministrators", "administrators", "provisioners"]);

let coldStart = true;
/** What the log lines of the request that is being answered have in common. */
let common = {};

function log(level, fields) {
  process.stdout.write(`${line(level, fields)}\n`);
}

function line(level, fields) {
  return JSON.stringify({
    level,
    timestamp: new Date().toISOString(),
    service: "holdfast",
    function_name: "lock-device",
    ...common,
    ...fields,
  });
}

await warmUp(log);

export async function handler(event, context) {
  const now = Date.now();
  const started = performance.now();
  common = {
    function_request_id: context.awsRequestId,
    xray_trace_id: process.env._X_AMZN_TRACE_ID ?? "",
    cold_start: coldStart,
  };
  coldStart = false;
  let response;
  let tally;
  let routed = false;
  try {
    checkRoute(event);
    routed = true;
    const outcome = await act(event, context.awsRequestId, now);
    tally = outcome.label;
    response = sdm.done(outcome, now);
  } catch (error) {
    const refusal = error instanceof sdm.Refusal ? error : failed(error);
    tally = tallyOf(refusal.status);
    response = sdm.refusal(refusal);
  }
  report(response.statusCode, tally, routed, started);
  return response;
}

function checkRoute(event) {
  if (typeof event?.requestContext !== "object") {
    throw new sdm.Refusal(400, "This is not an HTTP API event of payload format 2.0.");
  }
  if ((event.requestContext.routeKey ?? event.routeKey) !== ROUTE) {
    throw new sdm.Refusal(404, "There is nothing at this address.");
  }
}

async function act(event, requestId, now) {
  const headers = event.headers ?? {};
  const { versionId, deviceId = "" } = event.pathParameters ?? {};
  const body = sdm.bodyOf(event);
  sdm.checkVersion(versionId);
  sdm.checkMedia(headers, body);
  const token = sdm.sessionToken(event);

  // Read before the caller is known, so that one read serves all; what is wrong with it is told only to a caller
  // who may act.
  let action;
  try {
    action = sdm.action(headers, body);
  } catch (error) {
    action = error;
  }
  const key = isDeviceId(deviceId) ? deviceKey(token.company, deviceId) : null;

  const rows = await read([token.sessionKey], key === null ? [token.userKey] : [token.userKey, key]);
  const caller = authenticate(rows, token, now);
  if (caller === null) {
    throw sdm.unauthorized();
  }
  if (!caller.groups.some((group) => GROUPS_THAT_LOCK.has(group))) {
    throw sdm.forbidden();
  }
  if (action instanceof Error) {
    throw action;
  }
  if (key === null) {
    throw sdm.invalid("a device id is 1 to 128 printable ASCII characters other than '/', '?' and '#'");
  }
  const item = rows.get(key);
  if (item === undefined) {
    throw sdm.notFound();
  }
  const device = parseDevice(key, item);
  action.owner = caller.login;
  // Both are waited for, whatever becomes of the lock.
  const [applied] = await Promise.allSettled([
    applyLock(device, token.company, action, now, requestId),
    slide(caller, now, log),
  ]);
  if (applied.status === "rejected") {
    throw applied.reason;
  }
  const outcome = applied.value;
  if (outcome === null) {
    throw sdm.notFound();
  }
  if (outcome.label === "held_by_other") {
    throw sdm.heldBy(outcome.lock);
  }
  return outcome;
}

/** A failure, logged once; what it was stays in the log. */
function failed(error) {
  log("ERROR", { error: error.message, message: `the request failed: ${error.message}` });
  return error instanceof StoreError && error.unavailable
    ? new sdm.Refusal(503, "The service is temporarily unavailable; try again.")
    : new sdm.Refusal(500, "An internal error occurred.");
}

function tallyOf(status) {
  switch (status) {
    case 423:
      return "held_by_other";
    case 503:
      return "store_unavailable";
    case 500:
      return "failed";
    default:
      return "refused";
  }
}

/** One metric in CloudWatch's embedded format and one line for the request, in one write. */
function report(status, tally, routed, started) {
  const metric = JSON.stringify({
    Operation: "lock-device",
    Outcome: tally,
    Count: 1,
    _aws: {
      Timestamp: Date.now(),
      CloudWatchMetrics: [
        {
          Namespace: "Holdfast",
          Dimensions: [["Operation", "Outcome"]],
          Metrics: [{ Name: "Count", Unit: "Count" }],
        },
      ],
    },
  });
  const answered = line("INFO", {
    route: routed ? PATH : "none",
    method: routed ? METHOD : "none",
    status,
    duration_ms: Math.floor(performance.now() - started),
    message: `answered ${status}`,
  });
  process.stdout.write(`${metric}\n${answered}\n`);
}
