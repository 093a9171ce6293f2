// Package soak_test proves that nothing is done twice and nothing is left behind
// when every kind of fault strikes, over real sockets. The plan of the faults
// has a seed; what the operating system makes of it has not.
//
//	go test ./internal/soak         # some hundreds of calls
//	go test ./internal/soak -soak   # ten and two thousand
package soak_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/internal/emulator"
	"github.com/edgegap-community/edgegap/sessions"
)

var soak = flag.Bool("soak", false, "make the great numbers of calls")

const (
	seed       = 20260501
	goroutines = 32
)

// each calls do for 0 to n-1, from goroutines of which each has its own dice.
func each(n int, do func(i int, dice *rand.Rand)) {
	var group sync.WaitGroup
	for g := range goroutines {
		group.Go(func() {
			dice := rand.New(rand.NewPCG(seed, uint64(g)))
			for i := g; i < n; i += goroutines {
				do(i, dice)
			}
		})
	}
	group.Wait()
}

// hook is the webhook URL of the ith create: its only sign in the list. It is
// never called.
func hook(i int) string { return fmt.Sprintf("https://match.example.com/hook?match=%d", i) }

// TestNothingIsDoneTwice: every create is judged by the ledger of the server,
// and every one whose outcome is unknown settled as the documentation says.
func TestNothingIsDoneTwice(t *testing.T) {
	n := 1_000
	if *soak {
		n = 10_000
	}
	f := newFront(t, seed, emulator.Config{Seed: seed})
	c := f.client(t)
	created, errs := make([]*sessions.Created, n), make([]error, n)
	each(n, func(i int, _ *rand.Rand) {
		created[i], errs[i] = c.Create(t.Context(), sessions.CreateRequest{AppName: "arena", WebhookURL: hook(i)})
	})
	f.settle(c)
	f.allMet(t, n/20)

	done := map[string][]string{} // the ids of the sessions there are, by webhook URL
	for _, s := range f.api.Sessions() {
		done[s.WebhookURL] = append(done[s.WebhookURL], s.SessionID)
	}
	listed := map[string]string{}
	for s, err := range c.All(t.Context(), sessions.ListOptions{Limit: 100}) {
		if err != nil {
			t.Fatal(err)
		}
		listed[s.WebhookURL] = s.SessionID
	}
	count := map[string]int{}
	for i, err := range errs {
		there := done[hook(i)]
		found, isListed := listed[hook(i)]
		switch {
		case len(there) > 1:
			t.Errorf("create %d was done %d times: %v", i, len(there), err)
		case err == nil:
			count["succeeded"]++
			if len(there) != 1 || there[0] != created[i].SessionID {
				t.Errorf("create %d succeeded with %s, but there is %v", i, created[i].SessionID, there)
			}
		case errors.Is(err, sessions.ErrOutcomeUnknown):
			count[fmt.Sprintf("unknown, and %d", len(there))]++
			if isListed != (len(there) == 1) || isListed && found != there[0] {
				t.Errorf("create %d: the list has %q, but there is %v", i, found, there)
			}
		default:
			count["failed"]++
			if len(there) != 0 {
				t.Errorf("create %d failed, but there is %v: %v", i, there, err)
			}
		}
	}
	t.Log(count)
	for _, kind := range []string{"succeeded", "failed", "unknown, and 0", "unknown, and 1"} {
		if count[kind] == 0 {
			t.Errorf("no create %s", kind)
		}
	}
	f.settle(c)
}

// TestNothingIsLeftBehind: after CreateAndWait under the same faults, and with
// contexts that end at random, there are the sessions that were handed over,
// and others only where the error said so.
func TestNothingIsLeftBehind(t *testing.T) {
	n := 600
	if *soak {
		n = 2_000
	}
	f := newFront(t, seed+1, emulator.Config{
		Seed:       seed,
		Apps:       []emulator.App{{Name: "arena"}, {Name: "broken", FailsToStart: true}},
		ReadyAfter: time.Millisecond, ReadyAfterMost: 150 * time.Millisecond,
		TerminatingFor: -1,
	})
	c := f.client(t)
	type result struct {
		s     *sessions.Session
		err   error
		ended bool // its context
	}
	results := make([]result, n)
	each(n, func(i int, dice *rand.Rand) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		end := time.Duration(dice.Int64N(3e8) - 1e7) // some have ended before they begin
		switch dice.IntN(3) {
		case 0:
			timer := time.AfterFunc(end, cancel)
			defer timer.Stop()
		case 1:
			ctx, cancel = context.WithTimeout(ctx, end)
			defer cancel()
		}
		app := "arena"
		if dice.IntN(5) == 0 {
			app = "broken"
		}
		s, err := c.CreateAndWait(ctx, sessions.CreateRequest{AppName: app, WebhookURL: hook(i)},
			sessions.PollEvery(5*time.Millisecond, 20*time.Millisecond))
		results[i] = result{s, err, ctx.Err() != nil}
	})
	f.settle(c)
	f.allMet(t, n/20)

	count := map[string]int{}
	handed, mayRemain, unknown := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i, r := range results {
		switch {
		case r.err == nil:
			count["handed over"]++
			handed[r.s.SessionID] = true
		case r.s == nil && errors.Is(r.err, sessions.ErrOutcomeUnknown):
			count["perhaps created"]++
			unknown[hook(i)] = true
		case r.s == nil:
			count["not created"]++
		case r.s.SessionID == "":
			t.Errorf("call %d returned a session without an id: %v", i, r.err)
		case errors.Is(r.err, sessions.ErrNotDeleted):
			count["not deleted"]++
			mayRemain[r.s.SessionID] = true
		case errors.As(r.err, new(*sessions.FailedError)):
			count["failed and deleted"]++
		case r.ended:
			count["ended and deleted"]++
		default:
			count["deleted for another reason"]++
		}
	}
	t.Log(count)
	for _, kind := range []string{"handed over", "perhaps created", "not created", "not deleted", "failed and deleted", "ended and deleted"} {
		if count[kind] == 0 {
			t.Errorf("none was %s", kind)
		}
	}
	remain := 0
	for _, s := range f.api.Sessions() {
		if !s.Exists {
			continue
		}
		switch {
		case handed[s.SessionID]:
			delete(handed, s.SessionID)
		case mayRemain[s.SessionID], unknown[s.WebhookURL]:
			remain++
		default:
			t.Errorf("session %s of %s was left behind", s.SessionID, s.WebhookURL)
		}
	}
	if len(handed) != 0 {
		t.Errorf("%d sessions that were handed over are gone", len(handed))
	}
	if remain == 0 {
		t.Error("no session remained that the errors told of")
	}
}
