package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

const hookBase = "https://match.example.com/hook"

var arena = sessions.CreateRequest{AppName: "arena", IPList: []string{"203.0.113.7"}}

// hooked returns the request for arena with a webhook URL.
func (st *store) hooked(t *testing.T, reference string) sessions.CreateRequest {
	r := arena
	r.WebhookURL = newHooks(t, st.client, hookBase).URL(reference)
	return r
}

// newLaggingStore returns a store whose new sessions are ready after readyAfter, and cannot be
// read, listed or deleted for lag.
func newLaggingStore(t *testing.T, readyAfter, lag time.Duration) *store {
	return newStore(t, sessionstest.WithReadyAfter(readyAfter), sessionstest.WithVisibleAfter(lag))
}

// lags are how long stores do not show a new session.
var lags = []time.Duration{0, 100 * time.Millisecond, time.Second, 3 * time.Second}

func TestCreateAndWaitDeletesOnFailure(t *testing.T) {
	for _, test := range []struct {
		name            string
		status          sessions.Status // after 5 s
		reads           int             // status code, from the same time on
		timeout, cancel time.Duration
		onStatus        func(sessions.Status)
		want, not       []error
	}{
		{name: "Error", status: sessions.StatusError},
		{name: "Unprocessable", status: sessions.StatusUnprocessable},
		{name: "reads are 401", reads: 401, want: []error{sessions.ErrUnauthorized}},
		{name: "reads are 404", reads: 404, want: []error{sessions.ErrNotFound}},
		{name: "gone", status: sessions.StatusTerminating, reads: 404, want: []error{sessions.ErrNotFound}},
		{name: "early deadline", timeout: 50 * time.Millisecond, want: []error{context.DeadlineExceeded}},
		{name: "deadline", timeout: 10 * time.Second, want: []error{context.DeadlineExceeded}},
		{name: "canceled", cancel: 10 * time.Second, want: []error{context.Canceled, errCause}, not: []error{context.DeadlineExceeded}},
		{name: "no deadline", not: []error{context.DeadlineExceeded}},
		{name: "panic", onStatus: func(sessions.Status) { panic("planned") }},
		{name: "Goexit", onStatus: func(sessions.Status) { runtime.Goexit() }},
	} {
		for _, lag := range lags {
			bubble(t, fmt.Sprint(test.name, "/", lag), func(t *testing.T) {
				st, start := newLaggingStore(t, time.Hour, lag), time.Now()
				st.intercept = func(_ *http.Request, operation string) (*http.Response, error) {
					if operation == "Get" && test.reads != 0 && (test.status == "" || time.Since(start) > 5*time.Second) {
						return respondError(test.reads), nil
					}
					return nil, nil
				}
				var opts []sessions.WaitOption
				if test.onStatus != nil {
					opts = append(opts, sessions.OnStatus(test.onStatus))
				}
				if test.status != "" {
					time.AfterFunc(5*time.Second, func() { st.SetStatus(st.Sessions()[0].SessionID, test.status) })
				}
				returned, ended := false, make(chan any, 1)
				go func() {
					defer func() { ended <- recover() }()
					s, err := st.client.CreateAndWait(endingContext(t, test.timeout, test.cancel), arena, opts...)
					returned = true
					failed := (*sessions.SessionFailedError)(nil)
					if s != nil || err == nil || errors.As(err, &failed) != (test.status != "" && test.reads == 0) || failed != nil && failed.Session.Status != test.status {
						t.Errorf("got %v, %v, want an error for status %q", s, err, test.status)
					}
					wantErrors(t, err, test.want, append(test.not, sessions.ErrCleanupFailed))
				}()
				if p := <-ended; (p == "planned") != (test.name == "panic") || returned != (test.onStatus == nil) {
					t.Errorf("recovered %v, returned = %v", p, returned)
				}
				st.wantLeft(t, 0)
			})
		}
	}
}

func TestCleanupRepeatsAfterTemporaryFailures(t *testing.T) {
	for _, test := range []struct {
		status     int
		retryAfter string
		err        error
		hangs      bool // without an error
		done       bool // the first delete is carried out, although it fails; the next one meets a 410
		deletes    int64
	}{{status: 408}, {status: 429}, {status: 429, retryAfter: "2", deletes: 3}, {status: 500}, {status: 503}, {status: 503, retryAfter: "2", deletes: 3},
		{err: syscall.ECONNRESET}, {err: syscall.ECONNREFUSED}, {err: io.ErrUnexpectedEOF}, {hangs: true, deletes: 2}, {status: 503, done: true, deletes: 2}} {
		bubble(t, fmt.Sprintf("%+v", test), func(t *testing.T) {
			st := newStore(t, sessionstest.WithReadyAfter(time.Hour), sessionstest.WithVisibleAfter(time.Second), sessionstest.WithTerminatingFor(time.Minute))
			start := time.Now()
			st.intercept = func(r *http.Request, operation string) (*http.Response, error) {
				switch {
				case operation != "Delete" || time.Since(start) > 4*time.Second || test.done && st.calls["Delete"].Load() > 1:
					return nil, nil
				case test.done:
					st.Transport().RoundTrip(r)
				case test.hangs:
					<-r.Context().Done()
					return nil, r.Context().Err()
				}
				res := respondError(test.status)
				res.Header.Set("Retry-After", test.retryAfter)
				return res, test.err
			}
			_, err := st.client.CreateAndWait(endingContext(t, time.Second, 0), arena)
			wantErrors(t, err, []error{context.DeadlineExceeded}, []error{sessions.ErrCleanupFailed})
			wantBetween(t, "time", time.Since(start), 2*time.Second, 11*time.Second)
			if n := st.calls["Delete"].Load(); n != test.deletes && (n < 3 || test.deletes > 0) {
				t.Errorf("got %d deletes, want %d, or if that is 0 more than 2", n, test.deletes)
			}
			st.wantLeft(t, 0)
		})
	}
}

func TestErrorTellsWhyWaitAndCleanupFailed(t *testing.T) {
	down := func(*http.Request) (*http.Response, error) {
		return respondJSON(500, `{"message":"database is down"}`), nil
	}
	hang := func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }
	type deletes = []func(*http.Request) (*http.Response, error)
	downAlways, downThenHang := deletes{down}, deletes{down, hang}
	deadline, texts := []error{context.DeadlineExceeded}, []string{"Unprocessable", "cleanup failed", "database is down"}
	for _, test := range []struct {
		name            string
		deletes         deletes // responses; the last one repeats
		timeout, cancel time.Duration
		lag             time.Duration
		want, not       []error
		texts           []string // in this order
	}{
		{name: "failed, 500", deletes: downAlways, want: []error{sessions.ErrServer}, not: deadline, texts: texts},
		{name: "failed, hangs", deletes: downThenHang[1:], not: []error{context.DeadlineExceeded, context.Canceled}, texts: texts[:2]},
		{name: "failed, 500 and hangs", deletes: downThenHang, want: []error{sessions.ErrServer}, not: deadline, texts: texts},
		{name: "deadline, 500", timeout: 10 * time.Second, deletes: downAlways, want: append(deadline, sessions.ErrServer), texts: append([]string{"deadline exceeded"}, texts[1:]...)},
		{name: "canceled, 500", cancel: 10 * time.Second, deletes: downAlways, want: []error{context.Canceled, sessions.ErrServer}, not: deadline, texts: append([]string{"canceled"}, texts[1:]...)},
		{name: "never visible", lag: time.Hour, want: []error{sessions.ErrNotFound}, not: append(deadline, sessions.ErrOutcomeUnknown), texts: []string{"404", "cleanup failed", "404"}},
	} {
		bubble(t, test.name, func(t *testing.T) {
			st, start, fails := newLaggingStore(t, time.Hour, test.lag), time.Now(), test.timeout+test.cancel+test.lag == 0
			st.intercept = func(r *http.Request, operation string) (*http.Response, error) {
				if n := int(st.calls["Delete"].Load()); operation == "Delete" && test.deletes != nil {
					return test.deletes[min(n, len(test.deletes))-1](r)
				}
				return nil, nil
			}
			if fails {
				time.AfterFunc(10*time.Second, func() { st.SetStatus(st.Sessions()[0].SessionID, sessions.StatusUnprocessable) })
			}
			_, err := st.client.CreateAndWait(endingContext(t, test.timeout, test.cancel), arena)
			wantBetween(t, "time", time.Since(start), 10*time.Second, 27*time.Second)
			wantErrors(t, err, append(test.want, sessions.ErrCleanupFailed), test.not)
			id, rest := st.Sessions()[0].SessionID, err.Error()
			if failed := (*sessions.SessionFailedError)(nil); errors.As(err, &failed) != fails || asError(t, err).SessionID != id {
				t.Errorf("got %v, want Error.SessionID %s, and a SessionFailedError only for a failed session", err, id)
			}
			for _, text := range append([]string{id}, test.texts...) {
				var ok bool
				if _, rest, ok = strings.Cut(rest, text); !ok {
					t.Errorf("got %q, want %q in it, in this order", err, test.texts)
				}
			}
		})
	}
}

// loseCreate returns an intercept that has creates carried out, and returns what lost returns.
func (st *store) loseCreate(lost func(r *http.Request) (*http.Response, error)) func(*http.Request, string) (*http.Response, error) {
	return func(r *http.Request, operation string) (*http.Response, error) {
		if operation != "Create" {
			return nil, nil
		}
		st.Transport().RoundTrip(r)
		return lost(r)
	}
}

func reset(*http.Request) (*http.Response, error) { return nil, syscall.ECONNRESET }

func TestCreateAndWaitReturnsReadySession(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	for _, test := range []struct {
		readyAfter, lag time.Duration
		lost            bool          // the create is reset after it is carried out
		listFails       time.Duration // the list is 500 for this time
		twice           bool          // the list has the session twice
	}{
		{}, {lag: 100 * ms}, {lag: s}, {lag: 3 * s}, {readyAfter: 20 * s}, {readyAfter: 20 * s, lag: 3 * s}, {readyAfter: 2 * s, lag: 3 * s},
		{lost: true}, {readyAfter: 2 * s, lost: true, lag: 300 * ms}, {lost: true, lag: 1500 * ms}, {lost: true, lag: 5 * s}, {lost: true, listFails: 3 * s}, {lost: true, twice: true},
	} {
		bubble(t, fmt.Sprintf("%+v", test), func(t *testing.T) {
			st, start := newLaggingStore(t, test.readyAfter, test.lag), time.Now()
			r, lose := arena, st.loseCreate(reset)
			if test.lost {
				r = st.hooked(t, "m-1")
			}
			st.intercept = func(req *http.Request, operation string) (*http.Response, error) {
				switch {
				case operation == "List" && time.Since(start) < test.listFails:
					return respondError(500), nil
				case operation == "List" && test.twice:
					item := fmt.Sprintf(`{"session_id":%q,"webhook_url":%q}`, st.Sessions()[0].SessionID, r.WebhookURL)
					return respondJSON(200, `{"data":[`+item+`,`+item+`]}`), nil
				case test.lost:
					return lose(req, operation)
				}
				return nil, nil
			}
			got, err := st.client.CreateAndWait(t.Context(), r)
			if err != nil || !got.Ready || got.Deployment == nil || st.calls["Create"].Load() != 1 {
				t.Fatalf("got %+v, %v after %d creates, want a ready session after one", got, err, st.calls["Create"].Load())
			}
			earliest := max(test.readyAfter, test.lag, test.listFails)
			wantBetween(t, "time", time.Since(start), earliest, earliest+7*time.Second)
			st.wantLeft(t, 1)
		})
	}
}

func TestUnusableResponseToCreateDeletesSession(t *testing.T) {
	for _, body := range []string{`{"session_id":"%s","app":"arena"`, `{"session_id":"%s"} trailing`} {
		bubble(t, body, func(t *testing.T) {
			st := newLaggingStore(t, 2*time.Second, time.Second)
			var id string
			st.intercept = st.loseCreate(func(*http.Request) (*http.Response, error) {
				id = st.Sessions()[0].SessionID
				return respondJSON(200, fmt.Sprintf(body, id)), nil
			})
			_, err := st.client.CreateAndWait(t.Context(), arena)
			wantErrors(t, err, []error{sessions.ErrUnexpectedResponse}, []error{sessions.ErrOutcomeUnknown, sessions.ErrCleanupFailed})
			if asError(t, err).SessionID != id {
				t.Errorf("got %v, want Error.SessionID %s", err, id)
			}
			st.wantLeft(t, 0)
		})
	}
}

// The create is carried out, but does not respond before the caller gives up.
func TestUnknownCreateIsDeletedAfterCancel(t *testing.T) {
	for _, test := range []struct{ lag, deleteFails time.Duration }{{0, 0}, {0, 2 * time.Second}, {1500 * time.Millisecond, 0}, {4 * time.Second, 0}, {4 * time.Second, 2 * time.Second}} {
		bubble(t, fmt.Sprintf("%+v", test), func(t *testing.T) {
			st, start := newLaggingStore(t, time.Hour, test.lag), time.Now()
			lose := st.loseCreate(func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() })
			st.intercept = func(r *http.Request, operation string) (*http.Response, error) {
				if operation == "Delete" && time.Since(start) < time.Second+test.lag+test.deleteFails {
					return respondError(503), nil
				}
				return lose(r, operation)
			}
			_, err := st.client.CreateAndWait(endingContext(t, 0, time.Second), st.hooked(t, "m-1"))
			wantErrors(t, err, []error{context.Canceled, errCause}, []error{sessions.ErrOutcomeUnknown, sessions.ErrCleanupFailed, context.DeadlineExceeded})
			wantBetween(t, "time", time.Since(start), max(time.Second, test.lag), 22*time.Second)
			st.wantLeft(t, 0)
		})
	}
}

// Other sessions must stay.
func TestFailedCreateIsReturned(t *testing.T) {
	for _, test := range []struct {
		name, webhookURL string
		status           int      // of a create that is not carried out
		body             string   // of the same, if it is not an error
		others           []string // references of sessions
		deleted          bool     // the others are being deleted, and the list shows them
		left             int      // sessions
		lists            int64    // list requests
		want, not        []error
		latest           time.Duration
	}{
		{name: "unknown, no webhook URL", left: 1, want: []error{sessions.ErrOutcomeUnknown}},
		{name: "unknown, no reference", webhookURL: hookBase + "?match=m-2", left: 1, want: []error{sessions.ErrOutcomeUnknown}},
		{name: "unknown, not found", webhookURL: hookBase + "?ref=m-2", status: 503, others: []string{"m-1"}, left: 1, lists: 4, want: []error{sessions.ErrOutcomeUnknown, sessions.ErrServer}, latest: 11 * time.Second},
		{name: "unknown, not unique", webhookURL: hookBase + "?ref=m-2", status: 503, others: []string{"m-2", "m-2"}, left: 2, lists: 1, want: []error{sessions.ErrOutcomeUnknown}},
		{name: "unknown, invalid id", status: 200, body: `{"session_id":".."}`, others: []string{"m-1"}, left: 1, want: []error{sessions.ErrOutcomeUnknown, sessions.ErrUnexpectedResponse}},
		{name: "unknown, being deleted", webhookURL: hookBase + "?ref=m-2", status: 503, others: []string{"m-2"}, deleted: true, lists: 4, want: []error{sessions.ErrOutcomeUnknown}, latest: 11 * time.Second},
		{name: "rejected", webhookURL: hookBase + "?ref=m-2", others: []string{"m-2"}, left: 1, status: 422, not: []error{sessions.ErrOutcomeUnknown}},
	} {
		bubble(t, test.name, func(t *testing.T) {
			st := newStore(t, sessionstest.WithTerminatingFor(time.Minute), sessionstest.WithAssumptions(sessionstest.Assumptions{ListTerminating: true}))
			start, r := time.Now(), arena
			for _, reference := range test.others {
				s, err := st.client.Create(t.Context(), st.hooked(t, reference))
				if test.deleted && err == nil {
					err = st.client.Delete(t.Context(), s.SessionID)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if r.WebhookURL = test.webhookURL; test.status != 0 {
				st.FailNext(sessionstest.Fault{Operation: sessionstest.OpCreate, Status: test.status, Body: test.body})
			} else {
				st.intercept = st.loseCreate(reset)
			}
			_, err := st.client.CreateAndWait(t.Context(), r)
			if e := asError(t, err); e.Operation != "Create" || e.StatusCode != test.status {
				t.Errorf("got %v, want the error of Create", err)
			}
			wantErrors(t, err, test.want, append(test.not, sessions.ErrCleanupFailed, context.DeadlineExceeded))
			wantBetween(t, "time", time.Since(start), test.latest/5, test.latest)
			if lists := st.calls["List"].Load(); lists != test.lists {
				t.Errorf("got %d list requests, want %d", lists, test.lists)
			}
			st.wantLeft(t, test.left)
		})
	}
}
