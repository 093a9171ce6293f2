package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/internal/contract"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

// program is the handler of the program, checked by the contract.
func program(t *testing.T) (http.Handler, *contract.Document) {
	t.Helper()
	document, err := contract.Load()
	if err != nil {
		t.Fatal(err)
	}
	e := emulator.New(emulator.Config{ReadyAfter: -1, Check: func(r *http.Request) error {
		_, err := document.ValidateRequest(r)
		return err
	}})
	t.Cleanup(e.Close)
	return newHandler(e), document
}

func send(h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "token k")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func decode[T any](t *testing.T, w *httptest.ResponseRecorder) (answer T) {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	return answer
}

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
			id := decode[map[string]any](t, w)["session_id"].(string)
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

func TestWhatTheContractForbidsIsA400(t *testing.T) {
	h, document := program(t)
	for _, body := range []string{
		`{"app_name": "arena", "ip_list": null}`,
		`{"app_name": "arena", "geo_ip_list": [{"ip": "203.0.113.7", "latitude": 1}]}`,
		`{"app_name": "arena", "skip_telemetry": "no"}`,
		`{"app_name": "arena", "selectors": [{"tag_only": true}]}`,
		`{"version_name": "1.4.0"}`,
	} {
		kept(t, h, document, "POST", "/v1/session", body, 400)
	}
	if ledger := decode[[]any](t, send(h, "GET", prefix+"sessions", "")); len(ledger) != 0 {
		t.Errorf("%v", ledger)
	}
}

func TestTheControlsTellAll(t *testing.T) {
	h, _ := program(t)
	id := decode[map[string]any](t, send(h, "POST", "/v1/session", `{"app_name": "arena", "webhook_url": "https://match.example/hook"}`))["session_id"]
	if w := send(h, "GET", prefix, ""); w.Code != 200 || !strings.Contains(w.Body.String(), "faults") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	requests := decode[[]map[string]any](t, send(h, "GET", prefix+"requests", ""))
	if len(requests) != 1 || requests[0]["operation"] != "session-post" || requests[0]["status"] != 200.0 || requests[0]["key_accepted"] != true {
		t.Errorf("%v", requests)
	}
	ledger := decode[[]map[string]any](t, send(h, "GET", prefix+"sessions", ""))
	if len(ledger) != 1 || ledger[0]["session_id"] != id || ledger[0]["exists"] != true {
		t.Errorf("%v", ledger)
	}
	if deployments := decode[[]map[string]any](t, send(h, "GET", prefix+"deployments", "")); len(deployments) != 1 || deployments[0]["ready"] != true {
		t.Errorf("%v", deployments)
	}
	if w := send(h, "GET", prefix+"webhooks", ""); w.Code != 200 || w.Body.Bytes()[0] != '[' {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestTheControlsChangeThings(t *testing.T) {
	h, _ := program(t)
	do := func(method, path, body string, status int) *httptest.ResponseRecorder {
		t.Helper()
		w := send(h, method, path, body)
		if w.Code != status {
			t.Fatalf("%s %s %s: %d %s, want %d", method, path, body, w.Code, w.Body, status)
		}
		return w
	}
	created := decode[map[string]string](t, send(h, "POST", "/v1/session", `{"app_name": "arena"}`))
	path := "/v1/session/" + created["session_id"]

	do("PUT", prefix+"sessions/"+created["session_id"]+"/status", `{"status": "Error"}`, 204)
	if s := decode[map[string]any](t, send(h, "GET", path, "")); s["status"] != "Error" {
		t.Errorf("%v", s)
	}

	do("POST", prefix+"faults", `{"operation": "get-session", "times": 2, "status": 429, "headers": {"Retry-After": "3"}, "delay": "1ms"}`, 204)
	if w := do("GET", path, "", 429); w.Header().Get("Retry-After") != "3" {
		t.Errorf("%v", w.Header())
	}
	do("DELETE", prefix+"faults", "", 200)
	do("GET", path, "", 200)

	do("PUT", prefix+"config", `{"ready_after": "1h", "unknown": {"unknown_session": 410}, "rate_limit": {"per_second": 0}}`, 204)
	do("GET", "/v1/session/x", "", 410)
	config := decode[map[string]any](t, send(h, "GET", prefix+"config", ""))
	if config["ready_after"] != "1h0m0s" || fmt.Sprint(config["unknown"].(map[string]any)["unknown_session"]) != "410" {
		t.Errorf("%v", config)
	}
	do("PUT", prefix+"config", `{}`, 204) // what is left out is as at the start
	do("GET", "/v1/session/x", "", 404)

	do("PUT", prefix+"config", `{"apps": [{"name": "arena", "no_autodeploy": true}]}`, 204)
	running := decode[map[string]string](t, do("POST", prefix+"deployments", `{"app_name": "arena", "tags": ["ranked"]}`, 200))
	again := decode[map[string]any](t, send(h, "POST", "/v1/session", `{"app_name": "arena", "selectors": [{"tag": "ranked"}]}`))
	s := decode[map[string]any](t, send(h, "GET", "/v1/session/"+again["session_id"].(string), ""))
	if d, _ := s["deployment"].(map[string]any); d["request_id"] != running["request_id"] || running["request_id"] == "" {
		t.Errorf("%v, want a session on %v", s, running)
	}

	do("POST", prefix+"reset", "", 204)
	if ledger := decode[[]any](t, send(h, "GET", prefix+"sessions", "")); len(ledger) != 0 {
		t.Errorf("%v", ledger)
	}
	do("POST", "/v1/session", `{"app_name": "chess"}`, 200) // the apps are as at the start, too
}

func TestTheControlsRefuse(t *testing.T) {
	h, _ := program(t)
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"PUT", "config", `{"ready": "1s"}`, 400},
		{"PUT", "config", `{"ready_after": "soon"}`, 400},
		{"PUT", "config", `{"apps": [{"kind": "Duo"}]}`, 400},
		{"PUT", "config", `{"key": "k"}`, 400},
		{"POST", "faults", `{"status": 42}`, 400},
		{"POST", "faults", ``, 400},
		{"POST", "deployments", `{"app_name": ""}`, 400},
		{"POST", "deployments", `[]`, 400},
		{"PUT", "sessions/x/status", `{"status": "Ready"}`, 404},
		{"PUT", "sessions/x/status", `{}`, 400},
		{"PUT", "sessions/x/status", `"Ready"`, 400},
		{"DELETE", "config", ``, 405},
		{"GET", "nothing", ``, 404},
	} {
		if w := send(h, c.method, prefix+c.path, c.body); w.Code != c.status {
			t.Errorf("%s %s %s: %d %s, want %d", c.method, c.path, c.body, w.Code, w.Body, c.status)
		} else if w.Code == 400 && !bytes.HasPrefix(w.Body.Bytes(), []byte(`{"message":`)) {
			t.Errorf("%s %s: %s", c.method, c.path, w.Body)
		}
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
