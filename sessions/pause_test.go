package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

// TestHeldCallsGoInTurn has more calls held by a pause than go at once.
func TestHeldCallsGoInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := limitedOnce("10")
		c := newClient(t, w)
		var group sync.WaitGroup
		get := func(id string) {
			group.Go(func() {
				if _, err := c.Get(t.Context(), id); !errors.Is(err, sessions.ErrNotFound) {
					t.Errorf("%s: %v", id, err)
				}
			})
			synctest.Wait()
		}
		const held = 40
		for i := range 1 + held { // the first is refused
			get(fmt.Sprint("call-", i))
			time.Sleep(time.Millisecond)
		}
		time.Sleep(10*time.Second - (1+held)*time.Millisecond)
		get("latecomer")
		group.Wait()

		got := w.requests()[1:]
		if len(got) != 1+held+1 {
			t.Fatalf("%d requests", len(got))
		}
		for i, r := range got {
			want := 10*time.Second + max(0, time.Duration(i-15)*time.Second/64)
			if at := r.at; at != want {
				t.Errorf("request %d after %v, want %v", i, at, want)
			}
			// Which of those that go at once is first is left to the scheduler.
			id := fmt.Sprint("call-", i)
			if i == 1+held {
				id = "latecomer"
			}
			if i >= 16 && !strings.HasSuffix(r.URL.Path, id) {
				t.Errorf("request %d is %s, want %s", i, r.URL.Path, id)
			}
		}
	})
}

// TestACallThatGivesUpTakesNoTurn has very many calls that a pause makes fail,
// by their deadline or a cancel, before one that waits for its turn.
func TestACallThatGivesUpTakesNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := limitedOnce("10")
		c := newClient(t, w)
		var group sync.WaitGroup
		group.Go(func() { c.Get(t.Context(), testID) })
		synctest.Wait() // the 429 is here
		for range 1000 {
			impatient, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := c.Get(impatient, testID); err == nil {
				t.Error("sent in the pause")
			}
			cancel()
			cancelled, cancel := context.WithCancel(t.Context())
			group.Go(func() { c.Get(cancelled, testID) })
			synctest.Wait()
			cancel()
			synctest.Wait()
		}
		if _, err := c.Get(t.Context(), testID); err != nil {
			t.Error(err)
		}
		group.Wait()
		if at := time.Since(w.first); at != 10*time.Second {
			t.Errorf("sent after %v, want 10s", at)
		}
	})
}

// limitedOnce answers the first request with a 429 that says to come back after
// a time in seconds, and every other one well.
func limitedOnce(after string) *wire {
	return &wire{meet: func(n int, r *http.Request) (*http.Response, error) {
		if n == 1 {
			return refusal(429, "Retry-After", after)("", r)
		}
		for _, call := range calls {
			if call.method == r.Method && call.path == r.URL.Path {
				return response(200, call.good), nil
			}
		}
		return refusal(404)("", r)
	}}
}

func TestA429HoldsEveryCallOfTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := limitedOnce("10")
		c := newClient(t, w)
		other := newClient(t, w)
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := c.Get(t.Context(), testID); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait() // the 429 is here
		for i, call := range calls {
			group.Go(func() {
				time.Sleep(time.Duration(i) * time.Second)
				if _, err := call.do(t.Context(), c); err != nil {
					t.Error(call.operation, err)
				}
			})
		}
		time.Sleep(5 * time.Second)
		if n := len(w.requests()); n != 1 {
			t.Errorf("%d requests in the pause", n)
		}
		if _, err := other.Get(t.Context(), testID); err != nil || len(w.requests()) != 2 {
			t.Errorf("another client was held: %v", err)
		}
		group.Wait()
		at := w.times()
		if len(at) != 3+len(calls) {
			t.Fatalf("%d requests", len(at))
		}
		for _, at := range at[2:] {
			if at != 10*time.Second {
				t.Errorf("sent at %v", at)
			}
		}
	})
}

func TestACallThatEndsInsideThePauseFailsUnsent(t *testing.T) {
	for _, call := range calls {
		t.Run(call.operation, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := limitedOnce("10")
				c := newClient(t, w)
				go c.Get(t.Context(), testID)
				synctest.Wait()
				time.Sleep(time.Second)
				for _, within := range []time.Duration{time.Second, 9 * time.Second} {
					ctx, cancel := context.WithTimeout(t.Context(), within)
					defer cancel()
					start := time.Now()
					_, err := call.do(ctx, c)
					var e *sessions.Error
					if !errors.As(err, &e) || e.Operation != call.operation || e.StatusCode != 429 || e.Message != "not now" ||
						e.RetryAfter != 10*time.Second || !errors.Is(err, sessions.ErrRateLimited) || errors.Is(err, sessions.ErrOutcomeUnknown) {
						t.Errorf("the error is %v", err)
					}
					if took := time.Since(start); took != 0 {
						t.Errorf("it took %v", took)
					}
				}
				if n := len(w.requests()); n != 1 {
					t.Errorf("%d requests", n)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				if _, err := call.do(ctx, c); err != nil {
					t.Errorf("a call that can wait: %v", err)
				}
			})
		})
	}
}

func TestAHeldCallThatIsCancelledReturnsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := limitedOnce("10")
		c := newClient(t, w)
		go c.Get(t.Context(), testID)
		synctest.Wait()
		cause := errors.New("the match was called off")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(3*time.Second, func() { cancel(cause) })
		_, err := c.Create(ctx, sessions.CreateRequest{AppName: "arena"})
		if !errors.Is(err, context.Canceled) || !errors.Is(err, cause) || errors.Is(err, sessions.ErrOutcomeUnknown) {
			t.Errorf("the error is %v", err)
		}
		if at := time.Since(w.first); at != 3*time.Second || len(w.requests()) != 1 {
			t.Errorf("after %v, %d requests", at, len(w.requests()))
		}
	})
}

// TestWhatDoesNotHoldTheClient: a 429 without a time, one with a time beyond a
// minute, and a 503 with one concern the call that met it only.
func TestWhatDoesNotHoldTheClient(t *testing.T) {
	for name, met := range map[string]met{
		"429 without a time":   refusal(429),
		"429 for over an hour": refusal(429, "Retry-After", "3601"),
		"503 with a time":      refusal(503, "Retry-After", "10"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &wire{meet: func(n int, r *http.Request) (*http.Response, error) {
					if n == 1 {
						return met("", r)
					}
					return response(200, sessionJSON), nil
				}}
				c := newClient(t, w)
				go c.Get(t.Context(), testID)
				synctest.Wait()
				start := time.Now()
				if _, err := c.Get(t.Context(), testID); err != nil || time.Since(start) != 0 {
					t.Errorf("held for %v: %v", time.Since(start), err)
				}
			})
		})
	}
}

// With one attempt the call that meets the 429 does not wait it out; later ones do.
func TestAPauseHoldsAClientOfOneAttemptToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := limitedOnce("10")
		c := newClient(t, w, sessions.WithRetry(sessions.RetryPolicy{}))
		if _, err := c.Get(t.Context(), testID); !errors.Is(err, sessions.ErrRateLimited) || time.Since(w.first) != 0 {
			t.Errorf("%v after %v", err, time.Since(w.first))
		}
		if _, err := c.Get(t.Context(), testID); err != nil || time.Since(w.first) != 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(w.first))
		}
	})
}

func TestTheLongestOfTwoPausesCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{meet: func(n int, r *http.Request) (*http.Response, error) {
			switch n {
			case 1:
				time.Sleep(time.Second)
				return refusal(429, "Retry-After", "10")("", r)
			case 2:
				time.Sleep(2 * time.Second)
				return refusal(429, "Retry-After", "3")("", r) // over before the first
			}
			return response(200, sessionJSON), nil
		}}
		c := newClient(t, w)
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() { c.Get(t.Context(), testID) })
		}
		group.Wait()
		if at := w.times(); len(at) != 4 || at[2] != 11*time.Second || at[3] != 11*time.Second {
			t.Errorf("sent at %v", at)
		}
	})
}

// TestAPauseThatBeginsInTheLimiterHolds: a call that was let through by the
// limiter just after another's 429 waits as well.
func TestAPauseThatBeginsInTheLimiterHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := limitedOnce("10")
		slow := make(chan time.Duration, 1)
		slow <- 2 * time.Second
		c := newClient(t, w, sessions.WithLimiter(pacer{func(context.Context) error {
			select {
			case d := <-slow:
				time.Sleep(d)
			default:
			}
			return nil
		}, func() {}}))
		var group sync.WaitGroup
		group.Go(func() { c.Users(t.Context(), testID) })
		synctest.Wait() // in the limiter
		group.Go(func() { c.Get(t.Context(), testID) })
		group.Wait()
		if n := len(w.requests()); n != 3 {
			t.Errorf("%d requests", n)
		}
		for _, s := range w.requests()[1:] {
			if s.at != 10*time.Second {
				t.Errorf("%s was sent at %v", s.URL.Path, s.at)
			}
		}
	})
}
