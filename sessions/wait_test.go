package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

// All of this is in virtual time: the API of these tests is in memory.

// life is an API of one session, testID: the nth read of it meets what read
// says, and so on. What is not said goes well.
type life struct {
	create met
	read   func(n int) met
	remove func(n int) met

	wire
}

func newLife(read func(n int) met) *life {
	l := &life{read: read}
	l.meet = func(_ int, r *http.Request) (*http.Response, error) {
		met, good := l.create, createdJSON
		switch n := len(l.all(r.Method)); r.Method {
		case http.MethodGet:
			met, good = l.read(n), sessionJSON
		case http.MethodDelete:
			met, good = nil, deletedJSON
			if l.remove != nil {
				met = l.remove(n)
			}
		}
		if met == nil {
			return response(200, good), nil
		}
		return met(good, r)
	}
	return l
}

// all are the times of the requests with a method.
func (l *life) all(method string) []time.Duration {
	var at []time.Duration
	for _, s := range l.requests() {
		if s.Method == method {
			at = append(at, s.at)
		}
	}
	return at
}

func always(m met) func(int) met { return func(int) met { return m } }

// after meets first at the first read, second at the next, and so on; the last
// for ever.
func after(first met, more ...met) func(int) met {
	all := append([]met{first}, more...)
	return func(n int) met { return all[min(n, len(all))-1] }
}

func state(status string, ready, linked bool) met {
	return content("application/json", fmt.Sprintf(
		`{"session_id":%q,"status":%q,"ready":%t,"linked":%t,"kind":"Seat","create_time":"2024-05-26 12:00:45.831041"}`, testID, status, ready, linked))
}

var (
	seeking      = state("Seeking", false, false)
	isReady      = state("Ready", true, true)
	forever      = after(seeking)
	arena        = sessions.CreateRequest{AppName: "arena"}
	errCalledOff = errors.New("the match was called off")
)

func TestWhichStatusEndsAWait(t *testing.T) {
	for _, test := range []struct {
		status string
		ready  bool
		failed bool
	}{
		{"Ready", true, false}, {"Status.READY", true, false}, {"Seeking", true, false}, {"Error", true, false}, {"Hibernating", true, false},
		{"Ready", false, false}, {"Initializing", false, false}, {"Status.SEEKING", false, false}, {"Waiting", false, false}, {"Linked", false, false},
		{"Hibernating", false, false}, {"", false, false}, {"Errors", false, false}, {"xStatus.Error", false, false},
		{"Error", false, true}, {"error", false, true}, {"Status.ERROR", false, true}, {"status.Error", false, true},
		{"Unprocessable", false, true}, {"STATUS.UNPROCESSABLE", false, true},
		{"Terminating", false, true}, {"Status.TERMINATING", false, true},
	} {
		t.Run(fmt.Sprint(test.status, " ", test.ready), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLife(after(state(test.status, test.ready, false), isReady))
				s, err := newClient(t, l).WaitReady(t.Context(), testID)
				reads := len(l.requests())
				var failed *sessions.FailedError
				switch {
				case test.failed:
					if !errors.As(err, &failed) || s == nil || failed.Session != s || s.Status != test.status || reads != 1 {
						t.Errorf("%d reads, %v, %v", reads, s, err)
					}
				case err != nil || !s.Ready:
					t.Errorf("%v, %v", s, err)
				case test.ready && (reads != 1 || s.Status != test.status):
					t.Errorf("%d reads, the last in %s", reads, s.Status)
				case !test.ready && reads != 2:
					t.Errorf("%d reads", reads)
				}
			})
		})
	}
}

func TestPollingGrows(t *testing.T) {
	nominal := func(first, most time.Duration) (all []time.Duration) {
		for d := first; len(all) < 12; d = min(d*3/2, most) {
			all = append(all, d)
		}
		return all
	}
	for _, test := range []struct {
		name string
		opts []sessions.WaitOption
		want []time.Duration
	}{
		{"default", nil, nominal(500*time.Millisecond, 5*time.Second)},
		{"own", []sessions.WaitOption{sessions.PollEvery(time.Second, 2*time.Second)}, nominal(time.Second, 2*time.Second)},
		{"even", []sessions.WaitOption{sessions.PollEvery(time.Minute, time.Minute)}, nominal(time.Minute, time.Minute)},
		{"endless", []sessions.WaitOption{sessions.PollEvery(math.MaxInt64, math.MaxInt64)}, nominal(time.Hour, time.Hour)},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				least, most := slices.Clone(test.want), slices.Clone(test.want)
				for range 200 {
					l := newLife(func(n int) met {
						if n > len(test.want) {
							return isReady
						}
						return seeking
					})
					ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
					if _, err := newClient(t, l).WaitReady(ctx, testID, test.opts...); err != nil {
						t.Fatal(err)
					}
					cancel()
					at := l.times()
					if at[0] != 0 {
						t.Fatalf("the first read was at %v", at[0])
					}
					for i := range test.want {
						least[i], most[i] = min(least[i], at[i+1]-at[i]), max(most[i], at[i+1]-at[i])
					}
				}
				for i, want := range test.want {
					if least[i] < want*3/4 || least[i] > want*85/100 || most[i] > want*5/4+1 || most[i] < want*115/100 {
						t.Errorf("interval %d is from %v to %v, want %v ±25 %%", i+1, least[i], most[i], want)
					}
				}
			})
		})
	}
}

func TestAWaitWithoutADeadlineGivesUpAfterTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLife(forever)
		start := time.Now()
		s, err := newClient(t, l).WaitReady(t.Context(), testID)
		if took := time.Since(start); took != 10*time.Minute {
			t.Errorf("it took %v", took)
		}
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "not ready within 10m0s") || strings.Contains(err.Error(), "last fault") {
			t.Error(err)
		}
		if s == nil || s.Status != "Seeking" {
			t.Errorf("the last session is %v", s)
		}
		if n := len(l.requests()); n < 95 || n > 165 {
			t.Errorf("%d reads", n)
		}

		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
		defer cancel()
		start = time.Now()
		if _, err := newClient(t, newLife(forever)).WaitReady(ctx, testID); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 15*time.Minute {
			t.Errorf("with a deadline of 15 minutes: %v, after %v", err, time.Since(start))
		}
	})
}

func TestAWaitSurvivesWhatMayPass(t *testing.T) {
	faults := map[string]met{
		"refused": fails(refused), "reset": fails(reset), "cut": broken(syscall.ECONNRESET), "silence": silence,
		"garbled": content("application/json", `{"session_id":`), "a login page": content("text/html", "<html>"),
		"302": refusal(302), "408": refusal(408), "425": refusal(425), "429": refusal(429),
		"429 with a time": refusal(429, "Retry-After", "30"), "429 for an hour": refusal(429, "Retry-After", "3600"),
		"500": refusal(500), "501": refusal(501), "502": refusal(502), "503": refusal(503), "504": refusal(504), "599": refusal(599),
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLife(func(n int) met {
					if n < 8 {
						return fault
					}
					return isReady
				})
				s, err := newClient(t, l).WaitReady(t.Context(), testID)
				if err != nil || !s.Ready || len(l.requests()) != 8 {
					t.Errorf("%d requests, %v, %v", len(l.requests()), s, err)
				}
			})
		})
	}
}

func TestEveryOther4xxEndsAWait(t *testing.T) {
	for status := 400; status < 500; status++ {
		if status == 408 || status == 425 || status == 429 {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			l := newLife(after(seeking, refusal(status)))
			s, err := newClient(t, l).WaitReady(t.Context(), testID)
			var e *sessions.Error
			if !errors.As(err, &e) || e.StatusCode != status || len(l.requests()) != 2 || s == nil || s.Status != "Seeking" {
				t.Errorf("%d: %d reads, %v, %v", status, len(l.requests()), s, err)
			}
		})
	}
}

func TestTheEndOfTheContextEndsAWait(t *testing.T) {
	for _, test := range []struct {
		name   string
		read   func(int) met
		is     []error
		text   string
		last   bool // a session was read
		within time.Duration
	}{
		{"between reads", forever, nil, "", true, 7 * time.Second},
		{"during the first", always(silence), nil, "", false, 7 * time.Second},
		{"during a later one", after(seeking, silence), nil, "", true, 7 * time.Second},
		{"after faults", after(seeking, refusal(503)), []error{sessions.ErrServer}, "last fault: sessions: get-session 950dd2eaff09-S: 503", true, time.Minute},
		{"during the read after a fault", after(refusal(500), silence), []error{sessions.ErrServer}, "last fault", false, 7 * time.Second},
		{"during a backoff", always(refusal(503, "Retry-After", "30")), []error{sessions.ErrServer}, "503", false, 7 * time.Second},
		{"after silence", after(seeking, silence), []error{context.DeadlineExceeded}, "last fault: sessions: get-session 950dd2eaff09-S: no answer within 30s", true, 45 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLife(test.read)
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(test.within, func() { cancel(errCalledOff) })
				start := time.Now()
				s, err := newClient(t, l).WaitReady(ctx, testID)
				if took := time.Since(start); took != test.within {
					t.Errorf("it took %v", took)
				}
				for _, want := range append(test.is, context.Canceled, errCalledOff) {
					if !errors.Is(err, want) {
						t.Errorf("%v is not %v", err, want)
					}
				}
				if !strings.Contains(err.Error(), test.text) || strings.Count(err.Error(), errCalledOff.Error()) != 1 {
					t.Errorf("the text is %v", err)
				}
				if (s != nil) != test.last {
					t.Errorf("the last session is %v", s)
				}
			})
		})
	}
	t.Run("own deadline, own fault", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), 45*time.Second, errCalledOff)
			defer cancel()
			_, err := newClient(t, newLife(always(silence))).WaitReady(ctx, testID)
			if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errCalledOff) || !strings.Contains(err.Error(), "no answer within 30s") {
				t.Error(err)
			}
		})
	})
	t.Run("before it begins", func(t *testing.T) {
		l := newLife(forever)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errCalledOff)
		if _, err := newClient(t, l).WaitReady(ctx, testID); !errors.Is(err, context.Canceled) || !errors.Is(err, errCalledOff) || len(l.requests()) != 0 {
			t.Errorf("%d requests, %v", len(l.requests()), err)
		}
	})
}

func TestBadWaitsAreRefusedUnsent(t *testing.T) {
	l := newLife(forever)
	c := newClient(t, l)
	for _, test := range []struct {
		id   string
		opts []sessions.WaitOption
	}{
		{"", nil}, {"..", nil}, {"a\nb", nil},
		{testID, []sessions.WaitOption{sessions.PollEvery(0, time.Second)}},
		{testID, []sessions.WaitOption{sessions.PollEvery(-time.Second, time.Second)}},
		{testID, []sessions.WaitOption{sessions.PollEvery(2*time.Second, time.Second)}},
	} {
		if _, err := c.WaitReady(t.Context(), test.id, test.opts...); !errors.Is(err, sessions.ErrInvalidArgument) || len(l.requests()) != 0 {
			t.Errorf("%q: %d requests, %v", test.id, len(l.requests()), err)
		}
	}
}

func TestOnChangeIsCalledForEachChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waiting, linked := state("Waiting", false, false), state("Waiting", false, true)
		l := newLife(after(seeking, seeking, refusal(500), seeking, waiting, waiting, linked, linked, isReady))
		var saw []string
		s, err := newClient(t, l).WaitReady(t.Context(), testID, sessions.OnChange(func(s *sessions.Session) {
			saw = append(saw, fmt.Sprintln(s.Status, s.Linked, s.Ready))
		}))
		if err != nil || !s.Ready {
			t.Fatal(s, err)
		}
		if want := []string{"Seeking false false\n", "Waiting false false\n", "Waiting true false\n", "Ready true true\n"}; !slices.Equal(saw, want) {
			t.Errorf("saw %v", saw)
		}
	})
}

func TestCreateAndWaitHandsOverAReadySession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLife(after(seeking, isReady))
		s, err := newClient(t, l).CreateAndWait(t.Context(), arena)
		if err != nil || s.SessionID != testID || !s.Ready {
			t.Errorf("%v, %v", s, err)
		}
		if n := len(l.all(http.MethodDelete)); n != 0 {
			t.Errorf("%d deletes", n)
		}
	})
}

func TestACreateThatFailsHandsOverNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLife(forever)
		l.create = refusal(500)
		s, err := newClient(t, l).CreateAndWait(t.Context(), arena)
		if s != nil || !errors.Is(err, sessions.ErrServer) || !errors.Is(err, sessions.ErrOutcomeUnknown) || errors.Is(err, sessions.ErrNotDeleted) {
			t.Errorf("%v, %v", s, err)
		}
		if n := len(l.requests()); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestCreateAndWaitDeletesWhatItCannotHandOver(t *testing.T) {
	failed := state("Error", false, false)
	for _, test := range []struct {
		name    string
		read    func(int) met
		remove  func(int) met
		cancel  time.Duration // of the caller's context
		deletes int
		status  string // of the session returned
		is      []error
		not     []error
		after   time.Duration // from the end of the wait until the return
	}{
		{"failed", after(seeking, failed), nil, 0, 1, "Error", nil, []error{sessions.ErrNotDeleted}, 0},
		{"refused", after(seeking, refusal(401)), nil, 0, 1, "Seeking", []error{sessions.ErrUnauthorized}, []error{sessions.ErrNotDeleted}, 0},
		{"never read", always(refusal(403)), nil, 0, 1, "", []error{sessions.ErrForbidden}, []error{sessions.ErrNotDeleted}, 0},
		{"cancelled", forever, nil, 7 * time.Second, 1, "Seeking", []error{context.Canceled, errCalledOff}, []error{sessions.ErrNotDeleted}, 0},
		{"cancelled in a read", always(silence), nil, 7 * time.Second, 1, "", []error{context.Canceled, errCalledOff}, []error{sessions.ErrNotDeleted}, 0},
		{"gone by itself", after(seeking, refusal(404)), always(refusal(404)), 0, 1, "Seeking", []error{sessions.ErrNotFound}, []error{sessions.ErrNotDeleted}, 0},
		{"deleted by another", forever, always(refusal(410)), 7 * time.Second, 1, "Seeking", []error{errCalledOff}, []error{sessions.ErrNotDeleted, sessions.ErrGone}, 0},
		{"deleted at the third attempt", forever, after(fails(reset), refusal(429), nil), 7 * time.Second, 3, "Seeking", []error{errCalledOff}, []error{sessions.ErrNotDeleted}, -1},
		{"deleted after a pause", forever, after(refusal(429, "Retry-After", "9"), nil), 7 * time.Second, 2, "Seeking", []error{errCalledOff}, []error{sessions.ErrNotDeleted}, 9 * time.Second},
		{"told to wait too long", forever, always(refusal(429, "Retry-After", "11")), 7 * time.Second, 1, "Seeking", []error{errCalledOff, context.Canceled, sessions.ErrNotDeleted, sessions.ErrRateLimited}, nil, 0},
		{"delete refused", forever, always(refusal(403)), 7 * time.Second, 1, "Seeking", []error{errCalledOff, context.Canceled, sessions.ErrNotDeleted, sessions.ErrForbidden}, nil, 0},
		{"delete failed", after(seeking, failed), always(refusal(500)), 0, 1, "Error", []error{sessions.ErrNotDeleted, sessions.ErrServer}, nil, 0},
		{"delete never answered", forever, always(silence), 7 * time.Second, 1, "Seeking", []error{errCalledOff, context.Canceled, sessions.ErrNotDeleted, context.DeadlineExceeded}, nil, 10 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLife(test.read)
				l.remove = test.remove
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				var ended time.Time // the wait
				c := newClient(t, l, sessions.WithTransport(roundTripper(func(r *http.Request) (*http.Response, error) {
					if r.Method == http.MethodDelete && ended.IsZero() {
						ended = time.Now()
					}
					return l.RoundTrip(r)
				})))
				start := time.Now()
				if test.cancel != 0 {
					time.AfterFunc(test.cancel, func() { cancel(errCalledOff) })
				}
				s, err := c.CreateAndWait(ctx, arena)
				if s == nil || s.SessionID != testID || s.Status != test.status || err == nil {
					t.Fatalf("%v, %v", s, err)
				}
				var failed *sessions.FailedError
				if errors.As(err, &failed) != (test.status == "Error") {
					t.Errorf("the error is %v", err)
				}
				for _, want := range test.is {
					if !errors.Is(err, want) {
						t.Errorf("%v is not %v", err, want)
					}
				}
				for _, other := range test.not {
					if errors.Is(err, other) {
						t.Errorf("%v is %v", err, other)
					}
				}
				if n := len(l.all(http.MethodDelete)); n != test.deletes {
					t.Errorf("%d deletes", n)
				}
				if test.cancel != 0 && ended.Sub(start) != test.cancel {
					t.Errorf("the delete came after %v", ended.Sub(start))
				}
				if took := time.Since(ended); test.after >= 0 && took != test.after || took > 10*time.Second {
					t.Errorf("the delete took %v", took)
				}
			})
		})
	}
}

func TestWhatWasNotDeletedIsSaidInOneSentence(t *testing.T) {
	l := newLife(always(refusal(401)))
	l.remove = always(refusal(403))
	_, err := newClient(t, l).CreateAndWait(t.Context(), arena)
	const want = "sessions: session-delete 950dd2eaff09-S: not deleted: 403 Forbidden: not now; after get-session 950dd2eaff09-S: 401 Unauthorized: not now"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAPanicOfOnChangeLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLife(forever)
		defer func() {
			if v := recover(); !reflect.DeepEqual(v, "oops") {
				t.Errorf("recovered %v", v)
			}
			if n := len(l.all(http.MethodDelete)); n != 1 {
				t.Errorf("%d deletes", n)
			}
		}()
		newClient(t, l).CreateAndWait(t.Context(), arena, sessions.OnChange(func(*sessions.Session) { panic("oops") }))
	})
}

// TestManyWaitsAtOnce: waits of one client do not disturb each other, and leave
// nothing behind in the bubble.
func TestManyWaitsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		c := newClient(t, roundTripper(func(r *http.Request) (*http.Response, error) {
			var n int
			fmt.Sscanf(r.URL.Path, "/v1/session/s%d", &n)
			res, err := seeking("", r)
			if time.Since(begin) >= time.Duration(n)*time.Second {
				res, err = isReady("", r)
			}
			return res, err
		}))
		var group sync.WaitGroup
		for n := range 50 {
			group.Go(func() {
				_, err := c.WaitReady(t.Context(), fmt.Sprint("s", n))
				due := time.Duration(n) * time.Second
				if late := time.Since(begin) - due; err != nil || late < 0 || late > 5*time.Second*5/4 {
					t.Errorf("session %d: %v late, %v", n, late, err)
				}
			})
		}
		group.Wait()
	})
}
