package emulator_test

import (
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

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
				again := call[api.SessionBulkStopResponse](t, e, "POST", "/v1/sessions/bulk-stop",
					`{"filters": [{"field": "session_id", "values": ["none"], "filter_type": "not"}]}`)
				time.Sleep(time.Second)
				later := call[api.Sessions](t, e, "GET", "/v1/sessions", "").TotalCount
				return [3]int64{now, int64(len(again.Processable)), later}
			}, [3]int64{0, 0, 0}, [3]int64{1, 0, 0},
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
