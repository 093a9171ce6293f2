package sessionstest_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// Each has its own server, in memory and at a socket, and sees no session of another's.
func TestManyParallelTests(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("all", func(t *testing.T) {
		for range 50 {
			t.Run("one", func(t *testing.T) {
				t.Parallel()
				srv := sessionstest.NewServer(sessionstest.WithT(t), sessionstest.WithReadyAfter(0))
				remote, err := sessions.New("any", sessions.WithBaseURL(srv.URL()))
				if err != nil {
					t.Fatal(err)
				}
				defer remote.CloseIdleConnections()
				for _, client := range []*sessions.Client{srv.Client(), remote} {
					if _, err := seat(t.Context(), client, "203.0.113.7"); err != nil {
						t.Error(err)
					}
				}
				if n := len(srv.Sessions()); n != 2 {
					t.Errorf("%d sessions", n)
				}
			})
		}
	})
	left := runtime.NumGoroutine()
	for range 1_000_000 { // connections that were closed take a moment to notice
		if left <= before {
			return
		}
		runtime.Gosched()
		left = runtime.NumGoroutine()
	}
	t.Errorf("%d goroutines before, %d after", before, left)
}

// The bubble fails if anything is still running when its function returns.
func TestCloseEndsAllThatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		for range 20 {
			srv := sessionstest.NewServer(sessionstest.WithWebhooks(silent), sessionstest.WithUnknown(sessionstest.Unknown{WebhookTimeout: time.Hour}))
			client := srv.Client(sessions.WithTimeout(time.Hour), sessions.WithRetry(sessions.RetryPolicy{}))
			created, err := client.Create(t.Context(), hooked)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Second) // it is Ready, and its webhook hangs
			if _, err := client.Create(t.Context(), arena); err != nil {
				t.Fatal(err) // whose time is still to come
			}
			srv.FailNext(sessionstest.Fault{Break: "stall"}, sessionstest.Fault{Delay: time.Hour}, sessionstest.Fault{Slow: time.Hour})
			var calls sync.WaitGroup
			for range 3 {
				calls.Go(func() {
					if _, err := client.Get(context.Background(), created.SessionID); err == nil {
						t.Error("it was answered")
					}
				})
			}
			calls.Go(func() {
				if _, err := srv.WaitWebhooks(context.Background(), 9); err == nil {
					t.Error("nine webhooks")
				}
			})
			synctest.Wait()
			start := time.Now()
			srv.Close()
			calls.Wait()
			if took := time.Since(start); took != 0 {
				t.Errorf("it took %v", took)
			}
		}
	})
}

func TestAClosedServerCanBeLookedAt(t *testing.T) {
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		created, err := client.Create(t.Context(), hooked)
		if err != nil {
			t.Fatal(err)
		}
		srv.Close()
		srv.Close()
		later := srv.Client(sessions.WithRetry(sessions.RetryPolicy{}))
		for name, client := range map[string]*sessions.Client{"of before": client, "of afterwards": later} {
			if _, err := client.Create(t.Context(), arena); !errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, sessions.ErrOutcomeUnknown) {
				t.Errorf("a client %s: %v", name, err)
			}
		}
		if u := srv.URL(); u != "" {
			t.Errorf("it listens at %s", u)
		}
		if len(srv.Sessions()) != 1 || len(srv.Requests()) != 1 || len(srv.Deployments()) != 0 || len(srv.Webhooks()) != 0 {
			t.Errorf("%v", srv)
		}
		if err := srv.SetStatus(created.SessionID, "Ready"); err != nil || srv.Sessions()[0].Status != "Ready" || len(srv.Webhooks()) != 0 {
			t.Errorf("SetStatus: %v\n%v", err, srv)
		}
		request, err := srv.Deploy("arena", "")
		if err != nil || srv.SetJoinable(request, false) != nil || srv.EndDeployment(request) != nil {
			t.Errorf("a deployment: %v\n%v", err, srv)
		}
		srv.FailNext(sessionstest.Fault{Status: 503})
		if left := srv.ForgetFaults(); len(left) != 1 {
			t.Errorf("faults: %v", left)
		}
	})
}
