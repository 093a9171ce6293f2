package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

// TestHeldCallsGoInTurn has more calls held by a pause than go at once.
func TestHeldCallsGoInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := limitedOnce("10")
		c := wireClient(t, w)
		var group sync.WaitGroup
		get := func(id string) {
			group.Go(func() {
				if _, err := c.Get(t.Context(), id); !errors.Is(err, sessions.ErrNotFound) {
					t.Errorf("%s: %v", id, err)
				}
			})
			synctest.Wait()
		}
		const held = 40
		for i := range 1 + held { // the first is refused
			get(fmt.Sprint("call-", i))
			time.Sleep(time.Millisecond)
		}
		time.Sleep(10*time.Second - (1+held)*time.Millisecond)
		get("latecomer")
		group.Wait()

		got := w.requests()[1:]
		if len(got) != 1+held+1 {
			t.Fatalf("%d requests", len(got))
		}
		for i, r := range got {
			want := 10*time.Second + max(0, time.Duration(i-15)*time.Second/64)
			if at := r.at; at != want {
				t.Errorf("request %d after %v, want %v", i, at, want)
			}
			// Which of those that go at once is first is left to the scheduler.
			id := fmt.Sprint("call-", i)
			if i == 1+held {
				id = "latecomer"
			}
			if i >= 16 && !strings.HasSuffix(r.path, id) {
				t.Errorf("request %d is %s, want %s", i, r.path, id)
			}
		}
	})
}

// TestACallThatGivesUpTakesNoTurn has very many calls that a pause makes fail,
// by their deadline or a cancel, before one that waits for its turn.
func TestACallThatGivesUpTakesNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := limitedOnce("10")
		c := wireClient(t, w)
		var group sync.WaitGroup
		group.Go(func() { c.Get(t.Context(), testID) })
		synctest.Wait() // the 429 is here
		for range 1000 {
			impatient, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := c.Get(impatient, testID); err == nil {
				t.Error("sent in the pause")
			}
			cancel()
			cancelled, cancel := context.WithCancel(t.Context())
			group.Go(func() { c.Get(cancelled, testID) })
			synctest.Wait()
			cancel()
			synctest.Wait()
		}
		if _, err := c.Get(t.Context(), testID); err != nil {
			t.Error(err)
		}
		group.Wait()
		if at := time.Since(w.first); at != 10*time.Second {
			t.Errorf("sent after %v, want 10s", at)
		}
	})
}
