package sessionstest_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

var callFacts = map[string]func(*testing.T){
	"key": func(t *testing.T) {
		f, one := newFake(t), newFake(t, sessionstest.WithKey("secret"))
		for header, want := range map[string][2]int{"token any": {200, 401}, "token secret": {200, 200}, "secret": {401, 401},
			"Bearer secret": {401, 401}, "token ": {401, 401}, "": {401, 401}} {
			for i, f := range []*fake{f, one} {
				resp, _ := f.do("GET", "/v1/sessions", "", http.Header{"Authorization": {header}})
				equal(t, fmt.Sprintf("%q, fake %d", header, i), resp.StatusCode, want[i])
			}
		}
	},
	"errors": func(t *testing.T) {
		f := newFake(t)
		for body, want := range map[string]string{
			`{"app_name": "arena", "ip_list": ["203.0.113.7", "secret"]}`:                     "ip_list[1]: is not an IP address",
			`{"app_name": "arena", "ip_list": "secret"}`:                                      "ip_list: has the wrong type",
			`{"ip_list": ["203.0.113.7"]}`:                                                    "app_name: is required",
			`{"app_name": "arena", "geo_ip_list": [{"ip": "203.0.113.7"}, {"ip": "secret"}]}`: "geo_ip_list[1]: is not an IP address",
			`secret`: "body: is not a JSON object",
			`{"app_name": "arena", "ip_list": ["` + strings.Repeat("x", 1<<20): "body: is not a JSON object",
		} {
			equal(t, "message", f.want(400, "POST", "/v1/session", body)["message"], want)
		}
		f.want(404, "POST", "/v1/sessions", "{}")
		f.want(404, "GET", "/v1/session/950dd2eaff09-S", "")
		f.want(404, "GET", "/v1/session/950dd2eaff09-S/users", "")
		f.want(404, "DELETE", "/v1/session/..", "")
	},
	"unknown properties": func(t *testing.T) {
		f := newFake(t)
		f.create(`"app": "arena"`)
		f.create(`"app": "arena"`)
		if got := strings.Count(f.String(), `session-post: unknown property "app" is ignored`); got != 1 {
			t.Errorf("%d notices, want 1:\n%s", got, f)
		}
	},
	"extra fields": func(t *testing.T) {
		for extra, want := range map[bool]any{false: nil, true: "map[unknown:[<nil> 1 text]]"} {
			s := assuming(t, sessionstest.Assumptions{ExtraFields: extra}).ready("")
			equal(t, "of the session", s["unknown_field"], want)
			equal(t, "of a port", s.at("deployment", "ports", "gameport", "unknown_field"), want)
		}
	},
	"optional fields": func(t *testing.T) {
		for _, nulls := range []bool{false, true} {
			f := assuming(t, sessionstest.Assumptions{Nulls: nulls})
			id := f.create("")
			for _, field := range []string{"custom_id", "error", "deployment", "webhook_url"} {
				value, present := f.read(id)[field]
				equal(t, field, value, nil)
				equal(t, field+" is present", present, nulls)
			}
			_, present := f.want(200, "GET", "/v1/session/"+id+"/users", "")["session_users"].([]any)[0].(map[string]any)["latitude"]
			equal(t, "latitude is present", present, nulls)
		}
	},
	"counts": func(t *testing.T) {
		for asStrings, want := range map[bool]string{false: "float64 1 10 1", true: "string 1 10 1"} {
			f := assuming(t, sessionstest.Assumptions{CountsAsStrings: asStrings})
			s := f.ready("")
			got := fmt.Sprintf("%T %[1]v %v %v", s["user_count"], s.at("deployment", "sockets"), s.at("deployment", "sockets_usage"))
			equal(t, "counts", got, want)
			equal(t, "elapsed", fmt.Sprintf("%T", s["elapsed"]), "float64")
			item := f.want(200, "GET", "/v1/sessions", "")["data"].([]any)[0].(map[string]any)
			equal(t, "user_count in the list", fmt.Sprintf("%T %[1]v", item["user_count"]), want[:len(want)-5])
		}
	},
	"rate limit": func(t *testing.T) {
		f := newFake(t, sessionstest.WithRateLimit(2, 3, 1500*time.Millisecond))
		for range 3 {
			f.want(200, "GET", "/v1/sessions", "")
		}
		resp, _ := f.do("GET", "/v1/sessions", "", http.Header{"Authorization": {"token any"}})
		equal(t, "status", resp.StatusCode, 429)
		equal(t, "Retry-After", resp.Header.Get("Retry-After"), "2")
		time.Sleep(500 * time.Millisecond)
		f.want(200, "GET", "/v1/sessions", "")
		f.want(429, "GET", "/v1/sessions", "")
		silent := newFake(t, sessionstest.WithRateLimit(1, 0, 0))
		silent.want(200, "GET", "/v1/sessions", "")
		resp, _ = silent.do("GET", "/v1/sessions", "", http.Header{"Authorization": {"token any"}})
		equal(t, "header Retry-After", resp.Header["Retry-After"], "[]")
		unlimited := newFake(t)
		for range 100 {
			unlimited.want(200, "GET", "/v1/sessions", "")
		}
	},
}

var createFacts = map[string]func(*testing.T){
	"create": func(t *testing.T) {
		o := newFake(t).want(200, "POST", "/v1/session", `{"app_name": "arena", "version_name": "1.4.0", "ip_list": ["203.0.113.7"], "webhook_url": "https://match.example/hook"}`)
		delete(o, "session_id")
		equal(t, "response", o, "map[app:arena version:1.4.0 webhook_url:https://match.example/hook]")
	},
	"other codes of create": func(t *testing.T) {
		f := newFake(t)
		for _, status := range []int{404, 409, 422, 500} {
			f.FailNext(sessionstest.Fault{Operation: sessionstest.OpCreate, Status: status, Body: `{"message": "no"}`})
			f.want(200, "GET", "/v1/sessions", "")
			equal(t, "message", f.want(status, "POST", "/v1/session", `{"app_name": "arena"}`)["message"], "no")
		}
		f.create("")
		equal(t, "sessions", len(f.Sessions()), 1)
	},
	"ids": func(t *testing.T) {
		s := newFake(t, sessionstest.WithSeed(7)).ready("")
		id, deployment := s["session_id"].(string), s.at("deployment", "request_id").(string)
		if !regexp.MustCompile("^[0-9a-f]{12}-S [0-9a-f]{12}$").MatchString(id + " " + deployment) {
			t.Errorf("ids %q, %q", id, deployment)
		}
		equal(t, "id with the same seed", newFake(t, sessionstest.WithSeed(7)).create(""), id)
		if other := newFake(t, sessionstest.WithSeed(8)).create(""); other == id {
			t.Errorf("two seeds give %s", id)
		}
	},
	"no version_name": func(t *testing.T) {
		old, latest := sessionstest.App{Name: "arena", Version: "1.3", Sockets: 3}, sessionstest.App{Name: "arena", Version: "1.4", Sockets: 4}
		any := sessionstest.WithApp(sessionstest.App{Sockets: 5})
		f := newFake(t, sessionstest.WithApp(old), sessionstest.WithApp(latest), any)
		equal(t, "version", f.want(200, "POST", "/v1/session", `{"app_name": "arena"}`)["version"], "1.4")
		equal(t, "sockets", f.ready(`"version_name": "1.3"`).at("deployment", "sockets"), 3)
		equal(t, "sockets of another app", f.want(200, "POST", "/v1/session", `{"app_name": "race"}`)["version"], "v1")
		old.Sockets = 6
		f = newFake(t, sessionstest.WithApp(old), sessionstest.WithApp(latest), sessionstest.WithApp(old))
		equal(t, "sockets of the later of two equal versions", f.ready("").at("deployment", "sockets"), 6)
		f = assuming(t, sessionstest.Assumptions{NullVersion: true})
		version, present := f.want(200, "POST", "/v1/session", `{"app_name": "arena"}`)["version"]
		equal(t, "null version", line(version, present), "<nil> true")
		equal(t, "named version", f.want(200, "POST", "/v1/session", `{"app_name": "arena", "version_name": "1"}`)["version"], "1")
	},
	"unknown app": func(t *testing.T) {
		arena := sessionstest.WithApp(sessionstest.App{Name: "arena", Version: "1.4"})
		for _, body := range []string{`{"app_name": "race"}`, `{"app_name": "arena", "version_name": "2"}`} {
			newFake(t, arena).want(400, "POST", "/v1/session", body)
			assumingStatus(t, "unknown_app", 404, arena).want(404, "POST", "/v1/session", body)
			assumingStatus(t, "unknown_app", 200, arena).want(200, "POST", "/v1/session", body)
		}
	},
	"disabled version": func(t *testing.T) {
		f := newFake(t, sessionstest.WithApp(sessionstest.App{Disabled: true}))
		f.want(400, "POST", "/v1/session", `{"app_name": "arena"}`)
	},
	"kind Default": func(t *testing.T) {
		app := sessionstest.WithApp(sessionstest.App{Kind: "Default"})
		newFake(t, app).want(400, "POST", "/v1/session", `{"app_name": "arena"}`)
		s := assumingStatus(t, "sessionless_app", 200, app).ready("")
		equal(t, "status", s["status"], "Unprocessable")
	},
	"limits of fields": func(t *testing.T) {
		f := newFake(t)
		long := strings.Repeat("é", 20)
		for fields, status := range map[string]int{
			`"selectors": [{"tag": "` + long + `"}]`:  200,
			`"selectors": [{"tag": "` + long + `x"}]`: 400,
			`"selectors": [{"tag": ""}]`:              400,
			`"selectors": [{"tag": "x", "env": {"key": "A", "value": "` + strings.Repeat("x", 1024) + `"}}]`: 200,
			`"selectors": [{"tag": "x", "env": {"key": "A", "value": "` + strings.Repeat("x", 1025) + `"}}]`: 400,
			`"selectors": [{"tag": "x", "env": {"key": "` + strings.Repeat("x", 256) + `", "value": "x"}}]`:  400,
			`"selectors": [{"tag": "x", "env": {"key": "A"}}]`:                                               400,
			`"selectors": [{"tag": "x", "env": null}]`:                                                       200,
			`"filters": [{"field": "country", "values": ["Canada"], "filter_type": "any"}]`:                  200,
			`"filters": [{"field": "country", "values": ["Canada"], "filter_type": "some"}]`:                 400,
			`"filters": [{"field": "country", "values": [], "filter_type": "any"}]`:                          400,
			`"geo_ip_list": [{"ip": "203.0.113.7", "latitude": 45.5, "longitude": -73.5}], "ip_list": null`:  200,
		} {
			f.want(status, "POST", "/v1/session", `{"app_name": "arena", `+fields+`}`)
		}
	},
	"create_time": func(t *testing.T) {
		f := newFake(t)
		time.Sleep(1234567 * time.Microsecond)
		s := f.read(f.create(""))
		equal(t, "create_time", s["create_time"], "2000-01-01 00:00:01.234567")
		time.Sleep(3500 * time.Millisecond)
		equal(t, "elapsed", f.read(s["session_id"].(string))["elapsed"], 3)
	},
	"visibility": func(t *testing.T) {
		newFake(t).ready("")
		f := newFake(t, sessionstest.WithVisibleAfter(3*time.Second))
		id := f.create("")
		total := func() any { return f.want(200, "GET", "/v1/sessions", "")["total_count"] }
		for range 2 {
			f.want(404, "GET", "/v1/session/"+id, "")
			f.want(404, "DELETE", "/v1/session/"+id, "")
			f.want(404, "PUT", "/v1/session/"+id+"/users", `{"ip_list": ["203.0.113.8"]}`)
			equal(t, "listed", total(), 0)
			equal(t, "stopped", len(f.stop(`{"field": "session_id", "values": ["`+id+`"], "filter_type": "any"}`)), 0)
			time.Sleep(3*time.Second/2 - time.Nanosecond)
		}
		time.Sleep(2 * time.Nanosecond)
		equal(t, "status", f.read(id)["status"], "Ready")
		equal(t, "listed", total(), 1)
	},
}
