package sessions_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

func deliver(h http.Handler) int {
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest("POST", "/?secret=s", strings.NewReader(`{"session_id":"`+testID+`"}`)))
	return answer.Code
}

func TestAWebhookEndsAReadThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var requests atomic.Int32
		c := newClient(t, &wire{meet: func(_ int, r *http.Request) (*http.Response, error) {
			if requests.Add(1) == 1 {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return response(200, sessionJSON), nil
		}})
		began := time.Now()
		go func() {
			time.Sleep(time.Second)
			if status := deliver(c.WebhookHandler("s", nil)); status != http.StatusNoContent {
				t.Errorf("the webhook is answered %d", status)
			}
		}()
		s, err := c.WaitReady(t.Context(), testID)
		if err != nil || !s.Ready || time.Since(began) != time.Second {
			t.Errorf("%+v, %v after %v", s, err, time.Since(began))
		}
	})
}

func TestAWebhookHandsOutCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		whole := strings.Replace(sessionJSON, `"elapsed":7`, `"session_users":[{"ip":"203.0.113.7"}],"deployment":{"ports":{"a":{"external":1}},"tags":["t"],"location":{"city":"Helsinki"}}`, 1)
		var settled atomic.Bool
		c := newClient(t, &wire{meet: func(int, *http.Request) (*http.Response, error) {
			if !settled.Load() {
				return response(200, strings.Replace(sessionJSON, `"ready":true`, `"ready":false`, 1)), nil
			}
			return response(200, whole), nil
		}})
		began := time.Now()
		done := make(chan *sessions.Session)
		for range 2 {
			go func() {
				s, err := c.WaitReady(t.Context(), testID, sessions.PollEvery(time.Minute, time.Minute))
				if err != nil {
					t.Error(err)
				}
				done <- s
			}()
		}
		synctest.Wait()
		settled.Store(true)
		deliver(c.WebhookHandler("s", func(_ context.Context, s *sessions.Session) error {
			s.Ready, s.SessionUsers[0].IP, s.Deployment.Tags[0], s.Deployment.Location.City = false, "", "", ""
			clear(s.Deployment.Ports)
			return nil
		}))
		a, b := <-done, <-done
		if waited := time.Since(began); waited != 0 {
			t.Errorf("woken after %v", waited)
		}
		if a == b {
			t.Error("two waiters share a session")
		}
		for _, s := range []*sessions.Session{a, b} {
			d := s.Deployment
			if !s.Ready || s.SessionUsers[0].IP == "" || d.Tags[0] == "" || d.Location.City == "" || len(d.Ports) != 1 {
				t.Errorf("the handler changed what a waiter got: %+v", s)
			}
		}
	})
}
