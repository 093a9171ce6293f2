package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/contract"
	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// run probes an emulator in virtual time. No session may be left.
func run(t *testing.T, config sessionstest.Config) (findings []Finding, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		emulator, newErr := sessionstest.NewEmulator(config)
		if newErr != nil {
			t.Fatal(newErr)
		}
		defer emulator.Close()
		findings, err = Run(t.Context(), emulator.Client(), Options{App: "arena", Version: "1.0", Pace: 50 * time.Millisecond, Progress: func(string) {}})
		if left := emulator.Sessions(); len(left) > 0 {
			t.Errorf("%d sessions are left", len(left))
		}
		for _, r := range emulator.Requests() {
			if r.Operation == sessionstest.OpBulkStop && !strings.Contains(r.Body, `"values":["000000000000-S",`) {
				t.Errorf("bulk stop with %s, want the ids of the probe", r.Body)
			}
		}
	})
	return findings, err
}

func apps(a sessionstest.App) []sessionstest.App {
	a.Name, a.Version = "arena", "1.0"
	return []sessionstest.App{a}
}

func TestDefaultAssumptionsHold(t *testing.T) {
	findings, err := run(t, sessionstest.Config{Apps: apps(sessionstest.App{})})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if f.Verdict != Holds && f.Fact != "a response with status 429" {
			t.Errorf("%+v, want %s", f, Holds)
		}
	}
}

// TestDifferences probes emulators with the opposite of each assumption.
func TestDifferences(t *testing.T) {
	status := func(condition string, code int) sessionstest.Assumptions {
		return sessionstest.Assumptions{Status: map[string]int{condition: code}}
	}
	for _, test := range []struct {
		name        string
		assumptions sessionstest.Assumptions
		want        []string // "fact: what the API did" of the differences
	}{
		{"unknown_app", status("unknown_app", 404), []string{"create with an unknown app: status: 404"}},
		{"unknown_app accepted", status("unknown_app", 200), []string{"create with an unknown app: status: 200"}},
		{"full_deployment", status("full_deployment", 409), []string{"create with an unknown deployment_request_id: status: 409"}},
		{"empty_ip_list", status("empty_ip_list", 422), []string{"add an empty list of users: 422"}},
		{"duplicate_ip", status("duplicate_ip", 400), []string{"add a user twice: 400"}},
		{"unknown_ip", status("unknown_ip", 404), []string{"remove a user that is not there: 404"}},
		{"no_socket", status("no_socket", 409), []string{"add more users than the deployment has sockets: 409", "responses that openapi.yaml does not declare: put-users-session: put-users-session: status 409 is not declared"}},
		{"no_socket accepted", status("no_socket", 200), []string{"add more users than the deployment has sockets: 200, 11 users"}},
		{"deleted_twice", status("deleted_twice", 404), nil}, // the contract has both
		{"deleted_twice accepted", status("deleted_twice", 200), []string{"delete again at once: status: 200"}},
		{"page_beyond_end", status("page_beyond_end", 404), []string{"a page after the last one: 404, 0 sessions", "responses that openapi.yaml does not declare: list-sessions: list-sessions: status 404 is not declared"}},
		{"default_limit", sessionstest.Assumptions{DefaultLimit: 7}, []string{"default limit of the list: 7"}},
		{"max_limit", sessionstest.Assumptions{MaxLimit: 8}, []string{"default limit of the list: 8", "greatest limit of the list: 8"}},
		{"newest_first", sessionstest.Assumptions{NewestFirst: true}, []string{"order of the list: newest first"}},
		{"list_terminating", sessionstest.Assumptions{ListTerminating: true}, []string{"a deleted session is in the list: true"}},
		{"total_includes_ended", sessionstest.Assumptions{TotalIncludesEnded: true}, []string{"total_count is the length of the list: false"}},
		{"paging_contradicts", sessionstest.Assumptions{PagingContradicts: true}, []string{"the last page has a next page: true"}},
		{"linked_when_ready", sessionstest.Assumptions{LinkedWhenReady: true}, []string{"linked while Waiting: false"}},
		{"session_enum_names", sessionstest.Assumptions{SessionEnumNames: true}, []string{"status and kind of a ready session: Status.READY SEATS"}},
		{"deployment_enum_names", sessionstest.Assumptions{DeploymentEnumNames: true}, []string{"deployment.status of a ready session: Status.READY"}},
		{"links_with_scheme", sessionstest.Assumptions{LinksWithScheme: true}, []string{"the link of a port has a scheme: true"}},
		{"counts_as_strings", sessionstest.Assumptions{CountsAsStrings: true}, []string{"responses that openapi.yaml does not declare: get-session: deployment.sockets: "}},
		{"nulls", sessionstest.Assumptions{Nulls: true}, []string{"optional fields that are null: delete-users-session.session_users.latitude; "}},
		{"null_version", sessionstest.Assumptions{NullVersion: true}, []string{"create without version_name: type of version: 200 <nil>"}},
		{"extra_fields", sessionstest.Assumptions{ExtraFields: true}, []string{"fields that openapi.yaml lacks: delete-users-session."}},
	} {
		t.Run(test.name, func(t *testing.T) {
			findings, err := run(t, sessionstest.Config{Apps: apps(sessionstest.App{}), Assumptions: test.assumptions})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range findings {
				if f.Verdict == Differs {
					got = append(got, f.Fact+": "+f.API)
				}
			}
			if !slices.EqualFunc(got, test.want, strings.HasPrefix) {
				t.Errorf("differences:\ngot  %q\nwant %q", got, test.want)
			}
		})
	}
}

// TestFixtures reads the saved exchanges through the contract and the client. The file
// testdata/README.md tells where they come from.
func TestFixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	document, err := contract.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var x exchange
			if err := json.Unmarshal(text, &x); err != nil {
				t.Fatal(err)
			}
			body, err := json.Marshal(x.Response)
			if err != nil {
				t.Fatal(err)
			}
			header := http.Header{"Content-Type": {x.ContentType}}
			client, err := sessions.New("key", sessions.WithTransport(transport(func(req *http.Request) (*http.Response, error) {
				if req.Method != x.Method || req.URL.Path != strings.Split(x.Path, "?")[0] {
					t.Errorf("the client sends %s %s, want %s %s", req.Method, req.URL.Path, x.Method, x.Path)
				}
				return &http.Response{StatusCode: x.Status, Header: header, Body: io.NopCloser(bytes.NewReader(body)), Request: req}, nil
			})))
			if err != nil {
				t.Fatal(err)
			}
			operation, err := callClient(t.Context(), client, x)
			var e *sessions.Error
			status := 200
			if errors.As(err, &e) {
				status = e.StatusCode
			} else if err != nil {
				t.Fatal(err)
			}
			if idempotent := operation == "session-delete" && (x.Status == 404 || x.Status == 410); status != x.Status && !idempotent {
				t.Errorf("the client returns %v for status %d", err, x.Status)
			}
			if err := document.ValidateResponse(operation, httptest.NewRequest(x.Method, x.Path, nil), x.Status, header, body); err != nil {
				t.Error(err)
			}
		})
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// callClient makes the call of an exchange, and returns its operation id.
func callClient(ctx context.Context, c *sessions.Client, x exchange) (operation string, err error) {
	parts := strings.Split(strings.Split(x.Path, "?")[0], "/")
	switch x.Method + " " + parts[len(parts)-1] {
	case "POST session":
		_, err = c.Create(ctx, sessions.CreateRequest{AppName: "app"})
		return "session-post", err
	case "POST bulk-stop":
		_, err = c.BulkStop(ctx, sessions.StopByID("id"))
		return "sessions-bulk-stop", err
	case "GET sessions":
		_, err = c.List(ctx, sessions.ListOptions{})
		return "list-sessions", err
	case "PUT users":
		_, err = c.AddUsers(ctx, parts[3], "192.0.2.1")
		return "put-users-session", err
	case "DELETE users":
		_, err = c.RemoveUsers(ctx, parts[3], "192.0.2.1")
		return "delete-users-session", err
	case "DELETE " + parts[3]:
		return "session-delete", c.Delete(ctx, parts[3])
	}
	_, err = c.Get(ctx, parts[3])
	return "get-session", err
}

func TestSaveReplacesConsistently(t *testing.T) {
	dir := t.TempDir()
	session := func() any {
		return map[string]any{"session_id": "950dd2eaff09-S", "status": "Ready", "custom_id": "acme-1", "app_version": 10214.0, "webhook_url": "https://acme.example/h?ref=m-1",
			"session_users": []any{map[string]any{"ip": "8.8.8.8"}}, "error": "no key the-key at 8.8.8.8",
			"deployment": map[string]any{"request_id": "57f84a8e1298", "public_ip": "8.8.4.4", "fqdn": "57f84a8e1298.pr.edgegap.net", "new_field": "Acme Inc",
				"ports": map[string]any{"gameport": map[string]any{"link": "57f84a8e1298.pr.edgegap.net:31504", "name": "gameport"}}}}
	}
	err := save(dir, []exchange{
		{"POST", "/v1/session", map[string]any{"app_name": "acme-game", "ip_list": []string{"8.8.8.8"}}, 200, "application/json", map[string]any{"session_id": "950dd2eaff09-S", "app": "acme-game"}},
		{"GET", "/v1/session/950dd2eaff09-S", nil, 200, "application/json", session()},
		{"GET", "/v1/session/950dd2eaff09-S", nil, 200, "application/json", session()},
	})
	if err != nil {
		t.Fatal(err)
	}
	var all string
	files, _ := filepath.Glob(dir + "/*.json")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all += string(text)
	}
	for _, secret := range []string{"950dd2eaff09", "57f84a8e1298", "8.8.", "edgegap.net", "acme", "Acme", "10214", "m-1", "the-key"} {
		if strings.Contains(all, secret) {
			t.Errorf("the files contain %s", secret)
		}
	}
	id := regexp.MustCompile(`"session_id": "([0-9a-f]{12}-S)"`).FindStringSubmatch(all)
	if len(files) != 2 || id == nil || strings.Count(all, id[1]) != 3 {
		t.Errorf("%d files, want 2 with the same id three times:\n%s", len(files), all)
	}
}

func find(findings []Finding, fact string) Finding {
	i := slices.IndexFunc(findings, func(f Finding) bool { return f.Fact == fact })
	if i < 0 {
		return Finding{}
	}
	return findings[i]
}

func TestSlowStores(t *testing.T) {
	findings, err := run(t, sessionstest.Config{Apps: apps(sessionstest.App{}), VisibleAfter: 5 * time.Second, ReadyAfter: new(6 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if f.Verdict == Differs && !strings.HasPrefix(f.Fact, "a new session") {
			t.Errorf("%+v: a store that lags is no difference", f)
		}
	}
	if f := find(findings, "a new session can be read"); f.Verdict != Differs || !strings.HasPrefix(f.API, "after 5") {
		t.Errorf("got %+v, want after 5 s", f)
	}
}

func TestRateLimitIsReportedAndObeyed(t *testing.T) {
	findings, err := run(t, sessionstest.Config{Apps: apps(sessionstest.App{}), RateLimit: sessionstest.RateLimit{PerSecond: 2, Burst: 3, RetryAfter: 4}})
	if err != nil {
		t.Fatal(err)
	}
	if f := find(findings, "a response with status 429"); f.API != `Retry-After "4", Content-Type "application/json"` {
		t.Errorf("got %+v", f)
	}
}

func TestMatch(t *testing.T) {
	findings, err := run(t, sessionstest.Config{Apps: apps(sessionstest.App{Kind: api.KindMatch})})
	if err != nil {
		t.Fatal(err)
	}
	if f := find(findings, "add more users than the deployment has sockets"); f.Verdict != NotTested {
		t.Errorf("got %+v, want %s", f, NotTested)
	}
}

// TestNothingIsLeft ends the probe at many points, also before a session is visible.
func TestNothingIsLeft(t *testing.T) {
	for n := 1; ; n += 3 {
		ended := false
		synctest.Test(t, func(t *testing.T) {
			emulator, err := sessionstest.NewEmulator(sessionstest.Config{Apps: apps(sessionstest.App{}), VisibleAfter: time.Duration(n%2) * 3 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			defer emulator.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n)*100*time.Millisecond)
			defer cancel()
			_, err = Run(ctx, emulator.Client(), Options{App: "arena", Version: "1.0", Pace: 100 * time.Millisecond, Progress: func(string) {}})
			if ended = err == nil; !ended && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			if left := emulator.Sessions(); len(left) > 0 {
				t.Errorf("canceled after %d requests: %d sessions are left", n, len(left))
			}
		})
		if ended || n > 1000 {
			break
		}
	}
}

func TestRunFails(t *testing.T) {
	for _, test := range []struct {
		name   string
		config sessionstest.Config
		want   string
	}{
		{"rejected", sessionstest.Config{Apps: apps(sessionstest.App{Disabled: true})}, "creating a session: status 400: version_name"},
		{"failed", sessionstest.Config{Apps: apps(sessionstest.App{NoAutodeploy: true})}, "waiting until it is ready: "},
		{"lost", sessionstest.Config{Faults: []sessionstest.Fault{{Operation: sessionstest.OpCreate, Connection: "reset", Execute: true}}}, "creating a session: "},
		{"cleanup", sessionstest.Config{Apps: apps(sessionstest.App{NoAutodeploy: true}), Faults: []sessionstest.Fault{{Operation: sessionstest.OpList, Skip: 1, Status: 401}}}, "401"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := run(t, test.config)
			if err == nil || !strings.Contains(fmt.Sprint(err), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}
