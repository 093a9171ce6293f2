package emulator_test

import (
	"encoding/json"
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

func TestAWebhookIsSentWhenTheSessionIsReady(t *testing.T) {
	box := &inbox{}
	within(t, emulator.Config{WebhookHandler: box}, func(t *testing.T, e *emulator.Emulator) {
		start := time.Now()
		id := create(t, e, `"ip_list": ["203.0.113.1"], "webhook_url": "https://match.example/hook?secret=s"`)
		time.Sleep(time.Minute) // nobody asks
		synctest.Wait()
		if len(box.bodies) != 1 || box.times[0].Sub(start) != 2*time.Second {
			t.Fatalf("%v at %v", box.bodies, box.times)
		}
		text, ok := strings.CutPrefix(box.bodies[0], "POST /hook?secret=s application/json ")
		if !ok {
			t.Errorf("%s", box.bodies[0])
		}
		var got, want api.SessionContext
		want = call[api.Sessions](t, e, "GET", "/v1/sessions", "").Data[0]
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want || got.SessionID != id || !got.Ready {
			t.Errorf("%+v, want %+v", got, want)
		}
		hooks := e.Webhooks()
		if len(hooks) != 1 || hooks[0].Answer != 204 || hooks[0].SessionID != id || hooks[0].Status != "Ready" {
			t.Errorf("%+v", hooks)
		}
	})
}

func TestWebhooksOfOtherEndings(t *testing.T) {
	for name, c := range map[string]struct {
		config emulator.Config
		want   []string // statuses
		after  time.Duration
	}{
		"unprocessable":             {emulator.Config{Apps: []emulator.App{{NoAutodeploy: true}}}, []string{"Unprocessable"}, 800 * time.Millisecond},
		"error":                     {emulator.Config{Apps: []emulator.App{{FailsToStart: true}}}, []string{"Error"}, 2 * time.Second},
		"linked before it is ready": {emulator.Config{Unknown: emulator.Unknown{LinkedWhileWaiting: true}}, []string{"Waiting", "Ready"}, 2 * time.Second},
		"the full body":             {emulator.Config{Unknown: emulator.Unknown{FullWebhook: true}}, []string{"Ready"}, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			box := &inbox{}
			c.config.WebhookHandler = box
			within(t, c.config, func(t *testing.T, e *emulator.Emulator) {
				start := time.Now()
				create(t, e, `"webhook_url": "https://match.example/hook"`)
				time.Sleep(time.Minute)
				synctest.Wait()
				if len(box.bodies) != len(c.want) {
					t.Fatalf("%v", box.bodies)
				}
				for i, body := range box.bodies {
					if !strings.Contains(body, `"status":"`+c.want[i]+`"`) {
						t.Errorf("%s, want %s", body, c.want[i])
					}
					if full := strings.Contains(body, `"deployment":{`); full != c.config.Unknown.FullWebhook {
						t.Errorf("the wrong body: %s", body)
					}
				}
				if got := box.times[len(box.times)-1].Sub(start); got != c.after {
					t.Errorf("after %v, want %v", got, c.after)
				}
			})
		})
	}
}

func TestWebhookRetries(t *testing.T) {
	for _, c := range []struct{ retries, want int }{{0, 1}, {1, 2}, {5, 3}} {
		box := &inbox{statuses: []int{500, 302, 200}}
		config := emulator.Config{WebhookHandler: box, Unknown: emulator.Unknown{WebhookRetries: c.retries}}
		within(t, config, func(t *testing.T, e *emulator.Emulator) {
			create(t, e, `"webhook_url": "https://match.example/hook"`)
			time.Sleep(time.Minute)
			synctest.Wait()
			if len(box.bodies) != c.want || len(e.Webhooks()) != c.want {
				t.Errorf("%d retries: sent %d times, recorded %d", c.retries, len(box.bodies), len(e.Webhooks()))
			}
		})
	}
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
