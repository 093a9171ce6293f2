package sessions_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

func FuzzRetryAfter(f *testing.F) {
	for _, value := range []string{"", "2", "2.0", "12.7", "0", "-1", "NaN", "Inf", "1e9", "1e300", "0x10", " 5 ", "soon", "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:37 GMT"} {
		f.Add(value, "Sun, 06 Nov 1994 08:49:37 GMT")
	}
	f.Add("Fri, 31 Dec 9999 23:59:59 GMT", "")
	f.Add("Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT")
	f.Fuzz(func(t *testing.T, value, date string) {
		c := newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) {
			res := respondJSON(429, `{}`)
			res.Header.Set("Retry-After", value)
			res.Header.Set("Date", date)
			return res, nil
		}), sessions.WithMaxRateLimitWait(0))
		_, err := c.Get(t.Context(), testID)
		got := asError(t, err).RetryAfter
		if !errors.Is(err, sessions.ErrRateLimited) || got < 0 {
			t.Errorf("got %v with RetryAfter %v, want ErrRateLimited and no negative time", err, got)
		}
		if seconds, err := strconv.ParseUint(value, 10, 16); err == nil && got != time.Duration(seconds)*time.Second {
			t.Errorf("%q: got %v", value, got)
		}
		at, err := http.ParseTime(value)
		now, dateErr := http.ParseTime(date)
		if err == nil && dateErr == nil && got != max(0, at.Sub(now)) {
			t.Errorf("%q at %q: got %v, want %v", value, date, got, at.Sub(now))
		}
	})
}

func FuzzResponse(f *testing.F) {
	for _, op := range operations {
		f.Add([]byte(op.response))
		f.Add([]byte(op.response[:len(op.response)/2]))
	}
	for _, body := range fullResponses {
		f.Add([]byte(body))
	}
	for _, body := range []string{``, `null`, `[]`, `{"session_id":7}`, `{"session_id":"a","deployment":[],"elapsed":"9.4","session_users":[7,null,{"latitude":"1"}]}`, "{\"session_id\":\"\xff\"}"} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c := newClient(t, respondAlways(200, string(body)))
		var object map[string]any
		err := json.Unmarshal(body, &object)
		id, _ := object["session_id"].(string)
		usable := err == nil && !errors.Is(c.Delete(t.Context(), id), sessions.ErrInvalidArgument)
		for _, op := range operations {
			_, err := op.call(t.Context(), c)
			if err != nil && (!errors.Is(err, sessions.ErrUnexpectedResponse) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("%s: error is %v, want ErrUnexpectedResponse in one line", op.name, err)
			}
			if usable && err != nil && (op.name == "Get" || op.name == "Create") {
				t.Errorf("%s: error is %v for the id %q", op.name, err, id)
			}
		}
		if s, err := c.Get(t.Context(), testID); err == nil {
			if errors.Is(c.Delete(t.Context(), s.SessionID), sessions.ErrInvalidArgument) {
				t.Errorf("got the invalid id %q", s.SessionID)
			}
			if _, err := json.Marshal(s); err != nil { // NaN
				t.Error(err)
			}
		}
	})
}

func FuzzRedact(f *testing.F) {
	for _, key := range []string{oddKey, testKey, "12345678", `\\\\\\\\`, "%25%25%25%25", "a+b c+d+e"} {
		f.Add(key, "bad key ", "!")
		f.Add(key, "\"", "203.0.113.7")
	}
	f.Fuzz(func(t *testing.T, key, before, after string) {
		if len(key) < 12 || strings.Contains(key, "*") {
			return // a short key may be a part of the text, and stars of the text without the key
		}
		for form, escaped := range escapes(key) {
			message, _ := json.Marshal(before + escaped + after)
			status := 400
			c, err := sessions.New(key, sessions.WithTransport(roundTripFunc(func(*http.Request) (*http.Response, error) {
				return respondJSON(status, `{"message":`+string(message)+`}`), nil
			})))
			if err != nil {
				return // the key is not valid
			}
			_, err = c.Get(t.Context(), testID)
			e := asError(t, err)
			checkNoKey(t, form, err.Error()+"\n"+e.Message+"\n"+string(e.Body), key)
		}
	})
}

func FuzzWebhookBody(f *testing.F) {
	for _, body := range []string{
		`{"session_id":"950dd2eaff09-S","status":"Ready","ready":true,"deployment_request_id":"57f84a8e1298"}`, fullResponses["Get"],
		``, `null`, `[]`, `{}`, `{"session_id":""}`, `{"session_id":".."}`, `{"session_id":7}`, `{"session_id":"a\n"}`, `{"session_id":"a","ready":[]}`, `{"session_id":"a"}{}`,
	} {
		f.Add([]byte(body))
	}
	c := newClient(f, respondAlways(500, `{}`))
	hooks, err := c.Webhooks("https://example.com/hook", "secret")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var got []string
		handler := hooks.Handler(func(_ context.Context, id string) error { got = append(got, id); return nil })
		res := httptest.NewRecorder()
		handler.ServeHTTP(res, httptest.NewRequest("POST", hooks.URL("match"), strings.NewReader(string(body))))
		switch {
		case res.Code == 204 && len(got) == 1:
			if err := c.Delete(t.Context(), got[0]); errors.Is(err, sessions.ErrInvalidArgument) {
				t.Errorf("%s: handle got the invalid id %q", body, got[0])
			}
		case res.Code != 400 || len(got) != 0:
			t.Errorf("%s: status %d with ids %q", body, res.Code, got)
		}
		if res.Body.Len() > 0 {
			t.Errorf("%s: the response has a body: %s", body, res.Body)
		}
	})
}

func FuzzEndpoint(f *testing.F) {
	f.Add("a.example.com:31504", "a.example.com", "192.0.2.50", int32(31504), "gameport")
	f.Add("https://a.example.com:31504/lobby", "", "2001:db8::1", int32(0), "")
	f.Add("[2001:db8::1]:80", "", "", int32(-1), "other")
	f.Add("://:", "a:b", "", int32(1<<30), "")
	f.Add("user:password@a.example.com:1?b#c", "", "", int32(7), "")
	f.Fuzz(func(t *testing.T, link, fqdn, ip string, external int32, port string) {
		s := &sessions.Session{SessionID: testID, Deployment: &sessions.Deployment{
			FQDN: fqdn, PublicIP: ip, Ports: map[string]sessions.Port{"gameport": {Link: link, External: external}},
		}}
		got, err := s.Endpoint(port)
		if err != nil {
			return
		}
		if host, number, err := net.SplitHostPort(got); err != nil || host == "" || number == "" || strings.Contains(got, "/") {
			t.Errorf("got %q, want host:port", got)
		}
		if port != "" && port != "gameport" {
			t.Errorf("got %q for an unknown port", got)
		}
	})
}
