package sessionstest_test

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// TestHammer makes all calls and controls at once, for the race detector, and
// compares the sockets that are used with the sessions at the end.
func TestHammer(t *testing.T) {
	e := newEmulator(t, sessionstest.Config{ReadyAfter: new(time.Millisecond), TerminatingFor: new(time.Millisecond), WebhookHandler: http.NotFoundHandler(),
		Apps: []sessionstest.App{{Name: "arena", Sockets: 3}}})
	client := e.Client(sessions.WithMaxAttempts(1))
	ctx := t.Context()
	var done sync.WaitGroup
	for worker := range 8 {
		random := rand.New(rand.NewPCG(1, uint64(worker)))
		done.Go(func() {
			for range 200 {
				id := "950dd2eaff09-S"
				if live := e.State(5).Sessions; len(live) > 0 {
					id = live[random.IntN(len(live))].SessionID
				}
				switch random.IntN(14) {
				case 0, 1, 2, 3:
					client.Create(ctx, sessions.CreateRequest{AppName: "arena", IPList: []string{"203.0.113.7"}, WebhookURL: "https://match.example/hook"})
				case 4:
					client.Get(ctx, id)
				case 5:
					client.Delete(ctx, id)
				case 6:
					client.AddUsers(ctx, id, "203.0.113.8")
				case 7:
					client.RemoveUsers(ctx, id, "203.0.113.8")
				case 8:
					client.List(ctx, sessions.ListOptions{PageSize: 3})
				case 9:
					client.BulkStop(ctx, sessions.StopByID(id))
				case 10:
					e.SetStatus(id, sessions.StatusReady)
					e.SendWebhook(id)
				case 11:
					e.FailNext(sessionstest.ConnectionReset())
				case 12:
					if live := e.Deployments(); len(live) > 0 {
						e.EndDeployment(live[random.IntN(len(live))].RequestID)
					}
				case 13:
					c := e.Config()
					c.Assumptions.Status = map[string]int{"no_socket": 422}
					if random.IntN(4) == 0 {
						e.Reset(c)
					} else {
						e.SetConfig(c)
					}
					e.Events(0)
				}
			}
		})
	}
	done.Wait()
	used := map[string]int64{}
	state := e.State(0)
	for _, s := range state.Sessions {
		if s.Deployment != nil {
			used[s.Deployment.RequestID] += int64(s.SocketsUsed)
		}
	}
	for _, d := range state.Deployments {
		if d.SocketsUsage != used[d.RequestID] || d.SocketsUsage > d.Sockets {
			t.Errorf("deployment %s uses %d of %d sockets, its sessions %d", d.RequestID, d.SocketsUsage, d.Sockets, used[d.RequestID])
		}
	}
	equal(t, "total", state.Total, len(state.Sessions))
}
