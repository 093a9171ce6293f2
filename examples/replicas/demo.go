package main

import (
	"cmp"
	"context"
	"crypto/rand"
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
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// demo plays three replicas against an emulator and kills one of them.
func demo(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "replicas")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	emulator, err := sessionstest.New(sessionstest.WithReadyBetween(time.Second, 4*time.Second), sessionstest.WithVisibleAfter(2*time.Second))
	if err != nil {
		return err
	}
	defer emulator.Close()
	emulator.FailNext(sessionstest.Fault{Operation: "session-post", Probability: 0.1, Connection: "reset", Execute: true})
	nats, err := startNATS(dir, server.RANDOM_PORT)
	if err != nil {
		return err
	}
	defer nats.Shutdown()
	logFile, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer logFile.Close()
	c := &cluster{log: io.MultiWriter(os.Stdout, logFile)}
	defer c.stop()
	if err := c.start(nats.ClientURL(), emulator.URL()); err != nil {
		return err
	}

	fmt.Println("60 players arrive. Every tenth of them leaves before the match is ready. The responses of some creates are lost.")
	var made, failed atomic.Int32
	var players sync.WaitGroup
	for i := range 60 {
		if i == 30 {
			fmt.Println("Replica 2 is killed.")
			c.replicas[1].Process.Kill()
		}
		players.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			if i%10 == 9 {
				ctx, cancel = context.WithTimeout(ctx, time.Second/2)
				defer cancel()
			}
			switch status, _ := play(ctx, c.balancer.URL, rand.Text(), fmt.Sprintf("203.0.113.%d", i)); status {
			case http.StatusOK:
				made.Add(1)
			case http.StatusGone:
				failed.Add(1)
			}
		})
		sleep(ctx, 150*time.Millisecond)
	}
	players.Wait()
	fmt.Println("All players have a result. Sessions that no match uses are reclaimed within seconds.")
	leaked := func() int { return len(emulator.Sessions()) - int(made.Load()) }
	for end := time.Now().Add(20 * time.Second); leaked() > 0 && time.Now().Before(end) && ctx.Err() == nil; {
		sleep(ctx, 100*time.Millisecond)
	}
	log, err := os.ReadFile(logFile.Name())
	fmt.Printf("\n%d matches made, %d failed, %d taken over, %d sessions reclaimed, %d leaked\n\n", made.Load(), failed.Load(),
		strings.Count(string(log), `msg="took over"`), strings.Count(string(log), "msg=reclaimed"), leaked())
	return cmp.Or(ctx.Err(), err)
}

// cluster is three replicas, each a process of its own, behind a load balancer.
type cluster struct {
	replicas []*exec.Cmd
	balancer *httptest.Server
	log      io.Writer
	wrap     func(balancer http.Handler) http.Handler // for tests
}

// start starts the replicas. The balancer sends each request to the next one.
func (c *cluster) start(natsURL, apiURL string) error {
	var urls []*url.URL
	var next atomic.Uint32
	var handler http.Handler = &httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(urls[int(next.Add(1))%len(urls)]) },
		ErrorLog: log.New(io.Discard, "", 0),
	}
	if c.wrap != nil {
		handler = c.wrap(handler)
	}
	c.balancer = httptest.NewServer(handler)
	for _, name := range []string{"1", "2", "3"} {
		replica := exec.Command(os.Args[0], "serve")
		replica.Env = []string{"REPLICA=" + name, "NATS_URL=" + natsURL, "EDGEGAP_API_KEY=demo", "EDGEGAP_BASE_URL=" + apiURL, "APP=arena",
			"WEBHOOK_URL=" + c.balancer.URL + "/hook", "WEBHOOK_SECRET=demo", "LISTEN=127.0.0.1:0", "RECLAIM_EVERY=6s"}
		replica.Stderr = c.log
		stdout, err := replica.StdoutPipe()
		if err == nil {
			err = replica.Start()
		}
		if err != nil {
			return err
		}
		c.replicas = append(c.replicas, replica)
		var address string
		if _, err := fmt.Fscanf(stdout, "listening on %s", &address); err != nil {
			return fmt.Errorf("replica %s did not start: %w", name, err)
		}
		u, err := url.Parse(address)
		if err != nil {
			return err
		}
		urls = append(urls, u)
	}
	return nil
}

// stop stops the replicas that still run.
func (c *cluster) stop() {
	for _, replica := range c.replicas {
		replica.Process.Signal(os.Interrupt)
	}
	for _, replica := range c.replicas {
		replica.Wait()
	}
	c.balancer.Close()
}

// play is a player: it repeats its request until there is a result, or it loses patience.
func play(ctx context.Context, base, id, ip string) (status int, result response) {
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/match", strings.NewReader(`{"ips": ["`+ip+`"]}`))
		if err != nil {
			return 0, response{}
		}
		req.Header.Set("Idempotency-Key", id)
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			result = response{}
			err = json.NewDecoder(res.Body).Decode(&result)
			res.Body.Close()
			if err == nil && (res.StatusCode == http.StatusOK || res.StatusCode == http.StatusGone) {
				return res.StatusCode, result
			}
		}
		sleep(ctx, 200*time.Millisecond)
	}
	return 0, response{}
}

// startNATS starts a NATS server that keeps its streams in dir.
func startNATS(dir string, port int) (*server.Server, error) {
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
