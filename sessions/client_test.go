package sessions_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/sessions"
)

func TestNewFromEnv(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("token from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key, file, base string
		header, url     string // what is sent
		refused         string // or what the error says
	}{
		"key":      {key: "from-env", header: "token from-env", url: sessions.DefaultBaseURL},
		"file":     {file: file, header: "token from-file", url: sessions.DefaultBaseURL},
		"base":     {key: "k", base: "http://localhost:8080", header: "token k", url: "http://localhost:8080"},
		"both":     {key: "s3cr3t", file: file, refused: "are both set"},
		"neither":  {refused: "neither"},
		"no file":  {file: file + "-not-there", refused: "EDGEGAP_API_KEY_FILE"},
		"bad base": {key: "k", base: "http://elsewhere", refused: "base URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("EDGEGAP_API_KEY", c.key)
			t.Setenv("EDGEGAP_API_KEY_FILE", c.file)
			t.Setenv("EDGEGAP_BASE_URL", c.base)
			s := says(200, sessionJSON)
			client, err := sessions.NewFromEnv(sessions.WithTransport(s))
			if c.refused != "" {
				if !errors.Is(err, sessions.ErrInvalidArgument) || !strings.Contains(err.Error(), c.refused) || strings.Contains(err.Error(), "s3cr3t") {
					t.Errorf("%v, want %q", err, c.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.Get(t.Context(), testID); err != nil {
				t.Fatal(err)
			}
			if r := s.seen[0]; r.Header.Get("Authorization") != c.header || !strings.HasPrefix(r.URL.String(), c.url+"/v1/") {
				t.Errorf("sent %q to %s", r.Header.Get("Authorization"), r.URL)
			}
		})
	}
	t.Setenv("EDGEGAP_API_KEY", "k")
	t.Setenv("EDGEGAP_BASE_URL", "http://localhost:8080")
	s := says(200, sessionJSON)
	c, err := sessions.NewFromEnv(sessions.WithTransport(s), sessions.WithBaseURL("https://proxy.example"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), testID); err != nil || s.seen[0].URL.Host != "proxy.example" {
		t.Errorf("an option does not override the environment: %v", err)
	}
}

func TestEachCallSendsWhatTheContractSays(t *testing.T) {
	wants := map[string]any{
		"session-post": &sessions.Created{SessionID: testID, App: "arena", Version: "1.4.0"},
		"get-session": &sessions.Session{SessionID: testID, Status: "Ready", Ready: true, Linked: true, Kind: "Seat",
			UserCount: 2, AppVersion: 88, CreateTime: "2024-05-26 12:00:45.831041", Elapsed: 7},
		"session-delete":       &sessions.Deleted{SessionID: testID, Message: "deleted"},
		"get-users-session":    []sessions.User{{IP: "203.0.113.7"}},
		"put-users-session":    []sessions.User{{IP: "203.0.113.7"}},
		"delete-users-session": []sessions.User{{IP: "203.0.113.7"}},
		"list-sessions": &sessions.Page{Total: 1, Sessions: []sessions.Summary{
			{SessionID: testID, Status: "Ready", Ready: true, Linked: true, Kind: "Seat", UserCount: 2}}},
		"sessions-bulk-stop": []string{testID},
	}
	for _, call := range calls {
		t.Run(call.operation, func(t *testing.T) {
			s := says(200, call.good)
			c := newClient(t, s, sessions.WithUserAgent("matchmaker/1.4"))
			got, err := call.do(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if want := wants[call.operation]; !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if len(s.seen) != 1 {
				t.Fatalf("%d requests", len(s.seen))
			}
			r := s.seen[0]
			if r.Method != call.method || r.URL.String() != sessions.DefaultBaseURL+call.path {
				t.Errorf("sent %s %s", r.Method, r.URL)
			}
			if s.seen[0].body != call.body {
				t.Errorf("sent %s, want %s", s.seen[0].body, call.body)
			}
			for name, want := range map[string]string{
				"Authorization": "token " + testKey,
				"Accept":        "application/json",
				"User-Agent":    "matchmaker/1.4 edgegap-community-sessions",
			} {
				if got := r.Header.Get(name); got != want {
					t.Errorf("header %s is %q, want %q", name, got, want)
				}
			}
			if call.body != "" && r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("content type %q", r.Header.Get("Content-Type"))
			}
			if got := sessions.Operation(r.Context()); got != call.operation {
				t.Errorf("Operation says %q", got)
			}
		})
	}
	if got := sessions.Operation(t.Context()); got != "" {
		t.Errorf("Operation of a foreign context is %q", got)
	}
}

func TestABasePathIsKept(t *testing.T) {
	for _, base := range []string{"https://proxy.example/edgegap", "https://proxy.example/edgegap/"} {
		for _, call := range calls {
			s := says(200, call.good)
			if _, err := call.do(t.Context(), newClient(t, s, sessions.WithBaseURL(base))); err != nil {
				t.Fatal(err)
			}
			if got, want := s.seen[0].URL.String(), "https://proxy.example/edgegap"+call.path; got != want {
				t.Errorf("sent to %s, want %s", got, want)
			}
		}
	}
}

func TestTheGeneratedClientIsSafe(t *testing.T) {
	s := says(200, sessionJSON)
	c := newClient(t, s)
	res, err := c.API().GetSession(t.Context(), testID)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(res.Body)
	if err != nil || string(content) != sessionJSON || res.ContentLength != int64(len(sessionJSON)) {
		t.Errorf("body %q, %v", content, err)
	}
	if s.seen[0].Header.Get("Authorization") != "token "+testKey {
		t.Error("sent without the key")
	}
	if got := res.Request.Header.Get("Authorization"); got != "" {
		t.Errorf("the answer shows the key: %q", got)
	}

	s = says(200, `{"session_id":"950dd2eaff09-S"}`)
	_, err = newClient(t, s).API().GetSession(t.Context(), testID)
	if !errors.Is(err, sessions.ErrBadResponse) {
		t.Errorf("an incomplete answer gives %v", err)
	}
	s = says(404, `{"message":"no such session"}`)
	_, err = newClient(t, s).API().GetSession(t.Context(), testID)
	var e *sessions.Error
	if !errors.Is(err, sessions.ErrNotFound) || !errors.As(err, &e) || e.SessionID != testID || e.Operation != "get-session" {
		t.Errorf("a 404 gives %v", err)
	}
}

func TestTheKeyGoesNowhereElse(t *testing.T) {
	edit := func(f func(*http.Request)) api.RequestEditorFn {
		return func(_ context.Context, r *http.Request) error { f(r); return nil }
	}
	for name, editor := range map[string]api.RequestEditorFn{
		"another host":        edit(func(r *http.Request) { r.URL.Host = "evil.example" }),
		"another host header": edit(func(r *http.Request) { r.Host = "evil.example" }),
		"another port":        edit(func(r *http.Request) { r.URL.Host += ":8443" }),
		"another scheme":      edit(func(r *http.Request) { r.URL.Scheme = "http" }),
		"another path":        edit(func(r *http.Request) { r.URL.Path = "/v1/apps" }),
		"another method":      edit(func(r *http.Request) { r.Method = "PATCH" }),
	} {
		s := says(200, sessionJSON)
		_, err := newClient(t, s).API().GetSession(t.Context(), testID, editor)
		if !errors.Is(err, sessions.ErrInvalidArgument) || len(s.seen) != 0 {
			t.Errorf("%s: %d requests, %v", name, len(s.seen), err)
		}
	}
	s := says(200, sessionJSON)
	c := newClient(t, s).API()
	c.Server = "https://evil.example/"
	if _, err := c.GetSession(t.Context(), testID); !errors.Is(err, sessions.ErrInvalidArgument) || len(s.seen) != 0 {
		t.Errorf("another server: %d requests, %v", len(s.seen), err)
	}
}

func TestABodyThatCannotBeRepeatedIsSentOnce(t *testing.T) {
	s := says(429, `{"message":"slow down"}`)
	_, err := newClient(t, s).API().SessionPostWithBody(t.Context(), "application/json", io.MultiReader(strings.NewReader(`{"app_name":"arena"}`)))
	if !errors.Is(err, sessions.ErrRateLimited) || len(s.seen) != 1 {
		t.Errorf("%d requests, %v", len(s.seen), err)
	}
	if s.seen[0].body != `{"app_name":"arena"}` {
		t.Errorf("sent %q", s.seen[0].body)
	}
}

func TestStopFilters(t *testing.T) {
	s := says(200, stoppedJSON)
	_, err := newClient(t, s).BulkStop(t.Context(), sessions.StopIDs("a-S", "b-S"), sessions.StopDeployments("57f84a8e1298"), sessions.StopTags("eu"))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"filters":[{"field":"session_id","filter_type":"any","values":["a-S","b-S"]},` +
		`{"field":"request_id","filter_type":"any","values":["57f84a8e1298"]},` +
		`{"field":"deployment_tags","filter_type":"any","values":["eu"]}]}`
	if s.seen[0].body != want {
		t.Errorf("sent %s", s.seen[0].body)
	}
}

type idler struct {
	*wire
	closed int
}

func (i *idler) CloseIdleConnections() { i.closed++ }

func TestCloseIdleConnectionsReachesTheTransport(t *testing.T) {
	i := &idler{wire: says(200, sessionJSON)}
	c, err := sessions.New(testKey, sessions.WithTransport(i))
	if err != nil {
		t.Fatal(err)
	}
	c.CloseIdleConnections()
	if i.closed != 1 {
		t.Errorf("closed %d times", i.closed)
	}
	newClient(t, says(200, sessionJSON)).CloseIdleConnections() // one that cannot
}
