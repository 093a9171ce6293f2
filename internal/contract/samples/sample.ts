// Makes the eight calls with fetch. The HTML page shows what stands between the markers.
async function main() {
  // setup
  const base = process.env.EDGEGAP_BASE_URL ?? "https://api.edgegap.com";
  const headers = { authorization: `token ${process.env.EDGEGAP_API_KEY}`, "content-type": "application/json" };
  async function call(method: string, path: string, body?: object) {
    const init = { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(30_000) };
    const response = await fetch(base + path, init);
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }
  // end

  // session-post
  const { session_id } = await call("POST", "/v1/session", {
    app_name: "space-arena",
    version_name: "1.4.2",
    ip_list: ["203.0.113.10", "198.51.100.20"],
    webhook_url: "https://matchmaker.example.com/edgegap?match=m-1042",
  });
  // end

  // get-session
  let session = await call("GET", `/v1/session/${session_id}`);
  for (let reads = 1; !session.ready; reads++) {
    if (["Error", "Unprocessable", "Terminating"].includes(session.status)) throw new Error(`${session.status}: ${session.error}`);
    if (reads >= 60) throw new Error(`not ready after ${reads} reads`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    session = await call("GET", `/v1/session/${session_id}`);
  }
  console.log("players connect to", session.deployment.ports.gameport.link);
  // end

  // put-users-session
  const added = await call("PUT", `/v1/session/${session_id}/users`, { ip_list: ["2001:db8::30"] });
  console.log(added.session_users.length, "users");
  // end

  // delete-users-session
  const left = await call("DELETE", `/v1/session/${session_id}/users`, { ip_list: ["2001:db8::30"] });
  console.log(left.session_users.length, "users");
  // end

  // get-users-session
  const { session_users } = await call("GET", `/v1/session/${session_id}/users`);
  for (const user of session_users) console.log(user.ip);
  // end

  // list-sessions
  let page = 1;
  while (page > 0) {
    const list = await call("GET", `/v1/sessions?page=${page}&limit=100`);
    for (const item of list.data ?? []) console.log(item.session_id, item.status);
    const next = list.pagination?.next_page_number ?? 0;
    page = next > page ? next : 0;
  }
  // end

  // session-delete
  const deleted = await call("DELETE", `/v1/session/${session_id}`);
  console.log(deleted.message);
  // end

  // sessions-bulk-stop
  const stopped = await call("POST", "/v1/sessions/bulk-stop", {
    filters: [{ field: "session_id", values: ["950dd2eaff09-S", "0c61b7d94e2a-S"], filter_type: "any" }],
  });
  console.log(stopped.processable.length, "sessions stopped");
  // end
}

main();
