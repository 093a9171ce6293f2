package emulator_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

func TestASessionPassesThroughItsStatuses(t *testing.T) {
	within(t, emulator.Config{ReadyAfter: 10 * time.Second}, func(t *testing.T, e *emulator.Emulator) {
		start := time.Now()
		id := create(t, e, `"version_name": "1.4.0", "ip_list": ["203.0.113.7"], "webhook_url": "https://example.invalid/hook"`)
		for _, at := range []struct {
			after         time.Duration
			status        string
			ready, placed bool
		}{
			{0, "Initializing", false, false},
			{999 * time.Millisecond, "Initializing", false, false},
			{time.Second, "Seeking", false, false},
			{3999 * time.Millisecond, "Seeking", false, false},
			{4 * time.Second, "Waiting", false, true},
			{9999 * time.Millisecond, "Waiting", false, true},
			{10 * time.Second, "Ready", true, true},
			{time.Hour, "Ready", true, true},
		} {
			time.Sleep(time.Until(start.Add(at.after)))
			s := get(t, e, id)
			if s.Status != at.status || s.Ready != at.ready || s.Linked != at.ready || (s.Deployment != nil) != at.placed {
				t.Errorf("after %v: %+v", at.after, s)
			}
			if s.Elapsed != int64(at.after/time.Second) {
				t.Errorf("after %v: elapsed %d", at.after, s.Elapsed)
			}
			if d := s.Deployment; d != nil && (d.Ready != at.ready || (d.PublicIP != "") != at.ready || (len(d.Ports) == 1) != at.ready) {
				t.Errorf("after %v: deployment %+v", at.after, d)
			}
		}
		s := get(t, e, id)
		if s.Kind != "Seat" || s.UserCount != 1 || s.SessionUsers[0].IP != "203.0.113.7" || s.SessionIPs[0].IP != "203.0.113.7" || s.WebhookURL == "" || s.AppVersion == 0 {
			t.Errorf("session %+v", s)
		}
		if want := start.UTC().Format("2006-01-02 15:04:05.000000"); s.CreateTime != want {
			t.Errorf("create_time %q, want %q", s.CreateTime, want)
		}
		d := s.Deployment
		port := d.Ports["gameport"]
		if port.Name != "gameport" || port.Internal != 7777 || port.Protocol != "UDP" || port.Link != fmt.Sprintf("%s:%d", d.FQDN, port.External) {
			t.Errorf("port %+v", port)
		}
		if d.Sockets != 10 || d.SocketsUsage != 1 || !d.IsJoinableBySession || d.Location.City == "" || !strings.HasPrefix(d.PublicIP, "203.0.113.") {
			t.Errorf("deployment %+v", d)
		}
	})
}

// What is due happens at its time and in its order, though nobody looks: of two
// sessions that want the last socket the first to seek has it.
func TestTimePassesUnseen(t *testing.T) {
	config := emulator.Config{Apps: []emulator.App{{NoAutodeploy: true, Sockets: 1}}}
	within(t, config, func(t *testing.T, e *emulator.Emulator) {
		if _, err := e.Deploy("arena", ""); err != nil {
			t.Fatal(err)
		}
		first := create(t, e, `"ip_list": ["203.0.113.1"]`)
		time.Sleep(100 * time.Millisecond)
		second := create(t, e, `"ip_list": ["203.0.113.2"]`)
		time.Sleep(time.Hour)
		if s := get(t, e, second); s.Status != "Unprocessable" || s.Error == "" || s.Linked || s.Deployment != nil {
			t.Errorf("second: %+v", s)
		}
		if s := get(t, e, first); s.Status != "Ready" {
			t.Errorf("first: %+v", s)
		}
	})
}

func TestReadyAtOnce(t *testing.T) {
	within(t, emulator.Config{ReadyAfter: -1}, func(t *testing.T, e *emulator.Emulator) {
		if s := get(t, e, create(t, e, "")); !s.Ready {
			t.Errorf("%+v", s)
		}
	})
}

func TestReadyAfterATimeThatIsDrawn(t *testing.T) {
	draw := func(seed uint64) (times []time.Duration) {
		config := emulator.Config{Seed: seed, ReadyAfter: 2 * time.Second, ReadyAfterMost: 20 * time.Second}
		within(t, config, func(t *testing.T, e *emulator.Emulator) {
			for range 20 {
				id, start := create(t, e, ""), time.Now()
				for range 201 { // in steps of 100 ms
					if get(t, e, id).Ready {
						break
					}
					time.Sleep(100 * time.Millisecond)
				}
				times = append(times, time.Since(start))
			}
		})
		return times
	}
	first := draw(1)
	distinct := map[time.Duration]bool{}
	for _, d := range first {
		if d < 2*time.Second || d > 20*time.Second+100*time.Millisecond {
			t.Errorf("ready after %v", d)
		}
		distinct[d] = true
	}
	if len(distinct) < 15 {
		t.Errorf("times hardly differ: %v", first)
	}
	if again := draw(1); fmt.Sprint(again) != fmt.Sprint(first) {
		t.Errorf("the same seed drew %v and %v", first, again)
	}
}

func TestADeploymentThatFailsToStart(t *testing.T) {
	within(t, emulator.Config{Apps: []emulator.App{{FailsToStart: true}}}, func(t *testing.T, e *emulator.Emulator) {
		s := settled(t, e, "")
		if s.Status != "Error" || s.Ready || s.Linked || s.Error == "" || s.Deployment != nil {
			t.Errorf("%+v", s)
		}
		if d := e.Deployments(); len(d) != 0 {
			t.Errorf("deployments %+v", d)
		}
	})
}

func TestSetStatus(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		for _, c := range []struct {
			status        string
			ready, placed bool
		}{
			{"Initializing", false, false},
			{"Seeking", false, false},
			{"Waiting", false, true},
			{"Ready", true, true},
			{"Error", false, false},
			{"Unprocessable", false, false},
			{"Linked", false, false}, // not a status of the API
		} {
			id := create(t, e, `"ip_list": ["203.0.113.7"]`)
			if err := e.SetStatus(id, c.status); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute) // what was planned must not happen any more
			s := get(t, e, id)
			if s.Status != c.status || s.Ready != c.ready || (s.Deployment != nil) != c.placed {
				t.Errorf("%s: %+v", c.status, s)
			}
		}
		id := create(t, e, `"ip_list": ["203.0.113.7"]`)
		time.Sleep(2 * time.Second)
		used := func() (n int) {
			for _, d := range e.Deployments() {
				n += d.SocketsUsed
			}
			return n
		}
		before := used()
		if err := e.SetStatus(id, "Error"); err != nil || used() != before-1 {
			t.Errorf("sockets %d, then %d: %v", before, used(), err)
		}
		if err := e.SetStatus(id, "Terminating"); err != nil {
			t.Error(err)
		}
		if err := e.SetStatus(id, "Ready"); err == nil {
			t.Error("a deleted session was made Ready")
		}
		if err := e.SetStatus("000000000000-S", "Ready"); err == nil {
			t.Error("a session that never was was made Ready")
		}
	})
}

func TestDelete(t *testing.T) {
	within(t, emulator.Config{TerminatingFor: 3 * time.Second}, func(t *testing.T, e *emulator.Emulator) {
		s := settled(t, e, `"ip_list": ["203.0.113.7"]`)
		path := "/v1/session/" + s.SessionID
		answer := call[api.SessionDelete](t, e, "DELETE", path, "")
		if answer.SessionID != s.SessionID || answer.Message == "" {
			t.Errorf("answer %+v", answer)
		}
		if d := e.Deployments(); len(d) != 1 || !d[0].Ready || d[0].SocketsUsed != 0 {
			t.Errorf("the deployment must run on without the session: %+v", d)
		}
		if s := get(t, e, s.SessionID); s.Status != "Terminating" || s.Ready || s.Linked {
			t.Errorf("after the delete: %+v", s)
		}
		if list := call[api.Sessions](t, e, "GET", "/v1/sessions", ""); list.TotalCount != 0 {
			t.Errorf("list %+v", list)
		}
		if got, _ := status(t, e, "DELETE", path, ""); got != 410 {
			t.Errorf("a second delete while it is Terminating: %d", got)
		}
		if got, _ := status(t, e, "PUT", path+"/users", `{"ip_list": ["203.0.113.8"]}`); got != 422 {
			t.Errorf("users added while it is Terminating: %d", got)
		}
		time.Sleep(3 * time.Second)
		for _, method := range []string{"GET", "DELETE"} {
			if got, _ := status(t, e, method, path, ""); got != 404 {
				t.Errorf("%s when it is gone: %d", method, got)
			}
		}
	})
}

func TestCreateAnswersWhatWasAsked(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		created := call[api.SessionRequest](t, e, "POST", "/v1/session", `{"app_name": "arena", "version_name": "1.4.0",
			"selectors": [{"tag": "ranked", "env": {"key": "MODE", "value": "duel"}}], "webhook_url": "https://example.invalid/hook"}`)
		if created.App != "arena" || created.Version != "1.4.0" || created.WebhookURL != "https://example.invalid/hook" ||
			len(created.Selectors) != 1 || created.Selectors[0].Env.Value != "duel" {
			t.Errorf("%+v", created)
		}
	})
}

func TestCreateRefuses(t *testing.T) {
	config := emulator.Config{Apps: []emulator.App{
		{Name: "arena", Version: "1.0"}, {Name: "arena", Version: "0.9", Disabled: true}, {Name: "tool", Kind: "Default"},
	}}
	within(t, config, func(t *testing.T, e *emulator.Emulator) {
		for _, c := range []struct{ body, field string }{
			{`{}`, "app_name"},
			{`{"app_name": "chess"}`, "app_name"},
			{`{"app_name": "arena", "version_name": "2.0"}`, "app_name"},
			{`{"app_name": "arena", "version_name": "0.9"}`, "version_name"},
			{`{"app_name": "tool"}`, "version_name"},
			{`{"app_name": 3}`, "app_name"},
			{`{"app_name": "arena", "webhook_url": "ftp://example.invalid/"}`, "webhook_url"},
			{`{"app_name": "arena", "webhook_url": "::"}`, "webhook_url"},
			{`{"app_name": "arena", "ip_list": ["203.0.113.1", "secret.example"]}`, "ip_list[1]"},
			{`{"app_name": "arena", "ip_list": ["fe80::1%eth0"]}`, "ip_list[0]"},
			{`{"app_name": "arena", "geo_ip_list": [{"ip": "localhost", "latitude": 1, "longitude": 0}]}`, "geo_ip_list[0].ip"},
			{`{"app_name": "arena", "geo_ip_list": [{"ip": "203.0.113.1", "latitude": 91, "longitude": 0}]}`, "geo_ip_list[0]"},
			{`{"app_name": "arena", "location": {"latitude": 0, "longitude": 181}}`, "location"},
			{`{"app_name": "arena", "selectors": [{"tag": ""}]}`, "selectors[0].tag"},
			{`{"app_name": "arena", "selectors": [{"tag": "` + strings.Repeat("é", 21) + `"}]}`, "selectors[0].tag"},
			{`{"app_name": "arena", "selectors": [{"tag": "a", "env": {"key": "K", "value": ""}}]}`, "selectors[0].env"},
			{`{"app_name": "arena", "filters": [{"field": "city", "values": ["Tokyo"], "filter_type": "some"}]}`, "filters[0]"},
			{`{"app_name": "arena", "filters": [{"field": "city", "values": [], "filter_type": "any"}]}`, "filters[0]"},
		} {
			got, message := status(t, e, "POST", "/v1/session", c.body)
			if got != 400 || !strings.HasPrefix(message, c.field+":") {
				t.Errorf("%s: %d %q, want a 400 that names %s", c.body, got, message, c.field)
			}
			if strings.Contains(message, "secret") {
				t.Errorf("the message holds the value: %q", message)
			}
		}
		if n := len(e.Sessions()); n != 0 {
			t.Errorf("%d sessions were created", n)
		}
		if created := call[api.SessionRequest](t, e, "POST", "/v1/session", `{"app_name": "arena"}`); created.Version != "1.0" {
			t.Errorf("without version_name: %+v", created)
		}
	})
}
