package sessions_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

// captureRequest returns a transport that stores each request in *req and responds with a session.
func captureRequest(req **http.Request) roundTripFunc {
	return func(r *http.Request) (*http.Response, error) {
		*req = r
		return respondJSON(200, `{"session_id":"950dd2eaff09-S"}`), nil
	}
}

func TestKeyIsSentWithOneToken(t *testing.T) {
	for _, test := range []struct{ key, want string }{
		{"abc", "token abc"},
		{"  abc\r\n", "token abc"},
		{"token abc", "token abc"},
		{"TOKEN  abc ", "token abc"},
		{"\ttoken token-9", "token token-9"},
		{"tokenabc", "token tokenabc"},
		{`a"<b>\&c`, `token a"<b>\&c`},
	} {
		var req *http.Request
		c, err := sessions.New(test.key, sessions.WithTransport(captureRequest(&req)))
		if err != nil {
			t.Errorf("key %q: %v", test.key, err)
			continue
		}
		if _, err := c.Get(t.Context(), testID); err != nil {
			t.Fatal(err)
		}
		if got := req.Header.Get("Authorization"); got != test.want {
			t.Errorf("key %q: Authorization is %q, want %q", test.key, got, test.want)
		}
	}
}

func TestInvalidKeys(t *testing.T) {
	for _, test := range []struct{ key, want string }{
		{"", "API key"},
		{" \n", "API key"},
		{"token ", "API key"},
		{"s3cr3t s3cr3t", "API key"},
		{"s3cr3t\ns3cr3t", "API key"},
		{"s3cr3t\x00", "API key"},
		{"s3cr3té", "API key"},
		{"Bearer s3cr3t", "API key"},
		{`"s3cr3t"`, "quote"},
		{`'s3cr3t'`, "quote"},
		{`"token s3cr3t"`, "quote"},
		{`token "s3cr3t"`, "quote"},
	} {
		_, err := sessions.New(test.key)
		if !errors.Is(err, sessions.ErrInvalidArgument) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("key %q: error is %v, want ErrInvalidArgument with %q and without the key", test.key, err, test.want)
		}
	}
}

func TestBaseURL(t *testing.T) {
	for _, test := range []struct {
		base string
		opts []sessions.Option
		want string // the URL of a Get
	}{
		{base: "https://example.com", want: "https://example.com/v1/session/950dd2eaff09-S"},
		{base: "https://example.com/", want: "https://example.com/v1/session/950dd2eaff09-S"},
		{base: "https://10.0.0.8:8443/edgegap", want: "https://10.0.0.8:8443/edgegap/v1/session/950dd2eaff09-S"},
		{base: "https://example.com/a/b/", want: "https://example.com/a/b/v1/session/950dd2eaff09-S"},
		{base: "http://localhost:8080", want: "http://localhost:8080/v1/session/950dd2eaff09-S"},
		{base: "http://127.0.0.9", want: "http://127.0.0.9/v1/session/950dd2eaff09-S"},
		{base: "http://[::1]:80", want: "http://[::1]:80/v1/session/950dd2eaff09-S"},
		{base: "http://emulator:8080", opts: []sessions.Option{sessions.WithPlainHTTP()}, want: "http://emulator:8080/v1/session/950dd2eaff09-S"},
	} {
		var req *http.Request
		c := newClient(t, captureRequest(&req), append(test.opts, sessions.WithBaseURL(test.base))...)
		if _, err := c.Get(t.Context(), testID); err != nil {
			t.Fatal(err)
		}
		if got := req.URL.String(); got != test.want {
			t.Errorf("base URL %s: request is for %s, want %s", test.base, got, test.want)
		}
	}
}

func TestInvalidBaseURLs(t *testing.T) {
	for _, base := range []string{
		"", "s3cr3t.example.com", "https://", "https://:443", "https:s3cr3t", "ftp://s3cr3t", "https://u:s3cr3t@example.com", "https://s3cr3t@example.com",
		"https://example.com?token=s3cr3t", "https://example.com?", "https://example.com#s3cr3t", "https://example.com/%zz s3cr3t",
		"http://api.edgegap.com", "http://127.0.0.1.s3cr3t.example", "http://localhost.s3cr3t.example",
	} {
		_, err := sessions.New(testKey, sessions.WithBaseURL(base))
		if !errors.Is(err, sessions.ErrInvalidArgument) || !strings.Contains(err.Error(), "base URL") || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("base URL %q: error is %v, want ErrInvalidArgument that names the base URL but does not repeat it", base, err)
		}
	}
}

func TestNewReportsAllInvalidOptions(t *testing.T) {
	_, err := sessions.New("",
		sessions.WithBaseURL("ftp://example.com"), sessions.WithMaxAttempts(0), sessions.WithMaxRateLimitWait(-1), sessions.WithAttemptTimeout(0),
		sessions.WithPollInterval(2, 1), sessions.WithUserAgent("a\nb"), nil)
	if !errors.Is(err, sessions.ErrInvalidArgument) {
		t.Fatalf("error is %v, want ErrInvalidArgument", err)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error has several lines: %v", err)
	}
	for _, want := range []string{"API key", "base URL", "max attempts", "max rate limit wait", "attempt timeout", "poll interval", "user agent", "nil"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not mention %q: %v", want, err)
		}
	}
}

func TestInvalidOptions(t *testing.T) {
	for _, test := range []struct {
		name  string
		opt   sessions.Option
		valid bool
	}{
		{"nil transport", sessions.WithTransport(nil), true},
		{"nil limiter", sessions.WithLimiter(nil), true},
		{"nil logger", sessions.WithLogger(nil), true},
		{"no product", sessions.WithUserAgent(""), true},
		{"1 attempt", sessions.WithMaxAttempts(1), true},
		{"no rate limit wait", sessions.WithMaxRateLimitWait(0), true},
		{"constant poll interval", sessions.WithPollInterval(time.Second, time.Second), true},
		{"negative attempts", sessions.WithMaxAttempts(-1), false},
		{"negative attempt timeout", sessions.WithAttemptTimeout(-time.Second), false},
		{"no poll interval", sessions.WithPollInterval(0, time.Second), false},
		{"user agent with é", sessions.WithUserAgent("é"), false},
	} {
		if _, err := sessions.New(testKey, test.opt); (err == nil) != test.valid {
			t.Errorf("%s: error is %v, want valid %t", test.name, err, test.valid)
		}
	}
}

func TestNewFromEnv(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("token "+testKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		env  map[string]string
		opts []sessions.Option
		host string // of the request
		err  string // or a part of the error
	}{
		{name: "key", env: map[string]string{"EDGEGAP_API_KEY": testKey}, host: "api.edgegap.com"},
		{name: "token", env: map[string]string{"EDGEGAP_API_TOKEN": testKey}, host: "api.edgegap.com"},
		{name: "file", env: map[string]string{"EDGEGAP_API_KEY_FILE": file}, host: "api.edgegap.com"},
		{name: "base URL", env: map[string]string{"EDGEGAP_API_KEY": testKey, "EDGEGAP_BASE_URL": "https://proxy.example/"}, host: "proxy.example"},
		{name: "option after environment", env: map[string]string{"EDGEGAP_API_KEY": testKey, "EDGEGAP_BASE_URL": "https://proxy.example"},
			opts: []sessions.Option{sessions.WithBaseURL("https://other.example")}, host: "other.example"},
		{name: "plain HTTP", env: map[string]string{"EDGEGAP_API_KEY": testKey, "EDGEGAP_BASE_URL": "http://emulator:80", "EDGEGAP_PLAIN_HTTP": "1"}, host: "emulator:80"},
		{name: "no plain HTTP", env: map[string]string{"EDGEGAP_API_KEY": testKey, "EDGEGAP_BASE_URL": "http://emulator:80"}, err: "base URL"},
		{name: "nothing", err: "EDGEGAP_API_KEY"},
		{name: "invalid key", env: map[string]string{"EDGEGAP_API_KEY": "s3cr3t s3cr3t"}, err: "API key"},
		{name: "the key in place of a file", env: map[string]string{"EDGEGAP_API_KEY_FILE": "s3cr3t"}, err: "EDGEGAP_API_KEY_FILE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, name := range []string{"EDGEGAP_API_KEY", "EDGEGAP_API_TOKEN", "EDGEGAP_API_KEY_FILE", "EDGEGAP_BASE_URL", "EDGEGAP_PLAIN_HTTP"} {
				t.Setenv(name, test.env[name])
			}
			var req *http.Request
			c, err := sessions.NewFromEnv(append([]sessions.Option{sessions.WithTransport(captureRequest(&req))}, test.opts...)...)
			if test.err != "" {
				if !errors.Is(err, sessions.ErrInvalidArgument) || !strings.Contains(err.Error(), test.err) || strings.Contains(err.Error(), "s3cr3t") {
					t.Errorf("error is %v, want ErrInvalidArgument with %q and without the value", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Get(t.Context(), testID); err != nil {
				t.Fatal(err)
			}
			if got := req.Header.Get("Authorization"); got != "token "+testKey || req.URL.Host != test.host {
				t.Errorf("request to %s with Authorization %q, want %s", req.URL.Host, got, test.host)
			}
		})
	}
}

func TestRequests(t *testing.T) {
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			var req *http.Request
			var body []byte
			c := newClient(t, roundTripFunc(func(r *http.Request) (*http.Response, error) {
				if req = r; r.Body != nil {
					body, _ = io.ReadAll(r.Body)
				}
				return respondJSON(200, op.response), nil
			}), sessions.WithUserAgent("matchmaker/1.4"))
			if _, err := op.call(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if got, want := req.Method+" "+req.URL.String(), op.method+" "+sessions.DefaultBaseURL+op.path; got != want {
				t.Errorf("request is %s, want %s", got, want)
			}
			if string(body) != op.body {
				t.Errorf("body is %s, want %s", body, op.body)
			}
			want := http.Header{"Authorization": {"token " + testKey}, "Accept": {"application/json"}}
			if op.body != "" {
				want.Set("Content-Type", "application/json")
			}
			userAgent := req.Header.Get("User-Agent")
			req.Header.Del("User-Agent")
			if !reflect.DeepEqual(req.Header, want) || !strings.HasPrefix(userAgent, "matchmaker/1.4 edgegap-community-sessions/") {
				t.Errorf("headers are %v and User-Agent %q, want %v", req.Header, userAgent, want)
			}
			if got := sessions.OperationFromContext(req.Context()); got != op.name {
				t.Errorf("OperationFromContext returns %q, want %q", got, op.name)
			}
		})
	}
	if got := sessions.OperationFromContext(t.Context()); got != "" {
		t.Errorf("OperationFromContext returns %q for another context, want an empty string", got)
	}
}

func TestStopFilters(t *testing.T) {
	var body []byte
	c := newClient(t, roundTripFunc(func(r *http.Request) (*http.Response, error) {
		body, _ = io.ReadAll(r.Body)
		return respondJSON(200, `{"processable":[]}`), nil
	}))
	if _, err := c.BulkStop(t.Context(), sessions.StopByID("a", "b"), sessions.StopByDeployment("57f84a8e1298"), sessions.StopByTag("eu")); err != nil {
		t.Fatal(err)
	}
	want := `{"filters":[{"field":"session_id","filter_type":"any","values":["a","b"]},` +
		`{"field":"request_id","filter_type":"any","values":["57f84a8e1298"]},{"field":"deployment_tags","filter_type":"any","values":["eu"]}]}`
	if string(body) != want {
		t.Errorf("body is %s, want %s", body, want)
	}
}

func TestAPIClient(t *testing.T) {
	var req *http.Request
	requests := 0
	c := newClient(t, roundTripFunc(func(r *http.Request) (*http.Response, error) {
		req = r
		requests++
		res := respondJSON(302, "moved")
		res.Header.Set("Location", "https://example.net/")
		return res, nil
	}))
	res, err := c.API().GetSession(t.Context(), testID)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 302 || string(body) != "moved" || requests != 1 || req.Header.Get("Authorization") != "token "+testKey {
		t.Errorf("response is %d %q, %v, after %d requests; want the 302 of one request with the key", res.StatusCode, body, err, requests)
	}

	changed := c.API()
	changed.Server = "https://example.net/"
	if _, err := changed.GetSession(t.Context(), testID); err == nil || requests != 1 {
		t.Errorf("the key was sent to another server (%d requests, error %v)", requests, err)
	}
	if c.API().Server == changed.Server {
		t.Error("a change of API() changes the client")
	}
	for name, change := range map[string]func(*http.Request){
		"scheme": func(r *http.Request) { r.URL.Scheme = "http" },
		"host":   func(r *http.Request) { r.URL.Host = "example.net" },
		"port":   func(r *http.Request) { r.URL.Host += ":8443" },
	} {
		edit := func(_ context.Context, r *http.Request) error { change(r); return nil }
		if _, err := c.API().GetSession(t.Context(), testID, edit); err == nil || requests != 1 {
			t.Errorf("the key was sent to another %s (%d requests, error %v)", name, requests, err)
		}
	}
}

type closingTransport struct {
	roundTripFunc
	closed int
}

func (c *closingTransport) CloseIdleConnections() { c.closed++ }

func TestCloseIdleConnections(t *testing.T) {
	transport := &closingTransport{}
	newClient(t, transport).CloseIdleConnections()
	if transport.closed != 1 {
		t.Errorf("CloseIdleConnections of the transport was called %d times, want 1", transport.closed)
	}
	newClient(t, respondAlways(200, "")).CloseIdleConnections() // does nothing
}
