// The three products' flows and Holdfast's own, with the TypeScript client that was generated from the document.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import createClient, { type ClientOptions } from "openapi-fetch";
import type { paths } from "./schema.js";

const baseUrl = process.env["HOLDFAST_URL"]!;
const demo = JSON.parse(readFileSync(process.env["DIRECTORY"]!, "utf8"));

function user(login: string): { password: string; api_key: string; totp_secret?: string } {
  return demo.users.find((one: { login: string }) => one.login === login);
}

/** The code that a phone shows now (RFC 6238). */
function code(login: string): string {
  const secret = user(login).totp_secret;
  if (!secret) return "NA";
  const bits = [...secret].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g)!.map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const digest = createHmac("sha1", key).update(step).digest();
  const number = digest.readUInt32BE(digest[19]! & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

const client = (options: ClientOptions = {}) =>
  // Without it the Session Delivery Manager answers a GET in XML.
  createClient<paths>({ baseUrl, ...options, headers: { Accept: "application/json", ...options.headers } });
const bearer = (token: string) => client({ headers: { Authorization: `Bearer ${token}` } });

/** The answer, if it has that status. */
function must<T extends { response: Response; data?: unknown; error?: unknown }>(answer: T, status: number): T {
  assert.equal(answer.response.status, status, JSON.stringify(answer.error ?? answer.data));
  assert.ok(answer.response.headers.get("x-request-id"), "an answer without its id");
  return answer;
}

async function sdm(login: string) {
  const body = { userName: login, password: user(login).password };
  const path = { versionId: "v1.3" as const };
  const { data } = must(await client().POST("/rest/{versionId}/admin/login", { params: { path }, body }), 200);
  return client({ headers: { Cookie: `JSESSIONID=${data!.sessionId}` } });
}

async function machine(): Promise<string> {
  const body = { UserLogin: "admin", ApiKey: user("admin").api_key };
  return must(await client().POST("/login", { body }), 200).data!.Token;
}

async function person(login: string): Promise<ReturnType<typeof client>> {
  const body = { Login: login, Password: user(login).password };
  const first = must(await client().POST("/signinBody", { body }), 200).data!;
  const second = await bearer(first).POST("/signin2fa", { body: code(login) });
  return bearer(must(second, 200).data!);
}

async function devices(): Promise<void> {
  const [alice, bob] = [await sdm("alice"), await sdm("bob")];
  const path = { versionId: "v1.3" as const, deviceId: "ID5" };
  const act = (who: ReturnType<typeof client>, type: "Lock" | "Unlock", header = {}) =>
    who.POST("/rest/{versionId}/inventory/deviceMgmt/devices/{deviceId}/action", { params: { path, header }, body: { type } });
  const first = must(await act(alice, "Lock", { Timeout: "Second-600" }), 204).response;
  assert.match(first.headers.get("timeout")!, /^Second-/);
  const refused = must(await act(bob, "Lock"), 423).error;
  assert.ok(refused && "lock" in refused && refused.lock?.owner === "alice", JSON.stringify(refused));
  const read = await bob.GET("/rest/{versionId}/inventory/deviceMgmt/devices/{deviceId}", { params: { path } });
  assert.equal(must(read, 200).data!.lock?.owner, "alice");
  must(await act(alice, "Unlock"), 204);
  const second = must(await act(bob, "Lock"), 204).response;
  assert.ok(Number(second.headers.get("lock-fence")) > Number(first.headers.get("lock-fence")));
  must(await act(bob, "Unlock"), 204);
}

async function users(): Promise<void> {
  const token = await machine();
  const admin = client();
  admin.use({
    onRequest({ request }) {
      const url = new URL(request.url);
      url.searchParams.set("Token", token);
      return new Request(url, request);
    },
  });
  const lock = (Lock: number) => admin.POST("/user/lock", { body: { LoginName: "mona", Lock } });
  assert.equal(must(await lock(1), 200).data!.Result.Code, 0);
  must(await lock(1), 403);
  const mona = must(await admin.GET("/user/get", { params: { query: { LoginName: "mona" } } }), 200).data!;
  assert.equal(mona.BlockedBy, "admin");
  must(await lock(0), 200);
}

async function sessions(): Promise<void> {
  const admin = await person("admin");
  const id: string = demo.activity_sessions[0].id;
  const lock = async (locked: boolean) => {
    const body = { activitySessionIds: [id], locked, lockActivity: true, lockResource: true, lockUser: false };
    return must(await admin.PUT("/api/v1/ActivitySession/lock", { body }), 200).data!;
  };
  assert.equal((await lock(true)).locked, true);
  const seen = must(await admin.GET("/api/v1/ActivitySession/{id}", { params: { path: { id } } }), 200).data!;
  assert.equal(seen.lockedBy, "admin");
  assert.equal((await lock(false)).locked, false);
}

async function locks(): Promise<void> {
  const [alice, olga, arthur] = [await person("alice"), await person("olga"), await person("arthur")];
  const path = { kind: "device" as const, id: "ID6" };
  const taken = await alice.PUT("/locks/{kind}/{id}", { params: { path }, body: { seconds: 600, title: "Upgrade" } });
  const fence = must(taken, 201).data!.lock.fence;
  const held = [{ ...path, fence }];
  assert.deepEqual(must(await bearer(await machine()).POST("/locks/check", { body: { held } }), 200).data!.current, [true]);
  const page = await arthur.GET("/locks", { params: { query: { kind: "device", owner: "alice" } } });
  assert.equal(must(page, 200).data!.locks[0]?.id, "ID6");
  const body = { fence, reason: "Alice is on leave" };
  assert.ok(must(await olga.POST("/locks/{kind}/{id}/break", { params: { path }, body }), 200).data!.fence > fence);
  const refused = must(await alice.PUT("/locks/{kind}/{id}", { params: { path } }), 409).error;
  assert.equal(refused?.type, "/problems/held-off");
  assert.equal(must(await alice.DELETE("/locks/{kind}/{id}", { params: { path } }), 200).data!.changed, false);
  assert.equal(must(await arthur.GET("/locks/{kind}/{id}", { params: { path } }), 200).data!.lock, null);
  must(await arthur.GET("/history", { params: { query: { kind: "device", id: "ID6" } } }), 200);
}

await devices();
await users();
await sessions();
await locks();
console.log("the TypeScript client walks through all four");
