package faults_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

// stalls are the ways of a server not to come to an end. Each answer announces
// that it got that far and goes on until the client hangs up.
var stalls = []struct {
	name   string
	answer func(good string) answer
}{
	{"accepts and never answers", func(string) answer { return stall("") }},
	{"half a status line", func(string) answer { return stall("HTTP/1.1 20") }},
	{"half a header", func(string) answer { return stall("HTTP/1.1 200 OK\r\nContent-Ty") }},
	{"the header and nothing more", func(string) answer {
		return stall("HTTP/1.1 200 OK\r\n" + contentJSON + "Content-Length: 100\r\n\r\n")
	}},
	{"all but the last byte", func(good string) answer {
		whole := reply(200, contentJSON, good)
		return stall(whole[:len(whole)-1])
	}},
	{"the whole JSON but no end of the body", func(good string) answer {
		return stall(fmt.Sprintf("HTTP/1.1 200 OK\r\n%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", contentJSON, len(good), good))
	}},
	{"one byte at a time", func(good string) answer {
		return drip(reply(200, contentJSON, good+string(make([]byte, 1<<16))))
	}},
	{"a header line at a time", func(string) answer {
		return dripOf("X: y\r\n", "HTTP/1.1 200 OK\r\n")
	}},
	{"103 at a time", func(string) answer { return dripOf("HTTP/1.1 103 Early Hints\r\n\r\n", "") }},
	{"an error's header and nothing more", func(string) answer {
		return stall("HTTP/1.1 500 Internal Server Error\r\n" + contentJSON + "Content-Length: 100\r\n\r\n")
	}},
}

// drip answers with text, byte by byte. A byte comes often enough that no gap
// between two of them would be too long.
func drip(text string) answer {
	return func(c net.Conn, _ request) bool {
		return trickle(c, func(n int) string { return text[n%len(text) : n%len(text)+1] })
	}
}

func dripOf(drop, head string) answer {
	return func(c net.Conn, _ request) bool {
		io.WriteString(c, head)
		return trickle(c, func(int) string { return drop })
	}
}

func trickle(c net.Conn, drop func(n int) string) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ { // ends when the client closes the connection
		if _, err := io.WriteString(c, drop(n)); err != nil {
			return false
		}
		<-tick.C
	}
}

const (
	// brief is the deadline of what must meet it: long enough for a request to
	// arrive on a busy machine.
	brief = 250 * time.Millisecond
	// endless is the deadline of what must not.
	endless = time.Hour
)

func TestEveryStallEndsByTheAttemptsDeadline(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.url, sessions.WithTimeout(brief))
	for _, stall := range stalls {
		t.Run(stall.name, func(t *testing.T) {
			s.answers(stall.answer(calls[0].answer))
			for i, err := range together(t, t.Context(), c) {
				want := calls[i].unknown(context.DeadlineExceeded)
				if stall.name == "an error's header and nothing more" {
					want = append(want, sessions.ErrServer)
				}
				assertFailed(t, calls[i], err, want...)
			}
			// A silent server costs one deadline, not three.
			if n := len(s.arrived()); n != len(calls) {
				t.Errorf("%d requests arrived of %d calls", n, len(calls))
			}
		})
	}
}

// together makes all of the calls at once and returns their errors, in order.
func together(t *testing.T, ctx context.Context, c *sessions.Client) []error {
	t.Helper()
	errs := make([]error, len(calls))
	returns(t, func() {
		var done sync.WaitGroup
		for i, call := range calls {
			done.Go(func() { _, errs[i] = call.do(ctx, c, sessionID) })
		}
		done.Wait()
	})
	return errs
}

// The caller's deadline counts when it is nearer, and is told from the attempt's
// by ctx.Err() and the cause.
func TestEveryStallEndsByTheCallersDeadline(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.url, sessions.WithTimeout(endless))
	cause := errors.New("the match was called off")
	for _, stall := range stalls {
		t.Run(stall.name, func(t *testing.T) {
			s.answers(stall.answer(calls[0].answer))
			ctx, cancel := context.WithTimeoutCause(t.Context(), brief, cause)
			defer cancel()
			for i, err := range together(t, ctx, c) {
				assertEnded(t, ctx, calls[i], err, cause)
			}
		})
	}
}

// assertEnded looks at the error of a call that ended with ctx: it must be both
// its Err and its cause.
func assertEnded(t *testing.T, ctx context.Context, call call, err, cause error) {
	t.Helper()
	if !errors.Is(err, ctx.Err()) || !errors.Is(err, cause) {
		t.Fatalf("%s: the error is %v, want one that is %v and %v", call.name, err, ctx.Err(), cause)
	}
	var e *sessions.Error
	if !errors.As(err, &e) || e.Operation != call.name {
		t.Errorf("%s: the error is %#v", call.name, err)
	}
	assertErrorClean(t, err)
}

// assertEnds makes the call, which must end with ctx.
func assertEnds(t *testing.T, ctx context.Context, c *sessions.Client, call call, cause error) {
	t.Helper()
	var err error
	returns(t, func() { _, err = call.do(ctx, c, sessionID) })
	assertEnded(t, ctx, call, err, cause)
}

// A cancel comes when the server says that the call is at that point; nothing
// else would end the call.
func TestCancelEndsACallAtAnyPoint(t *testing.T) {
	s := newServer(t)
	cause := errors.New("the players left")
	announced := func(p point, a answer) answer {
		return func(c net.Conn, r request) bool { return a(announcing{c, p.reach}, r) }
	}
	cancelled := func(t *testing.T, c *sessions.Client, call call, p point) {
		t.Helper()
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		go func() {
			<-p
			cancel(cause)
		}()
		assertEnds(t, ctx, c, call, cause)
	}

	c := newClient(t, s.url, sessions.WithTimeout(endless))
	for _, stall := range stalls {
		for _, call := range calls {
			t.Run("the answer/"+stall.name+"/"+call.name, func(t *testing.T) {
				p := newPoint()
				s.answers(announced(p, stall.answer(call.answer)))
				cancelled(t, c, call, p)
			})
		}
	}
	t.Run("before the call", func(t *testing.T) {
		for _, call := range calls {
			s.answers(say(reply(200, contentJSON, call.answer)))
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(cause)
			assertEnds(t, ctx, c, call, cause)
			if n := len(s.arrived()); n != 0 {
				t.Errorf("%s: %d requests arrived", call.name, n)
			}
		}
	})
	t.Run("the wait before a retry", func(t *testing.T) {
		for _, call := range calls {
			p := newPoint()
			c := newClient(t, s.url, sessions.WithTimeout(endless), sessions.WithLogger(waiting(p)),
				sessions.WithRetry(sessions.RetryPolicy{Attempts: 3, First: time.Hour, Most: time.Hour}))
			s.answers(say(reply(429, contentJSON, `{"message":"slow down"}`)))
			cancelled(t, c, call, p)
			if n := len(s.arrived()); n != 1 {
				t.Errorf("%s: %d requests arrived", call.name, n)
			}
		}
	})
	t.Run("the pause after a 429", func(t *testing.T) {
		for _, call := range calls {
			p := newPoint()
			c := newClient(t, s.url, sessions.WithTimeout(endless), sessions.WithLogger(waiting(p)))
			s.answers(say(reply(429, contentJSON+"Retry-After: 50\r\n", `{"message":"slow down"}`)))
			cancelled(t, c, call, p)
			// Another call of the same client is held. It does not tell.
			time.AfterFunc(brief/10, p.reach)
			cancelled(t, c, call, p)
			if n := len(s.arrived()); n != 1 {
				t.Errorf("%s: %d requests arrived", call.name, n)
			}
		}
	})
	t.Run("the limiter", func(t *testing.T) {
		for _, call := range calls {
			p := newPoint()
			c := newClient(t, s.url, sessions.WithTimeout(endless), sessions.WithLimiter(limiter(p.reach)))
			s.answers(say(reply(200, contentJSON, call.answer)))
			cancelled(t, c, call, p)
			if n := len(s.arrived()); n != 0 {
				t.Errorf("%s: %d requests arrived", call.name, n)
			}
		}
	})
	t.Run("the queue for a connection", func(t *testing.T) {
		transport := sessions.NewTransport()
		transport.MaxConnsPerHost = 1
		p := newPoint()
		c := newClient(t, s.url, sessions.WithTimeout(endless), sessions.WithTransport(asking{transport, p.reach}))
		s.answers(stall(""))
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan struct{})
		go func() {
			defer close(first)
			c.Get(ctx, sessionID)
		}()
		<-p // it has the only connection, or is about to
		for _, call := range calls {
			cancelled(t, c, call, p)
		}
		cancel()
		<-first
		if n := len(s.arrived()); n > 1 {
			t.Errorf("%d requests arrived", n)
		}
		transport.CloseIdleConnections()
	})
	t.Run("the handshake", func(t *testing.T) {
		p := newPoint()
		c := newClient(t, "https://"+handshake(t, p.reach), sessions.WithTimeout(endless))
		for _, call := range calls {
			cancelled(t, c, call, p)
		}
	})
}

// point is one that a call may be at.
type point chan struct{}

func newPoint() point { return make(point, 1) }

func (p point) reach() {
	select {
	case p <- struct{}{}:
	default:
	}
}

// waiting says when a call logs that it is about to wait before a retry.
func waiting(p point) *slog.Logger {
	return slog.New(slog.NewTextHandler(delays(p), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type delays point

func (d delays) Write(line []byte) (int, error) {
	if !bytes.Contains(line, []byte("next_delay=0s")) {
		point(d).reach()
	}
	return len(line), nil
}

// asking says when a request is handed to the transport.
type asking struct {
	http.RoundTripper
	asked func()
}

func (a asking) RoundTrip(r *http.Request) (*http.Response, error) {
	a.asked()
	return a.RoundTripper.RoundTrip(r)
}

// announcing says when something was written.
type announcing struct {
	net.Conn
	written func()
}

func (a announcing) Write(p []byte) (int, error) {
	defer a.written()
	return a.Conn.Write(p)
}

// limiter never lets anything pass.
type limiter func()

func (l limiter) Wait(ctx context.Context) error {
	l()
	<-ctx.Done()
	return ctx.Err()
}

// handshake listens where a handshake is begun, and never ended.
func handshake(t *testing.T, begun func()) (address string) {
	t.Helper()
	l := listen(t)
	var connections sync.WaitGroup
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Go(func() {
				defer c.Close()
				begun()
				io.Copy(io.Discard, c)
			})
		}
	}()
	t.Cleanup(func() {
		l.Close()
		returns(t, connections.Wait)
	})
	return l.Addr().String()
}

// In a handshake that hangs nothing of the call was sent: it is tried again, and
// its outcome is known.
func TestHandshakeThatHangs(t *testing.T) {
	address := handshake(t, func() {})
	c := newClient(t, "https://"+address, sessions.WithTimeout(brief))
	for i, err := range together(t, t.Context(), c) {
		assertFailed(t, calls[i], err, context.DeadlineExceeded)
	}
}

// Over HTTP/2 a stall holds a stream, not a connection.
func TestStallsOverHTTP2(t *testing.T) {
	reached := make(chan int, 1)
	stall := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		reached <- r.ProtoMajor
		<-r.Context().Done()
	})
	s := httptest.NewUnstartedServer(stall)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(func() {
		returns(t, s.Close) // which waits for the streams
		assertGone(t)
	})
	transport := sessions.NewTransport()
	transport.TLSClientConfig = &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	c := newClient(t, s.URL, sessions.WithTimeout(endless), sessions.WithTransport(transport))
	cause := errors.New("the players left")
	for _, call := range calls {
		t.Run(call.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() {
				if major := <-reached; major != 2 {
					t.Errorf("HTTP/%d", major)
				}
				cancel(cause)
			}()
			assertEnds(t, ctx, c, call, cause)
		})
	}
}

// An answer that is not read to its end does not keep its connection until the
// context ends, of which it may be long.
func TestUnreadAnswersHoldNoConnection(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.url, sessions.WithTimeout(2*endless))
	ctx, cancel := context.WithTimeout(context.Background(), endless)
	defer cancel()
	for _, head := range []string{"200 OK\r\n", "200 OK\r\n" + contentJSON, "500 Oops\r\n"} {
		for _, call := range calls {
			s.answers(flood("HTTP/1.1 "+head+"\r\n{\"more\":\"", always("a")))
			returns(t, func() {
				if _, err := call.do(ctx, c, sessionID); err == nil {
					t.Errorf("%s: no error", call.name)
				}
			})
		}
	}
	c.CloseIdleConnections()
	s.assertClosed(t)
	assertGone(t)
}

// More than a thousand calls, as many at a time as there are connections, in
// every kind of stall: half of them end by a cancel when all have arrived, and
// half by their deadline.
func TestNothingIsLeftOfAThousandStalls(t *testing.T) {
	const atATime, rounds = 64, 17
	s := newServer(t)
	c := newClient(t, s.url, sessions.WithTimeout(brief))
	cause := errors.New("the players left")
	arrived, cancelled, late := 0, 0, 0
	for round := range rounds {
		stall := stalls[round%len(stalls)].answer(calls[0].answer)
		reached := make(chan struct{}, atATime)
		s.answers(func(c net.Conn, r request) bool {
			reached <- struct{}{}
			return stall(c, r)
		})
		ctx, cancel := context.WithCancelCause(t.Context())
		over := make(chan struct{})
		go func() {
			for range atATime {
				select {
				case <-reached:
				case <-over:
				}
			}
			cancel(cause)
		}()
		errs := make([]error, atATime)
		returns(t, func() {
			var done sync.WaitGroup
			for i := range atATime {
				done.Go(func() {
					ctx := ctx
					if i%2 == 0 {
						ctx = t.Context()
					}
					_, errs[i] = calls[(i/2)%len(calls)].do(ctx, c, sessionID)
				})
			}
			done.Wait()
		})
		close(over)
		arrived += len(s.arrived())
		for _, err := range errs {
			switch {
			case errors.Is(err, cause) && errors.Is(err, context.Canceled):
				cancelled++
			case errors.Is(err, context.DeadlineExceeded):
				late++
			default:
				t.Errorf("round %d: %v", round, err)
			}
		}
	}
	if arrived < 1000 || cancelled == 0 || late == 0 {
		t.Errorf("of %d calls %d arrived, %d were cancelled, %d too late", atATime*rounds, arrived, cancelled, late)
	}
	c.CloseIdleConnections()
	s.assertClosed(t)
	assertGone(t)
}

func timeRows() (rows []row) {
	for _, stall := range stalls {
		rows = append(rows, row{stall.name, "ends by the attempt's deadline, by the caller's, by a cancel"})
	}
	for _, point := range []string{"before the call", "in the wait before a retry", "in the pause after a 429", "in the limiter",
		"in the queue for a connection", "in the TLS handshake", "in a stream of HTTP/2"} {
		rows = append(rows, row{"a cancel " + point, "ends the call at once; both `ctx.Err()` and the cause"})
	}
	return slices.Concat(rows, []row{
		{"a TLS handshake that hangs", "`context.DeadlineExceeded`, and never `ErrOutcomeUnknown`: nothing was sent"},
		{"1,000 of these, then `CloseIdleConnections`", "no goroutine and no connection is left"},
		{"an endless answer that is refused, then `CloseIdleConnections`", "no goroutine and no connection is left, though the context lasts"},
	})
}
