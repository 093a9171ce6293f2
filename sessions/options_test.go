package sessions_test

import (
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

func TestKey(t *testing.T) {
	for _, test := range []struct{ key, header, err string }{
		{key: "abc", header: "token abc"},
		{key: "  abc\r\n", header: "token abc"},
		{key: "token abc", header: "token abc"},
		{key: "TOKEN  abc ", header: "token abc"},
		{key: "\ttoken token-9", header: "token token-9"},
		{key: "tokenabc", header: "token tokenabc"},
		{key: `a"<b>\&c`, header: `token a"<b>\&c`},
		{key: "", err: "API key"},
		{key: " \n", err: "API key"},
		{key: "token ", err: "API key"},
		{key: "s3cr3t s3cr3t", err: "API key"},
		{key: "s3cr3t\ns3cr3t", err: "API key"},
		{key: "s3cr3t\x00", err: "API key"},
		{key: "s3cr3té", err: "API key"},
		{key: "Bearer s3cr3t", err: "API key"},
		{key: `"s3cr3t"`, err: "quote"},
		{key: `'s3cr3t'`, err: "quote"},
		{key: `token "s3cr3t"`, err: "quote"},
	} {
		var req *http.Request
		c, err := sessions.New(test.key, sessions.WithTransport(captureRequest(&req)))
		if test.err != "" {
			if !errors.Is(err, sessions.ErrInvalidArgument) || !strings.Contains(err.Error(), test.err) || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("key %q: error is %v, want ErrInvalidArgument with %q and without the key", test.key, err, test.err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("key %q: %v", test.key, err)
		}
		c.Get(t.Context(), testID)
		if got := req.Header.Get("Authorization"); got != test.header {
			t.Errorf("key %q: Authorization is %q, want %q", test.key, got, test.header)
		}
	}
}

func TestBaseURL(t *testing.T) {
	plain := []sessions.Option{sessions.WithPlainHTTP()}
	for _, test := range []struct {
		base, prefix string // prefix of the URL of a Get, or "" if base is invalid
		opts         []sessions.Option
	}{
		{base: "https://example.com", prefix: "https://example.com/"},
		{base: "https://example.com/", prefix: "https://example.com/"},
		{base: "https://10.0.0.8:8443/edgegap", prefix: "https://10.0.0.8:8443/edgegap/"},
		{base: "https://example.com/a/b/", prefix: "https://example.com/a/b/"},
		{base: "http://localhost:8080", prefix: "http://localhost:8080/"},
		{base: "http://127.0.0.9", prefix: "http://127.0.0.9/"},
		{base: "http://[::1]:80", prefix: "http://[::1]:80/"},
		{base: "http://emulator:8080", opts: plain, prefix: "http://emulator:8080/"},
		{base: ""}, {base: "s3cr3t.example.com"}, {base: "https://"}, {base: "https://:443"}, {base: "https:s3cr3t"}, {base: "ftp://s3cr3t"},
		{base: "https://u:s3cr3t@example.com"}, {base: "https://s3cr3t@example.com"}, {base: "https://example.com?token=s3cr3t"}, {base: "https://example.com?"},
		{base: "https://example.com#s3cr3t"}, {base: "https://example.com/%zz s3cr3t"}, {base: "ftp://s3cr3t", opts: plain},
		{base: "http://api.edgegap.com"}, {base: "http://192.0.2.7"}, {base: "http://127.0.0.1.s3cr3t.example"}, {base: "http://localhost.s3cr3t.example"},
	} {
		var req *http.Request
		c, err := sessions.New(testKey, append(test.opts, sessions.WithTransport(captureRequest(&req)), sessions.WithBaseURL(test.base))...)
		if test.prefix == "" {
			if !errors.Is(err, sessions.ErrInvalidArgument) || !strings.Contains(err.Error(), "base URL") || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("base URL %q: error is %v, want ErrInvalidArgument that does not repeat the URL", test.base, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("base URL %q: %v", test.base, err)
		}
		c.Get(t.Context(), testID)
		if got, want := req.URL.String(), test.prefix+"v1/session/"+testID; got != want {
			t.Errorf("base URL %s: request is for %s, want %s", test.base, got, want)
		}
	}
}

func TestNewReportsAllInvalidOptions(t *testing.T) {
	_, err := sessions.New("",
		sessions.WithBaseURL("ftp://example.com"), sessions.WithMaxAttempts(0), sessions.WithMaxRateLimitWait(-1), sessions.WithAttemptTimeout(0),
		sessions.WithPollInterval(2, 1), sessions.WithUserAgent("a\nb"))
	if !errors.Is(err, sessions.ErrInvalidArgument) {
		t.Fatalf("error is %v, want ErrInvalidArgument", err)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error has several lines: %v", err)
	}
	for _, want := range []string{"API key", "base URL", "max attempts", "max rate limit wait", "attempt timeout", "poll interval", "user agent"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not mention %q: %v", want, err)
		}
	}
	c, err := sessions.New(testKey, sessions.WithTransport(nil), sessions.WithLimiter(nil), sessions.WithLogger(nil), sessions.WithUserAgent(""),
		sessions.WithMaxAttempts(1), sessions.WithMaxRateLimitWait(0), sessions.WithPollInterval(time.Second, time.Second), sessions.WithBaseURL("http://127.0.0.1:1"))
	if err != nil {
		t.Fatalf("valid options: %v", err)
	}
	c.Get(t.Context(), testID) // nil is the default transport, and not a panic
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
			c.Get(t.Context(), testID)
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
			if result, err := op.call(t.Context(), c); err != nil || !reflect.DeepEqual(result, op.result) {
				t.Fatalf("got %+v, error %v, want %+v", result, err, op.result)
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
			if op.idempotent {
				want["Idempotency-Key"] = nil // for net/http, which does not send it
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
