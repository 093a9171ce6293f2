package emulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
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
		for _, bad := range []struct {
			field string
			fault emulator.Fault
		}{
			{"operation", emulator.Fault{Operation: "get"}},
			{"times", emulator.Fault{Times: -1}},
			{"share", emulator.Fault{Share: -0.1}},
			{"share", emulator.Fault{Share: 1.1}},
			{"share", emulator.Fault{Share: math.NaN()}},
			{"delay", emulator.Fault{Delay: -1}},
			{"slow", emulator.Fault{Slow: -1}},
			{"status", emulator.Fault{Status: 99}},
			{"status", emulator.Fault{Status: 100}},
			{"status", emulator.Fault{Status: 600}},
			{"body", emulator.Fault{Body: "oops"}},
			{"break", emulator.Fault{Break: "explode"}},
			{"headers", emulator.Fault{Headers: map[string]string{"": "a"}}},
			{"headers", emulator.Fault{Headers: map[string]string{"X Y": "a"}}},
			{"headers", emulator.Fault{Headers: map[string]string{"X": "a\r\nY: b"}}},
		} {
			err := e.FailNext(emulator.Fault{Status: 500}, bad.fault)
			if err == nil || !strings.HasPrefix(err.Error(), "faults[1]."+bad.field) {
				t.Errorf("%+v: %v", bad.fault, err)
			}
		}
		if got, _ := status(t, e, "GET", "/v1/sessions", ""); got != 200 {
			t.Errorf("the good one among the bad was planned: %d", got)
		}
	})
}

// A share of the calls fails, the same for the same seed and calls.
func TestAShareOfTheCallsFails(t *testing.T) {
	draw := func(seed uint64, share float64, between bool) (struck []int) {
		within(t, emulator.Config{Seed: seed}, func(t *testing.T, e *emulator.Emulator) {
			plan(t, e, emulator.Fault{Operation: "list-sessions", Share: share, Status: 503})
			for i := range 1000 {
				if got, _ := status(t, e, "GET", "/v1/sessions", ""); got == 503 {
					struck = append(struck, i)
				}
				if between { // draws nothing
					status(t, e, "GET", "/v1/session/x", "")
				}
			}
			if left := e.ForgetFaults(); len(left) != 1 {
				t.Errorf("it did not last: %+v", left)
			}
		})
		return struck
	}
	first := draw(1, 0.1, false)
	if n := len(first); n < 70 || n > 130 {
		t.Errorf("%d of 1,000, want about 100", n)
	}
	if again := draw(1, 0.1, true); !slices.Equal(again, first) {
		t.Errorf("the same seed drew %v and %v", first, again)
	}
	if other := draw(2, 0.1, false); slices.Equal(other, first) {
		t.Error("another seed drew the same")
	}
	if n := len(draw(1, 1, false)); n != 1000 {
		t.Errorf("a share of 1: %d", n)
	}
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		plan(t, e, emulator.Fault{Share: 0.5, Times: 7, Status: 503}, emulator.Fault{Times: 1000, Status: 500})
		struck := 0
		for range 100 {
			got, _ := status(t, e, "GET", "/v1/sessions", "")
			if got == 503 {
				struck++
			} else if got != 500 {
				t.Fatalf("a call that the share spares meets the next fault: %d", got)
			}
		}
		if left := e.ForgetFaults(); struck != 7 || len(left) != 1 || left[0].Times != 1000-93 {
			t.Errorf("struck %d times, left %+v", struck, left)
		}
	})
}

func TestTheHeadersOfAFault(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		for _, f := range []emulator.Fault{{}, {Status: 429}, {Status: 502, Body: "<html>"}} {
			headers := map[string]string{"Retry-After": "7", "x-trace": "t1"}
			if f.Body != "" {
				headers["Content-Type"] = "text/x-note"
			}
			f.Headers = headers
			plan(t, e, f)
			headers["Retry-After"] = "8" // planned is what it was
			response, err := send(t, e, "GET", "/v1/sessions", "")
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(response.Body)
			response.Body.Close()
			want := map[int]string{0: "application/json", 429: "application/json", 502: "text/x-note"}[f.Status]
			if h := response.Header; h.Get("Retry-After") != "7" || h.Get("X-Trace") != "t1" || h.Get("Content-Type") != want {
				t.Errorf("%+v: %v", f, h)
			}
			if own := strings.Contains(string(text), `"data":[]`); own != (f.Status == 0) {
				t.Errorf("%+v: %d %s", f, response.StatusCode, text)
			}
		}
	})
}

// A slow body arrives in pieces over its time.
func TestASlowBody(t *testing.T) {
	within(t, emulator.Config{Speed: 100}, func(t *testing.T, e *emulator.Emulator) {
		plan(t, e, emulator.Fault{Slow: 10 * time.Second}, emulator.Fault{Slow: 10 * time.Second, Break: "cut"}, emulator.Fault{Slow: 10 * time.Second, Status: 503})
		for _, c := range []struct {
			status int
			wrong  error
		}{{200, nil}, {200, io.ErrUnexpectedEOF}, {503, nil}} {
			start := time.Now()
			response, err := send(t, e, "GET", "/v1/sessions", "")
			if err != nil || response.StatusCode != c.status || time.Since(start) != 0 {
				t.Fatalf("%v after %v: %v", response, time.Since(start), err)
			}
			first := make([]byte, 1)
			if _, err := io.ReadFull(response.Body, first); err != nil || time.Since(start) != time.Second {
				t.Errorf("the first piece after %v: %v", time.Since(start), err)
			}
			rest, err := io.ReadAll(response.Body)
			response.Body.Close()
			if took := time.Since(start); err != c.wrong || took != 10*time.Second || c.wrong == nil && int64(1+len(rest)) != response.ContentLength {
				t.Errorf("%d bytes after %v: %v", 1+len(rest), took, err)
			}
		}
		// It ends when the client goes away.
		plan(t, e, emulator.Fault{Slow: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		r, _ := http.NewRequestWithContext(ctx, "GET", "https://emulator.invalid/v1/sessions", nil)
		r.Header.Set("Authorization", "token k")
		start := time.Now()
		response, err := e.Transport().RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != 10*time.Minute || len(text) == 0 {
			t.Errorf("%q after %v: %v", text, took, err)
		}
		synctest.Wait()
		e.Close()
		if waited := time.Since(start); waited != 10*time.Minute {
			t.Errorf("the answer went on for %v", waited)
		}
	})
}

func TestASlowBodyOverASocket(t *testing.T) {
	ended := make(chan bool, 2)
	e := emulator.New(emulator.Config{})
	defer e.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { ended <- true }()
		e.ServeHTTP(w, r)
	}))
	defer server.Close()
	get := func(ctx context.Context) (*http.Response, error) {
		r, _ := http.NewRequestWithContext(ctx, "GET", server.URL+"/v1/sessions", nil)
		r.Header.Set("Authorization", "token k")
		return server.Client().Transport.RoundTrip(r)
	}
	plan(t, e, emulator.Fault{Slow: 200 * ms}, emulator.Fault{Slow: 10 * time.Hour})
	start := time.Now()
	response, err := get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	response.Body.Close()
	if took := time.Since(start); err != nil || !json.Valid(text) || took < 200*ms {
		t.Errorf("%q after %v: %v", text, took, err)
	}
	<-ended
	ctx, cancel := context.WithCancel(t.Context())
	if response, err = get(ctx); err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	cancel()
	if _, err := io.ReadAll(response.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	<-ended // and not in ten hours
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

// A caller that gives up during a delay has had nothing done, also where only a
// read of the socket tells that it has gone.
func TestNothingIsDoneForACallerWhoGaveUpInADelay(t *testing.T) {
	for name, start := range map[string]func(*emulator.Emulator) (http.RoundTripper, string, func()){
		"memory": func(e *emulator.Emulator) (http.RoundTripper, string, func()) {
			return e.Transport(), "https://emulator.invalid", func() {}
		},
		"socket": func(e *emulator.Emulator) (http.RoundTripper, string, func()) {
			server := httptest.NewServer(e)
			return server.Client().Transport, server.URL, server.Close
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := emulator.New(emulator.Config{})
			defer e.Close()
			transport, base, stop := start(e)
			defer stop()
			if err := e.FailNext(emulator.Fault{Operation: "session-post", Delay: time.Hour}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r, _ := http.NewRequestWithContext(ctx, "POST", base+"/v1/session", strings.NewReader(`{"app_name": "arena"}`))
			r.Header.Set("Authorization", "token k")
			r.Header.Set("Content-Type", "application/json")
			gaveUp := make(chan error, 1)
			go func() {
				_, err := transport.RoundTrip(r)
				gaveUp <- err
			}()
			for len(e.Requests()) == 0 || e.Requests()[0].Body == "" {
				runtime.Gosched() // until the fault has struck
			}
			cancel()
			if err := <-gaveUp; err == nil {
				t.Error("it was answered")
			}
			// Close waits for the request: for an hour, if it did not end.
			stop()
			if len(e.Sessions()) != 0 {
				t.Errorf("a session was created: %+v", e.Sessions())
			}
		})
	}
}
