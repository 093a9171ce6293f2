package sessionstest_test

import (
	"slices"
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
