package emulator_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

var deploymentFacts = facts{
	"Seat": fact(emulator.Config{Apps: []emulator.App{{Sockets: 3}}}, func(t *testing.T, e *emulator.Emulator) {
		first := settled(t, e, `"ip_list": `+ips(2))
		if d := first.Deployment; first.Kind != "Seat" || d.Sockets != 3 || d.SocketsUsage != 2 || !d.IsJoinableBySession {
			t.Errorf("%+v", d)
		}
		second := settled(t, e, `"ip_list": `+ips(2)) // one is free
		if second.Deployment.RequestID == first.Deployment.RequestID {
			t.Error("two sessions of two share three sockets")
		}
		third := settled(t, e, `"ip_list": `+ips(1))
		if d := third.Deployment; d.RequestID != first.Deployment.RequestID || d.SocketsUsage != 3 || d.IsJoinableBySession {
			t.Errorf("the last free socket was not used: %+v", d)
		}
		path := "/v1/session/" + second.SessionID + "/users"
		call[api.SessionUserContext](t, e, "PUT", path, `{"ip_list": ["192.0.2.1"]}`)
		if d := get(t, e, second.SessionID).Deployment; d.SocketsUsage != 3 {
			t.Errorf("with one more: %+v", d)
		}
		call[api.SessionUserContext](t, e, "DELETE", path, `{"ip_list": `+ips(2)+`}`)
		if d := get(t, e, second.SessionID).Deployment; d.SocketsUsage != 1 {
			t.Errorf("with two less: %+v", d)
		}
	}),

	"Match": fact(emulator.Config{Apps: []emulator.App{{Kind: "Match", Sockets: 2}}}, func(t *testing.T, e *emulator.Emulator) {
		first := settled(t, e, `"ip_list": `+ips(5))
		second := settled(t, e, "")
		third := settled(t, e, `"ip_list": `+ips(1))
		if first.Kind != "Match" || first.Deployment.RequestID != second.Deployment.RequestID || second.Deployment.SocketsUsage != 2 {
			t.Errorf("two sessions: %+v, %+v", first.Deployment, second.Deployment)
		}
		if third.Deployment.RequestID == first.Deployment.RequestID {
			t.Error("a third session on two sockets")
		}
		call[api.SessionUserContext](t, e, "PUT", "/v1/session/"+third.SessionID+"/users", `{"ip_list": `+ips(9)+`}`)
		if d := get(t, e, third.SessionID).Deployment; d.SocketsUsage != 1 {
			t.Errorf("%+v", d)
		}
	}),

	"autodeploy": func(t *testing.T) {
		within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
			s := settled(t, e, `"selectors": [{"tag": "ranked"}, {"tag": "friday", "tag_only": true}]`)
			if s.Status != "Ready" || !slices.Equal(s.Deployment.Tags, []string{"ranked", "friday"}) {
				t.Errorf("%+v", s)
			}
		})
		config := emulator.Config{Apps: []emulator.App{{Name: "arena", NoAutodeploy: true}, {Name: "chess"}}}
		within(t, config, func(t *testing.T, e *emulator.Emulator) {
			if s := settled(t, e, ""); s.Status != "Unprocessable" || s.Linked || s.Error == "" {
				t.Errorf("with no deployment: %+v", s)
			}
			if _, err := e.Deploy("chess", ""); err != nil {
				t.Fatal(err)
			}
			if s := settled(t, e, ""); s.Status != "Unprocessable" {
				t.Errorf("on another app's deployment: %+v", s)
			}
			id, err := e.Deploy("arena", "", "ranked")
			if err != nil {
				t.Fatal(err)
			}
			if s := settled(t, e, `"selectors": [{"tag": "ranked"}]`); s.Status != "Ready" || s.Deployment.RequestID != id {
				t.Errorf("on a running deployment: %+v", s)
			}
			if s := settled(t, e, `"version_name": "2.0"`); s.Status != "Unprocessable" {
				t.Errorf("on another version's deployment: %+v", s)
			}
		})
	},

	"tags": fact(emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		plain := settled(t, e, "")
		both := settled(t, e, `"selectors": [{"tag": "ranked"}, {"tag": "eu"}]`)
		if both.Deployment.RequestID == plain.Deployment.RequestID {
			t.Fatalf("a deployment without the tags: %+v", both.Deployment)
		}
		for _, tags := range []string{`{"tag": "eu"}`, `{"tag": "ranked"}`, `{"tag": "eu"}, {"tag": "ranked"}`} {
			if s := settled(t, e, `"selectors": [`+tags+`]`); s.Deployment.RequestID != both.Deployment.RequestID {
				t.Errorf("%s: a deployment with these tags was passed over", tags)
			}
		}
		for _, tags := range []string{`{"tag": "eu"}, {"tag": "casual"}`, `{"tag": "friday"}, {"tag": "eu"}`} {
			if s := settled(t, e, `"selectors": [`+tags+`]`); s.Deployment.RequestID == both.Deployment.RequestID {
				t.Errorf("%s: one of two tags was enough", tags)
			}
		}
		before := len(e.Deployments())
		if settled(t, e, `"selectors": [{"tag": "casual"}, {"tag": "friday"}]`); len(e.Deployments()) != before+1 {
			t.Error("of two tags one each was enough")
		}
	}),

	"tag_only": fact(emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		plain := settled(t, e, "")
		marked := settled(t, e, `"selectors": [{"tag": "friday", "tag_only": true}]`)
		if d := marked.Deployment; d.RequestID != plain.Deployment.RequestID || !slices.Equal(d.Tags, []string{"friday"}) {
			t.Errorf("%+v", d)
		}
		if s := settled(t, e, `"selectors": [{"tag": "friday"}]`); s.Deployment.RequestID != plain.Deployment.RequestID {
			t.Errorf("the mark is no tag: %+v", s.Deployment)
		}
	}),

	"env": fact(emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		settled(t, e, `"selectors": [{"tag": "eu", "env": {"key": "MODE", "value": "duel"}}]`)
		settled(t, e, `"selectors": [{"tag": "eu", "env": {"key": "MODE", "value": "other"}}]`)
		if d := e.Deployments(); len(d) != 1 || d[0].Env["MODE"] != "duel" {
			t.Errorf("%+v", d)
		}
		if got := createAnswer(t, e, `{"app_name": "arena", "selectors": [{"tag": "eu", "env": [{"key": "MODE", "value": "duel"}]}]}`); got != 400 {
			t.Errorf("a list: %d", got)
		}
	}),

	"a deployment asked for": fact(emulator.Config{Apps: []emulator.App{{Sockets: 1}}}, func(t *testing.T, e *emulator.Emulator) {
		deploy(t, e)
		second := deploy(t, e)
		s := settled(t, e, `"ip_list": ["203.0.113.1"], "deployment_request_id": "`+second+`"`)
		if s.Status != "Ready" || s.Deployment.RequestID != second {
			t.Errorf("%+v", s)
		}
	}),

	"a deployment without room asked for": func(t *testing.T) {
		ask := func(t *testing.T, e *emulator.Emulator) (got [3]string) {
			full, closed := deploy(t, e), deploy(t, e)
			settled(t, e, `"ip_list": ["203.0.113.1"], "deployment_request_id": "`+full+`"`)
			if err := e.SetJoinable(closed, false); err != nil {
				t.Fatal(err)
			}
			for i, id := range []string{full, closed, "000000000000"} {
				code, text := answer(t, e, "POST", "/v1/session", `{"app_name": "arena", "ip_list": ["203.0.113.2"], "deployment_request_id": "`+id+`"}`)
				var created api.SessionRequest
				if json.Unmarshal(text, &created); code == 200 {
					time.Sleep(2 * time.Second)
					got[i] = get(t, e, created.SessionID).Status
				} else {
					got[i] = fmt.Sprint(code)
				}
			}
			return got
		}
		guess(emulator.Config{Apps: []emulator.App{{Sockets: 1}}}, emulator.Unknown{FullDeployment: 400}, ask,
			[3]string{"Unprocessable", "Unprocessable", "Unprocessable"}, [3]string{"400", "400", "400"})(t)
	},

	"where a deployment is": func(t *testing.T) {
		for name, c := range map[string]struct{ fields, city string }{
			"nothing asked":      {``, "Montréal"},
			"near a location":    {`"location": {"latitude": 48.85, "longitude": 2.35}`, "Frankfurt am Main"},
			"across the pacific": {`"location": {"latitude": 41.9, "longitude": -179}`, "Tokyo"},
			"between players":    {`"geo_ip_list": [{"ip": "203.0.113.1", "latitude": -30, "longitude": 145}, {"ip": "203.0.113.2", "latitude": -40, "longitude": 160}]`, "Sydney"},
			"a country":          {`"country": "Japan"`, "Tokyo"},
			"a continent":        {`"continent": "North America", "location": {"latitude": 37, "longitude": -122}`, "Chicago"},
			"a region":           {`"region": "SA East"`, "São Paulo"},
			"a division":         {`"administrative_division": "Hesse"`, "Frankfurt am Main"},
			"no such city":       {`"city": "Atlantis"`, "Montréal"},
		} {
			within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
				if s := settled(t, e, c.fields); s.Deployment == nil || s.Deployment.Location.City != c.city {
					t.Errorf("%s: %+v, want %s", name, s.Deployment, c.city)
				}
			})
		}
		within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
			settled(t, e, `"selectors": [{"tag": "far"}]`)
			near := settled(t, e, `"location": {"latitude": 50, "longitude": 8}, "selectors": [{"tag": "near"}]`)
			if s := settled(t, e, `"location": {"latitude": 52, "longitude": 13}`); s.Deployment.RequestID != near.Deployment.RequestID {
				t.Errorf("a far deployment is taken before a near one: %+v", s.Deployment)
			}
		})
		within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
			oldest := settled(t, e, `"country": "Japan"`)
			settled(t, e, `"selectors": [{"tag": "later"}]`)
			if s := settled(t, e, ""); s.Deployment.RequestID != oldest.Deployment.RequestID {
				t.Errorf("of equally near ones not the oldest is taken: %+v", s.Deployment)
			}
		})
	},

	"fields of a location filter": func(t *testing.T) {
		for filters, city := range map[string]string{
			`{"field": "city", "values": ["Sydney", "Atlantis"], "filter_type": "any"}`:                                                                        "Sydney",
			`{"field": "country", "values": ["Japan"], "filter_type": "any"}`:                                                                                  "Tokyo",
			`{"field": "continent", "values": ["North America", "Europe", "Asia"], "filter_type": "not"}`:                                                      "São Paulo",
			`{"field": "region", "values": ["EU Central"], "filter_type": "all"}`:                                                                              "Frankfurt am Main",
			`{"field": "administrative_division", "values": ["Illinois"], "filter_type": "any"}`:                                                               "Chicago",
			`{"field": "location_tags", "values": ["core", "edge"], "filter_type": "all"}`:                                                                     "Chicago",
			`{"field": "weather", "values": ["fair"], "filter_type": "not"}`:                                                                                   "Montréal",
			`{"field": "weather", "values": ["fair"], "filter_type": "any"}`:                                                                                   "",
			`{"field": "administrative_division", "values": ["Mordor"], "filter_type": "any"}`:                                                                 "",
			`{"field": "country", "values": ["Canada"], "filter_type": "not"}, {"field": "region", "values": ["NA East", "EU Central"], "filter_type": "any"}`: "Frankfurt am Main",
		} {
			within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
				settled(t, e, "") // a running deployment, which most of them rule out
				s := settled(t, e, `"filters": [`+filters+`]`)
				if city == "" && s.Status != "Unprocessable" || city != "" && (s.Deployment == nil || s.Deployment.Location.City != city) {
					t.Errorf("%s: %+v, want %s", filters, s, city)
				}
			})
		}
	},

	"ports": func(t *testing.T) {
		ports := map[string]api.PortMapping{
			"7777": {Name: "game", Internal: 7777, Protocol: "UDP"},
			"web":  {Internal: 443, Protocol: "TCP", TLSUpgrade: true},
		}
		within(t, emulator.Config{Apps: []emulator.App{{Name: "arena", Ports: ports}, {}}}, func(t *testing.T, e *emulator.Emulator) {
			d := settled(t, e, "").Deployment
			got := d.Ports
			if len(got) != 2 || got["7777"].Name != "game" || got["web"].Name != "web" || !got["web"].TLSUpgrade || got["7777"].External == got["web"].External {
				t.Errorf("%+v", got)
			}
			for key, port := range got {
				if port.External < 1024 || port.Link != fmt.Sprintf("%s:%d", d.FQDN, port.External) {
					t.Errorf("%s: %+v", key, port)
				}
			}
			id := call[api.SessionRequest](t, e, "POST", "/v1/session", `{"app_name": "chess"}`).SessionID
			time.Sleep(2 * time.Second)
			if port := get(t, e, id).Deployment.Ports["gameport"]; port.Name != "gameport" || port.Internal != 7777 || port.Protocol != "UDP" {
				t.Errorf("by default %+v", port)
			}
		})
	},

	"empty_ttl": func(t *testing.T) {
		within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
			call[api.SessionDelete](t, e, "DELETE", "/v1/session/"+settled(t, e, "").SessionID, "")
			time.Sleep(1000 * time.Hour)
			if len(e.Deployments()) != 1 {
				t.Error("by default an empty deployment ended")
			}
		})
		within(t, emulator.Config{Apps: []emulator.App{{EmptyTTL: time.Minute}}}, func(t *testing.T, e *emulator.Emulator) {
			runs := func(after time.Duration, want bool) {
				t.Helper()
				if time.Sleep(after); (len(e.Deployments()) == 1) != want {
					t.Errorf("deployments %+v", e.Deployments())
				}
			}
			first := settled(t, e, "").SessionID
			runs(time.Hour, true) // it has a session
			call[api.SessionDelete](t, e, "DELETE", "/v1/session/"+first, "")
			runs(59*time.Second, true)
			second := create(t, e, "") // is linked in 0.8 s, in time
			runs(199*ms, true)
			runs(time.Hour, true)
			call[api.SessionDelete](t, e, "DELETE", "/v1/session/"+second, "")
			runs(time.Minute-ms, true) // the minute begins anew
			runs(ms, false)

			deploy(t, e) // never has a session
			runs(time.Minute-ms, true)
			runs(ms, false)

			settled(t, e, "") // must not be put on one that ended
			runs(0, true)
		})
	},

	"session_max_duration": func(t *testing.T) {
		for setting, want := range map[time.Duration]time.Duration{0: time.Hour, 3 * time.Hour: 3 * time.Hour} {
			guess(emulator.Config{Apps: []emulator.App{{SessionMaxDuration: setting}}}, emulator.Unknown{EndedStatus: "Terminating", DeletedSession: 410},
				func(t *testing.T, e *emulator.Emulator) (got [2]int) {
					s := settled(t, e, "")
					end(t, e, s.Deployment.RequestID)
					time.Sleep(want - ms)
					got[0], _ = status(t, e, "GET", "/v1/session/"+s.SessionID, "")
					time.Sleep(ms)
					got[1], _ = status(t, e, "GET", "/v1/session/"+s.SessionID, "")
					return got
				}, [2]int{200, 404}, [2]int{200, 410})(t)
		}
	},

	"the end of a deployment": func(t *testing.T) {
		for status, want := range map[string]string{
			"Unprocessable": "Unprocessable the deployment ended, Unprocessable the deployment ended, 0 deployments, listed 2",
			"Terminating":   "Terminating , Terminating , 0 deployments, listed 0",
		} {
			guess(emulator.Config{}, emulator.Unknown{EndedStatus: status}, func(t *testing.T, e *emulator.Emulator) (got string) {
				s := settled(t, e, "")
				pending := create(t, e, "")
				time.Sleep(time.Second)
				end(t, e, s.Deployment.RequestID)
				for _, id := range []string{s.SessionID, pending} {
					ended := get(t, e, id)
					if ended.Ready || ended.Linked || ended.Deployment != nil {
						t.Errorf("%+v", ended)
					}
					got += ended.Status + " " + ended.Error + ", "
				}
				return fmt.Sprint(got, len(e.Deployments()), " deployments, listed ", call[api.Sessions](t, e, "GET", "/v1/sessions", "").TotalCount)
			}, "Error the deployment ended, Error the deployment ended, 0 deployments, listed 2", want)(t)
		}
	},
}

// deploy has a deployment of arena running.
func deploy(t *testing.T, e *emulator.Emulator, tags ...string) string {
	t.Helper()
	id, err := e.Deploy("arena", "", tags...)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// end ends a deployment.
func end(t *testing.T, e *emulator.Emulator, id string) {
	t.Helper()
	if err := e.EndDeployment(id); err != nil {
		t.Fatal(err)
	}
}

func TestADeploymentIsUpWhenItsFirstSessionIs(t *testing.T) {
	within(t, emulator.Config{ReadyAfter: 10 * time.Second}, func(t *testing.T, e *emulator.Emulator) {
		create(t, e, "")
		time.Sleep(5 * time.Second)
		later := create(t, e, "")
		time.Sleep(5 * time.Second)
		if s := get(t, e, later); s.Status != "Waiting" || !s.Deployment.Ready || len(e.Deployments()) != 1 {
			t.Errorf("%+v on %+v", s, s.Deployment)
		}
	})
	within(t, emulator.Config{ReadyAfter: 10 * time.Second}, func(t *testing.T, e *emulator.Emulator) {
		create(t, e, "")
		time.Sleep(5 * time.Second)
		if err := e.Configure(emulator.Config{}); err != nil {
			t.Fatal(err)
		}
		if s := settled(t, e, ""); s.Status != "Ready" || !s.Deployment.Ready || len(e.Deployments()) != 1 {
			t.Errorf("a later session that is Ready before the first: %+v on %+v", s, s.Deployment)
		}
	})
}

// A deployment comes up though the session that it was started for is deleted
// before, and ends then if nobody wants it.
func TestADeploymentWhoseFirstSessionIsDeleted(t *testing.T) {
	within(t, emulator.Config{Apps: []emulator.App{{EmptyTTL: 500 * ms}}}, func(t *testing.T, e *emulator.Emulator) {
		first := create(t, e, "")
		time.Sleep(time.Second) // Waiting
		call[api.SessionDelete](t, e, "DELETE", "/v1/session/"+first, "")
		if d := e.Deployments(); len(d) != 1 || d[0].Ready {
			t.Fatalf("%+v", d)
		}
		time.Sleep(time.Second)
		if d := e.Deployments(); len(d) != 1 || !d[0].Ready {
			t.Fatalf("%+v", d)
		}
		time.Sleep(499 * ms)
		if d := e.Deployments(); len(d) != 1 {
			t.Errorf("it ended early: %+v", d)
		}
		time.Sleep(ms)
		if d := e.Deployments(); len(d) != 0 {
			t.Errorf("it runs on: %+v", d)
		}
	})
}

// The sockets of a session are given back once: by the end of its deployment,
// not again when the session is deleted or forgotten.
func TestAnEndedDeploymentFreesNothingTwice(t *testing.T) {
	for _, status := range []string{"Error", "Unprocessable", "Terminating"} {
		config := emulator.Config{Apps: []emulator.App{{Sockets: 4}}, Unknown: emulator.Unknown{EndedStatus: status}}
		within(t, config, func(t *testing.T, e *emulator.Emulator) {
			first := settled(t, e, `"ip_list": `+ips(3))
			second := settled(t, e, `"ip_list": `+ips(3))
			end(t, e, first.Deployment.RequestID)
			if status != "Terminating" {
				call[api.SessionDelete](t, e, "DELETE", "/v1/session/"+first.SessionID, "")
			}
			time.Sleep(2 * time.Hour)
			if d := e.Deployments(); len(d) != 1 || d[0].RequestID != second.Deployment.RequestID || d[0].SocketsUsed != 3 {
				t.Errorf("%s: %+v", status, d)
			}
			if s := settled(t, e, `"ip_list": `+ips(3)); s.Deployment.SocketsUsage != 3 || len(e.Deployments()) != 2 {
				t.Errorf("%s: %+v", status, s.Deployment)
			}
			if e.EndDeployment(first.Deployment.RequestID) == nil || e.SetJoinable(first.Deployment.RequestID, true) == nil {
				t.Errorf("%s: a deployment that ended is there", status)
			}
		})
	}
}

// A deployment that takes nobody is passed over until it takes somebody again.
func TestSetJoinable(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		first := settled(t, e, "")
		set := func(joinable bool) api.SessionGet {
			t.Helper()
			if err := e.SetJoinable(first.Deployment.RequestID, joinable); err != nil {
				t.Fatal(err)
			}
			if d := get(t, e, first.SessionID).Deployment; d.IsJoinableBySession != joinable || e.Deployments()[0].Joinable != joinable {
				t.Errorf("joinable %t: %+v", joinable, d)
			}
			return settled(t, e, "")
		}
		if s := set(false); s.Deployment.RequestID == first.Deployment.RequestID {
			t.Errorf("%+v", s)
		}
		if s := set(true); s.Deployment.RequestID != first.Deployment.RequestID {
			t.Errorf("%+v", s)
		}
	})
}

func TestDeployRefuses(t *testing.T) {
	within(t, emulator.Config{Apps: []emulator.App{{Name: "arena"}}}, func(t *testing.T, e *emulator.Emulator) {
		for _, app := range []string{"", "go"} {
			if _, err := e.Deploy(app, ""); err == nil {
				t.Errorf("app %q was deployed", app)
			}
		}
	})
}

func TestADeploymentOfAnotherAppHasNoRoom(t *testing.T) {
	within(t, emulator.Config{Unknown: emulator.Unknown{FullDeployment: 409}}, func(t *testing.T, e *emulator.Emulator) {
		d, err := e.Deploy("chess", "")
		if err != nil {
			t.Fatal(err)
		}
		for app, want := range map[string]int{"chess": 200, "arena": 409} {
			if got, _ := status(t, e, "POST", "/v1/session", `{"app_name": "`+app+`", "deployment_request_id": "`+d+`"}`); got != want {
				t.Errorf("%s: %d", app, got)
			}
		}
	})
}

// A deployment that SetStatus started comes up, too, so that it can end.
func TestADeploymentThatSetStatusStarted(t *testing.T) {
	within(t, emulator.Config{Apps: []emulator.App{{EmptyTTL: time.Minute}}}, func(t *testing.T, e *emulator.Emulator) {
		id := create(t, e, "")
		if err := e.SetStatus(id, "Waiting"); err != nil {
			t.Fatal(err)
		}
		status(t, e, "DELETE", "/v1/session/"+id, "")
		time.Sleep(time.Minute + 2*time.Second)
		if left := e.Deployments(); len(left) != 0 {
			t.Errorf("%+v", left)
		}
	})
}

// The oldest deployment with a tag is taken, not the one that had the tag first.
func TestATagThatAnOldDeploymentGotLate(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		oldest, err := e.Deploy("arena", "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Deploy("arena", "", "b"); err != nil {
			t.Fatal(err)
		}
		settled(t, e, `"selectors": [{"tag": "b", "tag_only": true}]`)
		if got := settled(t, e, `"selectors": [{"tag": "b"}]`).Deployment.RequestID; got != oldest {
			t.Errorf("on %s, want %s", got, oldest)
		}
	})
}

func TestATagThatNoSelectorCouldAskForIsRefused(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		for _, tag := range []string{"", strings.Repeat("a", 21)} {
			if _, err := e.Deploy("arena", "", "fine", tag); err == nil || err.Error() != "tags[1] must have 1 to 20 characters" || len(e.Deployments()) != 0 {
				t.Errorf("%q: %v, %+v", tag, err, e.Deployments())
			}
		}
	})
}
