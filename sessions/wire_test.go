package sessions_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

// wire is a transport in memory: the nth request, counted from 1, meets what meet
// says. It keeps what was sent, and when.
type wire struct {
	meet func(n int, r *http.Request) (*http.Response, error)

	mu    sync.Mutex
	first time.Time
	seen  []sent
}

type sent struct {
	*http.Request
	at   time.Duration // since the first
	body string
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	s := sent{Request: r}
	if r.Body != nil {
		content, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		s.body = string(content)
		r.Body.Close()
	}
	w.mu.Lock()
	if w.first.IsZero() {
		w.first = time.Now()
	}
	s.at = time.Since(w.first)
	w.seen = append(w.seen, s)
	n := len(w.seen)
	w.mu.Unlock()
	if n > 1000 { // whoever calls without end is to stop
		return response(400, "{}"), nil
	}
	return w.meet(n, r)
}

func (w *wire) requests() []sent {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.seen)
}

// times are when the requests came, since the first.
func (w *wire) times() []time.Duration {
	var all []time.Duration
	for _, s := range w.requests() {
		all = append(all, s.at)
	}
	return all
}

const testKey = "b1c7f0aa-secret-key-90d2"

// newClient is a client over rt, in memory.
func newClient(t testing.TB, rt http.RoundTripper, opts ...sessions.Option) *sessions.Client {
	t.Helper()
	c, err := sessions.New(testKey, append([]sessions.Option{sessions.WithTransport(rt)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// says answers every request with a status and a body of JSON.
func says(status int, content string) *wire {
	return &wire{meet: func(int, *http.Request) (*http.Response, error) { return response(status, content), nil }}
}

func response(status int, content string) *http.Response {
	return &http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(strings.NewReader(content)),
	}
}

// met is what a request can meet, where good would be the body of a success.
type met func(good string, r *http.Request) (*http.Response, error)

func fails(err error) met {
	return func(string, *http.Request) (*http.Response, error) { return nil, err }
}

func refusal(status int, header ...string) met {
	return func(string, *http.Request) (*http.Response, error) {
		res := response(status, `{"message":"not now"}`)
		for i := 0; i < len(header); i += 2 {
			res.Header.Set(header[i], header[i+1])
		}
		return res, nil
	}
}

// broken answers 200 and ends the body half-way with err.
func broken(err error) met {
	return func(good string, _ *http.Request) (*http.Response, error) {
		res := response(200, "")
		res.Body = io.NopCloser(io.MultiReader(strings.NewReader(good[:len(good)/2]), failingReader{err}))
		return res, nil
	}
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

// silence ends with the request's context, as net/http does.
func silence(_ string, r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}

// stalled answers 200 and no byte more.
func stalled(_ string, r *http.Request) (*http.Response, error) {
	res := response(200, "")
	res.Body = io.NopCloser(ctxReader{r.Context()})
	return res, nil
}

type ctxReader struct{ ctx context.Context }

func (c ctxReader) Read([]byte) (int, error) {
	<-c.ctx.Done()
	return 0, context.Cause(c.ctx)
}

// unconnected tells of a connection that was asked for, as net/http does, and
// never got.
func unconnected(then met) met {
	return func(good string, r *http.Request) (*http.Response, error) {
		if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.GetConn != nil {
			trace.GetConn(r.URL.Host)
		}
		return then(good, r)
	}
}

// connected tells of a connection that was asked for and got.
func connected(then met) met {
	return unconnected(func(good string, r *http.Request) (*http.Response, error) {
		if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.GotConn != nil {
			trace.GotConn(httptrace.GotConnInfo{})
		}
		return then(good, r)
	})
}

func content(kind, text string) met {
	return func(string, *http.Request) (*http.Response, error) {
		res := response(200, text)
		res.Header.Set("Content-Type", kind)
		return res, nil
	}
}

var (
	refused    = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	reset      = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	noTLS      = tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}
	untrusted  = &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
	slowDialer = &net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded}
)
