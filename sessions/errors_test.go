package sessions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/sessions"
)

func TestErrorTextsSayWhatWasTried(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&sessions.Error{Operation: "get-session", SessionID: testID, StatusCode: 404, Message: "no such session"},
			"sessions: get-session 950dd2eaff09-S: 404 Not Found: no such session"},
		{&sessions.Error{Operation: "session-post", StatusCode: 599}, "sessions: session-post: 599"},
		{&sessions.Error{Operation: "list-sessions", StatusCode: 500, Message: "line one\nline two\x1b[31m"},
			"sessions: list-sessions: 500 Internal Server Error: line one line two [31m"},
		{&sessions.FailedError{Session: &sessions.Session{SessionID: testID, Status: "Error", Error: "out of capacity"}},
			"sessions: session 950dd2eaff09-S ended in Error: out of capacity"},
		{&sessions.FailedError{Session: &sessions.Session{SessionID: testID, Status: "Terminating"}},
			"sessions: session 950dd2eaff09-S ended in Terminating"},
		{&sessions.FailedError{}, "sessions: session failed"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// A page of a proxy says nothing that may be told, but that it is one.
func TestErrorTextsSayWhatCameInsteadOfAMessage(t *testing.T) {
	for _, c := range []struct {
		status        int
		kind, content string
		want          string
	}{
		{404, "text/html; charset=utf-8", "<p>" + testKey, "404 Not Found: text/html, 27 bytes"},
		{403, "", "203.0.113.7 is banned", "403 Forbidden: no content type, 21 bytes"},
		{400, "application/json", `{"error":"x"}`, "400 Bad Request: application/json, 13 bytes"},
		{400, "application/json", `{"message":"x"}`, "400 Bad Request: x"},
		{502, testKey + ";203.0.113.7", strings.Repeat("x", 64<<10+1), "502 Bad Gateway: ***, more than 64 KiB: outcome unknown: it may have been carried out"},
		{307, "text/x203.0.113.7", "", "307 Temporary Redirect: text/x[ip], 0 bytes: redirects are not followed"},
		{200, "text/html", "<title>Sign in</title>", "200 OK: outcome unknown: it may have been carried out: not the promised answer: text/html, not JSON"},
	} {
		s := &wire{meet: func(int, *http.Request) (*http.Response, error) {
			res := response(c.status, c.content)
			res.Header.Set("Content-Type", c.kind)
			return res, nil
		}}
		_, err := newClient(t, s).Create(t.Context(), arena)
		if want := "sessions: session-post: " + c.want; err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestErrorTextsAreShort(t *testing.T) {
	long := strings.Repeat("é", 5000)
	for _, err := range []error{
		&sessions.Error{Operation: "get-session", SessionID: long, StatusCode: 404, Message: long},
		&sessions.FailedError{Session: &sessions.Session{SessionID: long, Status: long, Error: long}},
	} {
		text := err.Error()
		if len(text) >= 1024 || !strings.HasSuffix(text, "é…") {
			t.Errorf("%d bytes: %s", len(text), text)
		}
	}
}

func TestErrorTextsHoldNoAddress(t *testing.T) {
	for message, want := range map[string]string{
		"user 203.0.113.7 is unknown":                       "user [ip] is unknown",
		"203.0.113.7":                                       "[ip]",
		"203.0.113.7:5000, then 198.51.100.23.":             "[ip], then [ip]",
		"[2001:db8::7]:443 and 2001:DB8::1:":                "[[ip]]:443 and [ip]",
		"cannot reach 2001:db8::7:31504":                    "cannot reach [ip]",
		"ip:203.0.113.7":                                    "ip[ip]",
		"bad203.0.113.7":                                    "[ip]",
		`["203.0.113.7","::ffff:203.0.113.9"]`:              `["[ip]","[ip]"]`,
		"version 1.4.0 of arena: 12:00:45, deadbeef, a.b.c": "version 1.4.0 of arena: 12:00:45, deadbeef, a.b.c",
		"nothing to hide":                                   "nothing to hide",
	} {
		err := &sessions.Error{Operation: "session-post", StatusCode: 400, Message: message}
		if got := strings.TrimPrefix(err.Error(), "sessions: session-post: 400 Bad Request: "); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", message, got, want)
		}
	}
	failed := &sessions.FailedError{Session: &sessions.Session{SessionID: testID, Status: "Error", Error: "no route to 203.0.113.7"}}
	if strings.Contains(failed.Error(), "203.0.113.7") {
		t.Error(failed)
	}
}

func TestAnEchoedKeyIsMasked(t *testing.T) {
	const odd = `k<e&y>"with\odd+signs`
	quoted, err := json.Marshal(odd)
	if err != nil {
		t.Fatal(err)
	}
	everywhere := func(err error) string {
		var e *sessions.Error
		errors.As(err, &e)
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "err", err)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "err", err)
		encoded, _ := json.Marshal(e)
		return fmt.Sprintf("%v %+v %#v %q %s %s %s", err, err, err, err, e.Body, encoded, log.String())
	}
	for name, answer := range map[string]func() (*http.Response, error){
		"message": func() (*http.Response, error) {
			return response(401, `{"message":"bad key token `+strings.Trim(string(quoted), `"`)+`"}`), nil
		},
		"body": func() (*http.Response, error) { return response(500, "<p>"+odd), nil },
		"long": func() (*http.Response, error) { return response(500, strings.Repeat(odd, 9000)), nil },
		"cut":  func() (*http.Response, error) { return response(500, strings.Repeat(" ", 4<<10-5)+odd), nil },
		"name": func() (*http.Response, error) {
			return response(200, `{"session_id":"x",`+string(quoted)+`:1,`+string(quoted)+`:2}`), nil
		},
		"transport": func() (*http.Response, error) { return nil, errors.New("malformed answer: " + odd) },
	} {
		s := &wire{meet: func(int, *http.Request) (*http.Response, error) { return answer() }}
		c, err := sessions.New(odd, sessions.WithTransport(s), sessions.WithRetry(sessions.RetryPolicy{}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Get(t.Context(), testID)
		if err == nil {
			t.Fatalf("%s: no error", name)
		}
		shown := everywhere(err)
		for _, spelling := range []string{odd, strings.Trim(string(quoted), `"`), odd[:12]} {
			if strings.Contains(shown, spelling) {
				t.Errorf("%s: the key is shown: %.300s", name, shown)
			}
		}
	}
}

// A server may name a session after the key.
func TestAnIDThatIsTheKeyIsMasked(t *testing.T) {
	named := func(text string) string { return strings.ReplaceAll(text, testID, testKey) }
	l := newLife(after(seeking, content("application/json", named(`{"session_id":"950dd2eaff09-S","status":"Error","kind":"","create_time":""}`))))
	l.create, l.remove = content("application/json", named(createdJSON)), always(refusal(403))
	c := newClient(t, l)
	ctx, cancel := context.WithCancel(t.Context())
	seen := sessions.OnChange(func(*sessions.Session) { cancel() })
	for name, do := range map[string]func() error{
		"call":       func() error { _, err := c.Delete(t.Context(), testKey); return err },
		"refusal":    func() error { _, err := c.AddUsers(t.Context(), testKey, "x"); return err },
		"wait":       func() error { _, err := c.WaitReady(t.Context(), testKey, nil); return err },
		"ended wait": func() error { _, err := newClient(t, newLife(forever)).WaitReady(ctx, testKey, seen); return err },
		"failure":    func() error { _, err := c.CreateAndWait(t.Context(), arena); return err },
	} {
		if err := do(); err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), testKey) || !strings.Contains(err.Error(), "***") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A body that is all keys is short once they are masked, and then its end is
// kept, where the limit may have cut one.
func TestAKeyCutAtTheLimitIsNotKept(t *testing.T) {
	key := "head-" + strings.Repeat("k3y.", 24)
	c, err := sessions.New(key, sessions.WithTransport(says(500, strings.Repeat(key, 1000))), sessions.WithRetry(sessions.RetryPolicy{}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Get(t.Context(), testID)
	var e *sessions.Error
	if !errors.As(err, &e) || len(e.Body) == 0 || bytes.Contains(e.Body, []byte("head-")) {
		t.Errorf("kept: %s", e.Body)
	}
}

func TestAMaskedCauseCanStillBeCompared(t *testing.T) {
	// A key that is a word of the standard library's error.
	s := &wire{meet: func(_ int, r *http.Request) (*http.Response, error) { return nil, r.Context().Err() }}
	c, err := sessions.New("canceled", sessions.WithTransport(s))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.meet = func(_ int, r *http.Request) (*http.Response, error) { cancel(); return nil, r.Context().Err() }
	if _, err = c.Get(ctx, testID); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "canceled") {
		t.Errorf("%v", err)
	}
}

func TestNothingExportedShowsTheKey(t *testing.T) {
	c := newClient(t, says(200, sessionJSON), sessions.WithLogger(slog.New(slog.DiscardHandler)))
	for _, v := range []any{c, *c, c.API(), *c.API(), c.API().Client, sessions.WithBaseURL("https://x")} {
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		encoded, _ := json.Marshal(v)
		shown := fmt.Sprintf("%v %+v %#v %q %s %s %s", v, v, v, v, v, encoded, log.String())
		if strings.Contains(shown, testKey) {
			t.Errorf("%T shows the key: %.300s", v, shown)
		}
	}
}

func TestErrorsLogAsGroups(t *testing.T) {
	var log bytes.Buffer
	err := &sessions.Error{Operation: "session-post", StatusCode: 400, Message: "bad address 203.0.113.7"}
	slog.New(slog.NewJSONHandler(&log, nil)).Info("failed", "err", err)
	for _, want := range []string{`"operation":"session-post"`, `"status":400`, `bad address [ip]`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in %s", want, log.String())
		}
	}
}
