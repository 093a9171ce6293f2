package sessions_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/sessions"
)

// unrepeatable are the calls that must not be sent twice.
var unrepeatable = map[string]bool{"session-post": true, "put-users-session": true, "delete-users-session": true, "sessions-bulk-stop": true}

func TestBadAnswersAreErrors(t *testing.T) {
	without := func(good, name string) string {
		return strings.Replace(good, `"`+name+`"`, `"renamed"`, 1)
	}
	required := map[string][]string{
		"session-post":         {"session_id", "app", "version"},
		"get-session":          {"session_id", "status", "kind", "create_time"},
		"session-delete":       {"session_id", "message"},
		"get-users-session":    {"session_users"},
		"put-users-session":    {"session_users"},
		"delete-users-session": {"session_users"},
		"list-sessions":        {"data"},
		"sessions-bulk-stop":   {"processable"},
	}
	for _, call := range calls {
		bad := map[string]string{
			"null": "null", "empty": "", "space": " \n", "object": "{}", "list": "[]", "string": `"x"`, "number": "1",
			"html":         "<!doctype html><title>Sign in</title>",
			"truncated":    call.good[:len(call.good)-2],
			"trailing":     call.good + "}",
			"two values":   call.good + call.good,
			"twice a name": strings.Replace(call.good, "{", `{"x":1,"x":2,`, 1),
			"not UTF-8":    strings.Replace(call.good, "{", "{\"x\":\"\xff\",", 1),
		}
		for _, name := range required[call.operation] {
			bad["no "+name] = without(call.good, name)
		}
		if strings.Contains(call.good, `"session_id"`) {
			bad["empty session_id"] = strings.Replace(call.good, testID, "", 1)
		}
		for name, content := range bad {
			s := says(200, content)
			_, err := call.do(t.Context(), newClient(t, s))
			var e *sessions.Error
			if !errors.Is(err, sessions.ErrBadResponse) || !errors.As(err, &e) || e.StatusCode != 200 || e.Operation != call.operation {
				t.Errorf("%s, %s: %v", call.operation, name, err)
			}
			if len(s.seen) != 1 {
				t.Errorf("%s, %s: %d requests", call.operation, name, len(s.seen))
			}
			if got, want := errors.Is(err, sessions.ErrOutcomeUnknown), unrepeatable[call.operation]; got != want {
				t.Errorf("%s, %s: outcome unknown is %t", call.operation, name, got)
			}
		}
		for name, kind := range map[string]string{"none": "", "text": "text/plain", "html": "text/html", "malformed": "/;;", "almost": "application/jsonp", "image": "image/svg+json"} {
			s := &wire{meet: func(int, *http.Request) (*http.Response, error) {
				res := response(200, call.good)
				res.Header.Set("Content-Type", kind)
				return res, nil
			}}
			if _, err := call.do(t.Context(), newClient(t, s)); !errors.Is(err, sessions.ErrBadResponse) {
				t.Errorf("%s, content type %s: %v", call.operation, name, err)
			}
		}
	}
}

func TestGoodAnswersPass(t *testing.T) {
	for _, call := range calls {
		for _, kind := range []string{"application/json", "Application/JSON; charset=utf-8", "application/problem+json", "application/json; x=\"", "APPLICATION/VND.EDGEGAP+JSON"} {
			for _, status := range []int{200, 201, 202} {
				s := &wire{meet: func(int, *http.Request) (*http.Response, error) {
					res := response(status, "\n "+strings.Replace(call.good, "{", `{"unknown":{"a":[1,null]},`, 1)+" \n")
					res.Header.Set("Content-Type", kind)
					return res, nil
				}}
				if _, err := call.do(t.Context(), newClient(t, s)); err != nil {
					t.Errorf("%s, %d %s: %v", call.operation, status, kind, err)
				}
			}
		}
	}
}

func TestAbsentAndNullAreReadAlike(t *testing.T) {
	s := says(200, `{"session_id":"950dd2eaff09-S","status":"Brand.New","kind":"","create_time":"x","custom_id":null,"error":null,"session_users":null,"session_ips":null,"deployment":null,"webhook_url":null,"user_count":9007199254740993}`)
	got, err := newClient(t, s).Get(t.Context(), testID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Deployment != nil || got.SessionUsers != nil || got.Error != "" || got.Ready || got.Status != "Brand.New" || got.UserCount != 9007199254740993 {
		t.Errorf("%+v", got)
	}
	s = says(200, `{"session_users":null}`)
	if users, err := newClient(t, s).Users(t.Context(), testID); err != nil || len(users) != 0 {
		t.Errorf("a null list is %v, %v", users, err)
	}
	s = says(200, `{"session_users":[{}]}`)
	if users, err := newClient(t, s).Users(t.Context(), testID); err != nil || len(users) != 1 {
		t.Errorf("an item without fields is %v, %v", users, err)
	}
	s = says(200, `{"processable":[]}`)
	if ids, err := newClient(t, s).BulkStop(t.Context(), sessions.StopIDs("a")); err != nil || len(ids) != 0 {
		t.Errorf("an empty list is %v, %v", ids, err)
	}
	s = says(200, strings.Replace(sessionJSON, `"elapsed":7`, `"deployment":{"ports":{"a":{"external":31504}},"location":null,"tags":null}`, 1))
	got, err = newClient(t, s).Get(t.Context(), testID)
	if err != nil || got.Deployment == nil || got.Deployment.Ports["a"].External != 31504 || got.Deployment.Location != nil {
		t.Errorf("a half-filled deployment is %+v, %v", got, err)
	}
}

func TestEveryOtherStatusIsKept(t *testing.T) {
	kinds := map[int]error{400: sessions.ErrBadRequest, 401: sessions.ErrUnauthorized, 403: sessions.ErrForbidden, 404: sessions.ErrNotFound,
		409: sessions.ErrConflict, 410: sessions.ErrGone, 422: sessions.ErrUnprocessable, 429: sessions.ErrRateLimited}
	all := []error{sessions.ErrBadRequest, sessions.ErrUnauthorized, sessions.ErrForbidden, sessions.ErrNotFound, sessions.ErrConflict,
		sessions.ErrGone, sessions.ErrUnprocessable, sessions.ErrRateLimited, sessions.ErrServer, sessions.ErrBadResponse, sessions.ErrResponseTooLarge}
	bodies := map[string]string{`{"message":"the reason"}`: "the reason", `{"message":7}`: "", "<html>": "", "": "", `{"message":"th`: "", "[]": ""}
	for status := 300; status < 600; status++ {
		for content, message := range bodies {
			s := says(status, content)
			_, err := newClient(t, s, sessions.WithRetry(sessions.RetryPolicy{})).Create(t.Context(), sessions.CreateRequest{AppName: "arena"})
			var e *sessions.Error
			if !errors.As(err, &e) || e.StatusCode != status || e.Message != message || string(e.Body) != content {
				t.Fatalf("%d %s: %#v", status, content, err)
			}
			if !strings.Contains(err.Error(), fmt.Sprintf("sessions: session-post: %d", status)) || !strings.Contains(err.Error(), message) {
				t.Errorf("%d %s: %v", status, content, err)
			}
			for _, kind := range all {
				want := kind == kinds[status] || kind == sessions.ErrServer && status >= 500
				if errors.Is(err, kind) != want {
					t.Errorf("%d is %v: %t", status, kind, !want)
				}
			}
			if errors.Is(err, sessions.ErrOutcomeUnknown) != (status >= 500) {
				t.Errorf("%d: %v", status, err)
			}
		}
	}
}

// endless is a body without an end.
type endless struct {
	pattern string
	at      int
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.pattern[e.at%len(e.pattern)]
		e.at++
	}
	return len(p), nil
}

func TestAnswersAreCapped(t *testing.T) {
	long := func(start, pattern string, size int64) *wire {
		return &wire{meet: func(int, *http.Request) (*http.Response, error) {
			res := response(200, "")
			res.Body = io.NopCloser(io.MultiReader(strings.NewReader(start), io.LimitReader(&endless{pattern: pattern}, size)))
			return res, nil
		}}
	}
	const giB = 1 << 30
	for _, call := range calls {
		start := call.good[:len(call.good)-1]
		for name, s := range map[string]*wire{
			"spaces": long(call.good, " ", giB),
			"string": long(start+`,"x":"`, "a", giB),
			"items":  long(start+`,"x":[{}`, ",{}", giB),
		} {
			_, err := call.do(t.Context(), newClient(t, s))
			if !errors.Is(err, sessions.ErrResponseTooLarge) {
				t.Errorf("%s, %s: %v", call.operation, name, err)
			}
			if len(err.Error()) >= 1024 {
				t.Errorf("%s, %s: a text of %d bytes", call.operation, name, len(err.Error()))
			}
		}
		s := &wire{meet: func(int, *http.Request) (*http.Response, error) {
			res := response(200, call.good)
			res.ContentLength = giB
			return res, nil
		}}
		if _, err := call.do(t.Context(), newClient(t, s)); !errors.Is(err, sessions.ErrResponseTooLarge) {
			t.Errorf("%s, by its length: %v", call.operation, err)
		}
	}

	pad := func(good string, size int) string { return good + strings.Repeat(" ", size-len(good)) }
	if _, err := newClient(t, says(200, pad(sessionJSON, 1<<20))).Get(t.Context(), testID); err != nil {
		t.Errorf("an answer of 1 MiB: %v", err)
	}
	if _, err := newClient(t, says(200, pad(sessionJSON, 1<<20+1))).Get(t.Context(), testID); !errors.Is(err, sessions.ErrResponseTooLarge) {
		t.Errorf("an answer of 1 MiB and a byte: %v", err)
	}
	item := pageJSON[len(`{"data":[`):strings.Index(pageJSON, "]")]
	full := `{"data":[` + strings.Repeat(item+",", (32<<20-100)/(len(item)+1)-1) + item + `]}`
	if p, err := newClient(t, says(200, full)).List(t.Context(), sessions.ListOptions{}); err != nil || len(full) < 32<<20-200 {
		t.Errorf("a page of %d bytes: %v", len(full), err)
	} else if want := strings.Count(full, "session_id"); len(p.Sessions) != want {
		t.Errorf("%d sessions of %d", len(p.Sessions), want)
	}

	s := &wire{meet: func(int, *http.Request) (*http.Response, error) {
		res := response(500, "")
		res.Body = io.NopCloser(&endless{pattern: "x"})
		return res, nil
	}}
	_, err := newClient(t, s).Get(t.Context(), testID)
	var e *sessions.Error
	if !errors.As(err, &e) || e.StatusCode != 500 || len(e.Body) != 4<<10 || len(err.Error()) >= 1024 {
		t.Errorf("an endless error: %v", err)
	}
}

func TestTheBodyIsClosedAndReadToItsEnd(t *testing.T) {
	for status, content := range map[int]string{200: sessionJSON, 201: "{}", 404: `{"message":"no"}`, 302: ""} {
		b := &watched{Reader: bytes.NewReader([]byte(content))}
		s := &wire{meet: func(int, *http.Request) (*http.Response, error) {
			res := response(status, "")
			res.Body = b
			return res, nil
		}}
		_, _ = newClient(t, s).Get(t.Context(), testID)
		if !b.closed || !b.ended {
			t.Errorf("%d: closed %t, read to the end %t", status, b.closed, b.ended)
		}
	}
}

type watched struct {
	io.Reader
	closed, ended bool
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.ended = w.ended || err == io.EOF
	return n, err
}

func (w *watched) Close() error { w.closed = true; return nil }

func TestATransportThatGivesNothingIsAnError(t *testing.T) {
	s := &wire{meet: func(int, *http.Request) (*http.Response, error) { return nil, nil }}
	_, err := newClient(t, s, sessions.WithRetry(sessions.RetryPolicy{})).Get(t.Context(), testID)
	if err == nil || !strings.Contains(err.Error(), "neither an answer nor an error") {
		t.Errorf("%v", err)
	}
	b := &watched{Reader: strings.NewReader("")}
	s = &wire{meet: func(int, *http.Request) (*http.Response, error) {
		res := response(200, "")
		res.Body = b
		return res, errors.New("both")
	}}
	_, err = newClient(t, s, sessions.WithRetry(sessions.RetryPolicy{})).Get(t.Context(), testID)
	if err == nil || !b.closed {
		t.Errorf("%v, closed %t", err, b.closed)
	}
}
