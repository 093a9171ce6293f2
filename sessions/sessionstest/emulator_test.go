package sessionstest_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

func newEmulator(t *testing.T, c sessionstest.Config) *sessionstest.Emulator {
	t.Helper()
	e, err := sessionstest.NewEmulator(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

var fullConfig = sessionstest.Config{
	Key: "key", Seed: 1, ReadyAfter: new(time.Second), TerminatingFor: new(time.Second),
	Apps:        []sessionstest.App{{Name: "arena", Ports: map[string]sessions.Port{"game": {Internal: 1}}}},
	Deployments: []sessionstest.DeployRequest{{AppName: "arena", Tags: []string{"eu"}}},
	Faults:      []sessionstest.Fault{{Status: 500, Headers: map[string]string{"X": "1"}}},
	Assumptions: sessionstest.Assumptions{Status: map[string]int{"no_socket": 400}},
}

func TestResetThatFailsChangesNothing(t *testing.T) {
	e := newEmulator(t, fullConfig)
	f := &fake{e.Server, t}
	f.FailNext(sessionstest.Status(503))
	describe := func() string {
		text, _ := json.Marshal(map[string]any{"state": e.State(0), "assumptions": e.Config().Assumptions})
		return string(text)
	}
	before := describe()
	for want, c := range map[string]sessionstest.Config{
		"apps[0].kind":     {Apps: []sessionstest.App{{Kind: "Team"}}},
		"deployments[1]":   {Apps: fullConfig.Apps, Deployments: []sessionstest.DeployRequest{{AppName: "arena"}, {AppName: "race"}}},
		"deployments[0]":   {Deployments: []sessionstest.DeployRequest{{}}},
		"faults[0]":        {Faults: []sessionstest.Fault{{}}},
		`"no_such"`:        {Assumptions: sessionstest.Assumptions{Status: map[string]int{"no_such": 400}}},
		`"no_socket" with`: {Assumptions: sessionstest.Assumptions{Status: map[string]int{"no_socket": 302}}},
	} {
		for _, change := range []func(sessionstest.Config) error{e.Reset, e.SetConfig} {
			if err := change(c); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got error %v, want %s", err, want)
			}
		}
	}
	equal(t, "state", describe(), before)
}

func TestResetRemovesEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fullConfig
		c.WebhookHandler = &receiver{delay: 3 * time.Second}
		e := newEmulator(t, c)
		state := e.State(0)
		equal(t, "deployments, faults, events", line(len(state.Deployments), state.Deployments[0].Tags, len(state.Faults), state.LastEvent), "1 [eu] 1 2")
		e.ClearFaults()
		if _, err := e.Client().Create(t.Context(), arenaRequest); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond) // a webhook is being delivered
		if err := e.Reset(sessionstest.Config{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		state = e.State(0)
		equal(t, "state", line(len(state.Sessions), len(state.Deployments), len(state.Requests), len(state.Webhooks), len(state.Faults), state.Total), "0 0 0 0 0 0")
		events, _, _, err := e.Events(state.LastEvent - 1)
		if err != nil || len(events) != 1 || events[0].Type != "reset" {
			t.Errorf("events %v, %v; want only reset", events, err)
		}
	})
}

func TestConfigIsCopied(t *testing.T) {
	c := fullConfig
	c.Assumptions.Status = map[string]int{"no_socket": 400}
	c.Faults = []sessionstest.Fault{{Status: 500, Headers: map[string]string{"X": "1"}}}
	e := newEmulator(t, c)
	for _, copied := range []sessionstest.Config{c, e.Config()} {
		copied.Assumptions.Status["no_socket"] = 200
		copied.Faults[0].Headers["X"] = "2"
		copied.Faults[0].Status = 200
	}
	changed := e.Config()
	if err := e.SetConfig(changed); err != nil {
		t.Fatal(err)
	}
	changed.Assumptions.Status["no_socket"] = 200
	got := e.Config()
	equal(t, "settings", line(got.Assumptions.Status["no_socket"], got.Faults[0].Headers["X"], got.Faults[0].Status, *got.ReadyAfter, got.Apps[0].Ports["game"].Internal), "400 1 500 1s 1")
}

func TestSetConfigKeepsSessions(t *testing.T) {
	e := newEmulator(t, sessionstest.Config{})
	f := &fake{e.Server, t}
	id := f.create("")
	c := e.Config()
	c.Key, c.ReadyAfter = "secret", new(time.Duration)
	if err := e.SetConfig(c); err != nil {
		t.Fatal(err)
	}
	f.want(401, "GET", "/v1/session/"+id, "")
	if s, err := e.Client().Get(t.Context(), id); err != nil || s.SessionID != id {
		t.Errorf("Get = %v, %v", s, err)
	}
	s, err := e.Client().CreateAndWait(t.Context(), arenaRequest)
	if err != nil || !s.Ready {
		t.Errorf("CreateAndWait = %v, %v", s, err)
	}
	equal(t, "total", e.State(1).Total, 2)
	if err := e.Client().Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	equal(t, "total after a delete", e.State(1).Total, 1)
}

// TestChangesHappenInOrderAtTheirTime uses real time, in which the timer is late.
func TestChangesHappenInOrderAtTheirTime(t *testing.T) {
	e := newEmulator(t, sessionstest.Config{ReadyAfter: new(10 * time.Millisecond)})
	(&fake{e.Server, t}).create("")
	waitForEvent(t, e, "deployment")
	history := e.Sessions()[0].History
	for i, want := range []time.Duration{time.Millisecond, 3 * time.Millisecond, 6 * time.Millisecond} {
		equal(t, "time of "+string(history[i].Status), history[i+1].Time.Sub(history[i].Time), want)
	}
	synctest.Test(t, func(t *testing.T) {
		e := newEmulator(t, sessionstest.Config{})
		f := &fake{e.Server, t}
		want := f.createMany(20)
		time.Sleep(time.Hour)
		events, _, _, err := e.Events(0)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, event := range events {
			if event.Session != nil && event.Session.Ready {
				got = append(got, event.Session.SessionID)
			}
		}
		equal(t, "order of Ready", got, want)
	})
}

func TestValidateRequest(t *testing.T) {
	e := newEmulator(t, sessionstest.Config{ValidateRequest: func(operation string, r *http.Request) error {
		return fmt.Errorf("%s %d%% wrong", operation, r.ContentLength)
	}})
	equal(t, "message", (&fake{e.Server, t}).want(400, "POST", "/v1/session", "{}")["message"], "session-post 2% wrong")
}

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEmulator(t, sessionstest.Config{WebhookHandler: &receiver{}})
		f := &fake{e.Server, t}
		_, _, more, err := e.Events(1)
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-more:
			t.Error("there is an event after the reset")
		default:
		}
		f.create(hooked)
		<-more
		time.Sleep(3 * time.Second)
		events, missing, _, err := e.Events(1)
		if err != nil || missing {
			t.Error(missing, err)
		}
		var got []string
		for i, e := range events {
			equal(t, "id", e.ID, i+2)
			got = append(got, line(e.Time.Format(".000"), e.Type))
			if text := e.String(); strings.Contains(text, "203.0.113.7") || strings.Contains(text, "secret=x") {
				t.Errorf("%q has an IP address or a webhook URL", text)
			}
		}
		equal(t, "events", strings.Join(got, ", "), ".000 session, .000 request, .200 session, .800 session, .800 webhook, .000 deployment, .000 session, .000 webhook")
		requestID := e.Deployments()[0].RequestID
		if err := e.EndDeployment(requestID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		events, _, _, _ = e.Events(events[len(events)-1].ID)
		got = nil
		for _, event := range events {
			got = append(got, event.Type)
		}
		equal(t, "events at the end of a deployment", got, "[session deployment_ended webhook]")
		for range 4000 {
			f.want(200, "GET", "/v1/sessions", "")
		}
		last := e.State(1).LastEvent
		if _, missing, _, _ := e.Events(1); !missing {
			t.Error("no event is missing after 4,000")
		}
		for _, id := range []int{-1, last + 1} {
			if _, _, _, err := e.Events(id); err == nil {
				t.Errorf("no error for event %d of %d", id, last)
			}
		}
		if events, missing, _, err := e.Events(last); len(events) > 0 || missing || err != nil {
			t.Errorf("events after the last: %v, %v, %v", events, missing, err)
		}
	})
}

func TestSetStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, noAutodeploy)
		id := f.create("")
		for _, status := range []sessions.Status{"Initializing", "Waiting", "Seeking", "Ready", "Error", "Unprocessable", "Initializing", "Ready"} {
			if err := f.SetStatus(id, status); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Hour) // it stays
			s := f.Sessions()[0]
			linked := status == "Waiting" || status == "Ready"
			equal(t, "session", line(s.Status, s.Ready, s.Linked, s.Deployment != nil), line(status, status == "Ready", linked, linked))
		}
		used := 0
		for _, d := range f.Deployments() {
			used += int(d.SocketsUsage)
		}
		equal(t, "used sockets", used, 1)
		err := f.SetStatus(id, "Linked")
		equal(t, "error", err, "status must be one of Initializing, Seeking, Waiting, Ready, Unprocessable, Error, Terminating")
		if err := f.SetStatus(id, "Terminating"); err != nil || len(f.Sessions()) != 0 {
			t.Errorf("%v, %d sessions", err, len(f.Sessions()))
		}
		if err := f.SetStatus(id, "Ready"); err == nil {
			t.Error("no error for a deleted session")
		}
	})
}

func TestRequestsHaveNoKey(t *testing.T) {
	f := newFake(t, sessionstest.WithKey("secret"))
	f.want(401, "GET", "/v1/sessions?page=1", "")
	if _, err := f.Client().Create(t.Context(), arenaRequest); err != nil {
		t.Fatal(err)
	}
	requests := f.Requests()
	if text := fmt.Sprintf("%+v", requests); strings.Contains(text, "secret") {
		t.Errorf("the key is in %s", text)
	}
	equal(t, "first", line(requests[0].Operation, requests[0].Method, requests[0].Path, requests[0].Query, requests[0].Status), "list-sessions GET /v1/sessions page=1 401")
	equal(t, "second", line(requests[1].Operation, requests[1].SessionID, requests[1].Status), "session-post "+f.Sessions()[0].SessionID+" 200")
	if !strings.Contains(requests[1].Body, `"ip_list":["203.0.113.7"]`) {
		t.Errorf("body %s", requests[1].Body)
	}
}

func TestWebhooksOverHTTP(t *testing.T) {
	received := make(chan string, 10)
	hook := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { received <- r.Header.Get("Content-Type") })
	plain, secure := httptest.NewServer(hook), httptest.NewTLSServer(hook)
	defer plain.Close()
	defer secure.Close()
	gone := httptest.NewServer(hook)
	gone.Close()
	for url, want := range map[string]string{
		plain.URL:                  "200",
		secure.URL:                 "0 tls: failed to verify certificate",
		gone.URL:                   "connection refused",
		"https://match.example":    "0 not sent: the host is not loopback",
		"ftp://localhost/hook":     "0 webhook_url is not an http or https URL",
		"http://[::1":              "0 webhook_url is not an http or https URL",
		plain.URL + "/?secret=xyz": "200",
	} {
		e := newEmulator(t, sessionstest.Config{ReadyAfter: new(time.Duration), Assumptions: sessionstest.Assumptions{NoReadyWebhook: true}})
		(&fake{e.Server, t}).create(`"webhook_url": "` + url + `"`)
		waitForEvent(t, e, "webhook")
		hook := e.Webhooks()[0]
		if got := line(hook.Status, hook.Error); !strings.Contains(got, want) || strings.Contains(got, "secret") {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
		e.Close()
	}
	equal(t, "received", len(received), 2)
	equal(t, "Content-Type", <-received, "application/json")
}

// waitForEvent waits until there is an event of a type.
func waitForEvent(t *testing.T, e *sessionstest.Emulator, eventType string) {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		events, _, more, err := e.Events(0)
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range events {
			if event.Type == eventType {
				return
			}
		}
		select {
		case <-more:
		case <-timeout:
			t.Fatalf("no event %s:\n%s", eventType, e)
		}
	}
}

// TestHammer makes all calls and controls at once, for the race detector, and
// compares the sockets that are used with the sessions at the end.
func TestHammer(t *testing.T) {
	e := newEmulator(t, sessionstest.Config{ReadyAfter: new(time.Millisecond), TerminatingFor: new(time.Millisecond), WebhookHandler: http.NotFoundHandler(),
		Apps: []sessionstest.App{{Name: "arena", Sockets: 3}}})
	client := e.Client(sessions.WithMaxAttempts(1))
	ctx := t.Context()
	var done sync.WaitGroup
	for worker := range 8 {
		random := rand.New(rand.NewPCG(1, uint64(worker)))
		done.Go(func() {
			for range 200 {
				id := "950dd2eaff09-S"
				if live := e.State(5).Sessions; len(live) > 0 {
					id = live[random.IntN(len(live))].SessionID
				}
				switch random.IntN(14) {
				case 0, 1, 2, 3:
					client.Create(ctx, sessions.CreateRequest{AppName: "arena", IPList: []string{"203.0.113.7"}, WebhookURL: "https://match.example/hook"})
				case 4:
					client.Get(ctx, id)
				case 5:
					client.Delete(ctx, id)
				case 6:
					client.AddUsers(ctx, id, "203.0.113.8")
				case 7:
					client.RemoveUsers(ctx, id, "203.0.113.8")
				case 8:
					client.List(ctx, sessions.ListOptions{PageSize: 3})
				case 9:
					client.BulkStop(ctx, sessions.StopByID(id))
				case 10:
					e.SetStatus(id, sessions.StatusReady)
					e.SendWebhook(id)
				case 11:
					e.FailNext(sessionstest.ConnectionReset())
				case 12:
					if live := e.Deployments(); len(live) > 0 {
						e.EndDeployment(live[random.IntN(len(live))].RequestID)
					}
				case 13:
					c := e.Config()
					c.Assumptions.Status = map[string]int{"no_socket": 422}
					if random.IntN(4) == 0 {
						e.Reset(c)
					} else {
						e.SetConfig(c)
					}
					e.Events(0)
				}
			}
		})
	}
	done.Wait()
	used := map[string]int64{}
	state := e.State(0)
	for _, s := range state.Sessions {
		if s.Deployment != nil {
			used[s.Deployment.RequestID] += int64(s.SocketsUsed)
		}
	}
	for _, d := range state.Deployments {
		if d.SocketsUsage != used[d.RequestID] || d.SocketsUsage > d.Sockets {
			t.Errorf("deployment %s uses %d of %d sockets, its sessions %d", d.RequestID, d.SocketsUsage, d.Sockets, used[d.RequestID])
		}
	}
	equal(t, "total", state.Total, len(state.Sessions))
}
