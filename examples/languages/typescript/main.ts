// The work of a matchmaker with openapi-fetch and the types that openapi-typescript generates.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/api.ts";

const APP = "arena";
const VERSION = "1.4.0";
const PORT = "gameport";

type Session = components["schemas"]["SessionGet"];
type Users = components["schemas"]["SessionUserContext"];

const key = process.env.EDGEGAP_API_KEY?.trim().replace(/^token\s+/i, "");
if (!key) throw new Error("EDGEGAP_API_KEY is not set");

const client = createClient<paths>({
  baseUrl: process.env.EDGEGAP_BASE_URL ?? "https://api.edgegap.com",
  headers: { authorization: `token ${key}` },
  fetch: waitOutRateLimits,
});

/** Is fetch with a timeout, but repeats a request that gets a 429: the API did nothing then. */
async function waitOutRateLimits(request: Request): Promise<Response> {
  for (let attempt = 1, delay = 1; ; attempt++, delay *= 2) {
    const timeout = new AbortController(); // Node 20 can drop an AbortSignal.timeout that is only in AbortSignal.any
    setTimeout(() => timeout.abort(new Error("timeout")), 30_000).unref();
    const signal = AbortSignal.any([request.signal, timeout.signal]);
    const response = await fetch(request.clone(), { signal });
    if (response.status !== 429 || attempt === 5) return response;
    await response.body?.cancel();
    const seconds = Math.min(Number(response.headers.get("retry-after")) || delay, 30);
    console.log(`rate limited for at least ${seconds} s`);
    await sleep(seconds * 1000, undefined, { signal: request.signal });
  }
}

class ApiError extends Error {
  status: number;

  constructor(status: number, message: string) {
    super(`${status}: ${message}`);
    this.status = status;
  }
}

class SessionFailed extends Error {}

/** Returns the data of a response. openapi-fetch does not throw if a call fails. */
function unwrap<T>({ data, error, response }: { data?: T; error?: { message?: string }; response: Response }): T {
  if (!response.ok) throw new ApiError(response.status, error?.message ?? response.statusText); // error may be HTML
  if (!data) throw new Error(`${response.status} without a body`);
  return data;
}

/**
 * Repeats a call that is safe to repeat until a deadline, if the API is overloaded or fails, or if no
 * whole response arrives. Until visible, a new session may be 404 although it exists.
 */
async function repeat<T>(call: () => Promise<T>, deadline: number, visible = 0): Promise<T> {
  for (;; await sleep(1000)) {
    try {
      return await call();
    } catch (error) {
      const status = error instanceof ApiError ? error.status : 500;
      const until = status === 404 ? visible : status === 429 || status >= 500 ? deadline : 0;
      if (Date.now() >= until) throw error;
    }
  }
}

const after = (seconds: number) => Date.now() + seconds * 1000;
const at = (session_id: string) => ({ params: { path: { session_id } } });

/** Creates a session and waits until players may connect. Deletes the session if that fails. */
async function createAndWait(match: string, version_name: string, ip_list: string[]): Promise<Session> {
  const id = await create(match, version_name, ip_list);
  const visible = after(10);
  try {
    return await waitReady(id, visible);
  } catch (error) {
    await deleteSession(id, visible).catch((reason) => console.error(`session ${id} is left: ${reason}`));
    throw error;
  }
}

/** Creates a session and returns its id, also if the response is lost but the list shows the session. */
async function create(match: string, version_name: string, ip_list: string[]): Promise<string> {
  const webhook_url = `https://match.example.com/hook?ref=${match}&create=${randomUUID()}`; // is in the list
  try {
    const { session_id } = unwrap(
      await client.POST("/v1/session", { body: { app_name: APP, version_name, ip_list, webhook_url } }),
    );
    if (session_id) return session_id;
    throw new Error("no session_id in the response to the create");
  } catch (error) {
    if (error instanceof ApiError && error.status < 500) throw error; // nothing was created
    const id = await find(webhook_url).catch(() => undefined);
    if (id) return id;
    throw error;
  }
}

/** Looks for a new session for ten seconds. */
async function find(webhook_url: string): Promise<string | undefined> {
  for (const deadline = after(10); Date.now() < deadline; await sleep(1000)) {
    for await (const { data } of listPages()) {
      const found = data.find((session) => session.webhook_url === webhook_url);
      if (found) return found.session_id;
    }
  }
}

async function waitReady(id: string, visible: number): Promise<Session> {
  for (const deadline = after(120); ; await sleep(1000)) {
    const read = async () => unwrap(await client.GET("/v1/session/{session_id}", at(id)));
    const session = await repeat(read, deadline, visible);
    const failed = /(error|unprocessable|terminating)$/i.exec(session.status)?.[0]; // or "Status.ERROR"
    if (failed) throw new SessionFailed(`${failed.toLowerCase()}, ${session.error ?? "no reason given"}`);
    if (session.ready && address(session)) return session;
    if (Date.now() >= deadline) throw new SessionFailed(`${session.status}, no address of ${PORT} in 2 minutes`);
  }
}

/** Returns the host:port to connect to, or undefined if the session does not have it yet. */
function address({ deployment }: Session): string | undefined {
  const ports = deployment?.ports ?? {};
  const port = ports[PORT] ?? Object.values(ports).find((port) => port?.name === PORT);
  if (port?.link && !port.link.includes("://")) return port.link;
  return port?.external && deployment?.fqdn ? `${deployment.fqdn}:${port.external}` : undefined;
}

async function deleteSession(id: string, visible: number): Promise<void> {
  try {
    await repeat(async () => unwrap(await client.DELETE("/v1/session/{session_id}", at(id))), after(60), visible);
  } catch (error) {
    const gone = error instanceof ApiError && [404, 410].includes(error.status);
    if (!gone) throw error;
  }
}

async function* listPages(limit?: number) {
  for (let page = 1, next = 0; ; page = next) {
    const query = { page, limit };
    const list = await repeat(async () => unwrap(await client.GET("/v1/sessions", { params: { query } })), after(10));
    yield { page, data: list.data ?? [] };
    next = Number(list.pagination?.next_page_number); // null on the last page
    if (!(next > page)) return;
  }
}

const ips = (users: Users) => users.session_users.map((user) => user.ip).join(", ");

/** Deletes sessions and prints how many of them the list still has. */
async function stop(ids: string[]): Promise<void> {
  const body = { filters: [{ field: "session_id" as const, values: ids, filter_type: "any" as const }] };
  const send = async () => unwrap(await client.POST("/v1/sessions/bulk-stop", { body }));
  const { processable } = await repeat(send, after(60));
  let left = 0;
  for await (const { data } of listPages()) left += data.filter((session) => ids.includes(session.session_id)).length;
  console.log(`stopped: ${processable.length}, left: ${left}`);
}

const mine: string[] = [];
try {
  const first = await createAndWait("match-1", VERSION, ["203.0.113.7", "198.51.100.23"]);
  mine.push(first.session_id);
  console.log(`match-1 is ready at ${address(first)}, players: ${first.user_count}`);

  const users = "/v1/session/{session_id}/users";
  const session = at(first.session_id);
  console.log("one more:", ips(unwrap(await client.PUT(users, { ...session, body: { ip_list: ["192.0.2.61"] } }))));
  console.log("one less:", ips(unwrap(await client.DELETE(users, { ...session, body: { ip_list: ["198.51.100.23"] } }))));
  console.log("players:", ips(unwrap(await client.GET(users, session))));

  const second = await createAndWait("match-2", VERSION, ["203.0.113.90"]);
  mine.push(second.session_id);
  console.log(`match-2 is ready at ${address(second)}, players: ${second.user_count}`);

  for await (const { page, data } of listPages(1)) {
    for (const { session_id, webhook_url } of data) {
      if (!mine.includes(session_id) || !webhook_url) continue; // another program's
      console.log(`page ${page}: ${new URL(webhook_url).searchParams.get("ref")}`);
    }
  }

  try {
    await createAndWait("match-3", "broken", ["198.51.100.4"]);
  } catch (error) {
    if (!(error instanceof SessionFailed)) throw error;
    console.log(`match-3 is deleted: ${error.message}`);
  }
} finally {
  if (mine.length > 0) {
    await stop(mine).catch((error) => {
      console.error(`sessions ${mine.join(", ")} may be left: ${error}`);
      process.exitCode = 1;
    });
  }
}
