package sessionstest_test

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

func TestAllEightCallsInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := sessionstest.NewServer()
		defer srv.Close()
		client := srv.Client()
		ctx := t.Context()

		start := time.Now()
		s, err := client.CreateAndWait(ctx, sessions.CreateRequest{AppName: "arena", IPList: []string{"203.0.113.7", "198.51.100.23"}})
		if err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(start); waited < 2*time.Second || waited > 5*time.Second {
			t.Errorf("the session was ready after %v, want about 2 s", waited)
		}
		address, err := sessions.Endpoint(s, "gameport")
		if err != nil || address == "" {
			t.Errorf("Endpoint = %q, %v", address, err)
		}
		id := s.SessionID
		if users, err := client.AddUsers(ctx, id, "192.0.2.1"); err != nil || len(users) != 3 {
			t.Errorf("AddUsers = %v, %v", users, err)
		}
		if users, err := client.RemoveUsers(ctx, id, "203.0.113.7"); err != nil || len(users) != 2 {
			t.Errorf("RemoveUsers = %v, %v", users, err)
		}
		if users, err := client.Users(ctx, id); err != nil || len(users) != 2 {
			t.Errorf("Users = %v, %v", users, err)
		}
		page, err := client.List(ctx, sessions.ListOptions{})
		if err != nil || len(page.Sessions) != 1 || page.Total != 1 {
			t.Errorf("List = %+v, %v", page, err)
		}
		other, err := client.Create(ctx, sessions.CreateRequest{AppName: "arena"})
		if err != nil {
			t.Fatal(err)
		}
		if ids, err := client.BulkStop(ctx, sessions.StopIDs(other.SessionID)); err != nil || !slices.Equal(ids, []string{other.SessionID}) {
			t.Errorf("BulkStop = %v, %v", ids, err)
		}
		if _, err := client.Delete(ctx, id); err != nil {
			t.Error(err)
		}
		if left := srv.Sessions(); len(left) != 0 {
			t.Errorf("left over: %v", left)
		}
		seen := map[string]bool{}
		for _, r := range srv.Requests() {
			if r.Status != 200 || !r.KeyAccepted {
				t.Errorf("%+v", r)
			}
			seen[r.Operation] = true
		}
		if len(seen) != 8 {
			t.Errorf("operations seen: %v", seen)
		}
	})
}

func TestURL(t *testing.T) {
	srv := sessionstest.NewServer(sessionstest.WithReadyAfter(0), sessionstest.WithKey("k3y"))
	defer srv.Close()
	base, err := url.Parse(srv.URL())
	if err != nil || base.Hostname() != "127.0.0.1" || srv.URL() != base.String() {
		t.Fatalf("%v, %v", base, err)
	}
	client, err := sessions.New("k3y", sessions.WithBaseURL(srv.URL()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	s, err := client.CreateAndWait(t.Context(), arena)
	if err != nil {
		t.Fatal(err)
	}
	if same, err := srv.Client().Get(t.Context(), s.SessionID); err != nil || same.SessionID != s.SessionID {
		t.Errorf("in memory it is another server: %+v, %v", same, err)
	}
	srv.Close()
	if conn, err := net.Dial("tcp", base.Host); err == nil {
		conn.Close()
		t.Error("something listens after Close")
	}
}

func TestClientTakesOptions(t *testing.T) {
	srv := sessionstest.NewServer()
	defer srv.Close()
	if _, err := srv.Client(sessions.WithUserAgent("arena/1.0")).List(t.Context(), sessions.ListOptions{}); err != nil {
		t.Fatal(err)
	}
	if agent := srv.Requests()[0].Header.Get("User-Agent"); !strings.Contains(agent, "arena/1.0") {
		t.Errorf("user agent %q", agent)
	}
	defer func() {
		if recover() == nil {
			t.Error("a bad option was taken")
		}
	}()
	srv.Client(sessions.WithBaseURL("ftp://sessions.invalid"))
}

// count counts what passes through it.
type count struct {
	next http.RoundTripper
	n    int
}

func (c *count) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n++
	return c.next.RoundTrip(r)
}

func TestTransportCanBeWrapped(t *testing.T) {
	srv := sessionstest.NewServer()
	defer srv.Close()
	wrapped := &count{next: srv.Transport()}
	if _, err := srv.Client(sessions.WithTransport(wrapped)).List(t.Context(), sessions.ListOptions{}); err != nil || wrapped.n != 1 {
		t.Errorf("%d requests, %v", wrapped.n, err)
	}
}
