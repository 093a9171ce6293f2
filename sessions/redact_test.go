package sessions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/edgegap-community/edgegap/sessions"
)

// oddKey has the characters that encodings escape.
const oddKey = `k3y<e&y>'"with\odd+/signs=%25`

// escapes returns key in the forms in which a server may repeat it.
func escapes(key string) map[string]string {
	quote := func(s string, html bool) string {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(html)
		e.Encode(s)
		text := strings.TrimSpace(b.String())
		return text[1 : len(text)-1]
	}
	return map[string]string{
		"plain":                 key,
		"query":                 url.QueryEscape(key),
		"path":                  url.PathEscape(key),
		"JSON":                  quote(key, false),
		"JSON with HTML escape": quote(key, true),
	}
}

// printed returns v in all forms in which a program may print it.
func printed(v any) string {
	var text bytes.Buffer
	fmt.Fprintf(&text, "%v\n%+v\n%#v\n%s\n%q\n", v, v, v, v, v)
	slog.New(slog.NewTextHandler(&text, nil)).Info("text", "v", v)
	slog.New(slog.NewJSONHandler(&text, nil)).Info("json", "v", v)
	encoded, _ := json.Marshal(v) // some values cannot be encoded
	text.Write(encoded)
	return text.String()
}

// printedError returns err, its fields and the errors that it wraps in all printed forms.
func printedError(err error) string {
	if err == nil {
		return ""
	}
	text := printed(err)
	switch e := err.(type) {
	case *sessions.Error:
		text += printed(*e) + e.Operation + e.SessionID + e.Message + string(e.Body)
	case *sessions.SessionFailedError:
		text += printed(*e) + printed(*e.Session)
	}
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			text += printedError(err)
		}
	case interface{ Unwrap() error }:
		text += printedError(e.Unwrap())
	}
	return text
}

// checkNoKey fails the test if text contains the key in any form.
func checkNoKey(t *testing.T, name, text, key string) {
	t.Helper()
	for form, escaped := range escapes(key) {
		if i := strings.Index(text, escaped); i >= 0 {
			t.Errorf("%s: the key is in %q as %s", name, text[max(0, i-60):min(len(text), i+60)], form)
			return
		}
	}
}

func newClientWithKey(t *testing.T, key string, transport http.RoundTripper) *sessions.Client {
	t.Helper()
	c, err := sessions.New(key, append(once, sessions.WithTransport(transport))...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEchoedKeyIsRedacted(t *testing.T) {
	message := func(text string) string {
		body, _ := json.Marshal(map[string]string{"message": text})
		return string(body)
	}
	for form, key := range escapes(oddKey) {
		for _, test := range []struct {
			name                      string
			status                    int
			contentType, body, header string
		}{
			{name: "message", status: 401, body: message("bad key " + key)},
			{name: "token", status: 401, body: message("bad header token " + key)},
			{name: "JSON in a message", status: 400, body: message(message("bad key " + key))},
			{name: "JSON", status: 400, body: `{"key":"` + key + `"}`},
			{name: "HTML", status: 502, contentType: "text/html", body: "<p>" + key + "</p>"},
			{name: "end of a long body", status: 500, body: strings.Repeat("x", 4<<10-8) + key + "yyy"},
			{name: "long message", status: 500, body: message(strings.Repeat("x", 1000) + key + strings.Repeat("y", 1000) + key)},
			{name: "Content-Type", status: 200, contentType: "text/" + key, body: "ok"},
			{name: "field name", status: 200, body: message("")[:1] + `"` + key + `":{"a":}}`},
			{name: "text in place of JSON", status: 200, body: key},
			{name: "Retry-After", status: 429, header: key},
		} {
			c := newClientWithKey(t, oddKey, roundTripFunc(func(*http.Request) (*http.Response, error) {
				res := respondJSON(test.status, test.body)
				if test.contentType != "" {
					res.Header.Set("Content-Type", test.contentType)
				}
				res.Header.Set("Retry-After", test.header)
				return res, nil
			}))
			_, err := c.Create(t.Context(), sessions.CreateRequest{AppName: "arena"})
			if err == nil {
				t.Errorf("%s key in %s: no error", form, test.name)
			}
			checkNoKey(t, fmt.Sprintf("%s key in %s", form, test.name), printedError(err), oddKey)
		}
	}
	_, err := newClientWithKey(t, testKey, respondAlways(401, `{"message":"bad key `+testKey+`!"}`)).Get(t.Context(), testID)
	if want := "sessions: Get 950dd2eaff09-S: 401 Unauthorized: bad key ***!"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestKeyInCausesIsRedacted(t *testing.T) {
	for form, key := range escapes(oddKey) {
		cause := fmt.Errorf("proxy %s: %w", key, &net.OpError{Op: "dial", Net: "tcp " + key, Err: fmt.Errorf("%s: %w", key, syscall.ECONNREFUSED)})
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		c := newClientWithKey(t, oddKey, roundTripFunc(func(*http.Request) (*http.Response, error) { return nil, cause }))
		for name, ctx := range map[string]context.Context{"transport": t.Context(), "context": ctx} {
			_, err := c.Create(ctx, sessions.CreateRequest{AppName: "arena"})
			checkNoKey(t, fmt.Sprintf("%s key in an error of the %s", form, name), printedError(err), oddKey)
			if !errors.Is(err, cause) || !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%s key in an error of the %s: errors.Is does not find the cause in %v", form, name, err)
			}
		}
	}
}

func TestSessionIDThatIsTheKeyIsRedacted(t *testing.T) {
	c := newClientWithKey(t, testKey, respondAlways(404, `{"message":"no such session"}`))
	_, err := c.Get(t.Context(), testKey)
	checkNoKey(t, "response", printedError(err), testKey)
	_, err = c.AddUsers(t.Context(), testKey, "x")
	checkNoKey(t, "invalid argument", printedError(err), testKey)
	_, err = c.WaitReady(t.Context(), testKey, nil)
	checkNoKey(t, "wait", printedError(err), testKey)
}

func TestFailedSessionIsRedacted(t *testing.T) {
	for form, key := range escapes(oddKey) {
		reason, _ := json.Marshal("for " + key + " of 203.0.113.7")
		c := newClientWithKey(t, oddKey, respondAlways(200, `{"session_id":"950dd2eaff09-S","status":"Error","error":`+string(reason)+`}`))
		_, err := c.WaitReady(t.Context(), testID)
		var failed *sessions.SessionFailedError
		if !errors.As(err, &failed) || strings.Contains(err.Error(), "203.0.113.7") {
			t.Errorf("error is %v, want *SessionFailedError without the IP address", err)
		}
		checkNoKey(t, form, printedError(err), oddKey)
	}
}

// A short key, such as that of a test, is a part of many texts.
func TestShortKeys(t *testing.T) {
	for _, key := range []string{"e", "on", "key", "test", "context"} {
		ctx, cancel := context.WithCancel(t.Context())
		canceling := roundTripFunc(func(r *http.Request) (*http.Response, error) {
			cancel()
			return nil, r.Context().Err()
		})
		for _, test := range []struct {
			transport http.RoundTripper
			want      []error
		}{
			{canceling, []error{context.Canceled, sessions.ErrOutcomeUnknown}},
			{roundTripFunc(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }),
				[]error{io.ErrUnexpectedEOF, sessions.ErrOutcomeUnknown}},
			{respondAlways(200, `{}`), []error{sessions.ErrUnexpectedResponse, sessions.ErrOutcomeUnknown}},
		} {
			_, err := newClientWithKey(t, key, test.transport).Create(ctx, sessions.CreateRequest{AppName: "arena"})
			for _, want := range test.want {
				if !errors.Is(err, want) {
					t.Errorf("key %q: error is %v, want %v", key, err, want)
				}
			}
			ctx = t.Context()
		}
	}
}

func TestPrintedFormsHaveNoKey(t *testing.T) {
	opts := []sessions.Option{sessions.WithUserAgent("matchmaker/1"), sessions.WithLogger(slog.New(slog.DiscardHandler))}
	c, err := sessions.New(oddKey, opts...)
	if err != nil {
		t.Fatal(err)
	}
	hooks, err := c.Webhooks("https://example.com/hook", "webhook-secret")
	if err != nil {
		t.Fatal(err)
	}
	holder := struct {
		Client *sessions.Client
		Hooks  *sessions.Webhooks
	}{c, hooks}
	for _, v := range []any{c, c.API(), *c.API(), c.API().Client, hooks, hooks.Handler(nil), holder, &holder, opts, c.Get} {
		checkNoKey(t, fmt.Sprintf("%T", v), printed(v), oddKey)
	}
}

func TestErrorTextsHaveNoIPAddresses(t *testing.T) {
	for _, test := range []struct{ message, want string }{
		{"user 203.0.113.7 is unknown", "user [ip] is unknown"},
		{"[2001:db8::7]:443", "[ip]"},
		{"2001:DB8:0:0:0:0:0:7 is full", "[ip] is full"},
		{"fe80::1%eth0", "[ip]"},
		{"::ffff:203.0.113.7 and ::1", "[ip] and [ip]"},
		{`["203.0.113.7","2001:db8::7"]`, `["[ip]","[ip]"]`},
		{"user=203.0.113.7&b=1", "user=[ip]&b=1"},
		{"version 1.4.0 of arena at 12:00:45: deadbeef, a.b.c, 950dd2eaff09-S", "version 1.4.0 of arena at 12:00:45: deadbeef, a.b.c, 950dd2eaff09-S"},
	} {
		body, _ := json.Marshal(map[string]string{"message": test.message})
		_, err := newClient(t, respondAlways(400, string(body))).Get(t.Context(), testID)
		failed := &sessions.SessionFailedError{Session: &sessions.Session{SessionID: testID, Error: test.message}}
		wrapped := newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) { return nil, errors.New(test.message) }), once...)
		_, transportErr := wrapped.Get(t.Context(), testID)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New(test.message))
		_, contextErr := wrapped.Get(ctx, testID)
		for name, err := range map[string]error{"response": err, "failed session": failed, "transport": transportErr, "context": contextErr} {
			text := fmt.Sprintf("%v %+v %s %q", err, err, err, err)
			for _, ip := range []string{"203.0.113", "2001:db8", "2001:DB8", "fe80", "::1", "::ffff", "[ip]0"} {
				if strings.Contains(text, ip) {
					t.Errorf("%s: the address %s is in %s", name, ip, text)
				}
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: got %q, want it to contain %q", name, err, test.want)
			}
		}
	}
}

func TestConnectionErrorsHaveNoIPAddresses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // so that connections are refused
	c, err := sessions.New(testKey, append(once, sessions.WithBaseURL("http://"+l.Addr().String()))...)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Get(t.Context(), testID)
	if !errors.Is(err, syscall.ECONNREFUSED) || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("got %v, want ECONNREFUSED without the address", err)
	}
}
