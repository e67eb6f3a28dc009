// A minimal Lambda runtime: one event after another, over one connection that is kept.
// `node runtime.mjs <module>.<export>` runs a handler of the current directory.

import http from "node:http";
import path from "node:path";
import { pathToFileURL } from "node:url";

const BASE = "/2018-06-01/runtime";
const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined
      ? {}
      : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const request = http.request({ hostname, port, method, path: BASE + path, headers, agent }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}

const failure = (error) =>
  JSON.stringify({ errorType: error?.name ?? "Error", errorMessage: String(error?.message ?? error), trace: [] });

async function load(name) {
  const dot = name.lastIndexOf(".");
  const module = await import(pathToFileURL(path.resolve(`${name.slice(0, dot)}.mjs`)));
  return module[name.slice(dot + 1)];
}

async function next(handler) {
  const { headers, body } = await call("GET", "/invocation/next");
  const id = headers["lambda-runtime-aws-request-id"];
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  process.env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"] ?? "";
  const context = {
    awsRequestId: id,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
  let answer;
  try {
    answer = JSON.stringify(await handler(JSON.parse(body), context));
  } catch (error) {
    await call("POST", `/invocation/${id}/error`, failure(error));
    return;
  }
  await call("POST", `/invocation/${id}/response`, answer);
}

let handler;
try {
  handler = await load(process.argv[2]);
} catch (error) {
  console.error(error);
  await call("POST", "/init/error", failure(error));
  process.exit(1);
}
for (;;) {
  await next(handler);
}
