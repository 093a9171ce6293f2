package sessions_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

const (
	hookSecret = "s3cr3t"
	hookPath   = "/hook?match=7&secret=" + hookSecret

	// The one body that was really seen is an item of the list; by the
	// documentation it is the whole session.
	flatHook = `{"session_id":"950dd2eaff09-S","status":"Ready","ready":true,"kind":"Seat","user_count":1,"linked":true,"webhook_url":"https://example.com/hook","deployment_request_id":"57f84a8e1298"}`
	fullHook = sessionJSON
)

// post delivers a webhook in memory and returns the status of the reply, which
// must be all there is of it.
func post(t testing.TB, h http.Handler, target, body string) int {
	t.Helper()
	return serve(t, h, httptest.NewRequest(http.MethodPost, target, strings.NewReader(body)))
}

func serve(t testing.TB, h http.Handler, r *http.Request) int {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	if rec.Body.Len() != 0 {
		t.Errorf("the reply is %q", rec.Body)
	}
	return rec.Code
}

// keep returns a function for WebhookHandler and what it was called with.
func keep(err error) (func(context.Context, *sessions.Session) error, *[]*sessions.Session) {
	got := new([]*sessions.Session)
	return func(_ context.Context, s *sessions.Session) error {
		*got = append(*got, s)
		return err
	}, got
}

func TestAWebhookIsHandedOverAsTheAPIKnowsIt(t *testing.T) {
	for name, body := range map[string]string{
		"flat": flatHook, "full": fullHook, "id alone": `{"session_id":"950dd2eaff09-S"}`,
		"a lie about the status": `{"session_id":"950dd2eaff09-S","status":"Error","ready":false,"error":"boom","deployment":{"fqdn":"evil.example"}}`,
		"a lie about types":      `{"session_id":"950dd2eaff09-S","status":7,"ready":"yes","deployment":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			l := newLife(always(nil))
			handle, got := keep(nil)
			h := newClient(t, l).WebhookHandler(hookSecret, handle)
			if status := post(t, h, hookPath, body); status != http.StatusNoContent {
				t.Errorf("answered %d", status)
			}
			if len(*got) != 1 || (*got)[0].Status != "Ready" || !(*got)[0].Ready || (*got)[0].Error != "" || (*got)[0].Deployment != nil || (*got)[0].UserCount != 2 {
				t.Errorf("handed over %v", *got)
			}
			if n := len(l.requests()); n != 1 {
				t.Errorf("%d reads", n)
			}
		})
	}
}

func TestTheSameWebhookTwiceIsReadTwice(t *testing.T) {
	l := newLife(after(seeking, isReady))
	handle, got := keep(nil)
	h := newClient(t, l).WebhookHandler(hookSecret, handle)
	for range 2 {
		if status := post(t, h, hookPath, flatHook); status != http.StatusNoContent {
			t.Errorf("answered %d", status)
		}
	}
	if len(*got) != 2 || (*got)[0].Ready || !(*got)[1].Ready {
		t.Errorf("handed over %v", *got)
	}
}

func TestWhichWebhooksAreRefusedUnread(t *testing.T) {
	for _, test := range []struct {
		name, method, target, body string
		secret                     string
		want                       int
	}{
		{"GET", "GET", hookPath, "", hookSecret, 405},
		{"PUT", "PUT", hookPath, flatHook, hookSecret, 405},
		{"DELETE", "DELETE", hookPath, "", hookSecret, 405},
		{"GET without the secret", "GET", "/hook", "", hookSecret, 405},
		{"no secret", "POST", "/hook", flatHook, hookSecret, 404},
		{"empty secret", "POST", "/hook?secret=", flatHook, hookSecret, 404},
		{"wrong secret", "POST", "/hook?secret=s3cr3T", flatHook, hookSecret, 404},
		{"longer secret", "POST", "/hook?secret=s3cr3t1", flatHook, hookSecret, 404},
		{"half of the secret", "POST", "/hook?secret=s3c", flatHook, hookSecret, 404},
		{"secret in the body", "POST", "/hook", "secret=s3cr3t", hookSecret, 404},
		{"handler without a secret", "POST", "/hook?secret=", flatHook, "", 404},
		{"handler without a secret, none sent", "POST", "/hook", flatHook, "", 404},
		{"no body", "POST", hookPath, "", hookSecret, 400},
		{"not JSON", "POST", hookPath, "session_id=950dd2eaff09-S", hookSecret, 400},
		{"half of the JSON", "POST", hookPath, flatHook[:40], hookSecret, 400},
		{"two values", "POST", hookPath, flatHook + flatHook, hookSecret, 400},
		{"a list", "POST", hookPath, "[" + flatHook + "]", hookSecret, 400},
		{"null", "POST", hookPath, "null", hookSecret, 400},
		{"without an id", "POST", hookPath, `{"status":"Ready"}`, hookSecret, 400},
		{"null id", "POST", hookPath, `{"session_id":null}`, hookSecret, 400},
		{"a number as id", "POST", hookPath, `{"session_id":7}`, hookSecret, 400},
		{"two ids", "POST", hookPath, `{"session_id":"950dd2eaff09-S","session_id":"a"}`, hookSecret, 400},
		{"a path as id", "POST", hookPath, `{"session_id":".."}`, hookSecret, 400},
		{"a control character in the id", "POST", hookPath, `{"session_id":"a\r\nHost: b"}`, hookSecret, 400},
		{"over 1 MiB", "POST", hookPath, `{"session_id":"950dd2eaff09-S","x":"` + strings.Repeat("x", 1<<20) + `"}`, hookSecret, 413},
		{"spaces over 1 MiB", "POST", hookPath, flatHook + strings.Repeat(" ", 1<<20+1-len(flatHook)), hookSecret, 413},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLife(always(nil))
			handle, got := keep(nil)
			h := newClient(t, l).WebhookHandler(test.secret, handle)
			if status := serve(t, h, httptest.NewRequest(test.method, test.target, strings.NewReader(test.body))); status != test.want {
				t.Errorf("answered %d, want %d", status, test.want)
			}
			if len(*got) != 0 || len(l.requests()) != 0 {
				t.Errorf("%d reads, %d handed over", len(l.requests()), len(*got))
			}
		})
	}
	t.Run("exactly 1 MiB", func(t *testing.T) {
		h := newClient(t, newLife(always(nil))).WebhookHandler(hookSecret, nil)
		if status := post(t, h, hookPath, flatHook+strings.Repeat(" ", 1<<20-len(flatHook))); status != http.StatusNoContent {
			t.Errorf("answered %d", status)
		}
	})
}

func TestWhatAWebhookIsAnsweredWhenTheAPICannotBeRead(t *testing.T) {
	for name, test := range map[string]struct {
		read met
		want int
	}{
		"404": {refusal(404), 204}, "410": {refusal(410), 204},
		"401": {refusal(401), 502}, "403": {refusal(403), 502}, "400": {refusal(400), 502}, "429": {refusal(429), 502},
		"500": {refusal(500), 502}, "503": {refusal(503), 502}, "302": {refusal(302), 502},
		"refused": {fails(refused), 502}, "reset": {fails(reset), 502}, "silence": {silence, 502},
		"garbled": {content("application/json", "{"), 502}, "a login page": {content("text/html", "<html>"), 502},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				handle, got := keep(nil)
				h := newClient(t, newLife(always(test.read))).WebhookHandler(hookSecret, handle)
				if status := post(t, h, hookPath, flatHook); status != test.want || len(*got) != 0 {
					t.Errorf("answered %d, handed over %v", status, *got)
				}
			})
		})
	}
}

func TestAWebhookWhoseHandlingFailsIsAnswered500(t *testing.T) {
	for name, handle := range map[string]func(context.Context, *sessions.Session) error{
		"error":               func(context.Context, *sessions.Session) error { return errors.New("full disk at 203.0.113.7") },
		"panic":               func(_ context.Context, s *sessions.Session) error { panic(s) },
		"panic with nil":      func(context.Context, *sessions.Session) error { panic(nil) },
		"panic of net/http's": func(context.Context, *sessions.Session) error { panic(http.ErrAbortHandler) },
		"out of range":        func(_ context.Context, s *sessions.Session) error { return errors.New(s.SessionUsers[99].IP) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newClient(t, newLife(always(nil))).WebhookHandler(hookSecret, handle)
			for range 2 { // it works on after a panic
				if status := post(t, h, hookPath, flatHook); status != http.StatusInternalServerError {
					t.Errorf("answered %d", status)
				}
			}
		})
	}
}

func TestTheHandlerGetsTheContextOfTheRequest(t *testing.T) {
	type key struct{}
	var got any
	h := newClient(t, newLife(always(nil))).WebhookHandler(hookSecret, func(ctx context.Context, _ *sessions.Session) error {
		got = ctx.Value(key{})
		return nil
	})
	r := httptest.NewRequest(http.MethodPost, hookPath, strings.NewReader(flatHook))
	if serve(t, h, r.WithContext(context.WithValue(r.Context(), key{}, "mine"))); got != "mine" {
		t.Errorf("got %v", got)
	}
}

// pipes is a listener whose connections are in memory, so that a server can be
// part of a bubble.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

func TestASlowSenderIsSentAway(t *testing.T) {
	const head = "POST " + hookPath + " HTTP/1.1\r\nHost: example.com\r\nContent-Type: application/json\r\n"
	stall := func(c net.Conn) { io.WriteString(c, flatHook[:20]) }
	drip := func(c net.Conn) {
		for {
			if _, err := c.Write([]byte(" ")); err != nil {
				return
			}
			time.Sleep(time.Second)
		}
	}
	for name, test := range map[string]struct {
		head string
		send func(net.Conn)
		want int
		at   time.Duration
	}{
		"stops half-way":        {head + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(flatHook)), stall, 408, 10 * time.Second},
		"sends nothing":         {head + "Content-Length: 99\r\n\r\n", func(net.Conn) {}, 408, 10 * time.Second},
		"a byte a second":       {head + "Content-Length: 1000\r\n\r\n", drip, 408, 10 * time.Second},
		"a byte a second, open": {head + "Transfer-Encoding: chunked\r\n\r\nfff\r\n", drip, 408, 10 * time.Second},
		"in time": {head + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(flatHook)), func(c net.Conn) {
			stall(c)
			time.Sleep(9 * time.Second)
			io.WriteString(c, flatHook[20:])
		}, 204, 9 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLife(always(nil))
				handle, got := keep(nil)
				listener := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
				server := &http.Server{Handler: newClient(t, l).WebhookHandler(hookSecret, handle)}
				var running sync.WaitGroup
				running.Go(func() { server.Serve(listener) })

				start := time.Now()
				client, side := net.Pipe()
				listener.conns <- side
				running.Go(func() {
					if io.WriteString(client, test.head); test.send != nil {
						test.send(client)
					}
				})
				res, err := http.ReadResponse(bufio.NewReader(client), nil)
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(start); res.StatusCode != test.want || took != test.at {
					t.Errorf("answered %d after %v", res.StatusCode, took)
				}
				if ok := test.want == 204; (len(l.requests()) == 1) != ok || (len(*got) == 1) != ok {
					t.Errorf("%d reads, %d handed over", len(l.requests()), len(*got))
				}
				client.Close()
				server.Close()
				running.Wait()
				time.Sleep(time.Second) // net/http of Go 1.27 lingers over a connection whose body it refused
			})
		})
	}
}

// TestALongHandlerIsNotCutOff: the time that a sender has is not the handler's.
func TestALongHandlerIsNotCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		server := &http.Server{Handler: newClient(t, newLife(always(nil))).WebhookHandler(hookSecret, func(ctx context.Context, _ *sessions.Session) error {
			time.Sleep(time.Minute)
			return context.Cause(ctx)
		})}
		var running sync.WaitGroup
		running.Go(func() { server.Serve(listener) })
		client, side := net.Pipe()
		listener.conns <- side
		for range 2 { // on one connection
			running.Go(func() {
				fmt.Fprintf(client, "POST %s HTTP/1.1\r\nHost: example.com\r\nContent-Length: %d\r\n\r\n%s", hookPath, len(flatHook), flatHook)
			})
			res, err := http.ReadResponse(bufio.NewReader(client), nil)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != http.StatusNoContent {
				t.Errorf("answered %d", res.StatusCode)
			}
		}
		client.Close()
		server.Close()
		running.Wait()
	})
}

func TestAWebhookWakesEveryWaiterWithWhatItRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLife(after(seeking, seeking, isReady))
		c := newClient(t, roundTripper(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "another") {
				return seeking("", r)
			}
			return l.RoundTrip(r)
		}))
		h := c.WebhookHandler(hookSecret, nil)
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				s, err := c.WaitReady(t.Context(), testID, sessions.PollEvery(time.Minute, time.Minute))
				if err != nil || !s.Ready {
					t.Errorf("%v, %v", s, err)
				}
			})
		}
		other := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, err := c.WaitReady(ctx, "another", sessions.PollEvery(time.Hour, time.Hour)); other <- err }()
		synctest.Wait()
		time.Sleep(7 * time.Second)
		if status := post(t, h, hookPath, flatHook); status != http.StatusNoContent {
			t.Errorf("answered %d", status)
		}
		group.Wait()
		if at := l.times(); len(at) != 3 || time.Since(l.first) != 7*time.Second {
			t.Errorf("reads at %v, awake after %v", at, time.Since(l.first))
		}
		select {
		case err := <-other:
			t.Errorf("a wait for another session ended: %v", err)
		default:
		}
		cancel()
		<-other
	})
}

// TestAWokenWaitTakesTwoReads: one of its own and the webhook's, with polling a
// minute apart, and it knows at once.
func TestAWokenWaitTakesTwoReads(t *testing.T) {
	for name, test := range map[string]struct {
		then   met
		failed bool
	}{
		"ready": {isReady, false}, "failed": {state("Unprocessable", false, false), true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLife(after(seeking, test.then))
				c := newClient(t, l)
				h := c.WebhookHandler(hookSecret, nil)
				time.AfterFunc(7*time.Second, func() { post(t, h, hookPath, flatHook) })
				var changes int
				s, err := c.WaitReady(t.Context(), testID, sessions.PollEvery(time.Minute, time.Minute), sessions.OnChange(func(*sessions.Session) { changes++ }))
				if errors.As(err, new(*sessions.FailedError)) != test.failed || s == nil || s.Ready == test.failed {
					t.Errorf("%v, %v", s, err)
				}
				if at := l.times(); len(at) != 2 || time.Since(l.first) != 7*time.Second || changes != 2 {
					t.Errorf("reads at %v, awake after %v, %d changes", at, time.Since(l.first), changes)
				}
			})
		})
	}
}

func TestWebhooksThatTellOfNoEndLeaveAWaitGoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLife(func(n int) met {
			if n < 5 {
				return seeking
			}
			return isReady
		})
		c := newClient(t, l)
		h := c.WebhookHandler(hookSecret, func(context.Context, *sessions.Session) error { return errors.New("not now") })
		for i := range 3 { // and a handler that fails does not keep them from the waiter
			time.AfterFunc(time.Duration(i+1)*time.Second, func() { post(t, h, hookPath, flatHook) })
		}
		s, err := c.WaitReady(t.Context(), testID, sessions.PollEvery(time.Minute, time.Minute))
		if err != nil || !s.Ready {
			t.Errorf("%v, %v", s, err)
		}
		if at := l.times(); len(at) != 5 || at[4] < 3*time.Second+45*time.Second {
			t.Errorf("reads at %v", at)
		}
	})
}

// TestTheNewestWebhookCounts: a wait that is busy while two webhooks come sees
// the later one.
func TestTheNewestWebhookCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLife(after(seeking, seeking, isReady))
		c := newClient(t, l)
		h := c.WebhookHandler(hookSecret, nil)
		first := true
		s, err := c.WaitReady(t.Context(), testID, sessions.PollEvery(time.Hour, time.Hour), sessions.OnChange(func(*sessions.Session) {
			if first {
				first = false
				post(t, h, hookPath, flatHook)
				post(t, h, hookPath, flatHook)
			}
		}))
		if err != nil || !s.Ready || len(l.requests()) != 3 {
			t.Errorf("%d reads, %v, %v", len(l.requests()), s, err)
		}
	})
}

func TestWebhookURL(t *testing.T) {
	for base, want := range map[string]string{
		"https://match.example.com/hook":               "https://match.example.com/hook?secret=a%26b+%2B%C3%BC",
		"http://127.0.0.1:8080":                        "http://127.0.0.1:8080?secret=a%26b+%2B%C3%BC",
		"https://match.example.com/hook?match=7&a=%2":  "",
		"https://match.example.com/hook?a=1;b=2":       "",
		"https://match.example.com/hook?match=7":       "https://match.example.com/hook?match=7&secret=a%26b+%2B%C3%BC",
		"https://match.example.com/h?secret=old&x=":    "https://match.example.com/h?x=&secret=a%26b+%2B%C3%BC",
		"https://match.example.com/h?z=1&a=2&z=3":      "https://match.example.com/h?z=1&a=2&z=3&secret=a%26b+%2B%C3%BC",
		"https://match.example.com/h?s%65cret=x&b":     "https://match.example.com/h?b&secret=a%26b+%2B%C3%BC",
		"https://match.example.com/h?b=%7e+~&&a=x/%20": "https://match.example.com/h?b=%7e+~&&a=x/%20&secret=a%26b+%2B%C3%BC",
		"ftp://match.example.com/hook":                 "",
		"match.example.com/hook":                       "",
		"https:///hook":                                "",
		"https://match.example.com:port/hook":          "",
		"":                                             "",
	} {
		got, err := sessions.WebhookURL(base, "a&b +ü")
		if got != want || (err != nil) != (want == "") || err != nil && !errors.Is(err, sessions.ErrInvalidArgument) {
			t.Errorf("%s: got %s, %v", base, got, err)
		}
		if err != nil && base != "" && strings.Contains(err.Error(), base) {
			t.Errorf("the error repeats the URL: %v", err)
		}
		if want == "" {
			continue
		}
		u, err := url.Parse(got)
		if err != nil {
			t.Fatal(err)
		}
		h := newClient(t, newLife(always(nil))).WebhookHandler("a&b +ü", nil)
		if status := post(t, h, "/hook?"+u.RawQuery, flatHook); status != http.StatusNoContent {
			t.Errorf("%s: the handler answers %d", got, status)
		}
	}
	if _, err := sessions.WebhookURL("https://match.example.com", ""); !errors.Is(err, sessions.ErrInvalidArgument) {
		t.Errorf("an empty secret: %v", err)
	}
}
