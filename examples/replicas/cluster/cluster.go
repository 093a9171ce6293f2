// Package cluster starts an emulator of the API, NATS and three replicas of the matchmaker, for
// the test and the demo.
package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// Cluster is three replicas, each a process of its own, behind a load balancer.
type Cluster struct {
	Emulator *sessionstest.Server
	NATS     *server.Server
	Balancer *httptest.Server // sends each request to the next replica
	Replicas []*exec.Cmd
	log      io.Writer
	program  string
}

// Start builds the matchmaker and starts the cluster. Files are in dir, and the replicas log to
// log. wrap returns the handler of the balancer. Call Stop even if Start fails.
func Start(dir string, log io.Writer, wrap func(http.Handler) http.Handler, opts ...sessionstest.Option) (c *Cluster, err error) {
	c = &Cluster{log: log, program: filepath.Join(dir, "matchmaker")}
	if output, err := exec.Command("go", "build", "-o", c.program, "github.com/edgegap-community/edgegap/examples/replicas/matchmaker").CombinedOutput(); err != nil {
		return c, fmt.Errorf("go build: %w: %s", err, output)
	}
	if c.Emulator, err = sessionstest.New(opts...); err != nil {
		return c, err
	}
	if c.NATS, err = StartNATS(dir, server.RANDOM_PORT); err != nil {
		return c, err
	}
	var urls []*url.URL
	var next atomic.Uint32
	c.Balancer = httptest.NewServer(wrap(&httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(urls[int(next.Add(1))%len(urls)]) },
		ErrorLog: discard,
	}))
	for _, name := range []string{"1", "2", "3"} {
		u, err := c.startReplica(name)
		if err != nil {
			return c, fmt.Errorf("replica %s did not start: %w", name, err)
		}
		urls = append(urls, u)
	}
	return c, nil
}

var discard = log.New(io.Discard, "", 0)

func (c *Cluster) startReplica(name string) (*url.URL, error) {
	replica := exec.Command(c.program)
	replica.Env = []string{"REPLICA=" + name, "NATS_URL=" + c.NATS.ClientURL(), "EDGEGAP_API_KEY=demo", "EDGEGAP_BASE_URL=" + c.Emulator.URL(),
		"APP=arena", "WEBHOOK_URL=" + c.Balancer.URL + "/hook", "WEBHOOK_SECRET=demo", "LISTEN=127.0.0.1:0", "TAKEOVER_AFTER=1s"}
	replica.Stderr = c.log
	stdout, err := replica.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := replica.Start(); err != nil {
		return nil, err
	}
	c.Replicas = append(c.Replicas, replica)
	var address string
	if _, err := fmt.Fscanf(stdout, "listening on %s", &address); err != nil {
		return nil, err
	}
	return url.Parse(address)
}

// Stop stops what has started.
func (c *Cluster) Stop() {
	for _, replica := range c.Replicas {
		replica.Process.Signal(os.Interrupt)
	}
	for _, replica := range c.Replicas {
		replica.Wait()
	}
	if c.Balancer != nil {
		c.Balancer.Close()
	}
	if c.NATS != nil {
		c.NATS.Shutdown()
	}
	if c.Emulator != nil {
		c.Emulator.Close()
	}
}

// StartNATS starts a NATS server that keeps its streams in dir.
func StartNATS(dir string, port int) (*server.Server, error) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoSigs: true})
	if err != nil {
		return nil, err
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		return nil, errors.New("NATS did not start")
	}
	return s, nil
}

// Result is the body of the response to a player.
type Result struct{ Address, Error string }

// Play is a player: it repeats its request until there is a result, or until ctx is done; then
// the status is 0.
func Play(ctx context.Context, base, id, ip string) (status int, r Result) {
	for ; ctx.Err() == nil; time.Sleep(200 * time.Millisecond) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/match", strings.NewReader(`{"ips": ["`+ip+`"]}`))
		if err != nil {
			return 0, Result{}
		}
		req.Header.Set("Idempotency-Key", id)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			continue
		}
		r = Result{}
		err = json.NewDecoder(res.Body).Decode(&r)
		res.Body.Close()
		if err == nil && (res.StatusCode == http.StatusOK || res.StatusCode == http.StatusGone) {
			return res.StatusCode, r
		}
	}
	return 0, Result{}
}
