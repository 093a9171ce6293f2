// The work of a matchmaker with openapi-fetch and the types that openapi-typescript generates.
import { setTimeout as sleep } from "node:timers/promises";
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/api.ts";

type Session = components["schemas"]["SessionGet"];
type Users = components["schemas"]["SessionUserContext"];

const client = createClient<paths>({
  baseUrl: process.env.EDGEGAP_BASE_URL ?? "https://api.edgegap.com",
  headers: { authorization: `token ${process.env.EDGEGAP_API_KEY}` },
  fetch: waitOutRateLimits,
});

/**
 * Is fetch, but repeats a request that gets a 429. Nothing was done then, so that even a create may
 * be sent again. After any other failure, a create may have been carried out.
 */
async function waitOutRateLimits(request: Request): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(request.clone(), { signal: AbortSignal.timeout(30_000) });
    if (response.status !== 429 || attempt === 5) return response;
    const seconds = Number(response.headers.get("retry-after")) || attempt;
    await sleep(seconds * 1000);
    console.log(`rate limited for at least ${seconds} s`);
  }
}

class ApiError extends Error {
  constructor(readonly status: number, message?: string) {
    super(`${status}: ${message}`);
  }
}

class SessionFailed extends Error {}

/** Returns the data of a response. openapi-fetch does not throw if a call fails. */
function unwrap<T>({ data, error, response }: { data?: T; error?: { message?: string }; response: Response }): T {
  if (data === undefined) throw new ApiError(response.status, error?.message);
  return data;
}

const at = (session_id: string) => ({ params: { path: { session_id } } });

/** Creates a session and waits until players may connect. Deletes the session if that fails. */
async function createAndWait(match: string, version_name: string, ip_list: string[]): Promise<Session> {
  const webhook_url = `https://match.example.com/hook?ref=${match}`; // the list shows it
  const { session_id } = unwrap(
    await client.POST("/v1/session", { body: { app_name: "arena", version_name, ip_list, webhook_url } }),
  );
  try {
    return await waitReady(session_id);
  } catch (error) {
    await deleteSession(session_id);
    throw error;
  }
}

async function waitReady(id: string): Promise<Session> {
  const deadline = Date.now() + 30_000;
  for (;; await sleep(1000)) {
    const result = await client.GET("/v1/session/{session_id}", at(id));
    if (result.response.status >= 500 && Date.now() < deadline) continue;
    const session = unwrap(result);
    if (session.ready) return session;
    const status = session.status.replace(/.*\./, "").toLowerCase(); // "Error" or "Status.ERROR"
    if (["error", "unprocessable", "terminating"].includes(status)) {
      throw new SessionFailed(`${status}, ${session.error}`);
    }
    if (Date.now() > deadline) throw new SessionFailed(`still ${session.status} after 30 s`);
  }
}

async function deleteSession(id: string): Promise<void> {
  const result = await client.DELETE("/v1/session/{session_id}", at(id));
  if (![404, 410].includes(result.response.status)) unwrap(result);
}

const address = (session: Session) => session.deployment?.ports?.["gameport"]?.link;
const ips = (users: Users) => users.session_users.map((user) => user.ip).join(", ");

const mine: string[] = [];
try {
  const first = await createAndWait("match-1", "1.4.0", ["203.0.113.7", "198.51.100.23"]);
  mine.push(first.session_id);
  console.log(`match-1 is ready at ${address(first)}, players: ${first.user_count}`);

  const users = "/v1/session/{session_id}/users";
  const session = at(first.session_id);
  console.log("one more:", ips(unwrap(await client.PUT(users, { ...session, body: { ip_list: ["192.0.2.61"] } }))));
  console.log("one less:", ips(unwrap(await client.DELETE(users, { ...session, body: { ip_list: ["198.51.100.23"] } }))));
  console.log("players:", ips(unwrap(await client.GET(users, session))));

  const second = await createAndWait("match-2", "1.4.0", ["203.0.113.90"]);
  mine.push(second.session_id);
  console.log(`match-2 is ready at ${address(second)}, players: ${second.user_count}`);

  for (let page = 1, next = 1; next >= page; page++) {
    const list = unwrap(await client.GET("/v1/sessions", { params: { query: { page, limit: 1 } } }));
    for (const { webhook_url } of list.data ?? []) {
      const match = webhook_url && new URL(webhook_url).searchParams.get("ref");
      console.log(`page ${page}: ${match}`);
    }
    next = list.pagination?.next_page_number ?? 0; // null on the last page
  }

  try {
    await createAndWait("match-3", "broken", ["198.51.100.4"]);
  } catch (error) {
    if (!(error instanceof SessionFailed)) throw error;
    console.log(`match-3 is deleted: ${error.message}`);
  }
} finally {
  if (mine.length > 0) {
    const stopped = unwrap(
      await client.POST("/v1/sessions/bulk-stop", {
        body: { filters: [{ field: "session_id", values: mine, filter_type: "any" }] },
      }),
    );
    const left = unwrap(await client.GET("/v1/sessions"));
    console.log(`stopped: ${stopped.processable.length}, left: ${left.data?.length ?? 0}`);
  }
}
