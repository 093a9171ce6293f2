// The work of a matchmaker with fetch and without a generated client.
import { setTimeout as sleep } from "node:timers/promises";

/**
 * The fields that this program reads. All but the ids and lists of users may be null or missing.
 *
 * @typedef {object} Users
 * @property {{ ip: string }[]} session_users
 *
 * @typedef {object} Session
 * @property {string} session_id
 * @property {string} status an open set of values
 * @property {boolean} ready whether players may connect
 * @property {number} user_count
 * @property {string | null} [error]
 * @property {{ ports?: Record<string, Port> | null } | null} [deployment]
 *
 * @typedef {object} Port
 * @property {string | null} [link] host:port, which players connect to
 *
 * @typedef {object} Page
 * @property {{ session_id: string, webhook_url?: string | null }[] | null} [data]
 * @property {{ next_page_number?: number | null } | null} [pagination]
 */

const baseURL = process.env.EDGEGAP_BASE_URL ?? "https://api.edgegap.com";
const key = process.env.EDGEGAP_API_KEY;

class ApiError extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(`${status}: ${message}`);
    this.status = status;
  }
}

class SessionFailed extends Error {}

/**
 * Sends a request and returns the decoded response. After a 429 nothing was done, so that even a
 * create may be sent again. After any other failure, a create may have been carried out.
 *
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @returns {Promise<any>}
 */
async function call(method, path, body) {
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(baseURL + path, {
      method,
      headers: { authorization: `token ${key}`, "content-type": "application/json" },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    });
    if (response.status === 429 && attempt < 5) {
      const seconds = Number(response.headers.get("retry-after")) || attempt;
      await sleep(seconds * 1000);
      console.log(`rate limited for at least ${seconds} s`);
      continue;
    }
    const result = await response.json().catch(() => ({}));
    if (!response.ok) throw new ApiError(response.status, result.message);
    return result;
  }
}

/** @param {string} id */
const path = (id) => `/v1/session/${encodeURIComponent(id)}`;

/**
 * Creates a session and waits until players may connect. Deletes the session if that fails.
 *
 * @param {object} request
 * @returns {Promise<Session>}
 */
async function createAndWait(request) {
  const { session_id } = await call("POST", "/v1/session", request);
  try {
    return await waitReady(session_id);
  } catch (error) {
    await deleteSession(session_id);
    throw error;
  }
}

/** @param {string} id */
async function waitReady(id) {
  const deadline = Date.now() + 30_000;
  for (;; await sleep(1000)) {
    /** @type {Session} */
    let session;
    try {
      session = await call("GET", path(id));
    } catch (error) {
      if (error instanceof ApiError && error.status >= 500 && Date.now() < deadline) continue;
      throw error;
    }
    if (session.ready) return session;
    const status = session.status.replace(/.*\./, "").toLowerCase(); // "Error" or "Status.ERROR"
    if (["error", "unprocessable", "terminating"].includes(status)) {
      throw new SessionFailed(`${status}, ${session.error}`);
    }
    if (Date.now() > deadline) throw new SessionFailed(`still ${session.status} after 30 s`);
  }
}

/** @param {string} id */
async function deleteSession(id) {
  try {
    await call("DELETE", path(id));
  } catch (error) {
    const gone = error instanceof ApiError && [404, 410].includes(error.status);
    if (!gone) throw error;
  }
}

/** @param {string} match @param {string} version @param {string[]} ips */
const newRequest = (match, version, ips) => ({
  app_name: "arena",
  version_name: version,
  ip_list: ips,
  webhook_url: `https://match.example.com/hook?ref=${match}`, // the list shows it
});

/** @param {Session} session */
const address = (session) => session.deployment?.ports?.["gameport"]?.link;

/** @param {Users} users */
const ips = (users) => users.session_users.map((user) => user.ip).join(", ");

/** @type {string[]} */
const mine = [];
try {
  const first = await createAndWait(newRequest("match-1", "1.4.0", ["203.0.113.7", "198.51.100.23"]));
  mine.push(first.session_id);
  console.log(`match-1 is ready at ${address(first)}, players: ${first.user_count}`);

  const users = path(first.session_id) + "/users";
  console.log("one more:", ips(await call("PUT", users, { ip_list: ["192.0.2.61"] })));
  console.log("one less:", ips(await call("DELETE", users, { ip_list: ["198.51.100.23"] })));
  console.log("players:", ips(await call("GET", users)));

  const second = await createAndWait(newRequest("match-2", "1.4.0", ["203.0.113.90"]));
  mine.push(second.session_id);
  console.log(`match-2 is ready at ${address(second)}, players: ${second.user_count}`);

  for (let page = 1, next = 1; next >= page; page++) {
    /** @type {Page} */
    const { data, pagination } = await call("GET", `/v1/sessions?page=${page}&limit=1`);
    for (const { webhook_url } of data ?? []) {
      const match = webhook_url && new URL(webhook_url).searchParams.get("ref");
      console.log(`page ${page}: ${match}`);
    }
    next = pagination?.next_page_number ?? 0; // null on the last page
  }

  try {
    await createAndWait(newRequest("match-3", "broken", ["198.51.100.4"]));
  } catch (error) {
    if (!(error instanceof SessionFailed)) throw error;
    console.log(`match-3 is deleted: ${error.message}`);
  }
} finally {
  if (mine.length > 0) {
    const filter = { field: "session_id", values: mine, filter_type: "any" };
    const { processable } = await call("POST", "/v1/sessions/bulk-stop", { filters: [filter] });
    const { data } = await call("GET", "/v1/sessions");
    console.log(`stopped: ${processable.length}, left: ${data?.length ?? 0}`);
  }
}
