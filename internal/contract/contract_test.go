package contract

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func load(t *testing.T) *Document {
	t.Helper()
	d, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestValidateRequest(t *testing.T) {
	d := load(t)
	for _, test := range []struct{ name, operation, method, target, body, want string }{
		{"minimal create", "session-post", "POST", "/v1/session", `{"app_name":"arena"}`, ""},
		{"unknown field", "session-post", "POST", "/v1/session", `{"app_name":"arena","new":1}`, ""},
		{"missing field", "session-post", "POST", "/v1/session", `{"app":"arena"}`, "app_name"},
		{"wrong type", "session-post", "POST", "/v1/session", `{"app_name":"arena","ip_list":["192.0.2.1",7]}`, "ip_list.1"},
		{"nested field", "session-post", "POST", "/v1/session", `{"app_name":"arena","selectors":[{"tag":"a tag longer than twenty"}]}`, "selectors.0.tag"},
		{"invalid JSON", "session-post", "POST", "/v1/session", `{"app_name":`, "must be JSON"},
		{"no body", "put-users-session", "PUT", "/v1/session/950dd2eaff09-S/users", "", "must be JSON"},
		{"body of a delete", "delete-users-session", "DELETE", "/v1/session/950dd2eaff09-S/users", `{"ip_list":"192.0.2.1"}`, "ip_list"},
		{"unknown enum value", "sessions-bulk-stop", "POST", "/v1/sessions/bulk-stop", `{"filters":[{"field":"tag","values":["a"],"filter_type":"any"}]}`, "filters.0.field"},
		{"empty bulk stop", "sessions-bulk-stop", "POST", "/v1/sessions/bulk-stop", `{"filters":[]}`, "filters"},
		{"page", "list-sessions", "GET", "/v1/sessions?page=2&limit=100", "", ""},
		{"page zero", "list-sessions", "GET", "/v1/sessions?page=0", "", "page"},
		{"limit is a word", "list-sessions", "GET", "/v1/sessions?limit=all", "", "limit"},
		{"session ID", "get-session", "GET", "/v1/session/950dd2eaff09-S", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(test.method, test.target, strings.NewReader(test.body))
			if test.body != "" {
				r.Header.Set("Content-Type", "application/json")
			}
			check(t, d.ValidateRequest(test.operation, r), test.want)
		})
	}
}

func TestValidateResponse(t *testing.T) {
	d := load(t)
	const users = `{"session_users":[{"ip":"192.0.2.1","latitude":null}]}`
	for _, test := range []struct {
		name, operation string
		status          int
		contentType     string
		body, want      string
	}{
		{"success", "get-users-session", 200, "application/json", users, ""},
		{"unknown field", "get-users-session", 200, "application/json", `{"session_users":[],"new":{}}`, ""},
		{"missing field", "get-users-session", 200, "application/json", `{}`, "session_users"},
		{"null list", "get-users-session", 200, "application/json", `{"session_users":null}`, "session_users"},
		{"not JSON", "get-users-session", 200, "text/html", `<html>`, "must be JSON"},
		{"error", "get-users-session", 404, "application/json", `{"message":"no"}`, ""},
		{"error without message", "get-users-session", 404, "application/json", `{}`, "message"},
		{"undeclared status", "get-users-session", 201, "application/json", users, "status 201"},
		{"null version", "session-post", 200, "application/json", `{"session_id":"950dd2eaff09-S","app":"arena","version":null}`, ""},
		{"null ports", "get-session", 200, "application/json", session(`{"request_id":"57f84a8e1298","public_ip":"","status":"","ready":false,"whitelisting_active":false,"fqdn":"","ports":null}`), ""},
		{"invalid port", "get-session", 200, "application/json", session(`{"request_id":"57f84a8e1298","public_ip":"","status":"","ready":false,"whitelisting_active":false,"fqdn":"","ports":{"game":{"external":0}}}`), "deployment.ports.game.external"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/v1/session/950dd2eaff09-S/users", nil)
			header := http.Header{"Content-Type": {test.contentType}}
			check(t, d.ValidateResponse(test.operation, r, test.status, header, []byte(test.body)), test.want)
		})
	}
}

func session(deployment string) string {
	return `{"session_id":"950dd2eaff09-S","status":"Waiting","ready":false,"linked":true,"kind":"Seat","user_count":1,"app_version":1,"create_time":"","elapsed":0,"deployment":` + deployment + `}`
}

// check compares err with a part of its text; "" is no error. An error must not contain a value of
// the request or response.
func check(t *testing.T, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want one with %q", err, want)
	}
	if err != nil && (strings.Contains(err.Error(), "192.0.2.1") || strings.Contains(err.Error(), "longer than twenty")) {
		t.Errorf("error contains a value: %v", err)
	}
}
