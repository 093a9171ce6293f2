package sessions_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

func TestKeysAreCleanedOrRefused(t *testing.T) {
	for given, want := range map[string]string{
		"abc":               "token abc",
		"  abc\n":           "token abc",
		"token abc":         "token abc",
		"TOKEN  abc ":       "token abc",
		"tokenabc":          "token tokenabc",
		`a"<b>\&c`:          `token a"<b>\&c`,
		"\ttoken token-9\r": "token token-9",
	} {
		s := says(200, sessionJSON)
		c, err := sessions.New(given, sessions.WithTransport(s))
		if err != nil {
			t.Errorf("%q: %v", given, err)
			continue
		}
		if _, err := c.Get(t.Context(), testID); err != nil {
			t.Fatal(err)
		}
		if got := s.seen[0].Header.Get("Authorization"); got != want {
			t.Errorf("%q is sent as %q, want %q", given, got, want)
		}
	}
	for _, bad := range []string{"", "   ", "token", "Token ", "token   ", "token token", "s3cr3t\x00x", "s3cr3t\nx", "s3cr3t x", "s3cr3t\x7f", "s3cr3té", "token s3cr3t\tx"} {
		_, err := sessions.New(bad)
		if !errors.Is(err, sessions.ErrInvalidArgument) || !strings.Contains(err.Error(), "API key") {
			t.Errorf("%q: %v", bad, err)
		} else if strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("the error shows the key: %v", err)
		}
	}
}

func TestBaseURLsAreTakenOrRefused(t *testing.T) {
	for _, good := range []string{"https://api.edgegap.com", "https://10.0.0.8:8443/x/y/", "http://localhost:8080", "http://127.0.0.9", "http://[::1]:80", "http://LOCALHOST", "https://proxy.example/edgegap/v1"} {
		if _, err := sessions.New("k", sessions.WithBaseURL(good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, why := range map[string]string{
		"":                          "no host",
		"api.edgegap.com":           "no host",
		"https://":                  "no host",
		"https://:443":              "no host",
		"https:opaque":              "no host",
		"ftp://api.edgegap.com":     "scheme",
		"https://u:s3cr3t@h":        "user",
		"https://h?token=s3cr3t":    "query",
		"https://h?":                "query",
		"https://h#s3cr3t":          "fragment",
		"https://h#":                "fragment",
		"http://api.edgegap.com":    "in clear",
		"http://127.0.0.1.nip.io":   "in clear",
		"http://localhost.evil.io":  "in clear",
		"https://h/%zz s3cr3t":      "parsed",
		"https://h/v1":              "leave out the /v1",
		"http://localhost:8080/v1/": "leave out the /v1",
	} {
		_, err := sessions.New("k", sessions.WithBaseURL(bad))
		if !errors.Is(err, sessions.ErrInvalidArgument) || !strings.Contains(err.Error(), "base URL: ") || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %q", bad, err, why)
		} else if strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("the error shows the URL: %v", err)
		}
	}
	if _, err := sessions.New("k", sessions.WithPlainHTTP(), sessions.WithBaseURL("http://emulator:8080")); err != nil {
		t.Errorf("plain http that is allowed: %v", err)
	}
}

func TestAllBadOptionsAreReportedAtOnce(t *testing.T) {
	_, err := sessions.New("",
		sessions.WithBaseURL("ftp://h"), sessions.WithTransport(nil), sessions.WithRetry(sessions.RetryPolicy{Attempts: -1}),
		sessions.WithTimeout(0), sessions.WithLimiter(nil), sessions.WithLogger(nil), sessions.WithUserAgent("a\nb"), nil)
	for _, want := range []string{"API key", "base URL", "transport", "retry policy", "timeout", "limiter", "logger", "user agent", "nil option"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no word of %s: %v", want, err)
		}
	}
	if !errors.Is(err, sessions.ErrInvalidArgument) {
		t.Errorf("%v is not ErrInvalidArgument", err)
	}
}

// A nil pointer would panic at the first call.
func TestNilPointersAreRefused(t *testing.T) {
	_, err := sessions.New("k", sessions.WithTransport((*http.Transport)(nil)), sessions.WithLimiter((*pacer)(nil)))
	if !errors.Is(err, sessions.ErrInvalidArgument) || !strings.Contains(err.Error(), "transport: nil; limiter: nil") {
		t.Error(err)
	}
}

func TestRetryPolicies(t *testing.T) {
	for _, good := range []sessions.RetryPolicy{{}, {Attempts: 5}, {Attempts: 2, First: time.Minute}, {Attempts: 2, Most: time.Second}, {Attempts: 2, Most: time.Millisecond}, {3, 1, 1}} {
		if _, err := sessions.New("k", sessions.WithRetry(good)); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
	for _, bad := range []sessions.RetryPolicy{{Attempts: -1}, {First: -1}, {Most: -1}, {First: 2, Most: 1}} {
		if _, err := sessions.New("k", sessions.WithRetry(bad)); err == nil || !strings.Contains(err.Error(), "retry policy") {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if _, err := sessions.New("k", sessions.WithUserAgent(" ")); err == nil {
		t.Error("an empty user agent is taken")
	}
}

func TestTheDefaultTransportIsBounded(t *testing.T) {
	tr := sessions.NewTransport()
	if tr.MaxConnsPerHost != 64 || tr.MaxIdleConnsPerHost != 64 || tr.MaxIdleConns != 64 || tr.IdleConnTimeout != 30*time.Second || !tr.ForceAttemptHTTP2 || tr.Proxy == nil {
		t.Errorf("%+v", tr)
	}
	if tr == sessions.NewTransport() {
		t.Error("two transports are one")
	}
}
