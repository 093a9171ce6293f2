package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/edgegap-community/edgegap/examples/otel"
	"github.com/edgegap-community/edgegap/examples/replicas/cluster"
	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// newReplicas returns an emulator and two replicas that are connected to NATS, but take nothing
// from the queue.
func newReplicas(t *testing.T) (*sessionstest.Server, [2]*replica) {
	ns, err := cluster.StartNATS(t.TempDir(), server.RANDOM_PORT)
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
		if err := errors.Join(r.setTimes("1s"), r.connect(t.Context())); err != nil {
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
		"no-record":       {nil, "no-record.1", false, true}, // in a new bucket, none can have expired
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
}

// TestSessionOfExpiredRecordIsReclaimed uses a bucket that is older than its time to live.
func TestSessionOfExpiredRecordIsReclaimed(t *testing.T) {
	_, replicas := newReplicas(t)
	r, ctx := replicas[0], t.Context()
	// The shortest time that NATS allows.
	if _, err := r.js.UpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "matches", TTL: 100 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	var used bool
	err := errors.New("not called")
	for deadline := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(deadline); {
		used, err = r.inUse(ctx, "no-record.1")
	}
	if used || err != nil {
		t.Errorf("got %t, %v; want an unused session", used, err)
	}
}

// TestNothingIsReclaimedAfterDataLoss lets NATS lose its data while a player has the address.
func TestNothingIsReclaimedAfterDataLoss(t *testing.T) {
	srv, replicas := newReplicas(t)
	r, ctx := replicas[0], t.Context()
	m := &match{id: "match", State: queued}
	if err := errors.Join(r.save(ctx, m), r.makeReady(ctx, m)); err != nil || m.State != ready {
		t.Fatal(m.State, err)
	}
	if err := errors.Join(r.js.DeleteKeyValue(ctx, "matches"), r.connect(ctx)); err != nil {
		t.Fatal(err)
	}
	defer r.nc.Close()
	if deleted, err := r.hooks.Reclaim(ctx, r.inUse); len(deleted) > 0 || err == nil || len(srv.Sessions()) != 1 {
		t.Errorf("got %q, %v and %d sessions; want an error and the session", deleted, err, len(srv.Sessions()))
	}
}

// TestLostQueueEndsReplica deletes the consumer or the stream of the queue while the replica
// waits for a message.
func TestLostQueueEndsReplica(t *testing.T) {
	for name, lose := range map[string]func(context.Context, *replica) error{
		"consumer": func(ctx context.Context, r *replica) error { return r.js.DeleteConsumer(ctx, "QUEUE", "replicas") },
		"stream":   func(ctx context.Context, r *replica) error { return r.js.DeleteStream(ctx, "QUEUE") },
	} {
		t.Run(name, func(t *testing.T) {
			_, replicas := newReplicas(t)
			r := replicas[0]
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			health := func() int {
				w := httptest.NewRecorder()
				r.routes().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/healthz", nil))
				return w.Code
			}
			if got := health(); got != http.StatusOK {
				t.Fatalf("healthz: got %d, want 200", got)
			}
			ended := make(chan error, 1)
			go func() { ended <- r.consume(ctx) }()
			for r.queue.CachedInfo().NumWaiting == 0 { // the replica waits for a message
				if _, err := r.queue.Info(ctx); err != nil {
					t.Fatal(err)
				}
			}
			if err := lose(ctx, r); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; err == nil {
				t.Error("consume ended without an error")
			}
			if got := health(); got != http.StatusServiceUnavailable {
				t.Errorf("healthz: got %d, want 503", got)
			}
			if err := r.consume(ctx); err == nil { // it was lost before
				t.Error("consume ended without an error")
			}
		})
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
