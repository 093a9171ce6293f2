package emulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

// Many callers make all eight calls at once, while faults strike, controls
// change what is there and webhooks go out. Nothing hangs or is lost: in the end
// every request is in the record, every socket free, every deployment ended.
func TestAHammer(t *testing.T) {
	const callers, rounds = 64, 12
	receiver := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		time.Sleep(10 * ms)
		w.WriteHeader(500)
	})
	config := emulator.Config{
		WebhookHandler: receiver,
		ReadyAfter:     100 * ms,
		ReadyAfterMost: time.Second,
		Apps: []emulator.App{
			{Name: "arena", Sockets: 6, EmptyTTL: time.Second}, {Name: "duel", Kind: "Match", Sockets: 2, EmptyTTL: time.Minute},
			{Name: "broken", FailsToStart: true, EmptyTTL: time.Second}, {Name: "closed", NoAutodeploy: true, EmptyTTL: time.Second},
		},
		Unknown: emulator.Unknown{LinkedWhileWaiting: true, WebhookRetries: 1, EmptyFilters: 200, BulkStopTakes: 50 * ms},
	}
	within(t, config, func(t *testing.T, e *emulator.Emulator) {
		var sent atomic.Int64
		// do makes a call that may fail in every way but take for ever.
		do := func(method, path, body string) (code int, text []byte) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			r, _ := http.NewRequestWithContext(ctx, method, "https://emulator.invalid"+path, strings.NewReader(body))
			r.Header.Set("Authorization", "token k")
			r.Header.Set("Content-Type", "application/json")
			sent.Add(1)
			response, err := e.Transport().RoundTrip(r)
			if err != nil {
				return 0, nil
			}
			defer response.Body.Close()
			text, _ = io.ReadAll(response.Body)
			return response.StatusCode, text
		}
		plan(t, e,
			emulator.Fault{Share: 0.02, Break: "reset", Done: true}, emulator.Fault{Share: 0.02, Break: "stall"},
			emulator.Fault{Share: 0.02, Break: "cut"}, emulator.Fault{Share: 0.02, Slow: 3 * time.Second},
			emulator.Fault{Share: 0.05, Delay: 300 * ms, Status: 503}, emulator.Fault{Share: 0.02, Break: "garble"})
		var all sync.WaitGroup
		for n := range callers {
			all.Go(func() {
				dice := rand.New(rand.NewPCG(uint64(n), 0))
				for round := range rounds {
					app := []string{"arena", "arena", "duel", "broken", "closed"}[dice.IntN(5)]
					_, text := do("POST", "/v1/session", fmt.Sprintf(`{"app_name": %q, "ip_list": %s, "selectors": [{"tag": "t%d", "tag_only": %t}],
						"webhook_url": "https://match.example/hook"}`, app, ips(1+dice.IntN(4)), dice.IntN(5), dice.IntN(2) == 0))
					var created api.SessionRequest
					json.Unmarshal(text, &created)
					path := "/v1/session/" + created.SessionID
					if created.SessionID == "" {
						path += "000000000000-S"
					}
					time.Sleep(time.Duration(dice.IntN(300)) * ms)
					do("GET", path, "")
					do("PUT", path+"/users", `{"ip_list": ["192.0.2.1", "192.0.2.2"]}`)
					do("GET", path+"/users", "")
					do("DELETE", path+"/users", `{"ip_list": ["192.0.2.1"]}`)
					do("GET", fmt.Sprintf("/v1/sessions?page=%d", 1+dice.IntN(9)), "")
					switch dice.IntN(3) {
					case 0:
						do("DELETE", path, "")
					case 1:
						do("POST", "/v1/sessions/bulk-stop", `{"filters": [`+field("session_id", "any", created.SessionID)+`]}`)
					}
					if n%8 == 0 && round%3 == 0 {
						control(e, dice)
					}
				}
			})
		}
		all.Wait()
		e.ForgetFaults()
		synctest.Wait()
		if n := len(e.Requests()); int64(n) != sent.Load() || n < callers*rounds*6 {
			t.Errorf("%d requests in the record, %d sent", n, sent.Load())
		}
		if code, text := do("POST", "/v1/sessions/bulk-stop", `{"filters": []}`); code != 200 {
			t.Fatalf("%d %s", code, text)
		}
		time.Sleep(10 * time.Second) // every session is deleted, every webhook sent
		for _, d := range e.Deployments() {
			if d.SocketsUsed != 0 {
				t.Errorf("sockets left in use: %+v", d)
			}
		}
		time.Sleep(2 * time.Hour)
		for _, s := range e.Sessions() {
			if s.Exists || s.DeploymentRequestID != "" {
				t.Errorf("left over: %+v", s)
			}
		}
		page := call[api.Sessions](t, e, "GET", "/v1/sessions", "")
		if page.TotalCount != 0 || len(e.Webhooks()) == 0 {
			t.Errorf("listed %d, %d webhooks", page.TotalCount, len(e.Webhooks()))
		}
		for _, d := range e.Deployments() {
			if d.Ready { // else it waits for a session that was set to Waiting
				t.Errorf("it runs on: %+v", d)
			}
		}
	})
}

// control changes something that is there, and looks at everything.
func control(e *emulator.Emulator, dice *rand.Rand) {
	sessions, deployments := e.Sessions(), e.Deployments()
	if len(sessions) > 0 {
		statuses := []string{"Initializing", "Waiting", "Ready", "Error", "Unprocessable", "Terminating", "Linked"}
		e.SetStatus(sessions[dice.IntN(len(sessions))].SessionID, statuses[dice.IntN(len(statuses))])
	}
	if len(deployments) > 0 {
		e.EndDeployment(deployments[dice.IntN(len(deployments))].RequestID)
		e.SetJoinable(deployments[dice.IntN(len(deployments))].RequestID, dice.IntN(2) == 0)
	}
	e.Deploy([]string{"arena", "closed"}[dice.IntN(2)], "", "t1")
	config := e.Config()
	config.TerminatingFor = time.Duration(dice.IntN(1000)) * ms
	e.Configure(config)
	ctx, cancel := context.WithTimeout(context.Background(), 100*ms)
	defer cancel()
	e.WaitWebhooks(ctx, 1<<30)
	e.Dump()
}
