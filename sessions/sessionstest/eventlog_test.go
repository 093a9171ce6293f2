package sessionstest_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// TestChangesHappenInOrderAtTheirTime uses real time, in which the timer is late.
func TestChangesHappenInOrderAtTheirTime(t *testing.T) {
	e := newEmulator(t, sessionstest.Config{ReadyAfter: new(10 * time.Millisecond)})
	(&fake{e.Server, t}).create("")
	waitForEvent(t, e, "deployment")
	history := e.Sessions()[0].History
	for i, want := range []time.Duration{time.Millisecond, 3 * time.Millisecond, 6 * time.Millisecond} {
		equal(t, "time of "+string(history[i].Status), history[i+1].Time.Sub(history[i].Time), want)
	}
	synctest.Test(t, func(t *testing.T) {
		e := newEmulator(t, sessionstest.Config{})
		f := &fake{e.Server, t}
		want := f.createMany(20)
		time.Sleep(time.Hour)
		events, _, _, err := e.Events(0)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, event := range events {
			if event.Session != nil && event.Session.Ready {
				got = append(got, event.Session.SessionID)
			}
		}
		equal(t, "order of Ready", got, want)
	})
}

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEmulator(t, sessionstest.Config{WebhookHandler: &receiver{}})
		f := &fake{e.Server, t}
		_, _, more, err := e.Events(1)
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-more:
			t.Error("there is an event after the reset")
		default:
		}
		f.create(hooked)
		<-more
		time.Sleep(3 * time.Second)
		events, missing, _, err := e.Events(1)
		if err != nil || missing {
			t.Error(missing, err)
		}
		var got []string
		for i, e := range events {
			equal(t, "id", e.ID, i+2)
			got = append(got, line(e.Time.Format(".000"), e.Type))
			if text := e.String(); strings.Contains(text, "203.0.113.7") || strings.Contains(text, "secret=x") {
				t.Errorf("%q has an IP address or a webhook URL", text)
			}
		}
		equal(t, "events", strings.Join(got, ", "), ".000 session, .000 request, .200 session, .800 session, .800 webhook, .000 deployment, .000 session, .000 webhook")
		requestID := e.Deployments()[0].RequestID
		if err := e.EndDeployment(requestID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		events, _, _, _ = e.Events(events[len(events)-1].ID)
		got = nil
		for _, event := range events {
			got = append(got, event.Type)
		}
		equal(t, "events at the end of a deployment", got, "[session deployment_ended webhook]")
		for range 4000 {
			f.want(200, "GET", "/v1/sessions", "")
		}
		last := e.State(1).LastEvent
		if _, missing, _, _ := e.Events(1); !missing {
			t.Error("no event is missing after 4,000")
		}
		for _, id := range []int{-1, last + 1} {
			if _, _, _, err := e.Events(id); err == nil {
				t.Errorf("no error for event %d of %d", id, last)
			}
		}
		if events, missing, _, err := e.Events(last); len(events) > 0 || missing || err != nil {
			t.Errorf("events after the last: %v, %v, %v", events, missing, err)
		}
	})
}

// waitForEvent waits until there is an event of a type.
func waitForEvent(t *testing.T, e *sessionstest.Emulator, eventType string) {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		events, _, more, err := e.Events(0)
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range events {
			if event.Type == eventType {
				return
			}
		}
		select {
		case <-more:
		case <-timeout:
			t.Fatalf("no event %s:\n%s", eventType, e)
		}
	}
}

func TestTotals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEmulator(t, sessionstest.Config{WebhookHandler: &receiver{}})
		request := arenaRequest
		request.WebhookURL = "https://match.example/hook"
		for range 3 {
			created, err := e.Client().Create(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // Waiting
			if err := e.Client().Delete(t.Context(), created.SessionID); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := e.Client().Create(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		equal(t, "totals", e.Totals(), "{map[Initializing:1 Seeking:0 Terminating:1 Waiting:0] 1 7 3}")
	})
}
