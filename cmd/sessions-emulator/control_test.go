package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/internal/contract"
)

// program is the handler of the program, and the contract that it keeps to.
func program(t *testing.T, args ...string) (http.Handler, *contract.Document) {
	t.Helper()
	document, err := apiDocument()
	if err != nil {
		t.Fatal(err)
	}
	o, err := parse(append([]string{"-ready-after", "0s"}, args...), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	e, h, err := newProgram(o.config, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return h, document
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

func answer[T any](t *testing.T, w *httptest.ResponseRecorder) (value T) {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &value); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	return value
}

// answerMessage is that of an error.
func answerMessage(w *httptest.ResponseRecorder) string {
	var problem struct {
		Message string `json:"message"`
	}
	json.Unmarshal(w.Body.Bytes(), &problem)
	return problem.Message
}

// do is send for a control, which must answer with a status.
func do(t *testing.T, h http.Handler, method, path, body string, status int) *httptest.ResponseRecorder {
	t.Helper()
	w := send(h, method, path, body)
	if w.Code != status {
		t.Fatalf("%s %s %s: %d %s, want %d", method, path, body, w.Code, w.Body, status)
	}
	return w
}

func TestTheControlsTellAll(t *testing.T) {
	h, _ := program(t)
	id := answer[map[string]any](t, send(h, "POST", "/v1/session", `{"app_name": "arena", "webhook_url": "https://match.example/hook", "ip_list": ["203.0.113.7"]}`))["session_id"]
	requests := answer[[]map[string]any](t, send(h, "GET", prefix+"requests", ""))
	if len(requests) != 1 || requests[0]["operation"] != "session-post" || requests[0]["status"] != 200.0 || requests[0]["key_accepted"] != true {
		t.Errorf("%v", requests)
	}
	ledger := answer[[]map[string]any](t, send(h, "GET", prefix+"sessions", ""))
	if len(ledger) != 1 || ledger[0]["session_id"] != id || ledger[0]["exists"] != true {
		t.Errorf("%v", ledger)
	}
	if deployments := answer[[]map[string]any](t, send(h, "GET", prefix+"deployments", "")); len(deployments) != 1 || deployments[0]["ready"] != true {
		t.Errorf("%v", deployments)
	}
	if hooks := answer[[]map[string]any](t, send(h, "GET", prefix+"webhooks?wait=1", "")); len(hooks) != 1 || hooks[0]["session_id"] != id {
		t.Errorf("%v", hooks)
	}
	if dump := do(t, h, "GET", prefix+"dump", "", 200).Body.String(); !strings.Contains(dump, "1 session\n") || strings.Contains(dump, "203.0.113.7") {
		t.Errorf("%s", dump)
	}
	if health := do(t, h, "GET", prefix+"health", "", 200).Body.String(); health != `{"status":"ok"}`+"\n" {
		t.Errorf("%s", health)
	}
}

// Whatever a client sends, the record of it can be read.
func TestTheRecordOfWhatIsNoText(t *testing.T) {
	h, _ := program(t)
	send(h, "POST", "/v1/session", "\xff\xfe{")
	if requests := answer[[]map[string]any](t, send(h, "GET", prefix+"requests", "")); len(requests) != 1 || requests[0]["status"] != 400.0 {
		t.Errorf("%v", requests)
	}
}

func TestTheControlsChangeThings(t *testing.T) {
	h, _ := program(t)
	do := func(method, path, body string, status int) *httptest.ResponseRecorder {
		t.Helper()
		return do(t, h, method, path, body, status)
	}
	created := answer[map[string]string](t, send(h, "POST", "/v1/session", `{"app_name": "arena"}`))
	path := "/v1/session/" + created["session_id"]

	escaped := strings.ReplaceAll(created["session_id"], "-", "%2D")
	do("PUT", prefix+"sessions/"+escaped+"/status", `{"status": "Error"}`, 204)
	if s := answer[map[string]any](t, send(h, "GET", path, "")); s["status"] != "Error" {
		t.Errorf("%v", s)
	}

	do("POST", prefix+"faults", `{"operation": "get-session", "times": 2, "status": 429, "headers": {"Retry-After": "3"}, "delay": "1ms"}`, 204)
	if w := do("GET", path, "", 429); w.Header().Get("Retry-After") != "3" {
		t.Errorf("%v", w.Header())
	}
	forgotten := answer[[]map[string]any](t, send(h, "DELETE", prefix+"faults", ""))
	if len(forgotten) != 1 || forgotten[0]["times"] != 1.0 || forgotten[0]["delay"] != "1ms" {
		t.Errorf("forgotten: %v", forgotten)
	}
	do("GET", path, "", 200)
	do("POST", prefix+"faults", `[{"status": 503}, {"share": 1, "status": 502}]`, 204)
	do("GET", path, "", 503)
	do("GET", path, "", 502)
	do("GET", path, "", 502)
	if forgotten := answer[[]any](t, send(h, "DELETE", prefix+"faults", "")); len(forgotten) != 1 {
		t.Errorf("forgotten: %v", forgotten)
	}

	do("PUT", prefix+"config", `{"ready_after": "1h", "unknown": {"unknown_session": 410}, "rate_limit": {"per_second": 0}}`, 204)
	do("GET", "/v1/session/x", "", 410)
	config := answer[map[string]any](t, send(h, "GET", prefix+"config", ""))
	if config["ready_after"] != "1h0m0s" || fmt.Sprint(config["unknown"].(map[string]any)["unknown_session"]) != "410" {
		t.Errorf("%v", config)
	}
	do("PUT", prefix+"config", `{}`, 204) // what is left out is as at the start
	do("GET", "/v1/session/x", "", 404)

	do("PUT", prefix+"config", `{"apps": [{"name": "arena", "no_autodeploy": true}]}`, 204)
	running := answer[map[string]string](t, do("POST", prefix+"deployments", `{"app_name": "arena", "tags": ["ranked"]}`, 200))
	again := answer[map[string]any](t, send(h, "POST", "/v1/session", `{"app_name": "arena", "selectors": [{"tag": "ranked"}]}`))
	s := answer[map[string]any](t, send(h, "GET", "/v1/session/"+again["session_id"].(string), ""))
	if d, _ := s["deployment"].(map[string]any); d["request_id"] != running["request_id"] || running["request_id"] == "" {
		t.Errorf("%v, want a session on %v", s, running)
	}

	joinable := prefix + "deployments/" + running["request_id"] + "/joinable"
	there := func() []any { return answer[[]any](t, send(h, "GET", prefix+"deployments", "")) }
	do("PUT", joinable, `{"joinable": false}`, 204)
	if d := there()[1].(map[string]any); d["request_id"] != running["request_id"] || d["joinable"] != false {
		t.Errorf("%v", d)
	}
	do("PUT", joinable, `{"joinable": true}`, 204)
	if d := there()[1].(map[string]any); d["joinable"] != true {
		t.Errorf("%v", d)
	}
	do("DELETE", prefix+"deployments/"+running["request_id"], "", 204)
	do("DELETE", prefix+"deployments/"+running["request_id"], "", 404)
	do("PUT", joinable, `{"joinable": true}`, 404)
	if len(there()) != 1 {
		t.Errorf("%v", there())
	}

	do("POST", prefix+"reset", "", 204)
	if ledger := answer[[]any](t, send(h, "GET", prefix+"sessions", "")); len(ledger) != 0 {
		t.Errorf("%v", ledger)
	}
	do("POST", "/v1/session", `{"app_name": "chess"}`, 200) // the apps are as at the start, too
}

func TestWhatGetShowsCanBePut(t *testing.T) {
	for _, settings := range []string{
		`{}`,
		`{"apps": []}`,
		`{"ready_after": "1.5s", "initializing_for": "-1s", "rate_limit": {"per_second": 1000, "burst": 50},
			"apps": [{"name": "arena", "kind": "Match", "empty_ttl": "5m", "ports": {"7777": {"internal": 7777, "tls_upgrade": true}}}],
			"unknown": {"webhook_headers": {"X-Edge": "1"}, "ended_status": "Terminating", "bulk_stop_takes": "1s"}}`,
	} {
		h, _ := program(t, "-seed", "7", "-speed", "2.5", "-sockets", "3")
		do(t, h, "PUT", prefix+"config", settings, 204)
		shown := do(t, h, "GET", prefix+"config", "", 200).Body.String()
		for _, change := range []string{`{}`, shown} {
			do(t, h, "PUT", prefix+"config", change, 204)
		}
		if again := do(t, h, "GET", prefix+"config", "", 200).Body.String(); again != shown {
			t.Errorf("after it was put back:\n%s\nbefore:\n%s", again, shown)
		}
		if strings.Contains(shown, `"apps":[]`) {
			continue // as a file, it leaves the apps to the flags
		}
		o, err := parse([]string{"-config", file(t, shown)}, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		if write(w, settingsOf(o.config), nil); w.Body.String() != shown {
			t.Errorf("from a file:\n%s\nbefore:\n%s", w.Body, shown)
		}
	}
}

// In a bubble, time passes only when everybody waits: a request that polled
// would be seen to, and one that came late.
func TestWaitingForWebhooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := program(t, "-ready-after", "2s")
		begin := time.Now()
		for range 2 {
			do(t, h, "POST", "/v1/session", `{"app_name": "arena", "webhook_url": "https://match.example/hook"}`, 200)
		}
		if hooks := answer[[]any](t, send(h, "GET", prefix+"webhooks", "")); len(hooks) != 0 || time.Since(begin) != 0 {
			t.Errorf("%v after %v", hooks, time.Since(begin))
		}
		w := do(t, h, "GET", prefix+"webhooks?wait=2&timeout=500ms", "", 504)
		if want := `{"message":"0 of 2 deliveries have ended","webhooks":[]}` + "\n"; w.Body.String() != want || time.Since(begin) != 500*time.Millisecond {
			t.Errorf("%s after %v", w.Body, time.Since(begin))
		}
		if hooks := answer[[]any](t, send(h, "GET", prefix+"webhooks?wait=2", "")); len(hooks) != 2 || time.Since(begin) != 2*time.Second {
			t.Errorf("%v after %v", hooks, time.Since(begin))
		}
		w = do(t, h, "GET", prefix+"webhooks?wait=3", "", 504)
		if !strings.Contains(w.Body.String(), "2 of 3") || strings.Count(w.Body.String(), `"session_id"`) < 2 || time.Since(begin) != 12*time.Second {
			t.Errorf("%s after %v", w.Body, time.Since(begin))
		}
		do(t, h, "GET", prefix+"webhooks?wait=3&timeout=60s", "", 504)
	})
}
