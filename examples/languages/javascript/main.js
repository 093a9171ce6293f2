// The work of a matchmaker with fetch and without a generated client.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const APP = "arena";
const VERSION = "1.4.0";
const PORT = "gameport";

/**
 * The fields that this program reads. Optional fields may also be null.
 *
 * @typedef {{ session_users: { ip: string }[] }} Users
 * @typedef {{ link?: string | null, name?: string | null, external?: number | null }} Port
 * @typedef {{ fqdn: string, ports?: Record<string, Port> | null }} Deployment
 *
 * @typedef {object} Session
 * @property {string} session_id
 * @property {string} status an open set of values
 * @property {boolean} ready whether players may connect
 * @property {number} user_count
 * @property {string | null} [error]
 * @property {Deployment | null} [deployment]
 *
 * @typedef {object} Page
 * @property {{ session_id: string, webhook_url?: string | null }[] | null} [data]
 * @property {{ next_page_number?: number | null } | null} [pagination]
 *
 * @typedef {{ app_name: string, version_name: string, ip_list: string[], webhook_url: string }} NewSession
 */

const baseURL = (process.env.EDGEGAP_BASE_URL ?? "https://api.edgegap.com").replace(/\/+$/, "");
const key = process.env.EDGEGAP_API_KEY?.trim().replace(/^token\s+/i, "");
if (!key) throw new Error("EDGEGAP_API_KEY is not set");

class ApiError extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(`${status}: ${message}`);
    this.status = status;
  }
}

class SessionFailed extends Error {}

/**
 * Sends a request and returns the decoded response. Repeats it after a 429: the API did nothing then.
 * @param {string} method @param {string} path @param {object} [body] @returns {Promise<any>}
 */
async function call(method, path, body) {
  for (let attempt = 1, delay = 1; ; attempt++, delay *= 2) {
    const response = await fetch(baseURL + path, {
      method,
      headers: { authorization: `token ${key}`, "content-type": "application/json" },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    });
    if (response.ok) return await response.json();
    if (response.status !== 429 || attempt === 5) {
      const error = await response.json().catch(() => undefined); // it may be a proxy's HTML
      throw new ApiError(response.status, error?.message ?? response.statusText);
    }
    await response.body?.cancel();
    const seconds = Math.min(Number(response.headers.get("retry-after")) || delay, 30);
    console.log(`rate limited for at least ${seconds} s`);
    await sleep(seconds * 1000);
  }
}

/** @param {string} id */
const path = (id) => `/v1/session/${encodeURIComponent(id)}`;

/** The eight calls. */
const api = {
  /** @type {(body: NewSession) => Promise<{ session_id: string }>} */
  create: (body) => call("POST", "/v1/session", body),
  /** @type {(id: string) => Promise<Session>} */
  get: (id) => call("GET", path(id)),
  /** @type {(id: string) => Promise<object>} */
  delete: (id) => call("DELETE", path(id)),
  /** @type {(id: string) => Promise<Users>} */
  users: (id) => call("GET", `${path(id)}/users`),
  /** @type {(id: string, ip_list: string[]) => Promise<Users>} */
  addUsers: (id, ip_list) => call("PUT", `${path(id)}/users`, { ip_list }),
  /** @type {(id: string, ip_list: string[]) => Promise<Users>} */
  removeUsers: (id, ip_list) => call("DELETE", `${path(id)}/users`, { ip_list }),
  /** @type {(page: number, limit: number) => Promise<Page>} */
  list: (page, limit) => call("GET", `/v1/sessions?page=${page}&limit=${limit}`),
  /** @type {(filter: { field: string, values: string[], filter_type: string }) => Promise<{ processable: object[] }>} */
  bulkStop: (filter) => call("POST", "/v1/sessions/bulk-stop", { filters: [filter] }),
};

/**
 * Repeats a call that is safe to repeat until a deadline, if the API is overloaded or fails, or if no
 * whole response arrives. Until visible, a new session may be 404 although it exists.
 * @template T @param {() => Promise<T>} call @param {number} deadline
 */
async function repeat(call, deadline, visible = 0) {
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

/** @param {number} seconds */
const after = (seconds) => Date.now() + seconds * 1000;

/**
 * Creates a session and waits until players may connect. Deletes the session if that fails.
 * @param {string} match @param {string} version_name @param {string[]} ip_list
 */
async function createAndWait(match, version_name, ip_list) {
  const webhook_url = `https://match.example.com/hook?ref=${match}&create=${randomUUID()}`; // is in the list
  const id = await create({ app_name: APP, version_name, ip_list, webhook_url });
  const visible = after(10);
  try {
    return await waitReady(id, visible);
  } catch (error) {
    await deleteSession(id, visible).catch((reason) => console.error(`session ${id} is left: ${reason}`));
    throw error;
  }
}

/**
 * Creates a session and returns its id, also if the response is lost but the list shows the session.
 * @param {NewSession} body
 */
async function create(body) {
  try {
    const { session_id } = await api.create(body);
    if (session_id) return session_id;
    throw new Error("no session_id in the response to the create");
  } catch (error) {
    if (error instanceof ApiError && error.status < 500) throw error; // nothing was created
    const id = await find(body.webhook_url).catch(() => undefined);
    if (id) return id;
    throw error;
  }
}

/** Looks for a new session for ten seconds. @param {string} webhook_url */
async function find(webhook_url) {
  for (const deadline = after(10); Date.now() < deadline; await sleep(1000)) {
    for await (const { data } of listPages()) {
      const found = data.find((session) => session.webhook_url === webhook_url);
      if (found) return found.session_id;
    }
  }
}

/** @param {string} id @param {number} visible */
async function waitReady(id, visible) {
  for (const deadline = after(120); ; await sleep(1000)) {
    const session = await repeat(() => api.get(id), deadline, visible);
    const failed = /(error|unprocessable|terminating)$/i.exec(session.status)?.[0]; // or "Status.ERROR"
    if (failed) throw new SessionFailed(`${failed.toLowerCase()}, ${session.error ?? "no reason given"}`);
    if (session.ready && address(session)) return session;
    if (Date.now() >= deadline) throw new SessionFailed(`${session.status}, no address of ${PORT} in 2 minutes`);
  }
}

/** Returns the host:port to connect to, or undefined if the session does not have it yet. @param {Session} session */
function address({ deployment }) {
  const ports = deployment?.ports ?? {};
  const port = ports[PORT] ?? Object.values(ports).find((port) => port?.name === PORT);
  if (port?.link && !port.link.includes("://")) return port.link;
  return port?.external && deployment?.fqdn ? `${deployment.fqdn}:${port.external}` : undefined;
}

/** @param {string} id @param {number} visible */
async function deleteSession(id, visible) {
  try {
    await repeat(() => api.delete(id), after(60), visible);
  } catch (error) {
    const gone = error instanceof ApiError && [404, 410].includes(error.status);
    if (!gone) throw error;
  }
}

async function* listPages(limit = 10) {
  for (let page = 1, next = 0; ; page = next) {
    const list = await repeat(() => api.list(page, limit), after(10));
    yield { page, data: list.data ?? [] };
    next = Number(list.pagination?.next_page_number); // null on the last page
    if (!(next > page)) return;
  }
}

/** @param {Users} users */
const ips = (users) => users.session_users.map((user) => user.ip).join(", ");

/** Deletes sessions and prints how many of them the list still has. @param {string[]} ids */
async function stop(ids) {
  const filter = { field: "session_id", values: ids, filter_type: "any" };
  const { processable } = await repeat(() => api.bulkStop(filter), after(60));
  let left = 0;
  for await (const { data } of listPages()) left += data.filter((session) => ids.includes(session.session_id)).length;
  console.log(`stopped: ${processable.length}, left: ${left}`);
}

/** @type {string[]} */
const mine = [];
try {
  const first = await createAndWait("match-1", VERSION, ["203.0.113.7", "198.51.100.23"]);
  mine.push(first.session_id);
  console.log(`match-1 is ready at ${address(first)}, players: ${first.user_count}`);

  console.log("one more:", ips(await api.addUsers(first.session_id, ["192.0.2.61"])));
  console.log("one less:", ips(await api.removeUsers(first.session_id, ["198.51.100.23"])));
  console.log("players:", ips(await api.users(first.session_id)));

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
