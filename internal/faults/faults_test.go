// Package faults_test runs the client against servers that misbehave on purpose,
// over real sockets: they redirect, lie, flood, stall, and repeat secrets. The
// README beside it holds the table of case and result, which is made from the
// tables that the tests assert.
package faults_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

func TestMain(m *testing.M) {
	if measured := os.Getenv(sizeChild); measured != "" {
		measureCall(measured)
		return
	}
	os.Exit(m.Run())
}

const (
	// apiKey is spelled otherwise by every way of quoting, but for the letters
	// of keyCore, which any spelling holds.
	apiKey  = `7<"\/+%=&>SEcReTkEy'#41`
	keyCore = "SEcReTkEy"

	sessionID = "950dd2eaff09-S"
	player4   = "203.0.113.77"
	player6   = "2001:db8::77"
)

// call is one of the eight calls of the contract.
type call struct {
	name string
	// repeats tells the calls that may be sent again although they may have
	// been carried out. The rest must say sessions.ErrOutcomeUnknown.
	repeats  bool
	required []string // the strings and lists that its answer must hold
	answer   string   // a good one, with every field
	do       func(ctx context.Context, c *sessions.Client, id string) (any, error)
}

var calls = []call{
	{"session-post", false, []string{"session_id", "app", "version"},
		`{"session_id":"950dd2eaff09-S","custom_id":"","app":"arena","version":"1.4","deployment_request_id":"57f84a8e1298",
		"selectors":[{"tag":"eu","tag_only":true,"env":{"key":"MODE","value":"ranked"}}],"webhook_url":"https://example.com/hook"}`,
		func(ctx context.Context, c *sessions.Client, _ string) (any, error) {
			return c.Create(ctx, sessions.CreateRequest{AppName: "arena", IPList: []string{player4, player6}})
		}},
	{"get-session", true, []string{"session_id", "status", "kind", "create_time"},
		`{"session_id":"950dd2eaff09-S","custom_id":"","status":"Ready","ready":true,"linked":true,"kind":"Seat","user_count":1,
		"app_version":10214,"create_time":"2024-05-26 12:00:45.831041","elapsed":9,"error":"",
		"session_users":[{"ip":"198.51.100.7","latitude":45.5,"longitude":-73.6}],"session_ips":[{"ip":"198.51.100.7"}],
		"deployment":{"request_id":"57f84a8e1298","ports":{"game":{"external":31504,"internal":7777}},"location":{"city":"Montreal"}},
		"webhook_url":"https://example.com/hook"}`,
		func(ctx context.Context, c *sessions.Client, id string) (any, error) { return c.Get(ctx, id) }},
	{"session-delete", true, []string{"session_id", "message"},
		`{"session_id":"950dd2eaff09-S","message":"deleted","custom_id":""}`,
		func(ctx context.Context, c *sessions.Client, id string) (any, error) { return c.Delete(ctx, id) }},
	{"get-users-session", true, []string{"session_users"},
		`{"session_users":[{"ip":"198.51.100.7","latitude":45.5,"longitude":-73.6}]}`,
		func(ctx context.Context, c *sessions.Client, id string) (any, error) { return c.Users(ctx, id) }},
	{"put-users-session", false, []string{"session_users"},
		`{"session_users":[{"ip":"198.51.100.7","latitude":45.5,"longitude":-73.6}]}`,
		func(ctx context.Context, c *sessions.Client, id string) (any, error) {
			return c.AddUsers(ctx, id, player4, player6)
		}},
	{"delete-users-session", false, []string{"session_users"},
		`{"session_users":[{"ip":"198.51.100.7","latitude":45.5,"longitude":-73.6}]}`,
		func(ctx context.Context, c *sessions.Client, id string) (any, error) {
			return c.RemoveUsers(ctx, id, player4, player6)
		}},
	{"list-sessions", true, []string{"data"},
		`{"data":[{"session_id":"950dd2eaff09-S","custom_id":"","status":"Ready","ready":true,"linked":true,"kind":"Seat","user_count":1,
		"deployment_request_id":"57f84a8e1298","webhook_url":"https://example.com/hook"}],"total_count":1,
		"pagination":{"number":1,"next_page_number":null,"previous_page_number":null,"paginator":{"num_pages":1},"has_next":false,"has_previous":false}}`,
		func(ctx context.Context, c *sessions.Client, _ string) (any, error) {
			return c.List(ctx, sessions.ListOptions{})
		}},
	{"sessions-bulk-stop", false, []string{"processable"},
		`{"processable":[{"session_id":"950dd2eaff09-S"}]}`,
		func(ctx context.Context, c *sessions.Client, _ string) (any, error) {
			return c.BulkStop(ctx, sessions.StopIDs(sessionID))
		}},
}

// newClient returns a client of the server at base that tries three times
// without waiting in between, unless opts say otherwise. At the end of the test
// what it logged must be clean, and its connections are given back.
func newClient(t *testing.T, base string, opts ...sessions.Option) *sessions.Client {
	t.Helper()
	written := new(log)
	logger := slog.New(slog.NewMultiHandler(
		slog.NewTextHandler(written, &slog.HandlerOptions{Level: slog.LevelDebug}),
		slog.NewJSONHandler(written, &slog.HandlerOptions{Level: slog.LevelDebug}),
	))
	c, err := sessions.New(apiKey, append([]sessions.Option{
		sessions.WithBaseURL(base),
		sessions.WithRetry(sessions.RetryPolicy{Attempts: 3, First: 1, Most: 1}),
		sessions.WithLogger(logger),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.CloseIdleConnections()
		assertSecret(t, "the log", written.String(), players...)
	})
	return c
}

// log is a place for log lines that many goroutines may write to.
type log struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.String()
}

// patience is how long a call may take before the tests say that it hangs. It
// is far more than any needs, and no test waits for it unless it fails.
const patience = 10 * time.Second

// returns runs f, which must not hang.
func returns(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		stacks := make([]byte, 1<<20)
		t.Fatalf("it hangs:\n%s", stacks[:runtime.Stack(stacks, true)])
	}
}

// fails makes the call, which must fail with an *sessions.Error that is each of
// want and no other of the named errors.
func fails(t *testing.T, c *sessions.Client, call call, id string, want ...error) *sessions.Error {
	t.Helper()
	var err error
	returns(t, func() { _, err = call.do(context.Background(), c, id) })
	return assertFailed(t, call, err, want...)
}

// assertFailed looks at the error of a call.
func assertFailed(t *testing.T, call call, err error, want ...error) *sessions.Error {
	t.Helper()
	var e *sessions.Error
	if !errors.As(err, &e) {
		t.Fatalf("%s: the error is %v, want an *Error", call.name, err)
	}
	if e.Operation != call.name {
		t.Errorf("%s: the error is of operation %q", call.name, e.Operation)
	}
	assertKinds(t, err, want...)
	assertErrorClean(t, err)
	return e
}

// kinds are the errors that a caller can ask for.
var kinds = []struct {
	name string
	err  error
}{
	{"ErrInvalidArgument", sessions.ErrInvalidArgument},
	{"ErrBadRequest", sessions.ErrBadRequest},
	{"ErrUnauthorized", sessions.ErrUnauthorized},
	{"ErrForbidden", sessions.ErrForbidden},
	{"ErrNotFound", sessions.ErrNotFound},
	{"ErrConflict", sessions.ErrConflict},
	{"ErrGone", sessions.ErrGone},
	{"ErrUnprocessable", sessions.ErrUnprocessable},
	{"ErrRateLimited", sessions.ErrRateLimited},
	{"ErrServer", sessions.ErrServer},
	{"ErrBadResponse", sessions.ErrBadResponse},
	{"ErrResponseTooLarge", sessions.ErrResponseTooLarge},
	{"ErrOutcomeUnknown", sessions.ErrOutcomeUnknown},
	{"ErrNotDeleted", sessions.ErrNotDeleted},
	{"context.DeadlineExceeded", context.DeadlineExceeded},
	{"context.Canceled", context.Canceled},
}

func kindName(err error) string {
	for _, kind := range kinds {
		if kind.err == err {
			return kind.name
		}
	}
	panic(err)
}

func assertKinds(t *testing.T, err error, want ...error) {
	t.Helper()
	for _, kind := range kinds {
		if is, wanted := errors.Is(err, kind.err), slices.Contains(want, kind.err); is != wanted {
			t.Errorf("errors.Is(err, %s) is %v; the error is %v", kind.name, is, err)
		}
	}
}

// unknown is want, and sessions.ErrOutcomeUnknown for a call that must not be
// doubled and may have been carried out.
func (c call) unknown(want ...error) []error {
	if c.repeats {
		return want
	}
	return append([]error{sessions.ErrOutcomeUnknown}, want...)
}

// assertErrorClean is what every error of the suite must pass: a text of one
// line and less than 1 KiB without secrets, and no key in any way to print it,
// nor in what it wraps.
func assertErrorClean(t *testing.T, err error) {
	t.Helper()
	if text := err.Error(); len(text) >= 1<<10 || strings.ContainsAny(text, "\r\n") {
		t.Errorf("the error's text is not one line below 1 KiB: %d bytes: %.1200q", len(text), text)
	}
	var text, lines bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Error("failed", "error", err)
	slog.New(slog.NewJSONHandler(&lines, nil)).Error("failed", "error", err)
	assertSecret(t, "slog text", text.String(), players...)
	assertSecret(t, "slog JSON", lines.String(), players...)
	for _, err := range chain(err) {
		assertSecret(t, fmt.Sprintf("the text of a %T", err), err.Error(), players...)
		assertUnprinted(t, err)
	}
}

// chain is err and every error that it wraps.
func chain(err error) []error {
	all := []error{err}
	switch err := err.(type) {
	case interface{ Unwrap() []error }:
		for _, wrapped := range err.Unwrap() {
			all = append(all, chain(wrapped)...)
		}
	case interface{ Unwrap() error }:
		if wrapped := err.Unwrap(); wrapped != nil {
			all = append(all, chain(wrapped)...)
		}
	}
	return all
}

// assertUnprinted looks for the key in every way to print v.
func assertUnprinted(t *testing.T, v any) {
	t.Helper()
	for _, verb := range []string{"%v", "%+v", "%#v", "%q", "%s", "%x", "%X"} {
		assertSecret(t, fmt.Sprintf("%s of a %T", verb, v), fmt.Sprintf(verb, v))
	}
	if encoded, err := json.Marshal(v); err == nil { // a func has no JSON
		assertSecret(t, fmt.Sprintf("JSON of a %T", v), string(encoded))
	}
	if e, ok := v.(*sessions.Error); ok {
		assertSecret(t, "Message", e.Message)
		assertSecret(t, "Body", string(e.Body))
	}
}

// players are the spellings of the addresses of players.
var players = []string{player4, player6, "2001:DB8::77", "2001:db8:0:0:0:0:0:77", "2001:0db8:0000:0000:0000:0000:0000:0077"}

// assertSecret fails when text holds the key, in any spelling, or one of more.
func assertSecret(t *testing.T, what, text string, more ...string) {
	t.Helper()
	for _, secret := range append([]string{keyCore, fmt.Sprintf("%x", keyCore), fmt.Sprintf("%X", keyCore)}, more...) {
		if strings.Contains(text, secret) {
			t.Errorf("%s holds the secret %q: %.2000s", what, secret, text)
		}
	}
}

// assertGone waits until no goroutine of the client or of net/http's client
// side is left.
func assertGone(t *testing.T) {
	t.Helper()
	stacks := make([]byte, 4<<20)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		var left []string
		for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			if strings.Contains(stack, "edgegap/sessions.") || strings.Contains(stack, "net/http.(*persistConn)") ||
				strings.Contains(stack, "net/http.(*Transport)") || strings.Contains(stack, "http2ClientConn") {
				left = append(left, stack)
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Errorf("%d goroutines are left:\n%s", len(left), strings.Join(left, "\n\n"))
			return
		}
	}
}

// reply is an HTTP/1.1 answer with a whole body.
func reply(status int, header, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d %s\r\n%sContent-Length: %d\r\n\r\n%s", status, http.StatusText(status), header, len(body), body)
}

const contentJSON = "Content-Type: application/json\r\n"
