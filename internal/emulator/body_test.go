package emulator_test

import (
	"testing"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

// Each mistake in a body is a 400 that names the property, though nothing but
// the emulator looks.
func TestAMistakeInABodyNamesTheProperty(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		users := "/v1/session/" + create(t, e, "") + "/users"
		for _, c := range []struct{ method, path, body, want string }{
			{"POST", "/v1/session", `{}`, "app_name: is required"},
			{"POST", "/v1/session", `{"app_name": null}`, "app_name: is required"},
			{"POST", "/v1/session", `{"App_Name": "arena"}`, "app_name: is required"},
			{"POST", "/v1/session", `{"app_name": 7}`, "app_name: has the wrong type"},
			{"POST", "/v1/session", `{"app_name": "arena", "ip_list": "203.0.113.7"}`, "ip_list: has the wrong type"},
			{"POST", "/v1/session", `{"app_name": "arena", "ip_list": ["203.0.113.7", 7]}`, "ip_list[1]: has the wrong type"},
			{"POST", "/v1/session", `{"app_name": "arena", "skip_telemetry": "no"}`, "skip_telemetry: has the wrong type"},
			{"POST", "/v1/session", `{"app_name": "arena", "geo_ip_list": [{"ip": "203.0.113.7", "latitude": 1}]}`, "geo_ip_list[0].longitude: is required"},
			{"POST", "/v1/session", `{"app_name": "arena", "ip_list": [null]}`, "ip_list[0]: has the wrong type"},
			{"POST", "/v1/sessions/bulk-stop", `{"filters": [{"field": "session_id", "filter_type": "not", "values": [null]}]}`, "filters[0].values[0]: has the wrong type"},
			{"POST", "/v1/session", `{"app_name": "arena", "location": {}}`, "location.latitude: is required"},
			{"POST", "/v1/session", `{"app_name": "arena", "filters": [{"values": ["x"], "filter_type": "any"}]}`, "filters[0].field: is required"},
			{"POST", "/v1/session", `{"app_name": "arena", "selectors": [{"tag": "a"}, {"tag": "b", "env": {"key": "K"}}]}`, "selectors[1].env.value: is required"},
			{"PUT", users, `{}`, "ip_list: is required"},
			{"DELETE", users, `{"ip_list": {}}`, "ip_list: has the wrong type"},
			{"POST", "/v1/sessions/bulk-stop", `{"filters": [{"field": "session_id", "filter_type": "any"}]}`, "filters[0].values: is required"},
		} {
			if got, message := status(t, e, c.method, c.path, c.body); got != 400 || message != c.want {
				t.Errorf("%s %s: %d %q, want %q", c.method, c.body, got, message, c.want)
			}
		}
	})
}

// encoding/json would take a name in another case.
func TestAPropertyInAnotherCaseIsIgnored(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		id := create(t, e, `"IP_LIST": ["203.0.113.7"], "geo_ip_list": [{"ip": "203.0.113.8", "latitude": 45.5, "longitude": 2, "Latitude": 80}]`)
		users := call[api.SessionUserContext](t, e, "GET", "/v1/session/"+id+"/users", "").SessionUsers
		if len(users) != 1 || users[0].IP != "203.0.113.8" || *users[0].Latitude != 45.5 {
			t.Errorf("%+v", users)
		}
	})
}

// What stands where a property's name should may be a value in the wrong place.
func TestAnOddNameOfAPropertyIsNotTold(t *testing.T) {
	config := emulator.Config{Unknown: emulator.Unknown{UnknownField: 422}}
	within(t, config, func(t *testing.T, e *emulator.Emulator) {
		for body, want := range map[string]string{
			`{"app_name": "arena", "203.0.113.66": 1}`: "a name that is not told: is not a property of the contract",
			`{"app_name": "arena", "IP_LIST": []}`:     "IP_LIST: is not a property of the contract",
		} {
			if got, message := status(t, e, "POST", "/v1/session", body); got != 422 || message != want {
				t.Errorf("%s: %d %q", body, got, message)
			}
		}
	})
}

// Only the operation says whether there is a body, not how the path ends.
func TestADeleteOfASessionThatIsCalledUsers(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		for _, path := range []string{"/v1/session/users", "/v1/session/a%2Fusers"} {
			if got, _ := status(t, e, "DELETE", path, ""); got != 404 {
				t.Errorf("%s: %d", path, got)
			}
		}
	})
}

func TestAMalformedQuery(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		for _, query := range []string{"page=%zz", "page=1;limit=2"} {
			if got, message := status(t, e, "GET", "/v1/sessions?"+query, ""); got != 400 || message != "the query is malformed" {
				t.Errorf("%s: %d %q", query, got, message)
			}
		}
	})
}

func TestGreatNumbersSurviveNulls(t *testing.T) {
	config := emulator.Config{Unknown: emulator.Unknown{Nulls: true}}
	within(t, config, func(t *testing.T, e *emulator.Emulator) {
		const page = 1<<63 - 1
		if got := call[api.Sessions](t, e, "GET", "/v1/sessions?page=9223372036854775807", "").Pagination.Number; got != page {
			t.Errorf("%d", got)
		}
	})
}

func TestCountsOfADeploymentAreThereWhenTheyAreZero(t *testing.T) {
	within(t, emulator.Config{Apps: []emulator.App{{Sockets: 1}}}, func(t *testing.T, e *emulator.Emulator) {
		empty, full := settled(t, e, "").SessionID, settled(t, e, `"ip_list": `+ips(1)).SessionID
		for id, name := range map[string]string{empty: "is_joinable_by_session", full: "sockets_usage"} {
			session := call[map[string]any](t, e, "GET", "/v1/session/"+id, "")
			if value, there := session["deployment"].(map[string]any)[name]; !there {
				t.Errorf("%s: %v", name, value)
			}
		}
	})
}
