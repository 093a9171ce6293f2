package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgegap-community/edgegap/examples/replicas/cluster"
	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

var seeds = flag.Int("seeds", 3, "number of runs of TestEveryPlayerHasOneResultAndNoSessionLeaks")

const (
	matches  = 300
	arrivals = 6 * time.Second // of all players
)

// TestEveryPlayerHasOneResultAndNoSessionLeaks has 300 players ask for a match while a replica
// is killed, NATS is restarted, webhooks are lost, late or repeated, and calls of the API fail.
func TestEveryPlayerHasOneResultAndNoSessionLeaks(t *testing.T) {
	for seed := range uint64(*seeds) {
		t.Run(fmt.Sprintf("seed=%d", seed+1), func(t *testing.T) { run(t, seed+1, syscall.SIGKILL) })
	}
}

// TestShutdown is the same with a replica that shuts down.
func TestShutdown(t *testing.T) { run(t, 1000, syscall.SIGTERM) }

// outcome is what a player sees.
type outcome struct {
	status  int // 0: the player has left
	address string
	reason  string
	deleted bool // the player has deleted the match
}

func run(t *testing.T, seed uint64, signal syscall.Signal) {
	start := time.Now()
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	logFile, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer logFile.Close()
	c, err := cluster.Start(dir, logFile, unreliableWebhooks, sessionstest.WithSeed(seed),
		sessionstest.WithReadyBetween(200*time.Millisecond, 2*time.Second), sessionstest.WithVisibleAfter(1500*time.Millisecond))
	defer c.Stop()
	if err != nil {
		t.Fatal(err)
	}
	natsURL, port := c.NATS.ClientURL(), c.NATS.Addr().(*net.TCPAddr).Port
	c.Emulator.FailNext(
		sessionstest.Fault{Operation: "session-post", Probability: 0.04, Connection: "reset", Execute: true}, // the outcome is unknown
		sessionstest.Fault{Operation: "session-post", Probability: 0.04, Status: 500},                        // the same, but nothing was created
		sessionstest.Fault{Operation: "session-post", Probability: 0.04, Status: 400},
		sessionstest.Fault{Operation: "session-post", Times: -1, Delay: 200 * time.Millisecond}, // so that a killed replica has creates in flight
		sessionstest.Fault{Operation: "session-delete", Probability: 0.1, Status: 503},
	)

	// All random decisions are made here, in one goroutine.
	victim := random.IntN(3)
	killAt, restartAt := time.Duration(random.Int64N(int64(arrivals))), time.Duration(random.Int64N(int64(arrivals)))
	outcomes := make([]outcome, matches)
	ids := make([]string, matches)
	var running sync.WaitGroup
	after := func(d time.Duration, f func()) {
		running.Add(1)
		time.AfterFunc(d, func() { defer running.Done(); f() })
	}
	after(killAt, func() { c.Replicas[victim].Process.Signal(signal) })
	after(restartAt, func() {
		c.NATS.Shutdown()
		c.NATS.WaitForShutdown()
		ns, err := cluster.StartNATS(dir, port)
		if err != nil {
			t.Error(err)
			return
		}
		c.NATS = ns
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i := range matches {
		ids[i] = fmt.Sprintf("match-%04d-%04d-%08x", seed, i, random.Uint32())
		kind, patience := random.IntN(20), time.Duration(random.Int64N(int64(2*time.Second)))
		after(time.Duration(random.Int64N(int64(arrivals))), func() {
			o, ip := &outcomes[i], fmt.Sprintf("203.0.%d.%d", i/256, i%256)
			ask := func(ctx context.Context) {
				var r cluster.Result
				o.status, r = cluster.Play(ctx, c.Balancer.URL, ids[i], ip)
				o.address, o.reason = r.Address, r.Error
			}
			if kind < 2 { // leaves, and every second time comes back after a while
				impatient, cancel := context.WithTimeout(ctx, patience)
				ask(impatient)
				cancel()
				if o.status == 0 && kind == 1 {
					after(2*patience+2*time.Second, func() { ask(ctx) })
				}
				return
			}
			if kind < 4 { // cancels
				o.deleted = true
				after(patience, func() { deleteMatch(ctx, t, c.Balancer.URL, ids[i]) })
			}
			ask(ctx)
		})
	}
	running.Wait()
	if ctx.Err() != nil {
		t.Error("some players have no result")
	}

	// The replicas have some time to reclaim what is left.
	var problems []error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if problems = check(t, natsURL, c.Emulator.URL(), ids, outcomes); len(problems) == 0 {
			break
		}
	}
	for _, problem := range problems {
		t.Error(problem)
	}
	for i, o := range outcomes { // the result of a repeated request is the same
		if i%10 == 0 && o.status != 0 && !o.deleted {
			if status, r := cluster.Play(ctx, c.Balancer.URL, ids[i], "203.0.113.1"); status != o.status || r.Address != o.address {
				t.Errorf("%s: the first result is %d %q, the second one %d %q", ids[i], o.status, o.address, status, r.Address)
			}
		}
	}
	for path, want := range map[string]string{"/healthz": "", "/metrics": "edgegap_sessions_created_total"} {
		status, body := get(t, c.Balancer.URL+path)
		for status == http.StatusBadGateway { // of the replica that is killed
			status, body = get(t, c.Balancer.URL+path)
		}
		if status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: status %d, %q; want %q in it", path, status, body, want)
		}
	}
	c.Stop()
	for i, replica := range c.Replicas {
		if code := replica.ProcessState.ExitCode(); code != 0 && (i != victim || signal != syscall.SIGKILL) {
			t.Errorf("replica %d: exit code %d", i+1, code)
		}
	}
	log, err := os.ReadFile(logFile.Name())
	if err != nil {
		t.Fatal(err)
	}
	if t.Failed() {
		t.Logf("log of the replicas:\n%s", log)
	}
	count, reasons := map[int]int{}, map[string]int{}
	for _, o := range outcomes {
		count[o.status]++
		reasons[o.reason]++
	}
	delete(reasons, "") // no failure
	continued := regexp.MustCompile(`msg=continued replica=\d match=\S+ from=(\d)`).FindAllStringSubmatch(string(log), -1)
	fromVictim := len(slices.DeleteFunc(slices.Clone(continued), func(m []string) bool { return m[1] != strconv.Itoa(victim+1) }))
	t.Logf("%d matches: %d made, %d failed (%v), %d left; %d continued by another replica (%d after replica %d), %d reclaimed, %d problems; %s at %.1f s, NATS restart at %.1f s, total %.1f s",
		matches, count[200], count[410], reasons, count[0], len(continued), fromVictim, victim+1, strings.Count(string(log), "msg=reclaimed"), len(problems),
		signal, killAt.Seconds(), restartAt.Seconds(), time.Since(start).Seconds())
}

func get(t *testing.T, url string) (status int, body string) {
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(content)
}

// unreliableWebhooks loses, delays or repeats webhooks.
func unreliableWebhooks(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/hook" {
			next.ServeHTTP(w, req)
			return
		}
		body, _ := io.ReadAll(req.Body)
		send := func() {
			again := req.Clone(context.WithoutCancel(req.Context()))
			again.Body = io.NopCloser(bytes.NewReader(body))
			next.ServeHTTP(httptest.NewRecorder(), again)
		}
		switch rand.IntN(5) {
		case 0: // lost
		case 1:
			time.AfterFunc(rand.N(3*time.Second), send)
		case 2:
			send()
			time.AfterFunc(rand.N(time.Second), send)
		default:
			send()
		}
	})
}

func deleteMatch(ctx context.Context, t *testing.T, base, id string) {
	for ctx.Err() == nil {
		req, _ := http.NewRequestWithContext(ctx, http.MethodDelete, base+"/match/"+id, nil)
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusNoContent {
				return
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("%s could not be deleted", id)
}

// check compares the sessions of the emulator with the records and with what the players saw.
func check(t *testing.T, natsURL, apiURL string, ids []string, outcomes []outcome) (problems []error) {
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	client, err := sessions.New("demo", sessions.WithBaseURL(apiURL))
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	records, messages, err := readNATS(t.Context(), natsURL, ids)
	if err != nil {
		t.Fatal(err)
	}
	if messages > 0 {
		problem("the queue has %d messages", messages)
	}
	existing := map[string]bool{}
	for s, err := range client.All(t.Context(), sessions.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		existing[s.SessionID] = true
		id, _, _ := strings.Cut(sessions.Reference(s.WebhookURL), ".")
		if m := records[id]; m == nil || m.State != "handed out" || m.SessionID != s.SessionID {
			problem("session %s (%s) has no match: %+v", s.SessionID, s.Status, m)
		}
	}
	for i, o := range outcomes {
		m := records[ids[i]]
		switch {
		case m == nil:
			if o.status != 0 {
				problem("%s: status %d, but no record", ids[i], o.status)
			}
		case o.deleted, o.status == http.StatusGone:
			if m.State != "over" || existing[m.SessionID] {
				problem("%s: status %d, but the match is %q and its session exists: %t", ids[i], o.status, m.State, existing[m.SessionID])
			}
		case o.status == http.StatusOK:
			if m.State != "handed out" || m.Address != o.address || !existing[m.SessionID] {
				problem("%s: has address %q, but the match is %q with %q and its session exists: %t", ids[i], o.address, m.State, m.Address, existing[m.SessionID])
			}
		case m.State != "over" && m.State != "handed out" && m.State != "queued": // the player has left, perhaps before the message was sent
			problem("%s: %q, but the player has left", ids[i], m.State)
		}
	}
	return problems
}

// record is what the test needs of the record of a match.
type record struct{ State, SessionID, Address string }

// readNATS returns the records by id, and the number of messages in the queue.
func readNATS(ctx context.Context, natsURL string, ids []string) (records map[string]*record, messages uint64, err error) {
	nc, err := nats.Connect(natsURL)
	if err != nil {
		return nil, 0, err
	}
	defer nc.Close()
	js, err1 := jetstream.New(nc)
	kv, err2 := js.KeyValue(ctx, "matches")
	queue, err3 := js.Stream(ctx, "QUEUE")
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, 0, err
	}
	records = map[string]*record{}
	for _, id := range ids {
		entry, err := kv.Get(ctx, id)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue
		} else if err != nil {
			return nil, 0, err
		}
		records[id] = &record{}
		if err := json.Unmarshal(entry.Value(), records[id]); err != nil {
			return nil, 0, err
		}
	}
	return records, queue.CachedInfo().State.Msgs, nil
}
