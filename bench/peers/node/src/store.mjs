// DynamoDB: the client, the one read, the conditional writes, and rows with the types they are written with.

import {
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  DynamoDBClient,
  DynamoDBServiceException,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { fromEnv } from "@aws-sdk/credential-provider-env";

const { RESOURCES_TABLE, IDENTITY_TABLE } = process.env;
if (!RESOURCES_TABLE || !IDENTITY_TABLE) {
  throw new Error("RESOURCES_TABLE or IDENTITY_TABLE is not set");
}

// How often keys that the store left unprocessed are asked for again.
const ROUNDS = 4;
const ATTEMPTS = 3;
// The write and, beside it, the session's slide.
const CONNECTIONS = 2;

// Once, outside the handler: its connections are kept from one request to the next.
const client = new DynamoDBClient({
  // A function's credentials are in its environment; no other provider is ever asked.
  credentials: fromEnv(),
  maxAttempts: ATTEMPTS,
  retryMode: "standard",
  // No middleware is added later, so its order need not be worked out at every call.
  cacheMiddleware: true,
  requestHandler: {
    connectionTimeout: 1000,
    requestTimeout: 1000,
    throwOnRequestTimeout: true,
    httpAgent: { keepAlive: true, maxSockets: CONNECTIONS },
    httpsAgent: { keepAlive: true, maxSockets: CONNECTIONS },
  },
});

/** A store call that did not do what it should; `unavailable` where the same request may succeed later. */
export class StoreError extends Error {
  constructor(message, unavailable) {
    super(message);
    this.unavailable = unavailable;
  }
}

/** A stored row that cannot be understood. */
export function corrupt(attribute) {
  return new StoreError(`the stored row's attribute \`${attribute}\` is missing or malformed`, false);
}

const TRANSIENT = new Set([
  "ProvisionedThroughputExceededException",
  "ThrottlingException",
  "RequestLimitExceeded",
  "TransactionConflictException",
  "TransactionInProgressException",
  "ReplicatedWriteConflictException",
  "InternalServerError",
]);

/** Sorts what the SDK reports after its own retries. */
function classify(operation, error) {
  const what = `${operation}: ${error.code ?? error.name}`;
  if (error instanceof DynamoDBServiceException) {
    const unavailable = TRANSIENT.has(error.name) || error.$metadata.httpStatusCode >= 500;
    const trouble = unavailable ? "is unavailable" : "refuses the operation";
    return new StoreError(`the store ${trouble}: ${what}`, unavailable);
  }
  if (error.name === "CredentialsProviderError") {
    return new StoreError(`the call to the store was built wrongly: ${what}`, false);
  }
  return new StoreError(`the store is unavailable: ${what}`, true);
}

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

const keysAndAttributes = (pks) => ({ Keys: pks.map((pk) => ({ pk: { S: pk } })), ConsistentRead: true });

/**
 * Reads rows of both tables with strong consistency in one call: the rows by their keys. Keys of the two tables
 * never meet, for each begins with the kind of its row.
 */
export async function read(identityKeys, resourceKeys) {
  let pending = { [IDENTITY_TABLE]: keysAndAttributes(identityKeys) };
  if (resourceKeys.length > 0) {
    pending[RESOURCES_TABLE] = keysAndAttributes(resourceKeys);
  }
  const rows = new Map();
  for (let round = 0; round < ROUNDS; round++) {
    if (round > 0) {
      await wait(25 << round);
    }
    let answer;
    try {
      answer = await client.send(new BatchGetItemCommand({ RequestItems: pending }));
    } catch (error) {
      throw classify("BatchGetItem", error);
    }
    for (const items of Object.values(answer.Responses ?? {})) {
      for (const item of items) {
        rows.set(text(item, "pk"), item);
      }
    }
    pending = answer.UnprocessedKeys ?? {};
    if (Object.keys(pending).length === 0) {
      return rows;
    }
  }
  throw new StoreError("the store is unavailable: BatchGetItem: keys left unprocessed", true);
}

/**
 * A conditional write: `{ made: true }`, or with `made: false` the row that made the condition fail, where there
 * is one and `returned` asks for it. A write that meets someone's running transaction is sent again, which the
 * SDK's own retries leave undone.
 */
async function update(table, pk, expression, condition, values, returned) {
  const command = new UpdateItemCommand({
    TableName: table,
    Key: { pk: { S: pk } },
    UpdateExpression: expression,
    ConditionExpression: condition,
    ExpressionAttributeValues: values,
    ...returned,
  });
  for (let attempt = 1; ; attempt++) {
    try {
      await client.send(command);
      return { made: true };
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) {
        return { made: false, item: error.Item };
      }
      if (error.name !== "TransactionConflictException" || attempt === ATTEMPTS) {
        throw classify("UpdateItem", error);
      }
      await wait(Math.random() * (25 << attempt));
    }
  }
}

/** Writes a row that carries a lock. */
export const updateResource = (pk, expression, condition, values) =>
  update(RESOURCES_TABLE, pk, expression, condition, values, {
    ReturnValues: "NONE",
    ReturnValuesOnConditionCheckFailure: "ALL_OLD",
  });

/** Writes a session. */
export const updateIdentity = (pk, expression, condition, values) =>
  update(IDENTITY_TABLE, pk, expression, condition, values);

/**
 * Opens the connections that a request needs, while INIT still runs at full speed, by reading a session that
 * cannot exist. A store that is away for a moment must not cost a cold start.
 */
export async function warmUp(log) {
  const nobody = `session/${"0".repeat(64)}`;
  try {
    await Promise.all(Array.from({ length: CONNECTIONS }, () => read([nobody], [])));
  } catch (error) {
    log("WARN", { message: `the store was not reached during start-up: ${error.message}` });
  }
}

export const S = (value) => ({ S: value });
export const N = (value) => ({ N: String(value) });

export function optionalText(item, name) {
  const value = item[name];
  if (value === undefined) {
    return null;
  }
  if (value.S === undefined) {
    throw corrupt(name);
  }
  return value.S;
}

export function text(item, name) {
  return optionalText(item, name) ?? absent(name);
}

export function optionalNumber(item, name) {
  const value = item[name];
  if (value === undefined) {
    return null;
  }
  const number = Number(value.N);
  if (value.N === undefined || !Number.isSafeInteger(number)) {
    throw corrupt(name);
  }
  return number;
}

export function number(item, name) {
  return optionalNumber(item, name) ?? absent(name);
}

export function truth(item, name) {
  return item[name]?.BOOL ?? absent(name);
}

/** A list of strings; an absent one is empty. */
export function texts(item, name) {
  const value = item[name];
  if (value === undefined) {
    return [];
  }
  if (!value.L?.every((entry) => entry.S !== undefined)) {
    throw corrupt(name);
  }
  return value.L.map((entry) => entry.S);
}

function absent(name) {
  throw corrupt(name);
}
