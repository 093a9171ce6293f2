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
		"JSON with \\/":         strings.ReplaceAll(quote(key, false), "/", `\/`),
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
	text := printed(err)
	switch e := err.(type) {
	case *sessions.Error:
		text += printed(*e) + string(e.Body)
	case *sessions.SessionFailedError:
		text += printed(*e.Session)
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
			name, contentType, body string
			status                  int
		}{
			{"message", "application/json", message("bad key " + key), 401},
			{"header in a message", "application/json", message("bad header token " + key), 401},
			{"JSON in a message", "application/json", message(message("bad key " + key)), 400},
			{"JSON", "application/json", `{"key":"` + key + `"}`, 400},
			{"HTML", "text/html", "<p>" + key + "</p>", 502},
			{"end of a long body", "text/plain", strings.Repeat("x", 4<<10-8) + key + "yyy", 500},
			{"long message", "application/json", message(strings.Repeat("x", 280) + key + strings.Repeat("y", 1000) + key), 500},
			{"Content-Type", "text/" + key, "ok", 200},
			{"field name", "application/json", `{"` + key + `":{"a":}}`, 200},
			{"text in place of JSON", "application/json", key, 200},
			{"session ID", "application/json", strings.TrimSuffix(strings.Replace(message(key), "message", "session_id", 1), "}"), 200},
		} {
			c := newClientWithKey(t, oddKey, roundTripFunc(func(*http.Request) (*http.Response, error) {
				res := respondJSON(test.status, test.body)
				res.Header.Set("Content-Type", test.contentType)
				return res, nil
			}))
			_, err := c.Create(t.Context(), sessions.CreateRequest{AppName: "arena"})
			if err == nil {
				t.Errorf("%s key in %s: no error", form, test.name)
			}
			checkNoKey(t, fmt.Sprintf("%s key in %s", form, test.name), printedError(err), oddKey)
		}
	}
	_, err := newClientWithKey(t, testKey, respondAlways(401, `{"message":"bad key `+testKey+`!"}`)).Get(t.Context(), testKey)
	if want := "sessions: Get ***: 401 Unauthorized: bad key ***!"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestKeyInCausesIsRedacted(t *testing.T) {
	for form, key := range escapes(oddKey) {
		cause := fmt.Errorf("proxy %s: %w", key, &net.OpError{Op: "dial", Net: "tcp " + key, Err: fmt.Errorf("%s: %w", key, syscall.ECONNREFUSED)})
		ctx, cancel := context.WithCancelCause(t.Context())
		requests := 0
		c := newClientWithKey(t, oddKey, roundTripFunc(func(*http.Request) (*http.Response, error) {
			if requests++; requests > 1 {
				cancel(cause)
			}
			return nil, cause
		}))
		for i, ctx := range []context.Context{t.Context(), ctx, ctx} { // the transport fails, the context ends, the context is done
			_, err := c.Create(ctx, sessions.CreateRequest{AppName: "arena"})
			checkNoKey(t, fmt.Sprintf("%s key in call %d", form, i), printedError(err), oddKey)
			if !errors.Is(err, cause) || !errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, context.Canceled) != (i > 0) {
				t.Errorf("%s key in call %d: errors.Is does not find the cause in %v", form, i, err)
			}
		}
		reason, _ := json.Marshal("for " + key)
		c = newClientWithKey(t, oddKey, respondAlways(200, `{"session_id":"a","status":"Error","error":`+string(reason)+`}`))
		_, err := c.WaitReady(t.Context(), testID)
		if checkNoKey(t, form+" key in a failed session", printedError(err), oddKey); !errors.As(err, new(*sessions.SessionFailedError)) {
			t.Errorf("error is %v, want *SessionFailedError", err)
		}
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
			transport roundTripFunc
			want      error
			text      string
		}{
			{canceling, context.Canceled, "sessions: Create: outcome unknown: context canceled"},
			{func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, io.ErrUnexpectedEOF, "sessions: Create: outcome unknown: unexpected EOF"},
			{respondAlways(200, `{}`), sessions.ErrUnexpectedResponse, "sessions: Create: 200 OK: outcome unknown: unexpected response: session_id is missing or invalid"},
		} {
			_, err := newClientWithKey(t, key, test.transport).Create(ctx, sessions.CreateRequest{AppName: "arena"})
			if !errors.Is(err, test.want) || !errors.Is(err, sessions.ErrOutcomeUnknown) || len(key) < 5 && err.Error() != test.text {
				t.Errorf("key %q: error is %q, want %q", key, err, test.text)
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
	for _, v := range []any{c, c.API(), *c.API(), c.API().Client, hooks, hooks.Handler(nil), []any{c, hooks}, &struct{ C *sessions.Client }{c}, opts, c.Get} {
		checkNoKey(t, fmt.Sprintf("%T", v), printed(v), oddKey)
	}
}

func TestErrorTextsHaveNoIPAddresses(t *testing.T) {
	for _, test := range []struct{ message, want string }{
		{"user 203.0.113.7 is unknown", "user [ip] is unknown"},
		{"203.0.113.7, 203.0.113.70, 203.0.113.70", "[ip], [ip], [ip]"},
		{"2001:DB8:0:0:0:0:0:7 is full", "[ip] is full"},
		{"::ffff:203.0.113.7 and ::1", "[ip] and [ip]"},
		{"::1, 2001:db8::1", "[ip], [ip]"},
		{`["203.0.113.7","2001:db8::7"]`, `["[ip]","[ip]"]`},
		{"user=203.0.113.7&b=1", "user=[ip]&b=1"},
		{"version 1.4.0 of arena at 12:00:45: deadbeef, a.b.c.d, 950dd2eaff09-S", "version 1.4.0 of arena at 12:00:45: deadbeef, a.b.c.d, 950dd2eaff09-S"},
	} {
		body, _ := json.Marshal(map[string]string{"message": test.message})
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New(test.message))
		failing := roundTripFunc(func(*http.Request) (*http.Response, error) { return nil, errors.New(test.message) })
		_, statusErr := newClient(t, respondAlways(400, string(body))).Get(t.Context(), testID)
		_, transportErr := newClient(t, failing, once...).Get(t.Context(), testID)
		_, contextErr := newClient(t, failing).Get(ctx, testID)
		failed := &sessions.SessionFailedError{Session: &sessions.Session{SessionID: testID, Error: test.message}}
		for _, err := range []error{statusErr, transportErr, contextErr, failed} {
			if _, got, _ := strings.Cut(err.Error(), ": "); !strings.HasSuffix(got, ": "+test.want) {
				t.Errorf("%q: error is %q, want it to end with %q", test.message, err, test.want)
			}
			if text := fmt.Sprintf("%v %+v %s %q", err, err, err, err); strings.Count(text, "[ip]") != 4*strings.Count(err.Error(), "[ip]") {
				t.Errorf("%q: the printed forms of %q differ: %s", test.message, err, text)
			}
		}
	}
}

func TestLogHasNoSecrets(t *testing.T) {
	var debug, info bytes.Buffer
	for log, level := range map[*bytes.Buffer]slog.Level{&debug: slog.LevelDebug, &info: slog.LevelInfo} {
		logger := slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: level}))
		for _, transport := range []roundTripFunc{
			respondAlways(400, `{"message":"203.0.113.7 with `+testKey+`"}`),
			respondAlways(200, `{"session_id":"203.0.113.7 with `+testKey+`"}`),
			func(*http.Request) (*http.Response, error) { return nil, errors.New("203.0.113.7 with " + testKey) },
		} {
			for _, op := range operations {
				op.call(t.Context(), newClient(t, transport, append(once, sessions.WithLogger(logger))...))
			}
		}
	}
	if n := strings.Count(debug.String(), "\n"); n != 3*len(operations) || strings.Contains(debug.String(), testKey) || strings.Contains(debug.String(), "203.0.113.7") {
		t.Errorf("got %d records at debug level, want %d without the key and IP addresses: %s", n, 3*len(operations), debug.String())
	}
	if info.Len() > 0 {
		t.Errorf("got %s, want no record above debug level", info.String())
	}
}
