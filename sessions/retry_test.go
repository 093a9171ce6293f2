package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

// All of this is in virtual time: the transport answers in memory.

// TestTheRetryTable is the table of the package documentation, one cell a
// subtest: what a call meets each time, how often the request is sent, and what
// the error is at the end.
func TestTheRetryTable(t *testing.T) {
	const no, yes = 1, 3
	table := []struct {
		name    string
		met     met
		reads   int // requests of Get, Users, List, All and Delete
		writes  int // of Create, BulkStop, AddUsers and RemoveUsers
		unknown bool
		is      []error
		status  int
		lasts   time.Duration // if not a matter of chance
	}{
		{"dial refused", fails(refused), yes, yes, false, []error{syscall.ECONNREFUSED}, 0, 0},
		{"dial times out", fails(slowDialer), yes, yes, false, nil, 0, 0},
		{"handshake cut", unconnected(fails(io.EOF)), yes, yes, false, []error{io.EOF}, 0, 0},
		{"certificate not trusted", unconnected(fails(untrusted)), no, no, false, nil, 0, 0},
		{"not TLS", unconnected(fails(noTLS)), no, no, false, nil, 0, 0},
		{"https asked of http", unconnected(fails(http.ErrSchemeMismatch)), no, no, false, []error{http.ErrSchemeMismatch}, 0, 0},
		{"reset", fails(reset), yes, no, true, []error{syscall.ECONNRESET}, 0, 0},
		{"reset of a connection that was had", connected(fails(reset)), yes, no, true, []error{syscall.ECONNRESET}, 0, 0},
		{"closed without an answer", connected(fails(io.EOF)), yes, no, true, []error{io.EOF}, 0, 0},
		{"neither answer nor error", fails(nil), yes, no, true, nil, 0, 0},
		{"cut body", broken(io.ErrUnexpectedEOF), yes, no, true, []error{io.ErrUnexpectedEOF}, 200, 0},
		{"body reset", broken(reset), yes, no, true, []error{syscall.ECONNRESET}, 200, 0},
		{"429", refusal(429), yes, yes, false, []error{sessions.ErrRateLimited}, 429, 0},
		{"502", refusal(502), yes, no, true, []error{sessions.ErrServer}, 502, 0},
		{"503", refusal(503), yes, no, true, []error{sessions.ErrServer}, 503, 0},
		{"504", refusal(504), yes, no, true, []error{sessions.ErrServer}, 504, 0},
		{"500", refusal(500), no, no, true, []error{sessions.ErrServer}, 500, 0},
		{"501", refusal(501), no, no, true, []error{sessions.ErrServer}, 501, 0},
		{"505", refusal(505), no, no, true, []error{sessions.ErrServer}, 505, 0},
		{"520", refusal(520), no, no, true, []error{sessions.ErrServer}, 520, 0},
		{"302", refusal(302, "Location", "https://api.edgegap.com/elsewhere"), no, no, false, nil, 302, 0},
		{"400", refusal(400), no, no, false, []error{sessions.ErrBadRequest}, 400, 0},
		{"401", refusal(401), no, no, false, []error{sessions.ErrUnauthorized}, 401, 0},
		{"403", refusal(403), no, no, false, []error{sessions.ErrForbidden}, 403, 0},
		{"404", refusal(404), no, no, false, []error{sessions.ErrNotFound}, 404, 0},
		{"408", refusal(408), no, no, false, nil, 408, 0},
		{"409", refusal(409), no, no, false, []error{sessions.ErrConflict}, 409, 0},
		{"410", refusal(410), no, no, false, []error{sessions.ErrGone}, 410, 0},
		{"422", refusal(422), no, no, false, []error{sessions.ErrUnprocessable}, 422, 0},
		{"425", refusal(425), no, no, false, nil, 425, 0},
		{"silence", connected(silence), no, no, true, []error{context.DeadlineExceeded}, 0, 30 * time.Second},
		{"silent body", connected(stalled), no, no, true, []error{context.DeadlineExceeded}, 200, 30 * time.Second},
		{"no connection in time", unconnected(silence), no, no, false, []error{context.DeadlineExceeded}, 0, 30 * time.Second},
		{"half of the JSON", content("application/json", `{"session_id":"9`), no, no, true, []error{sessions.ErrBadResponse}, 200, 0},
		{"null", content("application/json", `null`), no, no, true, []error{sessions.ErrBadResponse}, 200, 0},
		{"a login page", content("text/html", `<html>`), no, no, true, []error{sessions.ErrBadResponse}, 200, 0},
	}
	walk := call{operation: "list-sessions", good: pageJSON, do: func(ctx context.Context, c *sessions.Client) (any, error) {
		for _, err := range c.All(ctx, sessions.ListOptions{}) {
			if err != nil {
				return nil, err
			}
		}
		return nil, nil
	}}
	for _, row := range table {
		for i, call := range append(slices.Clone(calls), walk) {
			name := fmt.Sprintf("%s/%s", row.name, call.operation)
			if i == len(calls) {
				name = row.name + "/all"
			}
			isWrite := slices.Contains([]string{"session-post", "sessions-bulk-stop", "put-users-session", "delete-users-session"}, call.operation)
			times, unknown := row.reads, false
			if isWrite {
				times, unknown = row.writes, row.unknown
			}
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := &wire{meet: func(_ int, r *http.Request) (*http.Response, error) { return row.met(call.good, r) }}
					start := time.Now()
					_, err := call.do(t.Context(), newClient(t, w))
					took := time.Since(start)
					var e *sessions.Error
					if !errors.As(err, &e) {
						t.Fatalf("the error is %v", err)
					}
					if e.Operation != call.operation || e.StatusCode != row.status {
						t.Errorf("the error is of %s with status %d", e.Operation, e.StatusCode)
					}
					for _, want := range row.is {
						if !errors.Is(err, want) {
							t.Errorf("%v is not %v", err, want)
						}
					}
					if errors.Is(err, sessions.ErrOutcomeUnknown) != unknown {
						t.Errorf("%v: outcome unknown is not %t", err, unknown)
					}
					at := w.times()
					if len(at) != times {
						t.Fatalf("sent %d times, want %d", len(at), times)
					}
					for n := 1; n < len(at); n++ {
						if wait, most := at[n]-at[n-1], 500*time.Millisecond<<(n-1); wait < 0 || wait > most {
							t.Errorf("wait %d was %v, want at most %v", n, wait, most)
						}
					}
					if row.lasts != 0 && took != row.lasts || row.lasts == 0 && took != at[len(at)-1] {
						t.Errorf("took %v", took)
					}
				})
			})
			if times == 1 {
				continue
			}
			t.Run(name+"/twice", func(t *testing.T) { // and then a good answer
				synctest.Test(t, func(t *testing.T) {
					w := &wire{meet: func(n int, r *http.Request) (*http.Response, error) {
						if n < 3 {
							return row.met(call.good, r)
						}
						return response(200, call.good), nil
					}}
					if _, err := call.do(t.Context(), newClient(t, w)); err != nil {
						t.Fatal(err)
					}
					seen := w.requests()
					if len(seen) != 3 {
						t.Fatalf("sent %d times", len(seen))
					}
					for _, s := range seen {
						if s.body != call.body {
							t.Errorf("sent the body %q, want %q", s.body, call.body)
						}
					}
				})
			})
		}
	}
}

func TestADeleteThatFindsNothing(t *testing.T) {
	for _, gone := range []int{404, 410} {
		for name, before := range map[string]met{
			"after a 503":    refusal(503),
			"after a 429":    refusal(429),
			"after a reset":  fails(reset),
			"after a cut":    broken(io.ErrUnexpectedEOF),
			"after a refuse": fails(refused),
		} {
			t.Run(fmt.Sprint(gone, " ", name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := &wire{meet: func(n int, r *http.Request) (*http.Response, error) {
						if n == 1 {
							return before(deletedJSON, r)
						}
						return refusal(gone)("", r)
					}}
					deleted, err := newClient(t, w).Delete(t.Context(), testID)
					if err != nil || deleted.SessionID != testID {
						t.Errorf("got %v, %v", deleted, err)
					}
				})
			})
		}
		synctest.Test(t, func(t *testing.T) {
			w := &wire{meet: func(_ int, r *http.Request) (*http.Response, error) { return refusal(gone)("", r) }}
			deleted, err := newClient(t, w).Delete(t.Context(), testID)
			if deleted != nil || !errors.Is(err, map[int]error{404: sessions.ErrNotFound, 410: sessions.ErrGone}[gone]) {
				t.Errorf("at first: %v, %v", deleted, err)
			}
		})
	}
}

// TestBackoffIsExponentialWithFullJitter draws each wait 200 times: a bound that
// is not reached by so many draws has a chance below 1e-23.
func TestBackoffIsExponentialWithFullJitter(t *testing.T) {
	for _, test := range []struct {
		name  string
		opts  []sessions.Option
		bound []time.Duration
	}{
		{"default", nil, []time.Duration{500 * time.Millisecond, time.Second}},
		{"own", []sessions.Option{sessions.WithRetry(sessions.RetryPolicy{Attempts: 6, First: time.Second, Most: 5 * time.Second})},
			[]time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second}},
		{"without times", []sessions.Option{sessions.WithRetry(sessions.RetryPolicy{Attempts: 7})},
			[]time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 8 * time.Second}},
		{"endless", []sessions.Option{sessions.WithRetry(sessions.RetryPolicy{Attempts: 9, First: math.MaxInt64, Most: math.MaxInt64})},
			slices.Repeat([]time.Duration{time.Minute}, 8)},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				least, most := slices.Clone(test.bound), make([]time.Duration, len(test.bound))
				for range 200 {
					w := &wire{meet: func(_ int, r *http.Request) (*http.Response, error) { return refusal(503)("", r) }}
					newClient(t, w, test.opts...).Get(t.Context(), testID)
					at := w.times()
					if len(at) != len(test.bound)+1 {
						t.Fatalf("sent %d times, want %d", len(at), len(test.bound)+1)
					}
					for i := range test.bound {
						least[i], most[i] = min(least[i], at[i+1]-at[i]), max(most[i], at[i+1]-at[i])
					}
				}
				for i, bound := range test.bound {
					if least[i] > bound/4 || most[i] < bound*3/4 || most[i] > bound {
						t.Errorf("wait %d is from %v to %v, want from 0 to %v", i+1, least[i], most[i], bound)
					}
				}
			})
		})
	}
}

func TestAPolicyOfOneAttemptSendsOnce(t *testing.T) {
	for _, policy := range []sessions.RetryPolicy{{}, {Attempts: 1}} {
		for name, met := range map[string]met{"refused": fails(refused), "503": refusal(503), "429": refusal(429), "429 with a time": refusal(429, "Retry-After", "1")} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := &wire{meet: func(_ int, r *http.Request) (*http.Response, error) { return met("", r) }}
					start := time.Now()
					if _, err := newClient(t, w, sessions.WithRetry(policy)).Get(t.Context(), testID); err == nil {
						t.Error("no error")
					}
					if n, took := len(w.seen), time.Since(start); n != 1 || took != 0 {
						t.Errorf("sent %d times in %v", n, took)
					}
				})
			})
		}
	}
}

// TestRetryAfter gives each header once, with a 429 and with a 503, and then a
// good answer. Virtual time begins at a whole second, so that dates are exact.
func TestRetryAfter(t *testing.T) {
	const chance = -1 // waits as if there had been none
	date := func(d time.Duration) func() string {
		return func() string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	}
	is := func(s string) func() string { return func() string { return s } }
	for _, test := range []struct {
		name   string
		header func() string
		said   time.Duration
		waits  time.Duration
		ends   bool // the wait is not begun
	}{
		{"seconds", is("7"), 7 * time.Second, 7 * time.Second, false},
		{"seconds among spaces", is(" 7 "), 7 * time.Second, 7 * time.Second, false},
		{"a date", date(9 * time.Second), 9 * time.Second, 9 * time.Second, false},
		{"a minute", is("60"), time.Minute, time.Minute, false},
		{"over a minute", is("61"), 61 * time.Second, 0, true},
		{"a date over a minute off", date(61 * time.Second), 61 * time.Second, 0, true},
		{"a year", is("31536000"), 31536000 * time.Second, 0, true},
		{"huge", is("9223372036854775807"), math.MaxInt64 / time.Second * time.Second, 0, true},
		{"huge beyond counting", is(strings.Repeat("9", 400)), math.MaxInt64, 0, true},
		{"a date in the year 9999", is("Fri, 31 Dec 9999 23:59:59 GMT"), math.MaxInt64, 0, true},
		{"zero", is("0"), 0, chance, false},
		{"negative", is("-7"), 0, chance, false},
		{"a date in the past", date(-time.Hour), 0, chance, false},
		{"now", date(0), 0, chance, false},
		{"a fraction", is("1.5"), 0, chance, false},
		{"with a sign", is("+7"), 0, chance, false},
		{"with a unit", is("7s"), 0, chance, false},
		{"hexadecimal", is("0x7"), 0, chance, false},
		{"digits of another script", is("٧"), 0, chance, false},
		{"a word", is("soon"), 0, chance, false},
		{"two", is("7, 8"), 0, chance, false},
		{"blank", is(" "), 0, chance, false},
	} {
		for _, status := range []int{429, 503} {
			t.Run(fmt.Sprint(test.name, " ", status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := &wire{}
					w.meet = func(n int, r *http.Request) (*http.Response, error) {
						if n == 1 {
							return refusal(status, "Retry-After", test.header())("", r)
						}
						return response(200, sessionJSON), nil
					}
					_, err := newClient(t, w).Get(t.Context(), testID)
					at := w.times()
					var e *sessions.Error
					switch {
					case test.ends:
						if !errors.As(err, &e) || e.StatusCode != status || e.RetryAfter != test.said || len(at) != 1 || time.Since(w.first) != 0 {
							t.Errorf("%d requests, %v, which says %v", len(at), err, e.RetryAfter)
						}
					case err != nil || len(at) != 2:
						t.Errorf("%d requests, %v", len(at), err)
					case test.waits == chance && (at[1] < 0 || at[1] > 500*time.Millisecond), test.waits != chance && at[1] != test.waits:
						t.Errorf("waited %v", at[1])
					}

					once := &wire{meet: func(_ int, r *http.Request) (*http.Response, error) {
						return refusal(status, "Retry-After", test.header())("", r)
					}}
					_, err = newClient(t, once, sessions.WithRetry(sessions.RetryPolicy{})).Get(t.Context(), testID)
					if !errors.As(err, &e) || e.RetryAfter != test.said {
						t.Errorf("the error says %v, want %v", e.RetryAfter, test.said)
					}
				})
			})
		}
	}
}

func TestAWaitPastTheDeadlineIsNotBegun(t *testing.T) {
	for name, met := range map[string]met{"429": refusal(429, "Retry-After", "5"), "503": refusal(503, "Retry-After", "5")} {
		for _, within := range []time.Duration{time.Second, 5 * time.Second} {
			t.Run(fmt.Sprint(name, " ", within), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := &wire{meet: func(_ int, r *http.Request) (*http.Response, error) { return met("", r) }}
					ctx, cancel := context.WithTimeout(t.Context(), within)
					defer cancel()
					start := time.Now()
					_, err := newClient(t, w).Get(ctx, testID)
					var e *sessions.Error
					if !errors.As(err, &e) || e.RetryAfter != 5*time.Second || errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("not the answer of the API: %v", err)
					}
					if len(w.seen) != 1 || time.Since(start) != 0 {
						t.Errorf("%d requests in %v", len(w.seen), time.Since(start))
					}
				})
			})
		}
	}
	t.Run("one that ends before it is", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := &wire{meet: func(n int, r *http.Request) (*http.Response, error) {
				if n == 1 {
					return refusal(429, "Retry-After", "5")("", r)
				}
				return response(200, sessionJSON), nil
			}}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second+1)
			defer cancel()
			if _, err := newClient(t, w).Get(ctx, testID); err != nil || len(w.seen) != 2 {
				t.Errorf("%d requests, %v", len(w.seen), err)
			}
		})
	})
}

func TestA429WithATimeUsesUpNoAttempt(t *testing.T) {
	for _, call := range calls {
		t.Run(call.operation, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &wire{meet: func(n int, r *http.Request) (*http.Response, error) {
					switch {
					case n <= 5:
						return refusal(429, "Retry-After", "2")("", r)
					case n <= 7:
						return refusal(429)("", r) // the first and second attempt
					}
					return response(200, call.good), nil
				}}
				if _, err := call.do(t.Context(), newClient(t, w)); err != nil {
					t.Fatal(err)
				}
				at := w.times()
				if want := []time.Duration{0, 2e9, 4e9, 6e9, 8e9, 10e9}; len(at) != 8 || !slices.Equal(at[:6], want) {
					t.Errorf("sent at %v", at)
				}
			})
		})
	}
}

func TestA429IsWaitedOutForAMinuteInAll(t *testing.T) {
	for _, test := range []struct {
		after string
		last  time.Duration
		times int
	}{
		{"7", 56 * time.Second, 9}, // 63 s would be too much
		{"20", time.Minute, 4},
		{"60", time.Minute, 2},
		{"1", time.Minute, 61},
	} {
		t.Run(test.after, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &wire{meet: func(_ int, r *http.Request) (*http.Response, error) {
					return refusal(429, "Retry-After", test.after)("", r)
				}}
				_, err := newClient(t, w).Create(t.Context(), sessions.CreateRequest{AppName: "arena"})
				if !errors.Is(err, sessions.ErrRateLimited) || errors.Is(err, sessions.ErrOutcomeUnknown) {
					t.Error(err)
				}
				if at := w.times(); len(at) != test.times || at[len(at)-1] != test.last || time.Since(w.first) != test.last {
					t.Errorf("%d requests, the last at %v, given up at %v", len(at), at[len(at)-1], time.Since(w.first))
				}
			})
		})
	}
	t.Run("dates that are always a little off", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(900 * time.Millisecond) // so that the next whole second is near
			w := &wire{meet: func(_ int, r *http.Request) (*http.Response, error) {
				next := time.Now().Truncate(time.Second).Add(time.Second)
				time.Sleep(time.Until(next) - time.Millisecond) // one millisecond before it
				return refusal(429, "Retry-After", next.UTC().Format(http.TimeFormat))("", r)
			}}
			newClient(t, w).Get(t.Context(), testID)
			if len(w.seen) != 61 {
				t.Errorf("sent %d times", len(w.seen))
			}
		})
	})
}

func TestACancelDuringABackoffReturnsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{meet: func(_ int, r *http.Request) (*http.Response, error) { return refusal(503, "Retry-After", "20")("", r) }}
		cause := errors.New("the match was called off")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(3*time.Second, func() { cancel(cause) })
		start := time.Now()
		_, err := newClient(t, w).Get(ctx, testID)
		for _, want := range []error{context.Canceled, cause, sessions.ErrServer} {
			if !errors.Is(err, want) {
				t.Errorf("%v is not %v", err, want)
			}
		}
		if took := time.Since(start); took != 3*time.Second || len(w.seen) != 1 {
			t.Errorf("took %v and %d requests", took, len(w.seen))
		}
	})
}
