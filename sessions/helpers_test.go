package sessions_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/sessions"
)

const (
	testKey = "3f2b7c1e-5d8a-4b6f-9c3e-1a2b3c4d5e6f"
	testID  = "950dd2eaff09-S"
)

// roundTripFunc is a transport that responds in memory, also in a synctest bubble.
type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer req.Body.Close()
	}
	return f(req)
}

// respondJSON returns a JSON response.
func respondJSON(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(strings.NewReader(body)),
	}
}

// respondAlways returns a transport that responds to each request with the same JSON response.
func respondAlways(status int, body string) roundTripFunc {
	return func(*http.Request) (*http.Response, error) { return respondJSON(status, body), nil }
}

// newClient returns a client that sends its requests through transport.
func newClient(t testing.TB, transport http.RoundTripper, opts ...sessions.Option) *sessions.Client {
	t.Helper()
	c, err := sessions.New(testKey, append([]sessions.Option{sessions.WithTransport(transport)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newTestServer starts a server on loopback, and returns it with a client of it.
func newTestServer(t testing.TB, handler http.HandlerFunc, opts ...sessions.Option) (*httptest.Server, *sessions.Client) {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	c, err := sessions.New(testKey, append([]sessions.Option{sessions.WithBaseURL(srv.URL)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections) // before srv.Close, which waits for them
	return srv, c
}

// asError returns the *sessions.Error in err.
func asError(t testing.TB, err error) *sessions.Error {
	t.Helper()
	var e *sessions.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %T: %v, want *sessions.Error", err, err)
	}
	return e
}
