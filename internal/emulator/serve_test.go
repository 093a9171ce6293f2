package emulator_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/internal/emulator"
)

func TestTheKeyIsChecked(t *testing.T) {
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
			text, _ := io.ReadAll(response.Body)
			response.Body.Close()
			want := 401
			if c.taken {
				want = 200
			}
			if response.StatusCode != want || e.Requests()[0].KeyAccepted != c.taken {
				t.Errorf("key %q, header %q: %d %s %+v", c.wanted, c.header, response.StatusCode, text, e.Requests()[0])
			}
			if !c.taken && (!strings.HasPrefix(string(text), `{"message":"`) || response.Header.Get("Content-Type") != "application/json") {
				t.Errorf("no error body: %s", text)
			}
		})
	}
}

func TestWhatIsNotARoute(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
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
	})
}

func TestWhatIsNotABody(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
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
	})
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

func TestRateLimit(t *testing.T) {
	limit := emulator.RateLimit{PerSecond: 2, Burst: 3, RetryAfter: 4}
	within(t, emulator.Config{RateLimit: limit}, func(t *testing.T, e *emulator.Emulator) {
		taken := func(calls int) (n int) {
			for range calls {
				response, err := send(t, e, "GET", "/v1/sessions", "")
				if err != nil {
					t.Fatal(err)
				}
				response.Body.Close()
				switch {
				case response.StatusCode == 200:
					n++
				case response.StatusCode != 429 || response.Header.Get("Retry-After") != "4":
					t.Errorf("%d %v", response.StatusCode, response.Header)
				}
			}
			return n
		}
		if n := taken(10); n != 3 {
			t.Errorf("%d of the first burst, want 3", n)
		}
		time.Sleep(time.Second)
		if n := taken(10); n != 2 {
			t.Errorf("%d after a second, want 2", n)
		}
		time.Sleep(time.Hour)
		if n := taken(10); n != 3 {
			t.Errorf("%d after an hour, want 3", n)
		}
		if err := e.Configure(emulator.Config{RateLimit: emulator.RateLimit{PerSecond: 0.5}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		response, _ := send(t, e, "GET", "/v1/sessions", "")
		response.Body.Close()
		second, _ := send(t, e, "GET", "/v1/sessions", "")
		second.Body.Close()
		if response.StatusCode != 200 || second.StatusCode != 429 || second.Header.Get("Retry-After") != "" {
			t.Errorf("a bucket of one: %d, %d %v", response.StatusCode, second.StatusCode, second.Header)
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
