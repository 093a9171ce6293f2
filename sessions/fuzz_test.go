package sessions_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/sessions"
)

// arrives writes r to a wire and reads it as a server does.
func arrives(t *testing.T, r *http.Request) *http.Request {
	t.Helper()
	var line bytes.Buffer
	if err := r.Write(&line); err != nil {
		t.Fatalf("the request cannot be written: %v", err)
	}
	got, err := http.ReadRequest(bufio.NewReader(&line))
	if err != nil {
		t.Fatalf("the request cannot be read: %v", err)
	}
	return got
}

// FuzzID: an id is refused with nothing sent, or arrives as it is, in its place
// and of the same call.
func FuzzID(f *testing.F) {
	for _, id := range []string{testID, "", ".", "..", "...", "a/b", "../apps/prod", "a/../../b", "x?y=1", "x#f", "%2e%2e", "%2F", "a b", "ü", "\xff", "a\x00b", "\r\nHost: b", "\u0085", "a;b", "users", "//", `\`} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		var seen []*http.Request
		c := newClient(t, roundTripper(func(r *http.Request) (*http.Response, error) {
			seen = append(seen, arrives(t, r))
			return response(404, "{}"), nil
		}))
		ctx := t.Context()
		requests := []struct {
			method, tail string
			do           func() error
		}{
			{"GET", "", func() error { _, err := c.Get(ctx, id); return err }},
			{"GET", "", func() error { _, err := c.WaitReady(ctx, id); return err }},
			{"DELETE", "", func() error { _, err := c.Delete(ctx, id); return err }},
			{"GET", "/users", func() error { _, err := c.Users(ctx, id); return err }},
			{"PUT", "/users", func() error { _, err := c.AddUsers(ctx, id, "203.0.113.7"); return err }},
			{"DELETE", "/users", func() error { _, err := c.RemoveUsers(ctx, id, "203.0.113.7"); return err }},
		}
		refused := id == "" || id == "." || id == ".." || strings.ContainsFunc(id, unicode.IsControl)
		for _, call := range requests {
			seen = nil
			err := call.do()
			if refused {
				if !errors.Is(err, sessions.ErrInvalidArgument) || len(seen) != 0 {
					t.Fatalf("%q: %d requests, %v", id, len(seen), err)
				}
				continue
			}
			var e *sessions.Error
			if !errors.As(err, &e) || !errors.Is(err, sessions.ErrNotFound) || e.SessionID != id || len(seen) != 1 || len(err.Error()) >= 1024 {
				t.Fatalf("%q: %d requests, %v", id, len(seen), err)
			}
			path, ok := strings.CutPrefix(seen[0].URL.EscapedPath(), "/v1/session/")
			escaped, tail, users := strings.Cut(path, "/")
			if users {
				tail = "/" + tail
			}
			got, err := url.PathUnescape(escaped)
			if !ok || err != nil || got != id || tail != call.tail || seen[0].Method != call.method || seen[0].URL.RawQuery != "" {
				t.Fatalf("%q: the server sees %s %s", id, seen[0].Method, seen[0].RequestURI)
			}
		}
	})
}

// FuzzBaseURL: a base URL is refused without a word of it, or every request goes
// to its host, over https or to loopback, below its path, with nothing added;
// by the generated client, too.
func FuzzBaseURL(f *testing.F) {
	for _, base := range []string{
		sessions.DefaultBaseURL, "https://api.edgegap.com/", "http://localhost:8080", "http://127.0.0.1", "http://[::1]:80/x", "http://example.com", "ftp://a", "",
		"https://user:pass@example.com", "https://example.com?x", "https://example.com?", "https://example.com#", "https://example.com/a/../b", "https://example.com/a//b/",
		"https://example.com/%2e%2e/a%2Fb", "https://:443", "//example.com", "https:example.com", "HTTPS://Example.COM", "https://example.com/a b", "https://exa mple.com", "http://127.0.0.1.evil.example",
		"https://example.com\r\n", "http://[::ffff:127.0.0.1]", "http://localhost.", "https://example.com:", "https://example.com/%2F", "http://2130706433", "https://example.com/..", "https://example.com/./",
	} {
		f.Add(base)
	}
	f.Fuzz(func(t *testing.T, base string) {
		var seen []*http.Request
		c, err := sessions.New(testKey, sessions.WithBaseURL(base), sessions.WithTransport(roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Scheme != "https" && !(r.URL.Scheme == "http" && loopback(r.URL.Hostname())) {
				t.Fatalf("%q: sent to %s", base, r.URL)
			}
			if r.URL.User != nil || r.Host != "" && r.Host != r.URL.Host {
				t.Fatalf("%q: sent to %s as %s", base, r.URL, r.Host)
			}
			seen = append(seen, r)
			return response(200, sessionJSON), nil
		})))
		u, parsed := url.Parse(base)
		if err != nil {
			if !errors.Is(err, sessions.ErrInvalidArgument) {
				t.Fatalf("%q: %v", base, err)
			}
			if u != nil && u.User != nil {
				if password, _ := u.User.Password(); len(password) > 8 && strings.Contains(err.Error(), password) {
					t.Fatalf("the error tells the password: %v", err)
				}
			}
			return
		}
		if parsed != nil || u.User != nil || strings.ContainsAny(base, "?#") {
			t.Fatalf("%q is taken", base)
		}
		if _, err := c.Get(t.Context(), "a/b"); err != nil {
			t.Fatalf("%q: %v", base, err)
		}
		if _, err := c.API().GetSession(t.Context(), "a/b"); err != nil {
			t.Fatalf("%q: by the generated client: %v", base, err)
		}
		for _, r := range seen {
			if r.URL.EscapedPath() != strings.TrimSuffix(u.EscapedPath(), "/")+"/v1/session/a%2Fb" {
				t.Fatalf("%q: sent to %s", base, r.URL)
			}
			if r.URL.Host != strings.TrimSuffix(u.Host, ":") || r.URL.RawQuery != "" || r.URL.Fragment != "" || r.Header.Get("Authorization") != "token "+testKey {
				t.Fatalf("%q: sent to %s", base, r.URL)
			}
		}
		if len(seen) != 2 {
			t.Fatalf("%q: %d requests", base, len(seen))
		}
	})
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.IsLoopback()
}

// FuzzRetryAfter: a header is seconds, a date or nothing, never negative; and
// whatever it is, no wait is longer than a minute and no call is sent more than
// 61 times, a second or more apart where the server asked for the wait.
func FuzzRetryAfter(f *testing.F) {
	for _, value := range []string{"", "0", "7", "60", "61", "-1", "+1", "1.5", "1e9", "0x7", " 7 ", "7s", "99999999999999999999", "9223372036", "9223372037", "18446744073709551616",
		"Sat, 01 Jan 2000 00:00:09 GMT", "Saturday, 01-Jan-00 00:00:09 GMT", "Sat Jan  1 00:00:09 2000", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "soon", "\x00", "7, 8"} {
		f.Add(value, true)
		f.Add(value, false)
	}
	f.Fuzz(func(t *testing.T, value string, limited bool) {
		status := map[bool]int{true: 429, false: 503}[limited]
		synctest.Test(t, func(t *testing.T) {
			w := &wire{meet: func(int, *http.Request) (*http.Response, error) {
				res := response(status, "{}")
				res.Header["Retry-After"] = []string{value}
				return res, nil
			}}
			begin := time.Now()
			_, err := newClient(t, w, sessions.WithRetry(sessions.RetryPolicy{})).Get(t.Context(), testID)
			var e *sessions.Error
			if !errors.As(err, &e) || e.StatusCode != status {
				t.Fatal(err)
			}
			if want := meant(value, begin); e.RetryAfter != want {
				t.Fatalf("%q is read as %v, want %v", value, e.RetryAfter, want)
			}

			w.seen, w.first = nil, time.Time{}
			if _, err = newClient(t, w).Get(t.Context(), testID); !errors.As(err, &e) || e.StatusCode != status {
				t.Fatal(err)
			}
			at := w.times()
			if len(at) > 61 || status == 503 && len(at) > 3 || at[len(at)-1] > 2*time.Minute || time.Since(w.first) != at[len(at)-1] {
				t.Fatalf("%q: sent at %v, ended after %v", value, at, time.Since(w.first))
			}
			for i := 1; i < len(at); i++ {
				if at[i]-at[i-1] > time.Minute {
					t.Fatalf("%q: waited %v", value, at[i]-at[i-1])
				}
			}
		})
	})
}

// meant is how long a Retry-After tells to wait, computed in another way.
func meant(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value != "" && strings.Trim(value, "0123456789") == "" {
		seconds, _ := new(big.Int).SetString(value, 10)
		most := math.MaxInt64 / time.Second
		if seconds.IsUint64() {
			return time.Duration(min(seconds.Uint64(), uint64(most))) * time.Second
		}
		return math.MaxInt64
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}

// FuzzWebhook: whatever the body, the reply is one of those that are documented
// and empty; the API is asked at most once, for the id in the body; and what is
// handed over and logged is the API's word, not the body's.
func FuzzWebhook(f *testing.F) {
	for _, body := range []string{flatHook, fullHook, "", "null", "{}", "[]", `{"session_id":""}`, `{"session_id":".."}`, `{"session_id":"a/b"}`, `{"session_id":7}`, `{"Session_ID":"a"}`,
		`{"session_id":"a","session_id":"b"}`, `{"session_id":"a"}{"session_id":"b"}`, `{"session_id":"a","sessiOn_id":""}`, `{"session_id":"\u0000"}`, `{"session_id":"\ud800"}`, "{\"session_id\":\"\xff\"}", `{"session_id":"a","status":{"ready":[[[[]]]]}}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var asked []string
		c := newClient(t, roundTripper(func(r *http.Request) (*http.Response, error) {
			id, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), "/v1/session/"))
			if err != nil || r.Method != http.MethodGet {
				t.Fatalf("sent %s %s", r.Method, r.URL)
			}
			asked = append(asked, id)
			return response(200, sessionJSON), nil
		}))
		var got []*sessions.Session
		h := c.WebhookHandler(hookSecret, func(_ context.Context, s *sessions.Session) error {
			got = append(got, s)
			return nil
		})
		status := post(t, h, hookPath, string(body))
		var hint map[string]any // where a name in other letters is another name
		switch {
		case status == 204 && len(asked) == 1 && len(got) == 1:
			if err := json.Unmarshal(body, &hint); err != nil || hint["session_id"] != asked[0] {
				t.Fatalf("asked for %q on %q", asked[0], body)
			}
			if got[0].SessionID != testID || got[0].Status != "Ready" || got[0].UserCount != 2 {
				t.Fatalf("handed over %v", got[0])
			}
		case status == 400 && len(asked) == 0 && len(got) == 0, status == 413 && len(body) > 1<<20 && len(asked) == 0:
		default:
			t.Fatalf("%q: answered %d, asked for %q, handed over %v", body, status, asked, got)
		}
	})
}

// required are the names that an answer must hold, by hand.
var required = map[string][]string{
	"session-post":         {"session_id", "app", "version"},
	"get-session":          {"session_id", "status", "kind", "create_time"},
	"session-delete":       {"session_id", "message"},
	"get-users-session":    {"session_users"},
	"put-users-session":    {"session_users"},
	"delete-users-session": {"session_users"},
	"list-sessions":        {"data"},
	"sessions-bulk-stop":   {"processable"},
}

// FuzzAnswer: whatever the answer, the call ends; an error keeps the status and
// is short; and what is taken for a success is one JSON object that holds what
// is required.
func FuzzAnswer(f *testing.F) {
	for i, call := range calls {
		n := uint8(i)
		f.Add(n, 200, "application/json", []byte(call.good))
		f.Add(n, 201, "Application/JSON; charset=utf-8", []byte(call.good))
		f.Add(n, 200, "text/html", []byte("<html>"))
		f.Add(n, 500, "application/json", []byte(`{"message":"no"}`))
		for _, body := range []string{"null", "{}", "[]", "", call.good[:len(call.good)/2], call.good + call.good, strings.Replace(call.good, `"`, `"session_id":"a","`, 1),
			strings.Replace(call.good, testID, "", 1), strings.Replace(call.good, `"`+testID+`"`, "null", 1), strings.Replace(call.good, `"app"`, `"App"`, 1), strings.Replace(call.good, "2", "1e400", 1)} {
			f.Add(n, 200, "application/json", []byte(body))
		}
	}
	f.Add(uint8(5), 200, "application/json", []byte(`{"session_users":[{}]}`))
	f.Add(uint8(6), 203, "application/json", []byte(`{"data":[],"pagination":{"has_next":true}}`))
	f.Add(uint8(6), 200, "application/json", []byte(`{"data":[null]}`))
	f.Add(uint8(6), 200, "application/json", []byte(`{"data":[{"session_id":"a"}],"pagination":{"number":1,"next_page_number":1,"has_next":true}}`))
	f.Add(uint8(1), 200, "application/json", []byte(`{"session_id":"\u0000absent","status":"","kind":"","create_time":""}`))
	f.Fuzz(func(t *testing.T, n uint8, status int, kind string, body []byte) {
		call := calls[int(n)%len(calls)]
		if status < 200 || status > 599 {
			status = 200
		}
		answer := func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, ContentLength: -1, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(bytes.NewReader(body))}, nil
		}
		c := newClient(t, roundTripper(answer), sessions.WithRetry(sessions.RetryPolicy{}))
		_, err := call.do(t.Context(), c)
		if err != nil {
			var e *sessions.Error
			if !errors.As(err, &e) || e.StatusCode != status || e.Operation != call.operation || len(err.Error()) >= 1024 {
				t.Fatalf("%d %q: %v", status, body, err)
			}
			if status < 300 && !errors.Is(err, sessions.ErrBadResponse) && !errors.Is(err, sessions.ErrResponseTooLarge) {
				t.Fatalf("%d %q: %v", status, body, err)
			}
			if len(e.Body) > 4<<10 || len(e.Message) > 4<<10 {
				t.Fatalf("kept %d and %d bytes", len(e.Body), len(e.Message))
			}
			paging := call.operation == "list-sessions" && status < 300 && strings.Contains(err.Error(), "page ")
			if generated(c, call.operation) == nil && !paging { // the pages are Client's
				t.Fatalf("%d %q: taken by the generated client", status, body)
			}
			return
		}
		if err := generated(c, call.operation); err != nil {
			t.Fatalf("%d %q: refused by the generated client: %v", status, body, err)
		}
		if status > 299 || !strings.Contains(strings.ToLower(kind), "json") {
			t.Fatalf("%d %q is a success", status, kind)
		}
		var object map[string]json.RawMessage
		if err := json.Unmarshal(body, &object); err != nil || object == nil {
			t.Fatalf("%q is a success", body)
		}
		for _, name := range required[call.operation] {
			value, ok := object[name]
			if !ok || name == "session_id" && (string(value) == `""` || string(value) == "null") {
				t.Fatalf("%q is a success without %s", body, name)
			}
		}
		var items struct {
			Data, Processable []struct {
				SessionID string `json:"session_id"`
			}
		}
		if json.Unmarshal(body, &items) == nil && (call.operation == "list-sessions" || call.operation == "sessions-bulk-stop") {
			for _, item := range append(items.Data, items.Processable...) {
				if item.SessionID == "" {
					t.Fatalf("%q is a success with an item without an id", body)
				}
			}
		}
	})
}

// generated makes a call by the generated client.
func generated(c *sessions.Client, operation string) error {
	ctx := context.Background()
	var err error
	switch operation {
	case "session-post":
		_, err = c.API().SessionPost(ctx, arena)
	case "get-session":
		_, err = c.API().GetSession(ctx, testID)
	case "session-delete":
		_, err = c.API().SessionDelete(ctx, testID)
	case "get-users-session":
		_, err = c.API().GetUsersSession(ctx, testID)
	case "put-users-session":
		_, err = c.API().PutUsersSession(ctx, testID, api.PatchSessionModel{})
	case "delete-users-session":
		_, err = c.API().DeleteUsersSession(ctx, testID, api.PatchSessionModel{})
	case "list-sessions":
		_, err = c.API().ListSessions(ctx, nil)
	case "sessions-bulk-stop":
		_, err = c.API().SessionsBulkStop(ctx, api.SessionBulkStopPayload{})
	default:
		err = fmt.Errorf("there is no call %s", operation)
	}
	return err
}
