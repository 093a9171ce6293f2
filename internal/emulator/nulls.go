package emulator

import (
	"bytes"
	"encoding/json"
)

// optional are the fields of an answer that the API may send as null when they
// have no value.
var optional = map[string][]string{
	"session-post":   {"custom_id", "deployment_request_id", "selectors", "webhook_url"},
	"get-session":    {"custom_id", "error", "session_users", "session_ips", "deployment", "webhook_url"},
	"session-delete": {"custom_id"},
	"list-sessions":  {"custom_id", "deployment_request_id", "webhook_url"},
}

// withNulls puts a null wherever an optional field of an answer was left out.
func withNulls(operation string, body []byte) []byte {
	var object map[string]any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&object) != nil {
		return body
	}
	deployment, _ := object["deployment"].(map[string]any)
	ports, _ := deployment["ports"].(map[string]any)
	for _, port := range ports {
		fill(port, "proxy")
	}
	if deployment != nil {
		fill(deployment, "ports", "tags")
	}
	for _, name := range []string{"session_users", "session_ips"} {
		users, _ := object[name].([]any)
		for _, user := range users {
			fill(user, "latitude", "longitude")
		}
	}
	items := []any{object}
	if operation == "list-sessions" {
		items, _ = object["data"].([]any)
	}
	for _, item := range items {
		fill(item, optional[operation]...)
	}
	body, _ = json.Marshal(object)
	return body
}

func fill(object any, fields ...string) {
	values := object.(map[string]any)
	for _, field := range fields {
		if _, there := values[field]; !there {
			values[field] = nil
		}
	}
}
