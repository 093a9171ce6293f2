package sessionstest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

func TestFailNext(t *testing.T) {
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		srv.FailNext(sessionstest.Fault{Status: 403}, sessionstest.Fault{Break: "cut"})
		if _, err := client.Create(t.Context(), arena); !errors.Is(err, sessions.ErrForbidden) {
			t.Errorf("%v", err)
		}
		if _, err := client.Create(t.Context(), arena); !errors.Is(err, sessions.ErrOutcomeUnknown) || len(srv.Sessions()) != 1 {
			t.Errorf("%v, %v", err, srv.Sessions())
		}
	})
}

func TestABadFaultNamesItsFieldAndPlansNone(t *testing.T) {
	srv := sessionstest.NewServer()
	defer srv.Close()
	for field, f := range map[string]sessionstest.Fault{
		"operation": {Operation: "create"},
		"times":     {Times: -1},
		"share":     {Share: 1.1},
		"delay":     {Delay: -1},
		"slow":      {Slow: -1},
		"status":    {Status: 199},
		"body":      {Body: "{}"},
		"break":     {Break: "snap"},
		"headers":   {Headers: map[string]string{"Retry After": "1"}},
	} {
		func() {
			defer func() {
				if problem := fmt.Sprint(recover()); !strings.HasPrefix(problem, "sessionstest: faults[1]."+field) {
					t.Errorf("%s: %s", field, problem)
				}
			}()
			srv.FailNext(sessionstest.Fault{Status: 503}, f)
		}()
	}
	if left := srv.ForgetFaults(); len(left) != 0 {
		t.Errorf("planned all the same: %+v", left)
	}
}

func TestForgetFaultsReturnsWhatHasNotStruck(t *testing.T) {
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		srv.FailNext(sessionstest.Fault{Status: 403}, sessionstest.Fault{Operation: "session-post", Status: 500, Times: 3},
			sessionstest.Fault{Operation: "session-delete", Status: 503})
		for range 3 {
			if _, err := client.Create(t.Context(), arena); err == nil {
				t.Error("a fault did not strike")
			}
		}
		left := srv.ForgetFaults()
		if len(left) != 2 || left[0].Status != 500 || left[0].Times != 1 || left[1].Operation != "session-delete" {
			t.Errorf("%+v", left)
		}
		if left := srv.ForgetFaults(); len(left) != 0 {
			t.Errorf("again: %+v", left)
		}
		if _, err := client.Create(t.Context(), arena); err != nil {
			t.Errorf("forgotten, and struck: %v", err)
		}
	})
}

func TestFaultShare(t *testing.T) {
	struck := func(seed uint64, f sessionstest.Fault) (at []int) {
		bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
			srv.FailNext(f)
			for i := range 1000 {
				if _, err := client.List(t.Context(), sessions.ListOptions{}); err != nil {
					at = append(at, i)
				}
			}
		}, sessionstest.WithSeed(seed))
		return at
	}
	tenth := struck(0, sessionstest.Fault{Status: 503, Share: 0.1})
	if n := len(tenth); n < 60 || n > 140 {
		t.Errorf("%d of 1000 for a tenth", n)
	}
	if !slices.Equal(tenth, struck(0, sessionstest.Fault{Status: 503, Share: 0.1})) {
		t.Error("the same seed draws something else")
	}
	if slices.Equal(tenth, struck(1, sessionstest.Fault{Status: 503, Share: 0.1})) {
		t.Error("another seed draws the same")
	}
	if n := len(struck(0, sessionstest.Fault{Status: 503, Share: 0.1, Times: 5})); n != 5 {
		t.Errorf("%d for five times", n)
	}
	if n := len(struck(0, sessionstest.Fault{Status: 503, Share: 1})); n != 1000 {
		t.Errorf("%d of 1000 when the API is down", n)
	}
}

func TestFaultHeaders(t *testing.T) {
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		srv.FailNext(sessionstest.Fault{Status: 429, Headers: map[string]string{"retry-after": "90"}, Body: `{"message": "slow down"}`})
		var refused *sessions.Error
		if _, err := client.Create(t.Context(), arena); !errors.As(err, &refused) || refused.RetryAfter != 90*time.Second || refused.Message != "slow down" {
			t.Errorf("%v", err)
		}
		srv.FailNext(sessionstest.Fault{Headers: map[string]string{"Content-Type": "text/html"}})
		if _, err := client.List(t.Context(), sessions.ListOptions{}); !errors.Is(err, sessions.ErrBadResponse) {
			t.Errorf("the API's own answer, said to be HTML: %v", err)
		}
	})
}

func TestFaultDelayAndSlow(t *testing.T) {
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		for _, f := range []sessionstest.Fault{{Delay: 20 * time.Second}, {Slow: 20 * time.Second}} {
			srv.FailNext(f)
			start := time.Now()
			if _, err := client.Create(t.Context(), arena); err != nil || time.Since(start) != 20*time.Second {
				t.Errorf("%+v: %v after %v", f, err, time.Since(start))
			}
			srv.FailNext(f)
			start = time.Now()
			hasty := srv.Client(sessions.WithTimeout(time.Second))
			if _, err := hasty.Create(t.Context(), arena); !errors.Is(err, sessions.ErrOutcomeUnknown) || time.Since(start) != time.Second {
				t.Errorf("%+v and a hasty client: %v after %v", f, err, time.Since(start))
			}
		}
		// What was delayed for the hasty client was not done, and what came slowly was.
		if n := len(srv.Sessions()); n != 3 {
			t.Errorf("%d sessions", n)
		}
	})
}
