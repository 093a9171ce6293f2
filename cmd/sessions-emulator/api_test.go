package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/internal/contract"
)

// kept is send for a call of the API, whose answer must keep to the contract.
func kept(t *testing.T, h http.Handler, document *contract.Document, method, path, body string, status int) *httptest.ResponseRecorder {
	t.Helper()
	w := send(h, method, path, body)
	if w.Code != status {
		t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "token k")
	r.Header.Set("Content-Type", "application/json")
	if err := document.ValidateAnswer(r, w.Code, w.Header(), w.Body.Bytes()); err != nil {
		t.Errorf("%s %s: %d breaks the contract: %v\n%s", method, path, w.Code, err, w.Body)
	}
	return w
}

func TestAnswersKeepToTheContract(t *testing.T) {
	for name, settings := range map[string]string{
		"as it is":      `{}`,
		"long names":    `{"unknown": {"long_names": true}}`,
		"nulls":         `{"unknown": {"nulls": true}}`,
		"still waiting": `{"ready_after": "1h", "unknown": {"nulls": true, "full_deployment": 409}}`,
		"failing":       `{"apps": [{"fails_to_start": true}]}`,
		"unprocessable": `{"apps": [{"no_autodeploy": true}], "unknown": {"nulls": true}}`,
	} {
		t.Run(name, func(t *testing.T) {
			h, document := program(t)
			if w := send(h, "PUT", prefix+"config", settings); w.Code != http.StatusNoContent {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			check := func(method, path, body string, status int) *httptest.ResponseRecorder {
				t.Helper()
				return kept(t, h, document, method, path, body, status)
			}
			w := check("POST", "/v1/session", `{"app_name": "arena", "ip_list": ["203.0.113.7"], "webhook_url": "http://match.example/",
				"geo_ip_list": [{"ip": "203.0.113.8", "latitude": 1.5, "longitude": 2}], "selectors": [{"tag": "ranked"}]}`, 200)
			id := answer[map[string]any](t, w)["session_id"].(string)
			check("POST", "/v1/session", `{"app_name": "arena"}`, 200)
			check("GET", "/v1/session/"+id, "", 200)
			check("GET", "/v1/session/"+id+"/users", "", 200)
			check("PUT", "/v1/session/"+id+"/users", `{"ip_list": ["203.0.113.9"]}`, 200)
			check("DELETE", "/v1/session/"+id+"/users", `{"ip_list": ["203.0.113.9"]}`, 200)
			check("GET", "/v1/sessions?limit=1", "", 200)
			check("GET", "/v1/sessions?page=9", "", 200)
			check("DELETE", "/v1/session/"+id, "", 200)
			check("DELETE", "/v1/session/"+id, "", 410)
			check("GET", "/v1/session/"+id, "", 200)
			check("GET", "/v1/session/000000000000-S", "", 404)
			check("POST", "/v1/sessions/bulk-stop", `{"filters": [{"field": "session_id", "values": ["x"], "filter_type": "not"}]}`, 200)
			check("GET", "/v1/sessions", "", 200)
			check("GET", "/v1/sessions?page=none", "", 400)
			check("POST", "/v1/session", `{"app_name": ""}`, 400)
			if name == "still waiting" {
				check("POST", "/v1/session", `{"app_name": "arena", "deployment_request_id": "000000000000"}`, 409)
			}
		})
	}
}

// What is wrong with a call is told by the field, never by its value.
func TestEveryMistakeNamesItsField(t *testing.T) {
	h, document := program(t)
	id := answer[map[string]any](t, send(h, "POST", "/v1/session", `{"app_name": "arena"}`))["session_id"].(string)
	const create, stop = "POST /v1/session", "POST /v1/sessions/bulk-stop"
	users := "/v1/session/" + id + "/users"
	for _, c := range []struct{ call, body, field string }{
		{create, `{"version_name": "98765"}`, "app_name"},
		{create, `{"app_name": ""}`, "app_name"},
		{create, `{"app_name": 98765}`, "app_name"},
		{create, `{"app_name": "a", "ip_list": null}`, "ip_list"},
		{create, `{"app_name": "a", "ip_list": "98765"}`, "ip_list"},
		{create, `{"app_name": "a", "ip_list": ["203.0.113.7", 98765]}`, "ip_list[1]"},
		{create, `{"app_name": "a", "ip_list": ["203.0.113.7", "98765"]}`, "ip_list[1]"},
		{create, `{"app_name": "a", "geo_ip_list": [{"ip": "203.0.113.7", "latitude": 1.98765}]}`, "geo_ip_list[0].longitude"},
		{create, `{"app_name": "a", "geo_ip_list": [{"ip": "98765", "latitude": 1, "longitude": 1}]}`, "geo_ip_list[0].ip"},
		{create, `{"app_name": "a", "geo_ip_list": [{"ip": "203.0.113.7", "latitude": "98765", "longitude": 1}]}`, "geo_ip_list[0].latitude"},
		{create, `{"app_name": "a", "geo_ip_list": [{"ip": "203.0.113.7", "latitude": 98765, "longitude": 1}]}`, "geo_ip_list[0].latitude"},
		{create, `{"app_name": "a", "location": {"longitude": 1.98765}}`, "location.latitude"},
		{create, `{"app_name": "a", "skip_telemetry": "98765"}`, "skip_telemetry"},
		{create, `{"app_name": "a", "selectors": [{"tag": "a"}, {"tag_only": true}]}`, "selectors[1].tag"},
		{create, `{"app_name": "a", "selectors": [{"tag": "a"}, {"tag": "987654321098765432109"}]}`, "selectors[1].tag"},
		{create, `{"app_name": "a", "selectors": [{"tag": "a", "env": {"key": "98765"}}]}`, "selectors[0].env.value"},
		{create, `{"app_name": "a", "selectors": [{"tag": "a", "env": {"key": "K", "value": 98765}}]}`, "selectors[0].env.value"},
		{create, `{"app_name": "a", "filters": [{"field": "city", "values": ["98765"], "filter_type": "98765"}]}`, "filters[0].filter_type"},
		{create, `{"app_name": "a", "filters": [{"field": "city", "values": ["a", 98765], "filter_type": "any"}]}`, "filters[0].values[1]"},
		{create, `{"app_name": "a", "filters": [{"field": "city", "values": [], "filter_type": "any"}]}`, "filters[0].values"},
		{create, `{"app_name": "a", "webhook_url": "98765"}`, "webhook_url"},
		{create, `["98765"]`, "the body"},
		{"PUT " + users, `{}`, "ip_list"},
		{"PUT " + users, `{"ip_list": [98765]}`, "ip_list[0]"},
		{"DELETE " + users, `{"ip_list": ["203.0.113.7", "98765"]}`, "ip_list[1]"},
		{stop, `{}`, "filters"},
		{stop, `{"filters": []}`, "filters"},
		{stop, `{"filters": [{"field": "98765", "values": ["a"], "filter_type": "any"}]}`, "filters[0].field"},
		{stop, `{"filters": [{"field": "session_id", "values": ["98765", 5], "filter_type": "any"}]}`, "filters[0].values[1]"},
		{stop, `{"filters": [{"field": "session_id", "values": ["98765"]}]}`, "filters[0].filter_type"},
		{"GET /v1/sessions?page=98765x", ``, "page"},
		{"GET /v1/sessions?page=0", ``, "page"},
		{"GET /v1/sessions?limit=", ``, "limit"},
		{"GET /v1/sessions?page=1&limit=-98765", ``, "limit"},
	} {
		method, path, _ := strings.Cut(c.call, " ")
		got := answerMessage(kept(t, h, document, method, path, c.body, 400))
		field := regexp.MustCompile(`^(the body|[a-z_.\[\]0-9]+)`).FindString(got)
		if field != c.field {
			t.Errorf("%s %s: %s, which names %s, not %s", c.call, c.body, got, field, c.field)
		}
		if strings.Contains(got, "98765") || strings.Contains(got, "203.0.113") {
			t.Errorf("%s %s: the message has the value: %s", c.call, c.body, got)
		}
	}
	if ledger := answer[[]any](t, send(h, "GET", prefix+"sessions", "")); len(ledger) != 1 {
		t.Errorf("%v", ledger)
	}
}

// An id in the path of the API is taken as it stands, also beside the controls.
func TestTheControlsDoNotClean(t *testing.T) {
	h, _ := program(t)
	w := send(h, "GET", "/v1/x/../sessions", "")
	if body, _ := io.ReadAll(w.Body); w.Code != 404 || w.Header().Get("Location") != "" {
		t.Errorf("%d %v %s", w.Code, w.Header(), body)
	}
}

// A get without a query is not held against openapi.yaml, as there is nothing
// to check but its path.
func TestAGetHasNothingToCheck(t *testing.T) {
	document, err := apiDocument()
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range document.Spec().Paths.Map() {
		if item.Get == nil {
			continue
		}
		for _, parameter := range slices.Concat(item.Parameters, item.Get.Parameters) {
			p := parameter.Value
			plain := p.Schema.Value.Type.Is("string") && p.Schema.Value.MinLength <= 1 && p.Schema.Value.Pattern == "" && p.Schema.Value.Enum == nil
			if p.In == "path" && !plain || p.In != "path" && p.Required {
				t.Errorf("GET %s: %s has to be checked", path, p.Name)
			}
		}
	}
}
