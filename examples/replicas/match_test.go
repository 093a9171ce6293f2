package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/edgegap-community/edgegap/examples/otel"
	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// newReplicas returns an emulator and two replicas that are connected to NATS, but take nothing
// from the queue.
func newReplicas(t *testing.T) (*sessionstest.Server, [2]*replica) {
	ns, err := startNATS(t.TempDir(), server.RANDOM_PORT)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ns.Shutdown)
	t.Setenv("NATS_URL", ns.ClientURL())
	srv := sessionstest.NewServer(t, sessionstest.WithReadyAfter(0), sessionstest.WithTerminatingFor(-1))
	telemetry, err := otel.New(tracenoop.NewTracerProvider(), metricnoop.NewMeterProvider())
	if err != nil {
		t.Fatal(err)
	}
	var replicas [2]*replica
	for i := range replicas {
		r := &replica{name: fmt.Sprint(i + 1), client: telemetry.Client(srv.Client()), game: sessions.CreateRequest{AppName: "arena"}}
		if _, err := r.connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.nc.Close)
		if r.hooks, err = r.client.Webhooks("https://match.example.com/hook", "secret"); err != nil {
			t.Fatal(err)
		}
		replicas[i] = r
	}
	return srv, replicas
}

// TestReadyMatchIsHandedOutOrDeletedButNotBoth has one replica hand out a match that another
// one ends, before, after or at the same time.
func TestReadyMatchIsHandedOutOrDeletedButNotBoth(t *testing.T) {
	_, replicas := newReplicas(t)
	ctx := t.Context()
	for i := range 150 {
		m := &match{id: fmt.Sprintf("match-%d", i), State: queued, IPs: []netip.Addr{netip.MustParseAddr("203.0.113.7")}}
		if err := errors.Join(replicas[0].save(ctx, m), replicas[0].makeReady(ctx, m)); err != nil || m.State != ready {
			t.Fatal(m.State, err)
		}
		ended, err := replicas[1].load(ctx, m.id)
		if err != nil {
			t.Fatal(err)
		}
		var result *match
		handOut := func() { result, err = replicas[0].waitForResult(ctx, m.id) }
		var endErr error
		end := func() { endErr = replicas[1].end(ctx, ended, "test") }
		switch i % 3 {
		case 0:
			end()
			handOut()
		case 1:
			handOut()
			end()
		case 2:
			var running sync.WaitGroup
			running.Go(end)
			running.Go(handOut)
			running.Wait()
		}
		if err != nil || endErr != nil && !errors.Is(endErr, errConflict) {
			t.Fatal(err, endErr)
		}
		_, err = replicas[0].client.Get(ctx, m.SessionID)
		if exists := err == nil; exists != (result.State == handedOut) || exists != (endErr != nil) {
			t.Fatalf("the match is %q, end returned %v, and the session exists: %t", result.State, endErr, exists)
		}
		if i%3 == 0 && result.State != over || i%3 == 1 && result.State != handedOut {
			t.Fatalf("the first one did not win: %q", result.State)
		}
	}
}

// TestOnlyUnusedSessionsAreReclaimed goes through what the record of a session can say.
func TestOnlyUnusedSessionsAreReclaimed(t *testing.T) {
	_, replicas := newReplicas(t)
	r, ctx := replicas[0], t.Context()
	for name, c := range map[string]struct {
		record    *match
		reference string
		want      bool
		wantErr   bool
	}{
		"recorded":        {&match{State: recorded, Attempt: 2}, "recorded.2", true, false},
		"created":         {&match{State: created, Attempt: 1}, "created.1", true, false},
		"ready":           {&match{State: ready, Attempt: 1}, "ready.1", true, false},
		"handed-out":      {&match{State: handedOut, Attempt: 1}, "handed-out.1", true, false},
		"over":            {&match{State: over, Attempt: 1}, "over.1", false, false},
		"earlier-attempt": {&match{State: created, Attempt: 2}, "earlier-attempt.1", false, false},
		"old-record":      {&match{State: recorded, Attempt: 1}, "old-record.2", false, true},
		"no-record":       {nil, "no-record.1", false, false},
		"not-ours":        {nil, "not-ours", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.record != nil {
				c.record.id = name
				if err := r.save(ctx, c.record); err != nil {
					t.Fatal(err)
				}
			}
			got, err := r.inUse(ctx, c.reference)
			if got != c.want || (err != nil) != c.wantErr {
				t.Errorf("got %t, %v; want %t, error %t", got, err, c.want, c.wantErr)
			}
		})
	}
	// From now on, no replica can use the session without a record.
	if err := r.save(ctx, &match{id: "no-record", State: queued}); !errors.Is(err, errConflict) {
		t.Errorf("got %v, want a conflict", err)
	}
}

// TestTakeover has a replica continue matches of another one that has died.
func TestTakeover(t *testing.T) {
	srv, replicas := newReplicas(t)
	r, ctx := replicas[1], t.Context()
	newSession := func(m *match) string {
		s, err := r.client.Create(ctx, sessions.CreateRequest{AppName: "arena", WebhookURL: r.hooks.URL(reference(m))})
		if err != nil {
			t.Fatal(err)
		}
		return s.SessionID
	}
	for name, c := range map[string]struct {
		died    func(m *match) (want string) // leaves m as the other replica did, and returns the id of its session
		state   state
		attempt int
	}{
		"before Create":            {func(m *match) string { m.State, m.Attempt = recorded, 1; return "" }, ready, 2},
		"after Create":             {func(m *match) string { m.State, m.Attempt = recorded, 1; return newSession(m) }, ready, 1},
		"during the wait":          {func(m *match) string { m.State, m.Attempt, m.SessionID = created, 1, newSession(m); return m.SessionID }, ready, 1},
		"after the last attempt":   {func(m *match) string { m.State, m.Attempt = recorded, maxAttempts; return "" }, over, maxAttempts},
		"after the match was over": {func(m *match) string { m.State, m.Attempt = over, 1; return "" }, over, 1},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(srv.Sessions())
			m := &match{id: strings.ReplaceAll(name, " ", "-"), Replica: "1"}
			want := c.died(m)
			if err := errors.Join(r.save(ctx, m), r.makeReady(ctx, m)); err != nil {
				t.Fatal(err)
			}
			if m.State != c.state || m.Attempt != c.attempt || want != "" && m.SessionID != want {
				t.Errorf("got %q, attempt %d, session %q; want %q, %d, %q", m.State, m.Attempt, m.SessionID, c.state, c.attempt, want)
			}
			wantSessions := before
			if c.state == ready {
				wantSessions++
			}
			if got := len(srv.Sessions()); got != wantSessions {
				t.Errorf("got %d sessions, want %d", got, wantSessions)
			}
		})
	}
}
