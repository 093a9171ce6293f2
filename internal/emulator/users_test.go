package emulator_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

func have(users api.SessionUserContext) (ips []string) {
	for _, u := range users.SessionUsers {
		ips = append(ips, u.IP)
	}
	return ips
}

// users changes the users of a session, or reads them, and returns them.
func users(t *testing.T, e *emulator.Emulator, method, id, body string) []string {
	t.Helper()
	return have(call[api.SessionUserContext](t, e, method, "/v1/session/"+id+"/users", body))
}

var userFacts = facts{
	"adding users": fact(emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		id := create(t, e, `"ip_list": ["203.0.113.1", "2001:db8::1"],
			"geo_ip_list": [{"ip": "203.0.113.1", "latitude": 0, "longitude": 0}, {"ip": "203.0.113.2", "latitude": 1.5, "longitude": 2}]`)
		there := call[api.SessionUserContext](t, e, "GET", "/v1/session/"+id+"/users", "")
		if got := have(there); !slices.Equal(got, []string{"203.0.113.1", "2001:db8::1", "203.0.113.2"}) {
			t.Errorf("created with %v", got)
		}
		if u := there.SessionUsers[0]; u.Latitude == nil || *u.Latitude != 0 {
			t.Errorf("the coordinates are lost: %+v", u)
		}
		if u := there.SessionUsers[1]; u.Latitude != nil {
			t.Errorf("coordinates from nowhere: %+v", u)
		}
		want := []string{"203.0.113.1", "2001:db8::1", "203.0.113.2", "203.0.113.3"}
		users(t, e, "PUT", id, `{"ip_list": ["203.0.113.3", "2001:DB8:0::1", "::ffff:203.0.113.1"]}`)
		if got := users(t, e, "GET", id, ""); !slices.Equal(got, want) {
			t.Errorf("after the put %v", got)
		}
		if s := get(t, e, id); s.UserCount != 4 || len(s.SessionUsers) != 4 {
			t.Errorf("%+v", s)
		}
	}),

	"removing users": fact(emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		id := create(t, e, `"ip_list": ["203.0.113.1", "203.0.113.2", "2001:db8::1"]`)
		users(t, e, "DELETE", id, `{"ip_list": ["203.0.113.2", "2001:db8:0:0::1"]}`)
		if got := users(t, e, "GET", id, ""); !slices.Equal(got, []string{"203.0.113.1"}) {
			t.Errorf("%v", got)
		}
		empty := call[api.SessionUserContext](t, e, "DELETE", "/v1/session/"+id+"/users", `{"ip_list": ["203.0.113.1"]}`)
		if empty.SessionUsers == nil || len(empty.SessionUsers) != 0 || get(t, e, id).UserCount != 0 {
			t.Errorf("after all are gone: %#v", empty.SessionUsers)
		}
	}),

	"the answer to a change of users": guess(emulator.Config{}, emulator.Unknown{ChangedUsersOnly: true}, func(t *testing.T, e *emulator.Emulator) [2][]string {
		id := create(t, e, `"ip_list": `+ips(2))
		return [2][]string{
			users(t, e, "PUT", id, `{"ip_list": ["203.0.113.1", "192.0.2.1"]}`),
			users(t, e, "DELETE", id, `{"ip_list": ["203.0.113.2", "192.0.2.2"]}`),
		}
	}, [2][]string{{"203.0.113.1", "203.0.113.2", "192.0.2.1"}, {"203.0.113.1", "192.0.2.1"}}, [2][]string{{"192.0.2.1"}, {"203.0.113.2"}}),

	"more users than sockets": func(t *testing.T) {
		for setting, taken := range map[int]int64{409: 9, 200: 11} {
			guess(emulator.Config{}, emulator.Unknown{NoSocket: setting}, func(t *testing.T, e *emulator.Emulator) [3]int64 {
				id := settled(t, e, `"ip_list": `+ips(9)).SessionID
				got, _ := status(t, e, "PUT", "/v1/session/"+id+"/users", `{"ip_list": ["192.0.2.1", "192.0.2.2"]}`)
				s := get(t, e, id)
				return [3]int64{int64(got), s.UserCount, s.Deployment.SocketsUsage}
			}, [3]int64{422, 9, 9}, [3]int64{int64(setting), taken, taken})(t)
		}
	},

	"a user twice": guess(emulator.Config{}, emulator.Unknown{DuplicateIP: 422}, func(t *testing.T, e *emulator.Emulator) (got [4]int) {
		id := create(t, e, `"ip_list": `+ips(1))
		got[0] = createAnswer(t, e, `{"app_name": "arena", "ip_list": ["203.0.113.1", "203.0.113.1"]}`)
		got[1], _ = status(t, e, "PUT", "/v1/session/"+id+"/users", `{"ip_list": ["192.0.2.1", "203.0.113.1"]}`)
		got[2] = len(users(t, e, "GET", id, ""))
		got[3] = len(e.Sessions())
		return got
	}, [4]int{200, 200, 2, 2}, [4]int{422, 422, 1, 1}),

	"removing a user who is not there": guess(emulator.Config{}, emulator.Unknown{UnknownIP: 404}, func(t *testing.T, e *emulator.Emulator) [2]int {
		id := create(t, e, `"ip_list": `+ips(1))
		got, _ := status(t, e, "DELETE", "/v1/session/"+id+"/users", `{"ip_list": ["203.0.113.1", "192.0.2.1"]}`)
		return [2]int{got, len(users(t, e, "GET", id, ""))}
	}, [2]int{200, 0}, [2]int{404, 1}),

	"an empty list of users": guess(emulator.Config{}, emulator.Unknown{EmptyIPList: 400}, func(t *testing.T, e *emulator.Emulator) (got [4]int) {
		id := create(t, e, `"ip_list": `+ips(1))
		got[0] = createAnswer(t, e, `{"app_name": "arena", "ip_list": []}`)
		got[1], _ = status(t, e, "PUT", "/v1/session/"+id+"/users", `{"ip_list": []}`)
		got[2], _ = status(t, e, "DELETE", "/v1/session/"+id+"/users", `{"ip_list": []}`)
		got[3] = len(users(t, e, "GET", id, ""))
		return got
	}, [4]int{200, 200, 200, 1}, [4]int{400, 400, 400, 1}),
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

func TestNobodyJoinsADeletedSession(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		path := "/v1/session/" + settled(t, e, "").SessionID
		call[api.SessionDelete](t, e, "DELETE", path, "")
		if got, _ := status(t, e, "PUT", path+"/users", `{"ip_list": ["203.0.113.8"]}`); got != 422 {
			t.Errorf("%d", got)
		}
	})
}

// Who has more than there is may keep it: only a change for the worse asks.
func TestAnOverfullDeploymentRefusesOnlyMore(t *testing.T) {
	within(t, emulator.Config{Apps: []emulator.App{{Sockets: 2}}}, func(t *testing.T, e *emulator.Emulator) {
		id := create(t, e, `"ip_list": `+ips(3))
		if err := e.SetStatus(id, "Ready"); err != nil {
			t.Fatal(err)
		}
		for body, want := range map[string]int{
			`{"ip_list": []}`:               200,
			`{"ip_list": ` + ips(2) + `}`:   200,
			`{"ip_list": ["203.0.113.99"]}`: 422,
		} {
			if got, message := status(t, e, "PUT", "/v1/session/"+id+"/users", body); got != want {
				t.Errorf("%s: %d %s", body, got, message)
			}
		}
	})
}

func TestAUserTwiceInGeoIPListAndInARemoval(t *testing.T) {
	within(t, emulator.Config{Unknown: emulator.Unknown{DuplicateIP: 422, UnknownIP: 404}}, func(t *testing.T, e *emulator.Emulator) {
		place := `"ip": "203.0.113.1", "latitude": 1, "longitude": 1`
		if got, message := status(t, e, "POST", "/v1/session", `{"app_name": "arena", "geo_ip_list": [{`+place+`}, {`+place+`}]}`); got != 422 || message != "geo_ip_list[1]: is there already" {
			t.Errorf("%d %s", got, message)
		}
		// In both lists an IP is one player, whose place is told.
		id := create(t, e, `"ip_list": `+ips(1)+`, "geo_ip_list": [{`+place+`}]`)
		if got, message := status(t, e, "DELETE", "/v1/session/"+id+"/users", `{"ip_list": ["203.0.113.1", "203.0.113.1"]}`); got != 200 {
			t.Errorf("%d %s", got, message)
		}
	})
}
