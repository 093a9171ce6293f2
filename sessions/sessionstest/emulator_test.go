package sessionstest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
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

func TestValidateRequest(t *testing.T) {
	e := newEmulator(t, sessionstest.Config{ValidateRequest: func(operation string, r *http.Request) error {
		return fmt.Errorf("%s %d%% wrong", operation, r.ContentLength)
	}})
	equal(t, "message", (&fake{e.Server, t}).want(400, "POST", "/v1/session", "{}")["message"], "session-post 2% wrong")
}
