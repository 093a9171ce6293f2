#!/bin/sh
# Makes the eight calls with curl 7.82 or later. The HTML page shows what stands between the markers.
set -eu
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# setup
base=${EDGEGAP_BASE_URL:-https://api.edgegap.com}
auth="authorization: token $EDGEGAP_API_KEY"
# end

{
# session-post
curl -sS --fail-with-body "$base/v1/session" -H "$auth" --json '{
  "app_name": "space-arena",
  "version_name": "1.4.2",
  "ip_list": ["203.0.113.10", "198.51.100.20"],
  "webhook_url": "https://matchmaker.example.com/edgegap?match=m-1042"
}'
# end
} >"$out"
session_id=$(sed 's/.*"session_id": *"\([^"]*\)".*/\1/' "$out")

{
# get-session
curl -sS --fail-with-body "$base/v1/session/$session_id" -H "$auth" # repeat until "ready": true
# end
} >"$out"
for read in $(seq 60); do
	grep -q '"ready": *true' "$out" && break
	sleep 1
	curl -sS --fail-with-body "$base/v1/session/$session_id" -H "$auth" >"$out"
done
grep -o '"link": *"[^"]*"' "$out"

# put-users-session
curl -sS --fail-with-body -X PUT "$base/v1/session/$session_id/users" -H "$auth" --json '{"ip_list": ["2001:db8::30"]}'
# end

# delete-users-session
curl -sS --fail-with-body -X DELETE "$base/v1/session/$session_id/users" -H "$auth" --json '{"ip_list": ["2001:db8::30"]}'
# end

# get-users-session
curl -sS --fail-with-body "$base/v1/session/$session_id/users" -H "$auth"
# end

# list-sessions
curl -sS --fail-with-body "$base/v1/sessions?page=1&limit=100" -H "$auth"
# end

# session-delete
curl -sS --fail-with-body -X DELETE "$base/v1/session/$session_id" -H "$auth"
# end

# sessions-bulk-stop
curl -sS --fail-with-body "$base/v1/sessions/bulk-stop" -H "$auth" --json '{
  "filters": [{"field": "session_id", "values": ["950dd2eaff09-S", "0c61b7d94e2a-S"], "filter_type": "any"}]
}'
# end
