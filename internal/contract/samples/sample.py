# Makes the eight calls with requests. The HTML page shows what stands between the markers.
# setup
import os, time
import requests

base = os.environ.get("EDGEGAP_BASE_URL", "https://api.edgegap.com")
headers = {"authorization": "token " + os.environ["EDGEGAP_API_KEY"]}

def call(method, path, body=None):
    response = requests.request(method, base + path, json=body, headers=headers, timeout=30)
    response.raise_for_status()
    return response.json()
# end

# session-post
created = call("POST", "/v1/session", {
    "app_name": "space-arena",
    "version_name": "1.4.2",
    "ip_list": ["203.0.113.10", "198.51.100.20"],
    "webhook_url": "https://matchmaker.example.com/edgegap?match=m-1042",
})
session_id = created["session_id"]
# end

# get-session
deadline = time.monotonic() + 60
while not (session := call("GET", f"/v1/session/{session_id}"))["ready"]:
    if session["status"] in ("Error", "Unprocessable", "Terminating"):
        raise RuntimeError(f"{session['status']}: {session.get('error')}")
    if time.monotonic() > deadline:
        raise TimeoutError("not ready after 60 s")
    time.sleep(1)
print("players connect to", session["deployment"]["ports"]["gameport"]["link"])
# end

# put-users-session
users = call("PUT", f"/v1/session/{session_id}/users", {"ip_list": ["2001:db8::30"]})
print(len(users["session_users"]), "users")
# end

# delete-users-session
users = call("DELETE", f"/v1/session/{session_id}/users", {"ip_list": ["2001:db8::30"]})
print(len(users["session_users"]), "users")
# end

# get-users-session
for user in call("GET", f"/v1/session/{session_id}/users")["session_users"]:
    print(user["ip"])
# end

# list-sessions
page = 1
while page:
    sessions = call("GET", f"/v1/sessions?page={page}&limit=100")
    for item in sessions.get("data") or []:
        print(item["session_id"], item["status"])
    next_page = (sessions.get("pagination") or {}).get("next_page_number") or 0
    page = next_page if next_page > page else 0
# end

# session-delete
print(call("DELETE", f"/v1/session/{session_id}")["message"])
# end

# sessions-bulk-stop
stopped = call("POST", "/v1/sessions/bulk-stop", {
    "filters": [{"field": "session_id", "values": ["950dd2eaff09-S", "0c61b7d94e2a-S"], "filter_type": "any"}],
})
print(len(stopped["processable"]), "sessions stopped")
# end
