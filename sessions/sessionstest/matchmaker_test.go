package sessionstest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// seat gives players an address to connect to, and leaves nothing behind when it can't.
func seat(ctx context.Context, client *sessions.Client, ips ...string) (address string, err error) {
	s, err := client.CreateAndWait(ctx, sessions.CreateRequest{AppName: "arena", IPList: ips})
	if err != nil {
		return "", err
	}
	if address, err = sessions.Endpoint(s, "gameport"); err != nil {
		client.Delete(ctx, s.SessionID)
	}
	return address, err
}

func TestSeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in virtual time: no wait takes any
		arena := sessionstest.App{Name: "arena", Sockets: 2}
		srv := sessionstest.NewServer(sessionstest.WithT(t), sessionstest.WithApp(arena))
		client := srv.Client()

		// Three players, two sockets: the session fails, and is not left behind.
		_, err := seat(t.Context(), client, "203.0.113.7", "198.51.100.23", "192.0.2.40")
		var failed *sessions.FailedError
		if !errors.As(err, &failed) || len(srv.Sessions()) != 0 {
			t.Errorf("error %v, left behind %v", err, srv.Sessions())
		}

		// Two players fit, but there are too many requests: come back in half a minute.
		busy := sessionstest.Fault{Status: 429, Headers: map[string]string{"Retry-After": "30"}}
		srv.FailNext(busy)
		start := time.Now()
		address, err := seat(t.Context(), client, "203.0.113.7", "198.51.100.23")
		if waited := time.Since(start); err != nil || address == "" || waited < 30*time.Second {
			t.Errorf("address %q, error %v after %v", address, err, waited)
		}
	})
}
