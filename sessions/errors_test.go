package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
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
			if e.Operation != op.name || (e.SessionID == testID) != strings.Contains(op.path, testID) || e.StatusCode != test.status || e.Message != "out of order" || string(e.Body) != `{"message":"out of order"}` {
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
	if got, want := failed.Error(), "sessions: session 950dd2eaff09-S failed: status Error: no; deployment"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestErrorTexts(t *testing.T) {
	canceled, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("match is over"))
	for _, test := range []struct {
		name, op   string
		ctx        context.Context
		status     int
		body, want string
	}{
		{"message", "Get", t.Context(), 404, `{"message":"no such session"}`, "sessions: Get 950dd2eaff09-S: 404 Not Found: no such session"},
		{"no session", "List", t.Context(), 401, `{"message":"bad key"}`, "sessions: List: 401 Unauthorized: bad key"},
		{"unknown status", "Get", t.Context(), 499, `{"message":"closed"}`, "sessions: Get 950dd2eaff09-S: 499: closed"},
		{"message of another type", "Get", t.Context(), 400, `{"message":{"text":"a"}}`, "sessions: Get 950dd2eaff09-S: 400 Bad Request"},
		{"null", "Get", t.Context(), 400, `null`, "sessions: Get 950dd2eaff09-S: 400 Bad Request"},
		{"HTML", "Get", t.Context(), 400, `<h1>Bad request</h1>`, "sessions: Get 950dd2eaff09-S: 400 Bad Request"},
		{"lines", "Get", t.Context(), 400, `{"message":"one\ntwo\tthree\u2028four"}`, "sessions: Get 950dd2eaff09-S: 400 Bad Request: one; two three four"},
		{"Retry-After", "Get", t.Context(), 429, `{"message":"slow down"}`, "sessions: Get 950dd2eaff09-S: 429 Too Many Requests (retry after 7s): slow down"},
		{"outcome unknown", "Create", t.Context(), 500, `{"message":"oops"}`, "sessions: Create: 500 Internal Server Error: oops: outcome unknown"},
		{"canceled", "Get", canceled, 200, ``, "sessions: Get 950dd2eaff09-S: context canceled: match is over"},
	} {
		for _, op := range operations {
			if op.name != test.op {
				continue
			}
			_, err := op.call(test.ctx, newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) {
				res := respondJSON(test.status, test.body)
				if test.status == 429 {
					res.Header.Set("Retry-After", "7")
				}
				return res, nil
			}), once...))
			if err.Error() != test.want {
				t.Errorf("%s: got %q, want %q", test.name, err, test.want)
			}
		}
	}
}

func TestLongErrors(t *testing.T) {
	const maxText = 4 << 10
	long := strings.Repeat("é", 5<<10)
	check := func(name, text, want string) {
		t.Helper()
		if len(text) > maxText || !utf8.ValidString(text) || !strings.Contains(text, want) {
			t.Errorf("%s: got %d bytes, want at most %d bytes of UTF-8 with %q: %.1000q", name, len(text), maxText, want, text)
		}
	}
	for _, length := range []int{900, 1 << 10, 2 << 10, 30 << 10} {
		message := strings.Repeat("a", length)
		c := newClient(t, respondAlways(500, `{"message":"`+message+`"}`), once...)
		_, err := c.Create(t.Context(), sessions.CreateRequest{AppName: "arena"})
		check("message", err.Error(), "outcome unknown")
		if e := asError(t, err); !errors.Is(err, sessions.ErrOutcomeUnknown) || len(e.Body) > 4<<10 || !strings.HasPrefix(message, e.Message) {
			t.Errorf("message of %d bytes: body has %d bytes, message %d", length, len(e.Body), len(e.Message))
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New(long))
	_, err := newClient(t, respondAlways(200, "")).Get(ctx, testID)
	check("cause", err.Error(), "context canceled")
	_, err = newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) { return nil, errors.New(long) })).Create(t.Context(), sessions.CreateRequest{AppName: "arena"})
	check("transport", err.Error(), "outcome unknown")
	_, err = newClient(t, respondAlways(404, `{"message":"`+long+`"}`)).Get(t.Context(), strings.Repeat("a", 10<<10))
	check("session ID", err.Error(), "sessions: Get")
	failed := &sessions.SessionFailedError{Session: &sessions.Session{SessionID: testID, Status: sessions.StatusError, Error: long}}
	check("failed session", failed.Error(), testID)
}
