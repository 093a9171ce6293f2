package sessionstest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

func TestNewServerNamesEveryBadOption(t *testing.T) {
	said := panics(t,
		nil,
		sessionstest.WithKey("token 0f3a"),
		sessionstest.WithReadyBetween(time.Minute, time.Second),
		sessionstest.WithWebhooks(nil),
		sessionstest.WithApp(sessionstest.App{Kind: "Seats", Sockets: -1}),
		sessionstest.WithApp(sessionstest.App{EmptyTTL: -1, SessionMaxDuration: time.Minute}),
		sessionstest.WithRateLimit(-1, -1, -time.Minute),
		sessionstest.WithTimes(sessionstest.Times{Seeking: time.Hour}),
		sessionstest.WithUnknown(sessionstest.Unknown{NoSocket: 99, EndedStatus: "Ready"}),
	)
	names := []string{"a nil option", "key must be", "WithReadyBetween", "WithWebhooks", "apps[0].kind", "apps[0].sockets", "apps[1].empty_ttl",
		"apps[1].session_max_duration", "rate_limit.per_second", "rate_limit.burst", "rate_limit.retry_after",
		"initializing_for and seeking_for", "unknown.no_socket", "unknown.ended_status"}
	for _, name := range names {
		if !strings.Contains(said, name) {
			t.Errorf("%s is not named", name)
		}
	}
	if lines := strings.Count(said, "\n") + 1; lines != len(names) {
		t.Errorf("%d lines for %d faults:\n%s", lines, len(names), said)
	}
	if strings.Contains(said, "0f3a") {
		t.Errorf("the key is told:\n%s", said)
	}
	for _, opt := range []sessionstest.Option{sessionstest.WithReadyAfter(-1), sessionstest.WithReadyBetween(-2, -1), sessionstest.WithKey("0f3a\n")} {
		panics(t, opt)
	}
}

// panics is what NewServer says of bad options.
func panics(t *testing.T, opts ...sessionstest.Option) (said string) {
	t.Helper()
	defer func() {
		if said = fmt.Sprint(recover()); said == "<nil>" {
			t.Error("bad options were taken")
		}
	}()
	sessionstest.NewServer(opts...).Close()
	return ""
}

func TestWithT(t *testing.T) {
	for _, closed := range []bool{false, true} {
		for _, failed := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				fake := &fakeT{}
				srv := sessionstest.NewServer(sessionstest.WithT(fake))
				client := srv.Client(sessions.WithRetry(sessions.RetryPolicy{}))
				created, err := client.Create(t.Context(), arena)
				if err != nil {
					t.Fatal(err)
				}
				if closed {
					srv.Close()
				}
				fake.end(failed)
				log := strings.Join(fake.logged, "\n")
				if told := strings.Contains(log, created.SessionID) && strings.Contains(log, "session-post"); told != failed || !failed && log != "" {
					t.Errorf("closed before %t, failed %t: %q", closed, failed, log)
				}
				if _, err := client.Create(t.Context(), arena); err == nil {
					t.Error("the server runs on")
				}
			})
		}
	}
}

// The real thing: the bubble fails if the server runs on when its test has ended.
func TestWithTClosesWhatTheTestLeavesOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := sessionstest.NewServer(sessionstest.WithT(t), sessionstest.WithReadyAfter(time.Hour))
		srv.FailNext(sessionstest.Fault{Operation: "get-session", Break: "stall"})
		client := srv.Client(sessions.WithTimeout(time.Hour), sessions.WithRetry(sessions.RetryPolicy{}))
		created, err := client.Create(t.Context(), arena)
		if err != nil {
			t.Fatal(err)
		}
		go client.Get(context.Background(), created.SessionID) // nothing but the server ends it
		synctest.Wait()
	})
}

func TestWithTimes(t *testing.T) {
	states := func(times sessionstest.Times) (passed []string) {
		bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
			created, err := client.Create(t.Context(), arena)
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			note := func() {
				s, err := client.Get(t.Context(), created.SessionID)
				if err != nil {
					s = &sessions.Session{Status: "gone"}
				}
				if n := len(passed); n == 0 || !strings.HasPrefix(passed[n-1], s.Status) {
					passed = append(passed, fmt.Sprint(s.Status, " ", time.Since(start)))
				}
			}
			for range 11 {
				note()
				time.Sleep(time.Second)
			}
			if _, err := client.Delete(t.Context(), created.SessionID); err != nil {
				t.Fatal(err)
			}
			for range 10 {
				note()
				time.Sleep(time.Second)
			}
		}, sessionstest.WithReadyAfter(10*time.Second), sessionstest.WithTimes(times))
		return passed
	}
	for _, c := range []struct {
		times sessionstest.Times
		want  string
	}{
		{sessionstest.Times{}, "[Initializing 0s Seeking 1s Waiting 4s Ready 10s Terminating 11s gone 12s]"},
		{sessionstest.Times{Initializing: 2 * time.Second, Seeking: 6 * time.Second, Terminating: 5 * time.Second},
			"[Initializing 0s Seeking 2s Waiting 8s Ready 10s Terminating 11s gone 16s]"},
		{sessionstest.Times{Initializing: -1, Seeking: -1, Terminating: -1}, "[Waiting 0s Ready 10s gone 11s]"},
		{sessionstest.Times{Seeking: 9 * time.Second}, "[Initializing 0s Seeking 1s Ready 10s Terminating 11s gone 12s]"},
	} {
		if got := fmt.Sprint(states(c.times)); got != c.want {
			t.Errorf("%+v:\ngot  %s\nwant %s", c.times, got, c.want)
		}
	}
}

func TestTheLaterOptionCounts(t *testing.T) {
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		start := time.Now()
		if _, err := client.CreateAndWait(t.Context(), arena); err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	}, sessionstest.WithReadyAfter(time.Hour), sessionstest.WithReadyAfter(0))
}
