package sessionstest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

func TestSetStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, noAutodeploy)
		id := f.create("")
		for _, status := range []sessions.Status{"Initializing", "Waiting", "Seeking", "Ready", "Error", "Unprocessable", "Initializing", "Ready"} {
			if err := f.SetStatus(id, status); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Hour) // it stays
			s := f.Sessions()[0]
			linked := status == "Waiting" || status == "Ready"
			equal(t, "session", line(s.Status, s.Ready, s.Linked, s.Deployment != nil), line(status, status == "Ready", linked, linked))
		}
		used := 0
		for _, d := range f.Deployments() {
			used += int(d.SocketsUsage)
		}
		equal(t, "used sockets", used, 1)
		err := f.SetStatus(id, "Linked")
		equal(t, "error", err, "status must be one of Initializing, Seeking, Waiting, Ready, Unprocessable, Error, Terminating")
		if err := f.SetStatus(id, "Terminating"); err != nil || len(f.Sessions()) != 0 {
			t.Errorf("%v, %d sessions", err, len(f.Sessions()))
		}
		if err := f.SetStatus(id, "Ready"); err == nil {
			t.Error("no error for a deleted session")
		}
	})
}

func TestRequestsHaveNoKey(t *testing.T) {
	f := newFake(t, sessionstest.WithKey("secret"))
	f.want(401, "GET", "/v1/sessions?page=1", "")
	if _, err := f.Client().Create(t.Context(), arenaRequest); err != nil {
		t.Fatal(err)
	}
	requests := f.Requests()
	if text := fmt.Sprintf("%+v", requests); strings.Contains(text, "secret") {
		t.Errorf("the key is in %s", text)
	}
	equal(t, "first", line(requests[0].Operation, requests[0].Method, requests[0].Path, requests[0].Query, requests[0].Status), "list-sessions GET /v1/sessions page=1 401")
	equal(t, "second", line(requests[1].Operation, requests[1].SessionID, requests[1].Status), "session-post "+f.Sessions()[0].SessionID+" 200")
	if !strings.Contains(requests[1].Body, `"ip_list":["203.0.113.7"]`) {
		t.Errorf("body %s", requests[1].Body)
	}
}

func TestWebhooksOverHTTP(t *testing.T) {
	received := make(chan string, 10)
	hook := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { received <- r.Header.Get("Content-Type") })
	plain, secure := httptest.NewServer(hook), httptest.NewTLSServer(hook)
	defer plain.Close()
	defer secure.Close()
	gone := httptest.NewServer(hook)
	gone.Close()
	for url, want := range map[string]string{
		plain.URL:                  "200",
		secure.URL:                 "0 tls: failed to verify certificate",
		gone.URL:                   "connection refused",
		"https://match.example":    "0 not sent: the host is not loopback",
		"ftp://localhost/hook":     "0 webhook_url is not an http or https URL",
		"http://[::1":              "0 webhook_url is not an http or https URL",
		plain.URL + "/?secret=xyz": "200",
	} {
		e := newEmulator(t, sessionstest.Config{ReadyAfter: new(time.Duration), Assumptions: sessionstest.Assumptions{NoReadyWebhook: true}})
		(&fake{e.Server, t}).create(`"webhook_url": "` + url + `"`)
		waitForEvent(t, e, "webhook")
		hook := e.Webhooks()[0]
		if got := line(hook.Status, hook.Error); !strings.Contains(got, want) || strings.Contains(got, "secret") {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
		e.Close()
	}
	equal(t, "received", len(received), 2)
	equal(t, "Content-Type", <-received, "application/json")
}
