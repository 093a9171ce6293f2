package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

// TestTheCallersDeadlineCountsWhereItIsNearer: an attempt ends with the caller's
// deadline or its own, whichever is first, and says which.
func TestTheCallersDeadlineCountsWhereItIsNearer(t *testing.T) {
	for _, test := range []struct{ timeout, deadline, want time.Duration }{
		{5 * time.Second, time.Minute, 5 * time.Second},
		{5 * time.Second, 2 * time.Second, 2 * time.Second},
		{5 * time.Second, 0, 5 * time.Second},
	} {
		t.Run(fmt.Sprint(test.timeout, " ", test.deadline), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if test.deadline != 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.deadline)
					defer cancel()
				}
				w := &wire{meet: func(_ int, r *http.Request) (*http.Response, error) { return silence("", r) }}
				start := time.Now()
				_, err := newClient(t, w, sessions.WithTimeout(test.timeout)).Get(ctx, testID)
				if took := time.Since(start); took != test.want || !errors.Is(err, context.DeadlineExceeded) || len(w.seen) != 1 {
					t.Errorf("took %v, %d requests: %v", took, len(w.seen), err)
				}
				if own := strings.Contains(err.Error(), "no answer within 5s"); own != (test.want == test.timeout) {
					t.Errorf("the error is %v", err)
				}
			})
		})
	}
}

// pacer is a limiter that notes when it is asked.
type pacer struct {
	wait func(context.Context) error
	note func()
}

func (p pacer) Wait(ctx context.Context) error {
	p.note()
	return p.wait(ctx)
}

func TestTheLimiterIsAskedBeforeEveryAttempt(t *testing.T) {
	for _, call := range calls {
		t.Run(call.operation, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var order []string
				w := &wire{meet: func(n int, r *http.Request) (*http.Response, error) {
					order = append(order, "request")
					switch n {
					case 1:
						return refusal(429)("", r)
					case 2:
						return refusal(429, "Retry-After", "2")("", r)
					}
					return response(200, call.good), nil
				}}
				c := newClient(t, w, sessions.WithLimiter(pacer{
					wait: func(ctx context.Context) error { time.Sleep(time.Minute); return nil },
					note: func() { order = append(order, "limiter") },
				}))
				if _, err := call.do(t.Context(), c); err != nil {
					t.Fatal(err)
				}
				if want := slices.Repeat([]string{"limiter", "request"}, 3); !slices.Equal(order, want) {
					t.Errorf("in the order %v", order)
				}
				if at := w.times(); at[2]-at[1] != time.Minute+2*time.Second {
					t.Errorf("sent at %v", at)
				}
			})
		})
	}
}

func TestALimiterThatFailsEndsTheCallUnsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{meet: func(_ int, r *http.Request) (*http.Response, error) { return refusal(429)("", r) }}
		tooLong := errors.New("the bucket is too small")
		var asked atomic.Int32
		c := newClient(t, w, sessions.WithLimiter(pacer{func(context.Context) error { return tooLong }, func() { asked.Add(1) }}))
		_, err := c.Create(t.Context(), sessions.CreateRequest{AppName: "arena"})
		if !errors.Is(err, tooLong) || errors.Is(err, sessions.ErrOutcomeUnknown) || len(w.seen) != 0 || asked.Load() != 1 {
			t.Errorf("%d requests, asked %d times, %v", len(w.seen), asked.Load(), err)
		}

		cause := errors.New("the match was called off")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		c = newClient(t, w, sessions.WithLimiter(pacer{func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, func() {}}))
		_, err = c.Create(ctx, sessions.CreateRequest{AppName: "arena"})
		if !errors.Is(err, context.Canceled) || !errors.Is(err, cause) || len(w.seen) != 0 {
			t.Errorf("%d requests, %v", len(w.seen), err)
		}
	})
}

// records is a slog.Handler that keeps what it is given.
type records struct {
	mu  sync.Mutex
	all []slog.Record
}

func (r *records) Enabled(context.Context, slog.Level) bool { return true }
func (r *records) WithAttrs([]slog.Attr) slog.Handler       { panic("attributes were added") }
func (r *records) WithGroup(string) slog.Handler            { panic("a group was added") }
func (r *records) Handle(_ context.Context, record slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, record)
	return nil
}

func TestOneLogRecordForEveryAttempt(t *testing.T) {
	type line struct {
		attempt, status     int64
		duration, nextDelay time.Duration
	}
	for _, call := range calls {
		t.Run(call.operation, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &wire{meet: func(n int, r *http.Request) (*http.Response, error) {
					time.Sleep(time.Duration(n) * time.Second)
					switch n {
					case 1:
						return refusal(429, "Retry-After", "4")("", r)
					case 2:
						return fails(refused)("", r)
					}
					return response(200, call.good), nil
				}}
				var log records
				if _, err := call.do(t.Context(), newClient(t, w, sessions.WithLogger(slog.New(&log)))); err != nil {
					t.Fatal(err)
				}
				at := w.times()
				var got []line
				for _, record := range log.all {
					if record.Level != slog.LevelDebug {
						t.Errorf("the level is %v", record.Level)
					}
					var names []string
					values := map[string]slog.Value{}
					record.Attrs(func(a slog.Attr) bool {
						names = append(names, a.Key)
						values[a.Key] = a.Value
						return true
					})
					if want := []string{"operation", "attempt", "status", "duration", "next_delay"}; !slices.Equal(names, want) {
						t.Fatalf("the attributes are %v", names)
					}
					if values["operation"].String() != call.operation {
						t.Errorf("the operation is %v", values["operation"])
					}
					got = append(got, line{values["attempt"].Int64(), values["status"].Int64(), values["duration"].Duration(), values["next_delay"].Duration()})
				}
				want := []line{
					{1, 429, time.Second, 4 * time.Second},
					{2, 0, 2 * time.Second, at[2] - at[1] - 2*time.Second},
					{3, 200, 3 * time.Second, 0},
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("logged %v, want %v", got, want)
				}
			})
		})
	}
}

func TestALogRecordOfTheLastFailureHasNoDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{meet: func(_ int, r *http.Request) (*http.Response, error) { return refusal(503)("", r) }}
		var log records
		newClient(t, w, sessions.WithLogger(slog.New(&log))).Get(t.Context(), testID)
		if len(log.all) != 3 {
			t.Fatalf("%d records", len(log.all))
		}
		log.all[2].Attrs(func(a slog.Attr) bool {
			if a.Key == "next_delay" && a.Value.Duration() != 0 {
				t.Errorf("the last says that %v follow", a.Value)
			}
			return true
		})
	})
}
