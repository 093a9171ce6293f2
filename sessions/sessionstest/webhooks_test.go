package sessionstest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// hooked is a create whose webhook goes to any handler in memory.
var hooked = sessions.CreateRequest{AppName: "arena", WebhookURL: "https://match.example/hook?match=7"}

func TestWebhooksAreRecordedInTheirOrder(t *testing.T) {
	var received []string
	receive := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		received = append(received, r.Host+r.URL.RequestURI()+" "+string(body))
		w.WriteHeader(http.StatusAccepted)
	}
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		created, err := client.Create(t.Context(), hooked)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		sent, err := srv.WaitWebhooks(t.Context(), 1)
		if err != nil || time.Since(start) != 2*time.Second {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
		if err := srv.SetStatus(created.SessionID, "Error"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		all := srv.Webhooks()
		if len(sent) != 1 || len(all) != 2 || all[0] != sent[0] {
			t.Fatalf("%+v %+v", sent, all)
		}
		for i, status := range []string{"Ready", "Error"} {
			w := all[i]
			var body sessions.Summary
			err := json.Unmarshal([]byte(w.Body), &body)
			if err != nil || body.SessionID != created.SessionID || body.Status != status {
				t.Errorf("body %s: %v", w.Body, err)
			}
			if w.SessionID != created.SessionID || w.Status != status || w.Answer != 202 || w.Problem != "" || !w.Time.Equal(time.Now()) {
				t.Errorf("%+v", w)
			}
			if received[i] != "match.example/hook?match=7 "+w.Body {
				t.Errorf("received %q", received[i])
			}
		}
	}, sessionstest.WithWebhooks(http.HandlerFunc(receive)))
}

func TestAWebhookThatIsRetriedIsRecordedEachTime(t *testing.T) {
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		if _, err := client.Create(t.Context(), hooked); err != nil {
			t.Fatal(err)
		}
		sent, err := srv.WaitWebhooks(t.Context(), 3)
		if err != nil || len(sent) != 3 || sent[2].Answer != 404 || sent[2].Time.Sub(sent[0].Time) != 2*time.Second {
			t.Errorf("%+v, %v", sent, err)
		}
	}, sessionstest.WithWebhooks(http.NotFoundHandler()), sessionstest.WithUnknown(sessionstest.Unknown{WebhookRetries: 2}))
}

func TestWebhooksGoToLoopbackOnly(t *testing.T) {
	srv := sessionstest.NewServer(sessionstest.WithReadyAfter(0))
	defer srv.Close()
	arrived := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { arrived <- r.URL.Path }))
	defer receiver.Close()
	for _, base := range []string{"https://match.invalid", receiver.URL} {
		if _, err := srv.Client().Create(t.Context(), sessions.CreateRequest{AppName: "arena", WebhookURL: base + "/hook"}); err != nil {
			t.Fatal(err)
		}
		if _, err := srv.WaitWebhooks(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	sent, err := srv.WaitWebhooks(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if sent[0].Answer != 0 || !strings.Contains(sent[0].Problem, "loopback") {
		t.Errorf("%+v", sent[0])
	}
	if path := <-arrived; sent[1].Answer != 200 || path != "/hook" {
		t.Errorf("%+v at %s", sent[1], path)
	}
}

func TestWaitWebhooksEndsWithItsContextAndWithTheServer(t *testing.T) {
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		if _, err := client.Create(t.Context(), hooked); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if sent, err := srv.WaitWebhooks(ctx, 2); !errors.Is(err, context.DeadlineExceeded) || len(sent) != 1 {
			t.Errorf("the context ended: %+v, %v", sent, err)
		}
		time.AfterFunc(time.Second, srv.Close)
		for range 2 { // meanwhile, and afterwards
			if sent, err := srv.WaitWebhooks(t.Context(), 2); err == nil || !strings.HasPrefix(err.Error(), "sessionstest: closed") || len(sent) != 1 {
				t.Errorf("the server was closed: %+v, %v", sent, err)
			}
		}
		if sent, err := srv.WaitWebhooks(t.Context(), 1); err != nil || len(sent) != 1 {
			t.Errorf("those that ended before: %+v, %v", sent, err)
		}
	}, sessionstest.WithWebhooks(http.NotFoundHandler()))
}
