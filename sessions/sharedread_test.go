package sessions_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// createAll calls CreateAndWait n times, with deadlines of two minutes and pauses between the
// calls. It returns the sorted durations of the calls and their errors.
func (st *store) createAll(ctx context.Context, n int, pause func() time.Duration) (took []time.Duration, errs []error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range n {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
			defer cancel()
			start, err := time.Now(), errors.New("panicked")
			defer func() {
				recover()
				mu.Lock()
				defer mu.Unlock()
				if took = append(took, time.Since(start)); err != nil {
					errs = append(errs, err)
				}
			}()
			_, err = st.client.CreateAndWait(context.WithValue(ctx, cancelKey{}, cancel), arena)
		})
		time.Sleep(pause())
	}
	wg.Wait()
	slices.Sort(took)
	return took, errs
}

type cancelKey struct{} // of the function that cancels the context of a call in createAll

func atOnce() time.Duration { return 0 }

// wantAllReady checks the result of createAll.
func (st *store) wantAllReady(t *testing.T, took []time.Duration, errs []error, latest time.Duration) {
	t.Helper()
	if len(errs) > 0 || len(st.Sessions()) != len(took) {
		t.Errorf("%d of %d waits failed, such as %v", len(errs), len(took), errs[:min(len(errs), 3)])
	}
	if last := took[len(took)-1]; last > latest {
		t.Errorf("the last wait took %v, want at most %v", last, latest)
	}
}

// 300 matches arrive at random times, under a rate limit without Retry-After. Reads and lists show
// new sessions after a lag.
func TestCrowd(t *testing.T) {
	for _, test := range []struct {
		perSecond, maxRequests float64
		lag                    time.Duration
	}{{2, 2.7, 0}, {5, 2.7, 0}, {8, 2.4, 0}, {5, 3.2, time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			const matches, median, p99 = 300, 12 * time.Second, 21500 * time.Millisecond
			st := newStore(t, sessionstest.WithReadyBetween(2*time.Second, 20*time.Second), sessionstest.WithRateLimit(20, 20, 0), sessionstest.WithVisibleAfter(test.lag))
			random := rand.New(rand.NewPCG(1, uint64(test.perSecond)))
			took, errs := st.createAll(t.Context(), matches, func() time.Duration { return time.Duration(random.ExpFloat64() / test.perSecond * 1e9) })
			each := float64(len(st.Requests())) / matches
			t.Logf("%v a second, lag %v: %.2f requests each, median %.1f s, p99 %.1f s", test.perSecond, test.lag, each, took[matches/2].Seconds(), took[matches*99/100].Seconds())
			if each > test.maxRequests || took[matches/2] > median || took[matches*99/100] > p99 {
				t.Errorf("want at most %.1f requests each, median %v, p99 %v", test.maxRequests, median, p99)
			}
			st.wantAllReady(t, took, errs, 2*time.Minute)
		})
	}
}

func TestManyWaitsShareReads(t *testing.T) {
	fixed, random := sessionstest.WithReadyAfter(30*time.Second), sessionstest.WithReadyBetween(2*time.Second, 20*time.Second)
	for _, test := range []struct {
		name         string
		waits        int
		opts         []sessionstest.Option
		pageSize     string        // the server's maximum
		gets, lists  int64         // at most
		median, last time.Duration // at most
	}{
		{name: "4 waits", waits: 4, opts: []sessionstest.Option{fixed}, gets: 60, lists: 0, last: 38 * time.Second},
		{name: "50 waits", waits: 50, opts: []sessionstest.Option{fixed}, gets: 100, lists: 32, last: 34 * time.Second},
		{name: "pages of 10", waits: 300, opts: []sessionstest.Option{random}, pageSize: "10", gets: 1800, lists: 300, median: 17 * time.Second, last: 30 * time.Second},
		{name: "rate limit", waits: 200, opts: []sessionstest.Option{random, sessionstest.WithRateLimit(20, 20, 0)}, gets: 1000, lists: 200, last: 2 * time.Minute},
	} {
		bubble(t, test.name, func(t *testing.T) {
			st := newStore(t, test.opts...)
			st.intercept = func(r *http.Request, _ string) (*http.Response, error) {
				r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "limit=100", "limit="+cmp.Or(test.pageSize, "100"), 1)
				return nil, nil
			}
			took, errs := st.createAll(t.Context(), test.waits, atOnce)
			st.wantAllReady(t, took, errs, test.last)
			gets, lists, median := st.calls["Get"].Load(), st.calls["List"].Load(), took[test.waits/2]
			t.Logf("%d reads, %d list requests, median %v, last %v", gets, lists, median, took[test.waits-1])
			if gets > test.gets || lists > test.lists || median > cmp.Or(test.median, test.last) {
				t.Errorf("want at most %d reads, %d list requests, median %v", test.gets, test.lists, test.median)
			}
		})
	}
}

// Lists that fail, hang, lack the sessions or their states, and lists that show them before reads do.
func TestWaitsDoNotDependOnList(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int           // of the list; 0: it hangs
		item   string        // of the list, for each session, with ID and STATUS
		lag    time.Duration // the list is correct, but reads are 404 until this time after the sessions are ready
		late   time.Duration // the last wait at most; 0: 15 s
	}{
		{name: "list is 403", status: 403},
		{name: "list is 404", status: 404},
		{name: "list is 500", status: 500},
		{name: "list is 503", status: 503},
		{name: "list hangs"},
		{name: "list is empty", status: 200},
		{name: "list has no ready", status: 200, item: `{"session_id":"ID","status":"STATUS"}`},
		{name: "ready is null in the list", status: 200, item: `{"session_id":"ID","status":"STATUS","ready":null}`},
		{name: "ready is a string in the list", status: 200, item: `{"session_id":"ID","status":"STATUS","ready":"true"}`},
		{name: "list does not change", status: 200, item: `{"session_id":"ID","status":"Waiting"}`, late: 35 * time.Second},
		{name: "reads are late", lag: 3 * time.Second},
	} {
		for _, readyAfter := range []time.Duration{0, 2 * time.Second, 15 * time.Second} {
			bubble(t, fmt.Sprint(test.name, "/", readyAfter), func(t *testing.T) {
				st, start := newStore(t, sessionstest.WithReadyAfter(readyAfter)), time.Now()
				st.intercept = func(r *http.Request, operation string) (*http.Response, error) {
					switch {
					case test.lag > 0 && operation == "Get" && time.Since(start) < readyAfter+test.lag:
						return respondError(404), nil
					case test.lag > 0 || operation != "List":
						return nil, nil
					case test.status == 0:
						<-r.Context().Done()
						return nil, r.Context().Err()
					}
					var items []string
					for _, s := range st.Sessions() {
						items = append(items, strings.NewReplacer("ID", s.SessionID, "STATUS", string(s.Status)).Replace(test.item))
					}
					return respondJSON(test.status, `{"data":[`+strings.Trim(strings.Join(items, ","), ",")+`]}`), nil
				}
				took, errs := st.createAll(t.Context(), 8, atOnce)
				st.wantAllReady(t, took, errs, max(5*time.Second, readyAfter)+cmp.Or(test.late, 15*time.Second))
			})
		}
	}
}

// The waits that read the list first panic, or are canceled in the middle of the request.
func TestReaderThatEndsDoesNotStopOtherWaits(t *testing.T) {
	for _, test := range []struct {
		name   string
		panics bool
		ends   int64
	}{{name: "panic", panics: true, ends: 1}, {name: "cancel", ends: 3}} {
		bubble(t, test.name, func(t *testing.T) {
			st := newStore(t, sessionstest.WithReadyAfter(20*time.Second))
			var ended atomic.Int64
			st.intercept = func(r *http.Request, operation string) (*http.Response, error) {
				if operation != "List" || ended.Add(1) > test.ends {
					return nil, nil
				}
				if test.panics {
					panic("planned")
				}
				time.AfterFunc(time.Second, r.Context().Value(cancelKey{}).(context.CancelFunc))
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			took, errs := st.createAll(t.Context(), 12, atOnce)
			if n := int64(len(errs)); n != test.ends || len(st.Sessions()) != len(took)-len(errs) || ended.Load() < 10 {
				t.Errorf("got errors %v, %d sessions and %d reads of the list, want %d errors", errs, len(st.Sessions()), ended.Load(), test.ends)
			}
			wantBetween(t, "time of the last", took[11], 20*time.Second, 26*time.Second)
			if gets := st.calls["Get"].Load(); gets > 24 {
				t.Errorf("got %d reads, want at most 24: an ended read of the list shows nothing", gets)
			}
		})
	}
}

// The list begins with 79 pages of old sessions, for which there are waits.
func TestLongListDoesNotDelayNewWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStore(t, sessionstest.WithReadyAfter(2*time.Second))
		st.intercept = func(r *http.Request, operation string) (*http.Response, error) {
			time.Sleep(100 * time.Millisecond)
			page, _ := strconv.Atoi(r.URL.Query().Get("page"))
			switch page = max(page, 1); {
			case operation == "Get" && strings.Contains(r.URL.Path, "old-"):
				return respondStatus("old", sessions.StatusWaiting), nil
			case operation == "List" && page < 80:
				return respondJSON(200, fmt.Sprintf(`{"data":[{"session_id":"old-%d","status":"Waiting"}],"pagination":{"number":%[1]d,"next_page_number":%d,"has_next":true}}`, page, page+1)), nil
			case operation == "List":
				r.URL.RawQuery = url.Values{"page": {strconv.Itoa(page - 79)}, "limit": {"100"}}.Encode()
			}
			return nil, nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		var old sync.WaitGroup
		for i := range 79 {
			old.Go(func() { st.client.WaitReady(ctx, fmt.Sprintf("old-%d", i+1)) })
		}
		time.Sleep(30 * time.Second)
		took, errs := st.createAll(t.Context(), 60, func() time.Duration { return time.Second })
		st.wantAllReady(t, took, errs, 7*time.Second)
		wantBetween(t, "median", took[30], 2*time.Second, 3400*time.Millisecond)
		cancel()
		old.Wait()
	})
}

func TestWaitsJoinAndLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStore(t, sessionstest.WithReadyAfter(60*time.Second))
		go func() {
			for range 3 { // 37 waits come and go
				ctx := endingContext(t, 0, 10*time.Second)
				for range 37 {
					go st.client.CreateAndWait(ctx, arena)
				}
				time.Sleep(11 * time.Second)
				lists := st.calls["List"].Load()
				time.Sleep(7 * time.Second)
				if n := st.calls["List"].Load() - lists; n != 0 {
					t.Errorf("got %d list requests of 3 waits, want none", n)
				}
			}
		}()
		took, errs := st.createAll(t.Context(), 3, atOnce)
		st.wantAllReady(t, took, errs, 67*time.Second)
	})
}
