package emulator_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

// versions are two of arena, the first of them in use.
var versions = emulator.Config{Apps: []emulator.App{
	{Name: "arena", Version: "1.0"}, {Name: "arena", Version: "0.9", Disabled: true}, {Name: "tool", Kind: "Default"},
}}

// createAnswer is what a create is answered, without its message.
func createAnswer(t *testing.T, e *emulator.Emulator, body string) int {
	t.Helper()
	got, _ := status(t, e, "POST", "/v1/session", body)
	return got
}

var createFacts = facts{
	"the answer to a create": fact(emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		asked := `{"app_name": "arena", "version_name": "1.4.0", "webhook_url": "https://example.invalid/hook",
			"selectors": [{"tag": "ranked", "env": {"key": "MODE", "value": "duel"}}], "deployment_request_id": "000000000000"}`
		created := call[api.SessionRequest](t, e, "POST", "/v1/session", asked)
		if created.App != "arena" || created.Version != "1.4.0" || created.WebhookURL != "https://example.invalid/hook" || created.DeploymentRequestID != "000000000000" ||
			len(created.Selectors) != 1 || created.Selectors[0].Env.Value != "duel" {
			t.Errorf("%+v", created)
		}
		for field := range call[map[string]any](t, e, "POST", "/v1/session", asked) {
			if field == "status" || field == "app_name" || field == "version_name" {
				t.Errorf("the answer has %s", field)
			}
		}
	}),

	"no version_name": func(t *testing.T) {
		for want, config := range map[string]emulator.Config{
			"v1":  {},
			"1.0": versions,
			"v2":  {Apps: []emulator.App{{Name: "chess"}, {Name: "arena", Version: "v2"}, {Name: "arena", Version: "v3"}}},
		} {
			within(t, config, func(t *testing.T, e *emulator.Emulator) {
				if created := call[api.SessionRequest](t, e, "POST", "/v1/session", `{"app_name": "arena"}`); created.Version != want {
					t.Errorf("%+v, want %s", created, want)
				}
			})
		}
	},

	"no such app": guess(versions, emulator.Unknown{UnknownApp: 404}, func(t *testing.T, e *emulator.Emulator) [3]int {
		return [3]int{createAnswer(t, e, `{"app_name": "chess"}`), createAnswer(t, e, `{"app_name": "arena", "version_name": "2.0"}`), createAnswer(t, e, `{"app_name": "arena"}`)}
	}, [3]int{400, 400, 200}, [3]int{404, 404, 200}),

	"a disabled version": fact(versions, func(t *testing.T, e *emulator.Emulator) {
		got, message := status(t, e, "POST", "/v1/session", `{"app_name": "arena", "version_name": "0.9"}`)
		if got != 400 || !strings.HasPrefix(message, "version_name:") || len(e.Sessions()) != 0 {
			t.Errorf("%d %s", got, message)
		}
	}),

	"a version without sessions": func(t *testing.T) {
		guess(versions, emulator.Unknown{SessionlessApp: 409}, func(t *testing.T, e *emulator.Emulator) int {
			return createAnswer(t, e, `{"app_name": "tool"}`)
		}, 400, 409)(t)
		config := versions
		config.Unknown.SessionlessApp = 200
		within(t, config, func(t *testing.T, e *emulator.Emulator) {
			id := call[api.SessionRequest](t, e, "POST", "/v1/session", `{"app_name": "tool"}`).SessionID
			time.Sleep(2 * time.Second)
			if s := get(t, e, id); s.Status != "Unprocessable" || s.Kind != "Default" || s.Error == "" || len(e.Deployments()) != 0 {
				t.Errorf("%+v", s)
			}
		})
	},

	"limits of fields": fact(emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		for _, c := range []struct{ body, field string }{
			{`{}`, "app_name"},
			{`{"app_name": 3}`, "app_name"},
			{`{"app_name": "arena", "webhook_url": "ftp://example.invalid/"}`, "webhook_url"},
			{`{"app_name": "arena", "webhook_url": "::"}`, "webhook_url"},
			{`{"app_name": "arena", "ip_list": ["203.0.113.1", "secret.example"]}`, "ip_list[1]"},
			{`{"app_name": "arena", "ip_list": ["fe80::1%eth0"]}`, "ip_list[0]"},
			{`{"app_name": "arena", "geo_ip_list": [{"ip": "localhost", "latitude": 1, "longitude": 0}]}`, "geo_ip_list[0].ip"},
			{`{"app_name": "arena", "geo_ip_list": [{"ip": "203.0.113.1", "latitude": 91, "longitude": 0}]}`, "geo_ip_list[0]"},
			{`{"app_name": "arena", "location": {"latitude": 0, "longitude": 181}}`, "location"},
			{`{"app_name": "arena", "selectors": [{"tag": ""}]}`, "selectors[0].tag"},
			{`{"app_name": "arena", "selectors": [{"tag": "` + strings.Repeat("é", 21) + `"}]}`, "selectors[0].tag"},
			{`{"app_name": "arena", "selectors": [{"tag": "a", "env": {"key": "K", "value": ""}}]}`, "selectors[0].env"},
			{`{"app_name": "arena", "selectors": [{"tag": "a", "env": {"key": "K", "value": "` + strings.Repeat("v", 1025) + `"}}]}`, "selectors[0].env"},
			{`{"app_name": "arena", "selectors": [{"tag": "a", "env": {"key": "` + strings.Repeat("k", 256) + `", "value": "v"}}]}`, "selectors[0].env"},
			{`{"app_name": "arena", "filters": [{"field": "city", "values": ["Tokyo"], "filter_type": "some"}]}`, "filters[0]"},
			{`{"app_name": "arena", "filters": [{"field": "city", "values": [], "filter_type": "any"}]}`, "filters[0]"},
		} {
			got, message := status(t, e, "POST", "/v1/session", c.body)
			if got != 400 || !strings.HasPrefix(message, c.field+":") {
				t.Errorf("%s: %d %q, want a 400 that names %s", c.body, got, message, c.field)
			}
			if strings.Contains(message, "secret") {
				t.Errorf("the message holds the value: %q", message)
			}
		}
		if n := len(e.Sessions()); n != 0 {
			t.Errorf("%d sessions were created", n)
		}
		create(t, e, `"selectors": [{"tag": "`+strings.Repeat("é", 20)+`", "env": {"key": "`+strings.Repeat("k", 255)+`", "value": "`+strings.Repeat("v", 1024)+`"}}]`)
	}),

	"ids": fact(emulator.Config{Seed: 7, ReadyAfter: -1}, func(t *testing.T, e *emulator.Emulator) {
		again := emulator.New(emulator.Config{Seed: 7, ReadyAfter: -1})
		defer again.Close()
		other := emulator.New(emulator.Config{Seed: 8, ReadyAfter: -1})
		defer other.Close()
		shape := regexp.MustCompile(`^[0-9a-f]{12}-S$`)
		seen := map[string]bool{}
		for range 500 {
			id := create(t, e, "")
			if !shape.MatchString(id) || seen[id] {
				t.Fatalf("id %q, seen %t", id, seen[id])
			}
			seen[id] = true
			if same := create(t, again, ""); same != id {
				t.Fatalf("the same seed gave %s and %s", id, same)
			}
			if different := create(t, other, ""); different == id {
				t.Fatalf("another seed gave %s too", id)
			}
		}
		if id := e.Deployments()[0].RequestID; !shape.MatchString(id + "-S") {
			t.Errorf("a deployment's id: %q", id)
		}
	}),

	"custom_id": guess(emulator.Config{}, emulator.Unknown{Nulls: true}, func(t *testing.T, e *emulator.Emulator) (there [4]bool) {
		created := call[map[string]any](t, e, "POST", "/v1/session", `{"app_name": "arena"}`)
		path := "/v1/session/" + created["session_id"].(string)
		page := call[map[string]any](t, e, "GET", "/v1/sessions", "")
		for i, object := range []map[string]any{
			created, call[map[string]any](t, e, "GET", path, ""), page["data"].([]any)[0].(map[string]any), call[map[string]any](t, e, "DELETE", path, ""),
		} {
			id, has := object["custom_id"]
			if there[i] = has; id != nil {
				t.Errorf("custom_id %v", id)
			}
		}
		return there
	}, [4]bool{}, [4]bool{true, true, true, true}),

	"create_time": fact(emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		time.Sleep(831041 * time.Microsecond)
		if got := get(t, e, create(t, e, "")).CreateTime; !regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.831041$`).MatchString(got) {
			t.Errorf("%q", got)
		}
	}),

	"the zone of create_time": fact(emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		id, now := create(t, e, ""), time.Now()
		if got, err := time.Parse("2006-01-02 15:04:05.000000", get(t, e, id).CreateTime); err != nil || !got.Equal(now) {
			t.Errorf("%v, want %v: %v", got, now, err)
		}
	}),

	"elapsed": fact(emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		id := create(t, e, "")
		for _, want := range []int64{0, 1, 3, 4} { // after 0, 1.5, 3 and 4.5 s
			if got := get(t, e, id).Elapsed; got != want {
				t.Errorf("%d, want %d", got, want)
			}
			time.Sleep(1500 * time.Millisecond)
		}
	}),

	"app_version": fact(emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		first, same := settled(t, e, `"version_name": "1"`), settled(t, e, `"version_name": "1"`)
		other := settled(t, e, `"version_name": "2"`)
		if first.AppVersion == 0 || first.AppVersion != same.AppVersion || first.AppVersion == other.AppVersion {
			t.Errorf("%d, %d, %d", first.AppVersion, same.AppVersion, other.AppVersion)
		}
	}),
}
