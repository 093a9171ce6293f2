package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// The rows in virtual time are exact: what they assert is their bound.

// report hands a row over to the command and fails the test where it is not
// reached.
func report(t *testing.T, r row) {
	t.Helper()
	t.Attr(rowAttribute, string(encode(r)))
	if !r.Reached {
		t.Errorf("%s: %s, want %s", r.What, r.Ours, r.Bound)
	}
}

const latency = 20 * time.Millisecond // from request to answer, in virtual time

// distant puts the latency before what a transport does.
type distant struct{ http.RoundTripper }

func (d distant) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-time.After(latency):
		return d.RoundTripper.RoundTrip(r)
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
}

// rush is what 400 creates from 64 goroutines came to.
type rush struct {
	took, slowest time.Duration
	requests      float64 // for each create
	failures      int
}

// hurry makes the creates against a server that allows 40 requests a second.
func hurry(t *testing.T, opts ...sessions.Option) (r rush) {
	const creates, goroutines = 400, 64
	synctest.Test(t, func(t *testing.T) {
		srv := sessionstest.NewServer(sessionstest.WithRateLimit(40, 40, time.Second))
		defer srv.Close()
		c := srv.Client(append(opts, sessions.WithTransport(distant{srv.Transport()}))...)

		todo := make(chan struct{}, creates)
		for range creates {
			todo <- struct{}{}
		}
		close(todo)
		var mu sync.Mutex
		var all sync.WaitGroup
		begin := time.Now()
		for range goroutines {
			all.Go(func() {
				for range todo {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					start := time.Now()
					_, err := c.Create(ctx, request)
					took := time.Since(start)
					cancel()
					mu.Lock()
					r.slowest = max(r.slowest, took)
					if err != nil {
						r.failures++
						t.Log(err)
					}
					mu.Unlock()
				}
			})
		}
		all.Wait()
		r.took = time.Since(begin)
		r.requests = float64(len(srv.Requests())) / creates
		if got, want := len(srv.Sessions()), creates-r.failures; got != want {
			t.Errorf("%d sessions exist, want %d", got, want)
		}
	})
	return r
}

func (r rush) rows(what string, requests float64, slowest time.Duration, longer float64) []row {
	const atBest = 10 * time.Second
	took := r.took.Seconds() / atBest.Seconds()
	return []row{
		{8, what + ": requests for a create", fmt.Sprintf("≤ %.2f", requests), fmt.Sprintf("%.2f", r.requests), r.requests <= requests, nil},
		{8, "the same: slowest call", fmt.Sprintf("≤ %v", slowest), fmt.Sprintf("%.1fs", r.slowest.Seconds()), r.slowest <= slowest, nil},
		{8, "the same: failures", "0", fmt.Sprint(r.failures), r.failures == 0, nil},
		{8, "the same: time against 10 s", fmt.Sprintf("≤ %.2fx", longer), fmt.Sprintf("%.2fx", took), took <= longer, nil},
	}
}

func TestRow8RateLimit(t *testing.T) {
	for _, r := range hurry(t).rows("400 creates from 64 goroutines, 40 a second allowed", 1.6, 8*time.Second, 1.1) {
		report(t, r)
	}
}

func TestRow8Limiter(t *testing.T) {
	limiter := sessions.WithLimiter(rate.NewLimiter(40, 20))
	for _, r := range hurry(t, limiter).rows("the same with a limiter of 40 a second", 1.03, 3*time.Second, 1.05) {
		report(t, r)
	}
}

// waiter waits until a session is settled, and says how it ended.
type waiter func(ctx context.Context, c *sessions.Client, id string) error

// follow has 200 sessions settle after 2 to 20 s, in success or failure, and
// waits for each: reads is how many a session took, late how long after it had
// settled the caller knew.
func follow(t *testing.T, seed uint64, wait waiter, webhooks, fails bool) (reads float64, late time.Duration) {
	const number = 200
	synctest.Test(t, func(t *testing.T) {
		var c *sessions.Client
		var receiver http.Handler
		var mu sync.Mutex
		settled := map[string]time.Time{} // by path of the webhook
		srv := sessionstest.NewServer(
			sessionstest.WithSeed(seed),
			sessionstest.WithApp(sessionstest.App{FailsToStart: fails}),
			sessionstest.WithReadyBetween(2*time.Second, 20*time.Second),
			sessionstest.WithWebhooks(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				settled[r.URL.Path] = time.Now()
				mu.Unlock()
				if webhooks {
					receiver.ServeHTTP(w, r)
				}
			})))
		defer srv.Close()
		c = srv.Client()
		const secret = "of the webhook"
		receiver = c.WebhookHandler(secret, nil)

		var all sync.WaitGroup
		for i := range number {
			all.Go(func() {
				path := fmt.Sprintf("/%d", i)
				hook, err := sessions.WebhookURL("https://matchmaker.example.com"+path, secret)
				if err != nil {
					t.Error(err)
					return
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				// Kind Seat has room for one here, so each has a deployment of its own.
				created, err := c.Create(ctx, sessions.CreateRequest{AppName: "arena", IPList: tenPlayers, WebhookURL: hook})
				if err != nil {
					t.Error(err)
					return
				}
				err = wait(ctx, c, created.SessionID)
				known := time.Now()
				var failed *sessions.FailedError
				if fails != errors.As(err, &failed) && !errors.Is(err, context.DeadlineExceeded) || !fails && err != nil {
					t.Errorf("ended with %v", err)
				}
				mu.Lock()
				defer mu.Unlock()
				at, ok := settled[path]
				if !ok {
					t.Error("no webhook was sent")
				}
				late += known.Sub(at) / number
			})
		}
		all.Wait()
		for _, r := range srv.Requests() {
			if r.Operation == "get-session" {
				reads += 1. / number
			}
		}
	})
	return reads, late
}

var tenPlayers = func() (ips []string) {
	for i := range 10 {
		ips = append(ips, fmt.Sprintf("203.0.113.%d", i+1))
	}
	return ips
}()

func byWaitReady(opts ...sessions.WaitOption) waiter {
	return func(ctx context.Context, c *sessions.Client, id string) error {
		_, err := c.WaitReady(ctx, id, opts...)
		return err
	}
}

// byHand is the usual loop: it asks for Ready alone, five times a second.
func byHand(ctx context.Context, c *sessions.Client, id string) error {
	for {
		s, err := c.Get(ctx, id)
		if err != nil || s.Ready {
			return err
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func TestRow9Ready(t *testing.T)   { settle(t, 9, "sessions that become ready after 2 to 20 s", false) }
func TestRow10Failed(t *testing.T) { settle(t, 10, "sessions that fail after 2 to 20 s", true) }

func settle(t *testing.T, number int, what string, fails bool) {
	hooked, hookedLate := follow(t, 0, byWaitReady(sessions.PollEvery(time.Minute, time.Minute)), true, fails)
	looped, loopedLate := follow(t, 0, byHand, false, fails)
	// Polling has jitter: the mean of some runs is steadier.
	const runs = 5
	var polled float64
	var polledLate time.Duration
	for seed := range uint64(runs) {
		reads, late := follow(t, seed, byWaitReady(), false, fails)
		polled += reads / runs
		polledLate += late / runs
	}

	seconds := func(d time.Duration) string { return fmt.Sprintf("%.2fs", d.Seconds()) }
	count := func(v float64) string { return fmt.Sprintf("%.1f", v) }
	report(t, row{number, "200 " + what + ": reads for each, with webhook", "≤ 2", count(hooked), hooked < 2.001, nil})
	report(t, row{number, "the same: how long after that the caller knows", "at once", seconds(hookedLate), hookedLate == 0, nil})
	report(t, row{number, "the same by polling: reads for each", "≤ 10", count(polled), polled <= 10, []string{count(looped)}})

	// Intervals that grow by half to 5 s give 2.14 s on average, over a time that
	// is evenly spread.
	t.Attr(rowAttribute, string(encode(row{
		number, "the same: how long after that the caller knows", "≤ 2s",
		seconds(polledLate), polledLate <= 2*time.Second, []string{seconds(loopedLate)},
	})))
	if polledLate > 2350*time.Millisecond {
		t.Errorf("by polling the caller knows after %v, want 2.14s and a little for chance", polledLate)
	}
}
