// The main job through the generated client: create, wait, read where to
// connect, move players in and out, list, delete, stop in bulk, and read errors.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import createClient from "openapi-fetch";
import type { paths } from "./generated/api.ts";

const baseUrl = process.env["EDGEGAP_BASE_URL"] ?? "http://localhost:8080";
const key = process.env["EDGEGAP_API_KEY"];
assert(key, "set EDGEGAP_API_KEY");

// The word "token" and the space belong to the header's value.
const client = createClient<paths>({ baseUrl, headers: { authorization: `token ${key}` } });
const stranger = createClient<paths>({ baseUrl, headers: { authorization: "token wrong" } });

const webhook_url = "http://localhost:1/hook?match=m-1042";
const latitude = 45.50171234567;
const longitude = -73.56731234567;

// A failed call has no data; its error is the body of the contract's Error.
const refused = await stranger.GET("/v1/sessions");
assert.equal(refused.response.status, 401);
assert(refused.error?.message);

const { data: created } = await client.POST("/v1/session", {
  body: {
    app_name: "space-arena",
    version_name: "1.4.2",
    ip_list: ["203.0.113.10"],
    geo_ip_list: [{ ip: "198.51.100.20", latitude, longitude }],
    filters: [{ field: "country", values: ["Canada"], filter_type: "any" }],
    selectors: [{ tag: "ranked", tag_only: false, env: { key: "MATCH_ID", value: "m-1042" } }],
    webhook_url,
  },
});
assert(created);
assert.equal(created.app, "space-arena");
assert.equal(created.version, "1.4.2");
assert.equal(created.selectors?.[0]?.env?.value, "m-1042");
assert.equal(created.webhook_url, webhook_url);
const path = { session_id: created.session_id };

async function ready(session_id: string) {
  for (let attempt = 0; attempt < 100; attempt++) {
    const { data: session } = await client.GET("/v1/session/{session_id}", { params: { path: { session_id } } });
    assert(session);
    if (session.ready) return session;
    await sleep(100);
  }
  assert.fail("the session did not become ready");
}
const session = await ready(created.session_id);
assert.equal(session.status, "Ready");
assert.equal(session.kind, "Seat");
assert.equal(session.linked, true);
assert.equal(session.user_count, 2);
assert(session.app_version > 0 && session.elapsed >= 0);
assert.match(session.create_time, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/);
assert(!session.error);
const located = session.session_users?.find((user) => user.ip === "198.51.100.20");
assert.equal(located?.latitude, latitude);
assert.equal(located?.longitude, longitude);
const deployment = session.deployment;
assert(deployment);
assert(deployment.ready && !deployment.whitelisting_active);
assert.deepEqual(deployment.tags, ["ranked"]);
assert.equal(deployment.sockets_usage, 2);
assert.equal(deployment.location?.country, "Canada");
const port = deployment.ports?.["gameport"];
assert.equal(port?.link, `${deployment.fqdn}:${port?.external}`);
assert.equal(port?.internal, 7777);

const users = await client.GET("/v1/session/{session_id}/users", { params: { path } });
assert.equal(users.data?.session_users.length, 2);
const more = await client.PUT("/v1/session/{session_id}/users", {
  params: { path },
  body: { ip_list: ["2001:db8::30"] },
});
assert.equal(more.data?.session_users.length, 3);
const fewer = await client.DELETE("/v1/session/{session_id}/users", {
  params: { path },
  body: { ip_list: ["203.0.113.10"] },
});
assert.deepEqual(fewer.data?.session_users.map((user) => user.ip), ["198.51.100.20", "2001:db8::30"]);
const crowd = await client.PUT("/v1/session/{session_id}/users", {
  params: { path },
  body: { ip_list: Array.from({ length: 20 }, (_, i) => `192.0.2.${i}`) },
});
assert.equal(crowd.response.status, 422);
assert(crowd.error?.message);

const { data: second } = await client.POST("/v1/session", {
  body: { app_name: "space-arena", ip_list: ["192.0.2.1"], deployment_request_id: deployment.request_id },
});
assert(second);
assert.equal(second.deployment_request_id, deployment.request_id);
assert.equal((await ready(second.session_id)).deployment?.request_id, deployment.request_id);

const seen = new Map<string, string | null | undefined>();
for (const page of [1, 2]) {
  const { data: list } = await client.GET("/v1/sessions", { params: { query: { page, limit: 1 } } });
  assert.equal(list?.total_count, 2);
  assert.equal(list.pagination?.number, page);
  assert.equal(list.pagination.paginator?.num_pages, 2);
  assert.equal(list.pagination.has_next, page === 1);
  assert.equal(list.pagination.next_page_number ?? null, page === 1 ? 2 : null);
  for (const summary of list.data ?? []) seen.set(summary.session_id, summary.webhook_url);
}
assert.equal(seen.size, 2);
assert.equal(seen.get(created.session_id), webhook_url);
assert(seen.has(second.session_id));

const deleted = await client.DELETE("/v1/session/{session_id}", { params: { path } });
assert.equal(deleted.data?.session_id, created.session_id);
assert(deleted.data.message);
const again = await client.DELETE("/v1/session/{session_id}", { params: { path } });
assert(again.response.status === 404 || again.response.status === 410);
assert(again.error?.message);

const stopped = await client.POST("/v1/sessions/bulk-stop", {
  body: {
    filters: [
      { field: "request_id", values: [deployment.request_id], filter_type: "any" },
      { field: "session_id", values: [second.session_id, created.session_id], filter_type: "any" },
    ],
  },
});
assert.deepEqual(stopped.data?.processable.map((one) => one.session_id), [second.session_id]);

console.log(`TypeScript: players connected to ${port.link}`);
