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
