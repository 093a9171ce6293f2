package emulator_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

var callFacts = facts{
	"the key": func(t *testing.T) {
		for _, c := range []struct {
			wanted, header string
			taken          bool
		}{
			{"", "token anything", true},
			{"", "token ", false},
			{"", "token", false},
			{"", "", false},
			{"", "Bearer anything", false},
			{"", "anything", false},
			{"right", "token right", true},
			{"right", "token wrong", false},
			{"right", "right", false},
			{"right", "token right2", false},
		} {
			within(t, emulator.Config{Key: c.wanted}, func(t *testing.T, e *emulator.Emulator) {
				r, _ := http.NewRequestWithContext(t.Context(), "GET", "https://emulator.invalid/v1/sessions", nil)
				r.Header.Set("authorization", c.header)
				response, err := e.Transport().RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				response.Body.Close()
				want := 401
				if c.taken {
					want = 200
				}
				if response.StatusCode != want || e.Requests()[0].KeyAccepted != c.taken {
					t.Errorf("key %q, header %q: %d %+v", c.wanted, c.header, response.StatusCode, e.Requests()[0])
				}
			})
		}
	},

	"errors": fact(emulator.Config{Key: "some-key"}, func(t *testing.T, e *emulator.Emulator) {
		deleted := "/v1/session/" + create(t, e, "")
		call[api.SessionDelete](t, e, "DELETE", deleted, "")
		full := "/v1/session/" + settled(t, e, `"ip_list": `+ips(10)).SessionID + "/users"
		refused := func(method, path, body string, code int) {
			t.Helper()
			response, err := send(t, e, method, path, body)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			var problem map[string]string
			err = json.NewDecoder(response.Body).Decode(&problem)
			if response.StatusCode != code || response.Header.Get("Content-Type") != "application/json" || err != nil || len(problem) != 1 || problem["message"] == "" {
				t.Errorf("%s %s: %d %v %v, want a %d with a message", method, path, response.StatusCode, response.Header, problem, code)
			}
			if strings.Contains(problem["message"], "secret") || code == 400 && !strings.HasPrefix(problem["message"], "ip_list[0]: ") {
				t.Errorf("%s %s: %q", method, path, problem["message"])
			}
		}
		refused("POST", "/v1/session", `{"app_name": "arena", "ip_list": ["secret.example"]}`, 400)
		refused("GET", "/v1/session/secret", "", 404)
		refused("PATCH", "/v1/session/secret", "", 405)
		refused("POST", "/v1/session", strings.Repeat(" ", 1<<20+1), 413)
		refused("PUT", full, `{"ip_list": ["192.0.2.7"]}`, 422)
		time.Sleep(time.Second)
		refused("DELETE", deleted, "", 404)
		if err := e.Configure(emulator.Config{Key: "another"}); err != nil {
			t.Fatal(err)
		}
		refused("GET", "/v1/sessions", "", 401)
	}),

	"bodies": fact(emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		for _, c := range []struct {
			contentType, body string
			status            int
		}{
			{"application/json", `{"app_name": "arena"}`, 200},
			{"Application/JSON; charset=utf-8", ` {"app_name": "arena"} `, 200},
			{"", `{"app_name": "arena"}`, 400},
			{"text/plain", `{"app_name": "arena"}`, 400},
			{"application/json", ``, 400},
			{"application/json", `null`, 400},
			{"application/json", `[]`, 400},
			{"application/json", `{"app_name": "arena"`, 400},
			{"application/json", `{"app_name": "arena"} {}`, 400},
			{"application/json", `{"app_name": "` + strings.Repeat("a", 1<<20) + `"}`, 413},
		} {
			r, _ := http.NewRequestWithContext(t.Context(), "POST", "https://emulator.invalid/v1/session", strings.NewReader(c.body))
			r.Header.Set("Authorization", "token k")
			r.Header.Set("Content-Type", c.contentType)
			response, err := e.Transport().RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != c.status {
				t.Errorf("%s %.40s: %d", c.contentType, c.body, response.StatusCode)
			}
		}
	}),

	"properties that the contract lacks": guess(emulator.Config{}, emulator.Unknown{UnknownField: 422}, func(t *testing.T, e *emulator.Emulator) (got []string) {
		id := create(t, e, "")
		for _, c := range [][3]string{
			{"POST", "/v1/session", `{"app_name": "arena", "app": "arena"}`},
			{"POST", "/v1/session", `{"app_name": "arena", "selectors": [{"tag": "a", "label": "b"}]}`},
			{"PUT", "/v1/session/" + id + "/users", `{"ip_list": [], "replace": true}`},
			{"DELETE", "/v1/session/" + id + "/users", `{"ip_list": [], "replace": true}`},
			{"POST", "/v1/sessions/bulk-stop", `{"filters": [{"field": "request_id", "values": ["x"], "filter_type": "any"}], "force": true}`},
			{"POST", "/v1/session", `{"app_name": "arena", "skip_telemetry": true}`},
		} {
			code, message := status(t, e, c[0], c[1], c[2])
			name, _, _ := strings.Cut(message, ":")
			got = append(got, fmt.Sprint(code, " ", name))
		}
		return got
	}, []string{"200 ", "200 ", "200 ", "200 ", "200 ", "200 "}, []string{"422 app", "422 selectors[0].label", "422 replace", "422 replace", "422 force", "200 "}),

	"paths that the contract lacks": fact(emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		for _, c := range []struct {
			method, path string
			status       int
			allow        string
		}{
			{"GET", "/", 404, ""},
			{"GET", "/v1/session/", 404, ""},
			{"GET", "/v1/session/a/../b", 404, ""},
			{"DELETE", "/v1/session/..", 404, ""},
			{"GET", "/v1//sessions", 404, ""},
			{"GET", "/v2/sessions", 404, ""},
			{"GET", "/v1/session/a/users/b", 404, ""},
			{"GET", "/v1/session", 405, "POST"},
			{"POST", "/v1/sessions", 405, "GET"},
			{"PUT", "/v1/sessions/bulk-stop", 405, "POST"},
			{"PATCH", "/v1/session/a", 405, "DELETE, GET"},
			{"OPTIONS", "/v1/session/a/users", 405, "DELETE, GET, PUT"},
			{"TRACE", "/v1/sessions", 405, "GET"},
			{"HEAD", "/v1/sessions", 405, "GET"},
		} {
			response, err := send(t, e, c.method, c.path, "")
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(response.Body)
			response.Body.Close()
			if response.StatusCode != c.status || response.Header.Get("Allow") != c.allow || response.Header.Get("Location") != "" {
				t.Errorf("%s %s: %d %v", c.method, c.path, response.StatusCode, response.Header)
			}
			if head := c.method == "HEAD"; head != (len(body) == 0) {
				t.Errorf("%s %s: body %q", c.method, c.path, body)
			}
		}
		plan(t, e, emulator.Fault{Status: 200, Body: "<html>"})
		if got, body := answer(t, e, "GET", "/", ""); got != 200 || string(body) != "<html>" {
			t.Errorf("with a fault: %d %s", got, body)
		}
	}),

	"too many requests": fact(emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		taken := func(calls int, retryAfter string) (n int) {
			t.Helper()
			for range calls {
				response, err := send(t, e, "GET", "/v1/sessions", "")
				if err != nil {
					t.Fatal(err)
				}
				text, _ := io.ReadAll(response.Body)
				response.Body.Close()
				switch {
				case response.StatusCode == 200:
					n++
				case response.StatusCode != 429 || response.Header.Get("Retry-After") != retryAfter || !strings.HasPrefix(string(text), `{"message":`):
					t.Errorf("%d %v %s", response.StatusCode, response.Header, text)
				}
			}
			return n
		}
		limit := func(l emulator.RateLimit) {
			t.Helper()
			if err := e.Configure(emulator.Config{RateLimit: l}); err != nil {
				t.Fatal(err)
			}
		}
		if n := taken(500, ""); n != 500 {
			t.Errorf("without a limit: %d", n)
		}
		limit(emulator.RateLimit{PerSecond: 2, Burst: 3, RetryAfter: 4})
		if n := taken(10, "4"); n != 3 {
			t.Errorf("%d of the first burst, want 3", n)
		}
		time.Sleep(time.Second)
		if n := taken(10, "4"); n != 2 {
			t.Errorf("%d after a second, want 2", n)
		}
		time.Sleep(time.Hour)
		if n := taken(10, "4"); n != 3 {
			t.Errorf("%d after an hour, want 3", n)
		}
		limit(emulator.RateLimit{PerSecond: 0.5})
		time.Sleep(time.Hour)
		if n := taken(2, ""); n != 1 {
			t.Errorf("%d from a bucket of one", n)
		}
	}),

	"403 and 5xx": fact(emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		for _, code := range []int{403, 500, 503} {
			plan(t, e, emulator.Fault{Status: code})
			if got, _ := status(t, e, "GET", "/v1/sessions", ""); got != code {
				t.Errorf("%d, want %d", got, code)
			}
		}
		if got, _ := status(t, e, "GET", "/v1/sessions", ""); got != 200 {
			t.Errorf("without a fault: %d", got)
		}
	}),

	"409": guess(emulator.Config{}, emulator.Unknown{FullDeployment: 409}, func(t *testing.T, e *emulator.Emulator) int {
		got, _ := status(t, e, "POST", "/v1/session", `{"app_name": "arena", "deployment_request_id": "000000000000"}`)
		return got
	}, 200, 409),
}

func TestTheCheckOfTheConfiguration(t *testing.T) {
	config := emulator.Config{Check: func(r *http.Request) error {
		body, err := io.ReadAll(r.Body)
		if strings.Contains(string(body), "forbidden") {
			return errors.New("app_name: is forbidden")
		}
		return err
	}}
	within(t, config, func(t *testing.T, e *emulator.Emulator) {
		if got, message := status(t, e, "POST", "/v1/session", `{"app_name": "forbidden"}`); got != 400 || message != "app_name: is forbidden" {
			t.Errorf("%d %q", got, message)
		}
		if id := create(t, e, ""); id == "" { // its body was read by the check, and is read again
			t.Error("no session")
		}
	})
}

func TestTheRecord(t *testing.T) {
	within(t, emulator.Config{Key: "k3y-of-mine"}, func(t *testing.T, e *emulator.Emulator) {
		start := time.Now()
		r, _ := http.NewRequestWithContext(t.Context(), "PUT", "https://emulator.invalid/v1/session/a%2Fb/users?token=k3y-of-mine", strings.NewReader(`{"ip_list": ["k3y-of-mine"]}`))
		r.Header.Set("Authorization", "token k3y-of-mine")
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("User-Agent", "matchmaker/1.0")
		r.Header.Set("X-Note", "my k3y-of-mine")
		response, err := e.Transport().RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		want := emulator.Request{
			Operation: "put-users-session", Method: "PUT", Path: "/v1/session/a%2Fb/users", Query: "token=[key]", SessionID: "a/b",
			Header: http.Header{"Content-Type": {"application/json"}, "User-Agent": {"matchmaker/1.0"}, "X-Note": {"my [key]"}},
			Body:   `{"ip_list": ["[key]"]}`, KeyAccepted: true, Status: 404, Message: "session not found", Time: start,
		}
		if got := e.Requests(); !reflect.DeepEqual(got, []emulator.Request{want}) {
			t.Errorf("%+v, want %+v", got, want)
		}
		// The ids of operations that have none are empty.
		for _, c := range [][2]string{{"GET", "/v1/sessions"}, {"POST", "/v1/session"}, {"POST", "/v1/sessions/bulk-stop"}} {
			r, _ := http.NewRequestWithContext(t.Context(), c[0], "https://emulator.invalid"+c[1], nil)
			response, err := e.Transport().RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
		}
		for _, got := range e.Requests()[1:] {
			if got.SessionID != "" || got.KeyAccepted || got.Status != 401 || got.Operation == "" || got.Body != "" {
				t.Errorf("%+v", got)
			}
		}
	})
}

func TestTheLedger(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		start := time.Now()
		kept := settled(t, e, `"version_name": "1.0", "ip_list": `+ips(1)+`, "webhook_url": "https://example.invalid/hook?match=1"`)
		stopped := create(t, e, "")
		status(t, e, "DELETE", "/v1/session/"+stopped, "")
		if e.Sessions()[1].Exists {
			t.Error("a deleted session exists")
		}
		time.Sleep(time.Hour)
		got := e.Sessions()
		if len(got) != 2 {
			t.Fatalf("%+v", got)
		}
		if s := got[0]; s.SessionID != kept.SessionID || !s.Exists || s.Status != "Ready" || s.AppName != "arena" || s.VersionName != "1.0" ||
			s.WebhookURL != "https://example.invalid/hook?match=1" || !slices.Equal(s.IPs, []string{"203.0.113.1"}) ||
			s.DeploymentRequestID != kept.Deployment.RequestID || !s.Created.Equal(start) {
			t.Errorf("%+v", s)
		}
		if s := got[1]; s.SessionID != stopped || s.Exists {
			t.Errorf("%+v", s)
		}
	})
}

func TestAnIDIsTakenAsItStands(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		for _, id := range []string{"a/b", "..", "%2e%2e", "x?y=1", " ", "\u00e9"} {
			status(t, e, "GET", "/v1/session/"+url.PathEscape(id)+"/users", "")
			requests := e.Requests()
			if last := requests[len(requests)-1]; last.SessionID != id && id != ".." || last.Status != 404 {
				t.Errorf("%q: %+v", id, last)
			}
		}
	})
}
