package sessions_test

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

const hookSecret = "s3cret/&=+ ü"

// noRequests returns a client that must not send requests.
func noRequests(t *testing.T) *sessions.Client {
	return newClient(t, roundTripFunc(func(r *http.Request) (*http.Response, error) {
		t.Errorf("%s %s, want no request", r.Method, r.URL)
		return nil, errors.New("unexpected request")
	}))
}

func newHooks(t *testing.T, c *sessions.Client, base string) *sessions.Webhooks {
	t.Helper()
	hooks, err := c.Webhooks(base, hookSecret)
	if err != nil {
		t.Fatal(err)
	}
	return hooks
}

// deliver sends a webhook to handler and returns the response.
func deliver(handler http.Handler, method, webhookURL, body string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	handler.ServeHTTP(rec, httptest.NewRequest(method, webhookURL, strings.NewReader(body)))
	return rec
}

func TestWebhookURLHasBaseReferenceAndSecret(t *testing.T) {
	for _, base := range []string{hookBase, "http://127.0.0.1:8080", "https://match.example.com/a%2Fb/?env=prod&x=1", "https://[2001:db8::1]:8443/hook"} {
		hooks := newHooks(t, noRequests(t), base)
		for _, reference := range []string{"m-1042", "a/b?c&d=e#f", "ä ö+%41;", "日本", "../..", "\n\x00\xff", strings.Repeat("x", 2000), ""} {
			want := httptest.NewRequest("POST", base, nil).URL
			query := want.Query()
			if query.Set("secret", hookSecret); reference != "" {
				query.Set("ref", reference)
			}
			want.RawQuery = query.Encode()
			if got := hooks.URL(reference); got != want.String() || sessions.Reference(got) != reference {
				t.Errorf("URL(%q) = %s with reference %q, want %s", reference, got, sessions.Reference(got), want)
			}
		}
	}
	for webhookURL, want := range map[string]string{"": "", hookBase: "", hookBase + "?match=1": "", hookBase + "?x=1&ref=m%201": "m 1", "://": "", "mailto:ref@example.com": "", "/hook?ref=m-1": ""} {
		if got := sessions.Reference(webhookURL); got != want {
			t.Errorf("Reference(%q) = %q, want %q", webhookURL, got, want)
		}
	}
}

func TestWebhooksRejectsInvalidArguments(t *testing.T) {
	for _, test := range []struct{ base, secret string }{{hookBase, ""}, {"", hookSecret}, {"/hook", hookSecret}, {"match.example.com/hook", hookSecret},
		{"ftp://match.example.com/hook", hookSecret}, {"https:///hook", hookSecret}, {hookBase + "?ref=1", hookSecret}, {hookBase + "?secret=1", hookSecret}, {hookBase + "#x", hookSecret},
		{hookBase + "?env=prod;x", hookSecret}, {hookBase + "?env=%zz", hookSecret}, {"https://user@match.example.com/hook", hookSecret}, {"https://user:pw@match.example.com/hook", hookSecret}, {"https://match.example.com/%zz", hookSecret}} {
		hooks, err := noRequests(t).Webhooks(test.base, test.secret)
		if hooks != nil || !errors.Is(err, sessions.ErrInvalidArgument) || strings.Contains(err.Error(), hookSecret) {
			t.Errorf("Webhooks(%q, %q) = %v, %v, want ErrInvalidArgument without the secret", test.base, test.secret, hooks, err)
		}
	}
}

func TestWebhookHandler(t *testing.T) {
	const item = `{"session_id":"950dd2eaff09-S","status":"Ready","ready":true,"kind":"Seat","user_count":1,"linked":true,"deployment_request_id":"57f84a8e1298"}`
	hooks := newHooks(t, noRequests(t), hookBase)
	withSecret := func(secret string) string { return hookBase + "?ref=m-1042&secret=" + url.QueryEscape(secret) }
	for _, test := range []struct {
		name, method, url, body string // default POST, to the right URL
		handleErr               error
		status                  int
	}{
		{name: "list item", body: item, status: 204},
		{name: "full session", body: fullSession, status: 204},
		{name: "no reference", url: hooks.URL(""), body: item, status: 204},
		{name: "odd types", body: `{"session_id":"950dd2eaff09-S","status":7,"ready":"yes","user_count":"many"}`, status: 204},
		{name: "handle fails", body: item, handleErr: errors.New("queue is down"), status: 500},
		{name: "GET", method: "GET", body: item, status: 405},
		{name: "PUT with a wrong secret", method: "PUT", url: withSecret("wrong"), status: 405},
		{name: "wrong secret", url: withSecret("wrong"), body: item, status: 404},
		{name: "prefix of the secret", url: withSecret(hookSecret[:4]), body: item, status: 404},
		{name: "empty secret", url: withSecret(""), body: item, status: 404},
		{name: "no secret", url: hookBase, body: item, status: 404},
		{name: "no body", status: 400},
		{name: "no JSON", body: "session_id=950dd2eaff09-S", status: 400},
		{name: "truncated", body: item[:len(item)-1], status: 400},
		{name: "no id", body: `{"status":"Ready"}`, status: 400},
		{name: "number as id", body: `{"session_id":7}`, status: 400},
		{name: "invalid id", body: `{"session_id":".."}`, status: 400},
		{name: "1 MiB", body: `{"session_id":"950dd2eaff09-S","x":"` + strings.Repeat("x", 1<<20-38) + `"}`, status: 204},
		{name: "over 1 MiB", body: `{"session_id":"950dd2eaff09-S","x":"` + strings.Repeat("x", 1<<20-37) + `"}`, status: 413},
	} {
		t.Run(test.name, func(t *testing.T) {
			handled := ""
			rec := deliver(hooks.Handler(func(_ context.Context, id string) error { handled += id; return test.handleErr }),
				cmp.Or(test.method, "POST"), cmp.Or(test.url, hooks.URL("m-1042")), test.body)
			want := map[int]string{204: "950dd2eaff09-S", 500: "950dd2eaff09-S"}[test.status]
			if body := rec.Body.String(); rec.Code != test.status || handled != want || body != "" {
				t.Errorf("got %d %q and handle(%q), want %d without a body and handle(%q)", rec.Code, body, handled, test.status, want)
			}
		})
	}
}

func TestWebhookHandlerNotifiesBeforeHandle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, times := pollClient(t, time.Hour, time.Hour)
		hooks := newHooks(t, c, hookBase)
		go c.WaitReady(endingContext(t, 0, time.Minute), "s-1")
		synctest.Wait()
		func() {
			defer func() { recover() }()
			handler := hooks.Handler(func(context.Context, string) error { panic("planned") })
			if code := deliver(handler, "POST", hooks.URL("m-1"), `{"session_id":"s-1"}`).Code; code != 500 {
				t.Errorf("got %d for a panic in handle, want the panic or 500", code)
			}
		}()
		time.Sleep(2 * time.Minute)
		if len(times()) != 5 {
			t.Errorf("got %d reads, want one at the start and four after the webhook", len(times()))
		}
	})
}
