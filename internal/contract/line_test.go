package contract_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/edgegap-community/edgegap/internal/contract"
	"github.com/edgegap-community/edgegap/internal/emulator"
	"github.com/edgegap-community/edgegap/sessions"
)

// watcher holds what passes between the wrapper and the emulator against the
// contract, and counts it.
type watcher struct {
	t        *testing.T
	document *contract.Document
	next     http.RoundTripper

	mu   sync.Mutex
	seen map[contract.Answer]int
}

func (w *watcher) RoundTrip(r *http.Request) (*http.Response, error) {
	operation, err := w.document.ValidateRequest(r)
	if err != nil {
		w.t.Errorf("%s %s: the request does not keep to the contract: %v", r.Method, r.URL.Path, err)
	}
	if told := sessions.Operation(r.Context()); told != operation {
		w.t.Errorf("the wrapper calls %s %s, the contract %s", r.Method, told, operation)
	}
	res, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(content))
	if err := w.document.ValidateAnswer(r, res.StatusCode, res.Header, content); err != nil {
		w.t.Errorf("%s answers %d: %v\n%s", operation, res.StatusCode, err, content)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[contract.Answer{Operation: operation, Status: res.StatusCode}]++
	return res, nil
}

// TestTheWholeLineKeepsToTheContract makes every kind of request that the
// wrapper can make, and meets every answer that the contract declares.
func TestTheWholeLineKeepsToTheContract(t *testing.T) {
	document, err := contract.Load()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[contract.Answer]int{}
	for _, unknown := range []emulator.Unknown{
		{},
		{Nulls: true, LongNames: true, LinkedWhileWaiting: true, LinkedWhileDeleted: true, ListTerminating: true, NewestFirst: true, MaxLimit: 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			e := emulator.New(emulator.Config{Key: "right", Unknown: unknown, Apps: []emulator.App{
				{Name: "arena", Sockets: 4},
				{Name: "duel", Kind: emulator.KindMatch},
				{Name: "full", NoAutodeploy: true},
				{Name: "broken", FailsToStart: true},
				{Name: "closed", Disabled: true},
			}})
			defer e.Close()
			w := &watcher{t: t, document: document, next: e.Transport(), seen: seen}
			client := func(key string) *sessions.Client {
				c, err := sessions.New(key, sessions.WithBaseURL("https://emulator.invalid"), sessions.WithTransport(w),
					sessions.WithRetry(sessions.RetryPolicy{}))
				if err != nil {
					t.Fatal(err)
				}
				return c
			}
			playAll(t, e, client("right"), client("wrong"))
		})
	}
	for _, answer := range document.Answers() {
		if seen[answer] == 0 {
			t.Errorf("%s never answered %d", answer.Operation, answer.Status)
		}
		delete(seen, answer)
	}
	for answer := range seen {
		t.Errorf("%s answered %d, which is not declared", answer.Operation, answer.Status)
	}
}

func playAll(t *testing.T, e *emulator.Emulator, c, wrong *sessions.Client) {
	ctx := t.Context()
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	status := func(want int, err error) {
		t.Helper()
		if e, ok := err.(*sessions.Error); !ok || e.StatusCode != want {
			t.Errorf("%v, want a %d", err, want)
		}
	}

	// Every field that a create can have, and none.
	latitude, longitude := 60.17, 24.94
	whole, err := c.CreateAndWait(ctx, sessions.CreateRequest{
		AppName: "arena", VersionName: "v1",
		IPList:    []string{"203.0.113.7"},
		GeoIPList: []sessions.GeoIP{{IP: "2001:db8::7", Latitude: latitude, Longitude: longitude}},
		Location:  &sessions.Location{Latitude: latitude, Longitude: longitude},
		City:      "Helsinki", Country: "Finland", Continent: "Europe", AdministrativeDivision: "Uusimaa", Region: "Nordics",
		Selectors: []sessions.Selector{
			{Tag: "ranked", Env: sessions.Env{Key: "MODE", Value: "ranked"}},
			{Tag: "evening", TagOnly: true},
		},
		Filters:       []sessions.LocationFilter{{Field: "continent", FilterType: sessions.FilterNot, Values: []string{"Antarctica"}}},
		WebhookURL:    "http://127.0.0.1:1/hook?match=1",
		SkipTelemetry: true,
	}, sessions.OnChange(func(s *sessions.Session) {}))
	must("create with every field", err)
	if err != nil {
		return
	}
	bare, err := c.Create(ctx, sessions.CreateRequest{AppName: "duel"})
	must("create with none", err)
	_, err = c.WaitReady(ctx, bare.SessionID)
	must("wait", err)
	_, err = c.Create(ctx, sessions.CreateRequest{AppName: "duel", DeploymentRequestID: whole.Deployment.RequestID})
	must("create on a deployment", err)
	for _, app := range []string{"full", "broken"} {
		failed, err := c.Create(ctx, sessions.CreateRequest{AppName: app})
		must("create", err)
		if s, err := c.WaitReady(ctx, failed.SessionID); err == nil || s == nil {
			t.Errorf("%s is ready", app)
		}
	}

	_, err = c.AddUsers(ctx, whole.SessionID, "198.51.100.23")
	must("add", err)
	_, err = c.AddUsers(ctx, whole.SessionID, "198.51.100.24", "198.51.100.25")
	status(422, err)
	_, err = c.Users(ctx, whole.SessionID)
	must("users", err)
	_, err = c.RemoveUsers(ctx, whole.SessionID, "203.0.113.7", "198.51.100.23")
	must("remove", err)
	for _, o := range []sessions.ListOptions{{}, {Page: 1, Limit: 2}, {Page: 2, Limit: 2}, {Page: 99}} {
		_, err = c.List(ctx, o)
		must("list", err)
	}
	for _, err := range c.All(ctx, sessions.ListOptions{Limit: 1}) {
		must("all", err)
	}
	_, err = c.Delete(ctx, whole.SessionID)
	must("delete", err)
	_, err = c.Delete(ctx, whole.SessionID)
	status(410, err)
	_, err = c.Delete(ctx, "000000000000-S")
	status(404, err)
	_, err = c.BulkStop(ctx, sessions.StopIDs(bare.SessionID), sessions.StopTags("ranked"),
		sessions.StopFilter{Field: sessions.StopByRequestID, FilterType: sessions.FilterNot, Values: []string{"57f84a8e1298"}},
		sessions.StopFilter{Field: sessions.StopByDeploymentTags, FilterType: sessions.FilterAll, Values: []string{"a", "b"}})
	must("bulk stop", err)
	_, err = c.Create(ctx, sessions.CreateRequest{AppName: "closed"})
	status(400, err)

	// Each call with a wrong key, for no session, and with each other status
	// that the contract declares for it.
	calls := map[string]func(context.Context, *sessions.Client) error{
		"session-post": func(ctx context.Context, c *sessions.Client) error {
			_, err := c.Create(ctx, sessions.CreateRequest{AppName: "arena"})
			return err
		},
		"get-session":       func(ctx context.Context, c *sessions.Client) error { _, err := c.Get(ctx, "no-S"); return err },
		"session-delete":    func(ctx context.Context, c *sessions.Client) error { _, err := c.Delete(ctx, "no-S"); return err },
		"get-users-session": func(ctx context.Context, c *sessions.Client) error { _, err := c.Users(ctx, "no-S"); return err },
		"put-users-session": func(ctx context.Context, c *sessions.Client) error {
			_, err := c.AddUsers(ctx, "no-S", "203.0.113.7")
			return err
		},
		"delete-users-session": func(ctx context.Context, c *sessions.Client) error {
			_, err := c.RemoveUsers(ctx, "no-S", "203.0.113.7")
			return err
		},
		"list-sessions": func(ctx context.Context, c *sessions.Client) error {
			_, err := c.List(ctx, sessions.ListOptions{})
			return err
		},
		"sessions-bulk-stop": func(ctx context.Context, c *sessions.Client) error {
			_, err := c.BulkStop(ctx, sessions.StopIDs("no-S"))
			return err
		},
	}
	document, err := contract.Load()
	must("load", err)
	for _, answer := range document.Answers() {
		call := calls[answer.Operation]
		switch answer.Status {
		case http.StatusOK:
			continue
		case http.StatusUnauthorized:
			status(401, call(ctx, wrong))
			continue
		case http.StatusNotFound: // by itself
		default:
			must("plan", e.FailNext(emulator.Fault{Operation: answer.Operation, Status: answer.Status, Headers: map[string]string{"Retry-After": "7"}}))
		}
		status(answer.Status, call(ctx, c))
	}
}
