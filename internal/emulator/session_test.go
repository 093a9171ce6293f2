package emulator_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

// pass follows a new session: at each of the times after its creation it must
// be in that status, neither ready nor linked but when Ready.
func pass(t *testing.T, e *emulator.Emulator, fields string, statuses map[time.Duration]string) (last api.SessionGet) {
	t.Helper()
	start, id := time.Now(), create(t, e, fields)
	for _, at := range slices.Sorted(maps.Keys(statuses)) {
		time.Sleep(time.Until(start.Add(at)))
		last = get(t, e, id)
		if ready := statuses[at] == "Ready"; last.Status != statuses[at] || last.Ready != ready || last.Linked != ready {
			t.Errorf("after %v: %+v, want %s", at, last, statuses[at])
		}
	}
	return last
}

const ms = time.Millisecond

var sessionFacts = facts{
	"Initializing": func(t *testing.T) {
		within(t, emulator.Config{ReadyAfter: 10 * time.Second}, func(t *testing.T, e *emulator.Emulator) {
			pass(t, e, "", map[time.Duration]string{0: "Initializing", 999 * ms: "Initializing", 1000 * ms: "Seeking"})
		})
		config := emulator.Config{ReadyAfter: 10 * time.Second, InitializingFor: 7 * time.Second, SeekingFor: -1}
		within(t, config, func(t *testing.T, e *emulator.Emulator) {
			pass(t, e, "", map[time.Duration]string{6999 * ms: "Initializing", 7000 * ms: "Waiting", 9999 * ms: "Waiting", 10000 * ms: "Ready"})
		})
	},

	"Seeking": func(t *testing.T) {
		within(t, emulator.Config{ReadyAfter: 10 * time.Second}, func(t *testing.T, e *emulator.Emulator) {
			if s := pass(t, e, "", map[time.Duration]string{1000 * ms: "Seeking", 3999 * ms: "Seeking"}); s.Deployment != nil || len(e.Deployments()) != 0 {
				t.Errorf("a deployment before it was looked for: %+v", s)
			}
		})
		config := emulator.Config{ReadyAfter: 10 * time.Second, InitializingFor: -1, SeekingFor: 10 * time.Second}
		within(t, config, func(t *testing.T, e *emulator.Emulator) {
			pass(t, e, "", map[time.Duration]string{0: "Seeking", 9999 * ms: "Seeking", 10000 * ms: "Ready"})
		})
	},

	"Waiting": fact(emulator.Config{ReadyAfter: 10 * time.Second}, func(t *testing.T, e *emulator.Emulator) {
		if s := pass(t, e, "", map[time.Duration]string{4000 * ms: "Waiting", 9999 * ms: "Waiting"}); s.Deployment == nil || len(e.Deployments()) != 1 {
			t.Errorf("%+v", s)
		}
	}),

	"linked while Waiting": guess(emulator.Config{}, emulator.Unknown{LinkedWhileWaiting: true}, func(t *testing.T, e *emulator.Emulator) (linked [3]bool) {
		id := create(t, e, "") // Seeking, Waiting, Ready
		for i := range linked {
			time.Sleep(700 * ms)
			linked[i] = get(t, e, id).Linked
		}
		return linked
	}, [3]bool{false, false, true}, [3]bool{false, true, true}),

	"Ready": fact(emulator.Config{ReadyAfter: 10 * time.Second}, func(t *testing.T, e *emulator.Emulator) {
		s := pass(t, e, `"version_name": "1.4.0", "ip_list": ["203.0.113.7"], "webhook_url": "http://127.0.0.1:9/hook"`,
			map[time.Duration]string{10 * time.Second: "Ready", time.Hour: "Ready"})
		if s.Kind != "Seat" || s.UserCount != 1 || s.SessionUsers[0].IP != "203.0.113.7" || s.SessionIPs[0].IP != "203.0.113.7" || s.WebhookURL != "http://127.0.0.1:9/hook" {
			t.Errorf("session %+v", s)
		}
		d := s.Deployment
		if !d.Ready || d.Status != "Ready" || d.Sockets != 10 || d.SocketsUsage != 1 || !d.IsJoinableBySession || d.Location.City == "" ||
			!strings.HasPrefix(d.PublicIP, "203.0.113.") || d.FQDN == "" || len(d.Ports) != 1 {
			t.Errorf("deployment %+v", d)
		}
	}),

	"the time to Ready": func(t *testing.T) {
		within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
			pass(t, e, "", map[time.Duration]string{1999 * ms: "Waiting", 2000 * ms: "Ready"})
		})
		within(t, emulator.Config{ReadyAfter: -1}, func(t *testing.T, e *emulator.Emulator) {
			pass(t, e, "", map[time.Duration]string{0: "Ready"})
		})
		config := emulator.Config{ReadyAfter: 20 * time.Second, ReadyAfterMost: 30 * time.Second}
		within(t, config, func(t *testing.T, e *emulator.Emulator) {
			for range 20 {
				pass(t, e, "", map[time.Duration]string{19999 * ms: "Waiting", 30 * time.Second: "Ready"})
			}
		})
	},

	"Unprocessable": func(t *testing.T) {
		within(t, emulator.Config{Apps: []emulator.App{{NoAutodeploy: true}}}, func(t *testing.T, e *emulator.Emulator) {
			pass(t, e, "", map[time.Duration]string{799 * ms: "Seeking", 800 * ms: "Unprocessable"})
			if _, err := e.Deploy("arena", "", "casual"); err != nil {
				t.Fatal(err)
			}
			if s := settled(t, e, `"selectors": [{"tag": "ranked"}]`); s.Status != "Unprocessable" || s.Deployment != nil {
				t.Errorf("no deployment has the tag: %+v", s)
			}
		})
		within(t, emulator.Config{Apps: []emulator.App{{Sockets: 3}}}, func(t *testing.T, e *emulator.Emulator) {
			if s := settled(t, e, `"ip_list": `+ips(4)); s.Status != "Unprocessable" {
				t.Errorf("four users on three sockets: %+v", s)
			}
			if s := settled(t, e, `"filters": [{"field": "city", "values": ["Atlantis"], "filter_type": "any"}]`); s.Status != "Unprocessable" {
				t.Errorf("no place passes the filters: %+v", s)
			}
		})
	},

	"Error": fact(emulator.Config{Apps: []emulator.App{{FailsToStart: true}}}, func(t *testing.T, e *emulator.Emulator) {
		first := create(t, e, "")
		time.Sleep(500 * ms)
		second := create(t, e, "") // joins the deployment on its way
		time.Sleep(1499 * ms)
		if s, d := get(t, e, second), e.Deployments(); s.Status != "Waiting" || len(d) != 1 || d[0].Ready {
			t.Fatalf("%+v on %+v", s, d)
		}
		time.Sleep(ms)
		for _, id := range []string{first, second} {
			if s := get(t, e, id); s.Status != "Error" || s.Ready || s.Linked || s.Deployment != nil {
				t.Errorf("%+v", s)
			}
		}
		if d := e.Deployments(); len(d) != 0 {
			t.Errorf("deployments %+v", d)
		}
	}),

	"the text in error": guess(emulator.Config{Apps: []emulator.App{{Name: "broken", FailsToStart: true}, {NoAutodeploy: true}}}, emulator.Unknown{NoErrorText: true},
		func(t *testing.T, e *emulator.Emulator) [2]string {
			broken := call[api.SessionRequest](t, e, "POST", "/v1/session", `{"app_name": "broken"}`).SessionID
			return [2]string{settled(t, e, "").Error, get(t, e, broken).Error}
		}, [2]string{"no deployment fits, and autodeploy is off", "the deployment failed to start"}, [2]string{}),

	"the end is final": fact(emulator.Config{Apps: []emulator.App{{Name: "broken", FailsToStart: true}, {NoAutodeploy: true}}}, func(t *testing.T, e *emulator.Emulator) {
		ended := map[string]string{create(t, e, ""): "Unprocessable", call[api.SessionRequest](t, e, "POST", "/v1/session", `{"app_name": "broken"}`).SessionID: "Error"}
		time.Sleep(59 * time.Minute)
		for id, want := range ended {
			if s := get(t, e, id); s.Status != want {
				t.Errorf("%+v, want %s", s, want)
			}
			if err := e.SetStatus(id, "Ready"); err != nil {
				t.Fatal(err)
			}
			if s := get(t, e, id); !s.Ready || s.Error != "" || s.Deployment == nil {
				t.Errorf("after the control: %+v", s)
			}
		}
		time.Sleep(time.Hour) // after which an ended session would be gone
		for id := range ended {
			if s := get(t, e, id); !s.Ready {
				t.Errorf("an hour later: %+v", s)
			}
		}
	}),

	"Terminating": func(t *testing.T) {
		for setting, last := range map[time.Duration]time.Duration{0: time.Second, time.Minute: time.Minute, -1: 0} {
			within(t, emulator.Config{TerminatingFor: setting}, func(t *testing.T, e *emulator.Emulator) {
				id := settled(t, e, `"ip_list": ["203.0.113.7"]`).SessionID
				call[api.SessionDelete](t, e, "DELETE", "/v1/session/"+id, "")
				if d := e.Deployments(); d[0].SocketsUsed != 0 {
					t.Errorf("%v: %+v", setting, d)
				}
				if last > 0 {
					time.Sleep(last - ms)
					if s := get(t, e, id); s.Status != "Terminating" || s.Ready || s.Linked || s.Deployment != nil || s.UserCount != 1 {
						t.Errorf("%v: %+v", setting, s)
					}
					time.Sleep(ms)
				}
				if got, _ := status(t, e, "GET", "/v1/session/"+id, ""); got != 404 {
					t.Errorf("%v: a get after %v: %d", setting, last, got)
				}
			})
		}
	},

	"ready while Terminating": guess(emulator.Config{}, emulator.Unknown{ReadyWhileDeleted: true}, func(t *testing.T, e *emulator.Emulator) [2]bool {
		ready, pending := settled(t, e, "").SessionID, create(t, e, "")
		call[api.SessionDelete](t, e, "DELETE", "/v1/session/"+ready, "")
		call[api.SessionDelete](t, e, "DELETE", "/v1/session/"+pending, "")
		return [2]bool{get(t, e, ready).Ready, get(t, e, pending).Ready}
	}, [2]bool{}, [2]bool{true, false}),

	"linked while Terminating": guess(emulator.Config{}, emulator.Unknown{LinkedWhileDeleted: true}, func(t *testing.T, e *emulator.Emulator) bool {
		id := settled(t, e, "").SessionID
		call[api.SessionDelete](t, e, "DELETE", "/v1/session/"+id, "")
		return get(t, e, id).Linked
	}, false, true),

	"the status Linked": guess(emulator.Config{}, emulator.Unknown{LinkedStatus: true}, func(t *testing.T, e *emulator.Emulator) (seen [3]string) {
		id := create(t, e, "")
		for i := range seen {
			time.Sleep(700 * ms)
			s := get(t, e, id)
			seen[i] = fmt.Sprint(s.Status, " ", s.Linked)
			if item := call[api.Sessions](t, e, "GET", "/v1/sessions", "").Data[0]; item.Status != s.Status || item.Linked != s.Linked {
				t.Errorf("the list has %+v", item)
			}
		}
		return seen
	}, [3]string{"Seeking false", "Waiting false", "Ready true"}, [3]string{"Seeking false", "Linked true", "Ready true"}),

	"spelling": func(t *testing.T) {
		for kind, long := range map[string]string{"Seat": "SEATS", "Match": "MATCH"} {
			guess(emulator.Config{Apps: []emulator.App{{Kind: kind}}}, emulator.Unknown{LongNames: true}, func(t *testing.T, e *emulator.Emulator) [6]string {
				id := create(t, e, "")
				time.Sleep(time.Second)
				waiting := get(t, e, id)
				time.Sleep(time.Second)
				s, item := get(t, e, id), call[api.Sessions](t, e, "GET", "/v1/sessions", "").Data[0]
				return [6]string{waiting.Status, s.Status, s.Kind, s.Deployment.Status, item.Status, item.Kind}
			}, [6]string{"Waiting", "Ready", kind, "Ready", "Ready", kind},
				[6]string{"Status.WAITING", "Status.READY", long, "Status.READY", "Status.READY", long})(t)
		}
	},

	"the deployment of a pending session": guess(emulator.Config{}, emulator.Unknown{Nulls: true}, func(t *testing.T, e *emulator.Emulator) (seen []string) {
		id := create(t, e, "")
		for range 3 { // Seeking, Waiting, Ready
			time.Sleep(700 * ms)
			object := call[map[string]any](t, e, "GET", "/v1/session/"+id, "")
			d, _ := object["deployment"].(map[string]any)
			if seen = append(seen, presence(object, "deployment")); d != nil {
				seen = append(seen, presence(d, "ports"))
				if up := d["ready"].(bool); up != (d["public_ip"] != "") || up != (d["status"] == "Ready") || d["fqdn"] == "" {
					t.Errorf("%v", d)
				}
			}
		}
		return seen
	}, []string{"absent", "there", "absent", "there", "there"}, []string{"null", "there", "null", "there", "there"}),

	"optional fields": guess(emulator.Config{}, emulator.Unknown{Nulls: true}, func(t *testing.T, e *emulator.Emulator) (seen []string) {
		id := settled(t, e, `"ip_list": `+ips(1)).SessionID
		session := call[map[string]any](t, e, "GET", "/v1/session/"+id, "")
		deployment := session["deployment"].(map[string]any)
		page := call[map[string]any](t, e, "GET", "/v1/sessions", "")
		return []string{
			presence(session, "error"), presence(session, "webhook_url"), presence(session["session_users"].([]any)[0], "latitude"),
			presence(deployment, "tags"), presence(deployment["ports"].(map[string]any)["gameport"], "proxy"),
			presence(page["data"].([]any)[0], "webhook_url"), presence(page["pagination"], "next_page_number"),
		}
	}, []string{"absent", "absent", "absent", "absent", "absent", "absent", "null"}, []string{"null", "null", "null", "null", "null", "null", "null"}),
}

// presence is whether a field of a JSON object is there, null or absent.
func presence(object any, field string) string {
	value, there := object.(map[string]any)[field]
	switch {
	case !there:
		return "absent"
	case value == nil:
		return "null"
	}
	return "there"
}

var deleteFacts = facts{
	"delete": fact(emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		id := settled(t, e, `"ip_list": ["203.0.113.7"]`).SessionID
		answer := call[api.SessionDelete](t, e, "DELETE", "/v1/session/"+id, "")
		if answer.SessionID != id || answer.Message == "" {
			t.Errorf("answer %+v", answer)
		}
		time.Sleep(time.Hour)
		if d := e.Deployments(); len(d) != 1 || !d[0].Ready || d[0].SocketsUsed != 0 {
			t.Errorf("the deployment must run on without the session: %+v", d)
		}
	}),

	"delete twice": guess(emulator.Config{}, emulator.Unknown{DeletedSession: 409}, func(t *testing.T, e *emulator.Emulator) [2]int {
		path := "/v1/session/" + create(t, e, "")
		call[api.SessionDelete](t, e, "DELETE", path, "")
		time.Sleep(999 * ms)
		second, _ := status(t, e, "DELETE", path, "")
		time.Sleep(ms)
		third, _ := status(t, e, "DELETE", path, "")
		return [2]int{second, third}
	}, [2]int{410, 404}, [2]int{409, 409}),

	"a deleted session": guess(emulator.Config{}, emulator.Unknown{DeletedSession: 410}, func(t *testing.T, e *emulator.Emulator) [5]int {
		id := create(t, e, "")
		call[api.SessionDelete](t, e, "DELETE", "/v1/session/"+id, "")
		time.Sleep(time.Second)
		return everyCall(t, e, id)
	}, [5]int{404, 404, 404, 404, 404}, [5]int{410, 410, 410, 410, 410}),

	"a session that never was": guess(emulator.Config{}, emulator.Unknown{UnknownSession: 400}, func(t *testing.T, e *emulator.Emulator) [5]int {
		return everyCall(t, e, "000000000000-S")
	}, [5]int{404, 404, 404, 404, 404}, [5]int{400, 400, 400, 400, 400}),
}

// everyCall is what each call about one session is answered.
func everyCall(t *testing.T, e *emulator.Emulator, id string) (got [5]int) {
	t.Helper()
	for i, c := range [][3]string{{"GET", "", ""}, {"DELETE", "", ""}, {"GET", "/users", ""}, {"PUT", "/users", `{"ip_list": []}`}, {"DELETE", "/users", `{"ip_list": []}`}} {
		got[i], _ = status(t, e, c[0], "/v1/session/"+id+c[1], c[2])
	}
	return got
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

func TestSetStatusLinked(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		id := create(t, e, "")
		if err := e.SetStatus(id, "Linked"); err != nil || !get(t, e, id).Linked {
			t.Errorf("%v, %+v", err, get(t, e, id))
		}
	})
}

func TestAMisspeltStatusIsRefused(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		id := create(t, e, "")
		if err := e.SetStatus(id, "ready"); err == nil || err.Error() != "status must be spelt Ready" || get(t, e, id).Status == "ready" {
			t.Errorf("%v, %+v", err, get(t, e, id))
		}
	})
}
