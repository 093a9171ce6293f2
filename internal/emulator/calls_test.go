package emulator_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

func have(users api.SessionUserContext) (ips []string) {
	for _, u := range users.SessionUsers {
		ips = append(ips, u.IP)
	}
	return ips
}

func TestUsersAreASet(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		id := create(t, e, `"ip_list": ["203.0.113.1", "203.0.113.1", "2001:db8::1"],
			"geo_ip_list": [{"ip": "203.0.113.1", "latitude": 0, "longitude": 0}, {"ip": "203.0.113.2", "latitude": 1.5, "longitude": 2}]`)
		path := "/v1/session/" + id + "/users"
		users := call[api.SessionUserContext](t, e, "GET", path, "")
		if got := have(users); !slices.Equal(got, []string{"203.0.113.1", "2001:db8::1", "203.0.113.2"}) {
			t.Errorf("created with %v", got)
		}
		if u := users.SessionUsers[0]; u.Latitude == nil || *u.Latitude != 0 {
			t.Errorf("the coordinates are lost: %+v", u)
		}
		if u := users.SessionUsers[1]; u.Latitude != nil {
			t.Errorf("coordinates from nowhere: %+v", u)
		}
		users = call[api.SessionUserContext](t, e, "PUT", path, `{"ip_list": ["203.0.113.3", "2001:DB8:0::1"]}`)
		if got := have(users); !slices.Equal(got, []string{"203.0.113.1", "2001:db8::1", "203.0.113.2", "203.0.113.3"}) {
			t.Errorf("after the put %v", got)
		}
		users = call[api.SessionUserContext](t, e, "DELETE", path, `{"ip_list": ["203.0.113.9", "2001:db8:0:0::1"]}`)
		if got := have(users); !slices.Equal(got, []string{"203.0.113.1", "203.0.113.2", "203.0.113.3"}) {
			t.Errorf("after the delete %v", got)
		}
		users = call[api.SessionUserContext](t, e, "DELETE", path, `{"ip_list": ["203.0.113.1", "203.0.113.2", "203.0.113.3"]}`)
		if users.SessionUsers == nil || len(users.SessionUsers) != 0 {
			t.Errorf("after all are gone: %#v", users.SessionUsers)
		}
		if s := get(t, e, id); s.UserCount != 0 {
			t.Errorf("user_count %d", s.UserCount)
		}
	})
}

func TestUsersTakeSockets(t *testing.T) {
	within(t, emulator.Config{Apps: []emulator.App{{Sockets: 3}}}, func(t *testing.T, e *emulator.Emulator) {
		s := settled(t, e, `"ip_list": ["203.0.113.1"]`)
		path := "/v1/session/" + s.SessionID + "/users"
		if got, _ := status(t, e, "PUT", path, `{"ip_list": ["203.0.113.2", "203.0.113.3", "203.0.113.4"]}`); got != 422 {
			t.Errorf("three more on two free sockets: %d", got)
		}
		if users := call[api.SessionUserContext](t, e, "GET", path, ""); len(users.SessionUsers) != 1 {
			t.Errorf("a refused put changed the users: %v", have(users))
		}
		call[api.SessionUserContext](t, e, "PUT", path, `{"ip_list": ["203.0.113.2", "203.0.113.3"]}`)
		if d := get(t, e, s.SessionID).Deployment; d.SocketsUsage != 3 {
			t.Errorf("%+v", d)
		}
		call[api.SessionUserContext](t, e, "DELETE", path, `{"ip_list": ["203.0.113.2"]}`)
		if d := get(t, e, s.SessionID).Deployment; d.SocketsUsage != 2 {
			t.Errorf("%+v", d)
		}
		call[api.SessionDelete](t, e, "DELETE", "/v1/session/"+s.SessionID, "")
		if d := e.Deployments()[0]; d.SocketsUsed != 0 {
			t.Errorf("%+v", d)
		}
	})
	within(t, emulator.Config{Apps: []emulator.App{{Kind: "Match", Sockets: 1}}}, func(t *testing.T, e *emulator.Emulator) {
		s := settled(t, e, "")
		call[api.SessionUserContext](t, e, "PUT", "/v1/session/"+s.SessionID+"/users", `{"ip_list": `+ips(9)+`}`)
		if d := get(t, e, s.SessionID).Deployment; d.SocketsUsage != 1 {
			t.Errorf("%+v", d)
		}
	})
}

func TestUsersRefuses(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		path := "/v1/session/" + create(t, e, "") + "/users"
		for _, method := range []string{"PUT", "DELETE"} {
			for _, body := range []string{`{}`, `{"ip_list": null}`, `{"ip_list": ["localhost"]}`, `{"ip_list": "203.0.113.1"}`} {
				if got, message := status(t, e, method, path, body); got != 400 || !strings.HasPrefix(message, "ip_list") {
					t.Errorf("%s %s: %d %q", method, body, got, message)
				}
			}
		}
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			if got, _ := status(t, e, method, "/v1/session/000000000000-S/users", `{"ip_list": []}`); got != 404 {
				t.Errorf("%s for a session that never was: %d", method, got)
			}
		}
	})
}

func TestPages(t *testing.T) {
	within(t, emulator.Config{ReadyAfter: -1}, func(t *testing.T, e *emulator.Emulator) {
		var all []string
		for range 25 {
			all = append(all, create(t, e, ""))
		}
		for _, c := range []struct {
			query          string
			from, to       int // of all
			number, pages  int64
			previous, next int64 // 0 for null
		}{
			{"", 0, 10, 1, 3, 0, 2},
			{"?page=2", 10, 20, 2, 3, 1, 3},
			{"?page=3", 20, 25, 3, 3, 2, 0},
			{"?page=4", 25, 25, 4, 3, 3, 0},
			{"?page=9223372036854775807", 25, 25, 9223372036854775807, 3, 3, 0},
			{"?limit=25", 0, 25, 1, 1, 0, 0},
			{"?limit=24", 0, 24, 1, 2, 0, 2},
			{"?page=2&limit=24", 24, 25, 2, 2, 1, 0},
			{"?limit=9223372036854775807", 0, 25, 1, 1, 0, 0},
		} {
			list := call[api.Sessions](t, e, "GET", "/v1/sessions"+c.query, "")
			var got []string
			for _, s := range list.Data {
				got = append(got, s.SessionID)
			}
			if !slices.Equal(got, all[c.from:c.to]) || list.Data == nil {
				t.Errorf("%s: %d sessions %v", c.query, len(got), got)
			}
			p := list.Pagination
			number := func(n *int64) int64 {
				if n == nil {
					return 0
				}
				return *n
			}
			if list.TotalCount != 25 || p.Number != c.number || p.Paginator.NumPages != c.pages || number(p.PreviousPageNumber) != c.previous ||
				number(p.NextPageNumber) != c.next || p.HasNext != (c.next != 0) || p.HasPrevious != (c.previous != 0) {
				t.Errorf("%s: total %d, %+v", c.query, list.TotalCount, p)
			}
		}
		for _, query := range []string{"page=0", "page=-1", "limit=0", "page=abc", "limit=1.5", "page=", "limit=99999999999999999999"} {
			if got, message := status(t, e, "GET", "/v1/sessions?"+query, ""); got != 400 || !strings.HasPrefix(message, query[:4]) && !strings.HasPrefix(message, query[:5]) {
				t.Errorf("%s: %d %q", query, got, message)
			}
		}
	})
}

func TestAnEmptyListIsAList(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		answer := call[map[string]any](t, e, "GET", "/v1/sessions", "")
		pagination, _ := answer["pagination"].(map[string]any)
		if data, ok := answer["data"].([]any); !ok || len(data) != 0 || pagination["paginator"] == nil {
			t.Errorf("%v", answer)
		}
		if next, there := pagination["next_page_number"]; !there || next != nil {
			t.Errorf("next_page_number is to be null: %v", pagination)
		}
	})
}

func TestTheListShowsWhatIsKnown(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		s := settled(t, e, `"ip_list": ["203.0.113.1"], "webhook_url": "https://example.invalid/hook"`)
		got := call[api.Sessions](t, e, "GET", "/v1/sessions", "").Data[0]
		want := api.SessionContext{
			SessionID: s.SessionID, Status: "Ready", Ready: true, Linked: true, Kind: "Seat", UserCount: 1,
			DeploymentRequestID: s.Deployment.RequestID, WebhookURL: "https://example.invalid/hook",
		}
		if got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}

func TestBulkStop(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		for _, c := range []struct {
			filters string // %[1]s and so on are the ids of the sessions and of the first's deployment
			stopped []int
		}{
			{`{"field": "session_id", "values": ["%[1]s", "000000000000-S"], "filter_type": "any"}`, []int{0}},
			{`{"field": "session_id", "values": ["%[1]s"], "filter_type": "all"}`, []int{0}},
			{`{"field": "session_id", "values": ["%[1]s", "%[2]s"], "filter_type": "all"}`, nil},
			{`{"field": "session_id", "values": ["%[1]s"], "filter_type": "not"}`, []int{1, 2}},
			{`{"field": "deployment_tags", "values": ["ranked"], "filter_type": "any"}`, []int{0, 1}},
			{`{"field": "deployment_tags", "values": ["ranked", "eu"], "filter_type": "all"}`, []int{1}},
			{`{"field": "deployment_tags", "values": ["eu"], "filter_type": "not"}`, []int{0, 2}},
			{`{"field": "request_id", "values": ["%[4]s"], "filter_type": "any"}`, []int{0}},
			{`{"field": "request_id", "values": ["%[4]s"], "filter_type": "not"}`, []int{1, 2}},
			{`{"field": "deployment_tags", "values": ["ranked"], "filter_type": "any"}, {"field": "session_id", "values": ["%[1]s", "%[3]s"], "filter_type": "any"}`, []int{0}},
		} {
			e.Reset()
			ranked := settled(t, e, `"selectors": [{"tag": "ranked"}]`)
			both := settled(t, e, `"selectors": [{"tag": "ranked"}, {"tag": "eu"}]`)
			lost := create(t, e, "") // not linked yet
			ids := []string{ranked.SessionID, both.SessionID, lost}
			body := fmt.Sprintf(c.filters+"%.0[1]s%.0[2]s%.0[3]s%.0[4]s", ids[0], ids[1], ids[2], ranked.Deployment.RequestID)
			answer := call[api.SessionBulkStopResponse](t, e, "POST", "/v1/sessions/bulk-stop", `{"filters": [`+body+`]}`)
			var got, want []string
			for _, s := range answer.Processable {
				got = append(got, s.SessionID)
			}
			for _, i := range c.stopped {
				want = append(want, ids[i])
			}
			if !slices.Equal(got, want) || answer.Processable == nil {
				t.Errorf("%s: stopped %v, want %v", c.filters, got, want)
			}
			for i, s := range e.Sessions() {
				if s.Exists == slices.Contains(c.stopped, i) {
					t.Errorf("%s: session %d: %+v", c.filters, i, s)
				}
			}
		}
		// What is stopped already cannot be stopped again.
		again := `{"filters": [{"field": "session_id", "values": ["none"], "filter_type": "not"}]}`
		call[api.SessionBulkStopResponse](t, e, "POST", "/v1/sessions/bulk-stop", again)
		if answer := call[api.SessionBulkStopResponse](t, e, "POST", "/v1/sessions/bulk-stop", again); len(answer.Processable) != 0 {
			t.Errorf("%+v", answer)
		}
	})
}

func TestBulkStopRefuses(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		id := create(t, e, "")
		for _, body := range []string{
			`{}`, `{"filters": []}`, `{"filters": null}`, `{"filters": {}}`,
			`{"filters": [{"field": "city", "values": ["a"], "filter_type": "any"}]}`,
			`{"filters": [{"field": "session_id", "values": ["a"], "filter_type": "none"}]}`,
			`{"filters": [{"field": "session_id", "values": [], "filter_type": "all"}]}`,
		} {
			if got, message := status(t, e, "POST", "/v1/sessions/bulk-stop", body); got != 400 || !strings.HasPrefix(message, "filters") {
				t.Errorf("%s: %d %q", body, got, message)
			}
		}
		if s := get(t, e, id); s.Status == "Terminating" {
			t.Error("a refused call stopped a session")
		}
	})
}

// Every setting of what is unknown changes the answer that its default gives.
func TestWhatIsUnknownIsASetting(t *testing.T) {
	for name, c := range map[string]struct {
		set    func(*emulator.Unknown)
		do     func(*testing.T, *emulator.Emulator) any
		before any
		after  any
	}{
		"unknown session": {
			func(u *emulator.Unknown) { u.UnknownSession = 400 },
			func(t *testing.T, e *emulator.Emulator) any {
				got, _ := status(t, e, "GET", "/v1/session/000000000000-S", "")
				return got
			}, 404, 400,
		},
		"deleted session": {
			func(u *emulator.Unknown) { u.DeletedSession = 409 },
			func(t *testing.T, e *emulator.Emulator) any {
				path := "/v1/session/" + create(t, e, "")
				status(t, e, "DELETE", path, "")
				first, _ := status(t, e, "DELETE", path, "")
				time.Sleep(time.Second)
				second, _ := status(t, e, "DELETE", path, "")
				return [2]int{first, second}
			}, [2]int{410, 404}, [2]int{409, 409},
		},
		"full deployment": {
			func(u *emulator.Unknown) { u.FullDeployment = 409 },
			func(t *testing.T, e *emulator.Emulator) any {
				got, _ := status(t, e, "POST", "/v1/session", `{"app_name": "arena", "deployment_request_id": "000000000000"}`)
				return got
			}, 200, 409,
		},
		"no socket": {
			func(u *emulator.Unknown) { u.NoSocket = 409 },
			func(t *testing.T, e *emulator.Emulator) any {
				s := settled(t, e, `"ip_list": `+ips(9))
				got, _ := status(t, e, "PUT", "/v1/session/"+s.SessionID+"/users", `{"ip_list": ["192.0.2.1", "192.0.2.2"]}`)
				return got
			}, 422, 409,
		},
		"no socket matters": {
			func(u *emulator.Unknown) { u.NoSocket = 200 },
			func(t *testing.T, e *emulator.Emulator) any {
				s := settled(t, e, `"ip_list": `+ips(9))
				status(t, e, "PUT", "/v1/session/"+s.SessionID+"/users", `{"ip_list": ["192.0.2.1", "192.0.2.2"]}`)
				return get(t, e, s.SessionID).Deployment.SocketsUsage
			}, int64(9), int64(11),
		},
		"duplicate IP": {
			func(u *emulator.Unknown) { u.DuplicateIP = 422 },
			func(t *testing.T, e *emulator.Emulator) any {
				got, _ := status(t, e, "PUT", "/v1/session/"+create(t, e, `"ip_list": `+ips(1))+"/users", `{"ip_list": `+ips(1)+`}`)
				return got
			}, 200, 422,
		},
		"unknown IP": {
			func(u *emulator.Unknown) { u.UnknownIP = 404 },
			func(t *testing.T, e *emulator.Emulator) any {
				got, _ := status(t, e, "DELETE", "/v1/session/"+create(t, e, "")+"/users", `{"ip_list": `+ips(1)+`}`)
				return got
			}, 200, 404,
		},
		"empty ip_list": {
			func(u *emulator.Unknown) { u.EmptyIPList = 400 },
			func(t *testing.T, e *emulator.Emulator) any {
				got, _ := status(t, e, "PUT", "/v1/session/"+create(t, e, "")+"/users", `{"ip_list": []}`)
				return got
			}, 200, 400,
		},
		"empty filters": {
			func(u *emulator.Unknown) { u.EmptyFilters = 200 },
			func(t *testing.T, e *emulator.Emulator) any {
				create(t, e, "")
				status(t, e, "POST", "/v1/sessions/bulk-stop", `{"filters": []}`)
				return e.Sessions()[0].Exists
			}, true, false,
		},
		"page beyond the end": {
			func(u *emulator.Unknown) { u.PageBeyondEnd = 404 },
			func(t *testing.T, e *emulator.Emulator) any {
				got, _ := status(t, e, "GET", "/v1/sessions?page=2", "")
				return got
			}, 200, 404,
		},
		"greatest limit": {
			func(u *emulator.Unknown) { u.MaxLimit = 2 },
			func(t *testing.T, e *emulator.Emulator) any {
				for range 3 {
					create(t, e, "")
				}
				return len(call[api.Sessions](t, e, "GET", "/v1/sessions?limit=5", "").Data)
			}, 3, 2,
		},
		"order": {
			func(u *emulator.Unknown) { u.NewestFirst = true },
			func(t *testing.T, e *emulator.Emulator) any {
				old := create(t, e, "")
				create(t, e, "")
				return call[api.Sessions](t, e, "GET", "/v1/sessions?limit=1", "").Data[0].SessionID == old
			}, true, false,
		},
		"deleted in the list": {
			func(u *emulator.Unknown) { u.ListTerminating = true },
			func(t *testing.T, e *emulator.Emulator) any {
				status(t, e, "DELETE", "/v1/session/"+create(t, e, ""), "")
				now := call[api.Sessions](t, e, "GET", "/v1/sessions", "").TotalCount
				time.Sleep(time.Second)
				return [2]int64{now, call[api.Sessions](t, e, "GET", "/v1/sessions", "").TotalCount}
			}, [2]int64{0, 0}, [2]int64{1, 0},
		},
		"linked while waiting": {
			func(u *emulator.Unknown) { u.LinkedWhileWaiting = true },
			func(t *testing.T, e *emulator.Emulator) any {
				id := create(t, e, "")
				time.Sleep(time.Second)
				return get(t, e, id).Linked
			}, false, true,
		},
		"linked while deleted": {
			func(u *emulator.Unknown) { u.LinkedWhileDeleted = true },
			func(t *testing.T, e *emulator.Emulator) any {
				s := settled(t, e, "")
				status(t, e, "DELETE", "/v1/session/"+s.SessionID, "")
				return get(t, e, s.SessionID).Linked
			}, false, true,
		},
		"names": {
			func(u *emulator.Unknown) { u.LongNames = true },
			func(t *testing.T, e *emulator.Emulator) any {
				s := settled(t, e, "")
				return [3]string{s.Status, s.Kind, s.Deployment.Status}
			}, [3]string{"Ready", "Seat", "Ready"}, [3]string{"Status.READY", "SEATS", "Status.READY"},
		},
		"nulls": {
			func(u *emulator.Unknown) { u.Nulls = true },
			func(t *testing.T, e *emulator.Emulator) any {
				s := settled(t, e, `"ip_list": `+ips(1))
				session := call[map[string]any](t, e, "GET", "/v1/session/"+s.SessionID, "")
				_, there := session["custom_id"]
				_, place := session["session_users"].([]any)[0].(map[string]any)["latitude"]
				_, proxy := session["deployment"].(map[string]any)["ports"].(map[string]any)["gameport"].(map[string]any)["proxy"]
				page := call[map[string]any](t, e, "GET", "/v1/sessions", "")
				_, item := page["data"].([]any)[0].(map[string]any)["custom_id"]
				return [4]bool{there, place, proxy, item}
			}, [4]bool{}, [4]bool{true, true, true, true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
				if got := c.do(t, e); got != c.before {
					t.Errorf("by default %v, want %v", got, c.before)
				}
				e.Reset()
				var config emulator.Config
				c.set(&config.Unknown)
				if err := e.Configure(config); err != nil {
					t.Fatal(err)
				}
				if got := c.do(t, e); got != c.after {
					t.Errorf("set: %v, want %v", got, c.after)
				}
			})
		})
	}
}

func TestAnIDIsTakenAsItStands(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		for _, id := range []string{"a/b", "..", "%2e%2e", "x?y=1", " ", "\u00e9"} {
			status(t, e, "GET", "/v1/session/"+url.PathEscape(id)+"/users", "")
			requests := e.Requests()
			if last := requests[len(requests)-1]; last.SessionID != id && id != ".." || last.Status != 404 {
				t.Errorf("%q: %+v", id, last)
			}
		}
	})
}
