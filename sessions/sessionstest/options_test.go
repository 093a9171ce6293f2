package sessionstest_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// bubble runs a test in virtual time against a server.
func bubble(t *testing.T, test func(t *testing.T, srv *sessionstest.Server, client *sessions.Client), opts ...sessionstest.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := sessionstest.NewServer(opts...)
		defer srv.Close()
		test(t, srv, srv.Client(sessions.WithRetry(sessions.RetryPolicy{})))
	})
}

func TestWithApp(t *testing.T) {
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		s, err := client.CreateAndWait(t.Context(), arena)
		if err != nil {
			t.Fatal(err)
		}
		if s.Kind != "Match" || s.Deployment.Sockets != 4 || s.Deployment.Ports["web"].Protocol != "TCP" {
			t.Errorf("%+v %+v", s, s.Deployment)
		}
		if _, err := client.Create(t.Context(), sessions.CreateRequest{AppName: "chess"}); !errors.Is(err, sessions.ErrBadRequest) {
			t.Errorf("an app that is not there: %v", err)
		}
		var failed *sessions.FailedError
		if _, err := client.CreateAndWait(t.Context(), sessions.CreateRequest{AppName: "broken"}); !errors.As(err, &failed) || failed.Session.Status != "Error" {
			t.Errorf("an app that fails to start: %v", err)
		}
	}, sessionstest.WithApp(sessionstest.App{
		Name: "arena", Kind: "Match", Sockets: 4, Ports: map[string]sessions.Port{"web": {Internal: 80, Protocol: "TCP"}},
	}), sessionstest.WithApp(sessionstest.App{Name: "broken", FailsToStart: true}))
}

func TestWithReadyBetween(t *testing.T) {
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		for range 10 {
			start := time.Now()
			if _, err := client.CreateAndWait(t.Context(), arena, sessions.PollEvery(time.Second, time.Second)); err != nil {
				t.Fatal(err)
			}
			if waited := time.Since(start); waited < 30*time.Second || waited > 42*time.Second {
				t.Errorf("ready after %v", waited)
			}
		}
	}, sessionstest.WithReadyBetween(30*time.Second, 40*time.Second))
}

func TestWithReadyAfterNothing(t *testing.T) {
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		start := time.Now()
		if _, err := client.CreateAndWait(t.Context(), arena); err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	}, sessionstest.WithReadyAfter(0))
}

func TestWithKey(t *testing.T) {
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		if _, err := client.List(t.Context(), sessions.ListOptions{}); err != nil {
			t.Errorf("the server's own client: %v", err)
		}
		other, err := sessions.New("another", sessions.WithBaseURL("https://sessions.invalid"), sessions.WithTransport(srv.Transport()))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.List(t.Context(), sessions.ListOptions{}); !errors.Is(err, sessions.ErrUnauthorized) {
			t.Errorf("another key: %v", err)
		}
	}, sessionstest.WithKey("k3y"))
}

func TestWithRateLimit(t *testing.T) {
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		limited := srv.Client()
		start := time.Now()
		for range 3 {
			if _, err := limited.Get(t.Context(), "950dd2eaff09-S"); !errors.Is(err, sessions.ErrNotFound) {
				t.Fatal(err)
			}
		}
		if waited := time.Since(start); waited < 2*time.Second {
			t.Errorf("the third call came after %v", waited)
		}
		if r := srv.Requests()[2]; r.Status != 429 || r.Operation != "get-session" || r.SessionID != "950dd2eaff09-S" {
			t.Errorf("%+v", r)
		}
	}, sessionstest.WithRateLimit(1, 2, 1500*time.Millisecond))
}

func TestWithSeed(t *testing.T) {
	ids := map[string]bool{}
	for seed := range uint64(3) {
		for range 2 {
			bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
				created, err := client.Create(t.Context(), arena)
				if err != nil {
					t.Fatal(err)
				}
				ids[created.SessionID] = true
			}, sessionstest.WithSeed(seed))
		}
	}
	if len(ids) != 3 {
		t.Errorf("%d ids from three seeds", len(ids))
	}
}

func TestWithWebhooksAWaitNeedsTwoReads(t *testing.T) {
	mux := http.NewServeMux()
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		mux.Handle("/hook", client.WebhookHandler("s", func(context.Context, *sessions.Session) error { return nil }))
		start := time.Now()
		request := sessions.CreateRequest{AppName: "arena", WebhookURL: "https://match.example/hook?secret=s"}
		if _, err := client.CreateAndWait(t.Context(), request, sessions.PollEvery(time.Minute, time.Minute)); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(start); waited != 2*time.Second {
			t.Errorf("known after %v", waited)
		}
		var operations []string
		for _, r := range srv.Requests() {
			operations = append(operations, r.Operation)
		}
		if want := []string{"session-post", "get-session", "get-session"}; !slices.Equal(operations, want) {
			t.Errorf("%v", operations)
		}
	}, sessionstest.WithWebhooks(mux))
}

func TestWithUnknown(t *testing.T) {
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		if _, err := client.Get(t.Context(), "950dd2eaff09-S"); !errors.Is(err, sessions.ErrGone) {
			t.Errorf("%v", err)
		}
		s, err := client.CreateAndWait(t.Context(), arena)
		if err != nil || s.Status != "Status.READY" {
			t.Errorf("%+v, %v", s, err)
		}
	}, sessionstest.WithUnknown(sessionstest.Unknown{UnknownSession: 410, LongNames: true, Nulls: true}))
}
