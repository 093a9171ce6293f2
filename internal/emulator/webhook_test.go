package emulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

// inbox keeps the webhooks that reach it.
type inbox struct {
	bodies   []string
	times    []time.Time
	statuses []int // answered, in turn; then 204
}

func (i *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	i.bodies = append(i.bodies, r.Method+" "+r.URL.String()+" "+r.Header.Get("Content-Type")+" "+string(body))
	i.times = append(i.times, time.Now())
	if n := len(i.bodies); n <= len(i.statuses) {
		w.WriteHeader(i.statuses[n-1])
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// told is what a session with a webhook is told of, with the time of each since
// its creation, within a minute.
func told(t *testing.T, e *emulator.Emulator, box *inbox) (got []string) {
	t.Helper()
	box.bodies, box.times = nil, nil
	start := time.Now()
	create(t, e, `"ip_list": ["203.0.113.1"], "webhook_url": "https://match.example/hook?secret=s"`)
	time.Sleep(time.Minute) // nobody asks
	synctest.Wait()
	for i, body := range box.bodies {
		text, ok := strings.CutPrefix(body, "POST /hook?secret=s application/json ")
		var s api.SessionContext
		if err := json.Unmarshal([]byte(text), &s); err != nil || !ok {
			t.Errorf("%s: %v", body, err)
		}
		got = append(got, fmt.Sprint(s.Status, " after ", box.times[i].Sub(start)))
	}
	if hooks := e.Webhooks(); len(hooks) != len(got) {
		t.Errorf("recorded %+v, sent %v", hooks, got)
	}
	return got
}

var webhookFacts = facts{
	"when a webhook is sent": func(t *testing.T) {
		for want, app := range map[string]emulator.App{
			"Ready after 2s": {}, "Unprocessable after 800ms": {NoAutodeploy: true}, "Error after 2s": {FailsToStart: true},
		} {
			box := &inbox{}
			linked := emulator.Unknown{LinkedWhileWaiting: true}
			both := []string{"Waiting after 800ms", want}
			if app.NoAutodeploy {
				both = both[1:]
			}
			guess(emulator.Config{WebhookHandler: box, Apps: []emulator.App{app}}, linked, func(t *testing.T, e *emulator.Emulator) []string {
				return told(t, e, box)
			}, []string{want}, both)(t)
		}
		box := &inbox{}
		within(t, emulator.Config{WebhookHandler: box}, func(t *testing.T, e *emulator.Emulator) {
			told(t, e, box)
			end(t, e, e.Deployments()[0].RequestID)
			synctest.Wait()
			if hooks := e.Webhooks(); len(hooks) != 2 || hooks[1].Status != "Error" || hooks[1].Answer != 204 {
				t.Errorf("a deployment that ended: %+v", hooks)
			}
		})
	},

	"the body of a webhook": func(t *testing.T) {
		for _, full := range []bool{false, true} {
			box := &inbox{}
			within(t, emulator.Config{WebhookHandler: box, Unknown: emulator.Unknown{FullWebhook: full}}, func(t *testing.T, e *emulator.Emulator) {
				id := create(t, e, `"ip_list": ["203.0.113.1"], "webhook_url": "https://match.example/hook"`)
				time.Sleep(2 * time.Second)
				synctest.Wait()
				_, want := answer(t, e, "GET", "/v1/session/"+id, "")
				if !full {
					want, _ = json.Marshal(call[api.Sessions](t, e, "GET", "/v1/sessions", "").Data[0])
				}
				hooks := e.Webhooks()
				if len(hooks) != 1 || hooks[0].Body != strings.TrimSpace(string(want)) || !strings.HasSuffix(box.bodies[0], " "+hooks[0].Body) {
					t.Errorf("full %t: %+v, want %s", full, hooks, want)
				}
			})
		}
	},

	"another try of a webhook": func(t *testing.T) {
		for retries, want := range map[int][]string{1: {"Ready after 2s", "Ready after 3s"}, 5: {"Ready after 2s", "Ready after 3s", "Ready after 4s"}} {
			box := &inbox{}
			guess(emulator.Config{WebhookHandler: box}, emulator.Unknown{WebhookRetries: retries}, func(t *testing.T, e *emulator.Emulator) []string {
				box.statuses = []int{500, 302, 200}
				return told(t, e, box)
			}, want[:1], want)(t)
		}
	},

	"the time a webhook may take": func(t *testing.T) {
		stuck := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		guess(emulator.Config{WebhookHandler: stuck}, emulator.Unknown{WebhookTimeout: 3 * time.Second}, func(t *testing.T, e *emulator.Emulator) time.Duration {
			create(t, e, `"webhook_url": "https://match.example/hook"`)
			time.Sleep(2 * time.Second)
			start := time.Now()
			hooks, err := e.WaitWebhooks(t.Context(), 1)
			if err != nil || hooks[0].Answer != 0 || hooks[0].Problem == "" {
				t.Errorf("%+v, %v", hooks, err)
			}
			return time.Since(start)
		}, 10*time.Second, 3*time.Second)(t)
	},

	"the headers of a webhook": func(t *testing.T) {
		var got http.Header
		receiver := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Clone() })
		set := emulator.Unknown{WebhookHeaders: map[string]string{"X-Signature": "sha256=00", "content-type": "text/json"}}
		guess(emulator.Config{WebhookHandler: receiver, ReadyAfter: -1}, set, func(t *testing.T, e *emulator.Emulator) http.Header {
			create(t, e, `"webhook_url": "https://match.example/hook"`)
			synctest.Wait()
			return got
		}, http.Header{"Content-Type": {"application/json"}}, http.Header{"Content-Type": {"text/json"}, "X-Signature": {"sha256=00"}})(t)
	},
}

func TestAReceiverThatNeverAnswers(t *testing.T) {
	stuck := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	within(t, emulator.Config{WebhookHandler: stuck, Unknown: emulator.Unknown{WebhookRetries: 1}}, func(t *testing.T, e *emulator.Emulator) {
		create(t, e, `"webhook_url": "https://match.example/hook"`)
		time.Sleep(2*time.Second + 10*time.Second)
		synctest.Wait()
		if hooks := e.Webhooks(); len(hooks) != 1 || hooks[0].Answer != 0 || hooks[0].Problem == "" {
			t.Errorf("%+v", hooks)
		}
		time.Sleep(5 * time.Second) // the second try is under way
		start := time.Now()
		e.Close()
		if waited := time.Since(start); waited != 0 {
			t.Errorf("Close waited %v for it", waited)
		}
	})
}

func TestWebhooksOverHTTP(t *testing.T) {
	got := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r.Method + " " + r.URL.String() + " " + string(body)
	}))
	defer server.Close()
	e := emulator.New(emulator.Config{ReadyAfter: -1})
	defer e.Close()
	id := create(t, e, `"webhook_url": "`+server.URL+`/hook?m=1"`)
	if hook := <-got; !strings.HasPrefix(hook, `POST /hook?m=1 {`) || !strings.Contains(hook, id) {
		t.Errorf("%s", hook)
	}
}

func TestWebhooksStayOnThisMachine(t *testing.T) {
	within(t, emulator.Config{ReadyAfter: -1}, func(t *testing.T, e *emulator.Emulator) {
		for _, host := range []string{"match.example", "203.0.113.9:8080", "127.0.0.1.example", "localhost.example"} {
			create(t, e, `"webhook_url": "https://`+host+`/hook?secret=s3cret"`)
			synctest.Wait()
			hooks := e.Webhooks()
			last := hooks[len(hooks)-1]
			if last.Answer != 0 || last.Problem != "the host is not loopback" {
				t.Errorf("%s: %+v", host, last)
			}
		}
	})
}

func TestWaitWebhooks(t *testing.T) {
	receiver := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	within(t, emulator.Config{WebhookHandler: receiver}, func(t *testing.T, e *emulator.Emulator) {
		told := func() { create(t, e, `"webhook_url": "https://match.example/hook"`) }
		start := time.Now()
		wait := func(ctx context.Context, n, want int, wrong error, after time.Duration) {
			t.Helper()
			hooks, err := e.WaitWebhooks(ctx, n)
			if len(hooks) != want || hooks == nil || !errors.Is(err, wrong) || time.Since(start) != after {
				t.Errorf("for %d: %v after %v: %+v", n, err, time.Since(start), hooks)
			}
		}
		wait(t.Context(), 0, 0, nil, 0)
		told()
		told()
		wait(t.Context(), 2, 2, nil, 2*time.Second)
		told()
		limited, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		wait(limited, 4, 3, context.DeadlineExceeded, 5*time.Second)
		wait(limited, 3, 3, nil, 5*time.Second) // met is met, though the context has ended

		// A Reset begins the count anew, also for one who waits already.
		time.AfterFunc(time.Second, func() {
			e.Reset()
			for range 4 {
				told()
			}
		})
		wait(t.Context(), 4, 4, nil, 8*time.Second)
		time.AfterFunc(time.Second, e.Close)
		if hooks, err := e.WaitWebhooks(t.Context(), 5); err == nil || !strings.Contains(err.Error(), "closed") || len(hooks) != 4 || time.Since(start) != 9*time.Second {
			t.Errorf("closed: %v after %v: %+v", err, time.Since(start), hooks)
		}
	})
}

// A status that was set is told like one that came by itself.
func TestTheWebhooksOfSetStatuses(t *testing.T) {
	for _, linked := range []bool{false, true} {
		box := &inbox{}
		config := emulator.Config{WebhookHandler: box, Unknown: emulator.Unknown{LinkedWhileWaiting: linked}}
		within(t, config, func(t *testing.T, e *emulator.Emulator) {
			id := create(t, e, `"webhook_url": "https://match.example/hook"`)
			want := []string{"Ready", "Unprocessable", "Error"}
			if linked {
				want = slices.Insert(want, 0, "Waiting")
			}
			for _, status := range []string{"Initializing", "Seeking", "Waiting", "Ready", "Unprocessable", "Error", "Linked", "Terminating"} {
				if err := e.SetStatus(id, status); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			var told []string
			for _, hook := range e.Webhooks() {
				told = append(told, hook.Status)
			}
			if !slices.Equal(told, want) {
				t.Errorf("told %v, want %v", told, want)
			}
		})
	}
}

// What happened to one session is told in its order, also when its first webhook
// is slow or sent again; those of another do not wait for it.
func TestTheWebhooksOfASessionKeepTheirOrder(t *testing.T) {
	for name, first := range map[string]http.HandlerFunc{
		"slow":    func(http.ResponseWriter, *http.Request) { time.Sleep(5 * time.Second) },
		"refused": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
	} {
		t.Run(name, func(t *testing.T) {
			var taken atomic.Bool
			receiver := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/late" && taken.CompareAndSwap(false, true) {
					first(w, r)
				}
			})
			config := emulator.Config{WebhookHandler: receiver, Unknown: emulator.Unknown{LinkedWhileWaiting: true, WebhookRetries: 3}}
			within(t, config, func(t *testing.T, e *emulator.Emulator) {
				start := time.Now()
				late := create(t, e, `"webhook_url": "https://match.example/late"`)
				create(t, e, `"webhook_url": "https://match.example/other"`)
				time.Sleep(3 * time.Second)
				if err := e.SetStatus(late, "Error"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				told, other := []string{}, []string{}
				for _, hook := range e.Webhooks() {
					if hook.SessionID == late && hook.Answer == 200 {
						told = append(told, hook.Status)
					}
					if hook.SessionID != late && hook.Time.Sub(start) <= 2*time.Second {
						other = append(other, hook.Status)
					}
				}
				if !slices.Equal(told, []string{"Waiting", "Ready", "Error"}) || !slices.Equal(other, []string{"Waiting", "Ready"}) {
					t.Errorf("told %v, and in time of the other %v", told, other)
				}
			})
		})
	}
}

// Nothing of a session from before a Reset is sent after it: neither what waits
// behind a slow webhook, nor another try of one that was refused.
func TestAResetEndsTheWebhooks(t *testing.T) {
	for name, answer := range map[string]int{"slow": 204, "refused": 500} {
		t.Run(name, func(t *testing.T) {
			sent := 0
			slow := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				sent++
				time.Sleep(2 * time.Second)
				w.WriteHeader(answer)
			})
			config := emulator.Config{WebhookHandler: slow, ReadyAfter: -1, Unknown: emulator.Unknown{WebhookRetries: 3}}
			within(t, config, func(t *testing.T, e *emulator.Emulator) {
				id := create(t, e, `"webhook_url": "https://match.example/hook"`)
				if err := e.SetStatus(id, "Error"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second) // the first is on its way
				e.Reset()
				time.Sleep(time.Minute)
				synctest.Wait()
				if hooks := e.Webhooks(); sent != 1 || len(hooks) != 0 {
					t.Errorf("%d were sent, recorded %v", sent, hooks)
				}
			})
		})
	}
}
