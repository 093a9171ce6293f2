package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/edgegap-community/edgegap/sessions"
)

// once are the options of a client that sends each request once.
var once = []sessions.Option{sessions.WithMaxAttempts(1), sessions.WithMaxRateLimitWait(0)}

func TestErrorClasses(t *testing.T) {
	classes := map[string]error{
		"ErrInvalidArgument": sessions.ErrInvalidArgument, "ErrUnauthorized": sessions.ErrUnauthorized, "ErrNotFound": sessions.ErrNotFound,
		"ErrRateLimited": sessions.ErrRateLimited, "ErrServer": sessions.ErrServer, "ErrUnexpectedResponse": sessions.ErrUnexpectedResponse,
		"ErrOutcomeUnknown": sessions.ErrOutcomeUnknown, "ErrCleanupFailed": sessions.ErrCleanupFailed,
	}
	for _, test := range []struct {
		status  int
		class   string // "" for none
		unknown bool   // also ErrOutcomeUnknown, if the operation is not idempotent
	}{
		{400, "", false}, {401, "ErrUnauthorized", false}, {403, "", false}, {404, "ErrNotFound", false}, {408, "", false}, {409, "", false},
		{410, "ErrNotFound", false}, {418, "", false}, {422, "", false}, {429, "ErrRateLimited", false}, {499, "", false},
		{500, "ErrServer", true}, {501, "ErrServer", true}, {502, "ErrServer", true}, {503, "ErrServer", true}, {504, "ErrServer", true}, {599, "ErrServer", true},
	} {
		for _, op := range operations {
			if op.name == "Delete" && test.class == "ErrNotFound" {
				continue
			}
			_, err := op.call(t.Context(), newClient(t, respondAlways(test.status, `{"message":"out of order"}`), once...))
			for name, class := range classes {
				want := name == test.class || name == "ErrOutcomeUnknown" && test.unknown && !op.idempotent
				if errors.Is(err, class) != want {
					t.Errorf("%s, status %d: %s is %t, want %t: %v", op.name, test.status, name, !want, want, err)
				}
			}
			e := asError(t, err)
			wantID := ""
			if strings.Contains(op.path, testID) {
				wantID = testID
			}
			if e.Operation != op.name || e.SessionID != wantID || e.StatusCode != test.status || e.Message != "out of order" || string(e.Body) != `{"message":"out of order"}` {
				t.Errorf("%s, status %d: got %+v with body %q", op.name, test.status, *e, e.Body)
			}
		}
	}
}

// A program's own tests may construct errors.
func TestConstructedErrors(t *testing.T) {
	err := fmt.Errorf("match 7: %w", &sessions.Error{Operation: "Get", SessionID: testID, StatusCode: 404})
	if !errors.Is(err, sessions.ErrNotFound) || err.Error() != "match 7: sessions: Get 950dd2eaff09-S: 404 Not Found" {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	failed := &sessions.SessionFailedError{Session: &sessions.Session{SessionID: testID, Status: sessions.StatusError, Error: "no\ndeployment"}}
	for _, want := range []string{"sessions: ", testID, "Error", "no", "deployment"} {
		if !strings.Contains(failed.Error(), want) || strings.Contains(failed.Error(), "\n") {
			t.Errorf("got %q, want one line with %q", failed, want)
		}
	}
}

func TestErrorTexts(t *testing.T) {
	for _, test := range []struct {
		name   string
		op     string
		status int
		header http.Header
		body   string
		want   string
	}{
		{"message", "Get", 404, nil, `{"message":"no such session"}`, "sessions: Get 950dd2eaff09-S: 404 Not Found: no such session"},
		{"no session", "List", 401, nil, `{"message":"bad key"}`, "sessions: List: 401 Unauthorized: bad key"},
		{"message of another type", "Get", 400, nil, `{"message":{"text":"a"}}`, "sessions: Get 950dd2eaff09-S: 400 Bad Request"},
		{"null", "Get", 400, nil, `null`, "sessions: Get 950dd2eaff09-S: 400 Bad Request"},
		{"HTML", "Get", 400, nil, `<h1>Bad request</h1>`, "sessions: Get 950dd2eaff09-S: 400 Bad Request"},
		{"lines", "Get", 400, nil, `{"message":"one\r\ntwo\tthree\u2028four"}`, ""},
		{"Retry-After", "Get", 429, http.Header{"Retry-After": {"7"}}, `{"message":"slow down"}`, "sessions: Get 950dd2eaff09-S: 429 Too Many Requests (retry after 7s): slow down"},
		{"outcome unknown", "Create", 500, nil, `{"message":"oops"}`, ""},
	} {
		for _, op := range operations {
			if op.name != test.op {
				continue
			}
			_, err := op.call(t.Context(), newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) {
				res := respondJSON(test.status, test.body)
				for name, values := range test.header {
					res.Header[name] = values
				}
				return res, nil
			}), once...))
			if test.want != "" && err.Error() != test.want {
				t.Errorf("%s: got %q, want %q", test.name, err, test.want)
			}
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' }) {
				t.Errorf("%s: got %q, want one line", test.name, err)
			}
			if errors.Is(err, sessions.ErrOutcomeUnknown) && !strings.Contains(err.Error(), "outcome unknown") {
				t.Errorf("%s: got %q, want it to mention the unknown outcome", test.name, err)
			}
			for _, value := range test.header["Retry-After"] {
				if e := asError(t, err); e.RetryAfter != 7*time.Second {
					t.Errorf("%s: Retry-After %s is %v, want 7s", test.name, value, e.RetryAfter)
				}
			}
		}
	}
}

func TestLongErrors(t *testing.T) {
	const maxText = 4 << 10
	long := strings.Repeat("é", 5<<10)
	check := func(name, text string, want ...string) {
		t.Helper()
		if len(text) > maxText || !utf8.ValidString(text) {
			t.Errorf("%s: the text has %d bytes, want at most %d bytes of UTF-8: %.200q", name, len(text), maxText, text)
		}
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: the text does not contain %q: %s", name, w, text)
			}
		}
	}
	for _, length := range []int{900, 1 << 10, 2 << 10, 30 << 10} {
		message := strings.Repeat("a", length)
		c := newClient(t, respondAlways(500, `{"message":"`+message+`"}`), once...)
		_, err := c.Create(t.Context(), sessions.CreateRequest{AppName: "arena"})
		check(fmt.Sprintf("message of %d bytes", length), err.Error(), "sessions: Create", "500 Internal Server Error", "outcome unknown")
		if e := asError(t, err); !errors.Is(err, sessions.ErrOutcomeUnknown) || len(e.Body) > 4<<10 || !strings.HasPrefix(message, e.Message) {
			t.Errorf("message of %d bytes: body has %d bytes, message %d", length, len(e.Body), len(e.Message))
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New(long))
	_, err := newClient(t, respondAlways(200, "")).Get(ctx, testID)
	check("cause", err.Error(), "sessions: Get", "context canceled")
	_, err = newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) { return nil, errors.New(long) })).Create(t.Context(), sessions.CreateRequest{AppName: "arena"})
	check("transport", err.Error(), "outcome unknown")
	_, err = newClient(t, respondAlways(404, `{"message":"`+long+`"}`)).Get(t.Context(), strings.Repeat("a", 10<<10))
	check("session ID", err.Error(), "sessions: Get")
	failed := &sessions.SessionFailedError{Session: &sessions.Session{SessionID: testID, Status: sessions.StatusError, Error: long}}
	check("failed session", failed.Error(), testID, "Error")
}

func TestErrorsWrapTheirCauses(t *testing.T) {
	cause := errors.New("match is over")
	ctx, cancel := context.WithCancelCause(t.Context())
	requests := 0
	c := newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) {
		requests++
		return nil, fmt.Errorf("write: %w", syscall.EPIPE)
	}), once...)
	for _, op := range operations {
		_, err := op.call(t.Context(), c)
		if !errors.Is(err, syscall.EPIPE) || errors.Is(err, sessions.ErrOutcomeUnknown) == op.idempotent || !strings.Contains(err.Error(), "write: ") {
			t.Errorf("%s: error is %v, want EPIPE and ErrOutcomeUnknown %t", op.name, err, !op.idempotent)
		}
	}
	requests = 0
	cancel(cause)
	for _, op := range operations {
		_, err := op.call(ctx, c)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, cause) || errors.Is(err, sessions.ErrOutcomeUnknown) || requests != 0 {
			t.Errorf("%s: error is %v after %d requests, want context.Canceled, its cause and no request", op.name, err, requests)
		}
		if text := err.Error(); strings.Count(text, "context canceled") != 1 || strings.Count(text, "match is over") != 1 {
			t.Errorf("%s: error is %q, want each cause once", op.name, text)
		}
	}
	c = newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) {
		res := respondJSON(200, "")
		res.Body = failingBody{strings.NewReader(`{"session_id":"a"`)}
		return res, nil
	}), once...)
	if _, err := c.Get(t.Context(), testID); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("truncated body: error is %v, want io.ErrUnexpectedEOF", err)
	}
}
