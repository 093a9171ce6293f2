package sessionstest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// service is a matchmaker as a backend has it: it starts matches, learns from
// webhooks where they are played or that they have failed, and ends them.
type service struct {
	client *sessions.Client
	mu     sync.Mutex
	places map[string]string // addresses of the matches that run, by session id
	lost   []string          // session ids of those that failed
}

func newService(client *sessions.Client, mux *http.ServeMux) *service {
	s := &service{client: client, places: map[string]string{}}
	mux.Handle("/hook", client.WebhookHandler("s3cret", s.told))
	return s
}

func (s *service) told(_ context.Context, session *sessions.Session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !session.Ready {
		delete(s.places, session.SessionID)
		s.lost = append(s.lost, session.SessionID)
		return nil
	}
	address, err := sessions.Endpoint(session, "gameport")
	s.places[session.SessionID] = address
	return err
}

// start creates the session of a match. If nobody can tell whether there is one,
// it looks for it by its webhook URL.
func (s *service) start(ctx context.Context, match string, players ...string) (id string, err error) {
	hook, err := sessions.WebhookURL("https://match.example/hook?match="+match, "s3cret")
	if err != nil {
		return "", err
	}
	created, err := s.client.Create(ctx, sessions.CreateRequest{AppName: "arena", IPList: players, WebhookURL: hook})
	if err == nil {
		return created.SessionID, nil
	}
	if errors.Is(err, sessions.ErrOutcomeUnknown) {
		for summary, fault := range s.client.All(ctx, sessions.ListOptions{}) {
			if fault != nil {
				return "", errors.Join(err, fault)
			}
			if summary.WebhookURL == hook {
				return summary.SessionID, nil
			}
		}
	}
	return "", err
}

// leave takes a player off a match, and ends the match with its last player.
func (s *service) leave(ctx context.Context, id, player string) error {
	left, err := s.client.RemoveUsers(ctx, id, player)
	if err == nil && len(left) == 0 {
		_, err = s.client.Delete(ctx, id)
	}
	return err
}

// shutdown ends every match that runs.
func (s *service) shutdown(ctx context.Context) error {
	s.mu.Lock()
	ids := slices.Collect(maps.Keys(s.places))
	s.mu.Unlock()
	_, err := s.client.BulkStop(ctx, sessions.StopIDs(ids...))
	return err
}

// serving runs a test of the service in virtual time.
func serving(t *testing.T, test func(t *testing.T, srv *sessionstest.Server, s *service), opts ...sessionstest.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		mux := http.NewServeMux()
		srv := sessionstest.NewServer(append(opts, sessionstest.WithT(t), sessionstest.WithWebhooks(mux))...)
		test(t, srv, newService(srv.Client(), mux))
	})
}

func TestAServiceWhosePlayersLeave(t *testing.T) {
	serving(t, func(t *testing.T, srv *sessionstest.Server, s *service) {
		id, err := s.start(t.Context(), "7", "203.0.113.7", "198.51.100.23")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := srv.WaitWebhooks(t.Context(), 1); err != nil || s.places[id] == "" {
			t.Fatalf("no address: %v", err)
		}
		if err := s.leave(t.Context(), id, "203.0.113.7"); err != nil {
			t.Fatal(err)
		}
		if left, used := srv.Sessions(), srv.Deployments()[0].SocketsUsed; len(left) != 1 || len(left[0].IPs) != 1 || used != 1 {
			t.Errorf("one of two left: %+v on %d sockets", left, used)
		}
		if err := s.leave(t.Context(), id, "198.51.100.23"); err != nil {
			t.Fatal(err)
		}
		if left := srv.Sessions(); len(left) != 0 {
			t.Errorf("both left: %+v", left)
		}
	})
}

// A bulk stop may take effect at once or later: nobody knows.
func TestAServiceThatIsShutDown(t *testing.T) {
	for _, takes := range []time.Duration{0, 5 * time.Second} {
		serving(t, func(t *testing.T, srv *sessionstest.Server, s *service) {
			for i := range 30 {
				if _, err := s.start(t.Context(), fmt.Sprint(i), "203.0.113.7"); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := srv.WaitWebhooks(t.Context(), 30); err != nil {
				t.Fatal(err)
			}
			if err := s.shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(takes)
			if left := srv.Sessions(); len(left) != 0 {
				t.Errorf("after %v there are %d left", takes, len(left))
			}
		}, sessionstest.WithUnknown(sessionstest.Unknown{BulkStopTakes: takes}))
	}
}

func TestAServiceWhoseDeploymentEnds(t *testing.T) {
	serving(t, func(t *testing.T, srv *sessionstest.Server, s *service) {
		id, err := s.start(t.Context(), "7", "203.0.113.7")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := srv.WaitWebhooks(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if err := srv.EndDeployment(srv.Sessions()[0].DeploymentRequestID); err != nil {
			t.Fatal(err)
		}
		if hooks, err := srv.WaitWebhooks(t.Context(), 2); err != nil || hooks[1].Answer != 204 {
			t.Fatalf("%+v, %v", hooks, err)
		}
		if len(s.places) != 0 || !slices.Equal(s.lost, []string{id}) {
			t.Errorf("running %v, lost %v", s.places, s.lost)
		}
	})
}

func TestAServiceThatCannotTellWhetherItCreated(t *testing.T) {
	for created, fault := range map[int]sessionstest.Fault{
		0: {Operation: "session-post", Break: "reset"},
		1: {Operation: "session-post", Break: "reset", Done: true},
	} {
		serving(t, func(t *testing.T, srv *sessionstest.Server, s *service) {
			srv.FailNext(fault)
			id, err := s.start(t.Context(), "7", "203.0.113.7")
			if found := id != ""; found != (created == 1) || found == (err != nil) {
				t.Errorf("%d created, and the service has %q, %v", created, id, err)
			}
			if n := len(srv.Sessions()); n != created {
				t.Errorf("%d sessions, want %d", n, created)
			}
		})
	}
}
