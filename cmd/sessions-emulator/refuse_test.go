package main

import (
	"strings"
	"testing"
)

func TestTheControlsRefuse(t *testing.T) {
	h, _ := program(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		message            string
	}{
		{"PUT", "config", `{"ready": "1s"}`, 400, `property "ready" is unsupported`},
		{"PUT", "config", `{"ready_after": "soon"}`, 400, "ready_after: must be a duration such as 1.5s"},
		{"PUT", "config", `{"ready_after": 2}`, 400, "ready_after: value must be a string"},
		{"PUT", "config", `{"apps": [{}, {"kind": "Duo"}]}`, 400, "apps[1].kind: "},
		{"PUT", "config", `{"apps": [{}, {"sockets": -1}]}`, 400, "apps[1].sockets: "},
		{"PUT", "config", `{"unknown": {"full_deployment": 99}}`, 400, "unknown.full_deployment must be"},
		{"PUT", "config", `{"unknown": {"nulls": true, "nulls": false}}`, 400, "unknown.nulls: is there twice"},
		{"PUT", "config", `{"key": "k"}`, 400, `property "key" is unsupported`},
		{"PUT", "config", `{"speed": 1e300}`, 400, "speed: number must be at most"},
		{"PUT", "config", `{"initializing_for": "3s", "ready_after": "2s"}`, 400, "initializing_for and seeking_for must not be longer than ready_after together"},
		{"PUT", "config", `{"speed": 2}`, 400, "speed: is settled at the start"},
		{"PUT", "config", `{"seed": 2}`, 400, "seed: is settled at the start"},
		{"PUT", "config", `{"seed"`, 400, "the body can't be parsed"},
		{"PUT", "config", ``, 400, "the body is missing"},
		{"PUT", "config", `null`, 400, "the body: "},
		{"PUT", "config", strings.Repeat(" ", 1<<20+1), 413, "longer than 1 MiB"},
		{"POST", "faults", `{"status": 42}`, 400, "status must be 200 to 599"},
		{"POST", "faults", `{"statsu": 503}`, 400, `property "statsu" is unsupported`},
		{"POST", "faults", `{"delay": "1"}`, 400, "delay: must be a duration such as 1.5s"},
		{"POST", "faults", `{"operation": "get"}`, 400, "operation: value is not one of the allowed values"},
		{"POST", "faults", `{"headers": {"a b": "c"}}`, 400, `headers: "a b" is not a header`},
		{"POST", "faults", `[{"status": 503}, {"statsu": 503}]`, 400, `faults[1]: property "statsu" is unsupported`},
		{"POST", "faults", `[{"status": 503}, {"share": 2}]`, 400, "faults[1].share: number must be at most 1"},
		{"POST", "faults", `[{"status": 503}, {"delay": "1"}]`, 400, "faults[1].delay: must be a duration such as 1.5s"},
		{"POST", "faults", `[{"status": 503}, {"body": "x"}]`, 400, "faults[1].body needs a status"},
		{"POST", "faults", `"x"`, 400, "the body: "},
		{"POST", "faults", ``, 400, "the body is missing"},
		{"POST", "deployments", `{"app_name": ""}`, 400, "app_name: "},
		{"POST", "deployments", `{"app_name": "a", "tag": "x"}`, 400, `property "tag" is unsupported`},
		{"POST", "deployments", `[]`, 400, "the body: "},
		{"PUT", "deployments/x/joinable", `{"joinable": false}`, 404, "request_id: there is no such deployment"},
		{"PUT", "deployments/x/joinable", `{}`, 400, "joinable: "},
		{"PUT", "deployments/x/joinable", `{"joinable": "no"}`, 400, "joinable: "},
		{"DELETE", "deployments/x", ``, 404, "request_id: there is no such deployment"},
		{"PUT", "sessions/x/status", `{"status": "Ready"}`, 404, "session_id: there is no such session"},
		{"PUT", "sessions/x%2Fy/status", `{"status": "Ready"}`, 404, "session_id: there is no such session"},
		{"PUT", "sessions//status", `{"status": "Ready"}`, 404, "no such control"},
		{"PUT", "sessions/x/status", `{}`, 400, "status: "},
		{"PUT", "sessions/x/status", `{"status": ""}`, 400, "status: "},
		{"PUT", "sessions/x/status", `"Ready"`, 400, "the body: "},
		{"GET", "webhooks?wait=-1", ``, 400, "wait: "},
		{"GET", "webhooks?wait=two", ``, 400, "wait can't be parsed"},
		{"GET", "webhooks?wait=10001", ``, 400, "wait: number must be at most 10000"},
		{"GET", "webhooks?wait=1&wait=0", ``, 400, "wait: is there twice"},
		{"GET", "webhooks?wait=1;timeout=1s", ``, 400, "the query can't be read"},
		{"GET", "webhooks?wait=1&timeout=%zz", ``, 400, "the query can't be read"},
		{"GET", "webhooks?timeout=", ``, 400, "timeout: must be"},
		{"GET", "webhooks?waits=1", ``, 400, "waits: there is no such parameter"},
		{"POST", "reset?wait=1", ``, 400, "wait: there is no such parameter"},
		{"GET", "webhooks?wait=1&timeout=61s", ``, 400, "timeout: must be a duration such as 1.5s, at most 60s"},
		{"GET", "webhooks?wait=1&timeout=5", ``, 400, "timeout: must be"},
		{"GET", "webhooks?wait=1&timeout=-5s", ``, 400, "timeout: must be"},
		{"DELETE", "config", ``, 405, "the method is not allowed for this control, but GET, PUT"},
		{"GET", "nothing", ``, 404, "there is no such control; GET /_emulator/ tells them"},
	} {
		w := send(h, c.method, prefix+c.path, c.body)
		got := answerMessage(w)
		if w.Code != c.status || !strings.Contains(got, c.message) || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %.80s: %d %s, want %d %s", c.method, c.path, c.body, w.Code, w.Body, c.status, c.message)
		}
		for _, foreign := range []string{"emulator: ", "emulator.", "Go ", "json:", "\n"} {
			if strings.Contains(got, foreign) {
				t.Errorf("%s %s %.80s: the message has %q: %s", c.method, c.path, c.body, foreign, got)
			}
		}
	}
	if w := send(h, "POST", "/_emulator", ""); w.Code != 404 || answerMessage(w) == "" {
		t.Errorf("without the slash: %d %s", w.Code, w.Body)
	}
	if w := send(h, "PATCH", "/", ""); w.Code != 405 || w.Header().Get("Allow") != "GET" {
		t.Errorf("at the root: %d %s", w.Code, w.Body)
	}
	if requests := answer[[]any](t, send(h, "GET", prefix+"requests", "")); len(requests) != 0 {
		t.Errorf("controls are recorded as requests: %v", requests)
	}
}

func TestNothingIsHalfApplied(t *testing.T) {
	h, _ := program(t)
	before := do(t, h, "GET", prefix+"config", "", 200).Body.String()
	for _, half := range []string{
		`{"ready_after": "1h", "ready": "1s"}`,
		`{"ready_after": "1h", "terminating_for": "soon"}`,
		`{"ready_after": "1h", "apps": [{"name": "arena"}, {"empty_ttl": "-1s"}]}`,
		`{"ready_after": "1h", "speed": 2}`,
		`{"unknown": {"webhook_headers": {"X-Edge": "1", "a b": "2"}, "nulls": true}}`,
	} {
		do(t, h, "PUT", prefix+"config", half, 400)
	}
	if after := do(t, h, "GET", prefix+"config", "", 200).Body.String(); after != before {
		t.Errorf("the settings are %s, and were %s", after, before)
	}
	for _, half := range []string{
		`[{"status": 503}, {"statsu": 503}]`, `[{"status": 503}, {"delay": "1"}]`, `[{"status": 503}, {"body": "x"}]`,
	} {
		do(t, h, "POST", prefix+"faults", half, 400)
	}
	if planned := answer[[]any](t, send(h, "DELETE", prefix+"faults", "")); len(planned) != 0 {
		t.Errorf("planned: %v", planned)
	}
}
