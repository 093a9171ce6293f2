package emulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/internal/emulator"
)

// A fault does the same to a client in memory as to one at a socket.
func TestFaultsInMemoryAndOverASocket(t *testing.T) {
	for name, c := range map[string]struct {
		fault   emulator.Fault
		status  int    // 0: no answer
		wrong   error  // of the answer, or of its body
		body    string // "{}" for a JSON object, "" for nothing that is JSON
		created int
	}{
		"none":                   {emulator.Fault{}, 200, nil, "{}", 1},
		"status":                 {emulator.Fault{Status: 503}, 503, nil, "{}", 0},
		"status, done":           {emulator.Fault{Status: 503, Done: true}, 503, nil, "{}", 1},
		"no content":             {emulator.Fault{Status: 204, Done: true}, 204, nil, "", 1},
		"a body":                 {emulator.Fault{Status: 502, Body: "<html>bad gateway</html>"}, 502, nil, "<html>bad gateway</html>", 0},
		"a login page":           {emulator.Fault{Status: 200, Body: "<html>log in</html>"}, 200, nil, "<html>log in</html>", 0},
		"a redirect":             {emulator.Fault{Status: 302}, 302, nil, "{}", 0},
		"reset":                  {emulator.Fault{Break: "reset"}, 0, syscall.ECONNRESET, "", 0},
		"reset, done":            {emulator.Fault{Break: "reset", Done: true}, 0, syscall.ECONNRESET, "", 1},
		"cut":                    {emulator.Fault{Break: "cut"}, 200, io.ErrUnexpectedEOF, "", 1},
		"cut error":              {emulator.Fault{Break: "cut", Status: 500}, 500, io.ErrUnexpectedEOF, "", 0},
		"garble":                 {emulator.Fault{Break: "garble"}, 200, nil, "", 1},
		"garbled error":          {emulator.Fault{Break: "garble", Status: 500}, 500, nil, "", 0},
		"for another call":       {emulator.Fault{Operation: "get-session", Status: 503}, 200, nil, "{}", 1},
		"for this call":          {emulator.Fault{Operation: "session-post", Status: 429, Headers: map[string]string{"Retry-After": "7"}}, 429, nil, "{}", 0},
		"a body that is a list":  {emulator.Fault{Status: 200, Body: "[]"}, 200, nil, "[]", 0},
		"a body that is no HTML": {emulator.Fault{Status: 500, Body: "oops"}, 500, nil, "oops", 0},
	} {
		check := func(t *testing.T, e *emulator.Emulator, transport http.RoundTripper, url string) {
			if err := e.FailNext(c.fault); err != nil {
				t.Fatal(err)
			}
			r, _ := http.NewRequestWithContext(t.Context(), "POST", url+"/v1/session", strings.NewReader(`{"app_name": "arena"}`))
			r.Header.Set("Authorization", "token k")
			r.Header.Set("Content-Type", "application/json")
			response, err := transport.RoundTrip(r)
			var text []byte
			if err == nil {
				text, err = io.ReadAll(response.Body)
				response.Body.Close()
				if response.StatusCode != c.status || response.Header.Get("Retry-After") != c.fault.Headers["Retry-After"] {
					t.Errorf("status %d, Retry-After %q", response.StatusCode, response.Header.Get("Retry-After"))
				}
			} else if c.status != 0 {
				t.Errorf("no answer: %v", err)
			}
			if !errors.Is(err, c.wrong) {
				t.Errorf("error %v, want %v", err, c.wrong)
			}
			switch {
			case c.body == "{}":
				if !json.Valid(text) || text[0] != '{' {
					t.Errorf("body %q", text)
				}
			case c.body == "":
				if json.Valid(text) || c.status == 200 && len(text) == 0 {
					t.Errorf("body %q", text)
				}
			case string(text) != c.body:
				t.Errorf("body %q", text)
			}
			if n := len(e.Sessions()); n != c.created {
				t.Errorf("%d sessions were created, want %d", n, c.created)
			}
			if got := e.Requests()[0]; got.Status != c.status {
				t.Errorf("the record says %d", got.Status)
			}
		}
		t.Run(name+"/memory", func(t *testing.T) {
			within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
				check(t, e, e.Transport(), "https://emulator.invalid")
			})
		})
		t.Run(name+"/socket", func(t *testing.T) {
			e := emulator.New(emulator.Config{})
			defer e.Close()
			server := httptest.NewServer(e)
			defer server.Close()
			check(t, e, server.Client().Transport, server.URL)
		})
	}
}

func TestAResetOverTLS(t *testing.T) {
	e := emulator.New(emulator.Config{})
	defer e.Close()
	server := httptest.NewTLSServer(e)
	defer server.Close()
	if err := e.FailNext(emulator.Fault{Break: "reset", Done: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Client().Get(server.URL + "/v1/sessions"); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v", err)
	}
}

func TestFaultsStrikeInTheirOrder(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		err := e.FailNext(
			emulator.Fault{Operation: "get-session", Status: 500},
			emulator.Fault{Status: 501, Times: 2},
			emulator.Fault{},
			emulator.Fault{Status: 502},
			emulator.Fault{Operation: "list-sessions", Status: 503},
		)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []int{501, 501, 200, 502, 503, 200} {
			if got, _ := status(t, e, "GET", "/v1/sessions", ""); got != want {
				t.Errorf("list %d: %d, want %d", i, got, want)
			}
		}
		if got, _ := status(t, e, "GET", "/v1/session/x", ""); got != 500 {
			t.Errorf("get: %d", got)
		}
		if err := e.FailNext(emulator.Fault{Status: 500, Times: 9}); err != nil {
			t.Fatal(err)
		}
		e.ForgetFaults()
		if got, _ := status(t, e, "GET", "/v1/sessions", ""); got != 200 {
			t.Errorf("a forgotten fault: %d", got)
		}
	})
}

func TestFaultsThatMakeNoSense(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		for _, bad := range []emulator.Fault{
			{Operation: "get"}, {Times: -1}, {Delay: -1}, {Status: 99}, {Status: 100}, {Status: 600}, {Break: "explode"},
		} {
			if err := e.FailNext(emulator.Fault{Status: 500}, bad); err == nil {
				t.Errorf("%+v was taken", bad)
			}
		}
		if got, _ := status(t, e, "GET", "/v1/sessions", ""); got != 200 {
			t.Errorf("the good one among the bad was planned: %d", got)
		}
	})
}

func TestDelayAndStall(t *testing.T) {
	within(t, emulator.Config{Speed: 100}, func(t *testing.T, e *emulator.Emulator) {
		if err := e.FailNext(emulator.Fault{Delay: 5 * time.Second}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		create(t, e, "")
		if waited := time.Since(start); waited != 5*time.Second {
			t.Errorf("delayed for %v", waited)
		}
		// A caller who does not wait gets its own reason, at once.
		for name, fault := range map[string]emulator.Fault{
			"delay": {Delay: time.Hour},
			"stall": {Break: "stall"},
		} {
			if err := e.FailNext(fault); err != nil {
				t.Fatal(err)
			}
			before := len(e.Sessions())
			reason := errors.New("had enough")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(reason) })
			r, _ := http.NewRequestWithContext(ctx, "POST", "https://emulator.invalid/v1/session", strings.NewReader(`{"app_name": "arena"}`))
			r.Header.Set("Authorization", "token k")
			r.Header.Set("Content-Type", "application/json")
			start := time.Now()
			if _, err := e.Transport().RoundTrip(r); err != reason {
				t.Errorf("%s: %v", name, err)
			}
			if waited := time.Since(start); waited != time.Second {
				t.Errorf("%s: returned after %v", name, waited)
			}
			synctest.Wait()
			done := 0
			if name == "stall" {
				done = 1 // the work was done, only its answer never came
			}
			if got := len(e.Sessions()) - before; got != done {
				t.Errorf("%s: %d sessions, want %d", name, got, done)
			}
			requests := e.Requests()
			if last := requests[len(requests)-1]; last.Status != 0 {
				t.Errorf("%s: %+v", name, last)
			}
		}
	})
}

// A stalled call at a socket ends when its client does.
func TestAStallOverASocketEndsWithItsClient(t *testing.T) {
	arrived, ended := make(chan bool), make(chan bool)
	e := emulator.New(emulator.Config{Check: func(*http.Request) error { close(arrived); return nil }})
	defer e.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		e.ServeHTTP(w, r)
	}))
	defer server.Close()
	if err := e.FailNext(emulator.Fault{Break: "stall"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, "POST", server.URL+"/v1/session", strings.NewReader(`{"app_name": "arena"}`))
	r.Header.Set("Authorization", "token k")
	r.Header.Set("Content-Type", "application/json")
	result := make(chan error, 1)
	go func() {
		_, err := server.Client().Transport.RoundTrip(r)
		result <- err
	}()
	<-arrived
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	<-ended
}
