package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// store is the fake of the API, behind a transport that a test can change.
type store struct {
	*sessionstest.Server
	client *sessions.Client
	calls  map[string]*atomic.Int64 // requests by operation

	// intercept may return a response or an error in place of the fake's.
	intercept func(r *http.Request, operation string) (*http.Response, error)
}

func newStore(t testing.TB, opts ...sessionstest.Option) *store {
	st := &store{Server: sessionstest.NewServer(t, opts...), calls: map[string]*atomic.Int64{}}
	for _, o := range operations {
		st.calls[o.name] = new(atomic.Int64)
	}
	st.client = newClient(t, roundTripFunc(func(r *http.Request) (*http.Response, error) {
		operation := sessions.OperationFromContext(r.Context())
		st.calls[operation].Add(1)
		if st.intercept != nil {
			if res, err := st.intercept(r, operation); res != nil || err != nil {
				return res, err
			}
		}
		return st.Transport().RoundTrip(r)
	}))
	return st
}

// wantLeft checks the number of sessions.
func (st *store) wantLeft(t *testing.T, want int) {
	t.Helper()
	if got := len(st.Sessions()); got != want {
		t.Errorf("got %d sessions left, want %d", got, want)
	}
}

// bubble runs a subtest in virtual time.
func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

func respondError(status int) *http.Response { return respondJSON(status, `{"message":"planned"}`) }

func respondStatus(id string, status sessions.Status) *http.Response {
	return respondJSON(200, fmt.Sprintf(`{"session_id":%q,"status":%q,"ready":%v,"error":"why"}`, id, status, status == sessions.StatusReady || status == "Linked" || status == sessions.StatusTerminating))
}

var errCause = errors.New("match canceled")

// endingContext returns a context that ends by a timeout, or by a cancel with errCause. 0 means
// that it does not.
func endingContext(t *testing.T, timeout, cancelAfter time.Duration) context.Context {
	ctx, cancel := context.WithCancelCause(t.Context())
	t.Cleanup(func() { cancel(nil) })
	if timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, timeout)
		t.Cleanup(stop)
	}
	if cancelAfter > 0 {
		time.AfterFunc(cancelAfter, func() { cancel(errCause) })
	}
	return ctx
}

func wantBetween(t *testing.T, what string, got, min, max time.Duration) {
	t.Helper()
	if got < min || got > max {
		t.Errorf("%s = %v, want %v to %v", what, got, min, max)
	}
}

// wantErrors checks of which classes err is, and of which it is not.
func wantErrors(t *testing.T, err error, want, not []error) {
	t.Helper()
	for i, class := range slices.Concat(want, not) {
		if errors.Is(err, class) != (i < len(want)) {
			t.Errorf("got %v, want errors.Is %v = %v", err, class, i < len(want))
		}
	}
}

func TestWaitReadyEnds(t *testing.T) {
	const s = time.Second
	deadline, canceled, anyError := []error{context.DeadlineExceeded}, []error{context.Canceled, errCause}, []error{}
	for _, test := range []struct {
		first           string // response until the time until: a status of the session, a status code, no JSON, or none
		until           time.Duration
		then            string
		timeout, cancel time.Duration // of the caller's context
		min, max        time.Duration // of the wait
		want, not       []error       // want is nil if the session is ready
		text            string        // in the error
	}{
		{then: "Ready"},
		{then: "Linked"}, // with ready = true
		{first: "Waiting", until: 30 * s, then: "Ready", min: 30 * s, max: 37 * s},
		{first: "Waiting", until: 3 * s, then: "Error", min: 3 * s, max: 6 * s, want: anyError, text: "status Error: why"},
		{then: "Unprocessable", want: anyError, text: "status Unprocessable: why"},
		{then: "Terminating", want: anyError, text: "status Terminating: why"},
		{then: "400", want: anyError, text: "400"},
		{then: "401", want: []error{sessions.ErrUnauthorized}},
		{then: "403", want: anyError, text: "403"},
		{first: "Waiting", until: 3 * s, then: "422", min: 3 * s, max: 6 * s, want: anyError, text: "422"},
		{first: "404", until: 9 * s, then: "Ready", min: 9 * s, max: 16 * s},
		{first: "410", until: 9 * s, then: "Ready", min: 9 * s, max: 16 * s},
		{then: "404", min: 10 * s, max: 17 * s, want: []error{sessions.ErrNotFound}},
		{first: "Waiting", until: s / 10, then: "404", min: s / 10, max: s, want: []error{sessions.ErrNotFound}},
		{first: "408", until: 20 * s, then: "Ready", min: 20 * s, max: 27 * s},
		{first: "425", until: 20 * s, then: "Ready", min: 20 * s, max: 27 * s},
		{first: "429", until: 5 * s, then: "Ready", min: 5 * s, max: 30 * s},
		{first: "500", until: 20 * s, then: "Ready", min: 20 * s, max: 27 * s},
		{first: "503", until: 20 * s, then: "Ready", min: 20 * s, max: 35 * s},
		{first: "<html>", until: 20 * s, then: "Ready", min: 20 * s, max: 27 * s},
		{then: "Waiting", min: 600 * s, max: 600 * s, want: anyError, not: deadline, text: "last status Waiting"},
		{then: "Waiting", timeout: 20 * s, min: 20 * s, max: 20 * s, want: deadline, text: "last status Waiting"},
		{then: "Waiting", timeout: 3600 * s, min: 3600 * s, max: 3600 * s, want: deadline},
		{first: "Waiting", until: 5 * s, then: "500", timeout: 20 * s, min: 20 * s, max: 20 * s, want: []error{context.DeadlineExceeded, sessions.ErrServer}, text: "last status Waiting"},
		{then: "Waiting", cancel: 20 * s, min: 20 * s, max: 20 * s, want: canceled, not: deadline, text: "last status Waiting"},
		{first: "Waiting", until: s, then: "none", cancel: 20 * s, min: 20 * s, max: 20 * s, want: canceled, text: "last status Waiting"},
		{then: "429", cancel: 2 * s, min: 2 * s, max: 2 * s, want: canceled, text: "last status unknown"},
	} {
		bubble(t, fmt.Sprintf("%s %v %s %v %v", test.first, test.until, test.then, test.timeout, test.cancel), func(t *testing.T) {
			start := time.Now()
			c := newClient(t, roundTripFunc(func(r *http.Request) (*http.Response, error) {
				respond := test.then
				if time.Since(start) < test.until {
					respond = test.first
				}
				switch code, err := strconv.Atoi(respond); {
				case err == nil:
					return respondError(code), nil
				case respond == "<html>":
					return respondJSON(200, respond), nil
				case respond == "none":
					<-r.Context().Done()
				}
				return respondStatus("s-1", sessions.Status(respond)), r.Context().Err()
			}))
			got, err := c.WaitReady(endingContext(t, test.timeout, test.cancel), "s-1")
			wantBetween(t, "time", time.Since(start), test.min, test.max)
			if (test.want == nil) != (err == nil) || (got == nil) != (err != nil) || got != nil && !got.Ready {
				t.Fatalf("got %+v, %v, want ready = %v", got, err, test.want == nil)
			}
			wantErrors(t, err, test.want, test.not)
			if err != nil && (!strings.Contains(err.Error(), "s-1") || !strings.Contains(err.Error(), test.text)) {
				t.Errorf("got %v, want an error that names the session and has %q", err, test.text)
			}
			if failed := (*sessions.SessionFailedError)(nil); errors.As(err, &failed) != strings.HasPrefix(test.text, "status ") || err != nil && asError(t, err).SessionID != "s-1" {
				t.Errorf("got %T, want an *Error with the session's id that wraps a SessionFailedError only for a failed session", err)
			}
		})
	}
}

func TestOnStatusReportsEachChangeOnce(t *testing.T) {
	want := []sessions.Status{sessions.StatusInitializing, sessions.StatusSeeking, sessions.StatusWaiting, sessions.StatusReady}
	for _, waits := range []int{1, 8} { // which read their sessions, or the list
		bubble(t, fmt.Sprint(waits), func(t *testing.T) {
			st := newStore(t, sessionstest.WithReadyAfter(20*time.Second))
			var wg sync.WaitGroup
			for range waits {
				wg.Go(func() {
					var got []sessions.Status
					_, err := st.client.CreateAndWait(t.Context(), arena, sessions.OnStatus(func(s sessions.Status) { got = append(got, s) }))
					if err != nil || !slices.Equal(got, want) {
						t.Errorf("got %v, %v, want %v", got, err, want)
					}
				})
			}
			wg.Wait()
		})
	}
}

// pollClient returns a client of a session that is never ready, and a function that returns the
// times of its reads.
func pollClient(t *testing.T, min, max time.Duration) (*sessions.Client, func() []time.Duration) {
	start, times := time.Now(), []time.Duration(nil)
	return newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) {
		times = append(times, time.Since(start))
		return respondStatus("s-1", sessions.StatusWaiting), nil
	}), sessions.WithPollInterval(min, max)), func() []time.Duration { synctest.Wait(); return times }
}

func TestPollIntervalGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, times := pollClient(t, time.Second, 8*time.Second)
		c.WaitReady(endingContext(t, 2*time.Minute, 0), "s-1")
		reads := times()
		wantBetween(t, "first interval", reads[1]-reads[0], 750*time.Millisecond, 1250*time.Millisecond)
		for i := 8; i < len(reads); i++ {
			wantBetween(t, "last intervals", reads[i]-reads[i-1], 6*time.Second, 10*time.Second)
		}
		wantBetween(t, "last read", reads[len(reads)-1], 110*time.Second, 120*time.Second)
	})
}

func TestPollIntervalMayBeGreat(t *testing.T) {
	for _, min := range []time.Duration{math.MaxInt64, math.MaxInt64 / 2, math.MaxInt64/3*2 + 1, time.Hour} {
		bubble(t, min.String(), func(t *testing.T) {
			c, times := pollClient(t, min, math.MaxInt64)
			time.AfterFunc(20*time.Second, func() { c.Notify("s-1") }) // the interval is computed again after each read
			time.AfterFunc(40*time.Second, func() { c.Notify("s-1") })
			if _, err := c.WaitReady(endingContext(t, time.Minute, 0), "s-1"); !errors.Is(err, context.DeadlineExceeded) || len(times()) != 9 {
				t.Errorf("got %d reads and %v, want 9 and DeadlineExceeded", len(times()), err)
			}
		})
	}
}

func TestNotifiedWaitReadsAtOnceAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, times := pollClient(t, time.Hour, time.Hour)
		notify := func(id string, want bool) {
			if got := c.Notify(id); got != want {
				t.Errorf("Notify(%q) = %v, want %v", id, got, want)
			}
		}
		notify("s-1", false)
		go c.WaitReady(endingContext(t, 0, 5*time.Minute), "s-1")
		time.Sleep(10 * time.Second)
		notify("s-2", false)
		notify("", false)
		notify("s-1", true)
		time.Sleep(time.Minute)
		if len(times()) != 5 {
			t.Fatalf("got reads at %v, want one at the start and four after the notification", times())
		}
		for i, want := range []time.Duration{0, 500 * time.Millisecond, 1500 * time.Millisecond, 3500 * time.Millisecond} {
			wantBetween(t, fmt.Sprintf("read %d after the notification", i), times()[1+i]-10*time.Second, want*3/4, want*5/4)
		}
		notify("s-1", true)
		time.Sleep(200 * time.Millisecond)
		notify("s-1", true) // starts the delays again
		time.Sleep(time.Minute)
		if n := len(times()) - 5; n != 5 {
			t.Errorf("got %d reads after two notifications, want 1 and 4", n)
		}
		time.Sleep(5 * time.Minute)
		notify("s-1", false)
	})
}

// Reads return the state before the notification for 0.2 s, and the list for ever. Another session
// is ready before its wait starts, so that there is no notification.
func TestNotificationOvertakesReads(t *testing.T) {
	for _, waits := range []int{1, 2, 8} { // of one session, on their own or sharing the list
		synctest.Test(t, func(t *testing.T) {
			start, done := time.Now(), make(chan error, waits)
			c := newClient(t, roundTripFunc(func(r *http.Request) (*http.Response, error) {
				switch {
				case r.URL.Path == "/v1/sessions":
					return respondJSON(200, `{"data":[{"session_id":"s-1","status":"Waiting"}]}`), nil
				case strings.HasSuffix(r.URL.Path, "s-1") && time.Since(start) < 17*time.Second+200*time.Millisecond:
					return respondStatus("s-1", sessions.StatusWaiting), nil
				}
				return respondStatus("s-1", sessions.StatusReady), nil
			}), sessions.WithPollInterval(time.Minute, time.Minute))
			for range waits {
				go func() { _, err := c.WaitReady(t.Context(), "s-1"); done <- err }()
			}
			time.Sleep(17 * time.Second)
			if _, err := c.WaitReady(t.Context(), "s-2"); err != nil || time.Since(start) > 17*time.Second {
				t.Errorf("%d waits: got %v after %v, want a ready session at once", waits, err, time.Since(start)-17*time.Second)
			}
			c.Notify("s-1")
			for range waits {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
			wantBetween(t, fmt.Sprintf("time of %d waits", waits), time.Since(start), 17*time.Second, 20*time.Second)
		})
	}
}
