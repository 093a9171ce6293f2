package sessions_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

var errNoMatch, errLimiter, errNoProxy = errors.New("the match was canceled"), errors.New("the limiter is closed"), errors.New("no proxy")

// limiterFunc is a sessions.Limiter.
type limiterFunc func(context.Context) error

func (f limiterFunc) Wait(ctx context.Context) error { return f(ctx) }

// refuse is a dial to a port where nothing listens.
func refuse() (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

// longHeader is the header of a response with 1,000 bytes.
const longHeader = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"

var timedOut = []error{os.ErrDeadlineExceeded}

// failures are all the ways in which an attempt fails, and what a call makes of them.
var failures = []struct {
	name string

	dial        func() (net.Conn, error)              // nil: the connection succeeds
	noProxy     bool                                  // the transport finds no proxy
	wrap        func(http.RoundTripper) roundTripFunc // replaces the transport
	respond     respondFunc
	limiter     limiterFunc
	cancelAfter time.Duration // of the context; negative: before the call
	deadline    time.Duration // of the context; negative: before the call

	attempts  int           // of an idempotent call, with those that the limiter ended
	otherwise int           // attempts of another call
	unknown   bool          // another call returns ErrOutcomeUnknown
	success   bool          // Delete succeeds: any 2xx is enough
	is        []error       // of all classes of errors
	status    int           // Error.StatusCode
	elapsed   time.Duration // if not 0
}{
	{name: "no proxy", noProxy: true, attempts: 3, otherwise: 3, is: []error{errNoProxy}},
	{name: "connection refused", dial: refuse, attempts: 3, otherwise: 3, is: []error{syscall.ECONNREFUSED}},
	{name: "dial timeout", dial: func() (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded}
	}, attempts: 3, otherwise: 3, is: timedOut},
	{name: "connection refused in a wrapped transport", dial: refuse, wrap: func(rt http.RoundTripper) roundTripFunc { return rt.RoundTrip },
		attempts: 3, otherwise: 3, is: []error{syscall.ECONNREFUSED}},
	{name: "transport that reports no connections", wrap: func(http.RoundTripper) roundTripFunc {
		return func(*http.Request) (*http.Response, error) { return nil, syscall.ECONNREFUSED }
	}, attempts: 3, otherwise: 1, unknown: true, is: []error{syscall.ECONNREFUSED}},
	{name: "transport that returns nothing", wrap: func(http.RoundTripper) roundTripFunc {
		return func(*http.Request) (*http.Response, error) { return nil, nil }
	}, attempts: 3, otherwise: 1, unknown: true},
	{name: "transport that returns no body", wrap: func(http.RoundTripper) roundTripFunc {
		return func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, nil }
	}, attempts: 3, otherwise: 1, unknown: true},
	{name: "connection closed before the request", dial: func() (net.Conn, error) {
		client, server := net.Pipe()
		return client, server.Close()
	}, attempts: 3, otherwise: 1, unknown: true},
	{name: "connection closed after the request", respond: rawText("", false), attempts: 3, otherwise: 1, unknown: true},
	{name: "half a header", respond: rawText("HTTP/1.1 200 OK\r\nContent-Ty", false), attempts: 3, otherwise: 1, unknown: true},
	{name: "truncated body", respond: rawText(longHeader+`{"session_id":"95`, false),
		attempts: 3, otherwise: 1, unknown: true, success: true, status: 200, is: []error{io.ErrUnexpectedEOF}},
	{name: "login page", respond: rawText("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>", true),
		attempts: 1, otherwise: 1, unknown: true, success: true, status: 200, is: []error{sessions.ErrUnexpectedResponse}},
	{name: "101", respond: rawText("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", true), // the connection is its body
		attempts: 1, otherwise: 1, unknown: true, status: 101},
	{name: "302", respond: rawStatus(302), attempts: 1, otherwise: 1, status: 302},
	{name: "303", respond: rawStatus(303), attempts: 1, otherwise: 1, unknown: true, status: 303},
	{name: "400", respond: rawStatus(400), attempts: 1, otherwise: 1, status: 400},
	{name: "408", respond: rawStatus(408), attempts: 1, otherwise: 1, status: 408},
	{name: "429 with a Retry-After of more than a minute", respond: rawStatus(429, "Retry-After: 61"),
		attempts: 1, otherwise: 1, status: 429, is: []error{sessions.ErrRateLimited}},
	{name: "500", respond: rawStatus(500), attempts: 1, otherwise: 1, unknown: true, status: 500, is: []error{sessions.ErrServer}},
	{name: "501", respond: rawStatus(501), attempts: 1, otherwise: 1, unknown: true, status: 501, is: []error{sessions.ErrServer}},
	{name: "502", respond: rawStatus(502), attempts: 3, otherwise: 1, unknown: true, status: 502, is: []error{sessions.ErrServer}},
	{name: "503", respond: rawStatus(503), attempts: 3, otherwise: 1, unknown: true, status: 503, is: []error{sessions.ErrServer}},
	{name: "504", respond: rawStatus(504), attempts: 3, otherwise: 1, unknown: true, status: 504, is: []error{sessions.ErrServer}},
	{name: "no response", respond: rawText("", true), attempts: 1, otherwise: 1, unknown: true, is: timedOut, elapsed: 30 * time.Second},
	{name: "half a header, and no end", respond: rawText("HTTP/1.1 200 OK\r\nContent-Ty", true),
		attempts: 1, otherwise: 1, unknown: true, is: timedOut, elapsed: 30 * time.Second},
	{name: "a header a second", respond: drip("HTTP/1.1 200 OK\r\n", "X: y\r\n"),
		attempts: 1, otherwise: 1, unknown: true, is: timedOut, elapsed: 30 * time.Second},
	{name: "an informational response a second", respond: drip("", "HTTP/1.1 103 Early Hints\r\n\r\n"),
		attempts: 1, otherwise: 1, unknown: true, is: timedOut, elapsed: 30 * time.Second},
	{name: "no body", respond: rawText(longHeader, true),
		attempts: 1, otherwise: 1, unknown: true, success: true, status: 200, is: timedOut, elapsed: 30 * time.Second},
	{name: "half a body", respond: rawText(longHeader+`{"session_id":"950dd2eaff09-S"`, true),
		attempts: 1, otherwise: 1, unknown: true, success: true, status: 200, is: timedOut, elapsed: 30 * time.Second},
	{name: "a byte of the body a second", respond: drip(longHeader, " "),
		attempts: 1, otherwise: 1, unknown: true, success: true, status: 200, is: timedOut, elapsed: 30 * time.Second},
	{name: "no body of an error", respond: rawText("HTTP/1.1 500 No\r\nContent-Length: 1000\r\n\r\n", true),
		attempts: 1, otherwise: 1, unknown: true, status: 500, is: []error{sessions.ErrServer, os.ErrDeadlineExceeded}, elapsed: 30 * time.Second},
	{name: "deadline", respond: rawText("", true), deadline: 5 * time.Second, attempts: 1, otherwise: 1, unknown: true,
		is: []error{context.DeadlineExceeded, errNoMatch}, elapsed: 5 * time.Second},
	{name: "deadline before the call", respond: rawStatus(500), deadline: -1, is: []error{context.DeadlineExceeded, errNoMatch}},
	{name: "canceled before the call", respond: rawStatus(500), cancelAfter: -1, is: []error{context.Canceled, errNoMatch}},
	{name: "canceled during the attempt", respond: rawText("", true), cancelAfter: 2 * time.Second, attempts: 1, otherwise: 1, unknown: true,
		is: []error{context.Canceled, errNoMatch}, elapsed: 2 * time.Second},
	{name: "canceled during the body", respond: rawText(longHeader+"{", true), cancelAfter: 2 * time.Second,
		attempts: 1, otherwise: 1, unknown: true, success: true, status: 200, is: []error{context.Canceled, errNoMatch}, elapsed: 2 * time.Second},
	{name: "canceled in the limiter", limiter: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, cancelAfter: time.Second,
		attempts: 1, otherwise: 1, is: []error{context.Canceled, errNoMatch}, elapsed: time.Second},
	{name: "limiter error", limiter: func(context.Context) error { return errLimiter }, attempts: 1, otherwise: 1, is: []error{errLimiter}},
}

// errorClasses are the errors that a caller may look for.
var errorClasses = []error{sessions.ErrInvalidArgument, sessions.ErrUnauthorized, sessions.ErrNotFound, sessions.ErrRateLimited, sessions.ErrServer,
	sessions.ErrUnexpectedResponse, sessions.ErrOutcomeUnknown, sessions.ErrCleanupFailed, context.Canceled, context.DeadlineExceeded,
	os.ErrDeadlineExceeded, errNoMatch, errLimiter, errNoProxy}

// TestFailures runs each call against each kind of failure, with the transport of net/http. A
// goroutine or a connection that outlived its call would make the bubble panic.
func TestFailures(t *testing.T) {
	for _, f := range failures {
		for _, op := range operations {
			t.Run(f.name+"/"+op.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv := &rawServer{respond: f.respond}
					transport := pipeTransport(srv.serve)
					if f.dial != nil {
						transport.DialContext = func(context.Context, string, string) (net.Conn, error) { return f.dial() }
					}
					if f.noProxy {
						transport.Proxy = func(*http.Request) (*url.URL, error) { return nil, errNoProxy }
					}
					var rt http.RoundTripper = transport
					if f.wrap != nil {
						rt = f.wrap(transport)
					}
					var attempts int
					c := newClient(t, rt, sessions.WithBaseURL("http://127.0.0.1"), sessions.WithLimiter(limiterFunc(func(ctx context.Context) error {
						attempts++
						if f.limiter != nil {
							return f.limiter(ctx)
						}
						return nil
					})))
					defer transport.CloseIdleConnections()
					ctx, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					if f.cancelAfter < 0 {
						cancel(errNoMatch)
					} else if f.cancelAfter > 0 {
						defer time.AfterFunc(f.cancelAfter, func() { cancel(errNoMatch) }).Stop()
					}
					if f.deadline != 0 {
						timed, stop := context.WithTimeoutCause(ctx, f.deadline, errNoMatch)
						defer stop()
						ctx = timed
					}

					start := time.Now()
					_, err := op.call(ctx, c)
					elapsed := time.Since(start)
					defer time.Sleep(2 * time.Second) // virtual; a slow server notices the end of the connection

					if f.success && op.name == "Delete" {
						if err != nil || attempts != 1 {
							t.Fatalf("error %v after %d attempts, want none after 1", err, attempts)
						}
						return
					}
					e := asError(t, err)
					if e.Operation != op.name || e.StatusCode != f.status {
						t.Errorf("operation %q with status %d, want %q with %d: %v", e.Operation, e.StatusCode, op.name, f.status, err)
					}
					want, wantUnknown := f.otherwise, f.unknown
					if op.idempotent {
						want, wantUnknown = f.attempts, false
					}
					if n := int(srv.requests.Load()); attempts != want || n > want {
						t.Errorf("%d attempts and %d requests, want %d: %v", attempts, n, want, err)
					}
					for _, class := range errorClasses {
						is := slices.Contains(f.is, class) || wantUnknown && class == sessions.ErrOutcomeUnknown
						if errors.Is(err, class) != is {
							t.Errorf("errors.Is(err, %q) is %v, want %v: %v", class, !is, is, err)
						}
					}
					for _, cause := range f.is {
						if !errors.Is(err, cause) {
							t.Errorf("error %v, want one that is %q", err, cause)
						}
					}
					if f.elapsed != 0 && elapsed != f.elapsed {
						t.Errorf("returned after %v, want %v", elapsed, f.elapsed)
					}
				})
			})
		}
	}
}

// TestTemporaryFailures lets each call meet failures after which it may be sent again.
func TestTemporaryFailures(t *testing.T) {
	for _, test := range []struct {
		name     string
		statuses []int // of the responses before the successful one; 0 refuses the connection
		any      bool  // calls that are not idempotent succeed, too
	}{
		{"429s are not attempts", []int{429, 429, 429, 429, 429}, true},
		{"refused connections", []int{0, 0}, true},
		{"a refused connection and 429s", []int{429, 0, 429, 0, 429}, true},
		{"502 and 504", []int{502, 504}, false},
		{"503s between 429s", []int{503, 429, 429, 429, 503, 429}, false},
	} {
		for _, op := range operations {
			if !test.any && !op.idempotent {
				continue
			}
			t.Run(test.name+"/"+op.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					attempt := -1
					srv := &rawServer{respond: func(conn net.Conn, req *http.Request) bool {
						if attempt < len(test.statuses) {
							return rawStatus(test.statuses[attempt], "Retry-After: 1")(conn, req)
						}
						return rawResponse(200, op.response)(conn, req)
					}}
					transport := pipeTransport(srv.serve)
					transport.DisableKeepAlives = true // each attempt dials
					dial := transport.DialContext
					transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
						if attempt++; attempt < len(test.statuses) && test.statuses[attempt] == 0 {
							return refuse()
						}
						return dial(ctx, network, addr)
					}
					c := newClient(t, transport, sessions.WithBaseURL("http://127.0.0.1"))
					if _, err := op.call(t.Context(), c); err != nil {
						t.Fatal(err)
					}
					if attempt != len(test.statuses) {
						t.Errorf("%d attempts, want %d", attempt+1, len(test.statuses)+1)
					}
				})
			})
		}
	}
}

// TestCancelEndsBackoff cancels calls between two attempts.
func TestCancelEndsBackoff(t *testing.T) {
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var requests int
				c := newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) {
					requests++
					return respondLimited("Retry-After", "30"), nil
				}))
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(10*time.Second, func() { cancel(errNoMatch) })
				start := time.Now()
				_, err := op.call(ctx, c)
				if elapsed := time.Since(start); elapsed != 10*time.Second || requests != 1 {
					t.Errorf("returned after %v and %d requests, want 10s and 1", elapsed, requests)
				}
				if !errors.Is(err, context.Canceled) || !errors.Is(err, errNoMatch) || errors.Is(err, sessions.ErrOutcomeUnknown) {
					t.Errorf("error %v, want context.Canceled and its cause, and not ErrOutcomeUnknown", err)
				}
			})
		})
	}
}

// respondLimited returns a 429 with headers, which are names followed by values.
func respondLimited(headers ...string) *http.Response {
	res := respondJSON(429, `{"message":"too many requests"}`)
	for i := 0; i < len(headers); i += 2 {
		res.Header.Set(headers[i], headers[i+1])
	}
	return res
}

func TestRetryAfter(t *testing.T) {
	for _, test := range []struct {
		value, date string
		want        time.Duration
	}{
		{value: "2", want: 2 * time.Second},
		{value: "2.0", want: 2 * time.Second},
		{value: "12.7", want: 12700 * time.Millisecond},
		{value: "0.25", want: 250 * time.Millisecond},
		{value: "0", want: 0},
		{value: "", want: 0},
		{value: "soon", want: 0},
		{value: "-5", want: 0},
		{value: "NaN", want: 0},
		{value: "-Inf", want: 0},
		{value: "3600", want: time.Hour},
		{value: "Sat, 01 Jan 2000 00:00:20 GMT", want: 20 * time.Second}, // virtual time starts at 2000-01-01
		{value: "Fri, 31 Dec 1999 23:59:40 GMT", want: 0},
		{value: "Sat, 01 Jan 2000 00:07:20 GMT", date: "Sat, 01 Jan 2000 00:07:00 GMT", want: 20 * time.Second},
		{value: "Fri, 31 Dec 1999 23:40:20 GMT", date: "Fri, 31 Dec 1999 23:40:00 GMT", want: 20 * time.Second},
		{value: "Saturday, 01-Jan-00 00:00:20 GMT", date: "not a date", want: 20 * time.Second},
		{value: "12.7", date: "Sat, 01 Jan 2000 00:07:00 GMT", want: 12700 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) {
				return respondLimited("Retry-After", test.value, "Date", test.date), nil
			}), sessions.WithMaxRateLimitWait(0))
			_, err := c.Get(t.Context(), testID)
			if e := asError(t, err); e.RetryAfter != test.want || e.StatusCode != 429 {
				t.Errorf("Retry-After %q with Date %q: %v, want %v", test.value, test.date, e.RetryAfter, test.want)
			}
		})
	}
	for _, huge := range []string{"1e300", "9223372037", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		synctest.Test(t, func(t *testing.T) {
			c := newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) { return respondLimited("Retry-After", huge), nil }))
			start := time.Now()
			_, err := c.Get(t.Context(), testID)
			if e := asError(t, err); e.RetryAfter <= time.Minute || time.Since(start) != 0 {
				t.Errorf("Retry-After %q: %v, returned after %v, want more than a minute, returned at once", huge, e.RetryAfter, time.Since(start))
			}
		})
	}
}

// TestDelays measures the delays before each repetition of many calls: they must be within their
// bounds, and random.
func TestDelays(t *testing.T) {
	type bounds struct{ least, most time.Duration }
	const ms, s = time.Millisecond, time.Second
	for _, test := range []struct {
		name     string
		response func() *http.Response
		want     []bounds
	}{
		{"503", func() *http.Response { return respondJSON(503, "{}") },
			[]bounds{{0, 500 * ms}, {0, 1 * s}, {0, 2 * s}, {0, 4 * s}, {0, 8 * s}, {0, 8 * s}}},
		{"429", func() *http.Response { return respondLimited() },
			[]bounds{{1 * s, 2 * s}, {2 * s, 3 * s}, {4 * s, 6 * s}, {8 * s, 12 * s}, {16 * s, 24 * s}, {16 * s, 24 * s}}},
		{"429 with Retry-After: 1", func() *http.Response { return respondLimited("Retry-After", "1") },
			[]bounds{{1 * s, 2 * s}, {1 * s, 2 * s}, {1 * s, 2 * s}}},
		{"429 with Retry-After: 12.7", func() *http.Response { return respondLimited("Retry-After", "12.7") },
			[]bounds{{12700 * ms, 19050 * ms}, {12700 * ms, 19050 * ms}}},
		{"429 with Retry-After: 60", func() *http.Response { return respondLimited("Retry-After", "60") }, []bounds{{60 * s, 90 * s}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var sent []time.Time
				c := newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) {
					if sent = append(sent, time.Now()); len(sent) <= len(test.want) {
						return test.response(), nil
					}
					return respondJSON(200, goodResponse), nil
				}), sessions.WithMaxAttempts(len(test.want)+1), sessions.WithMaxRateLimitWait(time.Hour))
				delays := make([][]time.Duration, len(test.want))
				for range 200 {
					sent = nil
					if _, err := c.Get(t.Context(), testID); err != nil {
						t.Fatal(err)
					}
					for i := range delays {
						delays[i] = append(delays[i], sent[i+1].Sub(sent[i]))
					}
				}
				for i, want := range test.want {
					least, most, third := slices.Min(delays[i]), slices.Max(delays[i]), (want.most-want.least)/3
					if least < want.least || most > want.most {
						t.Errorf("delay %d is %v to %v, want %v to %v", i, least, most, want.least, want.most)
					}
					if least > want.least+third || most < want.most-third {
						t.Errorf("delay %d is %v to %v, want values from all of %v to %v", i, least, most, want.least, want.most)
					}
				}
			})
		})
	}
}

// TestLimitsOfRepetition lets a call fail until it gives up.
func TestLimitsOfRepetition(t *testing.T) {
	for _, test := range []struct {
		name        string
		status      int
		retryAfter  string
		opts        []sessions.Option
		deadline    time.Duration
		requests    int // 0: more than one
		least, most time.Duration
	}{
		{name: "one attempt", status: 503, opts: []sessions.Option{sessions.WithMaxAttempts(1)}, requests: 1},
		{name: "five attempts", status: 503, opts: []sessions.Option{sessions.WithMaxAttempts(5)}, requests: 5, most: 7500 * time.Millisecond},
		{name: "no wait after a 429", status: 429, opts: []sessions.Option{sessions.WithMaxRateLimitWait(0)}, requests: 1},
		{name: "two minutes of 429s", status: 429, least: 96 * time.Second, most: 2 * time.Minute},
		{name: "ten seconds of 429s", status: 429, retryAfter: "4", opts: []sessions.Option{sessions.WithMaxRateLimitWait(10 * time.Second)},
			least: 4 * time.Second, most: 10 * time.Second},
		{name: "Retry-After longer than the wait", status: 429, retryAfter: "11", opts: []sessions.Option{sessions.WithMaxRateLimitWait(10 * time.Second)}, requests: 1},
		{name: "Retry-After longer than the deadline", status: 429, retryAfter: "30", deadline: 20 * time.Second, requests: 1},
		{name: "429s until the deadline", status: 429, retryAfter: "5", deadline: 20 * time.Second, least: 10 * time.Second, most: 20 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var requests int
				c := newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) {
					requests++
					res := respondJSON(test.status, "{}")
					res.Header.Set("Retry-After", test.retryAfter)
					return res, nil
				}), test.opts...)
				ctx := t.Context()
				if test.deadline != 0 {
					timed, cancel := context.WithTimeout(ctx, test.deadline)
					defer cancel()
					ctx = timed
				}
				start := time.Now()
				_, err := c.Get(ctx, testID)
				elapsed := time.Since(start)
				if e := asError(t, err); e.StatusCode != test.status || errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error %v, want status %d and not context.DeadlineExceeded", err, test.status)
				}
				if requests != test.requests && (test.requests != 0 || requests < 2) {
					t.Errorf("%d requests, want %d", requests, test.requests)
				}
				if elapsed < test.least || elapsed > test.most {
					t.Errorf("returned after %v, want %v to %v", elapsed, test.least, test.most)
				}
			})
		})
	}
}

// TestCallsShareNoRateLimit makes a call while another one waits after a 429.
func TestCallsShareNoRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var requests atomic.Int32
		c := newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) {
			if requests.Add(1) == 1 {
				return respondLimited("Retry-After", "50"), nil
			}
			return respondJSON(200, goodResponse), nil
		}))
		done := make(chan error)
		go func() {
			_, err := c.Get(t.Context(), testID)
			done <- err
		}()
		synctest.Wait()
		start := time.Now()
		for _, op := range operations {
			if _, err := op.call(t.Context(), c); err != nil {
				t.Errorf("%s: %v", op.name, err)
			}
		}
		if elapsed := time.Since(start); elapsed != 0 {
			t.Errorf("%d calls took %v while another one waits, want 0s", len(operations), elapsed)
		}
		if err := <-done; err != nil || time.Since(start) < 50*time.Second {
			t.Errorf("error %v after %v, want none after 50s", err, time.Since(start))
		}
	})
}
