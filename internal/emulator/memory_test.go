package emulator_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/internal/emulator"
)

// slow is a request body that never comes, until it is closed.
type slow struct{ closed chan struct{} }

func (s slow) Read([]byte) (int, error) { <-s.closed; return 0, io.ErrClosedPipe }
func (s slow) Close() error {
	select {
	case <-s.closed:
	default:
		close(s.closed)
	}
	return nil
}

func TestMemoryEndsWithTheRequestsContext(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		body := slow{make(chan struct{})}
		r, _ := http.NewRequestWithContext(ctx, "POST", "https://emulator.invalid/v1/session", body)
		start := time.Now()
		if _, err := e.Transport().RoundTrip(r); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		synctest.Wait()
		select {
		case <-body.closed:
		default:
			t.Error("the request's body was not closed")
		}
		if n := len(e.Sessions()); n != 0 {
			t.Errorf("%d sessions from half a request", n)
		}
	})
}

func TestMemoryStreamsUntilTheContextEnds(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		ctx, cancel := context.WithCancel(t.Context())
		r, _ := http.NewRequestWithContext(ctx, "GET", "https://emulator.invalid/v1/sessions", nil)
		r.Header.Set("Authorization", "token k")
		response, err := e.Transport().RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if response.ContentLength <= 0 || response.Request != r || response.Status != "200 OK" || response.Proto != "HTTP/1.1" {
			t.Errorf("%+v", response)
		}
		if n, err := response.Body.Read(make([]byte, 5)); n != 5 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		cancel()
		synctest.Wait()
		if _, err := io.ReadAll(response.Body); !errors.Is(err, context.Canceled) {
			t.Errorf("the rest after a cancel: %v", err)
		}
	})
}

// Close must not wait for callers who forgot to read or close a body.
func TestMemoryIsClosedThoughABodyIsNot(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		left, err := send(t, e, "GET", "/v1/sessions", "")
		if err != nil {
			t.Fatal(err)
		}
		closed, err := send(t, e, "GET", "/v1/sessions", "")
		if err != nil {
			t.Fatal(err)
		}
		closed.Body.Close()
		e.Close()
		if _, err := io.ReadAll(left.Body); err == nil {
			t.Error("a body of a closed emulator can be read to its end")
		}
	})
}

func TestMemoryAfterClose(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		e.Close()
		body := slow{make(chan struct{})}
		r, _ := http.NewRequestWithContext(t.Context(), "POST", "https://emulator.invalid/v1/session", body)
		if _, err := e.Transport().RoundTrip(r); err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("%v", err)
		}
		<-body.closed
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("a closed emulator answers")
			}
		}()
		e.ServeHTTP(nil, r)
	})
}

// What a transport is given need not look as a server sees it.
func TestInMemoryARequestLooksAsAtASocket(t *testing.T) {
	var got *http.Request
	receiver := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r })
	within(t, emulator.Config{WebhookHandler: receiver, ReadyAfter: -1}, func(t *testing.T, e *emulator.Emulator) {
		create(t, e, `"webhook_url": "https://match.example"`)
		synctest.Wait()
		if got == nil || got.URL.Path != "/" {
			t.Errorf("%+v", got)
		}
		r, _ := http.NewRequestWithContext(t.Context(), "GET", "https://emulator.invalid/v1/sessions", nil)
		r.Header["authorization"] = []string{"token a-key-of-mine"}
		response, err := e.Transport().RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		requests := e.Requests()
		if last := requests[len(requests)-1]; response.StatusCode != 200 || len(last.Header) != 0 {
			t.Errorf("%d %v", response.StatusCode, last.Header)
		}
	})
}
