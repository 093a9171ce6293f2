package sessions_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

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

// failingBody returns a body that is text and then an error.
func failingBody(text string) io.ReadCloser {
	return io.NopCloser(io.MultiReader(strings.NewReader(text), iotest.ErrReader(io.ErrUnexpectedEOF)))
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

// operations are the methods of Client that send one request, each with a valid response.
var operations = []struct {
	name       string
	method     string
	path       string // and query
	body       string // of the request
	response   string
	result     any // of call, for this response
	idempotent bool
	call       func(context.Context, *sessions.Client) (any, error)
}{
	{name: "Create", method: "POST", path: "/v1/session", body: `{"app_name":"arena"}`,
		response: `{"session_id":"950dd2eaff09-S","app":"arena","version":"1.4.0"}`,
		result:   &sessions.CreateResult{SessionID: testID, App: "arena", Version: "1.4.0"},
		call: func(ctx context.Context, c *sessions.Client) (any, error) {
			return c.Create(ctx, sessions.CreateRequest{AppName: "arena"})
		}},
	{name: "Get", method: "GET", path: "/v1/session/950dd2eaff09-S", idempotent: true,
		response: `{"session_id":"950dd2eaff09-S","status":"Ready","ready":true,"kind":"Seat","user_count":2}`,
		result:   &sessions.Session{SessionID: testID, Status: sessions.StatusReady, Ready: true, Kind: sessions.KindSeat, UserCount: 2},
		call:     func(ctx context.Context, c *sessions.Client) (any, error) { return c.Get(ctx, testID) }},
	{name: "Delete", method: "DELETE", path: "/v1/session/950dd2eaff09-S", idempotent: true,
		response: `{"session_id":"950dd2eaff09-S","message":"deleted"}`,
		call:     func(ctx context.Context, c *sessions.Client) (any, error) { return nil, c.Delete(ctx, testID) }},
	{name: "Users", method: "GET", path: "/v1/session/950dd2eaff09-S/users", idempotent: true,
		response: `{"session_users":[{"ip":"203.0.113.7"}]}`,
		result:   []sessions.User{{IP: "203.0.113.7"}},
		call:     func(ctx context.Context, c *sessions.Client) (any, error) { return c.Users(ctx, testID) }},
	{name: "AddUsers", method: "PUT", path: "/v1/session/950dd2eaff09-S/users", body: `{"ip_list":["203.0.113.7"]}`,
		response: `{"session_users":[{"ip":"203.0.113.7"}]}`,
		result:   []sessions.User{{IP: "203.0.113.7"}},
		call: func(ctx context.Context, c *sessions.Client) (any, error) {
			return c.AddUsers(ctx, testID, "203.0.113.7")
		}},
	{name: "RemoveUsers", method: "DELETE", path: "/v1/session/950dd2eaff09-S/users", body: `{"ip_list":["203.0.113.7"]}`,
		response: `{"session_users":[]}`,
		result:   []sessions.User{},
		call: func(ctx context.Context, c *sessions.Client) (any, error) {
			return c.RemoveUsers(ctx, testID, "203.0.113.7")
		}},
	{name: "List", method: "GET", path: "/v1/sessions?page=2&limit=50", idempotent: true,
		response: `{"data":[{"session_id":"950dd2eaff09-S","status":"Ready","ready":true}],"total_count":51,"pagination":{"number":2,"next_page_number":3}}`,
		result:   &sessions.Page{Sessions: []sessions.SessionSummary{{SessionID: testID, Status: sessions.StatusReady, Ready: true}}, Total: 51, Next: 3},
		call: func(ctx context.Context, c *sessions.Client) (any, error) {
			return c.List(ctx, sessions.ListOptions{Page: 2, PageSize: 50})
		}},
	{name: "BulkStop", method: "POST", path: "/v1/sessions/bulk-stop",
		body: `{"filters":[{"field":"session_id","filter_type":"any","values":["950dd2eaff09-S","a"]},` +
			`{"field":"request_id","filter_type":"any","values":["57f84a8e1298"]},{"field":"deployment_tags","filter_type":"any","values":["eu"]}]}`,
		response: `{"processable":[{"session_id":"950dd2eaff09-S"}]}`,
		result:   []string{testID},
		call: func(ctx context.Context, c *sessions.Client) (any, error) {
			return c.BulkStop(ctx, sessions.StopByID(testID, "a"), sessions.StopByDeployment("57f84a8e1298"), sessions.StopByTag("eu"))
		}},
}
