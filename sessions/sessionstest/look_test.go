package sessionstest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

func TestRequestsHoldWhatWasSent(t *testing.T) {
	bubble(t, func(t *testing.T, srv *sessionstest.Server, _ *sessions.Client) {
		client := srv.Client(sessions.WithUserAgent("matchmaker/1.4"))
		created, err := client.Create(t.Context(), arena)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, err := client.List(t.Context(), sessions.ListOptions{Page: 2, Limit: 100}); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Get(t.Context(), "950dd2eaff09-S"); err == nil {
			t.Fatal("there is a session that never was")
		}
		srv.FailNext(sessionstest.Fault{Break: "reset"})
		if _, err := client.RemoveUsers(t.Context(), created.SessionID, "203.0.113.7"); err == nil {
			t.Fatal("the reset did not strike")
		}
		now := time.Now()
		for i, want := range []sessionstest.Request{
			{Operation: "session-post", Method: "POST", Path: "/v1/session", KeyAccepted: true, Status: 200,
				Body: `{"app_name":"arena","ip_list":["203.0.113.7","198.51.100.23"]}`, Time: now.Add(-time.Second)},
			{Operation: "list-sessions", Method: "GET", Path: "/v1/sessions", Query: "page=2&limit=100", KeyAccepted: true, Status: 200, Time: now},
			{Operation: "get-session", Method: "GET", Path: "/v1/session/950dd2eaff09-S", SessionID: "950dd2eaff09-S", KeyAccepted: true,
				Status: 404, Message: "session not found", Time: now},
			{Operation: "delete-users-session", Method: "DELETE", Path: "/v1/session/" + created.SessionID + "/users", SessionID: created.SessionID,
				Body: `{"ip_list":["203.0.113.7"]}`, Time: now},
		} {
			got := srv.Requests()[i]
			if agent := got.Header.Get("User-Agent"); !strings.Contains(agent, "matchmaker/1.4") {
				t.Errorf("%s: user agent %q", got.Operation, agent)
			}
			got.Header = nil
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		}
	})
}

// A program may send its key where it does not belong: in a header, a body, a path.
func TestTheKeyIsNowhereToBeSeen(t *testing.T) {
	const key = "0f3a4b5c6d7e"
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		for _, path := range []string{"/v1/session", "/v1/sessions?limit=" + key, "/" + key} {
			r, err := http.NewRequestWithContext(t.Context(), "POST", "https://sessions.invalid"+path,
				strings.NewReader(`{"app_name": "arena", "selectors": [{"tag": "`+key+`"}]}`))
			if err != nil {
				t.Fatal(err)
			}
			r.Header = http.Header{"Authorization": {"token " + key}, "Content-Type": {"application/json"}, "X-Key": {key}}
			res, err := srv.Transport().RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		}
		seen := srv.Requests()
		if text := fmt.Sprintf("%+v", seen); strings.Contains(text, key) || !strings.Contains(text, "[key]") {
			t.Errorf("%s", text)
		}
		if seen[0].Status != 200 || seen[0].Header.Get("Authorization") != "" || seen[0].Header.Get("X-Key") != "[key]" {
			t.Errorf("%+v", seen[0])
		}
	}, sessionstest.WithKey(key))
}

func TestSessionsAreThoseThatExist(t *testing.T) {
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		var ids []string
		for _, version := range []string{"1.4.0", "", "1.4.0"} {
			request := arena
			request.VersionName, request.WebhookURL = version, "https://match.example/hook?secret=s"
			created, err := client.Create(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, created.SessionID)
		}
		if _, err := client.Delete(t.Context(), ids[0]); err != nil {
			t.Fatal(err)
		}
		if err := srv.SetStatus(ids[1], "Error"); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		time.Sleep(time.Minute)
		got := srv.Sessions()
		want := []sessionstest.Session{
			{SessionID: ids[1], AppName: "arena", VersionName: "v1", Status: "Error"},
			{SessionID: ids[2], AppName: "arena", VersionName: "1.4.0", Status: "Ready", DeploymentRequestID: srv.Deployments()[0].RequestID},
		}
		for i := range want {
			want[i].IPs, want[i].WebhookURL, want[i].Created = arena.IPList, "https://match.example/hook?secret=s", start
		}
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		got[1].IPs[0] = "192.0.2.1" // a copy
		if ips := srv.Sessions()[1].IPs; !slices.Equal(ips, arena.IPList) {
			t.Errorf("changed from outside: %v", ips)
		}
	}, sessionstest.WithWebhooks(http.NotFoundHandler()))
}

func TestStringTellsAllButWhatIsSecret(t *testing.T) {
	const key = "0f3a4b5c6d7e"
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		request := arena
		request.WebhookURL = "https://match.example/hook?secret=s3cret"
		s, err := client.CreateAndWait(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Get(t.Context(), "950dd2eaff09-S"); err == nil {
			t.Fatal("there is a session that never was")
		}
		text := fmt.Sprint(srv) // as a Stringer
		for _, told := range []string{"session-post", "get-session", "404", "session not found", s.SessionID, "arena v1", "2 players",
			s.Deployment.RequestID, "2 of 10 sockets", "1 webhook", "Ready", "204"} {
			if !strings.Contains(text, told) {
				t.Errorf("%q is not told:\n%s", told, text)
			}
		}
		for _, secret := range []string{key, "203.0.113.7", "198.51.100.23", "s3cret", "match.example"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q is told:\n%s", secret, text)
			}
		}
		for range 100 {
			if _, err := client.List(t.Context(), sessions.ListOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if n := strings.Count(srv.String(), "GET "); n != 50 {
			t.Errorf("%d requests are listed, want the last 50", n)
		}
	}, sessionstest.WithKey(key), sessionstest.WithWebhooks(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})))
}
