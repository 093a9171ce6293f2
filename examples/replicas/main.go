// Command replicas plays three replicas of the matchmaker in ./matchmaker against an emulator of
// the API, and kills one of them. docs/replicas.md in the root of the repository describes what
// can happen.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edgegap-community/edgegap/examples/replicas/cluster"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := demo(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "replicas:", err)
		os.Exit(1)
	}
}

func demo(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "replicas")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	logFile, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer logFile.Close()
	fmt.Println("Building the matchmaker.")
	c, err := cluster.Start(dir, io.MultiWriter(os.Stdout, logFile), func(balancer http.Handler) http.Handler { return balancer },
		sessionstest.WithReadyBetween(time.Second, 4*time.Second), sessionstest.WithVisibleAfter(2*time.Second))
	defer c.Stop()
	if err != nil {
		return err
	}
	c.Emulator.FailNext(sessionstest.Fault{Operation: "session-post", Probability: 0.1, Connection: "reset", Execute: true})

	fmt.Println("60 players arrive. Every tenth of them leaves before the match is ready. The responses of some creates are lost.")
	var made, failed atomic.Int32
	var players sync.WaitGroup
	for i := range 60 {
		if i == 30 {
			fmt.Println("Replica 2 is killed.")
			c.Replicas[1].Process.Kill()
		}
		patience := time.Minute
		if i%10 == 9 {
			patience = time.Second / 2
		}
		players.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			switch status, _ := cluster.Play(ctx, c.Balancer.URL, rand.Text(), fmt.Sprintf("203.0.113.%d", i)); status {
			case http.StatusOK:
				made.Add(1)
			case http.StatusGone:
				failed.Add(1)
			}
		})
		time.Sleep(150 * time.Millisecond)
	}
	players.Wait()
	fmt.Println("Every player has a result or has left. Sessions that no match uses are reclaimed within seconds.")
	leaked := func() int { return len(c.Emulator.Sessions()) - int(made.Load()) }
	for end := time.Now().Add(20 * time.Second); leaked() > 0 && time.Now().Before(end) && ctx.Err() == nil; {
		time.Sleep(100 * time.Millisecond)
	}
	log, err := os.ReadFile(logFile.Name())
	if err != nil {
		return err
	}
	logged := func(message string) int { return strings.Count(string(log), "msg="+message+" ") }
	fmt.Printf("\n%d matches made, %d failed, %d players left; %d matches continued by another replica, %d sessions reclaimed, %d leaked\n\n",
		made.Load(), failed.Load(), 60-made.Load()-failed.Load(), logged("continued"), logged("reclaimed"), leaked())
	return ctx.Err()
}
